"""What the commands show on the terminal besides their results: notes, errors and progress."""

import os
import signal
import sys
import warnings
from contextlib import contextmanager, nullcontext
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from threading import Thread
from time import sleep

# TensorFlow's levels: "0" shows everything, "3" only what ends the process
LOG_LEVEL = "TF_CPP_MIN_LOG_LEVEL"
SECONDS_PER_LOOK = 0.2


def console(*, stderr=False):
    """Return a rich console on stdout, for results, or on stderr."""
    from rich.console import Console

    # texts come from users: brackets and colons in them have no special meaning
    return Console(stderr=stderr, highlight=False, markup=False, emoji=False)


def on_terminal():
    """Whether someone watches stderr: progress and notes are for people only."""
    return sys.stderr is not None and sys.stderr.isatty()


def note(message):
    """Show a line on stderr, if that is a terminal."""
    if on_terminal():
        console(stderr=True).print(message, style="dim", soft_wrap=True)


def error_line(message):
    """Show what was wrong in one line on stderr."""
    from rich.text import Text

    line = Text.assemble(("Error: ", "bold red"), " ".join(message.split()))
    console(stderr=True).print(line, soft_wrap=True)


def installed_version(distribution):
    """Return the version of an installed distribution."""
    try:
        return version(distribution)
    except PackageNotFoundError:
        return "(not installed)"


def load_tensorflow():
    """Import TensorFlow, which takes seconds, without the lines it prints meanwhile.

    Set TF_CPP_MIN_LOG_LEVEL=0 to see them.
    """
    with _spinner("Loading TensorFlow"):
        _import_tensorflow()


def prepare_worker():
    """Do the same in a process that works for this one.

    It leaves Ctrl-C to this one. Left alone, it would work off what is queued and then wait for
    minutes; so it ends when this one is gone.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    Thread(target=_end_after, args=(os.getppid(),), daemon=True).start()
    _import_tensorflow()


def _end_after(parent):
    while os.getppid() == parent:
        sleep(SECONDS_PER_LOOK)
    os._exit(1)


def _import_tensorflow():
    silent = os.environ.setdefault(LOG_LEVEL, "3") != "0"
    with _no_stderr() if silent else nullcontext():
        import skimdb._keras._training  # noqa: F401


@contextmanager
def _no_stderr():
    """Send what the process writes to file descriptor 2 nowhere.

    TensorFlow's C++ code prints there before it reads its log level.
    """
    kept = os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


@contextmanager
def _spinner(message):
    """Show that something goes on, if stderr is a terminal."""
    if not on_terminal():
        yield
        return
    from rich.console import Console

    # a descriptor of its own, as 2 is closed to all meanwhile
    with (
        open(os.dup(2), "w", encoding=sys.stderr.encoding) as terminal,
        Console(file=terminal).status(message),
    ):
        yield


@contextmanager
def epoch_progress(description, n_epochs):
    """Show a progress bar over epochs, if stderr is a terminal.

    Yields a function to call with a Keras epoch number and logs after each epoch, and optionally
    a new description.
    """
    from rich.progress import MofNCompleteColumn, TextColumn

    figures = TextColumn("{task.fields[figures]}")
    with _progress(description, n_epochs, MofNCompleteColumn(), figures) as update:

        def advance(epoch, logs, description=None):
            update(advance=1, figures=_figures(logs), description=description)

        yield advance


@contextmanager
def count_progress(description, total, *, in_bytes=False):
    """Show a progress bar over things or bytes, if stderr is a terminal.

    Yields a function to call with the number that is done.
    """
    from rich.progress import DownloadColumn, MofNCompleteColumn

    column = DownloadColumn() if in_bytes else MofNCompleteColumn()
    with _progress(description, total, column) as update:
        yield lambda completed: update(completed=completed)


@contextmanager
def _progress(description, total, *columns):
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    if not on_terminal():
        # a Progress with disable=True would still write a blank line in older versions of rich
        yield lambda **_: None
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(bar_width=None),
        *columns,
        TimeElapsedColumn(),
    )
    terminal = console(stderr=True)
    # leaves room for the ^C that a terminal writes behind the cursor; it would break the line
    terminal.width -= len("^C ")
    with Progress(*columns, console=terminal, expand=True) as bar:
        yield partial(bar.update, bar.add_task(description, total=total, figures=""))


@contextmanager
def warnings_as_lines():
    """Show each warning as one line on stderr, without the place in the code."""

    def show(message, *_, **__):
        line = f"Warning: {' '.join(str(message).split())}"
        console(stderr=True).print(line, style="yellow", soft_wrap=True)

    with warnings.catch_warnings():
        warnings.showwarning = show
        yield


def _figures(logs):
    """Return loss and accuracy, each with its validation figure if there is one, on one line."""
    parts = []
    for name in ("loss", "accuracy"):
        validation = f" val. {logs['val_' + name]:.3f}" if "val_" + name in logs else ""
        parts.append(f"{name} {logs[name]:.3f}{validation}")
    return "  ".join(parts)
