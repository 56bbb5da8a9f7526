"""A compact copy of the sequences in a data file, for the next fetch to read in its place.

Unpickling the lists of ``imdb.npz``, or encoding the texts, takes most of a fetch. The copy holds
the ranks as one flat array, which is mapped into memory rather than read.
"""

import hashlib
import json
import os
import tempfile
import warnings
from pathlib import Path

import numpy as np
from numpy.lib import format as npy_format

from skimdb.datasets._download import cache_folder
from skimdb.datasets._sequences import Sequences
from skimdb.datasets._text import SPLITS

FORMAT_VERSION = 1
ALIGNMENT = 64


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
            with self._copy_path(split).open("rb") as file:
                identity = npy_format.read_array(file, allow_pickle=False).tobytes()
                if identity != self._identity:
                    return None
                labels = {name: npy_format.read_array(file) for name in SPLITS}
                offsets = npy_format.read_array(file)
                values = np.memmap(
                    file, dtype=np.int32, mode="r", offset=file.tell(), shape=(offsets[-1],)
                )
                if file.seek(0, os.SEEK_END) != values.offset + values.nbytes:
                    return None
        except (OSError, ValueError):
            # none yet, or not one that was written here
            return None
        return {"labels": labels, "sequences": Sequences(values, offsets)}

    def _write(self, split, sequences):
        path = self._copy_path(split)
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as file:
            unfinished = Path(file.name)
            try:
                identity = np.frombuffer(self._identity, dtype=np.uint8)
                labels = [self._source().labels(name) for name in SPLITS]
                for array in (identity, *labels, sequences.offsets):
                    npy_format.write_array(file, array, allow_pickle=False)
                sequences.values.tofile(file)
                file.close()
                unfinished.replace(path)
            finally:
                unfinished.unlink(missing_ok=True)


def _identity(sources):
    """Return what tells whether files are still the same, as bytes that keep arrays aligned."""
    facts = [FORMAT_VERSION]
    for source in sources:
        status = source.stat()
        facts.append([str(source.resolve()), status.st_size, status.st_mtime_ns])
    text = json.dumps(facts).encode()
    return text.ljust(-(-len(text) // ALIGNMENT) * ALIGNMENT)
