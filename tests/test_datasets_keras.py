"""fetch_imdb gives what keras.datasets.imdb.load_data gives for the same file."""

import itertools

import numpy as np
import pytest

from skimdb.datasets import fetch_imdb

keras_imdb = pytest.importorskip("keras.src.datasets.imdb")


@pytest.fixture
def npz(tmp_path):
    rng = np.random.default_rng(0)
    arrays = {}
    for split, n_rows in (("train", 14), ("test", 10)):
        rows = np.empty(n_rows, dtype=object)
        rows[:] = [rng.integers(1, 11, rng.integers(1, 9)).tolist() for _ in range(n_rows)]
        arrays[f"x_{split}"], arrays[f"y_{split}"] = rows, rng.integers(0, 2, n_rows)
    np.savez(tmp_path / "imdb.npz", **arrays)
    return tmp_path / "imdb.npz"


def as_lists(X):
    return [[int(i) for i in ids] for ids in X]


def load_by_keras(monkeypatch, path, *, random_state, **parameters):
    monkeypatch.setattr(keras_imdb, "get_file", lambda **_: str(path))
    train, test = keras_imdb.load_data(seed=random_state, **parameters)
    return {"train": train, "test": test}


def assert_equals_keras(monkeypatch, path, *, random_state=113, **parameters):
    parameters["random_state"] = random_state
    for subset, (X_keras, y_keras) in load_by_keras(monkeypatch, path, **parameters).items():
        X, y = fetch_imdb(data_home=path, subset=subset, return_X_y=True, **parameters)
        assert as_lists(X) == as_lists(X_keras)
        np.testing.assert_array_equal(y, y_keras)


@pytest.mark.parametrize("maxlen", [None, 6])
@pytest.mark.parametrize("start_char", [None, 0, 1, 40])
@pytest.mark.parametrize("oov_char", [None, 2, 99])
def test_small_file(monkeypatch, npz, maxlen, start_char, oov_char):
    for num_words, skip_top, index_from in itertools.product((None, 1, 6, 100), (0, 2, 5), (0, 3)):
        assert_equals_keras(
            monkeypatch,
            npz,
            num_words=num_words,
            skip_top=skip_top,
            maxlen=maxlen,
            start_char=start_char,
            oov_char=oov_char,
            index_from=index_from,
        )


@pytest.mark.parametrize("random_state", [0, 7, 2**32 - 1])
def test_order(monkeypatch, npz, random_state):
    assert_equals_keras(monkeypatch, npz, random_state=random_state)


def test_all_is_train_and_then_test(monkeypatch, npz):
    by_keras = load_by_keras(monkeypatch, npz, random_state=113, maxlen=7)
    X, y = fetch_imdb(data_home=npz, subset="all", maxlen=7, return_X_y=True)
    assert as_lists(X) == [ids for split, _ in by_keras.values() for ids in as_lists(split)]
    np.testing.assert_array_equal(y, np.concatenate([labels for _, labels in by_keras.values()]))


@pytest.mark.slow
@pytest.mark.parametrize(
    "parameters",
    [
        {},
        {"num_words": 10_000},
        {"num_words": 10_000, "skip_top": 20, "oov_char": None, "maxlen": 200},
        {"start_char": None, "index_from": 0, "random_state": 1},
    ],
    ids=str,
)
def test_real_file(monkeypatch, imdb_home, parameters):
    assert_equals_keras(monkeypatch, imdb_home / "imdb.npz", **parameters)
