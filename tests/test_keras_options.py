"""Keras's optimizers, callbacks and global settings do in skimdb what they do in plain Keras."""

import csv
import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from urllib.parse import parse_qs

import keras
import numpy as np
import pytest
import scipy.sparse as sp
import tensorflow as tf

from skimdb import DenseClassifier, KerasClassifier

N_ROWS, N_FEATURES, BATCH_SIZE, N_STEPS, EPOCHS = 60, 12, 16, 4, 2
RANDOM_STATE = 5
# tolerances of single precision, and of half precision
EXACT, MIXED = {"rtol": 1e-4, "atol": 1e-6}, {"rtol": 1e-2, "atol": 2e-3}

optimizers, callbacks = keras.optimizers, keras.callbacks
schedules = optimizers.schedules

X = sp.random_array(
    (N_ROWS, N_FEATURES), density=0.3, format="csr", dtype=np.float32, random_state=0
)
y = (X[:, [0, 1]].sum(axis=1) > 0.3).astype(int)


class InitialWeights(keras.callbacks.Callback):
    """Records the weights that a fit starts from."""

    def on_train_begin(self, logs=None):
        self.weights = self.model.get_weights()


def batches(epochs, n_steps=N_STEPS):
    """Yield dense batches in the order that DenseClassifier derives from its random_state."""
    seed = np.random.RandomState(RANDOM_STATE).randint(2**31)
    for epoch in range(epochs):
        order = np.random.default_rng([seed, epoch]).permutation(N_ROWS)
        for step in range(n_steps):
            batch = order[step * BATCH_SIZE : (step + 1) * BATCH_SIZE]
            yield X[batch].toarray(), y[batch, np.newaxis].astype(np.float32)


def plain_stack(meta=None, sparse=False):
    return keras.Sequential(
        [
            keras.Input((N_FEATURES,), sparse=sparse),
            keras.layers.Dense(5, "relu", kernel_initializer=keras.initializers.HeUniform(1)),
            keras.layers.Dense(1, "sigmoid", kernel_initializer=keras.initializers.HeUniform(2)),
        ]
    )


def compiled_stack(optimizer, weights=None):
    model = plain_stack()
    if weights is not None:
        model.set_weights(weights)
    # without a graph to trace, so few steps take a fraction of the time
    model.compile(optimizer, "binary_crossentropy", metrics=["accuracy"], run_eagerly=True)
    return model


def dense_classifier(optimizer="rmsprop", **parameters):
    parameters = {"epochs": EPOCHS, "backend": "keras", "random_state": RANDOM_STATE} | parameters
    return DenseClassifier(5, optimizer=optimizer, batch_size=BATCH_SIZE, **parameters)


def fit_both(optimizer, own=(), plain=(), *, epochs=EPOCHS, n_steps=N_STEPS):
    """Fit a DenseClassifier with some callbacks, and plain Keras with others."""
    initial = InitialWeights()
    fitted = dense_classifier(optimizer(), callbacks=[initial, *own], epochs=epochs).fit(X, y)
    model = compiled_stack(optimizer(), initial.weights)
    model.fit(
        batches(epochs, n_steps),
        steps_per_epoch=n_steps,
        epochs=epochs,
        shuffle=False,
        callbacks=list(plain),
        verbose=0,
    )
    moved = np.abs(fitted.coefs_[0] - initial.weights[0]).max()
    assert moved > 1e-6, "nothing was learnt: there is nothing to compare"
    return fitted, model


def assert_equal(fitted, model, rtol=1e-4, atol=1e-6):
    pairs = zip(fitted.coefs_, fitted.intercepts_, strict=True)
    assert_weights_equal(
        [part for pair in pairs for part in pair], model.get_weights(), rtol, atol
    )
    assert fitted.history_.keys() == model.history.history.keys()
    for name, values in model.history.history.items():
        np.testing.assert_allclose(
            np.asarray(fitted.history_[name], float), np.asarray(values, float), rtol, atol
        )


