"""
A calibration curve
===================

Of the reviews with a probability of 0.8, are 80 % positive? Overfitting makes networks too sure.
"""

# %%
# Three classifiers on the same reviews: one that stops early, one trained for too long, and the
# latter calibrated by cross-validation.
from sklearn.calibration import CalibratedClassifierCV

from skimdb import multi_hot_pipeline
from skimdb.datasets import make_reviews

X, y = make_reviews(4000, random_state=0)
X_test, y_test = make_reviews(4000, random_state=1)

short = multi_hot_pipeline(epochs=5, batch_size=128, random_state=0)
long = multi_hot_pipeline(epochs=40, batch_size=128, random_state=0)
models = {
    "5 epochs": short.fit(X, y),
    "40 epochs": long.fit(X, y),
    "40 epochs, calibrated": CalibratedClassifierCV(long, method="sigmoid", cv=3).fit(X, y),
}

# %%
# The closer a curve is to the diagonal, the more its probabilities can be relied on.
import matplotlib.pyplot as plt
from sklearn.calibration import CalibrationDisplay

fig, ax = plt.subplots(figsize=(6, 6), layout="constrained")
for (name, model), marker in zip(models.items(), "osD", strict=True):
    CalibrationDisplay.from_estimator(
        model, X_test, y_test, n_bins=10, strategy="quantile", name=name, marker=marker, ax=ax
    )
ax.set(
    xlabel="Mean probability of the positive class",
    ylabel="Share of positive reviews",
    title="4,000 new reviews, in ten bins",
)
plt.show()

# %%
# The Brier score is the mean squared distance of the probability from 0 or 1: lower is better. The
# accuracy rises too, because the calibrated classifier is the mean of three networks, one a fold.
from sklearn.metrics import brier_score_loss

for name, model in models.items():
    brier = brier_score_loss(y_test, model.predict_proba(X_test)[:, 1])
    print(f"{name:22} accuracy {model.score(X_test, y_test):.3f}  Brier score {brier:.3f}")
