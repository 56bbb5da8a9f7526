"""Training a network through SciKeras, with a trainer from the pool."""

from math import nan

import keras
import numpy as np

from skimdb._keras._pool import borrowed_trainer
from skimdb._keras._wrapper import build_wrapper
from skimdb._training import TrainingState


def run_epochs(
    network,
    rows,
    start,
    *,
    total,
    seed,
    batch_size,
    learning_rate,
    patience,
    tasks,
    callbacks,
    verbose,
):
    """Train from a state until it has ``total`` epochs, and return the state at the end.

    The parameters are those of ``skimdb._training.train``.
    """
    callbacks = _checked_callbacks(callbacks)
    with borrowed_trainer(network, reusable=all(map(_lets_go_of_model, callbacks))) as trainer:
        trainer.set_state(start.weights, start.optimizer_state, learning_rate)
        wrapper = build_wrapper(
            trainer,
            network,
            classes=np.arange(network.n_classes),
            batch_size=batch_size,
            callbacks=[*callbacks, *_early_stopping(patience), _TaskReporter(tasks)],
            verbose=verbose,
        )
        wrapper.fit(
            rows.X,
            rows.y,
            sample_weight=rows.sample_weight,
            validation_data=rows.validation_data,
            epochs=total - start.n_epochs,
            initial_epoch=start.n_epochs,
            seed=seed,
        )
        for callback in callbacks:
            if _lets_go_of_model(callback):
                callback.set_model(None)
        # SciKeras's history_ has other names for some metrics
        history = _joined(start.history, trainer.history.history)
        return TrainingState(trainer.get_weights(), trainer.optimizer_state, history)


def _joined(earlier, later):
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


class _TaskReporter(keras.callbacks.Callback):
    """Tells of each epoch."""

    def __init__(self, tasks):
        super().__init__()
        self._tasks = tasks

    def on_epoch_begin(self, epoch, logs=None):
        self._tasks.begin_epoch()

    def on_epoch_end(self, epoch, logs=None):
        if self._tasks.end_epoch(self.model.get_weights):
            self.model.stop_training = True


def _early_stopping(patience):
    if patience is None:
        return []
    return [
        keras.callbacks.EarlyStopping(
            monitor="val_loss", patience=patience, restore_best_weights=True
        )
    ]


def _checked_callbacks(callbacks):
    if callbacks is None:
        return []
    if isinstance(callbacks, keras.callbacks.Callback):
        return [callbacks]
    for callback in callbacks if isinstance(callbacks, list | tuple) else [callbacks]:
        if not isinstance(callback, keras.callbacks.Callback):
            raise TypeError(
                "callbacks must be instances of keras.callbacks.Callback, "
                f"got {type(callback).__name__}."
            )
    return list(callbacks)


def _lets_go_of_model(callback):
    """Whether the callback does no more with its model than keep it as an attribute."""
    return type(callback).set_model is keras.callbacks.Callback.set_model
