"""Killed commands: each file is the old or the new one, and the next run succeeds."""

import csv
import hashlib
import io
import json
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress
from functools import partial

import numpy as np
import pytest
from test_cli import WRITTEN as WRITTEN_BY_TRAIN
from test_cli import (  # noqa: F401
    call_after_epochs,
    command,
    on_terminal,
    process_settings,
    read_until,
    run,
)
from test_cli_tune import OPTIONS, epochs_trained, longest_states, tune  # noqa: F401
from test_cli_tune import WRITTEN as WRITTEN_BY_TUNE
from web_servers import RawWeb, Web, answer, drip

from skimdb import load_model
from skimdb.datasets import _cache, fetch_imdb, fetch_word_index, make_reviews

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs SIGKILL"),
]

OLD = b"old"
# folders that killed processes leave
TEMPORARY = ".skimdb-*"
TIMES = re.compile(r"\d+\.\d\d s")


class Killer:
    """Starts processes and kills them, each at a moment that depends on a seed."""

    def __init__(self, seed):
        self.rng = random.Random(seed)
        self.n_killed = 0

    def kill(self, args, *, after=lambda: True, within):
        """Kill a process up to ``within`` seconds after a condition is true.

        A process that ends before must have succeeded, and is not counted.
        """
        with subprocess.Popen(
            args, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, **process_settings()
        ) as process:
            while process.poll() is None and not after():
                time.sleep(0.0005)
            time.sleep(self.rng.uniform(0, within))
            process.kill()
            errors = process.stderr.read()
        assert process.returncode in (0, -signal.SIGKILL), errors
        self.n_killed += process.returncode != 0


def run_undisturbed(args):
    """Run a process; return the seconds it took."""
    started = time.monotonic()
    subprocess.run(args, check=True, stdout=subprocess.DEVNULL, **process_settings())
    return time.monotonic() - started


def temporary_files(folder):
    """Return the files in the temporary folders of a folder, which may vanish meanwhile."""
    found = set()
    for temporary in folder.glob(TEMPORARY):
        with suppress(FileNotFoundError):
            found.update(temporary.iterdir())
    return found


def writing_in(folder, n_files=1):
    """Return a condition: that some files are being written to a folder."""
    before = temporary_files(folder)
    return lambda: len(temporary_files(folder) - before) >= n_files


