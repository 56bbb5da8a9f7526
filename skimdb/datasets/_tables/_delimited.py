"""Tables of text: fields with a delimiter between them, fastText's lines, plain lines."""

import csv
import re
from dataclasses import dataclass, replace
from itertools import takewhile

from skimdb.datasets._tables._columns import Row, Table, has_known_name
from skimdb.datasets._tables._packed_file import BROKEN_BYTE, LONGEST_LINE

DELIMITERS = {"\t": "tab", ",": "comma", ";": "semicolon", "|": "bar"}
# names of files that tell the delimiter to expect
SUFFIXES = {".csv": ",", ".tsv": "\t", ".tab": "\t"}
SEPARATOR_LINE = re.compile(r"sep=(.)\s*", re.IGNORECASE)
FASTTEXT_LABEL = "__label__"
# Lines to find the delimiter with, and characters to find the quotes with: odd quotes are rare.
FEW_LINES, MANY_CHARACTERS = 500, 2**24
MOST_LINES_ABOVE = 5
# Behind a row that can't be read, its lines but the first are read again: a quote that is never
# closed takes in all that follows.
MOST_LINES_AGAIN = 10**6


@dataclass(frozen=True)
class Dialect:
    """How the fields of a line are told apart."""

    delimiter: str
    has_quotes: bool = True
    has_escapes: bool = False
    strict: bool = True

    def parse(self, lines):
        """Return a reader of the fields of lines."""
        return csv.reader(
            lines,
            delimiter=self.delimiter,
            quoting=csv.QUOTE_MINIMAL if self.has_quotes else csv.QUOTE_NONE,
            escapechar="\\" if self.has_escapes else None,
            # a quote behind a space would be a part of the text
            skipinitialspace=self.delimiter != " ",
            strict=self.strict,
        )

    def measure(self, lines):
        """Return the fields of the first row, and the share of lines in rows as long as that."""
        reader, first, n_good, n_lines = self.parse(lines), None, 0, 0
        while True:
            start = reader.line_num
            try:
                fields = next(reader, None)
            except csv.Error:
                fields = []
            if fields is None:
                break
            if fields or lines[start].strip():
                first = first or fields
                n_lines += reader.line_num - start
                is_good = len(fields) == len(first) > 0
                n_good += is_good * (reader.line_num - start)
        return first or [], n_good / max(n_lines, 1)


def read_delimited(file, delimiter, names, *, is_labelled):
    """Return the table in a file of text.

    Parameters
    ----------
    file : PackedFile
        The file.
    delimiter : str or None
        What stands between fields; None to find it out.
    names : list of str
        Names of columns that the user has given.
    is_labelled : bool
        Whether each row must have a label beside its text.
    """
    # the limit is one for the whole process: a larger one of the user's stays
    csv.field_size_limit(max(csv.field_size_limit(), LONGEST_LINE))
    sample = _read_sample(file)
    n_skipped = 0
    if delimiter is None and sample and (match := SEPARATOR_LINE.fullmatch(sample[0])):
        delimiter, n_skipped = match[1], 1
    sample = sample[n_skipped:]
    lines = _Lines(file, n_skipped)
    if delimiter is None and next(filter(str.strip, sample), "").startswith(FASTTEXT_LABEL):
        return Table("fastText's format", ["label", "text"], _read_fasttext(lines))
    if delimiter is not None and len(delimiter) > 1:
        rows = _split_lines(lines, delimiter)
        return Table(f"separated by {delimiter!r}", None, rows)
    dialect, n_above = _find_dialect(sample, delimiter, file.suffix, names, is_labelled)
    if dialect is None:
        rows = _split_lines(lines, None, with_blank=not is_labelled)
        return Table("one text a line", None, rows, may_have_header=False)
    begin = ""
    if n_above:
        n_skipped += n_above
        lines, begin = _Lines(file, n_skipped), f" from line {n_skipped + 1} on"
    name = DELIMITERS.get(dialect.delimiter) or repr(dialect.delimiter)
    return Table(f"{name}-separated{begin}", None, _read_rows(lines, dialect))


