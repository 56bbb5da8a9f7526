"""Pictures: training curves, the results of a search, a diagram of the layers."""

from __future__ import annotations

import shutil
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import matplotlib.pyplot as plt
import numpy as np
from sklearn.utils.validation import check_is_fitted

from skimdb._utils._checks import check_keras
from skimdb._utils._colours import AGAINST, FOR, LINES, MARKERS
from skimdb._utils._files import replace_files
from skimdb._utils._public import set_module

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any, Self

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure
    from sklearn.base import BaseEstimator

    from skimdb._utils._typing import ObjectArray, PathLike

VALIDATION = "val_"
PARAMETER = "param_"
FORMATS = (".png", ".svg", ".pdf")


@set_module("skimdb")
class TrainingHistoryDisplay:
    """Training and validation curves: loss and metrics by epoch.

    Make one with :meth:`from_estimator`. With validation figures, the epoch with the lowest
    validation loss is marked: after it the network overfits.

    Parameters
    ----------
    history : dict of str to list of float
        Loss and metrics after each epoch, as in ``DenseClassifier.history_``.

    Attributes
    ----------
    best_epoch_ : int or None
        The epoch, counted from 1, with the lowest validation loss; None without validation rows.
    axes_ : ndarray of matplotlib.axes.Axes
        One for the loss and one for each metric.
    figure_ : matplotlib.figure.Figure
        The figure of these axes.

    See Also
    --------
    DenseClassifier : ``fit(..., X_val=..., y_val=...)`` records validation figures.
    sklearn.model_selection.LearningCurveDisplay : Scores by number of training rows.

    Examples
    --------
    >>> from skimdb import TrainingHistoryDisplay, multi_hot_pipeline
    >>> from skimdb.datasets import make_reviews
    >>> X, y = make_reviews(500, n_words=500, random_state=0)
    >>> pipeline = multi_hot_pipeline(num_words=500, epochs=3, batch_size=32).fit(X, y)
    >>> display = TrainingHistoryDisplay.from_estimator(pipeline)
    >>> [ax.get_ylabel() for ax in display.axes_]
    ['Loss', 'Accuracy']
    """

    best_epoch_: int | None
    axes_: ObjectArray
    figure_: Figure | SubFigure

    def __init__(self, *, history: dict[str, list[float]]) -> None:
        if not history.get("loss"):
            raise ValueError("history must hold the loss of at least one epoch, got none.")
        self.history = history
        val_loss = history.get(VALIDATION + "loss")
        self.best_epoch_ = int(np.nanargmin(val_loss)) + 1 if val_loss else None

    @classmethod
    def from_estimator(
        cls, estimator: BaseEstimator, *, axes: Sequence[Axes] | ObjectArray | None = None
    ) -> Self:
        """Plot the history of a fitted classifier.

        Parameters
        ----------
        estimator : DenseClassifier, Pipeline that ends in one, or search over either
            A fitted estimator. For a search, the best one is used.
        axes : sequence of matplotlib.axes.Axes, default=None
            Axes to plot on, one for the loss and one for each metric; None makes a new figure.

        Returns
        -------
        display : TrainingHistoryDisplay
        """
        return cls(history=_classifier_of(estimator).history_).plot(axes=axes)

    def plot(self, *, axes: Sequence[Axes] | ObjectArray | None = None) -> Self:
        """Draw the curves.

        Parameters
        ----------
        axes : sequence of matplotlib.axes.Axes, default=None
            Axes to plot on, one for the loss and one for each metric; None makes a new figure.

        Returns
        -------
        display : TrainingHistoryDisplay
            This object.
        """
        names = [name for name in self.history if not name.startswith(VALIDATION)]
        names.sort(key=lambda name: name != "loss")
        if axes is None:
            width = 5 * len(names)
            _, axes = plt.subplots(
                1, len(names), figsize=(width, 4), layout="constrained", squeeze=False
            )
        axes = np.atleast_1d(np.asarray(axes)).ravel()
        if len(axes) != len(names):
            raise ValueError(
                f"axes must be {len(names)}, one for each of {', '.join(names)}, got {len(axes)}."
            )
        for ax, name in zip(axes, names, strict=True):
            self._plot_curves(ax, name)
        self.axes_ = axes
        self.figure_ = axes[0].figure
        return self

    def _plot_curves(self, ax, name):
        epochs = np.arange(1, len(self.history[name]) + 1)
        training, validation, best = LINES[0], LINES[1], LINES[3]
        # dots alone would be lost where there is nothing else
        ax.plot(epochs, self.history[name], "o-", color=training, markersize=4, label="Training")
        if VALIDATION + name in self.history:
            values = self.history[VALIDATION + name]
            ax.plot(epochs, values, "s--", color=validation, markersize=4, label="Validation")
            ax.plot(
                self.best_epoch_,
                values[self.best_epoch_ - 1],
                "D",
                color=best,
                label=f"Lowest validation loss: epoch {self.best_epoch_}",
            )
            ax.axvline(self.best_epoch_, color=best, linewidth=0.8, linestyle=":")
        label = name.replace("_", " ").capitalize()
        ax.set(xlabel="Epoch", ylabel=label, title=f"{label} after each epoch")
        ax.xaxis.get_major_locator().set_params(integer=True)
        # below the plot: the curves may pass through any corner
        ax.legend(
            loc="upper center",
            bbox_to_anchor=(0.5, -0.15),
            ncols=3,
            frameon=False,
            fontsize="small",
            columnspacing=1,
        )


