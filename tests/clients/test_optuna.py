"""Optuna: trials that are pruned after an epoch, by each kind of callback."""

import numpy as np
import optuna
import pytest
from optuna_integration import KerasPruningCallback, OptunaSearchCV

from skimdb import DenseClassifier, KerasClassifier, MultiHotVectorizer, multi_hot_pipeline
from skimdb.datasets import make_reviews

optuna.logging.set_verbosity(optuna.logging.ERROR)

SEQUENCES, Y = make_reviews(2000, n_words=300, random_state=0)
X = MultiHotVectorizer(num_words=300).fit_transform(SEQUENCES)
TRAIN, TEST = slice(0, 1600), slice(1600, None)
EPOCHS = 6


def train_with_function(trial, classifier):
    def report(epoch, logs):
        trial.report(logs["val_accuracy"], epoch)
        if trial.should_prune():
            raise optuna.TrialPruned

    classifier.set_params(callbacks=report)
    return classifier.fit(X[TRAIN], Y[TRAIN], X_val=X[TEST], y_val=Y[TEST])


def train_with_keras_callback(trial, classifier):
    classifier.set_params(callbacks=KerasPruningCallback(trial, "val_accuracy"))
    classifier.fit(X[TRAIN], Y[TRAIN], X_val=X[TEST], y_val=Y[TEST])
    assert classifier.backend_ == "keras"
    return classifier


class Pruning:
    """A callback of scikit-learn's that reports the score after each epoch."""

    def __init__(self, trial):
        self.trial = trial

    def setup(self, estimator, context):
        pass

    teardown = setup

    def on_fit_task_begin(self, estimator, context):
        pass

    def on_fit_task_end(self, estimator, context, *, fitted_estimator=None):
        if context.task_name != "epoch":
            return
        self.trial.report(fitted_estimator.score(X[TEST], Y[TEST]), context.task_id)
        if self.trial.should_prune():
            raise optuna.TrialPruned


def train_with_sklearn_callback(trial, classifier):
    return classifier.set_callbacks(Pruning(trial)).fit(X[TRAIN], Y[TRAIN])


@pytest.mark.parametrize(
    "train", [train_with_function, train_with_keras_callback, train_with_sklearn_callback]
)
def test_a_trial_that_learns_nothing_is_pruned(train):
    # the first trial learns, the second hardly moves its weights
    rates = [0.01, 1e-7]

    def objective(trial):
        rate = trial.suggest_float("learning_rate", 1e-8, 0.1, log=True)
        classifier = DenseClassifier(
            8, learning_rate=rate, epochs=EPOCHS, batch_size=32, random_state=0
        )
        return train(trial, classifier).score(X[TEST], Y[TEST])

    study = optuna.create_study(
        direction="maximize", pruner=optuna.pruners.MedianPruner(1, n_warmup_steps=1)
    )
    for rate in rates:
        study.enqueue_trial({"learning_rate": rate})
    study.optimize(objective, n_trials=2)
    first, second = study.trials
    assert (first.state.name, second.state.name) == ("COMPLETE", "PRUNED")
    assert sorted(first.intermediate_values) == [*range(EPOCHS)]
    assert sorted(second.intermediate_values) == [0, 1]
    assert first.value > 0.75


def test_a_search():
    search = OptunaSearchCV(
        multi_hot_pipeline(num_words=300, batch_size=32, random_state=0),
        {
            "classifier__epochs": optuna.distributions.IntDistribution(2, 8),
            "classifier__units": optuna.distributions.CategoricalDistribution([4, 8]),
            "classifier__learning_rate": optuna.distributions.FloatDistribution(
                1e-3, 1e-2, log=True
            ),
        },
        cv=2,
        n_trials=4,
        random_state=0,
    )
    search.fit(SEQUENCES[TRAIN], Y[TRAIN])
    assert search.score(SEQUENCES[TEST], Y[TEST]) > 0.7
    assert np.isfinite(search.best_score_)


def test_keras_classifier_is_pruned():
    import keras

    def build(meta):
        return keras.Sequential(
            [keras.Input((meta["n_features_in_"],)), keras.layers.Dense(1, "sigmoid")]
        )

    def objective(trial):
        classifier = KerasClassifier(
            build,
            loss="binary_crossentropy",
            metrics=["accuracy"],
            optimizer="adam",
            optimizer__learning_rate=trial.suggest_float("learning_rate", 1e-9, 1, log=True),
            epochs=EPOCHS,
            batch_size=32,
            verbose=0,
            random_state=0,
            callbacks=[KerasPruningCallback(trial, "accuracy")],
        )
        return classifier.fit(X[TRAIN], Y[TRAIN]).score(X[TEST], Y[TEST])

    study = optuna.create_study(
        direction="maximize", pruner=optuna.pruners.MedianPruner(1, n_warmup_steps=1)
    )
    for rate in (0.01, 1e-8):
        study.enqueue_trial({"learning_rate": rate})
    study.optimize(objective, n_trials=2)
    assert [trial.state.name for trial in study.trials] == ["COMPLETE", "PRUNED"]
