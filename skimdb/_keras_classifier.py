"""KerasClassifier: any Keras model as a scikit-learn classifier."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import numpy as np

from skimdb._keras._wrapper import KerasClassifierBase
from skimdb._network._validation import validate_weights
from skimdb._utils._public import set_module

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from skimdb._utils._typing import MatrixLike


@set_module("skimdb")
class KerasClassifier(KerasClassifierBase):
    """Any Keras model as a classifier.

    A drop-in for ``scikeras.wrappers.KerasClassifier``, with its parameters and attributes, for
    scikit-learn 1.6 and later. CSR rows reach the model batch by batch: they are never copied into
    lists, nor made dense as a whole. A first ``Dense`` layer multiplies them by SciPy, whether or
    not the model has ``keras.Input(sparse=True)``; for layers of other kinds Keras makes a batch
    dense. A ``random_state`` seeds the training without TensorFlow's deterministic operations.

    Any other keyword is a parameter of the function or class that builds the model. Names with a
    prefix go to the part they name: ``model__units``, ``optimizer__learning_rate``,
    ``loss__label_smoothing``, ``metrics__0__name``, ``callbacks__0__patience``,
    ``fit__batch_size``, ``predict__batch_size``.

    Parameters
    ----------
    model : callable, keras.Model or None, default=None
        A function or class that returns a Keras model, compiled or not, or a model. A function
        may ask for ``meta``, a dict of the attributes that the data give (``n_features_in_``,
        ``n_classes_``, ``X_shape_``, ...), for ``compile_kwargs``, the arguments for
        ``keras.Model.compile``, and for ``params``, all parameters. None in a subclass takes its
        method ``_keras_build_fn``.
    build_fn : callable, keras.Model or None, default=None
        The former name of ``model``.
    warm_start : bool, default=False
        Whether ``fit`` goes on with the model of the last call.
    random_state : int, RandomState instance or None, default=None
        Seeds Python's, NumPy's and TensorFlow's generators while the model is built and while it
        is trained, and decides the order of the rows. None draws from NumPy's generator, which
        ``keras.utils.set_random_seed`` seeds. On a GPU, call
        ``tf.config.experimental.enable_op_determinism()`` for results equal to the last bit.
    optimizer : str, keras.optimizers.Optimizer or class, default="rmsprop"
        Compiles a model that is not compiled; so do the next two.
    loss : str, keras.losses.Loss, class or callable, default=None
        The loss. With "categorical_crossentropy" labels become one-hot rows.
    metrics : list, default=None
        What ``history_`` has besides the loss.
    batch_size : int, default=None
        Number of rows for each step, in ``fit`` and in prediction. None is 32, -1 all rows.
    validation_batch_size : int, default=None
        Number of rows of a validation step; None is ``batch_size``.
    verbose : int, default=1
        What Keras prints: nothing (0), a bar (1) or a line for each epoch (2).
    callbacks : list or dict of keras.callbacks.Callback, default=None
        Callbacks, or classes of them, for ``fit`` and prediction.
    validation_split : float, default=0.0
        Fraction of the rows, the last ones, for the ``"val_"`` part of ``history_``.
    shuffle : bool, default=True
        Whether each epoch has another order of the rows.
    run_eagerly : bool, default=False
        Whether Keras runs the model step by step, for debugging.
    epochs : int, default=1
        Number of passes over the training rows.
    class_weight : dict, "balanced" or None, default=None
        Weight of each class, as elsewhere in scikit-learn.
    **kwargs
        Parameters for ``model``, and parameters with a prefix.

    Attributes
    ----------
    model_ : keras.Model
        The Keras model.
    history_ : dict of str to list of float
        Loss and metrics after each epoch.
    classes_ : ndarray of shape (n_classes,)
        The class labels, sorted; for an indicator matrix the numbers of its columns.
    n_classes_ : int
        Number of classes.
    n_features_in_ : int
        Number of columns seen in ``fit``.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the columns seen in ``fit``, if all of them were strings.
    X_shape_, X_dtype_, y_dtype_, y_ndim_ : tuple, dtype, dtype, int
        Shape, type and number of dimensions of the training data.
    target_type_ : str
        What ``sklearn.utils.multiclass.type_of_target`` calls the labels.
    target_encoder_, feature_encoder_ : transformer
        What makes targets of the labels, and inputs of the rows. A subclass may have others, by
        the properties ``target_encoder`` and ``feature_encoder``.
    n_outputs_, n_outputs_expected_ : int
        Number of columns of the labels, and of outputs that the model must have.
    current_epoch : int
        Number of epochs trained.
    initialized_ : bool
        Whether there is a model to predict with.

    See Also
    --------
    DenseClassifier : A dense network without a model function, trained without TensorFlow.
    multi_hot_pipeline : Puts a vectorizer in front.

    Notes
    -----
    ``predict`` takes outputs for probabilities: of the second class from a single unit, of each
    class otherwise. So end the model in a sigmoid or softmax.

    Examples
    --------
    >>> import keras
    >>> from skimdb import KerasClassifier, MultiHotVectorizer
    >>> from skimdb.datasets import make_reviews
    >>> def dense_stack(meta, units=16):
    ...     return keras.Sequential(
    ...         [
    ...             keras.Input((meta["n_features_in_"],)),
    ...             keras.layers.Dense(units, "relu"),
    ...             keras.layers.Dense(1, "sigmoid"),
    ...         ]
    ...     )
    >>> classifier = KerasClassifier(
    ...     dense_stack, units=8, loss="binary_crossentropy", epochs=5, verbose=0, random_state=0
    ... )
    >>> sequences, y = make_reviews(3000, n_words=1000, random_state=0)
    >>> X = MultiHotVectorizer(num_words=1000).fit_transform(sequences)
    >>> bool(classifier.fit(X[:2000], y[:2000]).score(X[2000:], y[2000:]) > 0.75)
    True
    """

    def fit(
        self, X: MatrixLike, y: ArrayLike, sample_weight: ArrayLike | None = None, **kwargs: Any
    ) -> Self:
        """Build a model and train it.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features) or (n_samples, ...)
            Training rows.
        y : {array-like, sparse matrix} of shape (n_samples,) or (n_samples, n_outputs)
            Class labels; with several columns one-hot rows or an indicator of several labels.
        sample_weight : array-like of shape (n_samples,), default=None
            Weight of each row in the loss; rows of weight 0 are left out.
        **kwargs
            Arguments for ``keras.Model.fit``, which go before the parameters.

        Returns
        -------
        self : KerasClassifier

        Raises
        ------
        ValueError, TypeError
            If the data, weights or a parameter cannot be used. The message says which.
        """
        self.classes_: Any = None
        return self._train("fit", X, y, sample_weight, kwargs)

    def partial_fit(
        self,
        X: MatrixLike,
        y: ArrayLike,
        classes: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
        **kwargs: Any,
    ) -> Self:
        """Train for one pass over these rows, from the weights of the last call.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features) or (n_samples, ...)
            Training rows.
        y : {array-like, sparse matrix} of shape (n_samples,) or (n_samples, n_outputs)
            Class labels.
        classes : array-like of shape (n_classes,), default=None
            All class labels, in the first call. None takes those in y.
        sample_weight : array-like of shape (n_samples,), default=None
            Weight of each row in the loss; rows of weight 0 are left out.
        **kwargs
            Arguments for ``keras.Model.fit``.

        Returns
        -------
        self : KerasClassifier

        Raises
        ------
        ValueError, TypeError
            As in ``fit``, and if ``y`` has other classes.
        """
        known = getattr(self, "classes_", None)
        self.classes_ = known if classes is None else np.unique(np.asarray(classes))
        return self._train("partial_fit", X, y, sample_weight, kwargs)

    def predict_proba(self, X: MatrixLike, **kwargs: Any) -> NDArray[np.floating]:
        """Return the probability of each class for each row.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features) or (n_samples, ...)
            Rows.
        **kwargs
            Arguments for ``keras.Model.predict``.

        Returns
        -------
        probabilities : ndarray of shape (n_samples, n_classes)
            Columns in the order of ``classes_``; for several labels, the probability of each.
        """
        probabilities = super().predict_proba(X, **kwargs)
        # SciKeras drops the dimension of a single row
        is_single = self.target_type_ != "multiclass-multioutput" and np.shape(X)[0] == 1
        return probabilities.reshape(1, -1) if is_single else probabilities

    def decision_function(self, X: MatrixLike) -> NDArray[np.float64]:
        """Return the log-odds of each class for each row.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features) or (n_samples, ...)
            Rows.

        Returns
        -------
        scores : ndarray of shape (n_samples,) or (n_samples, n_classes)
            For two classes one score for each row, above 0 for ``classes_[1]``; otherwise one for
            each class or label, against all others.
        """
        probabilities = np.asarray(self.predict_proba(X), dtype=float)
        if self.target_type_ == "binary" and probabilities.ndim == 2:
            probabilities = probabilities[:, -1]
        # finite where a probability has been rounded to 0 or 1, and in order beyond them
        smallest = np.finfo(float).tiny
        odds = (np.maximum(value, smallest) for value in (probabilities, 1 - probabilities))
        return np.subtract(*map(np.log, odds))

    def score(self, X: MatrixLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> float:
        """Return the accuracy on rows and their labels.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features) or (n_samples, ...)
            Rows.
        y : {array-like, sparse matrix} of shape (n_samples,) or (n_samples, n_outputs)
            Class labels.
        sample_weight : array-like of shape (n_samples,), default=None
            Weight of each row; None is 1 for all.

        Returns
        -------
        score : float
            Fraction of the rows whose class, or whose labels all, are predicted.
        """
        predicted = self.predict(X)
        _, y = self._validate_data(y=y)
        if sample_weight is not None:
            sample_weight = validate_weights(y, sample_weight, None)
        return self.scorer(
            y, predicted, sample_weight=sample_weight, **self._arguments("score", ())
        )
