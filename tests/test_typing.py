"""Type hints: all public names have them, and type checkers find them."""

import inspect
from importlib.resources import files

import matplotlib.pyplot as plt
import pytest
import typed_script

import skimdb
from skimdb import datasets


def own_members(public_class):
    """Names and values of what the class and its base classes here define."""
    for base in public_class.__mro__:
        if base.__module__.startswith("skimdb"):
            yield from vars(base).items()


def public_callables():
    """Names and functions: the public functions, and the public methods of public classes."""
    for module, names in ((skimdb, skimdb.__all__), (datasets, datasets.__all__)):
        for name in names:
            item = getattr(module, name)
            if inspect.isfunction(item):
                yield name, item
            for method_name, method in own_members(item) if inspect.isclass(item) else ():
                function = getattr(method, "fget", getattr(method, "__func__", method))
                is_public = method_name == "__init__" or not method_name.startswith("_")
                if is_public and inspect.isfunction(function):
                    yield f"{name}.{method_name}", function


PUBLIC = dict(public_callables())


def test_finds_functions_methods_and_properties():
    expected = {
        "fetch_imdb",
        "fit_stream",
        "DenseClassifier.__init__",
        "DenseClassifier.fit",
        "DenseClassifier.model_",
        "TrainingHistoryDisplay.from_estimator",
    }
    assert expected <= PUBLIC.keys()


@pytest.mark.parametrize("name", PUBLIC)
def test_public_signature_is_typed(name):
    signature = inspect.signature(PUBLIC[name])
    untyped = [
        parameter.name
        for parameter in signature.parameters.values()
        if parameter.annotation is parameter.empty and parameter.name not in ("self", "cls")
    ]
    assert not untyped
    assert signature.return_annotation is not signature.empty


def test_package_says_that_it_is_typed():
    for name in ("py.typed", "__init__.pyi", "datasets/__init__.pyi"):
        assert files("skimdb").joinpath(name).is_file()


def test_typed_script_runs(tmp_path, capsys):
    assert 0 <= typed_script.main(tmp_path) <= 1
    assert "network.keras" in capsys.readouterr().out
    plt.close("all")
