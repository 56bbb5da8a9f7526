"""The models that ``--model`` names: their pipelines, their schedules, and training them."""

import signal
import sys
from typing import Any, NamedTuple

from skimdb import multi_hot_pipeline, text_pipeline
from skimdb._cli._shared._data import TRAINING, count_ids
from skimdb._cli._shared._options import ARTICLE, BALANCED
from skimdb._cli._shared._terminal import is_terminal


class TrainingResult(NamedTuple):
    """A fitted pipeline, its history, its scores on each part of the data, and more."""

    pipeline: Any
    history: dict[str, list[float]]
    scores: dict[str, dict[str, Any]]
    seconds: dict[str, float]
    held_out: dict[str, Any]
    text_column: str | int | None = None
    # for the report; a stream keeps no rows
    split: Any = None
    probabilities: Any = None


def build_pipeline(model, *, num_words=None, class_weight=None, **parameters):
    """Return the pipeline of a model; that of the article has a column for each of ``num_words``.

    The parameters are those of the classifier; with None they keep the default of the model.
    """
    parameters = {name: value for name, value in parameters.items() if value is not None}
    if class_weight == BALANCED:
        parameters["class_weight"] = class_weight
    if model == ARTICLE:
        num_ids = None if num_words is None else count_ids(num_words)
        return multi_hot_pipeline(text=True, num_words=num_ids, **parameters)
    return text_pipeline(**parameters)


def encode_texts(encoder, split):
    """Fit an encoder to the training texts; return the sequences of each part.

    If these are sequences already, the encoder gets their vocabulary.
    """
    sequences = {part: rows.X for part, rows in split.parts.items()}
    if split.vocabulary is not None:
        encoder.set_params(vocabulary=split.vocabulary).fit()
        return sequences
    return _transform_parts(encoder, sequences)


def encode_sequences(pipeline, split, sequences):
    """Fit the steps between encoder and classifier; return the matrix of each part."""
    return _transform_parts(pipeline[1:-1], sequences, split.parts[TRAINING].y)


def _transform_parts(transformer, parts, y=None):
    """Fit a transformer to the training rows, and transform each part."""
    training = transformer.fit_transform(parts[TRAINING], y)
    return {
        part: training if part == TRAINING else transformer.transform(X)
        for part, X in parts.items()
    }


def fit_with_progress(classifier, X, y, on_epoch, *, stop=None, **validation):
    """Fit a DenseClassifier, and call ``on_epoch`` with loss and metrics after each epoch.

    ``stop`` is a StopAtInterrupt.
    """
    classifier.set_params(callbacks=lambda epoch, logs: on_epoch(logs))
    if stop is None:
        classifier.fit(X, y, **validation)
    else:
        with stop:
            classifier.set_callbacks(stop).fit(X, y, **validation)
        classifier.set_callbacks()
    # the function refers to the terminal, which can't be saved with the model
    return classifier.set_params(callbacks=None)


class StopAtInterrupt:
    """A callback of scikit-learn that ends a fit at the end of the epoch in which Ctrl-C comes.

    In the first epoch Ctrl-C is a KeyboardInterrupt as ever, and so is the second Ctrl-C.

    Attributes
    ----------
    n_epochs, n_planned : int
        Number of epochs that have ended, and that the fit would have taken.
    is_requested : bool
        Whether Ctrl-C has come.
    """

    def __init__(self):
        self.n_epochs, self.n_planned, self.is_requested = 0, 0, False

    def __enter__(self):
        self._handler = signal.signal(signal.SIGINT, self._on_interrupt)
        return self

    def __exit__(self, *_):
        signal.signal(signal.SIGINT, self._handler)

    def _on_interrupt(self, *_):
        signal.signal(signal.SIGINT, self._handler)
        if not self.n_epochs:
            raise KeyboardInterrupt
        self.is_requested = True
        # to the stream of this name, which a progress bar replaces to have lines above it
        if is_terminal(stderr=True):
            print("Finishing this epoch. Ctrl-C again ends at once.", file=sys.stderr)

    def setup(self, estimator, context):
        """Take the number of epochs."""
        self.n_planned = context.max_subtasks

    def teardown(self, estimator, context):
        """Do nothing."""

    def on_fit_task_begin(self, estimator, context):
        """Do nothing."""

    def on_fit_task_end(self, estimator, context):
        """Count an epoch, and return whether it is the last one."""
        if context.task_name != "epoch":
            return False
        self.n_epochs += 1
        return self.is_requested
