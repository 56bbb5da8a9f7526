"""Tables in files that pandas reads (Parquet, Feather, Excel), and folders of text files."""

import os
import zipfile

import lazy_loader

from skimdb._utils._checks import shorten_reason
from skimdb.datasets._tables._columns import Row, Table
from skimdb.datasets._tables._packed_file import decode_text

# optional
pandas, pyarrow = map(lazy_loader.load, ("pandas", "pyarrow"))

# how pandas calls what begins with these bytes
FORMATS = {b"PAR1": "parquet", b"ARROW1": "feather", b"PK\x03\x04": "excel"}
OLD_EXCEL = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
FORMS = {"parquet": "Parquet", "feather": "Feather", "excel": "Excel, first sheet"}
PACKAGES = {"parquet": "pyarrow", "feather": "pyarrow", "excel": "openpyxl"}
# a million rows, or one for each byte: a file may say the same row a billion times
MOST_ROWS = 10**6
LARGEST_SHEETS = 2**29


def find_frame_format(file):
    """Return the format of a file that pandas reads, or None."""
    if file.head.startswith(OLD_EXCEL):
        raise ValueError(
            f"{file.name} is in the format of Excel before 2007: save it as .xlsx or CSV."
        )
    formats = (name for start, name in FORMATS.items() if file.head.startswith(start))
    return next(formats, None)


def read_frame(file, kind):
    """Return the table in a file that pandas reads."""
    try:
        with file.open_seekable() as stream:
            _check_size(file, stream, kind)
            stream.seek(0)
            if kind == "excel":
                frame = pandas.read_excel(stream, header=None, dtype=object)
            else:
                frame = getattr(pandas, f"read_{kind}")(stream)
            # texts that are no UTF-8 are found here
            values = frame.astype(object).where(frame.notna(), None).to_numpy()
    except ImportError as error:
        raise ImportError(
            f"reading {file.name} needs pandas and {PACKAGES[kind]}: pip install 'skimdb[files]'."
        ) from error
    except MemoryError:
        raise
    except Exception as error:
        # the parsers raise nearly any class of error on bad bytes
        reason = shorten_reason(str(error))
        raise ValueError(f"{file.name} can't be read as {FORMS[kind]}: {reason}.") from error
    rows = (Row(f"row {number}", [*fields]) for number, fields in enumerate(values, start=1))
    if kind != "excel":
        return Table(FORMS[kind], [*map(str, frame.columns)], rows)
    rows = (row._replace(fields=[*map(_format_cell, row.fields)]) for row in rows)
    return Table(FORMS[kind], None, (row for row in rows if any(row.fields)))


def read_folder(path, encoding, *, is_labelled):
    """Return the table of a folder with a folder of text files for each label.

    Texts without labels may be in the folder itself.
    """
    if not is_labelled and not any(inner.is_dir() for inner in _list_visible(path)):
        rows = _read_files([(path, file) for file in _list_visible(path)], encoding)
        return Table("a folder of text files", ["folder", "text"], rows)
    contents = {folder: _list_visible(folder) for folder in _list_visible(path) if folder.is_dir()}
    files = [(folder, file) for folder, inner in contents.items() for file in inner]
    if any(file.is_dir() for _, file in files):
        names = ", ".join(folder.name for folder in contents)
        raise ValueError(
            f"{path} must hold a folder of text files for each label, but its folders ({names}) "
            "hold folders: name one of them."
        )
    if not files:
        raise ValueError(
            f"{path} must be a file, or hold a folder of text files for each label, such as pos "
            "and neg; got a folder without such."
        )
    return Table(
        "a folder of text files for each label", ["label", "text"], _read_files(files, encoding)
    )


def _read_files(files, encoding):
    for folder, file in files:
        text, error = decode_text(file.read_bytes(), encoding)
        yield Row(f"{folder.name}/{file.name}", [folder.name, text], error)


def _format_cell(value):
    """Return the value of a cell as a CSV file would hold it."""
    if value is None:
        return ""
    is_whole = isinstance(value, float) and value.is_integer()
    return str(int(value) if is_whole else value)


def _list_visible(folder):
    return sorted(path for path in folder.iterdir() if not path.name.startswith("."))


def _check_size(file, stream, kind):
    """Raise if a file unpacks to much more than it should."""
    if kind != "excel":
        n_rows = _count_rows(stream, kind)
        if n_rows > max(MOST_ROWS, stream.seek(0, os.SEEK_END)):
            raise ValueError(f"it says that it holds {n_rows:,} rows")
    elif file.head.startswith(b"PK"):
        with zipfile.ZipFile(stream) as archive:
            size = sum(member.file_size for member in archive.infolist())
        if size > LARGEST_SHEETS:
            raise ValueError(f"it unpacks to {size:,} bytes")


def _count_rows(stream, kind):
    """Return how many rows a Parquet or Feather file says that it holds."""
    if kind == "parquet":
        # this reads little more than the footer, and imports pyarrow.parquet
        pandas.read_parquet(stream, columns=[])
        return pyarrow.parquet.ParquetFile(stream).metadata.num_rows
    reader = pyarrow.ipc.open_file(stream)
    return sum(reader.get_batch(i).num_rows for i in range(reader.num_record_batches))
