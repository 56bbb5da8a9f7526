"""The examples in the docstrings do what they say."""

import doctest
import importlib
import pkgutil

import pytest

import skimdb

MODULES = [
    info.name
    for info in pkgutil.walk_packages(skimdb.__path__, "skimdb.")
    if info.name != "skimdb.__main__"
]


@pytest.mark.parametrize("name", MODULES)
def test_examples(name):
    module = importlib.import_module(name)
    flags = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
    assert doctest.testmod(module, optionflags=flags).failed == 0
