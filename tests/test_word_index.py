"""WordIndexEncoder: any text gives what Keras's rule gives and comes back; the rest is refused."""
# ruff: noqa: RUF001 (texts in many scripts have letters that look alike)

import copy
import io
import json
import pickle
import re
import string
import subprocess
import sys
import unicodedata
from collections import Counter, OrderedDict
from concurrent.futures import ThreadPoolExecutor
from threading import Event
from time import perf_counter

import joblib
import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from hypothesis import assume, example, given
from hypothesis import strategies as st
from property_cases import REFUSED, given_or_refused, no_misuse, nonsense, scaled
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.feature_extraction.text import (
    CountVectorizer,
    strip_accents_ascii,
    strip_accents_unicode,
)
from sklearn.utils import estimator_checks, shuffle

from skimdb import MultiHotVectorizer, WordIndexEncoder
from skimdb.datasets import fetch_imdb, fetch_word_index

KERAS_FILTERS = '!"#$%&()*+,-./:;<=>?@[\\]^_`{|}~\t\n'
VOCABULARY = {"the": 1, "film": 2, "great": 3, "don't": 4, "Ángela": 5}
DEFAULTS = {
    "vocabulary": None,
    "num_words": None,
    "skip_top": 0,
    "start_char": 1,
    "oov_char": 2,
    "handle_unknown": "ignore",
    "index_from": 3,
    "analyzer": "keras",
    "lowercase": True,
    "filters": KERAS_FILTERS,
    "strip_accents": None,
}
# Texts of more than 2**16 characters are encoded by other code, once it is loaded. This text
# makes so many of any texts, and has no words.
PADDING = " " * (2**16 + 1)

# lone surrogates and NUL among them
any_text = st.text(st.characters(), max_size=30)
letters = st.sampled_from("aAbZ\0é字ÀİßΣ🎬'\ud800\udc80\x85\xa0\u2003\r\v.,\t\n")
wordy = st.lists(st.text(letters, max_size=20), max_size=12).map(" ".join)
texts = st.lists(any_text | wordy, min_size=1, max_size=5)
small_ids = st.integers(0, 12)


@pytest.fixture(scope="module", autouse=True)
def kernels():
    """Load the code for many characters, as anything that needs it does."""
    MultiHotVectorizer(ngram_range=(1, 2)).fit([[1, 2]])


def encode(texts, **parameters):
    encoder = WordIndexEncoder(vocabulary=VOCABULARY, **parameters).fit()
    return to_lists(encoder.transform(texts))


def to_lists(sequences):
    return [ids.tolist() for ids in sequences]


def words_of(text, filters=KERAS_FILTERS, lowercase=True):
    """The words of a text by Keras's rule, character by character; carriage returns separate."""
    cleaned = ""
    for char in text.replace("\r\n", "\r"):
        if char in filters + "\r":
            char = " "
        elif lowercase and "A" <= char <= "Z":
            char = chr(ord(char) + 32)
        cleaned += char
    return [word for word in cleaned.split(" ") if word]


def ids_of(
    words, vocabulary, num_words, skip_top, start_char, oov_char, index_from, handle_unknown
):
    """The ids of words by the rule of keras.datasets.imdb.load_data."""
    ids = [] if start_char is None else [start_char]
    for word in words:
        if word in vocabulary:
            ids.append(vocabulary[word] + index_from)
        elif handle_unknown == "oov":
            ids.append(None)
    kept = []
    for number in ids:
        if number is not None and skip_top <= number < (num_words or float("inf")):
            kept.append(number)
        elif oov_char is not None:
            kept.append(oov_char)
    return kept


def rank(words):
    """The ranks of words by frequency, equally frequent ones by alphabet."""
    counts = Counter(words)
    in_order = sorted(counts, key=lambda word: (-counts[word], word))
    return {word: rank for rank, word in enumerate(in_order, start=1)}


def test_default_parameters():
    assert WordIndexEncoder().get_params() == DEFAULTS


def test_keras_convention():
    assert encode(["The film: GREAT!", "unknown words", "", "don't<br />film"]) == [
        [1, 4, 5, 6],
        [1],
        [1],
        [1, 7, 5],
    ]
    sequences = WordIndexEncoder(vocabulary=VOCABULARY).fit_transform(["the", "film"])
    assert sequences.dtype == object
    assert sequences.shape == (2,)
    assert sequences[0].dtype == np.int32


def test_lower_case_is_for_ascii_letters_alone():
    assert encode(["Ángela ángela THE"]) == [[1, 8, 4]]
    assert encode(["the THE"], lowercase=False) == [[1, 4]]


def test_cut_off_words():
    texts = ["the film great don't"]
    assert encode(texts, num_words=6) == [[1, 4, 5, 2, 2]]
    assert encode(texts, num_words=6, oov_char=None) == [[1, 4, 5]]
    # as in Keras, the start mark is an id like the others
    assert encode(texts, skip_top=5) == [[2, 2, 5, 6, 7]]
    assert encode(texts, skip_top=5, oov_char=9, num_words=7) == [[9, 9, 5, 6, 9]]


def test_unknown_words():
    texts = ["the new film", "new"]
    assert encode(texts) == [[1, 4, 5], [1]]
    assert encode(texts, handle_unknown="oov") == [[1, 4, 2, 5], [1, 2]]
    assert encode(texts, handle_unknown="oov", oov_char=9, skip_top=5) == [[9, 9, 9, 5], [9, 9]]
    assert encode(texts, handle_unknown="oov", oov_char=None) == [[1, 4, 5], [1]]
    # the words of fit are known
    learned = WordIndexEncoder(handle_unknown="oov").fit_transform(texts)
    assert to_lists(learned) == [[1, 6, 4, 5], [1, 4]]


def test_start_and_offset():
    assert encode(["the film"], start_char=None, index_from=0) == [[1, 2]]
    assert encode(["the", ""], start_char=None) == [[4], []]
    assert encode(["the"], start_char=0, index_from=10) == [[0, 11]]


