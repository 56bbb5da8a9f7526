"""
A threshold for a rare class
============================

Where one class is rare, 0.5 is seldom the right threshold. Let cross-validation choose it.
"""

# %%
# One review in eleven is positive. A model that always answers "negative" is right in ten cases
# of eleven, so accuracy says little; F1 of the rare class says more.
import numpy as np
from sklearn.metrics import classification_report, f1_score
from sklearn.model_selection import TunedThresholdClassifierCV

from skimdb import multi_hot_pipeline
from skimdb.datasets import make_reviews


def make_rare(n_samples, seed):
    """Keep one in ten of the positive reviews."""
    X, y = make_reviews(n_samples, random_state=seed)
    keep = (y == 0) | (np.cumsum(y) % 10 == 0)
    return X[keep], y[keep]


X, y = make_rare(5000, 0)
X_test, y_test = make_rare(5000, 1)
pipeline = multi_hot_pipeline(epochs=6, batch_size=64, random_state=0).fit(X, y)
print(classification_report(y_test, pipeline.predict(X_test)))

# %%
# The tuned classifier fits the pipeline on folds, and takes the threshold with the best F1 there.
tuned = TunedThresholdClassifierCV(pipeline, scoring="f1", cv=3).fit(X, y)
print(f"threshold: {tuned.best_threshold_:.2f}")
print(classification_report(y_test, tuned.predict(X_test)))

# %%
# All thresholds at once. The best on the folds is close to the best on the test reviews, which
# the search has not seen.
import matplotlib.pyplot as plt

probabilities = pipeline.predict_proba(X_test)[:, 1]
thresholds = np.linspace(0.02, 0.98, 49)
scores = [f1_score(y_test, probabilities >= threshold) for threshold in thresholds]
fig, ax = plt.subplots(figsize=(7, 4), layout="constrained")
ax.plot(thresholds, scores)
ax.axvline(0.5, color="gray", linestyle=":", label="0.5")
ax.axvline(tuned.best_threshold_, color="C1", linestyle="--", label="chosen on the folds")
ax.set(xlabel="Threshold", ylabel="F1 of the rare class", title="Test reviews")
ax.legend()
plt.show()
