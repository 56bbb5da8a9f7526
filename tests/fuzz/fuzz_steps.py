"""Saved pipelines of all steps: one member, or one value of the tree, under right checksums."""

import json
import tempfile
from functools import cache
from pathlib import Path

import numpy as np
from fuzz._outcome import refusals_name, written
from model_members import TREE, read_members, write_model

from skimdb import load_model, save_model, text_pipeline

TEXTS = [
    "A wonderful film, moving and funny!",
    "Dull; I walked out of a dull film.",
    "",
    "été 日本",
]
WHOLE, VALUE = 254, 255
SETTINGS = {
    "words": ({}, [0, 1, 0, 1]),
    "counts": ({"vectorizer__mode": "count", "scaler__norm_power": 0}, ["a", "b", "c", "b"]),
    "buckets": (
        {"vectorizer__n_buckets": 30, "vectorizer__min_df": 1, "vectorizer__count_min_df": 1},
        [0, 1, 0, 1],
    ),
    "labels": ({}, np.array([[1, 0, 1], [0, 1, 1], [0, 0, 0], [1, 1, 0]])),
    "characters": ({"encoder__analyzer": "char", "vectorizer__mode": "tfidf"}, [0, 1, 0, 1]),
    "keras": (
        {
            "encoder__analyzer": "keras",
            "encoder__strip_accents": "unicode",
            "encoder__handle_unknown": "oov",
            "vectorizer__mode": "log",
            "vectorizer__count_min_df": 2,
            "vectorizer__max_features": 12,
        },
        [0, 1, 0, 1],
    ),
}


@cache
def make_files():
    """Return the members of a file of each kind of pipeline, and the whole files."""
    files = []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "model.skimdb")
        for settings, y in SETTINGS.values():
            pipeline = text_pipeline(units=2, random_state=0, epochs=1).set_params(**settings)
            save_model(pipeline.fit(TEXTS, y), path)
            files.append((read_members(path), path.read_bytes()))
    return files


def places(part, keys=()):
    """Yield the keys that lead to each value of a JSON tree."""
    inner = part if isinstance(part, dict) else range(len(part) if isinstance(part, list) else 0)
    for key in inner:
        yield (*keys, key)
        yield from places(part[key], (*keys, key))


def seeds():
    """Yield valid inputs."""
    for number, (members, whole) in enumerate(make_files()):
        yield bytes([number, WHOLE]) + whole
        for i, name in enumerate(sorted(members)):
            yield bytes([number, i]) + members[name]
        tree = json.loads(members[TREE])
        for place, keys in enumerate(places(tree)):
            value = tree
            for key in keys:
                value = value[key]
            if not isinstance(value, dict | list):
                start = bytes([number, VALUE]) + place.to_bytes(2, "big")
                yield start + json.dumps(value, ensure_ascii=False).encode()


def read(data, folder):
    """Read an input, and return the probabilities that the model in it gives."""
    number, part = data[:2] if len(data) > 1 else (0, WHOLE)
    members, _ = make_files()[number % len(SETTINGS)]
    path = folder / "model.skimdb"
    if part == WHOLE:
        written(path, data[2:])
    else:
        name = TREE if part == VALUE else sorted(members)[part % len(members)]
        content = data[2:]
        if part == VALUE:
            content = _with_value(members[TREE], content)
        write_model(path, {**members, name: content})
    with refusals_name(path):
        model = load_model(path)
    probabilities = model.predict_proba(TEXTS)
    assert len(probabilities) == len(TEXTS)
    # what was opened is saved in one way, and stays what it is
    again = save_model(model, folder / "again.skimdb")
    saved = again.read_bytes()
    loaded = load_model(again)
    np.testing.assert_array_equal(loaded.predict_proba(TEXTS), probabilities)
    assert save_model(loaded, again).read_bytes() == saved
    return probabilities


def _with_value(tree, content):
    """Return the bytes of a tree with one of its values replaced."""
    place, value = int.from_bytes(content[:2], "big"), content[2:]
    document = json.loads(tree)
    keys = [*places(document)]
    *path, last = keys[place % len(keys)]
    part = document
    for key in path:
        part = part[key]
    part[last] = "a value that stands nowhere else"
    text = json.dumps(document, ensure_ascii=False)
    return text.encode().replace(b'"a value that stands nowhere else"', value)
