"""What the commands show on the terminal besides their results: notes, errors and progress."""

import os
import shlex
import signal
import sys
import warnings
from contextlib import contextmanager
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from inspect import currentframe
from io import TextIOWrapper
from threading import Thread
from time import sleep

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
)
from rich.text import Text

# the exit code after Ctrl-C, as shells have it
INTERRUPTED = 130
NOTHING_WRITTEN = "nothing was written."
POLL_SECONDS = 0.2
# of a pipe or file, which nobody reads line by line
WIDTH_ELSEWHERE = 1000


def console(*, stderr=False):
    """Return a rich console on stdout, for results, or on stderr.

    Tables are as wide as a terminal at most, and as wide as they need anywhere else.
    """
    width = None if is_terminal(stderr=stderr) else WIDTH_ELSEWHERE
    # texts come from users: brackets and colons in them have no special meaning
    return Console(stderr=stderr, width=width, highlight=False, markup=False, emoji=False)


def is_terminal(*, stderr=False):
    """Tell whether somebody watches stdout or stderr: progress and notes are for people only."""
    stream = sys.stderr if stderr else sys.stdout
    return stream is not None and stream.isatty()


def print_paragraph(message, *, stderr=False, style=""):
    """Print a message, wrapped at words on a terminal, and as one line anywhere else."""
    soft_wrap = not is_terminal(stderr=stderr)
    console(stderr=stderr).print(message, style=style, soft_wrap=soft_wrap)


def print_command(introduction, *words, stderr=False):
    """Print a command to copy, which a terminal may break anywhere, but which has no newline."""
    command = shlex.join(map(str, words))
    console(stderr=stderr).print(f"{introduction}: {command}", soft_wrap=True)


def print_note(message):
    """Print a message on stderr, if that is a terminal."""
    if is_terminal(stderr=True):
        print_paragraph(message, stderr=True, style="dim")


def print_remark(message):
    """Print a remark on the results on stderr, also if that is no terminal."""
    print_paragraph(f"Note: {message}", stderr=True, style="yellow")


def print_error(message):
    """Print an error on stderr."""
    message = Text.assemble(("Error: ", "bold red"), " ".join(message.split()))
    print_paragraph(message, stderr=True)


def escape_unprintable():
    """Have characters that the terminal's encoding lacks printed as escapes, not as an error."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def printable(text):
    """Return a text as stdout prints it, for a column that is as wide as its texts.

    Characters that its encoding lacks are escapes already.
    """
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    return text.encode(encoding, "backslashreplace").decode(encoding)


@contextmanager
def explain_ctrl_c(loss):
    """Have the error after Ctrl-C say what is lost."""
    try:
        yield
    except KeyboardInterrupt:
        raise KeyboardInterrupt(loss) from None


@contextmanager
def print_short_warnings():
    """Print each of skimdb's warnings on stderr, without its place in the code.

    They are plain UserWarnings that a module of skimdb issues. All others are about code, which
    the user of a command can't change. The place that a warning names does not tell: it may be
    that of any caller.
    """
    seen = set()

    def show_once(message, category, *_, **__):
        # a file may be read several times
        if str(message) not in seen:
            seen.add(str(message))
            _show_warning(message, category)

    with warnings.catch_warnings():
        warnings.showwarning = show_once
        yield


def _show_warning(message, category, *_, **__):
    if category is UserWarning and _find_issuer().partition(".")[0] == "skimdb":
        message = " ".join(str(message).split())
        print_paragraph(f"Warning: {message}", stderr=True, style="yellow")


def _find_issuer():
    """Return the name of the module that issues the warning being shown."""
    frame, passed_on = currentframe(), {__name__, "warnings", "_py_warnings"}
    while frame and frame.f_globals.get("__name__") in passed_on:
        frame = frame.f_back
    return frame.f_globals.get("__name__", "") if frame else ""


def installed_version(distribution):
    """Return the version of an installed distribution."""
    try:
        return version(distribution)
    except PackageNotFoundError:
        return "(not installed)"


def prepare_worker(parent):
    """Prepare a worker process: leave Ctrl-C to the parent, end with it, warn as it does.

    joblib's workers would otherwise finish what is queued, and then wait for minutes. ``parent``
    is the process id of the parent, which may be gone before its worker has started.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    warnings.showwarning = _show_warning
    Thread(target=_end_after, args=(parent,), daemon=True).start()


def _end_after(parent):
    while os.getppid() == parent:
        sleep(POLL_SECONDS)
    os._exit(1)


@contextmanager
def epoch_progress(description, total=None):
    """Show a progress bar over epochs, if stderr is a terminal.

    Yields a function ``advance(logs, *, description=None, total=None)`` to call after each epoch
    with loss and metrics by name.
    """
    scores = TextColumn("{task.fields[scores]}")
    with _progress(description, total, MofNCompleteColumn(), scores) as update:

        def advance(logs, **changes):
            update(advance=1, scores=_format_logs(logs), **changes)

        yield advance


@contextmanager
def count_progress(description, total, *, in_bytes=False):
    """Show a progress bar over things or bytes, if stderr is a terminal.

    Yields a function to call with the number of those that are done.
    """
    column = DownloadColumn() if in_bytes else MofNCompleteColumn()
    with _progress(description, total, column) as update:
        yield lambda completed: update(completed=completed)


@contextmanager
def _progress(description, total, *columns):
    if not is_terminal(stderr=True):
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
    # leaves room for the ^C that a terminal prints at the cursor; it would break the line
    terminal.width -= len("^C ")
    with Progress(*columns, console=terminal, expand=True) as bar:
        yield partial(bar.update, bar.add_task(description, total=total, scores=""))


def _format_logs(logs):
    """Return loss and accuracy, each with its validation value if there is one, on one line."""
    parts = []
    for name in ("loss", "accuracy"):
        validation = f" val. {logs['val_' + name]:.3f}" if "val_" + name in logs else ""
        parts.append(f"{name} {logs[name]:.3f}{validation}")
    return "  ".join(parts)
