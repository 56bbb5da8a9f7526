import copy
import pickle
import random
import subprocess
import sys
import tracemalloc
from itertools import pairwise

import joblib
import keras
import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
import tensorflow as tf
from hypothesis import assume, example, given
from hypothesis import strategies as st
from property_cases import (
    REFUSED,
    built,
    given_or_refused,
    is_integer,
    no_misuse,
    nonsense,
    scaled,
)
from scipy.special import softmax
from sklearn.base import clone, is_classifier
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import BaggingClassifier, VotingClassifier
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_validate
from sklearn.multiclass import OneVsRestClassifier
from sklearn.utils.estimator_checks import parametrize_with_checks

from skimdb import (
    DenseClassifier,
    MultiHotVectorizer,
    load_model,
    multi_hot_pipeline,
    save_model,
)
from skimdb.datasets import make_reviews

UNEQUAL_WEIGHTS = (
    "the optimizer takes float32 steps on mini-batches: rows with weights and rows repeated fall "
    "into different batches, so the results can't agree to the check's tolerance of 1e-7"
)
EXPECTED_FAILURES = {
    "check_sample_weight_equivalence_on_dense_data": UNEQUAL_WEIGHTS,
    "check_sample_weight_equivalence_on_sparse_data": UNEQUAL_WEIGHTS,
}


@pytest.fixture(scope="module")
def data():
    """Rows that a few epochs learn: (X, y) to train on and (X, y) to test on."""
    sequences, y = make_reviews(3000, n_words=500, random_state=0)
    X = MultiHotVectorizer(num_words=500).fit_transform(sequences)
    return X[:2000], y[:2000], X[2000:], y[2000:]


@pytest.fixture(scope="module")
def three_classes():
    rng = np.random.default_rng(0)
    centres = rng.normal(scale=2, size=(3, 10))
    y = rng.integers(3, size=600)
    return centres[y] + rng.normal(size=(600, 10)), np.array(["a", "b", "c"])[y]


def classifier(**parameters):
    return DenseClassifier(**{"epochs": 2, "batch_size": 32, "random_state": 0, **parameters})


def all_weights(fitted):
    return np.concatenate([w.ravel() for w in (*fitted.coefs_, *fitted.intercepts_)])


@parametrize_with_checks(
    [DenseClassifier()],
    expected_failed_checks=lambda estimator: EXPECTED_FAILURES,
)
def test_scikit_learn_checks(estimator, check):
    check(estimator)


@pytest.mark.slow
@parametrize_with_checks(
    [DenseClassifier(backend="keras")],
    expected_failed_checks=lambda estimator: EXPECTED_FAILURES,
)
def test_scikit_learn_checks_with_keras(estimator, check):
    check(estimator)


# --- what it learns ---------------------------------------------------------------------------


def test_learns(data):
    X, y, X_test, y_test = data
    fitted = classifier(epochs=6, learning_rate=0.005).fit(X, y)
    assert fitted.score(X_test, y_test) > 0.78
    assert fitted.history_["loss"] == sorted(fitted.history_["loss"], reverse=True)


def test_fitted_attributes(data):
    X, y, *_ = data
    fitted = classifier(units=(8, 4)).fit(X, y)
    assert fitted.classes_.tolist() == [0, 1]
    assert fitted.n_features_in_ == 500
    assert fitted.n_iter_ == 2
    assert [coef.shape for coef in fitted.coefs_] == [(500, 8), (8, 4), (4, 1)]
    assert [intercept.shape for intercept in fitted.intercepts_] == [(8,), (4,), (1,)]
    assert {len(values) for values in fitted.history_.values()} == {2}
    assert set(fitted.history_) == {"loss", "accuracy"}


@pytest.mark.parametrize(("n_classes", "width"), [(2, 32), (3, 48), (6, 96), (8, 128), (20, 128)])
def test_units_auto_grows_with_the_classes(n_classes, width):
    y = np.arange(60) % n_classes
    fitted = classifier(units="auto").fit(np.eye(60, dtype=np.float32), y)
    assert fitted.coefs_[0].shape == (60, width)
    assert len(fitted.coefs_) == 2
    assert fitted.get_params()["units"] == "auto"


def test_units_of_an_int_is_one_hidden_layer(data):
    X, y, *_ = data
    assert [c.shape for c in classifier(units=3).fit(X, y).coefs_] == [(500, 3), (3, 1)]


@pytest.mark.parametrize(
    "kind",
    [
        sp.csr_matrix,
        sp.csr_array,
        sp.csc_array,
        sp.csc_matrix,
        sp.coo_array,
        sp.coo_matrix,
        lambda X: X.toarray(),
        lambda X: X.toarray().astype(np.float64),
        lambda X: X.toarray().tolist(),
    ],
)
def test_any_form_of_rows_gives_the_same_network(data, kind):
    X, y, X_test, _ = data
    expected = classifier().fit(X, y)
    fitted = classifier().fit(kind(X), y)
    np.testing.assert_allclose(all_weights(fitted), all_weights(expected), rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(
        fitted.predict_proba(kind(X_test)), expected.predict_proba(X_test), atol=1e-5
    )


def test_sparse_rows_are_never_made_dense(data, monkeypatch):
    X, y, X_test, _ = data

    def refuse(*args, **kwargs):
        raise AssertionError("a sparse matrix was made dense")

    for kind in (sp.csr_matrix, sp.csr_array):
        monkeypatch.setattr(kind, "toarray", refuse)
        monkeypatch.setattr(kind, "todense", refuse)
    classifier().fit(X, y, X_val=X_test, y_val=y[:1000]).predict(X_test)


def test_multiclass_has_a_softmax(three_classes):
    X, y = three_classes
    fitted = classifier(epochs=30, batch_size=16).fit(X, y)
    assert fitted.score(X, y) > 0.9
    assert fitted.classes_.tolist() == ["a", "b", "c"]
    probabilities = fitted.predict_proba(X)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-6)
    scores = fitted.decision_function(X)
    assert (fitted.classes_[scores.argmax(axis=1)] == fitted.predict(X)).all()
    np.testing.assert_allclose(fitted.model_.predict(X, verbose=0), probabilities, atol=1e-6)


