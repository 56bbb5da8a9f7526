"""Pipelines from sequences or texts to classes, and training them on streams of texts."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from numbers import Integral
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from sklearn.base import BaseEstimator, clone
from sklearn.metrics import log_loss
from sklearn.pipeline import Pipeline
from sklearn.utils import Bunch

from skimdb._dense_classifier import DenseClassifier
from skimdb._log_count_ratio import LogCountRatioScaler
from skimdb._multi_hot import MultiHotVectorizer
from skimdb._network._target import Target
from skimdb._network._validation import draw_seed, validate_labels
from skimdb._sequences._validation import validate_texts
from skimdb._sequences._word_table import WordCounter
from skimdb._training._row_file import RowFile
from skimdb._utils._checks import (
    check_bool,
    check_callable,
    check_int,
    check_real,
    prefix_errors,
    short_repr,
    to_path,
)
from skimdb._utils._column_identity import columns_of
from skimdb._utils._public import set_module
from skimdb._word_index import WordIndexEncoder

if TYPE_CHECKING:
    from skimdb._utils._typing import BlockCallback, PathLike, ReadBlocks, Schedule

TRAINING, TEST = "training", "test"
# At least so many words get a rank. Those that num_words cuts off become oov_char, all others are
# left out.
RANKED_WORDS = 100_000
# at least so many words are counted at a time
COUNTED_WORDS = 1_000_000


@set_module("skimdb")
def multi_hot_pipeline(
    *,
    num_words: int | None = 10_000,
    text: bool = False,
    classifier: BaseEstimator | None = None,
    **classifier_params: Any,
) -> Pipeline:
    """Chain a MultiHotVectorizer and a classifier in a scikit-learn Pipeline.

    Parameters
    ----------
    num_words : int, default=10_000
        Number of columns of the multi-hot matrix: the ids from 0 to ``num_words - 1``. As in
        Keras, the ids that stand for no word count too: 0 (padding), 1 (start), 2 (words that are
        cut off) and 3 (nothing), so ``num_words=10_000`` keeps the 9,996 most frequent words. None
        takes as many columns as the training data need.
    text : bool, default=False
        Whether samples are texts. If so, the first step is a WordIndexEncoder, which learns the
        ranks of the words in ``fit``; otherwise samples are integer sequences.
    classifier : estimator, default=None
        The last step, such as a KerasClassifier around a Keras model of your own. None is a
        DenseClassifier.
    **classifier_params
        Parameters of the DenseClassifier. With a ``classifier``, which has its own, they are an
        error.

    Returns
    -------
    pipeline : sklearn.pipeline.Pipeline
        With the steps "encoder" (when ``text``), "vectorizer" and "classifier".

    Raises
    ------
    TypeError
        If ``classifier`` is no estimator, or there are parameters beside it.

    Notes
    -----
    A Pipeline passes validation rows to its last step unchanged, unless it is told to transform
    them first. That takes scikit-learn's metadata routing::

        sklearn.set_config(enable_metadata_routing=True)
        pipeline = multi_hot_pipeline(text=True).set_params(transform_input=["X_val"])
        pipeline["classifier"].set_fit_request(X_val=True, y_val=True)
        pipeline.fit(X, y, X_val=X_val, y_val=y_val)

    Without, fit the steps one by one::

        M = pipeline[:-1].fit_transform(X)
        pipeline[-1].fit(M, y, X_val=pipeline[:-1].transform(X_val), y_val=y_val)

    With ``warm_start=True``, each ``fit`` of the pipeline learns the words again. A fit that would
    continue with other words than the last is an error: for more texts give the encoder a
    vocabulary before the first fit (``pipeline.set_params(encoder__vocabulary=...)``).

    If a second ``fit`` fails or is interrupted, each step is whole, but, as in any Pipeline, the
    steps before the failed one are new. Fit a ``sklearn.base.clone`` to keep the old
    pipeline.

    See Also
    --------
    WordIndexEncoder, MultiHotVectorizer, DenseClassifier : The steps.
    KerasClassifier : A classifier for any Keras model.
    fit_stream : Fits the pipeline to more texts than fit into memory.

    Examples
    --------
    >>> from skimdb import multi_hot_pipeline
    >>> from skimdb.datasets import load_sample_reviews
    >>> X, y = load_sample_reviews(return_X_y=True)
    >>> pipeline = multi_hot_pipeline(text=True, random_state=0).fit(X[:300], y[:300])
    >>> bool(pipeline.score(X[300:], y[300:]) > 0.75)
    True
    """
    check_bool("text", text)
    if classifier is None:
        classifier = DenseClassifier(**classifier_params)
    elif classifier_params:
        raise TypeError(
            "classifier_params must be left out when classifier is given: set "
            f"{', '.join(classifier_params)} in the classifier itself."
        )
    elif isinstance(classifier, type) or not hasattr(classifier, "fit"):
        raise TypeError(
            "classifier must be an estimator, such as KerasClassifier(model), or None, "
            f"got {short_repr(classifier)}."
        )
    steps = [
        ("vectorizer", MultiHotVectorizer(num_words=num_words)),
        ("classifier", classifier),
    ]
    if text:
        steps.insert(0, ("encoder", WordIndexEncoder(num_words=num_words)))
    return Pipeline(steps)


@set_module("skimdb")
def text_pipeline(
    *,
    analyzer: Literal["keras", "word", "char"] | Callable[[str], Iterable[str]] = "word",
    ngram_range: tuple[int, int] = (1, 3),
    min_df: float | Literal["auto"] = "auto",
    units: int | Sequence[int] | Literal["auto"] = "auto",
    dropout: float = 0.5,
    learning_rate: float | None = 0.0015,
    learning_rate_schedule: Literal["linear", "cosine"] | None = "linear",
    epochs: int | Literal["auto"] = "auto",
    batch_size: int | Literal["auto"] = "auto",
    **classifier_params: Any,
) -> Pipeline:
    """Chain the steps from texts to classes, with settings for texts of any kind and number.

    Words and n-grams become columns, each weighted by its log-count ratio between the classes,
    and a network of one hidden layer learns from them. Each text starts with a mark, so n-grams
    such as ``<start> not`` tell which words come first.

    Parameters
    ----------
    analyzer : {"keras", "word", "char"} or callable, default="word"
        What the words of a text are; see :class:`WordIndexEncoder`.
    ngram_range : tuple of (int, int), default=(1, 3)
        Lengths of the shortest and the longest n-grams; see :class:`MultiHotVectorizer`.
    min_df : int, float or "auto", default="auto"
        In how many texts an n-gram must be; see :class:`MultiHotVectorizer`.
    units, dropout, learning_rate, learning_rate_schedule, epochs, batch_size
        Parameters of the :class:`DenseClassifier`, whose own defaults differ.
    **classifier_params
        More parameters of the DenseClassifier, such as ``random_state`` and ``class_weight``.

    Returns
    -------
    pipeline : sklearn.pipeline.Pipeline
        With the steps "encoder", "vectorizer", "scaler" and "classifier".

    See Also
    --------
    WordIndexEncoder, MultiHotVectorizer, LogCountRatioScaler, DenseClassifier : The steps.
    multi_hot_pipeline : The network alone on words, for texts or integer sequences.

    Notes
    -----
    Validation texts for ``X_val`` take scikit-learn's metadata routing::

        sklearn.set_config(enable_metadata_routing=True)
        pipeline = text_pipeline().set_params(transform_input=["X_val"])
        pipeline["classifier"].set_fit_request(X_val=True, y_val=True)
        pipeline.fit(X, y, X_val=X_val, y_val=y_val)

    Each ``fit`` learns the n-grams again, so ``warm_start=True`` can only go on with the same
    texts; to train on more, give the encoder a ``vocabulary`` and the vectorizer ``n_buckets``,
    with ``min_df=1`` and ``count_min_df=1``, before the first fit.

    The settings were compared by cross-validation on the training parts of five corpora, from
    5,000 short questions to 25,000 film reviews, with two to eight classes. Neighbours among the
    reviews are often of the same film, so their folds were blocks of neighbours: a random fold,
    with other reviews of its films, would reward learning names. Names repeat within a text, and
    on such folds their repetitions mislead. So only n-grams in 2 % of the texts are counted; on
    news, where repetitions help, counting all of them gains little more.

    References
    ----------
    S. Wang and C. D. Manning, "Baselines and Bigrams: Simple, Good Sentiment and Topic
    Classification", ACL 2012, weight n-grams by log-count ratios.

    Examples
    --------
    >>> from skimdb import text_pipeline
    >>> from skimdb.datasets import load_sample_reviews
    >>> X, y = load_sample_reviews(return_X_y=True)
    >>> pipeline = text_pipeline(random_state=0).fit(X[:300], y[:300])
    >>> bool(pipeline.score(X[300:], y[300:]) > 0.9)
    True
    >>> names = pipeline[:-1].get_feature_names_out()
    >>> [name for name in ("waste", "waste of time") if name in names]
    ['waste', 'waste of time']
    """
    return Pipeline(
        [
            ("encoder", WordIndexEncoder(analyzer=analyzer, handle_unknown="oov")),
            (
                "vectorizer",
                MultiHotVectorizer(
                    mode="log", ngram_range=ngram_range, min_df=min_df, count_min_df=0.02
                ),
            ),
            ("scaler", LogCountRatioScaler()),
            (
                "classifier",
                DenseClassifier(
                    units,
                    dropout=dropout,
                    learning_rate=learning_rate,
                    learning_rate_schedule=learning_rate_schedule,
                    epochs=epochs,
                    batch_size=batch_size,
                    **classifier_params,
                ),
            ),
        ]
    )


@set_module("skimdb")
def fit_stream(
    pipeline: Pipeline,
    read_blocks: ReadBlocks,
    *,
    test_fraction: float = 0.0,
    schedule: Schedule | None = None,
    rows_per_block: int = 10_000,
    folder: PathLike | None = None,
    callback: BlockCallback | None = None,
) -> Bunch:
    """Fit a pipeline to a stream of texts that need not fit into memory.

    The stream is read twice: to learn the words and labels, and to encode the rows. The encoded
    rows wait in a temporary file, about a fifth as large as the texts, from which each epoch reads
    them in another order.

    Parameters
    ----------
    pipeline : sklearn.pipeline.Pipeline
        What ``multi_hot_pipeline(text=True)`` returns, with a number for ``num_words``. Its steps
        are replaced by fitted copies at the end, so an error leaves it as it was.
    read_blocks : callable
        Returns, at each call, a new iterator over the same blocks of rows: tuples that start with
        texts and labels.
    test_fraction : float, default=0.0
        Fraction of the rows, approximately, that are not trained on but scored at the end. The
        number of the row and ``random_state`` decide which rows.
    schedule : callable, default=None
        Takes the number of training rows, and returns the numbers of epochs and of rows in a
        batch, which become the classifier's parameters. None uses those that it has.
    rows_per_block : int, default=10_000
        Number of rows to train on at a time, approximately.
    folder : path-like, default=None
        Where the temporary file is made; None is the system's folder for temporary files.
    callback : callable, default=None
        Called as ``callback(n_done, n_blocks, figures)`` after each block of each epoch, with loss
        and metrics of the block.

    Returns
    -------
    result : Bunch
        Dictionary-like object with the attributes

        history : dict of str to list of float
            Means of loss and metrics over each epoch, while the weights change.
        scores : dict of str to dict
            For "training" and, with a ``test_fraction``, "test": the number of ``rows``, log
            ``loss`` and ``accuracy`` of the fitted pipeline.

    Raises
    ------
    ValueError, TypeError
        If the pipeline has other steps, if a block holds anything but texts and as many labels,
        or if the stream has fewer than two labels or no training or test rows.

    See Also
    --------
    skimdb.datasets.read_labelled_blocks : Reads such blocks from a file.

    Notes
    -----
    For the same blocks and an int ``random_state`` the result is the same bit for bit. Other
    blocks of the same rows may change which rows come together in a batch.

    Beyond a million words, or 20 times ``num_words``, the rarer half of the words counted so far
    is forgotten, so the ranks of very rare words are approximate.

    Examples
    --------
    >>> from skimdb import fit_stream, multi_hot_pipeline
    >>> from skimdb.datasets import load_sample_reviews
    >>> X, y = load_sample_reviews(return_X_y=True)
    >>> pipeline = multi_hot_pipeline(text=True, epochs=8, batch_size=16, random_state=0)
    >>> def read_blocks():
    ...     return ((X[i : i + 100], y[i : i + 100]) for i in range(0, 400, 100))
    >>> result = fit_stream(pipeline, read_blocks, test_fraction=0.2)
    >>> sorted(result.scores), len(result.history["loss"])
    (['test', 'training'], 8)
    """
    check_real("test_fraction", test_fraction, min_val=0, max_val=1, include_boundaries="left")
    check_int("rows_per_block", rows_per_block, min_val=1)
    check_callable("read_blocks", read_blocks)
    check_callable("schedule", schedule, optional=True)
    check_callable("callback", callback, optional=True)
    folder = None if folder is None else to_path("folder", folder)
    _check_steps(pipeline)
    fitted = clone(pipeline)
    encoder, vectorizer, classifier = (step for _, step in fitted.steps)
    seed = draw_seed(classifier.random_state)
    if isinstance(classifier.random_state, Integral):
        seed = int(classifier.random_state)
    stream = _Stream(read_blocks, float(test_fraction), seed)
    labels, n_rows = _survey(stream, encoder, vectorizer.num_words)
    no_rows = vectorizer.fit_transform(encoder.transform([""]))
    n_columns = no_rows.shape[1]
    if schedule is not None:
        with prefix_errors("schedule"):
            epochs, batch_size = schedule(n_rows[TRAINING])
            classifier.set_params(epochs=epochs, batch_size=batch_size)._check_fit_parameters()
    target = Target.from_labels(validate_labels([*labels], "the labels"), "the labels")
    epochs, batch_size = classifier.choose_schedule(n_rows[TRAINING], len(target.classes))
    classifier.set_params(epochs=epochs, batch_size=batch_size)
    with ExitStack() as stack:
        files = {
            part: stack.enter_context(RowFile(folder, n_columns, rows_per_block))
            for part in n_rows
        }
        for part, texts, labels in stream.parts():
            files[part].append(fitted[:-1].transform(texts), target.encode(labels, "read_blocks"))
        n_again = {part: file.n_rows for part, file in files.items()}
        if n_again != n_rows:
            raise ValueError(
                "read_blocks must return the same rows at each call, got the numbers of rows "
                f"{n_rows} and then {n_again}."
            )
        history = _train(classifier, files[TRAINING], target, seed, callback)
        # the rows of a file don't tell what their columns stand for
        classifier._columns = columns_of(no_rows)
        scores = {part: _score(classifier, file, target) for part, file in files.items()}
    pipeline.steps = fitted.steps
    return Bunch(history=history, scores=scores)


class _Stream:
    """The blocks of a stream, divided into training and test rows."""

    def __init__(self, read_blocks, test_fraction, seed):
        self._read_blocks = read_blocks
        self._test_fraction = test_fraction
        self._seed = seed

    @property
    def part_names(self):
        return (TRAINING, TEST) if self._test_fraction else (TRAINING,)

    def parts(self) -> Iterator[tuple[str, list[str], np.ndarray]]:
        """Yield the name, the texts and the labels of each part of each block."""
        n_rows = 0
        blocks = self._read_blocks()
        if not isinstance(blocks, Iterable):
            raise TypeError(
                f"read_blocks must return an iterable of blocks, got {type(blocks).__name__}."
            )
        for block in blocks:
            with prefix_errors("read_blocks"):
                texts, labels, *_ = block
                texts, labels = validate_texts(texts), validate_labels(labels, "y")
                if len(texts) != len(labels):
                    raise ValueError(
                        f"y must have one label for each text, got {len(labels)} labels for "
                        f"{len(texts)} texts."
                    )
            is_test = self._is_test_row(n_rows, len(texts))
            n_rows += len(texts)
            for part, is_part in zip(self.part_names, (~is_test, is_test), strict=False):
                rows = np.flatnonzero(is_part)
                if len(rows):
                    yield part, [texts[row] for row in rows], labels[rows]

    def _is_test_row(self, first, n_rows):
        """Tell for consecutive rows whether they are test rows.

        That depends on the number of the row and the seed, by SplitMix64, so that it is the same
        each time and needs no other row.
        """
        mixed = np.arange(first, first + n_rows, dtype=np.uint64)
        mixed += np.uint64((self._seed + 1) * 0x9E3779B97F4A7C15 % 2**64)
        for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
            mixed = (mixed ^ (mixed >> np.uint64(shift))) * np.uint64(factor)
        mixed ^= mixed >> np.uint64(31)
        return mixed < np.uint64(self._test_fraction * 2**64)


def _check_steps(pipeline):
    """Raise unless a pipeline can be fitted to blocks."""
    steps = [step for _, step in pipeline.steps] if isinstance(pipeline, Pipeline) else []
    if [*map(type, steps)] != [WordIndexEncoder, MultiHotVectorizer, DenseClassifier]:
        raise TypeError(
            "pipeline must have the steps WordIndexEncoder, MultiHotVectorizer and "
            "DenseClassifier, as multi_hot_pipeline(text=True) returns it."
        )
    encoder, vectorizer, classifier = steps
    encoder._validate_parameters()
    vectorizer._check_parameters()
    classifier._check_partial_fit_parameters()
    needed = {"mode": "binary", "sparse_output": True}
    found = vectorizer.get_params()
    if found["num_words"] is None or any(found[name] != needed[name] for name in needed):
        found = {name: found[name] for name in ("num_words", *needed)}
        raise ValueError(
            "pipeline must have a vectorizer with a number for num_words, mode='binary' and "
            f"sparse_output=True, got {found}."
        )
    if vectorizer._learns_ngrams:
        raise ValueError(
            "pipeline must have a vectorizer that learns no n-grams (n_buckets hashes them), got "
            f"{vectorizer}."
        )


def _survey(stream, encoder, num_words):
    """Fit the encoder to the training rows; return all labels, and the number of rows by part."""
    counter = WordCounter(encoder._analyzer, max(20 * num_words, COUNTED_WORDS))
    labels, n_rows = set(), dict.fromkeys(stream.part_names, 0)
    for part, texts, labels_of_part in stream.parts():
        if part == TRAINING and encoder.vocabulary is None:
            counter.update(texts)
        labels.update(labels_of_part.tolist())
        n_rows[part] += len(texts)
    for part, n in n_rows.items():
        if not n:
            raise ValueError(
                f"the stream needs more rows: none of its {sum(n_rows.values())} rows is a {part} "
                "row with this random_state."
            )
    if encoder.vocabulary is None:
        encoder._learn(counter.most_common(max(num_words, RANKED_WORDS)))
    else:
        encoder.fit()
    return labels, n_rows


def _train(classifier, file, target, seed, callback):
    """Train on the rows of a file; return the history, with a figure for each epoch."""
    history, n_done = defaultdict(list), 0
    for epoch in range(classifier.epochs):
        sums = defaultdict(float)
        for X, numbers in file.blocks([seed, epoch]):
            classifier.partial_fit(X, target.classes[numbers], classes=target.classes)
            figures = {name: values[-1] for name, values in classifier.history_.items()}
            for name, value in figures.items():
                sums[name] += value * len(numbers)
            n_done += 1
            if callback is not None:
                callback(n_done, classifier.epochs * file.n_blocks, figures)
        for name, value in sums.items():
            history[name].append(value / file.n_rows)
    return dict(history)


def _score(classifier, file, target):
    """Return the number of rows of a file, and log loss and accuracy on them."""
    loss = accuracy = 0.0
    for X, numbers in file.blocks():
        # scikit-learn clips at the precision of the type, which float32 probabilities reach
        probabilities = classifier.predict_proba(X).astype(np.float64)
        probabilities /= probabilities.sum(axis=1, keepdims=True)
        block_loss = log_loss(numbers, probabilities, labels=range(len(target.classes)))
        loss += float(block_loss) * len(numbers)
        accuracy += float(np.mean(numbers == probabilities.argmax(axis=1))) * len(numbers)
    return {"rows": file.n_rows, "loss": loss / file.n_rows, "accuracy": accuracy / file.n_rows}
