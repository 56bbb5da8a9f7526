"""Downloads that go wrong: each ends in the right file, or in one error and no file at all."""

import contextlib
import gzip
import hashlib
import io
import json
import logging
import os
import socket
import subprocess
import sys
import tempfile
import threading
import time
from functools import partial
from pathlib import Path

import pooch
import pytest

from skimdb.datasets import _download, fetch_word_index

NAME = "imdb_word_index.json"
WORD_INDEX = {f"word{rank}": rank for rank in range(1, 3000)}
CONTENT = json.dumps(WORD_INDEX).encode()
SHA256 = hashlib.sha256(CONTENT).hexdigest()


def answer(content=CONTENT, status="200 OK", length=None, headers=()):
    lines = [f"HTTP/1.1 {status}", "Connection: close", *headers]
    if length is not False:
        lines.append(f"Content-Length: {len(content) if length is None else length}")
    return "\r\n".join([*lines, "", ""]).encode() + content


def dripped(data, stop):
    for start in range(0, len(data), 2000):
        yield data[start : start + 2000]
        time.sleep(0.005)


def stalled(data, stop):
    yield data[: len(data) // 2]
    stop.wait(30)


def without_end(data, stop):
    yield data
    while not stop.is_set():
        yield b"x" * 65536


class RawWeb:
    """A server that sends prepared bytes, the whole HTTP answer, one after the other."""

    def __init__(self, *answers):
        self.answers = list(answers)
        self.n_requests = 0
        self._stop = threading.Event()
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}/{NAME}"
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return  # closed
            threading.Thread(target=self._answer, args=(connection,), daemon=True).start()

    def _answer(self, connection):
        self.n_requests += 1
        data = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        how = iter([data]) if isinstance(data, bytes) else data(self._stop)
        # a client that has had enough closes the connection
        with connection, contextlib.suppress(OSError):
            connection.recv(65536)
            for part in how:
                connection.sendall(part)

    def close(self):
        self._stop.set()
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.delenv("SKIMDB_IMDB_HOME", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr(pooch.core.time, "sleep", lambda _: None)
    monkeypatch.setattr(_download, "TIMEOUT", 2)
    return tmp_path / "cache" / "skimdb"


@pytest.fixture
def serve(cache, monkeypatch):
    """Have the word index come from a server of prepared answers."""
    webs = []

    def serve(*answers):
        webs.append(RawWeb(*answers))
        remote = _download.RemoteFile(webs[-1].url, SHA256)
        monkeypatch.setitem(_download.REMOTE_FILES, NAME, remote)
        return webs[-1]

    yield serve
    for web in webs:
        web.close()


def redirect(place, status="302 Found"):
    return answer(b"", status, headers=[f"Location: {place}"])


@pytest.fixture
def told():
    """The lines that are shown on stderr."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    pooch.get_logger().addHandler(handler)
    yield lambda: stream.getvalue().splitlines()
    pooch.get_logger().removeHandler(handler)


RECOVERING = {
    "error 500": answer(b"", "500 Internal Server Error"),
    "error 503": answer(CONTENT, "503 Service Unavailable"),
    "too short": answer(CONTENT[:9000]),
    "too short for its length": answer(CONTENT[:9000], length=len(CONTENT)),
    "too long": answer(CONTENT + b"more"),
    "cut in the header": answer()[:30],
    "nothing": b"",
    "no HTTP": b"SSH-2.0-OpenSSH_9.6\r\n",
    "wrong": answer(CONTENT.replace(b"word7", b"work7")),
    "a login page": answer(b"<html>Please log in</html>", headers=["Content-Type: text/html"]),
    "broken gzip": answer(b"\x1f\x8b\x08broken", headers=["Content-Encoding: gzip"]),
    "a length that is none": answer(length="many"),
    "a broken chunk": answer(
        b"zz\r\nxx\r\n", length=False, headers=["Transfer-Encoding: chunked"]
    ),
}


@pytest.mark.parametrize("fault", RECOVERING)
def test_a_fault_that_passes_is_got_over(fault, serve, cache, told):
    web = serve(RECOVERING[fault], answer())
    assert fetch_word_index() == WORD_INDEX
    assert web.n_requests == 2
    assert [path.name for path in cache.iterdir()] == [NAME]
    assert (cache / NAME).read_bytes() == CONTENT
    assert told() == [f"Downloading '{NAME}' from '{web.url}' to '{cache}'."]


LASTING = {
    **RECOVERING,
    "error 404": answer(b"", "404 Not Found"),
    "redirected to itself": redirect(f"/{NAME}"),
    "redirected to a local file": redirect(f"file://{Path(__file__)}"),
    "redirected nowhere": redirect("http://127.0.0.1:1/"),
    "redirected without a place": answer(b"", "302 Found"),
}


@pytest.mark.parametrize("fault", LASTING)
def test_a_fault_that_lasts_is_one_error_and_the_next_try_is_fresh(fault, serve, cache, told):
    web = serve(LASTING[fault])
    with pytest.raises(OSError, match="was not found") as caught:
        fetch_word_index()
    for part in ("failed: ", web.url, "SKIMDB_IMDB_HOME", "data_home"):
        assert part in str(caught.value)
    assert list(cache.iterdir()) == []
    assert told() == [f"Downloading '{NAME}' from '{web.url}' to '{cache}'."]
    serve(answer())
    assert fetch_word_index() == WORD_INDEX
    assert [path.name for path in cache.iterdir()] == [NAME]


@pytest.mark.parametrize(
    "good",
    [
        pytest.param([partial(dripped, answer())], id="slow"),
        pytest.param([answer(length=False)], id="no length"),
        pytest.param([redirect(f"/other/{NAME}", "301 Moved"), answer()], id="redirected"),
        pytest.param(
            [answer(gzip.compress(CONTENT), headers=["Content-Encoding: gzip"])], id="gzip"
        ),
    ],
)
def test_unusual_but_right_answers(good, serve, cache):
    web = serve(*good)
    assert fetch_word_index() == WORD_INDEX
    assert web.n_requests == len(good)
    assert (cache / NAME).read_bytes() == CONTENT


def test_a_server_that_falls_silent(serve, cache, monkeypatch):
    monkeypatch.setattr(_download, "TIMEOUT", 0.2)
    serve(partial(stalled, answer()), answer())
    assert fetch_word_index() == WORD_INDEX
    (cache / NAME).unlink()
    serve(partial(stalled, answer()))
    with pytest.raises(OSError, match="timed out"):
        fetch_word_index()
    assert list(cache.iterdir()) == []


ENDLESS = {
    "without a length": partial(without_end, answer(b"", length=False)),
    "of a huge length": partial(without_end, answer(b"", length=2**50)),
    "unpacked": answer(gzip.compress(bytes(2**21)), headers=["Content-Encoding: gzip"]),
}


@pytest.mark.parametrize("form", ENDLESS)
def test_a_server_that_sends_without_end_does_not_fill_the_disk(form, serve, cache, monkeypatch):
    monkeypatch.setattr(_download, "LARGEST_FILE", 2**20)
    serve(ENDLESS[form])
    with pytest.raises(OSError, match="sends more than 1048576 bytes"):
        fetch_word_index()
    assert list(cache.iterdir()) == []


CHILD = f"""
import json, os, resource, signal, sys
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
from skimdb.datasets import _download, fetch_word_index
_download.REMOTE_FILES[{NAME!r}] = _download.RemoteFile(sys.argv[1], {SHA256!r})
limit = int(sys.argv[2])
if limit:
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
try:
    print(len(fetch_word_index()))
except OSError as error:
    print("OSError:", error)
"""


def child(web, limit=0):
    """A process of its own that fetches the word index and can write files of so many bytes."""
    # what it covers could not be written within the limit
    env = {name: value for name, value in os.environ.items() if "COVERAGE" not in name}
    return subprocess.Popen(
        [sys.executable, "-c", CHILD, web.url, str(limit)],
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.skipif(sys.platform == "win32", reason="has no limits of file sizes")
def test_a_full_disk(serve, cache):
    web = serve(answer())
    output, errors = child(web, limit=10_000).communicate(timeout=60)
    assert output.startswith(f"OSError: {NAME} was not found")
    for part in ("File too large", "Make room for the cache", str(cache), "XDG_CACHE_HOME"):
        assert part in output
    assert "Traceback" not in errors
    assert "Failed" not in errors
    assert list(cache.iterdir()) == []
    assert fetch_word_index() == WORD_INDEX


@pytest.mark.slow
def test_several_processes_at_once(serve, cache):
    web = serve(partial(dripped, answer()))
    children = [child(web) for _ in range(2)]
    outputs = [process.communicate(timeout=60) for process in children]
    assert [output for output, _ in outputs] == [f"{len(WORD_INDEX)}\n"] * 2
    assert [path.name for path in cache.iterdir()] == [NAME]
    assert (cache / NAME).read_bytes() == CONTENT


def test_several_threads_at_once(serve, cache):
    serve(partial(dripped, answer()))
    results = []
    threads = [
        threading.Thread(target=lambda: results.append(fetch_word_index())) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [WORD_INDEX] * 4
    assert [path.name for path in cache.iterdir()] == [NAME]


@pytest.fixture
def read_only_cache(cache, monkeypatch):
    """A function that makes a cache folder of some files which can't be written to."""
    if sys.platform == "win32":
        pytest.skip("has no modes of folders")
    superuser = os.geteuid() == 0
    # the superuser may write anywhere, and to anyone else the folders of tmp_path are closed
    with tempfile.TemporaryDirectory() as home:
        monkeypatch.setenv("XDG_CACHE_HOME", home)
        folder = Path(home, "skimdb")

        def make(files):
            folder.mkdir()
            for name, content in files.items():
                (folder / name).write_bytes(content)
            folder.chmod(0o555)
            if superuser:
                os.chmod(home, 0o755)
                os.seteuid(65534)
            return folder

        try:
            yield make
        finally:
            if superuser:
                os.seteuid(0)
            folder.chmod(0o755)


def test_a_cache_folder_that_is_read_only(serve, read_only_cache):
    web = serve(answer())
    folder = read_only_cache({})
    with pytest.raises(OSError, match="was not found") as caught:
        fetch_word_index()
    for part in ("Permission denied", "can be written to", str(folder), "XDG_CACHE_HOME"):
        assert part in str(caught.value)
    assert web.n_requests == 0


def test_the_file_in_a_read_only_cache_is_read(serve, read_only_cache):
    web = serve(answer())
    read_only_cache({NAME: CONTENT})
    assert fetch_word_index() == WORD_INDEX
    assert web.n_requests == 0


def test_a_damaged_file_is_not_used_when_the_download_fails(serve, cache):
    cache.mkdir(parents=True)
    (cache / NAME).write_bytes(CONTENT[:-5])
    serve(answer(b"", "404 Not Found"))
    with pytest.raises(OSError, match="holds none with the right hash"):
        fetch_word_index()
    serve(answer())
    assert fetch_word_index() == WORD_INDEX
    assert (cache / NAME).read_bytes() == CONTENT


def test_a_folder_in_the_files_place(serve, cache):
    (cache / NAME).mkdir(parents=True)
    serve(answer())
    with pytest.raises(OSError, match=r"Is a directory|Permission denied"):
        fetch_word_index()


def test_the_log_of_others_is_left_as_it_was(serve):
    serve(answer())
    filters = list(pooch.get_logger().filters)
    fetch_word_index()
    assert pooch.get_logger().filters == filters
