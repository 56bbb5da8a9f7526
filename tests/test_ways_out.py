"""Common mistakes: each error or warning names the argument, what came, and what to do."""

import warnings

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import scipy.sparse as sp
from sklearn import config_context
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

from skimdb import (
    DenseClassifier,
    MultiHotVectorizer,
    WordIndexEncoder,
    multi_hot_pipeline,
    text_pipeline,
)

TEXTS = ["a good film", "a bad film", "fine, good play", "a poor bad play"] * 5
Y = [1, 0, 1, 0] * 5
QUICK = {"units": 4, "epochs": 1, "random_state": 0}


# --- texts and sequences in place of each other -----------------------------------------------


@pytest.mark.parametrize(
    "form",
    [
        list,
        tuple,
        np.array,
        lambda texts: np.array(texts, dtype=object),
        pd.Series,
        pl.Series,
        pa.array,
        lambda texts: [text.split() for text in texts],
        lambda texts: pd.DataFrame({"text": texts}),
        lambda texts: np.array(texts)[:, np.newaxis],
        lambda texts: texts[0],
    ],
    ids=[
        "list",
        "tuple",
        "array",
        "objects",
        "pandas",
        "polars",
        "Arrow",
        "words",
        "table",
        "column",
        "text",
    ],
)
def test_texts_in_place_of_ids_name_the_encoder(form):
    with pytest.raises((TypeError, ValueError), match=r"^X .*WordIndexEncoder.*text=True"):
        multi_hot_pipeline(**QUICK).fit(form(TEXTS), Y)


@pytest.mark.parametrize("form", [list, np.array, lambda rows: [*map(tuple, rows)]])
def test_ids_in_place_of_texts_name_the_encoder(form):
    rows = form([[1, 2], [3, 4]] * 10)
    with pytest.raises((TypeError, ValueError), match=r"^X .*need no WordIndexEncoder"):
        multi_hot_pipeline(text=True, **QUICK).fit(rows, Y)


@pytest.mark.parametrize(
    ("X", "column"),
    [
        (pd.DataFrame({"a b": TEXTS, "c": TEXTS}), r'df\["a b"\]'),
        (pd.DataFrame({7: TEXTS, 8: Y}), r"df\[7\]"),
        (pl.DataFrame({"review": TEXTS, "c": TEXTS}), r'df\["review"\]'),
        (pa.table({"review": TEXTS, "c": TEXTS}), r'df\["review"\]'),
        (np.array([TEXTS, TEXTS]).T, r"X\[:, 0\]"),
        (np.array([TEXTS, Y], dtype=object).T, r"X\[:, 0\]"),
    ],
    ids=["pandas", "numbers", "polars", "Arrow", "array", "objects"],
)
def test_texts_in_two_columns_name_one(X, column):
    expected = f"^X must have one column, .* got 2 columns: choose one, such as {column}, or .*"
    fitted = text_pipeline(**QUICK).fit(TEXTS, Y)
    for call in (lambda: WordIndexEncoder().fit(X), lambda: fitted.predict(X)):
        with pytest.raises(ValueError, match=expected):
            call()


@pytest.mark.parametrize(
    "X", [pd.DataFrame(index=range(20)), pl.DataFrame(), np.empty((20, 0), dtype=object)]
)
def test_a_table_without_columns_holds_no_texts(X):
    with pytest.raises(ValueError, match=r"^X must have one column, of texts, got 0 columns\.$"):
        multi_hot_pipeline(text=True).fit(X, Y)


@pytest.mark.parametrize("missing", [None, np.nan, float("nan"), pd.NA, pd.NaT], ids=str)
@pytest.mark.parametrize(
    "form",
    [
        list,
        pd.Series,
        lambda texts: pd.DataFrame({"text": texts}),
        lambda texts: np.array(texts, dtype=object),
        lambda texts: np.array(texts, dtype=object)[:, np.newaxis],
    ],
)
def test_a_missing_text_is_named(missing, form):
    X = form([*TEXTS[:2], missing, *TEXTS[3:]])
    for model in (WordIndexEncoder(), text_pipeline()):
        with pytest.raises(TypeError, match=r'^X must hold texts .* in row 2, .*fillna\(""\)'):
            model.fit(X, Y)