def assert_weights_equal(found, expected, rtol=1e-4, atol=1e-6):
    for one, other in zip(found, expected, strict=True):
        one, other = np.asarray(one, float), np.asarray(other, float)
        np.testing.assert_allclose(one, other, rtol=rtol, atol=atol)


# --- optimizers -------------------------------------------------------------------------------


def with_slow(names, fast):
    """Return test parameters, of which those that are not named as fast are slow tests."""
    assert set(fast) <= set(names)
    return [name if name in fast else pytest.param(name, marks=pytest.mark.slow) for name in names]


def newer(name):
    """Return what is only in later versions of Keras, or None."""
    return getattr(optimizers, name, None)


def several_optimizers():
    by_layer = newer("OptimizerMap")(optimizers.SGD(0.5))
    by_layer["output/.*"] = optimizers.Adam(0.1)
    return newer("MultiOptimizer")(by_layer)


OPTIMIZERS = {
    "Adadelta": lambda: optimizers.Adadelta(10.0),
    "Adafactor": lambda: optimizers.Adafactor(0.1),
    "Adagrad": lambda: optimizers.Adagrad(0.1, clipvalue=0.01),
    "Adam": lambda: optimizers.Adam(0.1, amsgrad=True, use_ema=True, ema_momentum=0.5),
    "AdamW": lambda: optimizers.AdamW(0.1, weight_decay=0.5),
    "Adamax": lambda: optimizers.Adamax(0.1, weight_decay=0.1),
    "Ftrl": lambda: optimizers.Ftrl(0.1, l2_regularization_strength=0.01),
    "Lamb": lambda: optimizers.Lamb(0.1),
    "Lion": lambda: optimizers.Lion(0.01),
    "LossScaleOptimizer": lambda: optimizers.LossScaleOptimizer(
        optimizers.Adam(0.1, use_ema=True, clipnorm=0.1), dynamic_growth_steps=2
    ),
    "MultiOptimizer": several_optimizers,
    "Muon": lambda: newer("Muon")(0.1),
    "Nadam": lambda: optimizers.Nadam(0.1, global_clipnorm=0.1),
    "RMSprop": lambda: optimizers.RMSprop(0.01, momentum=0.9, centered=True),
    "SGD": lambda: optimizers.SGD(0.1, momentum=0.9, nesterov=True, clipnorm=0.1),
    "ScheduleFreeAdamW": lambda: newer("ScheduleFreeAdamW")(0.05),
}
OPTIONS = {
    "loss scale": lambda: optimizers.SGD(0.5, loss_scale_factor=1024.0),
    "dynamic loss scale": lambda: optimizers.LossScaleOptimizer(optimizers.SGD(0.5)),
    "averages": lambda: optimizers.SGD(0.5, use_ema=True, ema_momentum=0.9),
    "averages taken over": lambda: optimizers.Adam(
        0.1, use_ema=True, ema_momentum=0.5, ema_overwrite_frequency=3
    ),
    "accumulation": lambda: optimizers.Adam(0.1, gradient_accumulation_steps=3),
    "accumulation of all": lambda: optimizers.SGD(
        0.5, gradient_accumulation_steps=2, use_ema=True, clipnorm=0.1, loss_scale_factor=8.0
    ),
}
SCHEDULES = {
    "ExponentialDecay": lambda: schedules.ExponentialDecay(0.5, 2, 0.5),
    "PiecewiseConstantDecay": lambda: schedules.PiecewiseConstantDecay([2, 4], [0.5, 0.2, 0.1]),
    "PolynomialDecay": lambda: schedules.PolynomialDecay(0.5, 5),
    "InverseTimeDecay": lambda: schedules.InverseTimeDecay(0.5, 2, 0.5),
    "CosineDecay": lambda: schedules.CosineDecay(0.2, 6, warmup_steps=2, warmup_target=0.5),
    "CosineDecayRestarts": lambda: schedules.CosineDecayRestarts(0.5, 3),
}


