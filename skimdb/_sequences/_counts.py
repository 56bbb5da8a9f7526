"""Counts of ids, by row."""

from itertools import accumulate, chain, pairwise

import numpy as np
import scipy.sparse as sp

# up to so many ids, Python's sets are about as fast as SciPy
FEW_IDS = 500
LARGEST_INT32 = np.iinfo(np.int32).max


def count_ids(ids, n_columns, *, binary):
    """Return how often each id occurs in each row.

    Parameters
    ----------
    ids : Ragged
        Ids below ``n_columns``.
    n_columns : int
        Number of columns.
    binary : bool
        Whether the entries shall become 1: then they may be any number but 0.

    Returns
    -------
    counts : CSR array of shape (len(ids), n_columns)
        In canonical form, of int8 or int64.
    """
    n_ids = len(ids.values)
    if binary and n_ids <= FEW_IDS:
        return _columns_of_few(ids, n_columns)
    # binary entries become 1 in the end, so int8 may overflow
    ones = np.ones(n_ids, dtype=np.int8 if binary else np.int64)
    index_dtype = _index_dtype(n_ids, n_columns)
    sort_at_once = n_ids > n_columns
    # the ids may be the user's own array, which sorting in place must not change
    indices = ids.values.astype(index_dtype, copy=not sort_at_once)
    counts = sp.csr_array(
        (ones, indices, ids.offsets.astype(index_dtype)), shape=(len(ids), n_columns)
    )
    if sort_at_once:
        # Two changes of format sort all rows at once, by a counting sort. Sorting row by row
        # takes several times as long.
        counts = counts.tocsc().tocsr()
    counts.sum_duplicates()
    return counts


def _columns_of_few(ids, n_columns):
    """Return the columns of few ids, as a canonical CSR array of ones.

    Each of SciPy's functions would let go of Python's lock. Where other threads wait for it, that
    costs more than such short work.
    """
    values = ids.values.tolist()
    rows = [sorted({*values[start:stop]}) for start, stop in pairwise(ids.offsets.tolist())]
    indices = [*chain.from_iterable(rows)]
    index_dtype = _index_dtype(len(indices), n_columns)
    parts = (
        np.ones(len(indices), dtype=np.int8),
        np.array(indices, dtype=index_dtype),
        np.array([0, *accumulate(map(len, rows))], dtype=index_dtype),
    )
    columns = sp.csr_array(parts, shape=(len(rows), n_columns))
    columns.has_canonical_format = True
    return columns


def _index_dtype(n_entries, n_columns):
    """Return the index type of a CSR matrix."""
    return np.int32 if max(n_entries, n_columns) <= LARGEST_INT32 else np.int64