def test_decision_function_is_the_log_odds(data):
    X, y, *_ = data
    fitted = classifier().fit(X, y)
    probabilities = fitted.predict_proba(X)
    log_odds = np.log(probabilities[:, 1] / probabilities[:, 0])
    np.testing.assert_allclose(fitted.decision_function(X), log_odds, atol=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("loss", ["mse", "binary_crossentropy", "hinge", keras.losses.Huber()])
def test_losses_for_two_classes(data, loss):
    X, y, X_test, y_test = data
    assert classifier(loss=loss, epochs=6).fit(X, y).score(X_test, y_test) > 0.75


@pytest.mark.slow
@pytest.mark.parametrize("loss", ["mse", "categorical_crossentropy", "binary_crossentropy"])
def test_losses_for_more_classes(three_classes, loss):
    X, y = three_classes
    assert classifier(loss=loss, epochs=30, batch_size=16).fit(X, y).score(X, y) > 0.85


@pytest.mark.slow
@pytest.mark.parametrize("optimizer", ["sgd", "adam", keras.optimizers.Nadam(0.002)])
def test_optimizers(data, optimizer):
    X, y, *_ = data
    fitted = classifier(optimizer=optimizer, epochs=3).fit(X, y)
    assert fitted.history_["loss"][-1] < fitted.history_["loss"][0]


def test_learning_rate(data):
    X, y, *_ = data
    start = all_weights(classifier(learning_rate=1e-9, epochs=1).fit(X, y))
    small = all_weights(classifier(learning_rate=1e-4, epochs=1).fit(X, y))
    default = all_weights(classifier(epochs=1).fit(X, y))
    explicit = all_weights(classifier(learning_rate=1e-3, epochs=1).fit(X, y))
    np.testing.assert_array_equal(explicit, default)
    assert np.abs(small - start).max() < np.abs(default - start).max() / 5


def test_l2_and_dropout_hold_the_network_back(data):
    X, y, *_ = data
    free = classifier(epochs=6).fit(X, y)
    penalised = classifier(epochs=6, l2=0.1).fit(X, y)
    assert np.abs(penalised.coefs_[0]).mean() < np.abs(free.coefs_[0]).mean() / 2
    dropped = classifier(epochs=6, dropout=0.5).fit(X, y)
    assert dropped.history_["loss"][-1] > free.history_["loss"][-1] + 0.01
    # what is dropped while training is there when predicting
    np.testing.assert_allclose(
        dropped.model_.predict(X, verbose=0).ravel(), dropped.predict_proba(X)[:, 1], atol=1e-6
    )


@pytest.mark.slow
def test_metrics_are_in_the_history(data):
    X, y, *_ = data
    metrics = ["auc", "mse", keras.metrics.Precision(name="share_right")]
    for _ in range(2):
        fitted = classifier(metrics=metrics).fit(X, y)
        assert set(fitted.history_) == {"loss", "auc", "mse", "share_right"}
    assert set(classifier(metrics=None).fit(X, y).history_) == {"loss"}


class TwoMeans(keras.metrics.Mean):
    """A metric of two numbers, where Keras's history has room for one."""

    def update_state(self, y_true, y_pred, sample_weight=None):
        super().update_state(y_pred)

    def result(self):
        return keras.ops.stack([super().result(), super().result()])


def test_metrics_must_suit_the_network(data, three_classes):
    X, y, *_ = data
    with pytest.raises(ValueError, match="metrics must give one number each, which 'both'"):
        classifier(metrics=[TwoMeans(name="both")]).fit(X, y)
    with pytest.raises(ValueError, match="metrics must suit a network with 1 outputs"):
        classifier(metrics=[lambda: 0]).fit(X, y)
    for metric in ("auc", "precision", "mse", keras.metrics.CategoricalAccuracy()):
        with pytest.raises(ValueError, match=r"metrics must take class numbers, .* got"):
            classifier(metrics=[metric]).fit(*three_classes)
    one_hot = classifier(loss="categorical_crossentropy", metrics=["auc", "precision"])
    assert {"auc", "precision"} < one_hot.fit(*three_classes).history_.keys()
    with pytest.raises(ValueError, match=r"metrics must take one-hot rows, .* got 'sparse_cat"):
        one_hot.set_params(metrics=["sparse_categorical_accuracy"]).fit(*three_classes)
    for metric in ("categorical_accuracy", "sparse_categorical_crossentropy", "cosine_similarity"):
        with pytest.raises(ValueError, match="metrics must suit a single sigmoid output"):
            classifier(metrics=metric).fit(X, y)


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize(
    ("loss", "reason"),
    [
        ("ctc", "Logits"),
        ("circle", ""),
        (keras.losses.MeanSquaredError(reduction=None), "it gives one number a row"),
        (lambda y_true, y_pred: 0 * y_true[:, 0], "it doesn't depend on them"),
        (lambda: 0, "takes 0 positional arguments"),
        (lambda y_true, y_pred: "x", "Cannot convert"),
        (lambda y_true, y_pred: y_pred[:, :2] * y_pred[:2], ""),
    ],
)
def test_loss_must_suit_the_network(data, three_classes, n_classes, loss, reason):
    rows = data[:2] if n_classes == 2 else three_classes
    with pytest.raises(ValueError, match=f"^loss must .*{reason}") as caught:
        classifier(loss=loss).fit(*rows)
    assert len(str(caught.value)) < 400


@pytest.mark.slow
@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize(
    ("parameter", "module"), [("loss", keras.losses), ("metrics", keras.metrics)]
)
def test_any_name_in_keras_is_taken_or_refused_by_name(
    data, three_classes, n_classes, parameter, module
):
    X, y = data[:2] if n_classes == 2 else three_classes
    messages = []
    names = {name for name in dir(module) if not name.startswith("_")}
    # the modules of Keras hold some functions that are no losses or metrics
    for name in sorted(names - {"get", "serialize", "deserialize"}):
        try:
            classifier(epochs=1, **{parameter: name}).fit(X[:40], y[:40])
        except ValueError as error:
            messages.append(str(error))
    assert 0 < len(messages) < len(names)
    assert [text for text in messages if not text.startswith(f"{parameter} must")] == []


def test_class_and_sample_weights(data):
    X, y, X_test, _ = data
    plain = classifier().fit(X, y).predict(X_test).mean()
    by_class = classifier(class_weight={0: 1, 1: 20}).fit(X, y).predict(X_test).mean()
    assert by_class > plain + 0.1
    weighted = classifier().fit(X, y, sample_weight=np.where(y == 1, 20, 1))
    assert weighted.predict(X_test).mean() > plain + 0.1
    balanced = classifier(class_weight="balanced").fit(X, y)
    assert abs(balanced.predict(X_test).mean() - plain) < 0.1


def test_rows_of_weight_zero_are_left_out(data):
    X, y, *_ = data
    weights = np.repeat([1.0, 0.0], 1000)
    fitted = classifier().fit(X, y, sample_weight=weights)
    np.testing.assert_array_equal(
        all_weights(fitted), all_weights(classifier().fit(X[:1000], y[:1000]))
    )
    np.testing.assert_array_equal(weights, np.repeat([1.0, 0.0], 1000))


# --- validation and stopping ------------------------------------------------------------------


def test_validation_figures_are_those_of_the_rows_given(data):
    X, y, X_val, y_val = data
    # at this learning rate the network is soon so sure that its probabilities round to 0 and 1
    fitted = classifier(epochs=8, learning_rate=0.05).fit(X, y, X_val=X_val, y_val=y_val)
    np.testing.assert_allclose(fitted.history_["val_accuracy"][-1], fitted.score(X_val, y_val))
    loss, accuracy = fitted.model_.evaluate(X_val.toarray(), y_val, verbose=0)
    np.testing.assert_allclose(fitted.history_["val_loss"][-1], loss, rtol=1e-5)
    np.testing.assert_allclose(fitted.history_["val_accuracy"][-1], accuracy, rtol=1e-5)
    # looking on does not change what is learned
    blind = classifier(epochs=8, learning_rate=0.05).fit(X, y)
    np.testing.assert_array_equal(all_weights(fitted), all_weights(blind))


def test_early_stopping_keeps_the_best_epoch(data):
    X, y, X_val, y_val = data
    options = {"early_stopping": True, "epochs": 60, "units": 64, "learning_rate": 0.01}
    fitted = classifier(**options, n_iter_no_change=3).fit(X, y, X_val=X_val, y_val=y_val)
    val_loss = fitted.history_["val_loss"]
    assert fitted.n_iter_ == len(val_loss) == np.argmin(val_loss) + 1 + 3 < 60
    best = classifier(**{**options, "epochs": int(np.argmin(val_loss)) + 1}).fit(
        X, y, X_val=X_val, y_val=y_val
    )
    np.testing.assert_array_equal(all_weights(fitted), all_weights(best))


def test_early_stopping_sets_rows_aside(data):
    X, y, *_ = data
    fitted = classifier(early_stopping=True, validation_fraction=0.25).fit(
        X, y, sample_weight=np.ones(len(y))
    )
    assert "val_loss" in fitted.history_
    seen = []
    # 1 row in 20 is of class 1, and so is 1 in 20 of the rows set aside
    rare = np.arange(len(y)) % 20 == 0
    watch = keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: seen.append(logs))
    classifier(
        early_stopping=True,
        validation_fraction=0.25,
        learning_rate=1e-12,
        metrics=[keras.metrics.FalseNegatives(name="fn"), keras.metrics.TruePositives(name="tp")],
        callbacks=watch,
    ).fit(X, rare)
    assert seen[0]["val_fn"] + seen[0]["val_tp"] == 25
    accuracy = fitted.history_["val_accuracy"][-1] * 500
    np.testing.assert_allclose(accuracy, round(accuracy), atol=1e-3)


# --- continued training, callbacks ------------------------------------------------------------


def test_warm_start_continues_as_if_it_had_not_stopped(data):
    X, y, *_ = data
    whole = classifier(epochs=4, dropout=0.3).fit(X, y)
    parts = classifier(epochs=2, dropout=0.3, warm_start=True).fit(X, y).fit(X, y)
    np.testing.assert_array_equal(all_weights(parts), all_weights(whole))
    assert parts.history_ == whole.history_
    assert parts.n_iter_ == 4


def test_warm_start_survives_pickling_and_refuses_another_network(data):
    X, y, *_ = data
    whole = classifier(epochs=2).fit(X, y)
    half = classifier(epochs=1, warm_start=True).fit(X, y)
    parts = pickle.loads(pickle.dumps(half)).fit(X, y)
    np.testing.assert_array_equal(all_weights(parts), all_weights(whole))
    with pytest.raises(ValueError, match=r"units must stay \(16, 16\) while training continues"):
        half.set_params(units=8).fit(X, y)
    half.set_params(units=(16, 16))
    with pytest.raises(ValueError, match=r"y must hold only classes .* got \[7\]"):
        half.fit(X, np.where(y == 1, 7, 0))


