"""Everything that needs TensorFlow: imported to train, or when a Keras object is asked for.

``_training.run_epochs`` trains a network, ``_network.build_model`` returns the plain Keras model
of some weights, and ``_wrapper`` holds what ``skimdb.KerasClassifier`` does beyond SciKeras's.
"""

import os
from contextlib import suppress

from skimdb._utils._checks import check_keras
from skimdb._utils._interrupts import hold_interrupts

# all others that need them have checked this, and their errors say what they are
check_keras("KerasClassifier")

with hold_interrupts():
    import keras

    if keras.backend.backend() != "tensorflow":
        raise ImportError(
            "skimdb trains with TensorFlow, but Keras is set to the backend "
            f"{keras.backend.backend()!r}: set KERAS_BACKEND=tensorflow before Keras is imported."
        )

    # after the check: Keras on another backend may come without TensorFlow
    import scikeras.wrappers  # noqa: F401 (its import must not be interrupted either)
    import tensorflow as tf

_process = os.getpid()


def check_process():
    """Raise in a fork of the process that imported TensorFlow: training would wait forever.

    A fork has none of TensorFlow's threads.
    """
    if os.getpid() != _process:
        raise RuntimeError(
            "TensorFlow can't train in a process forked from one that has imported it: start "
            "processes by spawning them, as joblib does, rather than by forking."
        )


def _limit_threads():
    """Limit TensorFlow to the threads that joblib allows a worker process.

    joblib sets OMP_NUM_THREADS, which NumPy's libraries follow and TensorFlow does not: two
    workers would run twice as many threads as there are cores. Results do not depend on the
    number. A number that the user has set stays.
    """
    n_threads = os.environ.get("OMP_NUM_THREADS", "")
    threading = tf.config.threading
    is_set = threading.get_intra_op_parallelism_threads() or os.environ.get(
        "TF_NUM_INTRAOP_THREADS"
    )
    if n_threads.isdecimal() and int(n_threads) and not is_set:
        # TensorFlow takes no number once it is in use
        with suppress(RuntimeError):
            threading.set_intra_op_parallelism_threads(int(n_threads))


_limit_threads()
