"""Validation of rows, labels and weights, and what is computed from them."""

from collections.abc import Iterable
from enum import Enum
from numbers import Integral, Real

import numpy as np
import scipy.sparse as sp
from sklearn.utils import assert_all_finite, check_random_state, column_or_1d
from sklearn.utils.class_weight import compute_sample_weight
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import validate_data

from skimdb._network._state import TrainingRows
from skimdb._network._target import NUMBERS
from skimdb._utils._checks import check_no_mask, is_number, prefix_errors, short_repr
from skimdb._utils._column_identity import columns_of
from skimdb._utils._sparse import validate_sparse

# NumPy's kinds of dates and time spans
TIMES = ("m", "M")
# what y may be
TARGETS = (
    "hold one label for each row, or be an indicator matrix of 0 and 1 with a column for each "
    "label"
)
BINARIZER_HINT = (
    "sklearn.preprocessing.MultiLabelBinarizer makes such a matrix of lists of labels."
)
TRANSFORM_HINT = (
    "A Pipeline passes X_val to its last step as it is, unless scikit-learn's metadata routing is "
    "on (sklearn.set_config(enable_metadata_routing=True)), the pipeline has "
    'Pipeline(transform_input=["X_val"]), and its classifier asks for both by '
    "set_fit_request(X_val=True, y_val=True)."
)


def validate_rows(estimator, X, name, *, reset, dtype=np.float32):
    """Return rows as a CSR matrix or an array of a type, or of one of several types."""
    check_no_mask(name, X)
    _check_columns(estimator, columns_of(X), name, reset=reset)
    X = validate_sparse(name, X)
    _check_no_times(name, X)
    # values that overflow become infinite, which is an error
    with np.errstate(over="ignore", invalid="ignore"), prefix_errors(name):
        return validate_data(estimator, X, accept_sparse="csr", dtype=dtype, reset=reset)


def validate_labels(y, name):
    """Return class labels as a one-dimensional array of numbers or text."""
    if y is None:
        raise ValueError(
            f"{name} must be given: it requires y to be passed, but the target y is None."
        )
    check_no_mask(name, y)
    with prefix_errors(name):
        if isinstance(y, list | tuple) and np.asarray(y).dtype.kind in "OSU":
            # NumPy would make text of numbers among text, and of None
            y = np.array(y, dtype=object)
        y = column_or_1d(y, warn=True)
    if y.dtype.kind in "OT":
        # a fraction may be too large for a float
        with prefix_errors(name):
            y = _to_typed_labels(y)
    # labels of other kinds are objects that may not compare
    if y.dtype.kind not in NUMBERS + "U":
        raise ValueError(
            f"{name} must hold labels of one kind, numbers or text, got {_describe_labels(y)}. "
            f"Unknown label type: {y.dtype}."
        )
    assert_all_finite(y, input_name=name)
    # scikit-learn casts labels to whole numbers to see whether they are whole
    with prefix_errors(name), np.errstate(invalid="ignore"):
        check_classification_targets(y)
    return y


def validate_target(y, name):
    """Return class labels, or the indicator matrix of several labels a row as an array."""
    if _is_ragged(y):
        raise ValueError(f"{name} must {TARGETS}, got lists of labels. {BINARIZER_HINT}")
    if not _has_columns(y):
        return validate_labels(y, name)
    check_no_mask(name, y)
    # labels are few, so a dense array takes little memory
    with prefix_errors(name):
        matrix = y.toarray() if sp.issparse(y) else np.asarray(y)
    is_number = matrix.dtype.kind in NUMBERS + "O"
    is_indicator = np.isin(matrix, (0, 1)) if is_number else np.zeros(matrix.shape, dtype=bool)
    if matrix.ndim != 2 or not is_indicator.all() or matrix.shape[1] == 0:
        found = f"the shape {matrix.shape}"
        if matrix.ndim == 2 and matrix.size:
            found = f"{short_repr(matrix[~is_indicator].tolist()[0])} in a matrix of {found}"
        raise ValueError(f"{name} must {TARGETS}, got {found}. {BINARIZER_HINT}")
    return matrix.astype(np.uint8)


