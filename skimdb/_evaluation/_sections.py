"""The sections of a report about labelled rows: each as HTML, from figures and probabilities."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from skimdb._evaluation._figures import (
    find_right,
    interval_of_share,
    predict_labels,
    score_test_rows,
)
from skimdb._evaluation._page import Html, make_figures, make_paragraph, make_table, to_html
from skimdb._evaluation._pictures import (
    Curve,
    draw_calibration,
    draw_precision_recall,
    draw_roc,
    draw_swatch,
    find_bins,
)
from skimdb._utils._colours import AGAINST, FOR

MOST_CURVES = 10
# a larger matrix, or a longer table, is hard to read
MOST_COLUMNS, MOST_LABELS, MOST_MISTAKES = 20, 50, 20


class Evaluation(NamedTuple):
    """Labelled rows and what a model predicts for them.

    Attributes
    ----------
    y : ndarray of shape (n_rows,) or (n_rows, n_labels)
        The position of each row's label, or an indicator matrix.
    probabilities : ndarray of shape (n_rows, n_labels)
    predicted : ndarray
        Predictions in the form of ``y``.
    labels : list of str
        The names of the columns.
    figures : dict
        What ``score_test_rows`` returns.
    """

    y: NDArray[np.intp]
    probabilities: NDArray[np.float64]
    predicted: NDArray[np.intp]
    labels: list[str]
    figures: dict

    @classmethod
    def of(cls, y, probabilities, labels, predicted=None):
        """Return the evaluation of rows; without predictions they follow from probabilities."""
        if predicted is None:
            predicted = predict_labels(y, probabilities)
        figures = score_test_rows(y, probabilities, labels, predicted)
        return cls(y, probabilities, predicted, labels, figures)

    @property
    def has_sets(self):
        """Whether a row may have any number of the labels."""
        return self.y.ndim == 2

    def indicators(self, values):
        """Return labels in the form of ``y`` as an indicator matrix."""
        return values if self.has_sets else np.eye(len(self.labels), dtype=np.intp)[values]

    def most_frequent(self, n):
        """Return the positions of the n labels with most rows, the most frequent first."""
        counts = [c["rows"] for c in self.figures["classes"].values()]
        return np.argsort(np.negative(counts), kind="stable")[:n].tolist()


def summarize(evaluation):
    """Return the accuracy and what it compares with, as a paragraph."""
    figures = evaluation.figures
    low, high = figures["accuracy_interval"]
    majority = figures["majority"]
    of_sets = " for all labels of a row together" if evaluation.has_sets else ""
    return make_paragraph(
        f"Accuracy{of_sets} {figures['accuracy']:.4f} (95 % interval {low:.4f} to {high:.4f}) on "
        f"{figures['rows']:,} rows. Always {majority['label']!r} would give "
        f"{majority['share']:.4f}."
    )


def show_figures(evaluation):
    """Return the figures about all rows, and those about each label, as tables."""
    figures = evaluation.figures
    majority = figures["majority"]
    rows = [
        ("Accuracy", figures["accuracy"], _interval(*figures["accuracy_interval"])),
        (f"Accuracy of always {majority['label']!r}", majority["share"], None),
        ("Log loss", figures["loss"], None),
        ("Macro-F1", figures["macro_f1"], None),
        ("Micro-F1", figures["micro_f1"], None),
        ("ROC AUC", figures["roc_auc"], None),
    ]
    rows = [row for row in rows if row[1] is not None]
    overall = make_table("All rows", ["Figure", "Value", "95 % interval"], rows)
    sets = "A row counts as right if all of its labels are. " if evaluation.has_sets else ""
    about = make_paragraph(
        f"{sets}Intervals are Wilson's: on other rows of the same kind, the figure is likely to "
        "be in it."
    )
    return Html(overall + _show_labels(evaluation) + about)


def _show_labels(evaluation):
    is_of, is_predicted = map(evaluation.indicators, (evaluation.y, evaluation.predicted))
    n_right, n_predicted = (is_of * is_predicted).sum(axis=0), is_predicted.sum(axis=0)
    classes = [*evaluation.figures["classes"].values()]
    rows = []
    for i in sorted(evaluation.most_frequent(MOST_LABELS)):
        each = classes[i]
        rows.append(
            (
                *(evaluation.labels[i], each["rows"]),
                *(each["precision"], _interval_of(n_right[i], n_predicted[i])),
                *(each["recall"], _interval_of(n_right[i], each["rows"])),
                each["f1"],
            )
        )
    left_out = len(evaluation.labels) - len(rows)
    more = f" (the {MOST_LABELS} most frequent; {left_out:,} are left out)" if left_out else ""
    names = ["Label", "Rows", "Precision", "95 % interval", "Recall", "95 % interval", "F1"]
    return make_table(f"Each label{more}", names, rows)


def show_confusion(evaluation):
    """Return the confusion matrix, or of a large one the most frequent mistakes."""
    if evaluation.has_sets:
        return make_paragraph(
            "Left out: a row with several labels has no single cell in a confusion matrix. "
            "Precision and recall of each label are above."
        )
    labels, matrix = evaluation.labels, np.array(evaluation.figures["confusion"])
    if len(labels) > MOST_COLUMNS:
        return _show_mistakes(labels, matrix)
    shares = matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)
    rows = [
        (
            label,
            *(
                (int(matrix[i, j]), _tint(FOR if i == j else AGAINST, shares[i, j]))
                for j in range(len(labels))
            ),
        )
        for i, label in enumerate(labels)
    ]
    caption = "Rows by actual label (down) and predicted label (across)"
    return make_table(caption, ["", *labels], rows)


def _show_mistakes(labels, matrix):
    mistakes = matrix.copy()
    np.fill_diagonal(mistakes, 0)
    order = np.argsort(-mistakes, axis=None, kind="stable")[: np.count_nonzero(mistakes)]
    if not len(order):
        return make_paragraph("No row is predicted wrongly.")
    rows = [
        (labels[i // len(labels)], labels[i % len(labels)], int(mistakes.flat[i]))
        for i in order[:MOST_MISTAKES].tolist()
    ]
    left_out = len(order) - len(rows)
    more = f", of {len(order):,} pairs" if left_out else ""
    caption = f"A matrix of {len(labels):,} labels is left out. The most frequent mistakes{more}"
    return make_table(caption, ["Actual label", "Predicted label", "Rows"], rows, n_texts=2)


def show_curves(evaluation):
    """Return the ROC and precision-recall curves, and a table that is their legend."""
    labels, is_of = evaluation.labels, evaluation.indicators(evaluation.y)
    # a label that all rows have, or none, has no curve
    varies = is_of.any(axis=0) & ~is_of.all(axis=0)
    if not varies.any():
        return make_paragraph("Left out: all rows have the same labels.")
    if len(labels) == 2 and not evaluation.has_sets:
        numbers, against = [1], f"{labels[1]} against {labels[0]}"
        about = f"For {labels[1]}, by its probability."
    else:
        usable = [i for i in evaluation.most_frequent(len(labels)) if varies[i]]
        numbers, against = usable[:MOST_CURVES], "each label against the rest"
        about = "For each label against all others, by its probability."
        left_out = len(labels) - len(numbers)
        if left_out:
            about += (
                f" {left_out:,} labels are left out: those that all rows have or none, and those "
                f"beyond the {MOST_CURVES} most frequent."
            )
    scores = evaluation.probabilities
    curves = [Curve.from_scores(labels[i], is_of[:, i], scores[:, i]) for i in numbers]
    pictures = {
        f"ROC curve, {against}": draw_roc(curves),
        f"Precision-recall curve, {against}": draw_precision_recall(curves),
    }
    rows = [
        (
            Html(f"{draw_swatch(number)} {to_html(curve.label)}"),
            *(curve.n_rows, curve.roc_auc, curve.average_precision),
        )
        for number, curve in enumerate(curves)
    ]
    names = ["Label", "Rows", "ROC AUC", "Average precision"]
    return Html(make_paragraph(about) + make_figures(pictures) + make_table("Curves", names, rows))


def show_calibration(evaluation):
    """Return the Brier score, the reliability curve and its figures."""
    probabilities, labels = evaluation.probabilities, evaluation.labels
    is_of = evaluation.indicators(evaluation.y)
    squares = (probabilities - is_of) ** 2
    if evaluation.has_sets:
        brier, is_right, values = squares.mean(), is_of.ravel(), probabilities.ravel()
        xlabel, ylabel = "Probability of a label", "Share of rows with the label"
        about = "the mean over all rows and labels. The curve is of all labels together"
    elif len(labels) == 2:
        brier, is_right, values = squares[:, 1].mean(), is_of[:, 1], probabilities[:, 1]
        xlabel, ylabel = "Probability of the second label", "Share of rows with the label"
        about = f"with the probability of {labels[1]}, which the curve is about"
    else:
        brier = squares.sum(axis=1).mean()
        is_right = find_right(evaluation.y, evaluation.predicted).astype(int)
        values = probabilities.max(axis=1)
        xlabel, ylabel = "Probability of the predicted label", "Share of right predictions"
        about = "summed over the labels. The curve is about the predicted label"
    bins = find_bins(is_right, values)
    text = (
        f"Brier score {brier:.4f} (0 is best), {about}. Where probabilities can be relied on, the "
        "curve follows the diagonal."
    )
    rows = [
        (
            *(f"{each.low:.1f} to {each.high:.1f}", each.n_rows, each.mean),
            *(each.n_right / each.n_rows, _interval_of(each.n_right, each.n_rows)),
        )
        for each in bins
    ]
    names = ["Probability", "Count", "Mean probability", "Share", "95 % interval"]
    return Html(
        make_paragraph(text)
        + make_figures({f"{ylabel} by probability": draw_calibration(bins, xlabel, ylabel)})
        + make_table("The same in figures", names, rows)
    )


class Mistake(NamedTuple):
    """A wrong prediction: the row, the label it is about, and what is wrong, as HTML."""

    row: int
    number: int
    about: Html


def find_mistakes(evaluation, n):
    """Return the n wrong predictions with the most confidence, and how many there are in all.

    With several labels a row, each label of each row is a prediction by itself.
    """
    labels, probabilities = evaluation.labels, evaluation.probabilities
    predicted = evaluation.predicted
    if evaluation.has_sets:
        rows, numbers = np.nonzero(predicted != evaluation.y)
        confidence = np.abs(probabilities[rows, numbers] - 0.5)
    else:
        rows = np.flatnonzero(predicted != evaluation.y)
        numbers = predicted[rows]
        confidence = probabilities[rows, numbers]
    mistakes = []
    for i in np.argsort(-confidence, kind="stable")[:n].tolist():
        row, number = int(rows[i]), int(numbers[i])
        name, probability = to_html(labels[number]), f"{probabilities[row, number]:.4f}"
        if not evaluation.has_sets:
            actual = to_html(labels[evaluation.y[row]])
            about = f"<b>{name}</b> with probability {probability}, but it is <b>{actual}</b>"
        elif evaluation.y[row, number]:
            about = f"<b>{name}</b> with probability {probability} only, but it has this label"
        else:
            about = f"<b>{name}</b> with probability {probability}, but it lacks this label"
        mistakes.append(Mistake(row, number, Html(f"Row {row:,}: {about}")))
    return mistakes, len(rows)


def _interval_of(n, total):
    return _interval(*interval_of_share(int(n), int(total))) if total else None


def _interval(low, high):
    return f"{low:.4f} to {high:.4f}"


def _tint(colour, share):
    percent = round(60 * share)
    return f"background-color: color-mix(in srgb, {colour} {percent}%, transparent)"
