"""Saved models: the whole file, or one member, under checksums that are right."""

import numpy as np
from fuzz._outcome import refusals_name, written
from model_members import STORED, TEXTS, read_members, write_model

from skimdb import load_model

WHOLE = 255
MEMBERS = read_members(STORED)
NAMES = sorted(MEMBERS)


def seeds():
    """Yield valid inputs."""
    yield bytes([WHOLE]) + STORED.read_bytes()
    for number, name in enumerate(NAMES):
        yield bytes([number]) + MEMBERS[name]


def read(data, folder):
    """Read an input, and return the probabilities that the model in it gives."""
    part, content = data[0] if data else WHOLE, data[1:]
    path = folder / "model.skimdb"
    if part == WHOLE:
        written(path, content)
    else:
        write_model(path, {**MEMBERS, NAMES[part % len(NAMES)]: content})
    with refusals_name(path):
        model = load_model(path)
    model.get_params()
    probabilities = model.predict_proba(TEXTS)
    assert probabilities.shape == (len(TEXTS), len(model.classes_))
    # weights of any size may be in a file that someone forged
    if part == WHOLE:
        assert np.isfinite(probabilities).all()
    return probabilities
