"""Pictures for a page, as SVG inside its HTML.

They hold only numbers and words of skimdb's own: what people wrote stands in the page around them.
Ctrl-C waits for the end of a picture, since within one Matplotlib makes another error of it.
"""

import re
from io import StringIO
from typing import Any, NamedTuple

import numpy as np
from matplotlib import rc_context
from matplotlib.figure import Figure
from sklearn.metrics import (
    average_precision_score,
    precision_recall_curve,
    roc_auc_score,
    roc_curve,
)

from skimdb._displays import TrainingHistoryDisplay
from skimdb._evaluation._figures import interval_of_share
from skimdb._utils._colours import LINES
from skimdb._utils._interrupts import hold_interrupts

SIZE = 5, 3.8
# for more curves than colours: as matplotlib and as SVG write them
DASHES = {"-": "none", "--": "6 4"}
MOST_POINTS = 400
N_BINS = 10
SETTINGS: dict[Any, Any] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "skimdb",
    # a name is no formula
    "text.parse_math": False,
    "axes.spines.top": False,
    "axes.spines.right": False,
}
NO_METADATA = dict.fromkeys(("Creator", "Date", "Format", "Type"))


class Curve(NamedTuple):
    """One label against the rest: its name, its rows, and their ROC and precision-recall."""

    label: str
    n_rows: int
    roc: tuple[np.ndarray, np.ndarray]
    precision_recall: tuple[np.ndarray, np.ndarray]
    roc_auc: float
    average_precision: float

    @classmethod
    def from_scores(cls, label, is_of, scores):
        """Return the curve of a label: ``is_of`` is 1 for rows that have it."""
        false_positives, true_positives, _ = roc_curve(is_of, scores)
        precision, recall, _ = precision_recall_curve(is_of, scores, drop_intermediate=True)
        return cls(
            label,
            int(is_of.sum()),
            _thin_out(false_positives, true_positives),
            _thin_out(recall, precision),
            float(roc_auc_score(is_of, scores)),
            float(average_precision_score(is_of, scores)),
        )


class Bin(NamedTuple):
    """Predictions of about the same probability, and how many of them are right."""

    low: float
    high: float
    n_rows: int
    mean: float
    n_right: int


def find_bins(is_right, probabilities):
    """Return the Bins, each of a tenth, that hold predictions."""
    edges = np.linspace(0, 1, N_BINS + 1)
    # as calibration_curve of scikit-learn, which returns no counts
    numbers = np.searchsorted(edges[1:-1], probabilities)
    counts, n_right, sums = (
        np.bincount(numbers, weights, N_BINS) for weights in (None, is_right, probabilities)
    )
    return [
        Bin(edges[i], edges[i + 1], int(counts[i]), float(sums[i] / counts[i]), int(n_right[i]))
        for i in np.flatnonzero(counts)
    ]


@hold_interrupts()
@rc_context(SETTINGS)
def draw_roc(curves):
    """Return the ROC curves as SVG."""
    figure = Figure(SIZE)
    ax = figure.subplots()
    _draw_curves(ax, [curve.roc for curve in curves])
    ax.plot([0, 1], [0, 1], ":", color=LINES[-1], linewidth=1)
    ax.set(xlabel="False positive rate", ylabel="True positive rate")
    return _to_svg(figure, "roc")


@hold_interrupts()
@rc_context(SETTINGS)
def draw_precision_recall(curves):
    """Return the precision-recall curves as SVG."""
    figure = Figure(SIZE)
    ax = figure.subplots()
    _draw_curves(ax, [curve.precision_recall for curve in curves])
    ax.set(xlabel="Recall", ylabel="Precision")
    return _to_svg(figure, "precision-recall")


@hold_interrupts()
@rc_context(SETTINGS)
def draw_calibration(bins, xlabel, ylabel):
    """Return a reliability curve with 95 % intervals, above the counts, as SVG."""
    figure = Figure((SIZE[0], 5))
    ax, counts = figure.subplots(2, 1, sharex=True, height_ratios=[3, 1])
    shares = np.array([each.n_right / each.n_rows for each in bins])
    low, high = np.transpose([interval_of_share(each.n_right, each.n_rows) for each in bins])
    # rounding may put an end inside by the last digit
    errors = np.maximum([shares - low, high - shares], 0)
    style = {"fmt": "o-", "color": LINES[0], "markersize": 4, "capsize": 2}
    ax.errorbar([each.mean for each in bins], shares, errors, **style)
    ax.plot([0, 1], [0, 1], ":", color=LINES[-1], linewidth=1)
    ax.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02), ylabel=ylabel)
    middles = [(each.low + each.high) / 2 for each in bins]
    counts.bar(middles, [each.n_rows for each in bins], width=0.9 / N_BINS, color=LINES[-1])
    counts.set(xlabel=xlabel, ylabel="Count")
    return _to_svg(figure, "calibration")


@hold_interrupts()
@rc_context(SETTINGS)
def draw_history(history):
    """Return the training curves as SVG: a picture for the loss, and one for each metric."""
    names = [name for name in history if not name.startswith("val_")]
    figures = [Figure(SIZE) for _ in names]
    axes = [figure.subplots() for figure in figures]
    TrainingHistoryDisplay(history=history).plot(axes=axes)
    return [_to_svg(figure, f"history-{number}") for number, figure in enumerate(figures)]


def draw_swatch(number):
    """Return a short line in the style of a curve as SVG, for a legend."""
    style = _line_style(number)
    return (
        '<svg width="28" height="8" aria-hidden="true"><line x1="0" y1="4" x2="28" y2="4" '
        f'stroke="{style["color"]}" stroke-width="3" '
        f'stroke-dasharray="{DASHES[style["linestyle"]]}"/></svg>'
    )


def _draw_curves(ax, curves):
    for number, curve in enumerate(curves):
        ax.plot(*curve, **_line_style(number))
    ax.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02))


def _line_style(number):
    dashes = [*DASHES][number // len(LINES) % len(DASHES)]
    return {"color": LINES[number % len(LINES)], "linestyle": dashes}


def _thin_out(*arrays):
    """Return points of a curve, no more than a picture can show."""
    n_points = len(arrays[0])
    kept = np.unique(np.linspace(0, n_points - 1, min(n_points, MOST_POINTS)).astype(int))
    return tuple(array[kept] for array in arrays)


def _to_svg(figure, name):
    """Return a figure as SVG for a page, in the page's colour where it is black.

    The name is put in front of ids, which must be different in each picture of a page.
    """
    file = StringIO()
    figure.set_layout_engine("constrained")
    figure.savefig(file, format="svg", transparent=True, metadata=NO_METADATA)
    svg = file.getvalue()
    # without the header of a file of its own, its style, which is for all elements, and addresses
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<style.*?</style>", "", svg, flags=re.DOTALL)
    svg = re.sub(r' xmlns(:\w+)?="[^"]*"', "", svg)
    svg = re.sub(r'( id="| xlink:href="#|url\(#)', rf"\1{name}-", svg)
    return svg.replace("xlink:href", "href").replace("#000000", "currentColor")
