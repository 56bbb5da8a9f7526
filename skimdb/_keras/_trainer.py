"""Training on CSR rows: a Keras model whose first layer and batch feed are made for them.

Keras sends a sparse batch through ``embedding_lookup_sparse``, and TensorFlow's own sparse
product falls off by a factor of ten from 32 columns on. Here SciPy computes the first layer's
product and its gradient, called from the traced graph: its loop over a row's non-zeros adds whole
rows of the kernel, so the time grows with the number of units and has no such edge. The same code
serves dense rows, where NumPy's matrix product takes SciPy's place.

A step of this small a network takes TensorFlow less time to compute than to dispatch, some 5 µs an
operation. So what need not be done at each step is done once for all: loss and metrics come from
the scores of all rows afterwards, and the usual losses' gradients from their closed forms.
"""

import weakref
from contextlib import contextmanager

import keras
import numpy as np
import tensorflow as tf

from skimdb._forward import forward
from skimdb._interrupts import interrupts_held_back
from skimdb._keras._batch_feed import BatchFeed
from skimdb._keras._dropout import SeededDropout
from skimdb._keras._losses import closed_form_gradient
from skimdb._keras._network import build_layers, compile_model, takes_one_hot
from skimdb._keras._optimizers import make_update

# One call into the graph trains this many batches, so that Ctrl-C and progress need not wait for
# the end of a long epoch.
STEPS_PER_CALL = 256
# loss and metrics are tried on so many rows before they are traced
ROWS_TO_TRY = 5
# tells the random numbers for dropout from those for the order of the rows
DROPOUT = 1
BATCH_HOOKS = (
    "on_batch_begin",
    "on_batch_end",
    "on_train_batch_begin",
    "on_train_batch_end",
)


