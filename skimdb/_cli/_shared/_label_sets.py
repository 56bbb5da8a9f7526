"""Several labels a row: texts of labels with a separator between them, and tables of 0 and 1."""

from collections import Counter
from itertools import chain

import numpy as np
from sklearn.preprocessing import MultiLabelBinarizer

from skimdb._evaluation._figures import check_known


class LabelTable:
    """An indicator matrix with a label for each column.

    What a classifier needs of a DataFrame, for those who have no pandas.

    Parameters
    ----------
    columns : list of str
        The labels.
    matrix : ndarray of shape (n_rows, n_labels)
        1 where a row has the label, else 0.
    """

    def __init__(self, columns, matrix):
        self.columns = columns
        self.shape = matrix.shape
        self._matrix = matrix

    @classmethod
    def from_texts(cls, texts, labels, separator):
        """Return the table of texts that hold labels; raise if one is not among ``labels``."""
        sets = [split_labels(text, separator) for text in texts]
        check_known(chain.from_iterable(sets), labels)
        return cls([*labels], MultiLabelBinarizer(classes=labels).fit_transform(sets))

    def __len__(self):
        return len(self._matrix)

    def __getitem__(self, rows):
        return LabelTable(self.columns, self._matrix[rows])

    def __iter__(self):
        return iter(self._matrix)

    def __array__(self, dtype=None, copy=None):
        return np.array(self._matrix, dtype=dtype)


def count_classes(y):
    """Return the number of distinct labels, or of those in a LabelTable."""
    return y.shape[1] if isinstance(y, LabelTable) else len(np.unique(y))


def split_labels(text, separator):
    """Return the distinct labels in a text."""
    return [*dict.fromkeys(filter(None, map(str.strip, text.split(separator))))]


def count_labels(texts, separator):
    """Return a Counter of the labels in texts."""
    return Counter(label for text in texts for label in split_labels(text, separator))
