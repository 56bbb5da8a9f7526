"""The labelled rows that `skimdb evaluate` and `skimdb report` test a model on."""

import os
from dataclasses import fields, replace

import numpy as np
import typer

from skimdb import WordIndexEncoder, datasets
from skimdb._cli._shared._data import TEST, Source, load_imdb_sequences, load_imdb_texts
from skimdb._cli._shared._held_out import read_held_out
from skimdb._cli._shared._label_sets import LabelTable
from skimdb._cli._shared._model_folder import find_label_separator, predicts_sets, read_metrics
from skimdb._cli._shared._paths import IMDB, STDIN
from skimdb._cli._shared._terminal import print_note, print_remark
from skimdb._evaluation._figures import label_numbers


class TestRows:
    """The rows that a model is tested on: those that were held out of its training, or others.

    Parameters
    ----------
    pipeline : Pipeline
        The model.
    model : pathlib.Path
        Its file or folder.
    given : Source
        The data that options name; without data, that of the training.
    all_rows : bool, default=False
        Whether to take all rows, also those that the model was trained on.

    Attributes
    ----------
    source : Source
        Where the rows come from.
    predictor : Pipeline
        What takes the rows.
    labels : list of str
        The labels of the model.
    are_held_out : bool
        Whether all of them, and no others, were held out of the training, after ``collect``.
    """

    def __init__(self, pipeline, model, given, *, all_rows=False):
        trained_on = Source.from_metrics(read_metrics(model))
        given = _complete_separator(given, pipeline, model)
        self.source = _choose_source(given, trained_on, model)
        self.predictor = pipeline
        self.labels = [str(label) for label in pipeline.classes_]
        self.are_held_out = False
        self._all_rows = all_rows
        self._is_training_data = self.source is not given
        if self.source.data == IMDB:
            self._rows = self._load_imdb()
            return
        self._held_out = None if all_rows else read_held_out(model)
        if not given.data and self._held_out is None and not all_rows:
            _require_data(model, "does not say which rows were held out of its training")

    def collect(self, read):
        """Return what a function makes of the rows, in arrays.

        ``read`` gets rows and the numbers of their labels, or indicators, a block at a time, and
        returns a tuple of arrays.
        """
        if self.source.data == IMDB:
            X, y = self._rows
            return read(X, label_numbers(y, self.labels))
        parts, is_held_out = self._read_blocks(read)
        arrays = [np.concatenate(arrays) for arrays in zip(*parts, strict=True)]
        held_out = self._held_out
        if held_out is None or not held_out.n_found:
            return tuple(arrays)
        is_held_out = np.concatenate(is_held_out)
        if not held_out.n_missing:
            self.are_held_out = True
            return tuple(array[is_held_out] for array in arrays)
        print_remark(
            f"{held_out.n_found:,} of the {held_out.n_rows:,} rows that were held out of the "
            f"training are among the {len(is_held_out):,} rows of {self.source.name}. If rows of "
            "the training are too, the figures are too good."
        )
        return tuple(arrays)

    def describe(self, n_rows):
        """Return which rows these are."""
        if self.are_held_out:
            return f"{n_rows:,} rows of {self.source.name} that were held out of the training"
        if self.source.data == IMDB and not self._all_rows:
            return f"{n_rows:,} test reviews of imdb"
        trained = ", those of the training among them" if self._is_training_data else ""
        return f"all {n_rows:,} rows of {self.source.name}{trained}"

    def _read_blocks(self, read):
        """Return the results of ``read`` for each block, and which rows are held out."""
        source, held_out = self.source, self._held_out
        only_held_out = held_out is not None and self._is_training_data
        parts, is_held_out = [], []
        for texts, y, *_ in source.blocks(
            part=None if self._all_rows else TEST, on_open=source.print_summary
        ):
            found = np.zeros(len(texts), bool) if held_out is None else held_out.find(texts, y)
            if only_held_out:
                rows = np.flatnonzero(found)
                texts, y, found = [texts[i] for i in rows], [y[i] for i in rows], found[rows]
            if len(texts):
                parts.append(read(texts, self._encode(y)))
                is_held_out.append(found)
        if only_held_out and held_out.n_found < held_out.n_rows:
            raise ValueError(
                f"{source.name} has changed since the training: it lacks {held_out.n_missing:,} "
                f"of the {held_out.n_rows:,} rows that were held out. Give other labelled texts "
                "with --data, or test on all of its rows, those of the training too, with "
                "--all-rows."
            )
        return parts, is_held_out

    def _encode(self, y):
        if self.source.label_separator is None:
            return label_numbers(y, self.labels)
        return np.asarray(LabelTable.from_texts(y, self.labels, self.source.label_separator))

    def _load_imdb(self):
        """Return sequences if the model has the word index of the IMDB data, otherwise texts."""
        print_note("Loading the IMDB reviews.")
        subset = "all" if self._all_rows else "test"
        encoder = getattr(self.predictor, "steps", [(None, None)])[0][1]
        has_published_words = isinstance(encoder, WordIndexEncoder) and encoder.analyzer == "keras"
        if not has_published_words or encoder.vocabulary_ != datasets.fetch_word_index():
            return load_imdb_texts(subset)
        names = ("num_words", "skip_top", "start_char", "oov_char", "index_from")
        parameters = {name: getattr(encoder, name) for name in names}
        self.predictor = self.predictor[1:]
        return load_imdb_sequences(subset, **parameters)


def _complete_separator(given, pipeline, model):
    """Return the source with the separator of the training, for a model of several labels."""
    if predicts_sets(pipeline):
        return replace(given, label_separator=given.label_separator or find_label_separator(model))
    if given.label_separator is not None:
        raise typer.BadParameter(
            f"needs a model of several labels a row, which {model} is not.",
            param_hint="'--label-separator'",
        )
    return given


def _choose_source(given, trained_on, model):
    """Return where the rows come from; the training file is read as in training."""
    if not given.data:
        if trained_on is None:
            _require_data(model, "does not say which texts to test it on")
        if trained_on.data == STDIN:
            _require_data(model, "was trained on texts from standard input")
        if trained_on.is_file and not os.path.exists(trained_on.data):
            raise FileNotFoundError(
                f"{trained_on.data}, which {model} was trained on, is gone: move it back, or give "
                "other labelled texts with --data."
            )
    elif trained_on is None or given.resolve().data != trained_on.data or given.data == STDIN:
        return given
    changed = {
        option.name: getattr(given, option.name)
        for option in fields(given)[1:]
        if getattr(given, option.name) != option.default
    }
    return replace(trained_on, **changed)


def _require_data(model, reason):
    raise typer.BadParameter(f"required, because {model} {reason}.", param_hint="'--data'")
