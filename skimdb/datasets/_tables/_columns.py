"""Rows of a table, and which of its columns holds the texts and which the labels."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import chain, islice
from typing import Any, NamedTuple

N_NAMES = 10
N_SAMPLE_ROWS = 1000
LONGEST_NAME, MOST_WORDS_OF_NAME = 64, 4
# known names of columns without case, spaces and marks, the preferred ones first
TEXT_NAMES = (
    "text", "texts", "review", "reviews", "reviewtext", "reviewbody", "sentence", "message",
    "messages", "comment", "comments", "commenttext", "content", "contents", "body", "tweet",
    "document", "doc", "sms", "utterance", "query", "phrase", "question", "statement", "post",
    "email", "mail", "description", "headline", "title", "abstract", "narrative", "v2",
)  # fmt: skip
LABEL_NAMES = (
    "label", "labels", "sentiment", "category", "class", "target", "polarity", "stars", "star",
    "rating", "ratings", "overall", "score", "topic", "intent", "intentname", "tag",
    "classindex", "y", "v1",
)  # fmt: skip
END_OF_WORD = re.compile(r"[^A-Za-z0-9]+|(?<=[a-z0-9])(?=[A-Z])")
SHORT_NUMBER = re.compile("[0-9]{1,9}")
NUMBER = re.compile(r"\s*[-+]?\d+([.,]\d+)?\s*")
# how much longer the texts of a column must be than those of others to be taken for the texts
MARGIN = 1.5
# the value of a key that a JSON object does not have
MISSING = object()
LONGEST_LABEL_SEEN, MOST_LABELS_SEEN, MANY_ROWS = 100, 50, 20


class Row(NamedTuple):
    """A row of a table: where it is, its fields, and what is wrong with it."""

    place: str
    fields: list[Any]
    error: str | None = None


class Table(NamedTuple):
    """The rows of a file.

    Attributes
    ----------
    form : str
        The format, for people.
    names : list of str or None
        Names of the columns; None if the first row may hold them.
    rows : iterator of Row
        The rows.
    may_have_header : bool
        Whether the first row may hold names that nobody has told of.
    """

    form: str
    names: list[str] | None
    rows: Iterator[Row]
    may_have_header: bool = True


class Columns:
    """The columns of a table: their names, and those of the texts and labels.

    Parameters
    ----------
    table : Table
        The table; its rows are read from here on.
    path : str
        The file, for messages.
    header : bool or "infer"
        Whether the first row holds the names.
    text_column, label_column : str, int or None
        Name or number (from 1) of a column; None to find it.
    is_labelled : bool
        Whether there are labels.

    Attributes
    ----------
    names : list of str or None
        Names of the columns, None if the table has none.
    rows : iterator of Row
        All rows behind the header.
    width : int
        Number of columns.
    text, label : int or None
        The columns, counted from 0.
    """

    def __init__(self, table, path, header, text_column, label_column, *, is_labelled):
        self._path = path
        sample = list(islice(table.rows, N_SAMPLE_ROWS))
        good = [row.fields for row in sample if row.error is None]
        given = [text_column, label_column]
        self.names = table.names
        if table.names is None and good:
            if header == "infer":
                header = table.may_have_header and _infer_header(good, given)
            if header:
                self.names = [str(name).strip() for name in good.pop(0)]
                first = next(i for i, row in enumerate(sample) if row.error is None)
                sample = sample[:first] + sample[first + 1 :]
                # R writes no name above the numbers of rows
                if len(good) > 1 and all(_has_number(fields, self.names) for fields in good):
                    self.names.insert(0, "")
        self.rows = chain(sample, table.rows)
        self.width = len(self.names or (good[0] if good else []))
        # the first rows as columns; a row of another length is an error that is told later
        rows = [fields for fields in good if len(fields) == self.width]
        self._values = [*zip(*rows, strict=True)] or [()] * self.width
        self.text = self.label = None
        if self.width:
            self._find(text_column, label_column, is_labelled)

    def describe(self, index):
        """Return the name of a column, or its number."""
        return self.names[index] if self._has_name(index) else f"column {index + 1}"

    def identify(self, index):
        """Return the name of a column, or its number from 1 if it has none."""
        return self.names[index] if self._has_name(index) else index + 1

    def _has_name(self, index):
        """Tell whether a column has a name of its own."""
        name = "" if self.names is None else self.names[index]
        return name != "" and self.names.count(name) == 1

    def _find(self, text_column, label_column, is_labelled):
        given = {"text": text_column}
        if is_labelled:
            given["label"] = label_column
        found = {
            kind: None if column is None else self._locate(column, kind)
            for kind, column in given.items()
        }
        if found["text"] is not None and found["text"] == found.get("label"):
            raise ValueError(
                f"text_column and label_column must differ, got {text_column!r} and "
                f"{label_column!r}, which are one column of {self._path}. {_advise(given)}"
            )
        for find in (self._find_by_name, self._find_by_values):
            for kind in [kind for kind, index in found.items() if index is None]:
                found[kind] = find(kind, taken=[*found.values()])
        unknown = [kind for kind, index in found.items() if index is None]
        if unknown and self.width < len(given):
            raise ValueError(
                f"{self._path} must hold a text and a label in each row, but has one column; "
                f"{self._list()}. If there are two, give what stands between them by delimiter "
                "(--delimiter on the command line)."
            )
        if unknown:
            columns = "column holds the" if len(unknown) == 1 else "columns hold the"
            raise ValueError(
                f"{self._path}: can't tell which {columns} {'s and the '.join(unknown)}s; "
                f"{self._list()}. {_advise(unknown)}"
            )
        self.text, self.label = found["text"], found.get("label")

    def _locate(self, column, kind):
        """Return the index of a column that the user has named."""
        names = self.names or []
        if names.count(column) == 1:
            return names.index(column)
        if isinstance(column, str) and column not in names:
            similar = [i for i, name in enumerate(names) if name.casefold() == column.casefold()]
            if len(similar) == 1:
                return similar[0]
        if isinstance(column, int) or (SHORT_NUMBER.fullmatch(column) and column not in names):
            if 1 <= int(column) <= self.width:
                return int(column) - 1
            raise ValueError(
                f"{kind}_column must be a number from 1 to {self.width}, got {column}: "
                f"{self._path} has so many columns. {_advise([kind])}"
            )
        if not names:
            raise ValueError(
                f"{self._path} has no names of columns, so {column!r} is none: "
                f"{self._list()}. {_advise([kind])}"
            )
        how_many = "more than one" if column in names else "no"
        raise ValueError(
            f"{self._path} has {how_many} column {column!r}; {self._list()}. {_advise([kind])}"
        )

    def _find_by_name(self, kind, taken):
        known = TEXT_NAMES if kind == "text" else LABEL_NAMES
        free = [i for i in range(self.width) if i not in taken and self.names]
        for key in (_normalize, _last_word):
            keys = {i: key(self.names[i]) for i in free}
            for name in known:
                found = [i for i in free if keys[i] == name]
                found = [i for i in found if kind == "text" or self._can_be_label(i)]
                if len(found) == 1:
                    return found[0]
                if found:
                    return None
        return None

    def _find_by_values(self, kind, taken):
        free = [i for i in range(self.width) if i not in taken]
        if not free:
            return None
        if kind == "label":
            # the rows of a file may be in the order of their labels
            fewest = 1 if len(free) == 1 and len(self._values[free[0]]) >= MANY_ROWS else 2
            found = [i for i in free if self._is_like_labels(i, fewest)]
            return found[0] if len(found) == 1 else None
        if len(free) == 1:
            return free[0]
        (best, column), (second, _), *_ = sorted(
            ((self._rate_as_text(i), i) for i in free), reverse=True
        )
        return column if best > MARGIN * second else None

    def _can_be_label(self, i):
        """Tell whether the values of a column don't all differ."""
        values = [str(value) for value in self._values[i]]
        return len(values) < MANY_ROWS or len(set(values)) < 0.5 * len(values)

    def _is_like_labels(self, i, fewest):
        """Tell whether a column has a few short values that repeat."""
        values = [str(value).strip() for value in self._values[i]]
        n_different = len(set(values))
        return (
            fewest <= n_different <= min(len(values) / 2, MOST_LABELS_SEEN)
            and "" not in values
            and max(map(len, values)) <= LONGEST_LABEL_SEEN
        )

    def _rate_as_text(self, i):
        """Return a measure of how long and how different the texts in a column are."""
        values = [value for value in self._values[i] if isinstance(value, str)]
        if sum(NUMBER.fullmatch(value) is not None for value in values) >= len(values) / 2:
            return 0
        return sum(map(len, values)) * len(set(values)) / len(values) ** 2

    def _list(self):
        """Return the columns as a message lists them."""
        if self.names is not None:
            return f"its columns are {join_names(self.names)}"
        columns = [
            f"{i + 1} ({shorten(str(values[0]))!r})"
            for i, values in enumerate(islice(self._values, N_NAMES))
        ]
        more = f" and {self.width - N_NAMES} more" if self.width > N_NAMES else ""
        return f"its columns have no names: {', '.join(columns)}{more}"


