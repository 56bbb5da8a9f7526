"""N-grams of ids: learning them, and finding the columns of those in rows."""

from itertools import pairwise

import numpy as np
import scipy.sparse as sp

from skimdb._sequences import _kernels
from skimdb._sequences._ragged import Ragged
from skimdb._utils._threads import Workers, count_threads

SMALLEST_TABLE = 2**10
# rows are looked up in blocks of about so many ids
IDS_PER_BLOCK = 2**18
# n-grams are numbered in 32 bits
MOST_NGRAMS = 2**31 - 1
SHIFT, LOW = np.uint64(32), np.uint64(0xFFFFFFFF)


class NgramTable:
    """The columns of n-grams.

    Parameters
    ----------
    ngrams : ndarray of shape (n_columns, longest), int32
        The ids of each column's n-gram, filled up with -1.
    """

    def __init__(self, ngrams):
        self._n_columns, self._longest = ngrams.shape
        self._trie = _empty_table(self._n_columns * self._longest)
        nodes = np.empty(self._n_columns, dtype=np.int32)
        n_nodes = _kernels.add_ngrams(ngrams, self._trie, nodes)
        self._column_of = np.full(n_nodes, -1, dtype=np.int32)
        self._column_of[nodes] = np.arange(self._n_columns, dtype=np.int32)

    def count(self, ids):
        """Return how often each row holds each n-gram, as a canonical CSR array."""
        n_bits = self._n_columns.bit_length()

        def find(block, columns, counts, ends):
            nodes = np.empty((self._longest, len(block.values)), dtype=np.int32)
            tables = self._trie, self._column_of
            _kernels.find_columns(
                block.values, block.offsets, *tables, n_bits, nodes, columns, counts, ends
            )

        return _count_columns(find, ids, self._longest, self._n_columns)


def count_buckets(ids, shortest, longest, n_buckets):
    """Return how many n-grams of each row fall into each bucket, as a canonical CSR array."""
    n_bits = n_buckets.bit_length()

    def find(block, *out):
        lengths = shortest, longest
        _kernels.find_buckets(block.values, block.offsets, *lengths, n_buckets, n_bits, *out)

    return _count_columns(find, ids, longest, n_buckets)


def learn_ngrams(ids, shortest, longest, fewest_rows, most_rows):
    """Return the n-grams that become columns.

    Parameters
    ----------
    ids : Ragged of int32
        The rows.
    shortest, longest : int
        Lengths of the n-grams.
    fewest_rows, most_rows : int
        In how many rows an n-gram may be.

    Returns
    -------
    ngrams : ndarray of shape (n_columns, longest), int32
        The ids of each n-gram, filled up with -1: the n-grams in most rows first; those in equally
        many rows by their length and then by their ids.
    """
    ngrams, n_rows = _frequent_ngrams(ids, longest, fewest_rows)
    kept = n_rows <= most_rows
    if shortest > 1:
        kept &= ngrams[:, shortest - 1] >= 0
    ngrams, n_rows = ngrams[kept], n_rows[kept]
    return ngrams[np.argsort(-n_rows, kind="stable")]


def _frequent_ngrams(ids, longest, fewest_rows):
    """Return n-grams in ``fewest_rows`` rows or more, by length and ids, and their rows.

    An n-gram can only be in so many rows if the n-grams that it starts and ends with are, so that
    most long ones need not be counted.
    """
    nodes = np.zeros(len(ids.values), dtype=np.int32)
    trie = _empty_table(0)
    empty = np.full((1, longest), -1, dtype=np.int32)
    levels, counts = [empty], []
    n_nodes = 1
    for length in range(1, longest + 1):
        table = _count_rows(ids, nodes, length)
        n_rows = table[:, 1] >> SHIFT
        # an empty slot has no rows
        entries = table[n_rows >= max(fewest_rows, 1)]
        entries = entries[np.argsort(entries[:, 0])]
        keys = entries[:, 0] - np.uint64(1)
        parents = (keys >> SHIFT).astype(np.int64) - (n_nodes - len(levels[-1]))
        level = levels[-1][parents]
        level[:, length - 1] = keys & LOW
        levels.append(level)
        counts.append((entries[:, 1] >> SHIFT).astype(np.int64))
        entries[:, 1] = np.arange(n_nodes, n_nodes + len(level))
        n_nodes += len(level)
        if n_nodes > MOST_NGRAMS:
            raise ValueError(
                f"min_df must be larger for these sequences, got so many different n-grams that "
                f"there are more than {MOST_NGRAMS:,}; n_buckets hashes any number of them."
            )
        if length < longest:
            trie = _empty_table(len(level))
            _kernels.place_entries(entries, trie)
            _kernels.advance_nodes(ids.values, ids.offsets, length, trie, nodes)
    return np.concatenate(levels[1:]), np.concatenate(counts)


def _count_rows(ids, nodes, length):
    """Return the table of the n-grams of a length."""
    table, place = _empty_table(0), (0, 0, 0)
    while True:
        place = _kernels.count_ngrams(ids.values, ids.offsets, nodes, length, table, *place)
        if place[1] == len(ids):
            return table
        larger = np.zeros((2 * len(table), 2), dtype=np.uint64)
        _kernels.place_entries(table, larger)
        table = larger


def _empty_table(n_entries):
    """Return a hash table that is at most half full with so many entries."""
    n_slots = max(2 ** (2 * n_entries).bit_length(), SMALLEST_TABLE)
    return np.zeros((n_slots, 2), dtype=np.uint64)


def _count_columns(find, ids, longest, n_columns):
    """Call ``find`` with blocks of rows on all threads, and join the results."""
    edges = [0, len(ids)]
    if len(ids.values) > IDS_PER_BLOCK:
        inner = np.searchsorted(ids.offsets, np.arange(0, len(ids.values), IDS_PER_BLOCK))
        edges = np.unique([*edges, *inner])
    blocks = [
        Ragged(
            ids.values[ids.offsets[a] : ids.offsets[b]], ids.offsets[a : b + 1] - ids.offsets[a]
        )
        for a, b in pairwise(edges)
    ]
    found = [None] * len(blocks)

    def find_in_block(number):
        block = blocks[number]
        columns, counts = np.empty((2, longest * len(block.values)), dtype=np.int32)
        ends = np.empty(len(block), dtype=np.int64)
        find(block, columns, counts, ends)
        n_entries = ends[-1] if len(ends) else 0
        found[number] = (
            columns[:n_entries].copy(),
            counts[:n_entries].copy(),
            np.diff(ends, prepend=0),
        )

    if len(blocks) == 1:
        find_in_block(0)
    else:
        with Workers(min(count_threads(), len(blocks))) as workers:
            workers.for_each(find_in_block, range(len(blocks)))
    columns, counts, lengths = map(np.concatenate, zip(*found, strict=True))
    indptr = np.concatenate([[0], np.cumsum(lengths)])
    if indptr[-1] <= np.iinfo(np.int32).max:
        indptr = indptr.astype(np.int32)
    else:
        columns = columns.astype(np.int64)
    matrix = sp.csr_array((counts, columns, indptr), shape=(len(ids), n_columns))
    matrix.has_canonical_format = True
    return matrix
