"""What a reader may do with a file: give what is right, or say what is wrong with it."""

import itertools
import os
from contextlib import contextmanager

# a copy is told from another by the time it was written at, of which a clock gives too few
_times = itertools.count(10**18, 10**6)


class RefusedError(Exception):
    """A file was refused as it should be."""


@contextmanager
def refusals_name(path):
    """Raise RefusedError for an error of the right kind that names the file."""
    try:
        yield
    except (ValueError, OSError, TypeError) as error:
        if path.name not in str(error):
            raise AssertionError(f"the file isn't named in: {error!r}") from error
        if len(str(error)) > 4000:
            raise AssertionError(f"a message of {len(str(error))} characters") from error
        raise RefusedError from error


def written(path, content):
    """Write a file whose time is its own."""
    path.write_bytes(content)
    time = next(_times)
    os.utime(path, ns=(time, time))
    return path
