"""LogCountRatioScaler: columns weighted by what they tell about the classes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import numpy as np
import scipy.sparse as sp
from sklearn.base import BaseEstimator, OneToOneFeatureMixin, TransformerMixin
from sklearn.utils.extmath import row_norms
from sklearn.utils.validation import check_is_fitted, check_non_negative

from skimdb._network._target import Target
from skimdb._network._validation import (
    label_columns,
    validate_labels,
    validate_rows,
    validate_rows_and_labels,
    validate_weights,
)
from skimdb._utils._checks import check_real, short_repr
from skimdb._utils._column_identity import columns_of
from skimdb._utils._interrupts import restore_on_error
from skimdb._utils._public import set_module
from skimdb._utils._table_output import SparseOutputMixin

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from skimdb._utils._typing import CsrMatrix, MatrixLike


@set_module("skimdb")
class LogCountRatioScaler(
    SparseOutputMixin, OneToOneFeatureMixin, TransformerMixin, BaseEstimator
):
    """Multiply each column by the log-count ratio of the classes.

    The ratio compares how often a word or n-gram occurs in one class and in the others, or in the
    rows with a label and in those without. Columns
    that tell the classes apart become long, all others short, so that a classifier learns from
    few rows, and of very many columns, which of them matter.

    Parameters
    ----------
    alpha : float, default=0.5
        Added to each count. The larger it is, the shorter are the columns of rare words.
    norm_power : float, default=0.5
        How far rows are brought to one length, from 0 (not at all) to 1 (wholly): each is divided
        by its l2 norm to this power, and multiplied by the root mean square of the norms in
        ``fit`` to this power.

    Attributes
    ----------
    scale_ : ndarray of shape (n_features_in_,)
        What each column is multiplied by. For two classes it is positive where the second class
        has more. For more classes, and for several labels a row, it is the largest absolute ratio
        of a class or label against the rest.
    classes_ : ndarray of shape (n_classes,)
        The class labels, sorted; for several labels a row, the labels as in DenseClassifier.
    feature_count_ : CSR array of shape (n_classes, n_features_in_)
        Weighted sum of each column over the rows of each class or label.
    mean_square_norm_ : float
        Weighted mean of the squared l2 norms of the rows, each column multiplied by ``scale_``.
    n_features_in_ : int
        Number of columns seen in ``fit``.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the columns seen in ``fit``, if all of them were strings.

    See Also
    --------
    MultiHotVectorizer : Makes the rows.
    sklearn.feature_extraction.text.TfidfTransformer : Weights columns without the classes.
    sklearn.naive_bayes.MultinomialNB : The classifier whose coefficients the ratios are.

    References
    ----------
    S. Wang and C. D. Manning, "Baselines and Bigrams: Simple, Good Sentiment and Topic
    Classification", ACL 2012. The ratios of n-grams up to three words follow G. Mesnil,
    T. Mikolov, M. Ranzato and Y. Bengio, "Ensemble of Generative and Discriminative Techniques
    for Sentiment Analysis of Movie Reviews", 2014 (https://arxiv.org/abs/1412.5335).

    Examples
    --------
    >>> from skimdb import LogCountRatioScaler
    >>> X = [[1, 1, 0], [1, 0, 0], [0, 1, 1], [0, 1, 1]]
    >>> scaler = LogCountRatioScaler(norm_power=0).fit(X, ["bad", "bad", "good", "good"])
    >>> scaler.scale_.round(2).tolist()
    [-1.81, 0.31, 1.41]
    """

    scale_: NDArray[np.float64]
    classes_: NDArray[Any]
    feature_count_: sp.csr_array
    mean_square_norm_: float
    n_features_in_: int
    feature_names_in_: NDArray[np.object_]

    def __init__(self, *, alpha: float = 0.5, norm_power: float = 0.5) -> None:
        self.alpha = alpha
        self.norm_power = norm_power

    @restore_on_error
    def fit(self, X: MatrixLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:
        """Count the columns in each class.

        Parameters
        ----------
        X : sparse matrix or array-like of shape (n_samples, n_features)
            Rows of counts, or of 0 and 1.
        y : {array-like, sparse matrix} of shape (n_samples,) or (n_samples, n_labels)
            Class labels, or an indicator matrix.
        sample_weight : array-like of shape (n_samples,), default=None
            Weight of each row; None is 1 for all.

        Returns
        -------
        self : LogCountRatioScaler
        """
        self._check_parameters()
        columns = label_columns(y)
        X, y = self._validate(X, y, reset=True)
        self._start(Target.from_labels(y, "y", columns), X.shape[1])
        self._count(X, y, sample_weight)
        return self

    @restore_on_error
    def partial_fit(
        self,
        X: MatrixLike,
        y: ArrayLike,
        classes: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
    ) -> Self:
        """Count more rows.

        Parameters
        ----------
        X : sparse matrix or array-like of shape (n_samples, n_features)
            Rows of counts, or of 0 and 1.
        y : {array-like, sparse matrix} of shape (n_samples,) or (n_samples, n_labels)
            Class labels, or an indicator matrix.
        classes : array-like of shape (n_classes,), default=None
            All labels that any call will get. In the first call None takes those in ``y``. Left
            out for an indicator matrix, whose columns are the labels.
        sample_weight : array-like of shape (n_samples,), default=None
            Weight of each row; None is 1 for all.

        Returns
        -------
        self : LogCountRatioScaler
        """
        self._check_parameters()
        is_first = not hasattr(self, "scale_")
        columns = label_columns(y)
        X, y = self._validate(X, y, reset=is_first)
        if classes is not None and y.ndim == 2:
            raise ValueError(
                "classes must be None for an indicator matrix, whose columns are the labels, got "
                f"{short_repr(classes)}."
            )
        if classes is not None:
            target = Target.from_labels(validate_labels(classes, "classes"), "classes")
            if not is_first and not np.array_equal(target.classes, self.classes_):
                raise ValueError(
                    f"classes must be those of the first call, {self.classes_.tolist()}, got "
                    f"{target.classes.tolist()}."
                )
        elif is_first:
            target = Target.from_labels(y, "y", columns)
        if is_first:
            self._start(target, X.shape[1])
        self._target.check_columns(columns, "y")
        self._count(X, y, sample_weight)
        return self

    def transform(self, X: MatrixLike) -> CsrMatrix:
        """Multiply the columns, and bring rows closer to one length.

        Parameters
        ----------
        X : sparse matrix or array-like of shape (n_samples, n_features)
            Rows of counts, or of 0 and 1.

        Returns
        -------
        X : CSR matrix or ndarray of shape (n_samples, n_features), float32
            Sparse if X is.
        """
        check_is_fitted(self)
        self._check_parameters()
        X = _sum_duplicates(validate_rows(self, X, "X", reset=False))
        if sp.issparse(X):
            entries = X.data * self._scale_of(X.indices)
            X = type(X)((entries, X.indices, X.indptr), shape=X.shape)
        else:
            X = X * self.scale_.astype(np.float32)
        if not self.norm_power:
            return X
        norms = row_norms(X).astype(np.float64)
        # a row of zeros stays one
        norms[norms == 0] = 1
        factors = (np.sqrt(self.mean_square_norm_) / norms) ** self.norm_power
        factors = factors.astype(np.float32)
        if sp.issparse(X):
            X.data *= np.repeat(factors, np.diff(X.indptr))
        else:
            X *= factors[:, np.newaxis]
        return X

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.input_tags.positive_only = True
        tags.target_tags.required = True
        tags.target_tags.multi_output = True
        tags.transformer_tags.preserves_dtype = []
        return tags

    def _is_sparse_for(self, X):
        return sp.issparse(X)

    def _columns_for(self, X):
        return columns_of(X)

    def _scale_of(self, columns):
        """Return the factors of columns, which may occur many times."""
        if len(columns) < len(self.scale_):
            # few rows have far fewer entries than there are columns
            return self.scale_[columns].astype(np.float32)
        return self.scale_.astype(np.float32)[columns]

    def _check_parameters(self):
        check_real("alpha", self.alpha, min_val=0, include_boundaries="neither")
        check_real("norm_power", self.norm_power, min_val=0, max_val=1)

    def _validate(self, X, y, *, reset):
        X, y = validate_rows_and_labels(self, X, y, reset=reset)
        check_non_negative(X, f"{type(self).__name__} (input X)")
        return _sum_duplicates(X), y

    @property
    def _target(self):
        return Target(self.classes_, self._column_sum is not None)

    def _start(self, target, n_features):
        self.classes_ = target.classes
        self.feature_count_ = sp.csr_array((len(self.classes_), n_features))
        # of several labels a row, the counts don't add up to the sums of the columns
        self._column_sum = np.zeros(n_features) if target.multilabel else None
        self._square_sum = np.zeros(n_features)
        self._weight_sum = 0.0

    def _count(self, X, y, sample_weight):
        """Add rows to the counts, and set the attributes that follow from these."""
        numbers = self._target.encode(y, "y")
        weights = validate_weights(y, sample_weight, None)
        weights = np.ones(len(y)) if weights is None else weights.astype(np.float64)
        X = sp.csr_array(X, dtype=np.float64)
        if self._column_sum is None:
            places = numbers, np.arange(len(y))
            membership = sp.csr_array((weights, places), shape=(len(self.classes_), len(y)))
        else:
            membership = sp.csr_array(numbers.T * weights)
            self._column_sum = self._column_sum + X.T @ weights
        self.feature_count_ = sp.csr_array(self.feature_count_ + membership @ X)
        squares = sp.csr_array((X.data**2, X.indices, X.indptr), shape=X.shape)
        self._square_sum = self._square_sum + squares.T @ weights
        self._weight_sum += float(weights.sum())
        self.scale_ = self._find_ratios()
        self.mean_square_norm_ = float(self.scale_**2 @ self._square_sum / self._weight_sum)

    def _find_ratios(self):
        """Return the ratio of the second of two classes, or the largest of more."""
        counts, totals = self.feature_count_, self._column_sum
        if totals is None:
            totals = np.asarray(counts.sum(axis=0)).ravel()
        own_counts = np.asarray(counts.sum(axis=1)).ravel()
        own_sums = own_counts + self.alpha * len(totals)
        # the sums of a class and of all may be rounded differently
        rest_sums = np.maximum(totals.sum() - own_counts, 0) + self.alpha * len(totals)

        def ratio(own, numbers, totals):
            rest = np.maximum(totals - own, 0) + self.alpha
            return np.log((own + self.alpha) / own_sums[numbers]) - np.log(
                rest / rest_sums[numbers]
            )

        if self._column_sum is None and len(self.classes_) == 2:
            return ratio(counts[[1]].toarray().ravel(), 1, totals)
        numbers = np.repeat(np.arange(len(self.classes_)), np.diff(counts.indptr))
        largest = np.zeros(len(totals))
        of_entries = np.abs(ratio(counts.data, numbers, totals[counts.indices]))
        np.maximum.at(largest, counts.indices, of_entries)
        # Classes without an entry in a column: of these, the ratio is largest for the class with
        # the largest counts in all, or with the smallest.
        order = np.argsort(rest_sums / own_sums, kind="stable")
        for classes in order, order[::-1]:
            first = _first_without_entry(counts, classes)
            columns = np.flatnonzero(first < len(classes))
            found = np.abs(ratio(0.0, classes[first[columns]], totals[columns]))
            largest[columns] = np.maximum(largest[columns], found)
        return largest


def _first_without_entry(matrix, order):
    """Return for each column how many rows, in an order, have an entry before one has none."""
    columns = sp.csc_array(matrix[order])
    places = np.arange(columns.nnz) - np.repeat(columns.indptr[:-1], np.diff(columns.indptr))
    # row numbers are as large as their places until one is left out
    is_before = columns.indices == places
    n_before = np.concatenate([[0], np.cumsum(is_before)])
    return np.diff(n_before[columns.indptr])


def _sum_duplicates(X):
    """Return rows with one entry a column; X itself, which may be the user's, is not changed."""
    if sp.issparse(X) and not X.has_canonical_format:
        X = X.copy()
        X.sum_duplicates()
    return X
