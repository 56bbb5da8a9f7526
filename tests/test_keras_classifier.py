"""KerasClassifier: Keras models of the user's own, on sparse and dense rows, in scikit-learn."""

import os
import pickle
import random
import subprocess
import sys
import tracemalloc

import keras
import numpy as np
import pandas as pd
import pytest
import scikeras.wrappers
import scipy.sparse as sp
import tensorflow as tf
from scikeras.utils.transformers import ClassifierLabelEncoder
from sklearn.base import clone, is_classifier
from sklearn.datasets import load_iris
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import scale
from sklearn.utils import get_tags
from sklearn.utils.estimator_checks import parametrize_with_checks

from skimdb import DenseClassifier, KerasClassifier, MultiHotVectorizer, multi_hot_pipeline
from skimdb.datasets import make_reviews

# scikit-learn 1.6 warns of SciKeras's tags
pytestmark = pytest.mark.filterwarnings("ignore:.*_more_tags:DeprecationWarning")

N_ROWS, N_FEATURES = 60, 40
RNG = np.random.default_rng(0)
X = sp.random_array(
    (N_ROWS, N_FEATURES), density=0.2, format="csr", dtype=np.float32, random_state=0
)
Y = (X @ RNG.normal(size=N_FEATURES) > 0).astype(int)
IRIS = load_iris(return_X_y=True)
IRIS = scale(IRIS[0]), IRIS[1]


def output(meta):
    """The last layer for labels of any kind."""
    n_classes = meta["n_classes_"]
    if meta["target_type_"] == "binary":
        return keras.layers.Dense(1, "sigmoid")
    kinds = {"multilabel-indicator": "sigmoid"}
    return keras.layers.Dense(n_classes, kinds.get(meta["target_type_"], "softmax"))


def dense_stack(meta, units=4, *, sparse=False):
    inputs = keras.Input(meta["X_shape_"][1:], sparse=sparse)
    return keras.Sequential([inputs, keras.layers.Dense(units, "relu"), output(meta)])


def classifier(model=dense_stack, **settings):
    defaults = {"loss": "binary_crossentropy", "verbose": 0, "random_state": 0}
    return KerasClassifier(model, **{**defaults, **settings})


def labels_of(kind):
    """Labels for the rows of iris, of which the first column tells one from the others."""
    y = IRIS[1]
    return {
        "list": y.tolist(),
        "text": np.array(["setosa", "versicolor", "virginica"])[y],
        "series": pd.Series(y, index=y[::-1]).map({0: "a", 1: "b", 2: "c"}),
        "column": pd.DataFrame({"label": y}),
        "two": pd.Series(y == 0),
        "one-hot": np.eye(3)[y],
        "multilabel": np.column_stack([y == 0, y > 0, y < 2]).astype(int),
        "sparse multilabel": sp.csr_matrix(np.column_stack([y == 0, y > 0, y < 2]).astype(int)),
    }[kind]


LOSSES = {
    "two": "binary_crossentropy",
    "one-hot": "categorical_crossentropy",
    "multilabel": "binary_crossentropy",
    "sparse multilabel": "binary_crossentropy",
}


def iris_classifier(kind, **settings):
    loss = LOSSES.get(kind, "sparse_categorical_crossentropy")
    return classifier(
        loss=loss, units=8, optimizer="adam", optimizer__learning_rate=0.1, epochs=8, **settings
    )


# --- sparse rows ------------------------------------------------------------------------------


def functional(meta):
    inputs = keras.Input((meta["n_features_in_"],), sparse=True)
    hidden = keras.layers.Dense(4, use_bias=False)(inputs)
    return keras.Model(inputs, keras.layers.Dense(1, "sigmoid")(hidden))


def branches(meta):
    """Two layers that read the rows, of which one is no Dense."""
    inputs = keras.Input((meta["n_features_in_"],))
    scaled = keras.layers.Rescaling(0.5)(inputs)
    parts = [keras.layers.Dense(3, "tanh")(inputs), keras.layers.Dense(2)(scaled)]
    return keras.Model(inputs, keras.layers.Dense(1, "sigmoid")(keras.layers.Concatenate()(parts)))


