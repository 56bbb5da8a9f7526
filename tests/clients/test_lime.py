"""LIME: the words of a text that speak for a class."""

from lime.lime_text import LimeTextExplainer

from skimdb import text_pipeline


def test_words_of_a_review(reviews):
    pipeline = text_pipeline(random_state=0).fit(reviews.X, reviews.y)
    explainer = LimeTextExplainer(class_names=["negative", "positive"], random_state=0)
    text = "The worst film and a waste of money, though one wonderful scene was great."
    explanation = explainer.explain_instance(
        text, pipeline.predict_proba, num_features=6, num_samples=500
    )
    weights = dict(explanation.as_list())
    assert weights["worst"] < 0
    assert weights["waste"] < 0
    assert max(weights.get("wonderful", 0), weights.get("great", 0)) > 0
