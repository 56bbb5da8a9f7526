"""Training that continues, and prediction, on columns that have come to stand for other words."""

import pickle
from functools import partial

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.pipeline import make_pipeline

from skimdb import (
    DenseClassifier,
    LogCountRatioScaler,
    MultiHotVectorizer,
    VocabularySelector,
    WordIndexEncoder,
    fit_stream,
    load_model,
    multi_hot_pipeline,
    save_model,
    text_pipeline,
)

# as many words in both, so that only their ids differ
FIRST = ["good fine film", "bad poor film", "fine good play", "poor bad play"] * 3
SECOND = ["film film great plot", "plot dull film", "great great film cast", "dull cast"] * 3
Y = [1, 0, 1, 0] * 3
QUICK = {"units": 4, "epochs": 1, "random_state": 0}
REFUSED = r"^X must have the columns .*stand for other words or n-grams.*vocabulary.*n_buckets"


def vocabulary_of(*texts):
    return WordIndexEncoder().fit([text for part in texts for text in part]).vocabulary_


def with_vectorizer(warm=True, **parameters):
    return make_pipeline(
        WordIndexEncoder(), MultiHotVectorizer(**parameters), classifier(warm_start=warm)
    )


def classifier(**parameters):
    return DenseClassifier(**{**QUICK, **parameters})


PIPELINES = {
    "multi_hot_pipeline": partial(multi_hot_pipeline, text=True, warm_start=True, **QUICK),
    "few columns": partial(multi_hot_pipeline, text=True, num_words=9, warm_start=True, **QUICK),
    "all columns": partial(
        multi_hot_pipeline, text=True, num_words=None, warm_start=True, **QUICK
    ),
    "text_pipeline": partial(text_pipeline, warm_start=True, **QUICK),
    "n-grams": partial(with_vectorizer, ngram_range=(1, 2), max_features=9),
    "limits": partial(with_vectorizer, min_df=2, max_features=5),
    "buckets": partial(with_vectorizer, ngram_range=(1, 2), n_buckets=50),
    "dense": partial(with_vectorizer, num_words=20, sparse_output=False),
    "scaler": lambda: make_pipeline(
        WordIndexEncoder(),
        MultiHotVectorizer(num_words=20),
        LogCountRatioScaler(),
        classifier(warm_start=True),
    ),
}


@pytest.mark.parametrize("make", PIPELINES.values(), ids=PIPELINES)
def test_other_words_under_the_old_weights_are_refused(make):
    pipeline = make().fit(FIRST, Y)
    coefs = pipeline[-1].coefs_[0].copy()
    with pytest.raises(ValueError, match=REFUSED):
        pipeline.fit(SECOND, Y)
    np.testing.assert_array_equal(pipeline[-1].coefs_[0], coefs)
    # the encoder is new by now
    with pytest.raises(ValueError, match=REFUSED):
        pipeline.predict(SECOND)
    pipeline.set_params(**{f"{pipeline.steps[-1][0]}__warm_start": False}).fit(SECOND, Y)
    assert pipeline.predict(SECOND).shape == (12,)


@pytest.mark.parametrize("make", PIPELINES.values(), ids=PIPELINES)
def test_the_same_words_can_be_trained_on_again(make):
    pipeline = make().fit(FIRST, Y)
    assert pipeline.fit(FIRST, Y)[-1].n_iter_ == 2
    # in another order they are the same words
    assert pipeline.fit(FIRST[::-1], Y[::-1])[-1].n_iter_ == 3
    expected = make().set_params(**{f"{pipeline.steps[-1][0]}__warm_start": False})
    assert expected.fit(FIRST, Y)[-1].n_iter_ == 1


def test_the_remedies_of_the_message():
    vocabulary = vocabulary_of(FIRST, SECOND)
    pipeline = multi_hot_pipeline(text=True, warm_start=True, **QUICK)
    pipeline.set_params(encoder__vocabulary=vocabulary).fit(FIRST, Y).fit(SECOND, Y)
    assert pipeline[-1].n_iter_ == 2
    ngrams = text_pipeline(warm_start=True, min_df=1, **QUICK)
    ngrams.set_params(encoder__vocabulary=vocabulary)
    ngrams.set_params(vectorizer__n_buckets=100, vectorizer__count_min_df=1)
    assert ngrams.fit(FIRST, Y).fit(SECOND, Y)[-1].n_iter_ == 2


def test_a_vocabulary_may_grow_at_its_end():
    pipeline = multi_hot_pipeline(text=True, num_words=50, warm_start=True, **QUICK)
    words = {"good": 1, "bad": 2}
    pipeline.set_params(encoder__vocabulary=words).fit(FIRST, Y)
    pipeline.set_params(encoder__vocabulary={**words, "great": 3}).fit(SECOND, Y)
    assert pipeline[-1].n_iter_ == 2
    with pytest.raises(ValueError, match=REFUSED):
        pipeline.set_params(encoder__vocabulary={"bad": 1, "good": 2}).fit(FIRST, Y)