def public_classes(module, base):
    members = [getattr(module, name) for name in dir(module)]
    kinds = {member for member in members if isinstance(member, type) and issubclass(member, base)}
    return {kind.__name__ for kind in kinds - {base}}


def test_every_class_of_keras_is_tried():
    schedule = schedules.LearningRateSchedule
    assert public_classes(optimizers, optimizers.Optimizer) <= OPTIMIZERS.keys()
    assert public_classes(schedules, schedule) == SCHEDULES.keys()
    assert public_classes(callbacks, callbacks.Callback) <= TRIED_CALLBACKS


@pytest.mark.slow
@pytest.mark.parametrize(
    "name",
    with_slow(OPTIMIZERS, ["Adam", "LossScaleOptimizer", "MultiOptimizer", "SGD"]),
)
def test_optimizers(name):
    if newer(name) is None:
        pytest.skip(f"this version of Keras has no {name}")
    fitted, model = fit_both(OPTIMIZERS[name])
    assert_equal(fitted, model)


@pytest.mark.slow
@pytest.mark.parametrize("name", with_slow(OPTIONS, OPTIONS.keys() - {"accumulation"}))
def test_options_of_optimizers(name):
    fitted, model = fit_both(OPTIONS[name])
    assert_equal(fitted, model)


@pytest.mark.parametrize("name", with_slow(SCHEDULES, ["CosineDecay"]))
def test_learning_rate_schedules(name):
    fitted, model = fit_both(lambda: optimizers.SGD(SCHEDULES[name]()))
    assert_equal(fitted, model)


class OwnOptimizer(keras.optimizers.SGD):
    def __init__(self, pace):
        super().__init__(pace)


def without_decay_of_biases():
    optimizer = optimizers.AdamW(0.1)
    optimizer.exclude_from_weight_decay(var_names=["bias"])
    return optimizer


def own_schedule():
    class Schedule(schedules.LearningRateSchedule):
        def __call__(self, step):
            return 0.1

        def get_config(self):
            return {}

    return optimizers.SGD(Schedule())


@pytest.mark.filterwarnings("ignore:The object being serialized includes a `lambda`")
@pytest.mark.parametrize(
    ("optimizer", "message"),
    [
        (lambda: optimizers.SGD(lambda: 0.1), "build anew from its get_config"),
        (lambda: OwnOptimizer(0.1), "unexpected keyword argument"),
        (own_schedule, "register_keras_serializable"),
        (without_decay_of_biases, "exclude_from_weight_decay"),
    ],
    ids=["function as learning rate", "own class", "own schedule", "excluded weights"],
)
def test_an_optimizer_that_cannot_be_copied_is_refused(optimizer, message):
    with pytest.raises(ValueError, match=f"optimizer must be .*{message}"):
        dense_classifier(optimizer()).fit(X, y)


@pytest.mark.skipif(newer("MultiOptimizer") is None, reason="this version of Keras has none")
def test_a_schedule_for_several_optimizers_is_refused():
    model = dense_classifier(several_optimizers(), learning_rate_schedule="linear")
    with pytest.raises(ValueError, match="learning_rate_schedule must be None when optimizer has"):
        model.fit(X, y)


# --- callbacks --------------------------------------------------------------------------------

# each of the others has a test of its own below, or in test_keras_training
TRIED_CALLBACKS = {
    *("BackupAndRestore", "CSVLogger", "CallbackList", "EarlyStopping", "History"),
    *("LambdaCallback", "LearningRateScheduler", "ModelCheckpoint", "ProgbarLogger"),
    *("ReduceLROnPlateau", "RemoteMonitor", "SwapEMAWeights", "TensorBoard", "TerminateOnNaN"),
    # needs a package that nothing here installs, and says so when it is built
    "OrbaxCheckpoint",
}