def contents_of(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


def names_in(folder):
    """Return the names in a folder, without what killed processes have left."""
    return {path.name for path in set(folder.iterdir()) - set(folder.glob(TEMPORARY))}


def assert_old_or_new(folder, expected):
    """Each file is as before, or as an undisturbed run writes it."""
    for name, new in expected.items():
        content = (folder / name).read_bytes()
        if content == OLD:
            continue
        assert without_times(name, content) == without_times(name, new), name
        if name == "model.skimdb":
            assert len(load_model(folder / name).predict(["A film."])) == 1


def without_times(name, content):
    """Return the contents of a file without durations."""
    if name == "metrics.json":
        return {**json.loads(content), "seconds": None}
    if name == "results.csv":
        rows = csv.DictReader(io.StringIO(content.decode(), newline=""))
        return [{key: row[key] for key in row if "time" not in key} for row in rows]
    if name == "search.png":
        # it shows durations; the last chunk shows that it is complete
        return content[:8], content[-12:]
    return content


def make_old(folder, names):
    for name in names:
        (folder / name).write_bytes(OLD)


def test_train(tmp_path):
    # the old files are those of another model
    args = command("train", "--units", 4, "--epochs", 2, "--out", tmp_path, "--force")
    seconds = run_undisturbed(args)
    expected = contents_of(tmp_path)
    killer, n_left, written = Killer(seed=0), 0, set()
    while killer.n_killed < 12 or (n_left == 0 and killer.n_killed < 30):
        make_old(tmp_path, expected)
        if killer.n_killed < 3:
            killer.kill(args, within=seconds)
        else:
            # once all are written, an idle machine moves them within a few milliseconds
            n_all = len(expected)
            n_files, within = killer.rng.choice(
                [(1, 0.3), (n_all, 0), (n_all, 0.002), (n_all, 0.02)]
            )
            killer.kill(args, after=writing_in(tmp_path, n_files), within=within)
        assert_old_or_new(tmp_path, expected)
        found = contents_of(tmp_path)
        assert set(found) == WRITTEN_BY_TRAIN
        written.add(sum(content != OLD for content in found.values()))
        n_left += bool(list(tmp_path.glob(TEMPORARY)))
    # some were killed before the first file was moved
    assert n_left > 0
    assert 0 in written
    run_undisturbed(args)
    assert_old_or_new(tmp_path, expected)
    assert names_in(tmp_path) == WRITTEN_BY_TRAIN
    assert OLD not in contents_of(tmp_path).values()
    assert run("predict", tmp_path, "A film.").exit_code == 0


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """The folder and the output of a search that was not killed."""
    folder = tmp_path_factory.mktemp("undisturbed")
    return folder, tune(*OPTIONS, "--out", folder).stdout


class TestTune:
    def assert_same(self, folder, stdout, undisturbed):
        expected_folder, expected_stdout = undisturbed

        # the output has the best parameters and all scores
        def comparable(output, folder):
            return TIMES.sub("", output.replace(str(folder), "DIR"))

        assert comparable(stdout, folder) == comparable(expected_stdout, expected_folder)
        expected = contents_of(expected_folder)
        assert OLD not in contents_of(folder).values()
        assert_old_or_new(folder, expected)
        assert names_in(folder) == WRITTEN_BY_TUNE
        assert longest_states(folder) == longest_states(expected_folder)

    def assert_complete(self, states, expected_states):
        for path in states.glob("*.npz"):
            with np.load(path) as state, np.load(expected_states / path.name) as expected:
                assert sorted(state) == sorted(expected)
                assert all(np.array_equal(state[name], expected[name]) for name in state)

    def test_in_the_search(self, undisturbed, tmp_path, epochs_trained):  # noqa: F811
        killer, states = Killer(seed=1), tmp_path / "states"
        while killer.n_killed < 7:
            n_killed = killer.n_killed
            kept = contents_of(states) if states.exists() else {}
            more = len(kept) + killer.rng.randrange(2)
            args = ["--resume"] if (tmp_path / "search.json").exists() else [*OPTIONS, "--out"]
            writing = writing_in(states)
            killer.kill(
                command("tune", *args, tmp_path),
                after=lambda more=more, writing=writing: (
                    len(list(states.glob("*.npz"))) >= more and writing()
                ),
                within=0.04,
            )
            if states.exists():
                assert kept.items() <= contents_of(states).items()
                self.assert_complete(states, undisturbed[0] / "states")
            if killer.n_killed == n_killed:
                # the search has ended, and would write no more states
                shutil.rmtree(tmp_path)
        kept = longest_states(tmp_path)
        result = tune("--resume", tmp_path)
        self.assert_same(tmp_path, result.stdout, undisturbed)
        # no epoch twice but those of the fits that were killed
        assert len(epochs_trained) == sum(
            n - kept.get(key, 0) for key, n in longest_states(tmp_path).items()
        )

    def test_at_the_end(self, undisturbed, tmp_path):
        killer = Killer(seed=2)
        tune(*OPTIONS, "--out", tmp_path)
        expected = contents_of(undisturbed[0])
        names = set(expected) - {"search.json"}
        args = command("tune", "--resume", tmp_path, "--force")
        while killer.n_killed < 4:
            make_old(tmp_path, names)
            killer.kill(args, after=writing_in(tmp_path, len(names)), within=0.02)
            assert_old_or_new(tmp_path, expected)
        result = tune("--resume", tmp_path, "--force")
        self.assert_same(tmp_path, result.stdout, undisturbed)


# runs the command line, or fetches all reviews, with files from other URLs
CHILD = """
import json, sys
from skimdb.datasets import _cache, fetch_imdb
for name, remote in json.loads(sys.argv[1]).items():
    _cache.REMOTE_FILES[name] = _cache.RemoteFile(*remote)
if sys.argv[2] == "download":
    from skimdb._cli import app
    app(sys.argv[2:])
else:
    fetch_imdb(subset="all")
"""


@pytest.fixture(scope="module")
def files():
    """The files on the web: reviews and a word index."""
    arrays = {}
    for seed, split in enumerate(("train", "test")):
        X, y = make_reviews(3000, n_words=2000, random_state=seed)
        ranks = np.empty(len(X), dtype=object)
        ranks[:] = [(ids[1:] - 3).tolist() for ids in X]
        arrays |= {f"x_{split}": ranks, f"y_{split}": y}
    npz = io.BytesIO()
    np.savez(npz, **arrays)
    index = {f"word{rank}": rank for rank in range(1, 80_000)}
    return {"imdb.npz": npz.getvalue(), "imdb_word_index.json": json.dumps(index).encode()}


class TestDownload:
    @pytest.fixture
    def web(self, files, monkeypatch, tmp_path):
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
        monkeypatch.delenv("SKIMDB_IMDB_HOME", raising=False)
        web = Web()
        for name, content in files.items():
            web.answers[name] = [(200, content)]
            remote = (f"{web.address}/{name}", hashlib.sha256(content).hexdigest())
            monkeypatch.setitem(_cache.REMOTE_FILES, name, _cache.RemoteFile(*remote))
        yield web
        web.close()

    @pytest.fixture
    def cache(self, tmp_path, web):
        return tmp_path / "skimdb"

    def child(self, what):
        return [sys.executable, "-c", CHILD, json.dumps(_cache.REMOTE_FILES), what]

    def test_download(self, files, web, cache):
        killer, n_left, n_done = Killer(seed=3), 0, []
        seconds = run_undisturbed(self.child("download"))
        while killer.n_killed < 28 or (1 not in n_done and killer.n_killed < 100):
            for name in files:
                (cache / name).unlink(missing_ok=True)
            n_requests = len(web.requests)
            if killer.n_killed < 4:
                killer.kill(self.child("download"), within=seconds)
            else:
                wanted = n_requests + killer.rng.choice([1, 2])
                killer.kill(
                    self.child("download"),
                    after=lambda wanted=wanted: len(web.requests) >= wanted,
                    within=0.1,
                )
            found = contents_of(cache)
            assert found.items() <= files.items()
            n_done.append(len(found))
            n_left += bool(list(cache.glob(TEMPORARY)))
        assert n_left > 0
        assert {0, 1} <= set(n_done)
        run_undisturbed(self.child("download"))
        assert contents_of(cache) == files
        assert names_in(cache) == set(files)
        assert len(fetch_word_index(download_if_missing=False)) == 79_999

    def test_ctrl_c(self, files, web, cache, monkeypatch, on_terminal):  # noqa: F811
        slow = RawWeb(partial(drip, answer(bytes(30_000_000))))
        remote = _cache.REMOTE_FILES["imdb_word_index.json"]._replace(url=slow.url)
        monkeypatch.setitem(_cache.REMOTE_FILES, "imdb_word_index.json", remote)
        _, *program = self.child("download")[:-1]
        process, terminal = on_terminal("download", program=program)
        assert b"/30.0 MB" in read_until(terminal, b"/30.0 MB")
        process.send_signal(signal.SIGINT)
        output = read_until(terminal, b"interrupted.\r\n")
        slow.close()
        assert process.wait(60) == 130
        assert b"Traceback" not in output
        # the last line, after the bar was erased
        assert re.search(rb"\x1b\[2K[^\r]*Error: [^\r]*interrupted.\r\n$", output)
        assert {path.name for path in cache.iterdir()} == {"imdb.npz"}

    @pytest.mark.usefixtures("web")
    def test_compact_copies(self, cache):
        killer, copies = Killer(seed=4), cache / "sequences"
        run_undisturbed(self.child("fetch"))
        expected = contents_of(copies)
        assert len(expected) == 2
        reviews = fetch_imdb(subset="all").data
        n_left, n_done = 0, []
        while killer.n_killed < 13 or (n_left == 0 and killer.n_killed < 30):
            for name in expected:
                (copies / name).unlink(missing_ok=True)
            within = killer.rng.choice((0, 0.002, 0.02))
            killer.kill(self.child("fetch"), after=writing_in(copies), within=within)
            found = contents_of(copies)
            assert found.items() <= expected.items()
            n_done.append(len(found))
            n_left += bool(list(copies.glob(TEMPORARY)))
        assert n_left > 0
        run_undisturbed(self.child("fetch"))
        assert contents_of(copies) == expected
        assert names_in(copies) == set(expected)
        again = fetch_imdb(subset="all", download_if_missing=False).data
        assert all(map(np.array_equal, again, reviews))
