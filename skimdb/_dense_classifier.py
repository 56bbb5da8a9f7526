"""DenseClassifier: a dense network as a scikit-learn classifier."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import replace
from numbers import Integral
from typing import TYPE_CHECKING, Any, Literal, Self, TypeAlias

import numpy as np
import scipy.sparse as sp
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.validation import check_is_fitted

from skimdb._network._forward import check_finite, forward
from skimdb._network._spec import NetworkSpec
from skimdb._network._state import TrainingState
from skimdb._network._target import Target
from skimdb._network._validation import (
    draw_seed,
    label_columns,
    make_training_rows,
    validate_labels,
    validate_rows,
    validate_rows_and_labels,
    validate_target,
    validate_validation_data,
)
from skimdb._training._backend import BACKENDS, SPARSE, choose_backend, to_callbacks
from skimdb._training._callbacks import CallbackSupportMixin, EpochTasks, with_callbacks
from skimdb._training._epoch_store import memory_folder
from skimdb._training._optimizers import default_rate
from skimdb._training._plan import FitPlan, choose_batch_size, choose_epochs, train
from skimdb._training._sparse_trainer import SCHEDULES
from skimdb._utils._checks import (
    check_bool,
    check_choice,
    check_int,
    check_keras,
    check_real,
    short_repr,
    to_int,
)
from skimdb._utils._interrupts import restore_on_error
from skimdb._utils._public import set_module

if TYPE_CHECKING:
    import joblib
    import keras
    from numpy.typing import ArrayLike, NDArray

    from skimdb._keras_classifier import KerasClassifier
    from skimdb._utils._typing import Activation, FloatArray, MatrixLike, PathLike, RandomState

    Callback: TypeAlias = Callable[[int, dict[str, float]], Any] | keras.callbacks.Callback


# What SciKeras, and other networks, call parameters; a prefix such as "model__" is left out.
OTHER_NAMES = {
    "lr": "learning_rate",
    "dropout_rate": "dropout",
    "hidden_layer_sizes": "units",
    "hidden_layer_dim": "units",
    "patience": "n_iter_no_change",
    "validation_split": "validation_fraction",
}


@set_module("skimdb")
class DenseClassifier(CallbackSupportMixin, ClassifierMixin, BaseEstimator):
    """A small dense network as a classifier for sparse features.

    A trainer for CSR rows, which never become dense, trains the network without TensorFlow.
    With many columns and the optimizers "sgd" (without momentum), "rmsprop" or "adagrad", a
    step costs the entries of its batch, not the number of columns. What only Keras can train
    goes to Keras on TensorFlow. Both train the same network, with the same initial weights,
    batches and updates; only what dropout drops differs. The network ends in one sigmoid unit
    for two classes and in a softmax for more; where a row may have several labels, in one
    sigmoid unit a label. The fitted classifier predicts with NumPy and SciPy. Values so large
    that the scores overflow are an error, in training and in prediction.

    Parameters
    ----------
    units : int, tuple of int or "auto", default=(16, 16)
        Width of each hidden layer; an int is one hidden layer. "auto" is one layer of 16 units per
        class, at most 128.
    activation : str, default="relu"
        Activation of the hidden layers: "relu", "tanh", "sigmoid", "linear", "elu", "selu",
        "gelu", "silu", "softplus", "softsign" or "leaky_relu", as in Keras.
    dropout : float, default=0.0
        Fraction of each hidden layer's outputs that training drops at random, from 0 to below 1.
    l2 : float, default=0.0
        Strength of the L2 penalty on the weights of every layer (``keras.regularizers.L2``).
    optimizer : str or keras.optimizers.Optimizer, default="rmsprop"
        Name or instance of a Keras optimizer. An instance is copied by its ``get_config()``.
    learning_rate : float, default=None
        The optimizer's learning rate; None takes its own (0.001 for RMSprop). Must be None when
        ``optimizer`` is an instance.
    learning_rate_schedule : {"linear", "cosine"}, default=None
        How the learning rate falls to 0 over the steps of a ``fit``, as in
        ``keras.optimizers.schedules`` (PolynomialDecay, CosineDecay). None keeps it constant.
    momentum : float, default=0.0
        Momentum of the optimizer "sgd", from 0 to below 1. Must be 0 with other optimizers.
    loss : str, keras.losses.Loss or callable, default="auto"
        The loss: "auto" is binary cross-entropy for two classes and for several labels a row,
        and sparse categorical cross-entropy for more classes. Any name of a Keras loss will do,
        such as "mse".
    metrics : tuple of str or keras.metrics.Metric, default=("accuracy",)
        What ``history_`` records besides the loss. With more than two classes, a metric and the
        loss must take the same targets: class numbers ("accuracy", ``"sparse_…"``) or one-hot
        rows. With several labels a row, "accuracy" is the fraction of the labels that are right.
    epochs : int or "auto", default="auto"
        Number of passes over the training rows; with early stopping the largest number. "auto"
        takes as many as about 100 steps of the optimizer per class need, up to 1,000 steps, and
        from 2 to 100 epochs: more make such networks overfit. Early stopping without a
        ``learning_rate_schedule`` gets up to three times as many to choose from. With dropout
        "auto" takes about 600 steps, and from 2 to 50 epochs.
    batch_size : int or "auto", default="auto"
        Number of rows for each step of the optimizer. "auto" takes a power of two close to a 32nd
        of the rows, from 16 to 512, or with dropout to 128; for more than some 250,000 rows close
        to a 2,000th, up to 1,024. In ``partial_fit`` the rows are those of the call.
    early_stopping : bool, default=False
        Whether to stop when the validation loss has not fallen for ``n_iter_no_change`` epochs,
        and keep the weights of the epoch where it was lowest.
    validation_fraction : float, default=0.1
        Fraction of the training rows to set aside as validation rows under ``early_stopping``
        (stratified, but for several labels a row), unless ``fit`` gets ``X_val`` and ``y_val``.
        Validation figures ignore sample and class weights.
    n_iter_no_change : int, default=2
        Under ``early_stopping``, number of epochs without a lower validation loss to stop after.
    class_weight : dict, "balanced" or None, default=None
        Weight of each class, as elsewhere in scikit-learn. Must be None for several labels a row.
    callbacks : callable, keras.callbacks.Callback or list of them, default=None
        A function is called as ``function(epoch, logs)`` after each epoch, counted from 0, with
        loss and metrics by name. Keras callbacks need the Keras backend.
    backend : {"auto", "sparse", "keras"}, default="auto"
        What trains the network. "sparse" is the trainer for CSR rows. It takes the optimizers
        "sgd", "rmsprop", "adagrad", "adam" and "adamw"; the losses binary and sparse categorical
        cross-entropy, mean squared and mean absolute error, hinge, squared hinge and Huber; and
        as metrics accuracy, mean squared and mean absolute error, all by Keras's names. "keras"
        is ``keras.Model.fit`` on TensorFlow, in float32 whatever Keras's ``floatx`` and dtype
        policy are. "auto" takes the sparse trainer for what it can do, and Keras for the rest,
        and on a GPU if TensorFlow is loaded already.
    warm_start : bool, default=False
        Whether ``fit`` continues for ``epochs`` more epochs from the weights, the optimizer state
        and the history of the last call. The columns must be the same; that those of a
        MultiHotVectorizer stand for the same words and n-grams is checked.
    memory : str, path-like or joblib.Memory, default=None
        Folder for training states of the sparse trainer; fits by Keras ignore it. With an int
        ``random_state`` and without ``callbacks``, ``fit`` keeps its last state under a key of the
        data and all parameters but ``epochs``; a later ``fit`` with the same key starts from the
        state after the most epochs it can use. So a search over ``epochs`` trains each epoch once,
        and an interrupted search continues where it stopped. The result is the same bit for bit.
        Fits with early stopping or a learning rate schedule can't continue; their key has the
        number of epochs too. Processes may share the folder.
    memory_limit : int, default=None
        Number of bytes that the states in the folder may take. Beyond it, the least recently used
        states are removed. None sets no limit.
    random_state : int, RandomState instance or None, default=None
        Decides the initial weights, the order of the rows, the dropout, and which rows are set
        aside. An int gives the same weights bit for bit in any process on the same machine.
    verbose : int or "auto", default=0
        What is printed while the network trains: nothing (0) or a line for each epoch. With the
        Keras backend 1 is a bar.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The class labels, sorted. For several labels a row, the labels in the order of their
        columns: the names of the columns of a DataFrame, or numbers from 0.
    n_features_in_ : int
        Number of columns seen in ``fit``.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the columns seen in ``fit``, if all of them were strings.
    coefs_ : list of ndarray of shape (n_inputs, n_units)
        Weights of each layer, float32.
    intercepts_ : list of ndarray of shape (n_units,)
        Biases of each layer, float32.
    history_ : dict of str to list of float
        Loss and metrics after each epoch, and "val_loss" and so on with validation rows. Training
        figures are means over the epoch, while the weights change.
    n_iter_ : int
        Number of epochs trained.
    batch_size_ : int
        Number of rows for each step in the last call.
    backend_ : {"sparse", "keras"}
        What trained the network in the last call.
    model_ : keras.Sequential
        A plain, compiled Keras model with the fitted weights, built at the first access.
    keras_classifier_ : KerasClassifier
        A classifier around ``model_``, built at each access.

    See Also
    --------
    sklearn.neural_network.MLPClassifier : scikit-learn's own network, without dropout, callbacks
        or a curve of the validation loss.
    KerasClassifier : Any Keras model as a classifier.

    References
    ----------
    The network follows the binary classification example of F. Chollet, "Deep Learning with
    Python", chapter 3. ``coefs_`` and ``intercepts_`` are named as in MLPClassifier, ``X_val`` and
    ``y_val`` as in HistGradientBoostingClassifier.

    Examples
    --------
    >>> from skimdb import DenseClassifier, MultiHotVectorizer
    >>> from skimdb.datasets import make_reviews
    >>> sequences, y = make_reviews(3000, n_words=1000, random_state=0)
    >>> X = MultiHotVectorizer(num_words=1000).fit_transform(sequences)
    >>> classifier = DenseClassifier(16, epochs=3, batch_size=64, random_state=0)
    >>> classifier = classifier.fit(X[:2000], y[:2000], X_val=X[2000:], y_val=y[2000:])
    >>> sorted(classifier.history_)
    ['accuracy', 'loss', 'val_accuracy', 'val_loss']
    >>> classifier.predict_proba(X[:5]).shape
    (5, 2)
    """

    classes_: NDArray[Any]
    coefs_: list[FloatArray]
    intercepts_: list[FloatArray]
    history_: dict[str, list[float]]
    n_features_in_: int
    feature_names_in_: NDArray[np.object_]
    n_iter_: int
    batch_size_: int
    backend_: Literal["sparse", "keras"]

    def __init__(
        self,
        units: int | Sequence[int] | Literal["auto"] = (16, 16),
        *,
        activation: Activation = "relu",
        dropout: float = 0.0,
        l2: float = 0.0,
        optimizer: str | keras.optimizers.Optimizer = "rmsprop",
        learning_rate: float | None = None,
        learning_rate_schedule: Literal["linear", "cosine"] | None = None,
        momentum: float = 0.0,
        loss: str | keras.losses.Loss | Callable[..., Any] = "auto",
        metrics: Sequence[str | keras.metrics.Metric] = ("accuracy",),
        epochs: int | Literal["auto"] = "auto",
        batch_size: int | Literal["auto"] = "auto",
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        n_iter_no_change: int = 2,
        class_weight: dict[Any, Any] | Literal["balanced"] | None = None,
        callbacks: Callback | Sequence[Callback] | None = None,
        backend: Literal["auto", "sparse", "keras"] = "auto",
        warm_start: bool = False,
        memory: PathLike | joblib.Memory | None = None,
        memory_limit: int | None = None,
        random_state: RandomState = None,
        verbose: Literal[0, 1, 2, "auto"] = 0,
    ) -> None:
        self.units = units
        self.activation = activation
        self.dropout = dropout
        self.l2 = l2
        self.optimizer = optimizer
        self.learning_rate = learning_rate
        self.learning_rate_schedule = learning_rate_schedule
        self.momentum = momentum
        self.loss = loss
        self.metrics = metrics
        self.epochs = epochs
        self.batch_size = batch_size
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.class_weight = class_weight
        self.callbacks = callbacks
        self.backend = backend
        self.warm_start = warm_start
        self.memory = memory
        self.memory_limit = memory_limit
        self.random_state = random_state
        self.verbose = verbose

    @restore_on_error
    @with_callbacks
    def fit(
        self,
        X: MatrixLike,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        X_val: MatrixLike | None = None,
        y_val: ArrayLike | None = None,
    ) -> Self:
        """Train the network.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Training rows. CSR float32 is used without a copy; anything else is converted.
        y : {array-like, sparse matrix} of shape (n_samples,) or (n_samples, n_labels)
            Class labels; or, where a row may have several, an indicator matrix of 0 and 1.
        sample_weight : array-like of shape (n_samples,), default=None
            Weight of each row in the loss; rows of weight 0 are left out.
        X_val : {array-like, sparse matrix} of shape (n_val, n_features), default=None
            Validation rows, for the ``"val_"`` part of ``history_`` and for early stopping.
        y_val : {array-like, sparse matrix} of shape (n_val,) or (n_val, n_labels), default=None
            Their labels, in the form of ``y``.

        Returns
        -------
        self : DenseClassifier

        Raises
        ------
        ValueError, TypeError
            If a parameter or the data cannot be used, or the training diverges to infinite or NaN
            weights. The message says which. After any error, and after Ctrl-C, the classifier is
            as it was before, except that a RandomState has been drawn from.
        """
        self._check_fit_parameters()
        warm = self.warm_start and hasattr(self, "coefs_")
        columns = label_columns(y)
        X, y = validate_rows_and_labels(self, X, y, reset=not warm)
        target = self._target if warm else Target.from_labels(y, "y", columns)
        target.check_columns(columns, "y")
        rows = make_training_rows(X, y, target, sample_weight, self.class_weight)
        seed = self._seed if warm else draw_seed(self.random_state)
        validation_data = self._validation_data(X_val, y_val, target)
        if validation_data is not None:
            rows = replace(rows, validation_data=validation_data)
        elif self.early_stopping:
            rows = rows.set_aside(self.validation_fraction, seed)
        memory = None if self.memory is None else memory_folder(self.memory)
        is_repeatable = isinstance(self.random_state, Integral) and self.callbacks is None
        plan = self._plan(
            target,
            rows,
            seed,
            warm,
            patience=self.n_iter_no_change if self.early_stopping else None,
            memory=memory if is_repeatable and not warm else None,
            memory_limit=self.memory_limit,
        )
        tasks = EpochTasks(
            self,
            rows.X,
            target.decode(rows.y),
            plan.epochs,
            lambda weights: _fitted_attributes(plan.network, target, weights),
        )
        state = self._train(plan, target, warm, tasks)
        if not self.warm_start:
            self._optimizer_state = None
        tasks.end(state.weights)
        return self

    @restore_on_error
    def partial_fit(
        self,
        X: MatrixLike,
        y: ArrayLike,
        classes: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
    ) -> Self:
        """Train for one pass over these rows, from the weights of the last call.

        After a ``fit`` without ``warm_start`` the optimizer starts again from zero. Each call
        counts as an epoch in ``n_iter_`` and ``history_``. A call that fails or is interrupted
        changes nothing, as in ``fit``.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Training rows.
        y : {array-like, sparse matrix} of shape (n_samples,) or (n_samples, n_labels)
            Class labels, or an indicator matrix.
        classes : array-like of shape (n_classes,), default=None
            All class labels. Required in the first call, unless ``y`` is an indicator matrix,
            whose columns are the labels.
        sample_weight : array-like of shape (n_samples,), default=None
            Weight of each row in the loss; rows of weight 0 are left out.

        Returns
        -------
        self : DenseClassifier

        Raises
        ------
        ValueError, TypeError
            As in ``fit``, and if ``classes`` differs from that of an earlier call.
        """
        self._check_partial_fit_parameters()
        warm = hasattr(self, "coefs_")
        columns = label_columns(y)
        X, y = validate_rows_and_labels(self, X, y, reset=not warm)
        if classes is None and not warm and y.ndim == 1:
            raise ValueError("classes must be given in the first call of partial_fit, got None.")
        target = self._target if warm else None
        if y.ndim == 2:
            target = target or Target.from_labels(y, "y", columns)
            target.check_columns(columns, "y")
        if classes is not None:
            given = validate_labels(classes, "classes")
            given = given if y.ndim == 2 else np.unique(given)
            if target is not None and not np.array_equal(given, target.classes):
                expected = "the same in each call of partial_fit" if warm else "the columns of y"
                raise ValueError(
                    f"classes must be {expected}, {target.classes.tolist()}, got {given.tolist()}."
                )
            target = target or Target.from_labels(given, "classes")
        rows = make_training_rows(X, y, target, sample_weight, self.class_weight)
        seed = self._seed if warm else draw_seed(self.random_state)
        self._train(self._plan(target, rows, seed, warm, epochs=1), target, warm)
        return self

    def choose_schedule(self, n_samples: int, n_classes: int = 2) -> tuple[int, int]:
        """Return the epochs and the batch size of a fit: what "auto" stands for.

        Parameters
        ----------
        n_samples : int
            Number of training rows, without those of weight 0 and those set aside.
        n_classes : int, default=2
            Number of classes.

        Returns
        -------
        epochs : int
            Number of passes over the training rows.
        batch_size : int
            Number of rows for each step of the optimizer.

        Notes
        -----
        The rules were chosen by cross-validation on film reviews, sentences, questions and news,
        from 100 rows to 25,000, with two to eight classes.

        Examples
        --------
        >>> from skimdb import DenseClassifier
        >>> DenseClassifier().choose_schedule(25_000)
        (4, 512)
        >>> DenseClassifier().choose_schedule(300)
        (11, 16)
        >>> DenseClassifier(dropout=0.5).choose_schedule(25_000)
        (3, 128)
        """
        self._check_fit_parameters()
        check_int("n_samples", n_samples, min_val=1)
        check_int("n_classes", n_classes, min_val=2)
        epochs, batch_size = self.epochs, self.batch_size
        has_dropout = bool(self.dropout)
        if batch_size == "auto":
            batch_size = choose_batch_size(n_samples, has_dropout=has_dropout)
        if epochs == "auto":
            epochs = choose_epochs(
                -(-n_samples // int(batch_size)),
                n_classes,
                has_dropout=has_dropout,
                stops_early=self.early_stopping and self.learning_rate_schedule is None,
            )
        return int(epochs), int(batch_size)

    def predict(self, X: MatrixLike) -> NDArray[Any]:
        """Return the class of each row.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        y : ndarray of shape (n_samples,) or (n_samples, n_labels)
            Class labels; for several labels a row 1 where the probability is above 0.5, else 0.
        """
        scores = self._scores(X)
        return self._target.predict(scores)

    def score(self, X: MatrixLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> float:
        """Return the accuracy on rows and their labels.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Rows.
        y : {array-like, sparse matrix} of shape (n_samples,) or (n_samples, n_labels)
            Class labels, or an indicator matrix.
        sample_weight : array-like of shape (n_samples,), default=None
            Weight of each row; None is 1 for all.

        Returns
        -------
        score : float
            Fraction of the rows whose class, or all of whose labels, are predicted.
        """
        check_is_fitted(self)
        self._target.check_columns(label_columns(y), "y")
        return super().score(X, validate_target(y, "y"), sample_weight)

    def predict_proba(self, X: MatrixLike) -> NDArray[Any]:
        """Return the probability of each class for each row.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        probabilities : ndarray of shape (n_samples, n_classes)
            Columns in the order of ``classes_``. For several labels a row, each column is the
            probability of a label by itself. float64, and computed in float64 from the float32
            weights, if X is float64; otherwise float32.
        """
        scores = self._scores(X)
        return self._target.probabilities(scores)

    def decision_function(self, X: MatrixLike) -> NDArray[Any]:
        """Return the inputs of the last sigmoid or softmax.

        For two classes, and for several labels a row, these are log-odds.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        scores : ndarray of shape (n_samples,) or (n_samples, n_classes)
            For two classes one score for each row, above 0 for ``classes_[1]``; otherwise one for
            each class or label. float64 if X is, otherwise float32.
        """
        scores = self._scores(X)
        return self._target.decisions(scores)

    def set_params(self, **params: Any) -> Self:
        """Set parameters.

        Parameters
        ----------
        **params
            Parameters by name.

        Returns
        -------
        self : DenseClassifier

        Raises
        ------
        ValueError
            If there is no such parameter. For one that SciKeras would pass on, such as
            ``optimizer__learning_rate``, the message gives the name that it has here.
        """
        for given in params:
            prefix, separator, name = given.rpartition("__")
            if not separator:
                continue
            name = OTHER_NAMES.get(name, name)
            if name in self.get_params(deep=False):
                advice = f"set {name} itself"
            elif prefix in ("optimizer", "loss"):
                advice = f"give {prefix} as an instance of Keras's, with its own {name}"
            else:
                advice = f"its parameters are {', '.join(self.get_params(deep=False))}"
            raise ValueError(f"{given} is no parameter of DenseClassifier: {advice}.")
        return super().set_params(**params)

    @property
    def model_(self) -> keras.Sequential:
        check_is_fitted(self)
        if "_model" not in vars(self):
            check_keras("model_")
            from skimdb._keras._network import build_model

            self._model = build_model(self._network, self._weights())
        return self._model

    @property
    def keras_classifier_(self) -> KerasClassifier:
        check_is_fitted(self)
        check_keras("keras_classifier_")
        from skimdb._keras_classifier import KerasClassifier

        network = self._network
        classifier = KerasClassifier(
            self.model_,
            optimizer=network.optimizer,
            loss=network.loss,
            metrics=network.plain_metrics,
            epochs=self.n_iter_ if self.epochs == "auto" else int(self.epochs),
            batch_size=self.batch_size_,
            verbose=self.verbose,
        )
        shape = len(self.classes_), self.n_features_in_
        # several labels in some row, or SciKeras would take them for one-hot rows
        y = np.tri(len(self.classes_), dtype=int) if network.multilabel else self.classes_
        classifier.initialize(sp.csr_array(shape, dtype=np.float32), y)
        classifier.history_ = defaultdict(list, self.history_)
        return classifier

    def __getstate__(self):
        # the Keras model is left out, and built again at the next access
        state = super().__getstate__()
        return {name: value for name, value in state.items() if name != "_model"}

    def __dir__(self):
        # looking at all attributes, as scikit-learn's HTML does, must not build a Keras model
        built = ("model_", "keras_classifier_")
        return [n for n in object.__dir__(self) if n not in built and hasattr(self, n)]

    def __sklearn_is_fitted__(self):
        return hasattr(self, "coefs_")

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.classifier_tags.multi_label = True
        return tags

    @property
    def _target(self):
        return Target(self.classes_, self._network.multilabel)

    def _check_fit_parameters(self):
        for name in ("epochs", "batch_size"):
            value = getattr(self, name)
            if isinstance(value, str) and value != "auto":
                raise TypeError(f"{name} must be an integer or 'auto', got {short_repr(value)}.")
            if not isinstance(value, str):
                check_int(name, to_int(value), min_val=1)
        check_bool("early_stopping", self.early_stopping)
        check_bool("warm_start", self.warm_start)
        check_real(
            "validation_fraction",
            self.validation_fraction,
            min_val=0,
            max_val=1,
            include_boundaries="neither",
        )
        check_int("n_iter_no_change", self.n_iter_no_change, min_val=1)
        check_int("memory_limit", self.memory_limit, optional=True)
        check_choice("backend", self.backend, BACKENDS)
        if self.learning_rate_schedule is not None:
            check_choice("learning_rate_schedule", self.learning_rate_schedule, tuple(SCHEDULES))
        is_verbosity = isinstance(self.verbose, str | Integral)
        if not is_verbosity or self.verbose not in (0, 1, 2, "auto"):
            raise ValueError(f"verbose must be 0, 1, 2 or 'auto', got {short_repr(self.verbose)}.")

    def _check_partial_fit_parameters(self):
        self._check_fit_parameters()
        if self.early_stopping:
            raise ValueError("early_stopping must be False for partial_fit, got True.")
        if self.learning_rate_schedule is not None:
            raise ValueError(
                "learning_rate_schedule must be None for partial_fit, which does not know the "
                f"number of steps, got {self.learning_rate_schedule!r}."
            )
        if isinstance(self.class_weight, str) and self.class_weight == "balanced":
            raise ValueError(
                "class_weight must be a dict or None for partial_fit, which sees a part of the "
                "rows at a time, got 'balanced'."
            )

    def _validation_data(self, X_val, y_val, target):
        if (X_val is None) != (y_val is None):
            missing = "X_val" if X_val is None else "y_val"
            raise ValueError(f"X_val and y_val must be given together, got None for {missing}.")
        if X_val is None:
            return None
        target.check_columns(label_columns(y_val), "y_val")
        X_val, y_val = validate_validation_data(self, X_val, y_val)
        return X_val, target.encode(y_val, "y_val")

    def _plan(self, target, rows, seed, warm, **settings):
        """Return the plan of a fit."""
        network = NetworkSpec.of(self, self.n_features_in_, target)
        learning_rate = network.learning_rate
        if warm:
            network.check_continues(self._network)
            # the optimizer keeps a rate that a callback has set, unless the user sets another
            has_state = self._optimizer_state_for(network) is not None
            if has_state and learning_rate == self._network.learning_rate:
                learning_rate = None
            elif has_state and learning_rate is None:
                learning_rate = default_rate(network)
        callbacks = to_callbacks(self.callbacks)
        epochs, batch_size = self.choose_schedule(len(rows.y), max(2, target.n_outputs))
        plan = FitPlan(
            choose_backend(self.backend, network, callbacks),
            network,
            rows,
            seed=seed,
            batch_size=batch_size,
            learning_rate=learning_rate,
            learning_rate_schedule=self.learning_rate_schedule,
            callbacks=callbacks,
            verbose=self.verbose,
            **{"epochs": epochs, **settings},
        )
        return plan if plan.backend == SPARSE else replace(plan, memory=None)

    def _train(self, plan, target, warm, tasks=None):
        """Carry out a plan, and keep the state at the end."""
        start = None
        if warm:
            optimizer_state = self._optimizer_state_for(plan.network)
            start = TrainingState(self._weights(), optimizer_state, self.history_)
        state = train(plan, start, tasks)
        vars(self).update(_fitted_attributes(plan.network, target, state.weights))
        self.history_, self.n_iter_ = state.history, state.n_epochs
        self.batch_size_, self.backend_ = plan.batch_size, plan.backend
        self._seed, self._optimizer_state = plan.seed, state.optimizer_state
        vars(self).pop("_model", None)
        return state

    def _optimizer_state_for(self, network):
        """Return the state of the optimizer if that of the network can continue from it."""
        return self._optimizer_state if network.has_optimizer_of(self._network) else None

    def _weights(self):
        """Return weights in Keras's order: kernel and bias of each layer in turn."""
        pairs = zip(self.coefs_, self.intercepts_, strict=True)
        return [weight for pair in pairs for weight in pair]

    def _scores(self, X):
        """Return the inputs of the last layer's activation."""
        check_is_fitted(self)
        X = validate_rows(self, X, "X", reset=False, dtype=[np.float32, np.float64])
        scores = forward(X, self.coefs_, self.intercepts_, self._network.activation)
        check_finite(scores)
        return scores


def _fitted_attributes(network, target, weights):
    """Return the attributes that a classifier predicts with."""
    return {
        "classes_": target.classes,
        "coefs_": weights[::2],
        "intercepts_": weights[1::2],
        "_network": network,
    }
