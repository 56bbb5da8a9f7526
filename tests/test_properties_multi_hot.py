"""MultiHotVectorizer: any sequences give what a plain loop gives, anything else is refused."""

from collections import Counter
from collections.abc import Iterator
from fractions import Fraction
from math import isfinite, log

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from hypothesis import assume, example, given
from hypothesis import strategies as st
from property_cases import REFUSED, given_or_refused, no_misuse, nonsense, scaled

from skimdb import MultiHotVectorizer
from skimdb._integer_rows import flattened, row_of
from skimdb._multi_hot import _index_dtype

ids = st.integers(0, 30)
rows = st.lists(st.lists(ids, max_size=20), min_size=1, max_size=8)
DTYPES = ["float32", "float64", "int8", "uint8", "int64", ">f4", "longdouble"]


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
                matrix[i, number] = {"binary": 1, "count": n, "freq": n / len(row)}[mode]
    return matrix


def reference_idf(rows, num_words, **options):
    present = reference(rows, num_words, **options).sum(axis=0)
    return [log(1 + len(rows) / (1 + n)) for n in present]


@scaled(300)
@given(
    rows,
    st.none() | st.integers(1, 40),
    st.sampled_from(["binary", "count", "freq", "tfidf"]),
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
        and not (mode in ("freq", "tfidf") and np.dtype(dtype).kind in "iu")
    )
    assert (result is not REFUSED) == is_possible
    if not is_possible:
        return
    idf = reference_idf(rows, n_columns, unknown=unknown, oov_char=oov_char)
    expected = reference(rows, n_columns, mode, unknown, oov_char, idf)
    assert sp.issparse(result) == is_sparse
    assert result.dtype == np.dtype(dtype)
    if is_sparse:
        parts = result.data, result.indices, result.indptr
        assert sp.csr_array(parts, result.shape).has_canonical_format
        result = result.toarray()
    np.testing.assert_allclose(result.astype(float), expected, rtol=1e-6)
    again = vectorizer.transform(rows)
    np.testing.assert_array_equal(again.toarray() if is_sparse else again, result)


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


def test_entries_that_cancel_out_are_no_ids():
    X = sp.csr_array(([1.0, -1.0, 1.0], [0, 0, 1], [0, 3]), shape=(1, 3))
    assert MultiHotVectorizer(num_words=3).inverse_transform(X)[0].tolist() == [1]


@scaled(200)
@given(nonsense)
def test_inverse_transform_takes_nothing_but_its_columns(X):
    result = given_or_refused(lambda: MultiHotVectorizer(num_words=2).inverse_transform(X), "X")
    if result is not REFUSED:
        values = X.toarray() if sp.issparse(X) else np.asarray(X)
        assert [row.tolist() for row in result] == [np.flatnonzero(row).tolist() for row in values]


# --- nonsense ---------------------------------------------------------------------------------


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
    found = [[id_meant(value) for value in row] for row in X]
    return None if any(None in row for row in found) else found


def id_meant(value):
    if isinstance(value, np.ndarray) and value.ndim == 0 and value is not np.ma.masked:
        value = value.item()
    if type(value) not in (int, float, Fraction):
        return None
    if isinstance(value, float) and not isfinite(value):
        return None
    return int(value) if 0 <= value < 2**63 and value == int(value) else None


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
    # what lies in rows of other types is tested by their forms above
    assume(expected is not None or not has_rows_of_other_types(X))
    result = given_or_refused(lambda: MultiHotVectorizer(num_words=7).fit_transform(X), "X")
    assert (result is REFUSED) == (expected is None)
    if expected is not None:
        np.testing.assert_array_equal(result.toarray(), reference(expected, 7))


def has_rows_of_other_types(X):
    """Whether X may be right in a way that ``meaning`` does not know of."""
    if isinstance(X, np.ma.MaskedArray):
        return not np.ma.is_masked(X)
    return isinstance(X, list | tuple) and any(
        isinstance(row, set | frozenset | memoryview | Iterator)
        or (isinstance(row, pd.Series | np.ndarray) and not np.ma.is_masked(row))
        for row in X
    )


@pytest.mark.parametrize(
    "name", ["num_words", "mode", "handle_unknown", "oov_char", "dtype", "sparse_output"]
)
@scaled(80)
@given(nonsense)
def test_a_parameter_that_makes_no_sense_is_named(name, value):
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
    assert dense.sum() in (0, 1, 2)


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


def test_the_width_of_indices_goes_by_entries_and_columns():
    assert _index_dtype(2**31 - 1, 2**31 - 1) == np.int32
    assert _index_dtype(2**31, 10) == np.int64
    assert _index_dtype(10, 2**31) == np.int64


@scaled(50)
@given(rows, st.sampled_from(["binary", "count", "tfidf"]), st.sampled_from(["ignore", "oov"]))
def test_wide_indices_give_the_same(rows, mode, unknown):
    vectorizer = MultiHotVectorizer(num_words=20, mode=mode, handle_unknown=unknown)
    narrow = vectorizer.fit_transform(rows)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("skimdb._multi_hot.LARGEST_INT32", 1)
        wide = vectorizer.fit_transform(rows)
    np.testing.assert_array_equal(wide.toarray(), narrow.toarray())
    assert wide.has_canonical_format


@pytest.mark.parametrize("num_words", [2**31 - 1, 2**31, 2**40, 2**63 - 1])
def test_columns_beyond_32_bits(num_words):
    vectorizer = MultiHotVectorizer(num_words=num_words)
    X = vectorizer.fit_transform([[num_words - 1, 3], [], [num_words - 1]])
    assert X.shape == (3, num_words)
    assert X.indices.tolist() == [3, num_words - 1, num_words - 1]
    assert [row.tolist() for row in vectorizer.inverse_transform(X)] == [
        [3, num_words - 1],
        [],
        [num_words - 1],
    ]
    assert MultiHotVectorizer().fit([[num_words - 1]]).num_words_ == num_words


@pytest.mark.parametrize(
    ("name", "options"),
    [("sparse_output", {"sparse_output": False}), ("num_words", {"mode": "tfidf"})],
)
def test_what_memory_has_no_room_for_is_named(name, options):
    vectorizer = MultiHotVectorizer(num_words=2**62, **options)
    assert given_or_refused(lambda: vectorizer.fit_transform([[1]]), name) is REFUSED


def test_the_largest_id_has_no_column():
    with pytest.raises(ValueError, match="X must hold ids below 9223372036854775807"):
        MultiHotVectorizer().fit([[2**63 - 1]])


def test_rows_are_found_among_more_than_2_31_ids():
    offsets = np.arange(6, dtype=np.int64) * 2**30
    assert [row_of(position, offsets) for position in (0, 2**30 - 1, 2**31, 2**32 + 5)] == [
        0,
        0,
        2,
        4,
    ]
    # lengths that add up to more than 32 bits hold, without the memory for them
    X = np.broadcast_to(np.int8(1), (1, 2**20))
    assert flattened(np.repeat(X, 4, axis=0))[1].tolist() == [i * 2**20 for i in range(5)]


def test_a_million_columns_words_and_reviews():
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
