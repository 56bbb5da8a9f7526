"""Checks of arguments that several modules share; each message names the argument."""

import os
import re
from contextlib import contextmanager
from math import isfinite
from numbers import Integral, Real
from pathlib import Path

import numpy as np

LONGEST_SHOWN = 100


def check_int(name, value, *, at_least=0, at_most=None, none_allowed=False):
    """Raise unless value is an integer within the bounds (or None, where allowed)."""
    if value is None and none_allowed:
        return
    is_int = is_number(value, Integral)
    is_too_large = is_int and at_most is not None and value > at_most
    if not is_int or value < at_least or is_too_large:
        expected = f"an integer of at least {at_least}"
        if is_too_large:
            expected += f" and at most {at_most}"
        if none_allowed:
            expected += " or None"
        error = ValueError if is_int else TypeError
        raise error(f"{name} must be {expected}, got {shown(value)}.")


def check_bool(name, value):
    """Raise unless value is True or False; NumPy's, and 1 and 0, will do."""
    if not isinstance(value, Integral | np.bool_) or value not in (True, False):
        raise TypeError(f"{name} must be True or False, got {shown(value)}.")


def check_choice(name, value, choices):
    """Raise unless value is one of the choices."""
    if not isinstance(value, str) or value not in choices:
        raise ValueError(
            f"{name} must be one of {', '.join(map(repr, choices))}, got {shown(value)}."
        )


def check_real(name, value, *, above=None, at_least=None, below=None, none_allowed=False):
    """Raise unless value is a finite number within the bounds given (or None, where allowed)."""
    if value is None and none_allowed:
        return
    bounds = {"above": above, "of at least": at_least, "below": below}
    expected = "a number " + " and ".join(
        f"{word} {bound}" for word, bound in bounds.items() if bound is not None
    )
    if none_allowed:
        expected += ", or None"
    if not is_number(value, Real):
        raise TypeError(f"{name} must be {expected}, got {shown(value)}.")
    within = (
        _is_finite(value)
        and (above is None or value > above)
        and (at_least is None or value >= at_least)
        and (below is None or value < below)
    )
    if not within:
        raise ValueError(f"{name} must be {expected}, got {shown(value)}.")


def checked_path(name, value):
    """Return a path, or say why no file can have it."""
    path = os.fspath(value) if isinstance(value, str | os.PathLike) else None
    if not isinstance(path, str):
        raise TypeError(f"{name} must be a str or path-like, got {type(value).__name__}.")
    try:
        is_possible = path != "" and b"\0" not in os.fsencode(path)
    except UnicodeEncodeError:
        is_possible = False
    if not is_possible:
        raise ValueError(f"{name} must be a path that files can have, got {shown(path)}.")
    return Path(path)


def check_no_mask(name, value):
    """Raise if value is a masked array that hides something: what lies beneath would count."""
    if np.ma.is_masked(value):
        raise ValueError(
            f"{name} must have no masked entries; leave them out, or give them values by filled()."
        )


@contextmanager
def named(name):
    """Put the name of an argument before the message of an error that doesn't say it."""
    try:
        yield
    except (TypeError, ValueError, OverflowError) as error:
        if isinstance(error, TypeError | ValueError) and re.search(rf"\b{name}\b", str(error)):
            raise
        kind = TypeError if isinstance(error, TypeError) else ValueError
        raise kind(f"{name}: {error}") from error


def is_number(value, kind):
    """Whether value is of an abstract type of numbers, and means a number."""
    # a time span is a number only to NumPy's class hierarchy
    return isinstance(value, kind) and not isinstance(value, bool | np.timedelta64)


def shown(value):
    """Return what a message shows of a value: its repr, cut off where it is long."""
    try:
        text = repr(value)
    except ValueError:
        # Python writes out no integer of more than some thousand digits
        text = f"<{type(value).__name__} too long to show>"
    return text if len(text) <= LONGEST_SHOWN else f"{text[: LONGEST_SHOWN - 1]}…"


def _is_finite(value):
    try:
        return isfinite(value)
    except OverflowError:
        return False  # an integer or a fraction beyond all floats
