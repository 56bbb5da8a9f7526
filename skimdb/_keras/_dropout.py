"""Dropout with random numbers that are seeded anew for each epoch."""

import keras


class SeededDropout:
    """What a network's Dropout layers do in training, with generators that have fixed names.

    Keras numbers the names of those in the layers through the process, and TensorFlow keeps some
    hundred KB for each traced function in which such a name is new.

    Parameters
    ----------
    layers : list of keras.layers.Layer
        The layers of the network.
    """

    def __init__(self, layers):
        self._generators = {
            layer.name: keras.random.SeedGenerator(0, name=layer.name)
            for layer in layers
            if isinstance(layer, keras.layers.Dropout)
        }

    def seed(self, rng):
        """Begin with random numbers that a NumPy generator decides."""
        for generator in self._generators.values():
            generator.state.assign([rng.integers(2**31), 0])

    def apply(self, layer, inputs):
        """Return the outputs of a layer in training, whether or not it is one of dropout."""
        if layer.name not in self._generators:
            return layer(inputs, training=True)
        return keras.random.dropout(inputs, layer.rate, seed=self._generators[layer.name])
