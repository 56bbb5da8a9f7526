"""explain and explain_global: the words that moved predictions, and how far."""

from __future__ import annotations

from functools import partial
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np
import scipy.sparse as sp
from sklearn.utils.validation import check_is_fitted

from skimdb import datasets
from skimdb._attribution import Network, find_class
from skimdb._dense_classifier import DenseClassifier
from skimdb._explanation import Explanation, GlobalExplanation, TextExplanation, WordContribution
from skimdb._log_count_ratio import LogCountRatioScaler
from skimdb._multi_hot import MultiHotVectorizer
from skimdb._sequences._validation import validate_sequences, validate_texts
from skimdb._utils._checks import check_choice, check_int, short_repr
from skimdb._utils._public import set_module
from skimdb._word_index import WordIndexEncoder

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray
    from sklearn.pipeline import Pipeline

    from skimdb._utils._typing import IntSequences, Texts

METHODS = ("leave_one_out", "integrated_gradients")
# whose columns stand for a word whatever the length of the text
EXPLAINED_MODES = ("binary", "count", "log", "tfidf")
UNKNOWN = 0
TEXTS_PER_BLOCK = 200


@set_module("skimdb")
def explain(
    pipeline: Pipeline,
    texts: Texts | IntSequences,
    *,
    class_: Any = None,
    method: Literal["leave_one_out", "integrated_gradients"] = "leave_one_out",
    vocabulary: Mapping[str, int] | None = None,
) -> Explanation:
    """Tell which words of texts moved the predictions for them, and how far.

    Contributions are in log-odds: a word of 1.1 makes the odds of the class about three times as
    high. They are computed from the network itself, without sampling.

    Parameters
    ----------
    pipeline : sklearn.pipeline.Pipeline
        What ``text_pipeline`` or ``multi_hot_pipeline`` returns, fitted.
    texts : iterable of str, or of sequences of int
        Texts, or sequences of ids for a pipeline without an encoder.
    class_ : object, default=None
        The class or label that contributions are for or against. None is the second of two
        classes, as in ``decision_function``, and otherwise the most probable one of each text.
    method : {"leave_one_out", "integrated_gradients"}, default="leave_one_out"
        - "leave_one_out": by how much the log-odds fall if the model does not know the word, in
          all of its places. N-grams with the word go too. It is what predicting without the
          word gives, but parts need not add up: of two words that say the same, each may be
          missed little.
        - "integrated_gradients": the part of each column in the difference of the log-odds from
          those of a row without any column, not even that of the mark at the start. The parts of
          an n-gram are divided equally among its words. They add up to the difference.
    vocabulary : mapping of str to int, default=None
        For a pipeline without an encoder, the rank of each word, where ids are ranks plus 3. None
        takes :func:`skimdb.datasets.fetch_word_index`.

    Returns
    -------
    explanation : Explanation
        With the words of each text, and ways to show them.

    Raises
    ------
    TypeError, ValueError
        If the pipeline has other steps, columns that stand for several n-grams (``n_buckets``) or
        entries that depend on the length of the text (mode "freq"), or if ``class_`` is none of
        its classes.

    See Also
    --------
    explain_global : The words that speak most for each class.

    References
    ----------
    M. Sundararajan, A. Taly and Q. Yan, "Axiomatic Attribution for Deep Networks", ICML 2017
    (https://arxiv.org/abs/1703.01365). Difference quotients instead of derivatives follow
    A. Shrikumar, P. Greenside and A. Kundaje, "Learning Important Features Through Propagating
    Activation Differences", ICML 2017 (https://arxiv.org/abs/1704.02685).

    Examples
    --------
    >>> from skimdb import explain, text_pipeline
    >>> from skimdb.datasets import load_sample_reviews
    >>> X, y = load_sample_reviews(return_X_y=True)
    >>> pipeline = text_pipeline(random_state=0).fit(X, y)
    >>> (item,) = explain(pipeline, ["A dull and boring film."]).items
    >>> f"{item.n_known} of {item.n_words} words known"
    '5 of 5 words known'
    >>> [(word.word, word.contribution < 0) for word in item.words[:2]]
    [('dull', True), ('boring', True)]
    """
    check_choice("method", method, METHODS)
    steps = _Steps.of(pipeline)
    number = None if class_ is None else find_class(steps.network.classes, class_)
    reader = _reader_for(steps, vocabulary)
    if isinstance(texts, str):
        raise TypeError("texts must be a list of texts, got a single str: put it into a list.")
    texts = validate_texts(texts) if steps.encoder is not None else validate_sequences(texts)
    items = []
    for start in range(0, len(texts), TEXTS_PER_BLOCK):
        block = range(start, min(start + TEXTS_PER_BLOCK, len(texts)))
        items += _explain_block(steps, reader.read(texts, block), number, method)
    return Explanation(items, method)


