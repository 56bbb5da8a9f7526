"""Training curves, results of a search, and the diagram of a network."""

import shutil

import matplotlib.pyplot as plt
import numpy as np
import pytest
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV

from skimdb import (
    DenseClassifier,
    SearchResultsDisplay,
    TrainingHistoryDisplay,
    multi_hot_pipeline,
    plot_model,
)
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


class TestTrainingHistoryDisplay:
    def test_curves_are_those_of_the_history(self):
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

    def test_takes_classifiers_pipelines_and_searches(self, pipeline):
        X, y = make_reviews(200, n_words=100, random_state=0)
        search = GridSearchCV(pipeline, {"classifier__epochs": [1, 2]}, cv=2).fit(X, y)
        for estimator in (pipeline, pipeline[-1], search):
            display = TrainingHistoryDisplay.from_estimator(estimator)
            assert display.best_epoch_ is None
            assert len(display.axes_) == 2

    def test_draws_on_axes_of_the_user(self, pipeline):
        figure, axes = plt.subplots(2, 1)
        display = TrainingHistoryDisplay.from_estimator(pipeline, axes=axes)
        assert display.figure_ is figure
        message = "axes must be 2, one for each of loss, accuracy, got 1"
        with pytest.raises(ValueError, match=message):
            TrainingHistoryDisplay.from_estimator(pipeline, axes=axes[0])

    def test_refuses_a_history_without_an_epoch(self):
        for history in ({}, {"loss": []}, {"accuracy": [0.5]}):
            with pytest.raises(ValueError, match="history must hold the loss of at least one"):
                TrainingHistoryDisplay(history=history)

    def test_refuses_other_estimators(self):
        other = LogisticRegression().fit([[0], [1]], [0, 1])
        message = r"must be a DenseClassifier, or a Pipeline .* got Logistic"
        with pytest.raises(TypeError, match=message):
            TrainingHistoryDisplay.from_estimator(other)


UNITS = np.ma.empty(5, dtype=object)
UNITS[:] = [(16, 16), 4, (16, 16), 4, 4]
RESULTS = {
    "param_clf__epochs": np.ma.array([4, 4, 2, 2, 8]),
    "param_clf__units": UNITS,
    "mean_test_score": np.array([0.8, 0.7, 0.75, 0.65, 0.6]),
    "std_test_score": np.array([0.01, 0.02, 0.03, 0.04, 0.05]),
    "mean_test_auc": np.array([0.9, 0.8, 0.85, 0.75, 0.7]),
    "std_test_auc": np.zeros(5),
}


