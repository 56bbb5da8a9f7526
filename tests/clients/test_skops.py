"""skops: pipelines in files that list the types to trust."""

from pathlib import Path

import numpy as np
import pytest
import skops.io
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.pipeline import make_pipeline

from skimdb import DenseClassifier, VocabularySelector, multi_hot_pipeline, text_pipeline

DOCS = Path(__file__).parents[2] / "docs" / "clients.md"


def documented_types():
    """The types to trust that the docs list."""
    _, _, rest = DOCS.read_text(encoding="utf-8").partition("TRUSTED = [")
    return {line.strip(' ",') for line in rest.partition("]")[0].splitlines() if line.strip()}


PIPELINES = {
    "texts": text_pipeline(random_state=0),
    "columns": multi_hot_pipeline(text=True, random_state=0),
    "counts": make_pipeline(
        CountVectorizer(), VocabularySelector(num_words=500), DenseClassifier(random_state=0)
    ),
    "Keras backend": multi_hot_pipeline(text=True, backend="keras", epochs=1, random_state=0),
}


@pytest.mark.parametrize("name", PIPELINES)
def test_a_loaded_pipeline_predicts_and_learns(name, reviews):
    fitted = PIPELINES[name].fit(reviews.X, reviews.y)
    skops.io.dump(fitted, "model.skops")
    assert {*skops.io.get_untrusted_types(file="model.skops")} <= documented_types()
    loaded = skops.io.load("model.skops", trusted=sorted(documented_types()))
    expected = fitted.predict_proba(reviews.X_test)
    np.testing.assert_array_equal(loaded.predict_proba(reviews.X_test), expected)
    loaded.fit(reviews.X, reviews.y)
    np.testing.assert_allclose(loaded.predict_proba(reviews.X_test), expected, atol=1e-5)


def test_the_docs_list_no_type_in_vain(reviews):
    needed = set()
    for pipeline in PIPELINES.values():
        content = skops.io.dumps(pipeline.fit(reviews.X, reviews.y))
        needed |= {*skops.io.get_untrusted_types(data=content)}
    assert needed == documented_types()
