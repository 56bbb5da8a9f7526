"""search.json in the folder of a search: its options, which ``--resume`` continues with."""

import json

REQUEST_FILE = "search.json"
SOURCE_OPTIONS = (
    "data",
    "text_column",
    "label_column",
    "label_separator",
    "delimiter",
    "encoding",
    "header",
    "on_error",
)
# options that must not change when a search is resumed
FIXED_OPTIONS = (
    "model",
    "num_words",
    "units",
    "batch_size",
    "epochs",
    "class_weight",
    "cv",
    "halving",
    "seed",
)
ROWS_HASH = "rows"


def has_search(folder):
    """Tell whether a folder contains a search."""
    return (folder / REQUEST_FILE).exists()


def check_no_search(folder):
    """Raise if a folder contains a search."""
    if has_search(folder):
        raise FileExistsError(
            f"{folder} already contains a search: continue it with --resume {folder}, choose "
            "another folder with --out, or replace it with --force."
        )


def read_request(folder):
    """Return the options that the search in a folder was started with."""
    file = folder / REQUEST_FILE
    if not has_search(folder):
        raise FileNotFoundError(
            f"--resume must name a folder where `skimdb tune` has started a search, but there is "
            f"no {file}."
        )
    try:
        # searches of earlier versions have one label a row
        request = {"label_separator": None, **json.loads(file.read_bytes())}
        request["units"] = [tuple(widths) for widths in request["units"]]
        return {name: request[name] for name in (*SOURCE_OPTIONS, *FIXED_OPTIONS, ROWS_HASH)}
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise ValueError(f"{file} must contain the options of a search: {error!r}.") from error


def resume_request(saved, request, given, folder):
    """Return the options to resume a search with, or raise if they differ from the saved ones.

    Parameters
    ----------
    saved, request : dict
        The options that the search was started with, and those of this command.
    given : set of str
        Options that the user has given; the others are taken from ``saved``.
    folder : path-like
        For messages.
    """
    for name in FIXED_OPTIONS:
        if name in given and request[name] != saved[name]:
            raise ValueError(
                f"the search in {folder} was started with {format_option(name, saved[name])}, "
                f"not {format_option(name, request[name])}: leave that option out to resume the "
                "search, or start a new one in another folder."
            )
    return {**saved, **{name: request[name] for name in given.intersection(SOURCE_OPTIONS)}}


def check_same_rows(saved, rows_hash, folder):
    """Raise if a search was started with other rows."""
    if saved[ROWS_HASH] != rows_hash:
        raise ValueError(
            f"the search in {folder} was started with other texts than those in --data: start a "
            "new one in another folder."
        )


def format_option(name, value):
    """Return an option as on the command line."""
    flag = f"--{name.replace('_', '-')}"
    if isinstance(value, bool):
        return flag if value else f"no {flag}"
    if name == "epochs" and isinstance(value, list):
        value = tuple(value)
    values = value if isinstance(value, list) else [value]
    return " ".join(f"{flag} {format_value(value)}" for value in values)


def format_value(value):
    """Return a value as the command line takes it, widths of layers separated by commas."""
    if isinstance(value, tuple):
        return ",".join(map(str, value))
    return str(value.item() if hasattr(value, "item") else value)
