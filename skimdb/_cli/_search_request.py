"""What a search is asked for, and keeping it in the search's folder for ``--resume``."""

import hashlib
import json
from pathlib import Path

import numpy as np
import typer

from skimdb._cli._data import IMDB, SAMPLE
from skimdb._cli._files import json_bytes, write_files
from skimdb._cli._search import FACTOR
from skimdb._cli._training import default_schedule

REQUEST_FILE = "search.json"
SOURCE = ("data", "text_column", "label_column")
# options that must stay as they were when a search is gone on with
FIXED = ("num_words", "units", "batch_size", "epochs", "cv", "halving", "seed")
ROWS = "rows"


def check_no_search(folder):
    """Raise if a search was begun in a folder."""
    if (folder / REQUEST_FILE).exists():
        raise FileExistsError(
            f"{folder} already holds a search: go on with it by --resume {folder}, or choose "
            "another folder by --out."
        )


def read_request(folder):
    """Return what the search in a folder was begun with."""
    file = folder / REQUEST_FILE
    if not file.exists():
        raise FileNotFoundError(
            f"--resume must name a folder where `skimdb tune` has begun a search: there is no "
            f"{file}."
        )
    try:
        request = json.loads(file.read_bytes())
        request["units"] = [tuple(widths) for widths in request["units"]]
        return {name: request[name] for name in (*SOURCE, *FIXED, ROWS)}
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise ValueError(f"{file} must hold what a search was begun with: {error!r}.") from error


def write_request(folder, request):
    """Keep what a search is begun with."""
    write_files(folder, {REQUEST_FILE: json_bytes(request)})


def resumed(begun, request, given, folder):
    """Return the request that goes on with a search, or raise if that asks for another search.

    Parameters
    ----------
    begun, request : dict
        What the search was begun with, and what is asked for now.
    given : set of str
        What of ``request`` the user has given; the rest is as in ``begun``.
    folder : path-like
        For messages.
    """
    for name in FIXED:
        if name in given and request[name] != begun[name]:
            raise ValueError(
                f"the search in {folder} was begun with {as_option(name, begun[name])}, not "
                f"{as_option(name, request[name])}: leave that out to go on with it, or begin "
                "another in another folder."
            )
    return {**begun, **{name: request[name] for name in given.intersection(SOURCE)}}


def check_same_rows(begun, rows, folder):
    """Raise if the rows are others than a search was begun with."""
    if begun[ROWS] != rows:
        raise ValueError(
            f"the search in {folder} was begun with other reviews than --data names now: begin "
            "another in another folder."
        )


def as_option(name, value):
    """Return an option as on the command line."""
    flag = f"--{name.replace('_', '-')}"
    if isinstance(value, bool):
        return flag if value else f"no {flag}"
    if name == "epochs" and isinstance(value, list):
        value = tuple(value)
    values = value if isinstance(value, list) else [value]
    return " ".join(f"{flag} {as_text(value)}" for value in values)


def as_text(value):
    """Return a value as the command line takes it, widths of layers with commas."""
    if isinstance(value, tuple):
        return ",".join(map(str, value))
    return str(value.item() if isinstance(value, np.generic) else value)


def completed(request, y):
    """Return the request with a grid that suits the number of rows where none was given."""
    epochs, batch_size = default_schedule(len(y))
    grid = {
        "batch_size": sorted({max(batch_size // 2, 1), batch_size}),
        "epochs": sorted({max(round(epochs * share), 1) for share in (0.5, 0.75, 1, 1.5)}),
    }
    request = {**request, **{n: values for n, values in grid.items() if request[n] is None}}
    _check_folds(request["cv"], y)
    if request["halving"]:
        _check_halving(request)
    return request


def _check_folds(cv, y):
    labels, counts = np.unique(y, return_counts=True)
    if counts.min() < cv:
        raise typer.BadParameter(
            f"each label needs a training row for each of {cv} folds, got {counts.min()} with "
            f"{str(labels[counts.argmin()])!r}.",
            param_hint="'--cv'",
        )


def _check_halving(request):
    n_candidates = len(request["units"]) * len(request["batch_size"])
    epochs = request["epochs"]
    if n_candidates < FACTOR or epochs[-1] < FACTOR * epochs[0]:
        raise typer.BadParameter(
            f"needs at least {FACTOR} candidates of units and batch size, got {n_candidates}, and "
            f"a largest number of epochs of at least {FACTOR} times the smallest, got "
            f"{epochs[0]} to {epochs[-1]}.",
            param_hint="'--halving'",
        )


def data_name(data):
    """Return what names the data from any folder."""
    return data if data in (SAMPLE, IMDB) else str(Path(data).absolute())


def digest_of(split):
    """Return a name for the rows of a split, equal for equal rows in equal parts and order."""
    digest = hashlib.blake2b(digest_size=16)
    for name, rows in split.parts.items():
        digest.update(f"{name} {len(rows.y)}\n".encode())
        for x, label in zip(rows.X, rows.y, strict=True):
            content = x.encode("utf-8", "surrogatepass") if isinstance(x, str) else x.tobytes()
            digest.update(f"{len(content)} {label}\n".encode())
            digest.update(content)
    return digest.hexdigest()
