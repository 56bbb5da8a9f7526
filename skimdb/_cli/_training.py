"""Training that is watched, and how well its result does."""

from math import log2
from typing import Any, NamedTuple

import numpy as np
from sklearn.metrics import log_loss

ROWS_PER_BATCH, SMALLEST_BATCH, LARGEST_BATCH = 50, 8, 512
N_STEPS, FEWEST_EPOCHS = 200, 2


class Trained(NamedTuple):
    """A fitted pipeline, its history, and figures of the parts of its data and of the time."""

    pipeline: Any
    history: dict[str, list[float]]
    figures: dict[str, dict[str, float]]
    seconds: dict[str, float]


def default_schedule(n_rows):
    """Return the number of epochs and the batch size that suit a number of training rows.

    Networks of this kind begin to overfit after 100 to 200 steps of the optimizer, whether on
    300 rows or on 25,000, if a batch is about a fiftieth of the rows. So the batch is the power
    of two closest to that, from 8 to 512, and epochs are as many as make about 200 steps, but
    at least 2: for 25,000 rows, 4 epochs with batches of 512.
    """
    batch_size = 2 ** round(log2(max(n_rows / ROWS_PER_BATCH, 1)))
    batch_size = min(max(batch_size, SMALLEST_BATCH), LARGEST_BATCH)
    n_batches = -(-n_rows // batch_size)
    return max(round(N_STEPS / n_batches), FEWEST_EPOCHS), batch_size


def with_default_schedule(parameters, n_rows):
    """Return parameters in which defaults stand for epochs and a batch size of None."""
    epochs, batch_size = default_schedule(n_rows)
    return {
        **parameters,
        "epochs": parameters["epochs"] or epochs,
        "batch_size": parameters["batch_size"] or batch_size,
    }


def encoded(pipeline, split):
    """Fit the steps before the classifier; return the matrix of each part."""
    encoder, vectorizer = pipeline["encoder"], pipeline["vectorizer"]
    sequences = {name: rows.X for name, rows in split.parts.items()}
    if split.vocabulary is None:
        encoder.fit(sequences["training"])
        sequences = {name: encoder.transform(texts) for name, texts in sequences.items()}
    else:
        encoder.set_params(vocabulary=split.vocabulary).fit()
    vectorizer.fit(sequences["training"])
    return {name: vectorizer.transform(ids) for name, ids in sequences.items()}


def fit_watched(classifier, X, y, on_epoch, **validation):
    """Fit a DenseClassifier, calling ``on_epoch(epoch, logs)`` after each epoch."""
    from skimdb._keras._callbacks import epoch_callback

    classifier.set_params(callbacks=epoch_callback(on_epoch)).fit(X, y, **validation)
    # the callback holds on to the terminal, which can't be saved with the model
    return classifier.set_params(callbacks=None)


def part_figures(classifier, split, matrices):
    """Return the score of a fitted classifier on each part of the data."""
    classes = classifier.classes_.tolist()
    return {
        name: score(split.parts[name].y, classifier.predict_proba(X), classes)
        for name, X in matrices.items()
    }


def score(y, probabilities, classes):
    """Return the number of rows, and log loss and accuracy of predicted probabilities.

    ``classes`` holds the labels in the order of the columns, as texts like those in ``y``.
    """
    numbers = label_numbers(y, classes)
    # scikit-learn clips at the precision of the type, and float32's is reached by sure networks
    probabilities = probabilities.astype(np.float64)
    probabilities /= probabilities.sum(axis=1, keepdims=True)
    return {
        "rows": len(numbers),
        "loss": float(log_loss(numbers, probabilities, labels=range(len(classes)))),
        "accuracy": float(np.mean(numbers == probabilities.argmax(axis=1))),
    }


def label_numbers(y, classes):
    """Return the position of each label among the classes, or say which labels have none."""
    position_of = {label: i for i, label in enumerate(classes)}
    unexpected = sorted(set(y) - set(classes))
    if unexpected:
        raise ValueError(
            f"the labels must be among those the model knows, {', '.join(map(repr, classes))}; "
            f"got {', '.join(map(repr, map(str, unexpected[:5])))}."
        )
    return np.array([position_of[label] for label in y])
