"""BatchFeed: the rows of each epoch in their order, cut into batches, and their products."""

from functools import wraps

import numpy as np
import scipy.sparse as sp


def _keeping_error(method):
    """Wrap what TensorFlow calls: of an error in it, TensorFlow tells by one of its own."""

    @wraps(method)
    def keeping(self, *inputs):
        try:
            return method(self, *inputs)
        except BaseException as error:
            self.error = error
            raise

    return keeping


class BatchFeed:
    """What a training calls from its graph: batches, and the products with them.

    A batch's rows are gathered by SciPy when its turn comes. Arranging all rows once an epoch
    takes as long and the memory of the rows once more, and leaves each batch further from the
    processor than one just gathered.

    Parameters
    ----------
    rows : tuple of X, targets and sample_weight
        CSR matrix or array, and float32 arrays.
    batch_size : int
        Number of rows of each batch but the last.
    seed : int
        Decides the order of the rows, with the number of the epoch.

    Attributes
    ----------
    error : BaseException or None
        What went wrong in ``begin`` or ``end``.
    """

    def __init__(self, rows, batch_size, seed):
        X, self._targets, self._sample_weight = rows
        # row selection from a csr_matrix takes a third longer
        self._X = sp.csr_array(X) if sp.issparse(X) else X
        self._batch_size = batch_size
        self._seed = seed
        self.error = None

    def arrange(self, epoch):
        """Decide the order of the rows in an epoch."""
        n_rows = len(self._targets)
        self._order = np.random.default_rng([self._seed, epoch]).permutation(n_rows)
        self._scores = None

    @_keeping_error
    def begin(self, step, kernel):
        """Return a batch's product with the kernel, its targets and its sample weights."""
        rows = self._rows(step, step + 1)
        self._batch = self._X[rows]
        return self._batch @ kernel, self._targets[rows], self._sample_weight[rows]

    @_keeping_error
    def end(self, step, upstream, scores):
        """Note a batch's scores, and return the kernel's gradient from that of the product."""
        if self._scores is None:
            self._scores = np.empty((len(self._targets), scores.shape[1]), dtype=np.float32)
        self._scores[self._rows(step, step + 1)] = scores
        return self._batch.T @ upstream

    def seen(self, first, last):
        """Return targets, weights and scores of the batches from ``first`` up to ``last``."""
        rows = self._rows(first, last)
        return self._targets[rows], self._sample_weight[rows], self._scores[rows]

    def _rows(self, first, last):
        # TensorFlow's number of a step is one of 32 bits, which the product may be beyond
        first, last = int(first), int(last)
        return self._order[first * self._batch_size : last * self._batch_size]
