import matplotlib.pyplot as plt
import numpy as np
import pytest
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV

from skimdb import DenseClassifier, SearchResultsDisplay

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


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


def test_a_line_for_each_combination_of_the_other_parameters():
    ax = SearchResultsDisplay(results=RESULTS, x="clf__epochs").plot().ax_
    wide, narrow = ax.get_lines()
    assert [wide.get_label(), narrow.get_label()] == ["units=(16, 16)", "units=4"]
    np.testing.assert_array_equal(wide.get_xydata(), [[2, 0.75], [4, 0.8]])
    np.testing.assert_array_equal(narrow.get_xydata(), [[2, 0.65], [4, 0.7], [8, 0.6]])
    spread = ax.collections[1].get_paths()[0].vertices
    assert spread[:, 1].max() == pytest.approx(0.72)
    assert spread[:, 1].min() == pytest.approx(0.55)
    assert ax.get_xlabel() == "epochs"


def test_values_that_are_no_numbers_stand_in_a_row():
    ax = SearchResultsDisplay(results=RESULTS, x="clf__units", score="auc").plot().ax_
    assert [text.get_text() for text in ax.get_xticklabels()] == ["(16, 16)", "4"]
    assert {tuple(line.get_xdata()) for line in ax.get_lines()} == {(0, 1), (1,)}
    assert ax.get_ylabel() == "Mean test auc ± 1 standard deviation"


def test_a_map_for_two_parameters():
    display = SearchResultsDisplay(results=RESULTS, x="clf__epochs", y="clf__units").plot()
    (image,) = display.ax_.get_images()
    expected = [[0.75, 0.8, np.nan], [0.65, 0.7, 0.6]]
    np.testing.assert_array_equal(image.get_array().filled(np.nan), expected)
    assert "0.8000\n±0.0100" in [text.get_text() for text in display.ax_.texts]


def test_from_a_search_and_on_given_axes():
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
def test_what_the_search_did_not_vary_is_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        SearchResultsDisplay(results=RESULTS, **arguments).plot()
