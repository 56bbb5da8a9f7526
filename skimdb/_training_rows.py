"""What a fit is made from: class numbers, weights, rows set aside, a seed; and what it leaves."""

import numpy as np
from sklearn.utils import check_random_state
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


def check_same_length(X, y, names):
    """Raise unless there is one label for each row."""
    lengths = [
        part.shape[0] if getattr(part, "shape", ()) else len(part)
        for part in (X, y)
        if getattr(part, "shape", ()) or hasattr(part, "__len__")
    ]
    if len(set(lengths)) > 1:
        raise ValueError(
            f"{names[1]} must have one label for each row of {names[0]}: found input variables "
            f"with inconsistent numbers of samples, {lengths[0]} rows and {lengths[1]} labels."
        )


def drawn_seed(random_state):
    """Return a seed from an int, a generator or None."""
    try:
        return check_random_state(random_state).randint(2**31)
    except ValueError as error:
        raise ValueError(
            "random_state must be an int from 0 to 2**32 - 1, a RandomState instance or None, "
            f"got {random_state!r}."
        ) from error


def split_rows(y, fraction, seed):
    """Return the rows to keep and those to set aside, with the same share of each class."""
    # takes a while to import, which predicting should not wait for
    from sklearn.model_selection import train_test_split

    try:
        return train_test_split(
            np.arange(len(y)), test_size=fraction, stratify=y, random_state=seed
        )
    except ValueError as error:
        raise ValueError(
            f"validation_fraction must leave and set aside rows of each class, got {fraction!r} "
            f"for {len(y)} rows; pass X_val and y_val instead. ({error})"
        ) from error


def fitted_attributes(network, classes, weights):
    """Return the attributes that a classifier needs to predict."""
    return {
        "classes_": classes,
        "coefs_": weights[::2],
        "intercepts_": weights[1::2],
        "_network": network,
    }


def weighted_rows(X, y, numbers, sample_weight, class_weight):
    """Multiply sample and class weights, and leave out rows of weight 0.

    Returns X, labels and class numbers, and the float32 weights, or None if all are 1.
    """
    if sample_weight is None and class_weight is None:
        return X, y, numbers, None
    weights = _broadcast(sample_weight, len(y))
    _check_weights("sample_weight", weights)
    if class_weight is not None:
        weights = weights * compute_sample_weight(class_weight, y)
        _check_weights("class_weight", weights)
    kept = np.flatnonzero(weights)
    if not len(kept):
        raise ValueError("sample_weight must hold a weight above 0, got zero for every row.")
    if len(kept) < len(weights):
        X, y, numbers, weights = X[kept], y[kept], numbers[kept], weights[kept]
    return X, y, numbers, weights.astype(np.float32)


def _broadcast(sample_weight, n_rows):
    if sample_weight is None:
        return np.ones(n_rows)
    try:
        weights = np.asarray(sample_weight, dtype=float)
    except (TypeError, ValueError) as error:
        raise ValueError(f"sample_weight must hold numbers: {error}.") from error
    if weights.ndim == 0:
        return np.full(n_rows, weights)
    if weights.shape != (n_rows,):
        raise ValueError(
            f"sample_weight must be one-dimensional with one weight for each of {n_rows} rows, "
            f"got shape {weights.shape}."
        )
    return weights


def _check_weights(name, weights):
    """Raise unless the weights are right in the type that is trained in."""
    with np.errstate(over="ignore"):
        trained = weights.astype(np.float32)
    wrong = ~(np.isfinite(trained) & (trained >= 0)) | ((trained == 0) & (weights != 0))
    if wrong.any():
        row = int(wrong.argmax())
        raise ValueError(
            f"{name} must be finite and of at least 0 for every row in float32, "
            f"got {weights[row]} in row {row}."
        )
