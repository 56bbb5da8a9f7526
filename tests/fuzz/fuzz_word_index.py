"""imdb_word_index.json."""

import json

from fuzz._outcome import refusals_name, written

from skimdb.datasets import fetch_word_index

WORDS = {"the": 1, "Ángela": 88_000, "\0": 3, "日本": 2**31 - 1}


def seeds():
    """Yield valid inputs, and some that are refused."""
    yield json.dumps(WORDS).encode()
    yield json.dumps(WORDS, ensure_ascii=False).encode("utf-8-sig")
    yield json.dumps(WORDS).encode("utf-16")
    yield b'{"a": 1e5, "b": [{}], "c": null, "d": "\\ud800", "e": NaN, "f": -1}'


def read(data, folder):
    """Read an input, and return what is in it."""
    path = written(folder / "imdb_word_index.json", data)
    with refusals_name(path):
        word_index = fetch_word_index(data_home=path)
    assert word_index == json.loads(data)
    assert word_index
    assert set(map(type, word_index)) == {str}
    assert set(map(type, word_index.values())) == {int}
    assert min(word_index.values()) > 0
    assert max(word_index.values()) < 2**31
    return word_index
