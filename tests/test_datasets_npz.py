"""imdb.npz files that are odd, damaged or hostile."""

import io
import os
import pickle
import struct
import subprocess
import sys
import zipfile

import numpy as np
import pytest

from skimdb.datasets import _readers, fetch_imdb


def object_array(rows):
    array = np.empty(len(rows), dtype=object)
    array[:] = rows
    return array


def write_npz(path, x_train, y_train=None):
    y_train = np.arange(len(x_train)) % 2 if y_train is None else y_train
    x_test, y_test = object_array([[1, 2, 3], [4]]), np.array([0, 1])
    np.savez(path, x_train=x_train, y_train=y_train, x_test=x_test, y_test=y_test)
    return path


def replace_member(path, name, content):
    """Write the npz again with other bytes for one member, or without it."""
    with zipfile.ZipFile(path) as archive:
        members = {member: archive.read(member) for member in archive.namelist()}
    members[name] = content
    with zipfile.ZipFile(path, "w") as archive:
        for member, data in members.items():
            if data is not None:
                archive.writestr(member, data)


def npy_bytes(array, pickled):
    """Return an npy file of an object array whose pickle is replaced."""
    stream = io.BytesIO()
    np.lib.format.write_array_header_1_0(stream, np.lib.format.header_data_from_array_1_0(array))
    return stream.getvalue() + pickled


def ranks(path):
    X = fetch_imdb(
        data_home=path,
        num_words=2**31,
        start_char=None,
        index_from=0,
        random_state=None,
        return_X_y=True,
    )[0]
    return [ids.tolist() for ids in X]


ROWS = [[5, 6], [], [88_000, 7, 1]]


@pytest.fixture
def npz(tmp_path):
    return write_npz(tmp_path / "imdb.npz", object_array(ROWS))


def test_lists(npz):
    assert ranks(npz) == ROWS


def test_header_of_another_version(npz):
    with zipfile.ZipFile(npz) as archive:
        content = archive.read("x_train.npy")
    length = content[8:10]
    replace_member(npz, "x_train.npy", content[:6] + b"\2\0" + length + b"\0\0" + content[10:])
    assert ranks(npz) == ROWS


def test_central_directory_that_points_outside(npz):
    content = npz.read_bytes()
    npz.write_bytes(content[:-6] + b"\xff\xff\xff\x7f" + content[-2:])
    with pytest.raises(ValueError, match=r"imdb\.npz cannot be read"):
        ranks(npz)


@pytest.mark.parametrize("dtype", ["<i4", "<i8", ">i4", "<u2", "u1"])
def test_rows_may_be_integer_arrays(tmp_path, dtype):
    rows = [[5, 6], [200, 7, 1]]
    arrays = object_array([np.array(row, dtype=dtype) for row in rows])
    assert ranks(write_npz(tmp_path / "imdb.npz", arrays)) == rows


def test_rows_of_one_length_make_a_2d_object_array(tmp_path):
    rows = np.array([[5, 6], [7, 8], [9, 1]], dtype=object)
    assert ranks(write_npz(tmp_path / "imdb.npz", rows)) == rows.tolist()


PYTHON_2_PICKLE = (
    b"\x80\x02cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85U\x01b\x87R"
    b"(K\x01K\x02\x85cnumpy\ndtype\nU\x02O8K\x00K\x01\x87R"
    b"(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK?tb\x89](](K\x01K\x02e]K\x03aetb."
)


@pytest.mark.parametrize(
    "pickled",
    [
        pytest.param(PYTHON_2_PICKLE, id="Python 2"),
        pytest.param(pickle.dumps(object_array([[1, 2], [3]]), protocol=3), id="protocol 3"),
        pytest.param(pickle.dumps(object_array([[1, 2], [3]]), protocol=4), id="protocol 4"),
    ],
)
def test_pickles_of_any_age(tmp_path, pickled):
    path = write_npz(tmp_path / "imdb.npz", object_array([[1, 2], [3]]))
    replace_member(path, "x_train.npy", npy_bytes(object_array([[1, 2], [3]]), pickled))
    assert ranks(path) == [[1, 2], [3]]


class Gadget:
    """Pickles as a call, and the state of its result."""

    def __init__(self, function, *args, state=None):
        self.reduced = (function, args) if state is None else (function, args, state)

    def __reduce__(self):
        return self.reduced


def array_gadget(shape, dtype, items):
    reconstruct, args, _ = np.empty(0).__reduce__()
    return Gadget(reconstruct, *args, state=(1, shape, dtype, False, items))


