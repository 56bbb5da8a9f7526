"""Training a network from a state to a later one, by way of states kept earlier."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from skimdb._forks import check_can_train


@dataclass(frozen=True)
class TrainingRows:
    """Checked rows to train on, with classes as numbers.

    Parameters
    ----------
    X : CSR matrix or ndarray of shape (n_samples, n_features), float32
        Rows.
    y : ndarray of shape (n_samples,)
        Class numbers.
    sample_weight : ndarray of shape (n_samples,) or None
        Weights; None is 1 for each row.
    validation_data : tuple of X and y, or None
        Rows to measure loss and metrics on after each epoch.
    """

    X: Any
    y: np.ndarray
    sample_weight: np.ndarray | None = None
    validation_data: tuple[Any, np.ndarray] | None = None


@dataclass(frozen=True)
class TrainingState:
    """What training ends an epoch with, as arrays and numbers.

    Parameters
    ----------
    weights : list of ndarray
        Kernel and bias of each layer in turn.
    optimizer_state : list of ndarray or None
        Values of the optimizer's variables; None is that of one that has not begun.
    history : dict of str to list of float
        Loss and metrics after each epoch so far.
    """

    weights: list[np.ndarray]
    optimizer_state: list[np.ndarray] | None
    history: dict[str, list[float]]

    @property
    def n_epochs(self):
        return len(self.history.get("loss", ()))


def train(
    network,
    rows,
    start,
    *,
    epochs,
    seed,
    batch_size,
    learning_rate,
    patience,
    store,
    tasks,
    **options,
):
    """Train for some epochs and return the state at the end.

    Parameters
    ----------
    network : NetworkSpec
        What to train.
    rows : TrainingRows
        What to train on.
    start : TrainingState or None
        Where to begin; None is with the weights that the seed gives.
    epochs : int
        Number of epochs from there (at most, with ``patience``).
    seed : int
        Decides, with the number of the epoch, the order of the rows and what dropout drops.
    batch_size : int
        Number of rows for each step.
    learning_rate : float or None
        Takes the place of the optimizer's.
    patience : int or None
        Number of epochs without a lower validation loss to stop after; None never stops.
    store : EpochStore or None
        Where states are kept; only for trainings from the beginning.
    tasks : EpochTasks
        Is told of each epoch.
    **options
        The callbacks and the verbosity of Keras.

    Returns
    -------
    state : TrainingState

    Raises
    ------
    ValueError
        If the training diverged.
    """
    total = (start.n_epochs if start else 0) + epochs
    key = None
    if store is not None:
        from skimdb._epoch_store import training_key

        settings = {"seed": int(seed), "batch_size": int(batch_size), **network.described()}
        if patience is not None:
            # the weights are those of the best epoch, so nothing can go on from there
            settings |= {"patience": int(patience), "epochs": total}
        key = training_key(rows, settings)
        start = store.longest(key, total, network.weight_shapes)
        if start is not None:
            tasks.skip(start.n_epochs)
            if patience is not None or start.n_epochs == total:
                return start
            # what is kept of an optimizer includes its rate
            learning_rate = None
    if start is None:
        start = TrainingState(network.initial_weights(seed), None, {})
    check_can_train()
    from skimdb._keras._training import run_epochs

    state = run_epochs(
        network,
        rows,
        start,
        total=total,
        seed=seed,
        batch_size=batch_size,
        learning_rate=learning_rate,
        patience=patience,
        tasks=tasks,
        **options,
    )
    _check_finite(state, network)
    if store is not None:
        store.keep(key, state)
    return state


def _check_finite(state, network):
    if not all(np.isfinite(weight).all() for weight in state.weights):
        rate = network.learning_rate
        raise ValueError(
            f"the training diverged: after {state.n_epochs} epochs, weights are infinite or NaN. "
            "Give a learning_rate below "
            f"{'that of the optimizer' if rate is None else rate}, or smaller values in X."
        )
