"""WordIndexEncoder: any text gives what Keras's rule gives and comes back; the rest is refused."""

import pickle
from collections import Counter

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st
from property_cases import REFUSED, given_or_refused, no_misuse, nonsense, scaled

from skimdb import WordIndexEncoder
from skimdb._word_index import FEW_TEXTS, KERAS_FILTERS

PARAMETERS = [
    "vocabulary",
    "num_words",
    "skip_top",
    "start_char",
    "oov_char",
    "index_from",
    "lowercase",
    "filters",
]
VOCABULARY = {"the": 1, "film": 2, "great": 3}

# lone surrogates and NUL among them
any_text = st.text(st.characters(), max_size=30)
letters = st.sampled_from("aAbZ\0é字ÀİßΣ🎬'\ud800\udc80\x85\xa0\u2003\r\v.,\t\n")
wordy = st.lists(st.text(letters, max_size=20), max_size=12).map(" ".join)
texts = st.lists(any_text | wordy, min_size=1, max_size=5)
small_ids = st.integers(0, 12)


def words_of(text, filters=KERAS_FILTERS, lowercase=True):
    """The words of a text by Keras's rule, character by character."""
    cleaned = ""
    for char in text:
        if char in filters:
            char = " "
        elif lowercase and "A" <= char <= "Z":
            char = chr(ord(char) + 32)
        cleaned += char
    return [word for word in cleaned.split(" ") if word]


def encoded(words, vocabulary, num_words, skip_top, start_char, oov_char, index_from):
    """The ids of words by the rule of keras.datasets.imdb.load_data."""
    ids = [] if start_char is None else [start_char]
    ids += [vocabulary[word] + index_from for word in words if word in vocabulary]
    kept = []
    for number in ids:
        if number >= skip_top and (num_words is None or number < num_words):
            kept.append(number)
        elif oov_char is not None:
            kept.append(oov_char)
    return kept


def lists(sequences):
    return [ids.tolist() for ids in sequences]


def learned(all_words):
    counts = Counter(all_words)
    in_order = sorted(counts, key=lambda word: (-counts[word], word))
    return {word: rank for rank, word in enumerate(in_order, start=1)}


@pytest.mark.parametrize("repeats", [1, FEW_TEXTS])
@scaled(150)
@given(
    texts,
    texts,
    st.text(letters, max_size=4) | st.just(KERAS_FILTERS),
    st.booleans(),
    st.fixed_dictionaries(
        {
            "num_words": st.none() | st.integers(1, 20) | st.just(10**30),
            "skip_top": small_ids | st.just(10**30),
            "start_char": st.none() | small_ids | st.just(2**31 - 1),
            "oov_char": st.none() | small_ids | st.just(2**31 - 1),
            "index_from": small_ids,
        }
    ),
)
def test_encodes_by_keras_rule(repeats, known, new, filters, lowercase, options):
    known_words = [words_of(text, filters, lowercase) for text in known]
    vocabulary = learned(word for words in known_words for word in words)
    assume(vocabulary)
    encoder = WordIndexEncoder(filters=filters, lowercase=lowercase, **options)
    with no_misuse():
        # few texts and many are looked up in two ways
        sequences = encoder.fit(known).transform((known + new) * repeats)
    assert encoder.vocabulary_ == vocabulary
    expected = [
        encoded(words_of(text, filters, lowercase), vocabulary, **options) for text in known + new
    ]
    assert lists(sequences) == expected * repeats
    assert {ids.dtype for ids in sequences} == {np.dtype(np.int32)}
    copy = pickle.loads(pickle.dumps(encoder))
    assert copy.vocabulary_ == vocabulary
    assert lists(copy.transform(known + new)) == expected


@scaled(150)
@given(texts)
def test_text_comes_back_as_its_known_words(texts):
    words = [words_of(text) for text in texts]
    assume(any(words))
    encoder = WordIndexEncoder(start_char=None)
    decoded = encoder.inverse_transform(encoder.fit_transform(iter(texts)))
    assert decoded.tolist() == [" ".join(part) for part in words]
    # and from there the same ids again
    assert lists(encoder.transform(decoded)) == lists(encoder.transform(texts))


