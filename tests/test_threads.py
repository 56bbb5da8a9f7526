"""Many threads and many fits: the answers of one, and nothing left behind."""

import json
import os
import pickle
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from skimdb import DenseClassifier, MultiHotVectorizer, multi_hot_pipeline, text_pipeline
from skimdb.datasets import load_sample_reviews, make_reviews

N_THREADS = 16


@pytest.fixture
def quick_switches():
    """Switch threads as often as possible, which shows their effects on each other."""
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(interval)


@pytest.mark.slow
def test_threads_predict_with_one_pipeline(quick_switches):
    texts, y = load_sample_reviews(return_X_y=True)
    pipeline = multi_hot_pipeline(text=True, units=4, epochs=2, random_state=0).fit(texts, y)
    # the encoder looks up few texts in another way than many
    requests = [texts[i : i + (10 if i % 3 == 0 else 100)] for i in range(N_THREADS)]
    expected = [pipeline.predict_proba(request) for request in requests]
    packed = pickle.dumps(pipeline)
    for _ in range(10):
        # all threads are the first to use a new pipeline
        shared = pickle.loads(packed)
        barrier = threading.Barrier(N_THREADS)

        def answer(request, shared=shared, barrier=barrier):
            barrier.wait()
            return [shared.predict_proba(request) for _ in range(2)]

        with ThreadPoolExecutor(N_THREADS) as pool:
            for answers, right in zip(pool.map(answer, requests), expected, strict=True):
                np.testing.assert_array_equal(answers, [right, right])


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


def test_threads_fit_text_pipelines(quick_switches):
    texts, y = load_sample_reviews(return_X_y=True)

    def probabilities(number):
        rows = slice(number, number + 150)
        pipeline = text_pipeline(random_state=number, epochs=2).fit(texts[rows], y[rows])
        return pipeline.predict_proba(texts)

    numbers = range(4)
    expected = [probabilities(number) for number in numbers]
    with ThreadPoolExecutor(4) as pool:
        for found, right in zip(pool.map(probabilities, numbers), expected, strict=True):
            np.testing.assert_array_equal(found, right)


def test_threads_train_on_with_partial_fit(quick_switches):
    sequences, y = make_reviews(200, n_words=60, random_state=0)
    X = MultiHotVectorizer(num_words=60).fit_transform(sequences)

    def train(number):
        classifier = DenseClassifier(5, batch_size=20, dropout=0.3, random_state=number)
        for rows in (slice(0, 100), slice(100, 200), slice(50, 150)):
            classifier.partial_fit(X[rows], y[rows], classes=[0, 1])
        return classifier.predict_proba(X)

    numbers = [*range(4), *range(4)]
    expected = [train(number) for number in numbers]
    with ThreadPoolExecutor(4) as pool:
        for found, right in zip(pool.map(train, numbers), expected, strict=True):
            np.testing.assert_array_equal(found, right)


# --- what is left behind ----------------------------------------------------------------------

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
def test_a_thousand_fits_leave_nothing_behind():
    command = [sys.executable, "-c", FIT_OFTEN, "1000", "10"]
    result = subprocess.run(command, capture_output=True, text=True, timeout=900)
    assert result.returncode == 0, result.stderr
    after_100, *later = [json.loads(line) for line in result.stdout.splitlines()]
    assert len(later) == 9
    for used in later:
        assert used["files"] <= after_100["files"]
        assert used["threads"] <= after_100["threads"]
        assert used["python threads"] <= after_100["python threads"]
    # it goes up and down by some tens of MB: what stays shows where it is lowest
    memory = [used["memory"] for used in later]
    assert min(memory[-3:]) - min(memory[:3]) < 40e6
