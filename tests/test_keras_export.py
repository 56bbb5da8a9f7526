"""What is exported is plain Keras: it opens and predicts the same where skimdb isn't installed."""

import os
import subprocess
import sys
import zipfile

import keras
import numpy as np
import pytest
import scipy.sparse as sp
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import MaxAbsScaler

from skimdb import DenseClassifier, MultiHotVectorizer, export_keras
from skimdb.datasets import make_reviews


@pytest.fixture(scope="module")
def sequences():
    """Sequences of ids below 60, and two classes."""
    return make_reviews(240, n_words=60, random_state=0)


def small(**params):
    return DenseClassifier(**{"units": (4, 3), "epochs": 1, "random_state": 0, **params})


OPENED_ELSEWHERE = """
import sys
sys.modules["skimdb"] = None  # as if it were not installed
import keras, numpy as np, scipy.sparse as sp
folder, *names = sys.argv[1:]
for name in names:
    model = keras.models.load_model(f"{folder}/{name}.keras")
    X = sp.load_npz(f"{folder}/X.npz")
    expected = np.load(f"{folder}/{name}.npy")
    for rows in (X, X.toarray(), X[:1]):
        np.testing.assert_allclose(
            model.predict(rows, verbose=0), expected[: rows.shape[0]], atol=1e-6, rtol=0
        )
    kinds = {type(layer).__module__.split(".")[0] for layer in model.layers}
    assert kinds == {"keras"} and type(model) is keras.Sequential, kinds
assert not [name for name in sys.modules if name.startswith("skimdb.")]
"""


@pytest.mark.slow
def test_keras_opens_what_was_exported_without_skimdb(sequences, tmp_path):
    ids, y = sequences
    vectorizer = MultiHotVectorizer(num_words=60)
    X = vectorizer.fit_transform(ids)
    sp.save_npz(tmp_path / "X.npz", sp.csr_matrix(X))
    two = np.array(["no", "yes"])[y]
    three = y + (np.arange(len(y)) % 3 == 0)
    own = {"loss": keras.losses.BinaryCrossentropy(), "metrics": [keras.metrics.AUC()]}
    models = {
        "two": Pipeline([("v", vectorizer), ("c", small(dropout=0.3, l2=0.01, **own))]).fit(
            ids, two
        ),
        "three": small(activation="leaky_relu").fit(X, three),
        "no_hidden": small(units=()).fit(X, two),
    }
    for name, model in models.items():
        path = tmp_path / f"{name}.keras"
        assert export_keras(model, str(path)) == path
        probabilities = model.predict_proba(ids if name == "two" else X)
        outputs = probabilities if name == "three" else probabilities[:, 1:]
        np.save(tmp_path / f"{name}.npy", outputs)
        with zipfile.ZipFile(path) as archive:
            assert b"skimdb" not in archive.read("config.json")
    command = [sys.executable, "-c", OPENED_ELSEWHERE, tmp_path, *models]
    opened = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    assert opened.returncode == 0, opened.stderr


def test_keras_exports_the_model_that_no_one_has_called(sequences, tmp_path):
    ids, y = sequences
    X = MultiHotVectorizer(num_words=60).fit_transform(ids)
    fitted = small().fit(X, y)
    fitted.model_.export(tmp_path / "model", format="tf_saved_model")
    layer = keras.layers.TFSMLayer(tmp_path / "model", call_endpoint="serve")
    probabilities = keras.ops.convert_to_numpy(layer(X.toarray()))
    np.testing.assert_allclose(probabilities, fitted.predict_proba(X)[:, 1:], atol=1e-6)


def test_what_export_keras_refuses(sequences, tmp_path):
    ids, y = sequences
    fitted = small().fit(MultiHotVectorizer(num_words=60).fit_transform(ids), y)
    with pytest.raises(ValueError, match=r"^path must end in \.keras, got '.*model\.h5'"):
        export_keras(fitted, tmp_path / "model.h5")
    for model in (MaxAbsScaler(), make_pipeline(MaxAbsScaler()), None):
        with pytest.raises(TypeError, match=r"^pipeline must be a DenseClassifier or a Pipeline"):
            export_keras(model, tmp_path / "model.keras")
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(os.name == "nt", reason="needs POSIX")
def test_a_link_stays_whatever_the_file_it_leads_to_is_called(sequences, tmp_path):
    ids, y = sequences
    fitted = small().fit(MultiHotVectorizer(num_words=60).fit_transform(ids), y)
    target, link = tmp_path / "network.bin", tmp_path / "network.keras"
    link.symlink_to(target)
    export_keras(fitted, link)
    assert link.is_symlink()
    assert zipfile.is_zipfile(target)
    assert sorted(tmp_path.iterdir()) == [target, link]
