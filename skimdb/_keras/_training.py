"""Training a network from given weights, through SciKeras, with a trainer from the pool."""

from dataclasses import dataclass

import keras
import numpy as np

from skimdb._keras._pool import borrowed_trainer
from skimdb._keras._wrapper import build_wrapper


@dataclass(frozen=True)
class TrainingResult:
    """What training ends with, free of Keras objects."""

    weights: list[np.ndarray]
    optimizer_state: list[np.ndarray]
    history: dict[str, list[float]]


def train(
    spec,
    X,
    y,
    *,
    sample_weight,
    validation_data,
    weights,
    optimizer_state,
    seed,
    initial_epoch,
    epochs,
    batch_size,
    patience,
    callbacks,
    verbose,
):
    """Train a network for some epochs and return its weights, optimizer state and history.

    ``y`` holds class numbers, ``epochs`` counts those to train now, and ``patience`` is the number
    of epochs without a lower validation loss to stop after, or None.
    """
    callbacks = _checked_callbacks(callbacks)
    with borrowed_trainer(spec, reusable=all(map(_lets_go_of_model, callbacks))) as trainer:
        trainer.set_state(weights, optimizer_state, spec.learning_rate)
        wrapper = build_wrapper(
            trainer,
            spec,
            classes=np.arange(spec.n_classes),
            batch_size=batch_size,
            callbacks=[*callbacks, *_early_stopping(patience)],
            verbose=verbose,
        )
        wrapper.fit(
            X,
            y,
            sample_weight=sample_weight,
            validation_data=validation_data,
            epochs=epochs,
            initial_epoch=initial_epoch,
            seed=seed,
        )
        for callback in callbacks:
            if _lets_go_of_model(callback):
                callback.set_model(None)
        # SciKeras's history_ has other names for some metrics
        history = dict(trainer.history.history)
        return TrainingResult(trainer.get_weights(), trainer.optimizer_state, history)


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
    for callback in callbacks:
        if not isinstance(callback, keras.callbacks.Callback):
            raise TypeError(
                "callbacks must be instances of keras.callbacks.Callback, "
                f"got {type(callback).__name__}."
            )
    return list(callbacks)


def _lets_go_of_model(callback):
    """Whether the callback does no more with its model than keep it as an attribute."""
    return type(callback).set_model is keras.callbacks.Callback.set_model
