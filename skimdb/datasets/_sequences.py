"""From word ranks to sequences of ids, as ``keras.datasets.imdb.load_data`` does it."""

from dataclasses import dataclass, replace

import numpy as np

from skimdb._checks import shown

LARGEST_ID = np.iinfo(np.int32).max


@dataclass(frozen=True)
class Sequences:
    """Sequences end to end, with room for a start mark in front of each.

    Parameters
    ----------
    values : ndarray of int32
        All rows, one after the other, each behind the place for its start mark.
    offsets : ndarray of int64
        The place of each row's start mark, and the end of the last row.
    has_marks : bool, default=False
        Whether the start marks are there, and so belong to the rows.
    """

    values: np.ndarray
    offsets: np.ndarray
    has_marks: bool = False

    @classmethod
    def from_rows(cls, rows):
        """Join int32 arrays without start marks."""
        room = np.zeros(1, dtype=np.int32)
        values = np.concatenate([room[:0], *(part for row in rows for part in (room, row))])
        lengths = np.fromiter(map(len, rows), dtype=np.int64, count=len(rows))
        return cls(values, _offsets(lengths + 1))

    @property
    def lengths(self):
        """The number of ids in each row."""
        return np.diff(self.offsets) - (not self.has_marks)

    @property
    def largest(self):
        """The largest id, or -1 where there is no row."""
        return int(self.values.max(initial=-1))

    def take(self, indices):
        """Return the rows at the indices, in their order."""
        starts, stops = self.offsets[indices].tolist(), self.offsets[indices + 1].tolist()
        rows = [self.values[start:stop] for start, stop in zip(starts, stops, strict=True)]
        values = np.concatenate([np.empty(0, dtype=np.int32), *rows])
        return replace(self, values=values, offsets=_offsets(np.diff(self.offsets)[indices]))

    def marked(self, *, start_char, index_from):
        """Return the ids: ranks plus ``index_from``, behind ``start_char`` unless it is None."""
        largest = max(self.largest, 0)
        if largest + index_from > LARGEST_ID:
            raise ValueError(
                f"index_from must be at most {LARGEST_ID - largest} for ranks up to {largest} "
                f"to stay within int32, got {shown(index_from)}."
            )
        ids = self.values + np.int32(index_from)
        if start_char is None:
            return replace(self, values=ids)
        ids[self.offsets[:-1]] = start_char
        return replace(self, values=ids, has_marks=True)

    def limited(self, *, num_words, skip_top, oov_char):
        """Return the ids with those outside ``[skip_top, num_words)`` replaced, or left out."""
        cut_off = self.values >= num_words
        if skip_top > 0:
            cut_off |= self.values < skip_top
        if oov_char is not None:
            values = self.values.copy()
            np.putmask(values, cut_off, np.int32(oov_char))
            return replace(self, values=values)
        kept = ~cut_off
        if not self.has_marks:
            kept[self.offsets[:-1]] = True
        return replace(self, values=self.values[kept], offsets=_offsets(kept)[self.offsets])

    def to_array(self):
        """Return an object array of int32 arrays, views of one block of memory."""
        starts, stops = self.offsets[:-1] + (not self.has_marks), self.offsets[1:]
        rows = np.empty(len(starts), dtype=object)
        for i, (start, stop) in enumerate(zip(starts.tolist(), stops.tolist(), strict=True)):
            rows[i] = self.values[start:stop]
        return rows


def _offsets(lengths):
    return np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)])
