"""Fits that fail or are interrupted leave the estimator, and all fits after them, as they were."""

import os
import signal
import threading
from functools import partial
from time import perf_counter

import joblib
import keras
import numpy as np
import pandas as pd
import pytest
from hypothesis import settings
from joblib.externals.loky.process_executor import TerminatedWorkerError
from matplotlib.figure import Figure
from sklearn.base import clone
from sklearn.exceptions import FitFailedWarning, NotFittedError
from sklearn.model_selection import GridSearchCV
from threadpoolctl import ThreadpoolController, threadpool_info

from skimdb import (
    DenseClassifier,
    MultiHotVectorizer,
    WordIndexEncoder,
    explain,
    multi_hot_pipeline,
    text_pipeline,
    write_report,
)
from skimdb.datasets import load_sample_reviews, make_reviews

needs_signals = pytest.mark.skipif(os.name != "posix", reason="sends signals as POSIX systems do")


def made_rows(n_words, seed):
    sequences, y = make_reviews(300, n_words=n_words, random_state=seed)
    return MultiHotVectorizer(num_words=n_words).fit_transform(sequences), y


@pytest.fixture(scope="module")
def data():
    return made_rows(80, seed=0)


@pytest.fixture(scope="module")
def other_data():
    """Rows with other columns, which have names, and with other classes."""
    X, y = made_rows(50, seed=1)
    names = [f"word_{i}" for i in range(X.shape[1])]
    return pd.DataFrame(X.toarray(), columns=names), np.array(["bad", "good"])[y]


def classifier(**parameters):
    return DenseClassifier(
        **{"units": 6, "epochs": 3, "batch_size": 32, "random_state": 0, **parameters}
    )


def fitted_attributes(estimator):
    """Return all attributes that are no parameters."""
    parameters = estimator.get_params(deep=False)
    return {name: value for name, value in vars(estimator).items() if name not in parameters}


def fingerprint(estimator):
    """Return a digest of all fitted attributes, to the last bit."""
    return joblib.hash(fitted_attributes(estimator))


class Raise(keras.callbacks.Callback):
    def __init__(self, error, hook):
        super().__init__()
        self._error = error
        setattr(self, hook, self._raise)

    def _raise(self, number, logs=None):
        raise self._error


def raise_in_function(error):
    def arrange(estimator, arguments):
        def fail(epoch, logs):
            raise error

        estimator.set_params(callbacks=fail)

    return arrange


def raise_in_callback(error, hook="on_epoch_end"):
    def arrange(estimator, arguments):
        estimator.set_params(callbacks=Raise(error, hook))

    return arrange


def with_argument(name, value):
    def arrange(estimator, arguments):
        arguments[name] = value

    return arrange


def with_parameter(**parameters):
    def arrange(estimator, arguments):
        estimator.set_params(**parameters)

    return arrange


FAULTS = {
    "interrupted after an epoch": (raise_in_callback(KeyboardInterrupt()), KeyboardInterrupt),
    "interrupted in an epoch": (
        raise_in_callback(KeyboardInterrupt(), "on_train_batch_end"),
        KeyboardInterrupt,
    ),
    "interrupted after an epoch, sparse": (
        raise_in_function(KeyboardInterrupt()),
        KeyboardInterrupt,
    ),
    "function fails": (raise_in_function(OSError("disk full")), OSError),
    "callback fails": (raise_in_callback(OSError("disk full")), OSError),
    "memory is full": (
        raise_in_callback(MemoryError("no room"), "on_train_batch_begin"),
        MemoryError,
    ),
    "bad weights": (with_argument("sample_weight", [-1.0] * 300), ValueError),
    "bad parameter": (with_parameter(dropout=2), ValueError),
    "unknown optimizer": (with_parameter(optimizer="none"), ValueError),
    "diverges": (with_parameter(learning_rate=1e30), ValueError),
}
faults = pytest.mark.parametrize(("arrange", "error"), FAULTS.values(), ids=FAULTS.keys())


