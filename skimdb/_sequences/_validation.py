"""Texts and integer sequences in any form that users have them in."""

from array import array
from collections.abc import Mapping
from itertools import chain
from numbers import Real

import numpy as np
import scipy.sparse as sp

from skimdb._sequences._ragged import Ragged, SequenceArray
from skimdb._utils._checks import check_no_mask, is_number, short_repr

# np.bool_ is a whole number in NumPy 2.0
BOOLS = {bool, np.bool_}
NOT_SEQUENCES = str | bytes | bytearray | Mapping | type
INTEGER_HINT = "; integer sequences need no WordIndexEncoder, and no text=True"


def validate_texts(X):
    """Return texts, which may be the only column of a table or array, as a list of str."""
    if _n_dimensions(X) == 2 and not sp.issparse(X):
        X = _only_column(X)
    if isinstance(X, NOT_SEQUENCES) or sp.issparse(X) or not hasattr(X, "__iter__"):
        raise TypeError(f"X must be an iterable of texts, got {type(X).__name__}.")
    _check_order(X)
    if _n_dimensions(X) != 1:
        raise ValueError(
            f"X must be one-dimensional, or have one column, got {_n_dimensions(X)} dimensions."
        )
    texts = _to_list(X)
    for i, text in enumerate(texts):
        if not isinstance(text, str):
            raise TypeError(
                f"X must hold texts (str), got {type(text).__name__} in row {i}{_text_hint(text)}."
            )
    return texts


def validate_sequences(X):
    """Return sequences of ids as Ragged."""
    ids = X.ragged if isinstance(X, SequenceArray) else None
    if ids is None:
        ids = _to_ragged(X)
    if len(ids) == 0:
        raise ValueError("X must hold at least one sequence, got none.")
    if len(ids.values) and ids.values.min() < 0:
        position = int((ids.values < 0).argmax())
        raise ValueError(
            f"X must hold ids of 0 and above, got {ids.values[position]} "
            f"in row {ids.row_of(position)}. Negative values in data can't be ids."
        )
    return ids


def _to_ragged(X):
    is_iterable = hasattr(X, "__iter__") and not isinstance(X, NOT_SEQUENCES)
    if not is_iterable or sp.issparse(X):
        kind = f"a sparse {type(X).__name__}" if sp.issparse(X) else type(X).__name__
        raise TypeError(
            f"X must be an iterable of integer sequences, got {kind}{_encoder_hint(X)}."
        )
    _check_order(X)
    n_dimensions = _n_dimensions(X)
    if n_dimensions == 2:
        check_no_mask("X", X)
        rows = np.asarray(X)
        cell = rows.item(0) if rows.size else None
        if rows.dtype.kind in "OUT" and rows.shape[1] == 1 and hasattr(cell, "__len__"):
            raise ValueError(
                f"X must hold flat sequences of ids, got {type(cell).__name__} in its only "
                f"column: take that column, {_first_column(X)}{_encoder_hint(cell)}."
            )
    elif n_dimensions == 1:
        rows = _to_list(X)
    else:
        raise ValueError(
            f"X must be a two-dimensional array or an iterable of sequences, "
            f"got {n_dimensions} dimensions."
        )
    if isinstance(rows, np.ndarray) and rows.dtype.kind in "iu" and rows.dtype != np.uint64:
        return Ragged.from_lengths(rows.ravel(), np.full(len(rows), rows.shape[1]))
    return _join(rows)


def _check_order(X):
    if isinstance(X, set | frozenset):
        raise TypeError(
            f"X must have an order, which a {type(X).__name__} does not have: its items would not "
            "match the labels."
        )


def _n_dimensions(X):
    """Return the number of dimensions of an array or a table; 1 for any other iterable."""
    shape = getattr(X, "shape", None)
    return len(shape) if isinstance(shape, tuple) else getattr(X, "ndim", 1)


def _only_column(X):
    """Return the only column of a table or of a two-dimensional array."""
    names = _column_names(X)
    n_columns = X.shape[1] if names is None else len(names)
    if n_columns == 1:
        return X[:, 0] if names is None else X[names[0]]
    advice = ""
    if n_columns and np.asarray(X).dtype.kind in "iu":
        advice = INTEGER_HINT
    elif n_columns:
        advice = f": choose one, such as {_first_column(X)}, or encode each in a ColumnTransformer"
    raise ValueError(f"X must have one column, of texts, got {n_columns} columns{advice}.")


def _column_names(X):
    """Return the names of the columns of a table; None for an array."""
    # Arrow's tables have other columns
    names = getattr(X, "column_names", getattr(X, "columns", None))
    return None if names is None else [*names]


