"""What ``skimdb tune`` searches with: an estimator, and rows that it takes in each fold.

What is learned from all training texts would tell each fold about the rows it is tested on. So
each fold learns words, n-grams and weights again, but only once for all candidates.
"""

import json
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import joblib
import numpy as np
import scipy.sparse as sp
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.model_selection import KFold, StratifiedKFold
from sklearn.pipeline import Pipeline

from skimdb import MultiHotVectorizer, VocabularySelector, WordIndexEncoder
from skimdb._cli._shared._data import TRAINING
from skimdb._cli._shared._label_sets import LabelTable
from skimdb._cli._shared._options import ARTICLE
from skimdb._cli._shared._output_folder import DISTRIBUTIONS, write_files, write_json
from skimdb._cli._shared._terminal import installed_version


class SearchData(NamedTuple):
    """An estimator with the parameters of a classifier, its rows, and their numbers by fold."""

    estimator: Any
    X: Any
    y: Any
    folds: list[tuple[np.ndarray, np.ndarray]]


def make_search_data(request, pipeline, split, sequences, matrices, folder):
    """Return what to search with.

    Parameters
    ----------
    request : dict
        With "model", "cv" and "seed".
    pipeline : Pipeline
        Its steps but the classifier are fitted to all training texts.
    split : Split
        The texts, or sequences.
    sequences, matrices : dict
        What the steps have made of each part.
    folder : pathlib.Path
        For scores.
    """
    y = split.parts[TRAINING].y
    fold_kind = KFold if isinstance(y, LabelTable) else StratifiedKFold
    folds = fold_kind(request["cv"], shuffle=True, random_state=request["seed"])
    # a list, so that the arrays of the folds can be sent to a cluster once
    folds = list(folds.split(np.zeros(len(y)), y))
    classifier = pipeline["classifier"]
    if request["model"] != ARTICLE:
        rows = _encode_folds(pipeline[1:-1], sequences[TRAINING], y, folds)
        return SearchData(FoldClassifier(classifier, folder), *rows)
    steps = [("classifier", classifier)]
    if split.vocabulary is not None:
        # it is published
        return SearchData(Pipeline(steps), matrices[TRAINING], y, folds)
    selector = VocabularySelector(pipeline["vectorizer"].num_words)
    counts = _word_counts(split.parts[TRAINING].X, pipeline["encoder"].vocabulary_)
    return SearchData(Pipeline([("vocabulary", selector), *steps]), counts, y, folds)


def _word_counts(texts, words):
    """Return the number of times that each text contains each word, as a CSR matrix."""
    encoder = WordIndexEncoder(
        vocabulary={word: i for i, word in enumerate(sorted(words), start=1)},
        start_char=None,
        index_from=0,
    )
    vectorizer = MultiHotVectorizer(num_words=len(words) + 1, mode="count")
    return vectorizer.transform(encoder.fit().transform(texts))


def _encode_folds(steps, sequences, y, folds):
    """Fit steps to the training rows of each fold; return all matrices, one below the other.

    Also returns the labels of the rows, and their numbers by fold. A matrix of fewer columns than
    others is filled up with empty ones.
    """
    blocks = []
    for training, test in folds:
        steps = clone(steps)
        blocks.append(steps.fit_transform(sequences[training], y[training]))
        blocks.append(steps.transform(sequences[test]))
    n_columns = max(block.shape[1] for block in blocks)
    for block in blocks:
        block.resize(block.shape[0], n_columns)
    parts = [part for fold in folds for part in fold]
    ends = np.cumsum([len(part) for part in parts])
    numbers = [np.arange(end - len(part), end) for part, end in zip(parts, ends, strict=True)]
    X = sp.vstack(blocks, format="csr")
    return X, y[np.concatenate(parts)], [*zip(numbers[::2], numbers[1::2], strict=True)]


class FoldClassifier(ClassifierMixin, BaseEstimator):
    """A classifier on the columns that the training rows of a fold have, with a memory of scores.

    A score is kept in a file, so that a search that is resumed does not train for it again. The
    states that ``DenseClassifier(memory=...)`` keeps are as large as the weights of all n-grams,
    and under a learning rate schedule no longer training can start from them.
    """

    def __init__(self, classifier, folder):
        self.classifier = classifier
        self.folder = folder

    def fit(self, X, y):
        self.n_columns_ = 1 + int(X.indices.max(initial=-1))
        X = X[:, : self.n_columns_]
        versions = {name: installed_version(name) for name in DISTRIBUTIONS}
        key = joblib.hash((self.classifier.get_params(), versions, X, y))
        self.file_ = Path(self.folder, f"{key}.json")
        self.score_ = _read_score(self.file_)
        if self.score_ is None:
            self.classifier_ = clone(self.classifier).fit(X, y)
        return self

    def score(self, X, y):
        """Return the accuracy on the test rows of the fold."""
        if self.score_ is None:
            self.score_ = self.classifier_.score(X[:, : self.n_columns_], y)
            write_files(self.file_.parent, {self.file_.name: partial(write_json, self.score_)})
        return self.score_


def _read_score(file):
    """Return the score in a file, or None if there is none."""
    try:
        return float(json.loads(file.read_bytes()))
    except (FileNotFoundError, ValueError, TypeError):
        return None
