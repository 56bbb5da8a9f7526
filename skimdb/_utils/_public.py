"""Public names under the path that users import them by."""

from collections.abc import Callable
from typing import Any, TypeVar

Public = TypeVar("Public", bound=Callable[..., Any])


def set_module(path: str) -> Callable[[Public], Public]:
    """Return a decorator that sets the module which a public class or function names as its own.

    Pickles then hold the public path, and so do the lists of types that skops and mlflow trust:
    "skimdb.DenseClassifier". The module that a class is written in may change without breaking
    either. The path of that module still leads to the class, for pickles that hold it.

    As with NumPy's classes, ``inspect.getsource`` finds methods and functions but not the class,
    which Python looks for in the file of the module that it names.

    Parameters
    ----------
    path : str
        Path of a package that has the name, loaded at its first use.

    Returns
    -------
    decorator : callable
        Returns what it gets.
    """

    def decorate(public: Public) -> Public:
        public.__module__ = path
        return public

    return decorate
