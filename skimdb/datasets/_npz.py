"""The reviews in Keras's ``imdb.npz``, read without trusting the pickles inside."""

import io
import zipfile
from array import array

import numpy as np
from numpy.lib import format as npy_format

from skimdb.datasets._opened import opened
from skimdb.datasets._pickled_arrays import PickledArray, load_array
from skimdb.datasets._sequences import Sequences

# The published members have 15 MB, and 6 million ids a split. The bounds are on what a small
# file may unpack to.
LARGEST_MEMBER = 2**26
MOST_IDS = 2**26


class NpzReviews:
    """Reviews as word ranks, and their labels, from a file in the format of ``imdb.npz``.

    Parameters
    ----------
    path : pathlib.Path
        The file.
    """

    def __init__(self, path):
        self.path = path

    def labels(self, split):
        """Return the labels, 0 or 1, of ``"train"`` or ``"test"``."""
        name = f"y_{split}.npy"
        with opened(self.path, "imdb.npz") as file:
            shape, dtype, content = _member(file, name)
            if len(shape) != 1 or dtype.kind not in "iu":
                raise ValueError(
                    f"{name} must be a 1-D array of integers, "
                    f"got a {len(shape)}-D array of {dtype}"
                )
            labels = np.frombuffer(content, dtype)
            if labels.shape != shape:
                raise ValueError(f"{name} says shape {shape}, but has {len(labels)} items")
            if not np.isin(labels, (0, 1)).all():
                raise ValueError(f"{name} must hold labels 0 and 1 only")
        return labels.astype(np.int64)

    def sequences(self, split):
        """Return the ranks of the words of ``"train"`` or ``"test"``."""
        name = f"x_{split}.npy"
        n_labels = len(self.labels(split))
        with opened(self.path, "imdb.npz") as file:
            shape, dtype, content = _member(file, name)
            if not dtype.hasobject:
                raise ValueError(
                    f"{name} must be an object array of lists of ints, "
                    f"got dtype {dtype}, shape {shape}"
                )
            rows = _rows(load_array(content), name)
            if len(rows) != n_labels:
                raise ValueError(f"{name} has {len(rows)} rows, but there are {n_labels} labels")
            return _flattened(rows, name)


def _member(file, name):
    """Return the shape and the dtype of an array in a zip archive, and the bytes behind them."""
    with zipfile.ZipFile(file) as archive:
        if name not in archive.namelist():
            raise ValueError(f"it lacks {name}")
        info = archive.getinfo(name)
        if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise ValueError(f"{name} is compressed in a way that NumPy doesn't write")
        if info.file_size > LARGEST_MEMBER:
            raise ValueError(
                f"{name} says it unpacks to {info.file_size} bytes, over {LARGEST_MEMBER}"
            )
        stream = io.BytesIO(archive.read(info))
    if npy_format.read_magic(stream)[0] == 1:
        shape, _, dtype = npy_format.read_array_header_1_0(stream)
    else:
        shape, _, dtype = npy_format.read_array_header_2_0(stream)
    return shape, dtype, stream.read()


def _rows(pickled, name):
    """Return the rows of a pickled object array: lists, or arrays as the pickle describes them."""
    if not isinstance(pickled.items, list):
        raise ValueError(f"{name} must be an object array of lists of ints")
    if pickled.shape == (len(pickled.items),):
        # a copy, as the list may be one of its own rows
        return pickled.items[:]
    # rows that are all of one length make a 2-D object array
    n_rows, length = pickled.shape
    if not pickled.items or n_rows * length != len(pickled.items):
        raise ValueError(f"{name} says shape {pickled.shape}, but has {len(pickled.items)} items")
    return [pickled.items[i * length : (i + 1) * length] for i in range(n_rows)]


def _flattened(rows, name):
    """Move rows into one flat array; the list of rows is empty afterwards.

    Each list is let go once it is copied, as the ints of a split take ten times the memory of
    the array that they end up in.
    """
    values = array("i")
    offsets = np.zeros(len(rows) + 1, dtype=np.int64)
    room_for_mark = 0
    rows.reverse()
    for i in range(len(rows)):
        row = rows.pop()
        values.append(room_for_mark)
        try:
            if isinstance(row, PickledArray):
                row = row.integers()
            # a pickle may hold one row once and name it a million times
            if len(values) + len(row) > MOST_IDS:
                raise ValueError(f"{name} holds over {MOST_IDS} ids")
            values.fromlist(row.tolist() if isinstance(row, np.ndarray) else row)
        except (TypeError, OverflowError) as error:
            raise ValueError(f"row {i} of {name} must be a list of int32 ids: {error}") from error
        offsets[i + 1] = len(values)
    values = np.frombuffer(values, dtype=np.intc)
    if values.size and values.min() < 0:
        row = np.searchsorted(offsets, values.argmin(), side="right") - 1
        raise ValueError(f"row {row} of {name} holds the negative id {values.min()}")
    return Sequences(values, offsets)
