"""Readers of the IMDB data: Keras's ``imdb.npz``, Stanford's reviews as text, the word index.

The files may be damaged, or made by an attacker. Nothing in them is run, and nothing is unpacked
to disk.
"""

import gzip
import io
import json
import pickle
import re
import tarfile
import zipfile
from array import array
from contextlib import contextmanager

import numpy as np
from numpy.lib import format as npy_format

from skimdb._sequences._ids import LARGEST_ID, START_RANK
from skimdb._sequences._ragged import Ragged
from skimdb._utils._checks import shorten_reason, to_unique_dict
from skimdb._word_index import WordIndexEncoder, validate_vocabulary

SPLITS = ("train", "test")
POLARITIES = ("neg", "pos")
_REVIEW_NAME = re.compile(r"(\d{1,9})_\d+\.txt", re.ASCII)
_MEMBER_NAME = re.compile(r"aclImdb/(train|test)/(neg|pos)/(\d{1,9})_\d+\.txt", re.ASCII)

# Bounds on what a small file may unpack to. The published members of imdb.npz have 15 MB, and
# 6 million ids a split.
LARGEST_MEMBER = 2**26
MOST_IDS = 2**26
# The 50,000 labelled reviews have 65 MB, the longest 14 kB. The archive has some 100,000 members.
LARGEST_REVIEW = 2**20
LARGEST_TEXTS = 2**28
LARGEST_ARCHIVE = 2**30
MOST_MEMBERS = 500_000
# all headers in front of a member; Python before 3.11.10 and 3.12.6 parses them in quadratic time
LARGEST_HEADERS = 2**14
CHUNK = 2**20


@contextmanager
def open_untrusted(path, form):
    """Open a file. Any error in reading it becomes a ValueError that names the file.

    Decompressors, parsers and the unpickler raise nearly any class of error on bad bytes.
    """
    with path.open("rb") as file:
        try:
            yield file
        except Exception as error:
            reason = shorten_reason(str(error)) or type(error).__name__
            raise ValueError(f"{path} cannot be read as {form}: {reason}.") from error


def read_word_index(path):
    """Return the ranks of the words in ``imdb_word_index.json``."""
    try:
        word_index = json.loads(path.read_bytes(), object_pairs_hook=to_unique_dict)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path} cannot be read as JSON: {error}.") from error
    try:
        return validate_vocabulary(word_index, LARGEST_ID)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{path} cannot be used as a word index: {error}") from error


class NpzReader:
    """Reviews as word ranks, and their labels, from a file in the format of ``imdb.npz``.

    Parameters
    ----------
    path : pathlib.Path
        The file.
    """

    def __init__(self, path):
        self.path = path

    def labels(self, split):
        """Return the labels, 0 or 1, of ``"train"`` or ``"test"``."""
        name = f"y_{split}.npy"
        with open_untrusted(self.path, "imdb.npz") as file:
            labels = read_integers(file, name, LARGEST_MEMBER)
            if not np.isin(labels, (0, 1)).all():
                raise ValueError(f"{name} must hold labels 0 and 1 only")
        return labels.astype(np.int64)

    def sequences(self, split):
        """Return the ranks of the words of a split, each row behind START_RANK."""
        name = f"x_{split}.npy"
        n_labels = len(self.labels(split))
        with open_untrusted(self.path, "imdb.npz") as file:
            rows = _unpickle_rows(_read_pickle(file, name), name)
            if len(rows) != n_labels:
                raise ValueError(f"{name} has {len(rows)} rows, but there are {n_labels} labels")
            return _join_rows(rows, name)


def _open_member(archive, name, largest):
    """Return a stream of a member of a .npz file."""
    if name not in archive.namelist():
        raise ValueError(f"it lacks {name}")
    info = archive.getinfo(name)
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise ValueError(f"{name} is compressed in a way that NumPy doesn't write")
    if info.file_size > largest:
        raise ValueError(f"{name} says it unpacks to {info.file_size} bytes, over {largest}")
    return archive.open(info)


def read_integers(file, name, largest):
    """Return a 1-D array of integers in a .npz file."""
    with zipfile.ZipFile(file) as archive, _open_member(archive, name, largest) as member:
        values = npy_format.read_array(member, allow_pickle=False)
        # zipfile compares the checksum at the end
        if member.read(1):
            raise ValueError(f"{name} has more bytes after the end of its array")
    if values.ndim != 1 or values.dtype.kind not in "iu":
        raise ValueError(
            f"{name} must be a 1-D array of integers, "
            f"got a {values.ndim}-D array of {values.dtype}"
        )
    return values


def _read_pickle(file, name):
    """Return the pickle of an object array in a .npz file."""
    with zipfile.ZipFile(file) as archive, _open_member(archive, name, LARGEST_MEMBER) as member:
        stream = io.BytesIO(member.read())
    if npy_format.read_magic(stream)[0] == 1:
        shape, _, dtype = npy_format.read_array_header_1_0(stream)
    else:
        shape, _, dtype = npy_format.read_array_header_2_0(stream)
    if not dtype.hasobject:
        raise ValueError(
            f"{name} must be an object array of lists of ints, got dtype {dtype}, shape {shape}"
        )
    # the unpickler asks a stream that cannot peek for a few bytes at a time
    return io.BufferedReader(stream)


