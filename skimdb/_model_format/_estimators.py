"""Fitted estimators as JSON and arrays, and back.

Each kind of estimator has a pair of functions: ``_describe_…`` returns the JSON of one and adds
its arrays to the members, ``_build_…`` makes the estimator from both. Both check it, so that a
saved model can be loaded.
"""

import sys
from inspect import signature

import numpy as np
import scipy.sparse as sp
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

from skimdb._dense_classifier import DenseClassifier
from skimdb._log_count_ratio import LogCountRatioScaler
from skimdb._model_format._archive import to_json, to_npy
from skimdb._model_format._plain_values import (
    from_plain,
    parameters_from_plain,
    parameters_to_plain,
    to_plain,
)
from skimdb._multi_hot import MultiHotVectorizer
from skimdb._network._spec import NetworkSpec
from skimdb._network._target import Target
from skimdb._training._backend import KERAS, SPARSE
from skimdb._training._optimizers import check_state
from skimdb._utils._checks import (
    check_choice,
    check_int,
    check_real,
    prefix_errors,
    short_repr,
)
from skimdb._word_index import WordIndexEncoder

TREE = "model.json"
PASSTHROUGH = "passthrough"
# Types of labels and of the optimizer's variables: kinds of NumPy, or kinds and numbers of bytes.
CLASS_TYPES = ("b", "i", "u", "f", "U")
OPTIMIZER_TYPES = ("f4", "i4", "i8", "u4")
LARGEST_SEED = 2**32 - 1


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


def _describe_encoder(encoder, prefix, members):
    parameters = parameters_to_plain(encoder)
    fitted, given = f"{prefix}_vocabulary.json", None
    members[fitted] = _vocabulary_to_json(encoder, encoder.vocabulary_)
    if encoder.vocabulary is not None:
        content = _vocabulary_to_json(encoder, encoder.vocabulary)
        # the bytes, because the order of the words counts too
        given = fitted if content == members[fitted] else f"{prefix}_given_vocabulary.json"
        members[given] = content
    return {
        "parameters": parameters,
        "fitted": {"vocabulary": fitted, "given_vocabulary": given},
    }


def _build_encoder(tree, prefix, members):
    parameters = parameters_from_plain(WordIndexEncoder, tree["parameters"])
    fitted, given = tree["fitted"]["vocabulary"], tree["fitted"]["given_vocabulary"]
    encoder = _fit_encoder(_vocabulary_from_json(members, fitted), parameters)
    if given is None:
        encoder.vocabulary = None
    elif given == fitted:
        encoder.vocabulary = encoder.vocabulary_
    else:
        given_vocabulary = _vocabulary_from_json(members, given)
        encoder.vocabulary = _fit_encoder(given_vocabulary, parameters).vocabulary_
    return encoder


def _fit_encoder(vocabulary, parameters):
    """Return an encoder that has checked its parameters and its vocabulary."""
    return WordIndexEncoder(**{**parameters, "vocabulary": vocabulary}).fit()


def _vocabulary_to_json(encoder, vocabulary):
    vocabulary = _fit_encoder(vocabulary, encoder.get_params()).vocabulary_
    return to_json({"words": to_plain([*vocabulary], "words"), "ranks": [*vocabulary.values()]})


def _vocabulary_from_json(members, name):
    saved = members.json(name)
    words = from_plain(saved["words"])
    vocabulary = dict(zip(words, saved["ranks"], strict=True))
    if len(vocabulary) != len(words):
        raise ValueError(f"{name} has a word twice")
    return vocabulary


def _describe_vectorizer(vectorizer, prefix, members):
    _check_vectorizer(vectorizer)
    fitted = {
        name: to_plain(getattr(vectorizer, f"{name}_", None), f"{name}_")
        for name in ("num_words", "n_counted")
    }
    for name in ("idf", "ngrams"):
        array = getattr(vectorizer, f"{name}_", None)
        fitted[name] = array is not None
        if array is not None:
            members[f"{prefix}_{name}.npy"] = to_npy(array)
    return {"parameters": parameters_to_plain(vectorizer), "fitted": fitted}


