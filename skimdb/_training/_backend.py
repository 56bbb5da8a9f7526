"""The choice between the two trainers of a network: the sparse trainer, and Keras."""

import sys

from skimdb._training._losses import Loss
from skimdb._training._optimizers import OPTIMIZERS
from skimdb._utils._checks import check_keras, is_function, keras_packages_missing, short_repr

SPARSE, KERAS = "sparse", "keras"
BACKENDS = ("auto", SPARSE, KERAS)
SPARSE_TAKES = (
    f"the sparse trainer takes the optimizers {', '.join(OPTIMIZERS)} and the usual losses and "
    "metrics, all by name, and functions as callbacks"
)


def choose_backend(requested, network, callbacks):
    """Return the trainer for a network.

    Parameters
    ----------
    requested : {"auto", "sparse", "keras"}
        What the user asks for.
    network : NetworkSpec
        The network.
    callbacks : list
        The user's callbacks.

    Raises
    ------
    ValueError
        If the sparse trainer is asked for what it can't do.
    ImportError
        If Keras is to train, and is not installed.
    """
    if requested == KERAS:
        check_keras("backend='keras'")
        return KERAS
    only_keras = ", ".join(_keras_parts(network, callbacks))
    if requested == SPARSE:
        if only_keras:
            raise ValueError(
                f"backend must be 'auto' or 'keras' to train with {only_keras}: {SPARSE_TAKES}."
            )
        return SPARSE
    if only_keras:
        check_keras(f"training with {only_keras}", f"Without them {SPARSE_TAKES}.")
        return KERAS
    return KERAS if _tensorflow_uses_gpu() and not keras_packages_missing() else SPARSE


def to_callbacks(callbacks):
    """Return callbacks as a list."""
    if callbacks is None:
        return []
    return list(callbacks) if isinstance(callbacks, list | tuple) else [callbacks]


def _keras_parts(network, callbacks):
    """Return what only Keras can do, in words."""
    optimizer, loss, metrics = network.optimizer, network.loss, network.metrics
    parts = []
    if not isinstance(optimizer, str) or optimizer.lower() not in OPTIMIZERS:
        parts.append(f"optimizer={short_repr(optimizer)}")
    if not isinstance(loss, str) or not Loss(loss, network.target).is_known:
        parts.append(f"loss={short_repr(loss)}")
    elif not all(_is_metric(metric, loss, network) for metric in metrics):
        parts.append(f"metrics={short_repr(metrics)}")
    if not all(map(is_function, callbacks)):
        parts.append("callbacks that are no functions")
    return parts


def _is_metric(metric, loss, network):
    return isinstance(metric, str) and Loss(loss, network.target).knows_metric(metric)


def _tensorflow_uses_gpu():
    """Tell whether TensorFlow is loaded already, and has a GPU to train on."""
    # without a config while another thread imports it
    config = getattr(sys.modules.get("tensorflow"), "config", None)
    return config is not None and bool(config.get_visible_devices("GPU"))