@faults
@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_an_unfitted_classifier_stays_unfitted(other_data, arrange, error, method):
    X, y = other_data
    unfitted = classifier()
    arguments = {"classes": ["bad", "good"]} if method == "partial_fit" else {}
    arrange(unfitted, arguments)
    with pytest.raises(error):
        getattr(unfitted, method)(X, y, **arguments)
    assert fitted_attributes(unfitted) == {}
    with pytest.raises(NotFittedError):
        unfitted.predict(X)


@faults
def test_a_fitted_classifier_keeps_what_it_learned(data, other_data, arrange, error):
    X, y = data
    fitted = classifier().fit(X, y)
    before, expected = fingerprint(fitted), fitted.predict_proba(X)
    arguments = {}
    arrange(fitted, arguments)
    with pytest.raises(error):
        fitted.fit(*other_data, **arguments)
    assert fingerprint(fitted) == before
    np.testing.assert_array_equal(fitted.predict_proba(X), expected)
    assert not hasattr(fitted, "feature_names_in_")


@faults
@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_training_continues_as_if_it_had_not_failed(data, arrange, error, method):
    X, y = data
    started = classifier(warm_start=True).fit(X, y)
    before = fingerprint(started)
    expected = fingerprint(getattr(classifier(warm_start=True).fit(X, y), method)(X, y))
    parameters, arguments = started.get_params(), {}
    arrange(started, arguments)
    with pytest.raises(error):
        getattr(started, method)(X, y, **arguments)
    assert fingerprint(started) == before
    assert fingerprint(getattr(started.set_params(**parameters), method)(X, y)) == expected


def test_bad_validation_rows_leave_no_trace(other_data):
    X, y = other_data
    unfitted = classifier()
    with pytest.raises(ValueError, match="y_val must hold only classes of the training rows"):
        unfitted.fit(X, y, X_val=X[:2], y_val=["good", "unknown"])
    assert fitted_attributes(unfitted) == {}


def test_a_failing_scikit_learn_callback_leaves_no_trace(data):
    pytest.importorskip("sklearn.callback", reason="scikit-learn has callbacks since 1.9")

    class Fail:
        def setup(self, estimator, context):
            pass

        def on_fit_task_begin(self, estimator, context, **_):
            pass

        def on_fit_task_end(self, estimator, context, **_):
            raise OSError("disk full")

        def teardown(self, estimator, context):
            pass

    unfitted = classifier().set_callbacks(Fail())
    with pytest.raises(OSError, match="disk full"):
        unfitted.fit(*data)
    assert [*fitted_attributes(unfitted)] == ["_skl_callbacks"]
    unfitted.set_callbacks()
    assert fingerprint(unfitted.fit(*data)) == fingerprint(classifier().fit(*data))


# an import that is cut off leaves its file to the garbage collector
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@needs_signals
@pytest.mark.parametrize("backend", ["sparse", pytest.param("keras", marks=pytest.mark.slow)])
def test_ctrl_c_at_any_moment(data, other_data, backend):
    X, y = data
    fitted = classifier(backend=backend).fit(X, y)
    before = fingerprint(fitted)
    fitted.set_params(epochs=10_000)
    # while the network is built, and while it is trained
    for delay in np.linspace(0, 0.6, 10):
        interrupt = threading.Timer(delay, os.kill, [os.getpid(), signal.SIGINT])
        with pytest.raises(KeyboardInterrupt):  # noqa: PT012 (the signal may come at once)
            interrupt.start()
            fitted.fit(*other_data, X_val=other_data[0], y_val=other_data[1])
        assert fingerprint(fitted) == before
        assert fingerprint(classifier(backend=backend).fit(X, y)) == before


