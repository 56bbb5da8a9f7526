"""The loaders: any parameters give what Keras's rule gives, and what makes no sense is named."""

from numbers import Integral
from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from property_cases import REFUSED, given_or_refused, no_misuse, nonsense, scaled

from skimdb.datasets import fetch_imdb, fetch_word_index, load_sample_reviews, make_reviews
from skimdb.datasets._generated import LARGEST_INT32

RANKS = {
    "train": [[1, 2, 3], [7], [5, 5, 90], [], [12, 1, 1, 40], [2]],
    "test": [[3, 88, 4], [1, 2], [6, 1, 30, 2, 9], []],
}
LABELS = {"train": [0, 1, 1, 0, 1, 0], "test": [1, 0, 0, 1]}


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """A folder with a tiny imdb.npz, no other data, and a working folder beside it."""
    folder = tmp_path_factory.mktemp("imdb")
    arrays = {}
    for split, rows in RANKS.items():
        arrays[f"x_{split}"] = np.empty(len(rows), dtype=object)
        arrays[f"x_{split}"][:] = rows
        arrays[f"y_{split}"] = np.array(LABELS[split])
    np.savez(folder / "imdb.npz", **arrays)
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("SKIMDB_IMDB_HOME", raising=False)
        patch.chdir(tmp_path_factory.mktemp("work"))
        yield folder


def keras_load_data(
    num_words, skip_top, maxlen, start_char, oov_char, index_from, random_state, subset
):
    """keras.datasets.imdb.load_data, in plain loops: (sequences, labels) of a subset."""
    rng = None if random_state is None else np.random.RandomState(random_state)
    rows = {}
    for split, all_ranks in RANKS.items():
        order = np.arange(len(all_ranks))
        if rng is not None:
            rng.shuffle(order)
        mark = [] if start_char is None else [start_char]
        ids = [mark + [rank + index_from for rank in all_ranks[i]] for i in order]
        pairs = zip(ids, [LABELS[split][i] for i in order], strict=True)
        rows[split] = [(ids, y) for ids, y in pairs if maxlen is None or len(ids) < maxlen]
    if num_words is None:
        num_words = max((i for part in rows.values() for ids, _ in part for i in ids), default=0)
    chosen = [pair for split in rows if subset in (split, "all") for pair in rows[split]]
    for ids, _ in chosen:
        kept = [
            i if skip_top <= i < num_words else oov_char
            for i in ids
            if oov_char is not None or skip_top <= i < num_words
        ]
        ids[:] = kept
    is_complete = all(rows[split] for split in rows if subset in (split, "all"))
    return chosen if is_complete else None


ids = st.integers(0, 95)


@scaled(150)
@given(
    st.fixed_dictionaries(
        {
            "num_words": st.none() | st.integers(1, 95) | st.just(10**30),
            "skip_top": ids | st.just(0) | st.just(10**30),
            "maxlen": st.none() | st.integers(1, 7) | st.just(10**30),
            "start_char": st.none() | ids | st.just(2**31 - 1),
            "oov_char": st.none() | ids | st.just(2**31 - 1),
            "index_from": ids
            | st.just(2**31 - 91)
            | st.sampled_from([np.int8(100), np.uint64(3)]),
            "random_state": st.none() | st.integers(0, 2**32 - 1),
            "subset": st.sampled_from(["train", "test", "all"]),
        }
    )
)
def test_sequences_are_those_of_keras(home, options):
    options["index_from"] = index_from = options["index_from"]
    options["index_from"] = int(index_from)
    expected = keras_load_data(**options)
    options["index_from"] = index_from
    found = given_or_refused(
        lambda: fetch_imdb(**options, data_home=home, return_X_y=True), "maxlen", "index_from"
    )
    if expected is None:
        assert found is REFUSED
        return
    if found is REFUSED:
        # in NumPy's int32, Keras's ids would overflow
        assert index_from == 2**31 - 91
        return
    X, y = found
    assert [row.tolist() for row in X] == [row for row, _ in expected]
    assert y.tolist() == [label for _, label in expected]
    assert {row.dtype for row in X} == {np.dtype(np.int32)}


FETCH_PARAMETERS = [
    "subset",
    "num_words",
    "skip_top",
    "maxlen",
    "start_char",
    "oov_char",
    "index_from",
    "random_state",
    "as_text",
    "download_if_missing",
    "return_X_y",
]


@pytest.mark.parametrize("name", FETCH_PARAMETERS)
@scaled(60)
@given(value=nonsense)
def test_a_parameter_that_makes_no_sense_is_named(home, name, value):
    def fetch():
        try:
            return fetch_imdb(**{"data_home": home, "download_if_missing": False, name: value})
        except OSError:
            # there is no text, which is another matter
            assert name == "as_text"
            assert value

    given_or_refused(fetch, name)


@scaled(150)
@given(nonsense | st.text(st.characters()).map("~".__add__))
def test_a_data_home_that_makes_no_sense_is_named(home, value):
    assume(not isinstance(value, str) or value.strip("./"))
    for fetch in (fetch_imdb, fetch_word_index):
        try:
            result = given_or_refused(
                lambda fetch=fetch: fetch(data_home=value, download_if_missing=False), "data_home"
            )
        except OSError as error:
            assert value is None or "data_home" in str(error) or error.errno  # noqa: PT017
        else:
            assert result is REFUSED


@scaled(60)
@given(nonsense)
def test_switches_that_make_no_sense_are_named(value):
    result = given_or_refused(lambda: load_sample_reviews(return_X_y=value), "return_X_y")
    if result is not REFUSED:
        assert isinstance(result, tuple) == bool(value)
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("SKIMDB_IMDB_HOME", raising=False)
        assume(not isinstance(value, Integral | np.bool_) or not value)
        try:
            given_or_refused(
                lambda: fetch_word_index(download_if_missing=value), "download_if_missing"
            )
        except OSError as error:
            assert "forbids to download" in str(error)  # noqa: PT017


# --- made reviews -----------------------------------------------------------------------------


@scaled(60)
@given(
    st.integers(1, 40),
    st.integers(5, 3000) | st.sampled_from([np.int8(127), np.uint8(255), np.int16(32767)]),
    st.none()
    | st.integers(0, 2**70)
    | st.builds(np.random.RandomState, st.integers(0, 99))
    | st.builds(np.random.default_rng, st.integers(0, 99)),
)
def test_made_reviews_are_what_was_asked_for(n_samples, n_words, random_state):
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
def test_a_request_that_makes_no_sense_is_named(name, value):
    is_large = isinstance(value, Integral) and 10**5 < value <= LARGEST_INT32
    assume(name == "random_state" or not is_large)
    options = {"n_samples": 2, "n_words": 10, name: value}
    result = given_or_refused(lambda: make_reviews(**options), name)
    if result is not REFUSED:
        assert len(result[0]) == options["n_samples"]


def test_sample_reviews_are_text(tmp_path: Path):
    X, y = load_sample_reviews(return_X_y=np.True_)
    assert {type(text) for text in X} == {str}
    assert len(X) == len(y)
