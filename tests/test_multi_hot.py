"""MultiHotVectorizer: any sequences give what a plain loop gives, anything else is refused."""

import copy
import pickle
import re
from collections import Counter
from collections.abc import Iterator
from fractions import Fraction
from itertools import pairwise
from math import isfinite, log

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
import sklearn
from hypothesis import assume, example, given
from hypothesis import strategies as st
from property_cases import REFUSED, given_or_refused, no_misuse, nonsense, scaled
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.pipeline import make_pipeline
from sklearn.utils.estimator_checks import check_estimator

from skimdb import MultiHotVectorizer, WordIndexEncoder
from skimdb.datasets import fetch_imdb, load_sample_reviews, make_reviews

SEQUENCES = [[1, 4, 4, 2], [], [9, 1]]
BINARY = [
    [0, 1, 1, 0, 1, 0, 0, 0, 0, 0],
    [0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
    [0, 1, 0, 0, 0, 0, 0, 0, 0, 1],
]
DEFAULTS = {
    "num_words": None,
    "mode": "binary",
    "handle_unknown": "ignore",
    "oov_char": 2,
    "ngram_range": (1, 1),
    "min_df": 1,
    "max_df": 1.0,
    "max_features": None,
    "count_min_df": 1,
    "n_buckets": None,
    "dtype": np.float32,
    "sparse_output": True,
}
DTYPES = ["float32", "float64", "int8", "uint8", "int64", ">f4", "longdouble"]

ids = st.integers(0, 30)
rows = st.lists(st.lists(ids, max_size=20), min_size=1, max_size=8)


def object_array(items):
    array = np.empty(len(items), dtype=object)
    array[:] = items
    return array


FORMS = {
    "lists": lambda rows: rows,
    "tuples": lambda rows: tuple(map(tuple, rows)),
    "mixed": lambda rows: [tuple(row) if i % 2 else row for i, row in enumerate(rows)],
    "generator": lambda rows: (row for row in rows),
    "iterators": lambda rows: map(iter, rows),
    "dict values": lambda rows: dict(enumerate(rows)).values(),
    "object array": object_array,
    "NumPy integers": lambda rows: [[np.int16(i) for i in row] for row in rows],
    "whole floats": lambda rows: [[float(i) for i in row] for row in rows],
    "fractions": lambda rows: [[Fraction(i) for i in row] for row in rows],
    "Series of lists": lambda rows: pd.Series(rows, dtype=object),
    "list of Series": lambda rows: [pd.Series(row, dtype="Int64") for row in rows],
    "list of memoryviews": lambda rows: [memoryview(np.array(row, np.int64)) for row in rows],
    "masked arrays without a mask": lambda rows: [np.ma.array(row, np.int64) for row in rows],
    **{
        f"arrays of {dtype}": lambda rows, dtype=dtype: [np.array(row, dtype) for row in rows]
        for dtype in ("i4", "i8", ">i4", "u1", "u8", "f4", "O")
    },
}
RECTANGULAR_FORMS = {
    "DataFrame": pd.DataFrame,
    "Fortran order": lambda rows: np.asfortranarray(rows, dtype=np.int64),
    "reversed strides": lambda rows: np.array(rows, np.int32)[::-1, ::-1][::-1, ::-1],
    **{
        f"array of {dtype}": lambda rows, dtype=dtype: np.array(rows, dtype)
        for dtype in ("i1", "u2", "i4", "i8", ">i8", "u8", "f4", "O")
    },
}


def vectorize_sequences(sequences, dimension):
    """The dense loop that goes with Keras's IMDB data."""
    results = np.zeros((len(sequences), dimension))
    for i, sequence in enumerate(sequences):
        results[i, sequence] = 1.0
    return results


def reference(rows, num_words, mode="binary", unknown="ignore", oov_char=2, idf=None):
    """The matrix as a loop over the ids makes it."""
    matrix = np.zeros((len(rows), num_words))
    for i, row in enumerate(rows):
        counts = Counter()
        for number in row:
            if number < num_words:
                counts[number] += 1
            elif unknown == "oov":
                counts[oov_char] += 1
        for number, n in counts.items():
            if mode == "tfidf":
                matrix[i, number] = (1 + log(n)) * idf[number]
            else:
                entries = {"binary": 1, "count": n, "log": 1 + log(n), "freq": n / len(row)}
                matrix[i, number] = entries[mode]
    return matrix


def reference_idf(rows, num_words, **options):
    present = reference(rows, num_words, **options).sum(axis=0)
    return [log(1 + len(rows) / (1 + n)) for n in present]


def test_default_parameters():
    assert MultiHotVectorizer().get_params() == DEFAULTS


@pytest.mark.slow
@scaled(300)
@given(
    rows,
    st.none() | st.integers(1, 40),
    st.sampled_from(["binary", "count", "log", "freq", "tfidf"]),
    st.sampled_from(["ignore", "error", "oov"]),
    st.integers(0, 40),
    st.sampled_from(DTYPES),
    st.booleans(),
    st.sampled_from(sorted(FORMS)),
)
def test_equals_the_plain_loop(rows, num_words, mode, unknown, oov_char, dtype, is_sparse, form):
    vectorizer = MultiHotVectorizer(
        num_words=num_words,
        mode=mode,
        handle_unknown=unknown,
        oov_char=oov_char,
        dtype=dtype,
        sparse_output=is_sparse,
    )
    result = given_or_refused(
        lambda: vectorizer.fit_transform(FORMS[form](rows)), "X", "dtype", "oov_char"
    )
    largest = max((number for row in rows for number in row), default=-1)
    n_columns = largest + 1 if num_words is None else num_words
    is_possible = (
        n_columns > 0
        and not (unknown == "error" and largest >= n_columns)
        and not (unknown == "oov" and oov_char >= n_columns)
        and not (mode in ("log", "freq", "tfidf") and np.dtype(dtype).kind in "iu")
    )
    assert (result is not REFUSED) == is_possible
    if not is_possible:
        return
    idf = reference_idf(rows, n_columns, unknown=unknown, oov_char=oov_char)
    expected = reference(rows, n_columns, mode, unknown, oov_char, idf)
    assert sp.issparse(result) == is_sparse
    assert result.dtype == np.dtype(dtype)
    if is_sparse:
        assert result.indices.dtype == np.int32
        assert result.has_canonical_format
        parts = result.data, result.indices, result.indptr
        assert sp.csr_array(parts, result.shape).has_canonical_format
        result = result.toarray()
    np.testing.assert_allclose(result.astype(float), expected, rtol=1e-6)
    again = vectorizer.transform(rows)
    np.testing.assert_array_equal(again.toarray() if is_sparse else again, result)


def test_equals_the_dense_loop_on_imdb(imdb):
    (X, _), _ = imdb
    result = MultiHotVectorizer(num_words=10_000).fit_transform(X)
    assert result.nnz == 3_292_468
    np.testing.assert_array_equal(result[:500].toarray(), vectorize_sequences(X[:500], 10_000))
    np.testing.assert_array_equal(result.sum(axis=1).A1, [len(np.unique(row)) for row in X])


# --- forms of sequences -----------------------------------------------------------------------


@scaled(100)
@given(
    st.integers(1, 6).flatmap(
        lambda n: st.lists(st.lists(ids, min_size=n, max_size=n), min_size=1, max_size=6)
    ),
    st.sampled_from(sorted(RECTANGULAR_FORMS)),
)
def test_a_table_of_ids_is_its_rows(rows, form):
    result = MultiHotVectorizer(mode="count").fit_transform(RECTANGULAR_FORMS[form](rows))
    expected = MultiHotVectorizer(mode="count").fit_transform(rows)
    np.testing.assert_array_equal(result.toarray(), expected.toarray())


@pytest.mark.parametrize("n_rows", [1, 3])
@scaled(20)
@given(st.data())
def test_columnar_sequences_are_their_rows(n_rows, data):
    pl, pa = pytest.importorskip("polars"), pytest.importorskip("pyarrow")
    rows = data.draw(st.lists(st.lists(ids, max_size=5), min_size=n_rows, max_size=n_rows))
    expected = MultiHotVectorizer(num_words=31).transform(rows).toarray()
    arrow = pa.array(rows, pa.list_(pa.int64()))
    for X in (
        arrow,
        pa.chunked_array([arrow.slice(0, 1), arrow.slice(1)]),
        pa.array(rows, pa.large_list(pa.uint16())),
        [pa.array(row, pa.int32()) for row in rows],
        pd.Series(rows, dtype=pd.ArrowDtype(pa.list_(pa.int64()))),
        pl.Series(rows, dtype=pl.List(pl.Int64)),
        pl.Series(rows, dtype=pl.List(pl.UInt8)),
    ):
        result = MultiHotVectorizer(num_words=31).transform(X)
        np.testing.assert_array_equal(result.toarray(), expected)
    with_none = [*rows, [None]]
    for X in (pa.array(with_none), pa.array([*rows, None]), pl.Series(with_none)):
        with pytest.raises(TypeError, match=r"X must hold .*None"):
            MultiHotVectorizer(num_words=31).transform(X)


def test_tables_of_polars_are_read_by_rows():
    pl = pytest.importorskip("polars")
    table = pl.DataFrame({"a": [1, 2], "b": [3, 3], "c": [0, 1]})
    X = MultiHotVectorizer().fit_transform(table)
    np.testing.assert_array_equal(X.toarray(), [[1, 1, 0, 1], [0, 1, 1, 1]])


@scaled(100)
@given(rows, st.data())
def test_a_bool_among_ids_is_refused(rows, data):
    i = data.draw(st.integers(0, len(rows) - 1))
    j = data.draw(st.integers(0, len(rows[i])))
    rows[i].insert(j, data.draw(st.sampled_from([True, False, np.True_])))
    form = data.draw(st.sampled_from(["lists", "tuples", "mixed", "generator", "Series of lists"]))
    with pytest.raises(TypeError, match=f"X must hold integer ids, got .*(True|False).* row {i}"):
        MultiHotVectorizer(num_words=31).transform(FORMS[form](rows))


@pytest.mark.parametrize("num_words", [3, 10], ids=["more ids than columns", "fewer"])
@pytest.mark.parametrize(
    "make",
    [
        lambda: np.array([[3, 1], [2, 0]], dtype=np.int32),
        lambda: np.array([[3, 1], [2, 0]], dtype=np.int64),
        lambda: object_array([np.array([3, 1, 1], np.int32), np.array([2, 0], np.int32)]),
        lambda: [np.array([3, 1, 1], np.int32)],
        lambda: [[3, 1], [2, 0]],
        lambda: WordIndexEncoder(vocabulary={"a": 2, "b": 1}).fit_transform(["a b a"]),
    ],
    ids=["int32", "int64", "object array", "one array", "lists", "encoder"],
)
def test_the_sequences_stay_as_they_were(make, num_words):
    X, before = make(), copy.deepcopy(make())
    for unknown in ("ignore", "oov"):
        vectorizer = MultiHotVectorizer(num_words=num_words, handle_unknown=unknown)
        vectorizer.fit_transform(X)
        vectorizer.transform(X)
    for row, row_before in zip(X, before, strict=True):
        np.testing.assert_array_equal(row, row_before)


# --- what an encoder returns, changed by the user ---------------------------------------------

WORDS = [f"w{i}" for i in range(9)]


@st.composite
def changes(draw):
    """Return the name of a change and a function that makes it in an array of sequences."""
    number = st.integers(0, 99)
    name = draw(st.sampled_from(sorted(CHANGES)))
    return name, CHANGES[name](draw(number), draw(number), draw(st.lists(ids, max_size=4)))


def assign_row(i, _, row):
    def change(X):
        X[i % len(X)] = row
        return X

    return change


def assign_array(i, _, row):
    return assign_row(i, _, np.array(row, dtype=np.int32))


def swap(i, j, _):
    def change(X):
        i_row, j_row = X[i % len(X)], X[j % len(X)]
        X[i % len(X)], X[j % len(X)] = j_row, i_row
        return X

    return change


def change_value(i, value, _):
    def change(X):
        row = X[i % len(X)]
        if len(row):
            row[0] = value
        return X

    return change


def sort_row(i, *_):
    def change(X):
        X[i % len(X)].sort()
        return X

    return change


def assign_to_flat(i, _, row):
    def change(X):
        X.reshape(-1)[i % len(X)] = row
        return X

    return change


CHANGES = {
    "nothing": lambda *_: lambda X: X,
    "assign a list": assign_row,
    "assign an array": assign_array,
    "assign through a view": assign_to_flat,
    "swap": swap,
    "shuffle": lambda seed, *_: lambda X: np.random.default_rng(seed).shuffle(X) or X,
    "change a value": change_value,
    "sort a row": sort_row,
    "fill": lambda i, *_: lambda X: X.fill(X[i % len(X)]) or X,
    "copy": lambda *_: lambda X: X.copy(),
    "deep copy": lambda *_: lambda X: copy.deepcopy(X),
    "reverse": lambda *_: lambda X: X[::-1],
    "part": lambda i, *_: lambda X: X[i % len(X) :],
    "choose": lambda i, j, _: lambda X: X[[i % len(X), j % len(X), 0]],
    "join": lambda *_: lambda X: np.concatenate([X, X[:1]]),
    "repeat": lambda *_: lambda X: np.repeat(X, 2),
    "transpose": lambda *_: lambda X: X.reshape(1, -1).T.ravel(),
}


@pytest.mark.slow
@scaled(300)
@given(
    st.lists(st.lists(st.sampled_from(WORDS), max_size=5).map(" ".join), min_size=1, max_size=5),
    st.lists(changes(), max_size=4),
)
def test_the_matrix_follows_any_change_of_the_sequences(texts, changes):
    encoder = WordIndexEncoder(vocabulary={word: i for i, word in enumerate(WORDS, start=1)})
    changed, plain = encoder.fit_transform(texts), np.array(encoder.fit_transform(texts))
    assert type(plain) is np.ndarray
    for _, change in changes:
        changed, plain = change(changed), change(plain)
    as_lists = [[*row] for row in plain]
    assert [[*row] for row in changed] == as_lists
    vectorizer = MultiHotVectorizer(num_words=20, mode="count")
    expected = vectorizer.transform(as_lists)
    for X in (changed, plain):
        result = vectorizer.transform(X)
        np.testing.assert_array_equal(result.indptr, expected.indptr)
        np.testing.assert_array_equal(result.indices, expected.indices)
        np.testing.assert_array_equal(result.data, expected.data)
    assert encoder.inverse_transform(changed).tolist() == (
        encoder.inverse_transform(as_lists).tolist()
    )


@pytest.mark.parametrize("value", [-1, -(2**31)])
def test_a_negative_id_put_into_encoded_texts_is_refused(value):
    encoder = WordIndexEncoder(vocabulary={"a": 1}).fit()
    X = encoder.transform(["a", "a a"])
    X[1][2] = value
    for call in (MultiHotVectorizer(num_words=9).transform, encoder.inverse_transform):
        with pytest.raises(ValueError, match=f"ids of 0 and above, got {value} in row 1"):
            call(X)


# NumPy 2.5 takes an assignment of the shape, but would rather not
@pytest.mark.filterwarnings("ignore:Setting the shape:DeprecationWarning")
def test_encoded_texts_put_into_a_table_are_refused():
    X = WordIndexEncoder(vocabulary={"a": 1}).fit_transform(["a", "a a"])
    with pytest.raises(ValueError, match="X must hold flat sequences of ids"):
        MultiHotVectorizer(num_words=9).transform(X.reshape(1, 2))
    X.shape = (2, 1)
    with pytest.raises(ValueError, match="X must hold flat sequences of ids"):
        MultiHotVectorizer(num_words=9).transform(X)


def test_no_encoded_texts_are_refused():
    X = WordIndexEncoder(vocabulary={"a": 1}).fit_transform([])
    with pytest.raises(ValueError, match="X must hold at least one sequence, got none"):
        MultiHotVectorizer(num_words=9).transform(X)


# --- parameters -------------------------------------------------------------------------------


def test_number_of_columns_comes_from_the_data_or_the_parameter():
    assert MultiHotVectorizer().fit(SEQUENCES).num_words_ == 10
    assert MultiHotVectorizer(num_words=5).fit(SEQUENCES).num_words_ == 5
    names = MultiHotVectorizer(num_words=3).fit(SEQUENCES).get_feature_names_out()
    assert names.tolist() == ["id0", "id1", "id2"]
    assert names.dtype == object


@pytest.mark.parametrize(
    ("mode", "expected"),
    [
        ("binary", [1, 1, 1]),
        ("count", [1, 1, 2]),
        ("freq", [0.25, 0.25, 0.5]),
        (
            "tfidf",
            [np.log(1 + 3 / 3), np.log(1 + 3 / 2), (1 + np.log(2)) * np.log(1 + 3 / 2)],
        ),
    ],
)
def test_modes(mode, expected):
    result = MultiHotVectorizer(mode=mode).fit_transform(SEQUENCES)
    np.testing.assert_allclose(result.toarray()[0, [1, 2, 4]], expected, rtol=1e-6)
    assert result.shape == (3, 10)
    assert result[1].nnz == 0


def test_frequency_counts_ids_without_a_column_in_the_length():
    result = MultiHotVectorizer(num_words=5, mode="freq").transform([[1, 7, 8, 9]])
    assert result[0, 1] == 0.25


def test_tfidf_weights_come_from_fit():
    vectorizer = MultiHotVectorizer(mode="tfidf").fit(SEQUENCES)
    np.testing.assert_allclose(vectorizer.transform([[4]])[0, 4], np.log(1 + 3 / 2), rtol=1e-6)


def test_many_repeats_of_an_id_are_one_entry():
    result = MultiHotVectorizer().fit_transform([[3] * 256, [3] * 512])
    np.testing.assert_array_equal(result.toarray(), [[0, 0, 0, 1], [0, 0, 0, 1]])


def test_unknown_ids():
    X = [[1, 4, 7], [8, 9]]
    ignored = MultiHotVectorizer(num_words=5).transform(X)
    np.testing.assert_array_equal(ignored.toarray(), [[0, 1, 0, 0, 1], [0, 0, 0, 0, 0]])
    replaced = MultiHotVectorizer(num_words=5, handle_unknown="oov").transform(X)
    np.testing.assert_array_equal(replaced.toarray(), [[0, 1, 1, 0, 1], [0, 0, 1, 0, 0]])
    strict = MultiHotVectorizer(num_words=5, handle_unknown="error")
    with pytest.raises(ValueError, match=r"X must hold ids below num_words=5 .*got 7 in row 0"):
        strict.transform(X)


def test_unknown_ids_need_a_column_to_stand_for_them():
    vectorizer = MultiHotVectorizer(handle_unknown="oov", oov_char=5)
    with pytest.raises(ValueError, match="oov_char must be below num_words=2, got 5"):
        vectorizer.fit([[0, 1]])
    fitted = vectorizer.set_params(oov_char=1).fit([[0, 1]])
    np.testing.assert_array_equal(fitted.transform([[7, 8]]).toarray(), [[0, 1]])


def test_counts_must_fit_their_type():
    vectorizer = MultiHotVectorizer(mode="count", dtype=np.int8)
    assert vectorizer.fit_transform([[1] * 127])[0, 1] == 127
    with pytest.raises(ValueError, match=r"dtype must hold counts up to 300, got .*ends at 127"):
        vectorizer.fit([[1] * 300])


def test_counts_that_a_type_does_not_tell_from_others_are_refused():
    sequences = [[0] * 2049]
    counts = MultiHotVectorizer(num_words=1, mode="count", dtype="float16", sparse_output=False)
    with pytest.raises(ValueError, match=r"dtype must hold counts up to 2049, .* ends at 2048"):
        counts.fit_transform(sequences)
    assert counts.fit_transform([[0] * 2048]).tolist() == [[2048]]
    assert counts.set_params(mode="freq").fit_transform(sequences).tolist() == [[1]]


def test_half_precision_is_for_dense_output_alone():
    half = MultiHotVectorizer(dtype=np.float16, sparse_output=False)
    assert half.fit_transform(SEQUENCES).dtype == np.float16
    message = "^dtype must be one that SciPy's sparse matrices have, unless sparse_output is False"
    with pytest.raises(ValueError, match=message):
        half.set_params(sparse_output=True).fit(SEQUENCES)


def test_sparse_class_follows_scikit_learns_setting():
    vectorizer = MultiHotVectorizer()
    assert isinstance(vectorizer.fit_transform(SEQUENCES), sp.csr_matrix)
    if "sparse_interface" in sklearn.get_config():
        with sklearn.config_context(sparse_interface="sparray"):
            assert isinstance(vectorizer.transform(SEQUENCES), sp.csr_array)


def test_is_stateless_once_the_number_of_columns_is_given():
    result = MultiHotVectorizer(num_words=10).transform(SEQUENCES)
    np.testing.assert_array_equal(result.toarray(), BINARY)
    with pytest.raises(NotFittedError):
        MultiHotVectorizer().transform(SEQUENCES)
    with pytest.raises(NotFittedError):
        MultiHotVectorizer(num_words=10, mode="tfidf").transform(SEQUENCES)
    counting = MultiHotVectorizer(num_words=10, mode="count").fit(SEQUENCES)
    with pytest.raises(NotFittedError):
        counting.set_params(mode="tfidf").transform(SEQUENCES)


EXPECTED_FAILURES = {"check_transformer_general": "rows may have other lengths than in fit"}
if sklearn.__version__.startswith("1.6."):
    EXPECTED_FAILURES["check_positive_only_tag_during_fit"] = "subtracts floats from integers"


@pytest.mark.slow
@pytest.mark.parametrize(
    "options",
    [{}, {"num_words": 9}, {"mode": "tfidf"}, {"ngram_range": (1, 2)}, {"n_buckets": 64}],
)
def test_scikit_learn_checks(options):
    vectorizer = MultiHotVectorizer(**options)
    results = check_estimator(
        vectorizer, expected_failed_checks=EXPECTED_FAILURES, on_skip=None, on_fail="raise"
    )
    assert sum(result["status"] == "passed" for result in results) > 30


def test_tags():
    tags = MultiHotVectorizer().__sklearn_tags__()
    assert tags.input_tags.two_d_array
    assert tags.input_tags.categorical
    assert tags.input_tags.positive_only
    assert tags.requires_fit
    assert not MultiHotVectorizer(num_words=5).__sklearn_tags__().requires_fit


# --- there and back ---------------------------------------------------------------------------

MATRIX_FORMS = {
    "CSR": lambda X: X,
    "dense": lambda X: X.toarray(),
    "lists": lambda X: X.toarray().tolist(),
    "DataFrame": lambda X: pd.DataFrame(X.toarray()),
    "bool": lambda X: X.astype(bool),
    "int64 indices": lambda X: sp.csr_array(
        (X.data, *map(np.int64, (X.indices, X.indptr))), X.shape
    ),
    "halves twice": lambda X: sp.coo_array(
        (np.tile(X.data / 2, 2), [np.tile(axis, 2) for axis in X.nonzero()]), X.shape
    ),
    "unsorted": lambda X: sp.csr_array(X)[:, ::-1][:, ::-1],
    **{
        name: lambda X, name=name: X.asformat(name)
        for name in ("csc", "coo", "bsr", "lil", "dok", "dia")
    },
}


@scaled(200)
@given(
    rows,
    st.integers(1, 40),
    st.sampled_from(["binary", "count"]),
    st.sampled_from(sorted(MATRIX_FORMS)),
)
def test_ids_come_back(rows, num_words, mode, form):
    vectorizer = MultiHotVectorizer(num_words=num_words, mode=mode)
    X = MATRIX_FORMS[form](vectorizer.transform(rows))
    with no_misuse():
        back = vectorizer.inverse_transform(X)
    assert [row.tolist() for row in back] == [
        sorted({number for number in row if number < num_words}) for row in rows
    ]


def test_inverse_transform_wants_its_columns():
    vectorizer = MultiHotVectorizer(num_words=10)
    with pytest.raises(ValueError, match="X must have 10 columns, got 3"):
        vectorizer.inverse_transform(np.zeros((1, 3)))
    assert vectorizer.inverse_transform(np.zeros((0, 10))).shape == (0,)


def test_inverse_transform_leaves_the_matrix_as_it_was():
    X = sp.csr_array(([1.0, 2.0, 0.0], [1, 1, 0], [0, 3]), shape=(1, 2))
    assert MultiHotVectorizer(num_words=2).inverse_transform(X)[0].tolist() == [1]
    assert X.data.tolist() == [1, 2, 0]
    assert X.indices.tolist() == [1, 1, 0]


def test_entries_that_cancel_out_are_no_ids():
    X = sp.csr_array(([1.0, -1.0, 1.0], [0, 0, 1], [0, 3]), shape=(1, 3))
    assert MultiHotVectorizer(num_words=3).inverse_transform(X)[0].tolist() == [1]


@pytest.mark.parametrize(
    ("X", "message"),
    [
        ([[0, np.nan]], "^X: Input X contains NaN"),
        (np.ma.array([[0, 1]], mask=[[0, 1]]), "^X must have no masked entries"),
        (
            sp.csr_array((np.ones(1), np.array([9]), np.array([0, 1])), shape=(1, 2)),
            "^X: indices must be < 2",
        ),
    ],
    ids=["NaN", "masked", "wrong index"],
)
def test_inverse_transform_names_what_is_no_matrix(X, message):
    with pytest.raises(ValueError, match=message):
        MultiHotVectorizer(num_words=2).inverse_transform(X)


@scaled(200)
@given(nonsense)
def test_inverse_transform_takes_nothing_but_its_columns(X):
    result = given_or_refused(lambda: MultiHotVectorizer(num_words=2).inverse_transform(X), "X")
    if result is not REFUSED:
        values = X.toarray() if sp.issparse(X) else np.asarray(X)
        assert [row.tolist() for row in result] == [np.flatnonzero(row).tolist() for row in values]


# --- n-grams ----------------------------------------------------------------------------------

few_ids = st.integers(0, 5)
repetitive = st.lists(st.lists(few_ids, max_size=12), min_size=1, max_size=8)
ranges = st.tuples(st.integers(1, 4), st.integers(1, 4)).map(lambda pair: tuple(sorted(pair)))
limits = {
    "min_df": st.integers(1, 4) | st.floats(0, 1),
    "max_df": st.integers(1, 8) | st.floats(0, 1),
    "max_features": st.none() | st.integers(1, 12),
}


def ngrams_of(row, shortest, longest):
    return [
        tuple(row[i : i + n])
        for n in range(shortest, longest + 1)
        for i in range(len(row) - n + 1)
    ]


def columns_of(vectorizer):
    """The n-gram of each column, without what fills it up."""
    assert vectorizer.ngrams_.dtype == np.int32
    return [
        tuple(number for number in ngram if number >= 0) for ngram in vectorizer.ngrams_.tolist()
    ]


def is_canonical(X):
    """Whether indices are sorted and none stands twice, whatever the flag says."""
    rows = (X.indices[start:stop] for start, stop in pairwise(X.indptr))
    return X.has_canonical_format and all((np.diff(row) > 0).all() for row in rows)


NO_NGRAMS = "empty vocabulary|no terms remain|max_df corresponds to < documents than min_df"


def fit_count_vectorizer(rows, **options):
    """Fit scikit-learn's CountVectorizer, which wants texts; None if it finds no n-gram."""
    counter = CountVectorizer(
        tokenizer=lambda row: [*map(str, row)], lowercase=False, token_pattern=None, **options
    )
    try:
        return counter, counter.fit_transform(rows)
    except ValueError as error:
        if not re.search(NO_NGRAMS, str(error)):
            raise
        return None, None


@pytest.mark.slow
@scaled(500)
@given(
    repetitive,
    ranges,
    st.fixed_dictionaries({}, optional=limits),
    st.sampled_from(["binary", "count"]),
)
def test_ngrams_are_those_of_count_vectorizer(rows, ngram_range, limits, mode):
    is_binary = mode == "binary"
    counter, expected = fit_count_vectorizer(
        rows, ngram_range=ngram_range, binary=is_binary, **limits
    )
    # with a number, ids that no row has are no error
    vectorizer = MultiHotVectorizer(num_words=6, mode=mode, ngram_range=ngram_range, **limits)
    # without n-grams or limits there is one column an id; 1 is one row, 1.0 is all of them
    min_df, max_df = limits.get("min_df", 1), limits.get("max_df", 1.0)
    limits_are_default = (min_df, type(min_df), max_df, type(max_df)) == (1, int, 1, float)
    assume(
        ngram_range != (1, 1) or not limits_are_default or limits.get("max_features") is not None
    )
    with no_misuse():
        result = given_or_refused(
            lambda: vectorizer.fit_transform(rows), "min_df", "max_df", "ngram_range"
        )
    assert (result is REFUSED) == (counter is None)
    if counter is None:
        return
    assert is_canonical(result)
    assert result.dtype == np.float32
    assert result.indices.dtype == result.indptr.dtype == np.int32
    names = vectorizer.get_feature_names_out([*map(str, range(6))]).tolist()
    assert len(names) == len({*names}) == result.shape[1] == len(vectorizer.ngrams_)
    expected_names = counter.get_feature_names_out().tolist()
    if limits.get("max_features") is not None and {*names} != {*expected_names}:
        # among equally frequent n-grams each takes its own
        totals = sorted(expected.sum(axis=0).tolist()[0])
        assert sorted(result.sum(axis=0).tolist()[0]) == totals
        return
    assert {*names} == {*expected_names}
    order = [names.index(name) for name in expected_names]
    np.testing.assert_array_equal(result.toarray()[:, order], expected.toarray())
    np.testing.assert_array_equal(vectorizer.transform(rows).toarray(), result.toarray())


@pytest.mark.slow
@scaled(200)
@given(repetitive, repetitive, ranges)
def test_other_rows_have_the_columns_of_fit(rows, new, ngram_range):
    counter, _ = fit_count_vectorizer(rows, ngram_range=ngram_range, min_df=2)
    assume(counter is not None)
    vectorizer = MultiHotVectorizer(num_words=6, mode="count", ngram_range=ngram_range, min_df=2)
    names = vectorizer.fit(rows).get_feature_names_out([*map(str, range(6))]).tolist()
    order = [names.index(name) for name in counter.get_feature_names_out()]
    result = vectorizer.transform(new)
    assert is_canonical(result)
    np.testing.assert_array_equal(result.toarray()[:, order], counter.transform(new).toarray())


@scaled(100)
@given(
    st.lists(st.lists(st.sampled_from("abcdé"), max_size=6), min_size=1, max_size=5),
    ranges,
    st.sampled_from([None, 1, 3]),
    st.sampled_from([None, 2]),
    st.sampled_from(["ignore", "oov"]),
)
def test_ngrams_of_texts_with_start_marks_and_unknown_words(
    rows, ngram_range, start_char, oov_char, handle_unknown
):
    # "a" is known, "b" is cut off by num_words, the others have no rank
    vocabulary, texts = {"a": 1, "b": 2}, [*map(" ".join, rows)]
    encoder = WordIndexEncoder(
        vocabulary=vocabulary,
        num_words=5,
        start_char=start_char,
        oov_char=oov_char,
        handle_unknown=handle_unknown if oov_char else "ignore",
    )
    left_out = None if handle_unknown == "ignore" else oov_char
    id_of = {"a": 4, "b": oov_char, "c": left_out, "d": left_out, "é": left_out}
    start = [] if start_char is None else [start_char]
    ids = [[*start, *(id_of[word] for word in row if id_of[word] is not None)] for row in rows]
    counts = [Counter(ngrams_of(row, *ngram_range)) for row in ids]
    assume(any(counts) and ngram_range != (1, 1))
    vectorizer = MultiHotVectorizer(mode="count", ngram_range=ngram_range)
    X = make_pipeline(encoder, vectorizer).fit_transform(texts)
    assert {*columns_of(vectorizer)} == {ngram for row in counts for ngram in row}
    expected = [[row[ngram] for ngram in columns_of(vectorizer)] for row in counts]
    np.testing.assert_array_equal(X.toarray(), expected)


@pytest.mark.slow
@scaled(200)
@given(repetitive, ranges, st.integers(1, 3))
def test_columns_come_in_the_order_of_rows_length_and_ids(rows, ngram_range, min_df):
    n_rows = Counter(ngram for row in rows for ngram in {*ngrams_of(row, *ngram_range)})
    expected = sorted(
        (ngram for ngram, n in n_rows.items() if n >= min_df),
        key=lambda ngram: (-n_rows[ngram], len(ngram), ngram),
    )
    assume(expected)
    vectorizer = MultiHotVectorizer(ngram_range=ngram_range, min_df=min_df)
    # ids of any size, and more columns than one digit of the sort
    for shift in (0, 2**31 - 7, 300):
        if (ngram_range, min_df) == ((1, 1), 1):
            continue
        fitted = clone(vectorizer).fit([[number + shift for number in row] for row in rows])
        columns = [tuple(number - shift for number in ngram) for ngram in columns_of(fitted)]
        assert columns == expected
        assert fitted.ngrams_.shape == (len(expected), ngram_range[1])


def test_an_example_of_columns():
    vectorizer = MultiHotVectorizer(ngram_range=(1, 2), mode="count")
    X = vectorizer.fit_transform([[7, 3, 7, 3], [3, 7], [], [9]])
    assert columns_of(vectorizer) == [(3,), (7,), (3, 7), (9,), (7, 3)]
    assert X.toarray().tolist() == [[2, 2, 1, 0, 2], [1, 1, 1, 0, 0], [0] * 5, [0, 0, 0, 1, 0]]
    assert vectorizer.num_words_ == 10
    names = vectorizer.get_feature_names_out()
    assert names.tolist() == ["id3", "id7", "id3 id7", "id9", "id7 id3"]
    assert names.dtype == object
    names = vectorizer.get_feature_names_out(["", "", "", "not", "", "", "", "bad"])
    assert names.tolist() == ["not", "bad", "not bad", "id9", "bad not"]


def test_one_is_a_row_and_one_point_zero_all_rows():
    rows = [[1, 2], [1, 3]]
    assert columns_of(MultiHotVectorizer(min_df=1.0).fit(rows)) == [(1,)]
    assert columns_of(MultiHotVectorizer(max_df=1).fit(rows)) == [(2,), (3,)]
    # without n-grams or limits there is one column an id
    plain = MultiHotVectorizer(min_df=1, max_df=1.0).fit(rows)
    assert plain.transform(rows).shape == (2, 4)
    assert not hasattr(plain, "ngrams_")


def test_max_features_takes_the_most_frequent():
    rows = [[5, 5, 5, 5], [1, 2], [1, 2], [1]]
    most = MultiHotVectorizer(max_features=2)
    # in mode "binary" those in most rows, in other modes those that occur most often
    assert columns_of(most.fit(rows)) == [(1,), (2,)]
    assert columns_of(most.set_params(mode="count").fit(rows)) == [(1,), (5,)]
    assert most.fit_transform(rows).toarray().tolist() == [[0, 4], [1, 0], [1, 0], [1, 0]]
    assert columns_of(most.set_params(max_features=99).fit(rows)) == [(1,), (2,), (5,)]


@pytest.mark.slow
@scaled(200)
@given(
    repetitive,
    ranges,
    st.integers(2, 9) | st.floats(0, 1),
    st.sampled_from(["binary", "count", "log", "freq", "tfidf"]),
)
def test_repetitions_count_in_common_columns_only(rows, ngram_range, limit, mode):
    assume(any(len(row) >= ngram_range[0] for row in rows))
    options = {"mode": mode, "ngram_range": ngram_range}
    vectorizer = MultiHotVectorizer(count_min_df=limit, **options)
    X = vectorizer.fit_transform(rows)
    assert is_canonical(X)
    # min_df=0.0 makes columns of n-grams even of single ids without limits
    counted = MultiHotVectorizer(min_df=0.0, **options)
    expected = counted.fit_transform(rows).toarray()
    assert columns_of(vectorizer) == columns_of(counted)
    n_rows = (expected > 0).sum(axis=0)
    fewest = limit * len(rows) if isinstance(limit, float) else limit
    assert vectorizer.n_counted_ == (n_rows >= fewest).sum()
    once = MultiHotVectorizer(min_df=0.0, **{**options, "mode": "binary"}).fit_transform(rows)
    lengths = np.array([max(len(row), 1) for row in rows])[:, np.newaxis]
    weights = {"freq": 1 / lengths, "tfidf": getattr(counted, "idf_", None)}
    rare = once.toarray() * weights.get(mode, 1)
    expected = np.where(n_rows >= fewest, expected, rare).astype(np.float32)
    np.testing.assert_allclose(X.toarray(), expected, rtol=1e-6)
    np.testing.assert_array_equal(vectorizer.transform(rows).toarray(), X.toarray())


def test_repetitions_by_hand():
    rows = [[1, 1, 4], [1, 4, 4], [5, 5, 5]]
    vectorizer = MultiHotVectorizer(mode="count", count_min_df=2)
    # a limit makes fit learn which ids there are
    assert vectorizer.__sklearn_tags__().requires_fit
    assert columns_of(vectorizer.fit(rows)) == [(1,), (4,), (5,)]
    assert vectorizer.n_counted_ == 2
    assert vectorizer.transform([[1, 1, 4, 5, 5]]).toarray().tolist() == [[2, 1, 1]]
    # a fraction of three sequences, not of those to transform
    vectorizer.set_params(count_min_df=0.5).fit(rows)
    assert vectorizer.transform([[5, 5]]).toarray().tolist() == [[0, 0, 1]]
    vectorizer.set_params(count_min_df=0.3).fit(rows)
    assert vectorizer.transform([[5, 5]]).toarray().tolist() == [[0, 0, 2]]
    # repetitions that do not count do not make an id frequent
    most = MultiHotVectorizer(mode="log", max_features=1)
    rows = [[7] * 9, [3], [3]]
    assert columns_of(most.fit(rows)) == [(7,)]
    assert columns_of(most.set_params(count_min_df=2).fit(rows)) == [(3,)]


def test_a_fit_forgets_what_other_parameters_made_it_learn():
    rows = [[1, 2], [1, 3]]
    vectorizer = MultiHotVectorizer(ngram_range=(1, 2), mode="tfidf").fit(rows)
    vectorizer.set_params(ngram_range=(1, 1), mode="count").fit(rows)
    assert {name for name in vars(vectorizer) if name.endswith("_")} == {"num_words_"}


def test_a_wrong_range_of_lengths_can_be_displayed():
    vectorizer = MultiHotVectorizer(ngram_range=3)
    assert "ngram_range=3" in vectorizer._repr_html_()
    with pytest.raises(TypeError, match="ngram_range must be a pair of ints, got 3"):
        vectorizer.fit([[1]])


@pytest.mark.parametrize("n_ids", [4_000_000, 4_000_001])
def test_min_df_auto_grows_with_the_ids(n_ids):
    rows = [np.full(n_ids - 4, 7), [8, 7, 9, 8]]
    fitted = MultiHotVectorizer(min_df="auto").fit(rows)
    assert columns_of(fitted) == ([(7,), (8,), (9,)] if n_ids == 4_000_000 else [(7,)])


@scaled(100)
@given(
    repetitive,
    ranges.filter(lambda pair: pair != (1, 1)),
    st.sampled_from(["log", "freq", "tfidf"]),
)
def test_other_modes_weigh_the_counts_of_ngrams(rows, ngram_range, mode):
    options = {"ngram_range": ngram_range, "num_words": 6}
    assume(any(len(row) >= ngram_range[0] for row in rows))
    counts = MultiHotVectorizer(mode="count", **options).fit_transform(rows).toarray()
    result = MultiHotVectorizer(mode=mode, dtype=float, **options).fit_transform(rows)
    assert is_canonical(result)
    if mode == "freq":
        expected = counts / np.maximum([[len(row)] for row in rows], 1)
    else:
        expected = np.where(counts > 0, 1 + np.log(np.maximum(counts, 1)), 0)
    if mode == "tfidf":
        expected *= np.log(1 + len(rows) / (1 + (counts > 0).sum(axis=0)))
    np.testing.assert_allclose(result.toarray(), expected, rtol=1e-6)


def test_weights_of_ngrams_come_from_fit():
    vectorizer = MultiHotVectorizer(ngram_range=(2, 2), mode="tfidf", dtype=float)
    vectorizer.fit([[1, 2, 3], [1, 2], [4]])
    assert columns_of(vectorizer) == [(1, 2), (2, 3)]
    np.testing.assert_allclose(vectorizer.idf_, np.log([1 + 3 / 3, 1 + 3 / 2]))
    expected = [[(1 + np.log(2)) * np.log(2), 0]]
    np.testing.assert_allclose(vectorizer.transform([[1, 2, 1, 2]]).toarray(), expected)


@pytest.mark.parametrize("n_buckets", [None, 2**20])
def test_unknown_ids_within_ngrams(n_buckets):
    options = {"num_words": 5, "ngram_range": (2, 2), "n_buckets": n_buckets}
    rows = [[1, 9, 4], [7], [8, 2]]

    def transform(rows, **more):
        vectorizer = MultiHotVectorizer(**options, **more)
        # all pairs of known ids have a column
        vectorizer.fit([[i, j] for i in range(5) for j in range(5)])
        return vectorizer.transform(rows).toarray()

    np.testing.assert_array_equal(transform(rows), transform([[1, 4], [], [2]]))
    replaced = transform(rows, handle_unknown="oov", oov_char=3)
    np.testing.assert_array_equal(replaced, transform([[1, 3, 4], [3], [3, 2]]))
    assert replaced.sum() == 3
    with pytest.raises(ValueError, match=r"ids below num_words=5 .* got 9 in row 0"):
        transform(rows, handle_unknown="error")
    with pytest.raises(ValueError, match="oov_char must be below num_words=5, got 5"):
        transform(rows, handle_unknown="oov", oov_char=5)


def test_ids_that_fit_has_not_seen_are_unknown():
    fitted = MultiHotVectorizer(ngram_range=(1, 2), handle_unknown="error").fit([[1, 2]])
    with pytest.raises(ValueError, match=r"ids below num_words=3 .* got 3 in row 1"):
        fitted.transform([[1], [3]])
    # those below are known, and in no n-gram
    assert fitted.transform([[0, 1, 1]]).toarray().tolist() == [[1, 0, 0]]


@pytest.mark.parametrize("options", [{"ngram_range": (1, 2)}, {"min_df": 2}, {"n_buckets": 9}])
def test_ids_of_ngrams_are_within_32_bits(options):
    rows = [[1], [2**31 - 2] * 2, [2**31 - 2]]
    expected = MultiHotVectorizer(**options).fit_transform([[1], [2, 2], [2]])
    result = MultiHotVectorizer(**options).fit_transform(rows)
    if "n_buckets" not in options:
        np.testing.assert_array_equal(result.toarray(), expected.toarray())
    for largest in (2**31 - 1, 2**40):
        message = f"X must hold ids below 2147483647 for n-grams, got {largest} in row 1"
        with pytest.raises(ValueError, match=message):
            MultiHotVectorizer(**options).fit([[1], [largest]])
        # what is left out may be of any size
        fitted = MultiHotVectorizer(num_words=9, **options).fit([[1, 3], [1]])
        assert fitted.transform([[largest, 1]]).sum() == 1


@pytest.mark.parametrize(
    ("rows", "options", "message"),
    [
        ([[1], [2]], {"ngram_range": (2, 3)}, r"X must hold an n-gram of ngram_range=\(2, 3\)"),
        ([[1], [2]], {"min_df": 2}, "X must hold an n-gram .* min_df=2 and max_df=1.0, got none"),
        ([[1], [1]], {"max_df": 1}, "X must hold an n-gram .* max_df=1, got none"),
        ([[], []], {"num_words": 5, "min_df": 2}, "X must hold an n-gram"),
        ([[], []], {"min_df": 2}, "X must hold at least one id"),
        ([[1]], {"min_df": 2, "max_df": 1}, "max_df must not be below min_df for 1 sequences"),
        ([[1]] * 9, {"min_df": 0.5, "max_df": 4}, "max_df must not be below min_df for 9 seq"),
    ],
)
def test_without_columns_there_is_an_error(rows, options, message):
    with pytest.raises(ValueError, match=message):
        MultiHotVectorizer(**options).fit(rows)


def test_ngrams_come_back():
    vectorizer = MultiHotVectorizer(ngram_range=(1, 2), mode="count")
    X = vectorizer.fit_transform([[1, 2, 1], [], [2]])
    back = vectorizer.inverse_transform(X)
    assert [{*map(tuple, ngrams.tolist())} for ngrams in back] == [
        {(1, -1), (2, -1), (1, 2), (2, 1)},
        set(),
        {(2, -1)},
    ]
    assert {ngrams.shape[1] for ngrams in back} == {2}
    with pytest.raises(ValueError, match="X must have 4 columns, got 3"):
        vectorizer.inverse_transform(X[:, :3])


def test_ngrams_need_fit():
    limits = ({"min_df": 2}, {"max_features": 5}, {"count_min_df": 2})
    for options in ({"ngram_range": (1, 2)}, *limits):
        vectorizer = MultiHotVectorizer(num_words=5, **options)
        assert vectorizer.__sklearn_tags__().requires_fit
        with pytest.raises(NotFittedError):
            vectorizer.transform([[1, 2]])
        with pytest.raises(NotFittedError):
            vectorizer.get_feature_names_out()
    plain = MultiHotVectorizer(num_words=5).fit([[1, 2]])
    with pytest.raises(NotFittedError):
        plain.set_params(ngram_range=(1, 2)).transform([[1, 2]])


def test_a_second_fit_learns_anew_and_a_failed_one_changes_nothing():
    vectorizer = MultiHotVectorizer(ngram_range=(1, 2)).fit([[1, 2], [3]])
    vectorizer.transform([[1]])
    vectorizer.fit([[3, 4]])
    assert columns_of(vectorizer) == [(3,), (4,), (3, 4)]
    assert vectorizer.transform([[3, 4, 1]]).toarray().tolist() == [[1, 1, 1]]
    with pytest.raises(ValueError, match="min_df"):
        vectorizer.set_params(min_df=5).fit([[1]])
    vectorizer.set_params(min_df=1)
    assert vectorizer.transform([[4, 3, 4]]).toarray().tolist() == [[1, 1, 1]]


def test_pickles_and_clones_with_ngrams():
    rows = [[1, 2, 3], [1, 2], [3]]
    vectorizer = MultiHotVectorizer(ngram_range=(1, 3), min_df=2, mode="tfidf")
    expected = vectorizer.fit_transform(rows).toarray()
    loaded = pickle.loads(pickle.dumps(vectorizer))
    np.testing.assert_array_equal(loaded.transform(rows).toarray(), expected)
    unfitted = clone(vectorizer)
    assert unfitted.get_params() == vectorizer.get_params()
    assert not hasattr(unfitted, "ngrams_")
    np.testing.assert_array_equal(unfitted.fit_transform(rows).toarray(), expected)


# --- buckets ----------------------------------------------------------------------------------


def bucket_of(ngram, n_buckets):
    options = {"ngram_range": (len(ngram), len(ngram)), "n_buckets": n_buckets}
    (bucket,) = MultiHotVectorizer(**options).transform([[*ngram]]).indices
    return bucket


@pytest.mark.slow
@scaled(100)
@given(repetitive, ranges, st.sampled_from([1, 2, 7, 300, 2**20, 2**31 - 1]))
def test_each_ngram_counts_in_its_bucket(rows, ngram_range, n_buckets):
    vectorizer = MultiHotVectorizer(mode="count", ngram_range=ngram_range, n_buckets=n_buckets)
    result = vectorizer.transform(rows)
    assert result.shape == (len(rows), n_buckets)
    assert is_canonical(result)
    assert result.sum(axis=1).A1.tolist() == [len(ngrams_of(row, *ngram_range)) for row in rows]
    # whatever the other ids and the lengths of n-grams are
    buckets = {
        ngram: bucket_of(ngram, n_buckets)
        for row in rows
        for ngram in ngrams_of(row, *ngram_range)
    }
    for i, row in enumerate(rows):
        counts = Counter(buckets[ngram] for ngram in ngrams_of(row, *ngram_range))
        start, stop = result.indptr[i : i + 2]
        found = zip(result.indices[start:stop].tolist(), result.data[start:stop], strict=True)
        assert dict(found) == counts
    # fit learns nothing
    again = vectorizer.fit([*rows, [99]]).transform(rows) if any(rows) else result
    np.testing.assert_array_equal(again.indices, result.indices)


# as a model on disk expects them
BUCKETS = [640630, 294972, 257938, 500243, 93383, 613892]


def test_buckets_stay_the_same_for_models_on_disk():
    ngrams = [(1,), (2,), (1, 2), (2, 1), (4, 5, 6), (2**31 - 2,)]
    assert [int(bucket_of(ngram, 2**20)) for ngram in ngrams] == BUCKETS


def test_ngrams_spread_over_the_buckets():
    n = 1000
    rows = [[i, j] for i in range(n // 10) for j in range(10)]
    wide = MultiHotVectorizer(ngram_range=(2, 2), n_buckets=2**24).transform(rows)
    assert len(np.unique(wide.indices)) >= n - 2
    narrow = MultiHotVectorizer(ngram_range=(2, 2), n_buckets=10).transform(rows)
    assert np.bincount(narrow.indices, minlength=10).min() > n / 10 * 0.7


def test_buckets_need_no_fit_but_for_tfidf():
    vectorizer = MultiHotVectorizer(ngram_range=(1, 2), n_buckets=50)
    assert not vectorizer.__sklearn_tags__().requires_fit
    assert vectorizer.transform([[], [1, 2]]).sum(axis=1).A1.tolist() == [0, 3]
    assert vectorizer.get_feature_names_out().tolist() == [f"bucket{i}" for i in range(50)]
    with pytest.raises(ValueError, match="n_buckets must be None to get n-grams back"):
        vectorizer.inverse_transform(np.zeros((1, 50)))
    weighted = vectorizer.set_params(mode="tfidf")
    with pytest.raises(NotFittedError):
        weighted.transform([[1]])
    rows = [[1, 2], [1], [3]]
    one = weighted.fit(rows).transform([[1]])
    assert one[0, bucket_of((1,), 50)] == pytest.approx(log(1 + 3 / 3))


def test_buckets_need_no_ids_in_fit():
    assert MultiHotVectorizer(n_buckets=9).fit_transform([[], []]).shape == (2, 9)


def test_buckets_are_the_same_block_by_block():
    rng = np.random.default_rng(0)
    rows = [rng.integers(0, 2**31 - 1, size=n) for n in rng.integers(0, 30, size=40)]
    vectorizer = MultiHotVectorizer(mode="count", ngram_range=(1, 3), n_buckets=1000)
    X = vectorizer.fit_transform(rows)
    assert X.sum() == sum(len(ngrams_of([*row], 1, 3)) for row in rows)
    blocks = [clone(vectorizer).transform(rows[i : i + 7]) for i in range(0, 40, 7)]
    assert (sp.vstack(blocks) != X).nnz == 0


def test_max_features_takes_the_highest_totals():
    # n-gram (i,) occurs i times, so no two have the same total
    rows = [[i] * i for i in range(1, 9)]
    counter, expected = fit_count_vectorizer(rows, max_features=3)
    vectorizer = MultiHotVectorizer(mode="count", max_features=3)
    X = vectorizer.fit_transform(rows)
    names = vectorizer.get_feature_names_out([*map(str, range(9))]).tolist()
    assert names == counter.get_feature_names_out().tolist() == ["6", "7", "8"]
    np.testing.assert_array_equal(X.toarray(), expected.toarray())


# --- n-grams of many rows ---------------------------------------------------------------------


@pytest.fixture(scope="module")
def many_rows():
    """More ids than one block has, in rows of all lengths, some of them long."""
    rng = np.random.default_rng(0)
    lengths = [0, 0, 50_000, *rng.integers(0, 2500, size=500), 0]
    return [rng.zipf(1.4, size=n).clip(max=5000).astype(np.int32) for n in lengths]


@pytest.mark.parametrize("n_threads", ["1", "2"])
@pytest.mark.parametrize(
    "options",
    [{"ngram_range": (1, 3), "min_df": 2}, {"ngram_range": (1, 2), "n_buckets": 5000}],
    ids=["learned", "buckets"],
)
def test_many_rows_at_once_are_the_same_as_one_by_one(many_rows, options, n_threads, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", n_threads)
    assert sum(map(len, many_rows)) > 2 * 2**18
    vectorizer = MultiHotVectorizer(mode="count", **options).fit(many_rows)
    X = vectorizer.transform(many_rows)
    assert is_canonical(X)
    one_by_one = sp.vstack([vectorizer.transform([row]) for row in many_rows], format="csr")
    for part in ("indptr", "indices", "data"):
        np.testing.assert_array_equal(getattr(X, part), getattr(one_by_one, part))
    if "n_buckets" in options:
        return
    # single ids against NumPy, row by row
    singles = vectorizer.ngrams_[:, 1] < 0
    column_of = np.full(5001, -1)
    column_of[vectorizer.ngrams_[singles, 0]] = np.flatnonzero(singles)
    for i in (0, 2, 3, 100, 502):
        counts = np.bincount(many_rows[i], minlength=5001)
        row = X[[i]].toarray().ravel()
        known = column_of >= 0
        np.testing.assert_array_equal(row[column_of[known]], counts[known])


def test_long_rows_have_the_ngrams_of_count_vectorizer(many_rows):
    rows = [row[:800].tolist() for row in many_rows[:60]]
    counter, expected = fit_count_vectorizer(rows, ngram_range=(1, 3), min_df=2, max_df=0.9)
    vectorizer = MultiHotVectorizer(
        num_words=5001, ngram_range=(1, 3), min_df=2, max_df=0.9, mode="count"
    )
    result = vectorizer.fit_transform(rows)
    assert is_canonical(result)
    names = {
        name: i
        for i, name in enumerate(vectorizer.get_feature_names_out([*map(str, range(5001))]))
    }
    order = [names[name] for name in counter.get_feature_names_out()]
    assert len(order) == len(names) > 2**11
    assert (result.tocsc()[:, order] != expected).nnz == 0


# --- n-grams of texts -------------------------------------------------------------------------


def check_ngrams_of_texts(texts):
    """Compare the steps with CountVectorizer on the same words; return the names."""
    steps = make_pipeline(
        WordIndexEncoder(analyzer="word"), MultiHotVectorizer(ngram_range=(1, 3), min_df=2)
    )
    X = steps.fit_transform(texts)
    words = steps[0].get_feature_names_out()
    rows = [words[ids].tolist() for ids in steps[0].transform(texts)]
    counter, expected = fit_count_vectorizer(rows, ngram_range=(1, 3), min_df=2, binary=True)
    names = steps.get_feature_names_out()
    place = {name: i for i, name in enumerate(names)}
    assert len(place) == len(names) == X.shape[1]
    order = [place[name] for name in counter.get_feature_names_out()]
    assert len(order) == len(names)
    assert (X.tocsc()[:, order] != expected).nnz == 0
    return names


def test_names_of_a_pipeline_are_words_and_ngrams():
    texts, _ = load_sample_reviews(return_X_y=True)
    names = check_ngrams_of_texts(texts)
    assert {"waste", "waste of time", "<start> a", "!"} <= {*names}


def test_names_of_three_words():
    texts = ["Not worth watching.", "It's NOT worth watching!", "Worth it?"]
    steps = make_pipeline(
        WordIndexEncoder(analyzer="word"), MultiHotVectorizer(ngram_range=(1, 3))
    )
    X = steps.fit_transform(texts)
    names = steps.get_feature_names_out().tolist()
    assert {"not", "not worth", "not worth watching", "it's not worth"} <= {*names}
    column = X[:, [names.index("not worth watching")]]
    assert column.toarray().ravel().tolist() == [1, 1, 0]
    assert steps.transform(["not worth watching"]).toarray().sum() > 5


@pytest.mark.slow
def test_names_of_ngrams_of_real_reviews(imdb_home):
    texts = fetch_imdb(subset="train", as_text=True, data_home=imdb_home).data[:8000]
    names = check_ngrams_of_texts(texts)
    assert {"not worth watching", "one of the", "!", "don't"} <= {*names}


# --- nonsense ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("X", "error", "message"),
    [
        ([[1, -3]], ValueError, "X must hold ids of 0 and above, got -3 in row 0"),
        ([[1], [2.5]], ValueError, "X must hold whole numbers, got 2.5 in row 1"),
        ([[1], [float("nan")]], ValueError, "X must hold whole numbers, got nan in row 1"),
        ([np.array([np.inf])], ValueError, "X must hold whole numbers, got inf in row 0"),
        ([[1], ["2"]], TypeError, "X must hold integer ids, got '2' in row 1"),
        ([[1, None]], TypeError, "X must hold integer ids, got None in row 0"),
        ([np.array([True])], TypeError, "X must hold integer ids, got True in row 0"),
        (["a review"], TypeError, "X must hold sequences of integer ids, got str in row 0"),
        ([1, 2], TypeError, "X must hold sequences of integer ids, got int in row 0"),
        ([[1, [2]]], ValueError, r"X must hold flat sequences of ids, got \[2\] within row 0"),
        ([np.ones((1, 2), int), [1]], ValueError, "flat sequences of ids, got 2 dimensions"),
        (np.ones((1, 1, 1), int), ValueError, "two-dimensional .* got 3 dimensions"),
        ([[2**70]], ValueError, "X must hold ids that fit in 64 bits"),
        ([], ValueError, "X must hold at least one sequence, got none"),
        (np.empty((0, 3), int), ValueError, "X must hold at least one sequence, got none"),
        ("a review", TypeError, "X must be an iterable of integer sequences, got str"),
        (None, TypeError, "X must be an iterable of integer sequences, got NoneType"),
        (list, TypeError, "X must be an iterable of integer sequences, got type"),
        ({(1,)}, TypeError, "X must have an order, which a set does not have"),
        (sp.eye_array(3), TypeError, "X must be an iterable of integer sequences"),
        (np.array([[2**63]], dtype=np.uint64), ValueError, "X must hold ids that fit in 64 bits"),
        (
            [[], []],
            ValueError,
            "X must hold at least one id .* got none; set num_words to do without",
        ),
    ],
    ids=repr,
)
def test_bad_input_is_named(X, error, message):
    with pytest.raises(error, match=message):
        MultiHotVectorizer().fit(X)


@pytest.mark.parametrize(
    ("parameters", "error", "message"),
    [
        ({"num_words": 0}, ValueError, "num_words == 0, must be >= 1"),
        ({"num_words": 2**63}, ValueError, "num_words == 9223372036854775808, must be <= 92233"),
        ({"num_words": 2.5}, TypeError, "num_words must be an integer, got 2.5"),
        (
            {"mode": "tf"},
            ValueError,
            "mode must be one of 'binary', 'count', 'log', 'freq', 'tfidf'",
        ),
        ({"handle_unknown": None}, ValueError, "handle_unknown must be one of"),
        ({"oov_char": -1}, ValueError, "oov_char == -1, must be >= 0"),
        ({"handle_unknown": "oov", "num_words": 2}, ValueError, "oov_char must be below"),
        ({"dtype": str}, ValueError, "dtype must be a real number type"),
        ({"dtype": "foo"}, ValueError, "dtype must be a real number type, got 'foo'"),
        ({"dtype": None}, ValueError, "dtype must be a real number type, got None"),
        ({"dtype": int, "mode": "freq"}, ValueError, "dtype must be .* 'freq', got <class 'int'>"),
        ({"dtype": int, "mode": "tfidf"}, ValueError, "dtype must be a floating type in mode 'tf"),
        ({"sparse_output": "no"}, TypeError, "sparse_output must be True or False"),
        ({"ngram_range": 2}, TypeError, "ngram_range must be a pair of ints, got 2"),
        ({"ngram_range": (1, 2, 3)}, TypeError, "ngram_range must be a pair of ints, got .1, 2, "),
        ({"ngram_range": (1, 2.0)}, TypeError, "ngram_range must be a pair of ints"),
        ({"ngram_range": (0, 1)}, ValueError, r"ngram_range must start at 1 .* got \(0, 1\)"),
        ({"ngram_range": (3, 2)}, ValueError, r"end must not be below its start, got \(3, 2\)"),
        ({"min_df": 0}, ValueError, "min_df == 0, must be >= 1"),
        ({"min_df": 1.5}, ValueError, "min_df == 1.5, must be <= 1"),
        ({"min_df": "some"}, ValueError, "min_df must be .*'auto', got 'some'"),
        ({"min_df": None}, TypeError, "min_df must be a number, got None"),
        ({"max_df": 0}, ValueError, "max_df == 0, must be >= 1"),
        ({"max_df": -0.1}, ValueError, "max_df == -0.1, must be >= 0"),
        ({"max_df": "auto"}, TypeError, "max_df must be a number, got 'auto'"),
        ({"max_features": 0}, ValueError, "max_features == 0, must be >= 1"),
        ({"max_features": 2.5}, TypeError, "max_features must be an integer, got 2.5"),
        ({"n_buckets": 0}, ValueError, "n_buckets == 0, must be >= 1"),
        ({"n_buckets": 2**31}, ValueError, "n_buckets == 2147483648, must be <= 2147483647"),
        ({"n_buckets": 9, "min_df": 2}, ValueError, "min_df must be 1 with n_buckets, .* got 2"),
        ({"n_buckets": 9, "min_df": 1.0}, ValueError, "min_df must be 1 with .* got 1.0"),
        ({"n_buckets": 9, "min_df": "auto"}, ValueError, "min_df must be 1 with .* got 'auto'"),
        ({"n_buckets": 9, "max_df": 0.5}, ValueError, "max_df must be 1.0 with .* got 0.5"),
        ({"n_buckets": 9, "max_features": 3}, ValueError, "max_features must be None with"),
    ],
)
def test_bad_parameters_are_named(parameters, error, message):
    with pytest.raises(error, match=message):
        MultiHotVectorizer(**parameters).fit([[1]])


def meaning(X):
    """The rows that X stands for, or None for what stands for none."""
    if isinstance(X, pd.DataFrame):
        X = X.to_numpy()
    if isinstance(X, np.ndarray) and X.ndim == 2 and not np.ma.is_masked(X):
        X = X.tolist() if X.dtype.kind in "iufO" else None
    if not isinstance(X, list | tuple) or not len(X):
        return None
    if not all(isinstance(row, list | tuple) for row in X):
        return None
    found = [[to_id(value) for value in row] for row in X]
    return None if any(None in row for row in found) else found


def to_id(value):
    """The id that a value stands for, or None for what stands for none."""
    if isinstance(value, np.ndarray) and value.ndim == 0 and value is not np.ma.masked:
        value = value.item()
    if type(value) not in (int, float, Fraction):
        return None
    if isinstance(value, float) and not isfinite(value):
        return None
    return int(value) if 0 <= value < 2**63 and value == int(value) else None


def has_rows_of_other_types(X):
    """Whether X may be right in a way that ``meaning`` does not know of."""
    if isinstance(X, np.ma.MaskedArray):
        return not np.ma.is_masked(X)
    return isinstance(X, list | tuple) and any(
        isinstance(row, set | frozenset | memoryview | Iterator)
        or (isinstance(row, pd.Series | np.ndarray) and not np.ma.is_masked(row))
        for row in X
    )


@pytest.mark.slow
@scaled(500)
@given(nonsense | st.lists(nonsense, max_size=2) | st.lists(st.lists(nonsense | ids), max_size=3))
@example([[0, 1], [True]])
@example([[0] * 40, [0, False]])
@example({(1, 2), (3,)})
@example([np.array([1, 2], "m8[ns]")])
@example([np.ma.array([1, 2], mask=[0, 1])])
@example([[10**400]])
@example([[np.array(3), 1.0]])
@example([[np.ma.masked]])
@example([memoryview(np.ones((2, 2), int))])
def test_what_is_no_sequences_is_refused(X):
    expected = meaning(X)
    # rows of other types are tested by their forms above
    assume(expected is not None or not has_rows_of_other_types(X))
    result = given_or_refused(lambda: MultiHotVectorizer(num_words=7).fit_transform(X), "X")
    assert (result is REFUSED) == (expected is None)
    if expected is not None:
        np.testing.assert_array_equal(result.toarray(), reference(expected, 7))


@pytest.mark.parametrize("name", DEFAULTS)
@scaled(80)
@given(nonsense)
def test_a_parameter_that_makes_no_sense_is_named(name, value):
    # the message writes the number out
    assume(name != "min_df" or not isinstance(value, int) or value < 10**4000)
    vectorizer = MultiHotVectorizer(**{"num_words": 5, name: value})
    result = given_or_refused(lambda: vectorizer.fit_transform([[1, 4, 4], []]), name)
    if result is REFUSED:
        return
    if name == "num_words":
        assert value is None or result.shape[1] == value
    elif name == "dtype":
        assert result.dtype == np.dtype(value)
    elif name == "sparse_output":
        assert sp.issparse(result) == bool(value)
    dense = result.toarray() if sp.issparse(result) and result.shape[1] < 100 else np.zeros(0)
    # with n-grams of up to 3 ids there are 5
    assert dense.sum() in (range(6) if name == "ngram_range" else (0, 1, 2))


def test_a_number_too_long_to_print_is_named():
    with pytest.raises(ValueError, match="min_df"):
        MultiHotVectorizer(min_df=10**5000).fit([[1]])


@pytest.mark.parametrize(
    ("name", "value"), [("ngram_range", None), ("ngram_range", 2), ("min_df", np.ones(2))]
)
def test_a_parameter_that_makes_no_sense_is_named_by_transform(name, value):
    vectorizer = MultiHotVectorizer(num_words=5, **{name: value})
    with pytest.raises((TypeError, ValueError), match=name):
        vectorizer.transform([[1, 4]])


@pytest.mark.parametrize("kind", [np.int8, np.uint8, np.int16, np.uint64])
def test_numpys_integers_are_numbers_like_others(kind):
    X = [[1, 100, 126], [127, 200, 3000]]
    for options in ({}, {"handle_unknown": "oov", "oov_char": kind(3)}):
        with no_misuse():
            small = MultiHotVectorizer(num_words=kind(127), **options).fit_transform(X)
        expected = MultiHotVectorizer(
            num_words=127, **{name: v if isinstance(v, str) else 3 for name, v in options.items()}
        ).fit_transform(X)
        np.testing.assert_array_equal(small.toarray(), expected.toarray())


# --- large ------------------------------------------------------------------------------------


@scaled(50)
@given(rows, st.sampled_from(["binary", "count"]), st.sampled_from(["ignore", "oov"]))
def test_wide_indices_give_the_same(rows, mode, unknown):
    options = {"mode": mode, "handle_unknown": unknown}
    narrow = MultiHotVectorizer(num_words=31, **options).fit_transform(rows)
    assert narrow.indices.dtype == narrow.indptr.dtype == np.int32
    wide = MultiHotVectorizer(num_words=2**31, **options).fit_transform(rows)
    assert wide.indices.dtype == wide.indptr.dtype == np.int64
    np.testing.assert_array_equal(wide[:, :31].toarray(), narrow.toarray())
    assert wide.has_canonical_format


@pytest.mark.parametrize("num_words", [2**31 - 1, 2**31, 2**40, 2**63 - 1])
def test_columns_beyond_32_bits(num_words):
    vectorizer = MultiHotVectorizer(num_words=num_words)
    X = vectorizer.fit_transform([[num_words - 1, 3], [], [num_words - 1]])
    assert X.shape == (3, num_words)
    assert X.indices.dtype == (np.int32 if num_words < 2**31 else np.int64)
    assert X.indices.tolist() == [3, num_words - 1, num_words - 1]
    assert [row.tolist() for row in vectorizer.inverse_transform(X)] == [
        [3, num_words - 1],
        [],
        [num_words - 1],
    ]
    assert MultiHotVectorizer().fit([[num_words - 1]]).num_words_ == num_words


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"mode": "tfidf"}, f"^num_words must leave room for {2**62} weights"),
        ({"sparse_output": False}, rf"^sparse_output must be True .* shape \(3, {2**62}\)"),
    ],
)
def test_what_memory_has_no_room_for_is_named(options, message):
    with pytest.raises(ValueError, match=message):
        MultiHotVectorizer(num_words=2**62, **options).fit(SEQUENCES)


