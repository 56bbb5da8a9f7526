"""DenseClassifier(memory=...): training states are kept, found, and not trusted."""

import json
import multiprocessing
import random
import warnings

import joblib
import keras
import numpy as np
import pytest
from sklearn.model_selection import GridSearchCV, RandomizedSearchCV

from skimdb import DenseClassifier, MultiHotVectorizer
from skimdb.datasets import make_reviews

needs_callbacks = pytest.mark.skipif(
    not hasattr(DenseClassifier, "set_callbacks"), reason="scikit-learn 1.9 has callbacks"
)


@pytest.fixture(scope="module")
def data():
    sequences, y = make_reviews(600, n_words=200, random_state=0)
    return MultiHotVectorizer(num_words=200).fit_transform(sequences), y


class EpochRecorder:
    """A callback of scikit-learn that records which epochs are trained, and not read."""

    def __init__(self, stop_after=None):
        self.epochs = []
        self.stop_after = stop_after

    def setup(self, estimator, context):
        pass

    def teardown(self, estimator, context):
        pass

    def on_fit_task_begin(self, estimator, context):
        pass

    def on_fit_task_end(self, estimator, context, *, fitted_estimator=None):
        if context.task_name == "epoch" and fitted_estimator is not None:
            self.epochs.append(context.task_id)
            return context.task_id == self.stop_after
        return False


def classifier(**parameters):
    defaults = {"units": (8, 4), "epochs": 4, "batch_size": 64, "random_state": 0, "dropout": 0.2}
    return DenseClassifier(**{**defaults, **parameters})


def assert_same(one, other):
    for a, b in zip(one.coefs_ + one.intercepts_, other.coefs_ + other.intercepts_, strict=True):
        np.testing.assert_array_equal(a, b)
    assert one.history_ == other.history_
    assert one.n_iter_ == other.n_iter_


def states(folder):
    """Return the files of states with their inodes: a fit that trains writes a new file."""
    return {path.name: path.stat().st_ino for path in folder.rglob("*.npz")}


@needs_callbacks
def test_more_epochs_continue_from_the_state_of_fewer(data, tmp_path):
    X, y = data
    recorder = EpochRecorder()
    for epochs in (2, 3, 6):
        model = classifier(epochs=epochs, memory=tmp_path).set_callbacks(recorder).fit(X, y)
    assert recorder.epochs == [0, 1, 2, 3, 4, 5]
    assert_same(model, classifier(epochs=6).fit(X, y))
    assert len(states(tmp_path)) == 3
    # there is no state after 5 epochs, but one after 3
    recorder.epochs.clear()
    classifier(epochs=5, memory=tmp_path).set_callbacks(recorder).fit(X, y)
    assert recorder.epochs == [3, 4]


def test_a_fit_from_a_state_gives_the_same(data, tmp_path):
    X, y = data
    for epochs in (2, 3, 6):
        model = classifier(epochs=epochs, memory=tmp_path).fit(X, y)
        assert_same(model, classifier(epochs=epochs).fit(X, y))


def test_the_same_again_and_fewer_epochs_train_nothing(data, tmp_path):
    X, y = data
    for epochs in (2, 4):
        classifier(epochs=epochs, memory=tmp_path).fit(X, y)
    before = states(tmp_path)
    for epochs in (4, 2):
        again = classifier(epochs=epochs, memory=tmp_path).fit(X, y)
        assert_same(again, classifier(epochs=epochs).fit(X, y))
    assert states(tmp_path) == before


def test_names_of_states_stay(tmp_path):
    """The name of a state is a digest of the training: rows, parameters and seed."""
    X, y = np.eye(4, 3, dtype=np.float32), [0, 1, 0, 1]
    classifier(memory=tmp_path).fit(X, y)
    classifier(memory=tmp_path, early_stopping=True).fit(X, y, X_val=X, y_val=y)
    keys = sorted(name.partition("-")[0] for name in states(tmp_path))
    assert keys == ["536d99d46959566e128402fe796f3069", "5bc9d012868b4563f96683c834c37bad"]


