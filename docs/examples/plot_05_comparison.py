"""
Comparison with scikit-learn's classifiers
==========================================

``text_pipeline`` beside TF-IDF with LogisticRegression and MLPClassifier, on the same folds.
"""

# %%
# All are ordinary estimators, so one loop compares them.
import matplotlib.pyplot as plt
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold, cross_validate
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline

from skimdb import text_pipeline
from skimdb.datasets import load_sample_reviews

X, y = load_sample_reviews(return_X_y=True)
candidates = {
    "text_pipeline": text_pipeline(random_state=0),
    "TF-IDF,\nLogisticRegression": make_pipeline(
        TfidfVectorizer(ngram_range=(1, 2)), LogisticRegression(C=10)
    ),
    "TF-IDF,\nMLPClassifier": make_pipeline(
        TfidfVectorizer(),
        MLPClassifier(16, learning_rate_init=0.01, tol=1e-3, n_iter_no_change=3, random_state=0),
    ),
}
folds = StratifiedKFold(5, shuffle=True, random_state=0)
results = {name: cross_validate(model, X, y, cv=folds) for name, model in candidates.items()}

# %%
# Five scores for each. The sample is small and easy: the differences here are mostly chance. The
# figures that count, on five corpora and with tuned peers, are in :doc:`/project/comparison`.
fig, ax = plt.subplots(figsize=(7, 4), layout="constrained")
scores = [result["test_score"] for result in results.values()]
ax.boxplot(scores, tick_labels=list(results))
ax.set(ylabel="Accuracy", title="400 short reviews: five test folds of 80")
plt.show()

# %%
for name, result in results.items():
    score = result["test_score"]
    print(f"{name.replace(chr(10), ' '):28} {score.mean():.3f} ± {score.std():.3f}")
