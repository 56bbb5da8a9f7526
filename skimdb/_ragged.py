"""Ragged rows: sequences of different lengths, as flat values with offsets and as an array."""

from itertools import pairwise

import numpy as np


def split_rows(values, offsets):
    """Return the rows ``values[offsets[i]:offsets[i + 1]]`` as an object array of views."""
    rows = np.empty(len(offsets) - 1, dtype=object)
    for i, (start, stop) in enumerate(pairwise(offsets.tolist())):
        rows[i] = values[start:stop]
    return rows
