"""
Several labels a row
====================

Texts with any number of labels: an indicator matrix in place of one column of classes.
"""

# %%
# Short texts about a film, each of one to three themes. In your own data the labels are lists,
# such as ``["acting", "music"]``.
import numpy as np

SENTENCES = {
    "acting": ["The lead plays it well.", "A cast without chemistry.", "Superb performances."],
    "music": ["The songs stay with you.", "A score for strings.", "The soundtrack is too loud."],
    "story": ["The plot has holes.", "A script full of turns.", "The ending comes too soon."],
}
rng = np.random.default_rng(0)
texts, labels = [], []
for _ in range(400):
    themes = sorted(rng.choice(list(SENTENCES), size=rng.integers(1, 4), replace=False).tolist())
    sentences = [rng.choice(SENTENCES[theme]) for theme in themes]
    texts.append(" ".join(rng.permutation(sentences)))
    labels.append(themes)
print(texts[0], labels[0])

# %%
# MultiLabelBinarizer makes the matrix: a row for each text, a column for each label.
from sklearn.preprocessing import MultiLabelBinarizer

binarizer = MultiLabelBinarizer()
Y = binarizer.fit_transform(labels)
print(binarizer.classes_, Y[0])

# %%
# The network ends in one sigmoid unit for each label, so the probabilities of a row need not add
# up to 1. Each label from 0.5 on is predicted.
import matplotlib.pyplot as plt

from skimdb import text_pipeline

pipeline = text_pipeline(random_state=0).fit(texts[:300], Y[:300])
new = ["Superb performances, and the songs stay with you."]
print(binarizer.inverse_transform(pipeline.predict(new)))

fig, ax = plt.subplots(figsize=(6, 2.5), layout="constrained")
ax.barh(binarizer.classes_, pipeline.predict_proba(new)[0])
ax.axvline(0.5, color="gray", linestyle=":")
ax.set(xlim=(0, 1), xlabel="Probability", title=new[0])
plt.show()

# %%
# ``score`` counts a row as right if all of its labels are. Figures for each label come from
# scikit-learn.
from sklearn.metrics import classification_report

print(f"all labels right: {pipeline.score(texts[300:], Y[300:]):.2f}")
predicted = pipeline.predict(texts[300:])
print(classification_report(Y[300:], predicted, target_names=binarizer.classes_, zero_division=0))
