"""Types of public signatures. Only type checkers import this module."""

import os
from collections.abc import Callable, Iterable
from typing import Any, Literal, Protocol, SupportsIndex, TypeAlias

import numpy as np
import scipy.sparse as sp
from numpy.typing import ArrayLike, NDArray


class Table(Protocol):
    """A frame of pandas or polars, or a table of Arrow."""

    @property
    def columns(self) -> Any:
        """The columns, or their names."""


# arguments
PathLike: TypeAlias = str | os.PathLike[str]
MatrixLike: TypeAlias = ArrayLike | sp.spmatrix | sp.sparray
Texts: TypeAlias = Iterable[str] | Table
IntSequences: TypeAlias = Iterable[Iterable[SupportsIndex]]
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

# arguments of fit_stream
Block: TypeAlias = tuple[Texts, ArrayLike, *tuple[Any, ...]]
ReadBlocks: TypeAlias = Callable[[], Iterable[Block]]
Schedule: TypeAlias = Callable[[int], tuple[int, int]]
BlockCallback: TypeAlias = Callable[[int, int, dict[str, float]], object]

# results
# "or Any": a parameter of the constructor decides
CsrMatrix: TypeAlias = sp.csr_matrix | Any
FloatArray: TypeAlias = NDArray[np.float32]
ObjectArray: TypeAlias = NDArray[np.object_]
DataAndTarget: TypeAlias = tuple[ObjectArray, NDArray[np.int64]]
