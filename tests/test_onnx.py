"""ONNX Runtime serves what export_onnx writes, and predicts as skimdb does."""

import subprocess
import sys

import numpy as np
import onnx
import onnxruntime
import pytest
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import MaxAbsScaler

import skimdb
from skimdb import (
    DenseClassifier,
    LogCountRatioScaler,
    MultiHotVectorizer,
    export_onnx,
    load_model,
    multi_hot_pipeline,
    save_model,
    text_pipeline,
)
from skimdb.datasets import load_sample_reviews, make_reviews

SEQUENCES, NUMBERS = make_reviews(240, n_words=60, random_state=0)
# a row without entries stays one
X = MultiHotVectorizer(num_words=60).fit_transform([*SEQUENCES[:-1], []])
# of two and of three classes, and of each kind that y may have
LABELS = {
    "text": np.array(["non", "où"])[NUMBERS],
    "three texts": np.array(["a", "b", "c"])[NUMBERS + np.arange(240) % 2],
    "numbers": 7 * NUMBERS - 3,
    "three numbers": np.array([5, -1, 3])[NUMBERS + np.arange(240) % 2],
    "bool": NUMBERS == 1,
    "float": NUMBERS + 1.0,
}
ACTIVATIONS = (
    "relu",
    "tanh",
    "sigmoid",
    "linear",
    "elu",
    "selu",
    "gelu",
    "silu",
    "softplus",
    "softsign",
    "leaky_relu",
)


def fit(model, y, rows=X):
    return model.fit(rows, y)


def small(**params):
    # weights far from their small first values, so that the activations show
    settings = {"units": (6, 5), "learning_rate": 0.01, "epochs": 15, "batch_size": 16}
    return DenseClassifier(**{**settings, "random_state": 0, **params})


def served(path, rows):
    """Labels and probabilities by ONNX Runtime."""
    session = onnxruntime.InferenceSession(path)
    assert [item.name for item in session.get_inputs()] == ["features"]
    return session.run(["label", "probabilities"], {"features": rows})


def check_equal(path, rows, model, model_rows):
    label, probabilities = served(path, rows)
    expected = model.predict_proba(model_rows)
    assert probabilities.dtype == np.float32
    np.testing.assert_allclose(probabilities, expected, rtol=0, atol=1e-6)
    assert expected.max() - expected.min() > 0.5
    np.testing.assert_array_equal(label, model.predict(model_rows))


@pytest.mark.parametrize(
    ("activation", "kind"),
    [(name, [*LABELS][number % len(LABELS)]) for number, name in enumerate(ACTIVATIONS)],
)
def test_each_activation_and_kind_of_label(activation, kind, tmp_path):
    classifier = fit(small(activation=activation), LABELS[kind])
    path = tmp_path / "network.onnx"
    assert export_onnx(classifier, str(path)) == path
    check_equal(path, X.toarray(), classifier, X)
    label, _ = served(path, X[:1].toarray())
    assert label.shape == (1,)
    assert label.dtype == (object if "text" in kind else np.int64)


@pytest.mark.parametrize("y", [LABELS["text"], LABELS["three numbers"]])
@pytest.mark.parametrize("norm_power", [0, 0.5, 1])
def test_a_scaler_becomes_part_of_the_model(y, norm_power, tmp_path):
    pipeline = make_pipeline(
        LogCountRatioScaler(norm_power=norm_power), "passthrough", small(units=())
    )
    path = export_onnx(fit(pipeline, y), tmp_path / "network.onnx")
    check_equal(path, X.toarray(), pipeline, X)


@pytest.mark.parametrize("n_labels", [2, 3])
def test_several_labels_a_row(n_labels, tmp_path):
    y = np.stack([NUMBERS, X.toarray()[:, 20] > 0, NUMBERS == 0], axis=1)[:, :n_labels]
    pipeline = fit(make_pipeline(LogCountRatioScaler(), small()), y.astype(int))
    path = export_onnx(pipeline, tmp_path / "network.onnx")
    check_equal(path, X.toarray(), pipeline, X)
    assert served(path, X[:1].toarray())[0].shape == (1, n_labels)


def test_other_steps_stay_in_python(tmp_path):
    pipeline = fit(make_pipeline(LogCountRatioScaler(), MaxAbsScaler(), small()), LABELS["text"])
    path = export_onnx(pipeline, tmp_path / "network.onnx")
    check_equal(path, pipeline[:-1].transform(X).toarray(), pipeline, X)