def _first_column(X):
    """Return the expression for the first column of a table or array, for a message."""
    names = _column_names(X)
    if names is None:
        return "X[:, 0]"
    return f'df["{names[0]}"]' if isinstance(names[0], str) else f"df[{names[0]!r}]"


def _encoder_hint(value):
    """Return what to do where a text stands in place of ids, for a message."""
    if not isinstance(value, str):
        return ""
    return (
        "; for texts, put a WordIndexEncoder before the MultiHotVectorizer, as "
        "multi_hot_pipeline(text=True) does"
    )


def _text_hint(value):
    """Return what to do about a value in place of a text, for a message."""
    if isinstance(value, bytes | bytearray):
        return ": decode it, by its method decode()"
    # as in a Series of pandas
    is_nan = isinstance(value, float) and value != value
    if value is None or is_nan or type(value).__name__ in ("NAType", "NaTType"):
        return ', a missing text: fill it, as fillna("") of pandas does'
    return INTEGER_HINT if isinstance(value, list | tuple | np.ndarray) else ""


def _to_list(X):
    """Return the items of an iterable, in Python's types if X has Arrow's."""
    for convert in ("to_pylist", "to_list"):
        if hasattr(X, convert):
            return getattr(X, convert)()
    return list(X)


def _join(rows):
    """Return rows of any type as Ragged."""
    if set(map(type, rows)) <= {list, tuple}:
        # the array module takes only whole numbers, where NumPy would round or parse
        ids = array("i")
        try:
            for row in rows:
                ids.fromlist(row if type(row) is list else list(row))
        except (TypeError, OverflowError):
            pass  # not all are plain 32-bit integers: convert row by row, and name the bad one
        else:
            ids = Ragged.from_lengths(np.frombuffer(ids, dtype=np.intc), [*map(len, rows)])
            if not _has_bools(rows, ids):
                return ids
    rows = [_to_ids(row, i) for i, row in enumerate(rows)]
    no_ids = np.empty(0, dtype=np.int32)
    return Ragged.from_lengths(np.concatenate([no_ids, *rows]), [*map(len, rows)])


def _has_bools(rows, ids):
    """Tell whether rows contain True or False, which the array module takes for 1 and 0."""
    suspects = np.flatnonzero(ids.values.view(np.uintc) < 2)
    if 8 * len(suspects) > len(ids.values):
        return not BOOLS.isdisjoint(map(type, chain.from_iterable(rows)))
    row_numbers = np.searchsorted(ids.offsets, suspects, side="right") - 1
    columns = suspects - ids.offsets[row_numbers]
    places = zip(row_numbers.tolist(), columns.tolist(), strict=True)
    return any(type(rows[i][j]) in BOOLS for i, j in places)


def _to_ids(row, i):
    """Return one row as an array of ids."""
    if type(row) is np.ndarray and row.ndim == 1 and row.dtype in (np.int32, np.int64):
        return row
    if isinstance(row, NOT_SEQUENCES) or not hasattr(row, "__iter__"):
        raise TypeError(
            f"X must hold sequences of integer ids, got {type(row).__name__} "
            f"in row {i}: {short_repr(row)}{_encoder_hint(row)}."
        )
    if _n_dimensions(row) != 1:
        raise ValueError(
            f"X must hold flat sequences of ids, got {_n_dimensions(row)} dimensions in row {i}."
        )
    check_no_mask(f"X (row {i})", row)
    dtype = getattr(row, "dtype", None)
    # times are stored as whole numbers
    if isinstance(dtype, np.dtype) and dtype.kind in "mM":
        raise TypeError(f"X must hold integer ids, got {dtype} in row {i}.")
    values = row.tolist() if isinstance(row, np.ndarray) else _to_list(row)
    return np.array([_to_id(value, i) for value in values], dtype=np.int64)


def _to_id(value, i):
    """Return one id as an int; a float must be whole."""
    if isinstance(value, np.ndarray) and value.ndim == 0:
        value = value[()]
    if hasattr(value, "__len__") and not isinstance(value, str | bytes):
        raise ValueError(
            f"X must hold flat sequences of ids, got {short_repr(value)} within row {i}."
        )
    if not is_number(value, Real):
        raise TypeError(
            f"X must hold integer ids, got {short_repr(value)} in row {i}{_encoder_hint(value)}."
        )
    try:
        number = int(value)
    except (ValueError, OverflowError):
        number = None  # NaN or infinite
    if number != value:
        raise ValueError(f"X must hold whole numbers, got {short_repr(value)} in row {i}.")
    if abs(number) >= 2**63:
        raise ValueError(
            f"X must hold ids that fit in 64 bits, got {short_repr(value)} in row {i}."
        )
    return number
