"""What training on more rows than memory holds needs: words counted and rows kept, by blocks."""

from collections import Counter
from tempfile import TemporaryFile

import numpy as np
import scipy.sparse as sp

from skimdb._word_index import TEXTS_PER_COUNT, WordIndexEncoder
from skimdb._word_table import WordCounter, by_frequency

CHUNKS_PER_BLOCK = 64


class WordCounts:
    """How often each word occurs in blocks of texts, in bounded memory.

    When there are more than ``max_words`` words, the rarer half of them is forgotten. A word that
    comes again is counted anew, so counts of rare words are too low; with a limit many times the
    number of words that are of use, that is of no consequence.

    Parameters
    ----------
    max_words : int, default=1_000_000
        How many words to count at a time; a million take about 150 MB.
    """

    def __init__(self, max_words=1_000_000):
        self._max_words = max_words
        self._counts = Counter()
        self._encoder = WordIndexEncoder()

    def update(self, texts):
        """Count the words of a block of texts, as WordIndexEncoder splits and cleans them."""
        counter = WordCounter()
        for start in range(0, len(texts), TEXTS_PER_COUNT):
            cleaned = self._encoder._cleaned(texts[start : start + TEXTS_PER_COUNT])
            counter.update(b" ".join(cleaned))
        self._counts.update(counter.counts())
        if len(self._counts) > self._max_words:
            counts = np.fromiter(self._counts.values(), dtype=np.int64)
            n_forgotten = len(counts) - self._max_words // 2
            highest_forgotten = np.partition(counts, n_forgotten - 1)[n_forgotten - 1]
            self._counts = Counter(
                {word: n for word, n in self._counts.items() if n > highest_forgotten}
            )

    def vocabulary(self, n_words):
        """Return the ranks of the most frequent words, as WordIndexEncoder learns them."""
        words = by_frequency(self._counts)
        return {
            word.decode("utf-8", "surrogatepass"): rank
            for rank, word in enumerate(words[:n_words], start=1)
        }


class RowFile:
    """Multi-hot rows with class numbers in a temporary file, to be read in any order.

    What is kept of a row is the columns of its ones, so it takes about a fifth of the bytes of its
    text. The file has no name, where the system allows it, and goes with the process.

    Parameters
    ----------
    folder : path-like
        Where the file is to be.
    n_columns : int
        Number of columns.
    rows_per_block : int
        About how many rows are to be read together.
    """

    def __init__(self, folder, n_columns, rows_per_block):
        self._file = TemporaryFile(dir=folder)  # noqa: SIM115
        self._n_columns = n_columns
        self._column_type = np.dtype(np.uint16 if n_columns <= 2**16 else np.int32)
        self._rows_per_chunk = max(rows_per_block // CHUNKS_PER_BLOCK, 1)
        self._chunks = []
        self.n_rows = 0

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._file.close()

    @property
    def n_blocks(self):
        """Number of blocks to read."""
        return -(-len(self._chunks) // CHUNKS_PER_BLOCK)

    def append(self, X, numbers):
        """Write rows, and the numbers of their classes, behind those that are there."""
        for start in range(0, X.shape[0], self._rows_per_chunk):
            rows = slice(start, start + self._rows_per_chunk)
            offsets = X.indptr[start : rows.stop + 1]
            columns = X.indices[offsets[0] : offsets[-1]].astype(self._column_type)
            lengths = np.diff(offsets).astype(np.int32)
            self._chunks.append((self._file.tell(), len(lengths), len(columns)))
            for part in (lengths, numbers[rows].astype(np.int32), columns):
                self._file.write(part.tobytes())
        self.n_rows += X.shape[0]

    def blocks(self, seed=None):
        """Yield blocks of rows with the numbers of their classes.

        Parameters
        ----------
        seed : int or sequence of int, default=None
            Decides which rows come together. A block is put together from small pieces of all
            parts of the file, so that rows in order, such as by label, do no harm. None reads the
            rows as they were written.

        Yields
        ------
        X : CSR matrix of shape (n_rows, n_columns), float32
        numbers : ndarray of shape (n_rows,)
        """
        order = range(len(self._chunks))
        if seed is not None:
            order = np.random.default_rng(seed).permutation(len(self._chunks)).tolist()
        for start in range(0, len(order), CHUNKS_PER_BLOCK):
            chunks = order[start : start + CHUNKS_PER_BLOCK]
            parts = [self._read(self._chunks[chunk]) for chunk in chunks]
            lengths, numbers, columns = map(np.concatenate, zip(*parts, strict=True))
            offsets = np.concatenate([[0], np.cumsum(lengths)])
            ones = np.ones(len(columns), dtype=np.float32)
            shape = (len(lengths), self._n_columns)
            yield sp.csr_matrix((ones, columns.astype(np.int32), offsets), shape=shape), numbers

    def _read(self, chunk):
        position, n_rows, n_entries = chunk
        self._file.seek(position)
        types = [(np.dtype(np.int32), n_rows)] * 2 + [(self._column_type, n_entries)]
        return [np.frombuffer(self._file.read(t.itemsize * n), dtype=t) for t, n in types]
