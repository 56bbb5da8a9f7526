"""held_out.json in a model's folder: which rows were held out of the training, by content.

A row's number or place in a file says little once the file is sorted, filtered or joined with
another. The hash of its text and label finds it in any file.
"""

import hashlib
import json
from collections import Counter

import numpy as np

HELD_OUT_FILE = "held_out.json"
METHOD = "blake2b with 8 bytes, of the label, a zero byte and the text"


def hash_row(text, label):
    """Return the hash of a row as a hexadecimal number."""
    # a label has no zero bytes, so no two rows are the same when joined like this
    content = f"{label}\0{text}".encode("utf-8", "surrogatepass")
    return hashlib.blake2b(content, digest_size=8).hexdigest()


def row_hashes(texts, labels):
    """Return the hash of each row."""
    return [hash_row(text, label) for text, label in zip(texts, labels, strict=True)]


def held_out_contents(hashes):
    """Return the contents of held_out.json for the hashes of test rows."""
    return {"hash": METHOD, "rows": hashes}


class HeldOutRows:
    """The rows that were held out of a training, to be found among other rows.

    Parameters
    ----------
    hashes : list of str
        What ``hash_row`` returns for each of them. Copies count.

    Attributes
    ----------
    n_rows, n_found, n_missing : int
        How many rows there are, how many of them have been found, and how many have not.
    """

    def __init__(self, hashes):
        self._waiting = Counter(hashes)
        self.n_rows, self.n_found = len(hashes), 0

    @property
    def n_missing(self):
        return self.n_rows - self.n_found

    def find(self, texts, labels):
        """Return, for each row, whether it is one of the held-out rows not found before."""
        is_held_out = np.zeros(len(texts), dtype=bool)
        for i, key in enumerate(row_hashes(texts, labels)):
            if self._waiting[key] > 0:
                self._waiting[key] -= 1
                is_held_out[i] = True
        self.n_found += int(is_held_out.sum())
        return is_held_out


def read_held_out(model_path):
    """Return the HeldOutRows in the folder of a model, or None if there is no such file."""
    folder = model_path if model_path.is_dir() else model_path.parent
    file = folder / HELD_OUT_FILE
    if not file.exists():
        return None
    try:
        rows = json.loads(file.read_bytes())["rows"]
        return HeldOutRows([str(row) for row in rows])
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise ValueError(f"{file} must contain hashes of rows, got {error!r}.") from error
