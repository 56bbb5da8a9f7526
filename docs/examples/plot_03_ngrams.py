"""
From words to n-grams
=====================

What each step of a ``text_pipeline`` adds, and which n-grams tell the classes apart.
"""

# %%
# A pipeline of single words, first with a plain network. Scores are means over three folds. On so
# few reviews they vary by a percent or two from fold to fold.
from sklearn.model_selection import cross_val_score

from skimdb import multi_hot_pipeline, text_pipeline
from skimdb.datasets import load_sample_reviews

X, y = load_sample_reviews(return_X_y=True)
candidates = {
    "words, the article's network": multi_hot_pipeline(
        text=True, epochs=10, batch_size=16, random_state=0
    ),
    "words, weighted": text_pipeline(ngram_range=(1, 1), random_state=0),
    "1- and 2-grams, weighted": text_pipeline(ngram_range=(1, 2), random_state=0),
    "1- to 3-grams, weighted": text_pipeline(random_state=0),
}
for name, pipeline in candidates.items():
    scores = cross_val_score(pipeline, X, y, cv=3)
    print(f"{name:30} {scores.mean():.3f} ± {scores.std():.3f}")

# %%
# The weight of a column is its log-count ratio: how much more often it occurs in one class than in
# the other. Positive weights speak for the second class.
import numpy as np

pipeline = text_pipeline(random_state=0).fit(X, y)
names = pipeline[:-1].get_feature_names_out()
ratios = pipeline["scaler"].scale_
order = np.argsort(ratios)
print(len(names), "columns")
print("negative:", ", ".join(names[order[:8]]))
print("positive:", ", ".join(names[order[::-1][:8]]))

# %%
# Most n-grams are in few texts and tell little. The weights make these columns short, so the
# network takes little notice of them.
import matplotlib.pyplot as plt

counts = np.asarray(pipeline["scaler"].feature_count_.sum(axis=0)).ravel()
fig, ax = plt.subplots(figsize=(7, 4), layout="constrained")
ax.scatter(counts, ratios, s=6, alpha=0.4)
ax.axhline(0, color="gray", linewidth=0.8)
for name in ("poor", "beautiful", "a waste of", "film"):
    (i,) = np.flatnonzero(names == name)
    ax.annotate(
        name,
        (counts[i], ratios[i]),
        xytext=(25, 10),
        textcoords="offset points",
        arrowprops={"arrowstyle": "-", "color": "gray"},
    )
ax.set(
    xscale="log",
    ylim=(-5, 5.5),
    xlabel="Occurrences in the training texts",
    ylabel="Log-count ratio",
    title="Columns of the pipeline",
)
plt.show()
