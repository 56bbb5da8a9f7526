"""MultiHotVectorizer: integer sequences to a sparse multi-hot matrix of ids or n-grams."""

from __future__ import annotations

from contextlib import contextmanager
from math import ceil
from numbers import Integral
from typing import TYPE_CHECKING, Literal, Self

import numpy as np
import scipy.sparse as sp
from sklearn import get_config
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_array, check_is_fitted

from skimdb._sequences._counts import count_ids
from skimdb._sequences._ragged import Ragged, SequenceArray
from skimdb._sequences._validation import validate_sequences
from skimdb._utils._checks import (
    check_bool,
    check_choice,
    check_int,
    check_no_mask,
    check_real,
    is_number,
    prefix_errors,
    short_repr,
)
from skimdb._utils._column_identity import ColumnIdentity, digest, hash_words
from skimdb._utils._interrupts import hold_interrupts, restore_on_error
from skimdb._utils._public import set_module
from skimdb._utils._sparse import validate_sparse
from skimdb._utils._table_output import SparseOutputMixin

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import DTypeLike, NDArray

    from skimdb._utils._typing import CsrMatrix, IntSequences, MatrixLike, ObjectArray

MODES = ("binary", "count", "log", "freq", "tfidf")
# under min_df="auto"
IDS_PER_SEQUENCE = 4_000_000
LARGEST_INT32, LARGEST_INT64 = np.iinfo(np.int32).max, np.iinfo(np.int64).max


