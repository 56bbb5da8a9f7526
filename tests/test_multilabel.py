"""Several labels a row: an indicator matrix as the target."""

import keras
import numpy as np
import pandas as pd
import polars as pl
import pytest
import scipy.sparse as sp
from model_members import read_members, to_npy, write_model
from sklearn.datasets import make_multilabel_classification
from sklearn.metrics import accuracy_score
from sklearn.model_selection import GridSearchCV

from skimdb import (
    DenseClassifier,
    LogCountRatioScaler,
    export_keras,
    load_model,
    multi_hot_pipeline,
    save_model,
    text_pipeline,
)

BACKENDS = ("sparse", "keras")
NAMES = ["comedy", "crime", "drama", "action"]
X, Y = make_multilabel_classification(400, 60, n_classes=4, random_state=0)
X = sp.csr_array(X, dtype=np.float32)
FRAME = pd.DataFrame(Y, columns=NAMES)
WORDS = {"comedy": "funny jokes", "crime": "police murder", "drama": "tears mother"}
TEXTS = ["funny jokes", "police murder", "tears mother", "funny police jokes", "murder tears"] * 20
LABELS = [["comedy"], ["crime"], ["drama"], ["comedy", "crime"], ["crime", "drama"]] * 20
GENRES = pd.DataFrame([{name: int(name in row) for name in WORDS} for row in LABELS])


def classifier(units=16, **parameters):
    defaults = {"epochs": 5, "batch_size": 32, "random_state": 0}
    return DenseClassifier(units, **{**defaults, **parameters})


def assert_same(model, other):
    for mine, others in zip(model.coefs_, other.coefs_, strict=True):
        np.testing.assert_array_equal(mine, others)


@pytest.mark.parametrize(
    ("form", "classes"),
    [
        (np.asarray, [0, 1, 2, 3]),
        (np.ndarray.tolist, [0, 1, 2, 3]),
        (lambda y: y.astype(bool), [0, 1, 2, 3]),
        (lambda y: y.astype(object), [0, 1, 2, 3]),
        (sp.csr_array, [0, 1, 2, 3]),
        (sp.csc_matrix, [0, 1, 2, 3]),
        (lambda y: pd.DataFrame(y), [0, 1, 2, 3]),
        (lambda y: pd.DataFrame(y, columns=NAMES, dtype="Int64"), NAMES),
        (lambda y: pl.DataFrame(y, schema=NAMES), NAMES),
    ],
)
def test_every_form_of_an_indicator_matrix(form, classes):
    model = classifier().fit(X, form(Y))
    assert_same(model, classifier().fit(X, Y))
    assert model.classes_.tolist() == classes
    assert model.score(X, form(Y)) == accuracy_score(Y, model.predict(X))


@pytest.mark.slow
@pytest.mark.parametrize("backend", BACKENDS)
def test_predicts_an_indicator_matrix(backend):
    model = classifier(epochs=40, backend=backend).fit(X, Y)
    predicted, probabilities = model.predict(X), model.predict_proba(X)
    assert predicted.shape == probabilities.shape == model.decision_function(X).shape == Y.shape
    assert predicted.dtype == np.int64
    np.testing.assert_array_equal(predicted, probabilities > 0.5)
    np.testing.assert_array_equal(predicted, model.decision_function(X) > 0)
    share = Y.mean(axis=0)
    assert ((predicted == Y).mean(axis=0) > np.maximum(share, 1 - share) + 0.05).all()


@pytest.mark.parametrize(
    "parameters",
    [
        {},
        {"optimizer": "adam", "l2": 0.01},
        {"loss": "mse", "metrics": ("mae", "accuracy")},
        {"loss": "squared_hinge", "units": ()},
        {"activation": "tanh", "metrics": ("binary_accuracy",)},
    ],
)
@pytest.mark.parametrize("weights", [None, np.arange(len(Y)) % 3])
def test_both_backends_are_the_same(parameters, weights):
    sparse, plain = (
        classifier(epochs=2, backend=backend, **parameters).fit(
            X, Y, weights, X_val=X[:50], y_val=Y[:50]
        )
        for backend in BACKENDS
    )
    for mine, keras_own in zip(sparse.coefs_, plain.coefs_, strict=True):
        np.testing.assert_allclose(mine, keras_own, rtol=1e-3, atol=1e-5)
    assert sparse.history_.keys() == plain.history_.keys()
    for name, values in sparse.history_.items():
        np.testing.assert_allclose(values, plain.history_[name], rtol=1e-3, atol=1e-5)


