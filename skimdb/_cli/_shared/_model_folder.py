"""Reading what ``skimdb train`` and ``skimdb tune`` write: the model and its metrics."""

import json

import skimdb

MODEL_FILE, METRICS_FILE = "model.skimdb", "metrics.json"
# between labels, for a model that does not say which it was trained with
LABEL_SEPARATOR = ","


class UnusableModelError(ValueError):
    """A model file exists, but it can't be used."""


def find_model(path):
    """Return the model file that a path names, or that is in the folder it names."""
    file = path / MODEL_FILE if path.is_dir() else path
    if not file.exists():
        raise FileNotFoundError(
            f"MODEL must be a folder written by `skimdb train`, or a model file, but there is no "
            f"{file}."
        )
    return file


def read_model(path):
    """Return the pipeline in a model file, or in the folder that contains one."""
    file = find_model(path)
    try:
        # skimdb loads its names when they are used, so this module imports nothing large
        model = skimdb.load_model(file)
    except ValueError as error:
        raise UnusableModelError(str(error)) from error
    if not (hasattr(model, "predict_proba") and hasattr(model, "classes_")):
        raise UnusableModelError(
            f"{file} must contain a fitted classifier of texts, got {type(model).__name__}."
        )
    if find_encoder(model) is None:
        raise UnusableModelError(
            f"{file} must contain a classifier of texts, but none of its steps is a "
            "WordIndexEncoder, which makes numbers of words."
        )
    return model


def find_encoder(model):
    """Return the step of a pipeline that encodes texts, or None if it has none."""
    steps = [step for _, step in getattr(model, "steps", [])]
    return next((step for step in steps if isinstance(step, skimdb.WordIndexEncoder)), None)


def predicts_sets(model):
    """Tell whether a model predicts any number of labels a text, as an indicator matrix."""
    return model.predict([""]).ndim == 2


def find_label_separator(model_path):
    """Return what stood between the labels of a row in the training of a model."""
    separator = read_metrics(model_path).get("data", {}).get("label_separator")
    return separator if isinstance(separator, str) else LABEL_SEPARATOR


def read_metrics(model_path):
    """Return the contents of metrics.json next to a model; empty if there is no such file."""
    folder = model_path if model_path.is_dir() else model_path.parent
    file = folder / METRICS_FILE
    if not file.exists():
        return {}
    try:
        metrics = dict(json.loads(file.read_bytes()))
        return {**metrics, "data": dict(metrics.get("data", {}))}
    except (ValueError, TypeError, RecursionError) as error:
        raise ValueError(f"{file} must contain a JSON object: {error}.") from error
