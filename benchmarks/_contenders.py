"""The classifiers that are compared, each as its own documentation would have one write it."""

METRICS = ["accuracy"]


def load_tensorflow():
    """Import TensorFlow and let it set up its devices, which is no part of what is measured."""
    import tensorflow as tf

    return tf.zeros(())


def load_training():
    """Import what skimdb trains with, as the other contenders' imports are no part of the time."""
    load_tensorflow()
    import skimdb._keras._training  # noqa: F401


def skimdb_classifier(units, epochs, batch_size, seed, **parameters):
    """Return skimdb's classifier, its modules imported as the others' are."""
    load_training()
    from skimdb import DenseClassifier

    return DenseClassifier(
        tuple(units), epochs=epochs, batch_size=batch_size, random_state=seed, **parameters
    )


def mlp_classifier(units, epochs, batch_size, seed):
    """Return scikit-learn's network, made to train for all epochs, and quietly."""
    import warnings

    from sklearn.exceptions import ConvergenceWarning
    from sklearn.neural_network import MLPClassifier

    warnings.simplefilter("ignore", ConvergenceWarning)
    return MLPClassifier(
        tuple(units),
        batch_size=batch_size,
        max_iter=epochs,
        tol=0,
        n_iter_no_change=10_000,
        random_state=seed,
    )


def keras_model(units, n_features, seed):
    """Return the article's network, compiled as the article does."""
    load_tensorflow()
    import keras

    keras.utils.set_random_seed(seed)
    layers = [keras.layers.Dense(width, activation="relu") for width in units]
    output = keras.layers.Dense(1, activation="sigmoid")
    model = keras.Sequential([keras.Input((n_features,)), *layers, output])
    model.compile(optimizer="rmsprop", loss="binary_crossentropy", metrics=METRICS)
    return model


def scikeras_classifier(units, epochs, batch_size, seed):
    """Return SciKeras's classifier around the same network."""
    load_tensorflow()
    import keras
    from scikeras.wrappers import KerasClassifier

    # not by random_state, which slows the whole process down by deterministic operations
    keras.utils.set_random_seed(seed)
    return KerasClassifier(
        model=_scikeras_network,
        model__units=tuple(units),
        optimizer="rmsprop",
        loss="binary_crossentropy",
        metrics=METRICS,
        epochs=epochs,
        batch_size=batch_size,
        verbose=0,
    )


def vectorize_sequences(sequences, dimension=10_000):
    """Return the article's dense float64 rows, made by the article's loop."""
    import numpy as np

    results = np.zeros((len(sequences), dimension))
    for i, sequence in enumerate(sequences):
        results[i, sequence] = 1.0
    return results


def epoch_clock():
    """Return a Keras callback that notes the seconds of each epoch."""
    from time import perf_counter

    import keras

    class EpochClock(keras.callbacks.Callback):
        def __init__(self):
            super().__init__()
            self.seconds = []

        def on_epoch_begin(self, epoch, logs=None):
            self._started = perf_counter()

        def on_epoch_end(self, epoch, logs=None):
            self.seconds.append(perf_counter() - self._started)

    return EpochClock()


def _scikeras_network(units, meta):
    import keras

    layers = [keras.layers.Dense(width, activation="relu") for width in units]
    inputs = keras.Input((meta["n_features_in_"],))
    return keras.Sequential([inputs, *layers, keras.layers.Dense(1, activation="sigmoid")])
