"""The zip archive around a model: its members, what they are checked against, and how they lie.

Nothing is compressed. Weights hardly shrink, and so no member can unpack to more than the file
itself holds.
"""

import hashlib
import io
import json
import os
import re
import stat
import zipfile
from importlib.metadata import PackageNotFoundError, version
from math import prod

import numpy as np
from numpy.lib import format as npy_format

FORMAT, FORMAT_VERSION = "skimdb model", 1
MANIFEST = "manifest.json"
LARGEST_MANIFEST = 2**20
# Flat names: no folder, drive, "..", blank or letter that a file system could take for another.
MEMBER_NAME = re.compile(r"[a-z0-9_]+\.(json|npy)")
NPY_VERSION = (1, 0)
# zip's number for the kind of system that wrote a member
UNIX = 3


def write_archive(file, members):
    """Write members, and a manifest of their sizes and SHA-256 digests, into a binary file."""
    manifest = {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "skimdb_version": _skimdb_version(),
        "members": {name: _listed(content) for name, content in members.items()},
    }
    _write_members(file, {**members, MANIFEST: to_json(manifest)})


def read_archive(file):
    """Return the members of an archive as bytes by name, or say what is wrong with it."""
    status = os.fstat(file.fileno())
    if not stat.S_ISREG(status.st_mode):
        raise ValueError("it isn't a regular file")
    with zipfile.ZipFile(file) as archive:
        infos = _checked_infos(archive.infolist(), status.st_size)
        manifest = _checked_manifest(archive, infos.pop(MANIFEST))
        listed = manifest["members"]
        if set(listed) != set(infos):
            unlike = sorted(set(listed) ^ set(infos))
            raise ValueError(f"its members are not those that its manifest lists: {unlike}")
        members = {name: _verified(archive, info, listed[name]) for name, info in infos.items()}
        _check_nothing_else(file, {**members, MANIFEST: archive.read(MANIFEST)})
    return members


def to_npy(array):
    """Return an array as the bytes of a .npy file."""
    stream = io.BytesIO()
    npy_format.write_array(stream, array, version=NPY_VERSION, allow_pickle=False)
    return stream.getvalue()


def from_npy(content, name, types):
    """Return the array in the bytes of a .npy file.

    Its dtype must be one of the types, given by NumPy's letter of a kind ("f") or by that and the
    number of bytes ("f4").
    The header is compared with the bytes there are before room is made for the array.
    """
    stream = io.BytesIO(content)
    if npy_format.read_magic(stream) != NPY_VERSION:
        raise ValueError(f"{name} must be a .npy file of version {NPY_VERSION}")
    shape, _, dtype = npy_format.read_array_header_1_0(stream)
    if dtype.kind not in types and f"{dtype.kind}{dtype.itemsize}" not in types:
        raise ValueError(f"{name} must be an array of type {' or '.join(types)}, not {dtype}")
    if any(length < 0 for length in shape):
        raise ValueError(f"{name} must not have a negative size, but has shape {shape}")
    if prod(shape) * dtype.itemsize != len(content) - stream.tell():
        raise ValueError(f"{name} says shape {shape} of {dtype}, which its bytes don't make up")
    stream.seek(0)
    array = npy_format.read_array(stream, allow_pickle=False)
    return array.astype(dtype.newbyteorder("="), copy=False)


def check_finite(array, name):
    """Raise unless all numbers of an array are finite: with others no model predicts anything."""
    if not np.isfinite(array).all():
        raise ValueError(f"{name} must be finite, but some are NaN or infinite")


