"""write_report: a model, its figures and its words as one file for a browser."""

from __future__ import annotations

import os
import platform
import warnings
from importlib.metadata import version
from inspect import isroutine
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.utils.validation import check_is_fitted

from skimdb import __version__, datasets
from skimdb._dense_classifier import DenseClassifier
from skimdb._evaluation._page import (
    Html,
    make_figures,
    make_page,
    make_paragraph,
    make_table,
    to_html,
)
from skimdb._evaluation._pictures import draw_history
from skimdb._evaluation._sections import (
    MOST_LABELS,
    Evaluation,
    find_mistakes,
    show_calibration,
    show_confusion,
    show_curves,
    show_figures,
    summarize,
)
from skimdb._explain import count_words, explain, explain_global
from skimdb._explanation import STYLE
from skimdb._multi_hot import MultiHotVectorizer
from skimdb._network._target import Target
from skimdb._network._validation import label_columns, validate_target
from skimdb._sequences._validation import validate_sequences, validate_texts
from skimdb._utils._checks import prefix_errors, resolve_file, short_repr
from skimdb._utils._files import replace_files
from skimdb._utils._public import set_module
from skimdb._word_index import WordIndexEncoder

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import ArrayLike
    from sklearn.base import BaseEstimator

    from skimdb._utils._typing import IntSequences, Texts

TITLE = "Report on a model"
DISTRIBUTIONS = ("numpy", "scipy", "numba", "scikit-learn", "matplotlib")
N_ERRORS, N_OPEN_ERRORS = 20, 3
# that words are counted in, and those that explain_global takes for all classes together
MOST_COUNTED_ROWS, MOST_EXPLAINED_ROWS, FEWEST_EXPLAINED_ROWS = 2_000, 600, 30
N_WORDS, MOST_CLASSES = 20, 20


@set_module("skimdb")
def write_report(
    pipeline: BaseEstimator,
    path: str | Path,
    X: Texts | IntSequences | None = None,
    y: ArrayLike | None = None,
    *,
    probabilities: ArrayLike | None = None,
    source: str | None = None,
    vocabulary: Mapping[str, int] | None = None,
) -> Path:
    """Write a report on a fitted model: one HTML file that needs nothing else, nor any script.

    Shows the rows, the figures about the predictions for them, their confusion matrix, ROC and
    precision-recall curves, calibration, the training curves, the words that speak for each class,
    the wrong predictions with the most confidence, the parameters and the versions.

    Parameters
    ----------
    pipeline : estimator
        A fitted classifier of texts: what ``text_pipeline`` or ``multi_hot_pipeline`` returns, any
        other Pipeline that ends in a classifier with ``predict_proba``, or a search over one, of
        which the best is taken.
    path : str or path-like
        File to write, in a folder that exists. It appears complete or not at all.
    X : array-like of shape (n_rows,), default=None
        What the pipeline takes: texts, or sequences of ids. They should be rows that it was not
        trained on. None leaves out all that needs rows.
    y : array-like of shape (n_rows,) or (n_rows, n_labels), default=None
        Labels, or an indicator matrix for a model of several labels a row.
    probabilities : array-like of shape (n_rows, n_classes), default=None
        What ``predict_proba`` returns for X, if that is known. None computes it.
    source : str, default=None
        Which rows these are, for readers of the report: "90 rows of mails.csv that were held out
        of the training".
    vocabulary : mapping of str to int, default=None
        For a pipeline without an encoder, the rank of each word, as in :func:`explain`. None takes
        that of the IMDB data if it is on this machine; otherwise the words are left out.

    Returns
    -------
    path : pathlib.Path
        The file written.

    Raises
    ------
    sklearn.exceptions.NotFittedError
        If the pipeline is not fitted.
    FileNotFoundError
        If the folder of ``path`` does not exist.
    TypeError, ValueError
        If the pipeline has no ``predict_proba``, if X comes without y or y without X, or if they
        do not suit the pipeline.

    See Also
    --------
    explain : The words that moved predictions.
    explain_global : The words that speak most for each class.
    TrainingHistoryDisplay : The training curves alone.

    Examples
    --------
    >>> from skimdb import text_pipeline, write_report
    >>> from skimdb.datasets import load_sample_reviews
    >>> X, y = load_sample_reviews(return_X_y=True)
    >>> pipeline = text_pipeline(random_state=0).fit(X[:300], y[:300])
    >>> write_report(pipeline, "report.html", X[300:], y[300:])  # doctest: +SKIP
    PosixPath('report.html')
    """
    target = resolve_file(path)
    if isinstance(pipeline, str | os.PathLike):
        raise TypeError(
            f"pipeline must be a fitted pipeline, got {short_repr(pipeline)}: open a model file "
            "with load_model."
        )
    pipeline = getattr(pipeline, "best_estimator_", pipeline)
    check_is_fitted(pipeline)
    if not (hasattr(pipeline, "predict_proba") and hasattr(pipeline, "classes_")):
        raise TypeError(
            "pipeline must be a classifier with predict_proba, got "
            f"{type(_steps_of(pipeline)[-1]).__name__}."
        )
    if isinstance(pipeline.classes_, list):
        raise TypeError(
            "pipeline must have one list of classes, got one for each of "
            f"{len(pipeline.classes_)} labels: put the classifier into "
            "sklearn.multiclass.OneVsRestClassifier."
        )
    if (X is None) != (y is None):
        given, missing = ("X", "y") if y is None else ("y", "X")
        raise ValueError(f"X and y must be given together, got {given} without {missing}.")
    words = _Words(pipeline, vocabulary)
    summary, sections = make_paragraph(_describe(pipeline)), {}
    if X is None:
        summary += make_paragraph("Without rows: data and figures are left out.")
    else:
        rows = _Rows(pipeline, X)
        evaluation = _evaluate(pipeline, rows, y, probabilities)
        summary += summarize(evaluation)
        sections["Data"] = _show_data(rows, evaluation, words, source)
        sections["Figures"] = show_figures(evaluation)
        sections["Confusion matrix"] = show_confusion(evaluation)
        sections["ROC and precision-recall curves"] = show_curves(evaluation)
        sections["Calibration"] = show_calibration(evaluation)
    sections["Training"] = _show_training(pipeline)
    sections["Words for each class"] = _show_words(words, None if X is None else rows)
    if X is not None:
        sections["Most confident errors"] = _show_errors(rows, evaluation, words)
    sections["Parameters"] = _show_parameters(pipeline)
    sections["Versions"] = _show_versions()
    page = make_page(TITLE, summary, sections, STYLE)
    with replace_files(target.parent) as temporary:
        (temporary / target.name).write_text(page, encoding="utf-8", newline="\n")
    return Path(path)


