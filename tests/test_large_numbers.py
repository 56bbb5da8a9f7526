"""Numbers that are large, 0 or never seen: results stay right, or an error says what to do."""

import copy
import ctypes
import gc
import mmap
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import scipy.sparse as sp

from skimdb import DenseClassifier, LogCountRatioScaler, MultiHotVectorizer, text_pipeline

MAP_FIXED, MAP_NORESERVE = 0x10, 0x4000
on_linux = pytest.mark.skipif(sys.platform != "linux", reason="uses Linux's memory mappings")


def available_memory():
    """Return the bytes that can still be had, 0 where that is not known."""
    try:
        found = re.search(r"MemAvailable:\s*(\d+) kB", Path("/proc/meminfo").read_text())
    except OSError:
        return 0
    return int(found[1]) * 1024 if found else 0


def need_memory(n_bytes):
    if available_memory() < n_bytes:
        pytest.skip(f"less than {n_bytes / 2**30:.0f} GB of memory are free")


def repeat(block, n):
    """Return the items of an array n times; all repetitions share one memory."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.mmap.restype = ctypes.c_void_p
    numbers = [ctypes.c_size_t, *3 * [ctypes.c_int], ctypes.c_longlong]
    libc.mmap.argtypes = [ctypes.c_void_p, *numbers]
    size = block.nbytes
    assert size % mmap.PAGESIZE == 0
    file = os.memfd_create("block")
    os.truncate(file, size)
    with mmap.mmap(file, size) as memory:
        memory[:] = block.tobytes()
    area = mmap.mmap(-1, n * size, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | MAP_NORESERVE)
    start = ctypes.addressof(ctypes.c_char.from_buffer(area))
    for place in range(start, start + n * size, size):
        flags = mmap.MAP_SHARED | MAP_FIXED
        assert libc.mmap(place, size, mmap.PROT_READ, flags, file, 0) == place
    os.close(file)
    return np.frombuffer(area, dtype=block.dtype)


def make_rows(n_rows=90, n_columns=40, n_classes=3):
    """Return sparse rows and labels; the last ten columns are empty, and so is each ninth row."""
    rng = np.random.default_rng(0)
    X = rng.poisson(0.5, (n_rows, n_columns)).astype(np.float32)
    X[:, -10:] = 0
    X[::9] = 0
    return sp.csr_array(X), np.arange(n_rows) % n_classes


def classifier(units=8, **parameters):
    settings = {"epochs": 3, "batch_size": 16, "random_state": 0, "backend": "sparse"}
    return DenseClassifier(units, **{**settings, **parameters})


# --- columns and rows of zeros, weights of 0, rates that are too high -------------------------


@pytest.mark.parametrize("optimizer", ["sgd", "rmsprop", "adagrad", "adam", "adamw"])
@pytest.mark.parametrize("n_classes", [2, 3])
def test_columns_that_fit_has_not_seen(optimizer, n_classes):
    X, y = make_rows(n_classes=n_classes)
    scaler = LogCountRatioScaler().fit(X, y)
    assert np.isfinite(scaler.scale_).all()
    # without counts, the ratio is that of the sums of the classes
    assert len(np.unique(scaler.scale_[-10:].round(12))) == 1
    model = classifier(optimizer=optimizer, epochs=5).fit(scaler.transform(X), y)
    new = X[1:4].toarray()
    new[:, -10:] = 1
    for rows in (new, sp.csr_array(new)):
        probabilities = model.predict_proba(scaler.transform(rows))
        assert np.isfinite(probabilities).all()
        np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-5)


@pytest.mark.parametrize("norm_power", [0, 0.5, 1])
def test_rows_of_zeros(norm_power):
    X, y = make_rows()
    scaler = LogCountRatioScaler(norm_power=norm_power)
    for rows in (X, sp.csr_array(X.shape, dtype=np.float32)):
        weighted = scaler.fit(rows, y).transform(rows)
        assert np.isfinite(weighted.toarray()).all()
        assert weighted[[0]].nnz == 0
        model = classifier().fit(weighted, y)
        probabilities = model.predict_proba(weighted)
        assert np.isfinite(probabilities).all()
        # all rows of zeros get what the biases say
        assert len(np.unique(probabilities[::9], axis=0)) == 1


def test_texts_without_any_known_word():
    texts, y = ["good film", "bad film", "", "??"] * 10, np.arange(40) % 4 % 2
    pipeline = text_pipeline(units=4, epochs=2, random_state=0).fit(texts, y)
    probabilities = pipeline.predict_proba(["", "unheard-of", "??", " "])
    assert np.isfinite(probabilities).all()


@pytest.mark.parametrize("zero", [[0], [2], [0, 1]])
def test_a_class_of_weight_0_is_as_if_it_had_no_rows(zero):
    X, y = make_rows()
    class_weight = {label: 0 if label in zero else 1 for label in range(3)}
    model = classifier(class_weight=class_weight, epochs=1).fit(X, y)
    assert model.classes_.tolist() == [0, 1, 2]
    kept = np.flatnonzero(~np.isin(y, zero))
    other = classifier(epochs=1).partial_fit(X[kept], y[kept], classes=[0, 1, 2])
    for a, b in zip(model.coefs_, other.coefs_, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-7)
    # nothing is ever of these classes
    trained = classifier(class_weight=class_weight, epochs=60, learning_rate=0.02).fit(X, y)
    assert not np.isin(trained.predict(X), zero).any()
    weights = np.where(np.isin(y, zero), 0.0, 1.0)
    scaler = LogCountRatioScaler().fit(X, y, sample_weight=weights)
    assert np.isfinite(scaler.scale_).all()
    assert scaler.feature_count_[zero].sum() == 0


@pytest.mark.parametrize("optimizer", ["sgd", "rmsprop", "adagrad", "adam", "adamw"])
@pytest.mark.parametrize("units", [(), 8, (8, 8)])
def test_any_learning_rate_trains_or_says_what_to_do(optimizer, units):
    X, y = make_rows()
    model = classifier(units, optimizer=optimizer).partial_fit(X, y, classes=[0, 1, 2])
    before = model.predict_proba(X)
    messages = []
    for rate in (1e2, 1e6, 1e12, 1e20, 1e30, 3e38):
        fresh = classifier(units, optimizer=optimizer, learning_rate=rate)
        messages.append(error_of(fresh.fit, X, y))
        assert hasattr(fresh, "coefs_") == (messages[-1] is None)
        assert all(np.isfinite(weight).all() for weight in getattr(fresh, "coefs_", ()))
        further = copy.deepcopy(model).set_params(learning_rate=rate)
        messages.append(error_of(further.partial_fit, X, y))
        if messages[-1] is not None:
            np.testing.assert_array_equal(further.predict_proba(X), before)
            # with a lower rate it continues as if nothing had been
            further.set_params(learning_rate=None).partial_fit(X, y)
            expected = copy.deepcopy(model).partial_fit(X, y).predict_proba(X)
            np.testing.assert_array_equal(further.predict_proba(X), expected)
    diverged = [message for message in messages if message is not None]
    assert diverged or units == ()
    assert all(re.match("the training diverged.* Give a learning_rate", it) for it in diverged)


def error_of(fit, X, y):
    """Return the message of the error in a fit, None if there is none."""
    try:
        fit(X, y)
    except ValueError as error:
        return str(error)
    return None


# --- many entries, columns, classes and rows --------------------------------------------------


@on_linux
@pytest.mark.slow
def test_more_than_2_31_entries_are_trained_on_and_predicted():
    need_memory(8 * 2**30)
    # (X.data == 1), one byte an entry, is all that the matrix takes
    n_rows, n_entries, n_columns, batch_size = 64, 2**16, 2**17, 64
    n = 2**31 // (n_rows * n_entries) + 2
    rng = np.random.default_rng(0)
    indices = np.sort([rng.permutation(n_columns)[:n_entries] for _ in range(n_rows)]).ravel()
    ones = np.ones(indices.size, dtype=np.float32)
    few = sp.csr_array((ones, indices, np.arange(n_rows + 1) * n_entries), (n_rows, n_columns))
    offsets = np.arange(n * n_rows + 1) * n_entries
    many = (repeat(ones, n), repeat(indices.astype(np.int64), n), offsets)
    X = sp.csr_array(many, shape=(n * n_rows, n_columns))
    assert X.nnz > 2**31
    y = np.arange(X.shape[0]) % n_rows % 2

    parameters = {"batch_size": batch_size, "random_state": 0, "backend": "sparse"}
    model = DenseClassifier(1, epochs=1, **parameters).fit(X, y)
    found = model.predict_proba(X)
    np.testing.assert_array_equal(found, np.tile(model.predict_proba(few), (n, 1)))
    # the same batches of the few rows, one after the other
    seed = np.random.RandomState(0).randint(2**31)
    order = np.random.default_rng([seed, 0]).permutation(len(y)) % n_rows
    other = DenseClassifier(1, **parameters)
    for rows in np.split(order, n):
        other.partial_fit(few[rows], rows % 2, classes=[0, 1])
    for a, b in zip(model.coefs_, other.coefs_, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-5)


@on_linux
@pytest.mark.slow
def test_more_than_2_31_ids_have_their_ngrams():
    need_memory(8 * 2**30)
    rng = np.random.default_rng(0)
    few = rng.integers(0, 50, (16, 2**20), dtype=np.int32)
    # an n-gram that one row of each block holds
    few[:, 5:7] = 0, 50
    few[3, 5:7] = 50, 51
    n = 2**31 // few.size + 1
    rows = repeat(few.ravel(), n).reshape(-1, few.shape[1])
    assert rows.size > 2**31
    vectorizer = MultiHotVectorizer(ngram_range=(1, 2), max_df=1, mode="count")
    expected = vectorizer.fit_transform(few)
    assert 0 < expected.nnz < 100
    X = vectorizer.transform(rows)
    assert X.shape == (len(rows), expected.shape[1])
    np.testing.assert_array_equal(X.indices, np.tile(expected.indices, n))
    np.testing.assert_array_equal(X.data, np.tile(expected.data, n))
    np.testing.assert_array_equal(np.diff(X.indptr), np.tile(np.diff(expected.indptr), n))


@pytest.mark.parametrize("index_type", [np.int32, np.int64])
def test_wide_indices_give_the_same(index_type):
    rng = np.random.default_rng(0)
    X = sp.random_array((60, 300), density=0.1, rng=rng, dtype=np.float32).tocsr()
    y = np.arange(60) % 3
    wide = sp.csr_array(X.shape, dtype=np.float32)
    # the constructor would choose the type of the indices
    wide.data, wide.indices = X.data, X.indices.astype(index_type)
    wide.indptr = X.indptr.astype(index_type)
    scaler = LogCountRatioScaler().fit(X, y)
    other = LogCountRatioScaler().fit(wide, y)
    np.testing.assert_array_equal(other.scale_, scaler.scale_)
    rows, wide = scaler.transform(X), other.transform(wide)
    np.testing.assert_array_equal(wide.toarray(), rows.toarray())
    parameters = {"epochs": 2, "random_state": 0, "backend": "sparse"}
    one = DenseClassifier(4, **parameters).fit(rows, y, sample_weight=y + 1)
    wide.indices, wide.indptr = (a.astype(index_type) for a in (wide.indices, wide.indptr))
    two = DenseClassifier(4, **parameters).fit(wide, y, sample_weight=y + 1)
    np.testing.assert_array_equal(two.predict_proba(wide), one.predict_proba(rows))


@pytest.mark.slow
def test_ten_million_columns_and_a_thousand_classes():
    need_memory(6 * 2**30)
    n_rows, n_columns, n_classes = 3000, 10_000_000, 1000
    rng = np.random.default_rng(0)
    columns = rng.integers(0, n_columns, (n_rows, 30))
    columns[:, :3] = [0, 2**23, n_columns - 1]
    X = sp.csr_array(
        (np.ones(columns.size, np.float32), columns.ravel(), np.arange(n_rows + 1) * 30),
        shape=(n_rows, n_columns),
    )
    X.sum_duplicates()
    X.data[:] = 1
    y = np.arange(n_rows) % n_classes
    scaler = LogCountRatioScaler().fit(X, y)
    # the formula, in some columns: one in all rows, one in a single row and one in none
    counts = np.asarray(X.sum(axis=0)).ravel()
    own_sums = np.bincount(y, np.diff(X.indptr), minlength=n_classes)
    smoothing = 0.5 * n_columns
    for column in (0, n_columns - 1, int(columns[7, 5]), int(np.flatnonzero(counts == 0)[0])):
        own = np.bincount(y, X[:, [column]].toarray().ravel(), minlength=n_classes)
        shares = (own + 0.5) / (own_sums + smoothing)
        others = (counts[column] - own + 0.5) / (counts.sum() - own_sums + smoothing)
        expected = np.abs(np.log(shares) - np.log(others)).max()
        assert scaler.scale_[column] == pytest.approx(expected, rel=1e-9)
    rows = scaler.transform(X)
    parameters = {"activation": "tanh", "batch_size": 64, "random_state": 0, "backend": "sparse"}
    model = DenseClassifier(4, epochs=3, learning_rate=0.01, **parameters).fit(rows, y)
    probabilities = model.predict_proba(rows)
    assert probabilities.shape == (n_rows, n_classes)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-4)
    assert model.history_["loss"][-1] < model.history_["loss"][0]
    start = DenseClassifier(4, epochs=1, learning_rate=1e-30, **parameters).fit(rows, y)
    changed = (model.coefs_[0] != start.coefs_[0]).any(axis=1)
    np.testing.assert_array_equal(changed, counts > 0)
    del scaler, model, start
    gc.collect()


# Prints the peak of its memory in MB, and the accuracy on further rows.
TRAIN_ON_A_MILLION_TEXTS = """
import re, sys
from pathlib import Path
import numpy as np
from skimdb import text_pipeline

