"""The forward pass gives what Keras gives, block by block of rows."""

import keras
import numpy as np
import pytest
import scipy.sparse as sp

from skimdb._network._forward import ACTIVATIONS, ROWS_PER_BLOCK, _row_block, check_finite, forward


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
    X = sp.random_array(
        (20_000, 40), density=0.1, dtype=np.float32, random_state=rng, format="csr"
    )
    stack = [rng.normal(size=(40, 1)).astype(np.float32)], [np.zeros(1, np.float32)]
    whole = forward(X, *stack, "relu")
    np.testing.assert_allclose(whole, X @ stack[0][0], rtol=1e-6)


def test_each_row_goes_through_once_and_few_at_a_time(monkeypatch):
    n_rows = []
    monkeypatch.setitem(ACTIVATIONS, "counted", lambda z: n_rows.append(len(z)) or z)
    X = np.ones((2 * ROWS_PER_BLOCK + 1, 1), np.float32)
    one = np.ones((1, 1), np.float32), np.zeros(1, np.float32)
    forward(X, [one[0]] * 2, [one[1]] * 2, "counted")
    assert n_rows == [ROWS_PER_BLOCK, ROWS_PER_BLOCK, 1]


@pytest.mark.parametrize(("start", "stop"), [(0, 2), (1, 4), (3, 5), (0, 5)])
def test_a_block_of_rows_is_a_valid_matrix_that_shares_their_entries(start, stop):
    X = sp.csr_array(np.arange(15, dtype=np.float32).reshape(5, 3))
    block = _row_block(X, start, stop)
    assert np.shares_memory(block.data, X.data)
    assert block.dtype == np.float32
    # too few entries, or too many offsets, go unseen in products: those read past the end
    assert len(block.data) == len(block.indices) == block.indptr[-1]
    block.check_format(full_check=True)
    np.testing.assert_array_equal(block.toarray(), X.toarray()[start:stop])


def test_scores_too_large_for_float32_are_refused_with_their_row():
    layer = [np.array([[1, 1e38]], np.float32)], [np.zeros(2, np.float32)]
    X = sp.csr_array(np.array([[1], [100]], np.float32))
    check_finite(forward(X[:1], *layer, "relu"))
    scores = forward(X, *layer, "relu")
    message = r"^X must hold smaller values, .* row 1 has the scores \[100\.0, inf\]\.$"
    with pytest.raises(ValueError, match=message):
        check_finite(scores)
