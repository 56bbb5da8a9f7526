"""Checks of the paths that commands take, before anything slow is imported."""

import os
from pathlib import Path
from tempfile import TemporaryDirectory

import typer

from skimdb._utils._files import TEMPORARY_PREFIX

SAMPLE, IMDB, STDIN = "sample", "imdb", "-"
TABLE_SUFFIXES, HTML_SUFFIXES = (".csv", ".tsv", ".jsonl"), (".html", ".htm")


def check_data(data):
    """Raise unless ``--data`` names published data or a path that exists."""
    if data not in (SAMPLE, IMDB, STDIN) and not os.path.exists(data):
        raise FileNotFoundError(
            f"--data must be {SAMPLE}, {IMDB}, a file or a folder, but there is no file {data!r}."
        )


def resolve_data(data):
    """Return the value of ``--data`` with an absolute path, valid in any working directory."""
    return data if data in (SAMPLE, IMDB, STDIN) else str(Path(data).absolute())


def check_input_file(file):
    """Raise unless ``--file`` exists."""
    if not file.exists():
        raise FileNotFoundError(f"--file: there is no file {str(file)!r}.")


def check_folder(folder):
    """Raise unless files can be written to a folder of ``--out``, which need not exist.

    Returns the folder, or if it does not exist its nearest parent that does.
    """
    nearest = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    if not nearest.is_dir():
        raise NotADirectoryError(f"--out must be a folder, but {nearest} is a file.")
    try:
        # permissions are not enough to tell: some file systems are read-only for everybody
        TemporaryDirectory(prefix=TEMPORARY_PREFIX, dir=nearest).cleanup()
    except OSError as error:
        # a folder such as /proc, which takes no files, says that it does not exist
        reason = "" if isinstance(error, FileNotFoundError) else f" ({error.strerror})"
        raise PermissionError(
            f"--out: no file can be written to the folder {nearest}{reason}. Choose another."
        ) from error
    return nearest


def check_output_file(out, source, *, force, suffixes=TABLE_SUFFIXES):
    """Raise unless a file can be written to ``--out``.

    Parameters
    ----------
    out : pathlib.Path
    source : pathlib.Path or None
        The file that the rows come from.
    force : bool
        Whether a file that exists may be replaced.
    suffixes : sequence of str, default=TABLE_SUFFIXES
        What the name of the file may end in.
    """
    if out.suffix.lower() not in suffixes:
        raise typer.BadParameter(
            f"must end in {', '.join(suffixes[:-1])} or {suffixes[-1]} to say what "
            f"to write, got {out}.",
            param_hint="'--out'",
        )
    if not out.parent.is_dir():
        raise FileNotFoundError(f"--out: there is no folder {str(out.parent)!r} to write to.")
    check_folder(out.parent)
    if out.is_dir():
        raise IsADirectoryError(f"--out must be a file, but {out} is a folder.")
    if not out.exists():
        return
    if source is not None and source.exists() and os.path.samefile(out, source):
        raise ValueError(f"--out must not be the file that the texts come from, got {out}.")
    if not force:
        raise FileExistsError(
            f"--out: {out} exists already. Choose another file, or replace it with --force."
        )
