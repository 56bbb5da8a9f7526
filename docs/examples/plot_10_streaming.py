"""
Training on a stream
====================

Texts that don't fit into memory: ``fit_stream`` for a file, ``partial_fit`` for what keeps coming.
"""

# %%
# A stream is a function that returns a new iterator over blocks of texts and labels at each call.
# For a file, return ``read_labelled_blocks("texts.jsonl")``.
from skimdb import fit_stream, multi_hot_pipeline
from skimdb.datasets import load_sample_reviews

X, y = load_sample_reviews(return_X_y=True)


def read_blocks():
    """Return the sample in blocks of 100."""
    return ((X[i : i + 100], y[i : i + 100]) for i in range(0, len(X), 100))


# %%
# The stream is read twice: to learn the words, and to encode the rows, which wait in a temporary
# file for the epochs. About a fifth of the rows are kept for a test.
pipeline = multi_hot_pipeline(text=True, epochs=8, batch_size=16, random_state=0)
result = fit_stream(pipeline, read_blocks, test_fraction=0.2)
for part, scores in result.scores.items():
    print(f"{part}: {scores['rows']} rows, accuracy {scores['accuracy']:.2f}")

# %%
# ``partial_fit`` trains for one pass over the rows it gets. The words must be known before:
# either the encoder has a vocabulary, or the vectorizer hashes n-grams.
import matplotlib.pyplot as plt
import numpy as np

from skimdb import DenseClassifier

columns = pipeline[:-1]
classifier = DenseClassifier(16, batch_size=8, learning_rate=0.01, random_state=0)
order = np.random.default_rng(0).permutation(300)
seen, accuracies = [], []
for block in np.array_split(order, 12):
    classifier.partial_fit(columns.transform(X[block]), y[block], classes=[0, 1])
    seen.append(25 * classifier.n_iter_)
    accuracies.append(classifier.score(columns.transform(X[300:]), y[300:]))

fig, ax = plt.subplots(figsize=(7, 4), layout="constrained")
ax.plot(seen, accuracies, "o-")
ax.set(
    xlabel="Reviews seen, each once",
    ylabel="Accuracy on 100 other reviews",
    title="A network that learns from blocks of 25",
)
plt.show()
