"""The two trainers of DenseClassifier: which one trains, and what both of them do."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given
from hypothesis import strategies as st
from property_cases import scaled
from sklearn.base import clone

from skimdb import DenseClassifier, load_model, save_model
from skimdb.datasets import make_reviews

BACKENDS = ["sparse", "keras"]


def classifier(**parameters):
    return DenseClassifier(
        **{"units": (8, 4), "epochs": 2, "batch_size": 16, "random_state": 0, **parameters}
    )


def make_rows(n_rows=100, n_columns=30, n_classes=2, density=0.2, seed=0):
    rng = np.random.default_rng(seed)
    X = sp.random_array((n_rows, n_columns), density=density, rng=rng, dtype=np.float32).tocsr()
    return X, rng.permutation(np.arange(n_rows) % n_classes)


def weights(model):
    return [*model.coefs_, *model.intercepts_]


def assert_close(one, other, rtol=1e-4, atol=1e-6):
    for a, b in zip(weights(one), weights(other), strict=True):
        np.testing.assert_allclose(a, b, rtol=rtol, atol=atol)


def assert_equal(one, other):
    for a, b in zip(weights(one), weights(other), strict=True):
        np.testing.assert_array_equal(a, b)
    assert one.history_ == other.history_


# --- the choice -------------------------------------------------------------------------------

NAMED = [
    {},
    {"optimizer": "Adam"},
    {"optimizer": "sgd", "momentum": 0.5},
    {"loss": "MeanSquaredError", "metrics": ("acc", "mae")},
    {"metrics": ()},
    {"callbacks": lambda epoch, logs: None},
]
ONLY_KERAS = [
    ({"optimizer": "nadam"}, "optimizer='nadam'"),
    ({"optimizer": keras.optimizers.SGD(0.1)}, "optimizer=<"),
    ({"loss": "kl_divergence"}, "loss='kl_divergence'"),
    ({"loss": keras.losses.Huber(0.5)}, "loss=<"),
    ({"metrics": ("accuracy", "auc")}, "metrics="),
    ({"callbacks": [keras.callbacks.TerminateOnNaN()]}, "callbacks that are no functions"),
]


@pytest.mark.parametrize("parameters", NAMED)
def test_auto_takes_the_sparse_trainer_for_names(parameters):
    X, y = make_rows()
    model = classifier(**parameters).fit(X, y)
    assert model.backend_ == "sparse"
    assert_equal(model, classifier(**parameters, backend="sparse").fit(X, y))


@pytest.mark.slow
@pytest.mark.parametrize(("parameters", "named"), ONLY_KERAS, ids=lambda value: str(value)[:40])
def test_auto_takes_keras_for_the_rest(parameters, named):
    X, y = make_rows()
    assert classifier(**parameters).fit(X, y).backend_ == "keras"
    model = classifier(**parameters, backend="sparse")
    with pytest.raises(ValueError, match=r"backend must be 'auto' or 'keras' to train") as raised:
        model.fit(X, y)
    assert named in str(raised.value)
    assert not hasattr(model, "coefs_")


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"backend": "tensorflow"}, "backend must be one of 'auto', 'sparse', 'keras'"),
        ({"backend": None}, "backend must be one of"),
        (
            {"momentum": 0.9},
            "momentum must be 0 unless optimizer is 'sgd', got 0.9 with 'rmsprop'",
        ),
        ({"optimizer": "sgd", "momentum": 1.0}, "momentum == 1.0"),
        ({"learning_rate_schedule": "step"}, "learning_rate_schedule must be one of 'linear'"),
        ({"callbacks": [3]}, "callbacks"),
    ],
)
def test_parameters_of_the_trainers_are_named_in_errors(parameters, message):
    with pytest.raises((ValueError, TypeError), match=message):
        classifier(**parameters).fit(*make_rows())


def test_partial_fit_has_no_schedule():
    model = classifier(learning_rate_schedule="linear")
    with pytest.raises(ValueError, match="learning_rate_schedule must be None for partial_fit"):
        model.partial_fit(*make_rows(), classes=[0, 1])


def test_tensorflow_without_a_gpu_leaves_the_sparse_trainer():
    assert "tensorflow" in sys.modules
    assert classifier().fit(*make_rows()).backend_ == "sparse"


def test_a_gpu_of_tensorflow_is_used(monkeypatch):
    tensorflow = sys.modules["tensorflow"]
    monkeypatch.setattr(tensorflow.config, "get_visible_devices", lambda kind=None: [kind])
    assert classifier().fit(*make_rows()).backend_ == "keras"


# --- what both do -----------------------------------------------------------------------------

SETTINGS = [
    {},
    {"class_weight": {0: 1, 1: 3}},
    {"optimizer": "adam", "l2": 0.01, "activation": "tanh"},
    {"early_stopping": True, "epochs": 12, "validation_fraction": 0.3, "learning_rate": 0.03},
    {"learning_rate_schedule": "linear", "learning_rate": 0.01},
    {"learning_rate_schedule": "cosine", "optimizer": "sgd", "momentum": 0.9},
    {"metrics": ("accuracy", "mse", "mae"), "loss": "hinge"},
    {"units": ()},
]


@pytest.mark.parametrize("parameters", SETTINGS, ids=str)
@pytest.mark.parametrize("n_classes", [2, 3])
def test_both_backends_agree(parameters, n_classes):
    X, y = make_rows(n_classes=n_classes)
    if n_classes == 3 and "metrics" in parameters:
        parameters = {**parameters, "metrics": ("categorical_accuracy", "mse", "mae")}
    one, other = (classifier(**parameters, backend=b).fit(X, y) for b in BACKENDS)
    assert (one.backend_, other.backend_) == ("sparse", "keras")
    assert_close(one, other)
    assert [*sorted(one.history_)] == [*sorted(other.history_)]
    for name, values in one.history_.items():
        np.testing.assert_allclose(values, other.history_[name], rtol=1e-4)
    np.testing.assert_allclose(one.predict_proba(X), other.predict_proba(X), rtol=1e-3, atol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("optimizer", ["rmsprop", "adam", "sgd"])
def test_warm_start_continues_as_one_fit(backend, optimizer):
    X, y = make_rows()
    parameters = {"optimizer": optimizer, "backend": backend}
    model = classifier(**parameters, epochs=2, warm_start=True).fit(X, y).fit(X, y)
    whole = classifier(**parameters, epochs=4).fit(X, y)
    assert_close(model, whole, rtol=1e-6)
    assert model.n_iter_ == 4
    assert model.history_["loss"] == pytest.approx(whole.history_["loss"])


@pytest.mark.parametrize("order", [BACKENDS, BACKENDS[::-1]], ids=" then ".join)
@pytest.mark.parametrize(
    "parameters",
    [{"optimizer": "rmsprop"}, {"optimizer": "adam"}, {"optimizer": "sgd", "momentum": 0.9}],
    ids=str,
)
def test_one_backend_continues_from_the_other(order, parameters):
    # few entries, so that most columns were last touched some steps ago
    X, y = make_rows(density=0.02, n_columns=200)
    parameters = {**parameters, "warm_start": True, "batch_size": 4}
    model = classifier(**parameters, backend=order[0]).fit(X, y)
    model.set_params(backend=order[1]).fit(X, y)
    assert model.backend_ == order[1]
    assert_close(model, classifier(**parameters, epochs=4).fit(X, y))


@pytest.mark.parametrize("optimizer", ["rmsprop", "adagrad", "adam"])
def test_a_failed_fit_leaves_the_state_of_the_optimizer(optimizer):
    """Rows with other values than 1 are trained by compiled kernels, which change arrays."""
    X, y = make_rows(density=0.02, n_columns=200)

    def fail(epoch, logs):
        raise OSError("disk full")

    model, other = (
        classifier(optimizer=optimizer, batch_size=4, warm_start=True).fit(X, y) for _ in range(2)
    )
    model.callbacks = fail
    with pytest.raises(OSError, match="disk full"):
        model.fit(X, y)
    model.callbacks = None
    assert_equal(model.fit(X, y), other.fit(X, y))


@pytest.mark.parametrize("optimizer", ["rmsprop", "adagrad", "adam"])
def test_memory_continues_rows_of_any_values(optimizer, tmp_path):
    X, y = make_rows(density=0.02, n_columns=200)
    parameters = {"optimizer": optimizer, "batch_size": 4, "learning_rate": 0.01, "dropout": 0.2}
    for epochs in (2, 3, 6):
        model = classifier(**parameters, epochs=epochs, memory=tmp_path).fit(X, y)
    assert_equal(model, classifier(**parameters, epochs=6).fit(X, y))


@pytest.mark.slow
@pytest.mark.parametrize("backend", BACKENDS)
def test_without_a_learning_rate_the_default_returns(backend):
    X, y = make_rows()
    model = classifier(learning_rate=0.5, warm_start=True, backend=backend).fit(X, y)
    other = classifier(learning_rate=0.5, warm_start=True, backend=backend).fit(X, y)
    model.set_params(learning_rate=None).fit(X, y)
    other.set_params(learning_rate=0.001).fit(X, y)
    assert_close(model, other, rtol=0, atol=0)


@pytest.mark.parametrize("change", ["steps", "shape", "number"])
def test_a_model_file_with_another_state_is_refused(change, tmp_path):
    X, y = make_rows()
    model = classifier(warm_start=True).fit(X, y)
    state = model._optimizer_state
    last_steps = state[-1].copy()
    model._optimizer_state = {
        "steps": [*state[:-1], last_steps + 10_000],
        "shape": [*state[:-1], last_steps[:1]],
        "number": state[:-2],
    }[change]
    with pytest.raises(ValueError, match="optimizer must have"):
        save_model(model, tmp_path / "model.skimdb")


def test_callbacks_get_figures_of_their_own():
    def change(epoch, logs):
        logs.clear()

    X, y = make_rows()
    assert_equal(classifier(callbacks=change).fit(X, y), classifier().fit(X, y))


@pytest.mark.parametrize("backend", BACKENDS)
def test_functions_are_called_after_each_epoch(backend):
    X, y = make_rows()
    calls = []
    model = classifier(
        epochs=3, backend=backend, callbacks=lambda epoch, logs: calls.append((epoch, dict(logs)))
    ).fit(X, y, X_val=X, y_val=y)
    assert [epoch for epoch, _ in calls] == [0, 1, 2]
    for name, values in model.history_.items():
        assert [logs[name] for _, logs in calls] == pytest.approx(values)


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_model_file_keeps_the_backend(backend, tmp_path):
    X, y = make_rows()
    model = classifier(backend=backend, warm_start=True, momentum=0.5, optimizer="sgd").fit(X, y)
    save_model(model, tmp_path / "model.skimdb")
    loaded = load_model(tmp_path / "model.skimdb")
    assert loaded.backend_ == backend
    assert_close(loaded.fit(X, y), model.fit(X, y), rtol=0, atol=0)


@pytest.mark.parametrize("verbose", [1, 2, "auto"])
def test_verbose_prints_a_line_for_each_epoch(verbose, capsys):
    X, y = make_rows()
    classifier(verbose=verbose, epochs=3).fit(X, y, X_val=X, y_val=y)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 3
    assert lines[2].startswith("Epoch 3/3 - ")
    for name in ("loss", "accuracy", "val_loss", "val_accuracy"):
        assert f"{name}: " in lines[2]
    classifier().fit(X, y)
    assert capsys.readouterr().out == ""


# --- the sparse trainer -----------------------------------------------------------------------


@pytest.mark.parametrize("optimizer", ["rmsprop", "adagrad", "sgd", "adam"])
def test_updates_of_touched_columns_are_exact(optimizer):
    """Over 1,000 steps with columns touched rarely; an array touches every column every time."""
    X, y = make_rows(n_rows=80, n_columns=400, density=0.005)
    parameters = {"optimizer": optimizer, "epochs": 100, "batch_size": 8, "activation": "tanh"}
    assert_close(classifier(**parameters).fit(X, y), classifier(**parameters).fit(X.toarray(), y))


def test_columns_rest_for_more_steps_than_their_averages_last():
    """After 1,024 steps without a gradient, an average is 0 in float32."""
    columns = np.r_[0, np.arange(1199) % 9 + 1]
    # only entries other than 1 are surely for the compiled kernels
    X = sp.csr_array((np.full(1200, 0.5, np.float32), columns, np.arange(1201)))
    y = np.arange(1200) % 2
    parameters = {"units": 3, "optimizer": "rmsprop", "epochs": 2, "batch_size": 1}
    assert_close(classifier(**parameters).fit(X, y), classifier(**parameters).fit(X.toarray(), y))


@scaled(25)
@given(st.data())
def test_any_rows_are_trained_as_dense_rows(data):
    """A step on sparse rows changes what the same step on an array changes, and nothing else."""
    optimizer = data.draw(
        st.sampled_from(["sgd", "momentum", "rmsprop", "adagrad", "adam", "adamw"])
    )
    n_rows, n_columns = data.draw(st.integers(2, 40)), data.draw(st.integers(1, 60))
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32)))
    X = rng.choice([0, 0, 0, 0, 1, 0.5, 3], size=(n_rows, n_columns)).astype(np.float32)
    X[rng.random(n_rows) < 0.2] = 0
    untouched = rng.random(n_columns) < 0.3
    X[:, untouched] = 0
    if data.draw(st.booleans()):
        X = (X > 0).astype(np.float32)
    y = np.arange(n_rows) % data.draw(st.integers(2, min(4, n_rows)))
    sample_weight = data.draw(st.sampled_from([None, rng.uniform(0.1, 2, n_rows)]))
    parameters = {
        "units": data.draw(st.sampled_from([1, 5, (33, 2), ()])),
        "optimizer": "sgd" if optimizer == "momentum" else optimizer,
        "momentum": 0.9 if optimizer == "momentum" else 0.0,
        "activation": "tanh",
        "epochs": data.draw(st.integers(1, 4)),
        "batch_size": data.draw(st.integers(1, n_rows + 1)),
        "learning_rate_schedule": data.draw(st.sampled_from([None, "linear"])),
        "dropout": data.draw(st.sampled_from([0.0, 0.3])),
        "backend": "sparse",
    }
    indices = data.draw(st.sampled_from([np.int32, np.int64]))
    rows = sp.csr_array(X)
    rows = sp.csr_array(
        (rows.data, rows.indices.astype(indices), rows.indptr.astype(indices)), X.shape
    )
    one = classifier(**parameters).fit(rows, y, sample_weight)
    other = classifier(**parameters).fit(X, y, sample_weight)
    assert_close(one, other, rtol=1e-3, atol=1e-4)
    if optimizer != "adamw":
        start = classifier(**{**parameters, "learning_rate": 1e-30}).fit(rows, y)
        untouched = ~X.any(axis=0)
        np.testing.assert_array_equal(one.coefs_[0][untouched], start.coefs_[0][untouched])


def test_values_of_1_are_no_special_case():
    X, y = make_rows()
    X.data[:] = 1
    # an entry of 0 touches a column, and adds nothing
    indptr = np.append(X.indptr[:-1], X.nnz + 1)
    other = sp.csr_array((np.append(X.data, 0), np.append(X.indices, 0), indptr), X.shape)
    assert_close(classifier().fit(X, y), classifier().fit(other, y))
    assert_close(classifier().fit(X, y), classifier(backend="keras").fit(X, y))


def test_dropout_drops_its_share_and_keeps_the_mean():
    """Seen from outside: with one constant input and linear units, masks scale the gradient."""
    n_rows, rate = 2000, 0.3
    X, y = np.ones((n_rows, 1), dtype=np.float32), np.arange(n_rows) % 2
    parameters = {
        "units": 400,
        "activation": "linear",
        "optimizer": "sgd",
        "learning_rate": 1.0,
        "epochs": 1,
        "batch_size": n_rows,
    }
    start = classifier(**{**parameters, "learning_rate": 1e-30}).fit(X, y)
    models = [
        classifier(**parameters, dropout=rate, random_state=0, backend=backend).fit(X, y)
        for backend in BACKENDS
    ]
    # the step of the last kernel is the mean over the rows of mask * input * error; the errors
    # are about +-1/2, so its variance over the units tells that of the mask, (1 / (1 - rate))
    for model in models:
        steps = (model.coefs_[1] - start.coefs_[1]).ravel() / start.coefs_[0].ravel()
        expected = np.sqrt(rate / (1 - rate) / n_rows) / 2
        assert steps.std() == pytest.approx(expected, rel=0.15)
        assert abs(steps.mean()) < 5 * expected
    assert not np.array_equal(*(model.coefs_[1] for model in models))


def test_dropout_depends_on_the_seed_alone():
    X, y = make_rows()
    one = classifier(dropout=0.5).fit(X, y)
    assert_equal(one, classifier(dropout=0.5).fit(X, y))
    assert_equal(one, classifier(dropout=0.5, epochs=1, warm_start=True).fit(X, y).fit(X, y))
    other = classifier(dropout=0.5, random_state=1).fit(X, y)
    assert not np.array_equal(one.coefs_[0], other.coefs_[0])


FIT_WITH_THREADS = """
import hashlib, sys
from threading import Thread
import numpy as np
import scipy.sparse as sp
from sklearn.base import clone
from skimdb import DenseClassifier

