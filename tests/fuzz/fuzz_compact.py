"""The compact copy of sequences: the whole file, or with the checksum made right."""

import os
import zlib

import numpy as np
from fuzz._outcome import written

from skimdb.datasets._compact import HEADER_SIZE, CompactReviews
from skimdb.datasets._sequences import Sequences

WHOLE, SEALED = range(2)
LABELS = {"train": np.array([0, 1, 1]), "test": np.array([1])}
ROWS = {"train": [[5, 6], [], [88_000]], "test": [[3]]}
CHECKSUM_SIZE = 8


class Source:
    """The reviews that a copy is of."""

    def labels(self, split):
        """Return the labels of a split."""
        return LABELS[split]

    def sequences(self, split):
        """Return the rows of a split."""
        return Sequences.from_rows([np.array(row, dtype=np.int32) for row in ROWS[split]])


def opened(folder):
    """Return reviews with their copies below a folder."""
    os.environ["XDG_CACHE_HOME"] = str(folder)
    source = folder / "imdb.npz"
    if not source.exists():
        written(source, b"")
    return CompactReviews(source, [source], Source)


def contents(reviews, split):
    """Return rows and labels of a split."""
    return [row.tolist() for row in reviews.sequences(split).to_array()], {
        name: reviews.labels(name).tolist() for name in LABELS
    }


def right_copy(folder):
    """Return the path and the bytes of a copy, without the identity in front of them."""
    reviews = opened(folder)
    contents(reviews, "train")
    path = reviews._copy_path("train")
    identity = reviews._identity
    content = path.read_bytes()
    assert content.startswith(identity)
    return path, identity, content[len(identity) :]


def seeds():
    """Yield valid inputs."""
    import tempfile
    from pathlib import Path

    with tempfile.TemporaryDirectory() as folder:
        _, _, content = right_copy(Path(folder))
    yield bytes([WHOLE]) + content
    yield bytes([SEALED]) + content


_right = {}


def read(data, folder):
    """Read an input, and return what is in it."""
    if folder not in _right:
        _right[folder] = right_copy(folder)
    path, identity, _ = _right[folder]
    part, content = data[0] % 2 if data else WHOLE, data[1:]
    if part == SEALED:
        head = content[: HEADER_SIZE - CHECKSUM_SIZE]
        arrays = content[HEADER_SIZE:]
        content = head + zlib.crc32(arrays).to_bytes(CHECKSUM_SIZE, "little") + arrays
    path.write_bytes(identity + content)
    rows, labels = contents(opened(folder), "train")
    assert len(rows) == len(labels["train"])
    if part == WHOLE:
        assert rows == ROWS["train"]
    return rows, labels
