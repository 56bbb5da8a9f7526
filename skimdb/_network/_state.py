"""The rows that a network is trained on, and the state that a training leaves."""

from dataclasses import dataclass, replace
from math import nan
from typing import Any

import numpy as np
from sklearn.model_selection import train_test_split


@dataclass(frozen=True)
class TrainingRows:
    """Rows to train on, with classes as numbers.

    Parameters
    ----------
    X : CSR matrix or ndarray of shape (n_samples, n_features), float32
        Rows.
    y : ndarray of shape (n_samples,) or (n_samples, n_labels)
        Class numbers, or an indicator matrix.
    sample_weight : ndarray of shape (n_samples,) or None, default=None
        Weights; None is 1 for each row.
    validation_data : tuple of X and y, or None, default=None
        Rows to compute loss and metrics on after each epoch.
    """

    X: Any
    y: np.ndarray
    sample_weight: np.ndarray | None = None
    validation_data: tuple[Any, np.ndarray] | None = None

    def take(self, indices):
        """Return some of the rows."""
        weights = self.sample_weight
        return replace(
            self,
            X=self.X[indices],
            y=self.y[indices],
            sample_weight=None if weights is None else weights[indices],
        )

    def set_aside(self, fraction, seed):
        """Return these rows with a fraction of each class moved to the validation data.

        Rows with several labels are chosen at random.
        """
        try:
            kept, validation = train_test_split(
                np.arange(len(self.y)),
                test_size=fraction,
                stratify=self.y if self.y.ndim == 1 else None,
                random_state=seed,
            )
        except ValueError as error:
            raise ValueError(
                "validation_fraction must leave and set aside rows of each class, got "
                f"{fraction!r} for {len(self.y)} rows; pass X_val and y_val instead. ({error})"
            ) from error
        validation_data = self.X[validation], self.y[validation]
        return replace(self.take(kept), validation_data=validation_data)


@dataclass(frozen=True)
class TrainingState:
    """The arrays and numbers at the end of an epoch.

    Parameters
    ----------
    weights : list of ndarray
        Kernel and bias of each layer in turn.
    optimizer_state : list of ndarray or None
        Values of the optimizer's variables; None for an optimizer that has not started.
    history : dict of str to list of float
        Loss and metrics after each epoch so far.
    """

    weights: list[np.ndarray]
    optimizer_state: list[np.ndarray] | None
    history: dict[str, list[float]]

    @property
    def n_epochs(self):
        """Number of epochs so far."""
        return len(self.history.get("loss", ()))


def join_histories(earlier, later):
    """Return one history; an epoch without some figure, such as a validation loss, has NaN."""
    names = dict.fromkeys([*earlier, *later])
    lengths = [len(part.get("loss", ())) for part in (earlier, later)]
    return {
        name: [
            value
            for part, length in zip((earlier, later), lengths, strict=True)
            for value in part.get(name, [nan] * length)
        ]
        for name in names
    }
