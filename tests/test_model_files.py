"""Models come back the same; what can't be saved is refused; a save is whole or nothing."""

import os
import pickle
import subprocess
import sys
import types
from pathlib import Path

import joblib
import keras
import numpy as np
import pytest
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
)
from skimdb.datasets import load_sample_reviews, make_reviews

STORED = Path(__file__).parent / "data" / "model-v1.skimdb"
ODD_WORDS = ["film", "Ángela", "日本", "\U0001f3ac", "\udcff", "\ud83d\ude00", "😀", "\0", '"\\']
FITTED = ("classes_", "history_", "n_iter_", "n_features_in_", "_seed", "_network")


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
    """Two fitted classifiers are alike in parameters and in all that they have learned."""
    assert repr(loaded.get_params()) == repr(saved.get_params())
    for name in FITTED:
        expected = getattr(saved, name)
        np.testing.assert_equal(getattr(loaded, name), expected)
        assert type(getattr(loaded, name)) is type(expected)
    assert loaded.classes_.dtype == saved.classes_.dtype
    for mine, other in zip(loaded._weights(), saved._weights(), strict=True):
        assert mine.dtype == other.dtype == np.float32
        assert mine.flags.writeable
        np.testing.assert_array_equal(mine, other)


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
    import pandas as pd

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
def test_a_parameter_that_has_no_place_in_a_file_is_named(name, value, fitted, tmp_path):
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


def test_a_model_whose_last_fit_failed_is_refused(fitted, tmp_path):
    changed = pickle.loads(pickle.dumps(fitted))
    changed.n_features_in_ += 1
    with pytest.raises(ValueError, match="n_features_in_ is 61"):
        save_model(changed, tmp_path / "model")
    with pytest.raises(ValueError, match="at least one step"):
        save_model(Pipeline([]), tmp_path / "model")


@pytest.mark.parametrize("path", [3, None, b"model", 1.5])
def test_a_path_that_is_none_is_named(path, fitted):
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
    with pytest.raises(IsADirectoryError):
        load_model(tmp_path)


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
folder, n_left = os.path.dirname(path), 0
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
    n_left += len(os.listdir(folder)) - 1
save_model(models[0], path)
assert os.listdir(folder) == [os.path.basename(path)]
print(n_left)
"""


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_kill_during_a_save_leaves_the_old_or_the_new_file(tmp_path):
    command = [sys.executable, "-c", KILLS, STORED, tmp_path / "model.skimdb", "60"]
    killed = subprocess.run(command, capture_output=True, text=True, check=True)
    # some kills did come while a file was being written
    assert int(killed.stdout) > 0


def test_loading_imports_no_tensorflow():
    code = (
        "import sys; from skimdb._model_files import load_model; "
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
    texts = ["A wonderful film, moving and funny.", "A dull, boring mess; I walked out.", ""]
    expected = [0.607900083065033, 0.47352880239486694, 0.4786982834339142]
    np.testing.assert_allclose(pipeline.predict_proba(texts)[:, 1], expected, rtol=1e-6)
    assert pipeline.predict(texts).tolist() == [1, 0, 0]
    X, y = load_sample_reviews(return_X_y=True)
    pipeline.set_params(classifier__epochs=2).fit(X, y)
    assert pipeline["classifier"].n_iter_ == 12


def test_a_path_in_no_folder_is_named(tmp_path):
    stored = Path(__file__).parent / "data" / "model-v1.skimdb"
    pipeline = load_model(stored)
    for write, name in ((save_model, "model.skimdb"), (export_keras, "model.keras")):
        with pytest.raises(FileNotFoundError, match=r"path must lie in .* there is no .*nowhere"):
            write(pipeline, tmp_path / "nowhere" / name)
        with pytest.raises(ValueError, match="path must be that of a file, not of a folder"):
            write(pipeline, f"{tmp_path}/model.keras/")
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(ValueError, match="path must be that of a file, not of a folder"):
        load_model(f"{stored}/")
