"""Numbers of the words of many texts."""

import sys
from collections import defaultdict
from itertools import chain

import numpy as np

from skimdb._sequences._analyzers import ROW_END, from_utf8, to_utf8
from skimdb._sequences._ragged import Ragged
from skimdb._utils._interrupts import hold_interrupts

KERNELS = "skimdb._sequences._kernels"
# Loading numba and the kernels takes half a second, in which a dict numbers about so many
# characters of text. Once loaded, the kernels are faster from far fewer on.
CHARACTERS_WORTH_LOADING, CHARACTERS_FOR_KERNELS = 2**23, 2**16
TEXTS_PER_BLOCK = 64
SMALLEST_TABLE = 2**12


def make_word_table(analyzer, texts):
    """Return an empty table of the words of texts, of the kind that is faster for them."""
    kind = CompiledWordTable if needs_kernels(analyzer, texts) else WordTable
    return kind(analyzer)


def needs_kernels(analyzer, texts):
    """Tell whether a compiled table is faster for texts."""
    if not analyzer.is_in_utf8:
        return False
    is_loaded = KERNELS in sys.modules
    fewest = CHARACTERS_FOR_KERNELS if is_loaded else CHARACTERS_WORTH_LOADING
    return sum(map(len, texts)) > fewest


class WordTable:
    """Words and their numbers, in the order of their first occurrence, in a dict.

    Parameters
    ----------
    analyzer : Analyzer
        Splits texts into words.
    """

    def __init__(self, analyzer):
        self._analyzer = analyzer
        self._number_of = defaultdict()
        self._number_of.default_factory = self._number_of.__len__

    def add(self, texts):
        """Return the numbers of the words of texts as Ragged; new words get the next numbers."""
        rows = self._analyzer.split(texts)
        numbers = map(self._number_of.__getitem__, chain.from_iterable(rows))
        return Ragged.from_lengths(np.fromiter(numbers, dtype=np.int32), [*map(len, rows)])

    def words(self):
        """Return the words."""
        return [*self._number_of]


class CompiledWordTable:
    """The same in arrays and compiled kernels, for many texts.

    Parameters
    ----------
    analyzer : Analyzer
        Splits texts into words. It must be one with words in UTF-8.
    words : list of str
        The words that have the first numbers, without spaces.
    """

    def __init__(self, analyzer, words=()):
        # a module of numba that was loaded in part could not be loaded again
        with hold_interrupts():
            from skimdb._sequences import _kernels
        self._kernels = _kernels
        self._analyzer = analyzer
        self._n_words = 0
        self._slots = np.zeros(SMALLEST_TABLE, dtype=np.uint64)
        self._hashes = np.empty(0, dtype=np.uint64)
        self._starts = np.zeros(1, dtype=np.int64)
        self._letters = np.empty(0, dtype=np.uint8)
        self._number(b" ".join(map(to_utf8, words)) + ROW_END, learns=True)

    def add(self, texts):
        """Return the numbers of the words of texts as Ragged; new words get the next numbers."""
        return self._number_texts(texts, learns=True)

    def find(self, texts):
        """Return the numbers of the words of texts as Ragged, -1 for words without a number."""
        return self._number_texts(texts, learns=False)

    def words(self):
        """Return the words."""
        ends = self._starts[1 : self._n_words + 1].tolist()
        letters, start, words = self._letters.tobytes(), 0, []
        for end in ends:
            words.append(from_utf8(letters[start:end]))
            start = end
        return words

    def _number_texts(self, texts, learns):
        starts = range(0, max(len(texts), 1), TEXTS_PER_BLOCK)
        blocks = (self._analyzer.clean(texts[i : i + TEXTS_PER_BLOCK]) for i in starts)
        return Ragged.concatenate([self._number(block, learns) for block in blocks])

    def _number(self, block, learns):
        text = np.frombuffer(block, dtype=np.uint8)
        most_words = len(text) // 2 + 1
        if learns:
            self._make_room(most_words, len(text))
        numbers = np.empty(most_words, dtype=np.int32)
        offsets = np.zeros(block.count(ROW_END) + 1, dtype=np.int64)
        table = self._slots, self._hashes, self._starts, self._letters, self._n_words
        self._n_words = self._kernels.number_words(text, *table, learns, numbers, offsets)
        return Ragged(numbers[: offsets[-1]].copy(), offsets)

    def _make_room(self, n_words, n_letters):
        n_words += self._n_words
        self._hashes = _with_room(self._hashes, n_words)
        self._starts = _with_room(self._starts, n_words + 1)
        self._letters = _with_room(self._letters, int(self._starts[self._n_words]) + n_letters)
        if 2 * n_words > len(self._slots):
            self._slots = np.zeros(2 ** (2 * n_words).bit_length(), dtype=np.uint64)
            self._kernels.place_words(self._slots, self._hashes, self._n_words)


class WordCounter:
    """How often each word occurs in blocks of texts.

    Parameters
    ----------
    analyzer : Analyzer
        Splits texts into words.
    max_words : int
        Bounds the memory: when there are more words, the rarer half is forgotten. A forgotten
        word that occurs again is counted from 0, so counts of rare words are too low.
    """

    def __init__(self, analyzer, max_words):
        self._analyzer = analyzer
        self._max_words = max_words
        self._counts = {}

    def update(self, texts):
        """Count the words of texts."""
        table = make_word_table(self._analyzer, texts)
        counts = np.bincount(table.add(texts).values)
        for word, count in zip(table.words(), counts.tolist(), strict=True):
            self._counts[word] = self._counts.get(word, 0) + count
        if len(self._counts) > self._max_words:
            self._forget_rare()

    def most_common(self, n_words):
        """Return the words by descending frequency, equally frequent ones alphabetically."""
        words = [*self._counts]
        return sort_words(words, np.array([*self._counts.values()], dtype=np.int64))[:n_words]

    def _forget_rare(self):
        counts = np.fromiter(self._counts.values(), dtype=np.int64)
        n_forgotten = len(counts) - self._max_words // 2
        highest_forgotten = np.partition(counts, n_forgotten - 1)[n_forgotten - 1]
        self._counts = {word: n for word, n in self._counts.items() if n > highest_forgotten}


def sort_words(words, counts):
    """Return words by descending frequency, equally frequent ones alphabetically."""
    alphabetical = np.array(sorted(range(len(words)), key=words.__getitem__), dtype=np.int64)
    order = alphabetical[np.argsort(-counts[alphabetical], kind="stable")]
    return [words[i] for i in order.tolist()]


def _with_room(array, n):
    """Return an array with room for n items: itself, or a larger one with the same items."""
    if n <= len(array):
        return array
    larger = np.empty(2 * n, dtype=array.dtype)
    larger[: len(array)] = array
    return larger
