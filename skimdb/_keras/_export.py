"""The network in Keras's own file format, of nothing but Keras's own layers."""

import keras

from skimdb._keras._network import build_layers


def write_keras_model(spec, weights, path):
    """Save a stack of these weights, not compiled, at a path that ends in ``.keras``."""
    inputs = keras.Input((spec.n_features,), name="features", dtype="float32")
    model = keras.Sequential([inputs, *build_layers(spec)], name="dense_stack")
    model.set_weights(weights)
    model.save(path)