def test_partial_fit_is_one_epoch_a_call(data):
    X, y, *_ = data
    whole = classifier(epochs=3).fit(X, y)
    parts = classifier(epochs=99)
    for _ in range(3):
        parts.partial_fit(X, y, classes=[0, 1])
    np.testing.assert_array_equal(all_weights(parts), all_weights(whole))
    # a block may lack a class
    parts.partial_fit(X[y == 1], y[y == 1])
    assert parts.n_iter_ == 4
    with pytest.raises(ValueError, match="classes must be given in the first call"):
        classifier().partial_fit(X, y)
    with pytest.raises(ValueError, match="classes must be the same in each call"):
        parts.partial_fit(X, y, classes=[0, 1, 2])
    with pytest.raises(ValueError, match="y must hold only classes of the training rows"):
        parts.partial_fit(X, y + 1)


@pytest.mark.slow
@pytest.mark.parametrize("optimizer", ["adam", keras.optimizers.SGD(momentum=0.9)])
def test_after_a_fit_without_warm_start_the_optimizer_starts_anew(data, optimizer):
    X, y, *_ = data
    plain = classifier(epochs=1, optimizer=optimizer).fit(X, y).partial_fit(X, y)
    warm = classifier(epochs=1, optimizer=optimizer, warm_start=True).fit(X, y).partial_fit(X, y)
    assert plain.n_iter_ == warm.n_iter_ == 2
    assert np.abs(all_weights(plain) - all_weights(warm)).max() > 1e-4


@pytest.mark.parametrize("warm_start", [False, True])
@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_continued_training_keeps_the_learning_rate(data, warm_start, method):
    X, y, *_ = data
    fitted = classifier(learning_rate=1e-12, warm_start=warm_start).fit(X, y)
    before = all_weights(fitted)
    getattr(fitted.set_params(warm_start=True), method)(X, y)
    np.testing.assert_allclose(all_weights(fitted), before, atol=1e-7)


@pytest.mark.slow
def test_callbacks_see_every_epoch_and_batch(data):
    X, y, X_val, y_val = data
    epochs, batches = [], []
    recorder = keras.callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, logs: epochs.append((epoch, sorted(logs))),
        on_train_batch_end=lambda batch, logs: batches.append(batch),
    )
    fitted = classifier(callbacks=[recorder]).fit(X, y, X_val=X_val, y_val=y_val)
    names = ["accuracy", "loss", "val_accuracy", "val_loss"]
    assert epochs == [(0, names), (1, names)]
    assert batches == [*range(63), *range(63)]
    without = classifier(backend="keras").fit(X, y)
    np.testing.assert_array_equal(all_weights(fitted), all_weights(without))


@pytest.mark.slow
def test_callbacks_act_on_the_training(data):
    X, y, *_ = data
    rates = []
    schedule = keras.callbacks.LearningRateScheduler(lambda epoch: 0.001 if epoch == 0 else 1e-9)
    watch = keras.callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, logs: rates.append(
            float(watch.model.optimizer.learning_rate.numpy())
        )
    )
    fitted = classifier(epochs=3, callbacks=[schedule, watch]).fit(X, y)
    np.testing.assert_allclose(rates, [1e-3, 1e-9, 1e-9])
    one = classifier(epochs=1).fit(X, y)
    np.testing.assert_allclose(all_weights(fitted), all_weights(one), atol=1e-5)
    # the next fit of the same network starts with the optimizer's own rate again
    np.testing.assert_array_equal(all_weights(classifier(epochs=1).fit(X, y)), all_weights(one))


class StopAtOnce(keras.callbacks.Callback):
    def on_epoch_end(self, epoch, logs=None):
        self.model.stop_training = True


class KeepModel(keras.callbacks.Callback):
    def set_model(self, model):
        super().set_model(model)
        self.kept = model


def test_a_callback_that_keeps_its_model_has_it_for_itself(data):
    X, y, *_ = data
    keeper = KeepModel()
    fitted = classifier(callbacks=keeper).fit(X, y)
    classifier(random_state=5).fit(X, y)
    np.testing.assert_array_equal(keeper.kept.get_weights()[0], fitted.coefs_[0])


def test_a_callback_stops_the_training_and_lets_go_of_the_model(data):
    X, y, *_ = data
    stop = StopAtOnce()
    fitted = classifier(epochs=9, callbacks=stop).fit(X, y)
    assert fitted.n_iter_ == 1
    assert stop.model is None
    assert classifier(epochs=2).fit(X, y).n_iter_ == 2


def test_verbose_prints_as_keras_does(data, capsys):
    X, y, *_ = data
    classifier(verbose=2).fit(X, y)
    printed = capsys.readouterr().out
    assert "Epoch 2/2" in printed
    assert "accuracy" in printed
    classifier().fit(X, y)
    assert capsys.readouterr().out == ""


def test_a_diverged_training_does_not_spoil_the_next(data):
    X, y, *_ = data
    expected = all_weights(classifier().fit(X, y))
    with pytest.raises(ValueError, match="the training diverged"):
        classifier(learning_rate=1e30).fit(X, y)
    np.testing.assert_array_equal(all_weights(classifier().fit(X, y)), expected)


def test_warm_start_takes_a_new_learning_rate_or_optimizer(data):
    X, y, *_ = data
    fitted = classifier(warm_start=True).fit(X, y)
    before = all_weights(fitted)
    after = all_weights(fitted.set_params(learning_rate=1e-12).fit(X, y))
    np.testing.assert_allclose(after, before, atol=1e-7)
    fitted.set_params(optimizer="adam", learning_rate=None).fit(X, y)
    assert np.abs(all_weights(fitted) - after).max() > 1e-3
    with pytest.raises(ValueError, match="activation must stay 'relu' while training continues"):
        fitted.set_params(activation="tanh").fit(X, y)


def test_history_has_nan_where_there_was_no_validation(data):
    X, y, X_val, y_val = data
    fitted = classifier(warm_start=True).fit(X, y).fit(X, y, X_val=X_val, y_val=y_val)
    assert np.isnan(fitted.history_["val_loss"]).tolist() == [True, True, False, False]
    fitted.fit(X, y)
    assert np.isnan(fitted.history_["val_loss"]).tolist() == [True, True, False, False, True, True]
    assert {len(values) for values in fitted.history_.values()} == {6}


def test_partial_fit_with_class_weights(data):
    X, y, *_ = data
    weights = {0: 1, 1: 5}
    part = classifier(class_weight=weights).partial_fit(X, y, classes=[0, 1])
    whole = classifier(class_weight=weights, epochs=1).fit(X, y)
    np.testing.assert_array_equal(all_weights(part), all_weights(whole))
    with pytest.raises(ValueError, match="class_weight must be a dict or None for partial_fit"):
        classifier(class_weight="balanced").partial_fit(X, y, classes=[0, 1])
    with pytest.raises(ValueError, match="early_stopping must be False for partial_fit"):
        classifier(early_stopping=True).partial_fit(X, y, classes=[0, 1])


def test_listing_attributes_builds_no_keras_model(data):
    X, y, *_ = data
    fitted = classifier().fit(X, y)
    assert "model_" not in dir(fitted)
    fitted._repr_html_()
    assert "_model" not in vars(fitted)


# --- reproducibility, copies ------------------------------------------------------------------


def test_random_state_decides_the_weights(data):
    X, y, *_ = data
    first, second = (all_weights(classifier(dropout=0.2).fit(X, y)) for _ in range(2))
    np.testing.assert_array_equal(first, second)
    assert (all_weights(classifier(dropout=0.2, random_state=1).fit(X, y)) != first).any()
    unseeded = [all_weights(classifier(random_state=None).fit(X, y)) for _ in range(2)]
    assert (unseeded[0] != unseeded[1]).any()


FIT_AND_PRINT_A_HASH = """
import hashlib
from skimdb import DenseClassifier, MultiHotVectorizer
from skimdb.datasets import make_reviews
sequences, y = make_reviews(500, n_words=300, random_state=0)
X = MultiHotVectorizer(num_words=300).fit_transform(sequences)
fitted = DenseClassifier(epochs=2, batch_size=64, dropout=0.2, random_state=7).fit(X, y)
print(hashlib.sha256(b"".join(w.tobytes() for w in fitted.coefs_)).hexdigest())
"""


def run_python(code, *arguments):
    command = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


@pytest.mark.slow
def test_same_weights_in_another_process():
    first, second = (run_python(FIT_AND_PRINT_A_HASH) for _ in range(2))
    assert first == second