def _build_vectorizer(tree, prefix, members):
    parameters = parameters_from_plain(MultiHotVectorizer, tree["parameters"])
    vectorizer = MultiHotVectorizer(**parameters)
    fitted = tree["fitted"]
    if fitted["num_words"] is not None:
        vectorizer.num_words_ = fitted["num_words"]
    # files of earlier versions have no n-grams
    if fitted.get("ngrams", False):
        vectorizer.ngrams_ = members.array(f"{prefix}_ngrams.npy", ["i4"])
        vectorizer.n_counted_ = fitted["n_counted"]
    if fitted["idf"]:
        vectorizer.idf_ = members.array(f"{prefix}_idf.npy", ["f8"])
    _check_vectorizer(vectorizer)
    return vectorizer


def _check_vectorizer(vectorizer):
    vectorizer._check_parameters()
    has_ngrams, has_idf = hasattr(vectorizer, "ngrams_"), hasattr(vectorizer, "idf_")
    num_words = getattr(vectorizer, "num_words_", None)
    check_int("num_words_", num_words, min_val=1, optional=not (has_idf or has_ngrams))
    if has_ngrams:
        _check_ngrams(vectorizer)
        check_int("n_counted_", vectorizer.n_counted_, min_val=0, max_val=len(vectorizer.ngrams_))
    if has_idf:
        n_columns = vectorizer._n_columns()
        if vectorizer.idf_.shape != (n_columns,):
            raise ValueError(f"idf_ must have {n_columns} weights, got {vectorizer.idf_.shape}")
        _check_finite("idf_", vectorizer.idf_)
    elif vectorizer.mode == "tfidf":
        raise ValueError("it has a vectorizer of mode 'tfidf' that lacks idf_")
    check_is_fitted(vectorizer)


def _check_ngrams(vectorizer):
    ngrams, (shortest, longest) = vectorizer.ngrams_, vectorizer.ngram_range
    if ngrams.ndim != 2 or not len(ngrams) or ngrams.shape[1] != longest:
        raise ValueError(f"ngrams_ must have {longest} columns, got the shape {ngrams.shape}")
    is_id = ngrams >= 0
    lengths = is_id.sum(axis=1)
    if (
        (ngrams < -1).any()
        or ngrams.max() >= vectorizer.num_words_
        or lengths.min() < shortest
        # ids come first
        or (is_id[:, 1:] > is_id[:, :-1]).any()
        or len(np.unique(_row_hashes(ngrams))) < len(ngrams)
    ):
        raise ValueError(
            f"ngrams_ must hold {shortest} to {longest} ids below {vectorizer.num_words_} in each "
            "row, and no row twice"
        )


def _row_hashes(rows):
    """Return a number for each row; equal rows have equal numbers. Sorting rows takes longer."""
    hashes = np.zeros(len(rows), dtype=np.uint64)
    for column in rows.T:
        hashes = (hashes + column.astype(np.uint64)) * np.uint64(0x9E3779B97F4A7C15)
        hashes ^= hashes >> np.uint64(29)
    return hashes


def _describe_scaler(scaler, prefix, members):
    parameters = parameters_to_plain(scaler)
    _check_scaler(scaler)
    counts = scaler.feature_count_
    arrays = {
        "classes": scaler.classes_,
        "scale": scaler.scale_,
        "count": counts.data,
        "count_column": counts.indices,
        "count_row": counts.indptr,
        "square": scaler._square_sum,
    }
    if scaler._column_sum is not None:
        arrays["column_sum"] = scaler._column_sum
    for name, array in arrays.items():
        members[f"{prefix}_{name}.npy"] = to_npy(array)
    names = getattr(scaler, "feature_names_in_", None)
    fitted = {
        "feature_names": None if names is None else names.tolist(),
        "mean_square_norm": scaler.mean_square_norm_,
        "weight_sum": scaler._weight_sum,
        "multilabel": scaler._column_sum is not None,
    }
    return {
        "parameters": parameters,
        "fitted": {name: to_plain(value, name) for name, value in fitted.items()},
    }


