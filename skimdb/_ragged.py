"""Ragged rows: sequences of different lengths, as flat values with offsets and as an array."""

from itertools import pairwise

import numpy as np


def split_rows(values, offsets):
    """Return the rows ``values[offsets[i]:offsets[i + 1]]`` as an object array of views."""
    rows = np.empty(len(offsets) - 1, dtype=object)
    for i, (start, stop) in enumerate(pairwise(offsets.tolist())):
        rows[i] = values[start:stop]
    return rows


def with_first(values, offsets, first):
    """Put one more value in front of each row; return the new values and offsets."""
    offsets = offsets + np.arange(len(offsets))
    result = np.empty(offsets[-1], dtype=values.dtype)
    is_old = np.ones(len(result), dtype=bool)
    is_old[offsets[:-1]] = False
    result[is_old] = values
    result[offsets[:-1]] = first
    return result, offsets
