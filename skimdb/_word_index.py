"""WordIndexEncoder: text to integer sequences and back, by Keras's IMDB convention."""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Iterable, Mapping
from itertools import pairwise, repeat
from numbers import Integral
from typing import TYPE_CHECKING, Literal, Self

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from skimdb._all_or_nothing import all_or_nothing
from skimdb._checks import check_bool, check_int, is_number, shown
from skimdb._integer_rows import NO_SEQUENCES, check_ordered, dimensions, flattened, listed
from skimdb._ragged import split_rows, with_first
from skimdb._turns import turn
from skimdb._word_table import NO_WORD, WordCounter, WordTable, by_frequency, find_words

if TYPE_CHECKING:
    from skimdb._typing import IntSequences, ObjectArray

KERAS_FILTERS = '!"#$%&()*+,-./:;<=>?@[\\]^_`{|}~\t\n'
ASCII_LOWER = bytes.maketrans(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ", b"abcdefghijklmnopqrstuvwxyz")
# Texts are looked up in blocks, so that what is worked on stays within the processor's cache.
TEXTS_PER_BLOCK = 256
FEW_TEXTS = 50
TEXTS_PER_COUNT = 2048
LARGEST_ID = np.iinfo(np.int32).max
_building = threading.Lock()


class WordIndexEncoder(
    TransformerMixin,
    BaseEstimator,
    auto_wrap_output_keys=None,  # type: ignore[call-arg]
):
    r"""Encode texts as sequences of word ids, and decode them.

    This is the encoding of :func:`keras.datasets.imdb.load_data`: characters in ``filters``
    become spaces, ASCII letters become lower case, and each word that the vocabulary holds
    becomes its rank (1 for the most frequent) plus ``index_from``. Words that the vocabulary
    lacks are left out; words that ``num_words`` or ``skip_top`` cut off become ``oov_char``.

    Parameters
    ----------
    vocabulary : mapping of str to int, default=None
        Rank of each word, as :func:`skimdb.datasets.fetch_word_index` returns it. None learns
        the ranks in ``fit``: words by descending frequency, equally frequent ones by alphabet.
    num_words : int, default=None
        Ids from here on become ``oov_char``; None keeps all.
    skip_top : int, default=0
        Ids below this become ``oov_char``. As in Keras, ``start_char`` is one of those ids.
    start_char : int, default=1
        Id put at the front of each sequence; None puts none.
    oov_char : int, default=2
        Id for words that were cut off; None leaves them out.
    index_from : int, default=3
        Added to each rank, so that ids below stay free for padding (0), start and cut-off words.
    lowercase : bool, default=True
        Whether ASCII letters are lower-cased. Others are never: the published IMDB word index
        holds ``Ángela``, not ``ángela``.
    filters : str, default=ASCII punctuation without the apostrophe, tab and newline
        Characters that separate words, besides the space.

    Attributes
    ----------
    vocabulary_ : dict of str to int
        Rank of each word.

    See Also
    --------
    MultiHotVectorizer : Turns the sequences into a sparse matrix.
    sklearn.feature_extraction.text.CountVectorizer : Goes from text to counts in one step.

    References
    ----------
    The convention is that of ``keras.datasets.imdb`` (https://keras.io/api/datasets/imdb/).

    Examples
    --------
    >>> from skimdb import WordIndexEncoder
    >>> encoder = WordIndexEncoder(vocabulary={"the": 1, "film": 2, "great": 3})
    >>> sequences = encoder.fit_transform(["A great film!", "The film..."])
    >>> [ids.tolist() for ids in sequences]
    [[1, 6, 5], [1, 4, 5]]
    >>> encoder.inverse_transform(sequences).tolist()
    ['? great film', '? the film']
    """

    vocabulary_: dict[str, int]

    def __init__(
        self,
        *,
        vocabulary: Mapping[str, int] | None = None,
        num_words: int | None = None,
        skip_top: int = 0,
        start_char: int | None = 1,
        oov_char: int | None = 2,
        index_from: int = 3,
        lowercase: bool = True,
        filters: str = KERAS_FILTERS,
    ) -> None:
        self.vocabulary = vocabulary
        self.num_words = num_words
        self.skip_top = skip_top
        self.start_char = start_char
        self.oov_char = oov_char
        self.index_from = index_from
        self.lowercase = lowercase
        self.filters = filters

    @all_or_nothing
    def fit(self, X: Iterable[str] | None = None, y: object = None) -> Self:
        """Take over the given vocabulary, or learn one from the texts.

        Parameters
        ----------
        X : iterable of str, default=None
            Texts; may be left out when ``vocabulary`` is given.
        y : None
            Ignored.

        Returns
        -------
        self : WordIndexEncoder
        """
        self._check_parameters()
        self._table = None
        if self.vocabulary is not None:
            self.vocabulary_ = _checked_vocabulary(self.vocabulary, self._largest_rank)
            return self
        counter = WordCounter()
        texts = _checked_texts(X)
        for start in range(0, len(texts), TEXTS_PER_COUNT):
            block = texts[start : start + TEXTS_PER_COUNT]
            counter.update(b" ".join(self._cleaned(block)))
        words = by_frequency(counter.counts())
        if not words:
            raise ValueError("X must hold at least one word to learn a vocabulary from, got none.")
        self.vocabulary_ = {_decoded(word): rank for rank, word in enumerate(words, start=1)}
        return self

    def fit_transform(self, X: Iterable[str], y: object = None) -> ObjectArray:
        """Take over or learn the vocabulary and encode the texts, reading X once.

        Parameters
        ----------
        X : iterable of str, of length n_samples
            Texts.
        y : None
            Ignored.

        Returns
        -------
        sequences : ndarray of shape (n_samples,), dtype object
            One int32 array of ids a text.
        """
        texts = _checked_texts(X)
        return self.fit(texts).transform(texts)

    def transform(self, X: Iterable[str]) -> ObjectArray:
        """Encode texts.

        Parameters
        ----------
        X : iterable of str, of length n_samples
            Texts.

        Returns
        -------
        sequences : ndarray of shape (n_samples,), dtype object
            One int32 array of ids a text.
        """
        check_is_fitted(self)
        self._check_parameters()
        texts = _checked_texts(X)
        look_up = self._look_up_few if len(texts) < FEW_TEXTS else self._look_up_many
        sequences = np.empty(len(texts), dtype=object)
        for start in range(0, len(texts), TEXTS_PER_BLOCK):
            block = slice(start, start + TEXTS_PER_BLOCK)
            with turn(sum(map(len, texts[block]))):
                sequences[block] = self._encoded_block(texts[block], look_up)
        return sequences

    def inverse_transform(self, X: IntSequences) -> ObjectArray:
        """Decode sequences of ids; ids that stand for no word become ``?``.

        Parameters
        ----------
        X : iterable of sequences of int, of length n_samples
            Sequences of ids.

        Returns
        -------
        texts : ndarray of shape (n_samples,), dtype object
            The words of each sequence, joined by spaces. Case, punctuation and words that the
            vocabulary lacks are lost in encoding and don't come back.
        """
        check_is_fitted(self)
        self._check_parameters()
        index_from = int(self.index_from)
        word_of = {rank + index_from: word for word, rank in self.vocabulary_.items()}
        ids, offsets = flattened(X)
        words = [*map(word_of.get, ids.tolist(), repeat("?"))]
        texts = np.empty(len(offsets) - 1, dtype=object)
        for i, (start, stop) in enumerate(pairwise(offsets.tolist())):
            texts[i] = " ".join(words[start:stop])
        return texts

    def get_feature_names_out(self, input_features: object = None) -> ObjectArray:
        """Return the one name of what ``transform`` returns.

        Parameters
        ----------
        input_features : None
            Ignored: texts have no named features.

        Returns
        -------
        names : ndarray of str, dtype object
            ``sequence``.
        """
        return np.array(["sequence"], dtype=object)

    def set_output(
        self, *, transform: Literal["default", "pandas", "polars"] | None = None
    ) -> Self:
        """Do nothing: sequences of different lengths have no form as a table.

        It is here for pipelines, which pass the setting on to each step.

        Parameters
        ----------
        transform : {"default", "pandas", "polars"}, default=None
            Ignored.

        Returns
        -------
        self : WordIndexEncoder
        """
        return self

    def __getstate__(self):
        state = dict(super().__getstate__())
        if "vocabulary_" in state:
            # One text unpickles many times faster than 100,000 words. The table is not kept: it
            # is soon built again.
            packed = json.dumps(self.vocabulary_)
            state["_table"] = None
            # JSON makes one character of the two halves of a surrogate pair
            if json.loads(packed) != self.vocabulary_:
                return state
            state["vocabulary_"] = packed
            if type(self.vocabulary) is dict and self.vocabulary == self.vocabulary_:
                state["vocabulary"] = packed
        return state

    def __setstate__(self, state):
        packed = state.get("vocabulary_")
        if isinstance(packed, str):
            vocabulary = json.loads(packed)
            given = vocabulary if state["vocabulary"] == packed else state["vocabulary"]
            state = {**state, "vocabulary_": vocabulary, "vocabulary": given}
        super().__setstate__(state)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.one_d_array = True
        tags.input_tags.two_d_array = False
        tags.input_tags.string = True
        return tags

    def _check_parameters(self):
        check_int("num_words", self.num_words, at_least=1, none_allowed=True)
        check_int("skip_top", self.skip_top)
        check_int("start_char", self.start_char, at_most=LARGEST_ID, none_allowed=True)
        check_int("oov_char", self.oov_char, at_most=LARGEST_ID, none_allowed=True)
        check_int("index_from", self.index_from, at_most=LARGEST_ID - 1)
        check_bool("lowercase", self.lowercase)
        if not isinstance(self.filters, str):
            raise TypeError(f"filters must be a str of characters, got {shown(self.filters)}.")

    @property
    def _largest_rank(self):
        return LARGEST_ID - int(self.index_from)

    def _cleaned(self, texts):
        """Yield each text in UTF-8, filtered characters as spaces, in lower case if asked."""
        # Bytes translate many times faster than characters. That is right here because an ASCII
        # byte never is a part of another character.
        table = bytearray(ASCII_LOWER if self.lowercase else range(256))
        for char in filter(str.isascii, self.filters):
            table[ord(char)] = ord(" ")
        beyond_ascii = [char for char in self.filters if not char.isascii()]
        for text in texts:
            for char in beyond_ascii:
                text = text.replace(char, " ")
            yield _encoded(text).translate(table)

    def _encoded_block(self, texts, look_up):
        cleaned = list(self._cleaned(texts))
        word_starts, ranks = look_up(b" ".join(cleaned))
        text_ends = np.cumsum([len(text) + 1 for text in cleaned])
        offsets = np.concatenate([[0], np.searchsorted(word_starts, text_ends)])
        kept = ranks != NO_WORD
        if ranks.max(initial=NO_WORD) > self._largest_rank:
            raise ValueError(
                f"index_from must leave the ids of words up to {LARGEST_ID}, got "
                f"{self.index_from!r} for a word of rank {ranks.max()}."
            )
        ids = ranks + np.int32(self.index_from)
        cut_off = self._is_cut_off(ids)
        if self.oov_char is None:
            kept &= ~cut_off
        else:
            ids[cut_off] = self.oov_char
        kept_before = np.concatenate([[0], np.cumsum(kept)])
        ids, offsets = ids[kept], kept_before[offsets]
        first = self.start_char
        if first is not None and self._is_cut_off(first):
            first = self.oov_char
        if first is not None:
            ids, offsets = with_first(ids, offsets, first)
        return split_rows(ids, offsets)

    def _is_cut_off(self, ids):
        too_low = ids < self.skip_top
        return too_low if self.num_words is None else too_low | (ids >= self.num_words)

    def _look_up_many(self, text):
        """Return where each word starts, and its rank."""
        table = self._table
        if table is None:
            # one thread builds the table; the others do without it for so long
            if not _building.acquire(blocking=False):
                return self._look_up_few(text)
            try:
                ranks = {_encoded(word): rank for word, rank in self.vocabulary_.items()}
                table = self._table = WordTable(ranks)
            finally:
                _building.release()
        return table.look_up(text)

    def _look_up_few(self, text):
        """Do the same for a few texts, which take less time than the table takes to build."""
        starts, *_ = find_words(text)
        words = [_decoded(word) for word in text.split(b" ") if word]
        ranks = [self.vocabulary_.get(word, NO_WORD) for word in words]
        return starts, np.array(ranks, dtype=np.int32)


def _encoded(text):
    # lone surrogates, which files read with errors="surrogateescape" hold, pass through
    return text.encode("utf-8", "surrogatepass")


def _decoded(word):
    return word.decode("utf-8", "surrogatepass")


def _checked_texts(X):
    if isinstance(X, NO_SEQUENCES) or not hasattr(X, "__iter__"):
        raise TypeError(f"X must be an iterable of texts, got {type(X).__name__}.")
    check_ordered(X)
    if dimensions(X) != 1:
        raise ValueError(f"X must be one-dimensional, got {dimensions(X)} dimensions.")
    texts = listed(X)
    for i, text in enumerate(texts):
        if not isinstance(text, str):
            raise TypeError(f"X must hold texts (str), got {type(text).__name__} in row {i}.")
    return texts


def _checked_vocabulary(vocabulary, largest_rank):
    if not isinstance(vocabulary, Mapping):
        raise TypeError(f"vocabulary must map words to ranks, got {type(vocabulary).__name__}.")
    if not vocabulary:
        raise ValueError("vocabulary must hold at least one word, got none.")
    for word, rank in vocabulary.items():
        if not isinstance(word, str) or not is_number(rank, Integral):
            raise TypeError(f"vocabulary must map str to int, got {shown(word)}: {shown(rank)}.")
        if not 0 < rank <= largest_rank:
            raise ValueError(
                f"vocabulary must hold ranks from 1 to {largest_rank}, "
                f"got {shown(word)}: {shown(rank)}."
            )
    if len(set(vocabulary.values())) < len(vocabulary):
        rank, n_words = Counter(vocabulary.values()).most_common(1)[0]
        raise ValueError(
            "vocabulary must give each word a rank of its own, "
            f"got rank {rank} for {n_words} words."
        )
    return {word: int(rank) for word, rank in vocabulary.items()}
