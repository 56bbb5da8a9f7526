"""Loaded models equal the saved ones, models that can't be saved are refused, saves are atomic."""

import io
import json
import os
import pickle
import subprocess
import sys
import types
from itertools import product

import joblib
import keras
import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from hypothesis import assume, given
from hypothesis import strategies as st
from model_members import STORED, TEXTS, TREE, read_members, to_json, write_model
from property_cases import REFUSED, given_or_refused, no_misuse, nonsense, scaled
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import MaxAbsScaler

from skimdb import (
    DenseClassifier,
    MultiHotVectorizer,
    WordIndexEncoder,
    export_keras,
    load_model,
    multi_hot_pipeline,
    save_model,
    text_pipeline,
)
from skimdb.datasets import load_sample_reviews, make_reviews

ODD_WORDS = ["film", "Ángela", "日本", "\U0001f3ac", "\udcff", "\ud83d\ude00", "😀", "\0", '"\\']
FITTED = ("classes_", "history_", "n_iter_", "n_features_in_")
ACTIVATIONS = [
    "relu", "tanh", "sigmoid", "linear", "elu", "selu", "gelu", "silu", "softplus", "softsign",
    "leaky_relu",
]  # fmt: skip
any_text = st.text(st.characters(), max_size=12)
N_COLUMNS = 8
LABELS = {
    "integers": [3, -(2**63), 2**63 - 1],
    "floats": [-1.0, 0.0, 1e9],
    "texts": ["bad", "ünfair\ud800", "日本 \U0001f3ac"],
    "bools": [False, True],
    "NumPy's small integers": np.array([3, 250], dtype=np.uint8),
}


@pytest.fixture(scope="module")
def sequences():
    """Three classes of sequences of ids below 60."""
    X, y = make_reviews(240, n_words=60, random_state=0)
    return X, y + (np.arange(len(y)) % 3 == 0)


def small(**params):
    return DenseClassifier(**{"units": (4, 3), "epochs": 2, "random_state": 0, **params})


def reloaded(model, folder, name="model.skimdb"):
    return load_model(save_model(model, folder / name))


def assert_same(loaded, saved):
    """Assert that two fitted classifiers have the same parameters and learned the same."""
    assert repr(loaded.get_params()) == repr(saved.get_params())
    for name in FITTED:
        expected = getattr(saved, name)
        np.testing.assert_equal(getattr(loaded, name), expected)
        assert type(getattr(loaded, name)) is type(expected)
    assert loaded.classes_.dtype == saved.classes_.dtype
    found, expected = (model.coefs_ + model.intercepts_ for model in (loaded, saved))
    for weight, other in zip(found, expected, strict=True):
        assert weight.dtype == other.dtype == np.float32
        assert weight.flags.writeable
        np.testing.assert_array_equal(weight, other)


@pytest.mark.parametrize(
    "labels",
    [[3, 7, 200], ["bad", "ünfair", "日本 good"], [-1.0, 0.0, 1e9], [False, True], ["no", "yes"]],
)
def test_a_classifier_comes_back_the_same(labels, sequences, tmp_path):
    ids, y = sequences
    X = MultiHotVectorizer(num_words=60).fit_transform(ids)
    y = np.array(labels)[np.minimum(y, len(labels) - 1)]
    classifier = small(dropout=0.2, l2=1e-4, activation="selu", class_weight="balanced").fit(X, y)
    loaded = reloaded(classifier, tmp_path)
    assert_same(loaded, classifier)
    np.testing.assert_array_equal(loaded.predict_proba(X), classifier.predict_proba(X))
    np.testing.assert_array_equal(loaded.predict(X), classifier.predict(X))
    np.testing.assert_array_equal(
        loaded.predict_proba(X.toarray()), classifier.predict_proba(X.toarray())
    )


def test_a_loaded_model_can_be_fitted_cloned_pickled_and_saved(sequences, tmp_path):
    X, y = sequences
    pipeline = multi_hot_pipeline(
        num_words=60, units=[4], epochs=2, random_state=0, class_weight={0: 1.5, 1: 1, 2: 2.0}
    )
    loaded = reloaded(pipeline.fit(X, y), tmp_path)
    expected = pipeline.predict_proba(X)
    np.testing.assert_array_equal(loaded.predict_proba(X), expected)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(loaded)).predict_proba(X), expected)
    np.testing.assert_array_equal(clone(loaded).fit(X, y).predict_proba(X), expected)
    again = save_model(loaded, tmp_path / "again")
    assert again.read_bytes() == (tmp_path / "model.skimdb").read_bytes()
    np.testing.assert_array_equal(loaded.fit(X, y).predict_proba(X), expected)
    assert isinstance(loaded["classifier"].model_.optimizer, keras.optimizers.RMSprop)


