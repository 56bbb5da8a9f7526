"""Tables as output (set_output, transform_output): rows stay together, sparse stays sparse."""

import joblib
import numpy as np
import pandas as pd
import polars as pl
import pytest
import scipy.sparse as sp
from sklearn import config_context
from sklearn.base import clone
from sklearn.compose import ColumnTransformer
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.pipeline import FeatureUnion, make_pipeline

from skimdb import (
    LogCountRatioScaler,
    MultiHotVectorizer,
    VocabularySelector,
    WordIndexEncoder,
    multi_hot_pipeline,
    text_pipeline,
)
from skimdb.datasets import load_sample_reviews

NUMBERS = ["one", "two", "three", "four"]
# orders in which pandas would put rows elsewhere, and labels that are no row numbers
INDEXES = {
    "permutation": [2, 0, 3, 1],
    "beyond": [10, 11, 12, 13],
    "text": ["d", "b", "c", "a"],
    "repeated": [0, 0, 1, 1],
    "levels": pd.MultiIndex.from_tuples([(1, "b"), (0, "a"), (1, "a"), (0, "b")]),
    "dates": pd.date_range("2024-01-01", periods=4)[::-1],
}


def frame(index=None):
    return pd.DataFrame({"n": [1, 2, 3, 4], "text": NUMBERS}, index=index)


def dense_text(*more, **parameters):
    """Encoder and vectorizer, with a dense output."""
    vectorizer = MultiHotVectorizer(sparse_output=False, **parameters)
    return make_pipeline(WordIndexEncoder(start_char=None), vectorizer, *more)


def columns(text):
    return ColumnTransformer([("n", "passthrough", ["n"]), ("t", text, "text")])


def word_of_row(row):
    (word,) = [name for name, value in row.items() if name.startswith("t__") and value]
    return word.removeprefix("t__")


@pytest.mark.parametrize("index", INDEXES.values(), ids=INDEXES)
def test_rows_of_a_table_of_pandas_stay_together(index):
    df = frame(index)
    for transformer in (columns(dense_text()), columns(dense_text(ngram_range=(1, 2), min_df=1))):
        transformer.set_output(transform="pandas")
        for result in (transformer.fit_transform(df), transformer.transform(df)):
            assert result.index.equals(df.index)
            rows = result.to_dict(orient="records")
            assert [(row["n__n"], word_of_row(row)) for row in rows] == [*enumerate(NUMBERS, 1)]
    part = transformer.transform(df.iloc[[3, 1]])
    assert part.index.equals(df.index[[3, 1]])
    assert [word_of_row(row) for row in part.to_dict(orient="records")] == ["four", "two"]


def test_the_global_setting_and_clones_do_the_same():
    df = frame([2, 0, 3, 1])
    with config_context(transform_output="pandas"):
        result = columns(dense_text()).fit_transform(df)
        union = FeatureUnion([("a", dense_text()), ("b", dense_text())]).fit_transform(df["text"])
    assert [word_of_row(row) for row in result.to_dict(orient="records")] == NUMBERS
    assert union.index.equals(df.index)
    assert not union.isna().any(axis=None)
    again = clone(columns(dense_text()).set_output(transform="pandas")).fit_transform(df)
    pd.testing.assert_frame_equal(again, result)


def test_the_scaler_takes_the_index_over():
    df = frame([2, 0, 3, 1])
    text = dense_text(LogCountRatioScaler()).set_output(transform="pandas")
    for result in (text.fit_transform(df["text"], [0, 1, 0, 1]), text.transform(df["text"])):
        assert result.index.equals(df.index)
        assert isinstance(result, pd.DataFrame)


def test_rows_of_a_table_of_polars_stay_together():
    df = pl.from_pandas(frame())
    result = columns(dense_text()).set_output(transform="polars").fit_transform(df)
    assert isinstance(result, pl.DataFrame)
    rows = result.to_dicts()
    assert [(row["n__n"], word_of_row(row)) for row in rows] == [*enumerate(NUMBERS, 1)]


