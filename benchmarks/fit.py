"""Training: skimdb beside Keras, SciKeras, scikit-learn's classifiers, and SciPy's products."""

import os
from statistics import median

from benchmarks._contenders import (
    epoch_clock,
    keras_model,
    mlp_classifier,
    scikeras_classifier,
    skimdb_classifier,
    vectorize_sequences,
)
from benchmarks._data import (
    CACHE_VARIABLE,
    N_QUICK_ROWS,
    NUM_WORDS,
    data_home,
    load_rows,
    load_sequences,
    new_cache,
)
from benchmarks._measure import Contender, Group, Work

PARTS = ("csr", "sequences", "file")


def groups(options):
    """Return the two trainings, one epoch beside its floor, and the way from load to score."""
    small = {"units": (16, 16), "epochs": 2 if options.quick else 20, "batch_size": 512}
    wide = {"units": (64, 16), "epochs": 2 if options.quick else 6, "batch_size": 256}
    whole = {
        "data": options.data,
        "n_rows": N_QUICK_ROWS if options.quick else None,
        "epochs": 2 if options.quick else 4,
    }
    return [
        _training(
            small,
            Contender("skimdb", fit_skimdb, small),
            Contender("MLPClassifier", fit_mlp, small, at_most=0.65),
            Contender("SciKeras, CSR", fit_scikeras, small, at_most=0.22),
            Contender("Keras, CSR", fit_keras, small),
            Contender("the article's dense script", fit_dense, small, at_most=0.15),
            Contender("LogisticRegression, C=0.05", fit_logistic_regression),
            Contender("LinearSVC, C=0.001", fit_linear_svc),
        ),
        _training(
            wide,
            Contender("skimdb", fit_skimdb, wide),
            Contender("MLPClassifier", fit_mlp, wide, at_most=0.7),
            *_others(wide, options),
        ),
        *(
            Group(
                f"epoch {_name(setting)}",
                "one epoch once traced, beside its sparse products in SciPy alone",
                (
                    Contender("skimdb", epoch_skimdb, setting),
                    Contender("SciPy's products", epoch_products, setting, at_most=at_most),
                ),
                fresh=False,
            )
            for setting, at_most in ((small, 3.0), (wide, None))
        ),
        Group(
            "load to score",
            f"whole process: load, vectorise, fit {whole['epochs']} epochs, score",
            (
                Contender("skimdb", load_to_score_skimdb, whole),
                Contender("the article's dense script", load_to_score_dense, whole, at_most=0.13),
            ),
            measure="peak_mb",
            columns=("accuracy",),
        ),
    ]


def fit_skimdb(context, units, epochs, batch_size):
    """Job: skimdb on CSR rows."""
    classifier = skimdb_classifier(units, epochs, batch_size, context.seed)
    return _fitting(context, classifier)


def fit_mlp(context, units, epochs, batch_size):
    """Job: scikit-learn's MLPClassifier on CSR rows."""
    return _fitting(context, mlp_classifier(units, epochs, batch_size, context.seed))


def fit_scikeras(context, units, epochs, batch_size):
    """Job: SciKeras on CSR rows."""
    return _fitting(context, scikeras_classifier(units, epochs, batch_size, context.seed))


def fit_logistic_regression(context):
    """Job: logistic regression on CSR rows."""
    from sklearn.linear_model import LogisticRegression

    return _fitting(context, LogisticRegression(C=0.05, max_iter=1000))


def fit_linear_svc(context):
    """Job: a linear support vector machine on CSR rows."""
    from sklearn.svm import LinearSVC

    return _fitting(context, LinearSVC(C=0.001, random_state=context.seed))


def fit_keras(context, units, epochs, batch_size):
    """Job: ``keras.Model.fit`` on CSR rows."""
    X, y, X_test, y_test = load_rows(context)
    model = keras_model(units, NUM_WORDS, context.seed)
    return Work(
        lambda: model.fit(X, y, epochs=epochs, batch_size=batch_size, verbose=0),
        lambda _: {"accuracy": model.evaluate(X_test, y_test, batch_size=512, verbose=0)[1]},
    )


