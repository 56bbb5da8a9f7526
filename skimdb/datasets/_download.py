"""The data files on the web: where they are, what they hash to, and the cache they go to."""

import sys
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import pooch
from tqdm import tqdm

from skimdb._whole_files import whole_files

HOME_VARIABLE = "SKIMDB_IMDB_HOME"
RETRIES = 3
# seconds without a single byte
TIMEOUT = 30
# the largest of the files has 84 MB; a server that sends on and on must not fill the disk
LARGEST_FILE = 2**28


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


def cache_folder():
    """Return the folder that downloaded files are kept in."""
    return Path(pooch.os_cache("skimdb"))


def cached_or_downloaded(name, *, download_if_missing, searched=""):
    """Return the path of a file of ``REMOTE_FILES`` whose content has the right hash.

    ``searched`` says in the error messages where the caller has looked before.
    """
    remote = REMOTE_FILES[name]
    folder = cache_folder()
    missing = (
        f"{name} was not found: {searched}the cache ({folder}) holds none with the right hash"
    )
    path = folder / name
    if path.is_file() and pooch.file_hash(str(path)) == remote.sha256:
        return path
    if not download_if_missing:
        raise OSError(f"{missing}, and download_if_missing=False forbids to download it.")
    pooch.get_logger().info("Downloading '%s' from '%s' to '%s'.", name, remote.url, folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with whole_files(folder, sync=False) as unfinished:
            _fetch(name, unfinished)
    except (OSError, ValueError) as error:
        raise OSError(
            f"{missing}, and downloading it from {remote.url} failed: {error}. "
            f"{_advice(error, folder)}"
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
    with _no_log_of_pooch():
        store.fetch(name, downloader=_download)


def _download(url, output_file, store):
    """Download into a file, as pooch asks for."""
    on_terminal = sys.stderr is not None and sys.stderr.isatty()
    # pooch's own bar is left open by an error or Ctrl-C, which then write behind it on its line
    bar = tqdm(
        total=LARGEST_FILE, delay=0.1, disable=not on_terminal, ncols=79, unit="B", unit_scale=True
    )
    with bar, open(output_file, "wb") as file:
        download = pooch.HTTPDownloader(progressbar=on_terminal and bar, timeout=TIMEOUT)
        download(url, _Limited(file), store)


class _Limited:
    """A file that takes only so much."""

    def __init__(self, file):
        self._file = file
        self.flush = file.flush

    def write(self, content):
        """Write bytes."""
        if self._file.tell() + len(content) > LARGEST_FILE:
            raise ValueError(f"the server sends more than {LARGEST_FILE} bytes")
        self._file.write(content)


@contextmanager
def _no_log_of_pooch():
    """Keep pooch from telling of each try that failed: the error tells of the last."""

    def nothing(_):
        return False

    logger = pooch.get_logger()
    logger.addFilter(nothing)
    try:
        yield
    finally:
        logger.removeFilter(nothing)


def _advice(error, folder):
    import requests

    # errors of the web are OSErrors too
    if isinstance(error, OSError) and not isinstance(error, requests.RequestException):
        return (
            f"Make room for the cache, {folder}, and see that it can be written to; on Linux the "
            f"environment variable XDG_CACHE_HOME names another place for it."
        )
    return (
        f"Without a network, name a copy of the data by data_home or by the environment "
        f"variable {HOME_VARIABLE}; with one, `skimdb download` fills the cache beforehand."
    )
