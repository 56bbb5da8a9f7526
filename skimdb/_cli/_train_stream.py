"""``skimdb train --stream``: train on a file that need not fit into memory."""

from collections import defaultdict
from contextlib import ExitStack
from time import perf_counter

import numpy as np

from skimdb import multi_hot_pipeline
from skimdb._cli._data import TEST, TEST_FRACTION, TRAINING, check_labels
from skimdb._cli._labelled_files import ROWS_PER_BLOCK
from skimdb._cli._terminal import count_progress, epoch_progress, load_tensorflow
from skimdb._cli._training import Trained, score, with_default_schedule
from skimdb._streaming import RowFile, WordCounts

# The model keeps the ranks of so many words at most: those that num_words cuts off are known to be
# words, all beyond are not.
MOST_WORDS = 100_000


def train_stream(source, parameters, block_rows, folder):
    """Train on the rows of a file in blocks, and return the pipeline with its figures.

    The file is read twice: encoding takes many times longer than an epoch of training, so encoded
    rows are kept, in a temporary file in ``folder``, rather than encoded anew for each epoch.
    """
    block_rows = block_rows or ROWS_PER_BLOCK
    seed, num_words = parameters["random_state"], parameters["num_words"]
    times = [perf_counter()]
    vocabulary, labels, n_rows = _survey(source, block_rows, num_words, seed)
    parameters = with_default_schedule(parameters, n_rows[TRAINING])
    pipeline = multi_hot_pipeline(text=True, **parameters)
    pipeline["encoder"].set_params(vocabulary=vocabulary).fit()
    # of rows it learns nothing
    pipeline["vectorizer"].fit([[]])
    with ExitStack() as stack:
        files = {
            part: stack.enter_context(RowFile(folder, num_words, block_rows)) for part in n_rows
        }
        _encode(source, block_rows, pipeline, labels, files, seed)
        times.append(perf_counter())
        load_tensorflow()
        history = _fit(pipeline["classifier"], files[TRAINING], labels)
        times.append(perf_counter())
        figures = {
            part: _figures(pipeline["classifier"], file, labels) for part, file in files.items()
        }
    load, training = np.diff(times).tolist()
    return Trained(pipeline, history, figures, {"load": load, "train": training})


def is_test_row(first, n_rows, seed):
    """Return for consecutive rows of a file whether they are test rows: about one in five.

    That depends on the number of the row and the seed alone, by SplitMix64, so that it is the
    same each time and known without a look at the other rows.
    """
    mixed = np.arange(first, first + n_rows, dtype=np.uint64)
    mixed += np.uint64((seed + 1) * 0x9E3779B97F4A7C15 % 2**64)
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        mixed = (mixed ^ (mixed >> np.uint64(shift))) * np.uint64(factor)
    mixed ^= mixed >> np.uint64(31)
    return mixed < np.uint64(TEST_FRACTION * 2**64)


def _blocks(source, block_rows, seed):
    """Yield each block of the file, and which of its rows are test rows."""
    n_rows = 0
    for block in source.blocks(block_rows):
        yield block, is_test_row(n_rows, len(block.texts), seed)
        n_rows += len(block.texts)


def _survey(source, block_rows, num_words, seed):
    """Return the vocabulary of the training rows, all labels, and the number of rows by part."""
    words, labels = WordCounts(max(20 * num_words, 1_000_000)), set()
    n_rows = {TRAINING: 0, TEST: 0}
    with count_progress("Reading", source.file_size(), in_bytes=True) as show:
        for block, is_test in _blocks(source, block_rows, seed):
            words.update(
                [text for text, test in zip(block.texts, is_test, strict=True) if not test]
            )
            labels.update(block.labels)
            n_rows[TEST] += int(is_test.sum())
            n_rows[TRAINING] += int((~is_test).sum())
            show(block.end)
    labels = sorted(labels)
    check_labels(labels, source.data)
    for part, n in n_rows.items():
        if not n:
            raise ValueError(
                f"{source.data} has too few rows for --stream: of {sum(n_rows.values())} none "
                f"is a {part} row under this --seed."
            )
    return words.vocabulary(max(num_words, MOST_WORDS)), labels, n_rows


def _encode(source, block_rows, pipeline, labels, files, seed):
    """Write the rows of the file, encoded, into the files of their parts."""
    number_of = {label: number for number, label in enumerate(labels)}
    with count_progress("Encoding", source.file_size(), in_bytes=True) as show:
        for block, is_test in _blocks(source, block_rows, seed):
            X = pipeline[:-1].transform(block.texts)
            numbers = np.array([number_of[label] for label in block.labels])
            for part, rows in ((TRAINING, ~is_test), (TEST, is_test)):
                files[part].append(X[rows], numbers[rows])
            show(block.end)


def _fit(classifier, file, labels):
    """Train on the rows of a file; return the history, a figure for each epoch."""
    classes = np.array(labels)
    history = defaultdict(list)
    description = f"Training on {file.n_rows:,} reviews"
    with epoch_progress(description, classifier.epochs * file.n_blocks) as advance:
        for epoch in range(classifier.epochs):
            sums = defaultdict(float)
            for block, (X, numbers) in enumerate(file.blocks([classifier.random_state, epoch])):
                classifier.partial_fit(X, classes[numbers], classes=classes)
                figures = {name: values[-1] for name, values in classifier.history_.items()}
                for name, value in figures.items():
                    sums[name] += value * len(numbers)
                advance(block, figures)
            for name, value in sums.items():
                history[name].append(value / file.n_rows)
    return dict(history)


def _figures(classifier, file, labels):
    """Return the score on all rows of a file."""
    rows, loss, accuracy = 0, 0.0, 0.0
    for X, numbers in file.blocks():
        block = score(np.array(labels)[numbers], classifier.predict_proba(X), labels)
        rows += block["rows"]
        loss += block["loss"] * block["rows"]
        accuracy += block["accuracy"] * block["rows"]
    return {"rows": rows, "loss": loss / rows, "accuracy": accuracy / rows}
