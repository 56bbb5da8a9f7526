"""Downloads: each ends in the right file in the cache, or in one error and no file at all."""

import gzip
import hashlib
import io
import json
import logging
import os
import signal
import subprocess
import sys
import tempfile
import threading
from functools import partial
from pathlib import Path

import numpy as np
import pooch
import pytest
from web_servers import RawWeb, Web, answer, drip, send_without_end, stall

from skimdb.datasets import _cache, download_imdb, fetch_imdb, fetch_word_index

NAME = "imdb_word_index.json"
WORD_INDEX = {f"word{rank}": rank for rank in range(1, 3000)}
CONTENT = json.dumps(WORD_INDEX).encode()
SHA256 = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.delenv("SKIMDB_IMDB_HOME", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr(pooch.core.time, "sleep", lambda _: None)
    monkeypatch.setattr(_cache, "TIMEOUT", 2)
    return tmp_path / "cache" / "skimdb"


@pytest.fixture
def web(cache):
    web = Web()
    yield web
    web.close()


@pytest.fixture
def publish(web, monkeypatch):
    """Put a file on the web, under the hash of its right content."""

    def publish(name, content, *answers):
        web.answers[name] = list(answers) or [(200, content)]
        remote = _cache.RemoteFile(f"{web.address}/{name}", hashlib.sha256(content).hexdigest())
        monkeypatch.setitem(_cache.REMOTE_FILES, name, remote)

    return publish


@pytest.fixture
def serve(cache, monkeypatch):
    """Make the word index come from a server of raw answers."""
    webs = []

    def serve(*answers):
        webs.append(RawWeb(*answers))
        monkeypatch.setitem(_cache.REMOTE_FILES, NAME, _cache.RemoteFile(webs[-1].url, SHA256))
        return webs[-1]

    yield serve
    for web in webs:
        web.close()


def redirect(place, status="302 Found"):
    return answer(b"", status, headers=[f"Location: {place}"])


@pytest.fixture
def log():
    """A function that returns the lines that pooch has logged."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    pooch.get_logger().addHandler(handler)
    yield lambda: stream.getvalue().splitlines()
    pooch.get_logger().removeHandler(handler)


def npz_bytes():
    rows = np.empty(3, dtype=object)
    rows[:] = [[1, 2], [3], [4, 5, 6]]
    labels = np.array([0, 1, 0])
    stream = io.BytesIO()
    np.savez(stream, x_train=rows, y_train=labels, x_test=rows, y_test=labels)
    return stream.getvalue()


def test_real_word_index_has_the_published_hash(imdb_home):
    assert pooch.file_hash(str(imdb_home / NAME)) == _cache.REMOTE_FILES[NAME].sha256


def test_a_download_is_cached(web, publish, cache):
    publish(NAME, CONTENT)
    assert fetch_word_index() == WORD_INDEX
    assert fetch_word_index() == WORD_INDEX
    assert fetch_word_index(download_if_missing=False) == WORD_INDEX
    assert web.requests == [f"/{NAME}"]
    assert [path.name for path in cache.iterdir()] == [NAME]


def test_reviews_are_downloaded(publish, cache, tmp_path):
    publish("imdb.npz", npz_bytes())
    X, y = fetch_imdb(data_home=tmp_path, num_words=100, random_state=None, return_X_y=True)
    assert [ids.tolist() for ids in X] == [[1, 4, 5], [1, 6], [1, 7, 8, 9]]
    assert y.tolist() == [0, 1, 0]
    assert sorted(path.name for path in cache.iterdir()) == ["imdb.npz", "sequences"]


def test_content_with_another_hash_is_not_opened(publish):
    publish("imdb.npz", b"expected", (200, npz_bytes()))
    with pytest.raises(OSError, match="does not match"):
        fetch_imdb()


@pytest.mark.parametrize("parameters", [{}, {"as_text": True}], ids=str)
def test_without_a_network_the_error_says_what_to_do(monkeypatch, web, cache, parameters):
    for name, remote in _cache.REMOTE_FILES.items():
        closed = f"{web.address}/{name}"
        monkeypatch.setitem(_cache.REMOTE_FILES, name, remote._replace(url=closed))
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
    publish(NAME, CONTENT)
    cache.parent.mkdir()
    cache.write_text("a file instead of the folder")
    with pytest.raises(OSError, match=r"was not found.*failed"):
        fetch_word_index()


class TestDownloadImdb:
    @pytest.fixture
    def files(self, publish, tmp_path):
        """Three published files, and an empty folder for the user's own."""
        (tmp_path / "home").mkdir()
        for name in _cache.REMOTE_FILES:
            publish(name, name.encode())
        return tmp_path / "home"

    @pytest.mark.parametrize("text", [False, True])
    def test_fills_the_cache(self, files, web, cache, text):
        names = ["imdb.npz", NAME, "aclImdb_v1.tar.gz"][: 2 + text]
        assert download_imdb(text=text) == [cache / name for name in names]
        assert [path.read_text() for path in map(cache.joinpath, names)] == names
        n_requests = len(web.requests)
        assert download_imdb(text=text) == [cache / name for name in names]
        assert len(web.requests) == n_requests == len(names)

    def test_takes_what_the_variable_names(self, files, web, cache, monkeypatch):
        monkeypatch.setenv("SKIMDB_IMDB_HOME", str(files))
        (files / "aclImdb").mkdir()
        assert download_imdb() == [files / "aclImdb", cache / NAME]
        assert download_imdb(text=True) == [files / "aclImdb", cache / NAME, files / "aclImdb"]
        (files / "imdb.npz").touch()
        (files / "aclImdb_v1.tar.gz").touch()
        (files / NAME).touch()
        names = ["imdb.npz", NAME, "aclImdb_v1.tar.gz"]
        assert download_imdb(text=True) == [files / name for name in names]
        assert web.requests == [f"/{NAME}"]

    def test_names_what_does_not_exist(self, files, monkeypatch):
        monkeypatch.setenv("SKIMDB_IMDB_HOME", str(files / "missing"))
        with pytest.raises(FileNotFoundError, match=r"SKIMDB_IMDB_HOME names .*missing"):
            download_imdb()

    def test_names_a_bad_argument(self):
        with pytest.raises(TypeError, match="text must be"):
            download_imdb(text="yes")


RECOVERING = {
    "error 500": answer(b"", "500 Internal Server Error"),
    "error 503": answer(CONTENT, "503 Service Unavailable"),
    "too short": answer(CONTENT[:9000]),
    "too short for its length": answer(CONTENT[:9000], length=len(CONTENT)),
    "too long": answer(CONTENT + b"more"),
    "cut in the header": answer(CONTENT)[:30],
    "nothing": b"",
    "no HTTP": b"SSH-2.0-OpenSSH_9.6\r\n",
    "wrong": answer(CONTENT.replace(b"word7", b"work7")),
    "a login page": answer(b"<html>Please log in</html>", headers=["Content-Type: text/html"]),
    "broken gzip": answer(b"\x1f\x8b\x08broken", headers=["Content-Encoding: gzip"]),
    "a length that is none": answer(CONTENT, length="many"),
    "a broken chunk": answer(
        b"zz\r\nxx\r\n", length=False, headers=["Transfer-Encoding: chunked"]
    ),
}


@pytest.mark.parametrize("fault", RECOVERING)
def test_a_fault_that_passes_is_retried(fault, serve, cache, log):
    web = serve(RECOVERING[fault], answer(CONTENT))
    assert fetch_word_index() == WORD_INDEX
    assert web.n_requests == 2
    assert [path.name for path in cache.iterdir()] == [NAME]
    assert (cache / NAME).read_bytes() == CONTENT
    assert log() == [f"Downloading '{NAME}' from '{web.url}' to '{cache}'."]


LASTING = {
    **RECOVERING,
    "error 404": answer(b"", "404 Not Found"),
    "redirected to itself": redirect(f"/{NAME}"),
    "redirected to a local file": redirect(f"file://{Path(__file__)}"),
    "redirected nowhere": redirect("http://127.0.0.1:1/"),
    "redirected without a place": answer(b"", "302 Found"),
}


@pytest.mark.parametrize("fault", LASTING)
def test_a_fault_that_lasts_is_one_error_and_the_next_try_is_fresh(fault, serve, cache, log):
    web = serve(LASTING[fault])
    with pytest.raises(OSError, match="was not found") as caught:
        fetch_word_index()
    for part in ("failed: ", web.url, "SKIMDB_IMDB_HOME", "data_home"):
        assert part in str(caught.value)
    assert caught.value.__cause__ is not None
    assert web.n_requests >= 1 + _cache.RETRIES
    assert list(cache.iterdir()) == []
    assert log() == [f"Downloading '{NAME}' from '{web.url}' to '{cache}'."]
    serve(answer(CONTENT))
    assert fetch_word_index() == WORD_INDEX
    assert [path.name for path in cache.iterdir()] == [NAME]


@pytest.mark.parametrize(
    "good",
    [
        pytest.param([partial(drip, answer(CONTENT))], id="slow"),
        pytest.param([answer(CONTENT, length=False)], id="no length"),
        pytest.param([redirect(f"/other/{NAME}", "301 Moved"), answer(CONTENT)], id="redirected"),
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
    monkeypatch.setattr(_cache, "TIMEOUT", 0.2)
    serve(partial(stall, answer(CONTENT)), answer(CONTENT))
    assert fetch_word_index() == WORD_INDEX
    (cache / NAME).unlink()
    serve(partial(stall, answer(CONTENT)))
    with pytest.raises(OSError, match="timed out"):
        fetch_word_index()
    assert list(cache.iterdir()) == []


ENDLESS = {
    "without a length": partial(send_without_end, answer(b"", length=False)),
    "of a huge length": partial(send_without_end, answer(b"", length=2**50)),
    "unpacked": answer(gzip.compress(bytes(2**21)), headers=["Content-Encoding: gzip"]),
}


@pytest.mark.parametrize("form", ENDLESS)
def test_a_server_that_sends_without_end_does_not_fill_the_disk(form, serve, cache, monkeypatch):
    monkeypatch.setattr(_cache, "LARGEST_FILE", 2**20)
    serve(ENDLESS[form])
    with pytest.raises(OSError, match="sends more than 1048576 bytes"):
        fetch_word_index()
    assert list(cache.iterdir()) == []


CHILD = f"""
import json, os, resource, signal, sys
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
from skimdb.datasets import _cache, fetch_word_index
_cache.REMOTE_FILES[{NAME!r}] = _cache.RemoteFile(sys.argv[1], {SHA256!r})
limit = int(sys.argv[2])
if limit:
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
try:
    print(len(fetch_word_index()))
except OSError as error:
    print("OSError:", error)
"""


def child(web, limit=0, stderr=subprocess.PIPE):
    """Another process that fetches the word index, and can write files of so many bytes."""
    # coverage could not write its file within the limit
    env = {name: value for name, value in os.environ.items() if "COVERAGE" not in name}
    env["TERM"] = "xterm"
    return subprocess.Popen(
        [sys.executable, "-c", CHILD, web.url, str(limit)],
        env=env,
        stdout=subprocess.PIPE,
        stderr=stderr,
        text=True,
    )


class TestProgress:
    @pytest.fixture
    def run_on_terminal(self):
        """A function that runs the child with stderr on a terminal, and returns what it shows."""
        pytest.importorskip("pty")
        terminal, stderr = os.openpty()

        def run_on_terminal(web, until=None):
            process = child(web, stderr=stderr)
            os.close(stderr)
            output = b""
            try:
                while part := os.read(terminal, 4096):
                    output += part
                    if until is not None and until in output:
                        process.send_signal(signal.SIGINT)
                        until = None
            except OSError:
                pass  # the process has ended
            process.communicate(timeout=60)
            return output

        yield run_on_terminal
        os.close(terminal)

    def assert_cleaned_up(self, output):
        hide, show, erase_line = b"\x1b[?25l", b"\x1b[?25h", b"\x1b[2K"
        assert output.count(hide) == output.count(show) > 0
        after = output[output.rindex(show) :]
        assert erase_line in after
        assert b"/" not in after.partition(b"Traceback")[0]

    @pytest.mark.slow
    def test_is_shown_on_a_terminal(self, serve, run_on_terminal):
        output = run_on_terminal(serve(partial(drip, answer(CONTENT))))
        size = f"{len(CONTENT) / 1000:.1f} kB".encode()
        assert b"0.0/" + size in output
        assert output.startswith(f"Downloading '{NAME}'".encode())
        self.assert_cleaned_up(output)

    @pytest.mark.slow
    def test_is_cleaned_up_after_an_error(self, serve, run_on_terminal):
        output = run_on_terminal(serve(answer(CONTENT[:9000], length=9000)))
        self.assert_cleaned_up(output)

    def test_is_cleaned_up_after_ctrl_c(self, serve, run_on_terminal):
        output = run_on_terminal(serve(partial(stall, answer(CONTENT))), until=b" kB")
        assert b"KeyboardInterrupt" in output
        self.assert_cleaned_up(output)

    @pytest.mark.slow
    @pytest.mark.parametrize("length", [False, None])
    def test_is_not_shown_elsewhere(self, serve, length):
        _, errors = child(serve(answer(CONTENT, length=length))).communicate(timeout=60)
        assert errors.startswith(f"Downloading '{NAME}'")
        assert errors.count("\n") == 1

    def test_without_a_length(self, serve, run_on_terminal, cache):
        output = run_on_terminal(serve(answer(CONTENT, length=False)))
        self.assert_cleaned_up(output)
        assert (cache / NAME).read_bytes() == CONTENT


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="has no limits of file sizes")
def test_a_full_disk(serve, cache):
    web = serve(answer(CONTENT))
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
    web = serve(partial(drip, answer(CONTENT)))
    children = [child(web) for _ in range(2)]
    outputs = [process.communicate(timeout=60) for process in children]
    assert [output for output, _ in outputs] == [f"{len(WORD_INDEX)}\n"] * 2
    assert [path.name for path in cache.iterdir()] == [NAME]
    assert (cache / NAME).read_bytes() == CONTENT


def test_several_threads_at_once(serve, cache):
    serve(partial(drip, answer(CONTENT)))
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
    web = serve(answer(CONTENT))
    folder = read_only_cache({})
    with pytest.raises(OSError, match="was not found") as caught:
        fetch_word_index()
    for part in ("Permission denied", "can be written to", str(folder), "XDG_CACHE_HOME"):
        assert part in str(caught.value)
    assert web.n_requests == 0


def test_the_file_in_a_read_only_cache_is_read(serve, read_only_cache):
    web = serve(answer(CONTENT))
    read_only_cache({NAME: CONTENT})
    assert fetch_word_index() == WORD_INDEX
    assert web.n_requests == 0


def test_a_damaged_file_is_not_used_when_the_cache_fails(serve, cache):
    cache.mkdir(parents=True)
    (cache / NAME).write_bytes(CONTENT[:-5])
    serve(answer(b"", "404 Not Found"))
    with pytest.raises(OSError, match="holds none with the right hash"):
        fetch_word_index()
    serve(answer(CONTENT))
    assert fetch_word_index() == WORD_INDEX
    assert (cache / NAME).read_bytes() == CONTENT


def test_a_folder_in_the_files_place(serve, cache):
    (cache / NAME).mkdir(parents=True)
    serve(answer(CONTENT))
    with pytest.raises(OSError, match=r"Is a directory|Permission denied"):
        fetch_word_index()


def test_the_log_of_others_is_left_as_it_was(serve):
    serve(answer(CONTENT))
    filters = list(pooch.get_logger().filters)
    fetch_word_index()
    assert pooch.get_logger().filters == filters
