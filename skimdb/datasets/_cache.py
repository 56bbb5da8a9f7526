"""The IMDB data in a folder of the user, in the cache or on the web, and a compact copy of it."""

import hashlib
import json
import os
import sys
import warnings
from contextlib import contextmanager, suppress
from functools import cached_property, partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pooch
import requests
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

from skimdb._sequences._ragged import Ragged
from skimdb._utils._checks import to_path
from skimdb._utils._files import replace_files
from skimdb.datasets._readers import SPLITS, open_untrusted, read_integers

HOME_VARIABLE = "SKIMDB_IMDB_HOME"
# the form of the data, and the file or folder that holds it
FORMS = {
    "npz": "imdb.npz",
    "folder": "aclImdb",
    "archive": "aclImdb_v1.tar.gz",
    "word index": "imdb_word_index.json",
}
_SUFFIXES = {".npz": "npz", ".tar.gz": "archive", ".tgz": "archive", ".json": "word index"}
_ACCEPTED = (
    "imdb.npz, aclImdb_v1.tar.gz, imdb_word_index.json, an unpacked aclImdb folder, "
    "or a folder that holds any of them"
)

RETRIES = 3
# seconds without a single byte
TIMEOUT = 30
# the largest of the files has 84 MB; a server that sends without end must not fill the disk
LARGEST_FILE = 2**28
CHUNK = 2**16
# bytes of an array in a compact copy; the readers allow for less
LARGEST_COPY = 2**30


class RemoteFile(NamedTuple):
    """A file on the web and the SHA-256 of its right content."""

    url: str
    sha256: str


_KERAS = "https://storage.googleapis.com/tensorflow/tf-keras-datasets/"
REMOTE_FILES = {
    "imdb.npz": RemoteFile(
        _KERAS + "imdb.npz",
        "69664113be75683a8fe16e3ed0ab59fda8886cb3cd7ada244f7d9544e4676b9f",
    ),
    "imdb_word_index.json": RemoteFile(
        _KERAS + "imdb_word_index.json",
        "027313fe9a320280f3bf0fac5baf58c4a683cf39a7ed9c3d3d3912bde4284cf6",
    ),
    "aclImdb_v1.tar.gz": RemoteFile(
        "https://ai.stanford.edu/~amaas/data/sentiment/aclImdb_v1.tar.gz",
        "c40f74a18d3b61f90feba1e17730e0d38e8b97c05fde7008942e91923d1658fe",
    ),
}


class DataHome(NamedTuple):
    """The file or folder that a user names, and the forms of the data in it."""

    description: str
    is_file: bool
    forms: dict[str, Path]

    def locate(self, *forms, download_if_missing):
        """Return the first of the forms that is in the home, and its path.

        If the home has none of them, return the first that is on the web, from the cache.
        """
        for form in forms:
            if form in self.forms:
                return form, self.forms[form]
        form = next(form for form in forms if FORMS[form] in REMOTE_FILES)
        if self.description:
            home = f"{self.description} holds none"
        else:
            home = f"neither data_home nor {HOME_VARIABLE} is given"
        return form, _find_in_cache(FORMS[form], home, download_if_missing)


def find_home(data_home):
    """Return the ``DataHome`` of ``data_home``, or of the environment variable if it is None."""
    name, value = "data_home", data_home
    if data_home is None:
        name, value = f"the environment variable {HOME_VARIABLE}", os.environ.get(HOME_VARIABLE)
        if not value:
            return DataHome("", False, {})
    path = to_path(name, value)
    try:
        path = path.expanduser()
    except RuntimeError as error:
        raise ValueError(f"{name} names {path}, whose user is unknown.") from error
    description = f"{name} ({path})"
    if path.is_dir():
        return DataHome(description, False, _find_forms(path))
    if not path.exists():
        raise FileNotFoundError(
            f"{name} names {path}, which does not exist. It may be {_ACCEPTED}."
        )
    forms = [form for suffix, form in _SUFFIXES.items() if path.name.endswith(suffix)]
    if not forms or not path.is_file():
        raise ValueError(f"{name} must be {_ACCEPTED}, got {path}.")
    return DataHome(description, True, {**_find_word_index(path.parent), forms[0]: path})


