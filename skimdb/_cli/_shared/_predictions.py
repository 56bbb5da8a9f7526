"""Predictions of texts, the words of them that the model knows, and tables with predictions."""

import csv
import json
from functools import partial
from itertools import chain, count
from typing import NamedTuple

import numpy as np
import typer

from skimdb import MultiHotVectorizer, WordIndexEncoder
from skimdb._cli._shared._model_folder import find_encoder, predicts_sets
from skimdb._cli._shared._terminal import print_note, print_remark
from skimdb._utils._files import replace_files

LABEL, PROBABILITY = "label", "probability"
UNKNOWN = 0
N_TEXTS = N_LABELS = 5


class Prediction(NamedTuple):
    """The labels of a text, the probability of each label, and how many words are known.

    ``chosen`` are the positions of the labels that are predicted: a single one, or for a model of
    several labels a text any number.
    """

    chosen: list[int]
    probabilities: list[float]
    n_known: int
    n_words: int


class Predictor:
    """Predicts the labels of texts.

    Parameters
    ----------
    pipeline : Pipeline
        A fitted classifier of texts.
    threshold : float or None
        With two labels: the probability from which on ``positive`` is predicted. None predicts
        the more probable label. With several labels a text: the probability from which on a label
        is predicted; None is 0.5.
    positive : str or None
        One of two labels; None for the last.
    separator : str
        What the names of several labels are joined with.
    """

    def __init__(self, pipeline, *, threshold=None, positive=None, separator=","):
        self.labels = [str(label) for label in pipeline.classes_]
        self.has_sets = predicts_sets(pipeline)
        self._separator = separator
        self._pipeline = pipeline
        self._threshold = threshold
        if self.has_sets and positive is not None:
            raise typer.BadParameter(
                "needs a model of one label a text: here --threshold is for each label.",
                param_hint="'--positive'",
            )
        if threshold is not None and not self.has_sets:
            self._positive = _find_positive(self.labels, positive)
        self._known_ids = _find_known_ids(pipeline)
        # as the model encodes, but each word without an id of its own becomes UNKNOWN
        encoder = find_encoder(pipeline)
        parameters = {
            **encoder.get_params(),
            "vocabulary": encoder.vocabulary_,
            "start_char": None,
            "oov_char": UNKNOWN,
            "handle_unknown": "oov",
        }
        self._counter = WordIndexEncoder(**parameters).fit()

    def predict(self, texts):
        """Return a list of predictions."""
        if not texts:
            return []
        probabilities = self._pipeline.predict_proba(texts)
        return [
            Prediction(chosen, row, self._count_known(ids), len(ids))
            for chosen, row, ids in zip(
                self._choose(probabilities),
                probabilities.tolist(),
                self._counter.transform(texts),
                strict=True,
            )
        ]

    def name(self, prediction):
        """Return the label of a prediction; several are joined."""
        return self._separator.join(self.labels[i] for i in prediction.chosen)

    def _count_known(self, ids):
        if self._known_ids is None:
            return int(np.count_nonzero(ids))
        return int(np.isin(ids, self._known_ids).sum())

    def _choose(self, probabilities):
        """Return the positions of the labels of each text."""
        if self.has_sets:
            is_chosen = probabilities > 0.5
            if self._threshold is not None:
                is_chosen = probabilities >= self._threshold
            return [np.flatnonzero(row).tolist() for row in is_chosen]
        if self._threshold is None:
            return probabilities.argmax(axis=1)[:, np.newaxis].tolist()
        is_positive = probabilities[:, self._positive] >= self._threshold
        chosen = np.where(is_positive, self._positive, 1 - self._positive)
        return chosen[:, np.newaxis].tolist()


def _find_known_ids(pipeline):
    """Return the ids of the words that the columns stand for; None if that is all of them."""
    vectorizer = next(
        (step for _, step in pipeline.steps if isinstance(step, MultiHotVectorizer)), None
    )
    if vectorizer is None or not hasattr(vectorizer, "ngrams_"):
        return None
    ids = np.unique(vectorizer.ngrams_)
    return ids[ids > UNKNOWN]


def _find_positive(labels, positive):
    if len(labels) != 2:
        raise typer.BadParameter(
            f"needs a model of two labels, but this one has {len(labels)}.",
            param_hint="'--threshold'",
        )
    if positive is None:
        return 1
    if positive not in labels:
        raise typer.BadParameter(
            f"expected {' or '.join(map(repr, labels))}, got {positive!r}.",
            param_hint="'--positive'",
        )
    return labels.index(positive)


