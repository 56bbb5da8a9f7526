"""Many threads, processes and fits: the answers of one, and nothing left behind."""

import gc
import json
import os
import pickle
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import keras
import numpy as np
import pytest

from skimdb import DenseClassifier, MultiHotVectorizer, multi_hot_pipeline
from skimdb._keras._trainer import DenseStack
from skimdb.datasets import load_sample_reviews, make_reviews

N_THREADS = 16
forking = pytest.mark.skipif(not hasattr(os, "fork"), reason="forks as POSIX systems do")


@pytest.fixture
def quick_switches():
    """Threads that take turns as often as can be, which brings out what they do to each other."""
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(interval)


def run_script(code, folder, *arguments):
    """Run code as a file, which processes that it spawns can import."""
    script = folder / "script.py"
    script.write_text(code)
    command = [sys.executable, str(script), *map(str, arguments)]
    result = subprocess.run(command, capture_output=True, text=True, timeout=900)
    assert result.returncode == 0, result.stderr
    return result.stdout


def test_threads_predict_with_one_pipeline(quick_switches):
    texts, y = load_sample_reviews(return_X_y=True)
    pipeline = multi_hot_pipeline(text=True, units=4, epochs=2, random_state=0).fit(texts, y)
    # some requests are of so few texts that they are looked up without the table
    requests = [texts[i : i + (10 if i % 3 == 0 else 100)] for i in range(N_THREADS)]
    expected = [pipeline.predict_proba(request) for request in requests]
    packed = pickle.dumps(pipeline)
    for _ in range(10):
        # the table of words is built when it is first used
        shared = pickle.loads(packed)
        assert shared["encoder"]._table is None
        barrier = threading.Barrier(N_THREADS)

        def answer(request, shared=shared, barrier=barrier):
            barrier.wait()
            return [shared.predict_proba(request) for _ in range(2)]

        with ThreadPoolExecutor(N_THREADS) as pool:
            for answers, right in zip(pool.map(answer, requests), expected, strict=True):
                np.testing.assert_array_equal(answers, [right, right])


def test_a_request_may_wait_for_those_of_other_threads():
    texts, y = load_sample_reviews(return_X_y=True)
    pipeline = multi_hot_pipeline(text=True, units=4, epochs=1, random_state=0).fit(texts, y)

    def waiting(pool, depth):
        for text in texts[:3]:
            if depth:
                pool.submit(pipeline.predict_proba, waiting(pool, depth - 1)).result(60)
            yield text

    with ThreadPoolExecutor(N_THREADS) as pool:
        answer = pool.submit(pipeline.predict_proba, waiting(pool, 2)).result(60)
    np.testing.assert_array_equal(answer, pipeline.predict_proba(texts[:3]))


def test_threads_fit_different_networks(quick_switches):
    sequences, y = make_reviews(250, n_words=60, random_state=0)
    X = MultiHotVectorizer(num_words=60).fit_transform(sequences)
    labels = [y, np.arange(len(y)) % 3]
    fits = [
        ({"units": 5, "dropout": 0.3}, labels[0]),
        ({"units": 5, "dropout": 0.3}, labels[1]),
        ({"units": (6, 4), "optimizer": "adam", "l2": 0.01}, labels[0]),
        ({"units": (6, 4), "dropout": 0.5, "learning_rate": 0.01}, labels[0]),
    ]

    def weights(number):
        parameters, y = fits[number % len(fits)]
        fitted = DenseClassifier(
            **parameters, epochs=3, batch_size=32, random_state=number, early_stopping=True
        ).fit(X, y)
        return [*fitted.coefs_, *fitted.intercepts_], fitted.history_

    numbers = [*range(12), *range(12)]
    expected = [weights(number) for number in numbers]
    with ThreadPoolExecutor(4) as pool:
        for found, right in zip(pool.map(weights, numbers), expected, strict=True):
            for one, other in zip(found[0], right[0], strict=True):
                np.testing.assert_array_equal(one, other)
            assert found[1] == right[1]


# --- processes --------------------------------------------------------------------------------

FIT_AND_PREDICT_IN_PROCESSES = """
import multiprocessing
import os
import sys
from concurrent.futures import ProcessPoolExecutor

import numpy as np

from skimdb import multi_hot_pipeline
from skimdb.datasets import load_sample_reviews

texts, y = load_sample_reviews(return_X_y=True)


def fitted():
    pipeline = multi_hot_pipeline(
        text=True, units=4, epochs=2, batch_size=64, dropout=0.2, random_state=0
    )
    return pipeline.fit(texts, y)


def fit_and_predict():
    return fitted().predict_proba(texts)


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
    fitted_in_fork = in_child("fork", fit_and_predict)
    assert "tensorflow" not in sys.modules
    pipeline = fitted()
    expected = predict(pipeline)
    assert np.array_equal(fitted_in_fork, expected)
    assert np.array_equal(in_child("spawn", fit_and_predict), expected)
    assert np.array_equal(in_child("spawn", predict, pipeline), expected)
    assert np.array_equal(in_child("fork", predict, pipeline), expected)
    assert in_fork(pipeline, expected) == 0
    try:
        in_child("fork", fit_and_predict)
    except RuntimeError as error:
        print(error)
"""


