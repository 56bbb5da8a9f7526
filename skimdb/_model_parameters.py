"""Constructor parameters in a model file."""

from inspect import signature

from skimdb._checks import shown
from skimdb._plain_values import from_plain, to_plain

# Parameters that name a place or a watcher of training rather than what is trained. A file that
# named a folder would have a later fit read and write there, whoever had made the file.
LEFT_OUT = {"callbacks", "memory"}
BY_NAME = ("optimizer", "loss", "metrics")


def saved_parameters(estimator, where, *, without=()):
    """Return an estimator's parameters in JSON's types; an error names one after ``where``."""
    parameters = estimator.get_params(deep=False)
    kept = sorted(set(parameters) - LEFT_OUT - set(without))
    return {name: to_plain(parameters[name], f"{where}{name}") for name in kept}


def loaded_parameters(kind, saved, *, without=()):
    """Return the parameters to make an estimator with, none but those that may be in a file."""
    unknown = set(saved) - (set(signature(kind).parameters) - LEFT_OUT - set(without))
    if unknown:
        raise ValueError(f"it sets parameters that no saved {kind.__name__} has: {unknown}")
    return {name: from_plain(plain) for name, plain in saved.items()}


def check_by_name(parameters, where, advice=""):
    """Raise unless Keras's objects are named: a dict of Keras's may name any code to run."""
    for name in BY_NAME:
        value = parameters[name]
        parts = [value]
        if name == "metrics":
            parts = value if isinstance(value, list | tuple) else [] if value is None else parts
        for part in parts:
            if not isinstance(part, str):
                raise TypeError(
                    f"{where}{name} must be given by name in a model file, got {shown(part)}"
                    f"{advice}."
                )
