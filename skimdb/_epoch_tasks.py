"""scikit-learn's callbacks, such as its ProgressBar and ScoringMonitor: each epoch is a task.

scikit-learn has them since 1.9; with an older one there is nobody to tell.
"""

from collections.abc import Callable
from typing import Any, TypeVar

try:
    from sklearn.callback import CallbackSupportMixin
    from sklearn.callback import with_callbacks as decorated
except ImportError:

    class CallbackSupportMixin:  # type: ignore[no-redef]
        """Stands in for the class of scikit-learn 1.9 that adds ``set_callbacks``."""

    def decorated(method):
        """Return the method as it is."""
        return method


Method = TypeVar("Method", bound=Callable[..., Any])


def with_callbacks(method: Method) -> Method:
    """Let scikit-learn's callbacks see a method; to type checkers it stays what it is."""
    return decorated(method)


class EpochTasks:
    """The tasks of a fit, one for each epoch.

    Parameters
    ----------
    estimator : estimator
        What is fitted.
    X, y : array-like
        The training rows, for callbacks that compute scores.
    n_epochs : int
        Number of epochs, at most.
    fitted_attributes : callable
        Returns the attributes of the estimator that is fitted with the weights it is given.
    """

    def __init__(self, estimator, X, y, n_epochs, fitted_attributes):
        self._data = {"estimator": estimator, "X": X, "y": y}
        self._fitted_attributes = fitted_attributes
        self._fit = self._epoch = None
        if hasattr(estimator, "set_callbacks"):
            self._fit = estimator._init_callback_context(max_subtasks=n_epochs)
            self._fit.call_on_fit_task_begin(**self._data)

    def begin_epoch(self):
        """Say that an epoch begins."""
        if self._fit is not None:
            self._epoch = self._fit.subcontext(task_name="epoch")
            self._epoch.call_on_fit_task_begin(**self._data)

    def end_epoch(self, get_weights):
        """Say that an epoch has ended, and return whether a callback wants to stop.

        ``get_weights`` returns the weights at its end.
        """
        if self._fit is None:
            return False
        return self._epoch.call_on_fit_task_end(
            **self._data, reconstruction_attributes=lambda: self._fitted_attributes(get_weights())
        )

    def skip(self, n_epochs):
        """Say that so many epochs are done, of which there is no more to be known."""
        for _ in range(n_epochs if self._fit is not None else 0):
            self.begin_epoch()
            self._epoch.call_on_fit_task_end(**self._data)

    def end(self, weights):
        """Say that the fit has ended with these weights."""
        if self._fit is not None:
            self._fit.call_on_fit_task_end(
                **self._data, reconstruction_attributes=lambda: self._fitted_attributes(weights)
            )


class NoTasks:
    """In place of EpochTasks, where nobody is to be told."""

    def begin_epoch(self):
        """Do nothing."""

    def end_epoch(self, get_weights):
        """Go on."""
        return False