def to_json(value):
    """Return JSON as bytes."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False).encode()


def from_json(content):
    """Return what strict JSON says; a name twice in an object, NaN and Infinity are refused."""
    return json.loads(content, object_pairs_hook=_object, parse_constant=_no_constant)


def _object(pairs):
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a JSON object in it has a name twice")
    return members


def _no_constant(constant):
    raise ValueError(f"it holds {constant}, which JSON doesn't know")


def _skimdb_version():
    try:
        return version("skimdb")
    except PackageNotFoundError:
        return "unknown"  # run from sources that aren't installed


def _write_members(file, contents):
    with zipfile.ZipFile(file, "w") as archive:
        for name, content in contents.items():
            archive.writestr(_member_info(name), content)


def _check_nothing_else(file, contents):
    """Raise unless a file is, to the byte, what is written for its members.

    A zip archive may have anything before, between and behind its members: a program, say, that
    other software takes the file for.
    """
    expected = io.BytesIO()
    _write_members(expected, contents)
    file.seek(0)
    if file.read(len(expected.getbuffer()) + 1) != expected.getbuffer():
        raise ValueError("it has bytes that no model has: it was damaged or changed")


def _listed(content):
    """Return what the manifest says of a member."""
    return {"size": len(content), "sha256": hashlib.sha256(content).hexdigest()}


def _member_info(name):
    # the date stays that of zip's epoch, and the system is the same on any, so that the same model
    # makes the same file
    info = zipfile.ZipInfo(name)
    info.create_system = UNIX
    info.external_attr = (stat.S_IFREG | 0o644) << 16
    return info


def _checked_infos(infos, file_size):
    """Return the directory's entries by name, if all of them are what ``write_archive`` writes."""
    by_name = {}
    for info in infos:
        name = info.orig_filename
        if not MEMBER_NAME.fullmatch(name):
            raise ValueError(f"it has a member of the name {name[:80]!r}, which no model has")
        if name in by_name:
            raise ValueError(f"it has two members of the name {name}")
        if info.compress_type != zipfile.ZIP_STORED or info.compress_size != info.file_size:
            raise ValueError(f"its member {name} is compressed, which in a model none is")
        if stat.S_IFMT(info.external_attr >> 16) not in (0, stat.S_IFREG):
            raise ValueError(f"its member {name} is a link or otherwise no plain file")
        if info.flag_bits:
            raise ValueError(f"its member {name} is encrypted or otherwise unlike a model's")
        if not 0 <= info.header_offset < file_size:
            raise ValueError(f"its member {name} lies outside of the file")
        by_name[name] = info
    total = sum(info.file_size for info in infos)
    if total > file_size:
        raise ValueError(f"its members claim {total} bytes, of a file that has {file_size}")
    if MANIFEST not in by_name:
        raise ValueError(f"it lacks {MANIFEST}, which each model has")
    return by_name


def _checked_manifest(archive, info):
    if info.file_size > LARGEST_MANIFEST:
        raise ValueError(f"its {MANIFEST} has {info.file_size} bytes, over {LARGEST_MANIFEST}")
    manifest = from_json(archive.read(info))
    if not isinstance(manifest, dict) or manifest.get("format") != FORMAT:
        raise ValueError(f"its {MANIFEST} doesn't say that it is a {FORMAT}")
    written = manifest.get("format_version")
    if type(written) is not int or written < 1:
        raise ValueError(f"its {MANIFEST} has no format version")
    if written > FORMAT_VERSION:
        raise ValueError(
            f"it has format version {written}, of skimdb {manifest.get('skimdb_version')!r:.40}, "
            f"where this skimdb {_skimdb_version()} knows {FORMAT_VERSION}: install a newer one"
        )
    if not isinstance(manifest.get("members"), dict):
        raise ValueError(f"its {MANIFEST} lists no members")
    return manifest


def _verified(archive, info, listed):
    content = archive.read(info)
    if listed != _listed(content):
        raise ValueError(
            f"its member {info.filename} has another checksum than its manifest says: "
            "it was damaged or changed"
        )
    return content


class Members:
    """The members of an opened archive, each to be taken once, until none is left."""

    def __init__(self, members):
        self._members = dict(members)

    def json(self, name):
        """Return what a JSON member says."""
        return from_json(self._taken(name))

    def array(self, name, types, shape=None):
        """Return the array in a .npy member, of one of the types and of the shape, if given."""
        array = from_npy(self._taken(name), name, types)
        if shape is not None and array.shape != shape:
            raise ValueError(f"{name} must have shape {shape}, but has {array.shape}")
        return array

    def check_all_taken(self):
        """Raise if there are members that no part of the model asked for."""
        if self._members:
            raise ValueError(f"it has members that no part of it uses: {sorted(self._members)}")

    def _taken(self, name):
        if name not in self._members:
            raise ValueError(f"it lacks {name!r:.80}, which the model needs")
        return self._members.pop(name)
