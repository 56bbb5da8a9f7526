"""SearchResultsDisplay: what a search over parameters has found, as curves or as a map."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from sklearn.utils.validation import check_is_fitted

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any, Self

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure
    from sklearn.base import BaseEstimator

PARAMETER = "param_"


class SearchResultsDisplay:
    """Mean test score of a search with its spread over the folds, by one or two parameters.

    With one parameter there is a line for each combination of the others, with a band of one
    standard deviation. With two there is a map of the best score for each pair of values. Make
    one with :meth:`from_search`.

    Parameters
    ----------
    results : dict
        ``cv_results_`` of a search.
    x : str
        Name of the parameter along the horizontal axis.
    y : str, default=None
        Name of the parameter along the vertical axis of a map; None plots lines.
    score : str, default="score"
        Which score, where the search computed several.

    Attributes
    ----------
    ax_ : matplotlib.axes.Axes
        Where it is drawn.
    figure_ : matplotlib.figure.Figure
        The figure that holds it.

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
    ['units=4', 'units=(8, 4)']
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
            Which score, where the search computed several.
        ax : matplotlib.axes.Axes, default=None
            Where to plot; None makes a new figure.

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
            Where to plot; None makes a new figure.

        Returns
        -------
        display : SearchResultsDisplay
            This object.

        Raises
        ------
        ValueError
            If the search varied no such parameter, or computed no such score.
        """
        import matplotlib.pyplot as plt

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
        ax.set_xlabel(_short(self.x))
        return self

    def _plot_lines(self, others):
        values = list(self.results[PARAMETER + self.x])
        means = self.results[f"mean_test_{self.score}"]
        spreads = self.results[f"std_test_{self.score}"]
        settings = [
            ", ".join(f"{_short(name)}={self.results[name][i]}" for name in others)
            for i in range(len(values))
        ]
        ordered = _ordered(values)
        # numbers keep their distances, anything else stands in a row
        numeric = all(isinstance(value, int | float | np.number) for value in ordered)
        places = {value: value if numeric else i for i, value in enumerate(ordered)}
        for setting in dict.fromkeys(settings):
            rows = [i for i, other in enumerate(settings) if other == setting]
            rows.sort(key=lambda i: places[_hashable(values[i])])
            at = np.array([places[_hashable(values[i])] for i in rows])
            mean, spread = means[rows], spreads[rows]
            (line,) = self.ax_.plot(at, mean, "o-", markersize=4, label=setting)
            self.ax_.fill_between(
                at, mean - spread, mean + spread, color=line.get_color(), alpha=0.12
            )
        self.ax_.set_xticks(list(places.values()), [str(value) for value in ordered])
        self.ax_.set_ylabel(f"Mean test {_spoken(self.score)} ± 1 standard deviation")
        if others:
            self.ax_.legend(fontsize="small")

    def _plot_map(self):
        columns = _ordered(self.results[PARAMETER + self.x])
        rows = _ordered(self.results[PARAMETER + self.y])
        best = np.full((len(rows), len(columns)), np.nan)
        spread = best.copy()
        for i, mean in enumerate(self.results[f"mean_test_{self.score}"]):
            at = (
                rows.index(_hashable(self.results[PARAMETER + self.y][i])),
                columns.index(_hashable(self.results[PARAMETER + self.x][i])),
            )
            if not mean <= best[at]:
                best[at], spread[at] = mean, self.results[f"std_test_{self.score}"][i]
        image = self.ax_.imshow(best, aspect="auto", origin="lower")
        middle = (np.nanmin(best) + np.nanmax(best)) / 2
        for (row, column), mean in np.ndenumerate(best):
            if np.isfinite(mean):
                text = f"{mean:.4f}\n±{spread[row, column]:.4f}"
                color = "white" if mean < middle else "black"
                self.ax_.text(column, row, text, ha="center", va="center", color=color)
        self.ax_.set_xticks(range(len(columns)), [str(value) for value in columns])
        self.ax_.set_yticks(range(len(rows)), [str(value) for value in rows])
        self.ax_.set_ylabel(_short(self.y))
        self.figure_.colorbar(image, ax=self.ax_, label=f"Best mean test {_spoken(self.score)}")


def _short(name):
    """Return the name of a parameter without the step of the pipeline it belongs to."""
    return name.removeprefix(PARAMETER).rpartition("__")[2]


def _spoken(score):
    return "score" if score == "score" else score.replace("_", " ")


def _ordered(values):
    """Return the distinct values, in order if they have one, else as they come."""
    distinct = list(dict.fromkeys(map(_hashable, values)))
    try:
        return sorted(distinct)
    except TypeError:
        return distinct


def _hashable(value):
    return tuple(value) if isinstance(value, list | np.ndarray) else value