@pytest.mark.parametrize("method", ["partial_fit", "fit", "predict", "predict_proba", "score"])
def test_an_encoder_fitted_again_by_hand_is_noticed(method):
    encoder, vectorizer = WordIndexEncoder(), MultiHotVectorizer(num_words=20)
    model = classifier(warm_start=True)
    model.partial_fit(vectorizer.transform(encoder.fit_transform(FIRST)), Y, classes=[0, 1])
    model.partial_fit(vectorizer.transform(encoder.transform(SECOND)), Y)
    X = vectorizer.transform(encoder.fit_transform(SECOND))
    arguments = (X,) if method.startswith("predict") else (X, Y)
    with pytest.raises(ValueError, match=REFUSED):
        getattr(model, method)(*arguments)
    with pytest.raises(ValueError, match=r"^X_val must have the columns"):
        clone(model).fit(vectorizer.transform(encoder.fit_transform(FIRST)), Y, X_val=X, y_val=Y)


def test_a_vectorizer_fitted_again_on_sequences_is_noticed():
    sequences = [[1, 2, 3], [4, 5], [2, 3, 1], [5, 4]] * 3
    others = [[3, 2, 1], [5, 4], [1, 3, 2], [4, 5]] * 3
    pipeline = make_pipeline(
        MultiHotVectorizer(ngram_range=(2, 2), max_features=3), classifier(warm_start=True)
    )
    pipeline.fit(sequences, Y).fit(sequences, Y)
    with pytest.raises(ValueError, match=REFUSED):
        pipeline.fit(others, Y)
    # without n-grams ids are the user's own
    plain = make_pipeline(MultiHotVectorizer(num_words=9), classifier(warm_start=True))
    assert plain.fit(sequences, Y).fit(others, Y)[-1].n_iter_ == 2


def test_a_selector_fitted_again_is_noticed():
    counter = CountVectorizer().fit([*FIRST, *SECOND])
    pipeline = make_pipeline(VocabularySelector(8), classifier(warm_start=True))
    pipeline.fit(counter.transform(FIRST), Y).fit(counter.transform(FIRST), Y)
    with pytest.raises(ValueError, match=REFUSED):
        pipeline.fit(counter.transform(SECOND), Y)


def test_a_scaler_counts_the_same_columns_only():
    encoder, vectorizer = WordIndexEncoder(), MultiHotVectorizer(num_words=20)
    scaler = LogCountRatioScaler()
    scaler.partial_fit(vectorizer.transform(encoder.fit_transform(FIRST)), Y, classes=[0, 1])
    X = vectorizer.transform(encoder.fit_transform(SECOND))
    with pytest.raises(ValueError, match=REFUSED):
        scaler.partial_fit(X, Y)
    with pytest.raises(ValueError, match=REFUSED):
        scaler.transform(X)


def test_a_table_of_pandas_is_noticed_too():
    pipeline = with_vectorizer(num_words=20, sparse_output=False).set_output(transform="pandas")
    pipeline.fit(pd.Series(FIRST), Y).fit(pd.Series(FIRST), Y)
    with pytest.raises(ValueError, match=REFUSED):
        pipeline.fit(pd.Series(SECOND), Y)


@pytest.mark.parametrize("name", ["multi_hot_pipeline", "text_pipeline"])
@pytest.mark.parametrize("how", ["model file", "pickle"])
def test_a_loaded_model_knows_its_words(name, how, tmp_path):
    pipeline = PIPELINES[name]().fit(FIRST, Y)
    if how == "pickle":
        loaded = pickle.loads(pickle.dumps(pipeline))
    else:
        loaded = load_model(save_model(pipeline, tmp_path / "m.skimdb"))
    expected = pipeline.predict_proba(SECOND)
    np.testing.assert_array_equal(loaded.predict_proba(SECOND), expected)
    assert loaded.fit(FIRST, Y)[-1].n_iter_ == 2
    with pytest.raises(ValueError, match=REFUSED):
        loaded.fit(SECOND, Y)


def test_a_pipeline_fitted_to_a_stream_knows_its_words():
    pipeline = multi_hot_pipeline(text=True, num_words=20, **QUICK)
    fit_stream(pipeline, lambda: [(FIRST, Y)])
    pipeline.predict(SECOND)
    pipeline.set_params(classifier__warm_start=True)
    with pytest.raises(ValueError, match=REFUSED):
        pipeline.fit(SECOND, Y)


def test_what_is_not_known_is_not_refused():
    encoder, vectorizer = WordIndexEncoder(), MultiHotVectorizer(num_words=20)
    X = vectorizer.transform(encoder.fit_transform(FIRST))
    model = classifier(warm_start=True).fit(X, Y)
    # rows of the user's own, and sequences
    assert model.fit(X.copy(), Y).fit(X[:4], Y[:4]).n_iter_ == 3
    lists = [ids.tolist() for ids in WordIndexEncoder().fit_transform(SECOND)]
    assert model.predict(vectorizer.transform(lists)).shape == (12,)
