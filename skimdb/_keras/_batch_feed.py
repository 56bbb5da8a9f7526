"""BatchFeed: the rows of each epoch in their order, cut into batches, and their products."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import scipy.sparse as sp

# Rows up to this size are arranged for the next epoch while the current one is trained, which
# takes their memory once more.
LARGEST_AHEAD = 1 << 28


class BatchFeed:
    """What a training calls from its graph: batches, and the products with them.

    Parameters
    ----------
    rows : tuple of X, targets and sample_weight
        CSR matrix or array, and float32 arrays.
    batch_size : int
        Number of rows of each batch but the last.
    seed : int
        Decides the order of the rows, with the number of the epoch.
    epochs : range
        The epochs to be trained.
    """

    def __init__(self, rows, batch_size, seed, epochs):
        self._rows = rows
        self._batch_size = batch_size
        self._seed = seed
        self._last_epoch = epochs[-1]
        self._ahead = None
        # the thread is for SciPy's row selection, which lets go of Python's lock
        is_small = _n_bytes(rows[0]) <= LARGEST_AHEAD
        self._thread = ThreadPoolExecutor(max_workers=1) if is_small else None

    def __enter__(self):
        return self

    def __exit__(self, *error):
        if self._thread is not None:
            self._thread.shutdown(wait=True)

    def arrange(self, epoch):
        """Put the rows into the order of an epoch."""
        arranged = self._arranged(epoch) if self._ahead is None else self._ahead.result()
        self._batches, self._targets, self._sample_weight = arranged
        self._scores = None
        self._ahead = None
        if self._thread is not None and epoch < self._last_epoch:
            self._ahead = self._thread.submit(self._arranged, epoch + 1)

    def begin(self, step, kernel):
        """Return a batch's product with the kernel, its targets and its sample weights."""
        rows = self._slice(step, step + 1)
        return self._batches[step] @ kernel, self._targets[rows], self._sample_weight[rows]

    def end(self, step, upstream, scores):
        """Note a batch's scores, and return the kernel's gradient from that of the product."""
        if self._scores is None:
            self._scores = np.empty((len(self._targets), scores.shape[1]), dtype=np.float32)
        self._scores[self._slice(step, step + 1)] = scores
        return self._batches[step].T @ upstream

    def seen(self, first, last):
        """Return targets, weights and scores of the batches from ``first`` up to ``last``."""
        rows = self._slice(first, last)
        return self._targets[rows], self._sample_weight[rows], self._scores[rows]

    def _slice(self, first, last):
        return slice(first * self._batch_size, last * self._batch_size)

    def _arranged(self, epoch):
        X, targets, sample_weight = self._rows
        order = np.random.default_rng([self._seed, epoch]).permutation(len(targets))
        # rows are moved once an epoch; batches are views of the moved rows
        return _batches(X[order], self._batch_size), targets[order], sample_weight[order]


def _batches(X, batch_size):
    starts = range(0, X.shape[0], batch_size)
    if sp.issparse(X):
        return [_row_slice(X, start, start + batch_size) for start in starts]
    return [X[start : start + batch_size] for start in starts]


def _row_slice(X, start, stop):
    """Return consecutive rows of a CSR matrix without copying their entries."""
    offsets = X.indptr[start : stop + 1]
    entries = slice(offsets[0], offsets[-1])
    return sp.csr_array(
        (X.data[entries], X.indices[entries], offsets - offsets[0]),
        shape=(len(offsets) - 1, X.shape[1]),
        copy=False,
    )


def _n_bytes(X):
    return X.data.nbytes + X.indices.nbytes if sp.issparse(X) else X.nbytes
