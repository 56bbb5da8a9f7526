"""What the property tests share: values that make no sense, and what may become of them."""

import re
import traceback
import warnings
from collections import Counter, UserDict
from contextlib import contextmanager
from datetime import datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from numbers import Integral
from pathlib import Path

import numpy as np
import pandas as pd
import scipy.sparse as sp
from hypothesis import settings
from hypothesis import strategies as st

# NumPy has its own type for texts since version 2
NEW_TEXT = np.dtypes.StringDType() if hasattr(np.dtypes, "StringDType") else np.dtype(str)

# A warning of one of these kinds says that skimdb misuses a library.
MISUSE = (
    BytesWarning,
    DeprecationWarning,
    FutureWarning,
    PendingDeprecationWarning,
    ResourceWarning,
    RuntimeWarning,
    np.exceptions.ComplexWarning,
)

# scikit-learn 1.6 warns of SciKeras's tags, NumPy 2.0 of a bool that is refused afterwards. Python
# warns of the connections that pooch does not close when it frees them, in whatever test that is.
OF_OTHERS = (
    "_(get|more)_tags`|'np.bool' scalars to be interpreted as an index|unclosed <socket.socket"
)


def scaled(n_examples):
    """Return settings with so many examples, and as much more as the profile asks for."""
    factor = settings.default.max_examples / 100
    return settings(max_examples=max(1, int(n_examples * factor)), deadline=None)


