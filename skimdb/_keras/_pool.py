"""Compiled trainers, kept from one fit to the next.

Tracing a network's training takes longer than an epoch of it. So a trainer, once done, waits here
for the next fit of the same network; weights and optimizer state are set anew. A trainer serves
one fit at a time: fits in several threads each have their own.
"""

import threading
from contextlib import contextmanager
from dataclasses import replace

from skimdb._keras._trainer import DenseStack

MAX_IDLE_TRAINERS = 8

# pairs of key and trainer, the one last used at the end
_idle = []
_lock = threading.Lock()


@contextmanager
def borrowed_trainer(spec, *, reusable=True):
    """Lend a trainer for the network, to be had back only if its fit ends well.

    One that something else will hold on to after the fit is not ``reusable``: it is made anew.
    """
    key = _key(spec) if reusable else None
    trainer = _take(key) or DenseStack(key or spec)
    yield trainer
    if key is not None:
        _give_back(key, trainer)


def _key(spec):
    """Return what trainers of the same traced functions share, or None for a one-off."""
    by_name = all(isinstance(item, str) for item in (spec.optimizer, spec.loss, *spec.metrics))
    # the learning rate is a variable, which is set for each fit
    return replace(spec, learning_rate=None) if by_name else None


def _take(key):
    with _lock:
        for i in reversed(range(len(_idle))):
            if _idle[i][0] == key:
                return _idle.pop(i)[1]
    return None


def _give_back(key, trainer):
    with _lock:
        _idle.append((key, trainer))
        del _idle[:-MAX_IDLE_TRAINERS]