def label_columns(y):
    """Return the names of the columns of an indicator matrix, or None if it has none."""
    columns = getattr(y, "columns", None)
    if columns is None or not _has_columns(y):
        return None
    names = [*columns]
    is_named = all(isinstance(name, str) for name in names) and len({*names}) == len(names)
    return np.array(names) if is_named else None


def _holds_lists(y):
    return isinstance(y, list | tuple) and all(
        isinstance(row, list | tuple | set) or getattr(row, "ndim", 0) == 1 for row in y
    )


def _is_ragged(y):
    """Tell whether labels come as lists of different lengths, or as sets."""
    if not _holds_lists(y):
        return False
    return any(isinstance(row, set) for row in y) or len({*map(len, y)}) > 1


def _has_columns(y):
    """Tell whether labels come as a table of several columns."""
    shape = getattr(y, "shape", None)
    if shape is None and y and _holds_lists(y):
        shape = len(y), len(y[0])
    return shape is not None and len(shape) == 2 and shape[1] != 1


def _to_typed_labels(y):
    """Return an array of objects, or of NumPy's own type of text, in the type of its labels."""
    kinds = set(map(_kind_of_label, y.tolist()))
    if kinds == {str}:
        # NumPy would take what str() makes of a member of an Enum
        return np.array([str.__str__(label) for label in y.tolist()], dtype=str)
    if len(kinds) == 1 and kinds <= {bool, int, float}:
        return np.array([*map(kinds.pop(), y)])
    return np.array(y, dtype=float) if kinds == {int, float} else y


def _kind_of_label(label):
    kinds = {bool: bool | np.bool_, str: str, int: Integral, float: Real}
    if isinstance(label, np.timedelta64):
        # NumPy derives time spans from its integers
        return type(label)
    return next((kind for kind, types in kinds.items() if isinstance(label, types)), type(label))


def _describe_labels(y):
    """Say which label is of another kind than the others, or of none that is known."""
    # spans of time stay such, which tolist() would make numbers of
    labels = [*y]
    kinds = [*map(_kind_of_label, labels)]
    known = {str, bool, int, float}
    row = next((i for i, kind in enumerate(kinds) if kind not in known or kind != kinds[0]), 0)
    found = f"{short_repr(labels[row])} in row {row}"
    if isinstance(labels[row], Enum):
        return f"{found}: give the values of the members of an Enum"
    return found if kinds[row] not in known or row == 0 else f"{found} after {labels[0]!r:.50}"


def validate_rows_and_labels(estimator, X, y, *, reset, names=("X", "y")):
    """Return rows, and as many labels or rows of an indicator matrix."""
    X = validate_rows(estimator, X, names[0], reset=reset)
    y = validate_target(y, names[1])
    if X.shape[0] != len(y):
        raise ValueError(
            f"{names[1]} must have one label for each row of {names[0]}: found input variables "
            f"with inconsistent numbers of samples, {X.shape[0]} rows and {len(y)} labels."
        )
    return X, y


def validate_validation_data(estimator, X_val, y_val):
    """Return validation rows and their labels, checked; say why they may be untransformed."""
    try:
        return validate_rows_and_labels(
            estimator, X_val, y_val, reset=False, names=("X_val", "y_val")
        )
    except (TypeError, ValueError) as error:
        if not (str(error).startswith("X_val") and _may_be_untransformed(X_val)):
            raise
        kind = TypeError if isinstance(error, TypeError) else ValueError
        raise kind(f"{error} {TRANSFORM_HINT}") from error


def _may_be_untransformed(X_val):
    """Tell whether validation rows may be texts or sequences that no earlier step has seen."""
    if sp.issparse(X_val):
        return False
    is_table = len(getattr(X_val, "shape", ())) == 2
    return not is_table or np.asarray(X_val).dtype.kind in "OUT"


