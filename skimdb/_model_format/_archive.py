"""The zip archive of a model file: its members, and a manifest of their sizes and digests.

Nothing is compressed: weights hardly shrink, and so no member can unpack to more than the file.
"""

import hashlib
import io
import json
import os
import re
import stat
import zipfile
from math import prod

from numpy.lib import format as npy_format

from skimdb import __version__
from skimdb._utils._checks import short_repr, to_unique_dict

FORMAT, FORMAT_VERSION = "skimdb model", 1
MANIFEST = "manifest.json"
# Flat names: no folder, drive, ".." or letter that a file system could confuse with another.
MEMBER_NAME = re.compile(r"[a-z0-9_]+\.(json|npy)")
NPY_VERSION = (1, 0)
# zip's number for the system that wrote a member
UNIX = 3


def write_archive(file, members, skimdb_version=__version__):
    """Write members, given as bytes by name, and their manifest into a binary file."""
    manifest = {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "skimdb_version": skimdb_version,
        "members": {
            name: {"size": len(content), "sha256": hashlib.sha256(content).hexdigest()}
            for name, content in members.items()
        },
    }
    with zipfile.ZipFile(file, "w") as archive:
        for name, content in {**members, MANIFEST: to_json(manifest)}.items():
            # The date stays that of zip's epoch, and the system is always the same, so that the
            # same model gives the same file.
            info = zipfile.ZipInfo(name)
            info.create_system = UNIX
            info.external_attr = (stat.S_IFREG | 0o644) << 16
            archive.writestr(info, content)


def read_archive(file):
    """Return the members of an archive as bytes by name, or say what is wrong with it."""
    status = os.fstat(file.fileno())
    if not stat.S_ISREG(status.st_mode):
        raise ValueError("it isn't a regular file")
    with zipfile.ZipFile(file) as archive:
        infos = archive.infolist()
        _check_readable(infos, status.st_size)
        members = {info.filename: archive.read(info) for info in infos}
    if MANIFEST not in members:
        raise ValueError(f"it lacks {MANIFEST}, which each model has")
    skimdb_version = _read_manifest(members.pop(MANIFEST))
    # A zip archive can hold other bytes before, between and behind its members, such as a program,
    # and two members of one name.
    expected = io.BytesIO()
    write_archive(expected, members, skimdb_version)
    file.seek(0)
    if file.read(len(expected.getbuffer()) + 1) != expected.getbuffer():
        raise ValueError("it was damaged or changed: its bytes differ from what save_model writes")
    return members


def to_npy(array):
    """Return an array as the bytes of a .npy file."""
    stream = io.BytesIO()
    npy_format.write_array(stream, array, version=NPY_VERSION, allow_pickle=False)
    return stream.getvalue()


def from_npy(content, name, types):
    """Return the array in the bytes of a .npy file.

    Its dtype must be one of the types, given by NumPy's letter of a kind ("f") or by that and the
    number of bytes ("f4"). The header is compared with the number of bytes before memory for the
    array is allocated.
    """
    stream = io.BytesIO(content)
    if npy_format.read_magic(stream) != NPY_VERSION:
        raise ValueError(f"{name} must be a .npy file of version {NPY_VERSION}")
    shape, _, dtype = npy_format.read_array_header_1_0(stream)
    if dtype.kind not in types and f"{dtype.kind}{dtype.itemsize}" not in types:
        raise ValueError(f"{name} must be an array of type {' or '.join(types)}, not {dtype}")
    n_bytes = len(content) - stream.tell()
    if min(shape, default=0) < 0 or prod(shape) * dtype.itemsize != n_bytes:
        raise ValueError(f"{name} has the shape {shape} of {dtype}, but {n_bytes} bytes")
    stream.seek(0)
    array = npy_format.read_array(stream, allow_pickle=False)
    return array.astype(dtype.newbyteorder("="), copy=False)


def to_json(value):
    """Return JSON as bytes."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False).encode()


def from_json(content):
    """Return the value of strict JSON: without NaN, Infinity, or two equal names in an object."""
    return json.loads(content, object_pairs_hook=to_unique_dict, parse_constant=_refuse_constant)


class Members:
    """The members of an archive, each to be read once, until none is left."""

    def __init__(self, members):
        self._members = dict(members)

    def json(self, name):
        """Return the value of a JSON member."""
        return from_json(self._pop(name))

    def array(self, name, types):
        """Return the array in a .npy member, of one of the types."""
        return from_npy(self._pop(name), name, types)

    def check_all_read(self):
        """Raise if there are members that no part of the model uses."""
        if self._members:
            raise ValueError(f"it has members that no part of it uses: {sorted(self._members)}")

    def _pop(self, name):
        if name not in self._members:
            raise ValueError(f"it lacks {name!r:.80}, which the model needs")
        return self._members.pop(name)


def _check_readable(infos, file_size):
    """Raise unless all members can be read in memory of the size of the file."""
    for info in infos:
        if (
            not MEMBER_NAME.fullmatch(info.orig_filename)
            or info.compress_type != zipfile.ZIP_STORED
            or info.compress_size != info.file_size
            or info.flag_bits  # encrypted, for example
            or not 0 <= info.header_offset < file_size
        ):
            name = info.orig_filename[:80]
            raise ValueError(f"its member {name!r} does not belong in a model file")
    total = sum(info.file_size for info in infos)
    if total > file_size:
        raise ValueError(f"its members claim {total} bytes, of a file that has {file_size}")


def _read_manifest(content):
    """Return the version of skimdb that wrote an archive, if this one can read it."""
    manifest = from_json(content)
    if not isinstance(manifest, dict) or manifest.get("format") != FORMAT:
        raise ValueError(f"its {MANIFEST} doesn't say that it is a {FORMAT}")
    skimdb_version, version = manifest.get("skimdb_version"), manifest.get("format_version")
    if isinstance(version, int) and version > FORMAT_VERSION:
        raise ValueError(
            f"it has format version {short_repr(version)}, of skimdb {skimdb_version!r:.40}, "
            f"where this skimdb {__version__} knows {FORMAT_VERSION}: install a newer one"
        )
    return skimdb_version


def _refuse_constant(constant):
    raise ValueError(f"it holds {constant}, which is not valid JSON")