def test_filters():
    assert encode(["the.film great"], filters="") == [[1, 6]]
    assert encode(["the—film"], filters="—") == [[1, 4, 5]]
    assert encode(["the\nfilm"], filters=".") == [[1]]


def test_the_largest_rank_takes_the_largest_id():
    encoder = WordIndexEncoder(vocabulary={"a": 2**31 - 4}).fit()
    assert encoder.transform(["a"])[0].tolist() == [1, 2**31 - 1]


def test_letters_digits_and_the_apostrophe_separate_no_words():
    text = string.ascii_letters + string.digits + "'"
    assert WordIndexEncoder().fit([text]).vocabulary_ == {text.lower(): 1}


def test_learns_ranks_by_frequency_then_alphabet():
    encoder = WordIndexEncoder().fit(["b a c", "C a", "a d!"])
    assert encoder.vocabulary_ == {"a": 1, "c": 2, "b": 3, "d": 4}
    assert all(type(rank) is int for rank in encoder.vocabulary_.values())


@pytest.mark.slow
@pytest.mark.parametrize("padding", [[], [PADDING]], ids=["few characters", "many"])
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
            "handle_unknown": st.sampled_from(["ignore", "oov"]),
            "index_from": small_ids,
        }
    ),
)
def test_encodes_by_keras_rule(padding, known, new, filters, lowercase, options):
    known_words = [words_of(text, filters, lowercase) for text in known]
    vocabulary = rank(word for words in known_words for word in words)
    assume(vocabulary)
    encoder = WordIndexEncoder(filters=filters, lowercase=lowercase, **options)
    with no_misuse():
        learned = encoder.fit_transform(padding + known)
        sequences = encoder.transform(known + new + padding)
    assert encoder.vocabulary_ == vocabulary
    expected = [
        ids_of(words_of(text, filters, lowercase), vocabulary, **options)
        for text in known + new + padding
    ]
    assert to_lists(sequences) == expected
    assert to_lists(learned[len(padding) :]) == expected[: len(known)]
    assert {ids.dtype for ids in sequences} == {np.dtype(np.int32)}
    loaded = pickle.loads(pickle.dumps(encoder))
    assert loaded.vocabulary_ == vocabulary
    assert to_lists(loaded.transform(known + new + padding)) == expected


def test_more_texts_than_one_block_keep_their_order():
    texts = [" ".join(["film"] * (i % 7)) for i in range(2500)]
    for padding in ([], [PADDING]):
        lengths = [len(ids) - 1 for ids in encode(texts + padding)]
        assert lengths == [*(i % 7 for i in range(2500)), *(0 for _ in padding)]


def test_a_word_with_a_space_occurs_in_no_text():
    encoder = WordIndexEncoder(vocabulary={"new york": 1, "the": 2, "film": 3}).fit()
    for padding in ([], [PADDING]):
        assert encoder.transform(["the film new york", *padding])[0].tolist() == [1, 5, 6]


def test_no_texts_give_no_sequences():
    sequences = WordIndexEncoder(vocabulary=VOCABULARY).fit_transform([])
    assert sequences.shape == (0,)
    assert sequences.dtype == object


# --- the words of any language ----------------------------------------------------------------