def sgd(rate=0.5):
    return lambda: optimizers.SGD(rate)


def averaging(outer=lambda optimizer: optimizer):
    return lambda: outer(optimizers.Adam(0.1, use_ema=True, ema_momentum=0.5))


CHANGING = {
    "EarlyStopping": (
        sgd(30.0),
        lambda: callbacks.EarlyStopping("loss", patience=1, restore_best_weights=True),
    ),
    "LearningRateScheduler": (
        sgd(),
        lambda: callbacks.LearningRateScheduler(lambda epoch, rate: rate * 0.5),
    ),
    "ReduceLROnPlateau": (
        sgd(30.0),
        lambda: callbacks.ReduceLROnPlateau("loss", patience=0, factor=0.1),
    ),
    "SwapEMAWeights": (averaging(), lambda: callbacks.SwapEMAWeights()),
    "SwapEMAWeights each epoch": (
        averaging(optimizers.LossScaleOptimizer),
        lambda: callbacks.SwapEMAWeights(swap_on_epoch=True),
    ),
    "CallbackList": (
        sgd(),
        lambda: callbacks.CallbackList(
            [callbacks.LearningRateScheduler(lambda epoch, rate: rate * 0.5)]
        ),
    ),
}


@pytest.mark.parametrize(
    "name", with_slow(CHANGING, CHANGING.keys() - {"CallbackList", "SwapEMAWeights each epoch"})
)
def test_callbacks_that_change_the_training(name):
    optimizer, callback = CHANGING[name]
    fitted, model = fit_both(optimizer, [callback()], [callback()], epochs=4)
    assert_equal(fitted, model)


def test_terminate_on_nan_ends_in_the_error_of_a_divergence():
    stop = callbacks.TerminateOnNaN()
    begun = []
    count = callbacks.LambdaCallback(on_epoch_begin=lambda epoch, logs: begun.append(epoch))
    model = dense_classifier(optimizers.SGD(1e20), epochs=9, callbacks=[stop, count])
    with pytest.raises(ValueError, match="the training diverged: after 1 epochs"):
        model.fit(X, y)
    assert begun == [0]


class Receiver:
    """A web server that keeps the logs sent to it."""

    def __init__(self):
        self.logs = []
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"])).decode()
                receiver.logs.append(json.loads(parse_qs(body)["data"][0]))
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_):
                pass

        self._server = HTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self):
        self._server.shutdown()
        self._server.server_close()


class Watched:
    """What callbacks that only watch a training saw of it, in a folder."""

    def __init__(self, folder):
        self.folder = folder
        self.calls = []
        self.receiver = Receiver()
        hooks = ("train_begin", "train_end", "epoch_begin", "epoch_end", "train_batch_begin")
        hooks = [f"on_{hook}" for hook in (*hooks, "train_batch_end")]
        self.history = callbacks.History()
        self.callbacks = [
            callbacks.CSVLogger(folder / "log.csv"),
            self.history,
            callbacks.LambdaCallback(**{hook: self._recorder(hook) for hook in hooks}),
            callbacks.ModelCheckpoint(folder / "{epoch}.keras"),
            callbacks.ModelCheckpoint(folder / "{epoch}.weights.h5", save_weights_only=True),
            callbacks.ModelCheckpoint(folder / "best.keras", monitor="loss", save_best_only=True),
            callbacks.ModelCheckpoint(folder / "{epoch}-{batch}.keras", save_freq=3),
            callbacks.BackupAndRestore(folder / "backup", delete_checkpoint=False),
            callbacks.RemoteMonitor(self.receiver.address, path="/", field="data"),
        ]

    def _recorder(self, hook):
        def record(*position, logs=None):
            self.calls.append((hook, *position, logs))

        return record

    def files(self):
        return sorted(
            str(path.relative_to(self.folder)) for path in self.folder.rglob("*") if path.is_file()
        )


