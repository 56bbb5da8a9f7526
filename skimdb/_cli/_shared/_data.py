"""Labelled texts that ``--data`` names: their parts, and scores of each part."""

import os
from collections import Counter
from dataclasses import asdict, dataclass, fields, replace
from math import ceil
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from sklearn.model_selection import train_test_split

from skimdb import WordIndexEncoder, datasets
from skimdb._cli._shared._figures import describe_counts
from skimdb._cli._shared._held_out import held_out_contents, row_hashes
from skimdb._cli._shared._label_sets import LabelTable, count_labels
from skimdb._cli._shared._paths import IMDB, SAMPLE, STDIN, resolve_data
from skimdb._cli._shared._terminal import print_note, print_remark
from skimdb._evaluation._figures import label_numbers, score_rows, score_test_rows
from skimdb.datasets import (
    load_sample_reviews,
    read_labelled_blocks,
    read_labelled_texts,
)

TRAINING, VALIDATION, TEST = "training", "validation", "test"
# folders of published parts, as aclImdb has them
PART_FOLDERS = {TRAINING: "train", TEST: "test"}
# the folder of the IMDB data that has reviews without a label, and those next to it
UNLABELLED, LABELLED = "unsup", ("pos", "neg")
HEADERS = {"yes": True, "no": False, "infer": "infer"}
N_SAMPLE_TEST = 100
TEST_FRACTION = 0.2
ROWS_PER_BLOCK = 10_000


class Rows(NamedTuple):
    """Texts, or sequences of ids, and their labels (str, or a LabelTable)."""

    X: np.ndarray
    y: Any


@dataclass(frozen=True)
class Split:
    """Rows by part, and what held_out.json holds about the test rows.

    For sequences there is also the vocabulary of their ids, and for a file the column of its
    texts.
    """

    parts: dict[str, Rows]
    held_out: dict[str, Any]
    vocabulary: dict[str, int] | None = None
    text_column: str | int | None = None


