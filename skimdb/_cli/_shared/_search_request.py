"""The options of a search: those that were not given, and the rows that they are for."""

import hashlib
from functools import partial
from math import ceil

import numpy as np
import typer

from skimdb._cli._shared._label_sets import LabelTable, count_classes
from skimdb._cli._shared._models import build_pipeline
from skimdb._cli._shared._options import ARTICLE
from skimdb._cli._shared._output_folder import write_files, write_json
from skimdb._cli._shared._search import FACTOR
from skimdb._cli._shared._search_folder import REQUEST_FILE

UNITS_PER_CLASS, MOST_UNITS = 16, 128


def write_request(folder, request):
    """Save the options of a search in its folder."""
    write_files(folder, {REQUEST_FILE: partial(write_json, request)})


def complete_request(request, y):
    """Return the options with a grid that suits the number of rows where none was given."""
    grid = _default_grid(request["model"], y, request["halving"])
    request = {**request, **{n: values for n, values in grid.items() if request[n] is None}}
    _check_folds(request["cv"], y)
    if request["halving"]:
        _check_halving(request)
    return request


def _default_grid(model, y, halving):
    n_labels = count_classes(y)
    epochs, batch_size = build_pipeline(model)["classifier"].choose_schedule(len(y), n_labels)
    if model == ARTICLE:
        return {
            "units": [(16, 16), (64, 16)],
            "batch_size": sorted({max(batch_size // 2, 1), batch_size}),
            "epochs": sorted({max(round(epochs * share), 1) for share in (0.5, 0.75, 1, 1.5)}),
        }
    width = min(UNITS_PER_CLASS * n_labels, MOST_UNITS)
    if halving:
        smallest = ceil(epochs / 2)
        return {
            "units": [(width // 2,), (width,), (2 * width,)],
            "batch_size": [batch_size],
            "epochs": [smallest, FACTOR * smallest],
        }
    return {
        "units": [(width // 2,), (width,)],
        "batch_size": [batch_size],
        "epochs": sorted({ceil(epochs * share) for share in (0.5, 1, 1.5)}),
    }


def _check_folds(cv, y):
    if isinstance(y, LabelTable):
        if len(y) < cv:
            raise typer.BadParameter(
                f"there must be at least as many training rows as folds, got {len(y)} rows for "
                f"{cv} folds.",
                param_hint="'--cv'",
            )
        return
    labels, counts = np.unique(y, return_counts=True)
    if counts.min() < cv:
        raise typer.BadParameter(
            f"each label needs at least as many training rows as there are folds ({cv} folds), "
            f"got {counts.min()} with {str(labels[counts.argmin()])!r}.",
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


def hash_rows(split):
    """Return a hash of the rows of a split: of their parts, order, texts and labels."""
    digest = hashlib.blake2b(digest_size=16)
    for part, rows in split.parts.items():
        digest.update(f"{part} {len(rows.y)}\n".encode())
        for x, label in zip(rows.X, rows.y, strict=True):
            content = x.encode("utf-8", "surrogatepass") if isinstance(x, str) else x.tobytes()
            digest.update(f"{len(content)} {label}\n".encode())
            digest.update(content)
    return digest.hexdigest()
