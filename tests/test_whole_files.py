"""Files that are there as a whole or not at all, and what killed processes leave behind."""

import errno
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from skimdb import DenseClassifier, _whole_files, export_keras, load_model, save_model
from skimdb._cli._files import write_files
from skimdb._whole_files import FILES, LOCK, PREFIX, unfinished_folder, whole_files
from skimdb.datasets import fetch_imdb

needs_locks = pytest.mark.skipif(_whole_files.fcntl is None, reason="needs locks of files")

# begins a file in the folder it is given, and waits to be killed or to be told to go on
WRITER = """
import sys
from pathlib import Path
from skimdb._whole_files import whole_files
with whole_files(Path(sys.argv[1]), sync=False) as unfinished:
    (unfinished / "begun").write_text("half")
    print(flush=True)
    sys.stdin.readline()
    (unfinished / "begun").write_text("whole")
"""


class Writer:
    """Another process that has begun to write a file in a folder."""

    def __init__(self, folder):
        self._process = subprocess.Popen(
            [sys.executable, "-c", WRITER, folder],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        self._process.stdout.readline()

    def finish(self):
        self._process.communicate(b"\n", timeout=60)
        assert self._process.returncode == 0

    def kill(self):
        self._process.kill()
        self._process.communicate()


@pytest.fixture
def begin():
    """A function that has another process begin to write in a folder."""
    writers = []

    def begin(folder):
        writers.append(Writer(folder))
        return writers[-1]

    yield begin
    for writer in writers:
        writer.kill()


def contents(folder):
    return {path.name: path.read_text() for path in folder.iterdir()}


def write(folder, sync=False, **files):
    with whole_files(folder, sync=sync) as unfinished:
        for name, text in files.items():
            (unfinished / name).write_text(text)


def test_files_come_together_and_replace(tmp_path):
    (tmp_path / "a").write_text("old")
    (tmp_path / "other").write_text("kept")
    with whole_files(tmp_path, sync=True) as unfinished:
        (unfinished / "a").write_text("new")
        (unfinished / LOCK).write_text("a name like any other")
        assert (tmp_path / "a").read_text() == "old"
        assert not (tmp_path / LOCK).exists()
    assert contents(tmp_path) == {"a": "new", "other": "kept", LOCK: "a name like any other"}


@pytest.mark.parametrize("error", [OSError, KeyboardInterrupt])
def test_an_error_leaves_everything_as_it_was(error, tmp_path):
    (tmp_path / "a").write_text("old")

    def fail():
        with whole_files(tmp_path, sync=True) as unfinished:
            (unfinished / "a").write_text("new")
            raise error

    with pytest.raises(error):
        fail()
    assert contents(tmp_path) == {"a": "old"}


def test_a_folder_that_is_missing(tmp_path):
    with pytest.raises(FileNotFoundError), whole_files(tmp_path / "missing", sync=False):
        pass


def test_files_are_on_the_disk_before_they_move_and_the_folder_after(tmp_path, monkeypatch):
    events, replace, fsync = [], Path.replace, os.fsync

    def note_sync(descriptor):
        fsync(descriptor)
        events.append(os.fstat(descriptor).st_ino)

    def note_move(self, target):
        events.append(target.name)
        return replace(self, target)

    monkeypatch.setattr(os, "fsync", note_sync)
    monkeypatch.setattr(Path, "replace", note_move)
    write(tmp_path, sync=True, a="1", b="2")
    inodes = [(tmp_path / name).stat().st_ino for name in ("a", "b")]
    folder = [tmp_path.stat().st_ino] if os.name == "posix" else []
    assert events == [*inodes, "a", "b", *folder]
    del events[:]
    write(tmp_path, sync=False, a="1", b="2")
    assert events == ["a", "b"]


def test_a_folder_that_cannot_be_synced_is_no_error(tmp_path, monkeypatch):
    fsync = os.fsync

    def refuse_folders(descriptor):
        if os.path.isdir(f"/proc/self/fd/{descriptor}"):
            raise OSError(errno.EINVAL, "Invalid argument")
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", refuse_folders)
    write(tmp_path, sync=True, a="1")
    assert contents(tmp_path) == {"a": "1"}


def save_stored(folder):
    stored = Path(__file__).parent / "data" / "model-v1.skimdb"
    save_model(load_model(stored), folder / "model.skimdb")


def export_stored(folder):
    stored = Path(__file__).parent / "data" / "model-v1.skimdb"
    export_keras(load_model(stored), folder / "model.keras")


def write_outputs(folder):
    write_files(folder, {"a": b"1", "b": b"2"})


def keep_state(folder):
    classifier = DenseClassifier(2, epochs=1, random_state=0, memory=folder)
    classifier.fit(np.eye(8), np.arange(8) % 2)


def fetch(folder):
    """Write a compact copy into the cache."""
    home = folder / "data"
    home.mkdir(exist_ok=True)
    rows = np.empty(3, dtype=object)
    rows[:] = [[1, 2], [3], [4, 5, 6]]
    labels = np.array([0, 1, 0])
    np.savez(home / "imdb.npz", x_train=rows, y_train=labels, x_test=rows, y_test=labels)
    fetch_imdb(data_home=home)


WRITERS = {
    save_stored: ".",
    export_stored: ".",
    write_outputs: ".",
    keep_state: ".",
    fetch: "skimdb/sequences",
}


@needs_locks
@pytest.mark.parametrize("write_something", WRITERS)
def test_each_writer_removes_what_the_killed_left_and_nothing_else(
    write_something, tmp_path, monkeypatch, begin
):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    folder = tmp_path / WRITERS[write_something]
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{PREFIX}file").write_text("of the user")
    lives, killed = begin(folder), begin(folder)
    killed.kill()
    assert len(list(folder.glob(f"{PREFIX}????????"))) == 2
    write_something(tmp_path)
    assert len(list(folder.glob(f"{PREFIX}????????"))) == 1
    lives.finish()
    assert (folder / "begun").read_text() == "whole"
    assert [path.name for path in folder.glob(f"{PREFIX}*")] == [f"{PREFIX}file"]


@needs_locks
@pytest.mark.parametrize("left", [[], [LOCK], [LOCK, FILES]])
def test_what_was_killed_at_its_begin_or_end_is_removed(left, tmp_path):
    folder = tmp_path / f"{PREFIX}dead"
    folder.mkdir()
    for name in left:
        (folder / name).touch() if name == LOCK else (folder / name).mkdir()
    write(tmp_path, a="1")
    assert contents(tmp_path) == {"a": "1"}


def test_several_at_once_in_one_process(tmp_path):
    with whole_files(tmp_path, sync=False) as first:
        (first / "a").write_text("first")
        write(tmp_path, a="second", b="second")
        assert first.exists()
    assert contents(tmp_path) == {"a": "first", "b": "second"}

    def write_often(name):
        for number in range(30):
            write(tmp_path, **{name: str(number), "all": name})

    threads = [threading.Thread(target=write_often, args=(name,)) for name in "cde"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = contents(tmp_path)
    assert found.pop("all") in "cde"
    assert found == {"a": "first", "b": "second", "c": "29", "d": "29", "e": "29"}


@needs_locks
@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_folder_taken_away_before_it_is_locked_is_made_anew(moment, tmp_path, monkeypatch):
    """Another process may see a new folder without its lock, or with one that is still free."""
    made, mkdtemp, lock = [], tempfile.mkdtemp, _whole_files._lock

    def make(**options):
        made.append(mkdtemp(**options))
        if moment == "before" and len(made) == 1:
            os.rmdir(made[0])
        return made[-1]

    def take_first(file):
        if moment == "after" and len(made) == 1:
            shutil.rmtree(made[0])
        lock(file)

    monkeypatch.setattr(tempfile, "mkdtemp", make)
    monkeypatch.setattr(_whole_files, "_lock", take_first)
    write(tmp_path, a="1")
    assert contents(tmp_path) == {"a": "1"}
    assert len(made) == 2


@pytest.mark.parametrize("system", ["without locks", "that refuses them"])
def test_where_nothing_tells_who_lives_nothing_is_removed(system, tmp_path, monkeypatch, begin):
    if system == "without locks":
        monkeypatch.setattr(_whole_files, "fcntl", None)
    else:

        def refuse(*_):
            raise OSError(errno.ENOLCK, "No locks available")

        monkeypatch.setattr("fcntl.flock", refuse)
    begin(tmp_path).kill()
    left = list(tmp_path.iterdir())
    write(tmp_path, a="1")
    assert sorted(tmp_path.iterdir()) == sorted([*left, tmp_path / "a"])


def test_a_link_is_not_followed(tmp_path):
    foreign, folder = tmp_path / "foreign", tmp_path / "folder"
    (foreign / FILES).mkdir(parents=True)
    (foreign / FILES / "precious").touch()
    (foreign / LOCK).touch()
    folder.mkdir()
    (folder / f"{PREFIX}link").symlink_to(foreign)
    write(folder, a="1")
    assert (foreign / FILES / "precious").exists()


def test_a_folder_that_is_there_for_a_while(tmp_path):
    with unfinished_folder(tmp_path) as unfinished:
        (unfinished / "count").write_text("1")
        write(tmp_path, a="1")
        assert (unfinished / "count").read_text() == "1"
    assert contents(tmp_path) == {"a": "1"}


WRITE_ON = """
import os, sys
from pathlib import Path
from skimdb._whole_files import whole_files
folder, name = Path(sys.argv[1]), sys.argv[2]
for number in range(10**9):
    with whole_files(folder, sync=False) as unfinished:
        for file in (name, "all"):
            (unfinished / file).write_bytes(b"%d" % number * 9999)
    if not number:
        print(flush=True)
"""


def is_whole(path):
    text = path.read_text()
    return text == text[: len(text) // 9999] * 9999


@pytest.mark.slow
@needs_locks
def test_kills_among_several_writers_disturb_neither_the_files_nor_the_others(tmp_path):
    rng = random.Random(0)

    def start(name):
        process = subprocess.Popen(
            [sys.executable, "-c", WRITE_ON, tmp_path, name],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        process.stdout.readline()
        return process

    survivors = [start(name) for name in ("a", "b")]
    n_left = 0
    for _ in range(30):
        victim = start("c")
        time.sleep(rng.uniform(0, 0.05))
        victim.kill()
        victim.communicate()
        assert victim.returncode == -signal.SIGKILL
        assert is_whole(tmp_path / "c")
        n_left += len(list(tmp_path.glob(f"{PREFIX}*"))) > 2
    for process in survivors:
        assert process.poll() is None, process.stderr.read()
        process.terminate()
        assert process.communicate()[1] == b""
    write(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"a", "b", "c", "all"}
    assert all(is_whole(path) for path in tmp_path.iterdir())
    # some kills came in the middle
    assert n_left > 0
