"""The Keras backend by itself: row order, errors in a batch, learning rate schedules."""

import gc

import keras
import numpy as np
import pytest
import scipy.sparse as sp
import tensorflow as tf

from skimdb import DenseClassifier
from skimdb._keras._feed import BatchFeed
from skimdb._keras._training import run_epochs
from skimdb._network._spec import NetworkSpec
from skimdb._network._state import TrainingRows, TrainingState
from skimdb._training._plan import FitPlan

N_ROWS, N_FEATURES, BATCH_SIZE = 50, 12, 16
N_STEPS = 4
SEED = 3


X = sp.random_array(
    (N_ROWS, N_FEATURES), density=0.3, format="csr", dtype=np.float32, random_state=0
)


def make_plan(optimizer="sgd", **settings):
    network = NetworkSpec(
        n_features=N_FEATURES,
        n_outputs=1,
        units=(5,),
        activation="tanh",
        dropout=0,
        l2=0,
        optimizer=optimizer,
        learning_rate=None,
        loss="binary_crossentropy",
        metrics=(),
    )
    rows = TrainingRows(X, np.arange(N_ROWS) % 2)
    settings = {"learning_rate": None, "epochs": 2, **settings}
    return FitPlan("keras", network, rows, batch_size=BATCH_SIZE, seed=SEED, **settings)


def start_of(plan):
    return TrainingState(plan.network.initial_weights(SEED), None, {})


@pytest.mark.parametrize("is_sparse", [True, False])
def test_the_feed_gives_the_rows_in_their_order(is_sparse):
    rows = X if is_sparse else X.toarray()
    targets, weights = (np.arange(N_ROWS, dtype=np.float32) * factor for factor in (1, 2))
    feed = BatchFeed(rows, targets[:, np.newaxis], weights, BATCH_SIZE)
    dataset = feed.to_dataset()
    assert len(feed) == dataset.cardinality() == N_STEPS
    for epoch in range(2):
        feed.shuffle(np.random.default_rng([SEED, epoch]))
        order = np.random.default_rng([SEED, epoch]).permutation(N_ROWS)
        for start, (inputs, found, weight) in zip(
            range(0, N_ROWS, BATCH_SIZE), dataset, strict=True
        ):
            batch = order[start : start + BATCH_SIZE]
            dense = keras.ops.convert_to_numpy(keras.ops.convert_to_tensor(inputs, sparse=False))
            np.testing.assert_array_equal(dense, X[batch].toarray())
            np.testing.assert_array_equal(found[:, 0], targets[batch])
            np.testing.assert_array_equal(weight, weights[batch])


@pytest.mark.parametrize("error", [MemoryError("no room"), StopIteration("no room")])
@pytest.mark.parametrize("in_validation", [False, True])
def test_an_error_in_a_batch_reaches_the_user(monkeypatch, error, in_validation):
    X, y = np.eye(40), np.arange(40) % 2
    X_val, y_val = (X[:20], y[:20]) if in_validation else (None, None)
    gather = BatchFeed._gather
    failing_length = 3 if in_validation else 5

    class Rows:
        def __getitem__(self, rows):
            raise error

    def fail_in_third_batch(feed, number):
        if number == 2 and len(feed) == failing_length:
            feed._X = Rows()
        return gather(feed, number)

    classifier = DenseClassifier(4, epochs=1, batch_size=8, random_state=0, backend="keras")
    with monkeypatch.context() as patch:
        patch.setattr(BatchFeed, "_gather", fail_in_third_batch)
        with pytest.raises(type(error), match=r"^no room$"):
            classifier.fit(X, y, X_val=X_val, y_val=y_val)
    assert not hasattr(classifier, "coefs_")
    classifier.fit(X, y)


@pytest.mark.slow
def test_a_training_leaves_no_model_and_no_feed_behind():
    def count():
        gc.collect()
        kinds = BatchFeed, keras.Sequential, tf.Graph
        return [sum(isinstance(item, kind) for item in gc.get_objects()) for kind in kinds]

    plan = make_plan()
    run_epochs(plan, start_of(plan), None)
    before = count()
    run_epochs(plan, start_of(plan), None)
    assert count() == before


SCHEDULES = {
    "linear": lambda n_steps: keras.optimizers.schedules.PolynomialDecay(
        0.5, n_steps, end_learning_rate=0.0
    ),
    "cosine": lambda n_steps: keras.optimizers.schedules.CosineDecay(0.5, n_steps),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", SCHEDULES)
def test_the_learning_rate_falls_as_by_a_schedule_of_keras(name):
    plan = make_plan(learning_rate=0.5, learning_rate_schedule=name)
    state = run_epochs(plan, start_of(plan), None)
    scheduled = keras.optimizers.SGD(SCHEDULES[name](2 * N_STEPS))
    expected = run_epochs(make_plan(scheduled), start_of(plan), None)
    for found, weight in zip(state.weights, expected.weights, strict=True):
        np.testing.assert_allclose(found, weight, rtol=1e-4, atol=1e-6)

    # steps and learning rate, as without a schedule
    assert [float(value) for value in state.optimizer_state] == [2 * N_STEPS, 0.5]
    further = run_epochs(plan, state, None)
    assert [float(value) for value in further.optimizer_state] == [4 * N_STEPS, 0.5]
    again = run_epochs(plan, TrainingState(state.weights, None, state.history), None)
    for found, weight in zip(further.weights, again.weights, strict=True):
        np.testing.assert_array_equal(found, weight)


def test_a_schedule_excludes_other_learning_rates():
    optimizer = keras.optimizers.SGD(SCHEDULES["linear"](10))
    plan = make_plan(optimizer, learning_rate_schedule="cosine")
    with pytest.raises(ValueError, match="learning_rate_schedule must be None when the learning"):
        run_epochs(plan, start_of(plan), None)
    by_epoch = keras.callbacks.LearningRateScheduler(lambda epoch: 0.1)
    plan = make_plan(callbacks=[by_epoch], learning_rate_schedule="linear")
    with pytest.raises(ValueError, match="learning_rate_schedule must be None when callbacks set"):
        run_epochs(plan, start_of(plan), None)
