"""Prediction from the weights of a dense stack, and the Keras model of the same weights."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.special import expit, softmax
from sklearn.utils.validation import check_is_fitted

from skimdb._forward import check_finite, forward
from skimdb._network_spec import NetworkSpec
from skimdb._training_rows import checked_rows
from skimdb._turns import turn

if TYPE_CHECKING:
    import keras
    import scikeras.wrappers
    from numpy.typing import NDArray

    from skimdb._typing import FloatArray, MatrixLike


class DenseStackPredictorMixin:
    """What a classifier can do that has been fitted: its attributes are the weights and no more.

    Nothing here needs TensorFlow but ``model_`` and ``keras_classifier_``.
    """

    classes_: NDArray[Any]
    coefs_: list[FloatArray]
    intercepts_: list[FloatArray]
    history_: dict[str, list[float]]
    epochs: int
    batch_size: int
    verbose: Any
    _network: NetworkSpec

    def predict(self, X: MatrixLike) -> NDArray[Any]:
        """Return the class of each row.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        y : ndarray of shape (n_samples,)
            Class labels.
        """
        numbers = self.predict_proba(X).argmax(axis=1)
        return self.classes_[numbers]

    def predict_proba(self, X: MatrixLike) -> FloatArray:
        """Return the probability of each class for each row.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        probabilities : ndarray of shape (n_samples, n_classes), float32
            Columns in the order of ``classes_``.
        """
        scores = self._scores(X)
        if self._network.n_outputs == 1:
            # from either side, since 1 - p would round what is left of it away
            return np.hstack([expit(-scores), expit(scores)])
        return softmax(scores, axis=1)

    def decision_function(self, X: MatrixLike) -> FloatArray:
        """Return what goes into the last layer's sigmoid or softmax: the log-odds for two classes.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        scores : ndarray of shape (n_samples,) or (n_samples, n_classes), float32
            One score a row for two classes, above 0 for ``classes_[1]``; otherwise one a class.
        """
        scores = self._scores(X)
        return scores.ravel() if self._network.n_outputs == 1 else scores

    @property
    def model_(self) -> keras.Sequential:
        check_is_fitted(self)
        if "_model" not in vars(self):
            from skimdb._keras._network import build_model

            self._model = build_model(self._network, self._weights())
        return self._model

    @property
    def keras_classifier_(self) -> scikeras.wrappers.KerasClassifier:
        check_is_fitted(self)
        from skimdb._keras._wrapper import build_fitted_wrapper

        return build_fitted_wrapper(
            self.model_,
            self._network,
            self.classes_,
            self.history_,
            epochs=self.epochs,
            batch_size=self.batch_size,
            verbose=self.verbose,
        )

    def __getstate__(self):
        # a Keras model is left behind, to be built again where it is asked for
        state = super().__getstate__()
        return {name: value for name, value in state.items() if name != "_model"}

    def __dir__(self):
        # what looks at all attributes, as scikit-learn's HTML does, should build no Keras model
        built = ("model_", "keras_classifier_")
        return [n for n in object.__dir__(self) if n not in built and hasattr(self, n)]

    def __sklearn_is_fitted__(self):
        return hasattr(self, "coefs_")

    def _weights(self):
        """Return weights in Keras's order: kernel and bias of each layer in turn."""
        pairs = zip(self.coefs_, self.intercepts_, strict=True)
        return [weight for pair in pairs for weight in pair]

    def _scores(self, X):
        """Return what goes into the activation of the last layer."""
        check_is_fitted(self)
        X = checked_rows(self, X, "X", reset=False)
        with turn(X.data.nbytes):
            scores = forward(X, self.coefs_, self.intercepts_, self._network.activation)
        check_finite(scores)
        return scores
