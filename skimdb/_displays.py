"""Looking at a fitted classifier: its training curves, and a diagram of its layers."""

from __future__ import annotations

import shutil
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from sklearn.utils.validation import check_is_fitted

from skimdb._whole_files import whole_files

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Self

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure
    from sklearn.base import BaseEstimator

    from skimdb._typing import ObjectArray, PathLike

VALIDATION = "val_"
FORMATS = (".png", ".svg", ".pdf")


class TrainingHistoryDisplay:
    """Training and validation curves: loss and metrics by epoch.

    Make one with :meth:`from_estimator`. Where there are validation figures, the epoch with the
    lowest validation loss is marked: from there on the network overfits.

    Parameters
    ----------
    history : dict of str to list of float
        Loss and metrics after each epoch, as in ``DenseClassifier.history_``.

    Attributes
    ----------
    best_epoch_ : int or None
        The epoch, counted from 1, with the lowest validation loss; None without validation.
    axes_ : ndarray of matplotlib.axes.Axes
        One for the loss and one for each metric.
    figure_ : matplotlib.figure.Figure
        The figure that holds them.

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
            A fitted estimator; of a search, the best one is taken.
        axes : sequence of matplotlib.axes.Axes, default=None
            Where to plot, one for the loss and one for each metric; None makes a new figure.

        Returns
        -------
        display : TrainingHistoryDisplay
        """
        return cls(history=_final_classifier(estimator).history_).plot(axes=axes)

    def plot(self, *, axes: Sequence[Axes] | ObjectArray | None = None) -> Self:
        """Draw the curves.

        Parameters
        ----------
        axes : sequence of matplotlib.axes.Axes, default=None
            Where to plot, one for the loss and one for each metric; None makes a new figure.

        Returns
        -------
        display : TrainingHistoryDisplay
            This object.
        """
        import matplotlib.pyplot as plt

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
        ax.plot(epochs, self.history[name], "o", color="C0", label="Training")
        if VALIDATION + name in self.history:
            values = self.history[VALIDATION + name]
            ax.plot(epochs, values, "-", color="C1", label="Validation")
            ax.plot(
                self.best_epoch_,
                values[self.best_epoch_ - 1],
                "D",
                color="C3",
                label=f"Lowest validation loss: epoch {self.best_epoch_}",
            )
            ax.axvline(self.best_epoch_, color="C3", linewidth=0.8, linestyle=":")
        label = name.replace("_", " ").capitalize()
        ax.set(xlabel="Epoch", ylabel=label)
        ax.xaxis.get_major_locator().set_params(integer=True)
        # above the plot, since the curves may run through any of its corners
        ax.legend(
            loc="lower center",
            bbox_to_anchor=(0.5, 1),
            ncols=3,
            frameon=False,
            fontsize="small",
            columnspacing=1,
        )


def plot_model(classifier: BaseEstimator, path: PathLike, *, dpi: int = 150) -> Path:
    """Draw the layers of a fitted classifier's network into a file.

    Parameters
    ----------
    classifier : DenseClassifier, Pipeline that ends in one, or search over either
        A fitted estimator; of a search, the best one is taken.
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
        If pydot, or the program ``dot`` of Graphviz, is missing.

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
    classifier = _final_classifier(classifier)
    if shutil.which("dot") is None:
        raise ImportError(
            "plot_model needs the program `dot`, which was not found: install Graphviz "
            "(on Debian: apt-get install graphviz)."
        )
    if find_spec("pydot") is None:
        raise ImportError(
            "plot_model needs pydot, which is not installed: pip install 'skimdb[plot]'."
        )
    from skimdb._keras._diagram import diagram

    with whole_files(path.parent, sync=False) as unfinished:
        diagram(classifier.model_, dpi).write(unfinished / path.name, format=path.suffix[1:])
    return path


def _final_classifier(estimator):
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