@pytest.mark.parametrize(
    "form",
    [
        pl.Series,
        pa.array,
        lambda texts: pd.Series(texts, dtype="str"),
        lambda texts: pl.DataFrame({"text": texts}),
    ],
)
def test_a_missing_text_of_a_column_is_named(form):
    with pytest.raises(TypeError, match=r'^X must hold texts .* in row 1, .*fillna\(""\)'):
        WordIndexEncoder().fit(form(["a", None]))


@pytest.mark.parametrize("form", [list, np.array, pd.Series, pl.Series])
def test_bytes_are_to_be_decoded(form):
    X = form([text.encode() for text in TEXTS])
    with pytest.raises(TypeError, match=r"^X must hold texts .* got bytes.* in row 0: decode it"):
        WordIndexEncoder().fit(X)


@pytest.mark.parametrize(
    "X",
    [
        np.array([[1, 2], [3, 4]], dtype=object),
        [np.array([1, 2], dtype=object), [3, 4]],
        pd.Series([np.array([1, 2], dtype=object), np.array([3, 4], dtype=object)]),
    ],
    ids=["array", "rows", "Series"],
)
def test_ids_may_be_objects(X):
    expected = MultiHotVectorizer(num_words=9).transform([[1, 2], [3, 4]])
    assert (MultiHotVectorizer(num_words=9).transform(X) != expected).nnz == 0


# --- validation texts in a pipeline -----------------------------------------------------------


@pytest.mark.filterwarnings("ignore:X has feature names")
@pytest.mark.parametrize(
    ("make", "X_val"),
    [
        (lambda: multi_hot_pipeline(text=True, **QUICK), TEXTS[:4]),
        (lambda: multi_hot_pipeline(text=True, **QUICK), pd.Series(TEXTS[:4])),
        (lambda: text_pipeline(**QUICK), np.array(TEXTS[:4])),
        (lambda: text_pipeline(**QUICK), np.array(TEXTS[:4], dtype=object)),
        (lambda: text_pipeline(**QUICK), pd.DataFrame({"text": TEXTS[:4]})),
    ],
    ids=["list", "Series", "array", "objects", "table"],
)
def test_validation_texts_name_transform_input(make, X_val):
    validation = {"classifier__X_val": X_val, "classifier__y_val": Y[:4]}
    with pytest.raises((TypeError, ValueError), match=r'^X_val.*transform_input=\["X_val"\]'):
        make().fit(TEXTS, Y, **validation)


@pytest.mark.parametrize("form", [list, lambda rows: np.array([*rows, None], dtype=object)[:-1]])
def test_validation_sequences_name_transform_input(form):
    sequences = [[1, 2], [3], [1, 4, 2], [5]] * 5
    validation = {"classifier__X_val": form(sequences[:4]), "classifier__y_val": Y[:4]}
    with pytest.raises((TypeError, ValueError), match=r'^X_val.*transform_input=\["X_val"\]'):
        multi_hot_pipeline(num_words=9, **QUICK).fit(sequences, Y, **validation)


@pytest.mark.parametrize("X_val", [np.zeros((4, 3)), sp.csr_array((4, 3))], ids=["dense", "CSR"])
def test_validation_rows_of_numbers_are_taken_for_such(X_val):
    with pytest.raises(ValueError, match=r"X_val.*3 features") as error:
        DenseClassifier(**QUICK).fit(np.eye(20), Y, X_val=X_val, y_val=Y[:4])
    assert "transform_input" not in str(error.value)


@pytest.mark.parametrize("early_stopping", [False, True])
@pytest.mark.parametrize(
    "make",
    [text_pipeline, lambda **options: multi_hot_pipeline(text=True, **options)],
    ids=["text_pipeline", "multi_hot_pipeline"],
)
def test_a_pipeline_transforms_validation_texts(make, early_stopping):
    options = {**QUICK, "epochs": 3, "early_stopping": early_stopping}
    with config_context(enable_metadata_routing=True):
        pipeline = make(**options).set_params(transform_input=["X_val"])
        pipeline["classifier"].set_fit_request(X_val=True, y_val=True)
        pipeline.fit(TEXTS, Y, X_val=TEXTS[:4], y_val=Y[:4])
        clone(pipeline).fit(TEXTS, Y, X_val=TEXTS[:4], y_val=Y[:4])
    steps = make(**options)
    X = steps[:-1].fit_transform(TEXTS, Y)
    steps[-1].fit(X, Y, X_val=steps[:-1].transform(TEXTS[:4]), y_val=Y[:4])
    assert len(pipeline["classifier"].history_["val_loss"]) == pipeline["classifier"].n_iter_
    assert pipeline["classifier"].history_ == steps[-1].history_