@set_module("skimdb")
def explain_global(
    pipeline: Pipeline,
    X: Texts | IntSequences | None = None,
    n: int = 20,
    *,
    vocabulary: Mapping[str, int] | None = None,
) -> GlobalExplanation:
    """Tell which words and n-grams speak most for each class.

    Parameters
    ----------
    pipeline : sklearn.pipeline.Pipeline
        What ``text_pipeline`` or ``multi_hot_pipeline`` returns, fitted.
    X : iterable of str, or of sequences of int, default=None
        Texts. Then the contribution of a column is its mean over them: by how much the log-odds
        of the class fall without it, 0 where it does not occur. None takes what the column adds
        by itself to a row without any other.
    n : int, default=20
        Number of words and n-grams for each class.
    vocabulary : mapping of str to int, default=None
        As in :func:`explain`.

    Returns
    -------
    explanation : GlobalExplanation
        With the words of each class, and ways to show them.

    Raises
    ------
    TypeError, ValueError
        As in :func:`explain`.

    Examples
    --------
    >>> from skimdb import explain_global, text_pipeline
    >>> from skimdb.datasets import load_sample_reviews
    >>> X, y = load_sample_reviews(return_X_y=True)
    >>> pipeline = text_pipeline(random_state=0).fit(X, y)
    >>> words = explain_global(pipeline, X, n=5).words
    >>> sorted(words), len(words[1])
    ([0, 1], 5)
    """
    check_int("n", n, min_val=1)
    steps = _Steps.of(pipeline)
    reader = _reader_for(steps, vocabulary)
    if X is None:
        contributions, counts = _contributions_alone(steps), None
    else:
        texts = validate_texts(X) if steps.encoder is not None else validate_sequences(X)
        contributions, counts = _mean_contributions(steps, reader, texts)
    words = {}
    for label, values in zip(steps.network.classes.tolist(), contributions, strict=True):
        best = np.argsort(-values, kind="stable")[:n]
        best = best[values[best] > 0]
        numbers = np.zeros(len(best), dtype=int) if counts is None else counts[best]
        names = map(reader.name, steps.ids_of(best))
        words[label] = [*zip(names, values[best].tolist(), numbers.tolist(), strict=True)]
    return GlobalExplanation(words)


def count_words(pipeline, texts, vocabulary=None):
    """Return how many words each text has, and how many of them a pipeline knows, as arrays.

    The arguments are those of ``explain``, and so are the errors.
    """
    steps = _Steps.of(pipeline)
    reader = _reader_for(steps, vocabulary)
    counts = [(len(ids), np.count_nonzero(reader.is_known(ids))) for ids in reader.read_ids(texts)]
    return np.array(counts, dtype=int).reshape(-1, 2).T


