"""A fitted DenseClassifier as JSON and arrays, and back."""

from dataclasses import asdict
from itertools import pairwise

import numpy as np

from skimdb._checks import check_choice, check_int, check_real
from skimdb._dense_classifier import DenseClassifier
from skimdb._forward import ACTIVATIONS
from skimdb._model_archive import check_finite, to_npy
from skimdb._model_parameters import check_by_name, loaded_parameters, saved_parameters
from skimdb._network_spec import NetworkSpec
from skimdb._plain_values import checked_text, from_plain, to_plain

# by NumPy's kinds, and by kind and number of bytes
CLASS_TYPES = ("b", "i", "u", "f", "U")
ADVICE = "; name it and fit again, or use joblib.dump"
OPTIMIZER_TYPES = ("f4", "i4", "i8", "u4")
LARGEST_SEED = 2**32 - 1


def describe_classifier(classifier, where, prefix, members):
    """Return what JSON says of a classifier, and add its arrays to the members."""
    _check_classifier(classifier, where)
    network = classifier._network
    check_by_name(vars(network), where, ADVICE)
    if classifier.n_features_in_ != network.n_features:
        raise ValueError(
            f"{where}n_features_in_ is {classifier.n_features_in_} after a fit that failed, where "
            f"the weights are for {network.n_features}; fit it again to save it."
        )
    weights = classifier._weights()
    for array in weights:
        check_finite(array, f"{where}weights")
    optimizer_state = classifier._optimizer_state
    names = getattr(classifier, "feature_names_in_", None)
    members[f"{prefix}_classes.npy"] = to_npy(classifier.classes_)
    for kind, arrays in (("weight", weights), ("optimizer", optimizer_state or ())):
        for i, array in enumerate(arrays):
            members[f"{prefix}_{kind}_{i}.npy"] = to_npy(np.asarray(array))
    fitted = {
        "network": asdict(network),
        "feature_names": None if names is None else names.tolist(),
        "history": classifier.history_,
        "n_iter": classifier.n_iter_,
        "seed": classifier._seed,
        "n_optimizer_arrays": None if optimizer_state is None else len(optimizer_state),
    }
    return {
        "parameters": saved_parameters(classifier, where),
        "fitted": {name: to_plain(value, f"{where}{name}") for name, value in fitted.items()},
    }


def build_classifier(tree, prefix, members):
    """Return the classifier that JSON and members say."""
    classifier = DenseClassifier(**loaded_parameters(DenseClassifier, tree["parameters"]))
    fitted = {name: from_plain(plain) for name, plain in tree["fitted"].items()}
    network = _checked_spec(fitted["network"])
    classes = members.array(f"{prefix}_classes.npy", CLASS_TYPES)
    _check_classes(classes, network)
    widths = [network.n_features, *network.units, network.n_outputs]
    weights = []
    for i, (n_inputs, n_units) in enumerate(pairwise(widths)):
        for j, shape in enumerate([(n_inputs, n_units), (n_units,)], start=2 * i):
            weights.append(members.array(f"{prefix}_weight_{j}.npy", ["f4"], shape))
            check_finite(weights[-1], f"{prefix}_weight_{j}.npy")
    check_int("seed", fitted["seed"], at_most=LARGEST_SEED)
    check_int("n_iter", fitted["n_iter"])
    vars(classifier).update(
        n_features_in_=network.n_features,
        classes_=classes,
        coefs_=weights[::2],
        intercepts_=weights[1::2],
        history_=_checked_history(fitted["history"]),
        n_iter_=fitted["n_iter"],
        _network=network,
        _seed=fitted["seed"],
        _optimizer_state=_optimizer_state(fitted["n_optimizer_arrays"], widths, prefix, members),
    )
    names = fitted["feature_names"]
    if names is not None:
        names = [checked_text(name, "feature_names") for name in names]
        if len(names) != network.n_features:
            raise ValueError(f"it has {len(names)} feature names, not {network.n_features}")
        classifier.feature_names_in_ = np.array(names, dtype=object)
    _check_classifier(classifier, "")
    return classifier


def _check_classifier(classifier, where):
    parameters = classifier.get_params(deep=False)
    check_by_name(parameters, where, ADVICE)
    random_state = parameters["random_state"]
    if isinstance(random_state, np.random.RandomState):
        raise TypeError(
            f"{where}random_state must be an int or None to be saved, got {random_state!r}; "
            "set it to one, which changes nothing about what has been learned."
        )
    check_int("random_state", random_state, none_allowed=True)
    classifier._check_fit_parameters()
    NetworkSpec.of(classifier, classifier.n_features_in_, len(classifier.classes_))


def _checked_spec(saved):
    network = NetworkSpec(**saved)
    for width in (network.n_features, network.n_outputs, *network.units):
        check_int("width", width, at_least=1)
    if type(network.units) is not tuple or type(network.metrics) is not tuple:
        raise TypeError("units and metrics must be tuples")
    check_choice("activation", network.activation, tuple(ACTIVATIONS))
    check_real("dropout", network.dropout, at_least=0, below=1)
    check_real("l2", network.l2, at_least=0)
    check_real("learning_rate", network.learning_rate, above=0, none_allowed=True)
    check_by_name(saved, "")
    return network


def _check_classes(classes, network):
    if classes.ndim != 1 or len(classes) != network.n_classes or network.n_outputs == 2:
        raise ValueError(
            f"it has classes of shape {classes.shape} for {network.n_outputs} outputs"
        )
    if classes.dtype.kind == "U" and (classes.view(np.uint32) > 0x10FFFF).any():
        raise ValueError("its classes hold text of characters that don't exist")
    if not (classes[1:] > classes[:-1]).all():
        raise ValueError("its classes aren't in order, or one is there twice")


def _checked_history(history):
    for name, values in history.items():
        checked_text(name, "history")
        if type(values) is not list or not set(map(type, values)) <= {int, float}:
            raise TypeError("history must hold lists of numbers")
    return history


def _optimizer_state(n_arrays, widths, prefix, members):
    if n_arrays is None:
        return None
    check_int("n_optimizer_arrays", n_arrays)
    arrays = []
    for i in range(n_arrays):
        name = f"{prefix}_optimizer_{i}.npy"
        arrays.append(members.array(name, OPTIMIZER_TYPES))
        if not set(arrays[-1].shape) <= {1, *widths}:
            raise ValueError(f"{name} has shape {arrays[-1].shape}, unlike any of the weights")
    return arrays