@pytest.fixture(scope="module")
def watched(tmp_path_factory):
    """One training by each, watched by many callbacks."""
    own, plain = (Watched(tmp_path_factory.mktemp(name)) for name in ("own", "plain"))
    result = fit_both(sgd(), own.callbacks, plain.callbacks)
    for watch in (own, plain):
        watch.receiver.close()
    return own, plain, *result


def test_callbacks_that_watch_change_nothing(watched):
    _, _, fitted, model = watched
    assert_equal(fitted, model)


def test_a_history_and_calls(watched):
    own, plain, fitted, _ = watched
    assert own.history.history == fitted.history_
    assert own.history.epoch == plain.history.epoch
    assert [call[:-1] for call in own.calls] == [call[:-1] for call in plain.calls]
    assert len(own.calls) == 2 + EPOCHS * (2 + 2 * N_STEPS)
    for one, other in zip(own.calls, plain.calls, strict=True):
        assert (one[-1] or {}) == pytest.approx(other[-1] or {}, rel=1e-4)


def test_csv_logs(watched):
    texts = [(watch.folder / "log.csv").read_text() for watch in watched[:2]]
    one, other = (list(csv.reader(text.splitlines())) for text in texts)
    assert one[0] == other[0]
    one, other = (np.array([row[:3] for row in rows[1:]], float) for rows in (one, other))
    assert len(one) == EPOCHS
    np.testing.assert_allclose(one, other, rtol=1e-4)


def test_logs_of_a_remote_monitor(watched):
    own, plain = (watch.receiver.logs for watch in watched[:2])
    assert len(own) == EPOCHS
    for one, other in zip(own, plain, strict=True):
        assert one == pytest.approx(other, rel=1e-4)


def test_checkpoints(watched):
    own, plain = watched[:2]
    assert own.files() == plain.files()
    assert {"1.keras", "2.weights.h5", "best.keras", "1-3.keras"} <= set(own.files())
    for name in own.files():
        if name.endswith(".keras"):
            one, other = (keras.models.load_model(w.folder / name) for w in (own, plain))
            assert one.optimizer.iterations == other.optimizer.iterations
        elif name.endswith("weights.h5"):
            one, other = plain_stack(), plain_stack()
            one.load_weights(own.folder / name)
            other.load_weights(plain.folder / name)
        else:
            continue
        assert_weights_equal(one.get_weights(), other.get_weights())


def test_a_progress_bar(capsys):
    dense_classifier(epochs=1, callbacks=callbacks.ProgbarLogger(), verbose=1).fit(X, y)
    printed = capsys.readouterr().out
    assert f"{N_STEPS}/{N_STEPS}" in printed
    assert "loss" in printed


def scalars(folder):
    """Return the curves in the files of TensorBoard: values by tag and step."""
    found = {}
    for path in sorted(folder.rglob("*.v2")):
        for record in tf.data.TFRecordDataset(str(path)):
            event = tf.compat.v1.Event.FromString(record.numpy())
            for value in event.summary.value:
                if value.metadata.plugin_data.plugin_name == "scalars":
                    found[value.tag, event.step] = float(tf.make_ndarray(value.tensor))
    return found


def test_tensorboard(tmp_path):
    pytest.importorskip("tensorboard")
    own, plain = (
        callbacks.TensorBoard(tmp_path / name, histogram_freq=1, update_freq="batch")
        for name in ("own", "plain")
    )
    fit_both(sgd(), [own], [plain])
    found, expected = scalars(tmp_path / "own"), scalars(tmp_path / "plain")
    assert ("epoch_loss", 1) in expected
    assert found == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("schedule", with_slow(["linear", "cosine"], ["linear"]))
