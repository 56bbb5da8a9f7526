"""cleanlab: labels that are wrong, and a classifier fitted without them."""

import numpy as np
from cleanlab.classification import CleanLearning

from skimdb import text_pipeline


def test_flipped_labels_are_found(reviews):
    flipped = np.random.default_rng(0).choice(300, 30, replace=False)
    labels = reviews.y.copy()
    labels[flipped] = 1 - labels[flipped]
    learning = CleanLearning(text_pipeline(random_state=0), seed=0, cv_n_folds=4)
    issues = learning.find_label_issues(reviews.X, labels)
    found = np.flatnonzero(issues["is_label_issue"])
    correct = np.isin(found, flipped)
    # by chance a tenth of those found would be right
    assert correct.sum() >= 10
    assert correct.mean() > 0.4
