"""The reviews as text: Stanford's ``aclImdb`` folder, and the archive it comes in."""

import gzip
import re

import numpy as np

from skimdb._word_index import WordIndexEncoder
from skimdb.datasets._opened import opened
from skimdb.datasets._sequences import Sequences
from skimdb.datasets._tar import TarReader

POLARITIES = ("neg", "pos")
SPLITS = ("train", "test")
_REVIEW_NAME = re.compile(r"(\d{1,9})_\d+\.txt", re.ASCII)
_MEMBER_NAME = re.compile(r"aclImdb/(train|test)/(neg|pos)/(\d{1,9})_\d+\.txt", re.ASCII)

# The 50,000 labelled reviews have 65 MB, the longest 14 kB. The bounds are on what a small file
# may unpack to.
LARGEST_REVIEW = 2**20
LARGEST_TEXTS = 2**28


class TextReviews:
    """Reviews as text, or as word ranks, and their labels: negatives by number, then positives.

    Parameters
    ----------
    path : pathlib.Path
        An unpacked ``aclImdb`` folder, or ``aclImdb_v1.tar.gz``.
    splits : iterable of str
        The splits to read the texts of; of others only the labels are known.
    word_index : dict of str to int, default=None
        Ranks of the words, where sequences are wanted.
    """

    def __init__(self, path, splits, *, word_index=None):
        self.path = path
        # what stands in a split: (label, number, name) -> text
        found = {split: {} for split in SPLITS}
        read = _read_folder if path.is_dir() else _read_archive
        n_characters = 0
        for split, polarity, number, name, text in read(path, splits):
            n_characters += len(text or "")
            if n_characters > LARGEST_TEXTS:
                raise ValueError(f"{path} holds reviews of over {LARGEST_TEXTS} characters.")
            found[split][POLARITIES.index(polarity), int(number), name] = text
        keys = {split: sorted(found[split]) for split in SPLITS}
        self._labels = {
            split: np.array([label for label, _, _ in keys[split]], dtype=np.int64)
            for split in SPLITS
        }
        self._texts = {split: [found[split][key] for key in keys[split]] for split in splits}
        self._word_index = word_index

    def labels(self, split):
        """Return the labels, 0 or 1, of ``"train"`` or ``"test"``."""
        return self._labels[split]

    def texts(self, split):
        """Return the reviews of a split as an object array of str."""
        return np.array(self._texts[split], dtype=object)

    def sequences(self, split):
        """Return the ranks of the words of a split, whose texts are let go."""
        encoder = WordIndexEncoder(vocabulary=self._word_index, start_char=None, index_from=0)
        return Sequences.from_rows(encoder.fit_transform(self._texts.pop(split)))


def _read_folder(path, splits):
    for split in SPLITS:
        for polarity in POLARITIES:
            folder = path / split / polarity
            if not folder.is_dir():
                continue
            for file in folder.iterdir():
                match = _REVIEW_NAME.fullmatch(file.name)
                if match and file.is_file():
                    _check_size(file.stat().st_size, file)
                    text = _decoded(file.read_bytes(), file) if split in splits else None
                    yield split, polarity, match[1], file.name, text


def _read_archive(path, splits):
    with opened(path, "aclImdb_v1.tar.gz") as file, gzip.open(file) as stream:
        archive = TarReader(stream)
        for name, size in archive.files():
            match = _MEMBER_NAME.fullmatch(name)
            if match is None:
                continue
            split, polarity, number = match.groups()
            text = None
            if split in splits:
                _check_size(size, name)
                text = _decoded(archive.content(), name)
            yield split, polarity, number, name, text
        archive.check_end()


def _check_size(size, name):
    if size > LARGEST_REVIEW:
        raise ValueError(f"{name} has {size} bytes, over {LARGEST_REVIEW}")


def _decoded(content, name):
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ValueError(f"{name} must be text in UTF-8: {error}") from error