WORDS = {
    "plain": ("The film, great & loud.", "the film great loud"),
    "line ends": ("a\nb\r\nc\td\x0be\x0cf", "a b c d e f"),
    "spaces of Unicode": ("a\u00a0b\u2003c\u3000d\u2028e\u0085f\u202fg\u200bh", "a b c d e f g h"),
    "control characters": ("a\0b\x7fc\x1bd", "a b c d"),
    "typographic quotes": ("“Great”, ‘he’ said „so“ ‚da‘ ‹ja›", "great he said so da ja"),
    "guillemets": ("«\u202fJ’adore\u202f» »ja«", "j'adore ja"),
    "dashes": (
        "one–two—three‒four―five−six-seven‐eight‑nine",
        "one two three four five six seven eight nine",
    ),
    "ellipses": ("well… no...yes⋯so", "well no yes so"),
    "marks of Spanish": ("¿Qué? ¡No!", "qué ? no !"),
    "marks of Chinese": ("好。不，《三》「一」、是！吗？", "好 不 三 一 是 ! 吗 ?"),
    "apostrophes": ("don't don’t donʼt don＇t", "don't don't don't don't"),
    "apostrophes at the ends": (
        "'tis the dogs' ’90s rock 'n' roll",
        "tis the dogs 90s rock n roll",
    ),
    "apostrophes in a row": ("a''b '' ''c'' d'''e ' f’'g '", "a b c d e f g"),
    "apostrophe and mark": ("what'! 'no'? x'", "what ! no ? x"),
    "apostrophe of French": ("l'été L’ÉTÉ aujourd'hui", "l'été l'été aujourd'hui"),
    "exclamation and question": ("What!? No!!! a!b", "what ! ? no ! ! ! a ! b"),
    "wide marks": ("！ ？ ‼ ⁉", "! ? ! ! ! ?"),
    "underscore": ("snake_case __x__", "snake case x"),
    "numbers": ("10/10 3.14 1,000 ٣٤ ५", "10 10 3 14 1 000 ٣٤ ५"),
    "compatibility forms": ("ﬁlm Ｆｕｌｌ ① ²", "film full 1 2"),
    "accents, composed or not": (
        "café cafe\u0301 ÅNGSTRÖM A\u030angstro\u0308m",
        "café café ångström ångström",
    ),
    "soft hyphen": ("won\u00adder\u00adful", "wonderful"),
    "marks of direction": ("\u202babc\u202c \u200fxyz\u200e", "abc xyz"),
    "byte order mark": ("\ufeffthe film", "the film"),
    "Chinese": ("这部电影很好", "这 部 电 影 很 好"),
    "Chinese and Latin": ("看了Titanic三次3D", "看 了 titanic 三 次 3d"),
    "rare ideographs": ("𠮷野家々", "𠮷 野 家 々"),
    "Japanese": ("映画はすごい", "映 画 は す ご い"),
    "katakana": ("この映画、スター・ウォーズ", "こ の 映 画 スター ウォーズ"),
    "half-width katakana": ("ﾃﾞｰﾀ", "データ"),
    "voiced kana, composed or not": ("か\u3099が", "が が"),
    "Korean": ("이 영화는 정말 좋다", "이 영화는 정말 좋다"),
    "Korean, decomposed": (unicodedata.normalize("NFD", "영화"), "영화"),
    "Thai": ("หนังดี", "ห นั ง ดี"),
    "Hindi": ("यह फ़िल्म बहुत अच्छी है।", "यह फ़िल्म बहुत अच्छी है"),
    "Tamil": ("படம் நன்று", "படம் நன்று"),
    "Arabic": ("هذا فيلمٌ رائع، جداً.", "هذا فيلمٌ رائع جداً"),
    "Persian": ("می\u200cخواهم", "میخواهم"),
    "Hebrew": ("סרט־טוב מאוד", "סרט טוב מאוד"),
    "Greek": ("ΟΔΟΣ Όμορφη ταινία·", "οδος όμορφη ταινία"),
    "Russian": ("Хороший ФИЛЬМ — ёлка", "хороший фильм ёлка"),
    "Turkish": ("İYİ ışık", "i\u0307yi\u0307 ışık"),
    "German": ("STRAẞE Straße „Über“", "straße straße über"),
    "Armenian": ("Լավ ֆիլմ։", "լավ ֆիլմ"),
    "Georgian": ("კარგი ფილმი", "კარგი ფილმი"),
    "Vietnamese": ("phim rất hay", "phim rất hay"),
    "emoji": ("good😀😀bad 👎", "good 😀 😀 bad 👎"),
    "skin tones": ("👍🏽👍 ✌🏿️", "👍 👍 ✌"),
    "a heart with and without its variant": ("❤️❤", "❤ ❤"),
    "joined emoji": ("👩\u200d🍳 ok", "👩 🍳 ok"),
    "tags": ("one<br />two<BR>three</p>four<a href='x'>five", "one two three four five"),
    "tags over lines": ("a<a\nhref=“é”>b", "a b"),
    "comments": ("a<!-- no “word” -->b<!doctype html>c<!---->d", "a b c d"),
    "entities": (
        "caf&eacute; &amp; R&amp;B it&#39;s it&rsquo;s &#x4e2d;&nbsp;x",
        "café r b it's it's 中 x",
    ),
    "an escaped tag": ("the &lt;table&gt; element<br>&lt;IBM.N> up", "the table element ibm n up"),
    "an acute accent for an apostrophe": ("don´t don’t l´été", "don't don't l'été"),
    "no entity": ("AT&T a & b &", "at t a b"),
    "no tag": ("I <3 it, a < b > c <- d", "i 3 it a b c d"),
    "a tag without an end": ("a <b and <c", "a b and c"),
    "halves of surrogate pairs": ("a\ud800b c", "a b c"),
}


def words(text, padding=(), **parameters):
    """The words of a text, by the names of its ids."""
    encoder = WordIndexEncoder(**{"analyzer": "word", "start_char": None} | parameters)
    encoder.fit([text, "else", *padding])
    ids = encoder.transform([text, *padding])[0]
    return encoder.get_feature_names_out()[ids].tolist()


@pytest.mark.parametrize("padding", [[], [PADDING]], ids=["few characters", "many"])
@pytest.mark.parametrize("name", WORDS)
def test_words_of_any_language(name, padding):
    text, expected = WORDS[name]
    assert words(text, padding) == expected.split()


def test_flags_differ():
    assert words("🇫🇷") != words("🇩🇪")
    assert all(words("go 🇫🇷!")[1:-1])


# letters of scripts with spaces, and what separates them
spaced = st.text(
    st.sampled_from("abZÀéßñŁøΣσΑωЖяёאבגابت019 \u00a0,.-—–«»„“”…/()[]\n!?'’¡¿·*#%"), max_size=30
)


@scaled(300)
@given(spaced, st.booleans())
def test_words_are_what_a_pattern_finds(text, is_long):
    pattern = re.compile(r"[^\W_]+(?:'[^\W_]+)*|[!?]")
    expected = pattern.findall(text.lower().replace("’", "'"))
    assert words(text, [PADDING] * is_long) == expected


@pytest.mark.slow
@scaled(300)
@given(
    st.lists(any_text | spaced | wordy, min_size=1, max_size=4),
    st.sampled_from(["keras", "word"]),
    st.booleans(),
    st.sampled_from([None, "ascii", "unicode"]),
)
def test_few_and_many_characters_have_the_same_words(texts, analyzer, lowercase, strip_accents):
    texts = [*texts, "else"]
    few = WordIndexEncoder(
        analyzer=analyzer, lowercase=lowercase, strip_accents=strip_accents, start_char=None
    )
    many = clone(few)
    expected = to_lists(few.fit_transform(texts))
    assert to_lists(many.fit_transform([*texts, PADDING])) == [*expected, []]
    assert many.vocabulary_ == few.vocabulary_
    assert to_lists(many.transform([*texts, PADDING])) == [*expected, []]
    # no word has a separator, or is empty
    assert all(
        re.fullmatch("[^ !?]+|[!?]" if analyzer == "word" else "[^ ]+", word)
        for word in few.vocabulary_
    )


@scaled(100)
@given(any_text | spaced)
def test_words_stay_as_they_are_when_they_are_split_again(text):
    once = words(text, lowercase=False)
    assert words(" ".join(once), lowercase=False) == once


def test_letters_stay_as_they_are_without_lowercase():
    assert words("The FILM École", lowercase=False) == ["The", "FILM", "École"]
    assert words("Ab É", lowercase=False, analyzer="char") == [*"Ab É"]


def test_filters_are_for_keras_alone():
    assert words("a.b c", filters="b") == ["a", "b", "c"]


# --- accents, characters and functions --------------------------------------------------------


