"""Figures about predictions: showing them as tables, and remarks on them."""

from itertools import islice

import numpy as np
from rich import box
from rich.measure import Measurement
from rich.table import Table

from skimdb._cli._shared._terminal import console, print_paragraph, print_remark, printable
from skimdb._evaluation._figures import join_names

# in a sentence
N_NAMES = 5
# an accuracy from fewer rows than these says little
WIDEST_INTERVAL, FEW_ROWS = 0.2, 10
# a larger matrix is hard to read, whatever its width
MOST_COLUMNS, MOST_LABELS, MOST_MISTAKES = 12, 30, 20
UNLIMITED = 100_000


def print_figures(scores, *, where="metrics.json"):
    """Print rows, loss and accuracy of each part of the data, and all figures about test rows.

    Parameters
    ----------
    scores : dict of str to dict
        For the name of each part what ``score_rows`` returns; for the last part, which are the
        test rows, what ``score_test_rows`` returns.
    where : str, default="metrics.json"
        What holds the rows of a table that are left out, for a long one.
    """
    terminal = console()
    *_, test = scores.values()
    _print_table(terminal, _parts_table(scores))
    print_paragraph(_summary(test) + "\n")
    _print_table(terminal, _classes_table(test["classes"], where))
    if test["confusion"] is None:
        return
    labels = list(test["classes"])
    matrix = _confusion_table(labels, test["confusion"])
    if len(labels) <= MOST_COLUMNS and _natural_width(terminal, matrix) <= terminal.width:
        print_paragraph("Rows by actual label (down) and predicted label (across):")
        _print_table(terminal, matrix)
    else:
        _print_mistakes(terminal, labels, test["confusion"], where)


def print_remarks(test, *, advise_balanced=False):
    """Print what the figures about test rows do not tell, or tell about a poor model.

    Parameters
    ----------
    test : dict
        What ``score_test_rows`` returns.
    advise_balanced : bool, default=False
        Whether to advise ``--class-weight balanced``: the training could have taken it.
    """
    remarks = [
        _never_predicted(test, advise_balanced),
        _no_better_than_majority(test),
        *_too_few_rows(test),
    ]
    for remark in filter(None, remarks):
        print_remark(remark)


def describe_counts(counts, total):
    """Return the number of rows, and the most frequent labels with their shares, as a text.

    ``counts`` is a Counter of the labels of ``total`` rows.
    """
    shares = (f"{label} {n:,} ({100 * n / total:.1f} %)" for label, n in counts.most_common())
    return f"{total:,} texts: {join_names(shares)}"


def _never_predicted(test, advise_balanced):
    labels = test["never_predicted"]
    if not labels:
        return None
    names = [
        f"{label!r} ({n:,} {'has' if n == 1 else 'have'} it)"
        for label, n in islice(labels.items(), N_NAMES)
    ]
    if len(labels) > N_NAMES:
        names.append(f"{len(labels) - N_NAMES:,} more labels")
    advice = " Training with --class-weight balanced may help." if advise_balanced else ""
    return f"none of the {test['rows']:,} test rows is predicted as {' or '.join(names)}.{advice}"


def _no_better_than_majority(test):
    majority = test["majority"]
    # a model that always gives one label has just been remarked on
    has_two = len(test["classes"]) == 2 and test["confusion"] is not None
    if not has_two or test["never_predicted"] or majority["share"] == 1:
        return None
    if test["accuracy"] > majority["share"]:
        return None
    return (
        f"the accuracy, {test['accuracy']:.4f}, is not above {majority['share']:.4f}, which a "
        f"model that always answers {majority['label']!r} would reach."
    )


