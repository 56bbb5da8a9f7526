"""NetworkSpec: the network to train, as plain values."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from numbers import Integral
from typing import Any

import numpy as np

from skimdb._network._forward import ACTIVATIONS
from skimdb._network._target import Target
from skimdb._utils._checks import (
    check_bool,
    check_choice,
    check_int,
    check_real,
    is_number,
    short_repr,
    to_int,
)

# under units="auto"
UNITS_PER_CLASS, MOST_AUTO_UNITS = 16, 128
LARGEST_WIDTH = np.iinfo(np.int32).max
# iterables without widths, or without a fixed order
NO_LAYERS = str | bytes | bytearray | Mapping | set | frozenset | Iterator


@dataclass(frozen=True)
class NetworkSpec:
    """A dense stack on ``n_features`` inputs, and its optimizer, loss and metrics.

    Every value is checked when it is made.
    """

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
    momentum: float = 0.0
    multilabel: bool = False

    def __post_init__(self):
        check_int("n_features", self.n_features, min_val=1)
        check_bool("multilabel", self.multilabel)
        check_int("n_outputs", self.n_outputs, min_val=2 if self.multilabel else 1)
        check_choice("activation", self.activation, tuple(ACTIVATIONS))
        check_real("dropout", self.dropout, min_val=0, max_val=1, include_boundaries="left")
        check_real("l2", self.l2, min_val=0)
        check_real(
            "learning_rate",
            self.learning_rate,
            min_val=0,
            include_boundaries="neither",
            optional=True,
        )
        self._check_momentum()
        for name in ("l2", "learning_rate", "momentum"):
            _check_float32(name, getattr(self, name))
            if getattr(self, name) is not None:
                self._set(name, float(getattr(self, name)))
        self._set("dropout", float(self.dropout))
        self._set("units", _to_widths(self.units))
        self._set("metrics", _to_metrics(self.metrics))

    @classmethod
    def of(cls, classifier, n_features, target):
        """Return the network that the parameters of a DenseClassifier ask for."""
        loss = classifier.loss
        names = [name for name in cls.__dataclass_fields__ if hasattr(classifier, name)]
        values = {name: getattr(classifier, name) for name in names}
        if isinstance(loss, str) and loss == "auto":
            values["loss"] = target.default_loss
        if isinstance(classifier.units, str) and classifier.units == "auto":
            values["units"] = min(UNITS_PER_CLASS * max(2, target.n_outputs), MOST_AUTO_UNITS)
        return cls(
            n_features=n_features,
            n_outputs=target.n_outputs,
            multilabel=target.multilabel,
            **values,
        )

    @property
    def target(self):
        """What the network predicts, in class numbers."""
        return Target.from_n_outputs(self.n_outputs, self.multilabel)

    @property
    def weight_shapes(self):
        """The shapes of kernel and bias of each layer in turn."""
        widths = (self.n_features, *self.units, self.n_outputs)
        return [
            shape for inputs, units in pairwise(widths) for shape in ((inputs, units), (units,))
        ]

    @property
    def plain_metrics(self):
        """The metrics by names that mean the same to Keras, which takes indicators for one-hot."""
        names = {"accuracy": "binary_accuracy", "acc": "binary_accuracy"}
        known = names if self.multilabel else {}
        return [
            known.get(metric, metric) if isinstance(metric, str) else metric
            for metric in self.metrics
        ]

    def identity(self):
        """Return all that identifies the network, as JSON types."""
        objects = {name: getattr(self, name) for name in ("optimizer", "loss", "metrics")}
        values = {**vars(self), **{name: _identify(name, item) for name, item in objects.items()}}
        # which the names of states of earlier versions do not know
        if not self.multilabel:
            del values["multilabel"]
        return values

    def has_optimizer_of(self, other):
        """Tell whether the optimizer can continue from the state of another network's."""
        mine, others = (_identify("optimizer", part.optimizer) for part in (self, other))
        return mine == others and bool(self.momentum) == bool(other.momentum)

    def check_continues(self, earlier):
        """Raise unless this network can continue from the weights of an earlier one."""
        for name in ("units", "activation"):
            before, now = getattr(earlier, name), getattr(self, name)
            if now != before:
                raise ValueError(
                    f"{name} must stay {before!r} while training continues, got {now!r}."
                )

    def initial_weights(self, seed):
        """Return weights drawn like those of Keras's Dense: Glorot uniform kernels, zero biases.

        NumPy draws them: the same seed gives the same weights in any process and with any version
        of TensorFlow, and no global seed changes.
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

    def _check_momentum(self):
        check_real("momentum", self.momentum, min_val=0, max_val=1, include_boundaries="left")
        is_sgd = isinstance(self.optimizer, str) and self.optimizer.lower() == "sgd"
        if self.momentum and not is_sgd:
            raise ValueError(
                f"momentum must be 0 unless optimizer is 'sgd', got {self.momentum!r} with "
                f"{short_repr(self.optimizer)}."
            )

    def _set(self, name, value):
        object.__setattr__(self, name, value)


def _check_float32(name, value):
    """Raise if a number would become 0 or infinite in the type that networks are trained in."""
    with np.errstate(over="ignore", under="ignore"):
        trained = np.float32(float(value or 0))
    if not np.isfinite(trained) or (trained == 0) != (not value):
        raise ValueError(f"{name} must be a number within float32, got {short_repr(value)}.")


def _to_widths(units):
    is_layers = isinstance(units, Iterable) and not isinstance(units, NO_LAYERS)
    layers = tuple(units) if is_layers and getattr(units, "ndim", 1) == 1 else (units,)
    layers = tuple(map(to_int, layers))
    for width in layers:
        if not is_number(width, Integral):
            raise TypeError(
                "units must be an integer, a tuple of integers or 'auto', "
                f"got {short_repr(units)}."
            )
        check_int("units", width, min_val=1, max_val=LARGEST_WIDTH)
    return tuple(map(int, layers))


def _to_metrics(metrics):
    if metrics is None:
        return ()
    return tuple(metrics) if isinstance(metrics, list | tuple) else (metrics,)


def _identify(name, item):
    """Return what distinguishes a Keras object from others of its kind."""
    if isinstance(item, tuple):
        return [_identify(name, part) for part in item]
    if isinstance(item, str):
        return item
    if hasattr(item, "get_config"):
        return [type(item).__module__, type(item).__qualname__, repr(item.get_config())]
    raise ValueError(
        f"{name} must be given by name, or as an instance of a Keras class, when memory is set or "
        f"training continues, got {short_repr(item)}."
    )