class OwnCall(keras.Model):
    """A model without inputs of its own."""

    def __init__(self, units=4, **kwargs):
        super().__init__(**kwargs)
        self.hidden = keras.layers.Dense(units, "relu")
        self.last = keras.layers.Dense(1, "sigmoid")

    def call(self, inputs):
        return self.last(self.hidden(inputs))


MODELS = {
    "dense input": dense_stack,
    "sparse input": lambda meta: dense_stack(meta, sparse=True),
    "no input": lambda: keras.Sequential(
        [keras.layers.Dense(4, "relu"), keras.layers.Dense(1, "sigmoid")]
    ),
    "functional": functional,
    "branches": branches,
    "class": OwnCall,
    "float64": lambda: keras.Sequential(
        [
            keras.Input((N_FEATURES,), dtype="float64"),
            keras.layers.Dense(1, "sigmoid", dtype="float64"),
        ]
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", MODELS)
def test_sparse_rows_train_and_predict_as_dense_ones(name):
    settings = {"epochs": 2, "batch_size": 16, "shuffle": False}
    dense = classifier(MODELS[name], **settings).fit(X.toarray(), Y)
    sparse = classifier(MODELS[name], **settings).fit(X, Y)
    for weights, expected in zip(
        sparse.model_.get_weights(), dense.model_.get_weights(), strict=True
    ):
        np.testing.assert_allclose(weights, expected, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(sparse.history_["loss"], dense.history_["loss"], rtol=1e-5)
    for rows in (X, X.toarray()):
        np.testing.assert_allclose(sparse.predict_proba(rows), dense.predict_proba(rows), 1e-4)


def unsorted(matrix):
    matrix = matrix.copy()
    for start, end in zip(matrix.indptr, matrix.indptr[1:], strict=False):
        order = slice(start, end)
        matrix.indices[order] = matrix.indices[order][::-1].copy()
        matrix.data[order] = matrix.data[order][::-1].copy()
    matrix.has_sorted_indices = False
    return matrix


def with_duplicates(matrix):
    """Each entry as two halves."""
    return sp.csr_array(
        (np.repeat(matrix.data / 2, 2), np.repeat(matrix.indices, 2), matrix.indptr * 2),
        shape=matrix.shape,
    )


FORMS = {
    "matrix": sp.csr_matrix,
    "unsorted": unsorted,
    "duplicates": with_duplicates,
    "csc": sp.csc_array,
    "coo": sp.coo_matrix,
    "lil": sp.lil_array,
    "float64": lambda matrix: matrix.astype(float),
}


@pytest.mark.slow
@pytest.mark.parametrize("sparse", [True, False])
def test_sparse_rows_of_any_form(sparse):
    # a layer of its own for one input, Dense for the other
    start = classifier(MODELS["sparse input"] if sparse else branches, shuffle=False)
    start.initialize(X, Y)
    weights = start.model_.get_weights()
    expected = start.predict_proba(X)
    trained = start.partial_fit(X, Y).predict_proba(X)
    for name, convert in FORMS.items():
        rows = convert(X)
        before = pickle.dumps(rows)
        start.model_.set_weights(weights)
        start.model_.optimizer.learning_rate.assign(0.001)
        for variable in start.model_.optimizer.variables[2:]:
            variable.assign(tf.zeros_like(variable))
        np.testing.assert_allclose(start.predict_proba(rows), expected, 1e-5, err_msg=name)
        start.partial_fit(rows, Y)
        np.testing.assert_allclose(start.predict_proba(X), trained, rtol=1e-4, err_msg=name)
        assert pickle.dumps(rows) == before, name


@pytest.mark.slow
@pytest.mark.parametrize("sparse", [True, False])
def test_sparse_rows_become_neither_dense_nor_lists(sparse):
    rows = sp.random_array((600, 20_000), density=0.01, format="csr", dtype=np.float32)
    y = np.arange(600) % 2
    fitted = classifier(lambda meta: dense_stack(meta, 1, sparse=sparse), optimizer="sgd")
    fitted.fit(rows, y)
    tracemalloc.start()
    fitted.fit(rows, y)
    fitted.predict(rows)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 600 * 20_000 * 4 / 4


def test_an_error_in_a_batch_of_sparse_rows_reaches_the_user():
    class Targets(np.ndarray):
        def __getitem__(self, rows):
            raise MemoryError("no room")

    class Encoder(ClassifierLabelEncoder):
        def transform(self, y):
            return super().transform(y).view(Targets)

    class Failing(KerasClassifier):
        @property
        def target_encoder(self):
            return Encoder()

    failing = Failing(dense_stack, loss="binary_crossentropy", verbose=0)
    with pytest.raises(MemoryError, match=r"^no room$"):
        failing.fit(X, Y)


@pytest.mark.slow
def test_validation_split_sets_the_last_sparse_rows_aside():
    settings = {"fit__validation_split": 0.25, "validation_split": 0.1, "shuffle": False}
    settings = {**settings, "epochs": 2, "validation_batch_size": 4}
    weights = RNG.uniform(0.5, 2, size=N_ROWS)
    dense = classifier(**settings).fit(X.toarray(), Y, sample_weight=weights)
    sparse = classifier(**settings).fit(X, Y, sample_weight=weights)
    assert set(sparse.history_) == {"loss", "val_loss"}
    for name, values in dense.history_.items():
        np.testing.assert_allclose(sparse.history_[name], values, rtol=1e-5)
    given = classifier(epochs=2, shuffle=False).fit(
        X[:45], Y[:45], weights[:45], validation_data=(X[45:], Y[45:], weights[45:])
    )
    np.testing.assert_allclose(given.history_["val_loss"], sparse.history_["val_loss"], rtol=1e-5)
    with pytest.raises(ValueError, match="validation_split must leave rows"):
        classifier(validation_split=0.999).fit(X, Y)


@pytest.mark.parametrize(("size", "n_steps"), [(-1, 1), (None, 2), (10, 6)])
def test_batch_size_for_sparse_rows(size, n_steps):
    steps = []

    class Counter(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            steps.append("fit")

        def on_predict_batch_end(self, batch, logs=None):
            steps.append("predict")

    fitted = classifier(batch_size=size, callbacks=Counter).fit(X, Y)
    fitted.predict(X)
    assert steps == ["fit"] * n_steps + ["predict"] * n_steps
    assert len(fitted.set_params(fit__batch_size=30).fit(X, Y).predict(X)) == N_ROWS
    assert steps[2 * n_steps :].count("fit") == 2


@pytest.mark.slow
def test_multi_output_targets_on_sparse_rows():
    """A target encoder of the user's own, that makes a target for each output."""

    class Columns(ClassifierLabelEncoder):
        def fit(self, y):
            self.classes_, self.n_classes_ = [np.array([0, 1])] * 2, [2, 2]
            self.n_outputs_ = self.n_outputs_expected_ = 2
            return self

        def transform(self, y):
            return [y[:, [0]], y[:, [1]]]

        def inverse_transform(self, y, return_proba=False):
            return np.column_stack(y if return_proba else [np.rint(part) for part in y])

    class TwoOutputs(KerasClassifier):
        @property
        def target_encoder(self):
            return Columns()

        def _keras_build_fn(self, meta):
            inputs = keras.Input((meta["n_features_in_"],))
            outputs = [keras.layers.Dense(1, "sigmoid")(inputs) for _ in range(2)]
            return keras.Model(inputs, outputs)

    y = np.column_stack([Y, 1 - Y])
    settings = {"loss": "binary_crossentropy", "verbose": 0, "random_state": 0, "shuffle": False}
    weights = np.where(Y, 2.0, 1.0)
    sparse = TwoOutputs(**settings).fit(X, y, sample_weight=weights)
    dense = TwoOutputs(**settings).fit(X.toarray(), y, sample_weight=weights)
    assert sparse.predict_proba(X).shape == (N_ROWS, 2)
    np.testing.assert_allclose(sparse.predict_proba(X), dense.predict_proba(X), rtol=1e-4)


# --- rows and labels --------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["float32", "float64", "int64", "uint8", "bool", "object"])
@pytest.mark.parametrize("sparse", [True, False])
def test_the_model_function_is_told_of_the_data(dtype, sparse):
    if sparse and dtype == "object":
        return
    rows = (X > 0.5).astype(dtype) if sparse else (X.toarray() > 0.5).astype(dtype)
    seen = {}

    def model(meta):
        seen.update(meta)
        return dense_stack(meta)

    fitted = classifier(model).fit(rows, Y.astype("int8"))
    assert seen["X_dtype_"] == ("float32" if dtype == "object" else dtype)
    assert (seen["y_dtype_"], seen["y_ndim_"], seen["n_features_in_"]) == ("int8", 1, N_FEATURES)
    assert (seen["X_shape_"], seen["target_type_"]) == (rows.shape, "binary")
    assert (seen["n_classes_"], seen["n_outputs_"], seen["n_outputs_expected_"]) == (2, 1, 1)
    assert fitted.X_dtype_ == seen["X_dtype_"]
    assert "feature_names_in_" not in seen


@pytest.mark.parametrize("kind", ["list", "text", "series", "column", "two", "one-hot"])
def test_labels_of_any_form(kind):
    rows, _ = IRIS
    y = labels_of(kind)
    fitted = iris_classifier(kind).fit(rows, y)
    expected = np.asarray(y)
    assert fitted.score(rows, y) > 0.8
    predicted = fitted.predict(rows)
    assert predicted.shape == expected.shape
    assert set(np.unique(predicted)) <= set(np.unique(expected))
    assert fitted.predict_proba(rows[:1]).shape == (1, fitted.n_classes_)
    assert len(fitted.classes_) == fitted.n_classes_ == (2 if kind == "two" else 3)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["multilabel", "sparse multilabel"])
def test_several_labels(kind):
    rows, _ = IRIS
    y = labels_of(kind)
    fitted = iris_classifier(kind).fit(rows, y)
    predicted = fitted.predict(rows)
    assert predicted.shape == y.shape
    assert fitted.score(rows, y) > 0.6
    assert fitted.predict_proba(rows).shape == y.shape
    np.testing.assert_array_equal(fitted.decision_function(rows) > 0, predicted)


def test_labels_and_types_that_change():
    fitted = classifier().fit(X, Y)
    with pytest.raises(ValueError, match="Got y with dtype float64"):
        fitted.partial_fit(X, Y.astype(float))
    with pytest.raises(ValueError, match="y has 2 dimensions"):
        fitted.partial_fit(X, Y[:, np.newaxis])
    with pytest.raises(ValueError, match="unknown categories"):
        fitted.partial_fit(X, Y + 5)
    with pytest.raises(ValueError, match="X has 39 features, but KerasClassifier is expecting 40"):
        fitted.predict(X[:, 1:])
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        fitted.partial_fit(X, Y[1:])
    with pytest.raises(ValueError, match="y must be given"):
        classifier().fit(X, None)
    # text that is longer than all seen in fit
    named = classifier().fit(X, np.array(["no", "ok"])[Y])
    assert named.score(X, ["other"] * N_ROWS) == 0
    # numbers of another size
    assert fitted.predict(X.astype(float)).shape == (N_ROWS,)
    whole = classifier().fit((X > 0).astype(int), Y)
    with pytest.raises(ValueError, match="Got X with dtype float32"):
        whole.predict(X)


def test_partial_fit_with_classes():
    fitted = classifier(loss="sparse_categorical_crossentropy")
    fitted.partial_fit(X, Y, classes=[2, 0, 1]).partial_fit(X, Y + 1)
    assert fitted.classes_.tolist() == [0, 1, 2]
    assert fitted.predict_proba(X).shape == (N_ROWS, 3)
    assert fitted.current_epoch == len(fitted.history_["loss"]) == 2
    with pytest.raises(TypeError, match="Invalid argument `epochs`"):
        fitted.partial_fit(X, Y, epochs=2)


def test_rows_with_more_dimensions():
    y = np.arange(20) % 2

    def model(meta):
        return keras.Sequential(
            [keras.Input(meta["X_shape_"][1:]), keras.layers.Flatten(), output(meta)]
        )

    for shape in [(3, 2), (3, 2, 4)]:
        rows = RNG.normal(size=(20, *shape)).astype("float32")
        fitted = classifier(model).fit(rows, y)
        assert (fitted.X_shape_, fitted.predict(rows).shape) == (rows.shape, (20,))
        with pytest.raises(ValueError, match=r"X has 2 dimensions|X has \d+ features"):
            fitted.predict(rows.reshape(20, -1))


def test_names_of_columns():
    frame = pd.DataFrame(X.toarray(), columns=[f"word{i}" for i in range(N_FEATURES)])
    fitted = classifier().fit(frame, Y)
    assert fitted.feature_names_in_.tolist() == list(frame.columns)
    with pytest.raises(ValueError, match="feature names should match"):
        fitted.predict(frame.rename(columns={"word3": "other"}))


# --- weights ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "sample_weight", "message"),
    [
        ({}, [np.nan] + [1] * (N_ROWS - 1), "^sample_weight must be finite.*got nan in row 0"),
        ({}, [1] * (N_ROWS - 1) + [-1], "^sample_weight must be finite and at least 0.*row 59"),
        ({}, [1, 2], r"^sample_weight must be one-dimensional.*got shape \(2,\)"),
        ({}, np.zeros(N_ROWS), "only zeros were passed in sample_weight"),
        ({"class_weight": {0: np.nan, 1: 1}}, None, "^class_weight must be finite"),
        ({"class_weight": {0: -1, 1: 1}}, None, "^class_weight must be finite and at least 0"),
        ({"class_weight": {7: 1}}, None, "^class_weight: The classes"),
        ({"class_weight": "all"}, None, "^class_weight must be a dict"),
    ],
)
def test_weights_that_cannot_be(settings, sample_weight, message):
    for method in (classifier(**settings).fit, classifier(**settings).partial_fit):
        with pytest.raises((ValueError, TypeError), match=message):
            method(X, Y, sample_weight=sample_weight)


def test_class_weights_and_sample_weights_multiply():
    settings = {"epochs": 2, "shuffle": False}
    weights = np.where(Y == 1, 3.0, 1.0)
    by_sample = classifier(**settings).fit(X, Y, sample_weight=weights)
    by_class = classifier(class_weight={0: 1, 1: 3}, **settings).fit(X, Y)
    np.testing.assert_allclose(by_class.predict_proba(X), by_sample.predict_proba(X), rtol=1e-5)
    factors = np.full(N_ROWS, 2.0)
    classifier(class_weight="balanced", **settings).fit(X, Y, sample_weight=factors)
    np.testing.assert_array_equal(factors, 2.0)


@pytest.mark.slow
def test_rows_of_weight_zero_are_left_out():
    weights = np.repeat([1.0, 0.0], [40, 20])
    for rows in (X.toarray(), X):
        weighted = classifier(shuffle=False).fit(rows, Y, sample_weight=weights)
        without = classifier(shuffle=False).fit(rows[:40], Y[:40])
        np.testing.assert_allclose(weighted.predict_proba(X), without.predict_proba(X), 1e-5)
    assert weighted.score(X, weighted.predict(X), sample_weight=weights) == 1
    half = np.where(np.arange(N_ROWS) < 30, weighted.predict(X), 1 - weighted.predict(X))
    assert weighted.score(X, half, sample_weight=weights) == 0.75
    with pytest.raises(ValueError, match="sample_weight must be finite"):
        weighted.score(X, Y, sample_weight=-weights)


# --- models and parameters --------------------------------------------------------------------


def test_a_class_a_callable_and_a_model_of_the_users():
    built = classifier(OwnCall, model__units=3, epochs=2).fit(X, Y)
    assert built.model_.hidden.units == 3
    assert built.history_["loss"][1] < built.history_["loss"][0]

    class Builder:
        def __call__(self, meta, units):
            return dense_stack(meta, units)

    assert classifier(Builder(), units=5).fit(X, Y).model_.layers[0].units == 5
    model = dense_stack({"X_shape_": X.shape, "target_type_": "binary", "n_classes_": 2})
    fitted = classifier(model).fit(X, Y)
    assert fitted.model_ is model
    assert clone(fitted).model is not model
    with pytest.raises(TypeError, match="must be a callable"):
        classifier(object()).fit(X, Y)
    with pytest.raises(ValueError, match="_keras_build_fn"):
        classifier(None).fit(X, Y)
    with pytest.raises(NotFittedError):
        classifier().predict(X)


def test_parameters_reach_the_part_they_name():
    asked = {}

    def model(meta, units, compile_kwargs, params):
        asked.update(compile_kwargs, params=params)
        return dense_stack(meta, units)

    fitted = classifier(
        model,
        units=3,
        optimizer="sgd",
        optimizer__learning_rate=0.25,
        loss=keras.losses.BinaryCrossentropy,
        loss__label_smoothing=0.1,
        metrics=["accuracy"],
        callbacks=[keras.callbacks.EarlyStopping],
        callbacks__0__monitor="loss",
        callbacks__0__min_delta=100,
        fit__epochs=5,
        compile__jit_compile=False,
    ).fit(X, Y)
    assert float(fitted.model_.optimizer.learning_rate.numpy()) == 0.25
    assert fitted.model_.loss.label_smoothing == 0.1
    assert isinstance(asked["optimizer"], keras.optimizers.SGD)
    assert asked["params"]["units"] == 3
    assert set(fitted.history_) == {"loss", "accuracy"}
    assert fitted.current_epoch == 2
    fitted.set_params(units=2, model__units=6).fit(X, Y)
    assert fitted.model_.layers[0].units == 6
    with pytest.raises(ValueError, match="Invalid parameter depth"):
        fitted.set_params(depth=2)


def test_warm_start_keeps_the_model():
    fitted = classifier(warm_start=True).fit(X, Y)
    model = fitted.model_
    assert fitted.fit(X, Y).model_ is model
    assert fitted.set_params(warm_start=False).fit(X, Y).model_ is not model


def test_a_model_that_has_seen_sparse_rows_stays_plain_keras(tmp_path):
    fitted = classifier().fit(X, Y)
    expected = fitted.predict_proba(X)[:, 1]
    fitted.model_.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    predicted = loaded.predict(X.toarray(), verbose=0).ravel()
    np.testing.assert_allclose(predicted, expected, rtol=1e-5)
    fitted.model_.export(tmp_path / "exported")
    exported = tf.saved_model.load(tmp_path / "exported")
    served = exported.serve(X.toarray())
    np.testing.assert_allclose(np.ravel(served), expected, rtol=1e-5)


# --- random_state -----------------------------------------------------------------------------


@pytest.mark.slow
def test_random_state_repeats_a_fit_and_leaves_the_process_alone():
    def model(meta):
        layers = [keras.layers.Dense(4), keras.layers.Dropout(0.5), output(meta)]
        return keras.Sequential([keras.Input((meta["n_features_in_"],)), *layers])

    class Watch(keras.callbacks.Callback):
        def on_train_begin(self, logs=None):
            assert "TF_DETERMINISTIC_OPS" not in os.environ

    def fit(rows, seed):
        fitted = classifier(model, random_state=seed, epochs=2, callbacks=Watch()).fit(rows, Y)
        return fitted.predict_proba(X)

    generator = np.random.RandomState(5)
    for rows, seed in [(X, 5), (X, generator), (X.toarray(), 5)]:
        tf.random.set_seed(8)
        before = random.getstate(), np.random.get_state()[1].tolist()  # noqa: NPY002
        first = fit(rows, seed)
        assert before == (random.getstate(), np.random.get_state()[1].tolist())  # noqa: NPY002
        value = tf.random.uniform([2]).numpy()
        tf.random.set_seed(8)
        np.testing.assert_array_equal(tf.random.uniform([2]).numpy(), value)
        tf.random.set_seed(None)
        np.testing.assert_array_equal(fit(rows, seed), first)
    # without a random_state, the process's own seed decides
    drawn = []
    for seed in (3, 3, 4):
        keras.utils.set_random_seed(seed)
        drawn.append(fit(X, None))
    np.testing.assert_array_equal(drawn[0], drawn[1])
    assert not np.allclose(drawn[0], drawn[2])


def test_the_order_of_sparse_rows_changes_with_the_epoch():
    seen = []

    class First(keras.Sequential):
        def train_step(self, data):
            tf.py_function(lambda values: seen.append(float(values[0])), [data[1][:, 0]], [])
            return super().train_step(data)

    def model(meta):
        return First([keras.Input((meta["n_features_in_"],)), output(meta)])

    y = np.arange(N_ROWS)
    fitted = classifier(model, epochs=3, batch_size=-1, loss="sparse_categorical_crossentropy")
    fitted.fit(X, y)
    assert len(seen) == 3
    assert len(set(seen)) > 1
    seen.clear()
    fitted.set_params(shuffle=False).fit(X, y)
    assert seen == [0.0] * 3


# --- in scikit-learn --------------------------------------------------------------------------


def test_is_a_classifier_for_sparse_rows_and_several_labels():
    estimator = classifier()
    assert is_classifier(estimator)
    assert isinstance(estimator, scikeras.wrappers.KerasClassifier)
    tags = get_tags(estimator)
    assert tags.input_tags.sparse
    assert tags.classifier_tags.multi_label
    assert tags.target_tags.required


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["two", "list"])
def test_decision_function_and_scorers(kind):
    rows, _ = IRIS
    y = labels_of(kind)
    fitted = iris_classifier(kind).fit(rows, y)
    scores, probabilities = fitted.decision_function(rows), fitted.predict_proba(rows)
    assert np.isfinite(scores).all()
    if kind == "two":
        np.testing.assert_array_equal(scores > 0, fitted.predict(rows))
        inside = probabilities.min(axis=1) > 1e-3
        odds = np.subtract(*np.log(probabilities[inside][:, ::-1].T))
        np.testing.assert_allclose(scores[inside], odds, rtol=1e-3, atol=1e-4)
        assert inside.any()
    else:
        assert scores.shape == (150, 3)
        np.testing.assert_array_equal(scores.argmax(axis=1), fitted.predict(rows))
    scorer = "roc_auc" if kind == "two" else "roc_auc_ovr"
    assert cross_val_score(fitted, rows, np.asarray(y), cv=2, scoring=scorer).min() > 0.7


def test_scores_of_probabilities_that_have_been_rounded():
    def model(meta):
        last = keras.layers.Dense(1, "sigmoid", kernel_initializer="ones")
        return keras.Sequential([keras.Input((1,)), last])

    rows = np.array([[-500.0], [0.0], [500.0]])
    scores = classifier(model).initialize(rows, [0, 0, 1]).decision_function(rows)
    assert np.isfinite(scores).all()
    assert (np.diff(scores) > 0).all()


@pytest.mark.slow
def test_a_search_has_stratified_folds():
    order = np.argsort(Y)
    rows, y = X[order], Y[order]
    pipeline = Pipeline([("classifier", classifier(units=2, batch_size=16))])
    grid = {
        "classifier__units": [2, 4],
        "classifier__epochs": [2],
        "classifier__optimizer__learning_rate": [0.1],
    }
    search = GridSearchCV(pipeline, grid, cv=2, error_score="raise", scoring="roc_auc")
    search.fit(rows, y)
    # without stratification each fold has a single class, and no area under its curve
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    assert search.best_estimator_["classifier"].model_.layers[0].units in (2, 4)


def test_pickle_and_clone():
    fitted = classifier(callbacks=[keras.callbacks.Callback()], optimizer="adam").fit(X, Y)
    assert (KerasClassifier.__module__, KerasClassifier.__qualname__) == (
        "skimdb",
        "KerasClassifier",
    )
    loaded = pickle.loads(pickle.dumps(fitted))
    np.testing.assert_array_equal(loaded.predict_proba(X), fitted.predict_proba(X))
    assert dict(loaded.history_) == dict(fitted.history_)
    fitted.partial_fit(X, Y)
    loaded.partial_fit(X, Y)
    np.testing.assert_allclose(loaded.predict_proba(X), fitted.predict_proba(X), rtol=1e-5)
    again = clone(fitted)
    assert again.get_params().keys() == fitted.get_params().keys()
    assert (again.model, again.epochs, again.optimizer) == (dense_stack, 1, "adam")
    assert not again.initialized_


LOAD = """
import pickle, sys
import numpy as np
with open(sys.argv[1], "rb") as file:
    classifier, X, expected = pickle.load(file)
np.testing.assert_array_equal(classifier.predict_proba(X), expected)
print(type(classifier))
"""


def build_for_pickle():
    return keras.Sequential([keras.Input((N_FEATURES,)), keras.layers.Dense(1, "sigmoid")])


@pytest.mark.slow
def test_a_pickle_opens_in_a_fresh_process(tmp_path):
    fitted = classifier(build_for_pickle()).fit(X, Y)
    path = tmp_path / "model.pickle"
    path.write_bytes(pickle.dumps((fitted, X, fitted.predict_proba(X))))
    command = [sys.executable, "-c", LOAD, str(path)]
    result = subprocess.run(command, capture_output=True, text=True)
    assert "<class 'skimdb.KerasClassifier'>" in result.stdout, result.stderr


@pytest.mark.slow
def test_a_search_in_two_processes():
    grid = {"model__units": [2, 4], "epochs": [1, 2]}
    settings = {"cv": 2, "error_score": "raise"}
    alone = GridSearchCV(classifier(), grid, **settings).fit(X, Y)
    both = GridSearchCV(classifier(), grid, n_jobs=2, **settings).fit(X, Y)
    for name in ("mean_test_score", "std_test_score"):
        np.testing.assert_array_equal(both.cv_results_[name], alone.cv_results_[name])


class CheckedClassifier(KerasClassifier):
    """A class rather than a function, whose address would be in the names of the tests."""

    def _keras_build_fn(self, meta, compile_kwargs):
        model = dense_stack(meta)
        loss = "sparse_categorical_crossentropy"
        if meta["target_type_"] in ("binary", "multilabel-indicator"):
            loss = "binary_crossentropy"
        model.compile(optimizer=keras.optimizers.Adam(0.1), loss=loss)
        return model


# by 1e-6, on some processors
OTHER_PLACE = "TensorFlow's product of a float32 row differs with its place in the batch"
SCIKERAS_CLASS = "SciKeras's class, from which it derives, "
EXPECTED_FAILURES = {
    "check_estimator_tags_renamed": SCIKERAS_CLASS + "has tags for scikit-learn before 1.6 too",
    "check_mixin_order": SCIKERAS_CLASS + "has the mixin behind the base class",
    "check_sample_weight_equivalence_on_dense_data": "Keras divides the loss by the rows",
    "check_sample_weight_equivalence_on_sparse_data": "Keras divides the loss by the rows",
    "check_methods_sample_order_invariance": OTHER_PLACE,
    "check_methods_subset_invariance": OTHER_PLACE,
}


@pytest.mark.slow
@parametrize_with_checks(
    [CheckedClassifier(epochs=30, batch_size=1000, verbose=0, random_state=0)],
    expected_failed_checks=lambda estimator: EXPECTED_FAILURES,
)
def test_checks_of_scikit_learn(estimator, check):
    check(estimator)


# --- in skimdb --------------------------------------------------------------------------------


@pytest.mark.slow
def test_the_last_step_of_a_pipeline():
    sequences, y = make_reviews(400, n_words=200, random_state=0)
    pipeline = multi_hot_pipeline(num_words=200, classifier=classifier(units=4, epochs=5))
    grid = {
        "classifier__epochs": [1, 8],
        "classifier__units": [8],
        "classifier__batch_size": [16],
    }
    search = GridSearchCV(pipeline, grid, cv=2, error_score="raise").fit(sequences, y)
    assert search.best_params_["classifier__epochs"] == 8
    assert search.score(sequences, y) > 0.7
    with pytest.raises(TypeError, match=r"must be left out.*epochs, units"):
        multi_hot_pipeline(classifier=classifier(), epochs=2, units=3)
    for wrong in (KerasClassifier, "keras"):
        with pytest.raises(TypeError, match="classifier must be an estimator"):
            multi_hot_pipeline(classifier=wrong)


@pytest.mark.slow
def test_trains_as_the_keras_backend_of_dense_classifier():
    """The same network, from the same weights on the same batches, ends with the same weights."""
    sequences, y = make_reviews(300, n_words=200, random_state=0)
    rows = MultiHotVectorizer(num_words=200).fit_transform(sequences)
    parameters = {"epochs": 1, "batch_size": 512, "random_state": 0, "backend": "keras"}
    start = DenseClassifier((8,), **parameters).fit(rows, y)
    wrapped = start.keras_classifier_
    assert type(wrapped) is KerasClassifier
    np.testing.assert_allclose(wrapped.predict_proba(rows), start.predict_proba(rows), 1e-5)
    plain = keras.models.clone_model(start.model_)
    plain.set_weights(start.model_.get_weights())
    plain.compile(optimizer="rmsprop", loss="binary_crossentropy")
    plain.fit(rows.toarray(), y, batch_size=512, epochs=2, verbose=0)
    wrapped.set_params(epochs=2, verbose=0).fit(rows, y)
    for weights, expected in zip(wrapped.model_.get_weights(), plain.get_weights(), strict=True):
        np.testing.assert_allclose(weights, expected, rtol=1e-3, atol=1e-5)
