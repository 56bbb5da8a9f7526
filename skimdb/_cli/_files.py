"""The files that commands write, and reading them again."""

import io
import json
import os
import tempfile
from contextlib import contextmanager
from pathlib import Path

MODEL_FILE, METRICS_FILE = "model.joblib", "metrics.json"


def check_output_folder(folder):
    """Raise unless the folder can be written to, before any work is done for it.

    Returns the folder, or where it does not exist the nearest one above it that does.
    """
    nearest = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    if not nearest.is_dir():
        raise NotADirectoryError(f"--out must be a folder, but {nearest} is a file.")
    if not os.access(nearest, os.W_OK | os.X_OK):
        raise PermissionError(f"--out must be a folder to write to, but {nearest} is not.")
    return nearest


def write_files(folder, contents):
    """Write files into a folder, made if need be, so that none is ever there half.

    Parameters
    ----------
    folder : pathlib.Path
        Where to write.
    contents : dict of str to bytes
        The content of each file by name. All are written out in a folder beside their place
        before the first of them is moved there.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder, prefix=".unfinished-") as unfinished:
        for name, content in contents.items():
            Path(unfinished, name).write_bytes(content)
        for name in contents:
            Path(unfinished, name).replace(folder / name)


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
    """Return a fitted pipeline as a model file."""
    import joblib

    buffer = io.BytesIO()
    joblib.dump(model, buffer)
    return buffer.getvalue()


def load_model(path):
    """Read a fitted pipeline from a model file, or from the folder that holds one."""
    import joblib

    file = path / MODEL_FILE if path.is_dir() else path
    if not file.exists():
        raise FileNotFoundError(
            f"MODEL must be a folder that `skimdb train` has written, or a model file: "
            f"there is no {file}."
        )
    try:
        model = joblib.load(file)
    except OSError:
        raise
    # bytes that are no pickle set off nearly any class of error
    except Exception as error:
        raise ValueError(f"{file} can't be read as a model: {error!r}.") from error
    if not (hasattr(model, "predict_proba") and hasattr(model, "classes_")):
        raise ValueError(
            f"{file} must hold a fitted classifier of texts, got {type(model).__name__}."
        )
    return model


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