@set_module("skimdb")
class MultiHotVectorizer(SparseOutputMixin, TransformerMixin, BaseEstimator):
    """Turn integer sequences into a sparse matrix with one column for each id or n-gram.

    The sparse counterpart of the dense ``vectorize_sequences`` loop that goes with Keras's IMDB
    data, and of Keras's ``sequences_to_matrix``. Rows keep their order; the order of the ids in a
    sequence is lost but for n-grams, and in mode "binary" also how often they occur. An empty
    sequence becomes a row of zeros.

    Parameters
    ----------
    num_words : int, default=None
        Ids from 0 to ``num_words - 1`` are known; None knows all ids in ``fit``. Without n-grams
        or limits this is the number of columns, one an id. With a number, all modes but "tfidf"
        then learn nothing from the data, so ``transform`` works without ``fit``.
    mode : {"binary", "count", "log", "freq", "tfidf"}, default="binary"
        What an entry is: 1, the number of times the id occurs, ``1 + log(count)``, that number
        divided by the length of the sequence, or
        ``(1 + log(count)) * log(1 + n_samples / (1 + n_samples_with_id))`` with the numbers of
        samples in ``fit``.
    handle_unknown : {"ignore", "error", "oov"}, default="ignore"
        What to do with ids of ``num_words`` and above: leave them out, raise an error, or count
        them as ``oov_char``.
    oov_char : int, default=2
        The id that replaces unknown ids under ``handle_unknown="oov"``.
    ngram_range : tuple of (int, int), default=(1, 1)
        Lengths of the shortest and the longest n-grams that have a column: n ids in a row, once
        unknown ids are left out or replaced.
    min_df : int, float or "auto", default=1
        In how many sequences of ``fit``, or in what fraction of them, an n-gram must be to have a
        column. With (1, 1) an id is an n-gram. "auto" is one sequence for each 4 million ids in
        all sequences, or a part of these: 1 for some thousand short texts, 2 for 25,000 reviews.
    max_df : int or float, default=1.0
        In how many sequences, or in what fraction of them, it may be at most.
    max_features : int, default=None
        Number of columns at most: those of the n-grams that occur most often, or in mode "binary"
        in most sequences.
    count_min_df : int or float, default=1
        Repetitions within a sequence count only for n-grams in at least so many sequences of
        ``fit``, or in such a fraction of them; rarer n-grams have the entry of a count of 1.
        Repetitions of common words tell something of a text, those of rare ones, such as names,
        often do not. Any number but 1 is a limit: ``fit`` then learns the columns.
    n_buckets : int, default=None
        Hashes n-grams into so many columns, instead of learning which there are. Then nothing is
        learned but in mode "tfidf", and ``min_df``, ``max_df``, ``max_features`` and
        ``count_min_df`` cannot be used. For streams, and for more n-grams than memory holds.
        Several n-grams may share a column.
    dtype : dtype, default=numpy.float32
        Type of the entries. Networks train on float32.
    sparse_output : bool, default=True
        Whether the result is sparse (CSR) or a dense array. A table of pandas or polars, by
        ``set_output``, takes False; it has the index of the texts that were encoded. Where only
        scikit-learn's configuration (``transform_output``) asks for tables, a sparse result stays
        as it is.

    Attributes
    ----------
    num_words_ : int
        Number of ids that are known: one more than the largest.
    ngrams_ : ndarray of shape (n_columns, max_n), int32
        The ids of each column's n-gram, filled up with -1. The n-grams in most sequences come
        first; those in equally many by length and then by ids. Only with n-grams or limits, and
        without ``n_buckets``.
    n_counted_ : int
        Number of columns whose repetitions count: the first ones of ``ngrams_``.
    idf_ : ndarray of shape (n_columns,)
        Inverse document frequency of each column; in mode "tfidf" only.

    See Also
    --------
    WordIndexEncoder : Makes integer sequences from text.
    LogCountRatioScaler : Weights the columns by what they tell about the classes.
    sklearn.feature_extraction.text.CountVectorizer : Goes from text to n-grams in one step.
    sklearn.preprocessing.MultiLabelBinarizer : The same for targets: it learns its classes, has
        no dtype, and cannot be a step of a Pipeline.

    References
    ----------
    The modes but "log" are those of ``Tokenizer.sequences_to_matrix`` in Keras 2
    (https://github.com/keras-team/keras-preprocessing); "log" is ``sublinear_tf`` of
    scikit-learn's TfidfTransformer. ``ngram_range``, ``min_df``, ``max_df``
    and ``max_features`` are those of CountVectorizer.

    Examples
    --------
    >>> from skimdb import MultiHotVectorizer
    >>> X = MultiHotVectorizer(num_words=6).fit_transform([[1, 4, 4], [], [5, 2]])
    >>> X.shape, X.dtype, X.nnz
    ((3, 6), dtype('float32'), 4)
    >>> MultiHotVectorizer(num_words=6, sparse_output=False).transform([[1, 4, 4], []])
    array([[0., 1., 0., 0., 1., 0.],
           [0., 0., 0., 0., 0., 0.]], dtype=float32)
    >>> vectorizer = MultiHotVectorizer(ngram_range=(1, 2), min_df=2)
    >>> vectorizer.fit([[1, 4, 5], [1, 4], [5, 1]]).get_feature_names_out().tolist()
    ['id1', 'id4', 'id5', 'id1 id4']
    """

    num_words_: int
    ngrams_: NDArray[np.int32]
    n_counted_: int
    _table = _known_columns = None
    idf_: NDArray[np.float64]

    def __init__(
        self,
        *,
        num_words: int | None = None,
        mode: Literal["binary", "count", "log", "freq", "tfidf"] = "binary",
        handle_unknown: Literal["ignore", "error", "oov"] = "ignore",
        oov_char: int = 2,
        ngram_range: tuple[int, int] = (1, 1),
        min_df: float | Literal["auto"] = 1,
        max_df: float = 1.0,
        max_features: int | None = None,
        count_min_df: float = 1,
        n_buckets: int | None = None,
        dtype: DTypeLike = np.float32,
        sparse_output: bool = True,
    ) -> None:
        self.num_words = num_words
        self.mode = mode
        self.handle_unknown = handle_unknown
        self.oov_char = oov_char
        self.ngram_range = ngram_range
        self.min_df = min_df
        self.max_df = max_df
        self.max_features = max_features
        self.count_min_df = count_min_df
        self.n_buckets = n_buckets
        self.dtype = dtype
        self.sparse_output = sparse_output

    def fit(self, X: IntSequences, y: object = None) -> Self:
        """Learn the columns, and in mode "tfidf" how common each is.

        Parameters
        ----------
        X : iterable of sequences of int, or int array of shape (n_samples, length)
            Sequences of ids.
        y : None
            Ignored.

        Returns
        -------
        self : MultiHotVectorizer
        """
        self.fit_transform(X, y)
        return self

    @restore_on_error
    def fit_transform(self, X: IntSequences, y: object = None) -> CsrMatrix:
        """Fit to sequences and return their matrix, reading X once.

        Parameters
        ----------
        X : iterable of sequences of int, or int array of shape (n_samples, length)
            Sequences of ids.
        y : None
            Ignored.

        Returns
        -------
        X : CSR matrix or ndarray of shape (n_samples, n_columns)
        """
        self._check_parameters()
        ids = validate_sequences(X)
        origin = _origin_of(X)
        if origin is not None and self.num_words is not None:
            origin.compare_num_words(self.num_words, self.handle_unknown)
        if self.num_words is not None:
            self.num_words_ = int(self.num_words)
        elif self.n_buckets is not None and not len(ids.values):
            self.num_words_ = 1
        elif len(ids.values):
            self.num_words_ = _columns_up_to(int(ids.values.max()))
        else:
            raise ValueError(
                "X must hold at least one id to find the number of columns, got none; "
                "set num_words to do without."
            )
        # what an earlier fit with other parameters has learned
        for name in ("ngrams_", "n_counted_", "idf_"):
            if hasattr(self, name):
                delattr(self, name)
        self._table = self._known_columns = None
        if self._learns_ngrams:
            self._learn_ngrams(self._handle_unknown(ids))
        counts = self._count(ids)
        n_samples, n_columns = counts.shape
        if self.mode == "tfidf" or self._learns_ngrams:
            with _room_for("num_words", f"must leave room for {n_columns} weights"):
                n_samples_with_id = np.bincount(counts.indices, minlength=n_columns)
        if self._learns_ngrams:
            fewest = _to_number(self.count_min_df, n_samples)
            self.n_counted_ = int((n_samples_with_id >= fewest).sum())
        if self.mode == "tfidf":
            self.idf_ = np.log1p(n_samples / (1 + n_samples_with_id))
        return self._weight(counts, ids.lengths)

    def transform(self, X: IntSequences) -> CsrMatrix:
        """Turn sequences into a matrix.

        Parameters
        ----------
        X : iterable of sequences of int, or int array of shape (n_samples, length)
            Sequences of ids.

        Returns
        -------
        X : CSR matrix or ndarray of shape (n_samples, n_columns)
            The CSR matrix is canonical: indices sorted, none twice. It is a ``csr_array`` instead
            where scikit-learn's ``sparse_interface`` setting asks for one.
        """
        self._check_parameters()
        check_is_fitted(self)
        ids = validate_sequences(X)
        return self._weight(self._count(ids), ids.lengths)

    def inverse_transform(self, X: MatrixLike) -> ObjectArray:
        """Return the set of ids, or of n-grams, of each row.

        Parameters
        ----------
        X : sparse matrix or array-like of shape (n_samples, n_columns)
            What ``transform`` returned.

        Returns
        -------
        ids : ndarray of shape (n_samples,), dtype object
            One ascending int array of ids a row. With n-grams, one int array of shape
            (n_ngrams, max_n), of rows of ``ngrams_``.

        Raises
        ------
        ValueError
            With ``n_buckets``, since a bucket does not tell its n-grams.
        """
        check_is_fitted(self)
        if self.n_buckets is not None:
            raise ValueError(
                "n_buckets must be None to get n-grams back: a bucket does not tell them."
            )
        check_no_mask("X", X)
        X = validate_sparse("X", X)
        with prefix_errors("X"):
            X = check_array(X, accept_sparse="csr", ensure_min_samples=0, input_name="X")
            X = sp.csr_array(X, copy=True)
        if X.shape[1] != self._n_columns():
            raise ValueError(f"X must have {self._n_columns()} columns, got {X.shape[1]}.")
        X.sum_duplicates()
        X.eliminate_zeros()
        values = self.ngrams_[X.indices] if self._learns_ngrams else X.indices
        return Ragged(values, X.indptr).to_array()

    def get_feature_names_out(self, input_features: Iterable[str] | None = None) -> ObjectArray:
        """Return a name for each column.

        Parameters
        ----------
        input_features : array-like of str, default=None
            A name for each id from 0 up, as the encoder before this step returns them in a
            Pipeline. None, and ids beyond its end, are named ``id0``, ``id1`` and so on.

        Returns
        -------
        names : ndarray of str, dtype object
            The name of each column's id, or the names of its n-gram's ids with spaces between
            them; ``bucket0`` and so on with ``n_buckets``.
        """
        check_is_fitted(self)
        n_columns = self._n_columns()
        if self.n_buckets is not None:
            return np.array([f"bucket{i}" for i in range(n_columns)], dtype=object)
        given = [] if input_features is None else [str(name) for name in input_features]
        n_ids = 1 + int(self.ngrams_.max(initial=-1)) if self._learns_ngrams else n_columns
        names = np.array(
            [*given[:n_ids], *(f"id{i}" for i in range(len(given), n_ids))], dtype=object
        )
        if not self._learns_ngrams:
            return names
        columns = names[self.ngrams_[:, 0]]
        for ids in self.ngrams_.T[1:]:
            longer = ids >= 0
            columns[longer] += " " + names[ids[longer]]
        return columns

    def __getstate__(self):
        # these are quick to build again
        return {**super().__getstate__(), "_table": None, "_known_columns": None}

    def __sklearn_is_fitted__(self):
        learned = "num_words_"
        if self.mode == "tfidf":
            learned = "idf_"
        elif self._learns_ngrams:
            learned = "ngrams_"
        return self._is_stateless or hasattr(self, learned)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.categorical = True
        tags.input_tags.positive_only = True
        tags.transformer_tags.preserves_dtype = []
        tags.requires_fit = not self._is_stateless
        # of scikit-learn's validation: rows may have other lengths than in fit
        tags.no_validation = True
        return tags

    @property
    def _learns_ngrams(self):
        """Whether fit finds out which n-grams, or ids, have a column."""
        # 1 is one sequence, 1.0 is all of them
        fractions = self.min_df, self.max_df, self.count_min_df
        limits = [(value, is_number(value, Integral)) for value in fractions]
        has_limits = limits != [(1, True), (1.0, False), (1, True)]
        has_limits |= self.max_features is not None
        return self.n_buckets is None and (self.ngram_range not in ((1, 1), [1, 1]) or has_limits)

    @property
    def _is_stateless(self):
        knows_columns = self.num_words is not None or self.n_buckets is not None
        return knows_columns and self.mode != "tfidf" and not self._learns_ngrams

    def _is_sparse_for(self, X):
        check_bool("sparse_output", self.sparse_output)
        return bool(self.sparse_output)

    def _columns_for(self, X):
        origin = _origin_of(X)
        if origin is None or origin.vocabulary is None:
            return self._find_columns(None)
        return self._find_columns(origin.vocabulary, origin.index_from)

    def _find_columns(self, vocabulary, index_from=0):
        """Return the ColumnIdentity that a vocabulary leads to, or None if nothing is known."""
        if vocabulary is None and not self._learns_ngrams:
            return None
        n_ids, known = self._n_ids(), self._known_columns
        if known is None or known[0] is not vocabulary or known[1:3] != (index_from, n_ids):
            words = None if vocabulary is None else hash_words(vocabulary, index_from, n_ids)
            ngrams = digest(self.ngrams_) if self._learns_ngrams else None
            known = vocabulary, index_from, n_ids, ColumnIdentity(words, ngrams)
            self._known_columns = known
        return known[3]

    def _n_columns(self):
        if self.n_buckets is not None:
            return int(self.n_buckets)
        if self._learns_ngrams:
            return len(self.ngrams_)
        return self._n_ids()

    def _n_ids(self):
        """Return one more than the largest id that is known."""
        if self.num_words is None and self.n_buckets is not None:
            return LARGEST_INT64
        return int(getattr(self, "num_words_", self.num_words))

    def _check_parameters(self):
        check_int("num_words", self.num_words, min_val=1, max_val=LARGEST_INT64, optional=True)
        check_choice("mode", self.mode, MODES)
        check_choice("handle_unknown", self.handle_unknown, ("ignore", "error", "oov"))
        check_int("oov_char", self.oov_char)
        check_bool("sparse_output", self.sparse_output)
        self._check_ngram_parameters()
        try:
            dtype = np.dtype(object if self.dtype is None else self.dtype)
        except (TypeError, ValueError):
            dtype = np.dtype(object)
        if dtype.kind not in "fiu":
            raise ValueError(f"dtype must be a real number type, got {short_repr(self.dtype)}.")
        if self.mode in ("log", "freq", "tfidf") and dtype.kind != "f":
            raise ValueError(
                f"dtype must be a floating type in mode {self.mode!r}, got {self.dtype!r}."
            )
        if dtype == np.float16 and self.sparse_output:
            raise ValueError(
                "dtype must be one that SciPy's sparse matrices have, unless sparse_output is "
                f"False, got {self.dtype!r}."
            )

    def _check_ngram_parameters(self):
        lengths = self.ngram_range
        is_pair = isinstance(lengths, tuple | list) and len(lengths) == 2
        if not (is_pair and all(is_number(n, Integral) for n in lengths)):
            raise TypeError(f"ngram_range must be a pair of ints, got {short_repr(lengths)}.")
        if not 1 <= lengths[0] <= lengths[1]:
            raise ValueError(
                "ngram_range must start at 1 or above, and its end must not be below its start, "
                f"got {short_repr(lengths)}."
            )
        for name in ("min_df", "max_df", "count_min_df"):
            value = getattr(self, name)
            if name == "min_df" and isinstance(value, str):
                check_choice(name, value, ("auto",))
            elif is_number(value, Integral):
                check_int(name, value, min_val=1, max_val=LARGEST_INT64)
            else:
                check_real(name, value, min_val=0, max_val=1)
        check_int("max_features", self.max_features, min_val=1, optional=True)
        check_int("n_buckets", self.n_buckets, min_val=1, max_val=LARGEST_INT32, optional=True)
        if self.n_buckets is not None:
            defaults = {"min_df": 1, "max_df": 1.0, "max_features": None, "count_min_df": 1}
            for name, default in defaults.items():
                value = getattr(self, name)
                is_whole = is_number(value, Integral)
                if value != default or is_whole != is_number(default, Integral):
                    raise ValueError(
                        f"{name} must be {default} with n_buckets, which does not learn which "
                        f"n-grams there are, got {short_repr(value)}."
                    )

    def _learn_ngrams(self, ids):
        """Find out which n-grams have a column."""
        min_df = self.min_df
        if min_df == "auto":
            min_df = max(1, ceil(len(ids.values) / IDS_PER_SEQUENCE))
        fewest, most = (_to_number(value, len(ids)) for value in (min_df, self.max_df))
        if most < fewest:
            raise ValueError(
                f"max_df must not be below min_df for {len(ids)} sequences, got "
                f"max_df={self.max_df} and min_df={self.min_df}."
            )
        ids, lengths = _to_int32(ids), map(int, self.ngram_range)
        ngrams = _load_ngrams().learn_ngrams(ids, *lengths, ceil(fewest), int(most))
        if self.max_features is not None:
            ngrams = self._most_frequent(ngrams, ids)
        if not len(ngrams):
            raise ValueError(
                f"X must hold an n-gram of ngram_range={self.ngram_range} with "
                f"min_df={self.min_df} and max_df={self.max_df}, got none; change these."
            )
        self.ngrams_ = ngrams

    def _most_frequent(self, ngrams, ids):
        """Return the ``max_features`` n-grams that occur most often, in the same order."""
        # n-grams come in the order of the number of sequences
        order = np.arange(len(ngrams))
        if self.mode != "binary":
            counts = _load_ngrams().NgramTable(ngrams).count(ids)
            n_sequences = np.bincount(counts.indices, minlength=len(ngrams))
            is_counted = n_sequences >= _to_number(self.count_min_df, len(ids))
            totals = np.where(is_counted, counts.sum(axis=0), n_sequences)
            order = np.argsort(-totals, kind="stable")
        return ngrams[np.sort(order[: self.max_features])]

    def _count_ngrams(self, ids):
        """Return how often each n-gram occurs in each row, as a canonical CSR array."""
        ngrams, ids = _load_ngrams(), _to_int32(ids)
        if self.n_buckets is not None:
            return ngrams.count_buckets(ids, *map(int, self.ngram_range), int(self.n_buckets))
        if self._table is None:
            self._table = ngrams.NgramTable(self.ngrams_)
        return self._table.count(ids)

    def _count(self, ids):
        """Return how often each id or n-gram occurs in each row, as a canonical CSR array."""
        ids = self._handle_unknown(ids)
        if self._learns_ngrams or self.n_buckets is not None:
            return self._count_ngrams(ids)
        return count_ids(ids, self._n_ids(), binary=self.mode == "binary")

    def _handle_unknown(self, ids):
        """Leave out, refuse or replace ids without a column."""
        if self.handle_unknown == "oov" and self.oov_char >= self._n_ids():
            raise ValueError(
                f"oov_char must be below num_words={self._n_ids()}, "
                f"got {short_repr(self.oov_char)}."
            )
        unknown = ids.values >= self._n_ids()
        if not unknown.any():
            return ids
        if self.handle_unknown == "error":
            position = int(unknown.argmax())
            raise ValueError(
                f"X must hold ids below num_words={self._n_ids()} under "
                f"handle_unknown='error', got {ids.values[position]} "
                f"in row {ids.row_of(position)}."
            )
        if self.handle_unknown == "oov":
            return Ragged(np.where(unknown, int(self.oov_char), ids.values), ids.offsets)
        return ids.where(~unknown)

    def _weight(self, counts, lengths):
        """Turn counts into the entries of the mode, in the type and format of the parameters."""
        values = counts.data
        if self._learns_ngrams and self.n_counted_ < counts.shape[1]:
            values = np.where(counts.indices < self.n_counted_, values, 1)
        if self.mode == "binary":
            values = np.ones(counts.nnz, dtype=self.dtype)
        elif self.mode == "log":
            values = 1 + np.log(values)
        elif self.mode == "freq":
            values = values / np.repeat(lengths, np.diff(counts.indptr))
        elif self.mode == "tfidf":
            values = (1 + np.log(values)) * self.idf_[counts.indices]
        largest = _largest(np.dtype(self.dtype), whole=self.mode == "count")
        if len(values) and values.max() > largest:
            raise ValueError(
                f"dtype must hold counts up to {values.max()}, got {self.dtype!r}, which "
                f"ends at {largest}."
            )
        values = values.astype(self.dtype, copy=False)
        if not self.sparse_output:
            with _room_for("sparse_output", f"must be True for a matrix of shape {counts.shape}"):
                dense = np.zeros(counts.shape, dtype=self.dtype)
            rows = np.repeat(np.arange(counts.shape[0]), np.diff(counts.indptr))
            dense[rows, counts.indices] = values
            return dense
        # scikit-learn has the setting since 1.9
        as_array = get_config().get("sparse_interface") == "sparray"
        csr = sp.csr_array if as_array else sp.csr_matrix
        X = csr((values, counts.indices, counts.indptr), shape=counts.shape)
        X.has_canonical_format = True
        return X


