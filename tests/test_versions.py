"""The lower bounds of the dependencies are the versions of the oldest supported set."""

import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).parent.parent
# extras that the tests do not need
TOOLS = {"benchmarks", "docs", "lint"}


@pytest.fixture(scope="module")
def requirements():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    lines = [line for name in extras.keys() - TOOLS for line in extras[name]]
    found = [Requirement(line) for line in [*project["dependencies"], *lines]]
    return [requirement for requirement in found if requirement.name != project["name"]]


def test_each_has_a_lower_bound_and_no_other(requirements):
    for requirement in requirements:
        assert [specifier.operator for specifier in requirement.specifier] == [">="], requirement


def test_lower_bounds_are_the_oldest_set(requirements):
    lines = (ROOT / ".ci" / "oldest.txt").read_text(encoding="utf-8").splitlines()
    pins = dict(line.split("==") for line in lines if not line.startswith("#"))
    pins = {canonicalize_name(name): Version(version) for name, version in pins.items()}
    bounds = {
        canonicalize_name(requirement.name): Version(specifier.version)
        for requirement in requirements
        for specifier in requirement.specifier
    }
    assert bounds == pins
