"""make_reviews: the statistics in its docstring, and its parameters."""

import subprocess
import sys
import time
import tracemalloc

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from property_cases import REFUSED, given_or_refused, is_integer, no_misuse, nonsense, scaled
from scipy import sparse
from sklearn.linear_model import LogisticRegression

from skimdb.datasets import make_reviews


@pytest.fixture(scope="module")
def reviews():
    return make_reviews(25_000, random_state=0)


def multi_hot(X, n_words=10_000):
    offsets = np.concatenate([[0], np.cumsum([len(ids) for ids in X])])
    matrix = sparse.csr_matrix(
        (np.ones(offsets[-1], dtype=np.float32), np.concatenate(X), offsets), (len(X), n_words)
    )
    matrix.sum_duplicates()
    matrix.data[:] = 1
    return matrix


def test_form(reviews):
    X, y = reviews
    assert X.shape == y.shape == (25_000,)
    assert X.dtype == object
    assert {ids.dtype for ids in X} == {np.dtype(np.int32)}
    assert y.dtype == np.int64
    assert np.bincount(y).tolist() == [12_500, 12_500]


def test_ids_follow_the_convention_of_keras(reviews):
    X, _ = reviews
    assert all(ids[0] == 1 for ids in X)
    words = np.concatenate([ids[1:] for ids in X])
    assert words.min() == 4
    assert words.max() == 9_999


def test_lengths_are_log_normal(reviews):
    lengths = np.array([len(ids) for ids in reviews[0]])
    assert lengths.mean() == pytest.approx(235, abs=4)
    logs = np.log(lengths)
    assert logs.std() == pytest.approx(0.65, abs=0.02)
    assert np.median(logs) == pytest.approx(logs.mean(), abs=0.02)
    assert lengths.min() >= 10


def test_frequencies_follow_zipf_mandelbrot(reviews):
    words = np.concatenate([ids[1:] for ids in reviews[0]])
    shares = np.bincount(words)[4:] / len(words)
    expected = (np.arange(1, len(shares) + 1) + 2.8) ** -1.12
    expected /= expected.sum()
    # sums over stretches of ranks: chance, and the words that tell the classes apart, average out
    stretches = [0, 10, 100, 1000, 9_996]
    np.testing.assert_allclose(
        np.add.reduceat(shares, stretches[:-1]),
        np.add.reduceat(expected, stretches[:-1]),
        rtol=0.03,
    )


