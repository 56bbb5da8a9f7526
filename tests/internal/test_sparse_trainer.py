"""The sparse trainer against plain Keras: the same weights from the same weights and batches."""

from itertools import combinations, product

import keras
import numpy as np
import pytest
import scipy.sparse as sp
from sklearn.base import clone

from skimdb import DenseClassifier
from skimdb._network._forward import ACTIVATIONS
from skimdb._network._spec import NetworkSpec
from skimdb._network._target import Target
from skimdb._training import _input_layer

N_ROWS, N_FEATURES, BATCH_SIZE = 64, 40, 16
FACTORS = {
    "optimizer": ["sgd", "momentum", "rmsprop", "adagrad", "adam", "adamw"],
    "loss": ["auto", "mse", "mae", "hinge", "squared_hinge", "huber"],
    "activation": [*ACTIVATIONS],
    "weighted": [False, True],
    "l2": [0.0, 0.01],
    "units": [(), (7,), (5, 70, 4)],
    "n_classes": [2, 5],
    "sparse": [True, False],
    "schedule": [None, "linear", "cosine"],
}


def pairwise_cases(factors):
    """Return cases in which each value occurs with each value of every other factor."""
    names = [*factors]
    missing = {
        ((a, x), (b, y))
        for a, b in combinations(names, 2)
        for x, y in product(range(len(factors[a])), range(len(factors[b])))
    }
    cases = []
    while missing:
        case = dict(min(missing))
        for name in names:
            if name not in case:
                case[name] = max(
                    range(len(factors[name])),
                    key=lambda i: len(missing & pairs({**case, name: i}, names)),
                )
        missing -= pairs(case, names)
        cases.append({name: factors[name][case[name]] for name in names})
    return cases


def pairs(case, names):
    return set(combinations([(name, case[name]) for name in names if name in case], 2))


CASES = pairwise_cases(FACTORS)
N_FAST_CASES = 8


def make_rows(n_classes, weighted):
    rng = np.random.default_rng(n_classes)
    X = sp.random_array((N_ROWS, N_FEATURES), density=0.2, rng=rng, dtype=np.float32).tocsr()
    y = np.arange(N_ROWS) % n_classes
    return X, y, rng.uniform(0.1, 2, N_ROWS) if weighted else None


def make_keras_model(network, units, activation, l2):
    """Return a Keras model, written as a user of Keras would."""
    regularizer = keras.regularizers.L2(l2)
    n_outputs = network.n_outputs
    widths = [*units, n_outputs]
    last = "sigmoid" if n_outputs == 1 else "softmax"
    model = keras.Sequential([keras.Input((N_FEATURES,))])
    for i, width in enumerate(widths):
        function = last if i == len(units) else activation
        model.add(keras.layers.Dense(width, activation=function, kernel_regularizer=regularizer))
    return model


def make_keras_optimizer(name, schedule, n_steps):
    kinds = {
        "sgd": keras.optimizers.SGD,
        "momentum": keras.optimizers.SGD,
        "rmsprop": keras.optimizers.RMSprop,
        "adagrad": keras.optimizers.Adagrad,
        "adam": keras.optimizers.Adam,
        "adamw": keras.optimizers.AdamW,
    }
    rate = 0.01
    if schedule == "linear":
        rate = keras.optimizers.schedules.PolynomialDecay(rate, n_steps, end_learning_rate=0.0)
    elif schedule == "cosine":
        rate = keras.optimizers.schedules.CosineDecay(rate, n_steps)
    more = {"momentum": 0.9} if name == "momentum" else {}
    return kinds[name](learning_rate=rate, **more)


@pytest.mark.parametrize(
    "case",
    CASES[:N_FAST_CASES]
    + [pytest.param(case, marks=pytest.mark.slow) for case in CASES[N_FAST_CASES:]],
    ids=lambda case: "-".join(map(str, case.values())),
)
def test_same_as_plain_keras(case):
    X, y, sample_weight = make_rows(case["n_classes"], case["weighted"])
    epochs = 8
    classifier = DenseClassifier(
        case["units"],
        activation=case["activation"],
        l2=case["l2"],
        optimizer="sgd" if case["optimizer"] == "momentum" else case["optimizer"],
        momentum=0.9 if case["optimizer"] == "momentum" else 0.0,
        learning_rate=0.01,
        learning_rate_schedule=case["schedule"],
        loss=case["loss"],
        epochs=epochs,
        batch_size=BATCH_SIZE,
        random_state=0,
        backend="sparse",
    )
    classifier.fit(X if case["sparse"] else X.toarray(), y, sample_weight=sample_weight)

    network = NetworkSpec.of(classifier, N_FEATURES, Target(np.arange(case["n_classes"])))
    seed = np.random.RandomState(0).randint(2**31)
    model = make_keras_model(network, case["units"], case["activation"], case["l2"])
    model.set_weights(network.initial_weights(seed))
    n_steps = epochs * N_ROWS // BATCH_SIZE
    model.compile(
        make_keras_optimizer(case["optimizer"], case["schedule"], n_steps),
        loss=network.loss,
        metrics=["accuracy"],
    )
    targets = y[:, np.newaxis]
    if case["n_classes"] > 2 and not network.loss.startswith("sparse"):
        targets = targets == np.arange(case["n_classes"])
    logs = []
    for epoch in range(epochs):
        order = np.random.default_rng([seed, epoch]).permutation(N_ROWS)
        fitted = model.fit(
            X.toarray()[order],
            targets[order].astype("float32"),
            sample_weight=None if sample_weight is None else sample_weight[order],
            batch_size=BATCH_SIZE,
            shuffle=False,
            verbose=0,
        )
        logs.append(fitted.history)
    weights = [
        w for pair in zip(classifier.coefs_, classifier.intercepts_, strict=True) for w in pair
    ]
    for found, expected in zip(weights, model.get_weights(), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-6)
    for name in ("loss", "accuracy"):
        history = [log[name][0] for log in logs]
        np.testing.assert_allclose(classifier.history_[name], history, rtol=1e-4)


@pytest.mark.parametrize("optimizer", ["sgd", "momentum", "rmsprop", "adagrad", "adam", "adamw"])
@pytest.mark.parametrize("l2", [0.0, 0.01])
@pytest.mark.parametrize("units", [(7,), (70, 4)])
def test_compiled_kernels_give_the_same_bits_as_scipy(monkeypatch, optimizer, l2, units):
    X, y, _ = make_rows(2, False)
    X.data[:] = 1
    classifier = DenseClassifier(
        units,
        l2=l2,
        optimizer="sgd" if optimizer == "momentum" else optimizer,
        momentum=0.9 if optimizer == "momentum" else 0.0,
        epochs=3,
        batch_size=BATCH_SIZE,
        dropout=0.2,
        random_state=0,
    )
    monkeypatch.setattr(_input_layer, "_is_worth_loading", lambda work: True)
    one = clone(classifier).fit(X, y)
    monkeypatch.setattr(_input_layer, "_is_worth_loading", lambda work: False)
    other = clone(classifier).fit(X, y)
    for a, b in zip(one.coefs_ + one.intercepts_, other.coefs_ + other.intercepts_, strict=True):
        np.testing.assert_array_equal(a, b)
    assert one.history_ == other.history_


def test_kernels_are_loaded_once_the_work_is_large(monkeypatch):
    monkeypatch.setattr(_input_layer, "_work", 0)
    monkeypatch.setattr(_input_layer, "COMPILED", "no module")
    assert not _input_layer._is_worth_loading(_input_layer.WORK_WORTH_LOADING)
    assert _input_layer._is_worth_loading(1)
