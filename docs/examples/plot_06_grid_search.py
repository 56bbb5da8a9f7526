"""
A grid search and its picture
=============================

Tune units, epochs and batch size with GridSearchCV, and look at the results.
"""

# %%
# Names of parameters are the step, two underscores, and the parameter. With ``memory`` and a
# ``random_state``, a network with 8 epochs goes on from the one with 4, so each epoch is trained
# once.
from tempfile import TemporaryDirectory

from sklearn.model_selection import GridSearchCV

from skimdb import SearchResultsDisplay, multi_hot_pipeline
from skimdb.datasets import make_reviews

X, y = make_reviews(2000, random_state=0)
grid = {
    "classifier__epochs": [2, 4, 8, 12],
    "classifier__units": [(16, 16), (64, 16)],
    "classifier__batch_size": [64],
}
with TemporaryDirectory() as folder:
    pipeline = multi_hot_pipeline(num_words=5000, memory=folder, random_state=0)
    search = GridSearchCV(pipeline, grid, cv=3).fit(X, y)
print(search.best_params_)

# %%
# Lines by the number of epochs, with bars of one standard deviation over the folds.
display = SearchResultsDisplay.from_search(search, x="classifier__epochs")

# %%
# A map of two parameters.
display = SearchResultsDisplay.from_search(search, x="classifier__epochs", y="classifier__units")
