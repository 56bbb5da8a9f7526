"""The compact copy of sequences: the whole file, or one array under a checksum that is right."""

import io
import os
import tempfile
import zipfile
from pathlib import Path

import numpy as np
from fuzz._outcome import written

from skimdb.datasets import fetch_imdb

WHOLE = 255
ROWS = [[5, 6], [], [88_000]]
LABELS = [0, 1, 1]


def fetch(folder):
    """Fetch the reviews of a small file, with the cache in a folder."""
    os.environ["XDG_CACHE_HOME"] = str(folder)
    source = folder / "imdb.npz"
    if not source.exists():
        rows = np.empty(3, dtype=object)
        rows[:] = ROWS
        with open(source, "xb") as file:
            np.savez(file, x_train=rows, x_test=rows, y_train=LABELS, y_test=LABELS)
    return fetch_imdb(
        data_home=source,
        num_words=2**31,
        start_char=None,
        index_from=0,
        random_state=None,
        return_X_y=True,
    )


def find_copy(folder):
    """Return the path of the copy in the cache."""
    fetch(folder)
    [path] = (folder / "skimdb" / "sequences").glob("*.npz")
    return path


def read_members(copy):
    """Return the members of a copy."""
    with zipfile.ZipFile(io.BytesIO(copy)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def seeds():
    """Yield valid inputs."""
    with tempfile.TemporaryDirectory() as folder:
        copy = find_copy(Path(folder)).read_bytes()
    yield bytes([WHOLE]) + copy
    for number, content in enumerate(read_members(copy).values()):
        yield bytes([number]) + content


_copies = {}


def read(data, folder):
    """Read an input, and return what is in it."""
    if folder not in _copies:
        path = find_copy(folder)
        _copies[folder] = path, path.read_bytes()
    path, copy = _copies[folder]
    part, content = data[0] if data else WHOLE, data[1:]
    if part != WHOLE:
        members = read_members(copy)
        members[list(members)[part % len(members)]] = content
        stream = io.BytesIO()
        with zipfile.ZipFile(stream, "w") as archive:
            for name, member in members.items():
                archive.writestr(name, member)
        content = stream.getvalue()
    written(path, content)
    X, y = fetch(folder)
    rows, labels = [row.tolist() for row in X], y.tolist()
    assert len(rows) == len(labels)
    if part == WHOLE:
        assert (rows, labels) == (ROWS, LABELS)
    return rows, labels
