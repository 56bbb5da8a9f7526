"""Checks of arguments, and of packages for Keras. Each error names the argument."""

import os
from contextlib import contextmanager
from importlib.util import find_spec
from math import isfinite
from numbers import Integral, Real
from pathlib import Path

import numpy as np
from sklearn.utils import check_scalar

LONGEST_REPR, LONGEST_REASON = 100, 1000
KERAS_PACKAGES = ("tensorflow", "keras", "scikeras")


def check_int(name, value, *, min_val=0, max_val=None, optional=False):
    """Raise unless value is an integer within the bounds (or None, if optional)."""
    if not (optional and value is None):
        _check_number(name, value, Integral, min_val=min_val, max_val=max_val)


def check_real(
    name, value, *, min_val=None, max_val=None, include_boundaries="both", optional=False
):
    """Raise unless value is a finite number within the bounds (or None, if optional)."""
    if optional and value is None:
        return
    _check_number(
        name,
        value,
        Real,
        min_val=min_val,
        max_val=max_val,
        include_boundaries=include_boundaries,
    )
    if not _is_finite(value):
        raise ValueError(f"{name} must be finite, got {short_repr(value)}.")


def check_bool(name, value):
    """Raise unless value is True or False; NumPy's, and 1 and 0, count as well."""
    if not isinstance(value, Integral | np.bool_) or value not in (True, False):
        raise TypeError(f"{name} must be True or False, got {short_repr(value)}.")


def check_callable(name, value, *, optional=False):
    """Raise unless value is callable (or None, if optional)."""
    if not callable(value) and not (optional and value is None):
        raise TypeError(f"{name} must be callable, got {short_repr(value)}.")


def check_choice(name, value, choices):
    """Raise unless value is one of the choices."""
    if not isinstance(value, str) or value not in choices:
        raise ValueError(
            f"{name} must be one of {', '.join(map(repr, choices))}, got {short_repr(value)}."
        )


def keras_packages_missing():
    """Return which of TensorFlow, Keras and SciKeras are not installed."""
    specs = {name: find_spec(name) for name in KERAS_PACKAGES}
    # an empty folder of that name would be a package without a file
    return [name for name, spec in specs.items() if spec is None or spec.origin is None]


def check_keras(user, alternative=""):
    """Raise unless TensorFlow, Keras and SciKeras are installed.

    ``user`` is what needs them; ``alternative`` is a sentence on what does without them.
    """
    missing = keras_packages_missing()
    if missing:
        raise ImportError(
            f"{user} needs TensorFlow, Keras and SciKeras; not installed: {', '.join(missing)}. "
            f"Run `pip install {' '.join(missing)}`.{alternative and f' {alternative}'}"
        )


def is_function(value):
    """Tell whether a value can be called, and is neither a class nor a callback of Keras."""
    return callable(value) and not isinstance(value, type) and not hasattr(value, "set_model")


def check_no_mask(name, value):
    """Raise if value is a masked array with masked entries: NumPy would use their values."""
    if np.ma.is_masked(value):
        raise ValueError(
            f"{name} must have no masked entries; leave them out, or give them values by filled()."
        )


def to_path(name, value):
    """Return value as a path, or say why it cannot name a file."""
    path = os.fspath(value) if isinstance(value, str | os.PathLike) else None
    if not isinstance(path, str):
        raise TypeError(f"{name} must be a str or path-like, got {type(value).__name__}.")
    try:
        can_exist = path != "" and b"\0" not in os.fsencode(path)
    except UnicodeEncodeError:
        can_exist = False
    if not can_exist:
        raise ValueError(f"{name} must be the path of a file or folder, got {short_repr(path)}.")
    return Path(path)


def resolve_file(path):
    """Return the path of the file to write: the target, if the path is a link."""
    path = Path(os.path.realpath(to_file_path(path)))
    if not path.parent.is_dir():
        raise FileNotFoundError(
            f"path must be in an existing folder, but {path.parent} does not exist."
        )
    if path.exists() and not path.is_file():
        raise ValueError(f"path must be that of a file, but {path} is no file.")
    return path


def to_file_path(path):
    """Return an argument as the path of a file, or say why it cannot be one."""
    if isinstance(path, str) and path.endswith((os.sep, "/")):
        raise ValueError(f"path must be that of a file, not of a folder, got {path!r}.")
    return to_path("path", path)


def is_number(value, kind):
    """Tell whether value is an instance of an abstract number type, and stands for a number."""
    # NumPy derives time spans from its integers
    return isinstance(value, kind) and not isinstance(value, bool | np.timedelta64)


def to_int(value):
    """Return a float that is a whole number, as searches draw them, as an int; else the value."""
    is_whole = isinstance(value, float | np.floating) and value.is_integer()
    return int(value) if is_whole else value


def short_repr(value):
    """Return the repr of a value for a message, shortened if it is long."""
    try:
        text = repr(value)
    except ValueError:
        # Python writes no integer of more than some thousand digits
        text = f"<{type(value).__name__} too long to print>"
    return text if len(text) <= LONGEST_REPR else f"{text[: LONGEST_REPR - 1]}…"


def shorten_reason(text):
    """Return why a file can't be read; libraries may repeat as much as they find in it."""
    text = text.removesuffix(".")
    return text if len(text) <= LONGEST_REASON else f"{text[: LONGEST_REASON - 1]}…"


def to_unique_dict(pairs):
    """Return the members of a JSON object, or raise ValueError if it has a key twice."""
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("an object has a key twice")
    return members


@contextmanager
def prefix_errors(name):
    """Put the name of an argument in front of messages that do not start with it."""
    try:
        yield
    except (TypeError, ValueError, OverflowError) as error:
        if isinstance(error, TypeError | ValueError) and str(error).startswith(name):
            raise
        kind = TypeError if isinstance(error, TypeError) else ValueError
        raise kind(f"{name}: {error}") from error


def _check_number(name, value, kind, **bounds):
    if not is_number(value, kind):
        expected = "an integer" if kind is Integral else "a number"
        raise TypeError(f"{name} must be {expected}, got {short_repr(value)}.")
    try:
        check_scalar(value, name, kind, **bounds)
    except ValueError as error:
        if str(error).startswith(name):
            raise
        # the number has too many digits to be written into the message
        raise ValueError(f"{name} must be a smaller number, got {short_repr(value)}.") from error


def _is_finite(value):
    try:
        return isfinite(value)
    except OverflowError:
        return False  # an integer or a fraction beyond every float
