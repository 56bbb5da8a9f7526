import pickle

import numpy as np
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV, train_test_split

from skimdb import multi_hot_pipeline
from skimdb.datasets import load_sample_reviews, make_reviews


def test_steps_and_parameters():
    pipeline = multi_hot_pipeline(num_words=500, units=8, epochs=7)
    assert [name for name, _ in pipeline.steps] == ["vectorizer", "classifier"]
    assert pipeline.get_params()["vectorizer__num_words"] == 500
    assert pipeline.get_params()["classifier__units"] == 8
    assert pipeline.get_params()["classifier__epochs"] == 7
    text = multi_hot_pipeline(num_words=500, text=True)
    assert [name for name, _ in text.steps] == ["encoder", "vectorizer", "classifier"]
    assert text.get_params()["encoder__num_words"] == 500


def test_from_raw_text_to_a_class():
    X, y = load_sample_reviews(return_X_y=True)
    X, X_test, y, y_test = train_test_split(X, y, test_size=100, stratify=y, random_state=0)
    pipeline = multi_hot_pipeline(text=True, epochs=20, batch_size=16, random_state=0).fit(X, y)
    assert pipeline.score(X_test, y_test) > 0.85
    review = ["A wonderful, moving film. I loved it.", "A dull mess, and a waste of time."]
    assert pipeline.predict(review).tolist() == [1, 0]
    again = pickle.loads(pickle.dumps(pipeline))
    np.testing.assert_array_equal(again.predict_proba(review), pipeline.predict_proba(review))


def test_grid_search_over_the_pipeline():
    X, y = make_reviews(600, n_words=300, random_state=0)
    pipeline = multi_hot_pipeline(num_words=300, batch_size=32, random_state=0)
    grid = {"classifier__epochs": [1, 3], "vectorizer__mode": ["binary", "count"]}
    search = GridSearchCV(clone(pipeline), grid, cv=2).fit(X, y)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    assert search.predict(X).shape == (600,)
