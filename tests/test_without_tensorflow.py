"""Where TensorFlow, Keras and SciKeras are missing: most works, the rest says what to install."""

import json
import subprocess
import sys
from importlib.util import find_spec

import pytest

MISSING = ("tensorflow", "keras", "scikeras")
# what Python takes for modules that cannot be imported
HIDE = f"import sys; sys.modules.update(dict.fromkeys({MISSING}))\n"


def run(script, *arguments, cwd=None):
    """Run a script in a process without these packages, and return its last line, as JSON."""
    command = [sys.executable, "-c", HIDE + script, *arguments]
    result = subprocess.run(command, capture_output=True, text=True, cwd=cwd)
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout.splitlines()[-1])


# --- what needs none of them ------------------------------------------------------------------

LIBRARY = """
import json, pickle
import numpy as np
import skimdb
from skimdb import DenseClassifier, LogCountRatioScaler, MultiHotVectorizer
from skimdb.datasets import load_sample_reviews, make_reviews

texts, y = load_sample_reviews(return_X_y=True)
pipeline = skimdb.text_pipeline(epochs=2, random_state=0).fit(texts, y)
path = skimdb.save_model(pipeline, "model.skimdb")
copies = [skimdb.load_model(path), pickle.loads(pickle.dumps(pipeline))]
expected = pipeline.predict_proba(texts)
done = {"copies": [np.array_equal(copy.predict_proba(texts), expected) for copy in copies]}
explanation = skimdb.explain(pipeline, texts[:2])
explanation[0].plot()
done["explain"] = type(explanation).__name__
done["explain_global"] = type(skimdb.explain_global(pipeline)).__name__
done["report"] = skimdb.write_report(pipeline, "report.html", texts[:50], y[:50]).name
skimdb.TrainingHistoryDisplay.from_estimator(pipeline)
sequences, y = make_reviews(60, n_words=50, random_state=0)
article = skimdb.multi_hot_pipeline(num_words=50, units=2, epochs=1).fit(sequences, y)
classifier = article["classifier"]
X = article["vectorizer"].transform(sequences)
classifier.partial_fit(X, y)
done["onnx"] = skimdb.export_onnx(article, "network.onnx").name
done["backends"] = [classifier.backend_, DenseClassifier(2, epochs=1).fit(X, y).backend_]
done["attributes"] = [name for name in dir(classifier) if name.startswith(("model", "keras"))]
print(json.dumps(done))
"""


@pytest.mark.slow
def test_the_library(tmp_path):
    done = run(LIBRARY, cwd=tmp_path)
    assert done == {
        "copies": [True, True],
        "explain": "Explanation",
        "explain_global": "GlobalExplanation",
        "report": "report.html",
        "onnx": "network.onnx",
        "backends": ["sparse", "sparse"],
        "attributes": [],
    }


COMMAND_LINE = """
import json
from skimdb.__main__ import main

def run(*arguments):
    sys.argv = ["skimdb", *arguments]
    try:
        main()
    except SystemExit as end:
        return end.code or 0

codes = [
    run("--version"),
    run("train", "--epochs", "2"),
    run("predict", "skimdb-model", "A wonderful film."),
    run("explain", "skimdb-model", "A wonderful film."),
    run("evaluate", "skimdb-model"),
    run("report", "skimdb-model", "--out", "report.html"),
    run("tune", "--units", "4", "--epochs", "1", "--batch-size", "64", "--cv", "2"),
]
print(json.dumps(codes))
"""


@pytest.mark.slow
def test_the_command_line(tmp_path):
    assert run(COMMAND_LINE, cwd=tmp_path) == [0] * 7


# --- what needs them --------------------------------------------------------------------------

ASK = """
import json, pickle
import numpy as np
import skimdb
from skimdb import DenseClassifier

X, y = np.eye(6, dtype=np.float32), [0, 1] * 3
fitted = DenseClassifier(2, epochs=1).fit(X, y)
errors = {}
for request in sys.argv[1:]:
    try:
        exec(request)
    except ImportError as error:
        errors[request] = str(error)
del sys.modules["tensorflow"], sys.modules["keras"]
try:
    skimdb.KerasClassifier
except ImportError as error:
    errors["with only SciKeras missing"] = str(error)
print(json.dumps(errors))
"""
REQUESTS = {
    "skimdb.KerasClassifier": "KerasClassifier",
    "from skimdb import KerasClassifier": "KerasClassifier",
    "pickle.loads(b'cskimdb\\nKerasClassifier\\n.')": "KerasClassifier",
    "fitted.model_": "model_",
    "fitted.keras_classifier_": "keras_classifier_",
    "skimdb.export_keras(fitted, 'network.keras')": "export_keras",
    "skimdb.plot_model(fitted, 'network.png')": "plot_model",
    "DenseClassifier(backend='keras').fit(X, y)": "backend='keras'",
    "DenseClassifier(optimizer='nadam').fit(X, y)": "training with optimizer='nadam'",
    "DenseClassifier(optimizer='lion').partial_fit(X, y, [0, 1])": (
        "training with optimizer='lion'"
    ),
    "DenseClassifier(loss='poisson', callbacks=[3]).fit(X, y)": (
        "training with loss='poisson', callbacks that are no functions"
    ),
    "DenseClassifier(metrics=['auc']).fit(X, y)": "training with metrics=('auc',)",
}
ALTERNATIVE = " Without them the sparse trainer takes the optimizers sgd, rmsprop, "


@pytest.fixture(scope="module")
def errors():
    return run(ASK, *REQUESTS)


@pytest.mark.parametrize("request_", REQUESTS)
def test_what_asks_for_keras_says_what_to_install(request_, errors):
    user = REQUESTS[request_]
    message = errors[request_]
    expected = (
        f"{user} needs TensorFlow, Keras and SciKeras; not installed: "
        f"{', '.join(MISSING)}. Run `pip install {' '.join(MISSING)}`."
    )
    assert message.startswith(expected)
    rest = message.removeprefix(expected)
    assert rest.startswith(ALTERNATIVE) if user.startswith("training") else not rest


@pytest.mark.skipif(find_spec("keras") is None, reason="Keras is missing")
def test_one_missing_package_is_named_alone(errors):
    message = errors["with only SciKeras missing"]
    assert message.endswith("not installed: scikeras. Run `pip install scikeras`.")