@pytest.mark.parametrize("strip_accents", ["ascii", "unicode", str.swapcase, None])
@scaled(100)
@given(text=any_text | spaced)
def test_characters_are_those_of_count_vectorizer(strip_accents, text):
    options = {"analyzer": "char", "strip_accents": strip_accents, "lowercase": False}
    # but for carriage returns, which are line ends
    expected = CountVectorizer(**options).build_analyzer()(text.replace("\r\n", "\r"))
    assert words(text, **options) == ["\n" if char == "\r" else char for char in expected]


@scaled(100)
@given(spaced)
def test_characters_become_lower_case(text):
    expected = CountVectorizer(analyzer="char").build_analyzer()(text)
    assert words(text, analyzer="char") == expected


def test_characters_come_back_without_spaces_between():
    encoder = WordIndexEncoder(analyzer="char", start_char=None).fit(["A  fine\n\nfilm"])
    assert encoder.inverse_transform(encoder.transform(["Fine  film"])).tolist() == ["fine film"]


def test_accents_of_entities_are_removed_too():
    assert words("caf&eacute; café", strip_accents="unicode") == ["cafe", "cafe"]


@pytest.mark.parametrize("padding", [[], [PADDING]], ids=["few characters", "many"])
@pytest.mark.parametrize(
    "parameters",
    [{}, {"filters": ""}, {"filters": "é.字"}, {"filters": "\r!"}, {"analyzer": "word"}],
    ids=str,
)
@pytest.mark.parametrize("text", ["a\rb", "a\r\nb", "\ra\r\rb\r", "a\r\n\r\nb\r\n", "a \r b"])
def test_carriage_returns_separate_words(text, parameters, padding):
    encoder = WordIndexEncoder(start_char=None, index_from=0, **parameters)
    assert to_lists(encoder.fit_transform([text, *padding]))[0] == [1, 2]
    assert encoder.vocabulary_ == {"a": 1, "b": 2}
    assert to_lists(encoder.transform([text, "b", *padding]))[:2] == [[1, 2], [2]]


@pytest.mark.parametrize("line_end", ["\r\n", "\r"])
@pytest.mark.parametrize("analyzer", ["keras", "word", "char"])
@scaled(30)
@given(text=any_text | wordy)
def test_texts_mean_the_same_whatever_ends_their_lines(line_end, analyzer, text):
    text = text.replace("\r", "\n")
    assert words(text.replace("\n", line_end), analyzer=analyzer) == words(text, analyzer=analyzer)


@pytest.mark.parametrize("analyzer", ["keras", "word"])
@pytest.mark.parametrize("name", ["ascii", "unicode"])
@scaled(50)
@given(text=any_text | spaced)
def test_accents_are_removed_from_the_text_first(analyzer, name, text):
    strip = {"ascii": strip_accents_ascii, "unicode": strip_accents_unicode}[name]
    expected = words(strip(text), analyzer=analyzer)
    for padding in ([], [PADDING]):
        assert words(text, padding, analyzer=analyzer, strip_accents=name) == expected
        assert words(text, padding, analyzer=analyzer, strip_accents=strip) == expected


@pytest.mark.parametrize("name", ["ascii", "unicode"])
def test_words_without_accents_are_those_of_count_vectorizer(name):
    text = "Élan vital: São Paulo, naïve Übergröße; İzmir żółw"
    options = {"strip_accents": name, "token_pattern": r"\w+"}
    expected = CountVectorizer(**options).build_analyzer()(text)
    assert words(text, strip_accents=name) == expected
    assert expected[:4] == ["elan", "vital", "sao", "paulo"]


@pytest.mark.parametrize(
    "analyzer",
    [
        lambda text: text.split(","),
        lambda text: tuple(text.split(",")),
        lambda text: iter(text.split(",")),
        lambda text: dict.fromkeys(text.split(",")),
        lambda text: np.array(text.split(",")),
    ],
    ids=["list", "tuple", "iterator", "dict", "array"],
)
def test_a_function_returns_the_words_as_they_are(analyzer):
    assert words("Ein Film,É,!", analyzer=analyzer) == ["Ein Film", "É", "!"]
    assert words("Ein Film,É", [PADDING], analyzer=analyzer) == ["Ein Film", "É"]
    assert words("Ein Film,É", analyzer=analyzer, strip_accents="unicode")[1] == "E"


def test_a_function_may_find_no_words():
    encoder = WordIndexEncoder(analyzer=str.split).fit(["a b"])
    assert to_lists(encoder.transform(["", "b a c"])) == [[1], [1, 5, 4]]


@pytest.mark.parametrize(
    ("result", "message"),
    [
        ("a b", "analyzer must return the words of a text as a list of str, got str for row 1"),
        (None, "analyzer must return .* got NoneType for row 1"),
        (3, "analyzer must return .* got int for row 1"),
        (["a", 3], "analyzer must return words as str, got 3 for row 1"),
        ([b"a"], "analyzer must return words as str, got b'a' for row 1"),
        ([["a"]], r"analyzer must return words as str, got \['a'\] for row 1"),
    ],
    ids=repr,
)
def test_what_a_function_must_not_return_is_named(result, message):
    def analyzer(text):
        return result if text == "bad" else [text]

    encoder = WordIndexEncoder(analyzer=analyzer)
    with pytest.raises(TypeError, match=message):
        encoder.fit(["good", "bad"])
    with pytest.raises(TypeError, match=message):
        encoder.fit(["good"]).transform(["good", "bad"])


def test_an_error_of_the_function_is_raised_as_it_is():
    class OwnError(Exception):
        pass

    def fail(text):
        raise OwnError(text)

    for parameters in ({"analyzer": fail}, {"strip_accents": fail}):
        with pytest.raises(OwnError, match="the film"):
            WordIndexEncoder(**parameters).fit(["the film"])


