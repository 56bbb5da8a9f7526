"""
A first classifier
==================

Train on labelled texts, test on others, and predict.
"""

# %%
# The sample holds 400 short reviews of invented films. A quarter of them is kept for the test.
from sklearn.model_selection import train_test_split

from skimdb import text_pipeline
from skimdb.datasets import load_sample_reviews

X, y = load_sample_reviews(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(X, y, stratify=y, random_state=0)
print(X_train[0])

# %%
# The pipeline takes raw texts. ``random_state`` makes the result the same each time.
pipeline = text_pipeline(random_state=0).fit(X_train, y_train)
print(f"accuracy: {pipeline.score(X_test, y_test):.2f}")

# %%
# The columns of the probabilities are in the order of ``classes_``.
texts = ["A moving story, superbly acted.", "Two dull, wasted hours."]
print(pipeline.classes_)
print(pipeline.predict(texts))
print(pipeline.predict_proba(texts).round(3))

# %%
# Accuracy says little about mistakes of either kind. scikit-learn's reports and pictures take the
# predictions of a pipeline as those of any other estimator.
from sklearn.metrics import ConfusionMatrixDisplay, classification_report

names = load_sample_reviews().target_names
predicted = pipeline.predict(X_test)
print(classification_report(y_test, predicted, target_names=names))
display = ConfusionMatrixDisplay.from_predictions(
    y_test, predicted, display_labels=names, cmap="Blues", colorbar=False
)