def test_texts_are_served_without_tensorflow(tmp_path):
    texts, y = load_sample_reviews(return_X_y=True)
    pipeline = text_pipeline(random_state=0, min_df=3).fit(texts[:200], y[:200])
    columns = load_model(save_model(pipeline[:-2], tmp_path / "columns.skimdb"))
    path = export_onnx(pipeline, tmp_path / "network.onnx")
    check_equal(path, columns.transform(texts[200:]).toarray(), pipeline, texts[200:])


def test_sequences(tmp_path):
    pipeline = multi_hot_pipeline(classifier=small(), num_words=60)
    fit(pipeline, LABELS["three texts"], SEQUENCES)
    path = export_onnx(pipeline, tmp_path / "network.onnx")
    check_equal(path, pipeline[:-1].transform(SEQUENCES).toarray(), pipeline, SEQUENCES)
    model = onnx.load(path)
    onnx.checker.check_model(model, full_check=True)
    assert model.producer_name == "skimdb"


@pytest.mark.parametrize(
    ("model", "error", "message"),
    [
        (small(), NotFittedError, "DenseClassifier instance is not fitted"),
        (LogisticRegression(), TypeError, "ends in one, got LogisticRegression"),
        (Pipeline([("only", "passthrough")]), TypeError, "ends in one, got NoneType"),
        (None, TypeError, "ends in one, got NoneType"),
    ],
)
def test_what_is_refused(model, error, message, tmp_path):
    with pytest.raises(error, match=message):
        export_onnx(model, tmp_path / "network.onnx")
    assert not list(tmp_path.iterdir())


@pytest.mark.keras
def test_other_networks_are_refused(tmp_path):
    pipeline = make_pipeline(MaxAbsScaler(), skimdb.KerasClassifier(lambda meta: None))
    with pytest.raises(TypeError, match=r"model_\.export\(path"):
        export_onnx(pipeline, tmp_path / "network.onnx")


def test_what_an_onnx_file_cannot_hold(tmp_path):
    path = tmp_path / "network.onnx"
    large = fit(small(), np.array([0, 2**63], dtype=np.uint64)[NUMBERS])
    with pytest.raises(ValueError, match=r"labels within int64 .* got \[0, 9223372036854775808\]"):
        export_onnx(large, path)
    large.coefs_ = [np.broadcast_to(np.float32(0), (2**29, 1))]
    with pytest.raises(ValueError, match=r"less than 2 GiB of weights, .* got 2\.0 GiB"):
        export_onnx(large, path)
    assert not list(tmp_path.iterdir())


def test_a_file_is_replaced_whole_or_not_at_all(tmp_path, monkeypatch):
    path = tmp_path / "network.onnx"
    path.write_text("earlier")
    classifier = fit(small(), LABELS["text"])

    def find_fault(*args, **kwargs):
        raise onnx.checker.ValidationError("a fault")

    with monkeypatch.context() as patch:
        patch.setattr(onnx.checker, "check_model", find_fault)
        with pytest.raises(onnx.checker.ValidationError, match="a fault"):
            export_onnx(classifier, path)
    assert [*tmp_path.iterdir()] == [path]
    assert path.read_text() == "earlier"
    export_onnx(classifier, path)
    check_equal(path, X.toarray(), classifier, X)
    with pytest.raises(FileNotFoundError, match="path must be in an existing folder"):
        export_onnx(classifier, tmp_path / "missing" / "network.onnx")


WITHOUT = """
import sys
from skimdb import DenseClassifier, export_onnx
classifier = DenseClassifier(2, epochs=1).fit([[0, 1], [1, 0]], [0, 1])
if sys.argv[1:]:
    export_onnx(classifier, sys.argv[1])
    assert not {"tensorflow", "keras"} & {*sys.modules}
else:
    sys.modules["onnx"] = None  # as if it were not installed
    export_onnx(classifier, "network.onnx")
"""


@pytest.mark.slow
def test_what_must_be_installed(tmp_path):
    def run(*arguments):
        command = [sys.executable, "-c", WITHOUT, *arguments]
        return subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)

    missing = run()
    assert "ImportError: export_onnx needs onnx: pip install 'skimdb[onnx]'" in missing.stderr
    assert not list(tmp_path.iterdir())
    done = run("network.onnx")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "network.onnx").is_file()
