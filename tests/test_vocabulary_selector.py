"""VocabularySelector gives from counts of words what encoder and vectorizer give from texts."""

import pickle

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from hypothesis import assume, given
from hypothesis import strategies as st
from property_cases import REFUSED, given_or_refused, nonsense, scaled
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.utils.estimator_checks import check_estimator

from skimdb import (
    DenseClassifier,
    MultiHotVectorizer,
    VocabularySelector,
    WordIndexEncoder,
    multi_hot_pipeline,
)
from skimdb.datasets import load_sample_reviews

WORDS = [*"abcdefghij"]
texts = st.lists(
    st.lists(st.sampled_from(WORDS), max_size=8).map(" ".join), min_size=1, max_size=10
)


def count_words(texts, words=WORDS):
    """Return how often each text contains each word."""
    split = [text.split() for text in texts]
    return sp.csr_matrix([[row.count(word) for word in words] for row in split], dtype=np.int64)


def encode(known, texts, num_words):
    """Return the rows of texts with the ranks of the known texts."""
    encoder = WordIndexEncoder(num_words=num_words).fit(known)
    return MultiHotVectorizer(num_words=num_words).transform(encoder.transform(texts))


@pytest.mark.slow
@scaled(200)
@given(
    texts,
    st.integers(1, 16),
    st.lists(st.integers(0, 99), min_size=1),
    st.sampled_from([sp.csr_matrix, sp.csc_array, sp.coo_array, sp.csr_matrix.toarray]),
)
def test_equals_encoder_and_vectorizer(texts, num_words, numbers, convert):
    rows = np.array([number % len(texts) for number in numbers])
    known = [texts[row] for row in rows]
    assume(any(known))
    counts = convert(count_words(texts))
    selector = VocabularySelector(num_words).fit(convert(count_words(known)))
    result = selector.transform(counts)
    expected = encode(known, texts, num_words)
    assert isinstance(result, sp.csr_matrix)
    assert result.dtype == np.float32
    assert result.shape == expected.shape
    np.testing.assert_array_equal(result.toarray(), expected.toarray())
    assert result.nnz == expected.nnz
    assert selector.n_features_in_ == len(WORDS)
    assert selector.num_words_ == num_words
    assert len(selector.get_feature_names_out()) == num_words


def test_ids_of_the_columns():
    counts = count_words(["b b b a", "c c a d"], words=[*"abcdef"])
    assert VocabularySelector(num_words=6).fit(counts).ids_.tolist() == [5, 4, 2, 2, 6, 6]


def test_a_search_learns_a_vocabulary_in_each_fold():
    X, y = load_sample_reviews(return_X_y=True)
    encoder = WordIndexEncoder().fit(X)
    words = sorted(encoder.vocabulary_)
    vocabulary = {word: i for i, word in enumerate(words, start=1)}
    sequences = WordIndexEncoder(
        vocabulary=vocabulary, start_char=None, index_from=0
    ).fit_transform(X)
    counts = MultiHotVectorizer(num_words=len(words) + 1, mode="count").transform(sequences)
    options = {"units": 4, "epochs": 2, "batch_size": 16, "random_state": 0}
    steps = {
        "counts": (make_pipeline(VocabularySelector(500), DenseClassifier(**options)), counts),
        "texts": (multi_hot_pipeline(text=True, num_words=500, **options), X),
    }
    scores = {}
    for name, (pipeline, data) in steps.items():
        search = GridSearchCV(pipeline, {}, cv=3, scoring="neg_log_loss").fit(data, y)
        scores[name] = [search.cv_results_[f"split{i}_test_score"][0] for i in range(3)]
    assert scores["counts"] == scores["texts"]


def test_stored_zeros_are_no_words():
    counts = sp.csr_matrix(([0.0, 2, 1], [0, 1, 2], [0, 2, 3]), shape=(2, 3))
    selector = VocabularySelector(8).fit(counts)
    assert selector.ids_.tolist() == [8, 4, 5]
    expected = [[0, 1, 0, 0, 1, 0, 0, 0], [0, 1, 0, 0, 0, 1, 0, 0]]
    assert selector.transform(counts).toarray().tolist() == expected
    later = sp.csr_matrix(([0.0, 1, 1], [1, 1, 1], [0, 1, 3]), shape=(2, 3))
    expected = [[0, 1, 0, 0, 0, 0, 0, 0], [0, 1, 0, 0, 1, 0, 0, 0]]
    assert selector.transform(later).toarray().tolist() == expected
    assert counts.nnz == 3


