"""A compact copy of the sequences in a data file, for the next fetch to read in its place.

Unpickling the lists of ``imdb.npz``, or encoding the texts, takes most of a fetch. The copy holds
the ranks as one flat array, which is mapped into memory rather than read. In the file lie the
identity of what it was made from, the lengths of the arrays and a checksum, and the arrays.
"""

import hashlib
import json
import warnings
import zlib

import numpy as np

from skimdb._whole_files import whole_files
from skimdb.datasets._download import cache_folder
from skimdb.datasets._sequences import Sequences
from skimdb.datasets._text import SPLITS

FORMAT_VERSION = 2
ALIGNMENT = 64
# the labels of both splits, the offsets and the values of one
TYPES = [np.dtype(np.int64)] * 3 + [np.dtype(np.int32)]
# their lengths, and a CRC-32 of their bytes
HEADER_SIZE = 5 * 8


class CompactReviews:
    """Reviews as word ranks, and their labels, from compact copies where they are up to date.

    A copy belongs to the files it was made from, by their paths, sizes and times of change.

    Parameters
    ----------
    path : pathlib.Path
        The file that the reviews are in.
    sources : list of pathlib.Path
        All files that decide what the sequences are.
    read : callable
        Returns the reader of the reviews themselves, for what there is no copy of yet.
    """

    def __init__(self, path, sources, read):
        self.path = path
        self._identity = _identity(sources)
        names = json.dumps([str(source.resolve()) for source in sources])
        self._key = hashlib.sha256(names.encode()).hexdigest()[:16]
        self._read, self._reader = read, None
        self._copies = {split: self._opened(split) for split in SPLITS}

    def labels(self, split):
        """Return the labels, 0 or 1, of ``"train"`` or ``"test"``."""
        for copy in self._copies.values():
            if copy is not None:
                return copy["labels"][split]
        return self._source().labels(split)

    def sequences(self, split):
        """Return the ranks of the words of ``"train"`` or ``"test"``."""
        if self._copies[split] is not None:
            return self._copies[split]["sequences"]
        sequences = self._source().sequences(split)
        try:
            self._write(split, sequences)
        except OSError as error:
            warnings.warn(
                f"no compact copy of {self.path} could be written for the next time: {error}",
                stacklevel=4,
            )
        return sequences

    def _source(self):
        if self._reader is None:
            self._reader = self._read()
        return self._reader

    def _copy_path(self, split):
        return cache_folder() / "sequences" / f"{self._key}-{split}.ranks"

    def _opened(self, split):
        """Return what the copy of a split holds, or None where there is none that is right."""
        try:
            content = np.memmap(self._copy_path(split), dtype=np.uint8, mode="r")
            return _parsed(content.view(np.ndarray), self._identity, split)
        except (OSError, ValueError):
            # none yet, or not one that was written here
            return None

    def _write(self, split, sequences):
        path = self._copy_path(split)
        path.parent.mkdir(parents=True, exist_ok=True)
        labels = [self._source().labels(name) for name in SPLITS]
        arrays = [*labels, sequences.offsets, sequences.values]
        checksum = 0
        for array in arrays:
            checksum = zlib.crc32(array, checksum)
        header = np.array([*map(len, arrays), checksum], dtype=np.int64)
        with (
            whole_files(path.parent, sync=False) as unfinished,
            open(unfinished / path.name, "xb") as file,
        ):
            file.write(self._identity)
            for array in (header, *arrays):
                file.write(array)


def _parsed(content, identity, split):
    """Return labels and sequences in the bytes of a copy, or raise ValueError."""
    if content[: len(identity)].tobytes() != identity:
        raise ValueError("it was made from other files")
    content = content[len(identity) :]
    *lengths, checksum = content[:HEADER_SIZE].view(np.int64).tolist()
    content = content[HEADER_SIZE:]
    if zlib.crc32(content) != checksum:
        raise ValueError("it is damaged")
    sizes = [length * dtype.itemsize for length, dtype in zip(lengths, TYPES, strict=True)]
    if min(sizes) < 0 or sum(sizes) != len(content):
        raise ValueError("its arrays have another size")
    parts = np.split(content, np.cumsum(sizes)[:-1])
    *labels, offsets, values = (part.view(dtype) for part, dtype in zip(parts, TYPES, strict=True))
    labels = dict(zip(SPLITS, labels, strict=True))
    if len(offsets) != len(labels[split]) + 1:
        raise ValueError("it has another number of rows than of labels")
    if offsets[0] != 0 or offsets[-1] != len(values) or (np.diff(offsets) < 1).any():
        raise ValueError("its rows are not end to end")
    return {"labels": labels, "sequences": Sequences(values, offsets)}


def _identity(sources):
    """Return what tells whether files are still the same, as bytes that keep arrays aligned."""
    facts = [FORMAT_VERSION]
    for source in sources:
        status = source.stat()
        facts.append([str(source.resolve()), status.st_size, status.st_mtime_ns])
    text = json.dumps(facts).encode()
    return text.ljust(-(-len(text) // ALIGNMENT) * ALIGNMENT)