def test_a_text_pipeline_of_any_step_names_comes_back(tmp_path):
    texts, y = load_sample_reviews(return_X_y=True)
    steps = [
        ("wörter \ud800", WordIndexEncoder(num_words=300, filters="!?., \udc80", oov_char=None)),
        ("none", "passthrough"),
        ("columns", MultiHotVectorizer(num_words=300, mode="tfidf", dtype="float64")),
        ("net", small()),
    ]
    pipeline = Pipeline(steps, verbose=False).fit(texts, y)
    loaded = reloaded(pipeline, tmp_path)
    assert [name for name, _ in loaded.steps] == [name for name, _ in steps]
    assert loaded["none"] == "passthrough"
    assert repr(loaded.get_params()) == repr(pipeline.get_params())
    np.testing.assert_array_equal(loaded["columns"].idf_, pipeline["columns"].idf_)
    np.testing.assert_array_equal(loaded.predict_proba(texts), pipeline.predict_proba(texts))


@pytest.mark.parametrize("dtype", [np.float32, "f4", np.dtype("float64"), float])
def test_the_vectorizer_keeps_its_dtype(dtype, tmp_path):
    pipeline = make_pipeline(MultiHotVectorizer(num_words=9, mode="count", dtype=dtype))
    loaded = reloaded(pipeline, tmp_path)
    assert "num_words_" not in vars(loaded[0])
    assert loaded.transform([[1, 1]]).dtype == np.dtype(dtype)
    assert type(loaded[0].dtype) is type(dtype) or dtype is float


def test_a_vocabulary_of_odd_words_comes_back(tmp_path):
    given = {word: np.int64(rank) for rank, word in enumerate(ODD_WORDS, start=5)}
    encoder = WordIndexEncoder(vocabulary=types.MappingProxyType(given)).fit()
    loaded = reloaded(make_pipeline(encoder), tmp_path)[0]
    assert [*loaded.vocabulary_.items()] == [*given.items()]
    assert loaded.vocabulary is loaded.vocabulary_
    text = " ".join(ODD_WORDS)
    np.testing.assert_array_equal(loaded.transform([text])[0], encoder.transform([text])[0])


def test_a_vocabulary_set_after_fit_is_kept_beside_the_fitted_one(tmp_path):
    encoder = WordIndexEncoder().fit(["a b b"]).set_params(vocabulary={"x": 1})
    loaded = reloaded(make_pipeline(encoder), tmp_path)[0]
    assert loaded.vocabulary_ == {"b": 1, "a": 2}
    assert loaded.vocabulary == {"x": 1}


@pytest.mark.slow
@pytest.mark.parametrize("optimizer", ["rmsprop", "adam", "adafactor"])
@pytest.mark.parametrize("how", ["fit", "partial_fit"])
def test_training_goes_on_after_loading_as_if_it_had_not_stopped(
    how, optimizer, sequences, tmp_path
):
    ids, y = sequences
    X = MultiHotVectorizer(num_words=60).fit_transform(ids)
    classifier = small(warm_start=True, optimizer=optimizer, learning_rate=0.01, dropout=0.1)
    train = classifier.fit
    if how == "partial_fit":
        train = lambda X, y: classifier.partial_fit(X, y, classes=[0, 1, 2])  # noqa: E731
    train(X, y)
    loaded = reloaded(classifier, tmp_path)
    train(X, y)
    getattr(loaded, how)(X, y)
    assert_same(loaded, classifier)


def test_feature_names_come_back(tmp_path):
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.random((40, 3)), columns=["a", "ü", "日本"])
    classifier = small(epochs=1).fit(X, np.arange(40) % 2)
    loaded = reloaded(classifier, tmp_path)
    assert loaded.feature_names_in_.dtype == object
    np.testing.assert_array_equal(loaded.feature_names_in_, classifier.feature_names_in_)
    np.testing.assert_array_equal(loaded.predict_proba(X), classifier.predict_proba(X))


def test_a_history_that_diverged_comes_back(sequences, tmp_path):
    ids, y = sequences
    X = MultiHotVectorizer(num_words=60).fit_transform(ids)
    classifier = small(epochs=1).fit(X, y)
    classifier.history_ = {"loss": [float("nan")], "accuracy": [np.float32(0.1)]}
    loaded = reloaded(classifier, tmp_path)
    np.testing.assert_equal(loaded.history_, classifier.history_)
    assert type(loaded.history_["accuracy"][0]) is float


def test_what_watches_training_or_keeps_its_states_is_left_out(sequences, tmp_path):
    ids, y = sequences
    X = MultiHotVectorizer(num_words=60).fit_transform(ids)
    own = {"callbacks": [keras.callbacks.History()], "memory": str(tmp_path / "states")}
    pipeline = Pipeline(
        [("net", small(epochs=np.int64(1), **own))],
        memory=joblib.Memory(tmp_path / "steps", verbose=0),
    )
    loaded = reloaded(pipeline.fit(X, y), tmp_path)
    assert loaded.memory is loaded["net"].memory is loaded["net"].callbacks is None
    assert loaded["net"].epochs == 1


