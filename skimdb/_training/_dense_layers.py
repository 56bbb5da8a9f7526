"""The layers behind the first in training: forward pass, gradients and dropout, in NumPy."""

import numpy as np
from scipy.special import expit, ndtr

from skimdb._network._forward import ACTIVATIONS

SELU_SCALE = np.float32(1.0507009873554805)
SELU_SLOPE_AT_0 = np.float32(1.0507009873554805 * 1.6732632423543772)
DENSITY_AT_0 = np.float32(1 / np.sqrt(2 * np.pi))


def _silu_slope(z, a):
    sigmoid = expit(z)
    return sigmoid + a * (1 - sigmoid)


# the slope of each activation, from its input and its output
SLOPES = {
    "relu": lambda z, a: a > 0,
    "tanh": lambda z, a: 1 - a * a,
    "sigmoid": lambda z, a: a * (1 - a),
    "linear": lambda z, a: np.float32(1),
    "elu": lambda z, a: np.where(z > 0, np.float32(1), a + 1),
    "selu": lambda z, a: np.where(z > 0, SELU_SCALE, a + SELU_SLOPE_AT_0),
    "gelu": lambda z, a: ndtr(z) + z * DENSITY_AT_0 * np.exp(-z * z / 2),
    "silu": _silu_slope,
    "softplus": lambda z, a: expit(z),
    "softsign": lambda z, a: 1 / np.square(1 + np.abs(z)),
    "leaky_relu": lambda z, a: np.where(z > 0, np.float32(1), np.float32(0.2)),
}


class DenseLayers:
    """The bias of the first layer, and the layers behind it.

    Parameters
    ----------
    network : NetworkSpec
        The network.
    parameters, gradients : list of ndarray
        The first layer's bias, then kernel and bias of each layer in turn.
    """

    def __init__(self, network, parameters, gradients):
        self._activation = ACTIVATIONS[network.activation]
        self._slope = SLOPES[network.activation]
        self._dropout = network.dropout
        self._l2 = np.float32(network.l2)
        self._biases, self._kernels = parameters[::2], parameters[1::2]
        self._bias_gradients, self._kernel_gradients = gradients[::2], gradients[1::2]

    def forward(self, product, rng):
        """Return the scores, from the product of a batch with the first layer's kernel."""
        product += self._biases[0]
        scores, self._passes = product, []
        for kernel, bias in zip(self._kernels, self._biases[1:], strict=True):
            inputs = scores
            outputs = self._activation(inputs)
            mask, kept = None, outputs
            if self._dropout:
                mask = self._draw_mask(outputs.shape, rng)
                kept = outputs * mask
            self._passes.append((inputs, outputs, mask, kept))
            scores = kept @ kernel
            scores += bias
        return scores

    def backward(self, upstream):
        """Compute all gradients from those of the scores; return that of the product."""
        for i in reversed(range(len(self._kernels))):
            inputs, outputs, mask, kept = self._passes[i]
            np.matmul(kept.T, upstream, out=self._kernel_gradients[i])
            if self._l2:
                self._kernel_gradients[i] += (2 * self._l2) * self._kernels[i]
            _sum_rows(upstream, out=self._bias_gradients[i + 1])
            upstream = upstream @ self._kernels[i].T
            if mask is not None:
                upstream *= mask
            upstream *= self._slope(inputs, outputs)
        _sum_rows(upstream, out=self._bias_gradients[0])
        return upstream

    def _draw_mask(self, shape, rng):
        """Return 0 for what is dropped, and for the rest what keeps the mean."""
        kept = rng.random(shape, dtype=np.float32) >= self._dropout
        return kept * np.float32(1 / (1 - self._dropout))


def _sum_rows(A, out):
    """Compute the sum of each column; NumPy's ``sum`` takes six times as long."""
    np.matmul(np.ones(len(A), dtype=np.float32), A, out=out)
