"""Turns that the threads of a process take at encoding and predicting.

NumPy and SciPy let go of the interpreter's lock many times in a request. With other threads
waiting for it, each time costs a change of threads, which for a short request is longer than the
work between two of them: 16 threads would answer fewer requests than one. So short pieces of work
come one after the other, and of long ones as many at once as there are cores. No code of the
user's runs in a turn, and no turn within another, so none waits for ever.
"""

import os
import threading

import joblib

# the size in bytes from which work without the interpreter's lock outweighs the changes
LONG = 2**18


def turn(size):
    """Return what to hold, by ``with``, while working on so many bytes."""
    return _long if size >= LONG else _short


def _begin():
    global _short, _long
    _short, _long = threading.Lock(), threading.Semaphore(joblib.cpu_count())


_begin()
# A fork has none of the threads that would end their turns. Systems that can't fork have no such
# function.
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_begin)