def test_words_are_in_random_order(reviews):
    X, _ = reviews
    halves = [(ids[1 : len(ids) // 2], ids[len(ids) // 2 :]) for ids in X]
    first, second = (np.concatenate(half) for half in zip(*halves, strict=True))
    assert np.mean(first == 4) == pytest.approx(np.mean(second == 4), rel=0.02)


@pytest.mark.slow
def test_a_linear_classifier_reaches_088(reviews):
    X, y = reviews
    X_test, y_test = make_reviews(25_000, random_state=1)
    classifier = LogisticRegression(solver="liblinear").fit(multi_hot(X), y)
    assert 0.85 < classifier.score(multi_hot(X_test), y_test) < 0.91


def test_the_seed_determines_the_reviews():
    (X, y), (X_again, y_again) = (make_reviews(50, random_state=3) for _ in range(2))
    np.testing.assert_array_equal(y, y_again)
    assert all(map(np.array_equal, X, X_again))
    X_other, _ = make_reviews(50, random_state=4)
    assert not all(map(np.array_equal, X, X_other))


@pytest.mark.parametrize("make", [np.random.RandomState, np.random.default_rng])
def test_generators_are_drawn_from(make):
    rng = make(0)
    first, second = (make_reviews(5, random_state=rng)[0] for _ in range(2))
    assert not all(map(np.array_equal, first, second))
    assert all(map(np.array_equal, first, make_reviews(5, random_state=make(0))[0]))


def test_the_global_random_state_is_left_alone():
    state = np.random.get_state()[1].copy()  # noqa: NPY002
    make_reviews(5)
    np.testing.assert_array_equal(state, np.random.get_state()[1])  # noqa: NPY002


@pytest.mark.parametrize(("n_samples", "n_words"), [(1, 10_000), (3, 5), (10, 1_000_000)])
def test_sizes(n_samples, n_words):
    X, y = make_reviews(n_samples, n_words=n_words, random_state=0)
    assert len(X) == len(y) == n_samples
    assert all(ids.max() < n_words for ids in X)


@pytest.mark.parametrize(
    ("parameters", "error", "name"),
    [
        ({"n_samples": 0}, ValueError, "n_samples"),
        ({"n_samples": 2.5}, TypeError, "n_samples"),
        ({"n_samples": "many"}, TypeError, "n_samples"),
        ({"n_words": 4}, ValueError, "n_words"),
        ({"n_words": None}, TypeError, "n_words"),
        ({"random_state": -1}, ValueError, "random_state"),
        ({"random_state": "seed"}, TypeError, "random_state"),
    ],
)
def test_bad_arguments_are_named(parameters, error, name):
    with pytest.raises(error, match=f"^{name}"):
        make_reviews(**parameters)


def test_working_memory_is_bounded():
    tracemalloc.start()
    X, y = make_reviews(100_000, random_state=0)
    size, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(X) == len(y) == 100_000
    assert peak - size < 50e6


@pytest.mark.slow
def test_a_million_reviews_take_well_under_two_minutes():
    start = time.perf_counter()
    X, y = make_reviews(1_000_000, random_state=0)
    assert time.perf_counter() - start < 60
    assert len(X) == len(y) == 1_000_000


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="bounds the memory as Linux does")
@pytest.mark.parametrize("size", [{"n_samples": 2**31 - 1}, {"n_words": 2**31 - 1}])
def test_reviews_that_memory_has_no_room_for_are_named(size):
    code = f"""
import resource
from skimdb.datasets import make_reviews

resource.setrlimit(resource.RLIMIT_AS, (6 * 2**30, 6 * 2**30))
try:
    make_reviews(**{size!r})
except ValueError as error:
    print(error)
"""
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.startswith("n_samples and n_words must leave room in memory, got")


@scaled(60)
@given(
    st.integers(1, 40),
    st.integers(5, 3000) | st.sampled_from([np.int8(127), np.uint8(255), np.int16(32767)]),
    st.none()
    | st.integers(0, 2**70)
    | st.builds(np.random.RandomState, st.integers(0, 99))
    | st.builds(np.random.default_rng, st.integers(0, 99)),
)
def test_any_sizes(n_samples, n_words, random_state):
    with no_misuse():
        X, y = make_reviews(np.int8(n_samples), n_words=n_words, random_state=random_state)
    assert len(X) == len(y) == n_samples
    assert sorted(np.bincount(y, minlength=2).tolist()) == sorted(
        [n_samples // 2, n_samples - n_samples // 2]
    )
    for row in X:
        assert row.dtype == np.int32
        assert row[0] == 1
        assert row[1:].min() >= 4
        assert row.max() < n_words
    if isinstance(random_state, int):
        again, _ = make_reviews(n_samples, n_words=int(n_words), random_state=random_state)
        assert all(map(np.array_equal, again, X))


@pytest.mark.parametrize("name", ["n_samples", "n_words", "random_state"])
@scaled(80)
@given(value=nonsense)
def test_a_parameter_that_makes_no_sense_is_named(name, value):
    is_large = is_integer(value) and 10**5 < value < 2**31
    assume(name == "random_state" or not is_large)
    options = {"n_samples": 2, "n_words": 10, name: value}
    result = given_or_refused(lambda: make_reviews(**options), name)
    if result is not REFUSED:
        assert len(result[0]) == options["n_samples"]
