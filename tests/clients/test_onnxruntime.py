"""ONNX Runtime: models of export_onnx and of Keras, where nothing else is installed."""

import subprocess
import sys

import keras
import numpy as np
import onnxruntime

from skimdb import KerasClassifier, export_onnx, multi_hot_pipeline, text_pipeline

SERVER = """
import sys
for name in ("skimdb", "sklearn", "scipy", "tensorflow", "keras", "onnx"):
    sys.modules[name] = None  # as if it were not installed
import numpy as np, onnxruntime
session = onnxruntime.InferenceSession("network.onnx")
rows, expected, labels = (np.load(f"{name}.npy") for name in ("rows", "expected", "labels"))
for stop in (1, 7, len(rows)):
    label, found = session.run(["label", "probabilities"], {"features": rows[:stop]})
    np.testing.assert_allclose(found, expected[:stop], atol=1e-6, rtol=0)
    np.testing.assert_array_equal(label, labels[:stop])
"""


def test_a_server_without_skimdb(reviews):
    y = np.array(["negative", "positive"])[reviews.y]
    pipeline = text_pipeline(random_state=0).fit(reviews.X, y)
    export_onnx(pipeline, "network.onnx")
    np.save("rows", pipeline[:-2].transform(reviews.X_test).toarray())
    np.save("expected", pipeline.predict_proba(reviews.X_test))
    np.save("labels", pipeline.predict(reviews.X_test))
    result = subprocess.run([sys.executable, "-c", SERVER], capture_output=True, text=True)
    assert result.returncode == 0, result.stderr


def check_keras_export(pipeline, X):
    classifier = pipeline[-1]
    classifier.model_.export("network.onnx", format="onnx", verbose=False)
    session = onnxruntime.InferenceSession("network.onnx")
    rows = pipeline[:-1].transform(X).toarray()
    (found,) = session.run(None, {session.get_inputs()[0].name: rows})
    np.testing.assert_allclose(found, classifier.predict_proba(rows)[:, 1:], atol=1e-6)


def test_keras_exports_the_model_of_a_dense_classifier(reviews):
    pipeline = multi_hot_pipeline(text=True, num_words=500, random_state=0)
    check_keras_export(pipeline.fit(reviews.X, reviews.y), reviews.X_test)


def dense_stack(meta):
    inputs = keras.Input((meta["n_features_in_"],), name="features")
    hidden = keras.layers.Dense(8, "relu")(inputs)
    return keras.Model(inputs, keras.layers.Dense(1, "sigmoid")(hidden))


def test_keras_exports_the_model_of_a_keras_classifier(reviews):
    classifier = KerasClassifier(dense_stack, loss="binary_crossentropy", verbose=0)
    pipeline = multi_hot_pipeline(text=True, num_words=500, classifier=classifier)
    check_keras_export(pipeline.fit(reviews.X, reviews.y), reviews.X_test)
