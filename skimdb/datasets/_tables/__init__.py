"""Tables of texts, in any format that users have them in."""

from skimdb.datasets._tables._columns import Columns
from skimdb.datasets._tables._delimited import read_delimited
from skimdb.datasets._tables._frames import find_frame_format, read_folder, read_frame
from skimdb.datasets._tables._json import is_json, read_json
from skimdb.datasets._tables._packed_file import STDIN, PackedFile


class TableFile:
    """The rows of a user's file or folder, with a column of texts and maybe one of labels.

    Parameters
    ----------
    path : pathlib.Path
        A file, a folder, or ``-`` for standard input.
    delimiter, encoding : str or None
        What stands between fields, and the encoding of the text; None to find it out.
    header : bool or "infer"
        Whether the first row holds the names of the columns.
    text_column, label_column : str, int or None
        Name or number (from 1) of a column; None to find it.
    is_labelled : bool
        Whether there are labels.

    Attributes
    ----------
    name : str
        The path, for messages.
    columns : Columns
        The columns and the rows.
    summary : str
        How the file is read, in one line.
    """

    def __init__(
        self, path, *, delimiter, encoding, header, text_column, label_column, is_labelled
    ):
        self._file = None
        _check_exists(path)
        names = [text_column, label_column]
        try:
            if path.is_dir():
                self.name = str(path)
                table, form = read_folder(path, encoding, is_labelled=is_labelled), []
            else:
                self._file = file = PackedFile(path, encoding)
                self.name = file.name
                if kind := find_frame_format(file):
                    table, form = read_frame(file, kind), []
                elif is_json(file):
                    table, form = read_json(file, names), [file.encoding_name]
                else:
                    table = read_delimited(file, delimiter, names, is_labelled=is_labelled)
                    form = [file.encoding_name]
            self.columns = Columns(
                table, self.name, header, text_column, label_column, is_labelled=is_labelled
            )
        except BaseException:
            self.close()
            raise
        if self.columns.names is None:
            form.insert(0, "no header")
        self.summary = self._summarize(", ".join([table.form, *form]))

    def close(self):
        """Close the file."""
        if self._file is not None:
            self._file.close()

    def n_bytes_read(self):
        """Return how many bytes of the file have been read."""
        return 0 if self._file is None else self._file.n_bytes_read()

    def _summarize(self, form):
        columns = {"text": self.columns.text, "label": self.columns.label}
        found = [
            f"{kind}: {self.columns.describe(index)}"
            for kind, index in columns.items()
            if index is not None
        ]
        return f"{form}; {', '.join(found)}" if found else form


def _check_exists(path):
    if str(path) == STDIN or path.is_dir():
        return
    if not path.exists():
        raise FileNotFoundError(f"there is no file {path}.")
    if not path.is_file():
        raise ValueError(f"{path} must be a file or folder, but is a pipe or device.")
