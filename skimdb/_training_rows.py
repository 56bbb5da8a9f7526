"""What a fit is made from: class numbers, weights, rows set aside, a seed; and what it leaves."""

from collections.abc import Iterable
from numbers import Real

import numpy as np
from sklearn.utils import assert_all_finite, check_random_state, column_or_1d
from sklearn.utils.class_weight import compute_sample_weight
from sklearn.utils.validation import validate_data

from skimdb._checks import check_no_mask, is_number, named, shown
from skimdb._sparse_checks import check_parts

# NumPy's kinds of types
NUMBERS, TIMES = "biuf", ("m", "M")


def checked_rows(estimator, X, name, *, reset):
    """Return rows as a CSR matrix or an array of float32, or say what is wrong with them."""
    check_no_mask(name, X)
    check_parts(name, X)
    _check_no_times(name, X)
    # what overflows is infinite, and an error as such
    with named(name), np.errstate(over="ignore", invalid="ignore"):
        return validate_data(estimator, X, accept_sparse="csr", dtype=np.float32, reset=reset)


def _check_no_times(name, X):
    """Raise if there are dates or time spans in X, which NumPy would take for numbers."""
    types = getattr(X, "dtypes", None)
    if not isinstance(types, Iterable):
        types = [getattr(X, "dtype", None)]
    times = [kind for kind in types if getattr(kind, "kind", "") in TIMES]
    if not times and isinstance(X, np.ndarray) and X.dtype.kind == "O":
        times = [type(cell).__name__ for cell in X.flat if isinstance(cell, np.timedelta64)]
    if times:
        raise TypeError(f"{name} must hold numbers, got {times[0]}.")


def checked_labels(y, name):
    """Return class labels in a one-dimensional array, or say what is wrong with them."""
    if y is None:
        raise ValueError(
            f"{name} must be given: it requires y to be passed, but the target y is None."
        )
    check_no_mask(name, y)
    if isinstance(y, list | tuple) and 0 < sum(isinstance(label, str) for label in y) < len(y):
        # NumPy would make text of the numbers
        raise ValueError(f"{name} must hold labels of one kind, numbers or text, got both.")
    with named(name):
        y = column_or_1d(y, warn=True)
        if y.dtype.kind in "OT" and all(isinstance(label, str) for label in y):
            # not by astype, which NumPy 2.0 does not do for its own type of text
            y = np.array(y.tolist(), dtype=str)
    # before anything compares the labels, which may be objects of any kind
    if y.dtype.kind not in NUMBERS + "U":
        raise ValueError(
            f"{name} must hold labels of one kind, numbers or text. Unknown label type: {y.dtype}."
        )
    assert_all_finite(y, input_name=name)
    return y


def class_numbers(y, classes, name):
    """Return the position of each label in the sorted classes, or say which one has none."""
    # NumPy would find the text "1" among the numbers
    is_alike = (y.dtype.kind in NUMBERS) == (classes.dtype.kind in NUMBERS)
    unexpected = np.setdiff1d(y, classes) if is_alike else np.unique(y)
    if len(unexpected):
        raise ValueError(
            f"{name} must hold none but the classes of the training rows, {classes.tolist()}, "
            f"got {unexpected.tolist()} as well."
        )
    return np.searchsorted(classes, y)


def at_least_two_classes(labels, name):
    """Return the sorted set of labels, or say that there are too few."""
    classes = np.unique(labels)
    if len(classes) < 2:
        raise ValueError(
            f"{name} must hold at least two classes, got {len(classes)} class: {classes.tolist()}."
        )
    return classes


def check_same_length(X, y, names):
    """Raise unless there is one label for each row."""
    if X.shape[0] != len(y):
        raise ValueError(
            f"{names[1]} must have one label for each row of {names[0]}: found input variables "
            f"with inconsistent numbers of samples, {X.shape[0]} rows and {len(y)} labels."
        )


def drawn_seed(random_state):
    """Return a seed from an int, a generator or None."""
    try:
        return check_random_state(random_state).randint(2**31)
    except (TypeError, ValueError) as error:
        raise ValueError(
            "random_state must be an int from 0 to 2**32 - 1, a RandomState instance or None, "
            f"got {shown(random_state)}."
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
        _check_class_weight(class_weight)
        with named("class_weight"):
            weights = weights * compute_sample_weight(class_weight, y)
        _check_weights("class_weight", weights)
    kept = np.flatnonzero(weights)
    if not len(kept):
        names = ("sample_weight", "class_weight")
        given = [
            name
            for name, weight in zip(names, (sample_weight, class_weight), strict=True)
            if weight is not None
        ]
        raise ValueError(
            f"{' and '.join(given)} must give some row a weight above 0, got zero for every row."
        )
    if len(kept) < len(weights):
        X, y, numbers, weights = X[kept], y[kept], numbers[kept], weights[kept]
    return X, y, numbers, weights.astype(np.float32)


def _broadcast(sample_weight, n_rows):
    if sample_weight is None:
        return np.ones(n_rows)
    check_no_mask("sample_weight", sample_weight)
    with named("sample_weight"), np.errstate(over="ignore"):
        weights = np.asarray(sample_weight)
        if weights.dtype.kind not in NUMBERS + "O":
            raise ValueError(f"sample_weight must hold numbers, got {weights.dtype}.")
        for weight in weights.flat if weights.dtype.kind == "O" else ():
            if not is_number(weight, Real):
                raise TypeError(f"sample_weight must hold numbers, got {shown(weight)}.")
        weights = weights.astype(float)
    if weights.ndim == 0:
        return np.full(n_rows, weights)
    if weights.shape != (n_rows,):
        raise ValueError(
            f"sample_weight must be one-dimensional with one weight for each of {n_rows} rows, "
            f"got shape {weights.shape}."
        )
    return weights


def _check_class_weight(class_weight):
    """Raise unless it is "balanced" or holds numbers: NumPy would parse text, and cut times."""
    if isinstance(class_weight, str) and class_weight == "balanced":
        return
    if not isinstance(class_weight, dict):
        raise TypeError(
            f"class_weight must be a dict, 'balanced' or None, got {shown(class_weight)}."
        )
    for value in class_weight.values():
        if not is_number(value, Real):
            raise TypeError(f"class_weight must hold numbers, got {shown(value)}.")


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