@dataclass(frozen=True)
class Source:
    """The data that ``--data`` names, and how to read them if they are the user's own.

    The other options are those of ``skimdb.datasets.read_labelled_texts``, as the command line
    takes them; None or "infer" has the reader find out. With a ``label_separator``, a row may
    have several labels.
    """

    data: str
    text_column: str | None = None
    label_column: str | None = None
    label_separator: str | None = None
    delimiter: str | None = None
    encoding: str | None = None
    header: str = "infer"
    on_error: str = "raise"

    @classmethod
    def from_metrics(cls, metrics):
        """Return the source that metrics.json names, or None if it names none."""
        saved = metrics.get("data", {})
        if not isinstance(saved.get("source"), str):
            return None
        names = [field.name for field in fields(cls)]
        options = {name: saved[name] for name in names if saved.get(name) is not None}
        return cls(saved["source"], **options)

    @property
    def is_file(self):
        """Whether the data are the user's own."""
        return self.data not in (SAMPLE, IMDB)

    @property
    def name(self):
        """What messages call the data."""
        return "standard input" if self.data == STDIN else self.data

    def resolve(self):
        """Return the source with an absolute path, valid in any working directory."""
        return replace(self, data=resolve_data(self.data))

    def describe(self):
        """Return the source as metrics.json keeps it."""
        data, *options = asdict(self.resolve()).items()
        return {"source": data[1], **dict(options)}

    def split(self, *, num_words, n_validation, seed):
        """Load the rows and split them at random, stratified by label.

        The IMDB reviews, and a folder with the folders train and test, have a published test
        part; of the sample 100 rows are test rows, and of the user's own file one in five.
        Validation rows are taken from the training rows. With ``num_words`` the IMDB reviews come
        as sequences of ids, otherwise as texts.
        """
        # of the IMDB reviews none: which are test reviews is published
        vocabulary, text_column, held_out = None, None, held_out_contents([])
        if self.data == IMDB and num_words is None:
            print_note("Loading the IMDB reviews as text.")
            training, test = map(load_imdb_texts, ("train", TEST))
        elif self.data == IMDB:
            print_note("Loading the IMDB reviews.")
            vocabulary = datasets.fetch_word_index()
            n_ids = count_ids(num_words)
            training, test = (
                load_imdb_sequences(part, num_words=n_ids) for part in ("train", TEST)
            )
        else:
            training, test, text_column = self._split_texts(seed)
            held_out = held_out_contents(row_hashes(*test))
        parts = {TRAINING: training, TEST: test}
        if n_validation:
            training, validation = self._split_validation(training, n_validation, seed)
            parts = {TRAINING: training, VALIDATION: validation, TEST: test}
        if self.label_separator is not None:
            parts = self._to_tables(parts)
        return Split(parts, held_out, vocabulary, text_column)

    def blocks(self, rows_per_block=ROWS_PER_BLOCK, *, part=None, on_open=None):
        """Yield the texts and labels of the sample, or of the user's own file, in blocks.

        ``part`` is for a folder with the folders train and test, of which both are read without
        it. ``on_open`` is called with each path and what ``read_labelled_blocks`` returns for it.
        """
        if self.data == SAMPLE:
            yield load_sample()
            return
        paths = self.part_folders()
        for path in [paths[part]] if part and paths else [*paths.values()] or [self.data]:
            blocks = read_labelled_blocks(
                path, **self._reader_options(), rows_per_block=rows_per_block
            )
            if on_open is not None:
                on_open(path, blocks)
            has_unlabelled = self._has_unlabelled(path)
            for block in blocks:
                yield _drop_unlabelled(block) if has_unlabelled else block

    def part_folders(self):
        """Return the folder of each part; empty unless there are folders train and test."""
        folders = {part: Path(self.data, name) for part, name in PART_FOLDERS.items()}
        return folders if all(folder.is_dir() for folder in folders.values()) else {}

    def file_size(self):
        """Return the number of bytes of the user's own file, or None for a folder."""
        return None if os.path.isdir(self.data) else os.path.getsize(self.data)

    def _split_texts(self, seed):
        if self.data == SAMPLE:
            return *self._split_rows(load_sample(), N_SAMPLE_TEST, seed), None
        folders = self.part_folders()
        has_sets = self.label_separator is not None
        if not folders:
            rows, column = self._read_file(self.data)
            counts = self._count_labels(rows.y)
            check_labels(counts, self.name, needs_test_rows=not has_sets)
            n_test = max(ceil(len(rows.y) * TEST_FRACTION), 1 if has_sets else len(counts))
            return *self._split_rows(rows, n_test, seed), column
        training, test = (self._read_file(folder)[0] for folder in folders.values())
        check_labels(self._count_labels(training.y), folders[TRAINING], needs_test_rows=False)
        unknown = sorted({*self._count_labels(test.y)} - {*self._count_labels(training.y)})
        if unknown:
            raise ValueError(
                f"{folders[TEST]} must hold the labels of {folders[TRAINING]} and no others, got "
                f"{unknown[0]!r}."
            )
        return training, test, None

    def _read_file(self, path):
        """Return the rows of a file, and the column of its texts."""
        bunch = read_labelled_texts(path, **self._reader_options())
        self.print_summary(path, bunch)
        rows = Rows(bunch.data, bunch.target)
        if self._has_unlabelled(path):
            rows = _drop_unlabelled(rows)
        print_note(describe_counts(self._count_labels(rows.y), len(rows.y)))
        return rows, bunch.text_column

    def print_summary(self, path, contents):
        """Print on the terminal how a file is read, and remark on reviews that are left out."""
        print_note(f"{self.name if path == self.data else path}: {contents.summary}")
        if self._has_unlabelled(path):
            print_remark(
                f"the texts in {Path(path, UNLABELLED)} are left out, because they have no label."
            )

    def _has_unlabelled(self, path):
        """Tell whether a folder, a part or the whole of the data, holds the unlabelled reviews."""
        names = (UNLABELLED,) if path != self.data else (UNLABELLED, *LABELLED)
        return all(Path(path, name).is_dir() for name in names)

    def _reader_options(self):
        options = {**asdict(self), "header": HEADERS[self.header]}
        del options["data"]
        return options

    def _count_labels(self, y):
        if self.label_separator is None:
            return Counter(y.tolist())
        return count_labels(y.tolist(), self.label_separator)

    def _to_tables(self, parts):
        """Return the parts with an indicator matrix of all labels in them."""
        counts = sum((self._count_labels(rows.y) for rows in parts.values()), Counter())
        labels = sorted(counts)
        return {
            part: Rows(X, LabelTable.from_texts(y.tolist(), labels, self.label_separator))
            for part, (X, y) in parts.items()
        }

    def _split_rows(self, rows, n_second, seed):
        """Split rows at random into two parts, of which the second has ``n_second``.

        They are stratified by label, unless a row may have several.
        """
        parts = train_test_split(
            np.arange(len(rows.y)),
            test_size=n_second,
            stratify=rows.y if self.label_separator is None else None,
            random_state=seed,
        )
        return [Rows(rows.X[part], rows.y[part]) for part in parts]

    def _split_validation(self, rows, n_validation, seed):
        n_rows = len(rows.y)
        n_labels = len(np.unique(rows.y)) if self.label_separator is None else 1
        if not n_labels <= n_validation <= n_rows - n_labels:
            raise ValueError(
                f"--validation must be from {n_labels} to {n_rows - n_labels} of the {n_rows} "
                f"training rows, got {n_validation}."
            )
        return self._split_rows(rows, n_validation, seed)


