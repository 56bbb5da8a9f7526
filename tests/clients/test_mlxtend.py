"""mlxtend: networks in ensembles, and a selection of columns by the network's score."""

from mlxtend.classifier import EnsembleVoteClassifier, StackingClassifier, StackingCVClassifier
from mlxtend.feature_selection import SequentialFeatureSelector
from sklearn.linear_model import LogisticRegression

from skimdb import DenseClassifier, MultiHotVectorizer, multi_hot_pipeline
from skimdb.datasets import make_reviews

SEQUENCES, Y = make_reviews(2000, n_words=300, random_state=0)
VECTORIZER = MultiHotVectorizer(num_words=300)
X = VECTORIZER.fit_transform(SEQUENCES)
TRAIN, TEST = slice(0, 1600), slice(1600, None)


def network(**params):
    return DenseClassifier(**{"epochs": 10, "batch_size": 32, "random_state": 0, **params})


def test_ensembles():
    parts = [network(units=8), network(units=()), LogisticRegression()]
    for ensemble in (
        StackingClassifier(parts, LogisticRegression(), use_probas=True),
        StackingCVClassifier(parts, LogisticRegression(), use_probas=True, random_state=0),
        EnsembleVoteClassifier(parts, voting="soft"),
    ):
        assert ensemble.fit(X[TRAIN], Y[TRAIN]).score(X[TEST], Y[TEST]) > 0.75


def test_an_ensemble_of_pipelines():
    parts = [
        multi_hot_pipeline(num_words=300, classifier=network(units=units)) for units in (4, 8)
    ]
    ensemble = EnsembleVoteClassifier(parts, voting="soft")
    ensemble.fit(SEQUENCES[TRAIN], Y[TRAIN])
    assert ensemble.score(SEQUENCES[TEST], Y[TEST]) > 0.75


def test_selection_of_columns():
    selector = SequentialFeatureSelector(
        network(units=(), epochs=5), k_features=3, cv=2, scoring="accuracy"
    )
    rows = X[:, 20:35].toarray()
    selector.fit(rows[TRAIN], Y[TRAIN])
    assert len(selector.k_feature_idx_) == 3
    assert selector.k_score_ > 0.5
    assert selector.transform(rows).shape == (2000, 3)
