import shutil

import matplotlib.pyplot as plt
import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV

from skimdb import DenseClassifier, TrainingHistoryDisplay, multi_hot_pipeline, plot_model
from skimdb.datasets import make_reviews

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def pipeline():
    X, y = make_reviews(200, n_words=100, random_state=0)
    return multi_hot_pipeline(num_words=100, epochs=3, batch_size=32).fit(X, y)


def test_curves_are_those_of_the_history():
    history = {
        "accuracy": [0.6, 0.7, 0.8],
        "loss": [0.6, 0.5, 0.4],
        "val_accuracy": [0.61, 0.72, 0.71],
        "val_loss": [0.6, 0.45, 0.55],
    }
    display = TrainingHistoryDisplay(history=history).plot()
    assert display.best_epoch_ == 2
    assert [ax.get_ylabel() for ax in display.axes_] == ["Loss", "Accuracy"]
    for ax, name in zip(display.axes_, ("loss", "accuracy"), strict=True):
        training, validation, best, _ = ax.get_lines()
        np.testing.assert_array_equal(training.get_xdata(), [1, 2, 3])
        np.testing.assert_array_equal(training.get_ydata(), history[name])
        np.testing.assert_array_equal(validation.get_ydata(), history[f"val_{name}"])
        assert (best.get_xdata(), best.get_ydata()) == ([2], [history[f"val_{name}"][1]])
        labels = [text.get_text() for text in ax.get_legend().get_texts()]
        assert labels == ["Training", "Validation", "Lowest validation loss: epoch 2"]


def test_takes_classifiers_pipelines_and_searches(pipeline):
    X, y = make_reviews(200, n_words=100, random_state=0)
    search = GridSearchCV(pipeline, {"classifier__epochs": [1, 2]}, cv=2).fit(X, y)
    for estimator in (pipeline, pipeline[-1], search):
        display = TrainingHistoryDisplay.from_estimator(estimator)
        assert display.best_epoch_ is None
        assert len(display.axes_) == 2


def test_draws_on_axes_that_are_given(pipeline):
    figure, axes = plt.subplots(2, 1)
    display = TrainingHistoryDisplay.from_estimator(pipeline, axes=axes)
    assert display.figure_ is figure
    with pytest.raises(ValueError, match="axes must be 2, one for each of loss, accuracy, got 1"):
        TrainingHistoryDisplay.from_estimator(pipeline, axes=axes[0])


def test_refuses_other_estimators():
    with pytest.raises(
        TypeError, match=r"must be a DenseClassifier, or a Pipeline .* got Logistic"
    ):
        TrainingHistoryDisplay.from_estimator(LogisticRegression().fit([[0], [1]], [0, 1]))


needs_graphviz = pytest.mark.skipif(
    shutil.which("dot") is None, reason="the program dot of Graphviz is not installed"
)


@needs_graphviz
def test_plot_model_writes_a_picture(pipeline, tmp_path):
    path = plot_model(pipeline, tmp_path / "network.png")
    assert path.read_bytes().startswith(PNG_SIGNATURE)
    assert [file.name for file in tmp_path.iterdir()] == ["network.png"]
    assert b"<svg" in plot_model(pipeline[-1], str(tmp_path / "network.svg")).read_bytes()


def test_plot_model_says_what_is_missing(pipeline, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ImportError, match="install Graphviz"):
        plot_model(pipeline, tmp_path / "network.png")
    with pytest.raises(ValueError, match=r"path must end in one of \.png"):
        plot_model(pipeline, tmp_path / "network")
    assert list(tmp_path.iterdir()) == []


def test_plot_model_wants_a_fitted_classifier(tmp_path):
    with pytest.raises(ValueError, match="not fitted"):
        plot_model(DenseClassifier(), tmp_path / "network.png")
