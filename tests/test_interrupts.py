"""Ctrl-C waits where it would do harm, and is not lost."""

import os
import signal
import subprocess
import sys
import threading

import pytest

from skimdb._interrupts import interrupts_held_back

pytestmark = pytest.mark.skipif(os.name != "posix", reason="sends signals as POSIX systems do")


def interrupt():
    os.kill(os.getpid(), signal.SIGINT)


@pytest.fixture
def handle():
    """Set a handler of Ctrl-C; yields the function that does it."""
    before = signal.getsignal(signal.SIGINT)
    yield lambda handler: signal.signal(signal.SIGINT, handler)
    signal.signal(signal.SIGINT, before)


def test_interrupts_at_the_end():
    done = []

    @interrupts_held_back()
    def work():
        interrupt()
        done.append("all of it")

    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            work()
    assert done == ["all of it"] * 2
    with pytest.raises(KeyboardInterrupt):
        interrupt()


def test_interrupts_where_an_error_was():
    @interrupts_held_back()
    def work():
        interrupt()
        raise OSError("disk full")

    with pytest.raises(KeyboardInterrupt) as caught:
        work()
    assert isinstance(caught.value.__context__, OSError)


def test_calls_the_handler_of_the_user_once(handle):
    calls = []
    handle(lambda number, frame: calls.append(number))
    with interrupts_held_back():
        interrupt()
        interrupt()
        assert calls == []
    assert calls == [signal.SIGINT]
    interrupt()
    assert calls == [signal.SIGINT] * 2


def test_within_one_another():
    done = []

    @interrupts_held_back()
    def outer():
        inner()
        done.append("outer")

    @interrupts_held_back()
    def inner():
        interrupt()
        done.append("inner")

    with pytest.raises(KeyboardInterrupt):
        outer()
    assert done == ["inner", "outer"]


@pytest.mark.parametrize("handler", [signal.SIG_IGN, signal.SIG_DFL])
def test_leaves_what_is_no_function(handle, handler):
    handle(handler)
    with interrupts_held_back():
        assert signal.getsignal(signal.SIGINT) == handler


def test_leaves_the_handler_alone_in_a_thread():
    seen = []

    def work():
        with interrupts_held_back():
            seen.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [signal.getsignal(signal.SIGINT)]


INTERRUPT_IMPORT_OF = """
import os, signal, sys

class Interrupt:
    def find_spec(self, name, path, target=None):
        if name == sys.argv[1]:
            sys.meta_path.remove(self)
            os.kill(os.getpid(), signal.SIGINT)

sys.meta_path.insert(0, Interrupt())
"""

TRAIN_TWICE = """
from skimdb import DenseClassifier

X, y = [[0, 1], [1, 0]] * 5, [0, 1] * 5
classifier = DenseClassifier(units=2, epochs=1)
try:
    classifier.fit(X, y)
except KeyboardInterrupt:
    print(*classifier.fit(X, y).classes_)
"""

COMMAND_LINE = """
from skimdb.__main__ import main

main()
"""


def run_interrupted(script, module):
    """Run a script in a process that Ctrl-C reaches while it imports a module."""
    child = [sys.executable, "-c", INTERRUPT_IMPORT_OF + script, module]
    return subprocess.run(child, capture_output=True, text=True)


@pytest.mark.slow
@pytest.mark.parametrize(
    "module",
    ["tensorflow.python.trackable.data_structures", "tensorflow.python.ops.ragged.ragged_tensor"],
)
def test_a_process_can_train_after_an_interrupted_import(module):
    ended = run_interrupted(TRAIN_TWICE, module)
    assert ended.stdout == "0 1\n", ended.stderr


@pytest.mark.parametrize("module", ["typer", "skimdb._cli._tune"])
def test_the_command_line_ends_with_a_line_from_its_start_on(module):
    ended = run_interrupted(COMMAND_LINE, module)
    assert (ended.returncode, ended.stdout) == (130, "")
    assert ended.stderr == "Error: interrupted.\n"