class DenseStack(keras.Sequential):
    """A dense stack that trains on the rows of a CSR matrix or an array.

    Keras's layers, loss, metrics, optimizer and callbacks, with a ``fit`` of its own. The traced
    functions depend on the shapes of the network alone, not on the number of rows or the batch
    size, and so serve any number of fits.
    """

    @interrupts_held_back()
    def __init__(self, spec):
        inputs = keras.Input((spec.n_features,), name="features", dtype="float32")
        super().__init__([inputs, *build_layers(spec)], name="dense_stack")
        compile_model(self, spec)
        self._one_hot = takes_one_hot(spec)
        self._loss_gradient = closed_form_gradient(self.loss, spec.n_outputs)
        self._activation = spec.activation
        self._dropout = SeededDropout(self.layers)
        self._feed = None
        self._update, self._scratch = make_update(self.optimizer, self.trainable_variables)
        self._initial_optimizer_state = self.optimizer_state
        self._trace()

    @property
    def optimizer_state(self):
        """Values of the optimizer's variables: steps, learning rate, moving averages."""
        return [variable.numpy() for variable in self.optimizer.variables]

    @interrupts_held_back()
    def set_state(self, weights, optimizer_state=None, learning_rate=None):
        """Take over weights, and an optimizer's state or that of one that has not begun.

        A ``learning_rate`` takes the place of the one in that state.
        """
        self.set_weights(weights)
        state = self._initial_optimizer_state if optimizer_state is None else optimizer_state
        for variable, value in zip(self.optimizer.variables, state, strict=True):
            variable.assign(value)
        # what a training that diverged left here would spoil the next: 0 times NaN is NaN
        for variable in self._scratch:
            variable.assign(tf.zeros_like(variable))
        if learning_rate is not None:
            self.optimizer.learning_rate = learning_rate

    def fit(
        self,
        x,
        y,
        *,
        seed,
        batch_size,
        epochs,
        initial_epoch=0,
        sample_weight=None,
        validation_data=None,
        callbacks=None,
        verbose=0,
        **_,
    ):
        """Train on rows; what ``keras.Model.fit`` does, for rows of a CSR matrix.

        ``seed`` and the number of the epoch alone decide the order of the rows and what dropout
        drops, so a run taken up at ``initial_epoch`` goes on exactly as if it had not stopped.
        SciKeras passes settings of ``keras.Model.fit`` that have no meaning here; they are at
        their defaults.
        """
        targets = self._targets(y)
        if sample_weight is None:
            sample_weight = np.ones(len(targets))
        rows = x, targets, np.asarray(sample_weight, dtype=np.float32)
        n_steps = -(-len(targets) // batch_size)
        steps_per_call = 1 if _has_batch_hooks(callbacks) else STEPS_PER_CALL
        callbacks = keras.callbacks.CallbackList(
            callbacks,
            add_history=True,
            add_progbar=verbose != 0,
            model=self,
            verbose=verbose,
            epochs=epochs,
            steps=n_steps,
        )
        self.stop_training = False
        logs = {}
        self._feed = BatchFeed(rows, batch_size, seed)
        callbacks.on_train_begin()
        for epoch in range(initial_epoch, epochs):
            callbacks.on_epoch_begin(epoch)
            self._begin_epoch(seed, epoch)
            loss_sum = 0.0
            for first in range(0, n_steps, steps_per_call):
                last = min(first + steps_per_call, n_steps)
                callbacks.on_train_batch_begin(first)
                loss_sum += self._train(first, last)
                logs = self._logs(loss_sum / min(last * batch_size, len(targets)))
                callbacks.on_train_batch_end(last - 1, logs)
            if validation_data is not None:
                found = self._validate(*validation_data)
                logs.update({f"val_{name}": value for name, value in found.items()})
            callbacks.on_epoch_end(epoch, logs)
            if self.stop_training:
                break
        callbacks.on_train_end(logs)
        self._feed = None
        return self.history

    @interrupts_held_back()
    def _begin_epoch(self, seed, epoch):
        """Arrange the rows, seed the dropout and reset the metrics."""
        self._feed.arrange(epoch)
        self._dropout.seed(np.random.default_rng([seed, epoch, DROPOUT]))
        self.reset_metrics()

    @interrupts_held_back()
    def _train(self, first, last):
        """Train on the batches from ``first`` up to ``last``; return the sum of their losses."""
        try:
            loss_sum = float(self._train_steps(first, last))
        except tf.errors.OpError:
            if self._feed.error is not None:
                raise self._feed.error from None
            raise
        targets, sample_weight, scores = self._feed.seen(first, last)
        loss, _ = self._score(targets, scores, sample_weight)
        # the steps sum up what can't be had from the scores: penalties, and unusual losses
        return loss_sum + (0 if self._loss_gradient is None else float(loss) * len(targets))

    @interrupts_held_back()
    def _validate(self, x, y):
        weights = self.get_weights()
        scores = forward(x, weights[::2], weights[1::2], self._activation)
        self.reset_metrics()
        sample_weight = np.ones(len(scores), dtype=np.float32)
        loss, penalty = self._score(self._targets(y), scores, sample_weight)
        return self._logs(float(loss + penalty))

    def _logs(self, loss):
        results = {name: float(value) for name, value in self.get_metrics_result().items()}
        return {**results, "loss": loss}

    def _targets(self, y):
        """Return class numbers as a column, or one-hot where the loss compares probabilities."""
        y = np.asarray(y)
        if y.ndim == 1:
            y = y[:, np.newaxis]
        if self._one_hot and y.shape[1] == 1:
            y = y == np.arange(self.output_shape[-1])
        return y.astype(np.float32)

    def _trace(self):
        n_outputs = self.output_shape[-1]
        targets = self._targets(np.zeros(ROWS_TO_TRY))
        # Keras makes the variables of loss and metrics at their first use, which must not be
        # inside a traced function
        outputs = tf.fill((ROWS_TO_TRY, n_outputs), 1 / max(n_outputs, 2))
        self._check_loss(targets, outputs)
        self._check_metrics(targets, outputs)
        self._n_targets = targets.shape[1]
        number = tf.TensorSpec((), tf.int32)
        targets = tf.TensorSpec((None, self._n_targets), tf.float32)
        scores = tf.TensorSpec((None, n_outputs), tf.float32)
        sample_weight = tf.TensorSpec((None,), tf.float32)
        # without AutoGraph, as Keras does it: its first use in a process takes a third of a second
        self._train_steps = tf.function(
            self._run_steps, input_signature=[number, number], autograph=False
        )
        self._score = tf.function(
            self._run_score, input_signature=[targets, scores, sample_weight], autograph=False
        )

    def _check_loss(self, targets, outputs):
        """Raise unless the loss gives one number, which depends on outputs of this form."""
        weights = np.ones(ROWS_TO_TRY, dtype=np.float32)
        with _named("loss", outputs), tf.GradientTape() as tape:
            tape.watch(outputs)
            loss = self.compute_loss(y=targets, y_pred=outputs, sample_weight=weights)
            if np.ndim(loss) > 0:
                raise ValueError("it gives one number a row")
            # the closed forms are known to be right
            if self._loss_gradient is None and tape.gradient(loss, outputs) is None:
                raise ValueError("it doesn't depend on them")

    def _check_metrics(self, targets, outputs):
        """Raise unless each metric gives one number for outputs of this form."""
        with _named("metrics", outputs):
            results = self.compute_metrics(None, targets, outputs)
        wrong = [name for name, value in results.items() if np.ndim(value) > 0]
        if wrong:
            raise ValueError(f"metrics must give one number each, which {wrong[0]!r} does not.")

    def _run_steps(self, first, last):
        _, loss_sum = tf.while_loop(
            lambda step, loss_sum: step < last,
            lambda step, loss_sum: (step + 1, loss_sum + self._run_step(step)),
            (first, tf.zeros(())),
            parallel_iterations=1,
        )
        return loss_sum

    def _run_step(self, step):
        """Train on a batch; return the part of its rows' losses that the scores do not tell."""
        kernel, *others = [variable.value for variable in self.trainable_variables]
        product, targets, sample_weight = tf.numpy_function(
            self._calling_feed("begin"), [step, kernel], 3 * [tf.float32]
        )
        product.set_shape((None, kernel.shape[1]))
        targets.set_shape((None, self._n_targets))
        sample_weight.set_shape((None,))
        with tf.GradientTape() as tape:
            tape.watch(product)
            scores = self._scores(product)
        upstream = self._upstream(targets, scores, sample_weight)
        product_gradient, *gradients = tape.gradient(
            scores, [product, *others], output_gradients=upstream
        )
        kernel_gradient = tf.numpy_function(
            self._calling_feed("end"), [step, product_gradient, scores], tf.float32
        )
        kernel_gradient.set_shape(kernel.shape)
        gradients = [kernel_gradient, *gradients]
        loss = tf.zeros(())
        if self.losses:
            with tf.GradientTape() as tape:
                penalty = tf.add_n(self.losses)
            penalties = tape.gradient(penalty, [kernel, *others], unconnected_gradients="zero")
            gradients = [sum(pair) for pair in zip(gradients, penalties, strict=True)]
            loss += penalty
        if self._loss_gradient is None:
            loss += self._loss(targets, scores, sample_weight)
        self._update(gradients)
        return loss * tf.cast(tf.shape(scores)[0], tf.float32)

    def _calling_feed(self, method):
        """Return a function that calls a method of the feed of whatever training is going on.

        TensorFlow keeps the function for as long as the process lives. So it must not keep the
        trainer, which may be dropped long before.
        """
        trainer = weakref.ref(self)
        return lambda *inputs: getattr(trainer()._feed, method)(*inputs)

    def _run_score(self, targets, scores, sample_weight):
        """Update the metrics, and return the loss and the penalty on the weights."""
        self.compute_metrics(None, targets, self.layers[-1].activation(scores))
        penalty = tf.add_n(self.losses) if self.losses else tf.zeros(())
        return self._loss(targets, scores, sample_weight), penalty

    def _loss(self, targets, scores, sample_weight):
        # Keras takes the loss from what goes into the last activation, if that is in the graph:
        # probabilities of nearly 0 or 1 would not give it as exactly
        outputs = self.layers[-1].activation(scores)
        loss = self.compute_loss(y=targets, y_pred=outputs, sample_weight=sample_weight)
        return loss - tf.add_n(self.losses) if self.losses else loss

    def _upstream(self, targets, scores, sample_weight):
        """Return the gradient of the loss for the scores."""
        if self._loss_gradient is not None:
            return self._loss_gradient(targets, scores, sample_weight)
        with tf.GradientTape() as tape:
            tape.watch(scores)
            loss = self._loss(targets, scores, sample_weight)
        return tape.gradient(loss, scores)

    def _scores(self, product):
        """Return what goes into the last layer's activation."""
        first, *rest = self.layers
        hidden = product + first.bias.value
        if not rest:
            return hidden
        hidden = first.activation(hidden)
        *between, last = rest
        for layer in between:
            hidden = self._dropout.apply(layer, hidden)
        return tf.matmul(hidden, last.kernel.value) + last.bias.value


@contextmanager
def _named(name, outputs):
    """Say which parameter holds the function in which an error came up."""
    try:
        yield
    except (ValueError, TypeError, NotImplementedError, tf.errors.OpError) as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0].removesuffix(".")
        raise ValueError(
            f"{name} must suit a network with {outputs.shape[1]} outputs: {reason}."
        ) from error


def _has_batch_hooks(callbacks):
    """Whether a callback wants to be called for every batch."""
    return any(
        getattr(getattr(callback, hook), "__func__", None)
        is not getattr(keras.callbacks.Callback, hook)
        for callback in callbacks or ()
        for hook in BATCH_HOOKS
    )
