"""Searches in several processes give the scores of one."""

import os
import pickle
import signal
import sys
import threading
import time
from itertools import chain

import numpy as np
import pytest
from joblib import Parallel, cpu_count, delayed, parallel_config
from sklearn.model_selection import GridSearchCV, StratifiedKFold

from skimdb import DenseClassifier, MultiHotVectorizer
from skimdb.datasets import make_reviews

GRID = {"units": [4, (8, 4)], "epochs": [1, 3]}


@pytest.fixture(scope="module")
def rows():
    X, y = make_reviews(600, n_words=300, random_state=0)
    return MultiHotVectorizer(num_words=300).fit_transform(X), y


def search(rows, **options):
    estimator = DenseClassifier(batch_size=32, random_state=0, dropout=0.1)
    return GridSearchCV(estimator, GRID, **{"cv": 3, **options}).fit(*rows)


def scores(searched):
    return np.array([searched.cv_results_[f"split{i}_test_score"] for i in range(3)])


def test_two_jobs_give_the_scores_of_one(rows):
    one, two = search(rows), search(rows, n_jobs=2)
    np.testing.assert_array_equal(scores(two), scores(one))
    np.testing.assert_array_equal(two.best_estimator_.coefs_[0], one.best_estimator_.coefs_[0])


def test_nothing_of_keras_is_pickled(rows):
    fitted = DenseClassifier(epochs=1, warm_start=True).fit(*rows)
    assert fitted.model_ is not None
    assert b"keras" not in pickle.dumps(fitted).lower().replace(b"skimdb._keras", b"")


@pytest.mark.slow
def test_dask_gives_the_scores_of_one_even_if_a_worker_dies(rows):
    distributed = pytest.importorskip("distributed", reason="needs skimdb[dask]")
    expected = scores(search(rows))
    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, dashboard_address=None
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        with parallel_config(backend="dask"):
            np.testing.assert_array_equal(scores(search(rows)), expected)
        address, pid = next(iter(client.run(os.getpid).items()))

        def kill_once_it_works():
            while not client.processing()[address]:
                time.sleep(0.01)
            os.kill(pid, signal.SIGKILL)

        # on every worker, the data outlives any of them
        folds = list(StratifiedKFold(3).split(*rows))
        killer = threading.Thread(target=kill_once_it_works)
        killer.start()
        with parallel_config(backend="dask", scatter=[*rows, *chain.from_iterable(folds)]):
            np.testing.assert_array_equal(scores(search(rows, cv=folds)), expected)
        killer.join()
        assert pid not in client.run(os.getpid).values()


def test_partitions_of_a_dask_bag_are_predicted_where_they_are(rows):
    bag = pytest.importorskip("dask.bag", reason="needs skimdb[dask]")
    fitted = DenseClassifier(epochs=1, random_state=0).fit(*rows)
    sequences, _ = make_reviews(500, n_words=300, random_state=1)
    vectorizer = MultiHotVectorizer(num_words=300)

    def probabilities(partition):
        return [fitted.predict_proba(vectorizer.transform(partition))]

    partitions = bag.from_sequence(list(sequences), npartitions=4).map_partitions(probabilities)
    result = np.concatenate(partitions.compute(scheduler="threads"))
    np.testing.assert_allclose(
        result, fitted.predict_proba(vectorizer.transform(sequences)), atol=1e-6
    )


def threads_of_tensorflow():
    import skimdb._keras  # noqa: F401

    tensorflow = sys.modules["tensorflow"]
    return tensorflow.config.threading.get_intra_op_parallelism_threads()


def test_workers_keep_tensorflow_to_their_share_of_the_cores():
    shares = Parallel(n_jobs=2)(delayed(threads_of_tensorflow)() for _ in range(2))
    assert shares == [max(cpu_count() // 2, 1)] * 2
