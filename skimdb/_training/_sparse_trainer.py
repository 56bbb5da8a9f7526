"""The sparse trainer: a dense stack trained in NumPy and numba, step by step as Keras does it.

A step costs the non-zeros of its batch: the first layer's kernel is read and changed only in the
rows of the columns that the batch touches, with optimizers that allow it.
"""

from itertools import pairwise
from math import cos, inf, pi, prod
from time import perf_counter

import numpy as np

from skimdb._network._forward import forward
from skimdb._network._state import TrainingState, join_histories
from skimdb._training._dense_layers import DenseLayers
from skimdb._training._input_layer import make_input_layer
from skimdb._training._losses import Loss
from skimdb._training._optimizers import make_optimizer
from skimdb._utils._threads import Workers, count_threads, limit_blas

# tells the random numbers for dropout from those for the order of the rows
DROPOUT = 1

# what the learning rate is multiplied by after a share of the steps
SCHEDULES = {
    "linear": lambda share: 1 - share,
    "cosine": lambda share: (1 + cos(pi * share)) / 2,
}


class SparseTrainer:
    """A network in training.

    Parameters
    ----------
    plan : FitPlan
        What to do.
    start : TrainingState
        Where to start. Its arrays stay as they are.
    workers : Workers
        The threads to use.
    """

    def __init__(self, plan, start, workers):
        network, rows = plan.network, plan.rows
        self._network, self._rows = network, rows
        # NumPy would compute with float64 where float32 meets int64
        self._y = rows.y.astype(np.float32) if network.target.has_sigmoids else rows.y
        self._seed = plan.seed
        self._optimizer = make_optimizer(network)
        averages, last_steps = self._restore_optimizer(start.optimizer_state)
        if plan.learning_rate is not None:
            # as float32, in which the state keeps it
            self._optimizer.rate = float(np.float32(plan.learning_rate))
        weights_and_averages = [start.weights, *averages]
        self._input = make_input_layer(
            rows.X,
            [arrays[0] for arrays in weights_and_averages],
            self._optimizer,
            network.l2,
            min(plan.batch_size, len(rows.y)),
            workers,
            plan.epochs,
            last_steps,
        )
        # all other weights, and their averages, as one array each, which one call updates
        self._others = [
            np.concatenate([array.ravel() for array in arrays[1:]])
            for arrays in weights_and_averages
        ]
        self._gradients = np.zeros_like(self._others[0])
        parameters = self._views(self._others[0])
        self._kernels = parameters[1::2]
        self._layers = DenseLayers(network, parameters, self._views(self._gradients))
        self._loss = Loss(network.loss, network.target)
        self._first_step = self._optimizer.n_steps
        self._n_steps = plan.epochs * -(-len(rows.y) // plan.batch_size)
        self._schedule = plan.learning_rate_schedule

    def train_epoch(self, epoch):
        """Train for an epoch; return loss and metrics by name."""
        n_rows = len(self._rows.y)
        order = np.random.default_rng([self._seed, epoch]).permutation(n_rows)
        rng = np.random.default_rng([self._seed, epoch, DROPOUT])
        y, sample_weight = self._y[order], self._rows.sample_weight
        if sample_weight is not None:
            sample_weight = sample_weight[order]
        scores = np.empty((n_rows, self._network.n_outputs), dtype=np.float32)
        penalty, first = 0.0, 0
        for n_rows_of_batch in self._input.epoch(order):
            rows = slice(first, first + n_rows_of_batch)
            penalty += self._penalty() * n_rows_of_batch
            weights = None if sample_weight is None else sample_weight[rows]
            scores[rows] = self._step(y[rows], weights, rng)
            first = rows.stop
        losses = self._loss.values(scores, y)
        if sample_weight is not None:
            losses = losses * sample_weight
        return self._figures(scores, y, losses.mean(dtype=float) + penalty / n_rows)

    def validate(self):
        """Return loss and metrics on the validation rows by name."""
        X, y = self._rows.validation_data
        weights = self.weights()
        scores = forward(X, weights[::2], weights[1::2], self._network.activation)
        loss = self._loss.values(scores, y).mean(dtype=float) + self._penalty()
        return {f"val_{name}": x for name, x in self._figures(scores, y, loss).items()}

    def weights(self):
        """Return copies of kernel and bias of each layer in turn."""
        return [self._input.weights(), *(view.copy() for view in self._views(self._others[0]))]

    def optimizer_state(self):
        """Return Keras's variables in their order, and the layer's ``last_steps`` if any."""
        averages = [
            [plane, *(view.copy() for view in self._views(others))]
            for plane, others in zip(self._input.planes()[1:], self._others[1:], strict=True)
        ]
        state = [
            np.array(self._optimizer.n_steps, dtype=np.int64),
            np.array(self._optimizer.rate, dtype=np.float32),
            *(array for arrays in zip(*averages, strict=True) for array in arrays),
        ]
        last_steps = self._input.last_steps
        return state if last_steps is None else [*state, last_steps.copy()]

    def _restore_optimizer(self, state):
        """Take over a state; return the averages in the order of the weights, and last steps."""
        optimizer, shapes = self._optimizer, self._network.weight_shapes
        n = optimizer.n_averages
        if state is None:
            initial = np.float32(optimizer.initial_average)
            return n * [[np.broadcast_to(initial, shape) for shape in shapes]], None
        optimizer.n_steps, optimizer.rate = int(state[0]), float(state[1])
        arrays, last_steps = state[2 : 2 + n * len(shapes)], state[2 + n * len(shapes) :]
        # trained in place
        last_steps = last_steps[0].copy() if last_steps else None
        return [arrays[i::n] for i in range(n)], last_steps

    def _views(self, array):
        """Return the parts of an array that belong to the first bias and the later layers."""
        _, *shapes = self._network.weight_shapes
        ends = np.cumsum([0, *map(prod, shapes)])
        return [array[a:b].reshape(s) for (a, b), s in zip(pairwise(ends), shapes, strict=True)]

    def _step(self, y, sample_weight, rng):
        """Train on the batch of the input layer; return its scores."""
        scores = self._layers.forward(self._input.forward(), rng)
        upstream = self._loss.gradient(scores, y)
        if sample_weight is None:
            upstream /= np.float32(len(y))
        else:
            upstream *= (sample_weight / np.float32(len(y)))[:, np.newaxis]
        gradient = self._layers.backward(upstream)
        rate = self._rate()
        self._optimizer.n_steps += 1
        self._input.update(gradient, rate)
        self._optimizer.update(self._others, self._gradients, rate)
        return scores

    def _rate(self):
        """Return the learning rate of the next step."""
        if self._schedule is None:
            return self._optimizer.rate
        share = (self._optimizer.n_steps - self._first_step) / self._n_steps
        return self._optimizer.rate * SCHEDULES[self._schedule](share)

    def _penalty(self):
        """Return the L2 penalty on the kernels."""
        if not self._network.l2:
            return 0.0
        kernels = [self._input.weights(), *self._kernels]
        return self._network.l2 * sum(float(np.square(kernel).sum()) for kernel in kernels)

    def _figures(self, scores, y, loss):
        return {**self._loss.metrics(self._network.metrics, scores, y), "loss": float(loss)}


class EarlyStopping:
    """Keras's EarlyStopping on the validation loss, which keeps the best weights.

    Parameters
    ----------
    patience : int
        Number of epochs without a lower loss to stop after.
    """

    def __init__(self, patience):
        self._patience = patience
        self._lowest, self._wait = inf, 0
        self.best_weights = None

    def stops(self, loss, get_weights):
        """Take the loss after an epoch, and return whether to stop."""
        if self.best_weights is None or loss < self._lowest:
            self.best_weights = get_weights()
        if loss < self._lowest:
            self._lowest, self._wait = loss, 0
            return False
        self._wait += 1
        return self._wait >= self._patience


def run_epochs(plan, start, tasks):
    """Train for the epochs of a FitPlan from a state, and return the state at the end.

    ``tasks`` is told of each epoch, unless it is None.
    """
    stopping = None if plan.patience is None else EarlyStopping(plan.patience)
    first, last = start.n_epochs, start.n_epochs + plan.epochs
    figures = []
    with Workers(count_threads()) as workers:
        trainer = SparseTrainer(plan, start, workers)
        for epoch in range(first, last):
            if tasks is not None:
                tasks.start_epoch()
            started = perf_counter()
            # a training that diverges is an error at its end
            with limit_blas(), np.errstate(all="ignore"):
                logs = trainer.train_epoch(epoch)
                if plan.rows.validation_data is not None:
                    logs |= trainer.validate()
            figures.append(logs)
            if plan.verbose:
                _print_epoch(epoch, last, logs, perf_counter() - started)
            for callback in plan.callbacks:
                callback(epoch, dict(logs))
            is_stopped = stopping is not None and stopping.stops(logs["val_loss"], trainer.weights)
            if tasks is not None and tasks.end_epoch(trainer.weights):
                is_stopped = True
            if is_stopped:
                break
    history = {name: [logs[name] for logs in figures] for name in figures[0]}
    weights = trainer.weights() if stopping is None else stopping.best_weights
    return TrainingState(
        weights, trainer.optimizer_state(), join_histories(start.history, history)
    )


def _print_epoch(epoch, n_epochs, logs, seconds):
    figures = " - ".join(f"{name}: {value:.4f}" for name, value in logs.items())
    print(f"Epoch {epoch + 1}/{n_epochs} - {seconds:.2f} s - {figures}", flush=True)
