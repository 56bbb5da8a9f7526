"""scikit-learn's own callbacks see each epoch of a fit."""

import numpy as np
import pytest
from sklearn.model_selection import GridSearchCV

from skimdb import DenseClassifier, MultiHotVectorizer, multi_hot_pipeline
from skimdb.datasets import make_reviews

skl_callback = pytest.importorskip("sklearn.callback", reason="scikit-learn 1.9 has callbacks")


@pytest.fixture(scope="module")
def reviews():
    return make_reviews(300, n_words=200, random_state=0)


@pytest.fixture(scope="module")
def rows(reviews):
    X, y = reviews
    return MultiHotVectorizer(num_words=200).fit_transform(X), y


class Recorder:
    """Follows the protocol of scikit-learn's callbacks."""

    def __init__(self, stop_after=None):
        self.ended = []
        self.stop_after = stop_after

    def setup(self, estimator, context):
        self.ended.append("setup")

    def teardown(self, estimator, context):
        self.ended.append("teardown")

    def on_fit_task_begin(self, estimator, context):
        pass

    def on_fit_task_end(self, estimator, context, *, X=None, y=None, fitted_estimator=None):
        score = None if fitted_estimator is None else fitted_estimator.score(X, y)
        self.ended.append((context.task_name, context.task_id, score))
        return self.stop_after == context.task_id


def test_each_epoch_is_a_task_with_a_fitted_estimator(rows):
    X, y = rows
    recorder = Recorder()
    classifier = DenseClassifier(epochs=3, batch_size=32, random_state=0)
    classifier.set_callbacks(recorder).fit(X, y)
    first = DenseClassifier(epochs=1, batch_size=32, random_state=0).fit(X, y).score(X, y)
    last = classifier.score(X, y)
    epochs = [task for task in recorder.ended if task[0] == "epoch"]
    assert [task_id for _, task_id, _ in epochs] == [0, 1, 2]
    assert epochs[0][2] == first
    assert epochs[2][2] == last
    assert recorder.ended[0] == "setup"
    assert recorder.ended[-2:] == [("fit", 0, last), "teardown"]


def test_a_callback_may_stop_the_training(rows):
    X, y = rows
    classifier = DenseClassifier(epochs=9, batch_size=32).set_callbacks(Recorder(stop_after=1))
    assert classifier.fit(X, y).n_iter_ == 2


def test_epochs_from_memory_are_tasks_too(rows, tmp_path):
    X, y = rows
    options = {"batch_size": 32, "random_state": 0, "memory": tmp_path}
    DenseClassifier(epochs=2, **options).fit(X, y)
    recorder = Recorder()
    DenseClassifier(epochs=3, **options).set_callbacks(recorder).fit(X, y)
    scores = [task[2] is not None for task in recorder.ended if task[0] == "epoch"]
    # the weights of epochs that were trained before are not known
    assert scores == [False, False, True]


@pytest.mark.keras
def test_a_failed_fit_is_torn_down(rows):
    X, y = rows
    recorder = Recorder()
    with pytest.raises(ValueError, match="optimizer must be"):
        DenseClassifier(optimizer="none").set_callbacks(recorder).fit(X, y)
    assert recorder.ended[-1] == "teardown"


def test_scoring_monitor_logs_an_entry_an_epoch_within_a_search(reviews):
    X, y = reviews
    monitor = skl_callback.ScoringMonitor(scoring="accuracy")
    pipeline = multi_hot_pipeline(num_words=200, batch_size=32, random_state=0)
    pipeline["classifier"].set_callbacks(monitor)
    search = GridSearchCV(pipeline, {"classifier__epochs": [2, 3]}, cv=2, refit=False)
    search.fit(X, y)
    entries = [
        row
        for log in monitor.get_logs(select="all")
        for row in log.data
        if row["task_name"] == "epoch"
    ]
    assert len(entries) == 2 * (2 + 3)
    assert all(0 <= row["accuracy"] <= 1 for row in entries)


@pytest.mark.filterwarnings("ignore:The estimator MultiHotVectorizer does not support callbacks")
def test_progress_bar_shows_search_fold_and_epoch(reviews, capsys):
    X, y = reviews
    pipeline = multi_hot_pipeline(num_words=200, epochs=2, batch_size=32, random_state=0)
    search = GridSearchCV(pipeline, {"classifier__units": [2, 4]}, cv=2, refit=False)
    search.set_callbacks(skl_callback.ProgressBar(max_propagation_depth=None)).fit(X, y)
    output = capsys.readouterr().out
    assert "GridSearchCV" in output
    assert "DenseClassifier" in output
    assert "100%" in output


def test_callbacks_change_nothing_else(rows):
    X, y = rows
    plain = DenseClassifier(epochs=2, random_state=0).fit(X, y)
    watched = DenseClassifier(epochs=2, random_state=0).set_callbacks(Recorder()).fit(X, y)
    np.testing.assert_array_equal(plain.coefs_[0], watched.coefs_[0])
    assert set(vars(watched)) - set(vars(plain)) == {"_skl_callbacks"}