def validate_weights(y, sample_weight, class_weight):
    """Return the product of sample and class weights as float32, or None if all are 1."""
    if sample_weight is None and class_weight is None:
        return None
    if class_weight is not None and y.ndim == 2:
        raise ValueError(
            "class_weight must be None when rows have several labels, got "
            f"{short_repr(class_weight)}; give each row its sample_weight instead."
        )
    weights = _to_vector(sample_weight, len(y))
    _check_weights("sample_weight", weights)
    if class_weight is not None:
        _check_class_weight(class_weight)
        if isinstance(class_weight, dict):
            class_weight = {
                str.__str__(label) if isinstance(label, str) else label: weight
                for label, weight in class_weight.items()
            }
        with prefix_errors("class_weight"):
            weights = weights * compute_sample_weight(class_weight, y)
        _check_weights("class_weight", weights)
    if not weights.any():
        given = {"sample_weight": sample_weight, "class_weight": class_weight}
        names = " and ".join(name for name, weight in given.items() if weight is not None)
        raise ValueError(
            f"{names} must give some row a weight above 0; only zeros were passed in {names}."
        )
    return weights.astype(np.float32)


def make_training_rows(X, y, target, sample_weight, class_weight):
    """Return the rows of a weight above 0."""
    numbers = target.encode(y, "y")
    weights = validate_weights(y, sample_weight, class_weight)
    rows = TrainingRows(X, numbers, weights)
    if weights is None or weights.all():
        return rows
    return rows.take(np.flatnonzero(weights))


def draw_seed(random_state):
    """Return a seed from an int, a generator or None."""
    try:
        return check_random_state(random_state).randint(2**31)
    except (TypeError, ValueError) as error:
        raise ValueError(
            "random_state must be an int from 0 to 2**32 - 1, a RandomState instance or None, "
            f"got {short_repr(random_state)}."
        ) from error


def _check_columns(estimator, columns, name, *, reset):
    """Keep what the columns stand for, or raise if they have come to stand for something else."""
    if reset:
        estimator._columns = columns
        return
    fitted = getattr(estimator, "_columns", None)
    if None not in (fitted, columns) and columns.contradict(fitted):
        raise ValueError(
            f"{name} must have the columns that this {type(estimator).__name__} was fitted on, "
            "got columns that stand for other words or n-grams: the encoder or vectorizer before "
            "it has been fitted again, on other texts. To continue training (warm_start, "
            "partial_fit), give the encoder a vocabulary before the first fit, such as the "
            "vocabulary_ of an encoder fitted on texts of that kind, and the vectorizer n_buckets "
            "if it learns n-grams. Otherwise fit all steps again from the start, with "
            "warm_start=False."
        )


def _check_no_times(name, X):
    """Raise if X holds dates or time spans, which NumPy would take for numbers."""
    types = getattr(X, "dtypes", None)
    if not isinstance(types, Iterable):
        types = [getattr(X, "dtype", None)]
    times = [kind for kind in types if getattr(kind, "kind", "") in TIMES]
    if not times and isinstance(X, np.ndarray) and X.dtype.kind == "O":
        times = [type(cell).__name__ for cell in X.flat if isinstance(cell, np.timedelta64)]
    if times:
        raise TypeError(f"{name} must hold numbers, got {times[0]}.")


def _to_vector(sample_weight, n_rows):
    """Return one float for each row."""
    if sample_weight is None:
        return np.ones(n_rows)
    check_no_mask("sample_weight", sample_weight)
    with prefix_errors("sample_weight"), np.errstate(over="ignore"):
        weights = np.asarray(sample_weight)
        if weights.dtype.kind not in NUMBERS + "O":
            raise ValueError(f"sample_weight must hold numbers, got {weights.dtype}.")
        for weight in weights.flat if weights.dtype.kind == "O" else ():
            if not is_number(weight, Real):
                raise TypeError(f"sample_weight must hold numbers, got {short_repr(weight)}.")
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
            f"class_weight must be a dict, 'balanced' or None, got {short_repr(class_weight)}."
        )
    for value in class_weight.values():
        if not is_number(value, Real):
            raise TypeError(f"class_weight must hold numbers, got {short_repr(value)}.")


def _check_weights(name, weights):
    """Raise unless the weights are finite and at least 0, in float32 too."""
    with np.errstate(over="ignore"):
        trained = weights.astype(np.float32)
    wrong = ~(np.isfinite(trained) & (trained >= 0)) | ((trained == 0) & (weights != 0))
    if wrong.any():
        row = int(wrong.argmax())
        raise ValueError(
            f"{name} must be finite and at least 0 for every row in float32, "
            f"got {weights[row]} in row {row}."
        )