rng = np.random.default_rng(0)
X = sp.random_array((3000, 20_000), density=0.008, rng=rng, dtype=np.float32).tocsr()
y = np.arange(3000) % 2
ones = X.copy()
ones.data[:] = 1
digest = hashlib.sha256()
for rows, parameters in (
    (X, {"units": 16, "batch_size": 128}),
    (X, {"units": (70, 5), "batch_size": 700, "optimizer": "adagrad"}),
    (X, {"units": 70, "batch_size": 1000, "l2": 0.01}),
    (ones, {"units": 16, "batch_size": 100}),
    (X[:, :500].toarray(), {"units": 8, "batch_size": 1500}),
):
    model = DenseClassifier(epochs=2, dropout=0.1, random_state=0, **parameters)
    models = [clone(model) for _ in range(int(sys.argv[1]))]
    threads = [Thread(target=m.fit, args=(rows, y)) for m in models]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for m in models[1:]:
        assert all(map(np.array_equal, m.coefs_, models[0].coefs_))
    for weight in models[0].coefs_ + models[0].intercepts_:
        digest.update(weight.tobytes())
assert "numba" in sys.modules
print(digest.hexdigest())
"""


def run_python(code, *arguments, **environment):
    result = subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)],
        capture_output=True,
        text=True,
        env={**os.environ, **environment},
    )
    assert result.returncode == 0, result.stderr
    return result.stdout.strip()


@pytest.mark.slow
def test_any_number_of_threads_gives_the_same():
    digests = {
        run_python(FIT_WITH_THREADS, n_fits, OMP_NUM_THREADS=str(n_threads))
        for n_fits, n_threads in ((1, 1), (1, 2), (1, 4), (4, 2))
    }
    assert len(digests) == 1


@pytest.mark.parametrize(
    "parameters", [{"learning_rate_schedule": "linear"}, {"learning_rate_schedule": "cosine"}]
)
def test_memory_keeps_schedules_of_each_number_of_epochs(parameters, tmp_path):
    X, y = make_rows()
    for epochs in (3, 2, 3, 5):
        model = classifier(**parameters, epochs=epochs, memory=tmp_path).fit(X, y)
        assert_equal(model, classifier(**parameters, epochs=epochs).fit(X, y))
    assert len([*tmp_path.iterdir()]) == 3


def test_memory_ignores_fits_by_keras(tmp_path):
    X, y = make_rows()
    classifier(memory=tmp_path, backend="keras").fit(X, y)
    assert not [*tmp_path.iterdir()]


@pytest.mark.slow
@pytest.mark.parametrize("batch_size", [1, 7, 2000, 100_000])
@pytest.mark.parametrize("units", [1, (130, 3)])
def test_batches_of_any_size(batch_size, units):
    X, y = make_rows(n_rows=2000, n_columns=50)
    parameters = {"units": units, "batch_size": batch_size, "epochs": 1}
    model = classifier(**parameters).fit(X, y)
    assert_close(model, classifier(**parameters, backend="keras").fit(X, y), rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("index_type", [np.int32, np.int64])
def test_rows_that_cannot_be_written(index_type):
    X, y = make_rows()
    expected = classifier().fit(X, y)
    X = sp.csr_array((X.data, X.indices.astype(index_type), X.indptr.astype(index_type)), X.shape)
    for array in (X.data, X.indices, X.indptr, y):
        array.flags.writeable = False
    assert_equal(classifier().fit(X, y), expected)


def test_empty_rows_and_columns():
    X = sp.csr_array((40, 10_000), dtype=np.float32)
    y = np.arange(40) % 2
    model = classifier().fit(X, y)
    assert_close(model, classifier(backend="keras").fit(X, y))


FIT_IN_COPY = """
import sys
sys.path.insert(0, sys.argv[1])
import numpy as np
import scipy.sparse as sp
import skimdb
assert skimdb.__file__.startswith(sys.argv[1]), skimdb.__file__
from skimdb import DenseClassifier
X = 2 * sp.eye(2, format="csr", dtype=np.float32)
print(DenseClassifier(2, epochs=1, random_state=0).fit(X, [0, 1]).history_["loss"])
assert "numba" in sys.modules
"""


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix" or not hasattr(os, "geteuid"), reason="needs POSIX")
def test_kernels_are_compiled_where_no_cache_can_be_written(tmp_path):
    import skimdb

    shutil.copytree(
        Path(skimdb.__file__).parent,
        tmp_path / "skimdb",
        ignore=shutil.ignore_patterns("__pycache__"),
    )
    # a file where numba would make the folder of its cache, which stops the superuser too
    (tmp_path / "skimdb" / "_training" / "__pycache__").touch()
    blocked = tmp_path / "blocked"
    blocked.touch()
    loss = run_python(
        FIT_IN_COPY, tmp_path, HOME=str(blocked), XDG_CACHE_HOME=str(blocked), NUMBA_CACHE_DIR=""
    )
    X = 2 * sp.eye(2, format="csr", dtype=np.float32)
    model = DenseClassifier(2, epochs=1, random_state=0).fit(X, [0, 1])
    assert loss == str(model.history_["loss"])


# --- no TensorFlow ----------------------------------------------------------------------------

RECORD_IMPORTS = """
import atexit, os, sys

