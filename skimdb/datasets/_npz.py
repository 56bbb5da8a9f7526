"""The reviews in Keras's ``imdb.npz``, read without trusting the pickles inside."""

import pickle
import re
import zipfile
from array import array

import numpy as np
from numpy.lib import format as npy_format

from skimdb.datasets._opened import opened
from skimdb.datasets._sequences import Sequences


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
        with opened(self.path, "imdb.npz") as file, zipfile.ZipFile(file) as archive:
            with _member(archive, name) as stream:
                labels = npy_format.read_array(stream, allow_pickle=False)
            if labels.ndim != 1 or labels.dtype.kind not in "iu":
                raise ValueError(
                    f"{name} must be a 1-D array of integers, "
                    f"got a {labels.ndim}-D array of {labels.dtype}"
                )
            if not np.isin(labels, (0, 1)).all():
                raise ValueError(f"{name} must hold labels 0 and 1 only")
        return labels.astype(np.int64)

    def sequences(self, split):
        """Return the ranks of the words of ``"train"`` or ``"test"``."""
        name = f"x_{split}.npy"
        with opened(self.path, "imdb.npz") as file, zipfile.ZipFile(file) as archive:
            with _member(archive, name) as stream:
                rows = _read_rows(stream, name)
            n_labels = len(self.labels(split))
            if len(rows) != n_labels:
                raise ValueError(f"{name} has {len(rows)} rows, but there are {n_labels} labels")
            return _flattened(rows, name)


class _PickledDtype:
    """A dtype as a pickle describes it."""

    __slots__ = ("byte_order", "code")

    def __init__(self, code, *_):
        self.code = code
        self.byte_order = "="

    def __setstate__(self, state):
        self.byte_order = state[1]


class _PickledArray:
    """An array as a pickle describes it."""

    __slots__ = ("dtype", "items", "shape")

    def __init__(self, *_):
        self.shape = self.dtype = self.items = None

    def __setstate__(self, state):
        _, self.shape, self.dtype, _, self.items = state

    def integers(self):
        """Return the items as a list of ints; only a 1-D array of integers has any."""
        code = getattr(self.dtype, "code", None)
        if not isinstance(code, str) or not re.fullmatch("[iu][1248]", code):
            raise TypeError("an array that is not of integers")
        values = np.frombuffer(self.items, np.dtype(code).newbyteorder(self.dtype.byte_order))
        if self.shape != values.shape:
            raise TypeError("an array that is not one-dimensional")
        return values.tolist()


# NumPy's own classes would do as well for an honest file. They are left out because NumPy trusts
# the state that a pickle hands to them, sizes and flags included; these only write it down.
_STAND_INS = {
    ("numpy", "dtype"): _PickledDtype,
    ("numpy", "ndarray"): _PickledArray,
    ("numpy.core.multiarray", "_reconstruct"): _PickledArray,
    ("numpy._core.multiarray", "_reconstruct"): _PickledArray,
}


class _ArrayUnpickler(pickle.Unpickler):
    """An unpickler of arrays, lists and ints that imports nothing and calls nothing."""

    def find_class(self, module, name):
        try:
            return _STAND_INS[module, name]
        except KeyError:
            raise ValueError(
                f"its pickle asks for {module}.{name}, where only NumPy arrays, lists and "
                f"integers are admitted; the file may be an attempt to run code"
            ) from None


def _member(archive, name):
    if name not in archive.namelist():
        raise ValueError(f"it lacks {name}")
    return archive.open(name)


def _read_rows(stream, name):
    """Return the rows of a pickled object array: lists, or arrays as the pickle describes them."""
    if npy_format.read_magic(stream)[0] == 1:
        shape, _, dtype = npy_format.read_array_header_1_0(stream)
    else:
        shape, _, dtype = npy_format.read_array_header_2_0(stream)
    if not dtype.hasobject:
        raise ValueError(
            f"{name} must be an object array of lists of ints, got dtype {dtype}, shape {shape}"
        )
    pickled = _ArrayUnpickler(stream).load()
    # reading on to the end makes zipfile compare the checksum
    if stream.read(1):
        raise ValueError(f"{name} goes on after its pickle ended")
    if not isinstance(pickled, _PickledArray) or not isinstance(pickled.items, list):
        raise ValueError(f"{name} must be an object array of lists of ints")
    if pickled.shape == (len(pickled.items),):
        return pickled.items
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
            values.fromlist(row.integers() if isinstance(row, _PickledArray) else row)
        except (TypeError, OverflowError) as error:
            raise ValueError(f"row {i} of {name} must be a list of int32 ids: {error}") from error
        offsets[i + 1] = len(values)
    values = np.frombuffer(values, dtype=np.intc)
    if values.size and values.min() < 0:
        row = np.searchsorted(offsets, values.argmin(), side="right") - 1
        raise ValueError(f"row {row} of {name} holds the negative id {values.min()}")
    return Sequences(values, offsets)
