"""Tables in JSON: one object a line, an array of objects, columns by name."""

import json
from itertools import islice

from skimdb._utils._checks import to_unique_dict
from skimdb.datasets._tables._columns import MISSING, N_SAMPLE_ROWS, Row, Table, shorten
from skimdb.datasets._tables._packed_file import BROKEN_BYTE, LongLineError

SUFFIXES_OF_LINES = (".jsonl", ".ndjson")
SUFFIXES = (*SUFFIXES_OF_LINES, ".json")
N_FIRST_LINES = 3
FORMS = (
    "an array of objects, an object with such an array, columns by name as pandas writes them, "
    "or one object a line"
)


def is_json(file):
    """Tell whether a file holds JSON, by its name or by how it begins."""
    if file.suffix in SUFFIXES:
        return True
    return file.suffix not in (".csv", ".tsv") and _start(file).startswith(("{", "[{"))


def read_json(file, names):
    """Return the table in a JSON file; ``names`` are the columns that the user has given."""
    if file.suffix in SUFFIXES_OF_LINES or _has_object_lines(file):
        return _read_json_lines(file, names)
    try:
        document = json.loads(file.read_text().lstrip("\ufeff"), object_pairs_hook=to_unique_dict)
    except (ValueError, RecursionError) as error:
        raise _broken(file.name, error) from error
    columns, rows = _to_table(document, file.name)
    rows = (Row(f"row {number}", fields) for number, fields in enumerate(rows, start=1))
    return Table("JSON", columns, rows)


def _start(file):
    """Return the first characters of a file."""
    return file.head.decode(file.encoding, "replace").lstrip("\ufeff \t\r\n")


def _has_object_lines(file):
    """Tell whether one of the first lines is an object by itself."""
    if _start(file).startswith("["):
        return False
    try:
        lines = [*islice(filter(str.strip, file.lines()), N_FIRST_LINES)]
    except LongLineError:
        return False
    objects = [value for value in map(_parse_or_none, lines) if isinstance(value, dict)]
    if len(lines) == 1 and objects:
        # one record, or all columns on one line
        return not any(isinstance(value, list | dict) for value in objects[0].values())
    return bool(objects)


def _parse_or_none(line):
    try:
        return json.loads(line)
    except (ValueError, RecursionError):
        return None


def _read_json_lines(file, names):
    rows = _read_objects(file)
    sample = [*islice(rows, N_SAMPLE_ROWS)]
    columns = _join_keys([fields for _, fields, error in sample if error is None], names)
    return Table(
        "one JSON object a line",
        columns,
        (
            row if row.error else row._replace(fields=_get_values(row.fields, columns))
            for part in (sample, rows)
            for row in part
        ),
    )


def _read_objects(file):
    """Yield rows whose fields are the object of a line."""
    for number, line in enumerate(file.lines(), start=1):
        if not line.strip():
            continue
        error, record = None, {}
        try:
            record = json.loads(line, object_pairs_hook=to_unique_dict)
        except (ValueError, RecursionError) as failure:
            error = f"broken JSON: {getattr(failure, 'msg', failure)}"
        else:
            if not isinstance(record, dict):
                error = f"expected a JSON object, one a line, got {shorten(json.dumps(record))}"
        if not line.isascii() and (broken := BROKEN_BYTE.search(line)):
            byte = ord(broken[0]) - 0xDC00
            error = f"expected text in {file.encoding_name}, got the byte {byte:#04x}"
        yield Row(f"line {number}", record, error)


def _join_keys(records, names=()):
    """Return all keys of records, in the order of their appearance, and the names given."""
    keys = dict.fromkeys(key for record in records for key in record)
    given = [name for name in names if isinstance(name, str) and not name.isdecimal()]
    return [*dict.fromkeys([*keys, *given])] if keys else []


def _get_values(record, columns):
    return [record.get(name, MISSING) for name in columns]


def _to_table(document, path):
    """Return the columns and rows of a JSON document."""
    if isinstance(document, dict):
        document = _unwrap(document)
    if isinstance(document, list) and document and all(map(_has_inner_row, document)):
        document = [record["row"] for record in document]
    if isinstance(document, list) and document:
        if all(isinstance(record, dict) for record in document):
            columns = _join_keys(document)
            return columns, [_get_values(record, columns) for record in document]
        if _are_rows(document):
            return None, document
        if all(isinstance(record, str) for record in document):
            return None, [[text] for text in document]
    elif isinstance(document, tuple):
        return document
    got = shorten(json.dumps(document))
    raise ValueError(f"{path} must hold {FORMS}, got {got}")


def _has_inner_row(record):
    return isinstance(record, dict) and isinstance(record.get("row"), dict)


def _are_rows(values):
    return all(isinstance(value, list) for value in values)


def _unwrap(document):
    """Return the records in an object, or its columns and rows; the object itself if neither."""
    values = [*document.values()]
    columns, data = document.get("columns"), document.get("data")
    if isinstance(columns, list) and isinstance(data, list) and _are_rows(data):
        return [*map(str, columns)], data
    if len(values) > 1 and all(isinstance(value, list) for value in values):
        if len(set(map(len, values))) == 1:
            return [*document], [*map(list, zip(*values, strict=True))]
    elif len(values) > 1 and all(isinstance(value, dict) for value in values):
        keys = [*values[0]]
        if all(value.keys() == values[0].keys() for value in values):
            if all(map(str.isdecimal, document)) and not all(map(str.isdecimal, keys)):
                return values  # rows by number
            return [*document], [[value[key] for value in values] for key in keys]
    arrays = [value for value in values if isinstance(value, list)]
    records = [value for value in arrays if value and all(isinstance(r, dict) for r in value)]
    return records[0] if len(records) == 1 else [document]


def _broken(path, error):
    place = f", line {error.lineno}" if isinstance(error, json.JSONDecodeError) else ""
    return ValueError(f"{path}{place}: broken JSON: {getattr(error, 'msg', error)}.")