@pytest.mark.parametrize("result", [None, 3, b"a", ["a"]], ids=repr)
def test_what_strip_accents_must_not_return_is_named(result):
    with pytest.raises(TypeError, match=r"strip_accents must return a str, got .* row 0"):
        WordIndexEncoder(strip_accents=lambda text: result).fit(["a"])
    encoder = WordIndexEncoder(strip_accents=lambda text: text if text == "a" else result)
    with pytest.raises(TypeError, match=r"strip_accents must return a str, got .* row 1"):
        encoder.fit(["a"]).transform(["a", "b", PADDING])


def test_comments_without_an_end_take_no_longer_than_other_text():
    seconds = []
    for text in ("< !- " * 5000, "<!--" * 5000):
        start = perf_counter()
        WordIndexEncoder(analyzer="word", vocabulary=VOCABULARY).fit_transform([text] * 2)
        seconds.append(perf_counter() - start)
    assert seconds[1] < 10 * seconds[0] + 0.1


# --- back to text -----------------------------------------------------------------------------


@scaled(150)
@given(texts)
def test_text_comes_back_as_its_known_words(texts):
    words = [words_of(text) for text in texts]
    assume(any(words))
    encoder = WordIndexEncoder(start_char=None)
    decoded = encoder.inverse_transform(encoder.fit_transform(iter(texts)))
    assert decoded.tolist() == [" ".join(part) for part in words]
    # and from there the same ids again
    assert to_lists(encoder.transform(decoded)) == to_lists(encoder.transform(texts))


@pytest.mark.slow
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
    assert to_lists(again) == [[number for number in ids if number in known] for ids in sequences]


def test_inverse_transform_shows_unknown_ids():
    encoder = WordIndexEncoder(vocabulary=VOCABULARY).fit()
    assert encoder.inverse_transform([[1, 4, 2, 99], []]).tolist() == ["? the ? ?", ""]
    for wrong in ("abc", ["abc"], [1, 2], [[4.5]], [[-1]]):
        with pytest.raises((TypeError, ValueError), match="X must"):
            encoder.inverse_transform(wrong)


# --- forms of texts ---------------------------------------------------------------------------

FORMS = {
    "list": list,
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
    "new text array": lambda texts: np.array(texts, dtype=np.dtypes.StringDType()),
    "frame": lambda texts: pd.DataFrame({"text": texts}),
    "column": lambda texts: np.array(texts)[:, np.newaxis],
    "object column": lambda texts: np.array(texts, dtype=object)[:, np.newaxis],
    "new text column": lambda texts: np.array(texts, np.dtypes.StringDType())[:, np.newaxis],
}


@pytest.mark.parametrize("form", FORMS)
@scaled(15)
@given(
    st.lists(
        st.text(st.characters(codec="utf-8", exclude_characters="\0")), min_size=1, unique=True
    )
)
def test_any_form_of_texts_gives_the_same(form, texts):
    texts = [*dict.fromkeys(["the great", *texts])]
    vocabulary = rank(word for text in texts for word in words_of(text))
    with no_misuse():
        result = WordIndexEncoder().fit_transform(FORMS[form](texts))
    assert to_lists(result) == [
        [1, *(vocabulary[word] + 3 for word in words_of(text))] for text in texts
    ]


@scaled(15)
@given(st.lists(st.text(st.characters(codec="utf-8")), min_size=1))
def test_columns_of_texts_are_their_texts(texts):
    pl, pa = pytest.importorskip("polars"), pytest.importorskip("pyarrow")
    encoder = WordIndexEncoder(vocabulary=rank(words_of(" ".join(texts))) or VOCABULARY).fit()
    expected = to_lists(encoder.transform(texts))
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
        pa.table({"text": arrow}),
        pl.DataFrame({"text": texts}),
        pd.DataFrame({("a", "b"): texts}, dtype="string[python]"),
    ):
        assert to_lists(encoder.transform(X)) == expected
    with pytest.raises(TypeError, match=r"X must hold texts \(str\), got NoneType in row 1"):
        encoder.transform(pa.array(["the", None]))


def test_each_text_is_read_once_however_many_there_are():
    read = []

    class Text(str):
        def encode(self, *args):
            read.append(str(self))
            return super().encode(*args)

    texts = [Text(f"film {i}") for i in range(5000)]
    for padding in ([], [PADDING]):
        read.clear()
        encoder = WordIndexEncoder().fit(texts + padding)
        assert read == texts
        read.clear()
        encoder.transform(texts + padding)
        assert read == texts


# --- the table of words -----------------------------------------------------------------------


class CountingVocabulary(dict):
    """A vocabulary that counts how often it is read as a whole, and can wait before it is."""

    n_read = 0

    def __init__(self, ranks):
        super().__init__(ranks)
        self.is_read, self.may_go_on = Event(), Event()
        self.may_go_on.set()

    def __iter__(self):
        self.n_read += 1
        self.is_read.set()
        assert self.may_go_on.wait(timeout=30)
        return super().__iter__()


@pytest.fixture
def encoder():
    """A fitted encoder whose vocabulary counts how often it is read as a whole."""
    encoder = WordIndexEncoder(vocabulary=VOCABULARY).fit()
    encoder.vocabulary_ = CountingVocabulary(VOCABULARY)
    return encoder


def test_the_table_of_words_is_built_once_and_only_for_many_characters(encoder):
    encoder.transform(["the film"] * 1000)
    assert encoder.vocabulary_.n_read == 0
    encoder.transform(["the film", PADDING])
    encoder.transform(["great film"] * 10_000)
    assert encoder.vocabulary_.n_read == 1
    # another vocabulary has another table
    encoder.set_params(vocabulary={"film": 1}).fit()
    assert to_lists(encoder.transform(["the film", PADDING])) == [[1, 4], [1]]