def count_ids(num_words):
    """Return the number of ids, and so of columns, that a number of words needs.

    Keras's ``num_words`` counts the ids before the first word: for padding, the start of a text
    and other words, and one that is not used.
    """
    return num_words + WordIndexEncoder().index_from + 1


def load_imdb_sequences(subset, **parameters):
    """Return IMDB reviews as sequences of ids."""
    return _to_rows(datasets.fetch_imdb(subset=subset, **parameters))


def load_imdb_texts(subset):
    """Return IMDB reviews as texts."""
    return _to_rows(datasets.fetch_imdb(subset=subset, as_text=True))


def load_sample():
    """Return all reviews of the sample."""
    return _to_rows(load_sample_reviews())


def score_parts(classifier, split, matrices):
    """Return the figures of a fitted classifier on each part of the data, and its predictions.

    For the test rows these are all figures of ``score_test_rows``. The predictions are the
    probabilities for the test rows.
    """
    labels = classifier.classes_.tolist()
    scores = {}
    for part, X in matrices.items():
        y = split.parts[part].y
        y = np.asarray(y) if isinstance(y, LabelTable) else label_numbers(y, labels)
        probabilities = classifier.predict_proba(X)
        if part == TEST:
            scores[part] = score_test_rows(y, probabilities, labels)
            of_test_rows = probabilities
        else:
            scores[part] = score_rows(y, probabilities)
    return scores, of_test_rows


def check_labels(counts, path, *, needs_test_rows=True):
    """Raise unless rows with these labels can be trained on and tested.

    ``counts`` is a Counter of the labels in ``path``.
    """
    if len(counts) < 2:
        raise ValueError(f"{path} must hold at least two labels, got only {next(iter(counts))!r}.")
    label, n_rows = min(counts.items(), key=lambda item: item[1])
    if needs_test_rows and n_rows < 2:
        raise ValueError(
            f"{path} must hold each label at least twice, once to train and once to test, "
            f"got {label!r} once."
        )


def _drop_unlabelled(rows):
    """Return rows, or a block of them, without those of the folder of reviews without label."""
    texts, labels, *more = rows
    kept = [i for i, label in enumerate(labels) if label != UNLABELLED]
    if len(kept) == len(labels):
        return rows
    if isinstance(rows, Rows):
        return Rows(texts[kept], labels[kept])
    return [texts[i] for i in kept], [labels[i] for i in kept], *more


def _to_rows(bunch):
    return Rows(bunch.data, np.array(bunch.target_names)[bunch.target])