class KnownWords:
    """How many words of texts a model knows, for a remark on its predictions.

    Parameters
    ----------
    predictor : Predictor
    unit : str
        What a text is called: "text", "line" or "row".

    Attributes
    ----------
    n_texts : int
        Number of texts so far.
    """

    def __init__(self, predictor, unit):
        self._predictor = predictor
        self._unit = unit
        self.n_texts = 0
        self._forget()

    def _forget(self):
        self._n_known = self._n_words = self._n_unknown = 0
        self._unknown = []

    def add(self, predictions):
        """Count the words of the next texts."""
        for number, prediction in enumerate(predictions, start=self.n_texts + 1):
            self._n_known += prediction.n_known
            self._n_words += prediction.n_words
            if not prediction.n_known:
                self._n_unknown += 1
                if len(self._unknown) < N_TEXTS:
                    self._unknown.append(number)
        self.n_texts += len(predictions)

    def report(self):
        """Print what was counted since the last report, if a word or a text is unknown."""
        if self._n_known < self._n_words:
            print_note(f"The model knows {self._n_known:,} of the {self._n_words:,} words.")
        if self._unknown:
            (empty,) = self._predictor.predict([""])
            order = np.argsort(empty.probabilities)[::-1][:N_LABELS]
            answer = [f"{self._predictor.labels[i]} {empty.probabilities[i]:.4f}" for i in order]
            print_remark(
                f"the model knows no word of {self._name_unknown()}. To an empty text it answers "
                f"{', '.join(answer)}{', …' if len(empty.probabilities) > N_LABELS else ''}."
            )
        self._forget()

    def _name_unknown(self):
        if self.n_texts == 1:
            return f"this {self._unit}"
        names = [f"{number:,}" for number in self._unknown]
        if self._n_unknown == 1:
            return f"{self._unit} {names[0]}"
        if self._n_unknown > N_TEXTS:
            names.append(f"{self._n_unknown - N_TEXTS:,} more")
        return f"{self._unit}s {', '.join(names[:-1])} and {names[-1]}"


def write_table(path, column_names, predictor, blocks):
    """Write rows and their predictions to a file, which is never half written.

    Parameters
    ----------
    path : pathlib.Path
        Its suffix, .csv, .tsv or .jsonl, says how the table is written.
    column_names : list of str
    predictor : Predictor
        Names the labels.
    blocks : iterable of (rows, predictions)
        Rows are lists with a value for each column.

    Returns
    -------
    n_rows : int
    """
    n_rows = 0
    # JSON can spell half a character, UTF-8 can't
    options = {"encoding": "utf-8", "errors": "backslashreplace", "newline": ""}
    with (
        replace_files(path.absolute().parent, sync=True) as temporary,
        open(temporary / path.name, "w", **options) as file,
    ):
        write = _TABLES[path.suffix.lower()](file, [*column_names], predictor)
        for rows, predictions in blocks:
            for row, prediction in zip(rows, predictions, strict=True):
                write(row, prediction)
            n_rows += len(predictions)
    return n_rows


def probability_names(labels):
    """Return the name of the column of each label's probability."""
    return [f"{PROBABILITY}_{label}" for label in labels]


def _csv_table(delimiter, file, column_names, predictor):
    table = csv.writer(file, delimiter=delimiter, lineterminator="\n")
    table.writerow(_add_names(column_names, [LABEL, *probability_names(predictor.labels)]))

    def write(row, prediction):
        probabilities = (f"{value:.6f}" for value in prediction.probabilities)
        table.writerow([*row, predictor.name(prediction), *probabilities])

    return write


def _json_table(file, column_names, predictor):
    names = _add_names([], [*column_names, LABEL, *probability_names(predictor.labels)])

    def write(row, prediction):
        probabilities = (round(value, 6) for value in prediction.probabilities)
        values = [*row, predictor.name(prediction), *probabilities]
        record = dict(zip(names, values, strict=True))
        file.write(json.dumps(record, ensure_ascii=False) + "\n")

    return write


def _add_names(names, new):
    """Return names and new ones; those that are taken get a number."""
    names = [*names]
    for name in new:
        numbered = (f"{name}_{i}" for i in count(2))
        names.append(next(choice for choice in chain([name], numbered) if choice not in names))
    return names


_TABLES = {
    ".csv": partial(_csv_table, ","),
    ".tsv": partial(_csv_table, "\t"),
    ".jsonl": _json_table,
}