class _Steps(NamedTuple):
    """The steps of a pipeline that can be explained."""

    encoder: WordIndexEncoder | None
    vectorizer: MultiHotVectorizer
    network: Network

    @classmethod
    def of(cls, pipeline):
        """Take a pipeline apart, or say why it can't be explained."""
        pipeline = getattr(pipeline, "best_estimator_", pipeline)
        steps = [step for _, step in getattr(pipeline, "steps", ())]
        steps = [step for step in steps if step not in (None, "passthrough")]
        encoder = steps.pop(0) if steps and isinstance(steps[0], WordIndexEncoder) else None
        kinds = [*map(type, steps)]
        shapes = (
            [MultiHotVectorizer, DenseClassifier],
            [MultiHotVectorizer, LogCountRatioScaler, DenseClassifier],
        )
        if kinds not in shapes:
            found = ", ".join(kind.__name__ for kind in kinds) or type(pipeline).__name__
            raise TypeError(
                "pipeline must have the steps of text_pipeline or multi_hot_pipeline, with a "
                f"DenseClassifier at its end, got {found}. SHAP and LIME explain any classifier."
            )
        vectorizer, *scaler, classifier = steps
        check_is_fitted(classifier)
        if vectorizer.n_buckets is not None:
            raise ValueError(
                "pipeline must have a column for each n-gram: with n_buckets, several share one."
            )
        check_choice("mode of the MultiHotVectorizer", vectorizer.mode, EXPLAINED_MODES)
        return cls(encoder, vectorizer, Network(scaler[0] if scaler else None, classifier))

    @property
    def _has_ngrams(self):
        return hasattr(self.vectorizer, "ngrams_")

    def ids_of(self, columns):
        """Return the ids of each column's n-gram, filled up with -1."""
        return self.vectorizer.ngrams_[columns] if self._has_ngrams else columns[:, np.newaxis]

    def known_ids(self):
        """Return the ids that have a column."""
        if self._has_ngrams:
            ids = np.unique(self.vectorizer.ngrams_)
            return ids[ids >= 0]
        return np.arange(self.network.classifier.n_features_in_)


class _Texts(NamedTuple):
    """Texts as words: their names, ids and places; and as scaled rows."""

    reader: _Reader
    texts: list[str]
    words: list[list[str]]
    ids: list[NDArray[np.int32]]
    rows: sp.csr_array


class _Reader:
    """Reads texts, or sequences of ids, as a fitted pipeline does, but with all their words.

    Parameters
    ----------
    steps : _Steps
    encoder : WordIndexEncoder
        Knows the words of ids.
    """

    def __init__(self, steps, encoder):
        self._steps = steps
        self._encoder = encoder
        self._names = encoder.get_feature_names_out()
        self.marks = [mark for mark in (encoder.start_char, encoder.oov_char) if mark is not None]
        known = steps.known_ids()
        # the last is for ids beyond
        self._is_known = np.zeros(2 + int(known.max(initial=0)), dtype=bool)
        self._is_known[np.setdiff1d(known, [UNKNOWN, *self.marks])] = True
        # as the model encodes, but with an id for each word
        parameters = {
            **encoder.get_params(),
            "vocabulary": encoder.vocabulary_,
            "start_char": None,
            "oov_char": UNKNOWN,
            "handle_unknown": "oov",
        }
        self._counter = WordIndexEncoder(**parameters).fit()

    def name(self, ids):
        """Return the name of an n-gram."""
        return " ".join(self.name_id(i) for i in ids.tolist() if i >= 0)

    def name_id(self, i):
        """Return the word of an id."""
        return str(self._names[i]) if i < len(self._names) else f"id{i}"

    def is_known(self, ids):
        """Tell which ids are those of words with a column."""
        return self._is_known[np.minimum(ids, len(self._is_known) - 1)]

    def read(self, texts, block):
        """Return some of the texts, or sequences, as words."""
        if self._steps.encoder is None:
            return self._read_sequences(texts.take(np.arange(block.start, block.stop)))
        texts = texts[block.start : block.stop]
        analyzer = self._encoder._analyzer
        words = analyzer.split(texts)
        ids = [*self._counter.transform(texts)]
        rows = self._to_rows(self._encoder.transform(texts))
        return _Texts(self, texts, words, ids, rows)

    def read_ids(self, texts):
        """Return the ids of all words of each text or sequence; a word without one has UNKNOWN."""
        if self._steps.encoder is not None:
            return self._counter.transform(texts)
        return [self._drop_marks(np.asarray(ids)) for ids in texts]

    def find_places(self, text, words):
        """Return the place of each word in a text, None for those that can't be found."""
        if self._steps.encoder is not None:
            return self._encoder._analyzer.find_places(text, words)
        # the texts of sequences have a space between each two words
        ends = np.cumsum([1 + len(word) for word in words], dtype=int).tolist()
        return [(end - 1 - len(word), end - 1) for word, end in zip(words, ends, strict=True)]

    def _read_sequences(self, sequences):
        """Return sequences as the texts of their words, with a space between each two."""
        texts, all_words, all_ids = [], [], []
        for start, stop in pairwise(sequences.offsets.tolist()):
            ids = sequences.values[start:stop]
            words = [*map(self.name_id, ids[ids != self._encoder.start_char].tolist())]
            texts.append(" ".join(words))
            all_words.append(words)
            all_ids.append(self._drop_marks(ids))
        rows = self._to_rows(sequences.to_array())
        return _Texts(self, texts, all_words, all_ids, rows)

    def _drop_marks(self, ids):
        """Return ids without the start of the text, and those of unknown words as UNKNOWN."""
        ids = ids[ids != self._encoder.start_char]
        return np.where(ids == self._encoder.oov_char, UNKNOWN, ids)

    def _to_rows(self, sequences):
        return self._steps.network.scale(self._steps.vectorizer.transform(sequences))


