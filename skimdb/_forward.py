"""The forward pass of a dense stack in NumPy and SciPy, so that predicting needs no TensorFlow."""

import numpy as np
import scipy.sparse as sp
from scipy import special

# Rows go through in blocks, so that activations stay within the processor's cache, and those of a
# large X never stand in memory at once.
ROWS_PER_BLOCK = 2048


def _selu(z):
    # the constants of Klambauer et al., "Self-Normalizing Neural Networks", 2017
    return np.float32(1.0507009873554805) * np.where(
        z > 0, z, np.float32(1.6732632423543772) * np.expm1(np.minimum(z, 0))
    )


# Each is Keras's function of the same name with Keras's defaults.
ACTIVATIONS = {
    "relu": lambda z: np.maximum(z, 0),
    "tanh": np.tanh,
    "sigmoid": special.expit,
    "linear": lambda z: z,
    "elu": lambda z: np.where(z > 0, z, np.expm1(np.minimum(z, 0))),
    "selu": _selu,
    "gelu": lambda z: z * special.ndtr(z),
    "silu": lambda z: z * special.expit(z),
    "softplus": lambda z: np.logaddexp(z, 0),
    "softsign": lambda z: z / (1 + np.abs(z)),
    "leaky_relu": lambda z: np.where(z > 0, z, np.float32(0.2) * z),
}


def forward(X, coefs, intercepts, activation):
    """Return the scores of a dense stack: what goes into its last sigmoid or softmax.

    Parameters
    ----------
    X : CSR matrix or ndarray of shape (n_samples, n_features), float32
        Input rows.
    coefs : list of ndarray of shape (n_inputs, n_units)
        Weights of each layer.
    intercepts : list of ndarray of shape (n_units,)
        Biases of each layer.
    activation : str
        Activation of the hidden layers, a key of ``ACTIVATIONS``.

    Returns
    -------
    scores : ndarray of shape (n_samples, n_outputs), float32
        Infinite or NaN where numbers are too large for float32.
    """
    scores = np.empty((X.shape[0], len(intercepts[-1])), dtype=np.float32)
    for start in range(0, X.shape[0], ROWS_PER_BLOCK):
        stop = min(start + ROWS_PER_BLOCK, X.shape[0])
        hidden = _row_block(X, start, stop)
        for coef, intercept in zip(coefs[:-1], intercepts[:-1], strict=True):
            hidden = hidden @ coef
            hidden += intercept
            hidden = ACTIVATIONS[activation](hidden)
        np.add(hidden @ coefs[-1], intercepts[-1], out=scores[start:stop])
    return scores


def _row_block(X, start, stop):
    """Return consecutive rows; of a CSR matrix too without copying their entries."""
    if not sp.issparse(X):
        return X[start:stop]
    offsets = X.indptr[start : stop + 1]
    entries = slice(offsets[0], offsets[-1])
    block = sp.csr_array((stop - start, X.shape[1]), dtype=X.dtype)
    # the constructor would copy the entries, as they are a small part of a large array
    block.data, block.indices = X.data[entries], X.indices[entries]
    block.indptr = offsets - offsets[0]
    return block


def check_finite(scores):
    """Raise unless all scores are finite: those that are not give no meaningful class."""
    is_finite = np.isfinite(scores).all(axis=1)
    if not is_finite.all():
        row = int(is_finite.argmin())
        raise ValueError(
            "X must hold values small enough for the weights, which must be finite themselves: "
            f"row {row} gives the scores {scores[row].tolist()}."
        )
