"""How many threads TensorFlow uses, where the user has not said it."""

import os
from contextlib import suppress

import tensorflow as tf


def settle_threads():
    """Keep TensorFlow to one operation at a time, and within the threads this process may use.

    A step of a network of this kind is a chain of small operations. With more threads they are
    handed from one to the next, each time waiting for it to wake up, which on two busy cores
    takes as long again as the training. One operation may still use several threads; in a worker
    of joblib, which says by OMP_NUM_THREADS how many are its share, no more than those. Results
    do not depend on these numbers.

    Numbers that the user has set, by ``tf.config.threading`` or by TensorFlow's environment
    variables, stay.
    """
    threading = tf.config.threading
    # TensorFlow takes no numbers any more once it is in use
    with suppress(RuntimeError):
        if not threading.get_inter_op_parallelism_threads() and not _is_set("INTEROP"):
            threading.set_inter_op_parallelism_threads(1)
        share = os.environ.get("OMP_NUM_THREADS", "")
        unset = not threading.get_intra_op_parallelism_threads() and not _is_set("INTRAOP")
        if share.isdigit() and int(share) and unset:
            threading.set_intra_op_parallelism_threads(int(share))


def _is_set(kind):
    return bool(os.environ.get(f"TF_NUM_{kind}_THREADS"))
