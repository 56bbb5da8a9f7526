"""imbalanced-learn: samplers of texts, and of columns before the network."""

import numpy as np
import pandas as pd
import pytest
from imblearn.over_sampling import SMOTE, RandomOverSampler
from imblearn.pipeline import Pipeline
from imblearn.under_sampling import RandomUnderSampler
from sklearn.base import clone
from sklearn.metrics import balanced_accuracy_score
from sklearn.model_selection import cross_val_score

from skimdb import text_pipeline


@pytest.fixture
def few(reviews):
    """Reviews of which a tenth are positive."""
    positive = np.flatnonzero(reviews.y)[:15]
    rows = np.sort(np.r_[np.flatnonzero(reviews.y == 0), positive])
    return [reviews.X[row] for row in rows], reviews.y[rows]


@pytest.mark.parametrize("container", [pd.DataFrame, lambda texts: texts.to_numpy()])
def test_a_sampler_of_texts(container, few, reviews):
    X, y = few
    # samplers take tables and 2-D arrays only
    X = container(pd.DataFrame({"text": X}, dtype=object))
    pipeline = text_pipeline(random_state=0)
    sampled = Pipeline([("sampler", RandomUnderSampler(random_state=0)), *pipeline.steps])
    sampled.fit(X, y)
    score = balanced_accuracy_score(reviews.y_test, sampled.predict(reviews.X_test))
    assert score > 0.6


@pytest.mark.parametrize(
    "sampler", [RandomOverSampler(random_state=0), RandomUnderSampler(random_state=0), SMOTE()]
)
def test_a_sampler_of_columns(sampler, few, reviews):
    X, y = few
    pipeline = text_pipeline(random_state=0, min_df=1)
    steps = clone(pipeline).steps
    steps.insert(2, ("sampler", sampler))
    sampled = Pipeline(steps)
    assert np.isfinite(cross_val_score(sampled, X, y, cv=3, scoring="roc_auc")).all()
    scores = [
        balanced_accuracy_score(reviews.y_test, model.fit(X, y).predict(reviews.X_test))
        for model in (pipeline, sampled)
    ]
    assert scores[0] < scores[1]
