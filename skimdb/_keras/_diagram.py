"""The layer diagram of a Keras model."""

import keras


def diagram(model, dpi):
    """Return the diagram of the model's layers, shapes and activations as a pydot graph."""
    return keras.utils.model_to_dot(
        model,
        show_shapes=True,
        show_layer_names=True,
        show_layer_activations=True,
        dpi=dpi,
    )