class TestSearchResultsDisplay:
    def test_a_line_for_each_combination_of_the_other_parameters(self):
        ax = SearchResultsDisplay(results=RESULTS, x="clf__epochs").plot().ax_
        wide, narrow = ax.get_lines()
        # as the command line takes them
        assert [wide.get_label(), narrow.get_label()] == ["units=16,16", "units=4"]
        np.testing.assert_allclose(wide.get_xydata(), [[2, 0.75], [4, 0.8]], atol=0.2)
        np.testing.assert_array_equal(narrow.get_ydata(), [0.65, 0.7, 0.6])
        # a little apart, so that the bars can be seen
        assert 0.1 < narrow.get_xdata()[0] - wide.get_xdata()[0] < 0.5
        assert wide.get_color() != narrow.get_color()
        assert wide.get_marker() != narrow.get_marker()
        spread = np.concatenate([bar.vertices for bar in ax.collections[1].get_paths()])
        assert spread[:, 1].max() == pytest.approx(0.72)
        assert spread[:, 1].min() == pytest.approx(0.55)
        assert ax.get_xlabel() == "epochs"
        assert ax.get_title() == "Cross-validated score by epochs"

    def test_values_other_than_numbers_are_evenly_spaced(self):
        ax = SearchResultsDisplay(results=RESULTS, x="clf__units", score="auc").plot().ax_
        assert [text.get_text() for text in ax.get_xticklabels()] == ["16,16", "4"]
        at = {tuple(line.get_xdata().round().astype(int)) for line in ax.get_lines()}
        assert at == {(0, 1), (1,)}
        assert ax.get_ylabel() == "Mean cross-validated auc ± 1 standard deviation"

    def test_a_map_for_two_parameters(self):
        display = SearchResultsDisplay(results=RESULTS, x="clf__epochs", y="clf__units").plot()
        (image,) = display.ax_.get_images()
        expected = [[0.75, 0.8, np.nan], [0.65, 0.7, 0.6]]
        np.testing.assert_array_equal(image.get_array().filled(np.nan), expected)
        assert "0.8000\n±0.0100" in [text.get_text() for text in display.ax_.texts]

    @pytest.mark.parametrize("order", [[0, 1, 2], [2, 1, 0]])
    def test_a_map_shows_the_best_score_that_is_one(self, order):
        results = {
            "param_x": np.ma.array([1, 1, 1]),
            "param_y": np.ma.array([2, 2, 2]),
            "mean_test_score": np.array([0.5, 0.7, np.nan])[order],
            "std_test_score": np.array([0.1, 0.2, np.nan])[order],
        }
        display = SearchResultsDisplay(results=results, x="x", y="y").plot()
        assert [text.get_text() for text in display.ax_.texts] == ["0.7000\n±0.2000"]

    def test_from_a_search_and_on_axes_of_the_user(self):
        X, y = np.eye(20, dtype=np.float32), np.arange(20) % 2
        search = GridSearchCV(DenseClassifier(2, batch_size=4), {"epochs": [1, 2]}, cv=2)
        with pytest.raises(NotFittedError):
            SearchResultsDisplay.from_search(search, x="epochs")
        _, ax = plt.subplots()
        display = SearchResultsDisplay.from_search(search.fit(X, y), x="epochs", ax=ax)
        assert display.ax_ is ax
        assert display.figure_ is ax.figure
        np.testing.assert_array_equal(ax.get_lines()[0].get_xdata(), [1, 2])

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            ({"x": "epochs"}, "x must be one of 'clf__epochs', 'clf__units', got 'epochs'"),
            ({"x": "clf__epochs", "y": "clf__l2"}, "y must be one of .*, got 'clf__l2'"),
            ({"x": "clf__epochs", "score": "f1"}, "score must be one that the search computed"),
        ],
    )
    def test_what_the_search_did_not_vary_is_named(self, arguments, message):
        with pytest.raises(ValueError, match=message):
            SearchResultsDisplay(results=RESULTS, **arguments).plot()


needs_graphviz = pytest.mark.skipif(
    shutil.which("dot") is None, reason="the program dot of Graphviz is not installed"
)


class TestPlotModel:
    @pytest.mark.keras
    @needs_graphviz
    def test_writes_a_picture(self, pipeline, tmp_path):
        path = plot_model(pipeline, tmp_path / "network.png")
        assert path.read_bytes().startswith(PNG_SIGNATURE)
        assert [file.name for file in tmp_path.iterdir()] == ["network.png"]
        assert b"<svg" in plot_model(pipeline[-1], str(tmp_path / "network.svg")).read_bytes()

    @pytest.mark.keras
    def test_says_what_is_missing(self, pipeline, tmp_path, monkeypatch):
        monkeypatch.setenv("PATH", str(tmp_path))
        with pytest.raises(ImportError, match="install Graphviz"):
            plot_model(pipeline, tmp_path / "network.png")
        with pytest.raises(ValueError, match=r"path must end in one of \.png"):
            plot_model(pipeline, tmp_path / "network")
        with pytest.raises(FileNotFoundError, match="path must be in a folder that exists"):
            plot_model(pipeline, tmp_path / "missing" / "network.png")
        assert list(tmp_path.iterdir()) == []

    def test_wants_a_fitted_classifier(self, tmp_path):
        with pytest.raises(ValueError, match="not fitted"):
            plot_model(DenseClassifier(), tmp_path / "network.png")
