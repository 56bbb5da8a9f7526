"""The first layer in training: its products with the rows, its gradients and its updates."""

import sys

import numpy as np
import scipy.sparse as sp

from skimdb._utils._interrupts import hold_interrupts

COMPILED = "skimdb._training._compiled_input"
# A kernel of more weights is only updated in the rows that a batch touches.
MOST_WEIGHTS_FOR_SCIPY = 2**20
# Loading numba and the kernels takes 0.5 s. In training they save as much over about so many
# products of an entry and a weight.
WORK_WORTH_LOADING = 2**30

_work = 0


def make_input_layer(X, planes, optimizer, l2, batch_size, workers, epochs, last_steps):
    """Return the first layer for a training.

    Small kernels on rows of 0 and 1 are trained with SciPy until the compiled kernels are worth
    loading. Both give the same result bit for bit: a factor of 1 leaves no room for rounding.

    Parameters
    ----------
    X : CSR matrix or ndarray of shape (n_samples, n_features), float32
        The rows.
    planes : list of ndarray of shape (n_features, n_units)
        The weights, and then what the optimizer keeps for each. Not changed.
    optimizer : Optimizer
        Updates the kernel.
    l2 : float
        Strength of the penalty.
    batch_size : int
        Number of rows of each batch but the last.
    workers : Workers
        The threads.
    epochs : int
        How often the rows will be trained on.
    last_steps : ndarray of shape (n_features,) or None
        The step up to which each row of the averages has decayed; None is the last step.
    """
    settings = (optimizer, l2, batch_size)
    if not sp.issparse(X):
        return InputLayer(X, optimizer.settle(planes, last_steps), *settings)
    is_small = planes[0].size <= MOST_WEIGHTS_FOR_SCIPY and bool((X.data == 1).all())
    if is_small and not _is_worth_loading(X.nnz * planes[0].shape[1] * epochs):
        return InputLayer(X, optimizer.settle(planes, last_steps), *settings)
    # a module of numba that was loaded in part could not be loaded again
    with hold_interrupts():
        from skimdb._training._compiled_input import CompiledInputLayer

    is_lazy = optimizer.is_lazy and not l2 and not is_small
    if not is_lazy:
        planes, last_steps = optimizer.settle(planes, last_steps), None
    elif last_steps is None and optimizer.decay != 1:
        last_steps = np.full(X.shape[1], optimizer.n_steps, dtype=np.int64)
    return CompiledInputLayer(X, planes, *settings, workers, is_lazy, last_steps)


def _is_worth_loading(work):
    """Note the work of a training, and tell whether the compiled kernels should do it."""
    global _work
    _work += work
    return COMPILED in sys.modules or _work > WORK_WORTH_LOADING


class InputLayer:
    """The kernel of the first layer, and its part in each step, in SciPy and NumPy.

    Parameters
    ----------
    X, planes, optimizer, l2, batch_size
        As for ``make_input_layer``.
    """

    last_steps = None

    def __init__(self, X, planes, optimizer, l2, batch_size):
        # to select rows of a csr_matrix takes a third longer
        self._X = sp.csr_array(X) if sp.issparse(X) else X
        self._planes = [np.array(plane, order="C") for plane in planes]
        self._optimizer = optimizer
        self._l2 = np.float32(2 * l2)
        self._batch_size = batch_size

    def epoch(self, order):
        """Go through the rows in an order; yield the number of rows of each batch."""
        for start in range(0, len(order), self._batch_size):
            rows = order[start : start + self._batch_size]
            self._batch = self._X[rows]
            yield len(rows)

    def forward(self):
        """Return the product of the batch with the kernel."""
        return self._batch @ self._planes[0]

    def update(self, upstream, rate):
        """Update the kernel by the gradients of the product."""
        gradients = self._batch.T @ upstream
        if self._l2:
            gradients += self._l2 * self._planes[0]
        self._optimizer.update(self._planes, gradients, rate)

    def planes(self):
        """Return copies of the weights, and of what the optimizer keeps."""
        return [plane.copy() for plane in self._planes]

    def weights(self):
        """Return a copy of the weights."""
        return self._planes[0].copy()
