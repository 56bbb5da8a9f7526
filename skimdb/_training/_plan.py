"""FitPlan: what a fit is asked to do, and ``train``, which does it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import log2
from pathlib import Path
from typing import Any

import numpy as np

from skimdb._network._spec import NetworkSpec
from skimdb._network._state import TrainingRows, TrainingState
from skimdb._training import _sparse_trainer
from skimdb._training._backend import SPARSE
from skimdb._training._epoch_store import EpochStore
from skimdb._training._optimizers import settle_state

# What "auto" stands for. Dropout keeps a network from overfitting for longer, so that more and
# smaller steps serve it.
SMALLEST_BATCH, LARGE_BATCH, LARGE_BATCH_WITH_DROPOUT, LARGEST_BATCH = 16, 512, 128, 1024
STEPS_PER_CLASS, MOST_STEPS, STEPS_WITH_DROPOUT = 100, 1000, 600
FEWEST_EPOCHS, MOST_EPOCHS, MOST_EPOCHS_WITH_DROPOUT = 2, 100, 50
# early stopping finds the last of them
EARLY_STOPPING_FACTOR = 3


@dataclass(frozen=True)
class FitPlan:
    """What a fit is asked to do.

    Parameters
    ----------
    backend : {"sparse", "keras"}
        Which trainer to use.
    network : NetworkSpec
        What to train.
    rows : TrainingRows
        What to train on.
    epochs : int
        Number of epochs (at most, with ``patience``).
    batch_size : int
        Number of rows for each step.
    seed : int
        Decides, with the number of the epoch, the order of the rows and what dropout drops.
    learning_rate : float or None
        Replaces the learning rate of the optimizer; None keeps it.
    learning_rate_schedule : {None, "linear", "cosine"}, default=None
        How the learning rate falls to 0 over the steps of the fit; None keeps it constant.
    patience : int or None, default=None
        Number of epochs without a lower validation loss to stop after; None never stops.
    callbacks : list, default=()
        Functions to call after each epoch, and Keras callbacks.
    verbose : int or "auto", default=0
        What is printed.
    memory : pathlib.Path or None, default=None
        Folder of training states; only for a fit from the initial weights by the sparse trainer.
    memory_limit : int or None, default=None
        Number of bytes that the states may take.
    """

    backend: str
    network: NetworkSpec
    rows: TrainingRows
    epochs: int
    batch_size: int
    seed: int
    learning_rate: float | None
    learning_rate_schedule: str | None = None
    patience: int | None = None
    callbacks: Sequence[Any] = ()
    verbose: Any = 0
    memory: Path | None = None
    memory_limit: int | None = None

    @property
    def depends_on_epochs(self):
        """Whether a fit for fewer epochs would not go through the same states."""
        return self.patience is not None or self.learning_rate_schedule is not None


def choose_batch_size(n_rows, *, has_dropout):
    """Return the number of rows of a batch that "auto" stands for.

    A power of two close to a 32nd of the rows, from 16 to 512, or to 128 with dropout; beyond
    these close to a 2,000th of the rows, up to 1,024, so that an epoch takes no more than some
    2,000 steps.
    """
    largest = LARGE_BATCH_WITH_DROPOUT if has_dropout else LARGE_BATCH
    size = min(max(n_rows / 32, SMALLEST_BATCH), largest)
    size = min(max(n_rows / 2000, size), LARGEST_BATCH)
    return 2 ** round(log2(size))


def choose_epochs(n_batches, n_classes, *, has_dropout, stops_early):
    """Return the number of epochs, of so many batches, that "auto" stands for."""
    if has_dropout:
        n_steps, most_epochs = STEPS_WITH_DROPOUT, MOST_EPOCHS_WITH_DROPOUT
    else:
        n_steps, most_epochs = min(STEPS_PER_CLASS * n_classes, MOST_STEPS), MOST_EPOCHS
        if stops_early:
            n_steps *= EARLY_STOPPING_FACTOR
    return min(max(round(n_steps / n_batches), FEWEST_EPOCHS), most_epochs)


def train(plan, start=None, tasks=None):
    """Carry out a plan.

    Parameters
    ----------
    plan : FitPlan
        What to do.
    start : TrainingState, default=None
        Where to start; None starts from the initial weights.
    tasks : EpochTasks, default=None
        Is told of each epoch. Required for a plan with ``memory``.

    Returns
    -------
    state : TrainingState
        The state after the last epoch.

    Raises
    ------
    ValueError
        If the training diverged.
    """
    store = None if plan.memory is None else EpochStore(plan)
    if store is not None:
        start = store.longest()
        if start is not None:
            tasks.skip(start.n_epochs)
            if plan.depends_on_epochs or start.n_epochs == plan.epochs:
                return start
            # the state of the optimizer includes its learning rate
            plan = replace(plan, epochs=plan.epochs - start.n_epochs, learning_rate=None)
    if start is None:
        start = TrainingState(plan.network.initial_weights(plan.seed), None, {})
    state = _run_epochs(plan, start, tasks)
    _check_convergence(state, plan.network)
    # a later fit takes such a state for the end of the training
    if store is not None and not (plan.depends_on_epochs and tasks.is_stopped):
        store.keep(state)
    return state


def _run_epochs(plan, start, tasks):
    if plan.backend == SPARSE:
        return _sparse_trainer.run_epochs(plan, start, tasks)
    # TensorFlow is loaded here
    from skimdb._keras._training import run_epochs

    start = replace(start, optimizer_state=settle_state(start.optimizer_state))
    return run_epochs(plan, start, tasks)


def _check_convergence(state, network):
    if not all(np.isfinite(weight).all() for weight in state.weights):
        rate = network.learning_rate
        raise ValueError(
            f"the training diverged: after {state.n_epochs} epochs, weights are infinite or NaN. "
            "Give a learning_rate below "
            f"{'that of the optimizer' if rate is None else rate}, or smaller values in X."
        )