@pytest.mark.parametrize(
    "change",
    [
        {"units": (8, 5)},
        {"activation": "tanh"},
        {"dropout": 0.3},
        {"l2": 0.1},
        {"optimizer": "adam"},
        {"optimizer": "sgd", "momentum": 0.9},
        {"learning_rate_schedule": "linear"},
        {"learning_rate": 0.01},
        {"loss": "mse"},
        {"metrics": None},
        {"batch_size": 63},
        {"random_state": 1},
        {"class_weight": {0: 1, 1: 2}},
        {"early_stopping": True},
    ],
    ids=str,
)
def test_another_training_has_states_of_its_own(data, tmp_path, change):
    X, y = data
    classifier(memory=tmp_path).fit(X, y)
    changed = classifier(memory=tmp_path, **change).fit(X, y)
    assert_same(changed, classifier(**change).fit(X, y))
    assert len(states(tmp_path)) == 2
    assert_same(classifier(memory=tmp_path, **change).fit(X, y), changed)


def test_other_data_has_states_of_its_own(data, tmp_path):
    X, y = data
    other = X.copy()
    other.data[7] = 2
    moved = X.copy()
    moved.indices[0] -= 1
    weights = np.ones(len(y))
    weights[0] = 2
    arguments = [
        {"X": X, "y": y},
        {"X": X, "y": 1 - y},
        {"X": X[1:], "y": y[1:]},
        {"X": other, "y": y},
        {"X": moved, "y": y},
        {"X": X, "y": y, "sample_weight": weights},
        {"X": X, "y": y, "X_val": X[:9], "y_val": y[:9]},
    ]
    for n_states, data in enumerate(arguments, start=1):
        assert_same(classifier(memory=tmp_path).fit(**data), classifier().fit(**data))
        assert len(states(tmp_path)) == n_states


def test_equal_data_in_another_form_is_the_same(data, tmp_path):
    X, y = data
    classifier(memory=tmp_path).fit(X, y)
    before = states(tmp_path)
    classifier(memory=tmp_path).fit(X.tocsc(), y.astype(str))
    assert states(tmp_path) == before


def test_a_fit_with_early_stopping_is_kept_whole(data, tmp_path):
    X, y = data
    options = {"early_stopping": True, "epochs": 30, "learning_rate": 0.05}
    first = classifier(memory=tmp_path, **options).fit(X, y)
    assert first.n_iter_ < 30
    before = states(tmp_path)
    assert_same(classifier(memory=tmp_path, **options).fit(X, y), first)
    assert states(tmp_path) == before
    longer = {**options, "epochs": 40, "n_iter_no_change": 5}
    assert_same(classifier(memory=tmp_path, **longer).fit(X, y), classifier(**longer).fit(X, y))


@needs_callbacks
@pytest.mark.parametrize("early_stopping", [False, True])
def test_a_fit_that_a_callback_stops_shortens_no_other(data, tmp_path, early_stopping):
    X, y = data
    options = {"epochs": 5, "early_stopping": early_stopping}
    stopped = classifier(memory=tmp_path, **options).set_callbacks(EpochRecorder(stop_after=1))
    assert stopped.fit(X, y).n_iter_ == 2
    assert_same(classifier(memory=tmp_path, **options).fit(X, y), classifier(**options).fit(X, y))


@pytest.mark.slow
def test_what_depends_on_chance_or_callbacks_is_not_kept(data, tmp_path):
    X, y = data
    classifier(memory=tmp_path, random_state=None).fit(X, y)
    classifier(memory=tmp_path, random_state=np.random.RandomState(0)).fit(X, y)
    classifier(memory=tmp_path, callbacks=keras.callbacks.TerminateOnNaN()).fit(X, y)
    assert not states(tmp_path)
    classifier(memory=tmp_path, callbacks=lambda epoch, logs: None).fit(X, y)
    classifier(memory=tmp_path, loss=lambda y, p: keras.ops.mean((y - p) ** 2)).fit(X, y)
    assert not states(tmp_path)
    with pytest.raises(
        TypeError, match=r"memory must be a path, a joblib.Memory or None, got int"
    ):
        classifier(memory=3).fit(X, y)


def test_a_joblib_memory_names_the_folder(data, tmp_path):
    X, y = data
    classifier(memory=joblib.Memory(tmp_path, verbose=0)).fit(X, y)
    assert len(states(tmp_path)) == 1
    classifier(memory=joblib.Memory(None)).fit(X, y)


@needs_callbacks
def test_a_search_over_epochs_trains_each_epoch_once(data, tmp_path):
    recorder = EpochRecorder()
    estimator = classifier(memory=tmp_path).set_callbacks(recorder)
    grid = {"units": [4, (4, 4)], "epochs": [1, 2, 4]}
    GridSearchCV(estimator, grid, cv=3, refit=False).fit(*data)
    assert len(recorder.epochs) == 3 * 2 * 4