@set_module("skimdb")
class SearchResultsDisplay:
    """Cross-validated score of a search, with its spread over the folds, by its parameters.

    With one parameter there is a line for each combination of the others, with bars of one
    standard deviation, a little apart so that all can be seen. With two parameters there is a map
    of the best score for each pair of values. Make one with :meth:`from_search`.

    Parameters
    ----------
    results : dict
        ``cv_results_`` of a search.
    x : str
        Name of the parameter along the horizontal axis.
    y : str, default=None
        Name of the parameter along the vertical axis of a map; None plots lines.
    score : str, default="score"
        Which score, if the search computed several.

    Attributes
    ----------
    ax_ : matplotlib.axes.Axes
        The axes of the plot.
    figure_ : matplotlib.figure.Figure
        The figure of these axes.

    See Also
    --------
    sklearn.model_selection.ValidationCurveDisplay : Scores by one parameter, without a search.

    Examples
    --------
    >>> from sklearn.model_selection import GridSearchCV
    >>> from skimdb import SearchResultsDisplay, multi_hot_pipeline
    >>> from skimdb.datasets import make_reviews
    >>> X, y = make_reviews(200, n_words=200, random_state=0)
    >>> grid = {"classifier__epochs": [1, 2, 3], "classifier__units": [4, (8, 4)]}
    >>> pipeline = multi_hot_pipeline(num_words=200, batch_size=32)
    >>> search = GridSearchCV(pipeline, grid, cv=2).fit(X, y)
    >>> display = SearchResultsDisplay.from_search(search, x="classifier__epochs")
    >>> [line.get_label() for line in display.ax_.get_lines()]
    ['units=4', 'units=8,4']
    """

    ax_: Axes
    figure_: Figure | SubFigure

    def __init__(
        self, *, results: Mapping[str, Any], x: str, y: str | None = None, score: str = "score"
    ) -> None:
        self.results = results
        self.x = x
        self.y = y
        self.score = score

    @classmethod
    def from_search(
        cls,
        search: BaseEstimator,
        *,
        x: str,
        y: str | None = None,
        score: str = "score",
        ax: Axes | None = None,
    ) -> Self:
        """Plot the results of a fitted search.

        Parameters
        ----------
        search : GridSearchCV, RandomizedSearchCV or the like
            A fitted search.
        x : str
            Name of the parameter along the horizontal axis, such as "classifier__epochs".
        y : str, default=None
            Name of the parameter along the vertical axis of a map; None plots lines.
        score : str, default="score"
            Which score, if the search computed several.
        ax : matplotlib.axes.Axes, default=None
            Axes to plot on; None makes a new figure.

        Returns
        -------
        display : SearchResultsDisplay
        """
        check_is_fitted(search)
        return cls(results=search.cv_results_, x=x, y=y, score=score).plot(ax=ax)

    def plot(self, *, ax: Axes | None = None) -> Self:
        """Draw the results.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, default=None
            Axes to plot on; None makes a new figure.

        Returns
        -------
        display : SearchResultsDisplay
            This object.

        Raises
        ------
        ValueError
            If the search did not vary the parameter, or did not compute the score.
        """
        names = sorted(name for name in self.results if name.startswith(PARAMETER))
        for argument, name in (("x", self.x), ("y", self.y)):
            if name is not None and PARAMETER + name not in names:
                known = ", ".join(repr(known.removeprefix(PARAMETER)) for known in names)
                raise ValueError(f"{argument} must be one of {known}, got {name!r}.")
        if f"mean_test_{self.score}" not in self.results:
            raise ValueError(f"score must be one that the search computed, got {self.score!r}.")
        if ax is None:
            _, ax = plt.subplots(figsize=(7, 4.5), layout="constrained")
        self.ax_, self.figure_ = ax, ax.figure
        if self.y is None:
            others = [name for name in names if name != PARAMETER + self.x]
            self._plot_lines(others)
        else:
            self._plot_map()
        ax.set_xlabel(_parameter_name(self.x))
        return self

    def _plot_lines(self, others):
        values = list(self.results[PARAMETER + self.x])
        means = self.results[f"mean_test_{self.score}"]
        spreads = self.results[f"std_test_{self.score}"]
        settings = [
            ", ".join(
                f"{_parameter_name(name)}={_format_value(self.results[name][i])}"
                for name in others
            )
            for i in range(len(values))
        ]
        distinct = _sort_distinct(values)
        # numbers keep their distances, other values are spaced evenly
        numeric = all(isinstance(value, int | float | np.number) for value in distinct)
        places = {value: value if numeric else i for i, value in enumerate(distinct)}
        lines = [*dict.fromkeys(settings)]
        distances = np.diff(sorted(places.values()))
        apart = 0.3 * min(distances) / len(lines) if len(distances) else 0
        for number, setting in enumerate(lines):
            rows = [i for i, other in enumerate(settings) if other == setting]
            rows.sort(key=lambda i: places[_to_hashable(values[i])])
            at = np.array([places[_to_hashable(values[i])] for i in rows])
            at = at + apart * (number - (len(lines) - 1) / 2)
            color = LINES[number % len(LINES)]
            style = {"color": color, "marker": MARKERS[number % len(MARKERS)], "markersize": 4}
            self.ax_.plot(at, means[rows], label=setting, **style)
            self.ax_.errorbar(
                at, means[rows], spreads[rows], fmt="none", ecolor=color, elinewidth=1
            )
        self.ax_.set_xticks(list(places.values()), [_format_value(value) for value in distinct])
        self.ax_.set_ylabel(f"Mean {_score_label(self.score)} ± 1 standard deviation")
        self.ax_.set_title(f"{_capitalized_label(self.score)} by {_parameter_name(self.x)}")
        if others:
            self.ax_.legend(fontsize="small")

    def _plot_map(self):
        columns = _sort_distinct(self.results[PARAMETER + self.x])
        rows = _sort_distinct(self.results[PARAMETER + self.y])
        best = np.full((len(rows), len(columns)), np.nan)
        spread = best.copy()
        for i, mean in enumerate(self.results[f"mean_test_{self.score}"]):
            at = (
                rows.index(_to_hashable(self.results[PARAMETER + self.y][i])),
                columns.index(_to_hashable(self.results[PARAMETER + self.x][i])),
            )
            if np.isnan(best[at]) or mean > best[at]:
                best[at], spread[at] = mean, self.results[f"std_test_{self.score}"][i]
        image = self.ax_.imshow(best, aspect="auto", origin="lower")
        middle = (np.nanmin(best) + np.nanmax(best)) / 2
        for (row, column), mean in np.ndenumerate(best):
            if np.isfinite(mean):
                text = f"{mean:.4f}\n±{spread[row, column]:.4f}"
                color = "white" if mean < middle else "black"
                self.ax_.text(column, row, text, ha="center", va="center", color=color)
        self.ax_.set_xticks(range(len(columns)), [_format_value(value) for value in columns])
        self.ax_.set_yticks(range(len(rows)), [_format_value(value) for value in rows])
        self.ax_.set_ylabel(_parameter_name(self.y))
        names = f"{_parameter_name(self.x)} and {_parameter_name(self.y)}"
        self.ax_.set_title(f"{_capitalized_label(self.score)} by {names}")
        self.figure_.colorbar(image, ax=self.ax_, label=f"Best mean {_score_label(self.score)}")


