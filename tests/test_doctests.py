"""The examples in the docstrings do what they say."""

import doctest
import importlib
import pkgutil

import pytest

import skimdb
from skimdb import datasets

MODULES = [
    info.name
    for info in pkgutil.walk_packages(skimdb.__path__, "skimdb.")
    if info.name != "skimdb.__main__"
]
FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


PUBLIC = [getattr(module, name) for module in (skimdb, datasets) for name in module.__all__]


@pytest.mark.parametrize("name", MODULES)
def test_examples(name):
    module = importlib.import_module(name)
    assert doctest.testmod(module, optionflags=FLAGS).failed == 0


@pytest.mark.parametrize(
    "public", [item for item in PUBLIC if callable(item)], ids=lambda item: item.__qualname__
)
def test_examples_of_public_names(public):
    """Which the modules that they are written in do not count among their own."""
    runner = doctest.DocTestRunner(optionflags=FLAGS)
    report = []
    for test in doctest.DocTestFinder().find(public, module=False):
        runner.run(test, out=report.append)
    assert runner.tries > 0
    assert runner.failures == 0, "".join(report)
