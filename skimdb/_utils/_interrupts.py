"""Errors and Ctrl-C in the middle of a fit: estimators stay whole, modules stay usable."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any, TypeVar, cast

Method = TypeVar("Method", bound=Callable[..., Any])


def restore_on_error(method: Method) -> Method:
    """Wrap a method so that the estimator keeps its attributes if the method fails.

    Half a fit is worse than none: a new number of columns with the old weights, or a vocabulary
    that belongs to no weights. The method must not change the objects that attributes hold.
    """

    @wraps(method)
    def restoring(self: Any, *args: Any, **kwargs: Any) -> Any:
        before = dict(vars(self))
        try:
            return method(self, *args, **kwargs)
        except BaseException:
            # one assignment, which a second Ctrl-C cannot interrupt halfway
            self.__dict__ = before
            raise

    return cast(Method, restoring)


@contextmanager
def hold_interrupts() -> Iterator[Callable[[], None]]:
    """Delay Ctrl-C until the end of a block, or of a function that this decorates.

    If the import of TensorFlow is interrupted, the process cannot import it any more, and Keras
    has bare ``except`` clauses that swallow an interrupt or turn it into another error. So short
    pieces of such work run to their end first. Then the previous handler is called; it raises
    KeyboardInterrupt unless the user has set another.

    A longer block gets a function to call where an interrupt does no harm: it calls the handler
    if there has been a Ctrl-C.
    """
    handler = signal.getsignal(signal.SIGINT)
    # Only the main thread gets signals. A handler that is no function, such as SIG_IGN, raises
    # nothing that could be delayed.
    if threading.current_thread() is not threading.main_thread() or not callable(handler):
        yield lambda: None
        return
    caught: list[tuple[Any, ...]] = []

    def deliver() -> None:
        if caught:
            details = caught[-1]
            caught.clear()
            handler(*details)

    signal.signal(signal.SIGINT, lambda *details: caught.append(details))
    try:
        yield deliver
    finally:
        signal.signal(signal.SIGINT, handler)
        deliver()
