"""Parts of the command line that its output shows too little of."""

import numpy as np
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.pipeline import Pipeline

from skimdb import DenseClassifier, MultiHotVectorizer
from skimdb._cli._reproduce import score_like_training
from skimdb._cli._shared._search import count_fits, halving_rounds, make_search
from skimdb.datasets import make_reviews


class Guess(ClassifierMixin, BaseEstimator):
    """Has the parameters of the search, and takes no time."""

    def __init__(self, units=1, batch_size=1, epochs=1):
        self.units = units
        self.batch_size = batch_size
        self.epochs = epochs

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        return self

    def predict(self, X):
        return np.zeros(X.shape[0])


@pytest.mark.parametrize(
    ("n_units", "n_batch_sizes", "epochs", "expected"),
    [
        (2, 2, [2, 3, 4, 6], [(4, 2), (2, 6)]),
        (3, 3, [1, 9], [(9, 1), (3, 3), (1, 9)]),
        (3, 3, [2, 20], [(9, 2), (3, 6), (1, 18)]),
        (2, 2, [1, 20], [(4, 6), (2, 18)]),
        (5, 6, [3, 9], [(30, 3), (10, 9)]),
    ],
)
def test_halving_rounds_are_scikit_learns(n_units, n_batch_sizes, epochs, expected):
    request = {
        "units": [(i + 1,) for i in range(n_units)],
        "batch_size": [*range(1, n_batch_sizes + 1)],
        "epochs": epochs,
        "halving": True,
        "cv": 2,
    }
    assert halving_rounds(request) == expected
    pipeline = Pipeline([("classifier", Guess())])
    search = make_search(pipeline, request, {"cv": 2}).fit(np.eye(20), np.arange(20) % 2)
    assert list(zip(search.n_candidates_, search.n_resources_, strict=True)) == expected
    assert count_fits(request) == 2 * len(search.cv_results_["params"])


@pytest.mark.keras
@pytest.mark.parametrize(("loss", "epochs"), [("auto", 100), ("mse", 3)])
def test_loss_of_reproduce_is_keras_loss(loss, epochs):
    sequences, y = make_reviews(600, n_words=300, random_state=0)
    X = MultiHotVectorizer(num_words=300).fit_transform(sequences)
    classifier = DenseClassifier(loss=loss, epochs=epochs, batch_size=16, random_state=0)
    classifier.fit(X[:300], y[:300])
    X, y = X[300:], y[300:]
    if loss == "auto":
        # some probabilities have been rounded to 1, which log loss would have to clip
        assert (classifier.predict_proba(X) == 1).any()
    scores = score_like_training(classifier, X, y)
    keras_loss, accuracy = classifier.model_.evaluate(X.toarray(), y, verbose=0)
    assert scores["loss"] == pytest.approx(keras_loss, rel=1e-5)
    assert scores["accuracy"] == pytest.approx(accuracy)
