"""Transformers whose output is sparse, or a table where scikit-learn is asked for one."""

from contextlib import contextmanager
from functools import wraps
from typing import Any

from sklearn import config_context

from skimdb._utils._column_identity import set_columns


def _wrap(method):
    @wraps(method)
    def wrapped(self, X, *args, **kwargs):
        if self._is_sparse_for(X):
            with config_context(transform_output="default"), _name_sparse_output():
                result = method(self, X, *args, **kwargs)
        else:
            result = method(self, X, *args, **kwargs)
            index = getattr(getattr(X, "origin", None), "index", None)
            # arrays and tables of polars have none
            if index is not None and hasattr(result, "index"):
                result.index = index
        set_columns(result, self._columns_for(X))
        return result

    return wrapped


class SparseOutputMixin:
    """For transformers that return sparse matrices, or dense ones with known columns.

    Where scikit-learn's configuration asks for tables, sparse matrices are returned as they are,
    as by TfidfTransformer. Tables get the index of the texts, which sequences carry.
    """

    def __init_subclass__(cls, **kwargs):
        # scikit-learn wraps the methods first
        super().__init_subclass__(**kwargs)
        for name in {"transform", "fit_transform"} & set(vars(cls)):
            setattr(cls, name, _wrap(getattr(cls, name)))

    @_wrap
    def fit_transform(self, X: Any, y: Any = None, **fit_params: Any) -> Any:
        """Fit to X, and return what ``transform`` returns for it.

        Parameters
        ----------
        X, y, **fit_params
            What ``fit`` takes.

        Returns
        -------
        X : sparse matrix, ndarray or table
            What ``transform`` returns.
        """
        return super().fit_transform(X, y, **fit_params)  # type: ignore[misc]

    def _is_sparse_for(self, X):
        """Tell whether the output for X is sparse."""
        raise NotImplementedError

    def _columns_for(self, X):
        """Return the ColumnIdentity of the output for X, or None."""
        raise NotImplementedError


@contextmanager
def _name_sparse_output():
    """Say what to do where set_output asks for a table of a sparse matrix."""
    try:
        yield
    except ValueError as error:
        if "set_output" not in str(error) or "sparse_output" in str(error):
            raise
        raise ValueError(
            "sparse_output of the MultiHotVectorizer must be False where set_output asks for "
            f"tables. {error}"
        ) from error
