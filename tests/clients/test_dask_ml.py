"""Dask-ML: searches, predictions and training on blocks of rows."""

import dask.array as da
import numpy as np
from dask_ml.model_selection import GridSearchCV
from dask_ml.wrappers import Incremental, ParallelPostFit

from skimdb import DenseClassifier, MultiHotVectorizer, multi_hot_pipeline
from skimdb.datasets import make_reviews

SEQUENCES, Y = make_reviews(2000, n_words=300, random_state=0)
X = MultiHotVectorizer(num_words=300).fit_transform(SEQUENCES)
TRAIN, TEST = slice(0, 1600), slice(1600, None)


def network(**params):
    return DenseClassifier(**{"epochs": 10, "batch_size": 32, "random_state": 0, **params})


def test_a_search():
    search = GridSearchCV(
        multi_hot_pipeline(num_words=300, classifier=network()),
        {"classifier__epochs": [2, 8], "classifier__units": [4, (8, 4)]},
        cv=2,
        scheduler="threads",
    )
    search.fit(SEQUENCES[TRAIN], Y[TRAIN])
    assert search.score(SEQUENCES[TEST], Y[TEST]) > 0.75


def test_predictions_of_blocks():
    model = ParallelPostFit(network()).fit(X[TRAIN], Y[TRAIN])
    blocks = da.from_array(X[TEST].toarray(), chunks=(50, 300))
    found = model.predict_proba(blocks).compute()
    expected = network().fit(X[TRAIN], Y[TRAIN]).predict_proba(X[TEST])
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_training_on_blocks():
    model = Incremental(network())
    rows = da.from_array(X[TRAIN].toarray(), chunks=(400, 300))
    labels = da.from_array(Y[TRAIN], chunks=400)
    for _ in range(10):
        model.partial_fit(rows, labels, classes=[0, 1])
    assert model.estimator_.n_iter_ == 40
    assert model.score(X[TEST], Y[TEST]) > 0.75