@pytest.mark.parametrize("function", [os.system, eval, getattr, np.load, np.dtype.newbyteorder])
def test_pickles_that_call_are_refused(tmp_path, function):
    witness = tmp_path / "witness"
    if function is os.system:
        gadget = Gadget(os.system, f"touch {witness}")
    elif function is eval:
        gadget = Gadget(eval, f"open({str(witness)!r}, 'w')")
    else:
        gadget = Gadget(function, "x", "y")
    path = write_npz(tmp_path / "imdb.npz", object_array([[1], gadget]))
    with pytest.raises(ValueError, match=r"imdb\.npz.* asks for [\w.]+, where only NumPy"):
        fetch_imdb(data_home=path)
    assert not witness.exists()


def test_the_refused_global_is_named(tmp_path):
    path = write_npz(tmp_path / "imdb.npz", object_array([[1], Gadget(os.system, "true")]))
    with pytest.raises(ValueError, match=rf"{os.name}\.system"):
        fetch_imdb(data_home=path)


def test_state_of_a_pickle_never_reaches_numpy(tmp_path):
    """A dtype whose state claims another size would make NumPy read memory of others."""
    state = (3, "|", None, None, None, 10_000_000, 1, 0)
    dtype = Gadget(np.dtype, "V1", False, True, state=state)
    rows = object_array([[1], array_gadget((1,), dtype, b"x")])
    with pytest.raises(ValueError, match=r"row 1 of x_train\.npy must be a list of int32 ids"):
        ranks(write_npz(tmp_path / "imdb.npz", rows))


@pytest.mark.parametrize(
    "row",
    [
        [1.5],
        ["1"],
        [None],
        [[1]],
        (1, 2),
        "12",
        None,
        {1: 2},
        [2**31],
        [-1],
        np.array([1.5]),
        np.array([[1, 2]]),
        np.array([1, 2], dtype=object),
        np.array([2**40]),
    ],
    ids=repr,
)
def test_rows_of_anything_but_ids_are_refused(tmp_path, row):
    rows = np.empty(2, dtype=object)
    rows[0], rows[1] = [1], row
    with pytest.raises(ValueError, match=r"imdb\.npz cannot be read.*row 1 of x_train"):
        ranks(write_npz(tmp_path / "imdb.npz", rows))


def test_another_number_of_labels(tmp_path):
    path = write_npz(tmp_path / "imdb.npz", object_array(ROWS), y_train=np.array([0, 1]))
    with pytest.raises(ValueError, match="has 3 rows, but there are 2 labels"):
        ranks(path)


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (np.array([0, 1, 2]), "labels 0 and 1 only"),
        (np.array([0.0, 1.0, 0.0]), "1-D array of integers"),
        (np.array([[0, 1, 0]]), "1-D array of integers"),
        (object_array([0, 1, 0]), "y_train|Object arrays"),
    ],
)
def test_bad_labels(tmp_path, labels, message):
    path = write_npz(tmp_path / "imdb.npz", object_array(ROWS), y_train=labels)
    with pytest.raises(ValueError, match=message):
        ranks(path)


def test_numeric_sequences_are_refused(tmp_path):
    path = write_npz(tmp_path / "imdb.npz", np.ones((3, 4), dtype=int))
    with pytest.raises(ValueError, match=r"x_train\.npy must be an object array of lists"):
        ranks(path)


@pytest.mark.parametrize("name", ["x_train.npy", "y_train.npy"])
def test_missing_member(npz, name):
    replace_member(npz, name, None)
    with pytest.raises(ValueError, match=f"lacks {name}"):
        ranks(npz)


@pytest.mark.parametrize(
    "pickled",
    [
        b"",
        b"]q\x00.",
        b"cnumpy\nndarray\n.",
        b"cnumpy\nndarray\n(I3\ntR.",
        b"cnumpy\ndtype\n(VO8\ntR.",
        pickle.dumps(object_array(ROWS))[:-20],
        pickle.dumps(object_array(ROWS)) + b"more",
        b"\x80\xff.",
    ],
    ids=repr,
)
def test_damaged_pickle(npz, pickled):
    replace_member(npz, "x_train.npy", npy_bytes(object_array(ROWS), pickled))
    with pytest.raises(ValueError, match=r"imdb\.npz cannot be read"):
        ranks(npz)


@pytest.mark.parametrize(
    ("shape", "items"),
    [
        ((1, 2, 3), [[1]] * 6),
        ((10**12, 0), []),
        ((2, 2), [1, 2, 3]),
        ((2.0,), [[1], [2]]),
        (None, [[1], [2]]),
        ((2,), b"bytes"),
        ((), [1]),
    ],
)
def test_shape_that_does_not_fit(npz, shape, items):
    pickled = pickle.dumps(array_gadget(shape, np.dtype(object), items))
    replace_member(npz, "x_train.npy", npy_bytes(object_array(ROWS), pickled))
    with pytest.raises(ValueError, match=r"imdb\.npz cannot be read"):
        ranks(npz)