def has_known_name(fields, names):
    """Tell whether the fields of a first row are names of columns that are known, or given."""
    if any(len(field) > LONGEST_NAME for field in fields):
        return False
    return any(
        field.strip() in names or _normalize(field) in (*TEXT_NAMES, *LABEL_NAMES)
        for field in fields
    )


def join_names(names):
    """Return names as a message lists them."""
    more = f" and {len(names) - N_NAMES} more" if len(names) > N_NAMES else ""
    return ", ".join(repr(shorten(name)) for name in islice(names, N_NAMES)) + more


def shorten(text):
    """Return a text, or the start of a long one."""
    return text if len(text) <= 40 else text[:40] + "…"


def _infer_header(rows, given):
    """Tell whether the first row holds names rather than a text and a label."""
    first, *others = rows
    fields = ["" if field is None else str(field).strip() for field in first]
    named = [field for field in fields if field]
    if any(column in fields for column in given if isinstance(column, str)):
        return True
    # pandas numbers columns without names
    if len(named) > 1 and named == [*map(str, range(len(named)))]:
        return True
    if not named or max(map(len, named)) > LONGEST_NAME:
        return False
    others = [row for row in others if len(row) == len(fields)]
    columns = [*zip(*others, strict=True)] or [()] * len(fields)
    columns = [[str(value).strip() for value in values] for values in columns]
    has_label_name = any(_normalize(field) in LABEL_NAMES for field in fields)
    for field, values in zip(fields, columns, strict=True):
        if _normalize(field) in TEXT_NAMES:
            length = sum(map(len, values)) / max(len(values), 1)
            if has_label_name or length > MARGIN * len(field):
                return True
    if (
        any(NUMBER.fullmatch(field) for field in named)
        or any(len(field.split()) > MOST_WORDS_OF_NAME for field in named)
        or any(field in values for field, values in zip(fields, columns, strict=True) if field)
    ):
        return False
    # names stand above numbers, or above a few values that repeat
    return has_known_name(fields, []) or (
        len(set(named)) == len(named)
        and any(
            all(map(NUMBER.fullmatch, values)) or 2 <= len(set(values)) <= len(values) / 2
            for field, values in zip(fields, columns, strict=True)
            if field and values
        )
    )


def _has_number(fields, names):
    """Tell whether fields have a number before those that have names."""
    return len(fields) == len(names) + 1 and str(fields[0]).isdecimal()


def _normalize(name):
    return "".join(END_OF_WORD.split(str(name))).lower()


def _last_word(name):
    return next((word.lower() for word in reversed(END_OF_WORD.split(str(name))) if word), "")


def _advise(kinds):
    options = " and ".join(f"{kind}_column" for kind in kinds)
    flags = " and ".join(f"--{kind}-column" for kind in kinds)
    return f"Give {options} ({flags} on the command line): a name, or a number from 1."