@set_module("skimdb")
def plot_model(classifier: BaseEstimator, path: PathLike, *, dpi: int = 150) -> Path:
    """Draw the layers of a fitted classifier's network into a file.

    Parameters
    ----------
    classifier : DenseClassifier, Pipeline that ends in one, or search over either
        A fitted estimator. For a search, the best one is used.
    path : str or path-like
        File to write; its ending decides the format ("png", "svg", "pdf").
    dpi : int, default=150
        Dots per inch.

    Returns
    -------
    path : pathlib.Path
        The file written.

    Raises
    ------
    ImportError
        If pydot, Keras, or the program ``dot`` of Graphviz, is missing.

    See Also
    --------
    keras.utils.plot_model : Draws any Keras model, such as ``classifier.model_``.

    Examples
    --------
    >>> from skimdb import DenseClassifier, plot_model
    >>> classifier = DenseClassifier(4, epochs=1).fit([[0, 1], [1, 0]], [0, 1])
    >>> plot_model(classifier, "network.png")  # doctest: +SKIP
    PosixPath('network.png')
    """
    path = Path(path)
    if path.suffix not in FORMATS:
        raise ValueError(f"path must end in one of {', '.join(FORMATS)}, got {str(path)!r}.")
    if not path.parent.is_dir():
        raise FileNotFoundError(f"path must be in a folder that exists, got {str(path)!r}.")
    classifier = _classifier_of(classifier)
    check_keras("plot_model")
    if shutil.which("dot") is None:
        raise ImportError(
            "plot_model needs the program `dot`, which was not found: install Graphviz "
            "(on Debian: apt-get install graphviz)."
        )
    if find_spec("pydot") is None:
        raise ImportError(
            "plot_model needs pydot, which is not installed: pip install 'skimdb[plot]'."
        )
    from skimdb._keras._network import diagram

    with replace_files(path.parent) as temporary:
        diagram(classifier.model_, dpi).write(temporary / path.name, format=path.suffix[1:])
    return path