def test_rows_of_weight_0_are_left_out():
    weights = np.arange(len(Y)) % 2
    model = classifier(backend="sparse").fit(X, Y, sample_weight=weights)
    assert_same(model, classifier(backend="sparse").fit(X[1::2], Y[1::2]))


@pytest.mark.slow
def test_the_keras_model_is_one_of_sigmoids(tmp_path):
    model = classifier(metrics=("accuracy", "auc"), backend="keras").fit(X, FRAME)
    probabilities = model.predict_proba(X)
    np.testing.assert_allclose(model.model_.predict(X.toarray(), verbose=0), probabilities, 1e-5)
    _, accuracy, _ = model.model_.evaluate(X.toarray(), Y, verbose=0)
    assert accuracy == pytest.approx((model.predict(X) == Y).mean(), abs=1e-6)
    wrapped = model.keras_classifier_
    np.testing.assert_allclose(wrapped.predict_proba(X), probabilities, 1e-5)
    assert wrapped.score(X, Y) == model.score(X, Y)
    export_keras(model, tmp_path / "model.keras")
    exported = keras.saving.load_model(tmp_path / "model.keras", compile=False)
    np.testing.assert_allclose(exported.predict(X.toarray(), verbose=0), probabilities, 1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("backend", BACKENDS)
def test_training_continues(backend):
    model = classifier(backend=backend, epochs=2, warm_start=True).fit(X, FRAME).fit(X, FRAME)
    assert_same(model, classifier(backend=backend, epochs=4).fit(X, FRAME))
    parts = classifier(backend=backend)
    for rows in (slice(0, 200), slice(200, 400)):
        parts.partial_fit(X[rows], FRAME[rows], classes=NAMES)
    assert parts.classes_.tolist() == NAMES
    assert parts.partial_fit(X, Y).n_iter_ == 3
    with pytest.raises(ValueError, match="classes must be the same"):
        parts.partial_fit(X, Y, classes=NAMES[::-1])
    assert classifier().partial_fit(X, Y).classes_.tolist() == [0, 1, 2, 3]


def test_early_stopping_and_memory(tmp_path):
    model = classifier(epochs=50, learning_rate=0.05, early_stopping=True).fit(X, Y)
    assert 1 < model.n_iter_ < 50
    kept = [classifier(epochs=n, memory=tmp_path).fit(X, Y) for n in (2, 4)]
    assert_same(kept[1], classifier(epochs=4).fit(X, Y))


def test_search():
    search = GridSearchCV(classifier(), {"epochs": [1, 20]}, scoring="f1_micro", cv=2).fit(X, Y)
    assert search.best_params_ == {"epochs": 20}


@pytest.mark.parametrize("make", [text_pipeline, multi_hot_pipeline])
def test_texts_with_several_labels(make, tmp_path):
    parameters = {"random_state": 0, "epochs": 30, "batch_size": 8}
    if make is multi_hot_pipeline:
        parameters |= {"text": True, "num_words": 50}
    pipeline = make(**parameters).fit(TEXTS, GENRES)
    assert pipeline.classes_.tolist() == list(WORDS)
    assert pipeline.score(TEXTS, GENRES) == 1
    assert pipeline.predict(["murder jokes police funny"]).tolist() == [[1, 1, 0]]
    save_model(pipeline, tmp_path / "m.skimdb")
    loaded = load_model(tmp_path / "m.skimdb")
    assert loaded.classes_.tolist() == list(WORDS)
    np.testing.assert_array_equal(loaded.predict_proba(TEXTS), pipeline.predict_proba(TEXTS))


class TestLogCountRatios:
    def test_of_a_label_are_those_of_two_classes(self):
        """Two labels that exclude each other say what two classes say."""
        both = np.column_stack([Y[:, 0], 1 - Y[:, 0]])
        scaler = LogCountRatioScaler().fit(X, both)
        of_classes = LogCountRatioScaler().fit(X, Y[:, 0])
        np.testing.assert_allclose(scaler.scale_, np.abs(of_classes.scale_))

    def test_take_the_label_that_tells_most(self):
        ratios = [LogCountRatioScaler().fit(X, labels).scale_ for labels in Y.T]
        scaler = LogCountRatioScaler().fit(X, FRAME)
        np.testing.assert_allclose(scaler.scale_, np.abs(ratios).max(axis=0))
        np.testing.assert_allclose(scaler.feature_count_.toarray(), Y.T @ X.toarray())
        assert scaler.classes_.tolist() == NAMES

    def test_in_parts(self):
        weights = np.arange(len(Y)) % 5
        scaler = LogCountRatioScaler().fit(X, FRAME, sample_weight=weights)
        parts = LogCountRatioScaler()
        for rows in (slice(0, 100), slice(100, 400)):
            parts.partial_fit(X[rows], FRAME[rows], sample_weight=weights[rows])
        np.testing.assert_allclose(parts.scale_, scaler.scale_)
        np.testing.assert_allclose(parts.transform(X).toarray(), scaler.transform(X).toarray())

    def test_continue_after_loading(self, tmp_path):
        pipeline = text_pipeline(epochs=2, random_state=0).fit(TEXTS, GENRES)
        save_model(pipeline, tmp_path / "m.skimdb")
        rows = pipeline[:2].transform(TEXTS)
        scalers = [
            p["scaler"].partial_fit(rows, GENRES)
            for p in (pipeline, load_model(tmp_path / "m.skimdb"))
        ]
        np.testing.assert_array_equal(scalers[0].scale_, scalers[1].scale_)

    def test_no_classes_beside_columns(self):
        with pytest.raises(ValueError, match="classes must be None for an indicator matrix"):
            LogCountRatioScaler().partial_fit(X, Y, classes=[0, 1])


@pytest.mark.parametrize(
    ("name", "array", "reason"),
    [
        ("3_classes.npy", np.array(["comedy", "comedy", "drama"]), "no label twice"),
        ("2_classes.npy", np.array(["comedy", "comedy", "drama"]), "no label twice"),
        ("2_column_sum.npy", np.ones(8), "sums of columns must have"),
        ("2_column_sum.npy", np.full(7, np.inf), "sums of columns must be finite"),
    ],
)
def test_forged_model_files(name, array, reason, tmp_path):
    pipeline = text_pipeline(ngram_range=(1, 1), epochs=2, random_state=0).fit(TEXTS, GENRES)
    save_model(pipeline, tmp_path / "m.skimdb")
    members = read_members(tmp_path / "m.skimdb")
    assert name in members
    write_model(tmp_path / "forged.skimdb", {**members, name: to_npy(array)})
    with pytest.raises(ValueError, match=reason):
        load_model(tmp_path / "forged.skimdb")


@pytest.mark.parametrize(
    ("y", "found"),
    [
        (Y * 2, "got 2 in a matrix of the shape"),
        (Y - 1, "got -1 in a matrix"),
        (np.where(Y, 1.0, np.nan), "got nan in a matrix"),
        (FRAME.astype(str), "got '[01]' in a matrix"),
        (np.empty((len(Y), 0)), r"got the shape \(400, 0\)"),
        ([[[], []]] * len(Y), r"got the shape \(400, 2, 0\)"),
        (Y[:-1], "400 rows and 399 labels"),
        ([["a"], ["a", "b"]] * 200, "got lists of labels.*MultiLabelBinarizer makes such"),
        ([{"a"}, {"b"}] * 200, "got lists of labels.*MultiLabelBinarizer makes such"),
    ],
)
@pytest.mark.parametrize("estimator", [classifier(), LogCountRatioScaler()])
def test_what_is_no_indicator_matrix(estimator, y, found):
    with pytest.raises(ValueError, match=found):
        estimator.fit(X, y)


def test_what_does_not_go_together():
    model = classifier(warm_start=True).fit(X, FRAME)
    turned = FRAME[NAMES[::-1]]
    for call in (model.fit, model.score, model.partial_fit):
        with pytest.raises(ValueError, match=r"y must have the columns \['comedy'"):
            call(X, turned)
    with pytest.raises(ValueError, match=r"y_val must have the columns \['comedy'"):
        model.fit(X, FRAME, X_val=X, y_val=turned)
    with pytest.raises(ValueError, match="y must be an indicator matrix with a column for each"):
        model.fit(X, Y[:, 0])
    with pytest.raises(ValueError, match="y must be an indicator matrix with a column for each"):
        model.fit(X, Y[:, :3])
    with pytest.raises(ValueError, match="y must hold one label for each row, as the training"):
        classifier(warm_start=True).fit(X, Y[:, 0]).fit(X, Y)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"class_weight": "balanced"}, "class_weight must be None when rows have several labels"),
        ({"loss": "categorical_crossentropy"}, "loss must suit one sigmoid output for each"),
        ({"metrics": ["categorical_accuracy"]}, "metrics must suit one sigmoid output for each"),
    ],
)
def test_parameters_for_one_label_a_row(parameters, message):
    with pytest.raises(ValueError, match=message):
        classifier(**parameters).fit(X, Y)
