"""Target: how labels are encoded, what ends the network, how scores become classes."""

from dataclasses import dataclass

import numpy as np
from scipy.special import expit, softmax

# NumPy's kinds of numbers
NUMBERS = "biuf"
# how a loss takes the target: class numbers as a column of 0 and 1, as they are, or as rows of 0
# with one 1; several labels a row as rows of 0 and 1
COLUMN, CLASS_NUMBERS, ONE_HOT = "column", "class numbers", "one-hot"
INDICATORS = "indicators"


@dataclass(frozen=True, eq=False)
class Target:
    """What a classifier predicts: one of two classes, one of more, or any number of labels.

    Two classes need one sigmoid output, more classes one softmax output each, and labels that go
    together one sigmoid output each.

    Parameters
    ----------
    classes : ndarray of shape (n_classes,)
        The class labels, sorted; or the labels in the order of their columns.
    multilabel : bool, default=False
        Whether a row may have any number of the labels.
    """

    classes: np.ndarray
    multilabel: bool = False

    @classmethod
    def from_labels(cls, labels, name, columns=None):
        """Return the target of validated labels: their distinct values, or their columns.

        ``columns`` are the names of the columns of an indicator matrix; None counts them.
        """
        if labels.ndim == 2:
            return cls(np.arange(labels.shape[1]) if columns is None else columns, True)
        classes = np.unique(labels)
        if len(classes) < 2:
            raise ValueError(
                f"{name} must hold at least two classes, got {len(classes)} class: "
                f"{classes.tolist()}."
            )
        return cls(classes)

    @classmethod
    def from_n_outputs(cls, n_outputs, multilabel):
        """Return the target, in class numbers, of a network with so many outputs."""
        return cls(np.arange(max(n_outputs, 2)), multilabel)

    @property
    def _is_binary(self):
        return len(self.classes) == 2 and not self.multilabel

    @property
    def has_sigmoids(self):
        """Whether each output is a probability by itself."""
        return self._is_binary or self.multilabel

    @property
    def n_outputs(self):
        """Number of outputs of the network."""
        return 1 if self._is_binary else len(self.classes)

    @property
    def output_activation(self):
        """Activation of the last layer."""
        return "sigmoid" if self.has_sigmoids else "softmax"

    @property
    def default_loss(self):
        """The loss that "auto" stands for."""
        return "binary_crossentropy" if self.has_sigmoids else "sparse_categorical_crossentropy"

    def form_for(self, loss_is_sparse):
        """Return the form in which a loss takes this target."""
        if self.multilabel:
            return INDICATORS
        if self._is_binary:
            return COLUMN
        return CLASS_NUMBERS if loss_is_sparse else ONE_HOT

    def check_columns(self, columns, name):
        """Raise if an indicator matrix has its columns in another order, or other ones."""
        named = self.multilabel and self.classes.dtype.kind == "U"
        if named and columns is not None and not np.array_equal(columns, self.classes):
            raise ValueError(
                f"{name} must have the columns {self.classes.tolist()}, in this order, got "
                f"{columns.tolist()}."
            )

    def encode(self, y, name):
        """Return the position of each label among the classes; raise if it is none of them.

        An indicator matrix stays as it is.
        """
        if self.multilabel:
            if y.ndim != 2 or y.shape[1] != len(self.classes):
                raise ValueError(
                    f"{name} must be an indicator matrix with a column for each of the "
                    f"{len(self.classes)} labels, got the shape {y.shape}."
                )
            return y
        if y.ndim == 2:
            raise ValueError(
                f"{name} must hold one label for each row, as the training rows do, got an "
                f"indicator matrix of the shape {y.shape}."
            )
        # NumPy would find the text "1" among numbers
        same_kind = (y.dtype.kind in NUMBERS) == (self.classes.dtype.kind in NUMBERS)
        unexpected = np.setdiff1d(y, self.classes) if same_kind else np.unique(y)
        if len(unexpected):
            raise ValueError(
                f"{name} must hold only classes of the training rows, {self.classes.tolist()}, "
                f"got {unexpected.tolist()} as well."
            )
        return np.searchsorted(self.classes, y)

    def decode(self, encoded):
        """Return the labels of class numbers, or an indicator matrix."""
        return encoded.astype(np.int64) if self.multilabel else self.classes[encoded]

    def probabilities(self, scores):
        """Return the probability of each class for each row of scores."""
        if self.multilabel:
            return expit(scores)
        if self._is_binary:
            # expit of both signs, since 1 - p would lose the digits of a small p
            return np.hstack([expit(-scores), expit(scores)])
        return softmax(scores, axis=1)

    def predict(self, scores):
        """Return the most probable class of each row of scores, or its labels as 0 and 1."""
        probabilities = self.probabilities(scores)
        if self.multilabel:
            return self.decode(probabilities > 0.5)
        return self.decode(probabilities.argmax(axis=1))

    def decisions(self, scores):
        """Return scores in the shape of scikit-learn's ``decision_function``."""
        return scores.ravel() if self._is_binary else scores
