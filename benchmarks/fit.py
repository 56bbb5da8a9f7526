"""Train; compare with Keras, SciKeras, scikit-learn, and the matrix products of SciPy."""

from statistics import median

from benchmarks._contenders import (
    keras_model,
    load_tensorflow,
    make_product_epoch,
    mlp_classifier,
    scikeras_classifier,
    skimdb_classifier,
    time_epochs,
    time_skimdb_epochs,
    vectorize_sequences,
)
from benchmarks._data import NUM_WORDS, load_rows, load_sequences
from benchmarks._measure import Contender, Group, Work

PARTS = ("csr", "sequences")


def groups(options):
    """Return the groups: three trainings, and one epoch of the sparse and the Keras backend."""
    small = {"units": (16, 16), "epochs": 2 if options.quick else 20, "batch_size": 512}
    short = {**small, "epochs": 2 if options.quick else 4}
    wide = {"units": (64, 16), "epochs": 2 if options.quick else 6, "batch_size": 256}
    return [
        _training_group(
            small,
            Contender("skimdb", fit_skimdb, small),
            Contender("MLPClassifier", fit_mlp, small, at_most=0.45),
            Contender("SciKeras, CSR", fit_scikeras, small),
            Contender("Keras, CSR", fit_keras, small),
            Contender("the article's dense script", fit_dense, small),
        ),
        _training_group(
            short,
            Contender("skimdb", fit_skimdb, short),
            Contender("LogisticRegression, C=0.05", fit_logistic_regression, at_most=0.5),
            Contender("LinearSVC, C=0.001", fit_linear_svc),
        ),
        _training_group(
            wide,
            Contender("skimdb", fit_skimdb, wide),
            Contender("MLPClassifier", fit_mlp, wide, at_most=0.3),
            *_slow_peers(wide, options),
        ),
        *(
            Group(
                f"epoch {_format_units(setting)}",
                f"one epoch, batches of {setting['batch_size']}, compared with its sparse "
                f"products in SciPy alone, on ready batches",
                (
                    Contender("skimdb", time_epoch_skimdb, setting),
                    Contender("SciPy's products", time_epoch_products, setting, at_most=at_most),
                ),
                isolated=False,
            )
            for setting, at_most in ((small, 1.45), (wide, None))
        ),
        Group(
            f"epoch {_format_units(short)}, Keras backend",
            f"one epoch, batches of {short['batch_size']}; at most 0.3 s",
            (
                Contender("skimdb, Keras backend", time_epoch_backend, short),
                Contender("Keras, CSR", time_epoch_keras, short),
            ),
            isolated=False,
        ),
    ]


def fit_skimdb(context, units, epochs, batch_size):
    """Job: skimdb on CSR rows."""
    classifier = skimdb_classifier(units, epochs, batch_size, context.seed)
    return _time_fit(context, classifier)


def fit_mlp(context, units, epochs, batch_size):
    """Job: scikit-learn's MLPClassifier on CSR rows."""
    return _time_fit(context, mlp_classifier(units, epochs, batch_size, context.seed))


def fit_scikeras(context, units, epochs, batch_size):
    """Job: SciKeras on CSR rows."""
    return _time_fit(context, scikeras_classifier(units, epochs, batch_size, context.seed))


def fit_logistic_regression(context):
    """Job: logistic regression on CSR rows."""
    from sklearn.linear_model import LogisticRegression

    return _time_fit(context, LogisticRegression(C=0.05, max_iter=1000))


def fit_linear_svc(context):
    """Job: a linear support vector machine on CSR rows."""
    from sklearn.svm import LinearSVC

    return _time_fit(context, LinearSVC(C=0.001, random_state=context.seed))


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
    vectorize_seconds = perf_counter() - started
    y_train = y.astype("float32")
    model = keras_model(units, NUM_WORDS, context.seed)
    return Work(
        lambda: model.fit(x_train, y_train, epochs=epochs, batch_size=batch_size, verbose=0),
        lambda _: {
            "accuracy": model.evaluate(x_test, y_test, verbose=0)[1],
            "vectorize_seconds": vectorize_seconds,
        },
    )


def time_epoch_skimdb(context, units, epochs, batch_size):
    """Job: skimdb's time for an epoch, the median over the epochs of a fit."""
    X, y, *_ = load_rows(context)
    classifier = skimdb_classifier(units, epochs, batch_size, context.seed)
    return Work(lambda: time_skimdb_epochs(classifier, X, y), _median_seconds)


def time_epoch_backend(context, units, epochs, batch_size):
    """Job: the time of skimdb's Keras backend for an epoch, the median over those of a fit."""
    X, y, *_ = load_rows(context)
    load_tensorflow()
    from keras.callbacks import LambdaCallback

    from skimdb import DenseClassifier

    classifier = DenseClassifier(
        units, epochs=epochs, batch_size=batch_size, random_state=context.seed, backend="keras"
    )

    def fit(callback):
        classifier.set_params(callbacks=LambdaCallback(on_epoch_end=callback)).fit(X, y)

    return Work(lambda: time_epochs(fit), _median_seconds)


def time_epoch_keras(context, units, epochs, batch_size):
    """Job: the time of ``keras.Model.fit`` for an epoch, the median over those of a fit."""
    X, y, *_ = load_rows(context)
    model = keras_model(units, NUM_WORDS, context.seed)
    from keras.callbacks import LambdaCallback

    def fit(callback):
        callbacks = [LambdaCallback(on_epoch_end=callback)]
        model.fit(X, y, epochs=epochs, batch_size=batch_size, callbacks=callbacks, verbose=0)

    return Work(lambda: time_epochs(fit), _median_seconds)


def time_epoch_products(context, units, epochs, batch_size):
    """Job: SciPy's time for the products of an epoch with the first kernel."""
    X, *_ = load_rows(context)
    time_epoch = make_product_epoch(X, units[0], batch_size, context.seed)
    return Work(lambda: [time_epoch() for _ in range(epochs)], _median_seconds)


def _training_group(setting, *contenders):
    return Group(
        f"fit {_format_units(setting)}, {setting['epochs']} epochs",
        f"batches of {setting['batch_size']}, Keras's tracing included; accuracy on the test "
        f"reviews",
        contenders,
        columns=("accuracy", "vectorize_seconds"),
    )


def _slow_peers(setting, options):
    if not options.others:
        return ()
    return (
        Contender("SciKeras, CSR", fit_scikeras, setting),
        Contender("Keras, CSR", fit_keras, setting),
        Contender("the article's dense script", fit_dense, setting),
    )


def _format_units(setting):
    return "-".join(map(str, (*setting["units"], 1)))


def _time_fit(context, classifier):
    X, y, X_test, y_test = load_rows(context)
    return Work(
        lambda: classifier.fit(X, y),
        lambda fitted: {"accuracy": float(fitted.score(X_test, y_test))},
    )


def _median_seconds(seconds):
    return {"seconds": median(seconds)}
