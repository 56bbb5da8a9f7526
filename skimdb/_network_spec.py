"""NetworkSpec: what network to train and how, checked, in plain Python."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from skimdb._checks import check_choice, check_int, check_real, shown
from skimdb._forward import ACTIVATIONS

LARGEST_WIDTH = np.iinfo(np.int32).max
# They give no widths, or not each time the same in the same order.
NO_LAYERS = str | bytes | bytearray | Mapping | set | frozenset | Iterator


@dataclass(frozen=True)
class NetworkSpec:
    """A dense stack on ``n_features`` inputs, and its optimizer, loss and metrics."""

    n_features: int
    n_outputs: int
    units: tuple[int, ...]
    activation: str
    dropout: float
    l2: float
    optimizer: Any
    learning_rate: float | None
    loss: Any
    metrics: tuple[Any, ...]

    @classmethod
    def of(cls, classifier, n_features, n_classes):
        """Return the network that a DenseClassifier's parameters ask for, or say what is wrong."""
        check_choice("activation", classifier.activation, tuple(ACTIVATIONS))
        check_real("dropout", classifier.dropout, at_least=0, below=1)
        check_real("l2", classifier.l2, at_least=0)
        check_real("learning_rate", classifier.learning_rate, above=0, none_allowed=True)
        rate = classifier.learning_rate
        _check_float32("l2", classifier.l2)
        _check_float32("learning_rate", rate)
        one_output = n_classes == 2
        loss = classifier.loss
        if isinstance(loss, str) and loss == "auto":
            loss = "binary_crossentropy" if one_output else "sparse_categorical_crossentropy"
        return cls(
            n_features=n_features,
            n_outputs=1 if one_output else n_classes,
            units=_checked_units(classifier.units),
            activation=classifier.activation,
            dropout=float(classifier.dropout),
            l2=float(classifier.l2),
            optimizer=classifier.optimizer,
            learning_rate=None if rate is None else float(rate),
            loss=loss,
            metrics=_checked_metrics(classifier.metrics),
        )

    @property
    def output_activation(self):
        return "sigmoid" if self.n_outputs == 1 else "softmax"

    @property
    def n_classes(self):
        return max(self.n_outputs, 2)

    @property
    def weight_shapes(self):
        """The shapes of kernel and bias of each layer in turn."""
        widths = (self.n_features, *self.units, self.n_outputs)
        return [
            shape for inputs, units in pairwise(widths) for shape in ((inputs, units), (units,))
        ]

    def described(self):
        """Return all that makes the network what it is, in JSON's types."""
        named = {name: getattr(self, name) for name in ("optimizer", "loss", "metrics")}
        return {**vars(self), **{name: _described(name, item) for name, item in named.items()}}

    def has_optimizer_of(self, other):
        """Whether the optimizer is of the same kind, so that its state can be gone on with."""
        mine, others = (_described("optimizer", part.optimizer) for part in (self, other))
        return mine == others

    def check_goes_on_from(self, earlier):
        """Raise unless this network can take over the weights of an earlier one."""
        for name in ("units", "activation"):
            before, now = getattr(earlier, name), getattr(self, name)
            if now != before:
                raise ValueError(
                    f"{name} must stay {before!r} while training goes on, got {now!r}."
                )

    def initial_weights(self, seed):
        """Return weights as Keras's Dense draws them: Glorot uniform kernels, zero biases.

        Drawn by NumPy: the same seed gives the same weights in any process and with any version of
        TensorFlow, and no global seed is touched.
        """
        rng = np.random.default_rng(seed)
        weights = []
        shapes = self.weight_shapes
        for kernel_shape, bias_shape in zip(shapes[::2], shapes[1::2], strict=True):
            limit = np.sqrt(6 / sum(kernel_shape))
            try:
                kernel = rng.uniform(-limit, limit, size=kernel_shape).astype(np.float32)
            except (MemoryError, ValueError) as error:
                raise ValueError(
                    "the columns of X and units must leave room for their weights, got "
                    f"{kernel_shape[0]} inputs for {kernel_shape[1]} units ({error})."
                ) from error
            weights += [kernel, np.zeros(bias_shape, dtype=np.float32)]
        return weights


def _check_float32(name, value):
    """Raise if a number would become 0 or infinite in the type that networks are trained in."""
    with np.errstate(over="ignore", under="ignore"):
        trained = np.float32(float(value or 0))
    if not np.isfinite(trained) or (trained == 0) != (not value):
        raise ValueError(f"{name} must be a number that float32 can hold, got {shown(value)}.")


def _checked_units(units):
    is_layers = isinstance(units, Iterable) and not isinstance(units, NO_LAYERS)
    layers = tuple(units) if is_layers and getattr(units, "ndim", 1) == 1 else (units,)
    for width in layers:
        check_int("units", width, at_least=1, at_most=LARGEST_WIDTH)
    return tuple(int(width) for width in layers)


def _checked_metrics(metrics):
    if metrics is None:
        return ()
    return tuple(metrics) if isinstance(metrics, list | tuple) else (metrics,)


def _described(name, item):
    """Return what tells a Keras object from others of its kind."""
    if isinstance(item, tuple):
        return [_described(name, part) for part in item]
    if isinstance(item, str):
        return item
    if hasattr(item, "get_config"):
        return [type(item).__module__, type(item).__qualname__, repr(item.get_config())]
    raise ValueError(
        f"{name} must be given by name, or as an instance of a Keras class, when memory is set, "
        f"got {shown(item)}."
    )
