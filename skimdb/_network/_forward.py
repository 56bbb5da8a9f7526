"""The forward pass of a dense stack in NumPy and SciPy: prediction without TensorFlow."""

import numpy as np
import scipy.sparse as sp
from scipy import special

# Blocks of rows keep the activations within the processor's cache, and bound their memory.
ROWS_PER_BLOCK = 2048


def _selu(z):
    # the constants of Klambauer et al., "Self-Normalizing Neural Networks", 2017
    return 1.0507009873554805 * np.where(z > 0, z, 1.6732632423543772 * np.expm1(np.minimum(z, 0)))


# Keras's functions of the same names, with Keras's defaults
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
    "leaky_relu": lambda z: np.where(z > 0, z, 0.2 * z),
}


def forward(X, coefs, intercepts, activation):
    """Return the scores of a dense stack: the inputs of its last sigmoid or softmax.

    Parameters
    ----------
    X : CSR matrix or ndarray of shape (n_samples, n_features), float32 or float64
        Input rows. Their type is that of the whole calculation.
    coefs : list of ndarray of shape (n_inputs, n_units)
        Weights of each layer.
    intercepts : list of ndarray of shape (n_units,)
        Biases of each layer.
    activation : str
        Activation of the hidden layers, a key of ``ACTIVATIONS``.

    Returns
    -------
    scores : ndarray of shape (n_samples, n_outputs), of the type of X
        Infinite or NaN where numbers are too large for that type.
    """
    scores = np.empty((X.shape[0], len(intercepts[-1])), dtype=X.dtype)
    X, coefs = _match_types(X, coefs)
    for start in range(0, X.shape[0], ROWS_PER_BLOCK):
        stop = min(start + ROWS_PER_BLOCK, X.shape[0])
        hidden = _row_block(X, start, stop)
        for coef, intercept in zip(coefs[:-1], intercepts[:-1], strict=True):
            hidden = hidden @ coef
            hidden += intercept
            hidden = ACTIVATIONS[activation](hidden)
        np.add(hidden @ coefs[-1], intercepts[-1], out=scores[start:stop])
    return scores


def _match_types(X, coefs):
    """Return rows and weights of the type of X; few sparse rows take only the weights they need.

    SciPy would convert the weights again for each block of rows.
    """
    if X.dtype == coefs[0].dtype:
        return X, coefs
    first, *others = coefs
    if sp.issparse(X) and X.nnz < X.shape[1]:
        columns, indices = np.unique(X.indices, return_inverse=True)
        X = sp.csr_array((X.data, indices, X.indptr), shape=(X.shape[0], len(columns)))
        first = first[columns]
    return X, [coef.astype(X.dtype) for coef in (first, *others)]


def _row_block(X, start, stop):
    """Return consecutive rows, without copying the entries of a CSR matrix."""
    if not sp.issparse(X):
        return X[start:stop]
    offsets = X.indptr[start : stop + 1]
    entries = slice(offsets[0], offsets[-1])
    block = sp.csr_array((stop - start, X.shape[1]), dtype=X.dtype)
    # the constructor would copy a small part of a large array
    block.data, block.indices = X.data[entries], X.indices[entries]
    block.indptr = offsets - offsets[0]
    return block


def check_finite(scores):
    """Raise unless all scores are finite."""
    is_finite = np.isfinite(scores).all(axis=1)
    if not is_finite.all():
        row = int(is_finite.argmin())
        raise ValueError(
            "X must hold smaller values, and the weights must be finite: "
            f"row {row} has the scores {scores[row].tolist()}."
        )