@pytest.fixture(scope="module")
def fitted(sequences):
    ids, y = sequences
    return small(epochs=1).fit(MultiHotVectorizer(num_words=60).fit_transform(ids), y)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("optimizer", keras.optimizers.Adam()),
        ("optimizer", {"class_name": "Adam", "config": {}}),
        ("loss", keras.losses.MeanSquaredError()),
        ("loss", keras.losses.mean_squared_error),
        ("metrics", [keras.metrics.AUC()]),
        ("random_state", np.random.RandomState(0)),
        ("class_weight", np.ones(3)),
    ],
)
def test_a_parameter_that_a_file_cannot_hold_is_refused(name, value, fitted, tmp_path):
    changed = pickle.loads(pickle.dumps(fitted)).set_params(**{name: value})
    pipeline = Pipeline([("vectorizer", MultiHotVectorizer(num_words=60)), ("net", changed)])
    with pytest.raises(TypeError, match=f"^step 'net': {name} must be .*(set it|name it)"):
        save_model(pipeline, tmp_path / "model")
    assert not list(tmp_path.iterdir())


def test_a_network_trained_with_an_optimizer_of_its_own_is_refused(sequences, tmp_path):
    ids, y = sequences
    X = MultiHotVectorizer(num_words=60).fit_transform(ids)
    classifier = small(epochs=1, optimizer=keras.optimizers.Adam()).fit(X, y)
    with pytest.raises(TypeError, match=r"^classifier: optimizer must be given by name"):
        save_model(classifier.set_params(optimizer="adam"), tmp_path / "model")


class OwnClassifier(DenseClassifier):
    pass


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (MaxAbsScaler(), "^pipeline must be a Pipeline or a DenseClassifier.*MaxAbsScaler"),
        (OwnClassifier(), "^pipeline must be .*OwnClassifier"),
        (Pipeline([("scale", MaxAbsScaler())]), "^step 'scale' must be one of .*MaxAbsScaler"),
        (Pipeline([("inner", Pipeline([]))]), "^step 'inner' must be one of .*Pipeline"),
        (None, "^pipeline must be .*NoneType"),
    ],
)
def test_other_estimators_are_refused(model, message, tmp_path):
    with pytest.raises(TypeError, match=message):
        save_model(model, tmp_path / "model")


@pytest.mark.parametrize(
    "model", [DenseClassifier(), multi_hot_pipeline(), multi_hot_pipeline(text=True)]
)
def test_an_unfitted_model_is_refused(model, tmp_path):
    with pytest.raises(NotFittedError):
        save_model(model, tmp_path / "model")
    with pytest.raises(NotFittedError):
        export_keras(model, tmp_path / "model.keras")


def test_a_model_of_parts_that_do_not_belong_together_is_refused(fitted, tmp_path):
    changed = pickle.loads(pickle.dumps(fitted))
    changed.n_features_in_ += 1
    with pytest.raises(ValueError, match=r"n_features_in_ \(61\)"):
        save_model(changed, tmp_path / "model")
    with pytest.raises(ValueError, match="at least one step"):
        save_model(Pipeline([]), tmp_path / "model")


@pytest.mark.parametrize("path", [3, None, b"model", 1.5])
def test_an_object_that_is_no_path_is_refused(path, fitted):
    with pytest.raises(TypeError, match=r"^path must be a str or path-like"):
        save_model(fitted, path)
    with pytest.raises(TypeError, match=r"^path must be a str or path-like"):
        load_model(path)


def test_a_save_that_fails_leaves_the_old_file_and_nothing_else(fitted, tmp_path, monkeypatch):
    path = save_model(fitted, tmp_path / "model.skimdb")
    before = path.read_bytes()

    def disk_full(descriptor):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", disk_full)
        for save, target in ((save_model, path), (export_keras, tmp_path / "model.keras")):
            with pytest.raises(OSError, match="No space left"):
                save(fitted, target)
    assert [*tmp_path.iterdir()] == [path]
    assert path.read_bytes() == before
    with pytest.raises(FileNotFoundError):
        save_model(fitted, tmp_path / "missing" / "model")
    with pytest.raises(ValueError, match=r"^path must be that of a file"):
        save_model(fitted, tmp_path)


@pytest.mark.skipif(os.name == "nt", reason="needs POSIX")
def test_modes_links_and_devices(fitted, tmp_path):
    path = save_model(fitted, tmp_path / "model.skimdb")
    umask = os.umask(0)
    os.umask(umask)
    assert path.stat().st_mode & 0o777 == 0o666 & ~umask
    link = tmp_path / "link"
    link.symlink_to(path)
    path.write_bytes(b"an old one")
    save_model(fitted, link)
    assert link.is_symlink()
    load_model(path)
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ValueError, match="pipe can't be opened as a model: it isn't a regular"):
        load_model(tmp_path / "pipe")
    with pytest.raises(ValueError, match=r"^path must be that of a file"):
        save_model(fitted, tmp_path / "pipe")
    with pytest.raises(
        IsADirectoryError, match=r"folder that holds model\.skimdb.*, got the fold"
    ):
        load_model(tmp_path / "..")


