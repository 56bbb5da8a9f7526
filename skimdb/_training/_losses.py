"""Losses and metrics as Keras defines them, with their gradients, in NumPy.

The names are Keras's; what is not here is left to Keras.
"""

import numpy as np
from scipy.special import expit, log_softmax, softmax

from skimdb._network._target import CLASS_NUMBERS, COLUMN, INDICATORS, ONE_HOT

# names of the same loss or metric in Keras
SYNONYMS = {
    "binary_crossentropy": ("BinaryCrossentropy", "bce", "BCE"),
    "sparse_categorical_crossentropy": ("SparseCategoricalCrossentropy",),
    "mean_squared_error": ("MeanSquaredError", "mse", "MSE"),
    "mean_absolute_error": ("MeanAbsoluteError", "mae", "MAE"),
    "hinge": ("Hinge",),
    "squared_hinge": ("SquaredHinge",),
    "huber": ("Huber",),
    "accuracy": ("acc",),
    "binary_accuracy": ("BinaryAccuracy",),
    "sparse_categorical_accuracy": ("SparseCategoricalAccuracy",),
    "categorical_accuracy": ("CategoricalAccuracy",),
}
_STANDARD_NAMES = {other: name for name, others in SYNONYMS.items() for other in others}


def _signs(targets):
    return 2 * targets - 1


def _squared_error(outputs, targets):
    return np.square(outputs - targets)


def _absolute_error(outputs, targets):
    return np.abs(outputs - targets)


def _huber(outputs, targets):
    # outputs and targets are within 0 and 1, where the loss is quadratic
    return _squared_error(outputs, targets) / 2


def _hinge(outputs, targets):
    return np.maximum(1 - _signs(targets) * outputs, 0)


def _squared_hinge(outputs, targets):
    return np.square(_hinge(outputs, targets))


# of each loss that compares probabilities with 0 and 1: its values, and its slopes by the outputs
ERRORS = {
    "mean_squared_error": (_squared_error, lambda p, t: 2 * (p - t)),
    "mean_absolute_error": (_absolute_error, lambda p, t: np.sign(p - t)),
    "hinge": (_hinge, lambda p, t: -_signs(t) * (_signs(t) * p <= 1)),
    "squared_hinge": (_squared_hinge, lambda p, t: -2 * _signs(t) * _hinge(p, t)),
    "huber": (_huber, lambda p, t: p - t),
}
CROSSENTROPIES = {
    COLUMN: "binary_crossentropy",
    CLASS_NUMBERS: "sparse_categorical_crossentropy",
    INDICATORS: "binary_crossentropy",
}
ACCURACIES = {
    COLUMN: "binary_accuracy",
    CLASS_NUMBERS: "sparse_categorical_accuracy",
    ONE_HOT: "categorical_accuracy",
    INDICATORS: "binary_accuracy",
}


class Loss:
    """A loss on the scores of a network, and what metrics tell about the same scores.

    Parameters
    ----------
    name : str
        A name that Keras knows.
    target : Target
        What the network predicts.

    Attributes
    ----------
    form : str
        The form in which Keras's loss takes the target, see ``Target.form_for``.
    """

    def __init__(self, name, target):
        self._name = _STANDARD_NAMES.get(name, name)
        self.form = target.form_for(self._name.startswith("sparse"))
        self._n_outputs = target.n_outputs
        self._has_sigmoids = target.has_sigmoids

    @property
    def is_known(self):
        """Whether the loss is one of those here, for a target of this form."""
        return self._name in ERRORS or self._name == CROSSENTROPIES.get(self.form)

    def knows_metric(self, name):
        """Tell whether a metric is one of those here, for a target of this form."""
        return self._metric(name) is not None

    def values(self, scores, y):
        """Return the loss of each row, float32.

        Parameters
        ----------
        scores : ndarray of shape (n_samples, n_outputs), float32
            What goes into the last sigmoid or softmax.
        y : ndarray of shape (n_samples,) or (n_samples, n_labels)
            Class numbers, or indicators.
        """
        if self._name not in ERRORS:
            if self._has_sigmoids:
                signed = np.where(self._columns(y) == 1, -scores, scores)
                return np.logaddexp(0, signed).mean(axis=1, dtype=np.float32)
            return -log_softmax(scores, axis=1)[np.arange(len(y)), y]
        error, _ = ERRORS[self._name]
        return error(self._outputs(scores), self._targets(y)).mean(axis=1)

    def gradient(self, scores, y):
        """Return the gradient of the loss of each row by its scores."""
        outputs = self._outputs(scores)
        if self._name not in ERRORS:
            if self._has_sigmoids:
                outputs -= self._columns(y)
                if self._n_outputs > 1:
                    outputs /= np.float32(self._n_outputs)
            else:
                outputs[np.arange(len(y)), y] -= 1
            return outputs
        _, slope = ERRORS[self._name]
        slopes = slope(outputs, self._targets(y)) / np.float32(self._n_outputs)
        if self._has_sigmoids:
            return slopes * outputs * (1 - outputs)
        return outputs * (slopes - (slopes * outputs).sum(axis=1, keepdims=True))

    def metrics(self, names, scores, y):
        """Return the mean of each metric over the rows, by name."""
        if not names:
            return {}
        outputs = self._outputs(scores)
        return {name: float(self._metric(name)(outputs, y).mean(dtype=float)) for name in names}

    def _metric(self, name):
        """Return a function for the values of a metric, or None."""
        name = _STANDARD_NAMES.get(name, name)
        if name in ("accuracy", ACCURACIES[self.form]):
            return self._hits
        if name in ("mean_squared_error", "mean_absolute_error") and self.form != CLASS_NUMBERS:
            error, _ = ERRORS[name]
            return lambda outputs, y: error(outputs, self._targets(y))
        return None

    def _hits(self, outputs, y):
        if self._has_sigmoids:
            return (outputs > 0.5) == self._columns(y)
        return outputs.argmax(axis=1) == y

    def _outputs(self, scores):
        return expit(scores) if self._has_sigmoids else softmax(scores, axis=1)

    def _columns(self, y):
        """Return class numbers as a column, and indicators as they are."""
        return y if y.ndim == 2 else y[:, np.newaxis]

    def _targets(self, y):
        """Return columns of 0 and 1."""
        columns = self._columns(y)
        if not self._has_sigmoids:
            columns = columns == np.arange(self._n_outputs)
        return columns.astype(np.float32)
