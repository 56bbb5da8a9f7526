"""RowFile: multi-hot rows on disk, for training on more rows than memory holds."""

from tempfile import TemporaryFile

import numpy as np
import scipy.sparse as sp

CHUNKS_PER_BLOCK = 64


class RowFile:
    """Multi-hot rows with class numbers in a temporary file, to read in any order.

    The file holds the column numbers of each row, in about a fifth of the bytes of the texts. It
    has no name if the system allows that, and disappears with the process.

    Parameters
    ----------
    folder : path-like or None
        Folder of the file; None is the system's folder for temporary files.
    n_columns : int
        Number of columns.
    rows_per_block : int
        About how many rows to read together.
    """

    def __init__(self, folder, n_columns, rows_per_block):
        self._file = TemporaryFile(dir=folder)  # noqa: SIM115
        self._n_columns = n_columns
        self._column_type = np.dtype(np.uint16 if n_columns <= 2**16 else np.int32)
        self._rows_per_chunk = max(rows_per_block // CHUNKS_PER_BLOCK, 1)
        self._chunks = []
        self.n_rows = 0

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._file.close()

    @property
    def n_blocks(self):
        """Number of blocks to read."""
        return -(-len(self._chunks) // CHUNKS_PER_BLOCK)

    def append(self, X, numbers):
        """Write rows and their class numbers at the end of the file."""
        for start in range(0, X.shape[0], self._rows_per_chunk):
            rows = slice(start, start + self._rows_per_chunk)
            offsets = X.indptr[start : rows.stop + 1]
            columns = X.indices[offsets[0] : offsets[-1]].astype(self._column_type)
            lengths = np.diff(offsets).astype(np.int32)
            self._chunks.append((self._file.tell(), len(lengths), len(columns)))
            for part in (lengths, numbers[rows].astype(np.int32), columns):
                self._file.write(part.tobytes())
        self.n_rows += X.shape[0]

    def blocks(self, seed=None):
        """Yield blocks of rows with their class numbers.

        Parameters
        ----------
        seed : int or sequence of int, default=None
            Decides which rows come together. A block consists of small pieces from all parts of
            the file, so that sorted rows do no harm. None keeps the order of the file.

        Yields
        ------
        X : CSR matrix of shape (n_rows, n_columns), float32
        numbers : ndarray of shape (n_rows,)
        """
        order = range(len(self._chunks))
        if seed is not None:
            order = np.random.default_rng(seed).permutation(len(self._chunks)).tolist()
        for start in range(0, len(order), CHUNKS_PER_BLOCK):
            chunks = order[start : start + CHUNKS_PER_BLOCK]
            parts = [self._read(self._chunks[chunk]) for chunk in chunks]
            lengths, numbers, columns = map(np.concatenate, zip(*parts, strict=True))
            offsets = np.concatenate([[0], np.cumsum(lengths)])
            ones = np.ones(len(columns), dtype=np.float32)
            shape = (len(lengths), self._n_columns)
            yield sp.csr_matrix((ones, columns.astype(np.int32), offsets), shape=shape), numbers

    def _read(self, chunk):
        position, n_rows, n_entries = chunk
        self._file.seek(position)
        types = [(np.dtype(np.int32), n_rows)] * 2 + [(self._column_type, n_entries)]
        return [np.frombuffer(self._file.read(t.itemsize * n), dtype=t) for t, n in types]