def test_the_folder_of_a_model_is_opened(fitted, sequences, tmp_path):
    save_model(fitted, tmp_path / "model.skimdb")
    X = MultiHotVectorizer(num_words=60).transform(sequences[0])
    expected = fitted.predict_proba(X)
    for path in (tmp_path, str(tmp_path), f"{tmp_path}/"):
        np.testing.assert_array_equal(load_model(path).predict_proba(X), expected)
    (tmp_path / "model.skimdb").rename(tmp_path / "other.skimdb")
    with pytest.raises(IsADirectoryError, match=r"folder that holds model\.skimdb, as `skimdb tr"):
        load_model(tmp_path)
    with pytest.raises(FileNotFoundError):
        load_model(tmp_path / "none")


@pytest.mark.parametrize("compress", [0, 3, "zlib", "gzip", "bz2", "xz", "lzma"])
@pytest.mark.parametrize("name", ["model.joblib", "model.skimdb", "model"])
def test_a_file_of_joblib_is_called_a_pickle(name, compress, fitted, tmp_path):
    compress = (compress, 3) if isinstance(compress, str) else compress
    joblib.dump(fitted, tmp_path / name, compress=compress)
    with pytest.raises(
        ValueError, match=f"{name} can't be .* a pickle, which runs .* joblib.load"
    ):
        load_model(tmp_path / name)


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_a_pickle_is_called_one(protocol, fitted, tmp_path):
    path = tmp_path / "model.pkl"
    path.write_bytes(pickle.dumps(fitted, protocol=protocol))
    with pytest.raises(ValueError, match=r"a pickle, which runs code .* if you trust it"):
        load_model(path)


@pytest.mark.parametrize(
    "content", [b"", b"no model", b"\x80", b"\x1f\x8b", b"BZh9", b"\x80\x09."]
)
def test_other_files_are_not_called_pickles(content, tmp_path):
    path = tmp_path / "model.pkl"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"model.pkl can't be opened as a model") as error:
        load_model(path)
    assert "pickle," not in str(error.value)


KILLS = """
import os, random, signal, sys, time
from skimdb import load_model, save_model

stored, path, n_kills = sys.argv[1], sys.argv[2], int(sys.argv[3])
models = [load_model(stored) for _ in range(2)]
models[1]["classifier"].intercepts_[0][0] += 1
wholes = []
for model in models:
    save_model(model, path)
    wholes.append(open(path, "rb").read())
rng = random.Random(0)
folder = os.path.dirname(path)
for _ in range(n_kills):
    child = os.fork()
    if not child:
        while True:
            for model in models:
                save_model(model, path)
    time.sleep(rng.uniform(0.001, 0.05))
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    assert open(path, "rb").read() in wholes
    load_model(path)
    left = [name for name in os.listdir(folder) if name != os.path.basename(path)]
    assert all(name.startswith(".skimdb-") for name in left), left
print(len(left))
"""


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_kill_during_a_save_leaves_the_old_or_the_new_file(tmp_path):
    command = [sys.executable, "-c", KILLS, STORED, tmp_path / "model.skimdb", "60"]
    killed = subprocess.run(command, capture_output=True, text=True, check=True)
    # some kills did come while a file was being written
    assert int(killed.stdout) > 0


@pytest.mark.slow
def test_loading_imports_no_tensorflow():
    code = (
        "import sys; from skimdb import load_model; "
        f"print(load_model({str(STORED)!r}).predict(['a wonderful film'])); print(*sys.modules)"
    )
    command = [sys.executable, "-W", "error", "-c", code]
    modules = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    assert not {"tensorflow", "keras", "scikeras"} & set(modules)


def test_the_stored_file_opens_and_predicts_as_it_did():
    """A file of format version 1, which later releases must open as well.

    It was saved by skimdb 0.1.0 through::

        X, y = load_sample_reviews(return_X_y=True)
        pipeline = multi_hot_pipeline(
            text=True, num_words=200, units=(4, 3), dropout=0.1, epochs=10, batch_size=32,
            warm_start=True, random_state=0,
        )
        save_model(pipeline.fit(X, y), "tests/data/model-v1.skimdb")
    """
    pipeline = load_model(STORED)
    expected = [0.607900083065033, 0.47352880239486694, 0.4786982834339142]
    np.testing.assert_allclose(pipeline.predict_proba(TEXTS)[:, 1], expected, rtol=1e-6)
    assert pipeline.predict(TEXTS).tolist() == [1, 0, 0]
    X, y = load_sample_reviews(return_X_y=True)
    pipeline.set_params(classifier__epochs=2).fit(X, y)
    assert pipeline["classifier"].n_iter_ == 12


def test_a_path_in_a_missing_folder_is_refused(tmp_path):
    pipeline = load_model(STORED)
    for write, name in ((save_model, "model.skimdb"), (export_keras, "model.keras")):
        with pytest.raises(FileNotFoundError, match=r"^path must be in an existing .*nowhere"):
            write(pipeline, tmp_path / "nowhere" / name)
        with pytest.raises(ValueError, match="path must be that of a file, not of a folder"):
            write(pipeline, f"{tmp_path}/model.keras/")
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(ValueError, match="path must be that of a file, not of a folder"):
        load_model(f"{STORED}/")


