"""The compact copy that the second fetch of a file reads."""

import os
import zlib

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
    return sorted((source.parent / "cache").rglob("*.ranks"))


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
def test_a_damaged_copy_is_made_anew(source, damage):
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
    assert copy.read_bytes() == content


def test_a_copy_with_any_byte_changed_is_made_anew(source):
    fetched(source)
    (copy,) = copies(source)
    content = copy.read_bytes()
    for position in range(0, len(content), 5):
        changed = bytearray(content)
        changed[position] ^= 4
        copy.write_bytes(changed)
        assert fetched(source) == TRAIN
        assert copy.read_bytes() == content


@pytest.mark.parametrize("offsets", [[0, 4, 6, 7, 11], [0, 4, 4, 7, 10], [1, 4, 6, 7, 10]])
def test_a_copy_whose_rows_are_not_end_to_end_is_made_anew(source, offsets):
    fetched(source)
    (copy,) = copies(source)
    content = copy.read_bytes()
    size = len(content) - 10 * 4 - 5 * 8  # up to the offsets, which have the values behind them
    arrays_start = size - 6 * 8
    assert np.frombuffer(content[size : size + 40], np.int64).tolist() == [0, 4, 6, 7, 10]
    arrays = content[arrays_start:size] + np.array(offsets).tobytes() + content[size + 40 :]
    checksum = zlib.crc32(arrays).to_bytes(8, "little")
    copy.write_bytes(content[: arrays_start - 8] + checksum + arrays)
    assert fetched(source) == TRAIN
    assert copy.read_bytes() == content


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
