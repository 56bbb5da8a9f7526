"""Integer sequences in any of the forms that users have them in, checked and made one array."""

from array import array
from collections.abc import Mapping
from math import isfinite
from numbers import Real

import numpy as np
import scipy.sparse as sp


def flattened(X):
    """Return all ids of the sequences in one array, and the offsets at which rows begin."""
    if isinstance(X, str | bytes | Mapping) or sp.issparse(X) or not hasattr(X, "__iter__"):
        raise TypeError(f"X must be an iterable of integer sequences, got {type(X).__name__}.")
    if getattr(X, "ndim", 1) != 1:
        rows = np.asarray(X)
        if rows.ndim != 2:
            raise ValueError(
                f"X must be a two-dimensional array or an iterable of sequences, "
                f"got {rows.ndim} dimensions."
            )
    else:
        rows = list(X)
    if len(rows) == 0:
        raise ValueError("X must hold at least one sequence, got none.")
    if isinstance(rows, np.ndarray) and rows.dtype.kind in "iu" and rows.dtype != np.uint64:
        ids, lengths = rows.ravel(), np.full(len(rows), rows.shape[1])
    else:
        ids, lengths = _joined(rows)
    offsets = np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)])
    if len(ids) and ids.min() < 0:
        position = int((ids < 0).argmax())
        raise ValueError(
            f"X must hold ids of 0 and above, got {ids[position]} "
            f"in row {row_of(position, offsets)}."
        )
    return ids, offsets


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
            return np.frombuffer(ids, dtype=np.intc), [*map(len, rows)]
    rows = [_row_ids(row, i) for i, row in enumerate(rows)]
    return np.concatenate(rows), [*map(len, rows)]


def _row_ids(row, i):
    """Return one row as an array of ids."""
    if isinstance(row, np.ndarray) and row.ndim == 1 and row.dtype in (np.int32, np.int64):
        return row
    if isinstance(row, str | bytes | Mapping) or not hasattr(row, "__iter__"):
        raise TypeError(
            f"X must hold sequences of integer ids, got {type(row).__name__} in row {i}: {row!r}."
        )
    if isinstance(row, np.ndarray) and row.ndim != 1:
        raise ValueError(
            f"X must hold flat sequences of ids, got {row.ndim} dimensions in row {i}."
        )
    values = row.tolist() if isinstance(row, np.ndarray) else list(row)
    return np.array([_checked_id(value, i) for value in values], dtype=np.int64)


def _checked_id(value, i):
    """Return one id as an int; a float will do if it is whole."""
    if hasattr(value, "__len__") and not isinstance(value, str | bytes):
        raise ValueError(f"X must hold flat sequences of ids, got {value!r} within row {i}.")
    if not isinstance(value, Real) or isinstance(value, bool | np.bool_):
        raise TypeError(f"X must hold integer ids, got {value!r} in row {i}.")
    if not isfinite(value) or value != int(value):
        raise ValueError(f"X must hold whole numbers, got {value!r} in row {i}.")
    if abs(value) >= 2**63:
        raise ValueError(f"X must hold ids that fit in 64 bits, got {value!r} in row {i}.")
    return int(value)


def row_of(position, offsets):
    """Return the row that the flat position lies in."""
    return int(np.searchsorted(offsets, position, side="right")) - 1
