"""Labelled reviews in a user's own file: CSV or JSON Lines."""

import csv
import json
from pathlib import Path

# csv refuses longer fields unless told; its own limit is 131,072 characters
LONGEST_FIELD = 2**31 - 1


def read_labelled_file(path, *, text_column, label_column):
    """Read texts and labels.

    Parameters
    ----------
    path : str or path-like
        A file in UTF-8, with or without a byte order mark, that ends in .csv (with a header) or
        in .jsonl, .ndjson or .json (one object a line).
    text_column, label_column : str
        The columns, or keys, of text and label.

    Returns
    -------
    texts, labels : list of str
        Labels are stripped of spaces around them; numbers and truth values are spelled out.

    Raises
    ------
    OSError, ValueError
        If the file can't be read; the message names it, and the line where there is one.
    """
    path = Path(path)
    if not path.exists():
        raise FileNotFoundError(f"there is no file {path}.")
    if path.is_dir():
        raise IsADirectoryError(f"{path} must be a file, but is a folder.")
    if path.suffix.lower() not in READERS:
        raise ValueError(f"{path} must end in {', '.join(READERS)} to say what is in it.")
    if text_column == label_column:
        raise ValueError(
            f"--text-column and --label-column must differ, got {text_column!r} for both."
        )
    texts, labels = [], []
    read = READERS[path.suffix.lower()]
    for place, text, label in read(path, text_column, label_column):
        if not isinstance(text, str):
            raise ValueError(f"{place}: {text_column!r} must be a text, got {_shown(text)}.")
        if not isinstance(label, str | int):
            raise ValueError(
                f"{place}: {label_column!r} must be a text or a whole number, got {_shown(label)}."
            )
        label = label.strip() if isinstance(label, str) else _shown(label)
        if not label:
            raise ValueError(f"{place}: {label_column!r} is empty.")
        texts.append(text)
        labels.append(label)
    if not texts:
        raise ValueError(f"{path} must hold at least one review, got none.")
    return texts, labels


def _shown(value):
    """Return a value as JSON spells it, or the beginning of a long one."""
    text = json.dumps(value)
    return text if len(text) <= 40 else text[:40] + "…"


def _lines(path):
    """Yield the lines of a file, decoded one by one so that a wrong byte can be placed."""
    with open(path, "rb") as file:
        for number, line in enumerate(file, start=1):
            try:
                yield line.decode("utf-8-sig" if number == 1 else "utf-8")
            except UnicodeDecodeError as error:
                raise ValueError(
                    f"{path}, line {number}: expected text in UTF-8, "
                    f"got the byte {line[error.start]:#04x}."
                ) from error


def _csv_records(path, *columns):
    csv.field_size_limit(LONGEST_FIELD)
    rows = csv.reader(_lines(path), strict=True)
    try:
        header = [name.strip() for name in next(rows, [])]
        if not header:
            raise ValueError(f"{path} must begin with a line of column names, got none.")
        places = [_column(header, name, path) for name in columns]
        for row in rows:
            place = f"{path}, line {rows.line_num}"
            if not row:
                continue
            if len(row) != len(header):
                raise ValueError(
                    f"{place}: expected {len(header)} fields, as in the first line, "
                    f'got {len(row)}. Fields that hold commas need quotes: "…".'
                )
            yield place, *(row[i] for i in places)
    except csv.Error as error:
        raise ValueError(f"{path}, line {rows.line_num}: broken CSV: {error}.") from error


def _column(header, name, path):
    if header.count(name) != 1:
        how_many = "no" if name not in header else "more than one"
        raise ValueError(
            f"{path} has {how_many} column {name!r}; its columns are "
            f"{', '.join(map(repr, header))}. Choose by --text-column and --label-column."
        )
    return header.index(name)


def _json_records(path, *columns):
    for number, line in enumerate(_lines(path), start=1):
        place = f"{path}, line {number}"
        if not line.strip():
            continue
        try:
            record = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise ValueError(f"{place}: broken JSON: {getattr(error, 'msg', error)}.") from error
        if not isinstance(record, dict):
            raise ValueError(f"{place}: expected a JSON object, one a line, got {_shown(record)}.")
        for name in columns:
            if name not in record:
                raise ValueError(
                    f"{place}: no {name!r} among {', '.join(map(repr, record)) or 'no keys'}. "
                    "Choose by --text-column and --label-column."
                )
        yield place, *(record[name] for name in columns)


READERS = {
    ".csv": _csv_records,
    ".jsonl": _json_records,
    ".ndjson": _json_records,
    ".json": _json_records,
}
