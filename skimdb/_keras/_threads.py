"""How many threads TensorFlow uses in a worker process, where the user has not said it."""

import os
from contextlib import suppress

import tensorflow as tf


def keep_to_share():
    """Keep TensorFlow within the threads that are this process's share.

    joblib says by OMP_NUM_THREADS how many a worker may use, which NumPy's libraries follow and
    TensorFlow does not: two workers would run twice as many threads as there are cores. Results
    do not depend on the number. One that the user has set, by ``tf.config.threading`` or by
    TensorFlow's environment variable, stays.
    """
    share = os.environ.get("OMP_NUM_THREADS", "")
    threading = tf.config.threading
    is_set = threading.get_intra_op_parallelism_threads() or os.environ.get(
        "TF_NUM_INTRAOP_THREADS"
    )
    if share.isdigit() and int(share) and not is_set:
        # TensorFlow takes no number any more once it is in use
        with suppress(RuntimeError):
            threading.set_intra_op_parallelism_threads(int(share))