def blas_threads():
    return [pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"]


@needs_signals
def test_ctrl_c_leaves_blas_its_threads(data, monkeypatch):
    before, limit = blas_threads(), ThreadpoolController.limit

    def limit_and_interrupt(self, **options):
        limiter = limit(self, **options)
        os.kill(os.getpid(), signal.SIGINT)
        return limiter

    monkeypatch.setattr(ThreadpoolController, "limit", limit_and_interrupt)
    with pytest.raises(KeyboardInterrupt):
        classifier().fit(*data)
    assert blas_threads() == before


def interrupt_at(moment, function):
    """Call a function, press Ctrl-C after some seconds, and tell whether it went on to its end."""
    interrupt = threading.Timer(moment, os.kill, [os.getpid(), signal.SIGINT])
    is_done = False
    try:
        interrupt.start()
        function()
        is_done = True
        interrupt.cancel()
        interrupt.join()
    except KeyboardInterrupt:
        interrupt.join()
    return is_done


def list_explanations(pipeline, texts):
    return [(item.log_odds, item.words) for item in explain(pipeline, texts).items]


@pytest.fixture(scope="module")
def texts():
    return load_sample_reviews(return_X_y=True)


@pytest.fixture(scope="module")
def fitted(texts):
    return text_pipeline(random_state=0, epochs=2).fit(*texts)


# five, or 125 with HYPOTHESIS_PROFILE=long
MOMENTS = np.random.default_rng(0).random(settings.default.max_examples // 20)


@needs_signals
def test_ctrl_c_at_any_moment_of_a_text_pipeline(texts, fitted):
    X, y = texts
    expected = fitted.predict_proba(X)
    started = perf_counter()
    clone(fitted).fit(X, y)
    seconds = perf_counter() - started
    for moment in MOMENTS * seconds:
        pipeline = clone(fitted)
        is_done = interrupt_at(moment, partial(pipeline.fit, X, y))
        # a network is trained to its end or not at all
        if is_done or fitted_attributes(pipeline["classifier"]):
            np.testing.assert_array_equal(pipeline.predict_proba(X), expected)
        np.testing.assert_array_equal(pipeline.fit(X, y).predict_proba(X), expected)


@needs_signals
def test_ctrl_c_at_any_moment_of_learning_ngrams():
    sequences, _ = make_reviews(400, n_words=500, random_state=0)
    vectorizer = MultiHotVectorizer(mode="log", ngram_range=(1, 3), min_df=1)
    expected = fingerprint(clone(vectorizer).fit(sequences))
    before = fingerprint(vectorizer.fit(sequences[:100]))
    started = perf_counter()
    clone(vectorizer).fit(sequences)
    seconds = perf_counter() - started
    for moment in MOMENTS * seconds:
        is_done = interrupt_at(moment, partial(vectorizer.fit, sequences))
        found = fingerprint(vectorizer)
        assert found == expected or (found == before and not is_done)
        assert fingerprint(vectorizer.fit(sequences)) == expected
        assert fingerprint(vectorizer.fit(sequences[:100])) == before


@needs_signals
def test_ctrl_c_at_any_moment_of_an_explanation(texts, fitted):
    X = texts[0][:60]
    started = perf_counter()
    expected = list_explanations(fitted, X)
    seconds = perf_counter() - started
    for moment in MOMENTS * seconds:
        interrupt_at(moment, partial(list_explanations, fitted, X))
        assert list_explanations(fitted, X) == expected


@pytest.mark.slow
@needs_signals
def test_ctrl_c_at_any_moment_of_a_report(texts, fitted, tmp_path):
    X, y = texts[0][:80], texts[1][:80]
    path = write_report(fitted, tmp_path / "report.html", X, y)
    expected = path.read_bytes()
    started = perf_counter()
    write_report(fitted, path, X, y)
    seconds = perf_counter() - started
    for moment in MOMENTS * seconds:
        path.write_text("an earlier report")
        is_done = interrupt_at(moment, partial(write_report, fitted, path, X, y))
        assert [*tmp_path.iterdir()] == [path]
        assert path.read_bytes() == expected or (
            path.read_text() == "an earlier report" and not is_done
        )
        write_report(fitted, path, X, y)
        assert path.read_bytes() == expected


@needs_signals
def test_ctrl_c_waits_for_the_end_of_a_picture(texts, fitted, tmp_path, monkeypatch):
    # within one, Matplotlib may make another error of it
    save, n_pictures = Figure.savefig, []

    def interrupt_and_save(self, *args, **options):
        os.kill(os.getpid(), signal.SIGINT)
        save(self, *args, **options)
        n_pictures.append(1)

    monkeypatch.setattr(Figure, "savefig", interrupt_and_save)
    with pytest.raises(KeyboardInterrupt):
        write_report(fitted, tmp_path / "report.html", texts[0][:20], texts[1][:20])
    assert n_pictures == [1]
    assert [*tmp_path.iterdir()] == []


def test_an_interrupted_pipeline_keeps_its_classifier():
    texts, y = load_sample_reviews(return_X_y=True)
    interrupt = Raise(KeyboardInterrupt(), "on_epoch_end")
    pipeline = multi_hot_pipeline(text=True, units=6, epochs=3, batch_size=32, random_state=0)
    unfitted = clone(pipeline).set_params(classifier__callbacks=interrupt)
    with pytest.raises(KeyboardInterrupt):
        unfitted.fit(texts, y)
    assert fitted_attributes(unfitted["classifier"]) == {}
    with pytest.raises(NotFittedError):
        unfitted.predict(texts)

    pipeline.fit(texts[:300], y[:300])
    before = fingerprint(pipeline["classifier"])
    pipeline.set_params(classifier__callbacks=interrupt)
    with pytest.raises(KeyboardInterrupt):
        pipeline.fit(texts, y)
    assert fingerprint(pipeline["classifier"]) == before


# --- encoder and vectorizer -------------------------------------------------------------------


def test_a_failed_refit_leaves_the_encoder_its_vocabulary():
    texts = ["a great film", "a bad film"] * 30
    encoder = WordIndexEncoder()
    with pytest.raises(ValueError, match="at least one word"):
        encoder.fit(["", "!"])
    assert fitted_attributes(encoder) == {}

    expected = [ids.tolist() for ids in encoder.fit(texts).transform(texts)]
    before = fitted_attributes(encoder)
    with pytest.raises(ValueError, match="at least one word"):
        encoder.fit(["", "!"])
    assert fitted_attributes(encoder) == before

    def interrupt_after_a_text():
        yield "other words"
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        encoder.fit(interrupt_after_a_text())
    assert fitted_attributes(encoder) == before
    assert [ids.tolist() for ids in encoder.transform(texts)] == expected


@pytest.mark.parametrize("method", ["fit", "fit_transform"])
def test_a_failed_refit_leaves_the_vectorizer_its_columns(method):
    vectorizer = MultiHotVectorizer(mode="count", handle_unknown="oov", oov_char=2)
    too_few_columns = [[1], [0]]
    with pytest.raises(ValueError, match="oov_char must be below num_words=2"):
        getattr(vectorizer, method)(too_few_columns)
    assert fitted_attributes(vectorizer) == {}

    before = fitted_attributes(vectorizer.fit([[1, 5], [9]]))
    with pytest.raises(ValueError, match="oov_char must be below num_words=2"):
        getattr(vectorizer, method)(too_few_columns)
    assert fitted_attributes(vectorizer) == before
    assert vectorizer.transform([[20]]).shape == (1, 10)


# --- training that diverges -------------------------------------------------------------------


def test_divergence_is_an_error_that_says_what_to_do(data):
    X, y = data
    with pytest.raises(ValueError, match=r"the training diverged: after 3 epochs.* below 1e\+30"):
        classifier(learning_rate=1e30).fit(X, y)
    three = np.arange(len(y)) % 3
    with pytest.raises(ValueError, match="the training diverged"):
        classifier(learning_rate=1e30).fit(X, three)
    with pytest.raises(ValueError, match="below that of the optimizer, or smaller values in X"):
        classifier(optimizer=keras.optimizers.SGD(1e30), activation="linear").fit(X, y)


def test_early_stopping_restores_an_epoch_before_the_divergence(data):
    schedule = keras.callbacks.LearningRateScheduler(lambda epoch: 1e30 if epoch else 1e-3)
    stopped = classifier(early_stopping=True, epochs=5, callbacks=schedule).fit(*data)
    assert not np.isfinite(stopped.history_["val_loss"][-1])
    assert np.isfinite(stopped.predict_proba(data[0])).all()


def test_a_diverged_state_is_not_kept(data, tmp_path):
    with pytest.raises(ValueError, match="the training diverged"):
        classifier(learning_rate=1e30, memory=tmp_path).fit(*data)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.filterwarnings("ignore:One or more of the test scores are non-finite")
def test_a_search_skips_candidates_that_diverge(data):
    search = GridSearchCV(classifier(), {"learning_rate": [1e30, 0.01]}, cv=2)
    with pytest.warns(FitFailedWarning, match="the training diverged"):
        search.fit(*data)
    assert search.best_params_ == {"learning_rate": 0.01}


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("method", ["predict", "predict_proba", "decision_function"])
def test_scores_that_overflow_give_no_class(data, n_classes, method):
    X, _ = data
    fitted = classifier().fit(X, np.arange(X.shape[0]) % n_classes)
    rows = X[:3].toarray()
    rows[1] = np.finfo(np.float32).max
    with (
        pytest.raises(ValueError, match=r"X must hold smaller values, .* row 1 has the scores"),
        np.errstate(over="ignore", invalid="ignore"),
    ):
        getattr(fitted, method)(rows)
    assert len(getattr(fitted, method)(X[:3])) == 3


# --- a worker that dies -----------------------------------------------------------------------


def score_and_die_once(folder, estimator, X, y):
    """Score, but kill the worker once five training states are kept."""
    killed = folder / "killed"
    if len(list(folder.glob("*.npz"))) >= 5 and not killed.exists():
        killed.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return estimator.score(X, y)


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="kills as POSIX systems do")
def test_a_search_continues_where_the_death_of_a_worker_stopped_it(data, tmp_path):
    grid = {"units": [4, 6], "epochs": [1, 2, 3]}
    expected = GridSearchCV(classifier(), grid, cv=2).fit(*data)

    score = partial(score_and_die_once, tmp_path)
    search = GridSearchCV(classifier(memory=tmp_path), grid, cv=2, n_jobs=2, scoring=score)
    with pytest.raises(TerminatedWorkerError):
        search.fit(*data)
    kept = {path: path.stat().st_ino for path in tmp_path.glob("*.npz")}
    assert len(kept) >= 5

    search.fit(*data)
    np.testing.assert_array_equal(
        search.cv_results_["mean_test_score"], expected.cv_results_["mean_test_score"]
    )
    assert len(list(tmp_path.glob("*.npz"))) > len(kept)
    # training again would write a new file
    assert {path: path.stat().st_ino for path in kept} == kept


def score_and_die_at_once(folder, pipeline, X, y):
    """Score, but kill the worker the first time."""
    killed = folder / "killed"
    if not killed.exists():
        killed.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return pipeline.score(X, y)


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="kills as POSIX systems do")
def test_a_search_over_texts_after_the_death_of_a_worker(texts, fitted, tmp_path):
    grid = {"vectorizer__ngram_range": [(1, 1), (1, 2)]}
    expected = GridSearchCV(clone(fitted), grid, cv=2).fit(*texts)
    score = partial(score_and_die_at_once, tmp_path)
    search = GridSearchCV(clone(fitted), grid, cv=2, n_jobs=2, scoring=score)
    with pytest.raises(TerminatedWorkerError):
        search.fit(*texts)
    search.fit(*texts)
    np.testing.assert_array_equal(
        search.cv_results_["mean_test_score"], expected.cv_results_["mean_test_score"]
    )
    np.testing.assert_array_equal(search.predict_proba(texts[0]), expected.predict_proba(texts[0]))
