"""Measure whole processes, from start to end: train and score, skimdb train, the first fit."""

import os
import subprocess
import sys
from statistics import median
from tempfile import mkdtemp

from benchmarks._contenders import keras_model, vectorize_sequences
from benchmarks._data import CACHE_VARIABLE, N_QUICK_ROWS, NUM_WORDS, data_home
from benchmarks._measure import ROOT, Contender, Group, Work, peak_mb

PARTS = ("file",)

_SKIMDB = """
from skimdb import DenseClassifier
classifier = DenseClassifier((16, 16), epochs={epochs}, random_state=0, backend="{backend}")
"""
_MLP = """
from sklearn.neural_network import MLPClassifier
classifier = MLPClassifier(
    (16, 16), max_iter={epochs}, batch_size=512, tol=0, n_iter_no_change=10_000, random_state=0
)
"""
_LOAD_FIT_SCORE = """
from skimdb import MultiHotVectorizer
from skimdb.datasets import fetch_imdb
vectorizer = MultiHotVectorizer(num_words=10_000)
X, y = fetch_imdb(subset="train", num_words=10_000, return_X_y=True)
X_test, y_test = fetch_imdb(subset="test", num_words=10_000, return_X_y=True)
classifier.fit(vectorizer.transform(X[:{n_rows}]), y[:{n_rows}])
print(classifier.score(vectorizer.transform(X_test[:{n_rows}]), y_test[:{n_rows}]))
"""
_SMALL_FIT = """
from skimdb import DenseClassifier, MultiHotVectorizer
from skimdb.datasets import make_reviews
X, y = make_reviews(1000, random_state=0)
X = MultiHotVectorizer(num_words=10_000, mode="freq").transform(X)  # needs the compiled kernels
DenseClassifier(random_state=0).fit(X, y)
"""


def groups(options):
    """Return the groups: load to score, its memory, ``skimdb train`` and the first fit."""
    n_rows = N_QUICK_ROWS if options.quick else None
    few, many = (1, 2) if options.quick else (4, 20)

    def load_to_score(name, classifier, epochs, backend="auto", at_most=None):
        script = classifier + _LOAD_FIT_SCORE
        script = script.format(epochs=epochs, backend=backend, n_rows=n_rows)
        parameters = {"script": script, "data": options.data}
        return Contender(name, run_load_to_score, parameters, at_most=at_most)

    def with_tensorflow(at_most):
        return load_to_score("skimdb, Keras backend", _SKIMDB, few, "keras", at_most)

    work = "start, load the arrays, vectorize, fit {} epochs, score"
    train = {"arguments": ["-m", "skimdb", "train"], "data": options.data}
    import_tensorflow = {"arguments": ["-c", "import tensorflow"], "data": options.data}
    small_fit = {"arguments": ["-c", _SMALL_FIT], "data": options.data}
    return [
        Group(
            f"process, {few} epochs",
            work.format(few),
            (
                load_to_score("skimdb", _SKIMDB, few),
                load_to_score("MLPClassifier", _MLP, few, at_most=1.1),
                with_tensorflow(at_most=0.45),
            ),
            columns=("accuracy",),
        ),
        Group(
            f"process, {many} epochs",
            work.format(many),
            (
                load_to_score("skimdb", _SKIMDB, many),
                load_to_score("MLPClassifier", _MLP, many, at_most=0.8),
            ),
            columns=("accuracy",),
        ),
        Group(
            "process, memory",
            work.format(few),
            (
                load_to_score("skimdb", _SKIMDB, few),
                with_tensorflow(at_most=0.5),
                Contender(
                    "the article's dense script",
                    load_to_score_dense,
                    {"data": options.data, "n_rows": n_rows, "epochs": few},
                    at_most=0.13,
                ),
            ),
            measure="peak_mb",
            columns=("accuracy",),
        ),
        Group(
            "process, skimdb train",
            "the command on its sample, compared with the start of TensorFlow alone",
            (
                Contender("skimdb train", run_python, train),
                Contender("import tensorflow", run_python, import_tensorflow),
            ),
        ),
        Group(
            "process, first fit",
            "fit 1,000 generated reviews, with an empty folder for the compiled kernels",
            (
                Contender("first fit", run_python, {**small_fit, "compiles": True}),
                Contender("later fit", run_python, small_fit),
            ),
            notes=_notes_on_first_fit,
        ),
    ]


def run_load_to_score(context, script, data):
    """Job: a script in its own process, which prints the test accuracy."""
    work = run_python(context, ["-c", script], data)
    return Work(work.run, lambda result: {**work.figures(result), "accuracy": float(result[1])})


def run_python(context, arguments, data, compiles=False):
    """Job: a Python process with these arguments, after an unmeasured one that fills its caches.

    If ``compiles``, the measured process gets an empty folder for the compiled kernels.
    """
    env = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "SKIMDB_IMDB_HOME": str(data_home(context, data)),
        CACHE_VARIABLE: str(context.folder / "cache"),
        "NUMBA_CACHE_DIR": str(context.folder / "kernels"),
    }

    def run():
        process = subprocess.Popen(
            [sys.executable, *arguments],
            stdout=subprocess.PIPE,
            cwd=mkdtemp(dir=context.folder),
            env=env,
            text=True,
        )
        output = process.stdout.read()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        return process.returncode, output, usage

    def figures(result):
        code, _, usage = result
        if code != 0:
            raise RuntimeError(f"a process ended with code {code}.")
        return {"peak_mb": peak_mb(usage)}

    figures(run())
    if compiles:
        env["NUMBA_CACHE_DIR"] = mkdtemp(dir=context.folder)
    return Work(run, figures)


def load_to_score_dense(context, data, n_rows, epochs):
    """Job: the article's script from the file to the test accuracy."""

    def run():
        from benchmarks.load import load_data_like_keras

        train, test = load_data_like_keras(data_home(context, data) / "imdb.npz")
        (train_data, train_labels), (test_data, test_labels) = train, test
        x_train = vectorize_sequences(train_data[:n_rows])
        x_test = vectorize_sequences(test_data[:n_rows])
        y_train = train_labels[:n_rows].astype("float32")
        y_test = test_labels[:n_rows].astype("float32")
        model = keras_model((16, 16), NUM_WORDS, context.seed)
        model.fit(x_train, y_train, epochs=epochs, batch_size=512, verbose=0)
        return model.evaluate(x_test, y_test, verbose=0)[1]

    return Work(run, lambda accuracy: {"accuracy": accuracy})


def _notes_on_first_fit(rows):
    pairs = zip(rows[0]["seconds"], rows[1]["seconds"], strict=True)
    seconds = median(first - later for first, later in pairs)
    return [f"The first fit takes {seconds:.2f} s more than a later one (at most 2.5)."]
