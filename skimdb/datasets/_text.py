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
_REVIEW_NAME = re.compile(r"(\d{1,9})_\d+\.txt", re.ASCII)
_MEMBER_NAME = re.compile(r"aclImdb/(train|test)/(neg|pos)/(\d{1,9})_\d+\.txt", re.ASCII)

# The published archive has some 100,000 members; its 50,000 labelled reviews have 65 MB, the
# longest 14 kB. The bounds are on what a small file may unpack to.
LARGEST_REVIEW = 2**20
LARGEST_TEXTS = 2**28
LARGEST_ARCHIVE = 2**30
MOST_MEMBERS = 500_000
MOST_GLOBAL_HEADERS = 1000


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
    with opened(path, "aclImdb_v1.tar.gz") as file, gzip.open(file) as unpacked:
        stream = _ForwardStream(unpacked)
        with tarfile.open(fileobj=stream, mode="r:") as archive:
            for member in _members(archive):
                match = _MEMBER_NAME.fullmatch(member.name)
                if match is None or not member.isfile():
                    continue
                split, polarity, number = match.groups()
                text = None
                if split in splits:
                    _check_size(member.size, member.name)
                    text = _decoded(archive.extractfile(member).read(), member.name)
                yield split, polarity, number, member.name, text
        # tarfile takes a damaged header for the end, behind which there are only zeros; and
        # reading on makes gzip compare the checksum
        while rest := stream.read(LARGEST_REVIEW):
            if rest.strip(b"\0"):
                raise ValueError("a header is damaged")


def _members(archive):
    """Yield the members of an archive; one that has no place in the data's is refused by name.

    Nothing is unpacked to disk, so none does harm here. But who made the archive meant harm.
    """
    n_members = 0
    while (member := archive.next()) is not None:
        # an archive remembers all its members, 100 MB of them in the published one
        archive.members.clear()
        n_members += 1
        if n_members > MOST_MEMBERS:
            raise ValueError(f"it has over {MOST_MEMBERS} members")
        # each further member would get a copy of them
        if len(archive.pax_headers) > MOST_GLOBAL_HEADERS:
            raise ValueError(f"it has over {MOST_GLOBAL_HEADERS} global headers")
        name = member.name
        if name.startswith("/") or ".." in name.split("/"):
            raise ValueError(f"its member {name!r:.200} would lie outside of the folder")
        if not (member.isfile() or member.isdir()) or member.issparse():
            raise ValueError(f"its member {name!r:.200} is neither a plain file nor a folder")
        if member.size < 0:
            raise ValueError(f"its member {name!r:.200} claims a negative size")
        yield member


class _ForwardStream:
    """What a file unpacks to, in order, and in measure.

    A header may claim any size, which tarfile would read at once, and even a negative one, which
    would have it go round in circles.
    """

    def __init__(self, stream):
        self._stream = stream
        self.tell = stream.tell

    def read(self, size):
        """Return the next bytes."""
        if size > LARGEST_REVIEW:
            raise ValueError(f"a header claims {size} bytes, over {LARGEST_REVIEW}")
        self._check_end(self.tell() + size)
        return self._stream.read(size)

    def seek(self, position):
        """Skip bytes."""
        if position < self.tell():
            raise ValueError("a header claims a negative size")
        self._check_end(position)
        self._stream.seek(position)

    def _check_end(self, end):
        if end > LARGEST_ARCHIVE:
            raise ValueError(f"it unpacks to over {LARGEST_ARCHIVE} bytes")


def _check_size(size, name):
    if size > LARGEST_REVIEW:
        raise ValueError(f"{name} has {size} bytes, over {LARGEST_REVIEW}")


def _decoded(content, name):
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ValueError(f"{name} must be text in UTF-8: {error}") from error
