"""Rows to train on: class labels as numbers, weights of rows and classes as one."""

import numpy as np
from sklearn.utils.class_weight import compute_sample_weight
from sklearn.utils.multiclass import unique_labels


def class_numbers(y, classes, name):
    """Return the position of each label in the sorted classes, or say which one has none."""
    unexpected = np.setdiff1d(y, classes)
    if len(unexpected):
        raise ValueError(
            f"{name} must hold none but the classes of the training rows, {classes.tolist()}, "
            f"got {unexpected.tolist()} as well."
        )
    return np.searchsorted(classes, y)


def at_least_two_classes(labels, name):
    """Return the sorted set of labels, or say that there are too few."""
    classes = unique_labels(labels)
    if len(classes) < 2:
        raise ValueError(
            f"{name} must hold at least two classes, got {len(classes)} class: {classes.tolist()}."
        )
    return classes


def weighted_rows(X, y, sample_weight, class_weight):
    """Multiply sample and class weights, and leave out rows of weight 0.

    Returns X, y and the float32 weights, or None for weights that are all 1.
    """
    if sample_weight is None and class_weight is None:
        return X, y, None
    weights = _checked_sample_weight(sample_weight, len(y))
    if class_weight is not None:
        weights = weights * compute_sample_weight(class_weight, y)
    kept = np.flatnonzero(weights)
    if not len(kept):
        raise ValueError("sample_weight must hold a weight above 0, got zero for every row.")
    if len(kept) < len(weights):
        X, y, weights = X[kept], y[kept], weights[kept]
    return X, y, weights.astype(np.float32)


def _checked_sample_weight(sample_weight, n_rows):
    if sample_weight is None:
        return np.ones(n_rows)
    weights = np.asarray(sample_weight, dtype=float)
    if weights.ndim == 0:
        return np.full(n_rows, weights)
    if weights.shape != (n_rows,):
        raise ValueError(
            f"sample_weight must be one-dimensional with one weight for each of {n_rows} rows, "
            f"got shape {weights.shape}."
        )
    if not np.isfinite(weights).all() or (weights < 0).any():
        raise ValueError("sample_weight must be finite and of at least 0 for every row.")
    return weights