class _Rows:
    """Rows that a pipeline takes: texts, sequences of ids, or anything else."""

    def __init__(self, pipeline, X):
        first = _steps_of(pipeline)[0]
        self._has_ids = isinstance(first, MultiHotVectorizer)
        if isinstance(first, WordIndexEncoder):
            self._rows = validate_texts(X)
        elif self._has_ids:
            self._rows = validate_sequences(X)
        else:
            self._rows = X
        self.n_rows = self._rows.shape[0] if hasattr(self._rows, "shape") else len(self._rows)
        if not self.n_rows:
            raise ValueError("X must hold at least one row, got none.")

    def take(self, numbers):
        """Return some of the rows, as the pipeline takes them."""
        if self._has_ids:
            return self._rows.take(np.asarray(numbers)).to_array()
        if isinstance(self._rows, list | tuple):
            return [self._rows[i] for i in numbers]
        return getattr(self._rows, "iloc", self._rows)[np.asarray(numbers)]

    def sample(self, n):
        """Return the numbers of n rows at equal distances, or of all rows."""
        return np.unique(np.linspace(0, self.n_rows - 1, min(n, self.n_rows)).astype(int))

    def texts(self, numbers):
        """Return some of the rows as texts, or None if they are none."""
        rows = None if self._has_ids else [*self.take(numbers)]
        return rows if rows and all(isinstance(text, str) for text in rows) else None


class _Words:
    """What a pipeline does with words; or ``reason``, why they can't be told."""

    def __init__(self, pipeline, vocabulary):
        self.pipeline = pipeline
        self.labels = pipeline.classes_.tolist()
        self.reason = None
        if vocabulary is None and isinstance(_steps_of(pipeline)[0], MultiHotVectorizer):
            try:
                vocabulary = datasets.fetch_word_index(download_if_missing=False)
            except OSError:
                self.reason = (
                    "the pipeline takes ids, whose words are not known: no vocabulary was given, "
                    "and that of the IMDB data is not on this machine."
                )
        self._options = {"vocabulary": vocabulary}
        if self.reason is None:
            try:
                count_words(pipeline, [], **self._options)
            except (TypeError, ValueError) as error:
                self.reason = str(error)

    def count(self, texts):
        """Return the number of words of each text, and of those that the model knows."""
        return count_words(self.pipeline, texts, **self._options)

    def of_classes(self, X):
        """Return the words that speak most for each class."""
        return explain_global(self.pipeline, X, N_WORDS, **self._options)

    def explain(self, texts, class_):
        """Return the words that moved predictions for a class."""
        return explain(self.pipeline, texts, class_=class_, **self._options)


def _steps_of(pipeline):
    return [step for _, step in getattr(pipeline, "steps", [(None, pipeline)])]


