"""SciKeras's KerasClassifier, put right for sparse rows and for current scikit-learn."""

import copy
import functools
import inspect
import random
from contextlib import contextmanager

import keras
import numpy as np
import scikeras.wrappers
import scipy.sparse as sp
import tensorflow as tf
from sklearn.utils import (
    ClassifierTags,
    InputTags,
    Tags,
    TargetTags,
    check_array,
    check_random_state,
)
from sklearn.utils.validation import check_consistent_length, validate_data

from skimdb._keras import check_process
from skimdb._keras._feed import BatchFeed, FeedErrors
from skimdb._keras._sparse_layer import take_sparse_rows
from skimdb._keras._training import ROWS_TO_TRY, Interruption, without_retracing_warnings
from skimdb._network._validation import draw_seed, validate_weights
from skimdb._utils._checks import check_no_mask
from skimdb._utils._interrupts import hold_interrupts
from skimdb._utils._sparse import validate_sparse

# Keras's own
DEFAULT_BATCH_SIZE = 32
# what TensorFlow gives for its seed if it has none
NO_SEED = 87654321
# NumPy's kinds of text, and of objects, which may be text
TEXT = "OSTU"


class DefaultTags:
    """The last base class.

    scikit-learn 1.6 asks each base class of SciKeras's for tags, its own mixin too, which SciKeras
    has last and which asks the next class in turn.
    """

    def __sklearn_tags__(self):
        return Tags(estimator_type=None, target_tags=TargetTags(required=False))