def test_a_cache_keeps_the_index(tmp_path):
    df = frame([2, 0, 3, 1])
    memory = joblib.Memory(tmp_path, verbose=0)
    results = []
    for _ in range(2):
        text = dense_text(LogCountRatioScaler()).set_params(memory=memory)
        text.set_output(transform="pandas")
        results.append(text.fit_transform(df["text"], [0, 1, 0, 1]))
    pd.testing.assert_frame_equal(*results)
    assert results[1].index.equals(df.index)


@pytest.mark.parametrize(
    "form", [list, np.array, pl.Series, tuple], ids=lambda form: form.__name__
)
def test_texts_without_an_index_are_numbered(form):
    result = dense_text().set_output(transform="pandas").fit_transform(form(NUMBERS))
    assert result.index.tolist() == [0, 1, 2, 3]


def test_without_the_setting_there_are_arrays_for_any_index():
    df = frame([2, 0, 3, 1])
    assert type(dense_text().fit_transform(df["text"])) is np.ndarray
    sequences = WordIndexEncoder().fit_transform(df["text"])
    assert isinstance(sequences, np.ndarray)
    assert sp.issparse(MultiHotVectorizer().fit_transform(sequences))


@pytest.mark.parametrize("container", ["pandas", "polars"])
@pytest.mark.parametrize(
    "make",
    [text_pipeline, lambda **options: multi_hot_pipeline(text=True, **options)],
    ids=["text_pipeline", "multi_hot_pipeline"],
)
def test_pipelines_are_the_same_where_the_configuration_asks_for_tables(make, container):
    X, y = load_sample_reviews(return_X_y=True)
    X = pd.Series(X, index=np.random.default_rng(0).permutation(len(X)))
    pipeline = make(units=4, epochs=2, random_state=0)
    expected = clone(pipeline).fit(X, y).predict_proba(X)
    with config_context(transform_output=container):
        assert (pipeline.fit(X, y).predict_proba(X) == expected).all()
        assert sp.issparse(pipeline[:-1].transform(X))
        assert (clone(pipeline).fit(X.tolist(), y).predict_proba(X) == expected).all()


@pytest.mark.parametrize("container", ["pandas", "polars"])
def test_sparse_output_stays_sparse_where_the_configuration_asks_for_tables(container):
    counts = CountVectorizer().fit_transform(["a good film", "a bad film"])
    with config_context(transform_output=container):
        assert sp.issparse(MultiHotVectorizer().fit_transform([[1, 2], [3]]))
        assert sp.issparse(VocabularySelector(9).fit_transform(counts))
        assert sp.issparse(LogCountRatioScaler().fit_transform(counts, [0, 1]))
        assert sp.issparse(LogCountRatioScaler().fit(counts, [0, 1]).transform(counts))
        dense = LogCountRatioScaler().fit_transform(counts.toarray(), [0, 1])
        assert type(dense).__module__.partition(".")[0] == container


@pytest.mark.parametrize("container", ["pandas", "polars"])
@pytest.mark.parametrize(
    ("make", "name"),
    [
        (lambda: make_pipeline(WordIndexEncoder(), MultiHotVectorizer()), "MultiHotVectorizer"),
        (lambda: text_pipeline(units=4, epochs=1), "MultiHotVectorizer"),
        (lambda: columns(multi_hot_pipeline(text=True)[:-1]), "MultiHotVectorizer"),
        (
            lambda: make_pipeline(CountVectorizer(), VocabularySelector(9))[-1:],
            "VocabularySelector",
        ),
        (
            lambda: make_pipeline(CountVectorizer(), LogCountRatioScaler())[-1:],
            "LogCountRatioScaler",
        ),
    ],
    ids=["vectorizer", "text_pipeline", "ColumnTransformer", "selector", "scaler"],
)
def test_a_sparse_table_is_refused_with_a_way_out(make, name, container):
    model = make().set_output(transform=container)
    X = frame() if isinstance(model, ColumnTransformer) else frame()["text"]
    if name != "MultiHotVectorizer":
        X = CountVectorizer().fit_transform(X)
    match = f"^sparse_output of the MultiHotVectorizer must be False.*{container}"
    with pytest.raises(ValueError, match=f"(?i){match}"):
        model.fit(X, [0, 1, 0, 1]).transform(X)
