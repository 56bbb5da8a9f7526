"""NetworkSpec: checks of its values, which may come from a model file, and initial weights."""

import json
from fractions import Fraction

import numpy as np
import pytest

from skimdb import DenseClassifier
from skimdb._network._spec import NetworkSpec
from skimdb._network._target import Target

VALUES = {
    "n_features": 40,
    "n_outputs": 1,
    "units": (8, 4),
    "activation": "relu",
    "dropout": 0.0,
    "l2": 0.0,
    "optimizer": "rmsprop",
    "learning_rate": None,
    "loss": "binary_crossentropy",
    "metrics": ("accuracy",),
}


def test_of_a_classifier():
    assert NetworkSpec.of(
        DenseClassifier((8, 4)), 40, Target.from_n_outputs(1, False)
    ) == NetworkSpec(**VALUES)
    softmax = NetworkSpec.of(DenseClassifier(), 40, Target.from_n_outputs(3, False))
    assert (softmax.n_outputs, softmax.loss) == (3, "sparse_categorical_crossentropy")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("n_features", 0),
        ("n_features", 1.5),
        ("n_outputs", 0),
        ("units", (8, 0)),
        ("units", {8: 4}),
        ("activation", "step"),
        ("dropout", 1),
        ("l2", -0.1),
        ("l2", 1e300),
        ("learning_rate", 0),
        ("learning_rate", 1e-300),
        ("learning_rate", "fast"),
    ],
)
def test_bad_values_are_named(name, value):
    with pytest.raises((TypeError, ValueError), match=f"^{name} "):
        NetworkSpec(**{**VALUES, name: value})


def test_values_become_pythons_own():
    spec = NetworkSpec(
        **{
            **VALUES,
            "units": [np.int8(8), np.int64(4)],
            "dropout": np.float32(0.5),
            "l2": Fraction(1, 4),
            "learning_rate": 1,
            "metrics": "auc",
        }
    )
    values = (spec.units, spec.dropout, spec.l2, spec.learning_rate, spec.metrics)
    assert repr(values) == "((8, 4), 0.5, 0.25, 1.0, ('auc',))"
    assert json.loads(json.dumps(spec.identity()))["units"] == [8, 4]


def test_initial_weights_are_glorot_uniform():
    spec = NetworkSpec(**VALUES)
    weights = spec.initial_weights(3)
    assert [weight.shape for weight in weights] == spec.weight_shapes
    assert spec.weight_shapes == [(40, 8), (8,), (8, 4), (4,), (4, 1), (1,)]
    assert {weight.dtype for weight in weights} == {np.dtype(np.float32)}
    for kernel, bias in zip(weights[::2], weights[1::2], strict=True):
        limit = np.sqrt(6 / sum(kernel.shape))
        assert limit * 0.3 < np.abs(kernel).max() <= limit
        assert not bias.any()
    np.testing.assert_array_equal(weights[0], spec.initial_weights(3)[0])
    assert (weights[0] != spec.initial_weights(4)[0]).any()