def _unpickle_rows(stream, name):
    """Return the rows of a pickled object array: lists, or arrays as the pickle describes them."""
    pickled = _Unpickler(stream).load()
    if stream.read(1):
        raise ValueError("it has more bytes after the end of its pickle")
    if not isinstance(pickled, _PickledArray) or not isinstance(pickled.items, list):
        raise ValueError(f"{name} must be an object array of lists of ints")
    items, shape = pickled.items, pickled.shape
    if shape == (len(items),):
        # a copy, as the list may be one of its own rows
        return items[:]
    # rows that are all of one length make a 2-D object array
    n_rows, length = shape
    if not items or divmod(len(items), n_rows) != (length, 0):
        raise ValueError(f"{name} says shape {shape}, but has {len(items)} items")
    return [items[i * length : (i + 1) * length] for i in range(n_rows)]


def _join_rows(rows, name):
    """Join rows, each behind START_RANK; the list of rows is empty afterwards.

    Each row is freed once it is copied: the ints of a split take ten times the memory of the
    array that they end up in.
    """
    values = array("i")
    offsets = np.zeros(len(rows) + 1, dtype=np.int64)
    rows.reverse()
    for i in range(len(rows)):
        row = rows.pop()
        values.append(START_RANK)
        try:
            if isinstance(row, _PickledArray):
                row = row.to_integers()
            # a pickle may hold one row once and name it a million times
            if len(values) + len(row) > MOST_IDS:
                raise ValueError(f"{name} holds over {MOST_IDS} ids")
            values.fromlist(row.tolist() if isinstance(row, np.ndarray) else row)
        except (TypeError, OverflowError) as error:
            raise ValueError(f"row {i} of {name} must be a list of int32 ids: {error}") from error
        offsets[i + 1] = len(values)
    ranks = Ragged(np.frombuffer(values, dtype=np.intc), offsets)
    if len(values) and ranks.values.min() < 0:
        row = ranks.row_of(ranks.values.argmin())
        raise ValueError(f"row {row} of {name} holds the negative id {ranks.values.min()}")
    return ranks


# NumPy's own classes would do as well for an honest pickle. But NumPy trusts the state that a
# pickle gives them, sizes and flags included; these only store it.
class _PickledDtype:
    """A dtype as a pickle describes it."""

    __slots__ = ("byte_order", "code")

    def __init__(self, code, *_):
        self.code = code
        self.byte_order = "="

    def __setstate__(self, state):
        self.byte_order = state[1]


class _PickledArray:
    """An array as a pickle describes it."""

    __slots__ = ("dtype", "items", "shape")

    def __init__(self, *_):
        self.shape = self.dtype = self.items = None

    def __setstate__(self, state):
        _, self.shape, self.dtype, _, self.items = state

    def to_integers(self):
        """Return the items as a 1-D array of integers, or raise TypeError."""
        code = getattr(self.dtype, "code", None)
        if not isinstance(code, str) or not re.fullmatch("[iu][1248]", code):
            raise TypeError("an array that is not of integers")
        values = np.frombuffer(self.items, np.dtype(code).newbyteorder(self.dtype.byte_order))
        if self.shape != values.shape:
            raise TypeError("an array that is not one-dimensional")
        return values


class _PickledBytes:
    """Bytes as Python 3 pickles them for Python 2: Latin-1 text, or nothing if there are none."""

    # a pickle cannot change the class itself
    __setstate__ = None

    def __new__(cls, text="", _=None):
        return text.encode("latin1")


_STAND_INS = {
    ("numpy", "dtype"): _PickledDtype,
    ("numpy", "ndarray"): _PickledArray,
    ("numpy.core.multiarray", "_reconstruct"): _PickledArray,
    ("numpy._core.multiarray", "_reconstruct"): _PickledArray,
    ("_codecs", "encode"): _PickledBytes,
    ("__builtin__", "bytes"): _PickledBytes,
}


class _Unpickler(pickle.Unpickler):
    """An unpickler that imports nothing, and calls nothing but the stand-ins."""

    def find_class(self, module, name):
        try:
            return _STAND_INS[module, name]
        except KeyError:
            raise ValueError(
                f"its pickle asks for {module:.80}.{name:.80}, where only NumPy arrays, lists and "
                f"integers are admitted; the file may be an attempt to run code"
            ) from None


