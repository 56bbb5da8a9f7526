"""imdb.npz: the whole file, or one array in it."""

import io
import pickle
import zipfile

import numpy as np
from fuzz._outcome import refusals_name, written

from skimdb.datasets import fetch_imdb

ROWS = [[5, 6], [], [88_000, 7, 1], [300] * 9, [2]]
LABELS = np.array([0, 1, 0, 1, 1])
WHOLE, SEQUENCES, TARGETS = range(3)


def object_array(rows):
    """Return rows as a 1-D array."""
    array = np.empty(len(rows), dtype=object)
    array[:] = rows
    return array


def npy(array, pickled=None):
    """Return an array as a .npy file, with another pickle if one is given."""
    stream = io.BytesIO()
    if pickled is None:
        np.save(stream, array)
        return stream.getvalue()
    np.lib.format.write_array_header_1_0(stream, np.lib.format.header_data_from_array_1_0(array))
    return stream.getvalue() + pickled


def archive(x_train=None, y_train=None, compression=zipfile.ZIP_STORED):
    """Return an npz file, with other members where they are given."""
    members = {
        "x_train": x_train or npy(object_array(ROWS)),
        "y_train": y_train or npy(LABELS),
        "x_test": npy(object_array(ROWS[:1])),
        "y_test": npy(LABELS[:1]),
    }
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", compression) as file:
        for name, content in members.items():
            file.writestr(f"{name}.npy", content)
    return stream.getvalue()


def seeds():
    """Yield valid inputs."""
    yield bytes([WHOLE]) + archive()
    yield bytes([WHOLE]) + archive(compression=zipfile.ZIP_DEFLATED)
    arrays = object_array([np.array(row, dtype=np.int32) for row in ROWS])
    for rows in object_array(ROWS), arrays:
        for protocol in 2, 3, 4:
            pickled = pickle.dumps(rows, protocol=protocol)
            yield bytes([SEQUENCES]) + npy(rows, pickled)
    for dtype in "i1", ">u2", "i8":
        yield bytes([TARGETS]) + npy(LABELS.astype(dtype))


def read(data, folder):
    """Read an input, and return what is in it."""
    part, content = data[0] % 3 if data else WHOLE, data[1:]
    if part == SEQUENCES:
        content = archive(x_train=content or b"\0")
    elif part == TARGETS:
        content = archive(y_train=content or b"\0")
    path = written(folder / "imdb.npz", content)
    with refusals_name(path):
        X, labels = fetch_imdb(
            data_home=path,
            num_words=2**31,
            start_char=None,
            index_from=0,
            random_state=None,
            return_X_y=True,
        )
    rows = [row.tolist() for row in X]
    assert {row.dtype for row in X} == {np.dtype(np.int32)}
    assert min(map(min, filter(None, rows)), default=0) >= 0
    assert labels.dtype == np.int64
    assert labels.shape == X.shape
    assert set(labels.tolist()) <= {0, 1}
    if part == WHOLE:
        # only what no checksum covers can have changed
        assert rows == ROWS
        assert labels.tolist() == LABELS.tolist()
    return rows, labels.tolist()