def _classifier_of(estimator):
    """Return the fitted classifier at the end of a pipeline or search."""
    check_is_fitted(estimator)
    estimator = getattr(estimator, "best_estimator_", estimator)
    steps = getattr(estimator, "steps", None)
    classifier = steps[-1][1] if steps else estimator
    if not hasattr(classifier, "history_"):
        raise TypeError(
            "estimator must be a DenseClassifier, or a Pipeline or search that ends in one, "
            f"got {type(classifier).__name__}."
        )
    return classifier


def _parameter_name(name):
    """Return the name of a parameter without the names of steps."""
    return name.removeprefix(PARAMETER).rpartition("__")[2]


def _format_value(value):
    """Return a value of a parameter, widths of layers as the command line takes them."""
    return ",".join(map(str, value)) if isinstance(value, tuple) else str(value)


def _score_label(score):
    return f"cross-validated {score.replace('_', ' ')}"


def _capitalized_label(score):
    label = _score_label(score)
    return label[0].upper() + label[1:]


def _sort_distinct(values):
    """Return the distinct values, sorted if they can be."""
    distinct = list(dict.fromkeys(map(_to_hashable, values)))
    try:
        return sorted(distinct)
    except TypeError:
        return distinct


def _to_hashable(value):
    return tuple(value) if isinstance(value, list | np.ndarray) else value


def make_row_of_axes(n_axes, n_bars, axes=None):
    """Return the given axes, of which there must be so many, or those of a new figure."""
    if axes is None:
        size = 4.5 * n_axes, 1 + 0.3 * n_bars
        _, axes = plt.subplots(1, n_axes, figsize=size, layout="constrained", squeeze=False)
    axes = np.ravel(axes)
    if len(axes) != n_axes:
        raise ValueError(f"axes must be {n_axes}, one for each class, got {len(axes)}.")
    return axes


def draw_bars(bars, unit, title, ax=None):
    """Draw named numbers as horizontal bars, the first at the top."""
    if ax is None:
        (ax,) = make_row_of_axes(1, len(bars))
    values = [value for _, value in bars]
    colours = [FOR if value > 0 else AGAINST for value in values]
    ax.barh(range(len(bars)), values, color=colours)
    ax.set_yticks(range(len(bars)), [name for name, _ in bars])
    ax.invert_yaxis()
    ax.axvline(0, color="0.5", linewidth=0.8)
    ax.set(xlabel=unit, title=title)
    return ax
