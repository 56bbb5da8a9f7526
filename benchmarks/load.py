"""Loading: fetch_imdb for the first and the second time, beside numpy.load as Keras uses it."""

import os

from benchmarks._data import CACHE_VARIABLE, NUM_WORDS, data_home, new_cache
from benchmarks._measure import Contender, Group, Work, call, run_child

# the texts too, so that their archive is where data_home says
PARTS = ("file", "texts")


def groups(options):
    """Return the loading of both splits as sequences and, of IMDB, of one as text."""
    npz = {"data": options.data, "what": {"subset": "all", "num_words": NUM_WORDS}}
    found = [
        Group(
            "load sequences",
            f"both splits of imdb.npz, ids below {NUM_WORDS:,}",
            (
                Contender("skimdb, second time", fetch_again, npz),
                Contender("skimdb, first time", fetch_first, npz, at_most=0.1),
                Contender("keras.datasets.imdb's way", load_keras, {"data": options.data}),
            ),
        )
    ]
    if options.data == "imdb":
        text = {"data": options.data, "what": {"subset": "train", "as_text": True}}
        found.append(
            Group(
                "load text",
                "the training reviews of aclImdb_v1.tar.gz",
                (
                    Contender("skimdb, second time", fetch_again, text),
                    Contender("skimdb, first time", fetch_first, text),
                ),
            )
        )
    return found


def fetch_first(context, data, what):
    """Job: fetch_imdb with a cache folder that is new and empty."""
    return _fetching(context, data, what, cache=new_cache(context))


def fetch_again(context, data, what):
    """Job: fetch_imdb where another process has fetched the same before."""
    cache = new_cache(context)
    before = call(fetch_into, data=data, what=what, cache=cache)
    run_child([before], folder=context.folder)
    return _fetching(context, data, what, cache)


def fetch_into(context, data, what, cache):
    """Job: fetch_imdb with the cache in a folder."""
    return _fetching(context, data, what, cache)


def load_keras(context, data):
    """Job: what ``keras.datasets.imdb.load_data`` does, once it has the file."""
    import numpy as np  # noqa: F401

    path = data_home(context, data) / "imdb.npz"
    return Work(
        lambda: load_data_like_keras(path), lambda parts: {"rows": sum(len(X) for X, _ in parts)}
    )


def load_data_like_keras(path, num_words=NUM_WORDS):
    """Return both splits as ``keras.datasets.imdb.load_data`` does, from a file that is there.

    That function itself takes no other file than the one that Keras publishes.
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


def _fetching(context, data, what, cache):
    home = data_home(context, data)
    os.environ[CACHE_VARIABLE] = cache
    from skimdb.datasets import fetch_imdb

    return Work(
        lambda: fetch_imdb(data_home=home, **what), lambda found: {"rows": len(found.data)}
    )
