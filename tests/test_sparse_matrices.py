"""Sparse matrices whose parts contradict each other are refused: SciPy could end the process."""

import numpy as np
import pytest
import scipy.sparse as sp

from skimdb import DenseClassifier, MultiHotVectorizer

ROWS = np.array(2 * [[1, 0, 1, 0, 0, 1], [0, 1, 1, 0, 1, 0], [1, 1, 0, 0, 0, 0]], dtype="f4")
FORMATS = ("csr", "csc", "bsr", "coo", "dia", "lil", "dok")


def changed(kind, part, change):
    """Return a matrix of a format, one part of which is another than SciPy has made."""
    matrix = sp.csr_matrix(ROWS).asformat(kind)
    if kind == "bsr":
        matrix = sp.bsr_matrix(ROWS, blocksize=(2, 3))
    setattr(matrix, part, change(getattr(matrix, part)))
    return matrix


def first_row(columns):
    def change(rows):
        rows = rows.copy()
        rows[0] = columns
        return rows

    return change


def raised_by(amount):
    return lambda values: (values + amount).astype(values.dtype)


def without_last(values):
    return values[:-1]


def beyond_32_bits(values):
    return values.astype(np.int64) + 2**32


CASES = {
    **{
        f"{kind}: {what}": (kind, part, change)
        for kind in ("csr", "csc", "bsr")
        for what, part, change in (
            ("short indptr", "indptr", without_last),
            ("shorter indptr", "indptr", lambda values: values[:1]),
            ("no indptr", "indptr", lambda values: values[:0]),
            ("long indptr", "indptr", lambda values: np.append(values, values[-1:])),
            ("indptr from 1 on", "indptr", raised_by(1)),
            ("indptr that falls", "indptr", lambda values: values[::-1].copy()),
            ("indptr of floats", "indptr", lambda values: values.astype(float)),
            ("too few indices", "indices", without_last),
            ("indices beyond", "indices", raised_by(6)),
            ("indices below 0", "indices", raised_by(-6)),
            ("unsigned indices", "indices", lambda values: values.astype(np.uint64)),
            ("indices beyond 32 bits", "indices", beyond_32_bits),
            ("indices in a column", "indices", lambda values: values[:, np.newaxis]),
            ("no indices", "indices", lambda values: None),
            ("too few data", "data", without_last),
            ("a number as data", "data", lambda values: np.array(1)),
            ("data of another shape", "data", lambda values: values[..., np.newaxis]),
        )
    },
    "coo: too few coordinates": ("coo", "coords", lambda coords: (coords[0][:5], coords[1])),
    "coo: too few data": ("coo", "data", without_last),
    "coo: beyond": ("coo", "coords", lambda coords: (coords[0], raised_by(6)(coords[1]))),
    "coo: below 0": ("coo", "coords", lambda coords: (raised_by(-6)(coords[0]), coords[1])),
    "coo: floats": ("coo", "coords", lambda coords: tuple(part + 0.5 for part in coords)),
    "coo: one axis": ("coo", "coords", lambda coords: coords[:1]),
    "coo: three axes": ("coo", "coords", lambda coords: (*coords, coords[0])),
    "bsr: larger blocks": ("bsr", "data", lambda data: np.ones((len(data), 6, 6), "f4")),
    "bsr: blocks that do not fit": ("bsr", "data", lambda data: np.ones((len(data), 4, 4), "f4")),
    "dia: too few offsets": ("dia", "offsets", without_last),
    "dia: too few data": ("dia", "data", without_last),
    "dia: offsets of floats": ("dia", "offsets", lambda offsets: offsets + 0.5),
    "dia: offsets twice": ("dia", "offsets", lambda offsets: 0 * offsets),
    "dia: offsets beyond 32 bits": ("dia", "offsets", beyond_32_bits),
    "lil: beyond": ("lil", "rows", first_row([0, 2, 99])),
    "lil: below 0": ("lil", "rows", first_row([-5, 2, 5])),
    "lil: too many columns": ("lil", "rows", first_row([0, 1, 2, 3])),
    "lil: too many values": ("lil", "data", first_row([1.0] * 9)),
    "lil: text": ("lil", "rows", first_row(["a", "b", "c"])),
    "lil: no list": ("lil", "rows", first_row(3)),
    "lil: tuple": ("lil", "rows", first_row((0, 2, 5))),
    "lil: beyond 64 bits": ("lil", "rows", first_row([0, 2, 2**70])),
    "lil: text as data": ("lil", "data", first_row(["a", "b", "c"])),
    "lil: too few rows": ("lil", "rows", without_last),
}


@pytest.fixture(scope="module")
def fitted():
    return DenseClassifier(2, epochs=1, random_state=0).fit(ROWS, [0, 1, 0, 1, 0, 1])


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_is_refused(fitted, case):
    for method in (
        fitted.predict_proba,
        lambda X: DenseClassifier(2, epochs=1).fit(X, [0, 1, 0, 1, 0, 1]),
        MultiHotVectorizer(num_words=6).inverse_transform,
    ):
        with pytest.raises((ValueError, TypeError), match=r"^X\b"):
            method(changed(*case))


@pytest.mark.parametrize(
    "convert",
    [
        *(lambda values, t=t: values.astype(t) for t in ("i1", "i4", "i8", ">i4", ">i8")),
        lambda values: values.tolist(),
        lambda values: np.repeat(values, 2)[::2],
    ],
    ids=["int8", "int32", "int64", "big-endian int32", "big-endian int64", "list", "strided"],
)
@pytest.mark.parametrize("kind", FORMATS)
def test_whole_matrices_are_taken(fitted, kind, convert):
    matrix = sp.csr_matrix(ROWS).asformat(kind)
    for part in ("indptr", "indices", "offsets"):
        if hasattr(matrix, part):
            setattr(matrix, part, convert(getattr(matrix, part)))
    if kind == "coo":
        matrix.coords = tuple(map(convert, matrix.coords))
    np.testing.assert_array_equal(fitted.predict_proba(matrix), fitted.predict_proba(ROWS))


@pytest.mark.parametrize("kind", FORMATS)
def test_the_matrix_stays_as_it_was(fitted, kind):
    matrix = sp.csr_matrix(ROWS)[::-1, ::-1].asformat(kind)
    before = matrix.copy()
    fitted.predict_proba(matrix)
    MultiHotVectorizer(num_words=6).inverse_transform(matrix)
    for part in ("data", "indptr", "indices", "offsets"):
        if kind != "dok" and hasattr(before, part):
            np.testing.assert_array_equal(getattr(matrix, part), getattr(before, part))


def test_room_after_the_entries_is_no_fault(fitted):
    matrix = sp.csr_matrix(ROWS)
    matrix.data = np.append(matrix.data, np.float32([7, 7]))
    matrix.indices = np.append(matrix.indices, np.array([99, -1], dtype=np.int32))
    np.testing.assert_array_equal(fitted.predict_proba(matrix), fitted.predict_proba(ROWS))


def test_matrices_are_no_labels():
    y = np.empty(6, dtype=object)
    y[:] = [changed("csr", "indptr", raised_by(99)) for _ in range(6)]
    with pytest.raises(ValueError, match=r"^y must hold labels of one kind, numbers or text"):
        DenseClassifier(2, epochs=1).fit(ROWS, y)
