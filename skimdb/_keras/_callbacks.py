"""Callbacks for training that is watched from outside Keras."""

import keras


def epoch_callback(function):
    """Return a Keras callback that calls ``function(epoch, logs)`` after every epoch."""
    return keras.callbacks.LambdaCallback(on_epoch_end=function)