def test_a_search_with_memory_gives_the_scores_of_one_without(data, tmp_path):
    X, y = data
    grid = {"units": [4, (4, 4)], "epochs": [1, 2, 4], "batch_size": [32, 64]}
    plain = GridSearchCV(classifier(), grid, cv=3, refit=False).fit(X, y)
    kept = GridSearchCV(classifier(memory=tmp_path), grid, cv=3, refit=False).fit(X, y)
    before = states(tmp_path)
    again = RandomizedSearchCV(
        classifier(memory=str(tmp_path)), grid, n_iter=12, cv=3, refit=False, random_state=0
    ).fit(X, y)
    assert states(tmp_path) == before
    for name in ("split0_test_score", "split1_test_score", "mean_test_score"):
        np.testing.assert_array_equal(kept.cv_results_[name], plain.cv_results_[name])
    by_parameters = {
        json.dumps(candidate, sort_keys=True): score
        for candidate, score in zip(
            kept.cv_results_["params"], kept.cv_results_["mean_test_score"], strict=True
        )
    }
    for candidate, score in zip(
        again.cv_results_["params"], again.cv_results_["mean_test_score"], strict=True
    ):
        assert by_parameters[json.dumps(candidate, sort_keys=True)] == score


@pytest.mark.parametrize("damage", ["cut", "emptied", "junk", "other version", "other shape"])
def test_a_state_that_cannot_be_used_is_reported_and_trained_again(data, tmp_path, damage):
    X, y = data
    expected = classifier(memory=tmp_path).fit(X, y)
    (path,) = tmp_path.glob("*.npz")
    content = path.read_bytes()
    if damage == "cut":
        path.write_bytes(content[: len(content) // 2])
    elif damage == "emptied":
        path.write_bytes(b"")
    elif damage == "junk":
        path.write_bytes(b"PK\x03\x04" + bytes(500))
    else:
        with np.load(path) as file:
            arrays = dict(file)
        if damage == "other shape":
            arrays["weight_0"] = arrays["weight_0"][:-1]
        else:
            about = json.loads(str(arrays["about"]))
            about["versions"]["tensorflow"] = "1.0"
            arrays["about"] = np.array(json.dumps(about))
        np.savez(path, **arrays)
    with pytest.warns(UserWarning, match="training state .* can't be used"):
        again = classifier(memory=tmp_path).fit(X, y)
    assert_same(again, expected)
    # it has been replaced by a good one
    assert_same(classifier(memory=tmp_path).fit(X, y), expected)


@pytest.mark.parametrize("seed", range(3))
def test_a_state_with_changed_bytes_changes_no_result(data, tmp_path, seed):
    X, y = data
    rng = random.Random(seed)
    expected = classifier(epochs=1, memory=tmp_path).fit(X, y)
    (path,) = tmp_path.glob("*.npz")
    content = path.read_bytes()
    # the end of the file, where the archive lists its members, is where errors of all types arise
    for _ in range(20):
        changed = bytearray(content)
        changed[rng.randrange(-1500, 0)] ^= 1 << rng.randrange(8)
        path.write_bytes(changed)
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "the training state .* can't be used")
            assert_same(classifier(epochs=1, memory=tmp_path).fit(X, y), expected)


def test_the_folder_stays_within_its_limit(data, tmp_path):
    X, y = data
    classifier(memory=tmp_path).fit(X, y)
    (path,) = tmp_path.glob("*.npz")
    limit = 3 * path.stat().st_size
    for seed in range(1, 8):
        classifier(memory=tmp_path, memory_limit=limit, random_state=seed).fit(X, y)
        classifier(memory=tmp_path, memory_limit=limit).fit(X, y)  # used, so it stays
        assert sum(file.stat().st_size for file in tmp_path.iterdir()) <= limit
    assert path.exists()
    assert len(states(tmp_path)) >= 2


def fit_and_hash(folder, X, y):
    return joblib.hash(classifier(memory=folder).fit(X, y).coefs_)


@pytest.mark.slow
def test_processes_share_a_folder(data, tmp_path):
    X, y = data
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        hashes = pool.starmap(fit_and_hash, [(tmp_path, X, y)] * 6)
    assert set(hashes) == {joblib.hash(classifier().fit(X, y).coefs_)}
    assert len(states(tmp_path)) == 1
    assert len(list(tmp_path.iterdir())) == 1