def test_a_backup_in_the_middle_of_a_learning_rate_schedule(schedule, tmp_path):
    def stop(epoch, logs):
        if epoch == 1:
            raise KeyboardInterrupt

    def classifier(callbacks):
        optimizer = optimizers.SGD(0.5)
        parameters = {"epochs": 4, "learning_rate_schedule": schedule}
        return dense_classifier(optimizer, callbacks=callbacks, **parameters)

    with pytest.raises(KeyboardInterrupt):
        classifier([callbacks.BackupAndRestore(tmp_path / "backup"), stop]).fit(X, y)
    again = classifier(callbacks.BackupAndRestore(tmp_path / "backup")).fit(X, y)
    whole = classifier(None).fit(X, y)
    assert again.history_["loss"] == whole.history_["loss"][2:]
    assert_weights_equal(again.coefs_, whole.coefs_, rtol=0, atol=0)


# --- global settings --------------------------------------------------------------------------


@contextmanager
def floatx(name):
    keras.config.set_floatx(name)
    keras.config.set_dtype_policy(name)
    try:
        yield
    finally:
        keras.config.set_floatx("float32")
        keras.config.set_dtype_policy("float32")


@contextmanager
def dtype_policy(name):
    keras.config.set_dtype_policy(name)
    try:
        yield
    finally:
        keras.config.set_dtype_policy("float32")


@contextmanager
def eager_functions():
    tf.config.run_functions_eagerly(True)
    try:
        yield
    finally:
        tf.config.run_functions_eagerly(False)


@contextmanager
def whole_tracebacks():
    keras.config.disable_traceback_filtering()
    try:
        yield
    finally:
        keras.config.enable_traceback_filtering()


@contextmanager
def compilation_by_xla():
    tf.config.optimizer.set_jit("autoclustering")
    try:
        yield
    finally:
        tf.config.optimizer.set_jit(False)


SETTINGS = {
    "float64": (lambda: floatx("float64"), EXACT),
    "policy float64": (lambda: dtype_policy("float64"), EXACT),
    "float16": (lambda: floatx("float16"), MIXED),
    "bfloat16": (lambda: floatx("bfloat16"), {"rtol": 1e-2, "atol": 2e-2}),
    "mixed_float16": (lambda: dtype_policy("mixed_float16"), MIXED),
    "mixed_bfloat16": (lambda: dtype_policy("mixed_bfloat16"), {"rtol": 1e-2, "atol": 5e-3}),
    "eager": (eager_functions, EXACT),
    "tracebacks": (whole_tracebacks, EXACT),
    "XLA": (compilation_by_xla, EXACT),
}


# of tf.data, that it goes on as before
@pytest.mark.slow
@pytest.mark.filterwarnings(
    "ignore:Even though the `tf.config.experimental_run_functions_eagerly`"
)
@pytest.mark.parametrize("name", with_slow(SETTINGS, ["float64", "mixed_float16", "eager"]))
def test_global_settings(name):
    """DenseClassifier is of float32 whatever the setting, which is as good as what it replaces."""
    setting, tolerance = SETTINGS[name]
    with setting():
        fitted, model = fit_both(sgd())
    assert_equal(fitted, model, **tolerance)
    assert fitted.coefs_[0].dtype == fitted.predict_proba(X).dtype == np.float32
    assert all(type(value) is float for value in fitted.history_["loss"])


@pytest.mark.skipif(
    not hasattr(keras.config, "set_max_epochs"), reason="this version of Keras has no limits"
)
@pytest.mark.filterwarnings("ignore:Limiting")
def test_limits_of_epochs_and_steps():
    keras.config.set_max_epochs(1)
    keras.config.set_max_steps_per_epoch(2)
    try:
        fitted, model = fit_both(sgd(), n_steps=2)
    finally:
        keras.config.set_max_epochs(None)
        keras.config.set_max_steps_per_epoch(None)
    assert fitted.n_iter_ == 1
    assert_equal(fitted, model)


@pytest.mark.slow
def test_the_seed_of_keras_decides_what_no_random_state_does():
    first, again, other = [], [], []
    for seed, losses in ((3, first), (3, again), (4, other)):
        keras.utils.set_random_seed(seed)
        losses += dense_classifier(random_state=None, dropout=0.2).fit(X, y).history_["loss"]
    assert first == again != other


