"""Files that are there as a whole or not at all.

They are written in an unfinished folder beside their place and moved there when they are done.
Who is killed in between leaves that folder behind, and the next to write there removes it. Whether
its owner still lives is told by a lock: the system takes it from a process however that ends, and
it holds between containers and on network file systems, where process numbers say nothing.
"""

import os
import shutil
import tempfile
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

try:
    import fcntl
except ImportError:
    fcntl = None  # type: ignore[assignment]  # Windows: what a killed process leaves behind stays

PREFIX = ".skimdb-unfinished-"
LOCK, FILES = "lock", "files"


@contextmanager
def whole_files(folder, *, sync):
    """Yield a folder to write files in; at the end, unless by an error, they move to ``folder``.

    Parameters
    ----------
    folder : pathlib.Path
        Where the files belong. It must exist; files that are there are replaced.
    sync : bool
        Whether they must be whole even after a crash of the system. What is checked when it is
        read, and can be made anew, need not wait for the disk.
    """
    with unfinished_folder(folder) as unfinished:
        yield unfinished
        files = sorted(unfinished.iterdir())
        if sync:
            for file in files:
                _sync_file(file)
        for file in files:
            file.replace(folder / file.name)
        if sync:
            _sync_folder(folder)


@contextmanager
def unfinished_folder(parent):
    """Yield a new folder in ``parent`` that is there no longer than this process.

    It is removed at the end or, where this process is killed, by the next call.
    """
    _remove_leftovers(parent)
    folder, lock = _locked_folder(parent)
    try:
        yield folder / FILES
    finally:
        lock.close()
        # what can't be removed now does the finished files no harm, and is left to the next call
        with suppress(OSError):
            _remove(folder)


def _locked_folder(parent):
    """Return a new folder, and what to close to let go of its lock."""
    while True:
        folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=parent))
        # until it is locked, another process may take it for a leftover and remove it
        with suppress(FileNotFoundError), ExitStack() as stack:
            _lock(stack.enter_context(open(folder / LOCK, "xb")))
            (folder / FILES).mkdir()
            return folder, stack.pop_all()


def _lock(file):
    if fcntl is not None:
        # where there are no locks, nobody gets one, and so nobody removes anything
        with suppress(OSError):
            fcntl.flock(file, fcntl.LOCK_EX)


def _remove_leftovers(parent):
    if fcntl is None:
        return
    for folder in Path(parent).glob(f"{PREFIX}*"):
        # a link may lead to what is none of ours
        if not folder.is_symlink():
            # most are another process's that is at work; it may end at any moment
            with suppress(OSError):
                _remove_leftover(folder)


def _remove_leftover(folder):
    """Remove a folder, or raise OSError if its owner lives."""
    try:
        lock = open(folder / LOCK, "r+b")  # noqa: SIM115
    except FileNotFoundError:
        folder.rmdir()  # killed before the first file in it or after the last
        return
    with lock:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        _remove(folder)


def _remove(folder):
    # without the lock, the folder must be empty
    shutil.rmtree(folder / FILES, ignore_errors=True)
    (folder / LOCK).unlink(missing_ok=True)
    folder.rmdir()


def _sync_file(path):
    with open(path, "r+b") as file:
        os.fsync(file.fileno())


def _sync_folder(folder):
    # not each system can do that; the files are in their place by now
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
