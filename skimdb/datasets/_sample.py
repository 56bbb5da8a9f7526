"""load_sample_reviews: a small corpus that the package brings along."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Literal, overload

import numpy as np

from skimdb._checks import check_bool
from skimdb.datasets._bunch import DATA_FOLDER, labelled_reviews

if TYPE_CHECKING:
    from sklearn.utils import Bunch

    from skimdb._typing import DataAndTarget


@overload
def load_sample_reviews(*, return_X_y: Literal[True]) -> DataAndTarget: ...
@overload
def load_sample_reviews(*, return_X_y: bool = ...) -> Bunch: ...
def load_sample_reviews(*, return_X_y: bool = False) -> Bunch | DataAndTarget:
    """Load 400 short reviews of invented films, half of them positive and half negative.

    They were written for skimdb, and are part of the package: no download, no licence to mind.
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
    make_reviews : As many artificial reviews as asked for.

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
    return labelled_reviews(X, y, description="sample_reviews.rst", return_X_y=return_X_y)
