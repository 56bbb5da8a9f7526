"""text_pipeline: from raw texts of any kind to classes, with settings that hold for all."""

import pickle

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.metrics import recall_score
from sklearn.model_selection import GridSearchCV, cross_val_score, train_test_split

from skimdb import (
    DenseClassifier,
    LogCountRatioScaler,
    MultiHotVectorizer,
    WordIndexEncoder,
    text_pipeline,
)
from skimdb.datasets import fetch_imdb, load_sample_reviews

# a few steps, for what does not need to be learned well
QUICK = {"units": 4, "epochs": 2, "random_state": 0}
NEW_TEXTS = ["A wonderful, moving film! I loved it.", "What a dull mess: a waste of time.", ""]


@pytest.fixture(scope="module")
def reviews():
    """The sample's texts and labels, to train on and to test on."""
    X, y = load_sample_reviews(return_X_y=True)
    return train_test_split(X, y, test_size=100, stratify=y, random_state=0)


@pytest.fixture(scope="module")
def fitted(reviews):
    X, _, y, _ = reviews
    return text_pipeline(random_state=0).fit(X, y)


@pytest.fixture(scope="module")
def topics():
    """Short texts of three topics in several languages."""
    words = {
        "food": "Pizza Käse 寿司 хлеб délicieux tasty 🍕 cook'n eat",
        "sport": "goal Fußball 足球 гонка équipe team ⚽ run won",
        "music": "song Gitarre 音楽 песня guitare loud 🎸 rock'n sing",
    }
    rng = np.random.default_rng(0)
    texts, labels = [], []
    for _ in range(40):
        for label, known in words.items():
            chosen = rng.choice([*known.split(), *["the", "a", "of", "is", "not", "!"]], size=8)
            texts.append(" ".join(chosen))
            labels.append(label)
    return texts, labels


# --- steps and parameters ---------------------------------------------------------------------


def test_steps_are_public_estimators():
    pipeline = text_pipeline()
    assert [(name, type(step)) for name, step in pipeline.steps] == [
        ("encoder", WordIndexEncoder),
        ("vectorizer", MultiHotVectorizer),
        ("scaler", LogCountRatioScaler),
        ("classifier", DenseClassifier),
    ]
    assert pipeline["encoder"].analyzer == "word"
    assert pipeline["vectorizer"].ngram_range == (1, 3)
    assert pipeline["vectorizer"].min_df == "auto"
    assert pipeline["vectorizer"].count_min_df == 0.02
    assert pipeline["classifier"].units == "auto"
    assert pipeline["classifier"].epochs == pipeline["classifier"].batch_size == "auto"


def test_parameters_reach_their_steps():
    pipeline = text_pipeline(
        analyzer=str.split,
        ngram_range=(1, 2),
        min_df=3,
        units=(8, 4),
        dropout=0.25,
        learning_rate=0.01,
        learning_rate_schedule="cosine",
        epochs=7,
        batch_size=9,
        class_weight="balanced",
        random_state=5,
        l2=0.5,
    )
    parameters = pipeline.get_params()
    expected = {
        "encoder__analyzer": str.split,
        "vectorizer__ngram_range": (1, 2),
        "vectorizer__min_df": 3,
        "classifier__units": (8, 4),
        "classifier__dropout": 0.25,
        "classifier__learning_rate": 0.01,
        "classifier__learning_rate_schedule": "cosine",
        "classifier__epochs": 7,
        "classifier__batch_size": 9,
        "classifier__class_weight": "balanced",
        "classifier__random_state": 5,
        "classifier__l2": 0.5,
    }
    assert {name: parameters[name] for name in expected} == expected
    with pytest.raises(TypeError, match="unit"):
        text_pipeline(unit=3)


# --- what it learns ---------------------------------------------------------------------------


def test_learns_the_sample(fitted, reviews):
    _, X_test, _, y_test = reviews
    assert fitted.score(X_test, y_test) > 0.9
    assert fitted.predict(NEW_TEXTS[:2]).tolist() == [1, 0]
    probabilities = fitted.predict_proba(NEW_TEXTS)
    assert probabilities.shape == (3, 2)
    # a text without words has a probability too
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-6)


