"""Checks of sparse matrices that others have put together, for SciPy trusts their parts."""

from itertools import chain

import numpy as np
import scipy.sparse as sp

from skimdb._checks import named

INDEX_TYPES = (np.int32, np.int64)


def check_parts(name, X):
    """Raise if the parts of a sparse matrix don't fit together or point outside of it.

    SciPy would read and write there: wrong numbers at best, and else the end of the process.
    """
    if not sp.issparse(X):
        return
    if X.format in _CHECKS:
        _CHECKS[X.format](name, X)


def _check_compressed(name, X):
    axis = 1 if X.format == "csc" else 0
    block = X.blocksize if X.format == "bsr" else (1, 1)
    n_lines = X.shape[axis] // block[axis]
    indptr, indices = X.indptr, X.indices
    _check_vector(name, "indptr", indptr)
    _check_vector(name, "indices", indices)
    n_stored = min(len(indices), len(X.data))
    if len(indptr) != n_lines + 1 or indptr[0] != 0 or (indptr[1:] < indptr[:-1]).any():
        raise ValueError(
            f"{name} must have an indptr of {n_lines + 1} numbers that rise from 0, "
            f"got {len(indptr)}, from {indptr[:1]} on."
        )
    if indptr[-1] > n_stored:
        raise ValueError(
            f"{name} must have an indptr that rises from 0 to at most {n_stored}, "
            f"got {indptr[-1]}."
        )
    expected = np.shape(X.data)[:1] + (block if X.format == "bsr" else ())
    if np.shape(X.data) != expected:
        raise ValueError(f"{name} must have data of shape {expected}, got {np.shape(X.data)}.")
    _check_range(name, indices[: indptr[-1]], X.shape[1 - axis] // block[1 - axis])


def _check_coordinates(name, X):
    for indices, bound in zip(X.coords, X.shape, strict=True):
        _check_vector(name, "coords", indices)
        if np.shape(X.data) != indices.shape:
            raise ValueError(
                f"{name} must have as many entries in data as in each of its coords, "
                f"got {np.shape(X.data)} and {len(indices)}."
            )
        _check_range(name, indices, bound)


def _check_diagonals(name, X):
    _check_vector(name, "offsets", X.offsets)
    if np.ndim(X.data) != 2 or len(X.data) != len(X.offsets):
        raise ValueError(
            f"{name} must have a row in data for each of its {len(X.offsets)} offsets, "
            f"got data of shape {np.shape(X.data)}."
        )


def _check_lists(name, X):
    with named(name):
        lengths, n_values = (np.fromiter(map(len, part), np.int64) for part in (X.rows, X.data))
        columns = np.fromiter(chain.from_iterable(X.rows), np.int64, lengths.sum())
    if len(lengths) != X.shape[0] or not np.array_equal(lengths, n_values):
        raise ValueError(
            f"{name} must have {X.shape[0]} lists in rows and in data, of the same lengths."
        )
    _check_range(name, columns, X.shape[1])


# the coordinates that a DOK matrix is converted by are checked by SciPy
_CHECKS = {
    "csr": _check_compressed,
    "csc": _check_compressed,
    "bsr": _check_compressed,
    "coo": _check_coordinates,
    "dia": _check_diagonals,
    "lil": _check_lists,
}


def _check_vector(name, part, values):
    if not isinstance(values, np.ndarray) or values.ndim != 1 or values.dtype not in INDEX_TYPES:
        kinds = " or ".join(np.dtype(kind).name for kind in INDEX_TYPES)
        found = getattr(values, "dtype", type(values).__name__)
        raise ValueError(
            f"{name} must have one-dimensional {part} of {kinds}, "
            f"got {found} of shape {np.shape(values)}."
        )


def _check_range(name, indices, bound):
    # as whole numbers without a sign, those below 0 are the largest: one pass finds either
    unsigned = indices.view(f"u{indices.itemsize}")
    if len(indices) and unsigned.max() >= bound:
        raise ValueError(
            f"{name} must have indices from 0 to {bound - 1}, "
            f"got {indices.min()} to {indices.max()}."
        )
