"""Pickles that attack: each instruction that is not needed is refused, and so is each excess."""

import io
import os
import pickle
import pickletools
import struct
import subprocess
import sys
import zipfile

import numpy as np
import pytest

from skimdb.datasets import _npz, _pickled_arrays, fetch_imdb

ROWS = [[5, 6], [], [70_000, 7, 1], [300]]
RECONSTRUCT = b"cnumpy.core.multiarray\n_reconstruct\n"
ARRAY = RECONSTRUCT + b"cnumpy\nndarray\nK\x00\x85C\x01b\x87R"
OBJECTS = b"cnumpy\ndtype\nX\x02\x00\x00\x00O8\x89\x88\x87R"


def object_array(rows):
    array = np.empty(len(rows), dtype=object)
    array[:] = rows
    return array


def array_of(rows, n_rows):
    """The pickle of an object array around the pickled instructions of its rows."""
    length = b"J" + struct.pack("<i", n_rows)
    return b"\x80\x03" + ARRAY + b"(K\x01" + length + b"\x85" + OBJECTS + b"\x89" + rows + b"tb."


def npy(array, content):
    stream = io.BytesIO()
    np.lib.format.write_array_header_1_0(stream, np.lib.format.header_data_from_array_1_0(array))
    return stream.getvalue() + content


def write_npz(path, pickled, n_rows=4, compression=zipfile.ZIP_STORED):
    labels = np.arange(n_rows) % 2
    members = {
        "x_train": npy(object_array(ROWS), pickled),
        "y_train": npy(labels, labels.tobytes()),
        "x_test": npy(object_array([[1]]), array_of(b"]]K\x01aa", 1)),
        "y_test": npy(labels[:1], labels[:1].tobytes()),
    }
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, content in members.items():
            archive.writestr(f"{name}.npy", content)
    return path


