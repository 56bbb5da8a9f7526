"""fetch_word_index: where the file is looked for, and what it may contain."""

import json
from numbers import Integral

import numpy as np
import pytest
from hypothesis import assume, given
from property_cases import given_or_refused, nonsense, scaled

from skimdb.datasets import fetch_word_index

WORD_INDEX = {"the": 1, "film": 2, "Ángela": 3}
INDEX_FILE = "imdb_word_index.json"


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A folder that holds the word index beside the other forms of the data."""
    monkeypatch.delenv("SKIMDB_IMDB_HOME", raising=False)
    (tmp_path / INDEX_FILE).write_text(json.dumps(WORD_INDEX))
    for name in ("imdb.npz", "aclImdb_v1.tar.gz"):
        (tmp_path / name).touch()
    for split in ("train", "test"):
        (tmp_path / "aclImdb" / split).mkdir(parents=True)
    return tmp_path


@pytest.mark.parametrize(
    "name", ["", "imdb.npz", "aclImdb", "aclImdb_v1.tar.gz", "imdb_word_index.json"]
)
def test_in_the_folder_or_beside(home, name):
    assert fetch_word_index(data_home=home / name) == WORD_INDEX


def test_inside_an_unpacked_folder(home):
    (home / INDEX_FILE).rename(home / "aclImdb" / INDEX_FILE)
    assert fetch_word_index(data_home=home / "aclImdb") == WORD_INDEX


def test_named_by_the_variable(monkeypatch, home):
    monkeypatch.setenv("SKIMDB_IMDB_HOME", str(home))
    assert fetch_word_index() == WORD_INDEX


def test_missing_path_is_named(home):
    with pytest.raises(FileNotFoundError, match=r"data_home names .*missing.*imdb_word_index"):
        fetch_word_index(data_home=home / "missing")


@scaled(60)
@given(nonsense)
def test_an_argument_that_makes_no_sense_is_named(value):
    # nothing may be downloaded
    assume(not isinstance(value, Integral | np.bool_) or not value)
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("SKIMDB_IMDB_HOME", raising=False)
        try:
            given_or_refused(
                lambda: fetch_word_index(download_if_missing=value), "download_if_missing"
            )
        except OSError as error:
            assert "download_if_missing=False" in str(error)  # noqa: PT017


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "cannot be read as JSON"),
        (b'{"the": 1', "cannot be read as JSON"),
        (b"\xff", "cannot be read as JSON"),
        (b"[" * 100_000, "cannot be read as JSON"),
        (b"[1]", "must map words to ranks, got list"),
        (b"{}", "must hold at least one word"),
        (b'{"the": "1"}', "'the': '1'"),
        (b'{"the": 1.0}', "'the': 1.0"),
        (b'{"the": true}', "'the': True"),
        (b'{"the": 0}', "'the': 0"),
        (b'{"the": 2147483648}', "'the': 2147483648"),
        (b'{"the": NaN}', "'the': nan"),
        (b'{"the": null}', "'the': None"),
        (b'{"the": 1, "the": 2}', "cannot be read as JSON: an object has a key twice"),
        (b'{"the": 1, "a": 1}', "must give each word a rank of its own"),
    ],
)
def test_bad_file(tmp_path, content, message):
    path = tmp_path / INDEX_FILE
    path.write_bytes(content)
    with pytest.raises(ValueError, match=rf"imdb_word_index\.json .*{message}"):
        fetch_word_index(data_home=path)


def test_real_word_index(imdb_home):
    word_index = fetch_word_index(data_home=imdb_home)
    assert len(word_index) == 88_584
    assert sorted(word_index.values()) == list(range(1, 88_585))
    assert word_index["the"] == 1
