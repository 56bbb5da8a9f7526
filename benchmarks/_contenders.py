"""The classifiers to compare, each written as its own documentation recommends.

"The article" is Tom Keldenich, "Binary Classification NLP - Best simple and efficient model",
Inside Machine Learning.
"""

from functools import cache
from itertools import pairwise
from time import perf_counter

METRICS = ["accuracy"]


def load_tensorflow():
    """Import TensorFlow and set up its devices, which is not measured."""
    import tensorflow as tf

    return tf.zeros(())


@cache
def load_kernels():
    """Fit a tiny network, so that the kernels of the sparse trainer are compiled or loaded.

    Rows of 0 and 1 would be trained without them.
    """
    import numpy as np
    import scipy.sparse as sp

    from skimdb import DenseClassifier

    DenseClassifier(epochs=1).fit(2 * sp.eye(2, format="csr", dtype=np.float32), [0, 1])


def skimdb_classifier(units, epochs, batch_size, seed, **parameters):
    """Return skimdb's classifier, with the kernels of its trainer loaded."""
    load_kernels()
    from skimdb import DenseClassifier

    return DenseClassifier(
        tuple(units), epochs=epochs, batch_size=batch_size, random_state=seed, **parameters
    )


def mlp_classifier(units, epochs, batch_size, seed):
    """Return scikit-learn's network, set to train for all epochs without warnings."""
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

    # random_state would enable deterministic operations, which slow down the whole process
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
    """Return dense float64 rows, filled by the article's loop."""
    import numpy as np

    results = np.zeros((len(sequences), dimension))
    for i, sequence in enumerate(sequences):
        results[i, sequence] = 1.0
    return results


def time_epochs(fit):
    """Return the seconds of each epoch after the first, which includes the start of the fit.

    ``fit`` takes a function to call as ``function(epoch, logs)`` after each epoch.
    """
    ends = []
    fit(lambda epoch, logs: ends.append(perf_counter()))
    return [end - start for start, end in pairwise(ends)]


def time_skimdb_epochs(classifier, X, y):
    """Return the seconds of each epoch after the first of a fit of skimdb."""
    return time_epochs(lambda callback: classifier.set_params(callbacks=callback).fit(X, y))


def make_product_epoch(X, n_units, batch_size, seed, n_batches=None):
    """Return a function that times the forward and backward products of an epoch in SciPy.

    The batches are ready, and the gradient of the kernel is dense. With ``n_batches``, the
    function multiplies that many batches and scales their time up to the epoch.
    """
    import numpy as np

    rng = np.random.default_rng(seed)
    kernel = rng.standard_normal((X.shape[1], n_units), dtype=np.float32)
    upstream = rng.standard_normal((batch_size, n_units), dtype=np.float32)
    starts = range(0, X.shape[0], batch_size)
    batches = [X[start : start + batch_size] for start in starts[:n_batches]]

    def time_epoch():
        started = perf_counter()
        for batch in batches:
            batch @ kernel
            batch.T @ upstream[: batch.shape[0]]
        return (perf_counter() - started) * len(starts) / len(batches)

    return time_epoch


def _scikeras_network(units, meta):
    import keras

    layers = [keras.layers.Dense(width, activation="relu") for width in units]
    inputs = keras.Input((meta["n_features_in_"],))
    return keras.Sequential([inputs, *layers, keras.layers.Dense(1, activation="sigmoid")])
