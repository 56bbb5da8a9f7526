"""Training a network with ``keras.Model.fit``."""

import gc
import threading
import weakref
from contextlib import contextmanager

import keras
import numpy as np
import scipy.sparse as sp
import tensorflow as tf

from skimdb._keras import check_process
from skimdb._keras._feed import BatchFeed, FeedErrors
from skimdb._keras._network import build_stack, compile_model, reason_of, target_form
from skimdb._keras._sparse_layer import multiply_by_scipy
from skimdb._network._state import TrainingState, join_histories
from skimdb._network._target import ONE_HOT
from skimdb._utils._checks import is_function, short_repr
from skimdb._utils._interrupts import hold_interrupts

# A model of an earlier fit waits for Python's garbage collector, since Keras's objects refer to
# each other. The collector doesn't know how much memory they hold, and takes 0.2 s.
MAX_OLD_MODELS = 8
# loss and metrics are tried on so many rows before the training
ROWS_TO_TRY = 5
# tells the random numbers for dropout from those for the order of the rows
DROPOUT = 1
# how the learning rate falls to 0, from a rate over a number of steps
SCHEDULES = {
    "linear": lambda rate, n_steps: keras.optimizers.schedules.PolynomialDecay(
        rate, n_steps, end_learning_rate=0.0
    ),
    "cosine": keras.optimizers.schedules.CosineDecay,
}

_models: list[weakref.ref] = []
_this_thread = threading.local()


def run_epochs(plan, start, tasks):
    """Train for the epochs of a FitPlan from a state, and return the state at the end.

    ``tasks`` is told of each epoch, unless it is None.
    """
    check_process()
    callbacks = _to_keras_callbacks(plan.callbacks)
    with without_retracing_warnings(), hold_interrupts() as deliver_interrupt:
        # here too Ctrl-C would be lost, in a ``__del__``
        _free_old_models()
        training = _Training(plan, start)
        _models.append(weakref.ref(training.model))
        own = [Interruption(deliver_interrupt), *training.callbacks()]
        training.fit([*own, *callbacks, *_early_stopping(plan.patience), *_task_reporter(tasks)])
        for callback in callbacks:
            if _lets_go_of_model(callback):
                callback.set_model(None)
        return training.state()


@contextmanager
def without_retracing_warnings():
    """Leave out warnings that a model is compiled again: each fit trains a new one."""
    _this_thread.trains = True
    try:
        yield
    finally:
        _this_thread.trains = False


def _is_to_be_logged(record):
    is_training = getattr(_this_thread, "trains", False)
    return not (is_training and "triggered tf.function retracing" in record.getMessage())


tf.get_logger().addFilter(_is_to_be_logged)


def _free_old_models():
    _models[:] = [model for model in _models if model() is not None]
    if len(_models) >= MAX_OLD_MODELS:
        gc.collect()
        _models.clear()