def test_global_seeds_are_left_alone(data):
    X, y, *_ = data

    def drawn_after(act):
        keras.utils.set_random_seed(3)  # all generators
        act()
        numpy_drawn = np.random.rand()  # noqa: NPY002 (the global generator is what is tested)
        return random.random(), numpy_drawn, float(tf.random.uniform(()))

    # of a form that no other test has, so that its network is built here
    expected = drawn_after(lambda: None)
    assert drawn_after(lambda: classifier(units=(7, 3), dropout=0.5).fit(X, y)) == expected


@pytest.mark.parametrize(
    "make_copy",
    [
        copy.deepcopy,
        lambda fitted: pickle.loads(pickle.dumps(fitted)),
    ],
)
def test_copies_predict_the_same(data, make_copy):
    X, y, X_test, _ = data
    fitted = classifier().fit(X, y)
    expected = fitted.predict_proba(X_test)
    assert fitted.model_ is fitted.model_
    np.testing.assert_array_equal(make_copy(fitted).predict_proba(X_test), expected)
    unfitted = make_copy(classifier(units=5))
    assert unfitted.get_params() == classifier(units=5).get_params()
    with pytest.raises(NotFittedError):
        unfitted.predict(X_test)


PREDICT_WITHOUT_TENSORFLOW = """
import sys, joblib, numpy as np
fitted, X, expected = joblib.load(sys.argv[1])
assert np.array_equal(fitted.predict_proba(X), expected)
fitted.predict(X), fitted.decision_function(X), fitted.score(X, fitted.predict(X))
print([name for name in ("tensorflow", "keras", "scikeras") if name in sys.modules])
"""


@pytest.mark.slow
def test_a_fresh_process_predicts_without_tensorflow(data, tmp_path):
    X, y, X_test, _ = data
    fitted = classifier().fit(X, y)
    assert fitted.model_ is not None
    joblib.dump((fitted, X_test, fitted.predict_proba(X_test)), tmp_path / "fitted.joblib")
    assert run_python(PREDICT_WITHOUT_TENSORFLOW, tmp_path / "fitted.joblib") == "[]"


def test_keras_model_predicts_the_same(data):
    X, y, X_test, y_test = data
    fitted = classifier().fit(X, y)
    expected = fitted.predict_proba(X_test)
    for rows in (X_test, X_test.toarray()):
        predicted = fitted.model_.predict(rows, verbose=0)
        np.testing.assert_allclose(predicted.ravel(), expected[:, 1], atol=1e-6)
    wrapper = fitted.keras_classifier_
    assert is_classifier(wrapper)
    np.testing.assert_allclose(wrapper.predict_proba(X_test, verbose=0), expected, atol=1e-6)
    np.testing.assert_array_equal(wrapper.predict(X_test, verbose=0), fitted.predict(X_test))
    assert wrapper.score(X_test, y_test) == fitted.score(X_test, y_test)
    assert dict(wrapper.history_) == fitted.history_


def test_keras_model_is_plain_keras(data, tmp_path):
    X, y, X_test, _ = data
    fitted = classifier().fit(X, y)
    fitted.model_.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert type(loaded) is keras.Sequential
    np.testing.assert_allclose(
        loaded.predict(X_test.toarray(), verbose=0).ravel(),
        fitted.predict_proba(X_test)[:, 1],
        atol=1e-6,
    )


# --- within scikit-learn ----------------------------------------------------------------------


def test_is_a_classifier():
    assert is_classifier(DenseClassifier())
    assert clone(DenseClassifier(units=3)).units == 3
    assert DenseClassifier().__sklearn_tags__().input_tags.sparse


def test_grid_search_stratifies(data):
    X, y, *_ = data
    order = np.argsort(y, kind="stable")  # unstratified folds would lack a class
    estimator = classifier(learning_rate=0.01)
    search = GridSearchCV(estimator, {"units": [4, (8, 4)], "epochs": [1, 2]}, cv=3)
    search.fit(X[order], y[order])
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    assert search.best_score_ > 0.7


def test_cross_validate(data):
    X, y, *_ = data
    scores = cross_validate(classifier(), X, y, cv=3, scoring=["roc_auc", "neg_log_loss"])
    assert scores["test_roc_auc"].min() > 0.75


def test_calibrated(data):
    X, y, X_test, y_test = data
    calibrated = CalibratedClassifierCV(classifier(learning_rate=0.01), cv=2).fit(X, y)
    assert calibrated.score(X_test, y_test) > 0.75


def test_voting(data):
    X, y, X_test, y_test = data
    members = [("dense", classifier()), ("linear", LogisticRegression(C=0.01))]
    assert VotingClassifier(members, voting="soft").fit(X, y).score(X_test, y_test) > 0.7


def test_bagging(data):
    X, y, X_test, y_test = data
    bagging = BaggingClassifier(classifier(), n_estimators=3, random_state=0).fit(X, y)
    assert bagging.score(X_test, y_test) > 0.7


def test_one_vs_rest(three_classes):
    X, y = three_classes
    one_vs_rest = OneVsRestClassifier(classifier(epochs=20, batch_size=16)).fit(X, y)
    assert one_vs_rest.score(X, y) > 0.85


# --- numbers of epochs and rows that "auto" stands for ----------------------------------------


