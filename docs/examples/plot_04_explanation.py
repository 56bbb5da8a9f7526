"""
Explaining a prediction
=======================

Which words moved a prediction, and which speak for each class in general.
"""

# %%
# Train a pipeline on three quarters of the sample.
from sklearn.model_selection import train_test_split

from skimdb import explain, explain_global, text_pipeline
from skimdb.datasets import load_sample_reviews

X, y = load_sample_reviews(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(X, y, stratify=y, random_state=0)
pipeline = text_pipeline(random_state=0).fit(X_train, y_train)

# %%
# Words for class 1 are underlined, words against it have a wavy line, and words that the model
# does not know are in italics. The numbers are log-odds: by how much they fall if the word is
# left out.
explanation = explain(pipeline, [X_test[0], "The plot was dull, but the acting was superb."])
explanation

# %%
# The same as bars, for the first text.
axes = explanation[0].plot(n=8)

# %%
# And as a list. Contributions of leaving one word out need not add up to the prediction;
# integrated gradients do.
item = explain(pipeline, [X_test[0]], method="integrated_gradients").items[0]
for word in item.words[:5]:
    print(f"{word.word:12} {word.contribution:+.2f}")
total = sum(word.contribution for word in item.words)
print(f"sum of all words: {total:.2f}")
print(f"log-odds - those of an empty row: {item.log_odds - item.base_log_odds:.2f}")

# %%
# Which words and n-grams speak most for each class, on average over the test texts.
axes = explain_global(pipeline, X_test, n=8).plot(n=8)
