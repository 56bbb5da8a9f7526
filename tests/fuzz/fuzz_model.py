"""Saved models: the whole file, or one member, under checksums that are right."""

import io
import zipfile
from pathlib import Path

import numpy as np
from fuzz._outcome import refusals_name, written

from skimdb import load_model
from skimdb._model_archive import MANIFEST, write_archive

STORED = Path(__file__).parents[1] / "data" / "model-v1.skimdb"
TEXTS = ["A wonderful film, moving and funny.", "A dull, boring mess; I walked out.", ""]
WHOLE = 255


def stored_members():
    """Return the members of the stored model."""
    with zipfile.ZipFile(STORED) as archive:
        return {name: archive.read(name) for name in archive.namelist() if name != MANIFEST}


MEMBERS = stored_members()
NAMES = sorted(MEMBERS)


def seeds():
    """Yield valid inputs."""
    yield bytes([WHOLE]) + STORED.read_bytes()
    for number, name in enumerate(NAMES):
        yield bytes([number]) + MEMBERS[name]


def read(data, folder):
    """Read an input, and return the probabilities that the model in it gives."""
    part, content = data[0] if data else WHOLE, data[1:]
    if part != WHOLE:
        stream = io.BytesIO()
        write_archive(stream, {**MEMBERS, NAMES[part % len(NAMES)]: content})
        content = stream.getvalue()
    path = written(folder / "model.skimdb", content)
    with refusals_name(path):
        model = load_model(path)
    model.get_params()
    probabilities = model.predict_proba(TEXTS)
    assert probabilities.shape == (len(TEXTS), len(model.classes_))
    # weights of any size may be in a file that someone forged
    if part == WHOLE:
        assert np.isfinite(probabilities).all()
    return probabilities
