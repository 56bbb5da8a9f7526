"""Fitted pipelines and classifiers as JSON and arrays, and back.

Each kind of step has a pair of functions: ``describe_…`` returns the JSON of one and adds its
arrays to the members, ``build_…`` makes the step from both. Both check it, so that a saved model
can be loaded.
"""

from inspect import signature

from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

from skimdb._dense_classifier import DenseClassifier
from skimdb._log_count_ratio import LogCountRatioScaler
from skimdb._model_format._archive import to_json
from skimdb._model_format._classifier import build_classifier, describe_classifier
from skimdb._model_format._plain_values import (
    from_plain,
    parameters_from_plain,
    parameters_to_plain,
    to_plain,
)
from skimdb._model_format._transformers import (
    build_encoder,
    build_scaler,
    build_vectorizer,
    describe_encoder,
    describe_scaler,
    describe_vectorizer,
)
from skimdb._multi_hot import MultiHotVectorizer
from skimdb._utils._checks import prefix_errors, short_repr
from skimdb._word_index import WordIndexEncoder

TREE = "model.json"
PASSTHROUGH = "passthrough"


def describe_estimator(model, weights_dtype):
    """Return the members, as bytes by name, that a fitted model is saved as."""
    members = {}
    if type(model) is Pipeline:
        _check_step_names(model)
        with prefix_errors("pipeline"):
            parameters = parameters_to_plain(model)
        steps = [
            {
                "name": to_plain(name, "name"),
                **_describe_step(step, f"step {name!r}", str(number), members, weights_dtype),
            }
            for number, (name, step) in enumerate(model.steps)
        ]
        _check_widths(model)
        tree = {"type": "Pipeline", "parameters": parameters, "steps": steps}
    elif type(model) is DenseClassifier:
        tree = _describe_step(model, "classifier", "0", members, weights_dtype)
    else:
        raise TypeError(
            "pipeline must be a Pipeline or a DenseClassifier to be saved, "
            f"got {type(model).__name__}."
        )
    return {TREE: to_json(tree), **members}


def build_estimator(members):
    """Return the model that members hold."""
    tree = members.json(TREE)
    if tree["type"] == "Pipeline":
        steps = [
            (from_plain(step["name"]), _build_step(step, str(number), members))
            for number, step in enumerate(tree["steps"])
        ]
        model = Pipeline(steps, **parameters_from_plain(Pipeline, tree["parameters"]))
        _check_step_names(model)
        _check_widths(model)
    elif tree["type"] == "DenseClassifier":
        model = _build_step(tree, "0", members)
    else:
        raise ValueError(f"it is of an unknown type: {tree['type']!r:.80}")
    members.check_all_read()
    return model


def _check_step_names(pipeline):
    """Raise unless scikit-learn, which checks the names in ``fit``, would take them."""
    names = [name for name, _ in pipeline.steps]
    if (
        not names
        or not all(isinstance(name, str) and "__" not in name for name in names)
        or len(set(names)) < len(names)
        or set(names) & {*signature(Pipeline).parameters}
    ):
        raise ValueError(
            "pipeline must have at least one step to be saved, and for each step a name that "
            f"scikit-learn accepts, got the names {short_repr(names)}."
        )


def _check_widths(pipeline):
    """Raise unless each step takes as many columns as the one before it returns."""
    width = None
    for name, step in pipeline.steps:
        taken = getattr(step, "n_features_in_", None)
        if None not in (width, taken) and width != taken:
            raise ValueError(
                f"pipeline has a step {name!r} for {taken} columns behind a step that returns "
                f"{width}: they must belong together."
            )
        if isinstance(step, MultiHotVectorizer):
            width = step._n_columns()
        elif isinstance(step, WordIndexEncoder):
            width = None


def _describe_step(step, where, prefix, members, weights_dtype):
    if step is None or (isinstance(step, str) and step == PASSTHROUGH):
        return {"type": PASSTHROUGH}
    if type(step) not in _KINDS:
        kinds = ", ".join(kind.__name__ for kind in _KINDS)
        raise TypeError(
            f"{where} must be one of {kinds} or 'passthrough' to be saved, "
            f"got {type(step).__name__}."
        )
    check_is_fitted(step)
    describe, _ = _KINDS[type(step)]
    options = {"weights_dtype": weights_dtype} if isinstance(step, DenseClassifier) else {}
    with prefix_errors(where):
        return {"type": type(step).__name__, **describe(step, prefix, members, **options)}


def _build_step(tree, prefix, members):
    if tree["type"] == PASSTHROUGH:
        return PASSTHROUGH
    for kind, (_, build) in _KINDS.items():
        if tree["type"] == kind.__name__:
            return build(tree, prefix, members)
    raise ValueError(f"it has a step of an unknown type: {tree['type']!r:.80}")


_KINDS = {
    WordIndexEncoder: (describe_encoder, build_encoder),
    MultiHotVectorizer: (describe_vectorizer, build_vectorizer),
    LogCountRatioScaler: (describe_scaler, build_scaler),
    DenseClassifier: (describe_classifier, build_classifier),
}
