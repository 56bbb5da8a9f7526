"""Training beside plain Keras: the same weights, batches, numbers and files."""

import gc
import random
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import keras
import numpy as np
import pytest
import scipy.sparse as sp

from skimdb import DenseClassifier, export_keras

N_ROWS, N_FEATURES, BATCH_SIZE = 250, 40, 64


def rows(n_classes=2):
    rng = np.random.default_rng(0)
    X = sp.random_array(
        (N_ROWS, N_FEATURES), density=0.2, format="csr", dtype=np.float32, random_state=rng
    )
    return X, rng.integers(n_classes, size=N_ROWS), rng.uniform(0.2, 2, N_ROWS).astype(np.float32)


class WeightRecorder(keras.callbacks.Callback):
    """Records the initial weights of a fit."""

    def on_train_begin(self, logs=None):
        self.initial_weights = self.model.get_weights()


def train_by_plain_keras(model, X, y, sample_weight, epochs, seed):
    """Train on the batches in the order that skimdb derives from seed and epoch."""
    losses = []
    for epoch in range(epochs):
        order = np.random.default_rng([seed, epoch]).permutation(len(y))
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


MORE_CASES = [
    {"units": ()},
    {"units": (64, 32, 8), "activation": "tanh"},
    {"optimizer": "adam", "loss": "mse", "learning_rate": 0.01},
    {"optimizer": "sgd", "n_classes": 3},
    {"optimizer": keras.optimizers.RMSprop(momentum=0.9, centered=True)},
    {"optimizer": keras.optimizers.Adam(amsgrad=True, clipnorm=0.1)},
    {"optimizer": keras.optimizers.Adam(gradient_accumulation_steps=3)},
    {"optimizer": keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD(0.1))},
    {"n_classes": 4, "loss": "categorical_crossentropy", "l2": 0.001},
]


@pytest.mark.parametrize(
    "dense", [False, pytest.param(True, marks=pytest.mark.slow)], ids=["sparse", "dense"]
)
@pytest.mark.parametrize(
    "parameters",
    [
        {},
        {"optimizer": "adam", "l2": 0.01},
        *(pytest.param(case, marks=pytest.mark.slow) for case in MORE_CASES),
    ],
)
def test_weights_equal_those_of_plain_keras(parameters, dense):
    parameters = dict(parameters)
    n_classes = parameters.pop("n_classes", 2)
    X, y, sample_weight = rows(n_classes)
    recorder = WeightRecorder()
    classifier = DenseClassifier(
        **parameters,
        metrics=None,
        epochs=3,
        batch_size=BATCH_SIZE,
        callbacks=recorder,
        random_state=5,
    )
    classifier.fit(X.toarray() if dense else X, y, sample_weight=sample_weight)

    plain = classifier.model_
    plain.set_weights(recorder.initial_weights)
    one_hot = classifier.loss == "categorical_crossentropy"
    targets = np.eye(n_classes)[y] if one_hot else y[:, np.newaxis]
    seed = np.random.RandomState(5).randint(2**31)
    losses = train_by_plain_keras(plain, X, targets, sample_weight, epochs=3, seed=seed)

    expected = plain.get_weights()
    weights = [*classifier.coefs_, *classifier.intercepts_]
    for ours, theirs in zip(weights, [*expected[::2], *expected[1::2]], strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-6)
        assert ours.dtype == np.float32
    np.testing.assert_allclose(classifier.history_["loss"], losses, rtol=1e-4)


def dense_batches(X, y, epochs, seed):
    """Yield dense batches in the order that skimdb derives from seed and epoch."""
    for epoch in range(epochs):
        order = np.random.default_rng([seed, epoch]).permutation(N_ROWS)
        for start in range(0, N_ROWS, BATCH_SIZE):
            batch = order[start : start + BATCH_SIZE]
            yield X[batch].toarray(), y[batch, np.newaxis].astype(np.float32)