def auto_rows(n_rows):
    return np.tile(np.eye(2, dtype=np.float32), (n_rows // 2, 1)), np.arange(n_rows) % 2


@pytest.mark.parametrize(
    ("n_rows", "batch_size", "batch_size_with_dropout"),
    [
        (2, 16, 16),
        (400, 16, 16),
        (1600, 64, 64),
        (8000, 256, 128),
        (200_000, 512, 128),
        (500_000, 512, 256),
        (4_000_000, 1024, 1024),
    ],
)
def test_auto_suits_the_number_of_rows(n_rows, batch_size, batch_size_with_dropout):
    n_epochs = 200 / np.ceil(n_rows / batch_size)
    expected = np.clip(round(n_epochs), 2, 100), batch_size
    assert DenseClassifier().choose_schedule(n_rows) == expected
    n_epochs = 600 / np.ceil(n_rows / batch_size_with_dropout)
    expected = np.clip(round(n_epochs), 2, 50), batch_size_with_dropout
    assert DenseClassifier(dropout=0.1).choose_schedule(n_rows) == expected
    assert DenseClassifier(dropout=0.1, early_stopping=True).choose_schedule(n_rows) == expected


@pytest.mark.parametrize(("n_classes", "epochs"), [(2, 4), (3, 6), (8, 16), (10, 20), (50, 20)])
def test_auto_takes_more_epochs_for_more_classes(n_classes, epochs):
    assert DenseClassifier().choose_schedule(25_000, n_classes) == (epochs, 512)
    assert DenseClassifier(dropout=0.5).choose_schedule(25_000, n_classes) == (3, 128)
    early = DenseClassifier(early_stopping=True)
    assert early.choose_schedule(25_000, n_classes)[0] == pytest.approx(3 * epochs, abs=1)
    # a schedule of the learning rate must know where it ends
    early.set_params(learning_rate_schedule="linear")
    assert early.choose_schedule(25_000, n_classes) == (epochs, 512)


def test_auto_counts_the_classes(three_classes):
    X, y = three_classes
    fitted = DenseClassifier(2, random_state=0).fit(X, y)
    assert (fitted.n_iter_, fitted.batch_size_) == fitted.choose_schedule(len(y), 3)
    assert fitted.n_iter_ > fitted.choose_schedule(len(y))[0]


@pytest.mark.parametrize("schedule", [None, "linear"])
def test_auto_gives_what_its_numbers_give(data, schedule, tmp_path):
    X, y, *_ = data
    options = {"learning_rate_schedule": schedule, "dropout": 0.3, "units": 4}
    auto = classifier(epochs="auto", batch_size="auto", memory=tmp_path, **options).fit(X, y)
    numbers = classifier(epochs=auto.n_iter_, batch_size=auto.batch_size_, **options).fit(X, y)
    np.testing.assert_array_equal(all_weights(auto), all_weights(numbers))
    assert auto.history_ == numbers.history_
    # another size of the data has other numbers
    assert clone(auto).fit(X[:300], y[:300]).batch_size_ == 16
    again = clone(auto).fit(X, y)
    np.testing.assert_array_equal(all_weights(again), all_weights(auto))


def test_auto_counts_the_rows_that_are_trained_on(data):
    X, y, *_ = data
    weights = np.zeros(len(y))
    weights[:400] = 1
    fitted = classifier(epochs=1, batch_size="auto").fit(X, y, sample_weight=weights)
    assert fitted.batch_size_ == 16
    options = {"early_stopping": True, "validation_fraction": 0.8}
    assert classifier(epochs=1, batch_size="auto", **options).fit(X, y).batch_size_ == 16
    assert classifier(epochs=1, batch_size="auto").fit(X, y).batch_size_ == 64


def test_auto_in_parts_and_as_keras_has_it(data):
    X, y, *_ = data
    fitted = classifier(epochs="auto", batch_size="auto")
    fitted.partial_fit(X[:400], y[:400], classes=[0, 1]).partial_fit(X, y)
    assert fitted.n_iter_ == 2
    assert fitted.batch_size_ == 64
    wrapper = fitted.keras_classifier_
    assert (wrapper.epochs, wrapper.batch_size) == (2, 64)


# --- bad input --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("parameters", "error", "message"),
    [
        ({"units": 0}, ValueError, "units == 0, must be >= 1"),
        ({"units": (16, -1)}, ValueError, "units == -1, must be >= 1"),
        ({"units": 2.5}, TypeError, "units must be an integer, a tuple .* or 'auto', got 2.5"),
        ({"units": "16"}, TypeError, "units must be an integer, .* or 'auto', got '16'"),
        ({"epochs": -1}, ValueError, "epochs == -1, must be >= 1"),
        ({"epochs": "all"}, TypeError, "epochs must be .*'auto', got 'all'"),
        ({"batch_size": "all"}, TypeError, "batch_size must be .*'auto', got 'all'"),
        ({"batch_size": 0}, ValueError, "batch_size == 0, must be >= 1"),
        ({"activation": "step"}, ValueError, "activation must be one of 'relu', .*got 'step'"),
        ({"dropout": 1.0}, ValueError, "dropout == 1.0, must be < 1"),
        ({"l2": -0.1}, ValueError, "l2 == -0.1, must be >= 0"),
        ({"learning_rate": 0}, ValueError, "learning_rate == 0, must be > 0"),
        ({"learning_rate": "fast"}, TypeError, "learning_rate must be a number, got 'fast'"),
        ({"loss": "cross"}, ValueError, "loss must be 'auto', the name of a Keras loss.*'cross'"),
        (
            {"loss": "sparse_categorical_crossentropy"},
            ValueError,
            "loss must suit a single sigmoid output when y has two classes",
        ),
        ({"optimizer": "best"}, ValueError, "optimizer must be the name of a Keras optimizer"),
        (
            {"optimizer": keras.optimizers.SGD(), "learning_rate": 0.1},
            ValueError,
            "learning_rate must be None when optimizer is an instance",
        ),
        ({"metrics": "goodness"}, ValueError, "metrics must be names of Keras metrics"),
        ({"callbacks": [dict]}, TypeError, "callbacks must be functions or instances of keras"),
        ({"early_stopping": "yes"}, TypeError, "early_stopping must be True or False"),
        ({"validation_fraction": 1.5}, ValueError, "validation_fraction == 1.5, must be < 1"),
        ({"n_iter_no_change": 0}, ValueError, "n_iter_no_change == 0, must be >= 1"),
        ({"verbose": "loud"}, ValueError, "verbose must be 0, 1, 2 or 'auto', got 'loud'"),
        ({"random_state": "seed"}, ValueError, "random_state must be an int from 0 .*'seed'"),
        ({"random_state": -1}, ValueError, "random_state must be an int from 0"),
        ({"optimizer": None}, ValueError, "optimizer must be the name of a Keras optimizer"),
        ({"callbacks": 5}, TypeError, "callbacks must be functions or instances of keras"),
        ({"metrics": [None]}, ValueError, "metrics must be names of Keras metrics"),
        ({"loss": "CategoricalCrossentropy"}, ValueError, "loss must suit a single sigmoid"),
        ({"memory": 5, "random_state": None}, TypeError, "memory must be a path"),
        ({"early_stopping": True}, ValueError, "validation_fraction must leave and set aside"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else None,
)
def test_bad_parameters_are_named(parameters, error, message):
    with pytest.raises(error, match=message):
        classifier(**parameters).fit([[0, 1], [1, 0]], [0, 1])


@pytest.mark.parametrize("units", [8.0, (np.float64(8), 4), [np.float32(8)]], ids=str)
def test_whole_numbers_of_a_search_may_be_floats(data, units, tmp_path):
    X, y, *_ = data
    options = {"units": units, "epochs": 3.0, "batch_size": np.float64(64)}
    fitted = classifier(**options).fit(X, y)
    widths = [int(width) for width in np.ravel(units)]
    expected = classifier(units=widths, epochs=3, batch_size=64).fit(X, y)
    np.testing.assert_array_equal(all_weights(fitted), all_weights(expected))
    assert fitted.choose_schedule(len(y)) == (3, 64)
    assert {type(fitted.n_iter_), type(fitted.batch_size_)} == {int}
    loaded = load_model(save_model(fitted, tmp_path / "model.skimdb"))
    np.testing.assert_array_equal(loaded.predict_proba(X), expected.predict_proba(X))
    np.testing.assert_array_equal(all_weights(loaded.fit(X, y)), all_weights(expected))


@pytest.mark.parametrize(
    ("name", "value"), [("units", (8.0, 8.5)), ("epochs", 2.5), ("batch_size", np.float64(0.5))]
)
def test_other_floats_are_named(name, value):
    with pytest.raises(TypeError, match=f"^{name} must be an integer.*, got .*5"):
        classifier(**{name: value}).fit([[0, 1], [1, 0]], [0, 1])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"y": [0, 1, 1]}, "y must have one label for each row of X: .*2 rows and 3 labels"),
        ({"y": [1, 1]}, r"y must hold at least two classes, got 1 class: \[1\]"),
        ({"y": [0.5, 1.5]}, "Unknown label type"),
        ({"X": [[np.nan, 1], [1, 0]]}, "Input X contains NaN"),
        ({"X": np.empty((0, 2)), "y": []}, "Found array with 0 sample"),
        ({"X": [1, 2]}, "Expected 2D array, got 1D array"),
        ({"X": pd.Series([1, 2])}, "^X: Expected a 2-dimensional container"),
        ({"X": pd.Series([None, None])}, "^X: "),
        ({"sample_weight": [1, 2, 3]}, "sample_weight must be one-dimensional .*2 rows"),
        ({"sample_weight": [1, -1]}, "sample_weight must be finite .* got -1.0 in row 1"),
        ({"sample_weight": -1}, "sample_weight must be finite .* got -1.0 in row 0"),
        ({"sample_weight": np.nan}, "sample_weight must be finite .* got nan in row 0"),
        ({"sample_weight": [1, 1e300]}, "sample_weight must be finite .* in float32, got 1e.300"),
        ({"sample_weight": ["a", "b"]}, "sample_weight must hold numbers"),
        ({"X_val": [[np.nan, 1]], "y_val": [1]}, "X_val: Input X contains NaN"),
        ({"X_val": [[1, 0]], "y_val": [1, 0]}, "y_val must have one label for each row of X_val"),
        ({"sample_weight": [0, 0]}, "^sample_weight must give some row a weight above 0"),
        ({"y": [0, "a"]}, "^y must hold labels of one kind, numbers or text, got 'a' in row 1 af"),
        ({"y": ("a", 1.5)}, "^y must hold labels of one kind, numbers or text, got 1.5 in row 1"),
        ({"X_val": [[1, 0]]}, "X_val and y_val must be given together, got None for y_val"),
        ({"X_val": [[1]], "y_val": [1]}, "X_val: X has 1 features, but DenseClassifier"),
        ({"X_val": [[1, 0]], "y_val": [3]}, r"y_val must hold only classes .*\[3\]"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else None,
)
def test_bad_data_is_named(arguments, message):
    data = {"X": [[0, 1], [1, 0]], "y": [0, 1], **arguments}
    with pytest.raises(ValueError, match=message):
        classifier().fit(**data)


@pytest.mark.parametrize("kind", ["U", object, np.dtypes.StringDType()], ids=str)
def test_labels_of_any_type_of_text(kind):
    y = np.array(["good", "b\u00e4d"], dtype=kind)
    fitted = classifier().fit([[0, 1], [1, 0]], y)
    assert fitted.classes_.tolist() == ["b\u00e4d", "good"]
    assert fitted.classes_.dtype.kind == "U"


def test_weights_of_zero_are_named():
    X, y = [[0, 1], [1, 0]], [0, 1]
    with pytest.raises(ValueError, match=r"^class_weight must give some row a weight above 0"):
        classifier(class_weight={0: 0, 1: 0}).fit(X, y)
    with pytest.raises(ValueError, match=r"^sample_weight and class_weight must give some row"):
        classifier(class_weight={0: 0, 1: 1}).fit(X, y, sample_weight=[1, 0])


@pytest.mark.parametrize(
    "X",
    [
        np.ones((4, 2), dtype="M8[s]"),
        np.ones((4, 2), dtype="m8[s]"),
        np.array([[np.timedelta64(3, "s"), 1]] * 4, dtype=object),
        pd.DataFrame({"when": pd.to_datetime(["2020-01-01"] * 4), "what": range(4)}),
        pd.DataFrame({"how_long": pd.to_timedelta([1] * 4), "what": range(4)}),
    ],
    ids=["dates", "spans", "objects", "frame of dates", "frame of spans"],
)
def test_times_are_no_numbers(X):
    with pytest.raises(TypeError, match=r"^X must hold numbers, got"):
        classifier().fit(X, [0, 1, 0, 1])


@pytest.mark.parametrize("random_state", [0, None])
def test_memory_that_is_no_folder_is_named_before_training(tmp_path, random_state):
    file = tmp_path / "file"
    file.touch()
    seen = []
    note = keras.callbacks.LambdaCallback(on_train_begin=lambda logs: seen.append(logs))
    for memory in (file, file / "folder"):
        with pytest.raises(OSError, match="memory must be a folder that exists or can be created"):
            classifier(memory=memory, random_state=random_state, callbacks=note).fit(
                [[0, 1], [1, 0]], [0, 1]
            )
    assert seen == []
    with pytest.raises(ValueError, match="memory must be the path of a file or folder, got ''"):
        classifier(memory="").fit([[0, 1], [1, 0]], [0, 1])


# --- any form of rows and labels --------------------------------------------------------------

N_FEATURES = 12
BASE_X = np.array([[0, 1], [1, 0]] * 20, dtype=np.float32)
BASE_Y = np.array([0, 1] * 20)


def tiny(**parameters):
    base = {"units": 2, "epochs": 1, "batch_size": 16, "random_state": 0}
    return DenseClassifier(**{**base, **parameters})


@pytest.fixture(scope="module", autouse=True)
def own_folder(tmp_path_factory):
    """Give these tests a working folder of their own, for what a parameter may write."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("work"))
        yield


@pytest.fixture(scope="module")
def models():
    """Classifiers of two and of three classes that have learned something."""
    rng = np.random.default_rng(0)
    X = sp.random_array((200, N_FEATURES), density=0.4, random_state=rng, dtype=np.float32)
    return {
        n: DenseClassifier((5, 4), epochs=3, batch_size=16, random_state=0, activation="tanh").fit(
            X, rng.integers(n, size=200)
        )
        for n in (2, 3)
    }


@pytest.fixture(scope="module")
def tiny_model():
    return tiny().fit(BASE_X, BASE_Y)


FORMS = {
    "CSR array": sp.csr_array,
    "CSR matrix": sp.csr_matrix,
    "float64": lambda X: X.astype(np.float64),
    "CSR of float64": lambda X: sp.csr_matrix(X, dtype=np.float64),
    "float16": lambda X: X.astype(np.float16),
    "big-endian": lambda X: X.astype(">f4"),
    "Fortran order": np.asfortranarray,
    "reversed strides": lambda X: X[::-1, ::-1].copy()[::-1, ::-1],
    "objects": lambda X: X.astype(object),
    "lists": lambda X: X.tolist(),
    "tuple of arrays": tuple,
    "unmasked": np.ma.array,
    "DataFrame": pd.DataFrame,
    "nullable": lambda X: pd.DataFrame(X).astype("Float32"),
    "sparse DataFrame": lambda X: pd.DataFrame.sparse.from_spmatrix(sp.csr_matrix(X)),
    "memoryview": lambda X: memoryview(np.ascontiguousarray(X)),
    "int64 indices": lambda X: with_int64(sp.csr_array(X)),
    "unsorted": lambda X: sp.csr_array(X[:, ::-1].copy())[:, ::-1],
    "duplicates": lambda X: doubled(sp.coo_array(X)),
    "CSR of duplicates": lambda X: uncompressed(sp.csr_array(X)),
    "explicit zeros": lambda X: sp.csr_array(
        (X.ravel(), np.tile(np.arange(X.shape[1]), len(X)), np.arange(len(X) + 1) * X.shape[1]),
        X.shape,
    ),
    **{
        name: lambda X, name=name: sp.csr_matrix(X).asformat(name)
        for name in ("csc", "coo", "bsr", "lil", "dok", "dia")
    },
}


def with_int64(X):
    X.indices, X.indptr = X.indices.astype(np.int64), X.indptr.astype(np.int64)
    return X


def doubled(X):
    coords = tuple(np.tile(axis, 2) for axis in X.coords)
    return sp.coo_array((np.tile(X.data / 2, 2), coords), X.shape)


def uncompressed(X):
    """Each entry as two halves of it, side by side."""
    halves = np.repeat(X.data / 2, 2), np.repeat(X.indices, 2), 2 * X.indptr
    return sp.csr_array(halves, X.shape)


@st.composite
def some_rows(draw, n_features=N_FEATURES, min_rows=1):
    n_rows = draw(st.integers(min_rows, 40))
    seed = draw(st.integers(0, 2**32 - 1))
    density = draw(st.sampled_from([0.0, 0.1, 0.5, 1.0]))
    rng = np.random.default_rng(seed)
    X = sp.random_array((n_rows, n_features), density=density, random_state=rng, dtype=np.float32)
    # numbers that float16 holds as well
    return np.round(X.toarray() * 8) / 8


@scaled(250)
@given(some_rows(), st.sampled_from(sorted(FORMS)), st.sampled_from([2, 3]))
def test_any_form_of_rows_predicts_the_same(models, X, form, n_classes):
    model = models[n_classes]
    expected = model.predict_proba(X)
    rows = FORMS[form](X)
    with no_misuse():
        predicted = model.predict_proba(rows)
    assert predicted.dtype == (np.float64 if "float64" in form else np.float32)
    np.testing.assert_allclose(predicted, expected, atol=1e-6)
    np.testing.assert_allclose(predicted.sum(axis=1), 1, atol=1e-6)
    assert set(model.predict(rows)) <= set(model.classes_)


@pytest.mark.parametrize("form", [np.asarray, sp.csr_matrix, pd.DataFrame])
@pytest.mark.parametrize("n_rows", [1, 3000])
@pytest.mark.parametrize("backend", ["sparse", "keras"])
def test_float64_rows_are_predicted_in_float64(form, n_rows, backend):
    rng = np.random.default_rng(0)
    X, y = rng.random((n_rows + 40, 50)) * (rng.random((n_rows + 40, 50)) < 0.1), np.arange(40) % 3
    options = {"units": 6, "activation": "selu", "epochs": 2, "backend": backend}
    fitted = classifier(**options).fit(form(X[:40]), y)
    assert all(weight.dtype == np.float32 for weight in (*fitted.coefs_, *fitted.intercepts_))
    X = X[40:]
    scores = fitted.decision_function(form(X))
    assert scores.dtype == np.float64
    coefs, intercepts = ([*map(np.float64, part)] for part in (fitted.coefs_, fitted.intercepts_))
    z = X @ coefs[0] + intercepts[0]
    hidden = 1.0507009873554805 * np.where(z > 0, z, 1.6732632423543772 * np.expm1(z))
    np.testing.assert_allclose(scores, hidden @ coefs[1] + intercepts[1], rtol=1e-12, atol=1e-14)
    probabilities = fitted.predict_proba(form(X))
    np.testing.assert_allclose(probabilities, softmax(scores, axis=1), rtol=1e-13)
    most_probable = fitted.classes_[probabilities.argmax(axis=1)]
    np.testing.assert_array_equal(fitted.predict(form(X)), most_probable)
    single = fitted.decision_function(form(X.astype(np.float32)))
    assert single.dtype == fitted.predict_proba(form(np.rint(X).astype(int))).dtype == np.float32
    np.testing.assert_allclose(single, scores, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("value", [1e39, 1e308])
def test_rows_of_float64_may_be_larger_than_float32(value):
    X, y = np.eye(4), np.array([0, 1, 0, 1])
    fitted = classifier(units=()).fit(X, y)
    fitted.coefs_[0][:] = 8
    large = sp.csr_matrix(X * value)
    with pytest.raises(ValueError, match=r"^X: Input X contains infinity or a value"):
        classifier().fit(large, y)
    if value == 1e39:
        assert fitted.predict_proba(large)[:, 1].tolist() == [1, 1, 1, 1]
        return
    with pytest.raises(ValueError, match=r"^X must hold smaller values, .* row 0 .*inf"):
        fitted.predict(large)


def test_sparse_rows_of_float64_are_not_copied():
    n_columns = 200_000
    fitted = classifier(units=2, epochs=1).fit(
        sp.eye_array(4, n_columns, format="csr"), [0, 1] * 2
    )
    columns = np.tile(np.arange(0, n_columns, 100, dtype=np.int32), 1000)
    X = sp.csr_array((np.ones(len(columns)), columns, np.arange(1001) * 2000), (1000, n_columns))
    tracemalloc.start()
    fitted.predict(X)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    # the weights as float64, of two units
    assert peak < 8 * 2 * n_columns + X.data.nbytes / 4


@scaled(20)
@given(some_rows())
def test_tables_of_polars_and_arrow_predict_the_same(models, X):
    pl, pa = pytest.importorskip("polars"), pytest.importorskip("pyarrow")
    columns = {f"c{i}": column for i, column in enumerate(X.T)}
    for table in (pl.DataFrame(columns), pa.table(columns)):
        with no_misuse():
            predicted = models[2].predict_proba(table)
        np.testing.assert_allclose(predicted, models[2].predict_proba(X), atol=1e-6)


@scaled(150)
@given(
    some_rows(min_rows=2),
    st.sampled_from([1, 2000, 2048, 2049, 5000]),
    st.lists(st.integers(0, 5000), max_size=6),
    st.sampled_from(["CSR array", "CSR matrix", "float64"]),
    st.sampled_from([2, 3]),
)
def test_any_split_into_batches_predicts_the_same(models, X, n_rows, cuts, form, n_classes):
    # prediction goes through the rows in blocks of 2048
    X = np.resize(X, (n_rows, N_FEATURES))
    rows = FORMS[form](X)
    cuts = [0, *sorted({cut for cut in cuts if 0 < cut < len(X)}), len(X)]
    parts = [rows[start:stop] for start, stop in pairwise(cuts)]
    model = models[n_classes]
    in_parts = np.concatenate([model.predict_proba(part) for part in parts])
    scores = np.concatenate([model.decision_function(part) for part in parts])
    np.testing.assert_allclose(in_parts, model.predict_proba(rows), atol=1e-6)
    np.testing.assert_allclose(scores, model.decision_function(rows), atol=1e-5)


@scaled(40)
@given(
    some_rows(min_rows=4),
    st.sampled_from(sorted(FORMS)),
    st.integers(1, 50),
    st.integers(0, 2**32 - 1),
    st.booleans(),
)
def test_any_form_of_rows_learns_the_same(X, form, batch_size, seed, has_weights):
    assume(X.any())
    y = np.arange(len(X)) % 2
    weights = np.linspace(0, 2, len(X)) if has_weights else None
    model = tiny(activation="tanh", batch_size=batch_size, random_state=seed)
    expected = all_weights(model.fit(X, y, sample_weight=weights))
    rows = FORMS[form](X)
    with no_misuse():
        model.fit(rows, y, sample_weight=weights, X_val=rows, y_val=y)
    np.testing.assert_allclose(all_weights(model), expected, rtol=1e-3, atol=1e-5)


LABELS = (
    st.lists(st.integers(-(2**63), 2**63 - 1), min_size=2, max_size=3, unique=True)
    | st.lists(
        st.text(st.characters(exclude_characters="\0")), min_size=2, max_size=3, unique=True
    )
    | st.lists(st.integers(-(2**40), 2**40).map(float), min_size=2, max_size=3, unique=True)
    | st.just([False, True])
)
LABEL_FORMS = {
    "list": list,
    "tuple": tuple,
    "array": np.array,
    "objects": lambda y: pd.Series(y, dtype=object),
    "Series": pd.Series,
    "column": lambda y: np.array(y)[:, np.newaxis],
    "memory order": lambda y: np.array([*y, *y])[: len(y)],
}


@scaled(60)
@given(LABELS, st.sampled_from(sorted(LABEL_FORMS)), st.data())
@pytest.mark.filterwarnings("ignore:A column-vector y was passed")
def test_any_labels_come_back(labels, form, data):
    y = [label for _ in range(6) for label in labels]
    model = tiny(units=())
    X = np.eye(len(y), 20, dtype=np.float32)
    fitted = given_or_refused(lambda: model.fit(X, LABEL_FORMS[form](y)), "y")
    if fitted is REFUSED:
        # as in scikit-learn, objects are taken for labels only where they are text
        assert form == "objects"
        assert not isinstance(labels[0], str)
        return
    assert fitted.classes_.tolist() == sorted(labels)
    assert set(fitted.predict(X).tolist()) <= set(labels)


def test_text_is_no_class_number():
    model = tiny().fit(BASE_X, BASE_Y)
    for call in (
        lambda: tiny().fit(BASE_X, BASE_Y, X_val=BASE_X, y_val=BASE_Y.astype(str)),
        lambda: model.set_params(warm_start=True).fit(BASE_X, BASE_Y.astype(str)),
        lambda: model.partial_fit(BASE_X, BASE_Y.astype(str)),
    ):
        with pytest.raises(ValueError, match="must hold only classes of the training"):
            call()


# --- nonsense ---------------------------------------------------------------------------------

data_nonsense = (
    nonsense
    | st.lists(nonsense, min_size=2, max_size=2)
    | st.lists(st.lists(built, min_size=2, max_size=2), min_size=2, max_size=2)
)


@pytest.mark.slow
@scaled(250)
@given(data_nonsense)
@example(np.ma.array([[1, 2], [3, 4]], mask=[[0, 1], [0, 0]]))
@example(sp.csr_array((np.ones(1), [10**6], [0, 1]), shape=(1, 2)))
def test_rows_that_make_no_sense_are_not_predicted(tiny_model, X):
    result = given_or_refused(lambda: tiny_model.predict_proba(X), "X")
    if result is not REFUSED:
        # float32 has no room for what float64 has
        values = X.toarray() if sp.issparse(X) else np.asarray(X, dtype=np.float64)
        np.testing.assert_allclose(result, tiny_model.predict_proba(values), rtol=1e-5, atol=1e-5)


@scaled(150)
@given(data_nonsense)
def test_rows_that_make_no_sense_are_not_learned_from(X):
    result = given_or_refused(lambda: tiny().fit(X, [0, 1]), "X", "y")
    if result is not REFUSED:
        values = X.toarray() if sp.issparse(X) else np.asarray(X, dtype=np.float32)
        expected = tiny().fit(values, [0, 1])
        np.testing.assert_allclose(all_weights(result), all_weights(expected), atol=1e-6)


@scaled(150)
@given(data_nonsense)
def test_labels_that_make_no_sense_are_not_learned(y):
    result = given_or_refused(lambda: tiny().fit(BASE_X[:2], y), "y")
    if result is not REFUSED:
        assert result.classes_.tolist() == sorted(np.asarray(y).ravel().tolist())


@scaled(150)
@given(data_nonsense)
def test_weights_that_make_no_sense_are_not_used(sample_weight):
    result = given_or_refused(
        lambda: tiny().fit(BASE_X[:2], [0, 1], sample_weight=sample_weight),
        "sample_weight",
        "learning_rate",
    )
    if result is not REFUSED and sample_weight is not None:
        weights = np.broadcast_to(np.asarray(sample_weight).astype(float), 2)
        expected = tiny().fit(BASE_X[:2], [0, 1], sample_weight=weights)
        np.testing.assert_array_equal(all_weights(result), all_weights(expected))


@pytest.mark.parametrize("name", ["X_val", "y_val"])
@scaled(80)
@given(data_nonsense)
def test_validation_rows_that_make_no_sense_are_named(name, value):
    validation = {"X_val": BASE_X[:2], "y_val": BASE_Y[:2], name: value}
    result = given_or_refused(lambda: tiny().fit(BASE_X, BASE_Y, **validation), name)
    if result is not REFUSED:
        np.testing.assert_array_equal(all_weights(result), all_weights(tiny().fit(BASE_X, BASE_Y)))


@scaled(80)
@given(data_nonsense)
def test_classes_that_make_no_sense_are_named(classes):
    result = given_or_refused(
        lambda: tiny().partial_fit(BASE_X, BASE_Y, classes=classes), "classes"
    )
    if result is not REFUSED:
        assert {0, 1} <= set(result.classes_.tolist()) == set(np.ravel(classes).tolist())


PARAMETERS = sorted(DenseClassifier().get_params())
# an error about a parameter may name one of these instead
RELATED_PARAMETERS = {
    "early_stopping": ["validation_fraction"],
    "l2": ["learning_rate"],
    "class_weight": ["sample_weight", "learning_rate"],
    "optimizer": ["learning_rate"],
}


def is_beyond_a_test(name, value):
    """Tell whether the value may be valid, but has effects that no test can allow."""
    if isinstance(value, list | tuple | dict | set) or (
        isinstance(value, np.ndarray) and value.ndim
    ):
        return any(is_beyond_a_test(name, part) for part in value)
    if name in ("loss", "metrics") and callable(value):
        return True
    if name == "memory":
        return isinstance(value, str) and ("/" in value or "~" in value)
    largest = {"epochs": 3, "units": 50}.get(name)
    is_refused = name == "units" and is_integer(value) and value >= 2**31
    return largest is not None and is_integer(value) and value > largest and not is_refused


@pytest.mark.parametrize("name", PARAMETERS)
@scaled(25)
@given(st.data())
def test_a_parameter_that_makes_no_sense_is_named(name, data):
    value = data.draw(
        (nonsense | st.lists(nonsense, max_size=2)).filter(
            lambda value: not is_beyond_a_test(name, value)
        )
    )
    check_parameter(name, value)


def check_parameter(name, value):
    model = tiny(**{name: value})
    names = [name, *RELATED_PARAMETERS.get(name, ())]
    result = given_or_refused(lambda: model.fit(BASE_X, BASE_Y), *names)
    if result is not REFUSED:
        assert np.isfinite(result.predict_proba(BASE_X)).all()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("units", b"ab"),
        ("units", {16: 1}),
        ("units", {16, 8}),
        ("units", iter([16, 16])),
        ("units", np.array(16)),
        ("units", np.ones((2, 2), dtype=int)),
        ("units", 10**30),
        ("loss", keras.losses.MeanSquaredError),
        ("loss", {}),
        ("loss", {"class_name": "Nothing"}),
        ("loss", []),
        ("optimizer", keras.optimizers.Adam),
        ("optimizer", {}),
        ("optimizer", {"class_name": "Nothing", "config": {}}),
        ("metrics", {}),
        ("metrics", [{}]),
        ("metrics", [["accuracy"]]),
        ("metrics", keras.metrics.AUC),
        ("class_weight", {0: "1", 1: 1}),
        ("class_weight", {0: np.timedelta64(1, "s"), 1: 1}),
        ("class_weight", [1, 2]),
        ("class_weight", np.ones(2)),
        ("class_weight", {0: 10**400, 1: 1}),
        ("random_state", np.random.default_rng(0)),
        ("random_state", 2**40),
        ("memory", "a\0b"),
        ("memory", "\ud800"),
        ("verbose", np.array([1, 2])),
        ("verbose", pd.NA),
        ("learning_rate", 1e300),
        ("learning_rate", 10**400),
        ("l2", 1e300),
        ("dropout", 1 - 1e-12),
        ("batch_size", 10**30),
        ("n_iter_no_change", 10**30),
        ("memory_limit", 10**30),
    ],
)
def test_parameters_that_made_trouble(name, value):
    check_parameter(name, value)


@scaled(30)
@given(nonsense)
def test_a_pipelines_parameters_are_named(value):
    given_or_refused(lambda: multi_hot_pipeline(text=value), "text")
    pipeline = multi_hot_pipeline(num_words=value, units=(), epochs=1)
    sequences = [[1, 2], [3]] * 4
    assume(not is_integer(value) or value < 10**6 or value > 2**63)
    given_or_refused(lambda: pipeline.fit(sequences, [0, 1] * 4), "num_words")


def test_layers_that_can_be_read_once_are_refused():
    with pytest.raises(TypeError, match="units must be an integer"):
        tiny(units=(width for width in (4, 4))).fit(BASE_X, BASE_Y)


@pytest.mark.parametrize("kind", [np.int8, np.uint8, np.int16, np.uint64])
def test_numpys_integers_are_numbers_like_others(kind):
    X, y = np.tile(BASE_X, (8, 1)), np.tile(BASE_Y, 8)
    plain = tiny(units=[3], batch_size=100, epochs=2, warm_start=True).fit(X, y).fit(X, y)
    small = tiny(units=[kind(3)], batch_size=kind(100), epochs=kind(2), warm_start=True)
    with no_misuse():
        small.fit(X, y).fit(X, y)
        np.testing.assert_array_equal(all_weights(small), all_weights(plain))
        # as if there had been so many epochs that the sum is none of NumPy's smallest integers
        small.history_ = {name: values[:2] * 63 for name, values in small.history_.items()}
        assert small.fit(X, y).n_iter_ == 128


# --- large ------------------------------------------------------------------------------------


def test_a_million_columns_and_empty_rows(models):
    n = 1_000_000
    X = sp.csr_array((np.ones(2, np.float32), np.array([5, n - 1]), np.array([0, 1, 2])), (2, n))
    wide = tiny(batch_size=1).fit(X, [0, 1])
    assert wide.coefs_[0].shape == (n, 2)
    assert wide.predict_proba(X).shape == (2, 2)
    empty = sp.csr_matrix((n, N_FEATURES), dtype=np.float32)
    probabilities = models[3].predict_proba(empty)
    np.testing.assert_allclose(probabilities, np.tile(probabilities[:1], (n, 1)), atol=1e-6)


def test_a_network_too_large_for_memory_is_named():
    sequences, y = make_reviews(20, n_words=50, random_state=0)
    X = MultiHotVectorizer(num_words=2**62).fit_transform(sequences)
    assert given_or_refused(lambda: tiny().fit(X, y), "X", "units") is REFUSED


# --- on the IMDB reviews ----------------------------------------------------------------------


@pytest.fixture(scope="module")
def imdb_rows(imdb):
    (X, y), (X_test, y_test) = imdb
    vectorizer = MultiHotVectorizer(num_words=10_000)
    return vectorizer.transform(X), y, vectorizer.transform(X_test), y_test


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["sparse", "keras"])
def test_imdb_16_16_after_4_epochs(imdb_rows, backend):
    X, y, X_test, y_test = imdb_rows
    scores = [
        DenseClassifier(random_state=i, backend=backend).fit(X, y).score(X_test, y_test)
        for i in range(5)
    ]
    assert np.mean(scores) >= 0.880


@pytest.mark.slow
def test_imdb_8_units_with_a_rate_that_falls(imdb_rows):
    X, y, X_test, y_test = imdb_rows
    options = {"learning_rate_schedule": "linear", "epochs": 3, "batch_size": 128}
    scores = [
        DenseClassifier(8, random_state=i, **options).fit(X, y).score(X_test, y_test)
        for i in range(5)
    ]
    assert np.mean(scores) >= 0.886


@pytest.mark.slow
def test_imdb_64_16_after_3_epochs(imdb_rows):
    X, y, X_test, y_test = imdb_rows
    scores = [
        DenseClassifier((64, 16), epochs=3, batch_size=256, loss="mse", random_state=i)
        .fit(X, y)
        .score(X_test, y_test)
        for i in range(3)
    ]
    assert np.mean(scores) >= 0.875


@pytest.mark.slow
def test_imdb_20_epochs_overfit(imdb_rows):
    X, y, *_ = imdb_rows
    histories = [
        DenseClassifier(epochs=20, random_state=i)
        .fit(X[10_000:], y[10_000:], X_val=X[:10_000], y_val=y[:10_000])
        .history_
        for i in range(3)
    ]
    loss = np.mean([history["val_loss"] for history in histories], axis=0)
    accuracy = np.mean([history["val_accuracy"] for history in histories], axis=0)
    assert 3 <= loss.argmin() + 1 <= 8
    assert loss[-1] > loss.min() + 0.1
    assert accuracy[-1] < accuracy.max() - 0.005


@pytest.mark.parametrize("epochs", ["auto", 3])
@pytest.mark.parametrize("batch_size", ["auto", 7])
def test_choose_schedule_gives_what_fit_takes(epochs, batch_size):
    X, y = np.eye(40), np.arange(40) % 2
    classifier = DenseClassifier(2, epochs=epochs, batch_size=batch_size, random_state=0)
    schedule = classifier.choose_schedule(40)
    classifier.fit(X, y)
    assert schedule == (classifier.n_iter_, classifier.batch_size_)


@pytest.mark.parametrize("n_samples", [0, 2.5, "auto"])
def test_choose_schedule_needs_a_number(n_samples):
    with pytest.raises((ValueError, TypeError), match="n_samples"):
        DenseClassifier().choose_schedule(n_samples)
