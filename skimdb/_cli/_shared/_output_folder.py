"""Writing the results of a training: the model, its history and its metrics."""

import json
import shlex
from contextlib import contextmanager, suppress
from functools import partial

from matplotlib.figure import Figure

from skimdb import TrainingHistoryDisplay, save_model, write_report
from skimdb._cli._shared._data import TEST, count_ids
from skimdb._cli._shared._held_out import HELD_OUT_FILE
from skimdb._cli._shared._model_folder import METRICS_FILE, MODEL_FILE, read_metrics
from skimdb._cli._shared._options import ARTICLE
from skimdb._cli._shared._paths import check_folder
from skimdb._cli._shared._terminal import console, installed_version, print_paragraph
from skimdb._utils._files import replace_files

# whose name in metrics.json is not that on the command line
OPTION_NAMES = {"source": "data"}
DISTRIBUTIONS = ("skimdb", "numpy", "scipy", "numba", "scikit-learn")


def check_output_folder(folder, recipe=None, *, force=False):
    """Raise unless files can be written to the folder, before any work is done for it.

    Parameters
    ----------
    folder : pathlib.Path
        The folder, which need not exist.
    recipe : dict, default=None
        What the model is made from, as values of JSON: "command", the name of the command;
        "data", what ``Source.describe`` returns, and the seed; "options", a dict of all other
        options that decide what the model becomes. The caller gives the same to
        ``collect_metrics``, which keeps them in metrics.json. If the folder holds a model that
        was made from anything else, that is an error. None is for commands that write no model.
    force : bool, default=False
        Whether another model may be replaced.

    Returns
    -------
    nearest : pathlib.Path
        The folder, or if it does not exist its nearest parent that does.
    """
    nearest = check_folder(folder)
    if recipe is not None and not force:
        _check_no_other_model(folder, recipe)
    return nearest


def _check_no_other_model(folder, recipe):
    """Raise if a folder holds a model that was not made from the same data and options."""
    if not (folder / MODEL_FILE).exists():
        return
    try:
        saved = read_metrics(folder)
    except ValueError:
        saved = {}
    # as JSON: it has no tuples
    difference = _describe_difference(saved, json.loads(json.dumps(recipe)))
    if difference:
        raise FileExistsError(
            f"{folder} already holds another model, {difference}. Write to another folder with "
            "--out, or replace that model with --force."
        )


def _describe_difference(saved, recipe):
    """Return how a model was made, where that differs; empty if it does not."""
    if any(not isinstance(saved.get(name), type(value)) for name, value in recipe.items()):
        return "and does not say how it was made"
    if saved["command"] != recipe["command"]:
        return f"made by `skimdb {saved['command']}`"
    differences = []
    for group in ("data", "options"):
        for name in recipe[group]:
            value = saved[group].get(name)
            if value != recipe[group][name]:
                flag = "--" + OPTION_NAMES.get(name, name).replace("_", "-")
                is_default = value is None or value is False
                differences.append(f"without {flag}" if is_default else f"with {flag} {value}")
    return "made " + " and ".join(differences) if differences else ""


def write_files(folder, writers):
    """Write files to a folder, which is created if necessary; no file is ever half written.

    Parameters
    ----------
    folder : pathlib.Path
        Existing files of the same names are replaced, once all new ones are complete. An error
        leaves no folder that did not exist.
    writers : dict of str to callable
        For each file name a function that writes the file to a path.
    """
    new_folders = [path for path in (folder, *folder.parents) if not path.exists()]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with replace_files(folder, sync=True) as temporary:
            for name, write in writers.items():
                write(temporary / name)
    except BaseException:
        # after Ctrl-C, nothing has been written
        for path in new_folders:
            with suppress(OSError):
                path.rmdir()
        raise


def write_results(folder, pipeline, history, metrics, report, more=None, *, held_out):
    """Write the model, its history as numbers and as curves, its metrics, and ``more`` files.

    ``report`` is what ``make_report_writer`` returns. ``held_out`` is that of the ``Split``:
    `skimdb evaluate` finds the test rows by it. Returns the names of the files, for
    ``print_written``.
    """
    writers = {
        MODEL_FILE: partial(save_model, pipeline),
        "history.json": partial(write_json, history),
        "curves.png": partial(draw_curves, history),
        METRICS_FILE: partial(write_json, metrics),
        "report.html": report,
        HELD_OUT_FILE: partial(write_json, held_out),
        **(more or {}),
    }
    write_files(folder, writers)
    return list(writers)


def make_report_writer(pipeline, source, split=None, probabilities=None):
    """Return a function that writes the report on a model to a path.

    Parameters
    ----------
    pipeline : Pipeline
        The model.
    source : Source
        The data that it was trained on.
    split : Split, default=None
        The data with the test rows. None leaves them out.
    probabilities : ndarray, default=None
        What the model predicts for the test rows.
    """
    if split is None:
        return partial(write_report, pipeline)
    X, y = split.parts[TEST]
    return partial(
        write_report,
        # sequences have been encoded already
        pipeline if split.vocabulary is None else pipeline[1:],
        X=X,
        y=y,
        probabilities=probabilities,
        source=f"{len(y):,} rows of {source.name} that were held out of the training",
        vocabulary=split.vocabulary,
    )


def print_written(folder, names):
    """Print which files have been written, and which command to type next."""
    print_paragraph(f"Wrote {', '.join(names)} to {folder}.")
    # double quotes, for the texts of people and the shells of all systems
    command = f'skimdb predict {shlex.quote(str(folder))} "your text"'
    console().print(f"Next: {command}", soft_wrap=True)


def write_json(value, path):
    """Write a value as a JSON file."""
    path.write_text(json.dumps(value, indent=2) + "\n", newline="\n")


def draw_curves(history, path):
    """Write training curves as a PNG file."""
    with png_figure(path, (10, 4)) as figure:
        TrainingHistoryDisplay(history=history).plot(axes=figure.subplots(1, 2))


@contextmanager
def png_figure(path, size):
    """Yield a figure to draw on; it becomes a PNG file."""
    # unlike pyplot, a Figure needs no screen, whatever backend the user has set
    figure = Figure(figsize=size, layout="constrained")
    yield figure
    figure.savefig(path, format="png", dpi=150)


def collect_metrics(pipeline, *, model, data, scores, seconds, **more):
    """Return the contents of metrics.json for a trained pipeline.

    ``data``, and "command" and "options" in ``more``, are those for ``check_output_folder``.
    """
    classifier = pipeline["classifier"]
    words = {}
    if model == ARTICLE:
        words["num_words"] = pipeline["vectorizer"].num_words - count_ids(0)
    return {
        "data": data,
        "labels": classifier.classes_.tolist(),
        "parameters": {
            "model": model,
            **words,
            # what "auto" has become; a stream counts each block as an epoch
            "units": [coef.shape[1] for coef in classifier.coefs_[:-1]],
            "epochs": classifier.n_iter_ if classifier.epochs == "auto" else classifier.epochs,
            "batch_size": classifier.batch_size_,
            "class_weight": classifier.class_weight,
            "random_state": classifier.random_state,
        },
        **more,
        "figures": scores,
        "seconds": {name: round(value, 3) for name, value in seconds.items()},
        "versions": {name: installed_version(name) for name in DISTRIBUTIONS},
    }
