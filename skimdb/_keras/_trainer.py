"""Training on CSR rows: a Keras model whose first layer and batch feed are made for them.

Keras sends a sparse batch through ``embedding_lookup_sparse``, and TensorFlow's own sparse
product falls off by a factor of ten from 32 columns on. Here SciPy computes the first layer's
product and its gradient, called from the traced graph: its loop over a row's non-zeros adds whole
rows of the kernel, so the time grows with the number of units and has no such edge. The same code
serves dense rows, where NumPy's matrix product takes SciPy's place.
"""

import keras
import numpy as np
import scipy.sparse as sp
import tensorflow as tf

from skimdb._forward import forward
from skimdb._keras._network import build_layers, compile_model, loss_name
from skimdb._keras._optimizers import make_update

# One call into the graph trains this many batches, so that Ctrl-C and progress need not wait for
# the end of a long epoch.
STEPS_PER_CALL = 256
BATCH_HOOKS = (
    "on_batch_begin",
    "on_batch_end",
    "on_train_batch_begin",
    "on_train_batch_end",
)


class _BatchFeed:
    """The rows of an epoch in their order, cut into batches, and their products."""

    def __init__(self, rows):
        self._rows = rows
        self._batches = []

    def arrange(self, order, batch_size):
        # rows are moved once an epoch; batches are views of the moved rows
        rows = self._rows[order]
        starts = range(0, len(order), batch_size)
        if sp.issparse(rows):
            self._batches = [_row_slice(rows, start, start + batch_size) for start in starts]
        else:
            self._batches = [rows[start : start + batch_size] for start in starts]

    def product(self, step, kernel):
        return self._batches[step] @ kernel

    def gradient(self, step, upstream):
        return self._batches[step].T @ upstream


def _row_slice(rows, start, stop):
    """Return consecutive rows of a CSR array without copying their entries."""
    offsets = rows.indptr[start : stop + 1]
    entries = slice(offsets[0], offsets[-1])
    return sp.csr_array(
        (rows.data[entries], rows.indices[entries], offsets - offsets[0]),
        shape=(len(offsets) - 1, rows.shape[1]),
        copy=False,
    )