@pytest.mark.slow
def test_training_continues_under_another_dtype_policy():
    parameters = {"optimizer": "sgd", "warm_start": True, "learning_rate": 0.5}
    model, expected = (dense_classifier(**parameters).fit(X, y) for _ in range(2))
    with dtype_policy("mixed_float16"):
        model.fit(X, y)
    assert_weights_equal(model.coefs_, expected.fit(X, y).coefs_)


# --- KerasClassifier --------------------------------------------------------------------------


def keras_classifier(optimizer, **parameters):
    settings = {"loss": "binary_crossentropy", "metrics": ["accuracy"], "epochs": EPOCHS}
    settings |= {"batch_size": BATCH_SIZE, "shuffle": False, "verbose": 0} | parameters
    return KerasClassifier(plain_stack, optimizer=optimizer, **settings)


def fit_plain_model(optimizer):
    model = compiled_stack(optimizer)
    targets = y[:, np.newaxis]
    model.fit(X.toarray(), targets, BATCH_SIZE, EPOCHS, shuffle=False, verbose=0)
    return model


def assert_wrapper_equal(fitted, model, rtol=1e-4, atol=1e-6):
    assert_weights_equal(fitted.model_.get_weights(), model.get_weights(), rtol, atol)
    assert [str(w.dtype) for w in fitted.model_.weights] == [str(w.dtype) for w in model.weights]
    losses = fitted.history_["loss"], model.history.history["loss"]
    np.testing.assert_allclose(*(np.array(loss, float) for loss in losses), rtol, atol)
    moved = fitted.model_.get_weights()[0].astype(float) - plain_stack().get_weights()[0]
    assert np.abs(moved).max() > 1e-3
    expected = model.predict(X.toarray(), verbose=0)[:, 0].astype(float)
    np.testing.assert_allclose(fitted.predict_proba(X)[:, 1].astype(float), expected, rtol, atol)


@pytest.mark.slow
@pytest.mark.parametrize("name", with_slow(OPTIONS, ["loss scale", "averages"]))
def test_options_of_optimizers_for_a_model_of_the_users(name):
    sparse = name.startswith("averages")
    fitted = keras_classifier(OPTIONS[name](), model__sparse=sparse).fit(X, y)
    assert_wrapper_equal(fitted, fit_plain_model(OPTIONS[name]()))


@pytest.mark.filterwarnings(
    "ignore:Even though the `tf.config.experimental_run_functions_eagerly`"
)
@pytest.mark.parametrize(
    ("name", "sparse"),
    [
        ("float64", False),
        ("mixed_float16", False),
        ("eager", True),
        *(
            pytest.param(name, sparse, marks=pytest.mark.slow)
            for name, sparse in [
                ("float64", True),
                ("float16", False),
                ("bfloat16", True),
                ("mixed_float16", True),
                ("mixed_bfloat16", False),
                ("eager", False),
            ]
        ),
    ],
)
def test_global_settings_for_a_model_of_the_users(name, sparse):
    setting, tolerance = SETTINGS[name]
    with setting():
        fitted = keras_classifier(optimizers.SGD(0.5), model__sparse=sparse).fit(X, y)
        model = fit_plain_model(optimizers.SGD(0.5))
        assert_wrapper_equal(fitted, model, **tolerance)


@pytest.mark.slow
@pytest.mark.parametrize(
    "parameters",
    [{"run_eagerly": True}, {"compile__steps_per_execution": 2}, {"compile__jit_compile": True}],
    ids=str,
)
def test_ways_to_run_a_model_of_the_users(parameters):
    fitted = keras_classifier(optimizers.SGD(0.5), **parameters).fit(X, y)
    assert_wrapper_equal(fitted, fit_plain_model(optimizers.SGD(0.5)))
