"""EpochStore: training states on disk, so that no epoch is trained twice.

A training that depends on nothing but the data, the parameters and an integer seed goes through
the same states each time. The store keeps some of them by what they depend on; a later training
of the same kind starts from the longest that is of use.
"""

import hashlib
import json
import os
import warnings
from functools import cache
from importlib.metadata import version
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
import scipy.sparse as sp

from skimdb._checks import checked_path
from skimdb._training import TrainingState
from skimdb._whole_files import whole_files

FORMAT_VERSION = 1
SUFFIX = ".state.npz"


class EpochStore:
    """Training states in a folder that processes may share.

    Parameters
    ----------
    folder : path-like
        Made where it does not exist.
    limit : int or None
        Number of bytes that the states may take; beyond it those longest unused are removed.
    """

    def __init__(self, folder, limit=None):
        self._folder = Path(folder)
        self._limit = limit

    @classmethod
    def of(cls, memory, limit=None):
        """Return the store of a folder, or of the one that a ``joblib.Memory`` has."""
        if isinstance(memory, str | os.PathLike):
            return cls(_made_folder(checked_path("memory", memory)), limit)
        if not hasattr(memory, "location"):
            raise TypeError(
                f"memory must be a path, a joblib.Memory or None, got {type(memory).__name__}."
            )
        # a Memory without a folder keeps nothing
        if memory.location is None:
            return None
        return cls(_made_folder(Path(memory.location) / "skimdb"), limit)

    def longest(self, key, n_epochs, shapes):
        """Return the state after the most epochs, up to so many, or None where there is none.

        ``shapes`` are those that the weights must have.
        """
        paths = {self._n_epochs_of(path): path for path in self._paths(key)}
        for kept in sorted(paths, reverse=True):
            if kept <= n_epochs:
                state = self._read(paths[kept], kept, shapes)
                if state is not None:
                    return state
        return None

    def keep(self, key, state):
        """Write a state, as a whole or not at all."""
        self._folder.mkdir(parents=True, exist_ok=True)
        path = self._folder / f"{key}-{state.n_epochs:06d}{SUFFIX}"
        about = {"format": FORMAT_VERSION, "versions": _versions(), "history": state.history}
        arrays = {"about": np.array(json.dumps(about))}
        arrays |= {f"weight_{i}": array for i, array in enumerate(state.weights)}
        arrays |= {f"optimizer_{i}": array for i, array in enumerate(state.optimizer_state)}
        with whole_files(self._folder, sync=False) as unfinished:
            np.savez(unfinished / path.name, **arrays)
        self._stay_within_limit(path)

    def _paths(self, key):
        return self._folder.glob(f"{key}-*{SUFFIX}")

    @staticmethod
    def _n_epochs_of(path):
        return int(path.name.removesuffix(SUFFIX).rpartition("-")[2])

    def _read(self, path, n_epochs, shapes):
        """Return the state in a file; one that is of no use is reported and left aside."""
        try:
            # opened here, since NumPy leaves a file open that it can't read
            with path.open("rb") as opened, np.load(opened, allow_pickle=False) as file:
                about = json.loads(str(file["about"]))
                if about["format"] != FORMAT_VERSION or about["versions"] != _versions():
                    raise ValueError(f"it was written by other versions: {about['versions']}")
                state = TrainingState(
                    _numbered(file, "weight"), _numbered(file, "optimizer"), about["history"]
                )
            if [weight.shape for weight in state.weights] != shapes:
                raise ValueError(f"it has weights of other shapes than {shapes}")
            if state.n_epochs != n_epochs:
                raise ValueError(f"it holds {state.n_epochs} epochs")
            os.utime(path)
        except FileNotFoundError:
            return None  # another process, at its limit, has removed it
        except (OSError, ValueError, KeyError, TypeError, EOFError, BadZipFile) as error:
            warnings.warn(
                f"the training state {path} can't be used ({error}); its epochs are trained anew.",
                stacklevel=2,
            )
            return None
        return state

    def _stay_within_limit(self, newest):
        if self._limit is None:
            return
        states = []
        for path in self._paths("*"):
            try:
                status = path.stat()
            except FileNotFoundError:
                continue  # removed by another process
            states.append((path == newest, status.st_mtime_ns, status.st_size, path))
        total = sum(size for *_, size, _ in states)
        for _, _, size, path in sorted(states):
            if total <= self._limit:
                break
            path.unlink(missing_ok=True)
            total -= size


def _made_folder(path):
    """Make a folder where there is none: before training, rather than after it."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        reason = f"memory must be a folder that can be made: {error.strerror}"
        raise OSError(error.errno, reason, str(path)) from error
    return path


def training_key(rows, settings):
    """Return a name for a training, equal for trainings that go through the same states.

    Parameters
    ----------
    rows : TrainingRows
        What is trained on.
    settings : dict
        All else that the states depend on, in JSON's types.

    Returns
    -------
    key : str
    """
    digest = hashlib.blake2b(digest_size=16)
    digest.update(json.dumps(settings, sort_keys=True).encode())
    for part in (rows.X, rows.y, rows.sample_weight, *(rows.validation_data or ())):
        _add(digest, part)
    return digest.hexdigest()


def _add(digest, part):
    if part is None:
        digest.update(b"none")
    elif sp.issparse(part):
        digest.update(repr(part.shape).encode())
        # by value, whatever the width of the indices
        _add(digest, part.indptr.astype(np.int64, copy=False))
        _add(digest, part.indices.astype(np.int32, copy=False))
        # the entries of a multi-hot matrix are all 1, which is quicker to see than to digest
        one_value = part.nnz > 0 and (part.data == part.data[0]).all()
        _add(digest, part.data[:1] if one_value else part.data)
    else:
        digest.update(f"{part.dtype} {part.shape}".encode())
        digest.update(np.ascontiguousarray(part).data)


def _numbered(file, kind):
    names = sorted(
        (name for name in file.files if name.startswith(f"{kind}_")),
        key=lambda name: int(name.rpartition("_")[2]),
    )
    return [file[name] for name in names]


@cache
def _versions():
    return {name: version(name) for name in ("tensorflow", "keras", "numpy", "scipy")}