class _Training:
    """A model, the rows to train it on, and where it starts."""

    def __init__(self, plan, start):
        self._plan = plan
        self._start = start
        self.model = self._build_model()
        rows = plan.rows
        self._feed = self._make_feed(rows.X, rows.y, rows.sample_weight)

    def callbacks(self):
        """Return the callbacks for the order of the rows, dropout and the learning rate."""
        schedule = self._plan.learning_rate_schedule
        decay = []
        if schedule is not None:
            decay = [_LearningRateDecay(schedule, self._start.n_epochs, self._plan.epochs)]
        return [keras.callbacks.LambdaCallback(on_epoch_begin=self._begin_epoch), *decay]

    def fit(self, callbacks):
        """Train the model; an error in the feed comes out as it is."""
        plan = self._plan
        feeds = [self._feed]
        validation_data = None
        if plan.rows.validation_data is not None:
            feeds.append(self._make_feed(*plan.rows.validation_data))
            validation_data = feeds[-1].to_dataset()
        first_epoch = self._start.n_epochs
        with FeedErrors(*feeds):
            self.model.fit(
                self._feed.to_dataset(),
                initial_epoch=first_epoch,
                epochs=first_epoch + plan.epochs,
                validation_data=validation_data,
                callbacks=callbacks,
                shuffle=False,
                verbose=plan.verbose,
            )

    def state(self):
        """Return weights, optimizer state and history."""
        model = self.model
        optimizer_state = [variable.numpy() for variable in model.optimizer.variables]
        # of floatx bfloat16, Keras makes no numbers but tensors
        later = {
            name: [float(value) if tf.is_tensor(value) else value for value in values]
            for name, values in model.history.history.items()
        }
        history = join_histories(self._start.history, later)
        return TrainingState(model.get_weights(), optimizer_state, history)

    def _build_model(self):
        plan, start = self._plan, self._start
        is_sparse = sp.issparse(plan.rows.X)
        model = build_stack(plan.network, start.weights, sparse=is_sparse)
        compile_model(model, plan.network)
        if is_sparse:
            multiply_by_scipy(model.layers[0])
        if not tf.distribute.has_strategy():
            _leave_out_reduction(model.optimizer)
        if start.optimizer_state is not None:
            for variable, value in zip(
                model.optimizer.variables, start.optimizer_state, strict=True
            ):
                variable.assign(value)
        if plan.learning_rate is not None:
            model.optimizer.learning_rate = plan.learning_rate
        self._check_parts(model)
        return model

    def _check_parts(self, model):
        """Raise unless loss and metrics suit the network."""
        n_outputs = model.output_shape[-1]
        targets = self._to_targets(np.zeros((ROWS_TO_TRY, *self._plan.rows.y.shape[1:])))
        outputs = tf.fill((ROWS_TO_TRY, n_outputs), 1 / len(self._plan.network.target.classes))
        _check_loss(model, targets, outputs)
        _check_metrics(model, targets, outputs)

    def _make_feed(self, X, y, sample_weight=None):
        return BatchFeed(X, self._to_targets(y), sample_weight, self._plan.batch_size)

    def _to_targets(self, y):
        """Return class numbers as a column, or one-hot where the loss compares probabilities.

        Indicators stay as they are.
        """
        targets = y if y.ndim == 2 else y[:, np.newaxis]
        if target_form(self._plan.network) == ONE_HOT:
            targets = targets == np.arange(self._plan.network.n_outputs)
        return targets.astype(np.float32)

    def _begin_epoch(self, epoch, logs=None):
        """Draw the order of the rows, and the seed of each dropout layer."""
        seed = self._plan.seed
        self._feed.shuffle(np.random.default_rng([seed, epoch]))
        rng = np.random.default_rng([seed, epoch, DROPOUT])
        for layer in self.model.layers:
            if isinstance(layer, keras.layers.Dropout):
                layer.seed_generator.state.assign([rng.integers(2**31), 0])


def _leave_out_reduction(optimizer):
    """Let an optimizer leave out the sum of its gradients over replicas, of which there is one.

    TensorFlow keeps the gradient of that sum as long as the process lives, and with it the graph
    of the model and all it refers to.
    """
    if isinstance(optimizer, keras.optimizers.LossScaleOptimizer):
        # which calls the inner optimizer in this way itself
        return
    apply_gradients = optimizer.apply_gradients
    # within merge_call, an optimizer takes its gradients for the sums
    optimizer.apply_gradients = lambda pairs: tf.distribute.get_replica_context().merge_call(
        lambda strategy: apply_gradients(pairs)
    )


class Interruption(keras.callbacks.Callback):
    """Lets Ctrl-C through between two batches, where neither Keras nor TensorFlow loses it."""

    def __init__(self, deliver):
        super().__init__()
        self._deliver = deliver

    def on_train_batch_end(self, batch, logs=None):
        self._deliver()

    def on_test_batch_end(self, batch, logs=None):
        self._deliver()

    def on_predict_batch_end(self, batch, logs=None):
        self._deliver()