def test_another_setting_of_the_words_makes_another_table(encoder):
    texts = ["The Film-great", PADDING]
    assert to_lists(encoder.transform(texts)) == [[1, 4, 5, 6], [1]]
    assert to_lists(encoder.set_params(lowercase=False).transform(texts)) == [[1, 6], [1]]
    assert to_lists(encoder.set_params(filters="").transform(texts)) == [[1], [1]]
    assert to_lists(encoder.set_params(analyzer="word").transform(texts)) == [[1, 6], [1]]
    encoder.set_params(strip_accents=lambda text: text.replace("F", "f"))
    assert to_lists(encoder.transform(texts)) == [[1, 5, 6], [1]]
    # the rest makes none
    n_read = encoder.vocabulary_.n_read
    encoder.set_params(num_words=6, start_char=None)
    assert to_lists(encoder.transform(texts)) == [[5, 2], []]
    assert encoder.vocabulary_.n_read == n_read == 5


def test_while_another_thread_builds_the_table_texts_are_encoded_without_it(encoder):
    vocabulary = encoder.vocabulary_
    vocabulary.may_go_on.clear()
    texts = ["the film", PADDING]
    with ThreadPoolExecutor(1) as pool:
        builder = pool.submit(encoder.transform, texts)
        try:
            assert vocabulary.is_read.wait(timeout=30)
            sequences = encoder.transform(texts)
        finally:
            vocabulary.may_go_on.set()
    assert to_lists(sequences) == to_lists(builder.result()) == [[1, 4, 5], [1]]
    assert vocabulary.n_read == 1


@pytest.mark.slow
def test_few_texts_load_no_compiler():
    code = """
import sys
from skimdb import WordIndexEncoder
encoder = WordIndexEncoder(analyzer="word").fit(["good film"] * 1000)
assert encoder.transform(["film good " * 10_000])[0].tolist() == [1, 4, 5] + [4, 5] * 9999
assert "numba" not in sys.modules
assert encoder.transform(["film good " * 900_000])[0].tolist() == [1] + [4, 5] * 900_000
assert "numba" in sys.modules
"""
    subprocess.run([sys.executable, "-c", code], check=True)


# --- the sequences are an object array --------------------------------------------------------


@pytest.fixture
def sequences():
    return WordIndexEncoder(vocabulary=VOCABULARY).fit_transform(["the film", "", "great"])


EXPECTED = [[1, 4, 5], [1], [1, 6]]


def test_sequences_are_indexed_as_an_array(sequences):
    assert isinstance(sequences, np.ndarray)
    assert type(sequences[0]) is np.ndarray
    assert len(sequences) == 3
    assert to_lists(sequences) == EXPECTED
    assert to_lists(sequences[1:]) == EXPECTED[1:]
    assert to_lists(sequences[::-1]) == EXPECTED[::-1]
    assert to_lists(sequences[[2, 0, 2]]) == [EXPECTED[i] for i in (2, 0, 2)]
    assert to_lists(sequences[np.array([True, False, True])]) == EXPECTED[::2]
    assert sequences[np.newaxis].shape == (1, 3)
    assert sequences.tolist()[2] is sequences[2]


def test_sequences_can_be_assigned_to(sequences):
    sequences[1] = [7, 8]
    sequences[0] = sequences[2]
    assert [[*ids] for ids in sequences] == [[1, 6], [7, 8], [1, 6]]
    sequences[0][1] = 9
    assert sequences[2].tolist() == [1, 9]


def test_copies_and_joins_of_sequences(sequences):
    for copied in (sequences.copy(), copy.copy(sequences), copy.deepcopy(sequences)):
        copied[0] = [0]
        assert to_lists(sequences) == EXPECTED
        assert to_lists(copied[1:]) == EXPECTED[1:]
    assert to_lists(np.concatenate([sequences, sequences[:1]])) == [*EXPECTED, EXPECTED[0]]
    assert to_lists(np.array(sequences)) == EXPECTED
    assert sorted(to_lists(shuffle(sequences, random_state=0))) == sorted(EXPECTED)
    np.random.default_rng(0).shuffle(sequences)
    assert sorted(to_lists(sequences)) == sorted(EXPECTED)


def test_sequences_look_as_any_array(sequences):
    plain = np.array(sequences)
    assert repr(sequences) == repr(plain)
    assert str(sequences) == str(plain)
    assert joblib.hash(sequences) == joblib.hash(plain)


def save_and_load(sequences):
    file = io.BytesIO()
    np.save(file, sequences)
    file.seek(0)
    return np.load(file, allow_pickle=True)


def dump_and_load(sequences):
    file = io.BytesIO()
    joblib.dump(sequences, file)
    file.seek(0)
    return joblib.load(file)


@pytest.mark.parametrize(
    "transfer",
    [lambda sequences: pickle.loads(pickle.dumps(sequences)), save_and_load, dump_and_load],
    ids=["pickle", "NumPy", "joblib"],
)
def test_stored_sequences_are_a_plain_array(transfer, sequences):
    for part, expected in ((sequences, EXPECTED), (sequences[1:], EXPECTED[1:])):
        loaded = transfer(part)
        assert type(loaded) is np.ndarray
        assert to_lists(loaded) == expected


def test_a_part_of_the_sequences_is_stored_by_itself():
    sequences = WordIndexEncoder(vocabulary=VOCABULARY).fit_transform(["the", "film " * 10_000])
    assert len(pickle.dumps(sequences[:1])) < 1000


# --- nonsense ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("X", "error", "message"),
    [
        ("one review", TypeError, "X must be an iterable of texts, got str"),
        (None, TypeError, "X must be an iterable of texts, got NoneType"),
        ({"a"}, TypeError, "X must have an order, which a set does not have"),
        (["a", b"b"], TypeError, r"X must hold texts \(str\), got bytes in row 1"),
        ([None], TypeError, r"X must hold texts \(str\), got NoneType in row 0"),
        ([[1, 2]], TypeError, r"X must hold texts \(str\), got list in row 0"),
        (np.array([[["a"]]]), ValueError, "X must be one-dimensional, .*, got 3 dimensions"),
        (sp.csr_array([[1]]), TypeError, "X must be an iterable of texts, got csr_array"),
        (["", "..."], ValueError, "X must hold at least one word to learn a vocabulary"),
        ([], ValueError, "X must hold at least one word to learn a vocabulary"),
    ],
    ids=repr,
)
def test_bad_input_is_named(X, error, message):
    with pytest.raises(error, match=message):
        WordIndexEncoder().fit(X)


