"""Everything that needs TensorFlow: imported when a network is trained or a Keras model asked for.

``_training.train`` trains a network, ``_network.build_model`` gives the plain Keras model of some
weights, and ``_wrapper.build_fitted_wrapper`` SciKeras's classifier around such a model.
"""

from skimdb._interrupts import interrupts_held_back

with interrupts_held_back():
    import keras

    if keras.backend.backend() != "tensorflow":
        raise ImportError(
            "skimdb trains with TensorFlow, but Keras is set to the backend "
            f"{keras.backend.backend()!r}: set KERAS_BACKEND=tensorflow before Keras is imported."
        )

    # after the check: Keras on another backend may come without TensorFlow
    import scikeras.wrappers  # noqa: F401 (here for not to be interrupted)

    from skimdb._keras._threads import keep_to_share

    keep_to_share()