def _find_forms(folder):
    if (folder / "train").is_dir() and (folder / "test").is_dir():
        return {
            "folder": folder,
            **_find_word_index(folder.parent),
            **_find_word_index(folder),
        }
    forms = {form: folder / name for form, name in FORMS.items()}
    return {
        form: path
        for form, path in forms.items()
        if (path.is_dir() if form == "folder" else path.is_file())
    }


def _find_word_index(folder):
    path = folder / FORMS["word index"]
    return {"word index": path} if path.is_file() else {}


def _get_cache_folder():
    """Return the folder of downloaded files and compact copies."""
    return Path(pooch.os_cache("skimdb"))


def _find_in_cache(name, home, download_if_missing):
    """Return the path of a file of ``REMOTE_FILES`` in the cache, where it is downloaded to."""
    remote, folder = REMOTE_FILES[name], _get_cache_folder()
    missing = f"{name} was not found: {home}, the cache ({folder}) holds none with the right hash"
    path = folder / name
    if path.is_file() and pooch.file_hash(str(path)) == remote.sha256:
        return path
    if not download_if_missing:
        raise OSError(f"{missing}, and download_if_missing=False rules out a download.")
    pooch.get_logger().info("Downloading '%s' from '%s' to '%s'.", name, remote.url, folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with replace_files(folder) as temporary:
            _fetch(name, temporary)
    except (OSError, ValueError) as error:
        raise OSError(
            f"{missing}, and downloading it from {remote.url} failed: {error}. "
            f"{_give_advice(error, folder)}"
        ) from error
    return path


def _fetch(name, folder):
    """Download a file of ``REMOTE_FILES`` into a folder."""
    remote = REMOTE_FILES[name]
    store = pooch.create(
        path=folder,
        base_url="",
        registry={name: remote.sha256},
        urls={name: remote.url},
        retry_if_failed=RETRIES,
    )
    with _silence_pooch():
        store.fetch(name, downloader=_download)


def _download(url, output_file, store):
    """Download into a file, as pooch asks for."""
    with _show_progress(url.rpartition("/")[2]) as bar, open(output_file, "wb") as file:
        download = pooch.HTTPDownloader(progressbar=bar, chunk_size=CHUNK, timeout=TIMEOUT)
        download(url, _LimitedFile(file), store)


@contextmanager
def _show_progress(name):
    """Yield a progress bar for pooch, or None if stderr is not a terminal."""
    if sys.stderr is None or not sys.stderr.isatty():
        yield None
        return
    columns = TextColumn(name), BarColumn(), DownloadColumn(), TimeRemainingColumn()
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        yield _ProgressBar(progress)


class _ProgressBar:
    """The progress bar that pooch moves and rich shows."""

    def __init__(self, progress):
        self._progress = progress
        self._task = progress.add_task("", total=None)

    def _set_total(self, total):
        self._progress.update(self._task, total=total or None)

    total = property(fset=_set_total)

    def update(self, n):
        """Move the bar."""
        self._progress.advance(self._task, n)

    def reset(self):
        """Move the bar back to the start."""
        self._progress.reset(self._task)

    def close(self):
        """Leave the end of the bar to rich."""


class _LimitedFile:
    """A file that takes no more than ``LARGEST_FILE`` bytes."""

    def __init__(self, file):
        self._file = file
        self.flush = file.flush

    def write(self, content):
        """Write bytes."""
        if self._file.tell() + len(content) > LARGEST_FILE:
            raise ValueError(f"the server sends more than {LARGEST_FILE} bytes")
        self._file.write(content)


@contextmanager
def _silence_pooch():
    """Keep pooch from logging each try that fails: the error says why the last one did."""

    def reject(_):
        return False

    logger = pooch.get_logger()
    logger.addFilter(reject)
    try:
        yield
    finally:
        logger.removeFilter(reject)


def _give_advice(error, folder):
    # errors of the web are OSErrors too
    if isinstance(error, OSError) and not isinstance(error, requests.RequestException):
        return (
            f"Make room for the cache, {folder}, and see that it can be written to; on Linux the "
            f"environment variable XDG_CACHE_HOME names another place for it."
        )
    return (
        f"Without a network, name a copy of the data by data_home or by the environment "
        f"variable {HOME_VARIABLE}; with one, `skimdb download` fills the cache in advance."
    )


class CachedReader:
    """Reviews as word ranks, and their labels, from compact copies that are up to date.

    Unpickling the lists of ``imdb.npz``, or encoding the texts, takes most of a fetch. A copy
    holds the ranks of a split as one flat array. It belongs to the files that it was made from,
    by their paths, sizes and times of change. A copy that is missing, damaged or out of date is
    made again.

    Parameters
    ----------
    path : pathlib.Path
        The file with the reviews.
    sources : list of pathlib.Path
        All files that decide what the sequences are.
    splits : iterable of str
        The splits that are wanted as sequences.
    open_reader : callable
        Returns the reader of the files themselves.
    """

    def __init__(self, path, sources, splits, open_reader):
        self.path = path
        self._open_reader = open_reader
        facts = [(str(source.resolve()), source.stat()) for source in sources]
        names = [name for name, _ in facts]
        identity = [(name, status.st_size, status.st_mtime_ns) for name, status in facts]
        self._identity = json.dumps(identity).encode()
        self._key = hashlib.sha256(json.dumps(names).encode()).hexdigest()[:16]
        self._copies = {}
        for split in splits:
            # missing, damaged or made from other files
            with suppress(OSError, ValueError):
                self._copies[split] = self._read_copy(split)

    @cached_property
    def _reader(self):
        return self._open_reader()

    def labels(self, split):
        """Return the labels, 0 or 1, of ``"train"`` or ``"test"``."""
        for labels, _ in self._copies.values():
            return labels[split]
        return self._reader.labels(split)

    def sequences(self, split):
        """Return the ranks of the words of a split, each row behind START_RANK."""
        if split in self._copies:
            return self._copies[split][1]
        ranks = self._reader.sequences(split)
        try:
            self._write_copy(split, ranks)
        except OSError as error:
            warnings.warn(
                f"no compact copy of {self.path} could be written for the next time: {error}",
                stacklevel=4,
            )
        return ranks

    def _copy_path(self, split):
        return _get_cache_folder() / "sequences" / f"{self._key}-{split}.npz"

    def _read_copy(self, split):
        """Return the labels of all splits and the ranks of one, or raise OSError or ValueError."""
        with open_untrusted(self._copy_path(split), "a compact copy") as file:
            read = partial(read_integers, file, largest=LARGEST_COPY)
            if read("identity.npy").tobytes() != self._identity:
                raise ValueError("it was made from other files")
            labels = {name: read(f"{name}_labels.npy") for name in SPLITS}
            ranks = Ragged(read("values.npy"), read("offsets.npy"))
        dtypes = {array.dtype for array in (*labels.values(), ranks.offsets)}
        if dtypes != {np.dtype(np.int64)} or ranks.values.dtype != np.int32:
            raise ValueError("its arrays have other types")
        if len(ranks.offsets) != len(labels[split]) + 1:
            raise ValueError("it has another number of rows than of labels")
        start, end = ranks.offsets[[0, -1]]
        if start != 0 or end != len(ranks.values) or (ranks.lengths < 1).any():
            raise ValueError("its rows are not end to end")
        return labels, ranks

    def _write_copy(self, split, ranks):
        path = self._copy_path(split)
        path.parent.mkdir(parents=True, exist_ok=True)
        labels = {f"{name}_labels": self._reader.labels(name) for name in SPLITS}
        with replace_files(path.parent) as folder:
            np.savez(
                folder / path.name,
                identity=np.frombuffer(self._identity, dtype=np.uint8),
                offsets=ranks.offsets,
                values=ranks.values,
                **labels,
            )