@pytest.fixture
def path(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "imdb.npz"


def ranks(path):
    plain = {"start_char": None, "index_from": 0, "random_state": None, "num_words": 2**31}
    return [row.tolist() for row in fetch_imdb(data_home=path, **plain).data]


def refusal(path):
    with pytest.raises(ValueError, match=r"imdb\.npz cannot be read as imdb\.npz: ") as caught:
        fetch_imdb(data_home=path)
    return str(caught.value)


@pytest.mark.parametrize("protocol", [2, 3, 4])
@pytest.mark.parametrize("kind", ["lists", "arrays", "shared"])
def test_honest_pickles(path, kind, protocol):
    rows = list(ROWS)
    if kind == "arrays":
        rows = [np.array(row, dtype=np.int32) for row in rows]
    if kind == "shared":
        rows[3] = rows[0]
    pickled = pickle.dumps(object_array(rows), protocol=protocol)
    assert ranks(write_npz(path, pickled)) == [list(row) for row in rows]


def test_a_hand_written_pickle(path):
    assert ranks(write_npz(path, array_of(b"](](K\x05K\x06e]]K\x07a]e", 4))) == [
        [5, 6],
        [],
        [7],
        [],
    ]


def test_long_rows_and_frames_within_them(path):
    rows = [list(range(100_000)), [1], [], [2**31 - 1] * 3000]
    pickled = pickle.dumps(object_array(rows), protocol=4)
    assert pickled.count(b"\x95") > 4
    assert ranks(write_npz(path, pickled)) == rows


ATTACKS = {
    "REDUCE": b"cos\nsystem\n(X\x04\x00\x00\x00true\x85R",
    "STACK_GLOBAL": b"\x8c\x02os\x8c\x06system\x93\x8c\x04true\x85R",
    "a dotted name": b"\x8c\x05numpy\x8c\x0bdtype.__new\x93",
    "another name of numpy": b"cnumpy\nload\n\x8c\x04true\x85R",
    "getattr": b"c__builtin__\ngetattr\n",
    "codecs": b"c_codecs\ndecode\n",
    "INST": b"(X\x04\x00\x00\x00trueios\nsystem\n",
    "OBJ": b"(cos\nsystem\nX\x04\x00\x00\x00trueo",
    "NEWOBJ": b"cos\nsystem\nX\x04\x00\x00\x00true\x85\x81",
    "NEWOBJ_EX": b"cos\nsystem\n)}\x92",
    "EXT1": b"\x82\x01",
    "EXT4": b"\x84\x01\x00\x00\x00",
    "PERSID": b"P1\n",
    "BINPERSID": b"K\x01Q",
    "BUILD": b"cbuiltins\nobject\n)R}\x8c\x01aK\x01sb",
}


@pytest.mark.parametrize("attack", ATTACKS)
def test_pickles_that_would_run_something_are_refused(attack, path, monkeypatch):
    monkeypatch.setattr(os, "system", lambda _: pytest.fail("it ran"))
    reason = refusal(write_npz(path, array_of(b"]" + ATTACKS[attack] + b"a", 1)))
    assert "attempt to run code" in reason
    assert "asks for" in reason or attack in reason


def test_each_instruction_but_the_admitted_is_refused():
    admitted = set(b"KMJc") | set(_pickled_arrays._PLAIN) | set(_pickled_arrays._COUNTED)
    for instruction in pickletools.opcodes:
        code = instruction.code.encode("latin1")
        if ord(code) not in admitted:
            with pytest.raises(ValueError, match=f"the instruction {instruction.name}, which"):
                _pickled_arrays.load_array(code + b"\0\0\0\0\0\0\0\0\n\n.")
    with pytest.raises(ValueError, match="instruction 0xff"):
        _pickled_arrays.load_array(b"\xff.")


@pytest.mark.parametrize(
    "state",
    [
        b"X\x01\x00\x00\x00b\x8c\x06latin1\x85",  # one argument less or more than is right
        b"K\x05\x8c\x06latin1\x86",
        b"X\x02\x00\x00\x00\xc4\x80\x8c\x06latin1\x86",
        b"\x8c\x01b\x8c\x06rot_13\x86",
    ],
)
def test_stand_ins_take_anything_without_harm(state, path):
    pickled = array_of(b"]c_codecs\nencode\n" + state + b"Ra", 1)
    assert refusal(write_npz(path, pickled, 1))


def test_bytes_of_a_claimed_length_are_not_made(path):
    pickled = array_of(b"]c__builtin__\nbytes\nJ\xff\xff\xff\x7f\x85Ra", 1)
    assert "takes 0 positional arguments" in refusal(write_npz(path, pickled, 1))


CUT_OFF = "its pickle is cut off"
EXCESSES = {
    "a memo of 2 GB": (array_of(b"]r\xff\xff\xff\x07]K\x01aa", 1), "more objects than it has"),
    "bytes of a terabyte": (array_of(b"\x8e" + struct.pack("<q", 2**40), 1), "BINBYTES8"),
    "text of a terabyte": (array_of(b"\x8d" + struct.pack("<q", 2**40), 1), "BINUNICODE8"),
    "an array of a terabyte": (array_of(b"\x96" + struct.pack("<q", 2**40), 1), "BYTEARRAY8"),
    "bytes of 4 GB": (array_of(b"B\xff\xff\xff\xff", 1), CUT_OFF),
    "a string of -1 bytes": (array_of(b"T\xff\xff\xff\xff", 1), CUT_OFF),
    "a frame of a terabyte": (b"\x80\x04\x95" + struct.pack("<q", 2**40) + b"].", CUT_OFF),
    "lists": (array_of(b"]" * 2_100_000, 1), "over 2000000 instructions"),
    "sets": (array_of(b"\x8f" * 100, 1), "EMPTY_SET"),
    "duplicates": (array_of(b"]" + b"2" * 100, 1), "DUP"),
    "nested lists": (array_of(b"]" * 900_001 + b"a" * 900_000, 1), "row 0|labels"),
    "nested tuples": (array_of(b"])" + b"\x85" * 1_900_000 + b"a", 1), "row 0 of x_train"),
    "nested arrays": (
        b"\x80\x03" + ARRAY + (b"q\x00" + RECONSTRUCT + b"h\x00\x85R") * 200_000 + b".",
        "lists of ints",
    ),
    "one row by a hundred names": (
        array_of(b"](](" + b"K\x05" * 1_000_000 + b"eq\x00" + b"h\x00" * 99 + b"e", 100),
        "holds over 67108864 ids",
    ),
    "a huge number": (array_of(b"]]\x8a\xff" + b"\x7f" * 255 + b"aa", 1), "row 0 of x_train"),
    "no end": (array_of(b"]]K\x01aa", 1)[:-1], CUT_OFF),
    "an instruction cut off": (array_of(b"]]K\x01aa", 1)[:-1] + b"J\x01", "J|BININT"),
    "a name cut off": (b"cnumpy\nndarray", CUT_OFF),
    "a module cut off": (b"cnumpy", CUT_OFF),
    "a count cut off": (b"X\x01", CUT_OFF),
    "more after its end": (array_of(b"]]K\x01aa", 1) + b".", "goes on after its pickle ended"),
    "no array": (b"].", "not one of an array"),
    "a dtype": (b"cnumpy\ndtype\nU\x02O8\x85R.", "not one of an array"),
    "itself": (array_of(b"]q\x00h\x00a", 1), "row 0 of x_train"),
}  # fmt: skip


@pytest.mark.parametrize("form", [form for form, (it, _) in EXCESSES.items() if len(it) < 1000])
def test_small_excesses_are_refused(form, path):
    pickled, reason = EXCESSES[form]
    got = refusal(write_npz(path, pickled, n_rows=1))
    assert any(part in got for part in reason.split("|")), got


READ_ALL = """
import resource, sys, time, warnings
import skimdb.datasets, sklearn
from skimdb.datasets import fetch_imdb
warnings.simplefilter("ignore")
limit = 3 * 2**30
resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
for path in sys.argv[1:]:
    try:
        fetch_imdb(data_home=path)
        print("read")
    except ValueError as error:
        print(str(error).replace("\\n", " "))
# not ru_maxrss, which counts the memory of the process that has started this one
with open("/proc/self/status") as status:
    [peak] = [line.split()[1] for line in status if line.startswith("VmHWM:")]
print(int(peak) // 1024)
"""


@pytest.mark.slow
@pytest.mark.skipif(not os.path.isdir("/proc/self"), reason="reads memory from Linux's /proc")
def test_excesses_are_refused_within_bounds_of_memory_and_time(tmp_path):
    """All in one process, as a fault may end it, and as its peak of memory is looked at."""
    paths = [
        write_npz(
            tmp_path / f"{number}.npz",
            pickled,
            n_rows=100 if "hundred" in form else 1,
            compression=zipfile.ZIP_DEFLATED,
        )
        for number, (form, (pickled, _)) in enumerate(EXCESSES.items())
    ]
    done = subprocess.run(
        [sys.executable, "-c", READ_ALL, *paths],
        capture_output=True,
        text=True,
        timeout=120,
        env={**os.environ, "XDG_CACHE_HOME": str(tmp_path)},
    )
    assert done.returncode == 0, done.stderr
    *reasons, megabytes = done.stdout.splitlines()
    for form, (_, reason), path, got in zip(
        EXCESSES, EXCESSES.values(), paths, reasons, strict=True
    ):
        assert str(path) in got, (form, got)
        assert any(part in got for part in reason.split("|")), (form, got)
    assert int(megabytes) < 800


def write_zip(path, name, content, **options):
    with zipfile.ZipFile(path, "w", **options) as archive:
        archive.writestr(name, content)
    return path


def test_a_member_that_unpacks_to_too_much(path, monkeypatch):
    monkeypatch.setattr(_npz, "LARGEST_MEMBER", 100_000)
    write_zip(path, "y_train.npy", bytes(100_001), compression=zipfile.ZIP_DEFLATED)
    assert "y_train.npy says it unpacks to 100001 bytes, over 100000" in refusal(path)


def test_a_member_that_says_it_unpacks_to_less_than_it_does(path):
    write_zip(path, "y_train.npy", bytes(10**6), compression=zipfile.ZIP_DEFLATED)
    content = path.read_bytes()
    path.write_bytes(content.replace(struct.pack("<I", 10**6), struct.pack("<I", 200)))
    assert "CRC" in refusal(path)


@pytest.mark.parametrize("compression", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_compression_without_bounds(path, compression):
    write_zip(path, "y_train.npy", bytes(10**6), compression=compression)
    assert "compressed in a way that NumPy doesn't write" in refusal(path)


@pytest.mark.parametrize("shape", ["(1000000000000,)", "(-1,)", "(5,)", "()"])
def test_labels_of_a_claimed_number(path, shape):
    header = f"{{'descr': '<i8', 'fortran_order': False, 'shape': {shape}, }}\n".encode()
    magic = b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header))
    write_zip(path, "y_train.npy", magic + header + bytes(80))
    assert "y_train.npy" in refusal(path) or "shape" in refusal(path)


def test_an_encrypted_member(path):
    write_npz(path, array_of(b"](" + b"]" * 4 + b"e", 4))
    content = bytearray(path.read_bytes())
    for mark, place in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        start = content.find(mark)
        while start >= 0:
            content[start + place] |= 1
            start = content.find(mark, start + 1)
    path.write_bytes(content)
    assert "encrypted" in refusal(path)