class KerasClassifierBase(scikeras.wrappers.KerasClassifier, DefaultTags):
    """What a KerasClassifier does differently from SciKeras's below its public methods.

    SciKeras 0.13 is of 2024. It makes Python lists of sparse rows, scikit-learn no longer takes it
    for a classifier, and a ``random_state`` switches on TensorFlow's deterministic operations,
    which some networks do not have. It has no public part for any of these.
    """

    # With a seed here, SciKeras would switch on deterministic operations.
    _random_state = property(lambda self: None, lambda self, seed: None)

    def __sklearn_tags__(self):
        # the mixin's tags are lost behind those of scikit-learn's base class
        return Tags(
            estimator_type="classifier",
            target_tags=TargetTags(required=True, multi_output=True),
            classifier_tags=ClassifierTags(poor_score=True, multi_label=True),
            input_tags=InputTags(sparse=True),
        )

    def _check_model_param(self):
        model = self.model
        is_function = inspect.isfunction(model) or isinstance(model, functools.partial)
        if not callable(model) or isinstance(model, keras.Model) or is_function:
            return super()._check_model_param()
        return _without_any_keywords(model) if inspect.isclass(model) else model

    def _build_keras_model(self):
        check_process()
        with self._seeded():
            return super()._build_keras_model()

    def _check_model_compatibility(self, y):
        # a model with its own call, or without an Input, has no outputs before its first batch
        if self.model_.built and getattr(self.model_, "outputs", None):
            super()._check_model_compatibility(y)

    def _train(self, method, X, y, sample_weight, arguments):
        """Call a method of SciKeras's base class, without what its classifier does to weights.

        That multiplies the caller's own weights by those of the classes, before any validation.
        """
        if sample_weight is None and self.class_weight is not None:
            # to be multiplied by the class weights
            sample_weight = np.ones(())
        train = getattr(scikeras.wrappers.BaseWrapper, method)
        return train(self, X, y, sample_weight=sample_weight, **arguments)

    def _validate_data(self, X=None, y=None, reset=False, y_numeric=False):
        if X is not None:
            X = self._validate_rows(X, reset)
            if y is None and reset:
                raise ValueError(
                    "y must be given: it requires y to be passed, but the target y is None."
                )
        if y is not None:
            y = self._validate_targets(y, reset)
        if X is not None and y is not None:
            check_consistent_length(X, y)
        return X, y

    def _validate_rows(self, X, reset):
        """Return rows as a CSR matrix or an array, of the type of number that they have."""
        check_no_mask("X", X)
        X = validate_sparse("X", X)
        X = validate_data(self, X, accept_sparse="csr", allow_nd=True, dtype=None, reset=reset)
        if X.dtype.kind in TEXT:
            X = check_array(X, allow_nd=True, dtype=keras.config.floatx(), input_name="X")
        if reset:
            self.X_dtype_, self.X_shape_ = X.dtype, X.shape
            return X
        name = type(self).__name__
        if not np.can_cast(X.dtype, self.X_dtype_, "same_kind"):
            raise ValueError(
                f"Got X with dtype {X.dtype}, but this {name} expected {self.X_dtype_}, to which "
                "it can't be cast safely: convert X."
            )
        if X.ndim != len(self.X_shape_):
            raise ValueError(
                f"X has {X.ndim} dimensions, but this {name} is expecting {len(self.X_shape_)} "
                "dimensions in X."
            )
        if X.shape[1:] != self.X_shape_[1:]:
            raise ValueError(
                f"X has shape {X.shape[1:]} after its rows, but this {name} is expecting "
                f"{self.X_shape_[1:]}."
            )
        return X

    def _validate_targets(self, y, reset):
        """Return labels as an array of one or two dimensions."""
        check_no_mask("y", y)
        if sp.issparse(y):
            # an indicator matrix, with a column for each label
            y = y.toarray()
        y = check_array(y, ensure_2d=False, dtype=None, input_name="y")
        if reset:
            self.target_type_ = self._type_of_target(y)
            self.y_dtype_, self.y_ndim_ = y.dtype, y.ndim
            return y
        name = type(self).__name__
        are_text = y.dtype.kind in TEXT and self.y_dtype_.kind in TEXT
        if not (are_text or np.can_cast(y.dtype, self.y_dtype_)):
            raise ValueError(
                f"Got y with dtype {y.dtype}, but this {name} expected {self.y_dtype_}, to which "
                "it can't be cast safely: convert y."
            )
        if y.ndim != self.y_ndim_:
            raise ValueError(
                f"y has {y.ndim} dimensions, but this {name} is expecting {self.y_ndim_} "
                "dimensions in y."
            )
        return y

    def _validate_sample_weight(self, X, y, sample_weight):
        """Return the rows with a weight above 0, and the products of sample and class weights."""
        weights = validate_weights(y, sample_weight, self.class_weight)
        weights = weights.astype(keras.config.floatx(), copy=False)
        if weights.all():
            return X, y, weights
        rows = np.flatnonzero(weights)
        return X[rows], y[rows], weights[rows]

    def _fit_keras_model(self, X, y, sample_weight, **settings):
        if self.model_.built:
            _build_parts(self.model_, y)
        with without_retracing_warnings(), self._seeded():
            if sp.issparse(X):
                self._fit_sparse(X, y, sample_weight, settings)
            else:
                super()._fit_keras_model(X, y, sample_weight=sample_weight, **settings)

    def _fit_sparse(self, X, y, sample_weight, settings):
        """Train on CSR rows, of which each batch is gathered when its turn comes."""
        arguments = {**self._arguments("fit", self._fit_kwargs), **settings}
        rng = np.random.default_rng(self._seed()) if arguments.get("shuffle", True) else None
        batch_size = _batch_size(arguments, "batch_size", X, DEFAULT_BATCH_SIZE)
        validation_data = arguments.get("validation_data")
        if validation_data is None and arguments.get("validation_split"):
            X, y, sample_weight, *validation_data = _split(
                X, y, sample_weight, arguments["validation_split"]
            )
        feeds = [_make_feed(X, y, sample_weight, batch_size, rng)]
        if isinstance(validation_data, tuple | list) and sp.issparse(validation_data[0]):
            X_val, y_val, *weight_val = validation_data
            size = _batch_size(arguments, "validation_batch_size", X_val, batch_size)
            weight_val = weight_val[0] if weight_val else None
            feeds.append(_make_feed(sp.csr_array(X_val), y_val, weight_val, size))
            validation_data = feeds[1].to_dataset()
        settings |= {
            "batch_size": None,
            "validation_batch_size": None,
            "validation_split": 0.0,
            "validation_data": validation_data,
            "shuffle": False,
        }
        take_sparse_rows(self.model_)
        callbacks = self._fit_callbacks
        try:
            with FeedErrors(*feeds), hold_interrupts() as deliver_interrupt:
                self._fit_callbacks = [Interruption(deliver_interrupt), *callbacks]
                super()._fit_keras_model(
                    feeds[0].to_dataset(), None, sample_weight=None, **settings
                )
        finally:
            self._fit_callbacks = callbacks

    def _predict_raw(self, X, **kwargs):
        with without_retracing_warnings():
            if self.initialized_ and sp.issparse(X):
                return self._predict_sparse(X, kwargs)
            return super()._predict_raw(X, **kwargs)

    def _predict_sparse(self, X, settings):
        """Predict for sparse rows, of which each batch is gathered when its turn comes."""
        X, _ = self._validate_data(X)
        X = self.feature_encoder_.transform(X)
        callbacks = self._predict_callbacks
        arguments = {**self._arguments("predict", self._predict_kwargs), **settings}
        batch_size = _batch_size(arguments, "batch_size", X, DEFAULT_BATCH_SIZE)
        if not sp.issparse(X):
            arguments |= {"batch_size": batch_size, "callbacks": callbacks}
            return self.model_.predict(X, **arguments)
        feed = _make_feed(X, None, None, batch_size)
        take_sparse_rows(self.model_)
        with FeedErrors(feed), hold_interrupts() as deliver_interrupt:
            callbacks = [Interruption(deliver_interrupt), *callbacks]
            arguments |= {"batch_size": None, "callbacks": callbacks}
            return self.model_.predict(feed.to_dataset(), **arguments)

    def _arguments(self, method, names):
        """Return the parameters that go to a method of the model, under the names they have there.

        ``fit__epochs`` goes before ``epochs``.
        """
        params = self.get_params(deep=False)
        prefix = f"{method}__"
        routed = {
            name.removeprefix(prefix): value
            for name, value in params.items()
            if name.startswith(prefix)
        }
        own = {name: value for name, value in params.items() if name in names}
        return {
            name: value
            for name, value in {**own, **routed}.items()
            if "__" not in name and name != "callbacks"
        }

    def _seed(self):
        """Return a seed, always the same for a number or generator, which is not drawn from."""
        return draw_seed(copy.deepcopy(self.random_state))

    @contextmanager
    def _seeded(self):
        """Seed the generators that Keras draws from, if there is a ``random_state``."""
        if self.random_state is None:
            yield
            return
        seed = self._seed()
        # the one that NumPy's functions draw from
        generator = check_random_state(None)
        states = random.getstate(), generator.get_state()
        tensorflow_seed, _ = tf.compat.v1.random.get_seed(seed)
        random.seed(seed)
        generator.seed(seed)
        tf.random.set_seed(seed)
        try:
            yield
        finally:
            random.setstate(states[0])
            generator.set_state(states[1])
            tf.random.set_seed(None if tensorflow_seed == NO_SEED else tensorflow_seed)