def _evaluate(pipeline, rows, y, probabilities):
    """Return the evaluation of the rows, with their labels checked."""
    first = rows.take([0])
    target = Target(np.asarray(pipeline.classes_), np.ndim(pipeline.predict(first)) == 2)
    target.check_columns(label_columns(y), "y")
    with warnings.catch_warnings():
        # few rows of many classes are no regression
        warnings.filterwarnings("ignore", message="The number of unique classes")
        y = target.encode(validate_target(y, "y"), "y")
    if len(y) != rows.n_rows:
        raise ValueError(
            f"y must have one label for each row of X, got {len(y):,} for {rows.n_rows:,} rows."
        )
    all_rows = rows.take(np.arange(rows.n_rows))
    if probabilities is None:
        probabilities = pipeline.predict_proba(all_rows)
    with prefix_errors("probabilities"):
        probabilities = np.asarray(probabilities, dtype=np.float64)
    # others may have a threshold of their own
    is_dense = isinstance(_steps_of(pipeline)[-1], DenseClassifier)
    predicted = None if is_dense else target.encode(pipeline.predict(all_rows), "predictions")
    labels = [*map(str, target.classes.tolist())]
    if probabilities.shape != (rows.n_rows, len(labels)):
        raise ValueError(
            f"probabilities must have the shape {(rows.n_rows, len(labels))}, as predict_proba "
            f"returns them for X, got {probabilities.shape}."
        )
    if not ((probabilities >= 0) & (probabilities <= 1)).all():
        raise ValueError("probabilities must be from 0 to 1, got others.")
    return Evaluation.of(y.astype(np.intp), probabilities, labels, predicted)


def _describe(pipeline):
    names = [type(step).__name__ for step in _steps_of(pipeline)]
    classifier = _steps_of(pipeline)[-1]
    is_multilabel = isinstance(classifier, DenseClassifier) and classifier._target.multilabel
    kind = "labels" if is_multilabel else "classes"
    return f"{' → '.join(names)}, {len(pipeline.classes_):,} {kind}."


def _show_data(rows, evaluation, words, source):
    figures, n_rows = evaluation.figures, rows.n_rows
    about = f"{n_rows:,} rows." if source is None else f"These are {source}."
    counts = {label: c["rows"] for label, c in figures["classes"].items()}
    numbers = sorted(evaluation.most_frequent(MOST_LABELS))
    left_out = len(counts) - len(numbers)
    more = f", the {MOST_LABELS} most frequent; {left_out:,} are left out" if left_out else ""
    table = make_table(
        f"Rows by label{more}",
        ["Label", "Rows", "Share"],
        [
            (label, counts[label], f"{100 * counts[label] / n_rows:.1f} %")
            for label in (evaluation.labels[i] for i in numbers)
        ],
    )
    return Html(make_paragraph(about) + table + _show_lengths(rows, words))


def _show_lengths(rows, words):
    numbers = rows.sample(MOST_COUNTED_ROWS)
    where = "" if len(numbers) == rows.n_rows else f" in {len(numbers):,} rows at equal distances"
    if words.reason is None:
        n_words, n_known = words.count(rows.take(numbers))
        share = n_known.sum() / max(n_words.sum(), 1)
        n_unknown = int(np.count_nonzero(n_known == 0))
        about = f"The model knows {100 * share:.1f} % of the {n_words.sum():,} words{where}."
        if n_unknown:
            rows_ = "row" if n_unknown == 1 else "rows"
            about += f" It knows no word of {n_unknown:,} {rows_}."
    elif (texts := rows.texts(numbers)) is not None:
        n_words = np.array([len(text.split()) for text in texts])
        about = (
            f"Words are what stands between spaces{where}. How many the model knows is left out: "
            f"{words.reason}"
        )
    else:
        return make_paragraph(f"Lengths in words are left out: {words.reason}")
    quartiles = np.percentile(n_words, [0, 25, 50, 75, 100])
    names = ["", "Shortest", "First quarter", "Median", "Third quarter", "Longest", "Mean"]
    values = [f"{value:,.0f}" for value in quartiles]
    row = ("Words a row", *values, f"{n_words.mean():,.1f}")
    return Html(make_table("Length of the rows", names, [row]) + make_paragraph(about))