class _LearningRateDecay(keras.callbacks.Callback):
    """Sets the learning rate before each step to that of one of Keras's schedules.

    An optimizer with the schedule in it would count the steps of earlier fits too, has other
    variables, and would end up in what the user saves.
    """

    def __init__(self, name, first_epoch, n_epochs):
        super().__init__()
        self._name = name
        self._first_epoch = first_epoch
        self._n_epochs = n_epochs

    def on_train_begin(self, logs=None):
        self._first_rate = self._rate = self._current_rate()
        self._set_rate(self._rate)
        n_steps = self._n_epochs * self.params["steps"]
        self._schedule = SCHEDULES[self._name](float(self._rate), n_steps)
        self._next_epoch = self._first_epoch

    def on_epoch_begin(self, epoch, logs=None):
        if epoch != self._next_epoch:
            # BackupAndRestore has loaded the state of a later epoch
            self._rate = self._current_rate()
        self._next_epoch = epoch + 1
        n_steps = self.params["steps"]
        steps = np.arange(n_steps) + (epoch - self._first_epoch) * n_steps
        self._rates = np.asarray(self._schedule(steps))

    def on_train_batch_begin(self, batch, logs=None):
        if self._current_rate() != self._rate:
            raise ValueError(
                "learning_rate_schedule must be None when callbacks set the learning rate, "
                f"got {self._name!r}."
            )
        self._set_rate(self._rates[batch])

    def on_train_end(self, logs=None):
        # a later fit begins with the rate that this one began with
        self._set_rate(self._first_rate)

    def _current_rate(self):
        try:
            return np.asarray(self.model.optimizer.learning_rate)
        except AttributeError as error:
            raise ValueError(
                "learning_rate_schedule must be None when optimizer has no learning rate of its "
                f"own, as MultiOptimizer has none, got {self._name!r}."
            ) from error

    def _set_rate(self, rate):
        try:
            self.model.optimizer.learning_rate = rate
        except TypeError as error:
            raise ValueError(
                "learning_rate_schedule must be None when the learning_rate of optimizer is a "
                f"schedule already, got {self._name!r}."
            ) from error
        self._rate = rate


class _TaskReporter(keras.callbacks.Callback):
    """Tells of each epoch."""

    def __init__(self, tasks):
        super().__init__()
        self._tasks = tasks

    def on_epoch_begin(self, epoch, logs=None):
        self._tasks.start_epoch()

    def on_epoch_end(self, epoch, logs=None):
        if self._tasks.end_epoch(self.model.get_weights):
            self.model.stop_training = True


def _task_reporter(tasks):
    return [] if tasks is None else [_TaskReporter(tasks)]


def _early_stopping(patience):
    if patience is None:
        return []
    return [
        keras.callbacks.EarlyStopping(
            monitor="val_loss", patience=patience, restore_best_weights=True
        )
    ]


def _to_keras_callbacks(callbacks):
    """Return callbacks as those of Keras; a function is called after each epoch."""
    for callback in callbacks:
        if not is_function(callback) and not isinstance(callback, keras.callbacks.Callback):
            raise TypeError(
                "callbacks must be functions or instances of keras.callbacks.Callback, "
                f"got {short_repr(callback)}."
            )
    return [
        callback
        if isinstance(callback, keras.callbacks.Callback)
        else keras.callbacks.LambdaCallback(on_epoch_end=callback)
        for callback in callbacks
    ]


def _lets_go_of_model(callback):
    """Whether the callback does no more with its model than keep it as an attribute."""
    return type(callback).set_model is keras.callbacks.Callback.set_model


def _check_loss(model, targets, outputs):
    """Raise unless the loss gives one number, which depends on outputs of this form."""
    weights = np.ones(ROWS_TO_TRY, dtype=np.float32)
    with _named("loss", outputs), tf.GradientTape() as tape:
        tape.watch(outputs)
        loss = model.compute_loss(y=targets, y_pred=outputs, sample_weight=weights)
        if np.ndim(loss) > 0:
            raise ValueError("it gives one number a row")
        if tape.gradient(loss, outputs) is None:
            raise ValueError("it doesn't depend on them")


def _check_metrics(model, targets, outputs):
    """Raise unless each metric gives one number for outputs of this form."""
    with _named("metrics", outputs):
        results = model.compute_metrics(None, targets, outputs)
    wrong = [name for name, value in results.items() if np.ndim(value) > 0]
    if wrong:
        raise ValueError(f"metrics must give one number each, which {wrong[0]!r} does not.")


@contextmanager
def _named(name, outputs):
    """Say which parameter holds the function in which an error came up."""
    try:
        yield
    except (ValueError, TypeError, NotImplementedError, tf.errors.OpError) as error:
        raise ValueError(
            f"{name} must suit a network with {outputs.shape[1]} outputs: {reason_of(error)}."
        ) from error
