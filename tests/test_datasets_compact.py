"""The compact copy that the second fetch of a file reads."""

import io
import os
import subprocess
import sys
import zipfile

import numpy as np
import pytest

from skimdb.datasets import fetch_imdb

FIRST = {"train": ([[5, 9, 2], [3], [], [7, 7]], [1, 0, 1, 0]), "test": ([[4], [6, 8]], [0, 1])}
SECOND = {"train": ([[6, 8, 1], [4], [], [9, 9]], [0, 1, 0, 1]), "test": ([[3], [5, 7]], [1, 0])}


def write_npz(path, reviews):
    arrays = {}
    for split, (rows, labels) in reviews.items():
        arrays[f"x_{split}"] = np.array(rows, dtype=object)
        arrays[f"y_{split}"] = np.array(labels)
    np.savez(path, **arrays)


@pytest.fixture
def source(tmp_path, monkeypatch):
    """A small file in Keras's format, and an empty cache."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    path = tmp_path / "imdb.npz"
    write_npz(path, FIRST)
    return path


def copies(source):
    return sorted((source.parent / "cache").rglob("*/sequences/*.npz"))


def fetched(source, **options):
    bunch = fetch_imdb(data_home=source, random_state=None, num_words=100, **options)
    return [row.tolist() for row in bunch.data], bunch.target.tolist()


TRAIN = ([[1, 8, 12, 5], [1, 6], [1], [1, 10, 10]], [1, 0, 1, 0])


def spoil(source):
    """Overwrite the source with junk that looks unchanged from outside."""
    status = source.stat()
    source.write_bytes(b"x" * status.st_size)
    os.utime(source, ns=(status.st_atime_ns, status.st_mtime_ns))


def test_the_second_fetch_reads_the_copy(source):
    assert fetched(source) == TRAIN
    everything = fetched(source, subset="all", start_char=None, oov_char=None)
    spoil(source)
    assert fetched(source) == TRAIN
    assert fetched(source, subset="all", start_char=None, oov_char=None) == everything
    assert len(copies(source)) == 2


def test_a_changed_source_is_read_again(source):
    assert fetched(source) == TRAIN
    write_npz(source, SECOND)
    assert fetched(source) == ([[1, 9, 11, 4], [1, 7], [1], [1, 12, 12]], [0, 1, 0, 1])


@pytest.mark.parametrize("damage", ["cut", "lengthened", "emptied", "junk"])
def test_a_damaged_copy_is_made_again(source, damage):
    fetched(source)
    (copy,) = copies(source)
    content = copy.read_bytes()
    copy.write_bytes(
        {"cut": content[:-4], "lengthened": content + b"more", "emptied": b"", "junk": b"x" * 999}[
            damage
        ]
    )
    assert fetched(source) == TRAIN
    assert copies(source) == [copy]
    # zipfile ignores bytes behind the archive
    assert copy.read_bytes() == content or damage == "lengthened"


def test_a_copy_with_any_byte_changed_gives_the_same_rows(source):
    fetched(source)
    (copy,) = copies(source)
    content = copy.read_bytes()
    for position in range(0, len(content), 5):
        changed = bytearray(content)
        changed[position] ^= 4
        copy.write_bytes(changed)
        assert fetched(source) == TRAIN


def change_array(copy, name, array):
    """Write a copy with another array, and the right checksum."""
    with zipfile.ZipFile(copy) as archive:
        arrays = {member: archive.read(member) for member in archive.namelist()}
    stream = io.BytesIO()
    np.save(stream, array)
    with zipfile.ZipFile(copy, "w") as archive:
        for member, content in {**arrays, f"{name}.npy": stream.getvalue()}.items():
            archive.writestr(member, content)


@pytest.mark.parametrize(
    ("name", "array"),
    [
        ("offsets", np.array([0, 4, 6, 7, 11])),
        ("offsets", np.array([0, 4, 4, 7, 10])),
        ("offsets", np.array([1, 4, 6, 7, 10])),
        ("offsets", np.array([0, 4, 6, 10])),
        ("offsets", np.array([0.0, 4, 6, 7, 10])),
        ("offsets", np.array([[0, 4, 6, 7, 10]])),
        ("offsets", np.array([0, 4, 6, 7, 10], dtype=np.int32)),
        ("offsets", np.array([0, 4, 6, 7, 10], dtype=object)),
        ("values", np.arange(9, dtype=np.int32)),
        ("values", np.arange(10, dtype=np.int64)),
        ("values", np.arange(10, dtype=">i4")),
        ("values", np.array([[1] * 10], dtype=object)),
        ("train_labels", np.array([1, 0])),
        ("identity", np.arange(100, dtype=np.uint8)),
    ],
)
def test_a_copy_whose_arrays_do_not_fit_is_made_again(source, name, array):
    fetched(source)
    (copy,) = copies(source)
    content = copy.read_bytes()
    change_array(copy, name, array)
    assert fetched(source) == TRAIN
    assert copy.read_bytes() == content


def test_a_copy_runs_nothing(source, tmp_path):
    class Gadget:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "witness"),)

    fetched(source)
    (copy,) = copies(source)
    for name in ("identity", "offsets", "values", "train_labels"):
        change_array(copy, name, np.array([Gadget()], dtype=object))
        fetched(source)
    assert not (tmp_path / "witness").exists()


@pytest.mark.skipif(os.name == "nt", reason="has no limits of file sizes")
def test_a_full_disk_is_a_warning(source):
    code = """
import resource, signal, sys
from skimdb.datasets import fetch_imdb
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
print(len(fetch_imdb(data_home=sys.argv[1]).data))
"""
    # coverage could not write its file within the limit
    env = {name: value for name, value in os.environ.items() if "COVERAGE" not in name}
    done = subprocess.run(
        [sys.executable, "-c", code, source], capture_output=True, text=True, env=env, check=True
    )
    assert done.stdout == "4\n"
    # NumPy 2.0 leaves its ZipFile open, which Python then can't close
    stderr = done.stderr.partition("Exception ignored in: <function ZipFile.__del__")[0]
    assert "no compact copy of" in stderr
    assert "Traceback" not in stderr
    assert [path.name for path in (source.parent / "cache").rglob("*")] == ["skimdb", "sequences"]


def test_no_copy_is_no_harm(source):
    cache = source.parent / "cache"
    cache.mkdir()
    (cache / "skimdb").write_text("in the way of the cache folder")
    with pytest.warns(UserWarning, match="no compact copy of .* could be written"):
        assert fetched(source) == TRAIN
    assert (cache / "skimdb").is_file()


def test_results_may_be_written_to(source):
    fetched(source)
    X = fetch_imdb(data_home=source, random_state=None).data
    X[0][:] = 0
    assert fetched(source) == TRAIN
