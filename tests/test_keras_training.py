"""Training in skimdb/_keras beside plain Keras: same weights, same batches, same numbers."""

import threading

import keras
import numpy as np
import pytest
import scipy.sparse as sp

from skimdb import DenseClassifier
from skimdb._keras._network import build_model
from skimdb._keras._trainer import DenseStack
from skimdb._network_spec import NetworkSpec

N_ROWS, N_FEATURES, BATCH_SIZE, SEED = 250, 40, 64, 5


def rows(n_classes=2, seed=0):
    rng = np.random.default_rng(seed)
    X = sp.random_array(
        (N_ROWS, N_FEATURES), density=0.2, format="csr", dtype=np.float32, random_state=rng
    )
    return X, rng.integers(n_classes, size=N_ROWS), rng.uniform(0.2, 2, N_ROWS).astype(np.float32)


def train_by_plain_keras(model, X, y, sample_weight, epochs):
    """Train on the batches in the order that skimdb derives from seed and epoch."""
    losses = []
    for epoch in range(epochs):
        order = np.random.default_rng([SEED, epoch]).permutation(len(y))
        batch_losses = []
        for start in range(0, len(y), BATCH_SIZE):
            batch = order[start : start + BATCH_SIZE]
            loss = model.train_on_batch(
                X[batch].toarray(), y[batch], sample_weight=sample_weight[batch]
            )
            model.reset_metrics()
            batch_losses.append(loss * len(batch))
        losses.append(sum(batch_losses) / len(y))
    return losses


@pytest.mark.parametrize("dense", [False, True], ids=["sparse", "dense"])
@pytest.mark.parametrize(
    "parameters",
    [
        {},
        {"units": ()},
        {"units": (64, 32, 8), "activation": "tanh"},
        {"optimizer": "adam", "l2": 0.01},
        {"optimizer": "adam", "loss": "mse", "learning_rate": 0.01},
        {"optimizer": "sgd", "n_classes": 3},
        {"optimizer": keras.optimizers.RMSprop(momentum=0.9, centered=True)},
        {"optimizer": keras.optimizers.Adam(amsgrad=True, clipnorm=0.1)},
        {"n_classes": 4, "loss": "categorical_crossentropy", "l2": 0.001},
    ],
    ids=str,
)
def test_weights_equal_those_of_plain_keras(parameters, dense):
    parameters = {"n_classes": 2, "units": (16, 16), "metrics": None, **parameters}
    n_classes = parameters.pop("n_classes")
    classifier = DenseClassifier(**parameters)
    spec = NetworkSpec.of(classifier, N_FEATURES, n_classes)
    X, y, sample_weight = rows(n_classes)
    weights = spec.initial_weights(SEED)

    plain = build_model(spec, weights)
    one_hot = spec.loss == "categorical_crossentropy"
    targets = np.eye(n_classes)[y] if one_hot else y[:, np.newaxis]
    losses = train_by_plain_keras(plain, X, targets, sample_weight, epochs=3)

    stack = DenseStack(spec)
    stack.set_state(weights, learning_rate=spec.learning_rate)
    history = stack.fit(
        X.toarray() if dense else X,
        y,
        sample_weight=sample_weight,
        seed=SEED,
        batch_size=BATCH_SIZE,
        epochs=3,
    ).history

    for trained, expected in zip(stack.get_weights(), plain.get_weights(), strict=True):
        np.testing.assert_allclose(trained, expected, rtol=1e-4, atol=1e-6)
        assert trained.dtype == np.float32
    np.testing.assert_allclose(history["loss"], losses, rtol=1e-4)


def test_a_trainer_is_shared_by_fits_of_the_same_network(monkeypatch):
    X, y, _ = rows()
    built = []
    build = DenseStack.__init__

    def count(self, spec):
        built.append(spec)
        build(self, spec)

    monkeypatch.setattr(DenseStack, "__init__", count)
    fit = DenseClassifier(units=(7, 3), batch_size=32, random_state=0).fit
    first = fit(X, y).coefs_
    for parameters in ({"epochs": 2}, {"batch_size": 100}, {"learning_rate": 0.1}):
        DenseClassifier(units=(7, 3), **parameters).fit(X[:200], y[:200])
    again = fit(X, y).coefs_
    assert len(built) == 1
    for one, other in zip(first, again, strict=True):
        np.testing.assert_array_equal(one, other)


def test_fits_in_threads_do_not_disturb_each_other():
    X, y, _ = rows()

    def fit(seed):
        return DenseClassifier(units=(9,), batch_size=32, random_state=seed).fit(X, y).coefs_

    expected = [fit(seed) for seed in range(4)]
    results = [None] * 4

    def run(seed):
        results[seed] = fit(seed)

    threads = [threading.Thread(target=run, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for one, other in zip(results, expected, strict=True):
        np.testing.assert_array_equal(one[0], other[0])


def test_a_failed_fit_does_not_spoil_the_next():
    class Fail(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            raise RuntimeError("stopped by a test")

    X, y, _ = rows()
    expected = DenseClassifier(units=5, random_state=0).fit(X, y).coefs_
    broken = DenseClassifier(units=5, callbacks=Fail())
    with pytest.raises(RuntimeError, match="stopped by a test"):
        broken.fit(X, y)
    assert not hasattr(broken, "coefs_")
    again = DenseClassifier(units=5, random_state=0).fit(X, y).coefs_
    for one, other in zip(expected, again, strict=True):
        np.testing.assert_array_equal(one, other)
