"""DenseClassifier: a dense Keras network as a scikit-learn classifier."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from numbers import Integral
from typing import TYPE_CHECKING, Any, Literal, Self

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.multiclass import check_classification_targets

from skimdb._all_or_nothing import all_or_nothing
from skimdb._checks import check_bool, check_int, check_real, named, shown
from skimdb._epoch_tasks import CallbackSupportMixin, EpochTasks, NoTasks, with_callbacks
from skimdb._network_spec import NetworkSpec
from skimdb._predictor import DenseStackPredictorMixin
from skimdb._training import TrainingRows, TrainingState, train
from skimdb._training_rows import (
    at_least_two_classes,
    check_same_length,
    checked_labels,
    checked_rows,
    class_numbers,
    drawn_seed,
    fitted_attributes,
    split_rows,
    weighted_rows,
)

if TYPE_CHECKING:
    import joblib
    import keras
    from numpy.typing import ArrayLike, NDArray

    from skimdb._typing import Activation, MatrixLike, PathLike, RandomState


class DenseClassifier(
    CallbackSupportMixin, DenseStackPredictorMixin, ClassifierMixin, BaseEstimator
):
    """A stack of dense Keras layers as a classifier for sparse features.

    The network is trained by Keras on TensorFlow, through SciKeras, with a first layer and a batch
    feed made for CSR rows, which are never made dense. It ends in one sigmoid unit for two classes
    and in a softmax for more. Once fitted it predicts from its weights with NumPy and SciPy:
    predicting, and unpickling, need no TensorFlow. Rows with values so large that the scores
    overflow are an error, in training and in prediction.

    Parameters
    ----------
    units : int or tuple of int, default=(16, 16)
        Width of each hidden layer; an int is one hidden layer.
    activation : str, default="relu"
        Activation of the hidden layers: "relu", "tanh", "sigmoid", "linear", "elu", "selu",
        "gelu", "silu", "softplus", "softsign" or "leaky_relu", as in Keras.
    dropout : float, default=0.0
        Share of each hidden layer's outputs that training drops at random, from 0 to below 1.
    l2 : float, default=0.0
        Strength of the L2 penalty on the weights of every layer (``keras.regularizers.L2``).
    optimizer : str or keras.optimizers.Optimizer, default="rmsprop"
        Name or instance of a Keras optimizer; of an instance a copy is used.
    learning_rate : float, default=None
        The optimizer's learning rate; None takes its own (0.001 for RMSprop). Must be None when
        ``optimizer`` is an instance.
    loss : str, keras.losses.Loss or callable, default="auto"
        The loss: "auto" is binary cross-entropy for two classes and sparse categorical
        cross-entropy for more. Any Keras loss may be named, such as "mse".
    metrics : tuple of str or keras.metrics.Metric, default=("accuracy",)
        What ``history_`` holds beside the loss. With more than two classes, a metric of Keras must
        take class numbers as the loss does ("accuracy", "sparse_…"), or both one-hot rows.
    epochs : int, default=4
        Number of passes over the training rows (at most, with early stopping).
    batch_size : int, default=512
        Number of rows for each step of the optimizer.
    early_stopping : bool, default=False
        Whether to stop when the validation loss has not fallen for ``n_iter_no_change`` epochs,
        and keep the weights of the epoch where it was lowest.
    validation_fraction : float, default=0.1
        Share of the training rows to set aside (stratified) as validation rows under
        ``early_stopping``, unless ``fit`` is given ``X_val`` and ``y_val``. Sample and class
        weights play no part in validation figures.
    n_iter_no_change : int, default=2
        Number of epochs without a lower validation loss to stop after, under ``early_stopping``.
    class_weight : dict, "balanced" or None, default=None
        Weight of each class, as elsewhere in scikit-learn.
    callbacks : keras.callbacks.Callback or list of them, default=None
        Keras callbacks for training. Those that overload ``on_train_batch_begin`` or
        ``on_train_batch_end`` are called for each batch, which is slower.
    warm_start : bool, default=False
        Whether ``fit`` goes on for ``epochs`` more epochs from the weights, the optimizer state
        and the history of the last call, rather than anew.
    memory : str, path-like or joblib.Memory, default=None
        Folder to keep training states in. With an int ``random_state`` and without ``callbacks``,
        ``fit`` keeps the state that it ends with, by the data and all parameters but ``epochs``;
        a later ``fit`` of the same kind starts from the state after the most epochs it can use.
        So a search over ``epochs`` trains each epoch once, and a search that was cut off goes on
        where it stopped. The result is the same bit for bit. Processes may share the folder.
    memory_limit : int, default=None
        Number of bytes that the states in the folder may take; beyond it those longest unused
        are removed. None sets no limit.
    random_state : int, RandomState instance or None, default=None
        Decides the initial weights, the order of the rows, what is dropped, and which rows are set
        aside. An int gives the same weights bit for bit in any process on the same machine.
    verbose : int or "auto", default=0
        What Keras prints while it trains: nothing (0), a bar (1) or a line an epoch (2).

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The class labels, sorted.
    n_features_in_ : int
        Number of columns seen in ``fit``.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the columns seen in ``fit``; only when X had string column names.
    coefs_ : list of ndarray of shape (n_inputs, n_units)
        Weights of each layer, float32.
    intercepts_ : list of ndarray of shape (n_units,)
        Biases of each layer, float32.
    history_ : dict of str to list of float
        Loss and metrics after each epoch; with validation rows also "val_loss" and so on. Training
        figures are means over the epoch, while the weights still change.
    n_iter_ : int
        Number of epochs trained.
    model_ : keras.Sequential
        A plain, compiled Keras model with the fitted weights, built when first asked for.
    keras_classifier_ : scikeras.wrappers.KerasClassifier
        SciKeras's classifier around ``model_``, built when asked for.

    See Also
    --------
    sklearn.neural_network.MLPClassifier : scikit-learn's own network, without dropout, Keras
        callbacks or validation curves of its loss.
    scikeras.wrappers.KerasClassifier : Any Keras model as a classifier.

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

    n_features_in_: int
    feature_names_in_: NDArray[np.object_]
    n_iter_: int

    def __init__(
        self,
        units: int | Sequence[int] = (16, 16),
        *,
        activation: Activation = "relu",
        dropout: float = 0.0,
        l2: float = 0.0,
        optimizer: str | keras.optimizers.Optimizer = "rmsprop",
        learning_rate: float | None = None,
        loss: str | keras.losses.Loss | Callable[..., Any] = "auto",
        metrics: Sequence[str | keras.metrics.Metric] = ("accuracy",),
        epochs: int = 4,
        batch_size: int = 512,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        n_iter_no_change: int = 2,
        class_weight: dict[Any, Any] | Literal["balanced"] | None = None,
        callbacks: keras.callbacks.Callback | Sequence[keras.callbacks.Callback] | None = None,
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
        self.loss = loss
        self.metrics = metrics
        self.epochs = epochs
        self.batch_size = batch_size
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.class_weight = class_weight
        self.callbacks = callbacks
        self.warm_start = warm_start
        self.memory = memory
        self.memory_limit = memory_limit
        self.random_state = random_state
        self.verbose = verbose

    @all_or_nothing
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
            Training rows. CSR float32 is taken as it is; anything else is converted.
        y : array-like of shape (n_samples,)
            Class labels.
        sample_weight : array-like of shape (n_samples,), default=None
            Weight of each row in the loss; rows of weight 0 are left out.
        X_val : {array-like, sparse matrix} of shape (n_val, n_features), default=None
            Validation rows, for the "val_" part of ``history_`` and for early stopping.
        y_val : array-like of shape (n_val,), default=None
            Their class labels.

        Returns
        -------
        self : DenseClassifier

        Raises
        ------
        ValueError, TypeError
            If a parameter or the data can't be used, or the training diverges: some weights are
            infinite or NaN in the end. The message says which. After any error, and after Ctrl-C,
            the classifier is as it was before (a RandomState that it was given has been drawn
            from).
        """
        self._check_fit_parameters()
        going_on = self.warm_start and hasattr(self, "coefs_")
        X, y = self._checked_data(X, y, reset=not going_on)
        classes = self.classes_ if going_on else at_least_two_classes(y, "y")
        numbers = class_numbers(y, classes, "y")
        validation_data = self._checked_validation_data(X_val, y_val, classes)
        seed = self._seed if going_on else drawn_seed(self.random_state)
        X, y, numbers, weights = weighted_rows(X, y, numbers, sample_weight, self.class_weight)
        if validation_data is None and self.early_stopping:
            kept, set_aside = split_rows(numbers, self.validation_fraction, seed)
            validation_data = X[set_aside], numbers[set_aside]
            X, y, numbers = X[kept], y[kept], numbers[kept]
            weights = None if weights is None else weights[kept]
        network = self._checked_network(classes, going_on)
        tasks = EpochTasks(
            self,
            X,
            y,
            int(self.epochs),
            lambda weights: fitted_attributes(network, classes, weights),
        )
        state = self._train(
            network,
            TrainingRows(X, numbers, weights, validation_data),
            classes,
            seed,
            going_on=going_on,
            epochs=int(self.epochs),
            patience=self.n_iter_no_change if self.early_stopping else None,
            store=self._store() if not going_on else None,
            tasks=tasks,
        )
        if not self.warm_start:
            self._optimizer_state = None
        tasks.end(state.weights)
        return self

    @all_or_nothing
    def partial_fit(
        self,
        X: MatrixLike,
        y: ArrayLike,
        classes: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
    ) -> Self:
        """Train for one pass over these rows, going on from the last call.

        After a ``fit`` without ``warm_start`` it goes on from its weights, with an optimizer that
        begins anew. Each call counts as an epoch in ``n_iter_`` and ``history_``. One that fails
        or is interrupted changes nothing, as in ``fit``.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Training rows.
        y : array-like of shape (n_samples,)
            Class labels.
        classes : array-like of shape (n_classes,), default=None
            All class labels there will be; needed in the first call.
        sample_weight : array-like of shape (n_samples,), default=None
            Weight of each row in the loss; rows of weight 0 are left out.

        Returns
        -------
        self : DenseClassifier
        """
        self._check_fit_parameters()
        if self.early_stopping:
            raise ValueError("early_stopping must be False for partial_fit, got True.")
        if isinstance(self.class_weight, str) and self.class_weight == "balanced":
            raise ValueError(
                "class_weight must be a dict or None for partial_fit, which sees a part of the "
                "rows at a time, got 'balanced'."
            )
        going_on = hasattr(self, "coefs_")
        if classes is None and not going_on:
            raise ValueError("classes must be given in the first call of partial_fit, got None.")
        X, y = self._checked_data(X, y, reset=not going_on)
        if classes is not None:
            classes = at_least_two_classes(checked_labels(classes, "classes"), "classes")
        if going_on:
            if classes is not None and not np.array_equal(classes, self.classes_):
                raise ValueError(
                    "classes must be the same in each call of partial_fit, "
                    f"got {classes.tolist()} after {self.classes_.tolist()}."
                )
            classes = self.classes_
        numbers = class_numbers(y, classes, "y")
        X, y, numbers, weights = weighted_rows(X, y, numbers, sample_weight, self.class_weight)
        self._train(
            self._checked_network(classes, going_on),
            TrainingRows(X, numbers, weights),
            classes,
            self._seed if going_on else drawn_seed(self.random_state),
            going_on=going_on,
            epochs=1,
            patience=None,
            store=None,
            tasks=NoTasks(),
        )
        return self

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags

    def _check_fit_parameters(self):
        check_int("epochs", self.epochs, at_least=1)
        check_int("batch_size", self.batch_size, at_least=1)
        check_bool("early_stopping", self.early_stopping)
        check_bool("warm_start", self.warm_start)
        check_real("validation_fraction", self.validation_fraction, above=0, below=1)
        check_int("n_iter_no_change", self.n_iter_no_change, at_least=1)
        check_int("memory_limit", self.memory_limit, none_allowed=True)
        is_verbosity = isinstance(self.verbose, str | Integral)
        if not is_verbosity or self.verbose not in (0, 1, 2, "auto"):
            raise ValueError(f"verbose must be 0, 1, 2 or 'auto', got {shown(self.verbose)}.")

    def _checked_data(self, X, y, *, reset, names=("X", "y")):
        X = checked_rows(self, X, names[0], reset=reset)
        y = checked_labels(y, names[1])
        check_same_length(X, y, names)
        # scikit-learn casts labels to whole numbers to see whether they are some
        with named(names[1]), np.errstate(invalid="ignore"):
            check_classification_targets(y)
        return X, y

    def _checked_validation_data(self, X_val, y_val, classes):
        if (X_val is None) != (y_val is None):
            missing = "X_val" if X_val is None else "y_val"
            raise ValueError(f"X_val and y_val must be given together, got None for {missing}.")
        if X_val is None:
            return None
        X_val, y_val = self._checked_data(X_val, y_val, reset=False, names=("X_val", "y_val"))
        return X_val, class_numbers(y_val, classes, "y_val")

    def _checked_network(self, classes, going_on):
        network = NetworkSpec.of(self, self.n_features_in_, len(classes))
        if going_on:
            network.check_goes_on_from(self._network)
        return network

    def _store(self):
        """Return where training states are kept, or None where they can't be used again."""
        if self.memory is None:
            return None
        from skimdb._epoch_store import EpochStore

        store = EpochStore.of(self.memory, self.memory_limit)
        seeded = isinstance(self.random_state, Integral)
        return store if seeded and self.callbacks is None else None

    def _train(self, network, rows, classes, seed, *, going_on, **options):
        """Train on checked rows, and take over the state at the end."""
        start, learning_rate = None, network.learning_rate
        if going_on:
            same = network.has_optimizer_of(self._network)
            start = TrainingState(
                self._weights(), self._optimizer_state if same else None, self.history_
            )
            # a rate that a callback has lowered stays so, unless the user sets another
            if same and learning_rate == self._network.learning_rate:
                learning_rate = None
        state = train(
            network,
            rows,
            start,
            seed=seed,
            batch_size=int(self.batch_size),
            learning_rate=learning_rate,
            callbacks=self.callbacks,
            verbose=self.verbose,
            **options,
        )
        vars(self).update(fitted_attributes(network, classes, state.weights))
        self.history_, self.n_iter_ = state.history, state.n_epochs
        self._seed, self._optimizer_state = seed, state.optimizer_state
        vars(self).pop("_model", None)
        return state