def _build_scaler(tree, prefix, members):
    scaler = LogCountRatioScaler(**parameters_from_plain(LogCountRatioScaler, tree["parameters"]))
    fitted = {name: from_plain(plain) for name, plain in tree["fitted"].items()}
    classes = _classes_from_member(members, f"{prefix}_classes.npy")
    scale, square_sum, counts = (
        members.array(f"{prefix}_{name}.npy", ["f8"]) for name in ("scale", "square", "count")
    )
    columns, rows = (
        members.array(f"{prefix}_count_{name}.npy", ["i4", "i8"]) for name in ("column", "row")
    )
    # files of earlier versions have one label a row
    multilabel = fitted.get("multilabel", False)
    _check_classes(classes, multilabel)
    column_sum = members.array(f"{prefix}_column_sum.npy", ["f8"]) if multilabel else None
    counts = sp.csr_array((counts, columns, rows), shape=(len(classes), len(scale)))
    counts.check_format(full_check=True)
    vars(scaler).update(
        n_features_in_=len(scale),
        classes_=classes,
        scale_=scale,
        feature_count_=counts,
        mean_square_norm_=fitted["mean_square_norm"],
        _column_sum=column_sum,
        _square_sum=square_sum,
        _weight_sum=fitted["weight_sum"],
    )
    _set_feature_names(scaler, fitted["feature_names"])
    _check_scaler(scaler)
    return scaler


def _check_scaler(scaler):
    scaler._check_parameters()
    _check_classes(scaler.classes_, scaler._column_sum is not None)
    counts, scale = scaler.feature_count_, scaler.scale_
    by_column = {"scale_": scale, "squares": scaler._square_sum}
    if scaler._column_sum is not None:
        by_column["sums of columns"] = scaler._column_sum
    for name, array in by_column.items():
        if array.shape != (scaler.n_features_in_,) or not len(array):
            raise ValueError(
                f"{name} must have {scaler.n_features_in_} numbers, got the shape {array.shape}"
            )
    for name in ("mean_square_norm_", "_weight_sum"):
        check_real(name.strip("_"), getattr(scaler, name), min_val=0)
    for name, array in [*by_column.items(), ("counts", counts.data)]:
        _check_finite(name, array)


def _describe_classifier(classifier, prefix, members, weights_dtype):
    network = classifier._network
    _check_names(network)
    parameters = parameters_to_plain(classifier)
    _check_classifier(classifier)
    members[f"{prefix}_classes.npy"] = to_npy(classifier.classes_)
    optimizer_state = classifier._optimizer_state
    weights = [_narrow(weight, weights_dtype) for weight in classifier._weights()]
    arrays = {"weight": weights, "optimizer": optimizer_state or ()}
    for kind in arrays:
        for i, array in enumerate(arrays[kind]):
            members[f"{prefix}_{kind}_{i}.npy"] = to_npy(np.asarray(array))
    names = getattr(classifier, "feature_names_in_", None)
    fitted = {
        "network": dict(vars(network)),
        "feature_names": None if names is None else names.tolist(),
        "history": classifier.history_,
        "n_iter": classifier.n_iter_,
        "seed": classifier._seed,
        "backend": classifier.backend_,
        "batch_size": classifier.batch_size_,
        "n_optimizer_arrays": None if optimizer_state is None else len(optimizer_state),
    }
    return {
        "parameters": parameters,
        "fitted": {name: to_plain(value, name) for name, value in fitted.items()},
    }


def _build_classifier(tree, prefix, members):
    classifier = DenseClassifier(**parameters_from_plain(DenseClassifier, tree["parameters"]))
    fitted = {name: from_plain(plain) for name, plain in tree["fitted"].items()}
    classes = _classes_from_member(members, f"{prefix}_classes.npy")
    # files of earlier versions have neither of the two
    network = NetworkSpec(**fitted["network"])
    if vars(network) != {"momentum": 0.0, "multilabel": False, **fitted["network"]}:
        raise ValueError("network must hold values of the types that a classifier gives it")
    n_weights = len(network.weight_shapes)
    weights = [
        members.array(f"{prefix}_weight_{i}.npy", ["f4", "f2"]).astype(np.float32, copy=False)
        for i in range(n_weights)
    ]
    n_optimizer_arrays = fitted["n_optimizer_arrays"]
    check_int("n_optimizer_arrays", n_optimizer_arrays, optional=True)
    optimizer_state = None
    if n_optimizer_arrays is not None:
        optimizer_state = [
            members.array(f"{prefix}_optimizer_{i}.npy", OPTIMIZER_TYPES)
            for i in range(n_optimizer_arrays)
        ]
    # earlier versions trained with Keras alone
    backend = fitted.get("backend", KERAS)
    check_choice("backend_", backend, (SPARSE, KERAS))
    # in earlier versions the batch size was a number
    batch_size = fitted.get("batch_size", classifier.batch_size)
    check_int("batch_size_", batch_size, min_val=1)
    check_int("seed", fitted["seed"], max_val=LARGEST_SEED)
    check_int("n_iter", fitted["n_iter"])
    _check_history(fitted["history"])
    vars(classifier).update(
        n_features_in_=network.n_features,
        classes_=classes,
        coefs_=weights[::2],
        intercepts_=weights[1::2],
        history_=fitted["history"],
        n_iter_=fitted["n_iter"],
        backend_=backend,
        batch_size_=batch_size,
        _network=network,
        _seed=fitted["seed"],
        _optimizer_state=optimizer_state,
    )
    _set_feature_names(classifier, fitted["feature_names"])
    _check_classifier(classifier)
    return classifier


