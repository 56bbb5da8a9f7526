"""MultiHotVectorizer: integer sequences to a sparse multi-hot matrix."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Literal, Self

import numpy as np
import scipy.sparse as sp
from sklearn import get_config
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_array, check_is_fitted

from skimdb._all_or_nothing import all_or_nothing
from skimdb._checks import (
    check_bool,
    check_choice,
    check_int,
    check_no_mask,
    named,
    shown,
)
from skimdb._integer_rows import flattened, row_of
from skimdb._ragged import split_rows
from skimdb._sparse_checks import check_parts
from skimdb._turns import turn

if TYPE_CHECKING:
    from numpy.typing import DTypeLike, NDArray

    from skimdb._typing import CsrMatrix, IntSequences, MatrixLike, ObjectArray

MODES = ("binary", "count", "freq", "tfidf")
LARGEST_INT32, LARGEST_INT64 = np.iinfo(np.int32).max, np.iinfo(np.int64).max


class MultiHotVectorizer(TransformerMixin, BaseEstimator):
    """Turn integer sequences into a sparse matrix with one column an id.

    The sparse counterpart of the dense ``vectorize_sequences`` loop that goes with Keras's IMDB
    data, and of Keras's ``sequences_to_matrix``. Row order is kept, the order and (in mode
    "binary") the number of the ids within a sequence is not. An empty sequence is an all-zero row.

    Parameters
    ----------
    num_words : int, default=None
        Number of columns: ids from 0 to ``num_words - 1`` have one. None takes one more than the
        largest id in ``fit``. With a number given, the modes "binary", "count" and "freq" learn
        nothing from the data, so ``transform`` works without ``fit``.
    mode : {"binary", "count", "freq", "tfidf"}, default="binary"
        What an entry is: 1, the number of times the id occurs, that number by the length of the
        sequence, or ``(1 + log(count)) * log(1 + n_samples / (1 + n_samples_with_id))`` with
        numbers of samples as seen in ``fit``.
    handle_unknown : {"ignore", "error", "oov"}, default="ignore"
        What becomes of ids of ``num_words`` and above: left out, an error, or counted as
        ``oov_char``.
    oov_char : int, default=2
        The id that stands for unknown ids under ``handle_unknown="oov"``.
    dtype : dtype, default=numpy.float32
        Type of the entries: float32 is what networks train on.
    sparse_output : bool, default=True
        Whether the result is sparse (CSR) or a dense array.

    Attributes
    ----------
    num_words_ : int
        Number of columns.
    idf_ : ndarray of shape (num_words_,)
        Inverse document frequency of each id; in mode "tfidf" only.

    See Also
    --------
    WordIndexEncoder : Makes integer sequences from text.
    sklearn.preprocessing.MultiLabelBinarizer : The same idea for targets; its classes are
        learned, it takes no dtype, and it can't be a step of a Pipeline.

    References
    ----------
    The modes are those of ``Tokenizer.sequences_to_matrix`` in Keras 2
    (https://github.com/keras-team/keras-preprocessing).

    Examples
    --------
    >>> from skimdb import MultiHotVectorizer
    >>> X = MultiHotVectorizer(num_words=6).fit_transform([[1, 4, 4], [], [5, 2]])
    >>> X.shape, X.dtype, X.nnz
    ((3, 6), dtype('float32'), 4)
    >>> MultiHotVectorizer(num_words=6, sparse_output=False).transform([[1, 4, 4], []])
    array([[0., 1., 0., 0., 1., 0.],
           [0., 0., 0., 0., 0., 0.]], dtype=float32)
    """

    num_words_: int
    idf_: NDArray[np.float64]

    def __init__(
        self,
        *,
        num_words: int | None = None,
        mode: Literal["binary", "count", "freq", "tfidf"] = "binary",
        handle_unknown: Literal["ignore", "error", "oov"] = "ignore",
        oov_char: int = 2,
        dtype: DTypeLike = np.float32,
        sparse_output: bool = True,
    ) -> None:
        self.num_words = num_words
        self.mode = mode
        self.handle_unknown = handle_unknown
        self.oov_char = oov_char
        self.dtype = dtype
        self.sparse_output = sparse_output

    def fit(self, X: IntSequences, y: object = None) -> Self:
        """Learn the number of columns, and in mode "tfidf" how common each id is.

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

    @all_or_nothing
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
        X : CSR matrix or ndarray of shape (n_samples, num_words_)
        """
        self._check_parameters()
        ids, offsets = flattened(X)
        if self.num_words is not None:
            self.num_words_ = int(self.num_words)
        elif len(ids):
            self.num_words_ = _columns_up_to(int(ids.max()))
        else:
            raise ValueError(
                "X must hold at least one id to find the number of columns, got none; "
                "set num_words to do without."
            )
        counts = self._counts(ids, offsets)
        if self.mode == "tfidf":
            n_samples, num_words = counts.shape
            with _room_for("num_words", f"must leave room for {num_words} weights"):
                n_samples_with_id = np.bincount(counts.indices, minlength=num_words)
            self.idf_ = np.log1p(n_samples / (1 + n_samples_with_id))
        return self._weighted(counts, np.diff(offsets))

    def transform(self, X: IntSequences) -> CsrMatrix:
        """Turn sequences into a matrix.

        Parameters
        ----------
        X : iterable of sequences of int, or int array of shape (n_samples, length)
            Sequences of ids.

        Returns
        -------
        X : CSR matrix or ndarray of shape (n_samples, num_words_)
            The CSR matrix is canonical: indices sorted, none twice. It is a ``csr_array`` instead
            where scikit-learn's ``sparse_interface`` setting asks for one.
        """
        check_is_fitted(self)
        self._check_parameters()
        ids, offsets = flattened(X)
        with turn(ids.nbytes):
            return self._weighted(self._counts(ids, offsets), np.diff(offsets))

    def inverse_transform(self, X: MatrixLike) -> ObjectArray:
        """Return the set of ids of each row.

        Parameters
        ----------
        X : sparse matrix or array-like of shape (n_samples, num_words_)
            What ``transform`` returned.

        Returns
        -------
        ids : ndarray of shape (n_samples,), dtype object
            One ascending int array of ids a row.
        """
        check_is_fitted(self)
        check_no_mask("X", X)
        check_parts("X", X)
        with named("X"):
            X = check_array(X, accept_sparse="csr", ensure_min_samples=0, input_name="X")
            X = sp.csr_array(X, copy=True)
        if X.shape[1] != self._n_columns():
            raise ValueError(
                f"X must have {self._n_columns()} columns, one an id, got {X.shape[1]}."
            )
        X.sum_duplicates()
        X.eliminate_zeros()
        return split_rows(X.indices, X.indptr)

    def get_feature_names_out(self, input_features: object = None) -> ObjectArray:
        """Return a name for each column.

        Parameters
        ----------
        input_features : None
            Ignored: sequences have no named features.

        Returns
        -------
        names : ndarray of str, dtype object
            ``id0``, ``id1``, … up to ``num_words_ - 1``.
        """
        check_is_fitted(self)
        return np.array([f"id{i}" for i in range(self._n_columns())], dtype=object)

    def __sklearn_is_fitted__(self):
        stateless = self.num_words is not None and self.mode != "tfidf"
        return stateless or hasattr(self, "idf_" if self.mode == "tfidf" else "num_words_")

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.one_d_array = True
        tags.input_tags.two_d_array = False
        tags.requires_fit = not (self.num_words is not None and self.mode != "tfidf")
        return tags

    def _n_columns(self):
        return int(getattr(self, "num_words_", self.num_words))

    def _check_parameters(self):
        check_int(
            "num_words", self.num_words, at_least=1, at_most=LARGEST_INT64, none_allowed=True
        )
        check_choice("mode", self.mode, MODES)
        check_choice("handle_unknown", self.handle_unknown, ("ignore", "error", "oov"))
        check_int("oov_char", self.oov_char)
        check_bool("sparse_output", self.sparse_output)
        try:
            dtype = np.dtype(object if self.dtype is None else self.dtype)
        except (TypeError, ValueError):
            dtype = np.dtype(object)
        if dtype.kind not in "fiu":
            raise ValueError(f"dtype must be a real number type, got {shown(self.dtype)}.")
        if self.mode in ("freq", "tfidf") and dtype.kind != "f":
            raise ValueError(
                f"dtype must be a floating type in mode {self.mode!r}, got {self.dtype!r}."
            )
        if dtype == np.float16 and self.sparse_output:
            raise ValueError(
                "dtype must be one that SciPy's sparse matrices have, unless sparse_output is "
                f"False, got {self.dtype!r}."
            )

    def _counts(self, ids, offsets):
        """Return the canonical CSR array of how often each id occurs in each row."""
        num_words = self._n_columns()
        ids, offsets = self._without_unknown(ids, offsets)
        # Binary entries are set to 1 in the end, so there it does no harm that int8 overflows.
        ones = np.ones(len(ids), dtype=np.int8 if self.mode == "binary" else np.int64)
        index_dtype = _index_dtype(len(ids), num_words)
        counts = sp.csr_array(
            (ones, ids.astype(index_dtype, copy=False), offsets.astype(index_dtype)),
            shape=(len(offsets) - 1, num_words),
        )
        if len(ids) > num_words:
            # Two changes of format sort all rows at once (a counting sort, linear in entries and
            # columns); sorting row by row takes several times as long.
            counts = counts.tocsc().tocsr()
        counts.sum_duplicates()
        return counts

    def _without_unknown(self, ids, offsets):
        """Leave out, refuse or replace ids that have no column."""
        if self.handle_unknown == "oov" and self.oov_char >= self._n_columns():
            raise ValueError(
                f"oov_char must be below num_words={self._n_columns()}, "
                f"got {shown(self.oov_char)}."
            )
        unknown = ids >= self._n_columns()
        if not unknown.any():
            return ids, offsets
        if self.handle_unknown == "error":
            position = int(unknown.argmax())
            raise ValueError(
                f"X must hold ids below num_words={self._n_columns()} under "
                f"handle_unknown='error', got {ids[position]} in row {row_of(position, offsets)}."
            )
        if self.handle_unknown == "oov":
            return np.where(unknown, int(self.oov_char), ids), offsets
        kept_before = np.concatenate([[0], np.cumsum(~unknown)])
        return ids[~unknown], kept_before[offsets]

    def _weighted(self, counts, lengths):
        """Turn counts into the entries of the mode, in the type and format asked for."""
        values = counts.data
        if self.mode == "binary":
            values = np.ones(counts.nnz, dtype=self.dtype)
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


def _largest(dtype, *, whole):
    """Return the largest number in a type, or the last up to which it holds all whole ones."""
    if dtype.kind != "f":
        return np.iinfo(dtype).max
    return 2 ** (np.finfo(dtype).nmant + 1) if whole else np.finfo(dtype).max


def _columns_up_to(largest_id):
    if largest_id == LARGEST_INT64:
        raise ValueError(f"X must hold ids below {LARGEST_INT64} to have columns, got that.")
    return largest_id + 1


def _index_dtype(n_entries, n_columns):
    """Return the type for a CSR matrix's column numbers and row offsets."""
    return np.int32 if max(n_entries, n_columns) <= LARGEST_INT32 else np.int64


@contextmanager
def _room_for(name, expected):
    """Say which parameter asks for more memory than there is."""
    try:
        yield
    except (MemoryError, ValueError) as error:
        raise ValueError(f"{name} {expected}, which memory has no room for ({error}).") from error
