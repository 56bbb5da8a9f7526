"""Fitting that either comes to its end or leaves an estimator as it was."""

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar, cast

Method = TypeVar("Method", bound=Callable[..., Any])


def all_or_nothing(method: Method) -> Method:
    """Wrap a method so that, if it fails or is interrupted, the estimator is as it was before.

    Half of a fit is worse than none of it: a new number of columns beside the old weights, or a
    vocabulary that goes with no others. The method must not change in place what attributes hold.
    """

    @wraps(method)
    def restoring(self: Any, *args: Any, **kwargs: Any) -> Any:
        before = dict(vars(self))
        try:
            return method(self, *args, **kwargs)
        except BaseException:
            # in one step, which no second Ctrl-C can cut in two
            self.__dict__ = before
            raise

    return cast(Method, restoring)
