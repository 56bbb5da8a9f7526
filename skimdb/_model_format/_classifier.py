"""A fitted DenseClassifier as JSON and arrays, and back."""

import numpy as np

from skimdb._dense_classifier import DenseClassifier
from skimdb._model_format._archive import to_npy
from skimdb._model_format._attributes import (
    check_classes,
    check_finite,
    classes_from_member,
    set_feature_names,
)
from skimdb._model_format._plain_values import (
    from_plain,
    parameters_from_plain,
    parameters_to_plain,
    to_plain,
)
from skimdb._network._spec import NetworkSpec
from skimdb._network._target import Target
from skimdb._training._backend import KERAS, SPARSE
from skimdb._training._optimizers import check_state
from skimdb._utils._checks import check_choice, check_int, short_repr

# Types of the optimizer's variables: kinds of NumPy and numbers of bytes.
OPTIMIZER_TYPES = ("f4", "i4", "i8", "u4")
LARGEST_SEED = 2**32 - 1


def describe_classifier(classifier, prefix, members, weights_dtype):
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


def build_classifier(tree, prefix, members):
    classifier = DenseClassifier(**parameters_from_plain(DenseClassifier, tree["parameters"]))
    fitted = {name: from_plain(plain) for name, plain in tree["fitted"].items()}
    classes = classes_from_member(members, f"{prefix}_classes.npy")
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
    set_feature_names(classifier, fitted["feature_names"])
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


def _check_classifier(classifier):
    classifier._check_fit_parameters()
    check_int("random_state", classifier.random_state, optional=True)
    network = classifier._network
    check_classes(classifier.classes_, network.multilabel)
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
        check_finite("weights", weight)
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


def _check_history(history):
    for name, values in history.items():
        if type(name) is not str or type(values) is not list:
            raise TypeError("history_ must hold lists by name")
        if not set(map(type, values)) <= {int, float}:
            raise TypeError("history_ must hold lists of numbers")