def test_each_step_takes_what_the_one_before_gives(fitted):
    ids = fitted["encoder"].transform(NEW_TEXTS)
    X = fitted["scaler"].transform(fitted["vectorizer"].transform(ids))
    assert X.format == "csr"
    assert X.dtype == np.float32
    expected = fitted["classifier"].predict_proba(X)
    np.testing.assert_array_equal(fitted.predict_proba(NEW_TEXTS), expected)
    assert fitted["scaler"].scale_.shape == (fitted["classifier"].n_features_in_,)


def test_names_of_the_columns_are_words_and_ngrams(fitted, reviews):
    X, *_ = reviews
    names = fitted[:-1].get_feature_names_out()
    assert len(names) == len({*names}) == fitted["classifier"].n_features_in_
    assert {"<start>", "!", "great", "waste", "waste of", "waste of time"} <= {*names}
    assert max(len(name.split()) for name in names) == 3
    # every n-gram stands in as many texts as CountVectorizer finds
    counter = CountVectorizer(token_pattern=r"\w+(?:'\w+)*|[!?]", ngram_range=(1, 3), binary=True)
    totals = counter.fit_transform(X).sum(axis=0).A1
    expected = dict(zip(counter.get_feature_names_out(), totals.tolist(), strict=True))
    texts_with = (fitted[:2].transform(X) > 0).sum(axis=0).A1
    found = dict(zip(names, texts_with.tolist(), strict=True))
    own = {name: n for name, n in found.items() if "<start>" not in name}
    assert own == expected
    # a positive word is one of the second class
    scale = dict(zip(names, fitted["scaler"].scale_, strict=True))
    assert scale["waste of time"] < 0 < scale["great"]


def test_an_unknown_word_does_not_join_its_neighbours():
    texts = ["good film bad play", "good play bad film"] * 5
    pipeline = text_pipeline(**QUICK).fit(texts, [0, 1] * 5)
    names = pipeline[:-1].get_feature_names_out()
    (row,) = pipeline[:-1].transform(["good unheard film"]).toarray()
    assert sorted(names[row != 0]) == sorted(set(names[row != 0]) - {"good film"})
    (known,) = pipeline[:-1].transform(["good film"]).toarray()
    assert known[names.tolist().index("good film")] != 0


def test_three_classes_in_several_languages(topics):
    texts, labels = topics
    pipeline = text_pipeline(random_state=0)
    assert cross_val_score(pipeline, texts, labels, cv=3).mean() > 0.95
    pipeline.fit(texts, labels)
    assert pipeline.classes_.tolist() == ["food", "music", "sport"]
    assert pipeline.predict(["寿司 Käse", "音楽!", "equipe équipe ⚽"]).tolist() == [
        "food",
        "music",
        "sport",
    ]
    assert pipeline.predict_proba(["хлеб"]).shape == (1, 3)


@pytest.mark.parametrize(
    "parameters",
    [
        {"analyzer": "keras"},
        {"analyzer": "char", "ngram_range": (2, 4)},
        {"analyzer": str.split, "ngram_range": (1, 1), "min_df": 2},
        {"units": (8, 8), "learning_rate_schedule": "cosine", "dropout": 0},
    ],
    ids=["keras", "char", "function", "network"],
)
def test_other_settings_learn_too(parameters, reviews):
    X, X_test, y, y_test = reviews
    pipeline = text_pipeline(epochs=20, random_state=0, **parameters).fit(X, y)
    assert pipeline.score(X_test, y_test) > 0.8


def test_a_rare_class_gains_from_its_weight(reviews):
    X, X_test, y, y_test = reviews
    rows = np.concatenate([np.flatnonzero(y == 0), np.flatnonzero(y == 1)[:15]])
    recalls = []
    for class_weight in (None, {0: 1, 1: 10}, "balanced"):
        pipeline = text_pipeline(epochs=5, class_weight=class_weight, random_state=0)
        predicted = pipeline.fit(X[rows], y[rows]).predict(X_test)
        recalls.append(recall_score(y_test, predicted))
    assert min(recalls[1:]) > recalls[0]