def fit_dense(context, units, epochs, batch_size):
    """Job: ``keras.Model.fit`` on dense rows, as in the article."""
    from time import perf_counter

    sequences, y = load_sequences(context, "train")
    test_sequences, y_test = load_sequences(context, "test")
    started = perf_counter()
    x_train = vectorize_sequences(sequences)
    x_test = vectorize_sequences(test_sequences)
    vectorise_seconds = perf_counter() - started
    y_train = y.astype("float32")
    model = keras_model(units, NUM_WORDS, context.seed)
    return Work(
        lambda: model.fit(x_train, y_train, epochs=epochs, batch_size=batch_size, verbose=0),
        lambda _: {
            "accuracy": model.evaluate(x_test, y_test, verbose=0)[1],
            "vectorise_seconds": vectorise_seconds,
        },
    )


def epoch_skimdb(context, units, epochs, batch_size):
    """Job: skimdb's time for an epoch, the median of those of a fit."""
    X, y, *_ = load_rows(context)
    clock = epoch_clock()
    classifier = skimdb_classifier(units, epochs, batch_size, context.seed, callbacks=[clock])

    def run():
        clock.seconds.clear()
        classifier.fit(X, y)

    return Work(run, lambda _: {"seconds": median(clock.seconds)})


def epoch_products(context, units, epochs, batch_size):
    """Job: the products of an epoch's batches with the first kernel, forward and backward."""
    from time import perf_counter

    import numpy as np

    X, *_ = load_rows(context)
    rng = np.random.default_rng(context.seed)
    kernel = rng.standard_normal((X.shape[1], units[0]), dtype=np.float32)
    upstream = rng.standard_normal((batch_size, units[0]), dtype=np.float32)
    batches = [X[start : start + batch_size] for start in range(0, X.shape[0], batch_size)]

    def run():
        seconds = []
        for _ in range(epochs):
            started = perf_counter()
            for batch in batches:
                batch @ kernel
                batch.T @ upstream[: batch.shape[0]]
            seconds.append(perf_counter() - started)
        return seconds

    return Work(run, lambda seconds: {"seconds": median(seconds)})


def load_to_score_skimdb(context, data, n_rows, epochs):
    """Job: skimdb from the file to the test accuracy."""

    def run():
        from skimdb import multi_hot_pipeline
        from skimdb.datasets import fetch_imdb

        parameters = {
            "num_words": NUM_WORDS,
            "data_home": data_home(context, data),
            "return_X_y": True,
        }
        os.environ[CACHE_VARIABLE] = new_cache(context)
        X, y = fetch_imdb(subset="train", **parameters)
        X_test, y_test = fetch_imdb(subset="test", **parameters)
        pipeline = multi_hot_pipeline(
            num_words=NUM_WORDS, epochs=epochs, random_state=context.seed
        )
        pipeline.fit(X[:n_rows], y[:n_rows])
        return pipeline.score(X_test[:n_rows], y_test[:n_rows])

    return Work(run, lambda accuracy: {"accuracy": accuracy})


def load_to_score_dense(context, data, n_rows, epochs):
    """Job: the article's script from the file to the test accuracy."""

    def run():
        from benchmarks.load import load_data_like_keras

        train, test = load_data_like_keras(data_home(context, data) / "imdb.npz")
        (train_data, train_labels), (test_data, test_labels) = train, test
        x_train = vectorize_sequences(train_data[:n_rows])
        x_test = vectorize_sequences(test_data[:n_rows])
        y_train = train_labels[:n_rows].astype("float32")
        y_test = test_labels[:n_rows].astype("float32")
        model = keras_model((16, 16), NUM_WORDS, context.seed)
        model.fit(x_train, y_train, epochs=epochs, batch_size=512, verbose=0)
        return model.evaluate(x_test, y_test, verbose=0)[1]

    return Work(run, lambda accuracy: {"accuracy": accuracy})


def _training(setting, *contenders):
    return Group(
        f"fit {_name(setting)}",
        f"{setting['epochs']} epochs, batches of {setting['batch_size']}, tracing included; "
        f"accuracy on the test reviews",
        contenders,
        columns=("accuracy", "vectorise_seconds"),
    )


def _others(setting, options):
    if not options.others:
        return ()
    return (
        Contender("SciKeras, CSR", fit_scikeras, setting),
        Contender("Keras, CSR", fit_keras, setting),
        Contender("the article's dense script", fit_dense, setting),
    )


def _name(setting):
    return "-".join(map(str, (*setting["units"], 1)))


def _fitting(context, classifier):
    X, y, X_test, y_test = load_rows(context)
    return Work(
        lambda: classifier.fit(X, y),
        lambda fitted: {"accuracy": float(fitted.score(X_test, y_test))},
    )
