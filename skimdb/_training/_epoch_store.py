"""EpochStore: training states on disk, so that no epoch is trained twice.

A training that depends on nothing but the data, the parameters and an integer seed goes through
the same states each time. The store keeps the last state of each fit under a key of everything
that it depends on; a later fit of the same kind starts from the latest state that it can use.
"""

import hashlib
import json
import os
import warnings
from functools import cache
from importlib.metadata import version
from pathlib import Path

import numpy as np
import scipy.sparse as sp

from skimdb._network._state import TrainingState
from skimdb._training._optimizers import check_state
from skimdb._utils._checks import to_path
from skimdb._utils._files import replace_files

FORMAT_VERSION = 2
SUFFIX = ".state.npz"


def memory_folder(memory):
    """Return the folder for ``DenseClassifier(memory=...)``, or None for a Memory without one.

    The folder is created here, so that an error comes before the training and not after it.
    """
    if isinstance(memory, str | os.PathLike):
        folder = to_path("memory", memory)
    elif hasattr(memory, "location"):
        if memory.location is None:
            return None
        folder = Path(memory.location) / "skimdb"
    else:
        raise TypeError(
            f"memory must be a path, a joblib.Memory or None, got {type(memory).__name__}."
        )
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        reason = f"memory must be a folder that exists or can be created: {error.strerror}"
        raise OSError(error.errno, reason, str(folder)) from error
    return folder


class EpochStore:
    """The states of one training, in a folder that trainings and processes may share.

    Parameters
    ----------
    plan : FitPlan
        The training, with the folder and its limit.
    """

    def __init__(self, plan):
        self._plan = plan
        self._key = _key(plan)

    def longest(self):
        """Return the state after the most epochs, up to those of the plan, or None."""
        paths = {int(_number_of_epochs(path)): path for path in self._paths(self._key)}
        for n_epochs in sorted(paths, reverse=True):
            if n_epochs <= self._plan.epochs:
                state = self._read(paths[n_epochs], n_epochs)
                if state is not None:
                    return state
        return None

    def keep(self, state):
        """Write a state."""
        folder = self._plan.memory
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{self._key}-{state.n_epochs:06d}{SUFFIX}"
        about = {"format": FORMAT_VERSION, "versions": _versions(), "history": state.history}
        arrays = {"about": np.array(json.dumps(about))}
        arrays |= {f"weight_{i}": array for i, array in enumerate(state.weights)}
        arrays |= {f"optimizer_{i}": array for i, array in enumerate(state.optimizer_state)}
        with replace_files(folder) as temporary:
            np.savez(temporary / path.name, **arrays)
        self._stay_within_limit(path)

    def _paths(self, key):
        paths = self._plan.memory.glob(f"{key}-*{SUFFIX}")
        return [path for path in paths if _number_of_epochs(path).isdecimal()]

    def _read(self, path, n_epochs):
        """Return the state in a file; warn and return None if it cannot be used."""
        shapes = self._plan.network.weight_shapes
        try:
            # NumPy would leave a file open that it cannot read
            with path.open("rb") as opened, np.load(opened, allow_pickle=False) as file:
                about = json.loads(str(file["about"]))
                if about["format"] != FORMAT_VERSION or about["versions"] != _versions():
                    raise ValueError(f"it was written by other versions: {about['versions']}")
                state = TrainingState(
                    _arrays(file, "weight"), _arrays(file, "optimizer"), about["history"]
                )
            if [weight.shape for weight in state.weights] != shapes:
                raise ValueError(f"it has weights of other shapes than {shapes}")
            check_state(self._plan.network, state.optimizer_state)
            if state.n_epochs != n_epochs:
                raise ValueError(f"it holds {state.n_epochs} epochs")
            os.utime(path)
        except FileNotFoundError:
            return None  # another process, at its limit, has removed it
        # NumPy and zipfile raise errors of many types for damaged files
        except Exception as error:
            warnings.warn(
                f"the training state {path} can't be used ({error}); its epochs are trained "
                "again.",
                stacklevel=4,
            )
            return None
        return state

    def _stay_within_limit(self, newest):
        limit = self._plan.memory_limit
        if limit is None:
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
            if total <= limit:
                break
            path.unlink(missing_ok=True)
            total -= size


def _number_of_epochs(path):
    """Return the number of epochs in the name of a file, as text."""
    return path.name.removesuffix(SUFFIX).rpartition("-")[2]


def _key(plan):
    """Return a name for a training, equal for trainings that go through the same states."""
    settings = {
        "format": FORMAT_VERSION,
        "seed": int(plan.seed),
        "batch_size": int(plan.batch_size),
        **plan.network.identity(),
    }
    if plan.depends_on_epochs:
        # the weights are those of the best epoch, or of a learning rate that has fallen to 0: no
        # training can continue from there
        settings |= {
            "patience": plan.patience,
            "learning_rate_schedule": plan.learning_rate_schedule,
            "epochs": plan.epochs,
        }
    digest = hashlib.blake2b(digest_size=16)
    digest.update(json.dumps(settings, sort_keys=True).encode())
    rows = plan.rows
    for part in (rows.X, rows.y, rows.sample_weight, *(rows.validation_data or ())):
        _add(digest, part)
    return digest.hexdigest()


def _add(digest, part):
    if part is None:
        digest.update(b"none")
    elif sp.issparse(part):
        digest.update(repr(part.shape).encode())
        # indices of either width have the same digest
        _add(digest, part.indptr.astype(np.int64, copy=False))
        _add(digest, part.indices.astype(np.int32, copy=False))
        # the entries of a multi-hot matrix are all 1: comparing them is faster than hashing
        one_value = part.nnz > 0 and (part.data == part.data[0]).all()
        _add(digest, part.data[:1] if one_value else part.data)
    else:
        digest.update(f"{part.dtype} {part.shape}".encode())
        digest.update(np.ascontiguousarray(part).data)


def _arrays(file, kind):
    """Return the arrays of a kind, in the order of their numbers."""
    names = sorted(
        (name for name in file.files if name.startswith(f"{kind}_")),
        key=lambda name: int(name.rpartition("_")[2]),
    )
    return [file[name] for name in names]


@cache
def _versions():
    return {name: version(name) for name in ("numpy", "numba", "scipy")}
