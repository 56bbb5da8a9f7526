"""Files that appear complete or not at all."""

import os
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory

TEMPORARY_PREFIX = ".skimdb-"


@contextmanager
def replace_files(folder, *, sync=False):
    """Yield a temporary folder, whose files move to ``folder`` unless an error occurs.

    Parameters
    ----------
    folder : pathlib.Path
        An existing folder. Files of the same name in it are replaced.
    sync : bool, default=False
        Whether the files must survive a crash of the system. Files that can be made again need
        not wait for the disk.
    """
    with TemporaryDirectory(prefix=TEMPORARY_PREFIX, dir=folder) as temporary:
        yield Path(temporary)
        files = sorted(Path(temporary).iterdir())
        if sync:
            for file in files:
                _sync(file, os.O_RDWR)
        for file in files:
            file.replace(folder / file.name)
        if sync:
            # not every system can sync a folder, and by now the files are in place
            with suppress(OSError):
                _sync(folder, os.O_RDONLY)


def _sync(path, flags):
    descriptor = os.open(path, flags)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