class TextReader:
    """Reviews as text, or as word ranks, and their labels: negatives by number, then positives.

    Parameters
    ----------
    path : pathlib.Path
        An unpacked ``aclImdb`` folder, or ``aclImdb_v1.tar.gz``.
    splits : iterable of str
        The splits to read the texts of; of others only the labels are known.
    word_index : dict of str to int, default=None
        Ranks of the words, needed for sequences.
    """

    def __init__(self, path, splits, *, word_index=None):
        self.path = path
        # the reviews of each split: (label, number, name) -> text
        reviews = {split: {} for split in SPLITS}
        read = _read_folder if path.is_dir() else _read_archive
        n_characters = 0
        for split, polarity, number, name, text in read(path, splits):
            n_characters += len(text or "")
            if n_characters > LARGEST_TEXTS:
                raise ValueError(f"{path} holds reviews of over {LARGEST_TEXTS} characters.")
            reviews[split][POLARITIES.index(polarity), int(number), name] = text
        keys = {split: sorted(reviews[split]) for split in SPLITS}
        self._labels = {
            split: np.array([label for label, _, _ in keys[split]], dtype=np.int64)
            for split in SPLITS
        }
        self._texts = {split: [reviews[split][key] for key in keys[split]] for split in splits}
        self._word_index = word_index

    def labels(self, split):
        """Return the labels, 0 or 1, of ``"train"`` or ``"test"``."""
        return self._labels[split]

    def texts(self, split):
        """Return the reviews of a split as an object array of str."""
        return np.array(self._texts[split], dtype=object)

    def sequences(self, split):
        """Return the ranks of the words of a split, each row behind START_RANK.

        The texts of the split are freed.
        """
        encoder = WordIndexEncoder(
            vocabulary=self._word_index, start_char=START_RANK, index_from=0
        )
        return encoder.fit_transform(self._texts.pop(split)).ragged


def _read_folder(path, splits):
    """Yield split, polarity, number, name and text (or None) of each review in a folder."""
    for split in SPLITS:
        for polarity in POLARITIES:
            folder = path / split / polarity
            if not folder.is_dir():
                continue
            for file in folder.iterdir():
                match = _REVIEW_NAME.fullmatch(file.name)
                if match and file.is_file():
                    _check_size(file.stat().st_size, file)
                    text = _decode(file.read_bytes(), file) if split in splits else None
                    yield split, polarity, match[1], file.name, text


def _read_archive(path, splits):
    """Yield the same of each review in an archive."""
    with open_untrusted(path, "aclImdb_v1.tar.gz") as file, gzip.open(file) as unpacked:
        stream = _TarStream(io.BufferedReader(unpacked, CHUNK))
        for member in _read_members(stream):
            match = _MEMBER_NAME.fullmatch(member.name)
            if match is None or member.isdir():
                continue
            split, polarity, number = match.groups()
            text = None
            if split in splits:
                _check_size(member.size, member.name)
                stream.seek(member.offset_data)
                text = _decode(stream.read(member.size), member.name)
            yield split, polarity, number, member.name, text


class _TarStream:
    """An archive that tarfile reads from front to back, up to a limit.

    tarfile's own streams read the real archive in 1.3 times the time.
    """

    def __init__(self, stream):
        self._read = stream.read
        self._position = 0
        self.limit = LARGEST_HEADERS
        self.last_block = b""

    def tell(self):
        """Return the position."""
        return self._position

    def seek(self, position):
        """Move forward."""
        self._check(position)
        while self._position < position and self.read(min(CHUNK, position - self._position)):
            pass

    def read(self, size):
        """Return the next bytes."""
        self._check(self._position + size)
        self.last_block = self._read(size)
        self._position += len(self.last_block)
        return self.last_block

    def _check(self, position):
        if position < self._position:
            raise ValueError("a header claims a wrong size")
        if position > self.limit:
            raise ValueError(
                f"it unpacks to over {LARGEST_ARCHIVE} bytes, "
                f"or the headers of a member to over {LARGEST_HEADERS}"
            )


def _read_members(stream):
    """Yield the files and folders in an archive, or raise ValueError for any other member.

    The other kinds, and names that lead out of the folder, do no harm where nothing is unpacked to
    disk. But the data has none: an archive that has some is an attack.
    """
    with tarfile.open(fileobj=stream, mode="r:", encoding="utf-8") as archive:
        for _ in range(MOST_MEMBERS):
            member = archive.next()
            if member is None:
                break
            name = member.name
            if name.startswith("/") or ".." in name.split("/"):
                raise ValueError(f"its member {name!r:.200} would be outside the folder")
            if member.issparse() or not (member.isreg() or member.isdir()):
                raise ValueError(f"its member {name!r:.200} is neither a plain file nor a folder")
            if member.size < 0 or "size" in archive.pax_headers:
                raise ValueError("a header claims a wrong size")
            end = member.offset_data + (member.size if member.isreg() else 0)
            stream.limit = min(end + LARGEST_HEADERS, LARGEST_ARCHIVE)
            yield member
            # tarfile would keep all of them
            archive.members.clear()
            archive.pax_headers.clear()
        else:
            raise ValueError(f"it has over {MOST_MEMBERS} members")
    # tarfile takes a damaged header for the end. Reading on makes gzip compare the checksum.
    stream.limit = LARGEST_ARCHIVE
    while block := stream.last_block:
        if block.strip(b"\0"):
            raise ValueError("a header is damaged")
        stream.read(CHUNK)


def _check_size(size, name):
    if size > LARGEST_REVIEW:
        raise ValueError(f"{name} has {size} bytes, over {LARGEST_REVIEW}")


def _decode(content, name):
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ValueError(f"{name} must be text in UTF-8: {error}") from error
