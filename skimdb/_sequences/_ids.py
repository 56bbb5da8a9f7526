"""Keras's convention for ids, as in ``keras.datasets.imdb.load_data``."""

from dataclasses import dataclass

import numpy as np

from skimdb._sequences._ragged import Ragged
from skimdb._utils._checks import check_int, short_repr

# Ranks start at 1. Each row of ranks starts with a place for its start mark.
START_RANK, NO_RANK = 0, -1
LARGEST_ID = np.iinfo(np.int32).max


@dataclass(frozen=True)
class IdConvention:
    """How ranks of words become ids.

    Parameters
    ----------
    start_char : int or None
        Id at the front of each sequence; None for none.
    oov_char : int or None
        Id of words that are cut off; None leaves them out.
    index_from : int
        The id of a word is its rank plus this.
    num_words : int or None
        Ids from here on are cut off; None cuts off none.
    skip_top : int
        Ids below this are cut off, ``start_char`` included.
    keeps_unknown : bool
        Whether a word without a rank becomes ``oov_char``; otherwise it is left out.
    """

    start_char: int | None = 1
    oov_char: int | None = 2
    index_from: int = 3
    num_words: int | None = None
    skip_top: int = 0
    keeps_unknown: bool = False

    def __post_init__(self):
        check_int("skip_top", self.skip_top)
        check_int("start_char", self.start_char, max_val=LARGEST_ID, optional=True)
        check_int("oov_char", self.oov_char, max_val=LARGEST_ID, optional=True)
        check_int("index_from", self.index_from, max_val=LARGEST_ID - 1)
        # NumPy's small integers would overflow
        object.__setattr__(self, "index_from", int(self.index_from))

    def encode(self, ranks):
        """Return the ids of ranks.

        Parameters
        ----------
        ranks : Ragged of int32
            Each row starts with ``START_RANK``. ``NO_RANK`` stands for a word without a rank.

        Returns
        -------
        ids : Ragged of int32
        """
        ids, starts = self._shift(ranks.values), ranks.offsets[:-1]
        if self.start_char is not None:
            ids[starts] = self.start_char
        cut_off = self._is_cut_off(ids)
        kept = ranks.values != NO_RANK
        if self.keeps_unknown:
            cut_off |= ~kept
            kept[:] = True
        if self.oov_char is None:
            kept &= ~cut_off
        else:
            ids = np.where(cut_off, np.int32(self.oov_char), ids)
        if self.start_char is None:
            kept[starts] = False
        ids = Ragged(ids, ranks.offsets)
        return ids if kept.all() else ids.where(kept)

    def largest_id(self, ranks):
        """Return the largest id that rows of ranks contain if none is cut off."""
        largest = int(ranks.values.max(initial=START_RANK))
        # each row has one START_RANK that stands for no word
        has_words = largest > START_RANK or np.count_nonzero(ranks.values == 0) > len(ranks)
        start = -1 if self.start_char is None else int(self.start_char)
        return max(largest + self.index_from, start) if has_words else start

    def _shift(self, ranks):
        largest = max(int(ranks.max(initial=0)), 0)
        if largest + self.index_from > LARGEST_ID:
            raise ValueError(
                f"index_from must be at most {LARGEST_ID - largest} for ranks up to {largest} "
                f"to stay within int32, got {short_repr(self.index_from)}."
            )
        return ranks + np.int32(self.index_from)

    def _is_cut_off(self, ids):
        if self.num_words is None:
            return ids < self.skip_top
        cut_off = ids >= self.num_words
        return cut_off | (ids < self.skip_top) if self.skip_top > 0 else cut_off