@pytest.mark.parametrize(
    ("parameters", "error", "message"),
    [
        ({"vocabulary": ["the"]}, TypeError, "vocabulary must map words to ranks, got list"),
        ({"vocabulary": {}}, ValueError, "vocabulary must hold at least one word"),
        ({"vocabulary": {"the": 0}}, ValueError, "must hold ranks from 1 .* got 'the': 0"),
        ({"vocabulary": {"the": "1"}}, TypeError, "must map str to int, got 'the': '1'"),
        ({"vocabulary": {"a": 2**31 - 3}}, ValueError, "ranks from 1 to 2147483644, got 'a': 21"),
        ({"vocabulary": {"a": 1, "b": 1}}, ValueError, "each word a rank of its own, got rank 1"),
        ({"vocabulary": {"the": True}}, TypeError, "vocabulary must map str to int"),
        ({"num_words": 0}, ValueError, "num_words == 0, must be >= 1"),
        ({"num_words": 2.5}, TypeError, "num_words must be an integer, got 2.5"),
        ({"skip_top": -1}, ValueError, "skip_top == -1, must be >= 0"),
        ({"start_char": 2**40}, ValueError, "start_char == 1099511627776, must be <= 2147483647"),
        ({"start_char": "1"}, TypeError, "start_char must be an integer, got '1'"),
        ({"oov_char": 2**40}, ValueError, "oov_char == 1099511627776, must be <= 2147483647"),
        ({"index_from": 2**40}, ValueError, "index_from == 1099511627776, must be <= 2147483646"),
        ({"index_from": None}, TypeError, "index_from must be an integer, got None"),
        ({"lowercase": "yes"}, TypeError, "lowercase must be True or False"),
        ({"filters": 7}, TypeError, "filters must be a str of characters, got 7"),
        ({"handle_unknown": "error"}, ValueError, "handle_unknown must be .* got 'error'"),
        ({"analyzer": "words"}, ValueError, "analyzer must be .*'keras', 'word'.* got 'words'"),
        ({"analyzer": None}, ValueError, "analyzer must be .*'char'.* got None"),
        ({"strip_accents": "all"}, ValueError, "strip_accents must be .*'unicode'.* got 'all'"),
        ({"strip_accents": True}, ValueError, "strip_accents must be .*'ascii'.* got True"),
    ],
)
def test_bad_parameters_are_named(parameters, error, message):
    with pytest.raises(error, match=message):
        WordIndexEncoder(**parameters).fit(["the"])
    if "vocabulary" not in parameters:
        encoder = WordIndexEncoder().fit(["the"]).set_params(**parameters)
        with pytest.raises(error, match=message):
            encoder.transform(["the"])


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


@pytest.mark.parametrize("name", DEFAULTS)
@scaled(60)
@given(nonsense)
def test_a_parameter_that_makes_no_sense_is_named(name, value):
    # functions are tested by themselves
    assume(not callable(value) or name not in ("analyzer", "strip_accents"))
    encoder = WordIndexEncoder(**{"vocabulary": VOCABULARY, name: value})
    X = ["the great THE film"]
    result = given_or_refused(lambda: encoder.fit_transform(X), name)
    if result is REFUSED:
        return
    options = {**DEFAULTS, "vocabulary": VOCABULARY, name: value}
    assert options.pop("analyzer") == "keras"
    assert options.pop("strip_accents") is None
    words = words_of(X[0], options.pop("filters"), bool(options.pop("lowercase")))
    if options["vocabulary"] is None:
        options["vocabulary"] = {"the": 1, "film": 2, "great": 3}
    assert result[0].tolist() == ids_of(words, **options)


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
    values = {"index_from": 100, "skip_top": 5, "start_char": 9, "oov_char": 7}
    small = {name: kind(value) for name, value in values.items()}
    with no_misuse():
        encoder = WordIndexEncoder(**small).fit(words)
        ids = encoder.transform([" ".join(words)])
        text = encoder.inverse_transform(ids)
        WordIndexEncoder(vocabulary=encoder.vocabulary_, **small).fit()
    assert ids[0].tolist() == [9, *range(101, 401)]
    assert text[0] == " ".join(["?", *words])
    again = WordIndexEncoder(**values).fit(words).transform([" ".join(words)])
    assert to_lists(again) == to_lists(ids)


@pytest.mark.parametrize("padding", [[], [PADDING]], ids=["few characters", "many"])
def test_ids_beyond_32_bits_are_refused(padding):
    encoder = WordIndexEncoder(index_from=2**31 - 2)
    assert encoder.fit_transform(["a", *padding])[0].tolist() == [1, 2**31 - 1]
    message = "index_from must be at most 2147483645 for ranks up to 2 .* got 2147483646"
    with pytest.raises(ValueError, match=message):
        encoder.fit_transform(["a b a", *padding])


# --- as an estimator --------------------------------------------------------------------------


def test_unfitted_and_pickled():
    with pytest.raises(NotFittedError):
        WordIndexEncoder(vocabulary=VOCABULARY).transform(["the"])
    encoder = pickle.loads(pickle.dumps(WordIndexEncoder().fit(["a b \ud800"])))
    assert encoder.transform(["b"])[0].tolist() == [1, 5]
    assert encoder.vocabulary is None
    assert encoder.vocabulary_ == {"a": 1, "b": 2, "\ud800": 3}
    halves = WordIndexEncoder(vocabulary={"\ud83d\ude00": 1, "😀": 2}).fit()
    assert pickle.loads(pickle.dumps(halves)).vocabulary_ == halves.vocabulary_
    given = pickle.loads(pickle.dumps(WordIndexEncoder(vocabulary=VOCABULARY).fit()))
    assert given.vocabulary == given.vocabulary_ == VOCABULARY
    unfitted = pickle.loads(pickle.dumps(WordIndexEncoder(vocabulary=VOCABULARY)))
    assert unfitted.vocabulary == VOCABULARY