def test_num_words_holds_from_fit_on():
    counts = count_words(["a a b c"])
    selector = VocabularySelector(6).fit(counts)
    expected = selector.transform(counts).toarray()
    selector.set_params(num_words=50)
    np.testing.assert_array_equal(selector.transform(counts).toarray(), expected)
    assert selector.fit(counts).transform(counts).shape == (1, 50)


@pytest.mark.parametrize("num_words", [np.int8(5), np.uint64(5), np.int64(5), 2**40, 2**62])
def test_any_integer_is_a_number_of_columns(num_words):
    counts = count_words(["a a b c"])
    result = VocabularySelector(num_words).fit_transform(counts)
    assert result.shape == (1, num_words)
    assert result[:, :5].toarray().tolist() == [[0, 1, 1 * (num_words == 5), 0, 1]]
    assert result.indices.max() == (4 if num_words == 5 else 6)


@pytest.mark.parametrize(
    ("num_words", "error", "message"),
    [
        (0, ValueError, "num_words == 0, must be >= 1"),
        (2**63, ValueError, "num_words == 9223372036854775808, must be <= "),
        (None, TypeError, "num_words must be an integer, got None"),
        (10.0, TypeError, "num_words must be an integer, got 10.0"),
    ],
)
def test_a_bad_number_of_columns_is_named(num_words, error, message):
    with pytest.raises(error, match=message):
        VocabularySelector(num_words).fit(count_words(["a"]))


@pytest.mark.parametrize(
    ("X", "message"),
    [
        ([[1.0, np.nan]], "X: Input X contains NaN"),
        ([[1.0, -1.0]], r"Negative values in data passed to .* \(input X\)"),
        (
            sp.csr_matrix([[1.0, -1.0]]),
            r"Negative values in data passed to .* \(input X\)",
        ),
        (np.ma.array([[0, 1]], mask=[[0, 1]]), "X must have no masked entries"),
        (
            sp.csr_array((np.ones(1), np.array([9]), np.array([0, 1])), shape=(1, 2)),
            "X: indices must be < 2",
        ),
        ([["a", "b"]], "X: could not convert string to float"),
        (np.empty((0, 2)), "X: Found array with 0 sample"),
        ([1, 2], "X: Expected 2D array, got 1D array"),
    ],
    ids=["NaN", "negative", "negative sparse", "masked", "wrong index", "text", "empty", "flat"],
)
def test_what_is_no_count_is_named(X, message):
    with pytest.raises(ValueError, match=message):
        VocabularySelector().fit(X)
    selector = VocabularySelector().fit([[1, 2]])
    with pytest.raises(ValueError, match=message):
        selector.transform(X)


@scaled(100)
@given(nonsense)
def test_nonsense_is_refused(X):
    names = ("X", "data passed to VocabularySelector")
    result = given_or_refused(lambda: VocabularySelector(5).fit_transform(X), *names)
    if result is not REFUSED:
        assert result.shape == (len(X) if hasattr(X, "__len__") else X.shape[0], 5)


def test_columns_must_be_those_of_fit():
    selector = VocabularySelector().fit(pd.DataFrame({"a": [1], "b": [0]}))
    assert selector.feature_names_in_.tolist() == ["a", "b"]
    with pytest.raises(ValueError, match="feature names should match"):
        selector.transform(pd.DataFrame({"a": [1], "b": [0], "c": [1]}))
    with pytest.raises(ValueError, match="feature names should match"):
        selector.transform(pd.DataFrame({"b": [1], "a": [0]}))
    selector = VocabularySelector().fit(np.ones((1, 2)))
    with pytest.raises(ValueError, match="X has 3 features, but VocabularySelector is expecting"):
        selector.transform(np.ones((1, 3)))


def test_unfitted_and_pickled():
    counts = count_words(["a a b"])
    with pytest.raises(NotFittedError):
        VocabularySelector().transform(counts)
    selector = pickle.loads(pickle.dumps(VocabularySelector(7).fit(counts)))
    expected = VocabularySelector(7).fit_transform(counts).toarray()
    np.testing.assert_array_equal(selector.transform(counts).toarray(), expected)


def test_a_failed_fit_changes_nothing():
    counts = count_words(["a a b"])
    selector = VocabularySelector(7).fit(counts)
    before = selector.transform(counts).toarray()
    with pytest.raises(ValueError, match="NaN"):
        selector.set_params(num_words=8).fit([[np.nan, 1]])
    np.testing.assert_array_equal(selector.transform(counts).toarray(), before)


@pytest.mark.filterwarnings("ignore:Skipping check check_array_api_input")
def test_scikit_learn_checks():
    check_estimator(VocabularySelector())
    tags = VocabularySelector().__sklearn_tags__()
    assert tags.input_tags.sparse
    assert tags.input_tags.positive_only