@pytest.mark.slow
@pytest.mark.parametrize(
    "optimizer",
    [
        keras.optimizers.LossScaleOptimizer(keras.optimizers.RMSprop(), initial_scale=1e38),
        keras.optimizers.SGD(0.1, use_ema=True, ema_momentum=0.9),
        keras.optimizers.Adam(use_ema=True, ema_momentum=0.5, ema_overwrite_frequency=3),
        keras.optimizers.Adam(gradient_accumulation_steps=3),
    ],
    ids=["loss scaling", "averages", "averages taken over", "accumulation"],
)
@pytest.mark.parametrize("dense", [False, True], ids=["sparse", "dense"])
def test_optimizers_and_checkpoints_do_what_they_do_in_keras(optimizer, dense, tmp_path):
    X, y, _ = rows()
    recorder = WeightRecorder()
    checkpoint = keras.callbacks.ModelCheckpoint(tmp_path / "ours-{epoch}.keras")
    fitted = DenseClassifier(
        5,
        optimizer=optimizer,
        batch_size=BATCH_SIZE,
        epochs=2,
        callbacks=[recorder, checkpoint],
        random_state=5,
    ).fit(X.toarray() if dense else X, y)

    plain = fitted.model_
    plain.set_weights(recorder.initial_weights)
    seed = np.random.RandomState(5).randint(2**31)
    checkpoint = keras.callbacks.ModelCheckpoint(tmp_path / "theirs-{epoch}.keras")
    history = plain.fit(
        dense_batches(X, y, epochs=2, seed=seed),
        steps_per_epoch=-(-N_ROWS // BATCH_SIZE),
        epochs=2,
        shuffle=False,
        callbacks=[checkpoint],
        verbose=0,
    ).history
    for found, expected in zip(fitted.coefs_, plain.get_weights()[::2], strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(fitted.history_["loss"], history["loss"], rtol=1e-4)
    for epoch in (1, 2):
        ours, theirs = (
            keras.models.load_model(tmp_path / f"{whose}-{epoch}.keras").get_weights()
            for whose in ("ours", "theirs")
        )
        for found, expected in zip(ours, theirs, strict=True):
            np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-6)


OPEN_CHECKPOINT = """
import sys

import keras
import numpy as np

model = keras.models.load_model(sys.argv[1])
X = np.load(sys.argv[2])
np.save(sys.argv[3], model.predict(X, verbose=0))
model.fit(X, np.ones((len(X), 1)), verbose=0)
assert [type(layer) for layer in model.layers] == 2 * [keras.layers.Dense]
assert not any(name.startswith("skimdb") for name in sys.modules)
"""


@pytest.mark.slow
def test_a_checkpoint_opens_in_keras_alone(tmp_path):
    X, y, _ = rows()
    path, inputs, outputs = (tmp_path / name for name in ("m.keras", "X.npy", "p.npy"))
    checkpoint = keras.callbacks.ModelCheckpoint(path)
    fitted = DenseClassifier(5, epochs=2, callbacks=checkpoint, random_state=0).fit(X, y)
    np.save(inputs, X.toarray())
    command = [sys.executable, "-c", OPEN_CHECKPOINT, path, inputs, outputs]
    result = subprocess.run(command, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    np.testing.assert_allclose(np.load(outputs)[:, 0], fitted.predict_proba(X)[:, 1], rtol=1e-5)


def with_callback(callback, **parameters):
    options = {"epochs": 3, "batch_size": 64, "random_state": 0, "callbacks": callback}
    return DenseClassifier(5, **options | parameters)


@pytest.mark.parametrize(
    "parameters",
    [
        {},
        {"units": (), "optimizer": "adam"},
        {"dropout": 0.3, "learning_rate_schedule": "linear", "l2": 0.01},
        {"metrics": ["auc"], "loss": "hinge"},
    ],
    ids=str,
)
@pytest.mark.parametrize("dense", [False, True], ids=["sparse", "dense"])
def test_a_model_that_a_callback_saves_is_a_plain_one(parameters, dense, tmp_path):
    X, y, _ = rows()
    checkpoint = keras.callbacks.ModelCheckpoint(tmp_path / "{epoch}.keras")
    model = with_callback(checkpoint).set_params(**parameters)
    model.fit(X.toarray() if dense else X, y)
    saved = keras.models.load_model(tmp_path / "3.keras")
    assert saved.input_shape == (None, N_FEATURES)
    found = saved.predict(X.toarray(), verbose=0)[:, 0]
    np.testing.assert_allclose(found, model.predict_proba(X)[:, 1], rtol=1e-5)
    assert (tmp_path / "1.keras").exists()


@pytest.mark.parametrize("dense", [False, True], ids=["sparse", "dense"])
def test_saved_weights_are_those_of_the_exported_network(dense, tmp_path):
    X, y, _ = rows()
    path = tmp_path / "w.weights.h5"
    checkpoint = keras.callbacks.ModelCheckpoint(path, save_weights_only=True)
    model = with_callback(checkpoint).fit(X.toarray() if dense else X, y)
    exported = keras.models.load_model(export_keras(model, tmp_path / "m.keras"))
    trained = exported.get_weights()
    exported.set_weights([np.zeros_like(weight) for weight in trained])
    exported.load_weights(path)
    for found, expected in zip(exported.get_weights(), trained, strict=True):
        np.testing.assert_array_equal(found, expected)


@pytest.mark.slow
@pytest.mark.parametrize("optimizer", ["rmsprop", "adam"])
def test_an_interrupted_training_goes_on_from_its_backup(optimizer, tmp_path):
    X, y, _ = rows()

    def stop(epoch, logs):
        if epoch == 1:
            raise KeyboardInterrupt

    whole = with_callback(None, epochs=4, optimizer=optimizer, backend="keras").fit(X, y)
    backup = keras.callbacks.BackupAndRestore(tmp_path / "backup")
    with pytest.raises(KeyboardInterrupt):
        with_callback([backup, stop], epochs=4, optimizer=optimizer).fit(X, y)
    backup = keras.callbacks.BackupAndRestore(tmp_path / "backup")
    again = with_callback(backup, epochs=4, optimizer=optimizer).fit(X, y)
    assert again.history_["loss"] == whole.history_["loss"][2:]
    for found, expected in zip(again.coefs_, whole.coefs_, strict=True):
        np.testing.assert_array_equal(found, expected)


GRID = """
import os
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
import numpy as np
import tensorflow as tf
from sklearn.model_selection import GridSearchCV
from skimdb import DenseClassifier
X, y = np.eye(40), np.arange(40) % 2
grid = {"units": [2, 3, 4, (5, 5), 6]}
GridSearchCV(DenseClassifier(backend="keras", epochs=1, random_state=0), grid, cv=2).fit(X, y)
print("end of the grid", flush=True)
# TensorFlow still warns of what is not ours
for size in range(9):
    tf.function(lambda x: x + 1)(tf.zeros(size))
for size in range(9):
    @tf.function
    def function(x):
        return x
    function(tf.zeros(1))
"""


@pytest.mark.slow
def test_a_search_has_no_warnings_of_tensorflow():
    result = subprocess.run([sys.executable, "-c", GRID], capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    assert "end of the grid" in result.stdout
    # those of the functions at the end
    assert "TensorFlowTrainer" not in result.stderr
    assert "triggered tf.function retracing" in result.stderr


class Predictions(keras.callbacks.Callback):
    """Predicts with the model in training, from rows of either kind."""

    def __init__(self, X):
        super().__init__()
        self._X = X

    def on_epoch_end(self, epoch, logs=None):
        self.found = [self.model.predict(X, verbose=0) for X in (self._X, self._X.toarray())]
        self.layers = [type(layer) for layer in self.model.layers]


def test_the_model_that_a_callback_sees_is_a_plain_one():
    X, y, _ = rows()
    predictions = Predictions(X)
    fitted = DenseClassifier(5, epochs=1, callbacks=predictions, random_state=0).fit(X, y)
    assert predictions.layers == 2 * [keras.layers.Dense]
    for found in predictions.found:
        np.testing.assert_allclose(found[:, 0], fitted.predict_proba(X)[:, 1], rtol=1e-5)


def global_seeds():
    return random.getstate(), np.random.get_state()[1].tolist()  # noqa: NPY002 (the global one)


def test_global_seeds_do_not_change():
    X, y, _ = rows()
    before = global_seeds()
    DenseClassifier(5, dropout=0.5, epochs=1, random_state=0).fit(X, y)
    assert global_seeds() == before


def test_fits_in_threads_do_not_disturb_each_other():
    X, y, _ = rows()

    def fit(seed):
        return DenseClassifier(units=(9,), batch_size=32, random_state=seed).fit(X, y).coefs_

    expected = [fit(seed) for seed in range(4)]
    with ThreadPoolExecutor(4) as pool:
        for one, other in zip(pool.map(fit, range(4)), expected, strict=True):
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


@pytest.mark.slow
def test_keras_may_clear_its_state_between_fits():
    X, y, _ = rows()
    first = DenseClassifier(4, epochs=2, dropout=0.2, random_state=0).fit(X, y)
    keras.utils.clear_session()
    gc.collect()
    again = DenseClassifier(4, epochs=2, dropout=0.2, random_state=0).fit(X, y)
    np.testing.assert_array_equal(again.coefs_[0], first.coefs_[0])
