"""Whether this process was forked from one that had imported TensorFlow.

Of TensorFlow's threads a fork has none, so what waits for one of them waits forever.
"""

import os
import sys

_has_dead_tensorflow = False


def check_can_train():
    """Raise in a process in which training would hang."""
    if _has_dead_tensorflow:
        raise RuntimeError(
            "TensorFlow can't train in a process forked from one that has imported it: start "
            "processes by spawning them, as joblib does, rather than by forking."
        )


def _note_fork():
    global _has_dead_tensorflow
    _has_dead_tensorflow = "tensorflow" in sys.modules


# systems that can't fork have no such function
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_note_fork)
