"""load_sample_reviews: a small corpus inside the package. And the Bunch of labelled reviews."""

from __future__ import annotations

import json
from importlib.resources import files
from typing import TYPE_CHECKING, Literal, overload

import numpy as np
from sklearn.utils import Bunch

from skimdb._utils._checks import check_bool
from skimdb._utils._public import set_module

if TYPE_CHECKING:
    from skimdb._utils._typing import DataAndTarget

DATA_FOLDER = files("skimdb.datasets").joinpath("data")


@overload
def load_sample_reviews(*, return_X_y: Literal[True]) -> DataAndTarget: ...
@overload
def load_sample_reviews(*, return_X_y: bool = ...) -> Bunch: ...
@set_module("skimdb.datasets")
def load_sample_reviews(*, return_X_y: bool = False) -> Bunch | DataAndTarget:
    """Load 400 short reviews of invented films, half of them positive and half negative.

    They were written for skimdb, and are part of the package: they need no download, and have no
    licence of their own.
    With 25 to 60 words each they are much shorter than the reviews of :func:`fetch_imdb`.

    Parameters
    ----------
    return_X_y : bool, default=False
        Whether to return ``(data, target)`` instead of a Bunch.

    Returns
    -------
    data : Bunch
        Dictionary-like object with the attributes

        data : ndarray of shape (400,), dtype object
            The reviews (str).
        target : ndarray of shape (400,), dtype int64
            0 for a negative, 1 for a positive review.
        target_names : list of str
            The names of the two classes.
        DESCR : str
            Description of the corpus.
    (data, target) : tuple of ndarray
        If ``return_X_y`` is True.

    See Also
    --------
    fetch_imdb : 50,000 real reviews.
    make_reviews : Any number of artificial reviews.

    Examples
    --------
    >>> from skimdb.datasets import load_sample_reviews
    >>> X, y = load_sample_reviews(return_X_y=True)
    >>> X.shape, float(y.mean())
    ((400,), 0.5)
    """
    check_bool("return_X_y", return_X_y)
    file = DATA_FOLDER.joinpath("sample_reviews.jsonl")
    reviews = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    X = np.array([review["text"] for review in reviews], dtype=object)
    y = np.array([review["label"] == "positive" for review in reviews], dtype=np.int64)
    return make_bunch(X, y, description="sample_reviews.rst", return_X_y=return_X_y)


def make_bunch(X, y, *, description, return_X_y):
    """Return ``(X, y)``, or a Bunch with the description in a data file of that name."""
    if return_X_y:
        return X, y
    return Bunch(
        data=X,
        target=y,
        target_names=["negative", "positive"],
        DESCR=DATA_FOLDER.joinpath(description).read_text(encoding="utf-8"),
    )
