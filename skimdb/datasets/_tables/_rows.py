"""The rows of a user's file: each text and label as it should be, or what is wrong with it."""

import json
import re
import warnings
from collections import defaultdict

import numpy as np

from skimdb._utils._checks import short_repr
from skimdb.datasets._tables._columns import MISSING, join_names, shorten

# texts in the place of labels would take as much room in each row
LONGEST_LABEL = 200
# JSON can spell what no file can hold
HALF_CHARACTER = re.compile("[\ud800-\udfff]")
WHOLE_FLOAT = re.compile(r"([-+]?\d+)\.0+", re.ASCII)
KINDS = {str: "a text", int: "a whole number", bool: "true or false"}
SKIP = 'To leave out such rows, give on_error="skip" (--on-error skip on the command line).'
N_EXAMPLES = 3


class TextRows:
    """The texts of a file, each with all fields of its row.

    Parameters
    ----------
    file : TableFile
        The file.
    on_error : {"raise", "skip"}
        What to do with rows that can't be read.

    Attributes
    ----------
    n_skipped : int
        Number of rows left out so far.
    """

    def __init__(self, file, on_error):
        self.file = file
        self.n_skipped = 0
        self._skips = on_error == "skip"
        self._first_error = None

    def __iter__(self):
        n_rows = 0
        for row in self.file.columns.rows:
            try:
                values = self._check(row)
            except ValueError as error:
                if not self._skips:
                    raise ValueError(f"{self.file.name}, {row.place}: {error} {SKIP}") from error
                self._first_error = self._first_error or f"{row.place}: {error}"
                self.n_skipped += 1
            else:
                n_rows += 1
                yield values
        if not n_rows:
            reason = f"; the first row is left out, {self._first_error}" if self.n_skipped else "."
            raise ValueError(f"{self.file.name} must hold at least one text, got none{reason}")
        self._warn()

    def _warn(self):
        if self.n_skipped:
            rows = "1 row" if self.n_skipped == 1 else f"{self.n_skipped:,} rows"
            warnings.warn(
                f"{self.file.name}: left out {rows} that can't be read. "
                f"The first is {self._first_error}",
                stacklevel=3,
            )

    def _check(self, row):
        """Return the text of a row, and its fields."""
        columns = self.file.columns
        fields = row.fields
        if row.error is not None:
            raise ValueError(f"{row.error}.")
        # spreadsheets write empty fields behind the last column
        if len(fields) != columns.width and (
            len(fields) < columns.width or any(fields[columns.width :])
        ):
            raise ValueError(
                f"expected {columns.width} fields, as in the first row, got {len(fields)}. "
                'Fields that hold the delimiter need quotes: "…".'
            )
        if columns.text is None:
            raise ValueError(
                "expected a text, but neither this nor the first rows have any field."
            )
        text = self._get(fields, columns.text)
        if not isinstance(text, str):
            name = columns.describe(columns.text)
            raise ValueError(f"{name!r} must be a text, got {_spell(text)}.")
        # JSON and Parquet may hold carriage returns
        return text.replace("\r\n", "\n").replace("\r", "\n"), fields

    def _get(self, fields, index):
        value = fields[index]
        if value is MISSING:
            names = self.file.columns.names
            there = [
                name for name, value in zip(names, fields, strict=True) if value is not MISSING
            ]
            raise ValueError(f"no {names[index]!r} among {join_names(there) or 'no keys'}.")
        return value


class LabelledRows(TextRows):
    """The texts and labels of a file.

    Parameters
    ----------
    file, on_error
        As for TextRows.
    separator : str, default=None
        What stands between the labels of a row; None for one label a row.
    """

    def __init__(self, file, on_error, separator=None):
        super().__init__(file, on_error)
        self._separator = separator
        self._kind = None
        # how the file writes each label
        self._spellings = defaultdict(set)

    def _check(self, row):
        text, fields = super()._check(row)
        index = self.file.columns.label
        return text, self._check_label(self._get(fields, index), index)

    def _check_label(self, label, index):
        name = self.file.columns.describe(index)
        if self._separator is not None:
            return self._check_labels(label, name)
        if isinstance(label, float) and label.is_integer():
            label = int(label)
        if not isinstance(label, str | int):
            raise ValueError(f"{name!r} must be a text or a whole number, got {_spell(label)}.")
        kind = type(label)
        # True and False as pandas writes them into a CSV file
        text = str(label).strip()
        if not text:
            raise ValueError(f"{name!r} is empty.")
        if len(text) > LONGEST_LABEL:
            raise ValueError(
                f"{name!r} must have at most {LONGEST_LABEL} characters, got {len(text)}: "
                "choose another column by label_column (--label-column)."
            )
        if HALF_CHARACTER.search(text) or "\0" in text:
            raise ValueError(f"{name!r} holds half a character or a zero byte, {_spell(text)}.")
        self._kind = self._kind or kind
        if kind is not self._kind:
            # 1 and "1" would be one label
            raise ValueError(
                f"{name!r} must be {KINDS[self._kind]}, as in the lines before, "
                f"got {_spell(label)}."
            )
        whole = WHOLE_FLOAT.fullmatch(text)
        label = whole[1] if whole else text
        self._spellings[label].add(text)
        return label

    def _check_labels(self, labels, name):
        """Return the labels of a row as a text; there may be none."""
        if isinstance(labels, np.ndarray):
            labels = labels.tolist()
        if labels is None:
            labels = []
        if isinstance(labels, str):
            labels = labels.split(self._separator)
        if not isinstance(labels, list) or not all(isinstance(label, str) for label in labels):
            raise ValueError(f"{name!r} must be a text or a list of texts, got {_spell(labels)}.")
        labels = [label.strip() for label in labels]
        for label in labels:
            if self._separator in label:
                raise ValueError(
                    f"{name!r} must hold labels without the separator {self._separator!r}, got "
                    f"{_spell(label)}."
                )
            if len(label) > LONGEST_LABEL or HALF_CHARACTER.search(label) or "\0" in label:
                raise ValueError(
                    f"{name!r} must hold labels of at most {LONGEST_LABEL} characters, without "
                    f"zero bytes, got {_spell(label)}."
                )
            if label:
                self._spellings[label].add(label)
        return self._separator.join(filter(None, labels))

    def _warn(self):
        super()._warn()
        for label, spellings in self._spellings.items():
            if len(spellings) > 1:
                self._warn_of(spellings, f"are taken as one label, {label!r}")
        folded = defaultdict(set)
        for label in self._spellings:
            folded[label.casefold()].add(label)
        alike = [labels for labels in folded.values() if len(labels) > 1]
        for labels in alike[:N_EXAMPLES]:
            self._warn_of(labels, "differ in case alone, and are different labels")

    def _warn_of(self, labels, what):
        names = " and ".join(map(repr, sorted(labels)))
        warnings.warn(f"{self.file.name}: {names} {what}.", stacklevel=4)


def _spell(value):
    """Return a value as JSON spells it, or the start of a long one."""
    try:
        return shorten(json.dumps(value))
    except TypeError:
        return short_repr(value)