class _Lines:
    """The lines of a file, of which those of the current row can be taken back.

    Attributes
    ----------
    broken_byte : int or None
        A byte of the current row that is no character.
    """

    def __init__(self, file, n_skipped):
        self.file = file
        self._lines = file.lines()
        self._row, self._again = [], []
        self._n_again = 0
        self._number = n_skipped
        for _ in range(n_skipped):
            next(self._lines, None)
        self.broken_byte = None

    def __iter__(self):
        return self

    def __next__(self):
        line = self._again.pop() if self._again else next(self._lines)
        self._row.append(line)
        if not line.isascii() and (broken := BROKEN_BYTE.search(line)):
            self.broken_byte = ord(broken[0]) - 0xDC00
        return line

    @property
    def place(self):
        """The line where the current row begins."""
        return f"line {self._number + 1}"

    def make_row(self, fields):
        """Return the lines up to here as a row, and begin the next one."""
        error = None
        if self.broken_byte is not None:
            error = (
                f"expected text in {self.file.encoding_name}, got the byte {self.broken_byte:#04x}"
            )
        row = Row(self.place, fields, error)
        self._number += len(self._row)
        self._row, self.broken_byte = [], None
        return row

    def take_back(self):
        """Begin the next row behind the first line of the current one."""
        _, *rest = self._row
        self._n_again += len(rest)
        if self._n_again > MOST_LINES_AGAIN:
            raise ValueError(
                f"{self.file.name}, {self.place}: a quote is not closed, and there are "
                f"{self._n_again:,} lines behind such quotes: too many to read them again."
            )
        self._again.extend(reversed(rest))
        self._number += 1
        self._row, self.broken_byte = [], None


def _read_sample(file):
    """Return the first lines of a file."""
    lines, n_characters = [], 0
    for line in file.lines():
        lines.append(line)
        n_characters += len(line)
        if n_characters > MANY_CHARACTERS:
            break
    return lines


def _read_rows(lines, dialect):
    while True:
        try:
            for fields in dialect.parse(lines):
                row = lines.make_row(fields)
                if fields:
                    yield row
            return
        except csv.Error as error:
            yield Row(lines.place, [], f"broken CSV: {error}")
            lines.take_back()


def _split_lines(lines, delimiter, *, with_blank=False):
    for line in lines:
        text = line.removesuffix("\n")
        row = lines.make_row([text] if delimiter is None else text.split(delimiter))
        if with_blank or text.strip():
            yield row


def _read_fasttext(lines):
    for line in lines:
        words = line.split()
        labels = [*takewhile(lambda word: word.startswith(FASTTEXT_LABEL), words)]
        text = " ".join(words[len(labels) :])
        row = lines.make_row([*(label.removeprefix(FASTTEXT_LABEL) for label in labels), text])
        if not words:
            continue
        if len(labels) != 1 and row.error is None:
            row = row._replace(error=f"expected one {FASTTEXT_LABEL}…, got {len(labels)}")
        yield row


def _find_dialect(sample, delimiter, suffix, names, is_labelled):
    """Return a dialect that tells fields apart, None for whole lines, and the lines above it."""
    expected = SUFFIXES.get(suffix)
    # a title may stand above a table
    most_above = MOST_LINES_ABOVE if is_labelled and delimiter is None else 0
    for n_above in range(most_above + 1):
        lines = sample[n_above:]
        found = _find_delimiter(lines[:FEW_LINES], delimiter, expected, names, is_labelled)
        if found is not None:
            return _find_quotes(found, lines), n_above
    if delimiter or expected:
        return _find_quotes(delimiter or expected, sample), 0
    return None, 0


def _find_delimiter(lines, delimiter, expected, names, is_labelled):
    """Return the delimiter by which most rows have as many fields as the first, or None."""
    best, best_key = None, None
    for candidate in [delimiter] if delimiter else DELIMITERS:
        for dialect in _quotings(candidate):
            first, share = dialect.measure(lines)
            is_known = has_known_name(first, names)
            # texts without labels have commas too
            is_likely = is_labelled or expected or candidate == "\t" or is_known
            if len(first) < 2 or not is_likely or not (is_known or share > 0.5):
                continue
            key = (is_known, share, candidate == expected, dialect.strict and dialect.has_quotes)
            if best is None or key > best_key:
                best, best_key = candidate, key
    return best


def _quotings(delimiter):
    plain = Dialect(delimiter)
    return (
        plain,
        replace(plain, has_escapes=True),
        replace(plain, has_quotes=False),
        replace(plain, strict=False),
    )


def _find_quotes(delimiter, sample):
    """Return the first dialect that suits the most lines of a large sample."""
    best, best_share = None, -1.0
    for dialect in _quotings(delimiter):
        _, share = dialect.measure(sample)
        if share > best_share:
            best, best_share = dialect, share
        if share == 1:
            break
    return best
