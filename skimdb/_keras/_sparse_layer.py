"""The product of sparse rows with the kernel of a Dense layer, computed by SciPy.

Keras sends sparse rows through ``embedding_lookup_sparse``, which takes several times as long.
"""

import keras
import numpy as np
import scipy.sparse as sp
import tensorflow as tf


def take_sparse_rows(model):
    """Let SciPy compute the products of a model's Dense layers with batches of sparse rows.

    The model gets another ``call``, as each of its Dense layers does. Where its input is dense, a
    batch is made dense for layers of other kinds; if there is none, TensorFlow leaves that out.
    """
    if "call" in vars(model):
        return
    for layer in model.layers:
        if type(layer) is keras.layers.Dense:
            multiply_by_scipy(layer)
    call_dense = model.call

    def call(inputs, *args, **kwargs):
        # a Sequential has its inputs once it is built, a model with its own call has none
        expected = getattr(model, "inputs", None) if model.built else None
        if isinstance(inputs, tf.SparseTensor) and expected and not expected[0].sparse:
            rows, inputs = inputs, tf.sparse.to_dense(inputs)
            inputs.sparse_rows = rows
        return call_dense(inputs, *args, **kwargs)

    model.call = call
    if model.jit_compile:
        # XLA compiles no calls of Python; what has been compiled for dense rows is built again
        model.jit_compile = False
        model.train_function = model.test_function = model.predict_function = None


def multiply_by_scipy(layer):
    """Let SciPy compute the products of a ``keras.layers.Dense`` with sparse rows.

    The layer gets another ``call`` and stays a plain Dense otherwise: so it is saved as one, and
    a saved or copied model is a plain Keras model.
    """
    compute_dense = layer.call

    def call(inputs, training=None):
        rows = inputs if isinstance(inputs, tf.SparseTensor) else sparse_rows_of(inputs)
        kernel = None if rows is None else tf.convert_to_tensor(layer.kernel)
        if kernel is None or {rows.dtype, kernel.dtype} != {tf.float32}:
            return compute_dense(inputs, training=training)
        outputs = _add_product(rows.indices, rows.values, rows.dense_shape, kernel)
        outputs.set_shape((None, layer.units))
        if layer.bias is not None:
            outputs += layer.bias
        return outputs if layer.activation is None else layer.activation(outputs)

    layer.call = call


def sparse_rows_of(inputs):
    """Return the sparse rows that a model has made dense, or None."""
    return getattr(inputs, "sparse_rows", None)


# TensorFlow keeps each custom gradient, with its graph, as long as the process lives. So it is
# traced once for all networks.
@tf.function(
    input_signature=[
        tf.TensorSpec((None, 2), tf.int64),
        tf.TensorSpec((None,), tf.float32),
        tf.TensorSpec((2,), tf.int64),
        tf.TensorSpec((None, None), tf.float32),
    ],
    autograph=False,
)
def _add_product(coordinates, values, shape, kernel):
    """Add the product of sparse rows with a kernel to the graph, and its gradient."""

    @tf.custom_gradient
    def multiply(kernel):
        def add_gradient(upstream):
            inputs = [coordinates, values, shape, upstream]
            return tf.numpy_function(_multiply_transposed, inputs, tf.float32)

        inputs = [coordinates, values, shape, kernel]
        return tf.numpy_function(_multiply, inputs, tf.float32), add_gradient

    return multiply(kernel)


def _multiply(coordinates, values, shape, kernel):
    return _to_csr(coordinates, values, shape) @ kernel


def _multiply_transposed(coordinates, values, shape, upstream):
    return _to_csr(coordinates, values, shape).T @ upstream


def _to_csr(coordinates, values, shape):
    """Return the CSR array of the parts of a ``tf.SparseTensor``, which go row by row."""
    offsets = np.searchsorted(coordinates[:, 0], np.arange(shape[0] + 1))
    return sp.csr_array((values, coordinates[:, 1], offsets), shape=tuple(shape))