def _reader_for(steps, vocabulary):
    """Return what reads texts, or sequences whose words ``vocabulary`` names."""
    encoder = steps.encoder
    if encoder is None:
        vocabulary = datasets.fetch_word_index() if vocabulary is None else vocabulary
        encoder = WordIndexEncoder(vocabulary=vocabulary).fit()
    elif vocabulary is not None:
        raise ValueError(
            "vocabulary must be None for a pipeline with an encoder, which has its own, got "
            f"{short_repr(vocabulary)}."
        )
    return _Reader(steps, encoder)


def _explain_block(steps, texts, number, method):
    """Return the explanations of some texts."""
    network, rows = steps.network, texts.rows
    scores = network.scores(network.factors(network.squared_norms(rows)) * network.project(rows))
    probabilities = network.classifier._target.probabilities(scores)
    if number is not None:
        numbers = np.full(len(scores), number)
    elif scores.shape[1] == 1:
        numbers = np.ones(len(scores), dtype=int)
    else:
        numbers = probabilities.argmax(axis=1)
    log_odds = network.log_odds(scores, numbers)
    nothing = np.zeros((len(scores), network.classifier.coefs_[0].shape[1]))
    base = network.log_odds(network.scores(nothing), numbers)
    entries, row_of, id_of = _divide_among_words(steps, texts)
    if method == "leave_one_out":
        removed = _entries_of(rows, entries.indices, entries.indptr)
        of_words = log_odds[row_of] - network.without(rows, removed, row_of, numbers[row_of])
    else:
        n_words = np.bincount(entries.indices, minlength=rows.nnz)
        of_words = entries @ (network.integrate(rows, numbers).data / np.maximum(n_words, 1))
    starts = np.searchsorted(row_of, np.arange(len(scores) + 1))
    items = []
    for i, (start, stop) in enumerate(pairwise(starts)):
        n_known = int(texts.reader.is_known(texts.ids[i]).sum())
        found = id_of[start:stop], of_words[start:stop]
        text, words, ids = texts.texts[i], texts.words[i], texts.ids[i]
        items.append(
            TextExplanation(
                text=text,
                class_=network.classes.tolist()[numbers[i]],
                probability=float(probabilities[i, numbers[i]]),
                log_odds=float(log_odds[i]),
                base_log_odds=float(base[i]),
                n_words=len(words),
                n_known=n_known,
                _find_words=partial(_collect_words, texts.reader, text, words, ids, found),
                _find_ngrams=partial(
                    _find_ngrams, steps, texts.reader, rows[[i]], numbers[[i]], method
                ),
            )
        )
    return items


def _divide_among_words(steps, texts):
    """Return which entries of the rows belong to which words.

    A mark, such as the start of a text, gets only what belongs to no word.

    Returns
    -------
    entries : CSR array of shape (n_words, n_entries)
        1 for each entry of a column with the word. The words of one row come after another.
    row_of, id_of : ndarray of shape (n_words,)
        The row and the id of each word.
    """
    rows = texts.rows
    ids = steps.ids_of(rows.indices)
    is_word = (ids >= 0) & ~np.isin(ids, texts.reader.marks)
    is_word[:, 0] |= ~is_word.any(axis=1)
    for i in range(1, ids.shape[1]):
        # a word twice in an n-gram counts once
        is_word[:, i] &= ~(ids[:, :i] == ids[:, [i]]).any(axis=1)
    entry, position = np.nonzero(is_word)
    row = np.repeat(np.arange(rows.shape[0]), np.diff(rows.indptr))[entry]
    n_ids = 1 + int(ids.max(initial=0))
    keys, number = np.unique(row * n_ids + ids[entry, position], return_inverse=True)
    shape = len(keys), rows.nnz
    entries = sp.csr_array((np.ones(len(entry)), (number, entry)), shape=shape)
    return entries, *np.divmod(keys, n_ids)


