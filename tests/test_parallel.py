"""Several processes give the results of one: searches, and processes that users start."""

import os
import pickle
import signal
import subprocess
import sys
import threading
import time
from itertools import chain

import numpy as np
import pytest
from joblib import Parallel, cpu_count, delayed, parallel_config
from sklearn.model_selection import GridSearchCV, StratifiedKFold

from skimdb import DenseClassifier, MultiHotVectorizer, text_pipeline
from skimdb.datasets import load_sample_reviews, make_reviews

GRID = {"units": [4, (8, 4)], "epochs": [1, 3]}
needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="forks as POSIX systems do")


@pytest.fixture(scope="module")
def rows():
    X, y = make_reviews(600, n_words=300, random_state=0)
    return MultiHotVectorizer(num_words=300).fit_transform(X), y


def search(rows, **options):
    estimator = DenseClassifier(batch_size=32, random_state=0, dropout=0.1)
    return GridSearchCV(estimator, GRID, **{"cv": 3, **options}).fit(*rows)


def scores(searched):
    return np.array([searched.cv_results_[f"split{i}_test_score"] for i in range(3)])


@pytest.mark.slow
def test_two_jobs_give_the_scores_of_one(rows):
    one, two = search(rows), search(rows, n_jobs=2)
    np.testing.assert_array_equal(scores(two), scores(one))
    np.testing.assert_array_equal(two.best_estimator_.coefs_[0], one.best_estimator_.coefs_[0])


@pytest.mark.keras
def test_nothing_of_keras_is_pickled(rows):
    fitted = DenseClassifier(epochs=1, warm_start=True).fit(*rows)
    assert fitted.model_ is not None
    assert b"keras" not in pickle.dumps(fitted).lower()


@pytest.fixture(scope="module")
def texts():
    X, y = load_sample_reviews(return_X_y=True)
    return np.array(X, dtype=object), y


def search_texts(texts, **options):
    grid = {"classifier__units": [4, 8], "vectorizer__ngram_range": [(1, 1), (1, 2)]}
    estimator = text_pipeline(random_state=0, epochs=2)
    return GridSearchCV(estimator, grid, **{"cv": 3, **options}).fit(*texts)


def search_while_a_worker_dies(client, search, data):
    """Kill a worker of Dask once it works on a search, and return the search."""
    client.wait_for_workers(2)
    address, pid = next(iter(client.run(os.getpid).items()))
    is_done = threading.Event()

    def kill_once_it_works():
        while not (client.processing()[address] or is_done.is_set()):
            time.sleep(0.01)
        os.kill(pid, signal.SIGKILL)

    folds = list(StratifiedKFold(3).split(*data))
    killer = threading.Thread(target=kill_once_it_works)
    killer.start()
    with parallel_config(backend="dask", scatter=[*data, *chain.from_iterable(folds)]):
        searched = search(data, cv=folds)
    is_done.set()
    killer.join()
    assert pid not in client.run(os.getpid).values()
    return searched


@pytest.mark.slow
def test_dask_gives_the_scores_of_one_even_if_a_worker_dies(rows, texts):
    distributed = pytest.importorskip("distributed", reason="needs skimdb[dask]")
    expected, expected_of_texts = scores(search(rows)), scores(search_texts(texts))
    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, dashboard_address=None
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        with parallel_config(backend="dask"):
            np.testing.assert_array_equal(scores(search(rows)), expected)
        # On every worker, the data outlives any of them; unless Dask leaves only one copy after
        # two seconds, to save memory.
        client.amm.stop()
        found = search_while_a_worker_dies(client, search, rows)
        np.testing.assert_array_equal(scores(found), expected)
        found = search_while_a_worker_dies(client, search_texts, texts)
        np.testing.assert_array_equal(scores(found), expected_of_texts)


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
    DenseClassifier(2, epochs=1, backend="keras").fit([[0, 1], [1, 0]], [0, 1])
    tensorflow = sys.modules["tensorflow"]
    return tensorflow.config.threading.get_intra_op_parallelism_threads()


