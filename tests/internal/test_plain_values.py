"""Values come back from JSON equal and of the same type."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from skimdb._model_format._archive import from_json, to_json
from skimdb._model_format._plain_values import from_plain, to_plain


@given(
    st.lists(st.text(st.characters(exclude_categories=()), min_size=1), min_size=1, unique=True)
)
def test_any_words_come_back(words):
    vocabulary = {word: rank for rank, word in enumerate(words, start=1)}
    plain = from_json(to_json(to_plain(vocabulary, "vocabulary")))
    assert [*from_plain(plain).items()] == [*vocabulary.items()]


leaves = st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters())
trees = st.recursive(
    leaves,
    lambda part: (
        st.lists(part)
        | st.lists(part).map(tuple)
        | st.dictionaries(st.text() | st.integers(), part)
    ),
)


@pytest.mark.slow
@given(trees)
def test_any_plain_value_comes_back(value):
    plain = from_json(to_json(to_plain(value, "value")))
    # repr tells 1 from True and 1.0, and takes NaN for NaN
    assert repr(from_plain(plain)) == repr(value)


@pytest.mark.parametrize(
    ("value", "expected"),
    [(np.int16(3), 3), (np.float32(0.5), 0.5), (np.bool_(True), True), (np.str_("a"), "a")],
)
def test_numbers_of_numpy_become_pythons(value, expected):
    plain = to_plain(value, "value")
    assert plain == expected
    assert type(plain) is type(expected)


@pytest.mark.parametrize(
    "value",
    [object(), np.ones(2), b"a", {1}, 1j, np.longdouble(1), object, np.dtype("O"), np.void],
)
def test_other_values_are_refused_by_name(value):
    with pytest.raises(TypeError, match=r"^the value must be .* to be saved"):
        to_plain([value], "the value")


@pytest.mark.parametrize(
    "plain",
    [{}, {"a": 1, "b": 2}, {"a": 1}, {"float": "1"}, {"code_points": [-1]}, {"dtype": "O"}],
)
def test_objects_without_a_known_type_are_refused(plain):
    with pytest.raises((ValueError, KeyError)):
        from_plain([plain])
