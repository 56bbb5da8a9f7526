import keras
import numpy as np
import pytest
import scipy.sparse as sp

from skimdb._forward import ACTIVATIONS, forward


@pytest.mark.parametrize("activation", sorted(ACTIVATIONS))
def test_equals_keras(activation):
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [
            keras.Input((30,)),
            keras.layers.Dense(8, activation=activation, bias_initializer="normal"),
            keras.layers.Dense(5, activation=activation, bias_initializer="normal"),
            keras.layers.Dense(3),
        ]
    )
    X = np.random.default_rng(0).normal(scale=2, size=(50, 30)).astype(np.float32)
    weights = model.get_weights()
    stack = weights[::2], weights[1::2], activation
    expected = model.predict(X, verbose=0)
    np.testing.assert_allclose(forward(X, *stack), expected, rtol=1e-5, atol=2e-6)
    np.testing.assert_allclose(forward(sp.csr_array(X), *stack), expected, rtol=1e-5, atol=2e-6)
    assert forward(X, *stack).dtype == np.float32


def test_more_rows_than_one_block():
    rng = np.random.default_rng(0)
    X = sp.random_array((20_000, 40), density=0.1, dtype=np.float32, rng=rng, format="csr")
    stack = [rng.normal(size=(40, 1)).astype(np.float32)], [np.zeros(1, np.float32)]
    whole = forward(X, *stack, "relu")
    np.testing.assert_allclose(whole, X @ stack[0][0], rtol=1e-6)
