"""Ctrl-C waits where it would do harm, and an estimator keeps its attributes if a fit fails."""

import os
import signal
import threading

import pytest

from skimdb._utils._interrupts import hold_interrupts, restore_on_error

needs_signals = pytest.mark.skipif(os.name != "posix", reason="sends signals as POSIX systems do")


def interrupt():
    os.kill(os.getpid(), signal.SIGINT)


@pytest.fixture
def set_handler():
    """Return a function that sets a handler of Ctrl-C until the end of the test."""
    before = signal.getsignal(signal.SIGINT)
    yield lambda handler: signal.signal(signal.SIGINT, handler)
    signal.signal(signal.SIGINT, before)


@needs_signals
class TestHoldInterrupts:
    def test_interrupts_at_the_end(self):
        done = []

        @hold_interrupts()
        def work():
            interrupt()
            done.append("all of it")

        for _ in range(2):
            with pytest.raises(KeyboardInterrupt):
                work()
        assert done == ["all of it"] * 2
        with pytest.raises(KeyboardInterrupt):
            interrupt()

    def test_interrupts_after_an_error(self):
        @hold_interrupts()
        def work():
            interrupt()
            raise OSError("disk full")

        with pytest.raises(KeyboardInterrupt) as caught:
            work()
        assert isinstance(caught.value.__context__, OSError)

    def test_calls_the_handler_of_the_user_once(self, set_handler):
        calls = []
        set_handler(lambda number, frame: calls.append(number))
        with hold_interrupts():
            interrupt()
            interrupt()
            assert calls == []
        assert calls == [signal.SIGINT]
        interrupt()
        assert calls == [signal.SIGINT] * 2

    def test_can_be_nested(self):
        done = []

        @hold_interrupts()
        def outer():
            inner()
            done.append("outer")

        @hold_interrupts()
        def inner():
            interrupt()
            done.append("inner")

        with pytest.raises(KeyboardInterrupt):
            outer()
        assert done == ["inner", "outer"]

    @pytest.mark.parametrize("handler", [signal.SIG_IGN, signal.SIG_DFL])
    def test_keeps_a_handler_that_is_no_function(self, set_handler, handler):
        set_handler(handler)
        with hold_interrupts():
            assert signal.getsignal(signal.SIGINT) == handler

    def test_keeps_the_handler_in_a_thread(self):
        seen = []

        def work():
            with hold_interrupts():
                seen.append(signal.getsignal(signal.SIGINT))

        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
        assert seen == [signal.getsignal(signal.SIGINT)]


class Estimator:
    def __init__(self):
        self.parameter = 1

    @restore_on_error
    def fit(self, X, y=None, *, error=None):
        """Fit."""
        self.fitted_ = X
        self.parameter = 2
        if error is not None:
            raise error
        return self


class TestRestoreOnError:
    @pytest.mark.parametrize("error", [ValueError("bad"), KeyboardInterrupt(), SystemExit()])
    def test_the_attributes_are_as_before(self, error):
        estimator = Estimator()
        with pytest.raises(type(error)):
            estimator.fit(1, error=error)
        assert vars(estimator) == {"parameter": 1}
        estimator.fit(1)
        with pytest.raises(type(error)):
            estimator.fit(2, error=error)
        assert vars(estimator) == {"parameter": 2, "fitted_": 1}

    def test_passes_arguments_and_result_on(self):
        estimator = Estimator()
        assert estimator.fit(X=3, y=4) is estimator
        assert estimator.fitted_ == 3
        assert Estimator.fit.__doc__ == "Fit."