# --- properties -------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("models")


@pytest.fixture(scope="module")
def fitted_networks():
    """Fitted classifiers of several activations, and of all kinds of labels."""
    rng = np.random.default_rng(0)
    X = sp.random_array(
        (30, N_COLUMNS), density=0.4, random_state=rng, dtype=np.float32, format="csr"
    )
    networks = []
    units = [(), 3, (3, 2), [2], [np.int8(3)]]
    for i, (activation, labels) in enumerate(product(ACTIVATIONS, LABELS)):
        if i % 8 == 0:
            y = np.resize(np.array(LABELS[labels]), 30)
            options = {"units": units[i // 8 % 5], "dropout": i % 3 / 4, "l2": i % 2 / 100}
            model = DenseClassifier(
                activation=activation, epochs=1, batch_size=16, random_state=i, **options
            )
            networks.append(model.fit(X, y))
    return networks


@st.composite
def steps_before(draw):
    """The steps that make rows of 8 columns of texts or of sequences, and what to fit them on."""
    num_words = st.none() | st.integers(1, N_COLUMNS)
    vectorizer = MultiHotVectorizer(
        num_words=N_COLUMNS,
        mode=draw(st.sampled_from(["binary", "count", "freq", "tfidf"])),
        handle_unknown=draw(st.sampled_from(["ignore", "oov"])),
        oov_char=draw(st.integers(0, N_COLUMNS - 1)),
        dtype=draw(st.sampled_from([np.float32, "f8", np.dtype("float32"), float])),
        sparse_output=draw(st.booleans()),
    )
    if draw(st.booleans()):
        return [vectorizer], draw(any_sequences)
    encoder = WordIndexEncoder(
        vocabulary=draw(
            st.none()
            | st.dictionaries(any_text, st.integers(1, 2**31 - 13), min_size=1, max_size=5)
        ),
        num_words=draw(num_words),
        skip_top=draw(st.integers(0, 3)),
        start_char=draw(st.none() | st.integers(0, 12)),
        oov_char=draw(st.none() | st.integers(0, 12)),
        index_from=draw(st.integers(0, 12)),
        lowercase=draw(st.booleans()),
        filters=draw(any_text),
    )
    return [encoder, vectorizer], draw(st.lists(any_text, min_size=1, max_size=4))


any_sequences = st.lists(st.lists(st.integers(0, 12), max_size=6), min_size=1, max_size=4)


@pytest.mark.slow
@scaled(150)
@given(steps_before(), st.data(), any_text)
def test_any_pipeline_predicts_the_same(folder, fitted_networks, steps_and_X, data, name):
    steps, X = steps_and_X
    network = data.draw(st.sampled_from(fitted_networks))
    before = given_or_refused(lambda: make_pipeline(*steps).fit(X), "X", "vocabulary")
    assume(before is not REFUSED)
    assume("__" not in name and name not in ("memory", "steps", "verbose", "transform_input"))
    names = [*(f"step {i}" for i in range(len(steps))), name]
    pipeline = Pipeline([*zip(names, [*steps, network], strict=True)])
    with no_misuse():
        loaded = load_model(save_model(pipeline, folder / "model.skimdb"))
    assert [step for step, _ in loaded.steps] == names
    expected, found = pipeline.predict_proba(X), loaded.predict_proba(X)
    assert found.dtype == expected.dtype
    np.testing.assert_array_equal(found, expected)
    labels = loaded.predict(X)
    assert labels.dtype == pipeline.predict(X).dtype
    np.testing.assert_array_equal(labels, pipeline.predict(X))
    again = save_model(loaded, folder / "again.skimdb")
    assert again.read_bytes() == (folder / "model.skimdb").read_bytes()


@scaled(12)
@given(st.data())
def test_any_network_predicts_the_same(folder, data):
    n_classes = data.draw(st.sampled_from([2, 3]))
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32)))
    X = rng.random((24, 5), dtype=np.float32)
    y = np.arange(24) % n_classes
    model = DenseClassifier(
        data.draw(st.sampled_from([(), (3, 2)])),
        dropout=data.draw(st.sampled_from([0, 0.25])),
        optimizer=data.draw(st.sampled_from(["rmsprop", "adam"])),
        learning_rate=data.draw(st.none() | st.floats(1e-5, 0.1)),
        epochs=1,
        batch_size=data.draw(st.integers(1, 30)),
        warm_start=data.draw(st.booleans()),
        class_weight=data.draw(st.sampled_from([None, "balanced", {0: 1.5, 1: 2, 2: 1}])),
        random_state=data.draw(st.none() | st.integers(0, 2**32 - 1)),
    )
    loaded = load_model(save_model(model.fit(X, y), folder / "network.skimdb"))
    assert repr(loaded.get_params()) == repr(model.get_params())
    for rows in (X, sp.csr_array(X), pd.DataFrame(X)):
        np.testing.assert_array_equal(loaded.predict_proba(rows), model.predict_proba(rows))
    assert loaded.history_ == model.history_
    if model.warm_start:
        np.testing.assert_array_equal(
            loaded.fit(X, y).predict_proba(X), model.fit(X, y).predict_proba(X)
        )