@pytest.mark.slow
def test_workers_keep_tensorflow_to_their_share_of_the_cores():
    shares = Parallel(n_jobs=2)(delayed(threads_of_tensorflow)() for _ in range(2))
    assert shares == [max(cpu_count() // 2, 1)] * 2


# --- processes that users start ---------------------------------------------------------------


def run_script(code, folder):
    """Run code as a file, which processes that it spawns can import."""
    script = folder / "script.py"
    script.write_text(code)
    command = [sys.executable, str(script)]
    result = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert result.returncode == 0, result.stderr
    return result.stdout


FIT_IN_A_FORK = """
import os

from skimdb import DenseClassifier

DenseClassifier(2, epochs=1, backend="keras").fit([[0, 1], [1, 0]], [0, 1])
if os.fork() == 0:
    classifier = DenseClassifier(2, epochs=1, backend="keras")
    try:
        classifier.fit([[0, 1], [1, 0]], [0, 1])
    except RuntimeError as error:
        print(error, hasattr(classifier, "classes_"), flush=True)
    os._exit(0)
os.wait()
"""


@pytest.mark.slow
@needs_fork
def test_a_fork_says_that_keras_cannot_train(tmp_path):
    printed = run_script(FIT_IN_A_FORK, tmp_path)
    assert printed.startswith("TensorFlow can't train in a process forked from one that has")
    assert printed.endswith("False\n")


FIT_AND_PREDICT_IN_PROCESSES = """
import multiprocessing
import os
import sys
from concurrent.futures import ProcessPoolExecutor

import numpy as np

from skimdb import multi_hot_pipeline
from skimdb.datasets import load_sample_reviews

texts, y = load_sample_reviews(return_X_y=True)


def fit():
    pipeline = multi_hot_pipeline(
        text=True, units=4, epochs=2, batch_size=64, dropout=0.2, random_state=0
    )
    return pipeline.fit(texts, y)


def fit_and_predict():
    return fit().predict_proba(texts)


def predict(pipeline):
    return pipeline.predict_proba(texts)


def in_child(method, function, *arguments):
    context = multiprocessing.get_context(method)
    with ProcessPoolExecutor(1, mp_context=context) as pool:
        return pool.submit(function, *arguments).result(timeout=200)


def in_fork(pipeline, expected):
    child = os.fork()
    if child == 0:
        os._exit(0 if np.array_equal(predict(pipeline), expected) else 1)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


if __name__ == "__main__":
    of_fork = in_child("fork", fit_and_predict)
    assert "tensorflow" not in sys.modules
    pipeline = fit()
    expected = predict(pipeline)
    assert np.array_equal(of_fork, expected)
    assert np.array_equal(in_child("spawn", fit_and_predict), expected)
    assert np.array_equal(in_child("spawn", predict, pipeline), expected)
    assert np.array_equal(in_child("fork", predict, pipeline), expected)
    assert in_fork(pipeline, expected) == 0
    assert np.array_equal(in_child("fork", fit_and_predict), expected)
"""


@pytest.mark.slow
@needs_fork
def test_processes_fit_and_predict(tmp_path):
    run_script(FIT_AND_PREDICT_IN_PROCESSES, tmp_path)


FORK_WHILE_THREADS_FIT = """
import os
import signal
import threading

import numpy as np
from threadpoolctl import threadpool_info

from skimdb import text_pipeline
from skimdb.datasets import load_sample_reviews

texts, y = load_sample_reviews(return_X_y=True)


def fit():
    return text_pipeline(random_state=0, epochs=2).fit(texts, y)


def blas_threads():
    return [pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"]


pipeline = fit()
expected, n_threads = pipeline.predict_proba(texts), blas_threads()


def in_fork():
    child = os.fork()
    if child == 0:
        # a child that waits for a thread it does not have
        signal.alarm(60)
        right = [
            np.array_equal(pipeline.predict_proba(texts), expected),
            np.array_equal(fit().predict_proba(texts), expected),
            # the limit of the other threads' fits ends with them
            blas_threads() == n_threads,
        ]
        os._exit(0 if all(right) else 1)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


codes = [in_fork() for _ in range(2)]
is_done = threading.Event()


def fit_again():
    while not is_done.is_set():
        fit()


threads = [threading.Thread(target=fit_again) for _ in range(2)]
for thread in threads:
    thread.start()
codes += [in_fork() for _ in range(8)]
is_done.set()
for thread in threads:
    thread.join()
assert codes == 10 * [0], codes
"""


@pytest.mark.slow
@needs_fork
def test_forks_fit_and_predict_while_threads_fit(tmp_path):
    run_script(FORK_WHILE_THREADS_FIT, tmp_path)
