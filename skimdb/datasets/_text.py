"""The reviews as text: Stanford's ``aclImdb`` folder, and the archive it comes in."""

import gzip
import re
import tarfile

import numpy as np

from skimdb._word_index import WordIndexEncoder
from skimdb.datasets._opened import opened
from skimdb.datasets._sequences import Sequences

POLARITIES = ("neg", "pos")
SPLITS = ("train", "test")
_REVIEW_NAME = re.compile(r"(\d+)_\d+\.txt", re.ASCII)
_MEMBER_NAME = re.compile(r"aclImdb/(train|test)/(neg|pos)/(\d+)_\d+\.txt", re.ASCII)


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
        for split, polarity, number, name, text in read(path, splits):
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
                    text = _decoded(file.read_bytes(), file) if split in splits else None
                    yield split, polarity, match[1], file.name, text


def _read_archive(path, splits):
    with opened(path, "aclImdb_v1.tar.gz") as file, gzip.open(file) as stream:
        with tarfile.open(fileobj=stream, mode="r:") as archive:
            while (member := archive.next()) is not None:
                # an archive remembers all its members, 100 MB of them in the published one
                archive.members.clear()
                match = _MEMBER_NAME.fullmatch(member.name)
                if match is None or not member.isreg() or member.issparse():
                    continue
                split, polarity, number = match.groups()
                text = None
                if split in splits:
                    text = _decoded(archive.extractfile(member).read(), member.name)
                yield split, polarity, number, member.name, text
        # tarfile takes a damaged header for the end, behind which there are only zeros; and
        # reading on makes gzip compare the checksum
        while rest := stream.read(1 << 20):
            if rest.strip(b"\0"):
                raise ValueError("a header is damaged")


def _decoded(content, name):
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ValueError(f"{name} must be text in UTF-8: {error}") from error