# --- nonsense ---------------------------------------------------------------------------------


@scaled(150)
@given(nonsense | st.text(st.characters()))
def test_any_other_path_is_refused_by_name(folder, fitted_networks, path):
    assume(not isinstance(path, str) or not set("/~") & set(path))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for call in (
            lambda: save_model(fitted_networks[0], path),
            lambda: load_model(path),
            lambda: export_keras(fitted_networks[0], path),
        ):
            try:
                result = given_or_refused(call, "path")
            except OSError:
                result = REFUSED  # of a folder, or too long a name
            assert result is REFUSED or isinstance(path, str)


@scaled(150)
@given(nonsense)
def test_any_other_object_is_refused_by_name(folder, value):
    for call in (save_model, export_keras):
        result = given_or_refused(lambda call=call: call(value, folder / "none.keras"), "pipeline")
        assert result is REFUSED
        pipeline = Pipeline([("net", value)])
        result = given_or_refused(
            lambda call=call, pipeline=pipeline: call(pipeline, folder / "none.keras"),
            "step",
            "pipeline",
        )
        assert result is REFUSED or value is None


@pytest.mark.parametrize("name", sorted(DenseClassifier().get_params()))
@scaled(30)
@given(nonsense)
def test_any_parameter_is_saved_or_refused_by_name(folder, fitted_networks, name, value):
    network = fitted_networks[0]
    before = getattr(network, name)
    try:
        setattr(network, name, value)
        result = given_or_refused(
            lambda: save_model(network, folder / "changed.skimdb"), name, "validation_fraction"
        )
    finally:
        setattr(network, name, before)
    if result is not REFUSED:
        loaded = getattr(load_model(folder / "changed.skimdb"), name)
        assert name in ("callbacks", "memory") or repr(loaded) == repr(to_python(value))


def to_python(value):
    """NumPy's numbers become Python's, Python's types NumPy's, and dicts plain ones."""
    if isinstance(value, dict):
        return {to_python(key): to_python(item) for key, item in value.items()}
    if type(value) in (list, tuple):
        return type(value)(map(to_python, value))
    if value is int or value is float:
        return np.dtype(value)
    return value.item() if isinstance(value, np.generic) else value


# --- n-grams ----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def ngram_pipeline():
    texts, y = load_sample_reviews(return_X_y=True)
    return text_pipeline(units=4, epochs=2, random_state=0).fit(texts[:200], y[:200])


def test_a_text_pipeline_with_ngrams_comes_back_bit_for_bit(ngram_pipeline, tmp_path):
    texts, y = load_sample_reviews(return_X_y=True)
    loaded = reloaded(ngram_pipeline, tmp_path)
    assert repr(loaded.get_params()) == repr(ngram_pipeline.get_params())
    assert_same(loaded["classifier"], ngram_pipeline["classifier"])
    for step, name in (
        ("vectorizer", "ngrams_"),
        ("vectorizer", "num_words_"),
        ("scaler", "scale_"),
        ("scaler", "classes_"),
        ("scaler", "mean_square_norm_"),
        ("scaler", "n_features_in_"),
    ):
        found, expected = getattr(loaded[step], name), getattr(ngram_pipeline[step], name)
        assert type(found) is type(expected)
        np.testing.assert_array_equal(found, expected)
        if isinstance(expected, np.ndarray):
            assert found.dtype == expected.dtype
    found, expected = loaded[:-1].transform(texts), ngram_pipeline[:-1].transform(texts)
    for part in ("indptr", "indices", "data"):
        np.testing.assert_array_equal(getattr(found, part), getattr(expected, part))
    np.testing.assert_array_equal(
        loaded[:-1].get_feature_names_out(), ngram_pipeline[:-1].get_feature_names_out()
    )
    np.testing.assert_array_equal(loaded.predict_proba(texts), ngram_pipeline.predict_proba(texts))
    again = save_model(loaded, tmp_path / "again")
    assert again.read_bytes() == (tmp_path / "model.skimdb").read_bytes()
    # the scaler counts on as if it had not stopped
    rows = ngram_pipeline[:2].transform(texts)
    counted = [pickle.loads(pickle.dumps(p["scaler"])) for p in (loaded, ngram_pipeline)]
    scales = [scaler.partial_fit(rows, y).scale_ for scaler in counted]
    np.testing.assert_array_equal(*scales)
    np.testing.assert_array_equal(
        clone(loaded).fit(texts[:200], y[:200]).predict_proba(texts),
        ngram_pipeline.predict_proba(texts),
    )


