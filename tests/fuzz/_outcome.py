"""The allowed outcomes of reading a file: correct content, or an error that names the file."""

import itertools
import os
from contextlib import contextmanager

# compact copies are identified by modification time, and the clock is too coarse for many files
_times = itertools.count(10**18, 10**6)


class RefusedError(Exception):
    """A file was refused with the right kind of error."""


@contextmanager
def refusals_name(path):
    """Turn an error of the right kind that names the file into RefusedError."""
    try:
        yield
    except (ValueError, OSError, TypeError) as error:
        if path.name not in str(error):
            raise AssertionError(f"the file isn't named in: {error!r}") from error
        if len(str(error)) > 4000:
            raise AssertionError(f"a message of {len(str(error))} characters") from error
        raise RefusedError from error


def written(path, content):
    """Write a file with a unique modification time, and return its path."""
    path.write_bytes(content)
    time = next(_times)
    os.utime(path, ns=(time, time))
    return path
