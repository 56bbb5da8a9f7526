"""Parameters and labels in JSON and back: equal, and of the same type.

JSON has fewer types than parameters have. The others become an object with one name: ``tuple``,
``dict``, ``float`` (NaN or infinite), ``code_points`` (text that isn't valid Unicode),
``numpy_type`` and ``dtype``. NumPy's numbers become Python's.
"""

from inspect import signature
from math import isfinite

import numpy as np

from skimdb._utils._checks import short_repr

LARGEST_BITS = 8192
DTYPES = frozenset(
    ["float16", "float32", "float64"]
    + [f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)]
)
NUMBERS = {"nan": float("nan"), "inf": float("inf"), "-inf": float("-inf")}
# Parameters that are no plain values in any model file. "steps" and "vocabulary" are saved in
# another form. "callbacks" and "memory" say who watches training and where its states are kept: a
# file that named a folder would let a later fit read and write there.
NOT_PLAIN = {"steps", "vocabulary", "callbacks", "memory"}


def to_plain(value, name):
    """Return a value in JSON's types, or raise TypeError with its name."""
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or isinstance(value, bool):
        return value
    # Python neither writes nor reads integers of more than some thousand digits
    if isinstance(value, int) and value.bit_length() <= LARGEST_BITS:
        return value
    if isinstance(value, float):
        return value if isfinite(value) else {"float": str(value)}
    if isinstance(value, str):
        # JSON would make one character of two surrogates next to each other
        return str(value) if _is_unicode(value) else {"code_points": [*map(ord, value)]}
    if isinstance(value, tuple):
        return {"tuple": [to_plain(item, name) for item in value]}
    if isinstance(value, list):
        return [to_plain(item, name) for item in value]
    if isinstance(value, dict):
        pairs = value.items()
        return {"dict": [[to_plain(key, name), to_plain(item, name)] for key, item in pairs]}
    if isinstance(value, np.dtype) or value is int or value is float:
        return {"dtype": _dtype_name(value, name)}
    if isinstance(value, type) and issubclass(value, np.generic):
        return {"numpy_type": _dtype_name(value, name)}
    raise TypeError(
        f"{name} must be plain to be saved (numbers, strings, None, or lists, tuples and dicts of "
        f"them), got {short_repr(value)}; set it to such a value, or use joblib.dump."
    )


def from_plain(plain):
    """Return the value that ``to_plain`` was given."""
    if isinstance(plain, list):
        # most items of a long list, such as a vocabulary, are text
        return [item if type(item) is str else from_plain(item) for item in plain]
    if not isinstance(plain, dict):
        return plain
    ((kind, content),) = plain.items()
    if kind == "tuple":
        return tuple(from_plain(item) for item in content)
    if kind == "dict":
        return {from_plain(key): from_plain(item) for key, item in content}
    if kind == "float":
        return NUMBERS[content]
    if kind == "code_points":
        return "".join(map(chr, content))
    if kind in ("numpy_type", "dtype") and content in DTYPES:
        dtype = np.dtype(content)
        return dtype.type if kind == "numpy_type" else dtype
    raise ValueError(f"it has a value of an unknown type: {kind!r:.80}")


def parameters_to_plain(estimator):
    """Return the constructor parameters of an estimator in JSON's types."""
    parameters = estimator.get_params(deep=False)
    names = sorted(set(parameters) - NOT_PLAIN)
    return {name: to_plain(parameters[name], name) for name in names}


def parameters_from_plain(kind, plain):
    """Return the parameters to make an estimator of a class with."""
    unknown = set(plain) - (set(signature(kind).parameters) - NOT_PLAIN)
    if unknown:
        raise ValueError(f"it sets parameters that no saved {kind.__name__} has: {unknown}")
    return {name: from_plain(value) for name, value in plain.items()}


def _is_unicode(text):
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _dtype_name(value, name):
    dtype = np.dtype(value)
    if dtype.name not in DTYPES or not dtype.isnative:
        raise TypeError(
            f"{name} must be a native dtype of up to 64 bits to be saved, got {dtype}."
        )
    return dtype.name