def test_the_largest_id_has_no_column():
    with pytest.raises(ValueError, match="X must hold ids below 9223372036854775807"):
        MultiHotVectorizer().fit([[2**63 - 1]])


@pytest.mark.slow
def test_a_million_columns_words_and_texts():
    n = 1_000_000
    X = MultiHotVectorizer(num_words=n, mode="count").fit_transform(
        [[7] * n, range(n), np.arange(n)[::-1]]
    )
    assert X.shape == (3, n)
    assert np.diff(X.indptr).tolist() == [1, n, n]
    assert X[0, 7] == n
    empty = MultiHotVectorizer(num_words=n).transform([[]] * n)
    assert empty.shape == (n, n)
    assert empty.nnz == 0


@pytest.mark.parametrize("mode", ["binary", "count"])
def test_rows_are_the_same_one_by_one_and_all_at_once(mode):
    # few ids become columns in another way than many
    sequences, _ = make_reviews(100, n_words=300, random_state=0)
    vectorizer = MultiHotVectorizer(num_words=300, mode=mode)
    together = vectorizer.transform(sequences)
    for i, ids in enumerate(sequences):
        row = vectorizer.transform([ids])
        assert row.has_canonical_format
        assert row.indices.dtype == together.indices.dtype
        assert row.data.dtype == together.data.dtype
        assert row.indptr.tolist() == [0, together[[i]].nnz]
        np.testing.assert_array_equal(row.indices, together[[i]].indices)
        np.testing.assert_array_equal(row.data, together[[i]].data)
