"""The reviews that ``--data`` names, split into rows to train, validate and test on."""

import os
from contextlib import contextmanager
from dataclasses import dataclass
from math import ceil
from typing import NamedTuple

import numpy as np
from sklearn.model_selection import train_test_split

from skimdb._cli._labelled_files import labelled_blocks, read_labelled_file
from skimdb._cli._terminal import note
from skimdb.datasets import fetch_imdb, fetch_word_index, load_sample_reviews

SAMPLE, IMDB = "sample", "imdb"
TRAINING, VALIDATION, TEST = "training", "validation", "test"
N_SAMPLE_TEST = 100
TEST_FRACTION = 0.2


class Rows(NamedTuple):
    """Reviews, as texts or sequences of ids, and their labels (str)."""

    X: np.ndarray
    y: np.ndarray


@dataclass(frozen=True)
class Split:
    """Rows by their purpose; for sequences also the vocabulary that their ids stand for."""

    parts: dict[str, Rows]
    vocabulary: dict[str, int] | None = None


@dataclass(frozen=True)
class Source:
    """Where reviews come from: what ``--data``, ``--text-column`` and ``--label-column`` say."""

    data: str
    text_column: str = "text"
    label_column: str = "label"

    def split(self, *, num_words, n_validation, seed):
        """Load the reviews, and split them by the seed, each part with its share of each label.

        The IMDB reviews have a published test part; of the sample 100 rows are test rows, and of
        a user's own file one in five. Validation rows are taken out of the training rows.
        """
        vocabulary = None
        if self.data == IMDB:
            note("Loading the IMDB reviews.")
            vocabulary = fetch_word_index()
            training, test = (
                imdb_sequences(part, num_words=num_words) for part in ("train", TEST)
            )
        elif self.data == SAMPLE:
            training, test = split_sample(seed)
        else:
            training, test = _split_file(self.read_file(), seed, self.data)
        parts = {TRAINING: training, TEST: test}
        if n_validation:
            training, validation = _split_validation(training, n_validation, seed)
            parts = {TRAINING: training, VALIDATION: validation, TEST: test}
        return Split(parts, vocabulary)

    def read_file(self):
        """Return all rows of a user's own file."""
        with _named_by_data(self.data):
            texts, labels = read_labelled_file(
                self.data, text_column=self.text_column, label_column=self.label_column
            )
        return Rows(np.array(texts, dtype=object), np.array(labels))

    def file_size(self):
        """Return the number of bytes of a user's own file."""
        with _named_by_data(self.data):
            return os.path.getsize(self.data)

    def blocks(self, rows_per_block):
        """Yield the rows of a user's own file, a block at a time."""
        with _named_by_data(self.data):
            yield from labelled_blocks(
                self.data,
                text_column=self.text_column,
                label_column=self.label_column,
                rows_per_block=rows_per_block,
            )


@contextmanager
def _named_by_data(path):
    try:
        yield
    except FileNotFoundError:
        raise FileNotFoundError(
            f"--data must be {SAMPLE}, {IMDB} or a file: there is no file {path!r}."
        ) from None


def imdb_sequences(subset, **parameters):
    """Return IMDB reviews as sequences of ids."""
    return _labelled(fetch_imdb(subset=subset, **parameters))


def imdb_texts(subset):
    """Return IMDB reviews as text."""
    return _labelled(fetch_imdb(subset=subset, as_text=True))


def sample():
    """Return all reviews of the sample."""
    return _labelled(load_sample_reviews())


def split_sample(seed):
    """Return the training and the test rows of the sample."""
    return _split_off(sample(), N_SAMPLE_TEST, seed)


def check_labels(labels, path):
    """Raise unless a file has more than one label."""
    if len(labels) < 2:
        raise ValueError(f"{path} must hold at least two labels, got only {str(labels[0])!r}.")


def _labelled(bunch):
    return Rows(bunch.data, np.array(bunch.target_names)[bunch.target])


def _split_file(rows, seed, path):
    labels, counts = np.unique(rows.y, return_counts=True)
    check_labels(labels, path)
    if counts.min() < 2:
        raise ValueError(
            f"{path} must hold each label at least twice, to train and to test on, "
            f"got {str(labels[counts.argmin()])!r} once."
        )
    n_test = max(ceil(len(rows.y) * TEST_FRACTION), len(labels))
    return _split_off(rows, n_test, seed)


def _split_validation(rows, n_validation, seed):
    n_rows, n_labels = len(rows.y), len(np.unique(rows.y))
    if not n_labels <= n_validation <= n_rows - n_labels:
        raise ValueError(
            f"--validation must be from {n_labels} to {n_rows - n_labels} of the {n_rows} "
            f"training rows, got {n_validation}."
        )
    return _split_off(rows, n_validation, seed)


def _split_off(rows, n_off, seed):
    """Set ``n_off`` rows aside at random, each label in proportion."""
    parts = train_test_split(
        np.arange(len(rows.y)), test_size=n_off, stratify=rows.y, random_state=seed
    )
    return [Rows(rows.X[part], rows.y[part]) for part in parts]
