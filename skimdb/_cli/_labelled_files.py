"""Labelled reviews in a user's own file: CSV or JSON Lines."""

import csv
import json
import re
from itertools import count, islice
from pathlib import Path
from typing import NamedTuple

# A line without end, or a quote that is never closed, must not take all memory.
LONGEST_LINE = 2**24
# a text taken for a label takes the same room in each row
LONGEST_LABEL = 200
# JSON can spell what no file can hold
HALF_CHARACTER = re.compile("[\ud800-\udfff]")
KINDS = {str: "a text", int: "a whole number", bool: "true or false"}
N_SHOWN = 10
ROWS_PER_BLOCK = 10_000


class Block(NamedTuple):
    """Consecutive rows of a file, and the number of bytes from its beginning to their end."""

    texts: list[str]
    labels: list[str]
    end: int


def read_labelled_file(path, *, text_column, label_column):
    """Return all texts and labels of a file; see ``labelled_blocks``."""
    texts, labels = [], []
    for block in labelled_blocks(path, text_column=text_column, label_column=label_column):
        texts += block.texts
        labels += block.labels
    return texts, labels


def labelled_blocks(path, *, text_column, label_column, rows_per_block=ROWS_PER_BLOCK):
    """Read texts and labels, a block of rows at a time.

    Parameters
    ----------
    path : str or path-like
        A file in UTF-8, with or without a byte order mark, that ends in .csv (with a header) or
        in .jsonl, .ndjson or .json (one object a line).
    text_column, label_column : str
        The columns, or keys, of text and label.
    rows_per_block : int
        Number of rows of each block but the last.

    Yields
    ------
    block : Block
        Labels are of one kind throughout: text, stripped of spaces around it, or numbers or truth
        values, spelled out. Lines within a text end in a newline.

    Raises
    ------
    OSError, ValueError
        If the file can't be read; the message names it, and the line where there is one.
    """
    path = Path(path)
    _check_file(path, text_column, label_column)
    read = READERS[path.suffix.lower()]
    with open(path, "rb") as file:
        rows = _checked(read(file, path, text_column, label_column), text_column, label_column)
        block = None
        while rows_of_block := list(islice(rows, rows_per_block)):
            block = Block(*map(list, zip(*rows_of_block, strict=True)), file.tell())
            yield block
    if block is None:
        raise ValueError(f"{path} must hold at least one review, got none.")


def _check_file(path, text_column, label_column):
    if not path.exists():
        raise FileNotFoundError(f"there is no file {path}.")
    if path.is_dir():
        raise IsADirectoryError(f"{path} must be a file, but is a folder.")
    if not path.is_file():
        raise ValueError(f"{path} must be a file, but is a pipe or device.")
    if path.suffix.lower() not in READERS:
        raise ValueError(f"{path} must end in {', '.join(READERS)} to say what is in it.")
    if text_column == label_column:
        raise ValueError(
            f"--text-column and --label-column must differ, got {text_column!r} for both."
        )


def _checked(records, text_column, label_column):
    """Yield text and label of each record, or say what is wrong with one."""
    kind = None
    for place, text, label in records:
        if not isinstance(text, str):
            raise ValueError(f"{place}: {text_column!r} must be a text, got {_shown(text)}.")
        if not isinstance(label, str | int):
            raise ValueError(
                f"{place}: {label_column!r} must be a text or a whole number, got {_shown(label)}."
            )
        given = label
        label = label.strip() if isinstance(label, str) else json.dumps(label)
        if not label:
            raise ValueError(f"{place}: {label_column!r} is empty.")
        if len(label) > LONGEST_LABEL:
            raise ValueError(
                f"{place}: {label_column!r} must have at most {LONGEST_LABEL} characters, "
                f"got {len(label)}. Choose by --text-column and --label-column."
            )
        if HALF_CHARACTER.search(label):
            raise ValueError(f"{place}: {label_column!r} holds half a character, {_shown(label)}.")
        kind = kind or type(given)
        if type(given) is not kind:
            # 1 and "1" would be one label
            raise ValueError(
                f"{place}: {label_column!r} must be {KINDS[kind]}, as in the lines before, "
                f"got {_shown(given)}."
            )
        # words are told apart by spaces and newlines alone
        yield text.replace("\r\n", "\n").replace("\r", "\n"), label


def _shown(value):
    """Return a value as JSON spells it, or the beginning of a long one."""
    text = json.dumps(value)
    return text if len(text) <= 40 else text[:40] + "…"


def _listed(names):
    """Return names as a message lists them."""
    shown = [name if len(name) <= 40 else name[:40] + "…" for name in islice(names, N_SHOWN)]
    more = f" and {len(names) - N_SHOWN} more" if len(names) > N_SHOWN else ""
    return ", ".join(map(repr, shown)) + more


def _lines(file, path):
    """Yield the lines of a file, decoded one by one so that a wrong byte can be placed."""
    for number in count(start=1):
        line = file.readline(LONGEST_LINE)
        if not line:
            return
        if len(line) == LONGEST_LINE:
            raise ValueError(f"{path}, line {number}: expected a line of less than 16 MB.")
        if b"\0" in line:
            raise ValueError(
                f"{path}, line {number}: expected text in UTF-8, got a zero byte: "
                "the file may be in UTF-16, or no text."
            )
        try:
            yield line.decode("utf-8-sig" if number == 1 else "utf-8")
        except UnicodeDecodeError as error:
            raise ValueError(
                f"{path}, line {number}: expected text in UTF-8, "
                f"got the byte {line[error.start]:#04x}."
            ) from error


def _csv_records(file, path, *columns):
    csv.field_size_limit(LONGEST_LINE)
    rows = csv.reader(_lines(file, path), strict=True)
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
            f"{path} has {how_many} column {name!r}; its columns are {_listed(header)}. "
            "Choose by --text-column and --label-column."
        )
    return header.index(name)


def _json_records(file, path, *columns):
    for number, line in enumerate(_lines(file, path), start=1):
        place = f"{path}, line {number}"
        if not line.strip():
            continue
        try:
            record = json.loads(line, object_pairs_hook=_object)
        except (ValueError, RecursionError) as error:
            raise ValueError(f"{place}: broken JSON: {getattr(error, 'msg', error)}.") from error
        if not isinstance(record, dict):
            raise ValueError(f"{place}: expected a JSON object, one a line, got {_shown(record)}.")
        for name in columns:
            if name not in record:
                raise ValueError(
                    f"{place}: no {name!r} among {_listed(record) or 'no keys'}. "
                    "Choose by --text-column and --label-column."
                )
        yield place, *(record[name] for name in columns)


def _object(pairs):
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("an object has a key twice")
    return members


READERS = {
    ".csv": _csv_records,
    ".jsonl": _json_records,
    ".ndjson": _json_records,
    ".json": _json_records,
}
