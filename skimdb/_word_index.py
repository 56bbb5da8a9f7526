"""WordIndexEncoder: text to integer sequences and back."""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from itertools import chain, pairwise, repeat
from numbers import Integral
from typing import TYPE_CHECKING, Literal, Self

import numpy as np
import scipy.sparse as sp
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils.validation import check_is_fitted, check_non_negative

from skimdb._network._validation import validate_rows
from skimdb._sequences._analyzers import ANALYZERS, KERAS_FILTERS, Analyzer
from skimdb._sequences._ids import LARGEST_ID, NO_RANK, START_RANK, IdConvention
from skimdb._sequences._ragged import Origin, Ragged
from skimdb._sequences._validation import validate_sequences, validate_texts
from skimdb._sequences._word_table import (
    CompiledWordTable,
    make_word_table,
    needs_kernels,
    sort_words,
)
from skimdb._utils._checks import (
    check_bool,
    check_choice,
    check_int,
    is_number,
    short_repr,
)
from skimdb._utils._column_identity import ColumnIdentity, digest
from skimdb._utils._interrupts import restore_on_error
from skimdb._utils._public import set_module
from skimdb._utils._table_output import SparseOutputMixin

if TYPE_CHECKING:
    from skimdb._utils._typing import (
        CsrMatrix,
        IntSequences,
        MatrixLike,
        ObjectArray,
        Texts,
    )

STRIP_ACCENTS = ("ascii", "unicode")
_building = threading.Lock()


