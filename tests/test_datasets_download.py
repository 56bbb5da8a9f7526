"""The cache and the download, from an HTTP server that the tests run."""

import hashlib
import io
import json
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pooch
import pytest

from skimdb.datasets import _download, fetch_imdb, fetch_word_index

WORD_INDEX = {"the": 1, "film": 2}
INDEX_FILE = "imdb_word_index.json"
INDEX_CONTENT = json.dumps(WORD_INDEX).encode()


class Web:
    """A web server that answers from ``answers``: one (status, content) after the other."""

    def __init__(self):
        self.answers = {}
        self.requests = []
        web = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                web.requests.append(self.path)
                answers = web.answers[self.path.lstrip("/")]
                status, content = answers.pop(0) if len(answers) > 1 else answers[0]
                self.send_response(status)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content if status == 200 else b"")

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def address(self):
        return f"http://127.0.0.1:{self.server.server_port}"

    def close(self):
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.delenv("SKIMDB_IMDB_HOME", raising=False)
    monkeypatch.setattr(_download, "cache_folder", lambda: tmp_path / "cache")
    return tmp_path / "cache"


@pytest.fixture
def web(monkeypatch, cache):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr(pooch.core.time, "sleep", lambda _: None)
    web = Web()
    yield web
    web.close()


@pytest.fixture
def publish(web, monkeypatch):
    """Put a file on the web, under the hash of its right content."""

    def publish(name, content, *answers):
        web.answers[name] = list(answers) or [(200, content)]
        remote = _download.RemoteFile(f"{web.address}/{name}", hashlib.sha256(content).hexdigest())
        monkeypatch.setitem(_download.REMOTE_FILES, name, remote)

    return publish


def npz_bytes():
    rows = np.empty(3, dtype=object)
    rows[:] = [[1, 2], [3], [4, 5, 6]]
    labels = np.array([0, 1, 0])
    stream = io.BytesIO()
    np.savez(stream, x_train=rows, y_train=labels, x_test=rows, y_test=labels)
    return stream.getvalue()


def test_published_hashes():
    assert {name: len(remote.sha256) for name, remote in _download.REMOTE_FILES.items()} == {
        "imdb.npz": 64,
        "imdb_word_index.json": 64,
        "aclImdb_v1.tar.gz": 64,
    }


def test_real_word_index_has_the_published_hash(imdb_home):
    remote = _download.REMOTE_FILES[INDEX_FILE]
    assert pooch.file_hash(str(imdb_home / INDEX_FILE)) == remote.sha256


def test_a_download_is_cached(web, publish, cache):
    publish(INDEX_FILE, INDEX_CONTENT)
    assert fetch_word_index() == WORD_INDEX
    assert fetch_word_index() == WORD_INDEX
    assert fetch_word_index(download_if_missing=False) == WORD_INDEX
    assert web.requests == [f"/{INDEX_FILE}"]
    assert [path.name for path in cache.iterdir()] == [INDEX_FILE]


def test_reviews_are_downloaded(publish, cache, tmp_path):
    publish("imdb.npz", npz_bytes())
    X, y = fetch_imdb(data_home=tmp_path, num_words=100, random_state=None, return_X_y=True)
    assert [ids.tolist() for ids in X] == [[1, 4, 5], [1, 6], [1, 7, 8, 9]]
    assert y.tolist() == [0, 1, 0]
    assert [path.name for path in cache.iterdir()] == ["imdb.npz"]


def test_a_server_that_recovers(web, publish):
    cut = INDEX_CONTENT[:9]
    publish(INDEX_FILE, INDEX_CONTENT, (500, b""), (200, cut), (200, INDEX_CONTENT))
    assert fetch_word_index() == WORD_INDEX
    assert len(web.requests) == 3


@pytest.mark.parametrize(
    "answer", [(404, b""), (500, b""), (200, b"wrong"), (200, INDEX_CONTENT[:9]), (200, b"")]
)
def test_a_failed_download_leaves_nothing(web, publish, cache, answer):
    publish(INDEX_FILE, INDEX_CONTENT, answer)
    with pytest.raises(OSError, match=rf"downloading it from {web.address}.* failed") as caught:
        fetch_word_index()
    assert caught.value.__cause__ is not None
    assert len(web.requests) == 1 + _download.RETRIES
    assert list(cache.iterdir()) == []


def test_wrong_content_is_never_unpickled(publish, monkeypatch):
    publish("imdb.npz", b"expected", (200, npz_bytes()))
    monkeypatch.setattr("skimdb.datasets._imdb.NpzReviews", None)
    with pytest.raises(OSError, match="does not match"):
        fetch_imdb()


def test_a_damaged_cache_is_downloaded_again(publish, cache):
    publish(INDEX_FILE, INDEX_CONTENT)
    cache.mkdir()
    (cache / INDEX_FILE).write_bytes(b"damaged")
    with pytest.raises(OSError, match="holds none with the right hash"):
        fetch_word_index(download_if_missing=False)
    assert fetch_word_index() == WORD_INDEX


@pytest.mark.parametrize("parameters", [{}, {"as_text": True}], ids=str)
def test_without_a_network_the_error_says_what_to_do(monkeypatch, web, cache, parameters):
    for name, remote in _download.REMOTE_FILES.items():
        closed = f"{web.address}/{name}"
        monkeypatch.setitem(_download.REMOTE_FILES, name, remote._replace(url=closed))
    web.server.server_close()
    with pytest.raises(OSError, match="was not found") as caught:
        fetch_imdb(**parameters)
    message = str(caught.value)
    for part in ("data_home", "SKIMDB_IMDB_HOME", "skimdb download", str(cache), web.address):
        assert part in message
    assert caught.value.__cause__ is not None


def test_nothing_is_downloaded_unasked(web, publish, cache):
    publish("imdb.npz", npz_bytes())
    with pytest.raises(OSError, match="download_if_missing=False"):
        fetch_imdb(download_if_missing=False)
    assert web.requests == []
    assert not cache.exists()


def test_a_cache_that_cannot_be_written(publish, cache):
    publish(INDEX_FILE, INDEX_CONTENT)
    cache.write_text("a file in the folder's place")
    with pytest.raises(OSError, match=r"was not found.*failed"):
        fetch_word_index()


@pytest.mark.parametrize("on_terminal", [True, False])
def test_progress_is_shown_on_a_terminal_only(monkeypatch, cache, on_terminal):
    shown = []

    def downloader(*, progressbar, timeout):
        shown.append(bool(progressbar))
        raise OSError("stopped here")

    monkeypatch.setattr(pooch, "HTTPDownloader", downloader)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: on_terminal, raising=False)
    with pytest.raises(OSError, match="stopped here"):
        fetch_word_index()
    assert shown == [on_terminal]


def test_the_cache_is_in_the_users_cache_folder():
    assert _download.cache_folder().name == "skimdb"