def record():
    modules = {"tensorflow", "keras", "scikeras", "sklearn"} & set(sys.modules)
    with open(os.path.join(os.environ["SKIMDB_TEST_FOLDER"], str(os.getpid())), "w") as file:
        file.write(" ".join(modules))

atexit.register(record)
"""
README_EXAMPLE = """
from skimdb import multi_hot_pipeline
from skimdb.datasets import load_sample_reviews, make_reviews
multi_hot_pipeline(num_words=1000, epochs=1).fit(*make_reviews(100, random_state=0))
X, y = load_sample_reviews(return_X_y=True)
pipeline = multi_hot_pipeline(text=True, epochs=2, batch_size=16).fit(X[:300], y[:300])
pipeline.score(X[300:], y[300:])
"""


@pytest.mark.parametrize(
    "arguments",
    [
        ["-c", README_EXAMPLE],
        ["-m", "skimdb", "train", "--epochs", "1", "--out", "out"],
        pytest.param(
            ["-m", "skimdb", "tune", "--epochs", "1", "--units", "2,4", "--jobs", "2"],
            marks=pytest.mark.slow,
        ),
    ],
    ids=["example", "train", "tune"],
)
def test_no_process_imports_tensorflow(arguments, tmp_path):
    (tmp_path / "sitecustomize.py").write_text(RECORD_IMPORTS)
    (tmp_path / "records").mkdir()
    (tmp_path / "work").mkdir()
    path = os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])
    environment = {"PYTHONPATH": path, "SKIMDB_TEST_FOLDER": str(tmp_path / "records")}
    subprocess.run(
        [sys.executable, *arguments],
        cwd=tmp_path / "work",
        env={**os.environ, **environment},
        check=True,
        capture_output=True,
    )
    records = [record.read_text() for record in (tmp_path / "records").iterdir()]
    # a search in two processes, and the process that started them
    assert records.count("sklearn") >= (3 if "tune" in arguments else 1)
    assert set(records) <= {"sklearn", ""}


@pytest.mark.slow
def test_importing_and_predicting_need_no_numba(tmp_path):
    X, y = make_rows()
    save_model(classifier().fit(X, y), tmp_path / "model.skimdb")
    code = (
        "import sys; import skimdb; from skimdb.datasets import *; "
        "names = [name for name in skimdb.__all__ if name != 'KerasClassifier']; "
        "[getattr(skimdb, name) for name in names]; "
        "skimdb.load_model(sys.argv[1]).predict([[0] * 30]); "
        "print([name for name in ('numba', 'tensorflow') if name in sys.modules])"
    )
    assert run_python(code, tmp_path / "model.skimdb") == "[]"


def test_reviews_at_the_scale_of_a_million_columns():
    sequences, y = make_reviews(300, n_words=1000, random_state=0)
    rows = np.repeat(np.arange(300), [len(sequence) for sequence in sequences])
    columns = np.concatenate(sequences).astype(np.int64) * 999
    X = sp.csr_array((np.ones(len(rows), np.float32), (rows, columns)), (300, 1_000_000))
    X.sum_duplicates()
    model = classifier(units=4, epochs=3).fit(X, y)
    assert model.score(X, y) > 0.8
    untouched = np.setdiff1d(np.arange(1_000_000), columns)
    start = clone(model).set_params(learning_rate=1e-30).fit(X, y)
    np.testing.assert_array_equal(model.coefs_[0][untouched], start.coefs_[0][untouched])