def _show_training(pipeline):
    history = getattr(_steps_of(pipeline)[-1], "history_", None)
    if not history or not history.get("loss"):
        return make_paragraph("Left out: the classifier keeps no history of its training.")
    names = [name for name in history if not name.startswith("val_")]
    names.sort(key=lambda name: name != "loss")
    n_epochs = len(history["loss"])
    captions = [f"{name.replace('_', ' ').capitalize()} by epoch" for name in names]
    pictures = dict(zip(captions, draw_history(history), strict=True))
    rows = [(name, float(values[0]), float(values[-1])) for name, values in history.items()]
    table = make_table(
        f"{n_epochs:,} {'epoch' if n_epochs == 1 else 'epochs'}", ["", "First", "Last"], rows
    )
    about = ""
    classifier = _steps_of(pipeline)[-1]
    if isinstance(classifier, DenseClassifier) and classifier._target.multilabel:
        about = make_paragraph(
            "The accuracy here is the share of single labels that are right, above it is that of "
            "rows with all labels right."
        )
    return Html(about + make_figures(pictures) + table)


def _show_words(words, rows):
    if words.reason is not None:
        return make_paragraph(f"Left out: {words.reason}")
    if len(words.labels) > MOST_CLASSES:
        return make_paragraph(
            f"Left out: of {len(words.labels):,} classes, more than {MOST_CLASSES}, "
            "skimdb.explain_global tells the words."
        )
    if rows is None:
        about, X = "What a word or n-gram alone adds to the log-odds of the class.", None
    else:
        n_rows = max(MOST_EXPLAINED_ROWS // len(words.labels), FEWEST_EXPLAINED_ROWS)
        numbers = rows.sample(n_rows)
        X = rows.take(numbers)
        about = (
            "By how much the log-odds of the class would fall without the word or n-gram: the "
            f"mean over {len(numbers):,} rows, {'all' if len(numbers) == rows.n_rows else 'taken'}"
            f"{' of them' if len(numbers) == rows.n_rows else ' at equal distances'}."
        )
    html = words.of_classes(X).to_html()
    return Html(make_paragraph(about) + html.removeprefix(STYLE))


def _show_errors(rows, evaluation, words):
    mistakes, n_mistakes = find_mistakes(evaluation, N_ERRORS)
    if not mistakes:
        return make_paragraph("No row is predicted wrongly.")
    about = (
        f"{n_mistakes:,} predictions are wrong. These are the {len(mistakes):,} with the most "
        "confidence. Rows are counted from 0."
    )
    texts = dict.fromkeys(range(len(mistakes)))
    if words.reason is None:
        about += (
            " Words are tinted by what they add to the log-odds of the label: underlined words "
            "speak for it, words with a wavy line against it."
        )
        for number in {mistake.number for mistake in mistakes}:
            chosen = [i for i, mistake in enumerate(mistakes) if mistake.number == number]
            X = rows.take([mistakes[i].row for i in chosen])
            for i, explanation in zip(chosen, words.explain(X, words.labels[number]), strict=True):
                texts[i] = explanation.to_html().removeprefix(STYLE)
    else:
        about += f" What the words add is left out: {words.reason}"
        plain = rows.texts([mistake.row for mistake in mistakes])
        for i, text in enumerate(plain or ()):
            texts[i] = f'<div class="skimdb"><p class="text">{to_html(text)}</p></div>'
    items = []
    for i, mistake in enumerate(mistakes):
        if texts[i] is None:
            items.append(f"<p>{mistake.about}</p>")
            continue
        is_open = " open" if i < N_OPEN_ERRORS else ""
        items.append(f"<details{is_open}><summary>{mistake.about}</summary>\n{texts[i]}</details>")
    return Html(make_paragraph(about) + "\n".join(items))


def _show_parameters(pipeline):
    tables = ""
    for step in _steps_of(pipeline):
        parameters = step.get_params(deep=False) if hasattr(step, "get_params") else {}
        rows = [(name, _name_value(value)) for name, value in parameters.items()]
        if rows:
            tables += make_table(type(step).__name__, ["Parameter", "Value"], rows, n_texts=2)
    classifier = _steps_of(pipeline)[-1]
    if not hasattr(classifier, "coefs_"):
        return Html(tables)
    shapes = [coef.shape for coef in classifier.coefs_]
    units = ", ".join(f"{shape[1]:,}" for shape in shapes[:-1])
    rows = [
        ("Columns", shapes[0][0]),
        ("Units of the hidden layers", units or None),
        ("Weights", sum(coef.size for coef in [*classifier.coefs_, *classifier.intercepts_])),
        ("Epochs", classifier.n_iter_),
        ("Rows of a batch", classifier.batch_size_),
    ]
    return Html(make_table("The trained network", ["", "Value"], rows) + tables)


def _name_value(value: Any) -> str:
    """Return a parameter as text, without places in the memory of this process."""
    if isroutine(value) or isinstance(value, type):
        return f"{value.__module__}.{value.__qualname__}"
    return short_repr(value)


def _show_versions():
    rows = [("skimdb", __version__), ("Python", platform.python_version())]
    rows += [(name, version(name)) for name in DISTRIBUTIONS]
    caption = "What this report was written with"
    return make_table(caption, ["Package", "Version"], rows)
