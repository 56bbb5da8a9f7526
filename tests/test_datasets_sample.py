"""load_sample_reviews: the corpus in the package follows the rules that it was written by."""

import re
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from property_cases import REFUSED, given_or_refused, nonsense, scaled
from sklearn.utils import Bunch

from skimdb.datasets import load_sample_reviews


@pytest.fixture(scope="module")
def sample():
    return load_sample_reviews()


def test_form(sample):
    assert isinstance(sample, Bunch)
    assert sample.data.shape == sample.target.shape == (400,)
    assert sample.data.dtype == object
    assert all(isinstance(text, str) for text in sample.data)
    assert sample.target.dtype == np.int64
    assert sample.target_names == ["negative", "positive"]
    assert "400 short reviews" in sample.DESCR


def test_tuple_form(sample):
    X, y = load_sample_reviews(return_X_y=True)
    np.testing.assert_array_equal(X, sample.data)
    np.testing.assert_array_equal(y, sample.target)


def test_classes_are_balanced(sample):
    assert np.bincount(sample.target).tolist() == [200, 200]


def test_reviews_have_25_to_60_words(sample):
    lengths = [len(text.split()) for text in sample.data]
    assert min(lengths) >= 25
    assert max(lengths) <= 60


def test_no_sentence_occurs_twice(sample):
    sentences = Counter(
        sentence.strip().lower()
        for text in sample.data
        for sentence in re.split(r"[.!?]+(?:\s|$)", text)
        if sentence.strip()
    )
    assert [sentence for sentence, count in sentences.items() if count > 1] == []


def test_texts_are_clean(sample):
    for text in sample.data:
        assert text == " ".join(text.split())
        assert text.isprintable()


@scaled(60)
@given(nonsense)
def test_an_argument_that_makes_no_sense_is_named(value):
    result = given_or_refused(lambda: load_sample_reviews(return_X_y=value), "return_X_y")
    assert result is REFUSED or isinstance(result, tuple) == bool(value)
