"""``skimdb train --stream``: training and testing on a file that is larger than memory."""

from collections import Counter
from contextlib import ExitStack
from time import perf_counter

import numpy as np

from skimdb import fit_stream
from skimdb._cli._shared._data import TEST, TEST_FRACTION, TRAINING, check_labels
from skimdb._cli._shared._figures import describe_counts
from skimdb._cli._shared._held_out import held_out_contents, row_hashes
from skimdb._cli._shared._models import TrainingResult, build_pipeline
from skimdb._cli._shared._options import ARTICLE
from skimdb._cli._shared._terminal import count_progress, epoch_progress, print_note
from skimdb._evaluation._figures import label_numbers, score_test_rows


def train_on_stream(source, parameters, epochs, batch_size, rows_per_block, folder):
    """Train the article's model on a file in blocks, and test it.

    Parameters
    ----------
    source : Source
        The file. Its rows are read three times: for the words, to encode and to test.
    parameters : dict
        Those of ``build_pipeline``.
    epochs, batch_size : int or None
        None stands for a default.
    rows_per_block : int
        Number of rows to keep in memory at a time.
    folder : pathlib.Path
        Where the temporary file is made.
    """
    if source.part_folders():
        raise ValueError(
            f"--stream chooses its test rows itself, and {source.data} has the folders train and "
            "test: leave --stream out, or give one of them."
        )
    pipeline = build_pipeline(ARTICLE, epochs=epochs, batch_size=batch_size, **parameters)
    stream = _Stream(source, rows_per_block, parameters["random_state"])
    started = perf_counter()
    with ExitStack() as stack:
        training = _TrainingProgress(stack, stream)
        result = fit_stream(
            pipeline,
            stream.read_training_rows,
            rows_per_block=rows_per_block,
            folder=folder,
            callback=training.on_block,
        )
    ended = perf_counter()
    test, held_out = _test(pipeline, stream)
    seconds = {"load": training.started - started, "train": ended - training.started}
    scores = {**result.scores, TEST: test}
    return TrainingResult(pipeline, result.history, scores, seconds, held_out, stream.text_column)


def _test(pipeline, stream):
    """Return the figures about the test rows, and what held_out.json holds about them."""
    labels = pipeline.classes_.tolist()
    numbers, probabilities, hashes = [], [], []
    for texts, y in stream.rows(TEST, "Testing"):
        numbers.append(label_numbers(y, labels))
        probabilities.append(pipeline.predict_proba(texts))
        hashes += row_hashes(texts, y)
    figures = score_test_rows(np.concatenate(numbers), np.concatenate(probabilities), labels)
    return figures, held_out_contents(hashes)


class _Stream:
    """The training and test rows of a file.

    The number of a row and the seed decide which are test rows. The first row of each label is
    a training row.
    """

    def __init__(self, source, rows_per_block, seed):
        self._source, self._rows_per_block, self._seed = source, rows_per_block, seed
        self.n_training_rows = self.text_column = None

    def read_training_rows(self):
        """Yield the texts and labels of training rows, in blocks: for ``fit_stream``."""
        if self.n_training_rows is not None:
            yield from self.rows(TRAINING, "Encoding")
            return
        counts = {TRAINING: Counter(), TEST: Counter()}
        yield from self.rows(TRAINING, "Reading", counts)
        self._check(counts)
        self.n_training_rows = counts[TRAINING].total()

    def rows(self, part, description, counts=None):
        """Yield the texts and labels of a part, in blocks.

        ``counts`` is a dict of the Counter of labels of each part, to update.
        """
        rng, known_labels = np.random.default_rng(self._seed), set()
        with count_progress(description, self._source.file_size(), in_bytes=True) as show:
            on_open = None if counts is None else self._remember_column
            blocks = self._source.blocks(self._rows_per_block, on_open=on_open)
            for texts, labels, end in blocks:
                is_test = rng.random(len(texts)) < TEST_FRACTION
                for i, label in enumerate(labels):
                    is_test[i] &= label in known_labels
                    known_labels.add(label)
                for name in counts or ():
                    counts[name].update(labels[i] for i in _find(is_test, name))
                rows = _find(is_test, part)
                if len(rows):
                    yield [texts[i] for i in rows], [labels[i] for i in rows]
                show(end)

    def _remember_column(self, path, blocks):
        self.text_column = blocks.text_column
        self._source.print_summary(path, blocks)

    def _check(self, counts):
        path, all_counts = self._source.name, counts[TRAINING] + counts[TEST]
        print_note(describe_counts(all_counts, all_counts.total()))
        check_labels(all_counts, path)
        if not counts[TEST]:
            raise ValueError(
                f"{path} must hold more rows to be tested with this --seed: none of its "
                f"{all_counts.total()} rows is a test row."
            )


def _find(is_test, part):
    return np.flatnonzero(is_test == (part == TEST))


class _TrainingProgress:
    """The progress bar of the training, which begins once the rows have been encoded."""

    def __init__(self, stack, stream):
        self._stack, self._stream = stack, stream
        self._advance = None
        self.started = perf_counter()

    def on_block(self, done, total, logs):
        """Show that a block has been trained."""
        if self._advance is None:
            self.started = perf_counter()
            description = f"Training on {self._stream.n_training_rows:,} texts"
            self._advance = self._stack.enter_context(epoch_progress(description))
        self._advance(logs, total=total)
