"""What columns add to a prediction: log-odds without them, and their parts of the log-odds."""

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from scipy.special import logsumexp

from skimdb._dense_classifier import DenseClassifier
from skimdb._log_count_ratio import LogCountRatioScaler
from skimdb._network._forward import ACTIVATIONS, check_finite
from skimdb._utils._checks import short_repr

# of the path from an empty row to a row
N_STEPS = 32
# below this a difference quotient has no digits left
SMALLEST_DIFFERENCE = 1e-9


@dataclass(frozen=True)
class Network:
    """The end of a fitted pipeline: how rows of counted n-grams become log-odds, in float64.

    Parameters
    ----------
    scaler : LogCountRatioScaler or None
    classifier : DenseClassifier
    """

    scaler: LogCountRatioScaler | None
    classifier: DenseClassifier

    @property
    def classes(self):
        """The classes or labels, in the order of the probabilities."""
        return self.classifier.classes_

    @property
    def is_multilabel(self):
        """Whether the log-odds are of labels that do not exclude each other."""
        return self.classifier._target.multilabel

    def scale(self, X):
        """Return rows with each column multiplied by its weight, before any norm."""
        X = sp.csr_array(X, dtype=np.float64)
        if self.scaler is None:
            return X
        return sp.csr_array((X.data * self.scaler.scale_[X.indices], X.indices, X.indptr), X.shape)

    def squared_norms(self, X):
        """Return the squared norm of each row of a scaled matrix."""
        return np.asarray(X.multiply(X).sum(axis=1)).ravel()

    def factors(self, squared_norms):
        """Return what rows of these norms are multiplied by, as a column."""
        power = 0.0 if self.scaler is None else self.scaler.norm_power
        if not power:
            return np.ones((len(squared_norms), 1))
        # what is left of a row without all of its columns are errors of rounding
        norms = np.sqrt(np.where(squared_norms > SMALLEST_DIFFERENCE, squared_norms, 1))
        return ((np.sqrt(self.scaler.mean_square_norm_) / norms) ** power)[:, np.newaxis]

    def project(self, X):
        """Return what rows of a scaled matrix add to the inputs of the first layer's units."""
        # SciPy would make float64 of the whole kernel, of which a few texts need little
        columns, indices = np.unique(X.indices, return_inverse=True)
        X = sp.csr_array((X.data, indices, X.indptr), (X.shape[0], len(columns)))
        return X @ self.classifier.coefs_[0][columns].astype(np.float64)

    def scores(self, sums):
        """Return the scores for the inputs of the first layer's units, without its biases."""
        *_, scores = self._layers(sums)
        check_finite(scores)
        return scores

    def log_odds(self, scores, numbers):
        """Return the log-odds of a class for each row of scores.

        ``numbers`` are the positions of the classes: one, or one for each row.
        """
        numbers = np.broadcast_to(numbers, len(scores))
        if scores.shape[1] == 1:
            return np.where(numbers == 1, scores[:, 0], -scores[:, 0])
        rows = np.arange(len(scores))
        own = scores[rows, numbers]
        if self.is_multilabel:
            return own
        others = scores.copy()
        others[rows, numbers] = -np.inf
        return own - logsumexp(others, axis=1)

    def without(self, X, removed, rows, numbers):
        """Return the log-odds of rows without some of their columns.

        Parameters
        ----------
        X : CSR array of shape (n_rows, n_features)
            Scaled rows.
        removed : CSR array of shape (n_cases, n_features)
            What is taken from a row, in each case.
        rows : ndarray of shape (n_cases,)
            The row of each case.
        numbers : ndarray of shape (n_cases,)
            The class whose log-odds are asked for.
        """
        sums = self.project(X)[rows] - self.project(removed)
        norms = self.squared_norms(X)[rows] - self.squared_norms(removed)
        return self.log_odds(self.scores(self.factors(norms) * sums), numbers)

    def integrate(self, X, numbers):
        """Return the integrated gradients of the log-odds, from an empty row to each row.

        Difference quotients along the path take the place of derivatives, so the parts of a row
        add up to the difference of its log-odds from those of an empty row.

        Parameters
        ----------
        X : CSR array of shape (n_rows, n_features)
            Scaled rows.
        numbers : ndarray of shape (n_rows,)
            The class of each row whose log-odds are asked for.

        Returns
        -------
        parts : CSR array of shape (n_rows, n_features)
            The part of each entry of X.
        """
        factors = self.factors(self.squared_norms(X))
        sums = factors * self.project(X)
        gradients = np.zeros_like(sums)
        last = self._layers(np.zeros_like(sums))
        for step in range(1, N_STEPS + 1):
            layers = self._layers(sums * (step / N_STEPS))
            gradients += self._quotients(last, layers, numbers) / N_STEPS
            last = layers
        kernel = self.classifier.coefs_[0]
        row_of = np.repeat(np.arange(X.shape[0]), np.diff(X.indptr))
        slopes = np.empty(X.nnz)
        # in parts, for a kernel row and a gradient for each entry take much memory
        for start in range(0, X.nnz, 100_000):
            entries = slice(start, start + 100_000)
            pairs = kernel[X.indices[entries]], gradients[row_of[entries]]
            slopes[entries] = np.einsum("ij,ij->i", *pairs)
        values = X.data * slopes * factors[row_of, 0]
        return sp.csr_array((values, X.indices, X.indptr), X.shape)

    def _layers(self, sums):
        """Return the inputs and outputs of each hidden layer in turn, and the scores."""
        coefs, intercepts = self.classifier.coefs_, self.classifier.intercepts_
        activation = ACTIVATIONS[self.classifier._network.activation]
        inputs, layers = sums + intercepts[0], []
        for coef, intercept in zip(coefs[1:], intercepts[1:], strict=True):
            outputs = activation(inputs)
            layers += [inputs, outputs]
            inputs = outputs @ coef.astype(np.float64) + intercept
        return [*layers, inputs]

    def _quotients(self, before, after, numbers):
        """Return the difference quotients of log-odds by the inputs of the first layer's units."""
        scores = before[-1], after[-1]
        differences = scores[1] - scores[0]
        gradient = self._gradient((scores[0] + scores[1]) / 2, numbers)
        # a gradient in the middle is not quite the quotient of the log-odds
        change = self.log_odds(scores[1], numbers) - self.log_odds(scores[0], numbers)
        expected = (gradient * differences).sum(axis=1)
        is_large = np.abs(expected) > SMALLEST_DIFFERENCE
        gradient *= np.where(is_large, change / np.where(is_large, expected, 1), 1)[:, np.newaxis]
        hidden = range(0, len(before) - 1, 2)
        for i, coef in zip(reversed(hidden), reversed(self.classifier.coefs_[1:]), strict=True):
            gradient = gradient @ coef.T.astype(np.float64)
            change, by = after[i + 1] - before[i + 1], after[i] - before[i]
            is_large = np.abs(by) > SMALLEST_DIFFERENCE
            gradient *= np.where(is_large, change / np.where(is_large, by, 1), 0)
        return gradient

    def _gradient(self, scores, numbers):
        """Return the gradient of log-odds by the scores."""
        numbers = np.broadcast_to(numbers, len(scores))
        if scores.shape[1] == 1:
            return np.where(numbers == 1, 1.0, -1.0)[:, np.newaxis]
        rows = np.arange(len(scores))
        gradient = np.zeros_like(scores)
        if not self.is_multilabel:
            others = scores.copy()
            others[rows, numbers] = -np.inf
            gradient -= np.exp(others - logsumexp(others, axis=1, keepdims=True))
        gradient[rows, numbers] = 1
        return gradient


def find_class(classes, class_):
    """Return the position of a class, or raise."""
    if np.ndim(class_) > 0:
        raise TypeError(f"class_ must be one of the classes, or None, got {short_repr(class_)}.")
    matches = [i for i, known in enumerate(classes.tolist()) if known == class_]
    if not matches:
        raise ValueError(
            f"class_ must be one of the classes, {classes.tolist()}, or None, got "
            f"{short_repr(class_)}."
        )
    return matches[0]
