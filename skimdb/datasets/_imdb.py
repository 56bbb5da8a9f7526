"""fetch_imdb, fetch_word_index and download_imdb: the Large Movie Review Dataset."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Literal, overload

import numpy as np

from skimdb._sequences._ids import IdConvention
from skimdb._utils._checks import check_bool, check_choice, check_int, short_repr
from skimdb._utils._public import set_module
from skimdb.datasets._cache import FORMS, CachedReader, find_home
from skimdb.datasets._readers import SPLITS, NpzReader, TextReader, read_word_index
from skimdb.datasets._sample import make_bunch

if TYPE_CHECKING:
    from pathlib import Path

    from sklearn.utils import Bunch

    from skimdb._utils._typing import DataAndTarget, PathLike, RandomState

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
@set_module("skimdb.datasets")
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
        folder that holds any of these. Sequences are taken from the npz, the folder or the
        archive, in this order; text from the folder or the archive. To become sequences, text
        needs the word index, which is looked for in the same folder and then as
        :func:`fetch_word_index` does; the rows are those of the npz, in another order. If a
        folder holds none of these forms, the cache and the web are next.
    download_if_missing : bool, default=True
        Whether to download what is neither in ``data_home`` nor in the cache; if not, an error
        is raised.
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
        If the data is not found and cannot be downloaded.
    ValueError
        If a parameter is out of range, no review is shorter than ``maxlen``, or a file is
        damaged or not what it should be. The npz holds pickles; they are read by an unpickler
        that admits only arrays, lists, numbers and text, and downloaded files are opened only once
        their SHA-256 has matched.

    See Also
    --------
    fetch_word_index : The ranks of the words.
    load_sample_reviews : A small corpus that needs no download.
    make_reviews : Any number of artificial reviews.
    download_imdb : Downloads the data in advance.

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
    check_int("num_words", num_words, min_val=1, optional=True)
    check_int("maxlen", maxlen, min_val=1, optional=True)
    convention = IdConvention(start_char, oov_char, index_from, num_words, skip_top)
    random_state = _to_random_state(random_state)
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
                    f"{name} must be left at {default!r} with as_text=True, "
                    f"got {short_repr(value)}."
                )

    splits = SPLITS if subset == "all" else (subset,)
    # the largest id, Keras's bound without num_words, is that of both splits
    read_splits = SPLITS if num_words is None and not as_text else splits
    reader = _find_reader(data_home, as_text, read_splits, download_if_missing)
    labels = {split: reader.labels(split) for split in SPLITS}
    for split in splits:
        if len(labels[split]) == 0:
            raise ValueError(f"{reader.path} holds no {split} reviews.")
    orders = {split: np.arange(len(labels[split])) for split in SPLITS}
    if random_state is not None:
        for split in SPLITS:
            random_state.shuffle(orders[split])

    if as_text:
        parts = [reader.texts(split)[orders[split]] for split in splits]
    else:
        parts, orders = _encode(reader, orders, splits, maxlen, convention)
    X = np.concatenate(parts)
    y = np.concatenate([labels[split][orders[split]] for split in splits])
    return make_bunch(X, y, description="imdb.rst", return_X_y=return_X_y)


@set_module("skimdb.datasets")
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
        :func:`fetch_imdb`) in the same folder. If it is not there, the cache and the web are next.
    download_if_missing : bool, default=True
        Whether to download what is neither in ``data_home`` nor in the cache; if not, an error
        is raised.

    Returns
    -------
    word_index : dict of str to int
        Rank of each word, 1 for the most frequent. :func:`fetch_imdb` adds ``index_from`` to it.

    Raises
    ------
    FileNotFoundError
        If ``data_home`` or the environment variable names what does not exist.
    OSError
        If the file is not found and cannot be downloaded.
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
    _, path = find_home(data_home).locate("word index", download_if_missing=download_if_missing)
    return read_word_index(path)


@set_module("skimdb.datasets")
def download_imdb(*, text: bool = False) -> list[Path]:
    """Download the files of the IMDB data that are missing, and return the paths of all.

    Each file is looked for in this order: what the environment variable ``SKIMDB_IMDB_HOME``
    names; the cache; the web, from where it goes to the cache. Afterwards :func:`fetch_imdb` and
    :func:`fetch_word_index` need no network.

    Parameters
    ----------
    text : bool, default=False
        Whether the reviews as text are needed too. Their archive has 84 MB.

    Returns
    -------
    paths : list of pathlib.Path
        The file with the reviews as sequences, the word index and, if ``text`` is True, the
        archive or the folder with the reviews as text. If the environment variable names the
        reviews as text only, the first path is theirs.

    Raises
    ------
    FileNotFoundError
        If the environment variable names what does not exist.
    OSError
        If a file cannot be downloaded, or not be written to the cache.

    See Also
    --------
    fetch_imdb : Loads the reviews.
    fetch_word_index : Loads the ranks of the words.

    Examples
    --------
    >>> from skimdb.datasets import download_imdb
    >>> [path.name for path in download_imdb()]  # doctest: +SKIP
    ['imdb.npz', 'imdb_word_index.json']
    """
    check_bool("text", text)
    home = find_home(None)
    parts = [("npz", "folder", "archive"), ("word index",)]
    if text:
        parts.append(("archive", "folder"))
    return [home.locate(*forms, download_if_missing=True)[1] for forms in parts]


def _encode(reader, orders, splits, maxlen, convention):
    """Return the sequences of each split, and the row numbers of its reviews in their order."""
    ranks, kept = {}, {}
    for split in SPLITS if convention.num_words is None else splits:
        ranks[split], kept[split] = reader.sequences(split), orders[split]
        if maxlen is not None:
            lengths = ranks[split].lengths - (convention.start_char is None)
            kept[split] = orders[split][lengths[orders[split]] < maxlen]
            # what is left out does not count for the largest id
            ranks[split] = ranks[split].take(kept[split])
    for split in splits:
        if len(kept[split]) == 0:
            raise ValueError(
                f"maxlen must leave at least one {split} review, got {maxlen!r}, and none is "
                f"shorter than that."
            )
    if convention.num_words is None:
        largest = max(convention.largest_id(part) for part in ranks.values())
        convention = replace(convention, num_words=largest)
    parts = []
    for split in splits:
        rows = convention.encode(ranks.pop(split)).to_array().view(np.ndarray)
        parts.append(rows[orders[split]] if maxlen is None else rows)
    return parts, kept


def _find_reader(data_home, as_text, splits, download_if_missing):
    """Return a reader of the reviews in the first form that is found."""
    home = find_home(data_home)
    forms = ("folder", "archive") if as_text else ("npz", "folder", "archive")
    if home.is_file and not home.forms.keys() & set(forms):
        kind = "text of the reviews" if as_text else "reviews"
        expected = " or ".join(FORMS[form] for form in forms)
        raise ValueError(f"{home.description} has no {kind}: expected {expected}.")
    form, path = home.locate(*forms, download_if_missing=download_if_missing)
    if form == "npz":
        return CachedReader(path, [path], splits, lambda: NpzReader(path))
    if as_text:
        return TextReader(path, splits)
    _, index_path = home.locate("word index", download_if_missing=download_if_missing)

    def open_reader():
        return TextReader(path, splits, word_index=read_word_index(index_path))

    # an unpacked folder is 50,000 files: to see whether one has changed takes as long as to read
    if form == "folder":
        return open_reader()
    return CachedReader(path, [path, index_path], splits, open_reader)


def _to_random_state(random_state):
    if random_state is None or isinstance(random_state, np.random.RandomState):
        return random_state
    expected = f"an integer from 0 to {LARGEST_SEED}, a RandomState instance or None"
    try:
        check_int("random_state", random_state)
        return np.random.RandomState(random_state)
    except (TypeError, ValueError) as error:
        message = f"random_state must be {expected}, got {short_repr(random_state)}."
        raise type(error)(message) from None
