"""From word ranks to sequences of ids, as ``keras.datasets.imdb.load_data`` does it."""

from dataclasses import dataclass

import numpy as np

from skimdb._ragged import split_rows, with_first

LARGEST_ID = np.iinfo(np.int32).max


@dataclass(frozen=True)
class Sequences:
    """Sequences end to end: row i is ``values[offsets[i]:offsets[i + 1]]``.

    Parameters
    ----------
    values : ndarray of int32
        All rows, one after the other.
    offsets : ndarray of int64
        Where each row starts, and the end of the last.
    """

    values: np.ndarray
    offsets: np.ndarray

    @classmethod
    def from_rows(cls, rows):
        """Join int32 arrays."""
        values = np.concatenate([np.empty(0, dtype=np.int32), *rows])
        return cls(values, _offsets(np.fromiter(map(len, rows), dtype=np.int64, count=len(rows))))

    @property
    def lengths(self):
        """The number of ids in each row."""
        return np.diff(self.offsets)

    @property
    def largest(self):
        """The largest id, or -1 where there is none."""
        return int(self.values.max(initial=-1))

    def take(self, indices):
        """Return the rows at the indices, in their order."""
        starts, stops = self.offsets[indices].tolist(), self.offsets[indices + 1].tolist()
        rows = [self.values[start:stop] for start, stop in zip(starts, stops, strict=True)]
        return Sequences.from_rows(rows)

    def marked(self, *, start_char, index_from):
        """Return the ids: ranks plus ``index_from``, behind ``start_char`` unless it is None."""
        largest = max(self.largest, 0)
        if largest + index_from > LARGEST_ID:
            raise ValueError(
                f"index_from must be at most {LARGEST_ID - largest} for ranks up to {largest} "
                f"to stay within int32, got {index_from!r}."
            )
        ids = self.values + np.int32(index_from)
        if start_char is None:
            return Sequences(ids, self.offsets)
        return Sequences(*with_first(ids, self.offsets, start_char))

    def limited(self, *, num_words, skip_top, oov_char):
        """Return the ids with those outside ``[skip_top, num_words)`` replaced, or left out."""
        kept = (self.values >= skip_top) & (self.values < num_words)
        if oov_char is not None:
            return Sequences(np.where(kept, self.values, np.int32(oov_char)), self.offsets)
        row_of = np.repeat(np.arange(len(self.offsets) - 1), self.lengths)
        lengths = np.bincount(row_of[kept], minlength=len(self.offsets) - 1)
        return Sequences(self.values[kept], _offsets(lengths))

    def to_array(self):
        """Return an object array of int32 arrays, views of one block of memory."""
        return split_rows(self.values, self.offsets)


def _offsets(lengths):
    return np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)])
