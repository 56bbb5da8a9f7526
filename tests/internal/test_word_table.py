"""The tables of words number them as a dict does; the counter counts as a Counter does."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from property_cases import scaled

from skimdb._sequences import _kernels  # noqa: F401 (once loaded, they are used)
from skimdb._sequences._analyzers import KERAS_FILTERS, Analyzer
from skimdb._sequences._word_table import (
    CHARACTERS_FOR_KERNELS,
    TEXTS_PER_BLOCK,
    CompiledWordTable,
    WordCounter,
    WordTable,
    make_word_table,
    needs_kernels,
)

KERAS = Analyzer()
TABLES = [WordTable, CompiledWordTable]

# lone surrogates, NUL and words of several bytes a letter among them
letters = st.sampled_from("abAB\0é字🎬'\ud800\udc80ÿ. \t\n")
texts = st.lists(st.text(letters, max_size=30) | st.text(max_size=20), max_size=6)
any_analyzer = st.builds(
    Analyzer,
    st.sampled_from(["keras", "word"]),
    st.booleans(),
    st.sampled_from([KERAS_FILTERS, "", "ab.", "字 é"]),
    st.sampled_from([None, "unicode", "ascii"]),
)


def split(text):
    """Return the words of a text by Keras's rule, character by character."""
    for char in KERAS_FILTERS + "\r":
        text = text.replace(char, " ")
    lower = "".join(chr(ord(char) + 32) if "A" <= char <= "Z" else char for char in text)
    return [word for word in lower.split(" ") if word]


def number(blocks):
    """Return the words in the order of their first occurrence, and the numbers of each text."""
    numbers = {}
    rows = [
        [[numbers.setdefault(word, len(numbers)) for word in split(text)] for text in texts]
        for texts in blocks
    ]
    return [*numbers], rows


def rows_of(ragged):
    assert ragged.values.dtype == np.int32
    assert ragged.offsets[0] == 0
    assert ragged.offsets[-1] == len(ragged.values)
    return [row.tolist() for row in np.split(ragged.values, ragged.offsets[1:-1])][: len(ragged)]


@pytest.mark.slow
@pytest.mark.parametrize("make", TABLES)
@scaled(150)
@given(blocks=st.lists(texts, max_size=4))
def test_words_are_numbered_as_a_dict_numbers_them(make, blocks):
    words, rows = number(blocks)
    table = make(KERAS)
    assert [rows_of(table.add(texts)) for texts in blocks] == rows
    assert table.words() == words
    # a second time there is nothing to learn
    assert [rows_of(table.add(texts)) for texts in blocks] == rows
    assert table.words() == words


@pytest.mark.slow
@scaled(150)
@given(any_analyzer, st.lists(texts, max_size=3))
def test_both_tables_number_the_words_of_any_analyzer_alike(analyzer, blocks):
    plain, compiled = WordTable(analyzer), CompiledWordTable(analyzer)
    for texts in blocks:
        assert rows_of(compiled.add(texts)) == rows_of(plain.add(texts))
    assert compiled.words() == plain.words()


@scaled(100)
@given(st.lists(texts, max_size=2), texts)
def test_words_of_other_texts_are_found_but_not_learned(known, new):
    words, _ = number(known)
    table = CompiledWordTable(KERAS, words)
    expected = [
        [words.index(word) if word in words else -1 for word in split(text)] for text in new
    ]
    for _ in range(2):
        assert rows_of(table.find(new)) == expected
    assert table.words() == words


