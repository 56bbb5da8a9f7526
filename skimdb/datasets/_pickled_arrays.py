"""Pickled arrays of integers, read without trusting them: nothing is imported, nothing is run.

A pickle is a program. Here each of its instructions is looked at before the first is carried out:
only those that make numbers, text, lists, tuples and arrays are admitted, and only so many that
what they make stays in proportion to the file.
"""

import io
import pickle
import pickletools
import re

import numpy as np

# Runs of integers, nearly all of an honest file, are passed over by the regular expression engine.
_INTEGERS = re.compile(rb"(?:K.|M..|J....)*+", re.DOTALL)
_LINE = re.compile(rb"[^\n]*\n")

# The other instructions by the number of bytes that follow the opcode,
_PLAIN = {
    **dict.fromkeys(b".(N])}taebsuR", 0),  # STOP, MARK, None, containers, REDUCE, BUILD
    **dict.fromkeys(b"\x85\x86\x87\x88\x89\x93\x94", 0),  # TUPLE1 to 3, bools, globals, MEMOIZE
    **dict.fromkeys(b"\x80hq", 1),  # PROTO, BINGET, BINPUT
    **dict.fromkeys(b"jr", 4),  # LONG_BINGET, LONG_BINPUT
    **dict.fromkeys(b"\x95G", 8),  # FRAME, BINFLOAT
}
# or by the size of the count that says how many do: strings, bytes and long integers.
_COUNTED = {**dict.fromkeys(b"U\x8cC\x8a", 1), **dict.fromkeys(b"TXB", 4)}
_GLOBAL, _LONG_BINPUT, _FRAME, _STOP = b"cr\x95."

# The published file has 50,000 a split; an array in place of each list makes that 500,000.
MOST_INSTRUCTIONS = 2_000_000


def load_array(content):
    """Return a pickled array, as a ``PickledArray``, or say what is wrong with the pickle."""
    _check_instructions(content)
    # only a reader that can peek is not asked for each few bytes
    pickled = _Unpickler(io.BufferedReader(io.BytesIO(content))).load()
    if not isinstance(pickled, PickledArray):
        raise ValueError("its pickle is not one of an array")
    return pickled


def _check_instructions(content):
    """Raise unless all instructions, integers aside, are admitted ones and not too many."""
    position, opcode, n_instructions = 0, None, 0
    while opcode != _STOP:
        position = _INTEGERS.match(content, position).end()
        if position >= len(content):
            raise ValueError("its pickle is cut off")
        opcode = content[position]
        end = _end_of_instruction(content, position + 1, opcode)
        n_instructions += 1
        # room would be made for as much as these claim, before it is seen whether it is there
        if opcode == _LONG_BINPUT and _number(content, end - 4, end) > n_instructions:
            raise ValueError("its pickle remembers more objects than it has")
        if opcode == _FRAME and _number(content, end - 8, end) > len(content) - end:
            raise ValueError("its pickle is cut off")
        if n_instructions > MOST_INSTRUCTIONS:
            raise ValueError(f"its pickle has over {MOST_INSTRUCTIONS} instructions")
        position = end
    if position != len(content):
        raise ValueError("it goes on after its pickle ended")


def _end_of_instruction(content, position, opcode):
    if opcode in _PLAIN:
        end = position + _PLAIN[opcode]
    elif opcode in _COUNTED:
        start = position + _COUNTED[opcode]
        end = start + _number(content, position, start)
    elif opcode == _GLOBAL:
        module = _LINE.match(content, position)
        name = module and _LINE.match(content, module.end())
        end = name.end() if name else len(content) + 1
    else:
        known = pickletools.code2op.get(chr(opcode))
        raise ValueError(
            f"its pickle holds the instruction {known.name if known else hex(opcode)}, which "
            f"no array of integers needs; the file may be an attempt to run code"
        )
    if end > len(content):
        raise ValueError("its pickle is cut off")
    return end


def _number(content, start, end):
    return int.from_bytes(content[start:end], "little")


class _PickledDtype:
    """A dtype as a pickle describes it."""

    __slots__ = ("byte_order", "code")

    def __init__(self, code, *_):
        self.code = code
        self.byte_order = "="

    def __setstate__(self, state):
        self.byte_order = state[1]


class PickledArray:
    """An array as a pickle describes it."""

    __slots__ = ("dtype", "items", "shape")

    def __init__(self, *_):
        self.shape = self.dtype = self.items = None

    def __setstate__(self, state):
        _, self.shape, self.dtype, _, self.items = state

    def integers(self):
        """Return the items as a 1-D array of integers; any other array has none."""
        code = getattr(self.dtype, "code", None)
        if not isinstance(code, str) or not re.fullmatch("[iu][1248]", code):
            raise TypeError("an array that is not of integers")
        values = np.frombuffer(self.items, np.dtype(code).newbyteorder(self.dtype.byte_order))
        if self.shape != values.shape:
            raise TypeError("an array that is not one-dimensional")
        return values


def _latin1_bytes(text, _):
    """Bytes, as Python 3 pickles them for Python 2."""
    return text.encode("latin1")


def _no_bytes():
    """The same, where there are none."""
    return b""


# NumPy's own classes would do as well for an honest file. They are left out because NumPy trusts
# the state that a pickle hands to them, sizes and flags included; these only write it down.
_STAND_INS = {
    ("numpy", "dtype"): _PickledDtype,
    ("numpy", "ndarray"): PickledArray,
    ("numpy.core.multiarray", "_reconstruct"): PickledArray,
    ("numpy._core.multiarray", "_reconstruct"): PickledArray,
    ("_codecs", "encode"): _latin1_bytes,
    ("__builtin__", "bytes"): _no_bytes,
}


class _Unpickler(pickle.Unpickler):
    """An unpickler of arrays, lists and ints that imports nothing and calls nothing."""

    def find_class(self, module, name):
        try:
            return _STAND_INS[module, name]
        except KeyError:
            raise ValueError(
                f"its pickle asks for {module:.80}.{name:.80}, where only NumPy arrays, lists and "
                f"integers are admitted; the file may be an attempt to run code"
            ) from None