@pytest.mark.parametrize("keep", [0, 1, 100, 0.5, 0.9, 0.999])
def test_truncated_file(npz, keep):
    content = npz.read_bytes()
    npz.write_bytes(content[: keep if isinstance(keep, int) else int(len(content) * keep)])
    with pytest.raises(ValueError, match=r"imdb\.npz cannot be read"):
        ranks(npz)


def test_changed_byte_is_found_by_the_checksum(npz):
    npz.write_bytes(npz.read_bytes().replace(b"K\x05K\x06", b"K\x05K\x07"))
    with pytest.raises(ValueError, match=r"imdb\.npz cannot be read.*CRC"):
        ranks(npz)


# --- pickles written by hand ---------------------------------------------------------------------

PICKLED_ROWS = [[5, 6], [], [70_000, 7, 1], [300]]
RECONSTRUCT = b"cnumpy.core.multiarray\n_reconstruct\n"
ARRAY = RECONSTRUCT + b"cnumpy\nndarray\nK\x00\x85C\x01b\x87R"
OBJECTS = b"cnumpy\ndtype\nX\x02\x00\x00\x00O8\x89\x88\x87R"


def array_of(rows, n_rows):
    """The pickle of an object array around the pickled instructions of its rows."""
    length = b"J" + struct.pack("<i", n_rows)
    return b"\x80\x03" + ARRAY + b"(K\x01" + length + b"\x85" + OBJECTS + b"\x89" + rows + b"tb."


def array_of_shape(n_rows):
    """The pickle of an array without items whose rows are said to be empty."""
    return b"\x80\x03" + ARRAY + b"(K\x01" + n_rows + b"K\0\x86" + OBJECTS + b"\x89]tb."


def write_pickle(path, pickled, n_rows=4, compression=zipfile.ZIP_STORED):
    """Write an npz whose training rows are a given pickle."""
    labels = np.arange(n_rows) % 2
    members = {
        "x_train": npy_bytes(object_array(PICKLED_ROWS), pickled),
        "y_train": npy_bytes(labels, labels.tobytes()),
        "x_test": npy_bytes(object_array([[1]]), array_of(b"]]K\x01aa", 1)),
        "y_test": npy_bytes(labels[:1], labels[:1].tobytes()),
    }
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, content in members.items():
            archive.writestr(f"{name}.npy", content)
    return path


@pytest.fixture
def path(tmp_path):
    return tmp_path / "imdb.npz"


def refusal(path):
    with pytest.raises(ValueError, match=r"imdb\.npz cannot be read as imdb\.npz: ") as caught:
        fetch_imdb(data_home=path)
    return str(caught.value)


@pytest.mark.parametrize("protocol", [2, 3, 4])
@pytest.mark.parametrize("kind", ["lists", "arrays", "shared"])
def test_honest_pickles(path, kind, protocol):
    rows = list(PICKLED_ROWS)
    if kind == "arrays":
        rows = [np.array(row, dtype=np.int32) for row in rows]
    if kind == "shared":
        rows[3] = rows[0]
    pickled = pickle.dumps(object_array(rows), protocol=protocol)
    assert ranks(write_pickle(path, pickled)) == [list(row) for row in rows]


def test_a_hand_written_pickle(path):
    assert ranks(write_pickle(path, array_of(b"](](K\x05K\x06e]]K\x07a]e", 4))) == [
        [5, 6],
        [],
        [7],
        [],
    ]


def test_long_rows_and_frames_within_them(path):
    rows = [list(range(100_000)), [1], [], [2**31 - 1] * 3000]
    pickled = pickle.dumps(object_array(rows), protocol=4)
    assert pickled.count(b"\x95") > 4
    assert ranks(write_pickle(path, pickled)) == rows


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
    reason = refusal(write_pickle(path, array_of(b"]" + ATTACKS[attack] + b"a", 1)))
    if attack not in ("EXT1", "EXT4", "PERSID", "BINPERSID"):
        assert "asks for" in reason
        assert "attempt to run code" in reason