def _entries_of(rows, entries, offsets):
    """Return a matrix of some entries of the rows; ``offsets`` tell where its rows begin."""
    shape = len(offsets) - 1, rows.shape[1]
    return sp.csr_array((rows.data[entries], rows.indices[entries], offsets), shape)


def _without_each(network, rows, numbers):
    """Return the log-odds of the rows without each of their entries in turn."""
    removed = _entries_of(rows, np.arange(rows.nnz), np.arange(rows.nnz + 1))
    row_of = np.repeat(np.arange(rows.shape[0]), np.diff(rows.indptr))
    return network.without(rows, removed, row_of, numbers[row_of]), row_of


def _find_ngrams(steps, reader, row, numbers, method):
    """Return the contribution of each column of a row by its name, the largest first."""
    network = steps.network
    if method == "leave_one_out":
        sums = network.factors(network.squared_norms(row)) * network.project(row)
        log_odds = network.log_odds(network.scores(sums), numbers)
        parts = log_odds[0] - _without_each(network, row, numbers)[0]
    else:
        parts = network.integrate(row, numbers).data
    order = np.argsort(-np.abs(parts), kind="stable")
    names = map(reader.name, steps.ids_of(row.indices[order]))
    return dict(zip(names, parts[order].tolist(), strict=True))


def _collect_words(reader, text, words, ids, found):
    """Return the words of a text, those that contribute most first.

    ``found`` holds the ids that contribute, and their contributions.
    """
    contributions = dict(zip(*(array.tolist() for array in found), strict=True))
    places = {}
    for word, number, is_known, place in zip(
        words,
        ids.tolist(),
        reader.is_known(ids).tolist(),
        reader.find_places(text, words),
        strict=True,
    ):
        _, _, of_word = places.setdefault(number if is_known else word, (word, is_known, []))
        if place is not None:
            of_word.append(place)
    collected = [
        WordContribution(word, contributions.pop(key, 0.0), is_known, tuple(of_word))
        for key, (word, is_known, of_word) in places.items()
    ]
    # what is left are marks, which stand nowhere in the text
    collected += [
        WordContribution(reader.name_id(key), x, True, ()) for key, x in contributions.items()
    ]
    return sorted(collected, key=lambda word: -abs(word.contribution))


def _contributions_alone(steps):
    """Return what each column adds to an empty row, for each class."""
    network, vectorizer = steps.network, steps.vectorizer
    n_columns = network.classifier.n_features_in_
    # entries of a count of 1
    values = vectorizer.idf_ if vectorizer.mode == "tfidf" else np.ones(n_columns)
    sums = network.project(network.scale(sp.diags_array(values, format="csr")))
    scores, nothing = network.scores(sums), network.scores(np.zeros_like(sums[:1]))
    return [
        network.log_odds(scores, number) - network.log_odds(nothing, number)
        for number in range(len(network.classes))
    ]


def _mean_contributions(steps, reader, texts):
    """Return the mean contribution of each column for each class, and its number of texts."""
    network, n_texts = steps.network, len(texts)
    n_columns, n_classes = network.classifier.n_features_in_, len(network.classes)
    totals, counts = np.zeros((n_classes, n_columns)), np.zeros(n_columns, dtype=int)
    for start in range(0, n_texts, TEXTS_PER_BLOCK):
        rows = reader.read(texts, range(start, min(start + TEXTS_PER_BLOCK, n_texts))).rows
        sums = network.factors(network.squared_norms(rows)) * network.project(rows)
        scores = network.scores(sums)
        counts += np.bincount(rows.indices, minlength=n_columns)
        for number in range(n_classes):
            numbers = np.full(rows.shape[0], number)
            without, row_of = _without_each(network, rows, numbers)
            parts = network.log_odds(scores, numbers)[row_of] - without
            totals[number] += np.bincount(rows.indices, parts, minlength=n_columns)
    return totals / max(n_texts, 1), counts
