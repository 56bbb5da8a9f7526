"""The files that commands write, and reading them again."""

import io
import json
import os
import tempfile
from contextlib import contextmanager

from skimdb._whole_files import PREFIX, whole_files

MODEL_FILE, METRICS_FILE = "model.skimdb", "metrics.json"
# of the models that early versions wrote
PICKLE_SUFFIX = ".joblib"


class UnusableModelError(ValueError):
    """A file is there, but it is no model that can be used."""


def check_output_folder(folder):
    """Raise unless the folder can be written to, before any work is done for it.

    Returns the folder, or where it does not exist the nearest one above it that does.
    """
    nearest = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    if not nearest.is_dir():
        raise NotADirectoryError(f"--out must be a folder, but {nearest} is a file.")
    try:
        # permissions do not tell: some file systems take no new files from anybody
        os.rmdir(tempfile.mkdtemp(prefix=PREFIX, dir=nearest))
    except OSError as error:
        raise PermissionError(
            f"--out must be a folder to write to, but {nearest} is not: {error.strerror}."
        ) from error
    return nearest


def write_files(folder, contents):
    """Write files into a folder, made if need be, so that none is ever there half.

    Parameters
    ----------
    folder : pathlib.Path
        Where to write.
    contents : dict of str to bytes
        The content of each file by name. All are written out beside their place before the first
        of them is moved there.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with whole_files(folder, sync=True) as unfinished:
        for name, content in contents.items():
            (unfinished / name).write_bytes(content)


def json_bytes(value):
    """Return a value as a JSON file."""
    return (json.dumps(value, indent=2) + "\n").encode()


def curves_bytes(history):
    """Return a picture of the training curves as a PNG file."""
    from skimdb import TrainingHistoryDisplay

    with drawn_figure((10, 4)) as (figure, png):
        TrainingHistoryDisplay(history=history).plot(axes=figure.subplots(1, 2))
    return png.getvalue()


@contextmanager
def drawn_figure(size):
    """Yield a figure to draw on, and the PNG file that holds it afterwards."""
    from matplotlib.figure import Figure

    # a Figure of its own needs no screen, whatever backend the user has set
    figure, png = Figure(figsize=size, layout="constrained"), io.BytesIO()
    yield figure, png
    figure.savefig(png, format="png", dpi=150)


def model_bytes(model):
    """Return a fitted pipeline as the file that ``skimdb.save_model`` makes of it."""
    from skimdb._model_archive import write_archive
    from skimdb._model_state import describe

    buffer = io.BytesIO()
    write_archive(buffer, describe(model))
    return buffer.getvalue()


def load_model(path):
    """Read a fitted pipeline from a model file, or from the folder that holds one."""
    import skimdb

    file = path / MODEL_FILE if path.is_dir() else path
    if not file.exists():
        _check_no_pickle(file.with_suffix(PICKLE_SUFFIX))
        raise FileNotFoundError(
            f"MODEL must be a folder that `skimdb train` has written, or a model file: "
            f"there is no {file}."
        )
    _check_no_pickle(file)
    try:
        model = skimdb.load_model(file)
    except ValueError as error:
        raise UnusableModelError(str(error)) from error
    if not (hasattr(model, "predict_proba") and hasattr(model, "classes_")):
        raise UnusableModelError(
            f"{file} must hold a fitted classifier of texts, got {type(model).__name__}."
        )
    return model


def _check_no_pickle(file):
    if file.suffix == PICKLE_SUFFIX and file.exists():
        raise UnusableModelError(
            f"{file} is a pickle, which could run code if it were opened: train the model anew, "
            "or save it by skimdb.save_model."
        )


def load_metrics(model_path):
    """Return what `skimdb train` wrote into metrics.json beside a model; empty without one."""
    folder = model_path if model_path.is_dir() else model_path.parent
    file = folder / METRICS_FILE
    if not file.exists():
        return {}
    try:
        metrics = dict(json.loads(file.read_bytes()))
        return {**metrics, "data": dict(metrics.get("data", {}))}
    except (ValueError, TypeError, RecursionError) as error:
        raise ValueError(f"{file} must hold a JSON object: {error}.") from error
