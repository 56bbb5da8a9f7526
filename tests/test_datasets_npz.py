"""imdb.npz files that are unusual, damaged or hostile."""

import io
import os
import pickle
import zipfile

import numpy as np
import pytest

from skimdb.datasets import fetch_imdb


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
    """Write the npz anew with other bytes for one member, or without it."""
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
        num_words=10**6,
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
    """Pickles as a call, and the state that its result is given."""

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