@set_module("skimdb")
class WordIndexEncoder(
    TransformerMixin,
    BaseEstimator,
    auto_wrap_output_keys=None,  # type: ignore[call-arg]
):
    r"""Encode texts as sequences of word ids, and decode them.

    Each word of the vocabulary becomes its rank (1 for the most frequent) plus ``index_from``.
    Words that are not in the vocabulary are left out; words that ``num_words`` or ``skip_top``
    cut off become ``oov_char``. By default words and ids are those of
    :func:`keras.datasets.imdb.load_data`. Texts may also come as the only column of a table or of
    a two-dimensional array, as from a ColumnTransformer.

    Parameters
    ----------
    vocabulary : mapping of str to int, default=None
        Rank of each word, as :func:`skimdb.datasets.fetch_word_index` returns it. None learns
        the ranks in ``fit``: words by descending frequency, equally frequent ones
        alphabetically.
    num_words : int, default=None
        Ids of this and above become ``oov_char``; None keeps all. As in Keras, the ids below the
        first word count too: by default 10,000 keeps the 9,996 most frequent words.
    skip_top : int, default=0
        Ids below this become ``oov_char``. As in Keras, ``start_char`` is one of those ids.
    start_char : int, default=1
        Id put at the front of each sequence; None puts none.
    oov_char : int, default=2
        Id for words that were cut off; None leaves them out.
    handle_unknown : {"ignore", "oov"}, default="ignore"
        What to do with words that are not in the vocabulary: leave them out, or make them
        ``oov_char`` too. For n-grams take "oov": left out, an unknown word would bring together
        words that never stood side by side.
    index_from : int, default=3
        Added to each rank, so that ids below stay free for padding (0), start and cut-off words.
    analyzer : {"keras", "word", "char"} or callable, default="keras"
        What the words of a text are.

        - "keras": what characters in ``filters``, spaces and carriage returns separate, as in
          the published IMDB word index, whose texts have no carriage returns.
        - "word": words of any language: runs of letters, marks and digits, with apostrophes
          within. ``!``, ``?`` and emoji are words; ideographs and hiragana are words of one
          character; so is each letter, with its marks, of the scripts of Southeast Asia that
          leave no spaces. HTML tags are left out, and entities become their characters.
        - "char": characters; several spaces or line ends in a row are one. A carriage return, or
          one with a line feed, is one line end.
        - A function that takes a text and returns a list of words.
    lowercase : bool, default=True
        Whether letters become lower case. Under "keras" only ASCII letters do: the published
        IMDB word index has ``Ángela``, not ``ángela``. A function gets texts as they are.
    filters : str, default=ASCII punctuation without the apostrophe, tab and newline
        Under "keras", characters that separate words, besides the space and the carriage return
        (alone or with a line feed behind it). Not used otherwise.
    strip_accents : {"ascii", "unicode"}, callable or None, default=None
        How accents are removed from texts first, as in
        :class:`~sklearn.feature_extraction.text.CountVectorizer`.

    Attributes
    ----------
    vocabulary_ : dict of str to int
        Rank of each word.

    See Also
    --------
    MultiHotVectorizer : Turns the sequences into a sparse matrix.
    VocabularySelector : Learns the ranks from counts of words, for cross-validation.
    sklearn.feature_extraction.text.CountVectorizer : Goes from text to counts in one step.

    References
    ----------
    The convention is that of ``keras.datasets.imdb`` (https://keras.io/api/datasets/imdb/). Under
    "word", texts are normalized to NFKC (Unicode Standard Annex 15), and what stands alone and
    what joins follows the default word boundaries of Unicode Standard Annex 29, except that
    punctuation within words and numbers separates.

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
        handle_unknown: Literal["ignore", "oov"] = "ignore",
        index_from: int = 3,
        analyzer: Literal["keras", "word", "char"] | Callable[[str], Iterable[str]] = "keras",
        lowercase: bool = True,
        filters: str = KERAS_FILTERS,
        strip_accents: Literal["ascii", "unicode"] | Callable[[str], str] | None = None,
    ) -> None:
        self.vocabulary = vocabulary
        self.num_words = num_words
        self.skip_top = skip_top
        self.start_char = start_char
        self.oov_char = oov_char
        self.handle_unknown = handle_unknown
        self.index_from = index_from
        self.analyzer = analyzer
        self.lowercase = lowercase
        self.filters = filters
        self.strip_accents = strip_accents

    @restore_on_error
    def fit(self, X: Texts | None = None, y: object = None) -> Self:
        """Use the given vocabulary, or learn one from the texts.

        Parameters
        ----------
        X : iterable of str, or table or array of shape (n_samples, 1), default=None
            Texts. Not needed if ``vocabulary`` is given.
        y : None
            Ignored.

        Returns
        -------
        self : WordIndexEncoder
        """
        self._fit(X)
        return self

    @restore_on_error
    def fit_transform(self, X: Texts, y: object = None) -> ObjectArray:
        """Fit to the texts and encode them, reading X once.

        Parameters
        ----------
        X : iterable of str, or table or array of shape (n_samples, 1)
            Texts.
        y : None
            Ignored.

        Returns
        -------
        sequences : ndarray of shape (n_samples,), dtype object
            One int32 array of ids a text.
        """
        texts = validate_texts(X)
        ranks = self._fit(texts)
        return self._encode(self._rank(texts) if ranks is None else ranks, X)

    def transform(self, X: Texts) -> ObjectArray:
        """Encode texts.

        Parameters
        ----------
        X : iterable of str, or table or array of shape (n_samples, 1)
            Texts.

        Returns
        -------
        sequences : ndarray of shape (n_samples,), dtype object
            One int32 array of ids a text.
        """
        check_is_fitted(self)
        self._validate_parameters()
        return self._encode(self._rank(validate_texts(X)), X)

    def inverse_transform(self, X: IntSequences) -> ObjectArray:
        """Decode sequences of ids; ids that stand for no word become ``?``.

        Parameters
        ----------
        X : iterable of sequences of int, of length n_samples
            Sequences of ids.

        Returns
        -------
        texts : ndarray of shape (n_samples,), dtype object
            The words of each sequence, joined by spaces (characters by nothing). Case,
            punctuation and words outside the vocabulary are lost in encoding.
        """
        check_is_fitted(self)
        index_from = self._validate_parameters().index_from
        word_of = {rank + index_from: word for word, rank in self.vocabulary_.items()}
        ids = validate_sequences(X)
        words = [*map(word_of.get, ids.values.tolist(), repeat("?"))]
        space = "" if self.analyzer == "char" else " "
        texts = np.empty(len(ids), dtype=object)
        for i, (start, stop) in enumerate(pairwise(ids.offsets.tolist())):
            texts[i] = space.join(words[start:stop])
        return texts

    def get_feature_names_out(self, input_features: object = None) -> ObjectArray:
        """Return the names of the ids, for the columns of the next step.

        Parameters
        ----------
        input_features : None
            Ignored: texts have no named features.

        Returns
        -------
        names : ndarray of str, dtype object
            The word of each id from 0 up; ``<start>`` and ``<oov>`` for those marks, and ``id0``
            and so on for ids that stand for nothing.
        """
        check_is_fitted(self)
        convention = self._validate_parameters()
        ranks = Ragged.from_lengths(
            np.array([START_RANK, *self.vocabulary_.values()]), [1 + len(self.vocabulary_)]
        )
        n_ids = 1 + convention.largest_id(ranks)
        if self.num_words is not None:
            n_ids = min(n_ids, int(self.num_words))
        names = np.array([f"id{i}" for i in range(n_ids)], dtype=object)
        for word, rank in self.vocabulary_.items():
            if rank + convention.index_from < n_ids:
                names[rank + convention.index_from] = word
        for name, mark in (("<oov>", self.oov_char), ("<start>", self.start_char)):
            if mark is not None and mark < n_ids:
                names[mark] = name
        return names

    def set_output(
        self, *, transform: Literal["default", "pandas", "polars"] | None = None
    ) -> Self:
        """Do nothing: sequences of different lengths cannot become a table.

        Pipelines pass the setting on to each step. The sequences carry the index of the texts to
        the next step, for its tables.

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
            # One text unpickles many times faster than 100,000 words. The table of words is left
            # out: it is quick to build again.
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

    def _validate_parameters(self):
        """Check the parameters, and return those of the ids."""
        check_int("num_words", self.num_words, min_val=1, optional=True)
        check_bool("lowercase", self.lowercase)
        for name, choices in (("analyzer", ANALYZERS), ("strip_accents", STRIP_ACCENTS)):
            value = getattr(self, name)
            if not (callable(value) or (value is None and name == "strip_accents")):
                check_choice(name, value, choices)
        if not isinstance(self.filters, str):
            raise TypeError(
                f"filters must be a str of characters, got {short_repr(self.filters)}."
            )
        check_choice("handle_unknown", self.handle_unknown, ("ignore", "oov"))
        names = ("start_char", "oov_char", "index_from", "num_words", "skip_top")
        return IdConvention(
            **{name: getattr(self, name) for name in names},
            keeps_unknown=self.handle_unknown == "oov",
        )

    @property
    def _analyzer(self):
        return Analyzer(self.analyzer, self.lowercase, self.filters, self.strip_accents)

    def _fit(self, X):
        """Use the given vocabulary, or learn one and return the ranks of the words."""
        convention = self._validate_parameters()
        self._table = None
        if self.vocabulary is not None:
            largest_rank = LARGEST_ID - convention.index_from
            self.vocabulary_ = validate_vocabulary(self.vocabulary, largest_rank)
            return None
        texts = validate_texts(X)
        table = make_word_table(self._analyzer, texts)
        numbers = table.add(texts)
        words, counts = table.words(), np.bincount(numbers.values)
        self._learn(sort_words(words, counts))
        rank_of = np.array([*map(self.vocabulary_.get, words)], dtype=np.int32)
        return Ragged(rank_of[numbers.values], numbers.offsets)

    def _learn(self, words):
        """Set the vocabulary to words in the order of their ranks."""
        if not words:
            raise ValueError("X must hold at least one word to learn a vocabulary from, got none.")
        self._table = None
        self.vocabulary_ = dict(zip(words, range(1, len(words) + 1), strict=True))

    def _encode(self, ranks, X):
        """Return the sequences of ids of the texts in X."""
        convention = self._validate_parameters()
        # lists have a method of that name
        index = getattr(X, "index", None)
        index = None if callable(index) else index
        origin = Origin(self.vocabulary_, convention.index_from, convention.num_words, index)
        return convention.encode(ranks.prepend(START_RANK)).to_array(origin)

    def _rank(self, texts):
        """Return the ranks of the words of texts, as Ragged."""
        if needs_kernels(self._analyzer, texts):
            table = self._table
            if table is not None and table.analyzer != self._analyzer:
                table = None
            # one thread builds the table, the others use the dict meanwhile
            if table is None and _building.acquire(blocking=False):
                try:
                    table = self._table = _RankTable(self._analyzer, self.vocabulary_)
                finally:
                    _building.release()
            if table is not None:
                return table.rank(texts)
        rows = self._analyzer.split(texts)
        ranks = map(self.vocabulary_.get, chain.from_iterable(rows), repeat(NO_RANK))
        return Ragged.from_lengths(np.fromiter(ranks, dtype=np.int32), [*map(len, rows)])


