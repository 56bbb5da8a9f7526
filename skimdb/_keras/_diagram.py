"""The layer diagram of a Keras model."""

import keras


def draw(model, path, dpi):
    """Write the diagram of the model's layers, shapes and activations to path."""
    keras.utils.plot_model(
        model,
        to_file=path,
        show_shapes=True,
        show_layer_names=True,
        show_layer_activations=True,
        dpi=dpi,
    )
