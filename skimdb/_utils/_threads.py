"""The threads of a fit: as many as it may use, and the same result for any number of them."""

import os
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache, partial
from itertools import pairwise
from threading import RLock

import joblib
import numpy as np
from threadpoolctl import ThreadpoolController

from skimdb._utils._interrupts import hold_interrupts

_lock = RLock()
_fits = []


def count_threads():
    """Return how many threads a fit may use: joblib's workers are told by OMP_NUM_THREADS."""
    limit = os.environ.get("OMP_NUM_THREADS", "")
    n_cores = joblib.cpu_count()
    return min(int(limit), n_cores) if limit.isdecimal() and int(limit) else n_cores


class Workers:
    """The threads of a fit besides its own.

    Parameters
    ----------
    n_threads : int
        Number of threads, the fit's own included.
    """

    def __init__(self, n_threads):
        self.n_threads = n_threads
        # NumPy's settings for overflow belong to each thread
        ignore_overflow = partial(np.seterr, all="ignore")
        self._executor = ThreadPoolExecutor(n_threads, initializer=ignore_overflow)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._executor.shutdown()

    def submit(self, function, *arguments):
        """Start a call on another thread, and return its future."""
        return self._executor.submit(function, *arguments)

    def for_each(self, function, items):
        """Call a function with each item, on all threads."""

        def call(share):
            for item in share:
                function(item)

        mine, *others = (items[i :: self.n_threads] for i in range(self.n_threads))
        calls = [self._executor.submit(call, share) for share in others]
        call(mine)
        for future in calls:
            future.result()

    def divide(self, function, n):
        """Call a function with slices of ``range(n)``, one for each thread."""
        ends = [n * i // self.n_threads for i in range(self.n_threads + 1)]
        self.for_each(function, [slice(a, b) for a, b in pairwise(ends)])


@contextmanager
def limit_blas():
    """Keep BLAS, whose sums depend on the number of its threads, to one thread.

    The limit holds for the process. So it ends with the last of the fits that need it.
    """
    is_limited = False
    try:
        # Ctrl-C in the middle would leave the limit to all that comes later
        with hold_interrupts(), _lock:
            if not _fits:
                _fits.append(_controller().limit(limits=1, user_api="blas"))
            _fits.append(None)
            is_limited = True
        yield
    finally:
        if is_limited:
            with hold_interrupts(), _lock:
                _fits.pop()
                if len(_fits) == 1:
                    _fits.pop().restore_original_limits()


@cache
def _controller():
    return ThreadpoolController()


def _forget_fits():
    """Start anew in a fork, which has none of the threads whose fits those were."""
    if _fits:
        _fits[0].restore_original_limits()
        _fits.clear()
    _lock.release()


# systems that can't fork have no such function
if hasattr(os, "register_at_fork"):
    # another thread must not be about to set the limit, which the fork would then keep
    os.register_at_fork(
        before=_lock.acquire, after_in_parent=_lock.release, after_in_child=_forget_fits
    )
