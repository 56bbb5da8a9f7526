"""Holding Ctrl-C back from what does not survive it."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def interrupts_held_back() -> Iterator[None]:
    """Let Ctrl-C wait for the end of a block, or of a function that this decorates.

    TensorFlow can't be imported any more in a process where its import was interrupted, and Keras
    has bare ``except`` clauses in which an interrupt is lost or turns into some other error. So
    short pieces of work with them come to their end first; then the handler that was in place is
    called, which raises KeyboardInterrupt unless the user has set another.
    """
    handler = signal.getsignal(signal.SIGINT)
    # Signals are for the main thread alone. And what is no function, such as SIG_IGN, raises
    # nothing that there would be to hold back.
    if threading.current_thread() is not threading.main_thread() or not callable(handler):
        yield
        return
    caught = []
    signal.signal(signal.SIGINT, lambda *details: caught.append(details))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, handler)
        if caught:
            handler(*caught[-1])
