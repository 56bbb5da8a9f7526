"""NBSVM, a linear classifier of Wang and Manning.

"Baselines and Bigrams: Simple, Good Sentiment and Topic Classification", ACL 2012.
"""

import numpy as np
import scipy.sparse as sp
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.svm import LinearSVC


class NBSVM(ClassifierMixin, BaseEstimator):
    """Linear support vector machines on columns times their log-count ratio, one for each class.

    ``beta`` interpolates between the mean magnitude of the weights (0) and the weights (1).
    """

    def __init__(self, C=1.0, beta=0.25, alpha=1.0):
        self.C = C
        self.beta = beta
        self.alpha = alpha

    def fit(self, X, y):
        """Fit a machine for each class, or a single one for two classes."""
        y = np.asarray(y)
        self.classes_ = np.unique(y)
        ones = self.classes_[1:] if len(self.classes_) == 2 else self.classes_
        machines = [self._fit_machine(X, y == one) for one in ones]
        self.coef_ = np.array([coef for coef, _ in machines])
        self.intercept_ = np.array([intercept for _, intercept in machines])
        return self

    def predict(self, X):
        """Return the class of each row."""
        scores = X @ self.coef_.T + self.intercept_
        if len(self.classes_) == 2:
            return self.classes_[(scores[:, 0] > 0).astype(int)]
        return self.classes_[scores.argmax(axis=1)]

    def _fit_machine(self, X, is_one):
        counts = [np.asarray(X[rows].sum(axis=0)).ravel() for rows in (is_one, ~is_one)]
        one, rest = ((self.alpha + n) / (self.alpha + n).sum() for n in counts)
        ratio = np.log(one / rest)
        machine = LinearSVC(C=self.C, dual=True, random_state=0)
        machine.fit((X @ sp.diags(ratio)).tocsr(), is_one)
        weights = machine.coef_[0]
        weights = (1 - self.beta) * np.abs(weights).mean() + self.beta * weights
        return ratio * weights, machine.intercept_[0]