def test_a_pickle_holds_the_vocabulary_once_as_one_text():
    encoder = WordIndexEncoder(vocabulary=VOCABULARY).fit()
    pickled = pickle.dumps(encoder)
    assert json.dumps(VOCABULARY).encode() in pickled
    assert pickled.count(b"don't") == 1
    many = ["the film", PADDING]
    expected = to_lists(encoder.transform(many))
    assert len(pickle.dumps(encoder)) == len(pickled)
    assert to_lists(pickle.loads(pickled).transform(many)) == expected


@pytest.mark.parametrize("given", [{"a": 1}, OrderedDict(VOCABULARY)], ids=["other", "ordered"])
def test_a_pickle_keeps_the_vocabulary_as_it_was_given(given):
    encoder = WordIndexEncoder(vocabulary=VOCABULARY).fit().set_params(vocabulary=given)
    loaded = pickle.loads(pickle.dumps(encoder))
    assert loaded.vocabulary == given
    assert type(loaded.vocabulary) is type(given)
    assert loaded.vocabulary_ == VOCABULARY


def test_output_settings_of_pipelines_pass():
    encoder = WordIndexEncoder(vocabulary=VOCABULARY).fit()
    assert encoder.set_output(transform="default") is encoder


@pytest.mark.parametrize(
    ("parameters", "names"),
    [
        ({}, ["id0", "<start>", "<oov>", "id3", "the", "film", "great", "don't", "Ángela"]),
        ({"num_words": 6}, ["id0", "<start>", "<oov>", "id3", "the", "film"]),
        ({"num_words": 2}, ["id0", "<start>"]),
        (
            {"start_char": None, "oov_char": None, "index_from": 0},
            ["id0", "the", "film", "great", "don't", "Ángela"],
        ),
        (
            {"vocabulary": {"a": 3}, "start_char": 9, "oov_char": 0, "index_from": 1},
            ["<oov>", "id1", "id2", "id3", "a", "id5", "id6", "id7", "id8", "<start>"],
        ),
    ],
)
def test_names_are_those_of_the_ids(parameters, names):
    encoder = WordIndexEncoder(**{"vocabulary": VOCABULARY} | parameters).fit()
    result = encoder.get_feature_names_out()
    assert result.tolist() == names
    assert result.dtype == object
    assert encoder.get_feature_names_out(["text"]).tolist() == names


def test_names_need_a_vocabulary():
    with pytest.raises(NotFittedError):
        WordIndexEncoder().get_feature_names_out()


def test_a_clone_learns_the_same():
    encoder = WordIndexEncoder(analyzer=str.split, strip_accents="unicode", skip_top=3)
    texts = ["Éric a b", "a"]
    again = clone(encoder.fit(texts))
    assert again.get_params() == encoder.get_params()
    assert again.fit(texts).vocabulary_ == encoder.vocabulary_ == {"a": 1, "Eric": 2, "b": 3}


@pytest.mark.parametrize(
    "check",
    [
        estimator_checks.check_do_not_raise_errors_in_init_or_set_params,
        estimator_checks.check_estimator_cloneable,
        estimator_checks.check_estimator_repr,
        estimator_checks.check_estimator_tags_renamed,
        estimator_checks.check_get_params_invariance,
        estimator_checks.check_mixin_order,
        estimator_checks.check_no_attributes_set_in_init,
        estimator_checks.check_parameters_default_constructible,
        estimator_checks.check_set_params,
        estimator_checks.check_valid_tag_types,
    ],
    ids=lambda check: check.__name__,
)
def test_scikit_learn_checks_without_data(check):
    # the others train on numbers
    check("WordIndexEncoder", WordIndexEncoder())


def test_tags():
    tags = WordIndexEncoder().__sklearn_tags__()
    assert tags.input_tags.string
    assert tags.input_tags.one_d_array
    assert not tags.input_tags.two_d_array


# --- large and real ---------------------------------------------------------------------------


@pytest.mark.slow
def test_a_million_words_texts_and_letters():
    n = 1_000_000
    encoder = WordIndexEncoder(vocabulary={**VOCABULARY, "x" * n: 6}).fit()
    sequences = encoder.transform(["the film " * (n // 2), "x" * n])
    assert len(sequences[0]) == n + 1
    assert sequences[1].tolist() == [1, 9]
    empty = encoder.transform([""] * n)
    assert len(empty) == n
    assert {ids.tobytes() for ids in empty} == {np.int32(1).tobytes()}
    learner = WordIndexEncoder().fit(["\ud800" * n + " the", "the"])
    assert learner.vocabulary_ == {"the": 1, "\ud800" * n: 2}


@pytest.mark.slow
def test_reproduces_all_50_000_published_sequences(imdb_home):
    encoder = WordIndexEncoder(vocabulary=fetch_word_index(data_home=imdb_home)).fit()
    for subset in ("train", "test"):
        options = {"subset": subset, "random_state": None, "data_home": imdb_home}
        # Keras cuts the rarest word off where num_words is None
        published = fetch_imdb(**options, num_words=10**6).data
        texts = fetch_imdb(**options, as_text=True).data
        # the row order of the file, as the README beside it gives it
        order = np.random.RandomState(20110626).permutation(25_000)
        sequences = encoder.transform(texts)[order]
        assert all(map(np.array_equal, sequences, published))


def test_the_articles_first_review(imdb_home):
    encoder = WordIndexEncoder(vocabulary=fetch_word_index(data_home=imdb_home)).fit()
    X = fetch_imdb(data_home=imdb_home, num_words=10_000).data
    wanted = [1, 14, 22, 16, 43, 530, 973, 1622, 1385, 65]
    first = next(row for row in X if row[:10].tolist() == wanted)
    assert len(first) == 218
    words = encoder.inverse_transform([first])[0]
    assert words.startswith("? this film was just brilliant casting location scenery story")
