"""fetch_imdb and fetch_word_index: the Large Movie Review Dataset."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Literal, overload

import numpy as np

from skimdb._checks import check_bool, check_choice, check_int, shown
from skimdb.datasets._bunch import labelled_reviews
from skimdb.datasets._compact import CompactReviews
from skimdb.datasets._download import cached_or_downloaded
from skimdb.datasets._home import FORMS, named_home
from skimdb.datasets._npz import NpzReviews
from skimdb.datasets._sequences import LARGEST_ID
from skimdb.datasets._text import SPLITS, TextReviews

if TYPE_CHECKING:
    from sklearn.utils import Bunch

    from skimdb._typing import DataAndTarget, PathLike, RandomState

LARGEST_SEED = 2**32 - 1


@overload
def fetch_imdb(
    *,
    subset: Literal["train", "test", "all"] = ...,
    num_words: int | None = ...,
    skip_top: int = ...,
    maxlen: int | None = ...,
    start_char: int | None = ...,
    oov_char: int | None = ...,
    index_from: int = ...,
    random_state: RandomState = ...,
    as_text: bool = ...,
    data_home: PathLike | None = ...,
    download_if_missing: bool = ...,
    return_X_y: Literal[True],
) -> DataAndTarget: ...
@overload
def fetch_imdb(
    *,
    subset: Literal["train", "test", "all"] = ...,
    num_words: int | None = ...,
    skip_top: int = ...,
    maxlen: int | None = ...,
    start_char: int | None = ...,
    oov_char: int | None = ...,
    index_from: int = ...,
    random_state: RandomState = ...,
    as_text: bool = ...,
    data_home: PathLike | None = ...,
    download_if_missing: bool = ...,
    return_X_y: bool = ...,
) -> Bunch: ...
def fetch_imdb(
    *,
    subset: Literal["train", "test", "all"] = "train",
    num_words: int | None = None,
    skip_top: int = 0,
    maxlen: int | None = None,
    start_char: int | None = 1,
    oov_char: int | None = 2,
    index_from: int = 3,
    random_state: RandomState = 113,
    as_text: bool = False,
    data_home: PathLike | None = None,
    download_if_missing: bool = True,
    return_X_y: bool = False,
) -> Bunch | DataAndTarget:
    """Load the Large Movie Review Dataset: 50,000 IMDB reviews, half positive, half negative.

    The reviews come as sequences of word ids, with the values and in the order that
    :func:`keras.datasets.imdb.load_data` gives for the same file and the same parameters, or as
    text.

    They are looked for in this order: what ``data_home``, or else the environment variable
    ``SKIMDB_IMDB_HOME``, names; the cache, a folder ``skimdb`` among the user's cache files; the
    web, from where they go to the cache.

    Parameters
    ----------
    subset : {"train", "test", "all"}, default="train"
        Which reviews: 25,000 for training, 25,000 for testing, or both, one after the other.
    num_words : int, default=None
        Ids from here on become ``oov_char``. As in Keras, None is the largest id in both splits,
        so that the one rarest word becomes ``oov_char`` too.
    skip_top : int, default=0
        Ids below this become ``oov_char``. As in Keras, ``start_char`` is one of those ids.
    maxlen : int, default=None
        Only reviews of fewer ids than this, with the start mark, are kept.
    start_char : int, default=1
        Id put at the front of each review; None puts none.
    oov_char : int, default=2
        Id for words that ``num_words`` or ``skip_top`` cut off; None leaves them out.
    index_from : int, default=3
        Added to each word's rank, so that the most frequent word has the id ``index_from + 1``.
    random_state : int, RandomState instance or None, default=113
        Order of the reviews in each split; an int is Keras's ``seed``. None keeps the order of
        the file, which for text is the negative reviews by number, then the positive ones.
    as_text : bool, default=False
        Whether to return the reviews as text. ``start_char``, ``oov_char`` and ``index_from``
        have no meaning then, and ``num_words``, ``skip_top`` and ``maxlen`` may not be given.
    data_home : str or path-like, default=None
        A file, ``imdb.npz`` or ``aclImdb_v1.tar.gz``; an unpacked ``aclImdb`` folder; or a
        folder that holds any of these. Sequences are taken from the first there is (npz, folder,
        archive), text from the folder or the archive. To become sequences, text needs the word
        index, which is looked for beside it and then as :func:`fetch_word_index` does; the rows
        are those of the npz, in another order. A folder that holds no form that will do is
        passed over for the cache and the web.
    download_if_missing : bool, default=True
        Whether to download what is found nowhere; if not, that is an error.
    return_X_y : bool, default=False
        Whether to return ``(data, target)`` instead of a Bunch.

    Returns
    -------
    data : Bunch
        Dictionary-like object with the attributes

        data : ndarray of shape (n_samples,), dtype object
            An int32 array of ids for each review, or its text (str).
        target : ndarray of shape (n_samples,), dtype int64
            0 for a negative, 1 for a positive review.
        target_names : list of str
            The names of the two classes.
        DESCR : str
            Description of the dataset.
    (data, target) : tuple of ndarray
        If ``return_X_y`` is True.

    Raises
    ------
    FileNotFoundError
        If ``data_home`` or the environment variable names what does not exist.
    OSError
        If the data is found nowhere and can't be downloaded.
    ValueError
        If a parameter is out of range, no review is shorter than ``maxlen``, or a file is
        damaged or not what it should be. The npz holds pickles; they are read by an unpickler
        that admits only arrays, lists, numbers and text, and downloaded files are opened only once
        their SHA-256 has matched.

    See Also
    --------
    fetch_word_index : The ranks of the words.
    load_sample_reviews : A small corpus that needs no download.
    make_reviews : As many artificial reviews as asked for.

    References
    ----------
    Andrew L. Maas, Raymond E. Daly, Peter T. Pham, Dan Huang, Andrew Y. Ng and Christopher
    Potts, "Learning Word Vectors for Sentiment Analysis", ACL 2011.

    Examples
    --------
    >>> from skimdb.datasets import fetch_imdb
    >>> X, y = fetch_imdb(num_words=10_000, return_X_y=True)  # doctest: +SKIP
    >>> X.shape, y.mean()  # doctest: +SKIP
    ((25000,), 0.5)
    """
    check_choice("subset", subset, (*SPLITS, "all"))
    check_int("num_words", num_words, at_least=1, none_allowed=True)
    check_int("skip_top", skip_top)
    check_int("maxlen", maxlen, at_least=1, none_allowed=True)
    _check_id("start_char", start_char)
    _check_id("oov_char", oov_char)
    check_int("index_from", index_from)
    # one of NumPy's small integers would overflow
    index_from = int(index_from)
    random_state = _checked_random_state(random_state)
    check_bool("as_text", as_text)
    check_bool("download_if_missing", download_if_missing)
    check_bool("return_X_y", return_X_y)
    if as_text:
        for name, value, default in (
            ("num_words", num_words, None),
            ("skip_top", skip_top, 0),
            ("maxlen", maxlen, None),
        ):
            if value != default:
                raise ValueError(
                    f"{name} must be left at {default!r} with as_text=True, got {shown(value)}."
                )

    splits = SPLITS if subset == "all" else (subset,)
    # the largest id, Keras's bound without num_words, is that of both splits
    read_splits = SPLITS if num_words is None and not as_text else splits
    reviews = _find_reviews(data_home, as_text, read_splits, download_if_missing)
    labels = {split: reviews.labels(split) for split in SPLITS}
    for split in splits:
        if len(labels[split]) == 0:
            raise ValueError(f"{reviews.path} holds no {split} reviews.")
    orders = {split: np.arange(len(labels[split])) for split in SPLITS}
    if random_state is not None:
        for split in SPLITS:
            random_state.shuffle(orders[split])

    if as_text:
        parts = [reviews.texts(split)[orders[split]] for split in splits]
    else:
        parts, orders = _encoded(
            reviews,
            orders,
            splits,
            num_words=num_words,
            skip_top=skip_top,
            maxlen=maxlen,
            start_char=start_char,
            oov_char=oov_char,
            index_from=index_from,
        )
    X = np.concatenate(parts)
    y = np.concatenate([labels[split][orders[split]] for split in splits])
    return labelled_reviews(X, y, description="imdb.rst", return_X_y=return_X_y)


def fetch_word_index(
    *, data_home: PathLike | None = None, download_if_missing: bool = True
) -> dict[str, int]:
    """Load the word index of the IMDB data: 88,584 words and their ranks by frequency.

    The file ``imdb_word_index.json`` is looked for in this order: what ``data_home``, or else the
    environment variable ``SKIMDB_IMDB_HOME``, names; the cache; the web.

    Parameters
    ----------
    data_home : str or path-like, default=None
        The file, the folder that holds it, or another form of the data (see
        :func:`fetch_imdb`) that it lies beside. Where it is not there, the cache and the web
        are next.
    download_if_missing : bool, default=True
        Whether to download what is found nowhere; if not, that is an error.

    Returns
    -------
    word_index : dict of str to int
        Rank of each word, 1 for the most frequent. :func:`fetch_imdb` adds ``index_from`` to it.

    Raises
    ------
    FileNotFoundError
        If ``data_home`` or the environment variable names what does not exist.
    OSError
        If the file is found nowhere and can't be downloaded.
    ValueError
        If the file is damaged or not what it should be.

    See Also
    --------
    skimdb.WordIndexEncoder : Encodes text by a word index, and decodes it.

    References
    ----------
    Andrew L. Maas, Raymond E. Daly, Peter T. Pham, Dan Huang, Andrew Y. Ng and Christopher
    Potts, "Learning Word Vectors for Sentiment Analysis", ACL 2011.

    Examples
    --------
    >>> from skimdb.datasets import fetch_word_index
    >>> word_index = fetch_word_index()  # doctest: +SKIP
    >>> word_index["the"], word_index["movie"]  # doctest: +SKIP
    (1, 17)
    """
    check_bool("download_if_missing", download_if_missing)
    return _read_word_index(_word_index_path(named_home(data_home), download_if_missing))


def _encoded(
    reviews, orders, splits, *, num_words, skip_top, maxlen, start_char, oov_char, index_from
):
    """Return the sequences of each split, and which reviews, in what order, they are of."""
    sequences, kept, row_order = {}, {}, {}
    for split in SPLITS if num_words is None else splits:
        ranks = reviews.sequences(split)
        kept[split] = row_order[split] = orders[split]
        if maxlen is not None:
            lengths = ranks.lengths[orders[split]] + (start_char is not None)
            kept[split] = orders[split][lengths < maxlen]
            # what is left out does not count for the largest id
            ranks, row_order[split] = ranks.take(kept[split]), slice(None)
        sequences[split] = ranks.marked(start_char=start_char, index_from=index_from)
    for split in splits:
        if len(kept[split]) == 0:
            raise ValueError(
                f"maxlen must leave at least one {split} review, got {maxlen!r}, and none is "
                f"shorter than that."
            )
    if num_words is None:
        num_words = max(part.largest for part in sequences.values())
    limits = {"num_words": num_words, "skip_top": skip_top, "oov_char": oov_char}
    parts = [
        sequences.pop(split).limited(**limits).to_array()[row_order[split]] for split in splits
    ]
    return parts, kept


def _find_reviews(data_home, as_text, splits, download_if_missing):
    """Return a reader of the reviews in the first form there is."""
    home = named_home(data_home)
    wanted = ("folder", "archive") if as_text else ("npz", "folder", "archive")
    form = next((form for form in wanted if form in home.forms), None)
    if form is not None:
        path = home.forms[form]
    elif home.is_file:
        kind = "text of the reviews" if as_text else "reviews"
        expected = " or ".join(FORMS[form] for form in wanted)
        raise ValueError(f"{home.description} has no {kind}: expected {expected}.")
    else:
        form = "archive" if as_text else "npz"
        path = cached_or_downloaded(
            FORMS[form], download_if_missing=download_if_missing, searched=home.searched
        )
    if form == "npz":
        return CompactReviews(path, [path], lambda: NpzReviews(path))
    if as_text:
        return TextReviews(path, splits)
    index_path = _word_index_path(home, download_if_missing)

    def read():
        return TextReviews(path, splits, word_index=_read_word_index(index_path))

    # an unpacked folder is 50,000 files: to see whether one has changed takes as long as to read
    return read() if path.is_dir() else CompactReviews(path, [path, index_path], read)


def _word_index_path(home, download_if_missing):
    return home.forms.get("word index") or cached_or_downloaded(
        FORMS["word index"], download_if_missing=download_if_missing, searched=home.searched
    )


def _read_word_index(path):
    try:
        word_index = json.loads(path.read_bytes(), object_pairs_hook=_without_twins)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path} cannot be read as JSON: {error}.") from error
    if not isinstance(word_index, dict) or not word_index:
        raise ValueError(f"{path} must hold a JSON object of words and ranks.")
    for word, rank in word_index.items():
        if type(rank) is not int or not 0 < rank <= LARGEST_ID:
            raise ValueError(
                f"{path} must map words to positive ranks, got {word!r:.80}: {rank!r:.80}."
            )
    if len(set(word_index.values())) < len(word_index):
        raise ValueError(f"{path} must give each word a rank of its own.")
    return word_index


def _without_twins(pairs):
    words = dict(pairs)
    if len(words) < len(pairs):
        raise ValueError("a word is there twice")
    return words


def _check_id(name, value):
    check_int(name, value, none_allowed=True)
    if value is not None and value > LARGEST_ID:
        raise ValueError(f"{name} must be at most {LARGEST_ID}, got {shown(value)}.")


def _checked_random_state(random_state):
    if random_state is None or isinstance(random_state, np.random.RandomState):
        return random_state
    expected = f"an integer from 0 to {LARGEST_SEED}, a RandomState instance or None"
    try:
        check_int("random_state", random_state)
        return np.random.RandomState(random_state)
    except (TypeError, ValueError) as error:
        message = f"random_state must be {expected}, got {shown(random_state)}."
        raise type(error)(message) from None
