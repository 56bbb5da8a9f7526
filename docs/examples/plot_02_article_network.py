"""
The article's network and its curves
====================================

Train the network from the article on word ids, watch it overfit, and stop in time.
"""

# %%
# ``make_reviews`` draws artificial reviews with the word frequencies and lengths of the IMDB data.
# For the real ones, write ``fetch_imdb(num_words=10_000, return_X_y=True)`` in its place.
from sklearn.model_selection import train_test_split

from skimdb.datasets import make_reviews

X, y = make_reviews(8000, random_state=0)
X_train, X_val, y_train, y_val = train_test_split(X, y, stratify=y, random_state=0)
print(X_train[0][:10])

# %%
# The first step makes a sparse matrix with a column for each id. The validation rows go through
# it, too, before the network sees them.
from skimdb import multi_hot_pipeline

pipeline = multi_hot_pipeline(num_words=10_000, epochs=12, batch_size=128, random_state=0)
M_train = pipeline["vectorizer"].fit_transform(X_train)
M_val = pipeline["vectorizer"].transform(X_val)
print(M_train.shape, f"{M_train.nnz / M_train.shape[0]:.0f} entries a row")

# %%
# Two hidden layers of 16 units, as in the article, are the default. The loss on the training rows
# falls with each epoch. The loss on the validation rows falls, and then rises again: from there on
# the network learns the training rows by heart.
from skimdb import TrainingHistoryDisplay

classifier = pipeline["classifier"].fit(M_train, y_train, X_val=M_val, y_val=y_val)
display = TrainingHistoryDisplay.from_estimator(classifier)

# %%
# So train for as many epochs as the curve says, now on all rows.
X_test, y_test = make_reviews(2000, random_state=1)
for epochs in (12, display.best_epoch_):
    pipeline.set_params(classifier__epochs=epochs).fit(X, y)
    print(f"{epochs:2} epochs, accuracy on new reviews: {pipeline.score(X_test, y_test):.3f}")

# %%
# ``early_stopping=True`` does the same in one call: it sets a part of the rows aside and keeps the
# weights of the best epoch.
pipeline.set_params(classifier__epochs=50, classifier__early_stopping=True).fit(X, y)
history = pipeline["classifier"].history_
print(f"stopped after {len(history['loss'])} epochs")
print(f"accuracy on new reviews: {pipeline.score(X_test, y_test):.3f}")
