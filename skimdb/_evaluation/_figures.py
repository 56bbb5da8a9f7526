"""Figures about predictions for labelled rows, as values of JSON."""

import warnings

import numpy as np
from scipy.stats import binomtest
from sklearn.metrics import (
    confusion_matrix,
    f1_score,
    log_loss,
    precision_recall_fscore_support,
    roc_auc_score,
)

# in a list of labels
MOST_NAMES = 10


def label_numbers(y, labels):
    """Return the position of each row's label in ``labels``, or raise if it is not there."""
    number_of = {label: number for number, label in enumerate(labels)}
    check_known(y, labels)
    return np.array([number_of[label] for label in y], dtype=np.intp)


def check_known(given, labels):
    """Raise unless all labels that are given are among those of the model."""
    unknown = sorted(set(given) - set(labels), key=str)
    if unknown:
        raise ValueError(
            f"the labels must be among those the model knows, {join_names(map(repr, labels))}; "
            f"got {join_names(repr(str(label)) for label in unknown)}."
        )


def score_rows(y, probabilities, predicted=None):
    """Return the number of rows, log loss and accuracy.

    ``y`` holds the numbers of the labels, in the order of the columns of ``probabilities``, or is
    an indicator matrix of these columns. Then the loss is the mean over the labels, and a row is
    right if all of its labels are. ``predicted`` has the form of ``y``; None takes the most
    probable label, or the labels above one half.
    """
    if predicted is None:
        predicted = predict_labels(y, probabilities)
    # scikit-learn clips at the precision of the type, which confident networks reach in float32
    probabilities = probabilities.astype(np.float64)
    if y.ndim == 2:
        pairs = zip(y.T, probabilities.T, strict=True)
        loss = np.mean([log_loss(is_of, p, labels=(0, 1)) for is_of, p in pairs])
    else:
        probabilities /= probabilities.sum(axis=1, keepdims=True)
        loss = log_loss(y, probabilities, labels=range(probabilities.shape[1]))
    is_right = find_right(y, predicted)
    return {"rows": len(y), "loss": float(loss), "accuracy": float(np.mean(is_right))}


def score_test_rows(y, probabilities, labels, predicted=None):
    """Return all figures about test rows, as values of JSON.

    Besides the figures of ``score_rows`` these are:

    - "accuracy_interval": the 95 % confidence interval of the accuracy.
    - "majority": the most frequent label, or set of labels, and its share of the rows.
    - "macro_f1": the mean of F1 over the labels that occur or are predicted.
    - "micro_f1": for several labels a row, F1 over all rows and labels; otherwise None.
    - "roc_auc": with two labels, if both occur; otherwise None.
    - "classes": for each label the number of its rows, precision, recall and F1. What would be
      a division by zero is None.
    - "confusion": for each label the number of its rows by predicted label; None for several
      labels a row.
    - "never_predicted": for each label that occurs but is never predicted, the number of its
      rows.
    """
    n_labels, has_sets = len(labels), y.ndim == 2
    if predicted is None:
        predicted = predict_labels(y, probabilities)
    n_correct = int(find_right(y, predicted).sum())
    with warnings.catch_warnings():
        # about rows that look like numbers to predict, because many labels are rare
        warnings.simplefilter("ignore")
        precision, recall, f1, n_rows = precision_recall_fscore_support(
            y, predicted, labels=range(n_labels), zero_division=np.nan
        )
        macro_f1 = f1_score(y, predicted, average="macro", zero_division=0.0)
        micro_f1 = f1_score(y, predicted, average="micro", zero_division=0.0) if has_sets else None
    has_curve = n_labels == 2 and n_rows.all() and not has_sets
    never = np.where(predicted.any(axis=0), 0, n_rows) if has_sets else n_rows.copy()
    if not has_sets:
        never[predicted] = 0
    confusion = None if has_sets else confusion_matrix(y, predicted, labels=range(n_labels))
    return {
        **score_rows(y, probabilities, predicted),
        "accuracy_interval": [*interval_of_share(n_correct, len(y))],
        "majority": _find_majority(y, labels),
        "macro_f1": float(macro_f1),
        "micro_f1": None if micro_f1 is None else float(micro_f1),
        "roc_auc": float(roc_auc_score(y, probabilities[:, 1])) if has_curve else None,
        "classes": {
            label: {
                "rows": int(n_rows[i]),
                "precision": _none_if_nan(precision[i]),
                "recall": _none_if_nan(recall[i]),
                "f1": _none_if_nan(f1[i]),
            }
            for i, label in enumerate(labels)
        },
        "confusion": None if confusion is None else confusion.tolist(),
        "never_predicted": {
            labels[i]: int(never[i]) for i in np.argsort(-never, kind="stable") if never[i]
        },
    }


def join_names(names):
    """Return the first names separated by commas, and how many more there are."""
    names = list(names)
    if len(names) > MOST_NAMES:
        names[MOST_NAMES:] = [f"{len(names) - MOST_NAMES:,} more"]
    return ", ".join(names)


def interval_of_share(n, total):
    """Return the bounds of the 95 % confidence interval (Wilson) of a share, n of total."""
    interval = binomtest(n, total).proportion_ci(method="wilson")
    return float(interval.low), float(interval.high)


def predict_labels(y, probabilities):
    """Return predictions in the form of ``y``."""
    return (probabilities > 0.5).astype(int) if y.ndim == 2 else probabilities.argmax(axis=1)


def find_right(y, predicted):
    """Tell which rows are predicted rightly: with several labels a row, in all of them."""
    is_right = y == predicted
    return is_right.all(axis=1) if y.ndim == 2 else is_right


def _find_majority(y, labels):
    values, counts = np.unique(y, axis=0, return_counts=True)
    most = values[counts.argmax()]
    if y.ndim == 2:
        name = " and ".join(labels[i] for i in np.flatnonzero(most)) or "no label"
    else:
        name = labels[most]
    return {"label": name, "share": float(counts.max() / len(y))}


def _none_if_nan(value):
    return None if np.isnan(value) else float(value)
