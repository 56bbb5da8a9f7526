"""Ragged: sequences of different lengths, end to end in one array."""

import warnings
from dataclasses import dataclass, replace
from itertools import pairwise
from operator import is_
from typing import Any

import numpy as np


@dataclass(frozen=True, eq=False)
class Ragged:
    """Sequences end to end.

    Parameters
    ----------
    values : ndarray
        The values of all rows, one row after the other.
    offsets : ndarray of int64, of length n_rows + 1
        Row i is ``values[offsets[i]:offsets[i + 1]]``.
    """

    values: np.ndarray
    offsets: np.ndarray

    @classmethod
    def from_lengths(cls, values, lengths):
        """Return the rows of these lengths, in the order of the values."""
        return cls(values, np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)]))

    @classmethod
    def concatenate(cls, parts):
        """Return the rows of all parts, one part after the other."""
        values = np.concatenate([part.values for part in parts])
        return cls.from_lengths(values, np.concatenate([part.lengths for part in parts]))

    def __len__(self):
        return len(self.offsets) - 1

    @property
    def lengths(self):
        """The number of values in each row."""
        return np.diff(self.offsets)

    def row_of(self, position):
        """Return the number of the row that holds a position in ``values``."""
        return int(np.searchsorted(self.offsets, position, side="right")) - 1

    def take(self, indices):
        """Return the rows at the indices, in their order."""
        starts, stops = self.offsets[indices].tolist(), self.offsets[indices + 1].tolist()
        rows = [self.values[start:stop] for start, stop in zip(starts, stops, strict=True)]
        return Ragged.from_lengths(np.concatenate([self.values[:0], *rows]), self.lengths[indices])

    def where(self, mask):
        """Return the rows without the values that the mask excludes."""
        kept_before = np.concatenate([[0], np.cumsum(mask)])
        return Ragged(self.values[mask], kept_before[self.offsets])

    def prepend(self, value):
        """Return the rows with one more value in front of each."""
        offsets = self.offsets + np.arange(len(self.offsets))
        values = np.empty(offsets[-1], dtype=self.values.dtype)
        is_old = np.ones(len(values), dtype=bool)
        is_old[offsets[:-1]] = False
        values[is_old] = self.values
        values[offsets[:-1]] = value
        return Ragged(values, offsets)

    def to_array(self, origin=None):
        """Return the rows as a SequenceArray, which says where they come from."""
        return SequenceArray(self, origin)


@dataclass(frozen=True, eq=False)
class Origin:
    """Where sequences come from.

    Parameters
    ----------
    vocabulary : dict of str to int, or None
        The rank of each word; None if it is not known.
    index_from : int
        The id of a word is its rank plus this.
    num_words : int or None
        Ids of this and above were cut off.
    index : pandas.Index or None
        The index of the texts.
    """

    vocabulary: dict[str, int] | None
    index_from: int
    num_words: int | None
    index: Any

    def compare_num_words(self, num_words, handle_unknown):
        """Warn if a vectorizer cuts off words at another id than the encoder did."""
        before = num_words if self.num_words is None else self.num_words
        if before < num_words:
            effect = f"the columns from {before} on stay empty"
        elif before > num_words and handle_unknown == "ignore":
            effect = f"the ids from {num_words} on are left out"
        else:
            return
        warnings.warn(
            f"num_words is {num_words} in the MultiHotVectorizer and {before} in the "
            f"WordIndexEncoder before it, so {effect}. Give both the same number, or one of them "
            "None.",
            UserWarning,
            stacklevel=6,
        )


class SequenceArray(np.ndarray):
    """An object array of sequences that remembers the flat array its rows are views of.

    It remembers the Origin too, if there is one.

    It is the public form of sequences, and behaves as any object array. What takes it as a whole,
    such as the next step of a Pipeline, gets the flat form back without joining the rows again.
    """

    def __new__(cls, ragged, origin=None):
        rows = [ragged.values[start:stop] for start, stop in pairwise(ragged.offsets.tolist())]
        array = np.empty(len(rows), dtype=object).view(cls)
        for i, row in enumerate(rows):
            array[i] = row
        array._ragged, array._rows, array.origin = ragged, rows, origin
        return array

    def __array_finalize__(self, source):
        # what is cut or computed from the array has other rows
        self._ragged = self._rows = self.origin = None

    def __repr__(self):
        return repr(self.view(np.ndarray))

    def __reduce__(self):
        if self.origin is not None and self.origin.index is not None and self.ragged is not None:
            # without the index a cache would mix up the rows of a table
            return SequenceArray, (self.ragged, replace(self.origin, vocabulary=None))
        return self.view(np.ndarray).__reduce__()

    @property
    def ragged(self):
        """The rows as Ragged, or None if rows have been replaced, moved or left out."""
        if self._rows is None or self.shape != (len(self._rows),):
            return None
        return self._ragged if all(map(is_, self, self._rows)) else None