@scaled(150)
@given(texts, st.lists(st.lists(st.integers(0, 40) | st.just(2**62), max_size=9), min_size=1))
def test_ids_come_back_as_far_as_they_are_words(texts, sequences):
    encoder = WordIndexEncoder()
    assume(any(words_of(text) for text in texts))
    decoded = encoder.fit(texts).inverse_transform(sequences)
    known = {rank + 3: word for word, rank in encoder.vocabulary_.items()}
    assert decoded.tolist() == [
        " ".join(known.get(number, "?") for number in ids) for ids in sequences
    ]
    again = encoder.set_params(start_char=None).transform(decoded)
    assert lists(again) == [[number for number in ids if number in known] for ids in sequences]


FORMS = {
    "tuple": tuple,
    "generator": iter,
    "dict values": lambda texts: dict(enumerate(texts)).values(),
    "dict keys": lambda texts: dict.fromkeys(texts).keys(),
    "object array": lambda texts: np.array(texts, dtype=object),
    "array": np.array,
    "NumPy texts": lambda texts: [np.str_(text) for text in texts],
    "Series": pd.Series,
    "Index": pd.Index,
    "categorical": lambda texts: pd.Series(texts, dtype="category"),
    "unmasked": lambda texts: np.ma.array(texts),
}
if hasattr(np.dtypes, "StringDType"):  # since NumPy 2
    FORMS["new text array"] = lambda texts: np.array(texts, dtype=np.dtypes.StringDType())


@pytest.mark.parametrize("form", FORMS)
@scaled(15)
@given(
    st.lists(
        st.text(st.characters(codec="utf-8", exclude_characters="\0")), min_size=1, unique=True
    )
)
def test_any_form_of_texts_gives_the_same(form, texts):
    texts = [*dict.fromkeys(["the great", *texts])]
    with no_misuse():
        result = WordIndexEncoder().fit_transform(FORMS[form](texts))
    assert lists(result) == lists(WordIndexEncoder().fit_transform(texts))


@scaled(15)
@given(st.lists(st.text(st.characters(codec="utf-8")), min_size=1))
def test_columns_of_texts_are_their_texts(texts):
    pl, pa = pytest.importorskip("polars"), pytest.importorskip("pyarrow")
    encoder = WordIndexEncoder(vocabulary=learned(words_of(" ".join(texts))) or VOCABULARY).fit()
    expected = lists(encoder.transform(texts))
    arrow = pa.array(texts, pa.string())
    for X in (
        arrow,
        pa.chunked_array([arrow.slice(0, 1), arrow.slice(1)]),
        pa.array(texts, pa.large_string()),
        arrow.dictionary_encode(),
        pl.Series(texts),
        pl.Series(texts, dtype=pl.Categorical),
        pd.Series(texts, dtype=pd.ArrowDtype(pa.string())),
        pd.Series(texts, dtype="string[python]"),
    ):
        assert lists(encoder.transform(X)) == expected
    with pytest.raises(TypeError, match=r"X must hold texts \(str\), got NoneType in row 1"):
        encoder.transform(pa.array(["the", None]))


# --- nonsense ---------------------------------------------------------------------------------


@scaled(300)
@given(nonsense | st.lists(nonsense, max_size=3))
@example({"the"})
@example([b"the"])
def test_what_is_no_texts_is_refused(X):
    encoder = WordIndexEncoder(vocabulary=VOCABULARY).fit()
    is_texts = isinstance(X, list | tuple) and all(isinstance(text, str) for text in X)
    is_texts |= isinstance(X, np.ndarray) and X.dtype.kind == "T" and X.ndim == 1
    result = given_or_refused(lambda: encoder.transform(X), "X")
    if result is REFUSED:
        assert not is_texts
    else:
        # no text in it has a word that is known
        assert all(ids.tolist() == [1] for ids in result)
    given_or_refused(lambda: WordIndexEncoder().fit_transform(X), "X")


