"""The ranks and the counts of all words of many texts at once, in NumPy.

A Python dict takes over 100 ns for each of the millions of words of a corpus. Here a word of up to
16 UTF-8 bytes is two 64-bit numbers, which a hash table in arrays holds; looking up takes a dozen
array operations for all words together. Longer words are rare and are left to a dict.
"""

from collections import Counter

import numpy as np

SPACE = ord(" ")
WORD_BYTES, LONGEST = 8, 16
NO_WORD = -1
# odd multipliers with bits all over, from the golden ratio and the square root of 2
MIX_FIRST, MIX_SECOND = np.uint64(0x9E3779B97F4A7C15), np.uint64(0x6A09E667F3BCC909)
# Bytes beyond the end of a word become 0xFF, which UTF-8 never holds (numbers are little-endian).
FILL = b"\xff"
ALL_BYTES = (1 << 8 * WORD_BYTES) - 1
FILL_AFTER = np.array([ALL_BYTES ^ ((1 << 8 * n) - 1) for n in range(WORD_BYTES + 1)], np.uint64)


class WordTable:
    """Ranks of words, to look up many words at once.

    Parameters
    ----------
    ranks : dict of bytes to int
        Rank of each word, in UTF-8.
    """

    def __init__(self, ranks):
        # a word that holds a space never is one of a text
        ranks = {word: rank for word, rank in ranks.items() if b" " not in word}
        self._long_ranks = {word: rank for word, rank in ranks.items() if len(word) > LONGEST}
        short = [word for word in ranks if 0 < len(word) <= LONGEST]
        values = np.array([ranks[word] for word in short], dtype=np.int32)
        n_slots = 1 << max(4, (4 * len(short)).bit_length())
        self._shift = np.uint64(64 - n_slots.bit_length() + 1)
        self._mask = n_slots - 1
        self._first, self._second = np.zeros((2, n_slots), dtype=np.uint64)
        self._ranks = np.full(n_slots, NO_WORD, dtype=np.int32)
        if short:
            starts, lengths, words = find_words(b" ".join(short))
            self._insert(*_as_numbers(words, starts, lengths), values)

    def look_up(self, texts):
        """Return the rank of each word in texts that stand end to end.

        Parameters
        ----------
        texts : bytes
            Words, with spaces between them.

        Returns
        -------
        starts : ndarray of shape (n_words,)
            Position of each word.
        ranks : ndarray of shape (n_words,), int32
            Rank of each word, -1 where it has none.
        """
        starts, lengths, padded = find_words(texts)
        first, second = _as_numbers(padded, starts, lengths)
        ranks = np.full(len(starts), NO_WORD, dtype=np.int32)
        slots = self._slots(first, second)
        pending = slice(None)
        while True:
            found = self._ranks[slots]
            same = (self._first[slots] == first) & (self._second[slots] == second)
            ranks[pending] = np.where(same, found, NO_WORD)
            # another word sits in the slot: the right one may be in the next
            going_on = np.flatnonzero(~same & (found != NO_WORD))
            if not len(going_on):
                break
            pending = going_on if isinstance(pending, slice) else pending[going_on]
            slots = (slots[going_on] + 1) & self._mask
            first, second = first[going_on], second[going_on]
        for i in np.flatnonzero(lengths > LONGEST):
            word = texts[starts[i] : starts[i] + lengths[i]]
            ranks[i] = self._long_ranks.get(word, NO_WORD)
        return starts, ranks

    def _slots(self, first, second):
        mixed = first * MIX_FIRST + second * MIX_SECOND
        mixed ^= mixed >> np.uint64(29)
        return ((mixed * MIX_FIRST) >> self._shift).astype(np.int64)

    def _insert(self, first, second, ranks):
        slots = self._slots(first, second)
        waiting = np.arange(len(ranks))
        while len(waiting):
            # of the words that want the same free slot, one gets it; the others try the next
            free = self._ranks[slots[waiting]] == NO_WORD
            wanting = waiting[free]
            _, winners = np.unique(slots[wanting], return_index=True)
            placed = wanting[winners]
            self._first[slots[placed]] = first[placed]
            self._second[slots[placed]] = second[placed]
            self._ranks[slots[placed]] = ranks[placed]
            waiting = np.setdiff1d(waiting, placed, assume_unique=True)
            slots[waiting] = (slots[waiting] + 1) & self._mask


class WordCounter:
    """How often each word occurs in blocks of texts."""

    def __init__(self):
        # words of up to 8 bytes are counted as numbers, block by block
        self._short_counts = []
        self._long_counts = Counter()

    def update(self, texts):
        """Count the words of texts that stand end to end, in UTF-8."""
        starts, lengths, padded = find_words(texts)
        is_short = lengths <= WORD_BYTES
        numbers, _ = _as_numbers(padded, starts[is_short], lengths[is_short])
        self._short_counts.append(np.unique(numbers, return_counts=True))
        long = zip(starts[~is_short].tolist(), lengths[~is_short].tolist(), strict=True)
        self._long_counts.update(texts[start : start + length] for start, length in long)

    def counts(self):
        """Return the number of occurrences of each word, as a Counter of bytes."""
        if not self._short_counts:
            return Counter()
        numbers, counts = map(np.concatenate, zip(*self._short_counts, strict=True))
        numbers, places = np.unique(numbers, return_inverse=True)
        totals = np.zeros(len(numbers), dtype=np.int64)
        np.add.at(totals, places, counts)
        content = numbers.astype("<u8").tobytes()
        starts = range(0, len(content), WORD_BYTES)
        words = (content[i : i + WORD_BYTES].rstrip(FILL) for i in starts)
        return Counter(dict(zip(words, totals.tolist(), strict=True))) + self._long_counts


def by_frequency(counts):
    """Return the words by descending frequency, equally frequent ones by their bytes."""
    # Sorting is stable: two fast sorts instead of one by a pair of keys.
    return sorted(sorted(counts), key=counts.get, reverse=True)


def find_words(texts):
    """Return the words' positions and lengths, and the texts as bytes with room behind them."""
    padded = np.zeros(len(texts) + LONGEST + 1, dtype=np.uint8)
    padded[: len(texts)] = np.frombuffer(texts, dtype=np.uint8)
    padded[len(texts)] = SPACE
    ends = np.flatnonzero(padded[: len(texts) + 1] == SPACE)
    starts = np.empty_like(ends)
    starts[0] = 0
    starts[1:] = ends[:-1] + 1
    lengths = ends - starts
    words = lengths > 0
    return starts[words], lengths[words], padded


def _as_numbers(padded, starts, lengths):
    """Return the first 8 bytes of each word as a number, and the second 8."""
    n_numbers = len(padded) - WORD_BYTES + 1
    # an unaligned view: the number at i holds the bytes from i to i + 7
    numbers = np.ndarray(n_numbers, dtype="<u8", buffer=padded, strides=(1,))
    first = numbers[starts] | FILL_AFTER[np.minimum(lengths, WORD_BYTES)]
    second = np.full(len(starts), ALL_BYTES, dtype=np.uint64)
    longer = np.flatnonzero(lengths > WORD_BYTES)
    remaining = np.minimum(lengths[longer] - WORD_BYTES, WORD_BYTES)
    second[longer] = numbers[starts[longer] + WORD_BYTES] | FILL_AFTER[remaining]
    return first, second
