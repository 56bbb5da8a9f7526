"""read_labelled_texts, read_labelled_blocks and read_texts: texts in a user's own file."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import closing
from itertools import islice
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np
from sklearn.utils import Bunch

from skimdb._utils._checks import check_choice, check_int, short_repr, to_path
from skimdb._utils._public import set_module
from skimdb.datasets._tables import TableFile
from skimdb.datasets._tables._columns import MISSING
from skimdb.datasets._tables._packed_file import check_encoding
from skimdb.datasets._tables._rows import LabelledRows, TextRows

if TYPE_CHECKING:
    from skimdb._utils._typing import PathLike

    Header = bool | Literal["infer"]
    OnError = Literal["raise", "skip"]


class LabelledBlock(NamedTuple):
    """Consecutive rows of a file.

    Attributes
    ----------
    texts, labels : list of str
        The rows.
    end : int
        Number of bytes of the file that have been read so far. They are read ahead of the rows.
    """

    texts: list[str]
    labels: list[str]
    end: int


class LabelledBlocks(Iterator[LabelledBlock]):
    """The blocks of a file, which is closed at their end, or by ``close``.

    Attributes
    ----------
    summary : str
        How the file is read, in one line.
    text_column, label_column : str or int
        Name of the column, or its number if it has no name.
    """

    def __init__(
        self,
        file: TableFile,
        on_error: OnError,
        rows_per_block: int,
        label_separator: str | None = None,
    ) -> None:
        self.summary = file.summary
        self.text_column = file.columns.identify(file.columns.text)
        self.label_column = file.columns.identify(file.columns.label)
        self._file = file
        self._blocks = self._read(file, on_error, rows_per_block, label_separator)

    def __next__(self) -> LabelledBlock:
        return next(self._blocks)

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    @staticmethod
    def _read(file, on_error, rows_per_block, label_separator):
        with closing(file):
            rows = iter(LabelledRows(file, on_error, label_separator))
            while block := list(islice(rows, rows_per_block)):
                texts, labels = [text for text, _ in block], [label for _, label in block]
                yield LabelledBlock(texts, labels, file.n_bytes_read())


@set_module("skimdb.datasets")
def read_labelled_texts(
    path: PathLike,
    *,
    text_column: str | int | None = None,
    label_column: str | int | None = None,
    label_separator: str | None = None,
    delimiter: str | None = None,
    encoding: str | None = None,
    header: Header = "infer",
    on_error: OnError = "raise",
) -> Bunch:
    r"""Read labelled texts from a file or folder.

    Whatever is not given is found out: the format from the content, the columns from their names
    (text, review, message, …; label, sentiment, category, …) or else from their values.

    Parameters
    ----------
    path : str or path-like
        One of

        - a file with a delimiter between fields (CSV, TSV, Excel's semicolons), with or without
          a header; quotes may be doubled or have a backslash before them;
        - fastText's ``__label__spam You have won``;
        - JSON: an object a line, an array of objects, also within an object, or columns by name;
        - any of these compressed with gzip, bzip2, xz or zip;
        - Parquet, Feather or Excel, if pandas is installed (``pip install 'skimdb[files]'``);
        - a folder with a folder of text files for each label, such as ``pos`` and ``neg``;
        - ``"-"`` for standard input.
    text_column : str or int, default=None
        The column of the texts: its name, or its number, from 1.
    label_column : str or int, default=None
        The column of the labels. In JSON they are of one kind throughout: text, whole numbers, or
        true and false.
    label_separator : str, default=None
        What stands between the labels of a row, where a row may have several. Then an empty field
        is a row without labels, and JSON may hold lists of texts. None takes one label a row.
    delimiter : str, default=None
        What stands between fields, such as ``";"``.
    encoding : str, default=None
        The encoding of the text, such as ``"cp1252"``. Otherwise it is UTF-8, UTF-16 with a byte
        order mark or of mostly European texts, or what charset-normalizer finds.
    header : bool or "infer", default="infer"
        Whether the first row holds the names of the columns.
    on_error : {"raise", "skip"}, default="raise"
        What to do with rows that cannot be read. With ``"skip"`` they are left out, with a
        warning that counts them.

    Returns
    -------
    data : Bunch
        Dictionary-like object with the attributes

        data : ndarray of shape (n_samples,), dtype object
            The texts (str). Lines within a text end in a newline.
        target : ndarray of shape (n_samples,), dtype str
            The labels, without spaces around them. A whole number has no decimals (5.0 is 5);
            truth values are True and False. Several labels have the separator between them.
        text_column, label_column : str or int
            Name of the column, or its number if it has no name.
        summary : str
            How the file was read, in one line.
        n_skipped : int
            Number of rows left out.

    Raises
    ------
    OSError
        If the file does not exist or cannot be read.
    ImportError
        If pandas is needed and missing.
    ValueError
        If the columns cannot be told apart, or a row cannot be read. The message names the file,
        the line, and the parameter that helps.

    Warns
    -----
    UserWarning
        If rows are left out, if labels differ in case alone, or if 1 and 1.0 are both labels.

    See Also
    --------
    read_labelled_blocks : Reads a file that is larger than memory.
    read_texts : Reads texts without labels.
    load_sample_reviews : A small corpus that needs no file.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> from skimdb.datasets import read_labelled_texts
    >>> with TemporaryDirectory() as folder:
    ...     path = Path(folder, "mails.csv")
    ...     _ = path.write_text("kind;message\nwork;Meet at 5, please.\nspam;You have won!\n")
    ...     mails = read_labelled_texts(path, label_column="kind")
    >>> mails.data.tolist(), mails.target.tolist()
    (['Meet at 5, please.', 'You have won!'], ['work', 'spam'])
    >>> mails.summary
    'semicolon-separated, UTF-8; text: message, label: kind'
    """
    file = _open(
        path,
        text_column=text_column,
        label_column=label_column,
        label_separator=label_separator,
        delimiter=delimiter,
        encoding=encoding,
        header=header,
        on_error=on_error,
    )
    with closing(file):
        rows = LabelledRows(file, on_error, label_separator)
        texts, labels = [], []
        for text, label in rows:
            texts.append(text)
            labels.append(label)
    return Bunch(
        data=np.array(texts, dtype=object),
        target=np.array(labels),
        text_column=file.columns.identify(file.columns.text),
        label_column=file.columns.identify(file.columns.label),
        summary=file.summary,
        n_skipped=rows.n_skipped,
    )


@set_module("skimdb.datasets")
def read_labelled_blocks(
    path: PathLike,
    *,
    text_column: str | int | None = None,
    label_column: str | int | None = None,
    label_separator: str | None = None,
    delimiter: str | None = None,
    encoding: str | None = None,
    header: Header = "infer",
    on_error: OnError = "raise",
    rows_per_block: int = 10_000,
) -> LabelledBlocks:
    r"""Read labelled texts from a file, a block of rows at a time.

    Delimited text and JSON Lines are read in blocks, other formats are loaded whole. Before, the
    whole file is read once to find the encoding, unless that is given, and up to 16 MB of it to
    find the rest.

    Parameters
    ----------
    path : str or path-like
        A file or folder as :func:`read_labelled_texts` reads it.
    text_column, label_column, label_separator, delimiter, encoding, header, on_error
        As in :func:`read_labelled_texts`.
    rows_per_block : int, default=10_000
        Number of rows of each block but the last.

    Returns
    -------
    blocks : iterator of LabelledBlock
        Its attribute ``summary`` says how the file is read, in one line. ``close()`` closes the
        file before the last block has been read. Each block is a named tuple with the attributes

        texts : list of str
            The texts. Lines within a text end in a newline.
        labels : list of str
            The labels, as of :func:`read_labelled_texts`.
        end : int
            Number of bytes of the file that have been read so far. They are read ahead of the
            rows.

    Raises
    ------
    OSError, ImportError, ValueError
        As :func:`read_labelled_texts`. Blocks before a row that cannot be read have been yielded.

    See Also
    --------
    read_labelled_texts : Reads all rows at once.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> from skimdb.datasets import read_labelled_blocks
    >>> with TemporaryDirectory() as folder:
    ...     path = Path(folder, "ratings.jsonl")
    ...     _ = path.write_text('{"text": "Fine.", "stars": 4}\n{"text": "Dull.", "stars": 2}\n')
    ...     for block in read_labelled_blocks(path, rows_per_block=1):
    ...         print(block)
    LabelledBlock(texts=['Fine.'], labels=['4'], end=60)
    LabelledBlock(texts=['Dull.'], labels=['2'], end=60)
    """
    check_int("rows_per_block", rows_per_block, min_val=1, max_val=sys.maxsize)
    file = _open(
        path,
        text_column=text_column,
        label_column=label_column,
        label_separator=label_separator,
        delimiter=delimiter,
        encoding=encoding,
        header=header,
        on_error=on_error,
    )
    return LabelledBlocks(file, on_error, rows_per_block, label_separator)


@set_module("skimdb.datasets")
def read_texts(
    path: PathLike,
    *,
    text_column: str | int | None = None,
    delimiter: str | None = None,
    encoding: str | None = None,
    header: Header = "infer",
    on_error: OnError = "raise",
) -> Bunch:
    r"""Read texts without labels from a file or folder, with all columns beside them.

    Parameters
    ----------
    path : str or path-like
        A file or folder as :func:`read_labelled_texts` reads it, or a file of one text a line.
    text_column : str or int, default=None
        The column of the texts: its name, or its number, from 1.
    delimiter, encoding, header, on_error
        As in :func:`read_labelled_texts`.

    Returns
    -------
    data : Bunch
        Dictionary-like object with the attributes

        data : ndarray of shape (n_samples,), dtype object
            The texts (str).
        column_names : list of str
            The names of all columns; "column 1" and so on if they have none.
        rows : list of list
            The values of all columns in each row.
        text_column : str or int
            Name of the column of the texts, or its number if it has no name.
        summary : str
            How the file was read, in one line.
        n_skipped : int
            Number of rows left out.

    Raises
    ------
    OSError, ImportError, ValueError
        As :func:`read_labelled_texts`.

    See Also
    --------
    read_labelled_texts : Reads texts and labels.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> from skimdb.datasets import read_texts
    >>> with TemporaryDirectory() as folder:
    ...     path = Path(folder, "mails.csv")
    ...     _ = path.write_text('id,message\n1,"Meet at 5, please."\n2,You have won!\n')
    ...     mails = read_texts(path)
    >>> mails.data.tolist()
    ['Meet at 5, please.', 'You have won!']
    >>> mails.column_names, mails.rows[1]
    (['id', 'message'], ['2', 'You have won!'])
    """
    file = _open(
        path,
        text_column=text_column,
        delimiter=delimiter,
        encoding=encoding,
        header=header,
        on_error=on_error,
        is_labelled=False,
    )
    columns = file.columns
    with closing(file):
        rows = TextRows(file, on_error)
        texts, values = [], []
        for text, fields in rows:
            texts.append(text)
            values.append([None if value is MISSING else value for value in fields])
    return Bunch(
        data=np.array(texts, dtype=object),
        column_names=columns.names or [f"column {i + 1}" for i in range(columns.width)],
        rows=values,
        text_column=columns.identify(columns.text),
        summary=file.summary,
        n_skipped=rows.n_skipped,
    )


def _open(
    path,
    *,
    text_column,
    delimiter,
    encoding,
    header,
    on_error,
    label_column=None,
    label_separator=None,
    is_labelled=True,
):
    """Check the arguments, and open the file."""
    path = to_path("path", path)
    for name, column in (("text_column", text_column), ("label_column", label_column)):
        if not isinstance(column, str | None):
            check_int(name, column, min_val=1, max_val=sys.maxsize)
    if label_separator == "":
        raise ValueError("label_separator must be a text of at least one character, got ''.")
    for name, value in (
        ("delimiter", delimiter),
        ("encoding", encoding),
        ("label_separator", label_separator),
    ):
        if not isinstance(value, str | None):
            raise TypeError(f"{name} must be a str, got {short_repr(value)}.")
    if delimiter is not None:
        delimiter = {"tab": "\t", "\\t": "\t"}.get(delimiter, delimiter)
        if not delimiter or set(delimiter) & {"\n", "\r", '"'}:
            raise ValueError(
                "delimiter must be one or more characters other than quotes and line ends, "
                f"got {short_repr(delimiter)}."
            )
    if encoding is not None:
        check_encoding(encoding)
    if not isinstance(header, bool):
        check_choice("header", header, ("infer",))
    check_choice("on_error", on_error, ("raise", "skip"))
    return TableFile(
        path,
        text_column=text_column,
        label_column=label_column,
        delimiter=delimiter,
        encoding=encoding,
        header=header,
        is_labelled=is_labelled,
    )