# --- parameters -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ("optimizer__learning_rate", "learning_rate"),
        ("optimizer__lr", "learning_rate"),
        ("optimizer__momentum", "momentum"),
        ("model__units", "units"),
        ("model__dropout", "dropout"),
        ("model__dropout_rate", "dropout"),
        ("model__hidden_layer_sizes", "units"),
        ("fit__batch_size", "batch_size"),
        ("fit__epochs", "epochs"),
        ("callbacks__patience", "n_iter_no_change"),
        ("fit__validation_split", "validation_fraction"),
    ],
)
def test_the_names_of_scikeras_lead_to_the_own_ones(given, name):
    message = f"^{given} is no parameter of DenseClassifier: set {name} itself"
    with pytest.raises(ValueError, match=message):
        DenseClassifier().set_params(**{given: 1})
    pipeline = multi_hot_pipeline(text=True, **QUICK)
    with pytest.raises(ValueError, match=message):
        pipeline.set_params(**{f"classifier__{given}": 1})
    search = GridSearchCV(pipeline, {f"classifier__{given}": [1, 2]}, cv=2)
    with pytest.raises(ValueError, match=message):
        search.fit(TEXTS, Y)


def test_other_unknown_parameters_are_named():
    with pytest.raises(
        ValueError, match=r"give optimizer as an instance of Keras's, with .*clipnorm"
    ):
        DenseClassifier().set_params(optimizer__clipnorm=1)
    with pytest.raises(
        ValueError, match=r"model__depth is no parameter .*its parameters are activation"
    ):
        DenseClassifier().set_params(model__depth=1)
    with pytest.raises(ValueError, match="Invalid parameter 'depth'"):
        DenseClassifier().set_params(depth=1)
    assert DenseClassifier().set_params(units=3, epochs=2).get_params()["units"] == 3


@pytest.mark.parametrize(
    ("of_encoder", "of_vectorizer", "effect"),
    [
        (500, 10_000, "the columns from 500 on stay empty"),
        (10_000, 500, "the ids from 500 on are left out"),
        (8, 9, "the columns from 8 on stay empty"),
    ],
)
def test_numbers_of_words_that_contradict_each_other(of_encoder, of_vectorizer, effect):
    pipeline = multi_hot_pipeline(text=True, **QUICK)
    pipeline.set_params(encoder__num_words=of_encoder, vectorizer__num_words=of_vectorizer)
    numbers = f"{of_vectorizer} in the MultiHotVectorizer and {of_encoder} in the WordIndexEncoder"
    with pytest.warns(UserWarning, match=f"num_words is {numbers} .*{effect}"):
        pipeline.fit(TEXTS, Y)
    steps = make_pipeline(*(clone(step) for _, step in pipeline.steps[:2]))
    with pytest.warns(UserWarning, match=f"num_words is {numbers}"):
        steps.fit(TEXTS)


@pytest.mark.parametrize(
    "parameters",
    [
        {"encoder__num_words": 500, "vectorizer__num_words": 500},
        {"encoder__num_words": None, "vectorizer__num_words": 500},
        {"encoder__num_words": 500, "vectorizer__num_words": None},
        {
            "encoder__num_words": 10_000,
            "vectorizer__num_words": 500,
            "vectorizer__handle_unknown": "oov",
        },
    ],
    ids=str,
)
def test_numbers_of_words_that_agree(parameters):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        multi_hot_pipeline(text=True, **QUICK).set_params(**parameters).fit(TEXTS, Y)


def test_the_number_of_words_counts_the_marks():
    """As the docstring of multi_hot_pipeline says: 0 to 3 stand for no word."""
    pipeline = multi_hot_pipeline(text=True, num_words=6, **QUICK).fit(TEXTS, Y)
    names = pipeline[:-1].get_feature_names_out().tolist()
    assert names == ["id0", "<start>", "<oov>", "id3", "a", "bad"]