class _RankTable:
    """The ranks of a vocabulary, for many texts at once."""

    def __init__(self, analyzer, vocabulary):
        # no word of a text contains a space
        words = [word for word in vocabulary if word and " " not in word]
        self.analyzer = analyzer
        self._table = CompiledWordTable(analyzer, words)
        # the last is found for words without a number, -1
        self._ranks = np.array([*map(vocabulary.get, words), NO_RANK], dtype=np.int32)

    def rank(self, texts):
        numbers = self._table.find(texts)
        return Ragged(self._ranks[numbers.values], numbers.offsets)


@set_module("skimdb")
class VocabularySelector(
    SparseOutputMixin, ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator
):
    """Turn counts of words into multi-hot rows of the most frequent words.

    The words are ranked by their counts in ``fit``, as by a WordIndexEncoder, and the rows are
    those of a MultiHotVectorizer: the start mark, one column for each word up to ``num_words``,
    and ``oov_char`` for the other words of ``fit``. Words that no row of ``fit`` contains are left
    out. So each fold of a cross-validation learns its own vocabulary, while the texts are split
    into words only once.

    Parameters
    ----------
    num_words : int, default=10_000
        Number of columns: the ids from 0 to ``num_words - 1``.

    Attributes
    ----------
    ids_ : ndarray of shape (n_features_in_,)
        The id of each input column; ``num_words_`` if it has none.
    num_words_ : int
        Number of columns.
    n_features_in_ : int
        Number of input columns.

    See Also
    --------
    WordIndexEncoder : Learns the ranks from texts.
    sklearn.feature_selection.SelectKBest : Selects columns by any score.

    Notes
    -----
    Equally frequent words are ranked in the order of the columns. For the ranks of a
    WordIndexEncoder they must be in alphabetical order.

    Examples
    --------
    >>> from sklearn.feature_extraction.text import CountVectorizer
    >>> from skimdb import VocabularySelector
    >>> counts = CountVectorizer().fit_transform(["good film", "bad film", "good fun"])
    >>> selector = VocabularySelector(num_words=6).fit(counts)
    >>> selector.ids_.tolist()  # bad, film, fun, good
    [2, 4, 2, 5]
    >>> selector.transform(counts).toarray()[0].tolist()
    [0.0, 1.0, 0.0, 0.0, 1.0, 1.0]
    """

    ids_: np.ndarray
    num_words_: int
    n_features_in_: int

    def __init__(self, num_words: int = 10_000) -> None:
        self.num_words = num_words

    @restore_on_error
    def fit(self, X: MatrixLike, y: object = None) -> Self:
        """Rank the words.

        Parameters
        ----------
        X : sparse matrix of shape (n_samples, n_words)
            How often each text contains each word.
        y : None
            Ignored.

        Returns
        -------
        self : VocabularySelector
        """
        check_int("num_words", self.num_words, min_val=1, max_val=np.iinfo(np.int64).max)
        X = self._validate_counts(X, reset=True)
        totals = np.asarray(X.sum(axis=0, dtype=np.float64)).ravel()
        ranked = np.argsort(-totals, kind="stable")[: np.count_nonzero(totals)]
        ranks = Ragged.from_lengths(np.arange(len(ranked) + 1), [len(ranked) + 1])
        self.num_words_ = int(self.num_words)
        ids = IdConvention(num_words=self.num_words_).encode(ranks).values
        self.ids_ = np.full(X.shape[1], self.num_words_)
        self._start, self.ids_[ranked] = ids[0], ids[1:]
        return self

    def transform(self, X: MatrixLike) -> CsrMatrix:
        """Turn counts into multi-hot rows.

        Parameters
        ----------
        X : sparse matrix of shape (n_samples, n_words)
            How often each text contains each word.

        Returns
        -------
        X : CSR matrix of shape (n_samples, num_words_), float32
        """
        check_is_fitted(self)
        X = self._validate_counts(X, reset=False)
        shape = X.shape[0], self.num_words_
        rows, columns = X.nonzero()
        rows = np.concatenate([np.arange(shape[0]), rows])
        ids = np.concatenate([np.full(shape[0], self._start), self.ids_[columns]])
        known = ids < self.num_words_
        entries = np.ones(known.sum(), dtype=np.float32)
        matrix = sp.csr_matrix((entries, (rows[known], ids[known])), shape=shape)
        # several words with the same id have become one entry that counts them
        matrix.data[:] = 1
        return matrix

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.input_tags.positive_only = True
        tags.transformer_tags.preserves_dtype = []
        return tags

    @property
    def _n_features_out(self):
        return self.num_words_

    def _is_sparse_for(self, X):
        return True

    def _columns_for(self, X):
        return ColumnIdentity(None, digest(self.ids_))

    def _validate_counts(self, X, *, reset):
        X = validate_rows(self, X, "X", reset=reset)
        check_non_negative(X, f"{type(self).__name__} (input X)")
        return X


def validate_vocabulary(vocabulary, largest_rank):
    """Return a vocabulary as a dict of ints, or say what is wrong with it."""
    if not isinstance(vocabulary, Mapping):
        raise TypeError(f"vocabulary must map words to ranks, got {type(vocabulary).__name__}.")
    if not vocabulary:
        raise ValueError("vocabulary must hold at least one word, got none.")
    for word, rank in vocabulary.items():
        # the type alone is quicker to check, for 100,000 words
        if not isinstance(word, str) or not (type(rank) is int or is_number(rank, Integral)):
            raise TypeError(
                f"vocabulary must map str to int, got {short_repr(word)}: {short_repr(rank)}."
            )
        if not 0 < rank <= largest_rank:
            raise ValueError(
                f"vocabulary must hold ranks from 1 to {largest_rank}, "
                f"got {short_repr(word)}: {short_repr(rank)}."
            )
    if len(set(vocabulary.values())) < len(vocabulary):
        rank, n_words = Counter(vocabulary.values()).most_common(1)[0]
        raise ValueError(
            "vocabulary must give each word a rank of its own, "
            f"got rank {rank} for {n_words} words."
        )
    return {word: int(rank) for word, rank in vocabulary.items()}