@contextmanager
def no_misuse():
    """Fail on warnings that say that skimdb misuses a library."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        yield
    misuses = [
        f"{w.filename}: {w.message}"
        for w in caught
        if issubclass(w.category, MISUSE) and not re.search(OF_OTHERS, str(w.message))
    ]
    assert not misuses, misuses


REFUSED = object()


def given_or_refused(call, *names):
    """Return what a call gives, or REFUSED where it names one of the arguments in its error."""
    with no_misuse():
        try:
            return call()
        except (TypeError, ValueError) as error:
            message = str(error)
            assert any(re.search(rf"\b{name}\b", message) for name in names), message
            deepest = traceback.extract_tb(error.__traceback__)[-1].filename
            assert not {"tensorflow", "keras"} & set(Path(deepest).parts), deepest
            assert "function_node" not in message
            return REFUSED


def is_integer(value):
    """Tell whether a value is an integer. NumPy derives time spans from its own."""
    return isinstance(value, Integral) and not isinstance(value, np.timedelta64)


def fresh(factories):
    """Return a strategy of new values from factories: some values can be read only once."""
    return st.sampled_from(sorted(factories)).map(lambda name: factories[name]())


STRUCTURED = np.dtype([("a", np.int64), ("b", np.float32)])

SCALARS = {
    "None": lambda: None,
    "True": lambda: True,
    "NumPy True": lambda: np.True_,
    "negative": lambda: -1,
    "whole float": lambda: 2.0,
    "float": lambda: 0.5,
    "NaN": lambda: float("nan"),
    "inf": lambda: float("inf"),
    "NumPy NaN": lambda: np.float32("nan"),
    "2**31": lambda: 2**31,
    "2**63": lambda: 2**63,
    "10**400": lambda: 10**400,
    "10**5000": lambda: 10**5000,
    "-10**5000": lambda: -(10**5000),
    "fraction": lambda: Fraction(10**400, 3),
    "Decimal": lambda: Decimal("1.5"),
    "complex": lambda: 1 + 2j,
    "NumPy complex": lambda: np.complex64(2),
    "time span": lambda: np.timedelta64(3, "s"),
    "no time": lambda: np.datetime64("NaT", "s"),
    "timedelta": lambda: timedelta(1),
    "datetime": lambda: datetime(2020, 1, 1),
    "pandas NA": lambda: pd.NA,
    "text": lambda: "abc",
    "empty text": lambda: "",
    "number as text": lambda: "3",
    "NumPy text": lambda: np.str_("abc"),
    "bytes": lambda: b"abc",
    "NumPy bytes": lambda: np.bytes_(b"abc"),
    "type": lambda: int,
    "function": lambda: len,
    "object": object,
    "ellipsis": lambda: ...,
    "slice": lambda: slice(3),
    "masked": lambda: np.ma.masked,
}

CONTAINERS = {
    "bytearray": lambda: bytearray(b"\1\2"),
    "memoryview": lambda: memoryview(b"\1\2"),
    "dict": lambda: {0: 1, 1: 2},
    "empty dict": dict,
    "UserDict": lambda: UserDict({1: 2}),
    "Counter": lambda: Counter("ab"),
    "set": lambda: {1, 2},
    "frozenset": lambda: frozenset({(1, 2)}),
    "empty list": list,
    "list of None": lambda: [None, None],
    "list of text": lambda: ["a", "b"],
    "list of bytes": lambda: [b"a", b"b"],
    "list of dicts": lambda: [{1: 2}, {3: 4}],
    "list of sets": lambda: [[{1}], [{2}]],
    "ragged list": lambda: [[1, 2], [3], "x"],
    "deep list": lambda: [[[1], [2]], [[3], [4]]],
    "mixed list": lambda: [1, "a", None],
    "generator": lambda: (i for i in "ab"),
    "empty iterator": lambda: iter(()),
    "0-d array": lambda: np.array(3),
    "0-d object array": lambda: np.array(None),
    "empty array": lambda: np.empty(0),
    "array without columns": lambda: np.empty((2, 0)),
    "array without rows": lambda: np.empty((0, 2)),
    "3-d array": lambda: np.ones((2, 2, 2)),
    "NaN array": lambda: np.full((2, 2), np.nan),
    "inf array": lambda: np.full((2, 2), -np.inf),
    "large array": lambda: np.full((2, 2), 1e300),
    "negative array": lambda: np.full((2, 2), -1),
    "complex array": lambda: np.full((2, 2), 1 + 1j),
    "complex vector": lambda: np.full(2, 1 + 1j),
    "text array": lambda: np.array([["a", "b"], ["c", "d"]]),
    "bytes array": lambda: np.array([b"a", b"b"]),
    "new text array": lambda: np.array(["a", "b"], dtype=NEW_TEXT),
    "bool array": lambda: np.array([[True, False], [False, True]]),
    "time array": lambda: np.array([["2020", "2021"]] * 2, dtype="datetime64[ns]"),
    "span array": lambda: np.array([[1, 2]] * 2, dtype="timedelta64[s]"),
    "span vector": lambda: np.array([0, 1], dtype="timedelta64[ns]"),
    "structured array": lambda: np.zeros(2, dtype=STRUCTURED),
    "structured table": lambda: np.zeros((2, 2), dtype=STRUCTURED),
    "void array": lambda: np.zeros((2, 2), dtype="V4"),
    "object array": lambda: np.array([[1, None], ["a", 2.0]], dtype=object),
    "array of large integers": lambda: np.array([[10**400, 1]] * 2, dtype=object),
    "masked array": lambda: np.ma.array([[1, 2], [3, 4]], mask=[[0, 1], [0, 0]]),
    "masked vector": lambda: np.ma.array([0, 1], mask=[0, 1]),
    "Series with NA": lambda: pd.Series([1, None], dtype="Int64"),
    "Series of times": lambda: pd.Series(pd.to_datetime(["2020", "2021"])),
    "Series of None": lambda: pd.Series([None, None], dtype=object),
    "DataFrame with NA": lambda: pd.DataFrame({"a": pd.array([1, None], dtype="Int64")}),
    "DataFrame of text": lambda: pd.DataFrame({"a": ["x", "y"], "b": [1, 2]}),
    "complex matrix": lambda: sp.csr_array(np.full((2, 2), 1j)),
    "matrix with wrong columns": lambda: sp.csr_array(
        (np.ones(2), np.array([0, 9]), np.array([0, 1, 2])), shape=(2, 2)
    ),
    "matrix with negative columns": lambda: sp.csc_matrix(
        (np.ones(2), np.array([0, -9]), np.array([0, 1, 2])), shape=(2, 2)
    ),
    "matrix with a wrong indptr": lambda: with_indptr(sp.csr_array(np.eye(2)), [0, 99, 2]),
    "matrix of NaN": lambda: sp.csr_array(np.full((2, 2), np.nan)),
    "matrix without rows": lambda: sp.csr_array((0, 2)),
}


def with_indptr(matrix, indptr):
    """Return the matrix with row offsets that SciPy does not check any more."""
    matrix.indptr = np.array(indptr, dtype=matrix.indptr.dtype)
    return matrix


NONSENSE = SCALARS | CONTAINERS
# Values that are built up, for what no list of cases thinks of.
scalars = fresh(SCALARS) | st.integers() | st.floats() | st.text(max_size=3)
built = st.recursive(
    scalars,
    lambda parts: (
        st.lists(parts, max_size=4)
        | st.lists(parts, max_size=3).map(tuple)
        | st.dictionaries(st.text(max_size=2), parts, max_size=2)
    ),
    max_leaves=8,
)
nonsense = fresh(NONSENSE) | built