def _build_parts(model, y):
    """Build the optimizer and the metrics of a model.

    Keras would build them in the first step, which TensorFlow then traces a second time.
    """
    if not model.optimizer.built:
        model.optimizer.build(model.trainable_variables)
    shape = getattr(model, "output_shape", None)
    is_known = isinstance(shape, tuple) and None not in shape[1:] and isinstance(y, np.ndarray)
    computes_otherwise = type(model).compute_metrics is not keras.Model.compute_metrics
    if model.compiled and is_known and not computes_otherwise:
        targets = y[:ROWS_TO_TRY]
        model.compute_metrics(None, targets, np.zeros((len(targets), *shape[1:]), "float32"))


def _without_any_keywords(model):
    """Return a function that builds a model of a class.

    SciKeras passes everything to what takes any keywords, as the constructor of a model does that
    hands them on to Keras.
    """

    def build(**params):
        return model(**params)

    signature = inspect.signature(model)
    named = [value for value in signature.parameters.values() if value.kind != value.VAR_KEYWORD]
    build.__signature__ = signature.replace(parameters=named)
    return build


def _batch_size(arguments, name, X, default):
    """Return a number of rows, where None is the default and -1 all rows."""
    size = arguments.get(name)
    if size is None:
        return default
    return X.shape[0] if size == -1 else size


def _split(X, y, sample_weight, fraction):
    """Set the last rows aside, as Keras does: first rows, then last ones, each with targets."""
    n_rows = X.shape[0]
    n_first = int(n_rows * (1 - fraction))
    if not 0 < n_first < n_rows:
        raise ValueError(
            f"validation_split must leave rows for training and for validation, got {fraction} "
            f"of {n_rows} rows."
        )
    parts = []
    for rows in (slice(n_first), slice(n_first, None)):
        targets = tf.nest.map_structure(lambda part, rows=rows: part[rows], y)
        parts += [X[rows], targets, None if sample_weight is None else sample_weight[rows]]
    return parts


def _make_feed(X, y, sample_weight, batch_size, rng=None):
    return BatchFeed(X, y, sample_weight, batch_size, dtype=keras.config.floatx(), rng=rng)
