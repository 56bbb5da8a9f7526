"""What the columns of a matrix stand for, as far as it is known."""

import weakref
from dataclasses import dataclass
from hashlib import blake2b
from zlib import crc32

import numpy as np

_columns_by_matrix: dict[int, "ColumnIdentity"] = {}


@dataclass(frozen=True, eq=False)
class ColumnIdentity:
    """What the columns of a matrix stand for, as far as it is known.

    Parameters
    ----------
    words : ndarray of shape (n_words, 2), uint32, or None
        Ids in ascending order, and a hash of the word of each; None if the words are not known.
    ngrams : bytes or None
        A digest of the n-grams of ids, or of the ids, that a transformer has learned for its
        columns; None if it learns none.
    """

    words: np.ndarray | None
    ngrams: bytes | None

    def contradict(self, other):
        """Tell whether a column stands for one word or n-gram here, and for another there."""
        if None not in (self.ngrams, other.ngrams) and self.ngrams != other.ngrams:
            return True
        mine, others = self.words, other.words
        if mine is None or others is None or mine is others or np.array_equal(mine, others):
            return False
        # one vocabulary may have more words than the other
        _, *rows = np.intersect1d(
            mine[:, 0], others[:, 0], assume_unique=True, return_indices=True
        )
        return not np.array_equal(mine[rows[0], 1], others[rows[1], 1])


def hash_words(vocabulary, index_from, n_ids):
    """Return the ids of words below ``n_ids`` in ascending order, and a hash of each word."""
    pairs = vocabulary.items()
    words = {rank + index_from: word for word, rank in pairs if rank + index_from < n_ids}
    ids = sorted(words)
    hashes = [crc32(words[i].encode("utf-8", "surrogatepass")) for i in ids]
    return np.array([ids, hashes], dtype=np.uint32).T


def digest(array):
    """Return a digest of the values of an array."""
    return blake2b(np.ascontiguousarray(array), digest_size=16).digest()


def set_columns(X, columns):
    """Remember what the columns of a matrix or table stand for, as long as it lives."""
    if columns is not None:
        _columns_by_matrix[id(X)] = columns
        weakref.finalize(X, _columns_by_matrix.pop, id(X), None).atexit = False


def columns_of(X):
    """Return the ColumnIdentity of a matrix or table, or None if they are not known."""
    return _columns_by_matrix.get(id(X))
