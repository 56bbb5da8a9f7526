"""Sparse matrices that users assemble or change by hand."""

import numpy as np
import scipy.sparse as sp

from skimdb._utils._checks import prefix_errors, short_repr


def validate_sparse(name, X):
    """Return X, or for some sparse formats a copy, with parts that have been checked.

    SciPy checks the parts of a matrix when it is made, not when they are changed later, and reads
    and writes out of bounds if they contradict each other. Its check may cut off unused room
    behind the entries of a CSR, CSC or BSR matrix.
    """
    if not sp.issparse(X):
        return X
    with prefix_errors(name):
        _check_index_types(X)
        if X.format == "coo":
            return type(X)((X.data, X.coords), shape=X.shape)
        if X.format == "dia":
            matrix = type(X)((X.data, X.offsets), shape=X.shape)
            # SciPy cuts offsets to 32 bits without a check
            if not np.array_equal(matrix.offsets, X.offsets):
                raise ValueError(f"offsets must be within int32, got {short_repr(X.offsets)}")
            return matrix
        if X.format == "lil":
            _check_lengths(X)
            X = X.tocsr()
        if X.format in ("csr", "csc", "bsr"):
            if not isinstance(X.indices, np.ndarray) or not isinstance(X.indptr, np.ndarray):
                X = type(X)((X.data, X.indices, X.indptr), shape=X.shape)
            X.check_format(full_check=True)
    return X


def _check_index_types(X):
    parts = {part: getattr(X, part, None) for part in ("indptr", "indices", "offsets")}
    for i, axis in enumerate(X.coords if X.format == "coo" else ()):
        parts[f"coords[{i}]"] = axis
    for part, values in parts.items():
        dtype = np.asarray(values).dtype
        if values is not None and dtype.kind != "i":
            raise ValueError(f"{part} must be of an integer type, got {dtype}")


def _check_lengths(X):
    lengths = [[*map(len, part)] for part in (X.rows, X.data)]
    if lengths[0] != lengths[1] or len(lengths[0]) != X.shape[0]:
        raise ValueError(f"rows and data must be {X.shape[0]} lists each, of the same lengths")
