"""Labels of every kind that stands for text or numbers, and those that stand for neither."""

from collections import Counter
from enum import Enum, IntEnum, StrEnum

import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn.model_selection import cross_val_score

from skimdb import DenseClassifier, LogCountRatioScaler, multi_hot_pipeline


class Label(str, Enum):  # noqa: UP042 (StrEnum is another kind, with another str())
    # as many characters as str() has, once cut to the longest value
    FIRST = "positive"
    SECOND = "negative"
    THIRD = "so"


class Plain(StrEnum):
    FIRST = "positive"
    SECOND = "negative"
    THIRD = "so"


class Loud(str):
    """Text that prints as other text."""

    __slots__ = ()

    def __str__(self):
        return "LOUD"


class Number(IntEnum):
    FIRST = 3
    SECOND = 1
    THIRD = 2


class Colour(Enum):
    RED = 1
    BLUE = 2
    GREEN = 3


TEXT = ["positive", "negative", "so"]
TEXT_LABELS = {
    "Enum": [*Label],
    "StrEnum": [*Plain],
    "subclass": [*map(Loud, TEXT)],
    "np.str_": [*map(np.str_, TEXT)],
    "mixed": [Label.FIRST, np.str_("negative"), "so"],
}
NUMBER_LABELS = {
    "int": [3, 1, 2],
    "IntEnum": [*Number],
    "np.int8": [np.int8(3), np.int64(1), np.uint8(2)],
    "float": [3.0, 1.0, 2.0],
    "int and float": [3, 1.0, 2],
}
FORMS = {
    "list": list,
    "tuple": tuple,
    "object array": lambda labels: np.array([*labels, None], dtype=object)[:-1],
    "Series": lambda labels: pd.Series(labels, dtype=object),
    "categories": lambda labels: pd.Series(labels, dtype="category"),
}
X = np.eye(3, dtype=np.float32).repeat(20, axis=0)


def spread(labels):
    """Return 20 of each label, in the order of the rows of X."""
    return [label for label in labels for _ in range(20)]


def classifier(**parameters):
    return DenseClassifier(
        8, **{"epochs": 20, "batch_size": 4, "learning_rate": 0.01, "random_state": 0} | parameters
    )


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
@pytest.mark.parametrize("labels", TEXT_LABELS.values(), ids=TEXT_LABELS)
def test_labels_are_the_text_itself(labels, form):
    y = form(spread(labels))
    fitted = classifier().fit(X, y)
    assert fitted.classes_.tolist() == sorted(TEXT)
    assert {*map(type, fitted.classes_.tolist())} == {str}
    assert fitted.predict(X).tolist() == spread(TEXT)
    assert fitted.score(X, y) == 1
    assert LogCountRatioScaler().fit(X, y).classes_.tolist() == sorted(TEXT)


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
@pytest.mark.parametrize("labels", NUMBER_LABELS.values(), ids=NUMBER_LABELS)
def test_labels_are_the_numbers_themselves(labels, form):
    y = form(spread(labels))
    fitted = classifier().fit(X, y)
    assert fitted.classes_.tolist() == [1, 2, 3]
    assert fitted.predict(X).tolist() == spread([3, 1, 2])
    assert fitted.score(X, y) == 1


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_truth_values_are_labels(form):
    fitted = classifier().fit(X[:40], form(spread([True, False])))
    assert fitted.predict(X[:40]).tolist() == spread([True, False])


def test_members_of_an_enum_everywhere():
    y = spread(Label)
    weights = {Label.FIRST: 3, Label.SECOND: 1, Label.THIRD: 2}
    fitted = classifier(class_weight=weights).fit(X, y, X_val=X, y_val=y)
    plain = classifier(class_weight={label.value: weights[label] for label in weights})
    plain.fit(X, spread(TEXT), X_val=X, y_val=spread(TEXT))
    np.testing.assert_array_equal(fitted.coefs_[0], plain.coefs_[0])
    assert fitted.history_["val_accuracy"][-1] == 1
    part = classifier().partial_fit(X, y, classes=[*Label])
    assert part.classes_.tolist() == sorted(TEXT)
    order = np.random.default_rng(0).permutation(len(y))
    scores = cross_val_score(classifier(), X[order], np.array(spread(TEXT))[order], cv=3)
    shuffled = [y[i] for i in order]
    np.testing.assert_array_equal(cross_val_score(classifier(), X[order], shuffled, cv=3), scores)


def test_members_of_an_enum_in_a_pipeline():
    texts = spread(["one fine film", "a dull mess", "neither nor"])
    pipeline = multi_hot_pipeline(text=True, epochs=20, batch_size=8, random_state=0)
    predicted = pipeline.fit(texts, spread(Label)).predict(texts).tolist()
    assert Counter(predicted) == dict.fromkeys(TEXT, 20)


def test_columns_of_polars():
    y = pl.Series(spread(TEXT))
    assert classifier(epochs=1).fit(X, y).classes_.tolist() == sorted(TEXT)


@pytest.mark.parametrize(
    ("labels", "found"),
    [
        ([*Colour], r"<Colour.RED: 1> in row 0: give the values of the members of an Enum"),
        (["a", None, "b"], "None in row 20"),
        (["a", float("nan"), "b"], "nan in row 20 after 'a'"),
        (["a", 1, "b"], "1 in row 20 after 'a'"),
        ([1, "a", 2], "'a' in row 20 after 1"),
        ([1, None, 2], "None in row 20"),
        ([b"a", b"b", b"c"], "b'a' in row 0"),
        ([1, 2, np.timedelta64(1, "s")], r"np.timedelta64\(1,'s'\) in row [04]"),
    ],
    ids=str,
)
@pytest.mark.parametrize("form", ["list", "object array", "Series"])
def test_labels_of_other_kinds_are_named(labels, found, form):
    y = FORMS[form](spread(labels))
    with pytest.raises(ValueError, match=f"^y must hold labels of one kind, .* got {found}"):
        classifier().fit(X, y)
