"""scikit-learn's callbacks, such as ProgressBar and ScoringMonitor: each epoch is a task.

scikit-learn has callbacks since 1.9. With an older version nothing here has an effect.
"""

from collections.abc import Callable
from typing import Any, TypeVar

try:
    from sklearn.callback import CallbackSupportMixin
    from sklearn.callback import with_callbacks as sklearn_with_callbacks
except ImportError:

    class CallbackSupportMixin:  # type: ignore[no-redef]
        """Stands for the class of scikit-learn 1.9 that adds ``set_callbacks``."""

    def sklearn_with_callbacks(method):
        """Return the method as it is."""
        return method


Method = TypeVar("Method", bound=Callable[..., Any])


def with_callbacks(method: Method) -> Method:
    """Let scikit-learn's callbacks watch a method, and keep its type."""
    return sklearn_with_callbacks(method)


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
        Takes weights and returns the attributes of an estimator fitted with them.

    Attributes
    ----------
    is_stopped : bool
        Whether a callback has stopped the training.
    """

    def __init__(self, estimator, X, y, n_epochs, fitted_attributes):
        self._data = {"estimator": estimator, "X": X, "y": y}
        self._fitted_attributes = fitted_attributes
        self._fit = self._epoch = None
        self.is_stopped = False
        if hasattr(estimator, "set_callbacks"):
            self._fit = estimator._init_callback_context(max_subtasks=n_epochs)
            self._fit.call_on_fit_task_begin(**self._data)

    def start_epoch(self):
        """Report the start of an epoch."""
        if self._fit is not None:
            self._epoch = self._fit.subcontext(task_name="epoch")
            self._epoch.call_on_fit_task_begin(**self._data)

    def end_epoch(self, get_weights):
        """Report the end of an epoch, and return whether a callback stops the training.

        ``get_weights`` returns the weights at that point.
        """
        if self._fit is not None:
            self.is_stopped = self._epoch.call_on_fit_task_end(
                **self._data,
                reconstruction_attributes=lambda: self._fitted_attributes(get_weights()),
            )
        return self.is_stopped

    def skip(self, n_epochs):
        """Report epochs whose weights are not known."""
        for _ in range(n_epochs if self._fit is not None else 0):
            self.start_epoch()
            self._epoch.call_on_fit_task_end(**self._data)

    def end(self, weights):
        """Report the end of the fit, with its weights."""
        if self._fit is not None:
            self._fit.call_on_fit_task_end(
                **self._data, reconstruction_attributes=lambda: self._fitted_attributes(weights)
            )
