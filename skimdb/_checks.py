"""Checks of parameters that several estimators share; each message names the parameter."""

from math import isfinite
from numbers import Integral, Real


def check_int(name, value, *, at_least=0, at_most=None, none_allowed=False):
    """Raise unless value is an integer within the bounds (or None, where allowed)."""
    if value is None and none_allowed:
        return
    expected = f"an integer of at least {at_least}"
    if at_most is not None:
        expected += f" and at most {at_most}"
    if none_allowed:
        expected += " or None"
    if not isinstance(value, Integral) or isinstance(value, bool):
        raise TypeError(f"{name} must be {expected}, got {value!r}.")
    if value < at_least or (at_most is not None and value > at_most):
        raise ValueError(f"{name} must be {expected}, got {value!r}.")


def check_bool(name, value):
    """Raise unless value is True or False."""
    if value not in (True, False):
        raise TypeError(f"{name} must be True or False, got {value!r}.")


def check_choice(name, value, choices):
    """Raise unless value is one of the choices."""
    if not isinstance(value, str) or value not in choices:
        raise ValueError(f"{name} must be one of {', '.join(map(repr, choices))}, got {value!r}.")


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
    if not isinstance(value, Real) or isinstance(value, bool):
        raise TypeError(f"{name} must be {expected}, got {value!r}.")
    within = (
        isfinite(value)
        and (above is None or value > above)
        and (at_least is None or value >= at_least)
        and (below is None or value < below)
    )
    if not within:
        raise ValueError(f"{name} must be {expected}, got {value!r}.")
