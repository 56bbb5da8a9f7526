"""make_reviews: any number of artificial reviews with the statistics of the IMDB data."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from skimdb._sequences._ragged import Ragged
from skimdb._utils._checks import check_int
from skimdb._utils._public import set_module

if TYPE_CHECKING:
    from skimdb._utils._typing import DataAndTarget, RandomState

START_CHAR = 1
FIRST_WORD = 4
# Zipf-Mandelbrot: the word of rank r is (r + OFFSET) ** -EXPONENT times as frequent; fitted to
# the 10,000 most frequent words of the IMDB reviews, as are the lengths.
OFFSET, EXPONENT = 2.8, 1.12
MEAN_LENGTH, LOG_LENGTH_SPREAD, SHORTEST = 235, 0.65, 10
# One word in 20 tells the classes apart: half of these are e ** 1.2 times as likely in one class
# as in the other, half the other way round. So a linear classifier has an accuracy of 0.88.
SHARE_OF_TELLING_WORDS, LOG_ODDS = 1 / 20, 1.2
GOLDEN_RATIO = (1 + 5**0.5) / 2
ROWS_PER_BLOCK = 8192
LARGEST_INT32 = np.iinfo(np.int32).max


@set_module("skimdb.datasets")
def make_reviews(
    n_samples: int = 1000,
    *,
    n_words: int = 10_000,
    random_state: RandomState | np.random.Generator = None,
) -> DataAndTarget:
    """Make artificial reviews: sequences of word ids with the statistics of the IMDB data.

    Word frequencies follow the Zipf-Mandelbrot law and lengths a log-normal distribution of mean
    235. One word in 20 is more likely in reviews of one class than of the other, so that a linear
    classifier trained on 25,000 reviews has an accuracy of 0.88. These words are the same in every
    call, so that data made with one ``random_state`` can test what was trained on another.
    Word order is random.

    Parameters
    ----------
    n_samples : int, default=1000
        Number of reviews.
    n_words : int, default=10000
        Ids are less than this. Small vocabularies (below 100) hold hardly a word that tells the
        classes apart.
    random_state : int, RandomState instance, Generator or None, default=None
        Determines the reviews; an int gives the same reviews in each call.

    Returns
    -------
    X : ndarray of shape (n_samples,), dtype object
        An int32 array for each review: the start mark 1, then ids of words, the most frequent of
        which has the id 4, as in :func:`fetch_imdb`.
    y : ndarray of shape (n_samples,), dtype int64
        0 for a negative, 1 for a positive review; half of each.

    Raises
    ------
    ValueError
        If ``n_samples`` is less than 1, ``n_words`` less than 5, or either over 2**31 - 1.

    See Also
    --------
    fetch_imdb : 50,000 real reviews.
    load_sample_reviews : 400 short reviews as text.

    Examples
    --------
    >>> from skimdb.datasets import make_reviews
    >>> X, y = make_reviews(500, n_words=1000, random_state=0)
    >>> X.shape, int(y.sum())
    ((500,), 250)
    >>> int(X[0][0]), max(int(ids.max()) for ids in X) < 1000
    (1, True)
    """
    check_int("n_samples", n_samples, min_val=1, max_val=LARGEST_INT32)
    check_int("n_words", n_words, min_val=FIRST_WORD + 1, max_val=LARGEST_INT32)
    # NumPy's small integers would overflow
    n_samples, n_words = int(n_samples), int(n_words)
    rng = _to_generator(random_state)
    try:
        return _draw(rng, n_samples, n_words)
    except MemoryError as error:
        raise ValueError(
            f"n_samples and n_words must leave room in memory, got {n_samples} and {n_words} "
            f"({error})."
        ) from error


def _draw(rng, n_samples, n_words):
    y = rng.permutation(np.arange(n_samples, dtype=np.int64) % 2)
    log_mean = np.log(MEAN_LENGTH) - LOG_LENGTH_SPREAD**2 / 2
    lengths = np.rint(rng.lognormal(log_mean, LOG_LENGTH_SPREAD, n_samples)).astype(np.int64)
    lengths = np.maximum(lengths, SHORTEST)
    frequencies = _class_frequencies(n_words - FIRST_WORD)
    X = np.empty(n_samples, dtype=object)
    for start in range(0, n_samples, ROWS_PER_BLOCK):
        block = slice(start, start + ROWS_PER_BLOCK)
        X[block] = _draw_rows(rng, lengths[block], y[block], frequencies)
    return X, y


def _class_frequencies(n_words):
    """Return the word frequencies of the negative and of the positive class."""
    ranks = np.arange(1, n_words + 1)
    # multiples of the golden ratio spread evenly, so each stretch of ranks has its share
    phases = ranks * GOLDEN_RATIO % 1
    share = SHARE_OF_TELLING_WORDS / 2
    sides = (phases < share).astype(float) - (phases > 1 - share)
    weights = (ranks + OFFSET) ** -EXPONENT
    tilted = [weights * np.exp(sign * LOG_ODDS / 2 * sides) for sign in (-1, 1)]
    return [frequencies / frequencies.sum() for frequencies in tilted]


def _draw_rows(rng, lengths, y, frequencies):
    label_of = np.repeat(y, lengths)
    rows = Ragged.from_lengths(np.empty(len(label_of), dtype=np.int32), lengths)
    ids = np.arange(FIRST_WORD, FIRST_WORD + len(frequencies[0]), dtype=np.int32)
    for label, class_frequencies in enumerate(frequencies):
        of_class = label_of == label
        # how often each word occurs, in random order: the same as drawing word by word, but faster
        counts = rng.multinomial(np.count_nonzero(of_class), class_frequencies)
        words = np.repeat(ids, counts)
        rng.shuffle(words)
        rows.values[of_class] = words
    rows.values[rows.offsets[:-1]] = START_CHAR
    return rows.to_array()


def _to_generator(random_state):
    if random_state is None or isinstance(random_state, np.random.Generator):
        return np.random.default_rng(random_state)
    if isinstance(random_state, np.random.RandomState):
        return np.random.default_rng(random_state.randint(2**32, size=4, dtype=np.uint32))
    check_int("random_state", random_state)
    return np.random.default_rng(random_state)
