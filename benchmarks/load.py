"""Load with fetch_imdb, the first and the second time; compare with the code of Keras."""

import os

from benchmarks._data import CACHE_VARIABLE, NUM_WORDS, data_home, make_cache
from benchmarks._measure import Contender, Group, Work, describe_job, run_child

# "texts" downloads the archive of the texts if it is missing
PARTS = ("file", "texts")


def groups(options):
    """Return the groups: both splits as sequences and, for IMDB, one split as text."""
    npz = {"data": options.data, "what": {"subset": "all", "num_words": NUM_WORDS}}
    result = [
        Group(
            "load sequences",
            f"both splits of imdb.npz, ids below {NUM_WORDS:,}",
            (
                Contender("skimdb, second time", fetch_again, npz),
                Contender("skimdb, first time", fetch_first, npz, at_most=0.12),
                Contender("keras.datasets.imdb", load_keras, {"data": options.data}),
            ),
        )
    ]
    if options.data == "imdb":
        text = {"data": options.data, "what": {"subset": "train", "as_text": True}}
        result.append(
            Group(
                "load text",
                "the training reviews of aclImdb_v1.tar.gz",
                (
                    Contender("skimdb, second time", fetch_again, text),
                    Contender("skimdb, first time", fetch_first, text),
                ),
            )
        )
    return result


def fetch_first(context, data, what):
    """Job: fetch_imdb with a new, empty cache folder."""
    return _time_fetch(context, data, what, cache=make_cache(context))


def fetch_again(context, data, what):
    """Job: fetch_imdb after another process has fetched the same data."""
    cache = make_cache(context)
    first = describe_job(fetch_into, data=data, what=what, cache=cache)
    run_child([first], folder=context.folder)
    return _time_fetch(context, data, what, cache)


def fetch_into(context, data, what, cache):
    """Job: fetch_imdb with a given cache folder."""
    return _time_fetch(context, data, what, cache)


def load_keras(context, data):
    """Job: the work of ``keras.datasets.imdb.load_data`` after the download."""
    import numpy as np  # noqa: F401

    path = data_home(context, data) / "imdb.npz"
    return Work(
        lambda: load_data_like_keras(path), lambda parts: {"rows": sum(len(X) for X, _ in parts)}
    )


def load_data_like_keras(path, num_words=NUM_WORDS):
    """Return both splits as ``keras.datasets.imdb.load_data`` does, from a local file.

    The function of Keras accepts only the file that Keras publishes.
    """
    import numpy as np

    with np.load(path, allow_pickle=True) as file:
        arrays = {name: file[name] for name in ("x_train", "y_train", "x_test", "y_test")}
    rng = np.random.RandomState(113)
    sequences, labels = [], []
    for split in ("train", "test"):
        indices = np.arange(len(arrays[f"x_{split}"]))
        rng.shuffle(indices)
        x = arrays[f"x_{split}"][indices]
        sequences.append([[1] + [w + 3 for w in ranks] for ranks in x])
        labels.append(arrays[f"y_{split}"][indices])
    xs = sequences[0] + sequences[1]
    xs = [[w if (0 <= w < num_words) else 2 for w in x] for x in xs]
    idx = len(sequences[0])
    x_train, x_test = np.array(xs[:idx], dtype="object"), np.array(xs[idx:], dtype="object")
    return (x_train, labels[0]), (x_test, labels[1])


def _time_fetch(context, data, what, cache):
    home = data_home(context, data)
    os.environ[CACHE_VARIABLE] = cache
    from skimdb.datasets import fetch_imdb

    return Work(
        lambda: fetch_imdb(data_home=home, **what), lambda bunch: {"rows": len(bunch.data)}
    )
