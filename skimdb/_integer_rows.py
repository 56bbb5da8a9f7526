"""Integer sequences in any of the forms that users have them in, checked and made one array."""

from array import array
from collections.abc import Mapping
from itertools import chain
from numbers import Real

import numpy as np
import scipy.sparse as sp

from skimdb._checks import check_no_mask, is_number, shown

# NumPy's counts as a whole number in NumPy 2.0
BOOLS = {bool, np.bool_}
NO_SEQUENCES = str | bytes | bytearray | Mapping | type


def flattened(X):
    """Return all ids of the sequences in one array, and the offsets at which rows begin."""
    is_sequences = hasattr(X, "__iter__") and not isinstance(X, NO_SEQUENCES)
    if not is_sequences or sp.issparse(X):
        raise TypeError(f"X must be an iterable of integer sequences, got {type(X).__name__}.")
    check_ordered(X)
    n_dimensions = dimensions(X)
    if n_dimensions == 2:
        check_no_mask("X", X)
        rows = np.asarray(X)
    elif n_dimensions == 1:
        rows = listed(X)
    else:
        raise ValueError(
            f"X must be a two-dimensional array or an iterable of sequences, "
            f"got {n_dimensions} dimensions."
        )
    if len(rows) == 0:
        raise ValueError("X must hold at least one sequence, got none.")
    if isinstance(rows, np.ndarray) and rows.dtype.kind in "iu" and rows.dtype != np.uint64:
        ids, lengths = rows.ravel(), np.full(len(rows), rows.shape[1])
    else:
        ids, lengths = _joined(rows)
    offsets = _offsets(lengths)
    if len(ids) and ids.min() < 0:
        position = int((ids < 0).argmax())
        raise ValueError(
            f"X must hold ids of 0 and above, got {ids[position]} "
            f"in row {row_of(position, offsets)}."
        )
    return ids, offsets


def check_ordered(X):
    """Raise if X is a set: its order is chance, and no label would go with its sample."""
    if isinstance(X, set | frozenset):
        raise TypeError(f"X must be in an order, which a {type(X).__name__} has not.")


def dimensions(X):
    """Return the number of dimensions of an array or a table; 1 of any other iterable."""
    shape = getattr(X, "shape", None)
    return len(shape) if isinstance(shape, tuple) else getattr(X, "ndim", 1)


def listed(X):
    """Return the items of an iterable in a list, in Python's types where X is of Arrow's."""
    for convert in ("to_pylist", "to_list"):
        if hasattr(X, convert):
            return getattr(X, convert)()
    return list(X)


def row_of(position, offsets):
    """Return the row that the flat position lies in."""
    return int(np.searchsorted(offsets, position, side="right")) - 1


def _offsets(lengths):
    return np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)])


def _joined(rows):
    """Return the ids of all rows in one array, and each row's length."""
    if set(map(type, rows)) <= {list, tuple}:
        # the array module takes whole numbers alone, where NumPy would round or parse
        ids = array("i")
        try:
            for row in rows:
                ids.fromlist(row if type(row) is list else list(row))
        except (TypeError, OverflowError):
            pass  # not all are plain 32-bit integers: go row by row, and name the one at fault
        else:
            ids, lengths = np.frombuffer(ids, dtype=np.intc), [*map(len, rows)]
            if not _holds_bools(rows, ids, lengths):
                return ids, lengths
    rows = [_row_ids(row, i) for i, row in enumerate(rows)]
    return np.concatenate(rows), [*map(len, rows)]


def _holds_bools(rows, ids, lengths):
    """Whether a list or tuple holds True or False, which the array module takes for 1 and 0."""
    suspects = np.flatnonzero(ids.view(np.uintc) < 2)
    if 8 * len(suspects) > len(ids):
        return not BOOLS.isdisjoint(map(type, chain.from_iterable(rows)))
    offsets = _offsets(lengths)
    row_numbers = np.searchsorted(offsets, suspects, side="right") - 1
    places = zip(row_numbers.tolist(), (suspects - offsets[row_numbers]).tolist(), strict=True)
    return any(type(rows[i][j]) in BOOLS for i, j in places)


def _row_ids(row, i):
    """Return one row as an array of ids."""
    if type(row) is np.ndarray and row.ndim == 1 and row.dtype in (np.int32, np.int64):
        return row
    if isinstance(row, NO_SEQUENCES) or not hasattr(row, "__iter__"):
        raise TypeError(
            f"X must hold sequences of integer ids, got {type(row).__name__} "
            f"in row {i}: {shown(row)}."
        )
    if dimensions(row) != 1:
        raise ValueError(
            f"X must hold flat sequences of ids, got {dimensions(row)} dimensions in row {i}."
        )
    check_no_mask(f"X (row {i})", row)
    dtype = getattr(row, "dtype", None)
    # times have whole numbers beneath
    if isinstance(dtype, np.dtype) and dtype.kind in "mM":
        raise TypeError(f"X must hold integer ids, got {dtype} in row {i}.")
    values = row.tolist() if isinstance(row, np.ndarray) else listed(row)
    return np.array([_checked_id(value, i) for value in values], dtype=np.int64)


def _checked_id(value, i):
    """Return one id as an int; a float will do if it is whole."""
    if isinstance(value, np.ndarray) and value.ndim == 0:
        value = value[()]
    if hasattr(value, "__len__") and not isinstance(value, str | bytes):
        raise ValueError(f"X must hold flat sequences of ids, got {shown(value)} within row {i}.")
    if not is_number(value, Real):
        raise TypeError(f"X must hold integer ids, got {shown(value)} in row {i}.")
    try:
        number = int(value)
    except (ValueError, OverflowError):
        number = None  # NaN or infinite
    if number != value:
        raise ValueError(f"X must hold whole numbers, got {shown(value)} in row {i}.")
    if abs(number) >= 2**63:
        raise ValueError(f"X must hold ids that fit in 64 bits, got {shown(value)} in row {i}.")
    return number