def test_float16_halves_the_weights_and_rounds_them(ngram_pipeline, tmp_path):
    texts, _ = load_sample_reviews(return_X_y=True)
    full = save_model(ngram_pipeline, tmp_path / "full")
    half = save_model(ngram_pipeline, tmp_path / "half", weights_dtype="float16")
    loaded, classifier = load_model(half), ngram_pipeline["classifier"]
    n_weights = sum(coef.size for coef in classifier.coefs_)
    assert full.stat().st_size - half.stat().st_size == pytest.approx(2 * n_weights, abs=50)
    for found, expected in zip(
        [*loaded["classifier"].coefs_, *loaded["classifier"].intercepts_],
        [*classifier.coefs_, *classifier.intercepts_],
        strict=True,
    ):
        assert found.dtype == np.float32
        np.testing.assert_array_equal(found, expected.astype(np.float16))
    # the weights of the scaler and the words stay as they are
    np.testing.assert_array_equal(loaded["scaler"].scale_, ngram_pipeline["scaler"].scale_)
    np.testing.assert_allclose(
        loaded.predict_proba(texts), ngram_pipeline.predict_proba(texts), atol=0.01
    )


@pytest.mark.parametrize("dtype", ["float64", "half", np.float16, None])
def test_other_types_of_weights_are_refused(dtype, ngram_pipeline, tmp_path):
    with pytest.raises((TypeError, ValueError), match="weights_dtype"):
        save_model(ngram_pipeline, tmp_path / "model", weights_dtype=dtype)
    assert not list(tmp_path.iterdir())


def test_weights_beyond_float16_are_refused(tmp_path):
    X = np.eye(8, dtype=np.float32)
    classifier = small().fit(X, np.arange(8) % 2)
    classifier.intercepts_[0][0] = 70_000
    message = "weights_dtype must be 'float32' for weights up to 7e.04, got .* ends at 65504"
    with pytest.raises(ValueError, match=message):
        save_model(classifier, tmp_path / "model", weights_dtype="float16")
    assert not list(tmp_path.iterdir())
    np.testing.assert_array_equal(reloaded(classifier, tmp_path).predict(X), classifier.predict(X))


@pytest.mark.parametrize(
    "options",
    [
        {"ngram_range": (1, 2), "mode": "tfidf"},
        {"ngram_range": (2, 3), "num_words": 4},
        {"max_features": 3, "mode": "count"},
        {"min_df": 0.3, "max_df": 0.9},
        {"min_df": "auto", "mode": "log"},
        {"count_min_df": 3, "mode": "count"},
        {"ngram_range": (1, 2), "n_buckets": 20},
        {"ngram_range": (1, 2), "n_buckets": 20, "mode": "tfidf"},
    ],
)
def test_a_vectorizer_of_ngrams_comes_back(options, tmp_path):
    rows = [[1, 2, 3, 2], [1, 2, 3], [5, 3], [], [2]]
    pipeline = make_pipeline(MultiHotVectorizer(**options).fit(rows))
    loaded = reloaded(pipeline, tmp_path)
    assert repr(loaded.get_params()) == repr(pipeline.get_params())
    new = [*rows, [1, 2, 9], [3, 3, 3]]
    found, expected = loaded.transform(new), pipeline.transform(new)
    assert found.dtype == expected.dtype
    np.testing.assert_array_equal(found.toarray(), expected.toarray())
    assert loaded.get_feature_names_out().tolist() == pipeline.get_feature_names_out().tolist()


def forge(change):
    """Return a function that changes a copy of n-grams in place, or returns others."""

    def forged(ngrams):
        ngrams = ngrams.copy()
        other = change(ngrams)
        return ngrams if other is None else other

    return forged


def put(row, column, value):
    def change(ngrams):
        ngrams[row, column] = value

    return forge(change)


RULE = "ngrams_ must hold 1 to 2 ids below 6 in each row, and no row twice"
# the n-grams are (2,), (1,), (1, 2), (5,), (2, 1), (2, 5)
FORGED_NGRAMS = {
    "an id too large": (put(0, 0, 6), RULE),
    "a number below -1": (put(0, 1, -2), RULE),
    "a row without ids": (put(0, 0, -1), RULE),
    "an id after the end": (put(2, 0, -1), RULE),
    "a row twice": (put(1, 0, 2), RULE),
    "the smallest number": (put(2, 1, -(2**31)), RULE),
    "too few columns": (forge(lambda a: a[:, :1]), "ngrams_ must have 2 columns"),
    "too many columns": (
        forge(lambda a: np.column_stack([a, a[:, 1]])), "ngrams_ must have 2 columns"
    ),
    "one dimension": (forge(lambda a: a.ravel()), "ngrams_ must have 2 columns"),
    "no rows": (forge(lambda a: a[:0]), "ngrams_ must have 2 columns"),
    "another type": (forge(lambda a: a.astype(np.int64)), "must be an array of type i4"),
    "floats": (forge(lambda a: a.astype(np.float32)), "must be an array of type i4"),
    "fewer rows than weights": (forge(lambda a: a[:-1]), "n_counted_ == 6, must be <= 5"),
}  # fmt: skip


