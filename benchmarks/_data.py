"""The reviews that all contenders use: loaded once, then stored for their processes."""

import json
import os
import tempfile
from pathlib import Path

from benchmarks._measure import Work, describe_job, run_child

NUM_WORDS = 10_000
# on Linux, sets the folder of pooch.os_cache, where skimdb keeps its cache
CACHE_VARIABLE = "XDG_CACHE_HOME"
N_ROWS, N_QUICK_ROWS = 25_000, 600


def store(folder, options, parts):
    """Write parts of the data ("csr", "sequences", "texts", "file") to the folder."""
    if not parts:
        return
    n_rows = N_QUICK_ROWS if options.quick else N_ROWS
    job = describe_job(write_parts, data=options.data, parts=parts, n_rows=n_rows)
    run_child([job], folder=folder)


def write_parts(context, data, parts, n_rows):
    """Job: generate or fetch the reviews and write them."""

    def run():
        import numpy as np

        from skimdb import MultiHotVectorizer

        reviews = {split: _get_reviews(data, split, n_rows) for split in ("train", "test")}
        for split, (X, y) in reviews.items():
            if "csr" in parts:
                rows = MultiHotVectorizer(num_words=NUM_WORDS).transform(X)
                save_csr(context.folder / f"{split}_csr.npz", rows, y)
            if "sequences" in parts:
                offsets = np.cumsum([0, *map(len, X)])
                path = context.folder / f"{split}_sequences.npz"
                np.savez(path, values=np.concatenate(X), offsets=offsets, y=y)
        if "texts" in parts:
            texts, y = _get_texts(data, reviews["train"], n_rows)
            content = {"texts": texts, "y": y.tolist()}
            (context.folder / "texts.json").write_text(json.dumps(content), encoding="utf-8")
        if "file" in parts and data == "made":
            np.savez_compressed(context.folder / "imdb.npz", **_to_keras_arrays(reviews))

    return Work(run)


def data_home(context, data):
    """Return the folder of the data files, for the ``data_home`` of ``fetch_imdb``."""
    if data == "made":
        return context.folder
    import pooch

    return Path(os.environ.get("SKIMDB_IMDB_HOME") or pooch.os_cache("skimdb"))


def make_cache(context):
    """Return a new, empty folder for a cache.

    Call ``data_home`` before setting CACHE_VARIABLE to this folder, which changes its result.
    """
    return tempfile.mkdtemp(dir=context.folder, prefix="cache-")


def save_csr(path, rows, y):
    """Write a multi-hot matrix (all its entries are 1) and its labels."""
    import numpy as np

    np.savez(path, indices=rows.indices, indptr=rows.indptr, n_columns=rows.shape[1], y=y)


def load_csr(path):
    """Return a multi-hot matrix and its labels."""
    import numpy as np
    import scipy.sparse as sp

    with np.load(path) as file:
        indices, indptr, y = file["indices"], file["indptr"], file["y"]
        shape = len(y), int(file["n_columns"])
    X = sp.csr_matrix((np.ones(len(indices), dtype=np.float32), indices, indptr), shape=shape)
    X.has_canonical_format = True
    return X, y


def load_rows(context):
    """Return the matrices and labels of both splits: X_train, y_train, X_test, y_test."""
    paths = (context.folder / f"{split}_csr.npz" for split in ("train", "test"))
    return [part for path in paths for part in load_csr(path)]


def load_sequences(context, split):
    """Return the sequences of a split, as an object array of int32 arrays, and their labels."""
    import numpy as np

    with np.load(context.folder / f"{split}_sequences.npz") as file:
        values, offsets, y = file["values"], file["offsets"], file["y"]
    X = np.empty(len(y), dtype=object)
    X[:] = np.split(values, offsets[1:-1])
    return X, y


def load_texts(context):
    """Return the training reviews as texts, and their labels."""
    content = json.loads((context.folder / "texts.json").read_text(encoding="utf-8"))
    return content["texts"], content["y"]


def _get_reviews(data, split, n_rows):
    from skimdb.datasets import fetch_imdb, make_reviews

    if data == "made":
        return make_reviews(n_rows, n_words=NUM_WORDS, random_state=int(split == "test"))
    X, y = fetch_imdb(subset=split, num_words=NUM_WORDS, return_X_y=True)
    return X[:n_rows], y[:n_rows]


def _get_texts(data, train, n_rows):
    if data == "made":
        X, y = train
        return [" ".join(f"word{i}" for i in ids[1:].tolist()) for ids in X], y
    from skimdb.datasets import fetch_imdb

    X, y = fetch_imdb(subset="train", as_text=True, return_X_y=True)
    return X[:n_rows].tolist(), y[:n_rows]


def _to_keras_arrays(reviews):
    """Return the arrays of Keras's imdb.npz: lists of ranks, without start mark and offset."""
    import numpy as np

    arrays = {}
    for split, (X, y) in reviews.items():
        ranks = np.empty(len(X), dtype=object)
        ranks[:] = [(ids[1:] - 3).tolist() for ids in X]
        arrays.update({f"x_{split}": ranks, f"y_{split}": y})
    return arrays