def _origin_of(X):
    """Return the Origin of sequences from a WordIndexEncoder, or None."""
    return X.origin if isinstance(X, SequenceArray) else None


def _load_ngrams():
    # a module of numba that was loaded in part could not be loaded again
    with hold_interrupts():
        from skimdb._sequences import _ngrams
    return _ngrams


def _to_int32(ids):
    """Return ids in the type of n-grams."""
    if len(ids.values) and ids.values.max() >= LARGEST_INT32:
        position = int(ids.values.argmax())
        raise ValueError(
            f"X must hold ids below {LARGEST_INT32} for n-grams, got {ids.values[position]} in "
            f"row {ids.row_of(position)}."
        )
    return Ragged(ids.values.astype(np.int32, copy=False), ids.offsets)


def _to_number(limit, n_samples):
    """Return a number of sequences; a fraction of them may end in a part of one."""
    return limit if is_number(limit, Integral) else limit * n_samples


def _largest(dtype, *, whole):
    """Return the largest number of a type, or the largest that all whole numbers fit below."""
    if dtype.kind != "f":
        return np.iinfo(dtype).max
    return 2 ** (np.finfo(dtype).nmant + 1) if whole else np.finfo(dtype).max


def _columns_up_to(largest_id):
    if largest_id == LARGEST_INT64:
        raise ValueError(
            f"X must hold ids below {LARGEST_INT64} to have columns, got {LARGEST_INT64}."
        )
    return largest_id + 1


@contextmanager
def _room_for(name, expected):
    """Name the parameter that asks for more memory than there is."""
    try:
        yield
    except (MemoryError, ValueError) as error:
        raise ValueError(f"{name} {expected}, which memory has no room for ({error}).") from error