@pytest.fixture(scope="module")
def ngram_members(tmp_path_factory):
    vectorizer = MultiHotVectorizer(ngram_range=(1, 2), mode="tfidf")
    vectorizer.fit([[1, 2], [1, 2, 1], [2, 5]])
    path = save_model(make_pipeline(vectorizer), tmp_path_factory.mktemp("ngrams") / "model")
    return read_members(path), vectorizer.ngrams_


@pytest.mark.parametrize("name", FORGED_NGRAMS)
def test_forged_ngrams_are_refused(name, ngram_members, tmp_path):
    members, ngrams = ngram_members
    assert ngrams.max() == 5
    change, reason = FORGED_NGRAMS[name]
    content = io.BytesIO()
    np.save(content, change(ngrams), allow_pickle=False)
    path = write_model(tmp_path / "model", {**members, "0_ngrams.npy": content.getvalue()})
    with pytest.raises(ValueError, match=reason):
        load_model(path)


@pytest.mark.parametrize("name", ["min_df", "count_min_df", "ngram_range", "n_buckets"])
@pytest.mark.parametrize("value", [0, -1, "all", [2, 1], {}])
def test_forged_parameters_of_ngrams_are_refused(name, value, ngram_members, tmp_path):
    members, _ = ngram_members
    tree = json.loads(members[TREE])
    parameters = tree["steps"][0]["parameters"]
    assert name in parameters
    parameters[name] = value
    path = write_model(tmp_path / "model", {**members, TREE: to_json(tree)})
    with pytest.raises(ValueError, match="can't be opened as a model"):
        load_model(path)


def test_parameters_that_differ_from_those_of_the_fit_are_refused(tmp_path):
    vectorizer = MultiHotVectorizer(ngram_range=(1, 2)).fit([[1, 2], [2, 3]])
    pipeline = make_pipeline(vectorizer.set_params(ngram_range=(1, 3)))
    with pytest.raises(ValueError, match="ngrams_ must have 3 columns"):
        save_model(pipeline, tmp_path / "model")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("value", [-1, 7, 1.5, None, "all"])
def test_a_forged_number_of_counted_columns_is_refused(value, ngram_members, tmp_path):
    members, _ = ngram_members
    tree = json.loads(members[TREE])
    assert tree["steps"][0]["fitted"]["n_counted"] == 6
    tree["steps"][0]["fitted"]["n_counted"] = value
    path = write_model(tmp_path / "model", {**members, TREE: to_json(tree)})
    with pytest.raises(ValueError, match="n_counted_"):
        load_model(path)


@pytest.mark.parametrize("missing", ["0_ngrams.npy", "0_idf.npy"])
def test_a_file_without_its_ngrams_is_refused(missing, ngram_members, tmp_path):
    members = {name: content for name, content in ngram_members[0].items() if name != missing}
    path = write_model(tmp_path / "model", members)
    with pytest.raises(ValueError, match="can't be opened as a model"):
        load_model(path)


@pytest.mark.parametrize(
    ("member", "value", "reason"),
    [("scale", np.nan, "scale_ must be finite"), ("square", np.inf, "squares must be finite")],
)
def test_a_forged_scaler_is_refused(member, value, reason, ngram_pipeline, tmp_path):
    members = read_members(save_model(ngram_pipeline, tmp_path / "model"))
    (name,) = [name for name in members if name.endswith(f"_{member}.npy")]
    array = np.load(io.BytesIO(members[name])).copy()
    array[0] = value
    content = io.BytesIO()
    np.save(content, array)
    path = write_model(tmp_path / "model", {**members, name: content.getvalue()})
    with pytest.raises(ValueError, match=reason):
        load_model(path)


def test_steps_of_different_widths_are_refused(tmp_path):
    texts, y = load_sample_reviews(return_X_y=True)
    buckets = {"vectorizer__n_buckets": 30, "vectorizer__count_min_df": 1, "vectorizer__min_df": 1}
    pipeline = text_pipeline(units=2, epochs=1, random_state=0).set_params(**buckets)
    path = save_model(pipeline.fit(texts[:40], y[:40]), tmp_path / "model")
    members = read_members(path)
    tree = json.loads(members[TREE])
    tree["steps"][1]["parameters"]["n_buckets"] = 31
    with pytest.raises(ValueError, match="'scaler' for 30 columns behind a step that returns 31"):
        load_model(write_model(path, {**members, TREE: to_json(tree)}))
    with pytest.raises(ValueError, match="they must belong together"):
        save_model(pipeline.set_params(vectorizer__n_buckets=29), path)
    # the widths of a classifier behind the vectorizer
    pipeline.set_params(vectorizer__n_buckets=30, scaler="passthrough")
    save_model(pipeline, path)
    with pytest.raises(ValueError, match="'classifier' for 30 columns"):
        save_model(pipeline.set_params(vectorizer__n_buckets=29), path)