@scaled(200)
@given(nonsense | st.lists(st.lists(nonsense, max_size=2), max_size=2))
def test_what_is_no_ids_is_refused(X):
    encoder = WordIndexEncoder(vocabulary=VOCABULARY).fit()
    result = given_or_refused(lambda: encoder.inverse_transform(X), "X")
    if result is not REFUSED:
        assert set(" ".join(result).split()) <= {*VOCABULARY, "?"}


@pytest.mark.parametrize("name", PARAMETERS)
@scaled(60)
@given(nonsense)
def test_a_parameter_that_makes_no_sense_is_named(name, value):
    encoder = WordIndexEncoder(**{"vocabulary": VOCABULARY, name: value})
    X = ["the great THE film"]
    result = given_or_refused(lambda: encoder.fit_transform(X), name)
    if result is REFUSED:
        return
    options = {
        "num_words": None,
        "skip_top": 0,
        "start_char": 1,
        "oov_char": 2,
        "index_from": 3,
        "lowercase": True,
        "filters": KERAS_FILTERS,
        name: value,
    }
    words = words_of(X[0], options.pop("filters"), bool(options.pop("lowercase")))
    vocabulary = options.pop("vocabulary", VOCABULARY)
    if vocabulary is None:
        vocabulary = {"the": 1, "film": 2, "great": 3}
    assert result[0].tolist() == encoded(words, vocabulary, **options)


def is_hashable(value):
    try:
        hash(value)
    except TypeError:
        return False
    return True


@scaled(100)
@given(
    st.dictionaries(
        st.text(max_size=3) | nonsense.filter(is_hashable),
        st.integers(1, 9) | nonsense,
        max_size=3,
    )
)
def test_a_vocabulary_that_makes_no_sense_is_named(vocabulary):
    result = given_or_refused(lambda: WordIndexEncoder(vocabulary=vocabulary).fit(), "vocabulary")
    if result is not REFUSED:
        assert result.vocabulary_ == vocabulary
        assert {type(rank) for rank in result.vocabulary_.values()} == {int}


@pytest.mark.parametrize("kind", [np.int8, np.uint8, np.int16, np.uint64])
def test_numpys_integers_are_numbers_like_others(kind):
    words = [f"w{i:03}" for i in range(300)]
    small = {
        name: kind(value)
        for name, value in (
            ("index_from", 100),
            ("skip_top", 5),
            ("start_char", 9),
            ("oov_char", 7),
        )
    }
    plain = {name: int(value) for name, value in small.items()}
    with no_misuse():
        encoder = WordIndexEncoder(**small).fit(words)
        ids = encoder.transform([" ".join(words)])
        text = encoder.inverse_transform(ids)
        WordIndexEncoder(vocabulary=encoder.vocabulary_, **small).fit()
    assert ids[0].tolist() == [9, *range(101, 401)]
    assert text[0] == " ".join(["?", *words])
    again = WordIndexEncoder(**plain).fit(words).transform([" ".join(words)])
    assert lists(again) == lists(ids)


@pytest.mark.parametrize("n_texts", [1, FEW_TEXTS])
def test_ids_beyond_32_bits_are_refused(n_texts):
    encoder = WordIndexEncoder(index_from=2**31 - 2)
    assert encoder.fit_transform(["a"] * n_texts)[0].tolist() == [1, 2**31 - 1]
    with pytest.raises(
        ValueError, match="index_from must leave the ids of words up to 2147483647"
    ):
        encoder.fit_transform(["a b a"] * n_texts)


# --- large ------------------------------------------------------------------------------------


def test_a_million_words_texts_and_letters():
    n = 1_000_000
    encoder = WordIndexEncoder(vocabulary={**VOCABULARY, "x" * n: 4}).fit()
    for repeats in (1, FEW_TEXTS):
        sequences = encoder.transform(["the film " * (n // 2 // repeats), "x" * n] * repeats)
        assert len(sequences[0]) == n // 2 // repeats * 2 + 1
        assert sequences[1].tolist() == [1, 7]
    empty = encoder.transform([""] * n)
    assert len(empty) == n
    assert {ids.tobytes() for ids in empty} == {np.int32(1).tobytes()}
    learner = WordIndexEncoder().fit(["\ud800" * n + " the", "the"])
    assert learner.vocabulary_ == {"the": 1, "\ud800" * n: 2}