N_ROWS, ROWS_PER_BLOCK = int(sys.argv[1]), 10_000
WORDS = np.array([f"w{i}" for i in range(50_000)], dtype=object)

def read_block(seed):
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 2, ROWS_PER_BLOCK)
    ids = np.minimum(rng.zipf(1.3, (ROWS_PER_BLOCK, 8)), len(WORDS)) - 1
    # one word of the text tells its class, most of the time
    ids[:, 3] = 100 + 2 * rng.integers(0, 50, ROWS_PER_BLOCK) + (y ^ (rng.random(len(y)) < 0.05))
    return [" ".join(row) for row in WORDS[ids].tolist()], y

def read_blocks():
    return map(read_block, range(N_ROWS // ROWS_PER_BLOCK))

pipeline = text_pipeline(units=8, random_state=0).set_params(
    vectorizer__n_buckets=2**18, vectorizer__ngram_range=(1, 2), vectorizer__min_df=1,
    vectorizer__count_min_df=1, classifier__batch_size=256,
    classifier__learning_rate_schedule=None,
)
encoder, vectorizer, scaler, classifier = (step for _, step in pipeline.steps)
first, _ = read_block(0)
encoder.fit(first)
vectorizer.fit(encoder.transform(first))
for texts, y in read_blocks():
    scaler.partial_fit(vectorizer.transform(encoder.transform(texts)), y, classes=[0, 1])
for texts, y in read_blocks():
    classifier.partial_fit(pipeline[:-1].transform(texts), y, classes=[0, 1])
texts, y = read_block(10**6)
accuracy = (pipeline.predict(texts) == y).mean()
status = Path("/proc/self/status").read_text()
print(int(re.search(r"VmHWM:\\s*(\\d+) kB", status)[1]) / 1000, accuracy)
"""


@pytest.mark.slow
@pytest.mark.skipif(not os.path.isdir("/proc/self"), reason="reads memory from Linux's /proc")
def test_a_million_texts_take_less_than_two_gigabytes():
    ended = subprocess.run(
        [sys.executable, "-c", TRAIN_ON_A_MILLION_TEXTS, "1000000"],
        capture_output=True,
        text=True,
    )
    assert ended.returncode == 0, ended.stderr
    peak, accuracy = map(float, ended.stdout.split())
    assert peak < 2000
    assert accuracy > 0.85