def _narrow(weight, dtype):
    """Return a weight in a type of a file."""
    with np.errstate(over="ignore"):
        narrow = weight.astype(dtype, copy=False)
    if not np.isfinite(narrow).all():
        raise ValueError(
            f"weights_dtype must be 'float32' for weights up to {np.abs(weight).max():.3g}, got "
            f"{dtype.name!r}, which ends at {np.finfo(dtype).max:g}."
        )
    return narrow


def _classes_from_member(members, name):
    classes = members.array(name, CLASS_TYPES)
    # NumPy would make text of code points that don't exist
    if classes.dtype.kind == "U" and (classes.view(np.uint32) > sys.maxunicode).any():
        raise ValueError("classes_ hold text of characters that don't exist")
    return classes


def _set_feature_names(estimator, names):
    if names is not None:
        n_features = estimator.n_features_in_
        if len(names) != n_features or set(map(type, names)) != {str}:
            raise ValueError(f"feature_names must hold {n_features} names")
        estimator.feature_names_in_ = np.array(names, dtype=object)


def _check_classifier(classifier):
    classifier._check_fit_parameters()
    check_int("random_state", classifier.random_state, optional=True)
    network = classifier._network
    _check_classes(classifier.classes_, network.multilabel)
    target = Target(classifier.classes_, network.multilabel)
    for spec in (network, NetworkSpec.of(classifier, network.n_features, target)):
        _check_names(spec)
    weights = classifier._weights()
    shapes = [weight.shape for weight in weights]
    if (
        network.n_features != classifier.n_features_in_
        or network.n_outputs != target.n_outputs
        or network.weight_shapes != shapes
    ):
        raise ValueError(
            f"n_features_in_ ({classifier.n_features_in_}), classes_ of shape "
            f"{target.classes.shape} and weights of shapes {shapes} must belong together."
        )
    for weight in weights:
        _check_finite("weights", weight)
    if classifier._optimizer_state is not None:
        check_state(network, classifier._optimizer_state)
    sizes = {1, *(size for shape in shapes for size in shape)}
    for array in classifier._optimizer_state or ():
        if not set(array.shape) <= sizes:
            raise ValueError(f"optimizer has a variable of shape {array.shape}, unlike any weight")


def _check_names(network):
    """Raise unless Keras's objects are named: a dict of Keras's may name any code to run."""
    parts = [("optimizer", network.optimizer), ("loss", network.loss)]
    for name, part in [*parts, *(("metrics", metric) for metric in network.metrics)]:
        if not isinstance(part, str):
            raise TypeError(
                f"{name} must be given by name in a model file, got {short_repr(part)}; name it "
                "and fit again, or use joblib.dump."
            )


def _check_classes(classes, multilabel):
    if classes.ndim != 1 or len(classes) < 2:
        raise ValueError("classes_ must hold at least two classes")
    if multilabel and len(np.unique(classes)) < len(classes):
        raise ValueError("classes_ must hold no label twice")
    if not multilabel and not (classes[1:] > classes[:-1]).all():
        raise ValueError("classes_ must be in ascending order")


def _check_history(history):
    for name, values in history.items():
        if type(name) is not str or type(values) is not list:
            raise TypeError("history_ must hold lists by name")
        if not set(map(type, values)) <= {int, float}:
            raise TypeError("history_ must hold lists of numbers")


def _check_finite(name, array):
    """Raise unless all numbers of an array are finite: with others no model predicts anything."""
    if not np.isfinite(array).all():
        raise ValueError(f"{name} must be finite, but some are NaN or infinite")


_KINDS = {
    WordIndexEncoder: (_describe_encoder, _build_encoder),
    MultiHotVectorizer: (_describe_vectorizer, _build_vectorizer),
    LogCountRatioScaler: (_describe_scaler, _build_scaler),
    DenseClassifier: (_describe_classifier, _build_classifier),
}
