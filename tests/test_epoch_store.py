"""DenseClassifier(memory=...): training states that are kept, found, and not trusted."""

import json
import multiprocessing
from pathlib import Path

import joblib
import keras
import numpy as np
import pytest
from sklearn.model_selection import GridSearchCV, RandomizedSearchCV

from skimdb import DenseClassifier, MultiHotVectorizer
from skimdb._keras._trainer import DenseStack
from skimdb.datasets import make_reviews


@pytest.fixture(scope="module")
def data():
    sequences, y = make_reviews(600, n_words=200, random_state=0)
    return MultiHotVectorizer(num_words=200).fit_transform(sequences), y


@pytest.fixture
def epochs_trained(monkeypatch):
    """A list that grows by one number for each epoch trained in this process."""
    trained = []
    begin = DenseStack._begin_epoch

    def count(self, seed, epoch):
        trained.append(epoch)
        return begin(self, seed, epoch)

    monkeypatch.setattr(DenseStack, "_begin_epoch", count)
    return trained


def classifier(**parameters):
    defaults = {"units": (8, 4), "epochs": 4, "batch_size": 64, "random_state": 0, "dropout": 0.2}
    return DenseClassifier(**{**defaults, **parameters})


def assert_same(one, other):
    for a, b in zip(one.coefs_ + one.intercepts_, other.coefs_ + other.intercepts_, strict=True):
        np.testing.assert_array_equal(a, b)
    assert one.history_ == other.history_
    assert one.n_iter_ == other.n_iter_


def states(folder):
    return sorted(path.name for path in Path(folder).rglob("*.npz"))


def test_more_epochs_go_on_from_those_kept(data, tmp_path, epochs_trained):
    X, y = data
    for epochs in (2, 3, 6):
        kept = classifier(epochs=epochs, memory=tmp_path).fit(X, y)
    assert epochs_trained == [0, 1, 2, 3, 4, 5]
    assert_same(kept, classifier(epochs=6).fit(X, y))
    assert len(states(tmp_path)) == 3


def test_the_same_again_and_fewer_train_nothing(data, tmp_path, epochs_trained):
    X, y = data
    for epochs in (2, 4):
        classifier(epochs=epochs, memory=tmp_path).fit(X, y)
    del epochs_trained[:]
    for epochs in (4, 2):
        again = classifier(epochs=epochs, memory=tmp_path, verbose=0).fit(X, y)
        assert epochs_trained == []
        assert_same(again, classifier(epochs=epochs).fit(X, y))
        del epochs_trained[:]
    # nothing is kept of epoch 3, but from 2 it is one more
    classifier(epochs=3, memory=tmp_path).fit(X, y)
    assert epochs_trained == [2]


@pytest.mark.parametrize(
    "change",
    [
        {"units": (8, 5)},
        {"activation": "tanh"},
        {"dropout": 0.3},
        {"l2": 0.1},
        {"optimizer": "adam"},
        {"optimizer": keras.optimizers.RMSprop(0.01)},
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


def test_equal_data_in_another_form_is_the_same(data, tmp_path, epochs_trained):
    X, y = data
    classifier(memory=tmp_path).fit(X, y)
    classifier(memory=tmp_path).fit(X.tocsc(), y.astype(str))
    assert len(epochs_trained) == 4


def test_early_stopping_is_kept_whole(data, tmp_path, epochs_trained):
    X, y = data
    options = {"early_stopping": True, "epochs": 30, "learning_rate": 0.05}
    first = classifier(memory=tmp_path, **options).fit(X, y)
    assert first.n_iter_ < 30
    del epochs_trained[:]
    assert_same(classifier(memory=tmp_path, **options).fit(X, y), first)
    assert epochs_trained == []
    longer = {**options, "epochs": 40, "n_iter_no_change": 5}
    assert_same(classifier(memory=tmp_path, **longer).fit(X, y), classifier(**longer).fit(X, y))


def test_what_depends_on_chance_or_callbacks_is_not_kept(data, tmp_path):
    X, y = data
    classifier(memory=tmp_path, random_state=None).fit(X, y)
    classifier(memory=tmp_path, random_state=np.random.RandomState(0)).fit(X, y)
    classifier(memory=tmp_path, callbacks=keras.callbacks.TerminateOnNaN()).fit(X, y)
    assert states(tmp_path) == []
    with pytest.raises(ValueError, match="loss must be given by name, or as an instance"):
        classifier(memory=tmp_path, loss=lambda y, p: keras.ops.mean((y - p) ** 2)).fit(X, y)
    with pytest.raises(
        TypeError, match=r"memory must be a path, a joblib.Memory or None, got int"
    ):
        classifier(memory=3).fit(X, y)


def test_a_joblib_memory_names_the_folder(data, tmp_path):
    X, y = data
    classifier(memory=joblib.Memory(tmp_path, verbose=0)).fit(X, y)
    assert len(states(tmp_path)) == 1
    classifier(memory=joblib.Memory(None)).fit(X, y)


def test_a_search_over_epochs_trains_each_epoch_once(data, tmp_path, epochs_trained):
    X, y = data
    grid = {"units": [4, (4, 4)], "epochs": [1, 2, 4], "batch_size": [32, 64]}
    plain = GridSearchCV(classifier(), grid, cv=3, refit=False).fit(X, y)
    assert len(epochs_trained) == 3 * 4 * (1 + 2 + 4)
    del epochs_trained[:]
    kept = GridSearchCV(classifier(memory=tmp_path), grid, cv=3, refit=False).fit(X, y)
    assert len(epochs_trained) == 3 * 4 * 4
    del epochs_trained[:]
    again = RandomizedSearchCV(
        classifier(memory=str(tmp_path)), grid, n_iter=12, cv=3, refit=False, random_state=0
    ).fit(X, y)
    assert epochs_trained == []
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
def test_a_state_that_is_of_no_use_is_reported_and_trained_anew(data, tmp_path, damage):
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


def test_processes_share_a_folder(data, tmp_path):
    X, y = data
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        hashes = pool.starmap(fit_and_hash, [(tmp_path, X, y)] * 6)
    assert set(hashes) == {joblib.hash(classifier().fit(X, y).coefs_)}
    assert len(states(tmp_path)) == 1
    assert len(list(tmp_path.iterdir())) == 1