FORK_DURING_REQUESTS = """
import os
from threading import Event, Thread

from joblib import cpu_count
from skimdb import multi_hot_pipeline
from skimdb.datasets import load_sample_reviews
from skimdb._turns import LONG, turn

texts, y = load_sample_reviews(return_X_y=True)
pipeline = multi_hot_pipeline(text=True, units=4, epochs=1, random_state=0).fit(texts, y)
held, forked = Event(), Event()

def hold():
    for place in [turn(0), *[turn(LONG)] * cpu_count()]:
        place.acquire()
    held.set()
    forked.wait()

Thread(target=hold, daemon=True).start()
held.wait()
child = os.fork()
if not child:
    os._exit(len(pipeline.predict_proba(texts)) == len(pipeline.predict_proba([*texts] * 9)) / 9)
forked.set()
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


@pytest.mark.slow
@forking
def test_a_fork_does_not_wait_for_threads_that_it_has_not(tmp_path):
    assert run_script(FORK_DURING_REQUESTS, tmp_path) == "1\n"


@pytest.mark.slow
@forking
def test_processes_fit_and_predict(tmp_path):
    printed = run_script(FIT_AND_PREDICT_IN_PROCESSES, tmp_path)
    assert "can't train in a process forked from one that has imported" in printed


FIT_IN_A_FORK_AFTER_OTHER_USE_OF_TENSORFLOW = """
import os
import skimdb
import tensorflow as tf

tf.function(lambda x: x @ x)(tf.ones((2, 2)))
if os.fork() == 0:
    classifier = skimdb.DenseClassifier(2, epochs=1)
    try:
        classifier.fit([[0, 1], [1, 0]], [0, 1])
    except RuntimeError as error:
        print(error, vars(classifier) == vars(skimdb.DenseClassifier(2, epochs=1)), flush=True)
    os._exit(0)
os.wait()
"""


@pytest.mark.slow
@forking
def test_a_fork_cant_train_after_other_use_of_tensorflow(tmp_path):
    printed = run_script(FIT_IN_A_FORK_AFTER_OTHER_USE_OF_TENSORFLOW, tmp_path)
    assert "can't train in a process forked" in printed
    assert printed.endswith("True\n")


# --- what is left behind ----------------------------------------------------------------------


def n_living_trainers():
    gc.collect()
    return sum(type(thing) is DenseStack for thing in gc.get_objects())


def test_a_dropped_trainer_is_gone(monkeypatch):
    monkeypatch.setattr("skimdb._keras._pool.MAX_IDLE_TRAINERS", 1)
    X, y = np.eye(4), [0, 1, 0, 1]
    DenseClassifier(21, epochs=1).fit(X, y)
    before = n_living_trainers()
    for units in (22, 23):
        DenseClassifier(units, epochs=1).fit(X, y)
    # one of the three waits for its next fit
    assert n_living_trainers() == before


def test_keras_may_forget_its_state_between_fits():
    X, y = np.eye(4), [0, 1, 0, 1]
    first = DenseClassifier(4, epochs=2, dropout=0.2, random_state=0).fit(X, y)
    keras.utils.clear_session()
    gc.collect()
    again = DenseClassifier(4, epochs=2, dropout=0.2, random_state=0).fit(X, y)
    np.testing.assert_array_equal(again.coefs_[0], first.coefs_[0])


FIT_OFTEN = """
import json
import os
import sys
import threading

import numpy as np

from skimdb import DenseClassifier

n_fits, n_steps = map(int, sys.argv[1:])
rng = np.random.default_rng(0)
X = rng.random((100, 20), dtype=np.float32)
y = rng.integers(2, size=100)
# more networks than wait for their next fit, so that some are built anew each time
networks = [{"units": n, "dropout": 0.1 * (n % 2), "l2": 0.1 * (n % 3)} for n in range(2, 14)]


def used():
    with open("/proc/self/statm") as file:
        pages = int(file.read().split()[1])
    return {
        "memory": pages * os.sysconf("SC_PAGE_SIZE"),
        "files": len(os.listdir("/proc/self/fd")),
        "threads": len(os.listdir("/proc/self/task")),
        "python threads": threading.active_count(),
    }


for number in range(n_fits):
    network = networks[number // 10 % len(networks)] if number % 10 == 0 else networks[-1]
    DenseClassifier(**network, epochs=2, batch_size=50, random_state=number).fit(X, y)
    if (number + 1) % (n_fits // n_steps) == 0:
        print(json.dumps(used()), flush=True)
"""


@pytest.mark.slow
@pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="counts by Linux's /proc")
def test_a_thousand_fits_leave_nothing_behind(tmp_path):
    printed = run_script(FIT_OFTEN, tmp_path, 1000, 10)
    after_100, *later = [json.loads(line) for line in printed.splitlines()]
    assert len(later) == 9
    for used in later:
        assert used["files"] <= after_100["files"]
        assert used["threads"] <= after_100["threads"]
        assert used["python threads"] <= after_100["python threads"]
    # it goes up and down by some tens of MB: what stays shows where it is lowest
    memory = [used["memory"] for used in later]
    assert min(memory[-3:]) - min(memory[:3]) < 40e6
