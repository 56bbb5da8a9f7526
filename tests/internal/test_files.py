"""replace_files: files appear together and complete, or not at all."""

import errno
import os
import threading
from pathlib import Path

import pytest

from skimdb._utils._files import replace_files


def contents(folder):
    return {path.name: path.read_text() for path in folder.iterdir()}


def write(folder, sync=False, **files):
    with replace_files(folder, sync=sync) as temporary:
        for name, text in files.items():
            (temporary / name).write_text(text)


@pytest.mark.parametrize("sync", [False, True])
def test_files_come_together_and_replace(sync, tmp_path):
    (tmp_path / "a").write_text("old")
    (tmp_path / "other").write_text("kept")
    with replace_files(tmp_path, sync=sync) as temporary:
        (temporary / "a").write_text("new")
        (temporary / "b").write_text("new")
        assert (tmp_path / "a").read_text() == "old"
        assert not (tmp_path / "b").exists()
    assert contents(tmp_path) == {"a": "new", "b": "new", "other": "kept"}


@pytest.mark.parametrize("error", [OSError, KeyboardInterrupt])
def test_an_error_leaves_everything_as_it_was(error, tmp_path):
    (tmp_path / "a").write_text("old")

    def fail():
        with replace_files(tmp_path, sync=True) as temporary:
            (temporary / "a").write_text("new")
            raise error

    with pytest.raises(error):
        fail()
    assert contents(tmp_path) == {"a": "old"}


@pytest.mark.parametrize("error", [OSError(errno.EIO, "I/O error"), KeyboardInterrupt()])
def test_files_that_cannot_be_synced_replace_nothing(error, tmp_path, monkeypatch):
    (tmp_path / "a").write_text("old")

    def fail(descriptor):
        raise error

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(type(error)):
        write(tmp_path, sync=True, a="new")
    assert contents(tmp_path) == {"a": "old"}


def test_a_folder_that_is_missing(tmp_path):
    with pytest.raises(FileNotFoundError), replace_files(tmp_path / "missing"):
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


def test_files_have_the_permissions_of_any_new_file(tmp_path):
    (tmp_path / "plain").touch()
    write(tmp_path, a="1")
    assert (tmp_path / "a").stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_several_at_once(tmp_path):
    with replace_files(tmp_path) as first:
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