def _too_few_rows(test):
    """Return remarks if the test rows, or those of a label, are too few to rely on."""
    low, high = test["accuracy_interval"]
    counts = {label: c["rows"] for label, c in test["classes"].items()}
    rare = sorted((n, label) for label, n in counts.items() if n < FEW_ROWS)
    sentences = []
    if high - low > WIDEST_INTERVAL:
        sentences.append(
            f"{test['rows']:,} test rows are few: on others like them, the accuracy may be "
            f"anything from {low:.2f} to {high:.2f} (95 % interval)."
        )
    if rare:
        names = [f"{label!r} ({n})" for n, label in rare[:N_NAMES]]
        if len(rare) > N_NAMES:
            names.append(f"{len(rare) - N_NAMES:,} more")
        labels = "label" if len(rare) == 1 else "labels"
        sentences.append(
            f"fewer than {FEW_ROWS} test rows have the {labels} {', '.join(names)}: do not rely "
            f"on the figures about {'it' if len(rare) == 1 else 'them'}."
        )
    return sentences


def _summary(test):
    low, high = test["accuracy_interval"]
    majority = test["majority"]
    more = {"micro-F1": test["micro_f1"], "ROC AUC": test["roc_auc"]}
    more = "".join(f", {name} {x:.4f}" for name, x in more.items() if x is not None)
    of_sets = " for all labels of a row together" if test["confusion"] is None else ""
    return (
        f"Accuracy{of_sets} {test['accuracy']:.4f} (95 % interval {low:.3f} to {high:.3f}); "
        f"always {majority['label']!r} would give {majority['share']:.4f}. "
        f"Macro-F1 {test['macro_f1']:.4f}{more}."
    )


def _parts_table(scores):
    table = _new_table("Data", "Rows", "Loss", "Accuracy")
    for part, score in scores.items():
        table.add_row(
            part.capitalize(), f"{score['rows']:,}", *_decimals(score["loss"], score["accuracy"])
        )
    return table


def _classes_table(classes, where):
    table = _new_table("Label", "Rows", "Precision", "Recall", "F1")
    items = list(classes.items())
    if len(items) > MOST_LABELS:
        items.sort(key=lambda item: -item[1]["rows"])
        table.caption = f"and {len(items) - MOST_LABELS:,} more labels in {where}"
    for label, c in items[:MOST_LABELS]:
        table.add_row(
            printable(label), f"{c['rows']:,}", *_decimals(c["precision"], c["recall"], c["f1"])
        )
    return table


def _confusion_table(labels, confusion):
    table = _new_table("", *labels)
    for label, counts in zip(labels, confusion, strict=True):
        table.add_row(printable(label), *(f"{count:,}" for count in counts))
    return table


def _print_mistakes(terminal, labels, confusion, where):
    matrix = np.array(confusion)
    np.fill_diagonal(matrix, 0)
    order = np.argsort(-matrix, axis=None, kind="stable")[: np.count_nonzero(matrix)]
    if not len(order):
        print_paragraph("No test row is predicted wrongly.")
        return
    table = _new_table("Actual label", "Predicted label", "Rows", n_texts=2)
    for i in order[:MOST_MISTAKES]:
        actual, predicted = divmod(int(i), len(labels))
        pair = printable(labels[actual]), printable(labels[predicted])
        table.add_row(*pair, f"{matrix[actual, predicted]:,}")
    if len(order) > MOST_MISTAKES:
        table.caption = f"and {len(order) - MOST_MISTAKES:,} more pairs in {where}"
    print_paragraph("Mistakes, the most frequent first:")
    _print_table(terminal, table)


def _new_table(*names, n_texts=1):
    """Return a table whose first columns hold texts, and the others numbers."""
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, caption_justify="left")
    names = [*map(printable, names)]
    for name in names[:n_texts]:
        table.add_column(name, overflow="fold")
    for name in names[n_texts:]:
        table.add_column(name, justify="right", no_wrap=True)
    return table


def _print_table(terminal, table):
    # what reads a pipe has no width: no text is wrapped
    width = None if terminal.is_terminal else _natural_width(terminal, table)
    terminal.print(table, width=width)
    terminal.print()


def _natural_width(terminal, table):
    options = terminal.options.update(width=UNLIMITED)
    return Measurement.get(terminal, options, table).maximum


def _decimals(*values):
    return ["-" if value is None else f"{value:.4f}" for value in values]
