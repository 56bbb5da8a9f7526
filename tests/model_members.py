"""What the tests of model files share: the stored model, and files of members of one's own."""

import hashlib
import io
import json
import stat
import zipfile
from pathlib import Path

from numpy.lib import format as npy_format

STORED = Path(__file__).parent / "data" / "model-v1.skimdb"
TEXTS = ["A wonderful film, moving and funny.", "A dull, boring mess; I walked out.", ""]
MANIFEST, TREE = "manifest.json", "model.json"


def read_members(path):
    """Return the members of a model file, without the manifest."""
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist() if name != MANIFEST}


def make_manifest(members, /, **changes):
    """Return a manifest of members, with some of its values changed."""
    manifest = {
        "format": "skimdb model",
        "format_version": 1,
        "skimdb_version": "0.1.0",
        "members": {
            name: {"size": len(content), "sha256": hashlib.sha256(content).hexdigest()}
            for name, content in members.items()
        },
    }
    return to_json({**manifest, **changes})


def write_model(path, members):
    """Write a model file of any members, by the format alone."""
    return write_zip(path, [*members.items(), (MANIFEST, make_manifest(members))])


def to_npy(array):
    """Return an array as a model file holds it."""
    stream = io.BytesIO()
    npy_format.write_array(stream, array, version=(1, 0))
    return stream.getvalue()


def write_zip(path, members, /, **changes):
    """Write a zip archive of (name, content) pairs, with some fields of the entries changed."""
    fields = {"create_system": 3, "external_attr": (stat.S_IFREG | 0o644) << 16, **changes}
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members:
            info = zipfile.ZipInfo(name)
            for field, value in fields.items():
                setattr(info, field, value)
            archive.writestr(info, content)
    return path


def to_json(value):
    """Return a value as a model file holds it."""
    return json.dumps(value, ensure_ascii=False).encode()