def test_few_texts_are_enough_to_fit():
    pipeline = text_pipeline(random_state=0).fit(["good", "bad"], ["+", "-"])
    assert pipeline.predict(["good", "bad"]).tolist() == ["+", "-"]


def test_errors_come_from_the_step_that_finds_them():
    with pytest.raises(TypeError, match=r"X must hold texts \(str\), got int in row 0"):
        text_pipeline().fit([1, 2], [0, 1])
    with pytest.raises(ValueError, match="y must hold at least two classes"):
        text_pipeline().fit(["a", "b"], [1, 1])
    with pytest.raises(ValueError, match="max_df must not be below min_df for 2 sequences"):
        text_pipeline(min_df=5).fit(["a", "b c d e f"], [0, 1])


# --- in a search, again, elsewhere ------------------------------------------------------------


def test_a_search_over_the_settings(reviews):
    X, X_test, y, y_test = reviews
    grid = {
        "classifier__epochs": [1, 20],
        "classifier__units": [2, (8, 8)],
        "classifier__batch_size": [16, "auto"],
    }
    search = GridSearchCV(text_pipeline(random_state=0), grid, cv=2, error_score="raise")
    search.fit(X, y)
    scores = search.cv_results_["mean_test_score"]
    assert len(scores) == 8
    epochs = search.cv_results_["param_classifier__epochs"].astype(int)
    assert scores[epochs == 20].mean() > scores[epochs == 1].mean()
    assert search.best_params_["classifier__epochs"] == 20
    assert search.score(X_test, y_test) > 0.85


def test_the_same_seed_gives_the_same_predictions(reviews):
    X, X_test, y, _ = reviews
    pipeline = text_pipeline(**QUICK)
    first = pipeline.fit(X, y).predict_proba(X_test)
    np.testing.assert_array_equal(pipeline.fit(X, y).predict_proba(X_test), first)
    np.testing.assert_array_equal(clone(pipeline).fit(X, y).predict_proba(X_test), first)
    other = clone(pipeline).set_params(classifier__random_state=1).fit(X, y)
    assert (other.predict_proba(X_test) != first).any()


def test_one_text_is_predicted_as_many_are(fitted, reviews):
    _, X_test, _, _ = reviews
    one_by_one = np.vstack([fitted.predict_proba([text]) for text in X_test[:20]])
    np.testing.assert_allclose(fitted.predict_proba(X_test)[:20], one_by_one, rtol=1e-5)
    # more than 2**16 characters are encoded by other code
    many = fitted.predict_proba([*X_test] * 5)
    np.testing.assert_allclose(many[:20], one_by_one, rtol=1e-5)


def test_clones_and_pickles(fitted, reviews):
    _, X_test, _, _ = reviews
    unfitted = clone(fitted)
    assert repr(unfitted.get_params()) == repr(text_pipeline(random_state=0).get_params())
    assert not hasattr(unfitted["encoder"], "vocabulary_")
    loaded = pickle.loads(pickle.dumps(fitted))
    expected = fitted.predict_proba(X_test)
    np.testing.assert_array_equal(loaded.predict_proba(X_test), expected)
    names = loaded[:-1].get_feature_names_out()
    np.testing.assert_array_equal(names, fitted[:-1].get_feature_names_out())


@pytest.mark.slow
def test_reaches_its_accuracy_on_imdb(imdb_home):
    options = {"as_text": True, "data_home": imdb_home, "return_X_y": True}
    X, y = fetch_imdb(subset="train", **options)
    X_test, y_test = fetch_imdb(subset="test", **options)
    pipeline = text_pipeline(random_state=0).fit(X, y)
    assert pipeline.score(X_test, y_test) > 0.92
    names = pipeline[:-1].get_feature_names_out()
    assert {"not worth watching", "don't", "!"} <= {*names}