@pytest.mark.parametrize("make", TABLES)
@pytest.mark.parametrize("n_words", [1, 7, 2047, 2048, 2049, 20_000])
def test_of_many_words_none_is_lost(make, n_words):
    words = [f"w{i}" for i in range(n_words)]
    table = make(KERAS)
    expected = [*range(n_words)]
    # word by word at first, so that it grows while words are in it
    for start, stop in ((0, 1), (1, n_words // 2), (n_words // 2, n_words)):
        numbers = table.add([" ".join(words[start:stop])])
        assert numbers.values.tolist() == expected[start:stop]
    assert table.words() == words
    assert table.add([" ".join(reversed(words))]).values.tolist() == expected[::-1]


@pytest.mark.parametrize("length", [1, 255, 2**16, 10**6])
def test_long_words_are_words(length):
    table = CompiledWordTable(KERAS)
    texts = ["a" * length, "a" * (length - 1) + "b", "a" * length + " b"]
    assert rows_of(table.add(texts)) == [[0], [1], [0, 1 if length == 1 else 2]]
    assert table.words()[:2] == texts[:2]


@pytest.mark.parametrize("make", TABLES)
@pytest.mark.parametrize(
    "n_texts", [0, 1, TEXTS_PER_BLOCK - 1, TEXTS_PER_BLOCK, TEXTS_PER_BLOCK + 1, 1000]
)
def test_any_number_of_texts_keep_their_order(make, n_texts):
    texts = ["a b c "[: 2 * (i % 4)] for i in range(n_texts)]
    numbers = make(KERAS).add(texts)
    assert len(numbers) == n_texts
    assert [
        numbers.values[a:b].tolist()
        for a, b in zip(numbers.offsets[:-1], numbers.offsets[1:], strict=True)
    ] == [[*range(i % 4)] for i in range(n_texts)]


def test_few_characters_are_for_the_dict_and_many_for_the_kernels():
    enough = ["a", "b" * CHARACTERS_FOR_KERNELS]
    assert isinstance(make_word_table(KERAS, enough), CompiledWordTable)
    assert isinstance(make_word_table(KERAS, enough[1:]), WordTable)
    for kind in ("char", str.split):
        assert not needs_kernels(Analyzer(kind), enough)


class TestWordCounter:
    @scaled(100)
    @given(st.lists(texts, max_size=5), st.none() | st.integers(0, 9), st.booleans())
    def test_orders_words_by_count_then_alphabet(self, blocks, n_words, is_long):
        padding = [" " * (CHARACTERS_FOR_KERNELS + 1)] * is_long
        counter = WordCounter(KERAS, max_words=10**6)
        for texts in blocks:
            counter.update(texts + padding)
        counts = Counter(word for texts in blocks for text in texts for word in split(text))
        expected = sorted(counts, key=lambda word: (-counts[word], word))
        assert counter.most_common(n_words) == expected[:n_words]

    def test_can_be_asked_in_between(self):
        counter = WordCounter(KERAS, max_words=100)
        counter.update(["b a", "longer_word"])
        assert counter.most_common(1) == ["a"]
        counter.update(["b word", "word"])
        assert counter.most_common(None) == ["word", "b", "a", "longer"]

    def test_counts_the_words_of_its_analyzer(self):
        counter = WordCounter(Analyzer("char"), max_words=100)
        counter.update(["aba", "c"])
        assert counter.most_common(2) == ["a", "b"]

    def test_forgets_the_rarer_half_beyond_its_limit(self):
        counter = WordCounter(KERAS, max_words=4)
        counter.update(["a a a b b c d"])
        assert counter.most_common(None) == ["a", "b", "c", "d"]
        counter.update(["e"])
        assert counter.most_common(None) == ["a", "b"]
        # counted from 0 again
        counter.update(["c c c"])
        assert counter.most_common(None) == ["a", "c", "b"]

    def test_stays_within_its_limit_and_keeps_the_frequent(self):
        rng = np.random.default_rng(0)
        frequent = sorted(f"often{i}" for i in range(20))
        counter = WordCounter(KERAS, max_words=200)
        for _ in range(300):
            counter.update([" ".join([*frequent, *map(str, rng.integers(10**9, size=90))])])
            assert len(counter.most_common(None)) <= 200
        assert counter.most_common(20) == frequent
