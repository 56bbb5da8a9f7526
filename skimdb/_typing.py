"""Types that several public signatures share; type checkers alone import this module."""

import os
from collections.abc import Iterable
from typing import Any, Literal, SupportsIndex, TypeAlias

import numpy as np
import scipy.sparse as sp
from numpy.typing import ArrayLike, NDArray

PathLike: TypeAlias = str | os.PathLike[str]
MatrixLike: TypeAlias = ArrayLike | sp.spmatrix | sp.sparray
IntSequences: TypeAlias = Iterable[Iterable[SupportsIndex]]
# "or Any": whether it is one depends on a parameter of the constructor
CsrMatrix: TypeAlias = sp.csr_matrix | Any
FloatArray: TypeAlias = NDArray[np.float32]
ObjectArray: TypeAlias = NDArray[np.object_]
DataAndTarget: TypeAlias = tuple[ObjectArray, NDArray[np.int64]]
RandomState: TypeAlias = int | np.random.RandomState | None
Activation: TypeAlias = Literal[
    "relu",
    "tanh",
    "sigmoid",
    "linear",
    "elu",
    "selu",
    "gelu",
    "silu",
    "softplus",
    "softsign",
    "leaky_relu",
]