@pytest.mark.parametrize("name", ["numpy\ndtype", "numpy\nndarray", "_codecs\nencode"])
@pytest.mark.parametrize(
    "state", [b"}\x8c\x05itemsK\x01s", b"N}\x8c\x07__doc__N\x8c\x0a__module__Nu\x86"]
)
def test_pickles_cannot_change_what_stands_in_for_numpy(name, state, path):
    if b"u" in state:
        state = state.replace(b"}", b"}(", 1)
    before = {
        key: dict(vars(value)) for key, value in vars(_readers).items() if type(value) is type
    }
    pickled = array_of(b"]c" + name.encode() + b"\n" + state + b"ba", 1)
    assert refusal(write_pickle(path, pickled, 1))
    assert before == {key: dict(vars(getattr(_readers, key))) for key in before}


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
    assert refusal(write_pickle(path, pickled, 1))


def test_bytes_of_a_claimed_length_are_not_made(path):
    pickled = array_of(b"]c__builtin__\nbytes\nJ\xff\xff\xff\x7f\x85Ra", 1)
    assert "'int' object has no attribute 'encode'" in refusal(write_pickle(path, pickled, 1))


EXCESSES = {
    "bytes of a terabyte": array_of(b"\x8e" + struct.pack("<q", 2**40), 1),
    "text of a terabyte": array_of(b"\x8d" + struct.pack("<q", 2**40), 1),
    "an array of a terabyte": array_of(b"\x96" + struct.pack("<q", 2**40), 1),
    "bytes of 4 GB": array_of(b"B\xff\xff\xff\xff", 1),
    "a string of -1 bytes": array_of(b"T\xff\xff\xff\xff", 1),
    "a frame of a terabyte": b"\x80\x04\x95" + struct.pack("<q", 2**40) + b"].",
    "lists": array_of(b"]" * 2_100_000, 1),
    "sets": array_of(b"\x8f" * 100, 1),
    "duplicates": array_of(b"]" + b"2" * 100, 1),
    "nested lists": array_of(b"]" * 900_001 + b"a" * 900_000, 1),
    "nested tuples": array_of(b"])" + b"\x85" * 1_900_000 + b"a", 1),
    "nested arrays": b"\x80\x03" + ARRAY + (b"q\0" + RECONSTRUCT + b"h\0\x85R") * 200_000 + b".",
    "one row by a hundred names": array_of(
        b"](](" + b"K\x05" * 1_000_000 + b"eq\0" + b"h\0" * 99 + b"e", 100
    ),
    "a huge number": array_of(b"]]\x8a\xff" + b"\x7f" * 255 + b"aa", 1),
    "a huge shape": array_of_shape(b"\x8a\xff" + b"\x7f" * 255),
    "rows without end": array_of_shape(b"J\xff\xff\xff\x7f"),
    "no end": array_of(b"]]K\x01aa", 1)[:-1],
    "an instruction cut off": array_of(b"]]K\x01aa", 1)[:-1] + b"J\x01",
    "a name cut off": b"cnumpy\nndarray",
    "a module cut off": b"cnumpy",
    "a count cut off": b"X\x01",
    "more after its end": array_of(b"]]K\x01aa", 1) + b".",
    "no array": b"].",
    "a dtype": b"cnumpy\ndtype\nU\x02O8\x85R.",
    "itself": array_of(b"]q\0h\0a", 1),
}  # fmt: skip


@pytest.mark.parametrize("form", [form for form, it in EXCESSES.items() if len(it) < 1000])
def test_small_excesses_are_refused(form, path):
    assert refusal(write_pickle(path, EXCESSES[form], n_rows=1))


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
    """All in one process, as an error may end it, and as its peak of memory is measured."""
    paths = [
        write_pickle(
            tmp_path / f"{number}.npz",
            pickled,
            n_rows=100 if "hundred" in form else 1,
            compression=zipfile.ZIP_DEFLATED,
        )
        for number, (form, pickled) in enumerate(EXCESSES.items())
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
    for form, path, reason in zip(EXCESSES, paths, reasons, strict=True):
        assert reason.startswith(f"{path} cannot be read"), (form, reason)
    assert int(megabytes) < 800


def write_zip(path, name, content, **options):
    with zipfile.ZipFile(path, "w", **options) as archive:
        archive.writestr(name, content)
    return path


def test_a_member_that_unpacks_to_too_much(path, monkeypatch):
    monkeypatch.setattr(_readers, "LARGEST_MEMBER", 100_000)
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
    assert refusal(path)


def test_an_encrypted_member(path):
    write_pickle(path, array_of(b"](" + b"]" * 4 + b"e", 4))
    content = bytearray(path.read_bytes())
    for mark, place in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        start = content.find(mark)
        while start >= 0:
            content[start + place] |= 1
            start = content.find(mark, start + 1)
    path.write_bytes(content)
    assert "encrypted" in refusal(path)
