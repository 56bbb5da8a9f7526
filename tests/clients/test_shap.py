"""SHAP: what words and columns add to a probability."""

import numpy as np
import shap

from skimdb import DenseClassifier, MultiHotVectorizer, text_pipeline
from skimdb.datasets import make_reviews


def test_kernel_explainer_on_columns():
    sequences, y = make_reviews(600, n_words=30, random_state=0)
    X = MultiHotVectorizer(num_words=30).fit_transform(sequences).toarray()
    classifier = DenseClassifier(8, epochs=10, batch_size=32, random_state=0).fit(X, y)
    background = shap.sample(X, 20, random_state=0)
    explainer = shap.KernelExplainer(classifier.predict_proba, background)
    values = explainer.shap_values(X[:3], nsamples=200, silent=True)
    assert values.shape == (3, 30, 2)
    np.testing.assert_allclose(
        values.sum(axis=1) + explainer.expected_value, classifier.predict_proba(X[:3]), atol=1e-5
    )


def test_explainer_on_texts(reviews):
    pipeline = text_pipeline(random_state=0).fit(reviews.X, reviews.y)
    explainer = shap.Explainer(
        pipeline.predict_proba, shap.maskers.Text(r"\W+"), output_names=["negative", "positive"]
    )
    texts = ["a waste of time and the worst of films", "one of the best and a wonderful film"]
    explanation = explainer(texts, max_evals=200, silent=True)
    for number, text in enumerate(texts):
        values = explanation.values[number]
        found = explanation.base_values[number] + values.sum(axis=0)
        np.testing.assert_allclose(found, pipeline.predict_proba([text])[0], atol=1e-5)
        words = [word.strip() for word in explanation.data[number]]
        positive = dict(zip(words, values[:, 1], strict=True))
        assert positive["worst"] < 0 if "worst" in words else positive["wonderful"] > 0