class DenseStack(keras.Sequential):
    """A dense stack that trains on the rows of a CSR matrix or an array.

    Keras's layers, loss, metrics, optimizer and callbacks, with a ``fit`` of its own. The traced
    functions depend on the shapes of the network alone, not on the number of rows or the batch
    size, and so serve any number of fits.
    """

    def __init__(self, spec):
        inputs = keras.Input((spec.n_features,), name="features", dtype="float32")
        super().__init__([inputs, *build_layers(spec)], name="dense_stack")
        compile_model(self, spec)
        self._one_hot = spec.n_outputs > 1 and not loss_name(self.loss).startswith("sparse_")
        self._activation = spec.activation
        self._feed = None
        self._update = make_update(self.optimizer, self.trainable_variables)
        self._initial_optimizer_state = self.optimizer_state
        self._trace()

    @property
    def optimizer_state(self):
        """Values of the optimizer's variables: steps, learning rate, moving averages."""
        return [variable.numpy() for variable in self.optimizer.variables]

    def set_state(self, weights, optimizer_state=None, learning_rate=None):
        """Take over weights, and an optimizer's state or that of one that has not begun."""
        self.set_weights(weights)
        fresh = optimizer_state is None
        state = self._initial_optimizer_state if fresh else optimizer_state
        for variable, value in zip(self.optimizer.variables, state, strict=True):
            variable.assign(value)
        if fresh and learning_rate is not None:
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
        sample_weight = np.asarray(sample_weight, dtype=np.float32)
        self._feed = _BatchFeed(x)
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
        callbacks.on_train_begin()
        for epoch in range(initial_epoch, epochs):
            callbacks.on_epoch_begin(epoch)
            order = self._begin_epoch(seed, epoch, len(targets))
            self._feed.arrange(order, batch_size)
            data = tf.constant(targets[order]), tf.constant(sample_weight[order])
            loss_sum = 0.0
            for first in range(0, n_steps, steps_per_call):
                last = min(first + steps_per_call, n_steps)
                callbacks.on_train_batch_begin(first)
                loss_sum += float(self._train_steps(first, last, batch_size, *data))
                n_seen = min(last * batch_size, len(targets))
                logs = self._logs(loss_sum / n_seen)
                callbacks.on_train_batch_end(last - 1, logs)
            if validation_data is not None:
                validation_logs = self._validate(*validation_data)
                logs.update({f"val_{name}": value for name, value in validation_logs.items()})
            callbacks.on_epoch_end(epoch, logs)
            if self.stop_training:
                break
        callbacks.on_train_end(logs)
        self._feed = None
        return self.history

    def _begin_epoch(self, seed, epoch, n_rows):
        """Reset the metrics, seed the dropout, and return the order of the rows."""
        rng = np.random.default_rng([seed, epoch])
        order = rng.permutation(n_rows)
        for layer in self.layers:
            if isinstance(layer, keras.layers.Dropout):
                layer.seed_generator.state.assign([rng.integers(2**31), 0])
        self.reset_metrics()
        return order

    def _validate(self, x, y):
        weights = self.get_weights()
        scores = forward(x, weights[::2], weights[1::2], self._activation, "linear")
        self.reset_metrics()
        loss = self._score(tf.constant(self._targets(y)), tf.constant(scores))
        return self._logs(float(loss))

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
        targets = self._targets([0])
        # Keras makes the variables of loss and metrics at their first use, which must not be
        # inside a traced function
        self.compute_loss(y=targets, y_pred=tf.ones((1, n_outputs)), sample_weight=np.ones(1))
        self.compute_metrics(None, targets, tf.ones((1, n_outputs)))
        number = tf.TensorSpec((), tf.int32)
        targets = tf.TensorSpec((None, targets.shape[1]), tf.float32)
        sample_weight = tf.TensorSpec((None,), tf.float32)
        scores = tf.TensorSpec((None, n_outputs), tf.float32)
        self._train_steps = tf.function(
            self._run_steps, input_signature=[number, number, number, targets, sample_weight]
        )
        self._score = tf.function(self._run_score, input_signature=[targets, scores])

    def _run_steps(self, first, last, batch_size, targets, sample_weight):
        """Train on the batches from ``first`` up to ``last``; return the rows' losses, summed."""
        kernel, *others = [variable.value for variable in self.trainable_variables]
        loss_sum = tf.zeros(())
        for step in tf.range(first, last):
            rows = slice(step * batch_size, (step + 1) * batch_size)
            batch_targets = targets[rows]
            product = self._product(step, kernel)
            with tf.GradientTape() as tape:
                tape.watch(product)
                outputs = self._outputs(product)
                loss = self.compute_loss(
                    y=batch_targets, y_pred=outputs, sample_weight=sample_weight[rows]
                )
            upstream, penalty, *gradients = tape.gradient(loss, [product, kernel, *others])
            self._update([self._kernel_gradient(step, upstream, penalty), *gradients])
            self.compute_metrics(None, batch_targets, outputs)
            loss_sum += loss * tf.cast(tf.shape(batch_targets)[0], tf.float32)
        return loss_sum

    def _run_score(self, targets, scores):
        # Keras takes the loss from what went into the last activation, if that is in the graph:
        # probabilities of nearly 0 or 1 would not give it as exactly
        outputs = self.layers[-1].activation(scores)
        self.compute_metrics(None, targets, outputs)
        return self.compute_loss(y=targets, y_pred=outputs, training=False)

    def _product(self, step, kernel):
        """Multiply the rows of a batch by the kernel of the first layer."""
        product = tf.numpy_function(
            lambda *inputs: self._feed.product(*inputs), [step, kernel], tf.float32
        )
        product.set_shape((None, kernel.shape[1]))
        return product

    def _outputs(self, product):
        first, *rest = self.layers
        hidden = first.activation(product + first.bias.value)
        for layer in rest:
            hidden = layer(hidden, training=True)
        return hidden

    def _kernel_gradient(self, step, upstream, penalty):
        """Return the gradient for the first kernel, from those for its product and its penalty."""
        gradient = tf.numpy_function(
            lambda *inputs: self._feed.gradient(*inputs), [step, upstream], tf.float32
        )
        gradient.set_shape(self.layers[0].kernel.shape)
        return gradient if penalty is None else gradient + penalty


def _has_batch_hooks(callbacks):
    """Whether a callback wants to be called for every batch."""
    return any(
        getattr(getattr(callback, hook), "__func__", None)
        is not getattr(keras.callbacks.Callback, hook)
        for callback in callbacks or ()
        for hook in BATCH_HOOKS
    )
