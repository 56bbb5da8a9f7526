"""Measure how the time of an epoch and the peak memory grow with rows, columns and n-grams."""

from itertools import pairwise
from statistics import median

from benchmarks._contenders import make_product_epoch, skimdb_classifier, time_skimdb_epochs
from benchmarks._data import load_csr, load_texts, save_csr
from benchmarks._measure import Contender, Group, Work, describe_job, run_child

PARTS = ("texts",)
ROWS_PER_BLOCK = 50_000
# the mean of the generated reviews, which have more of them if there are more columns, is cut to
# this, so that the sizes differ in one way only
NONZEROS_PER_ROW = 140
N_PRODUCT_BATCHES = 40
MADE_WORK = "one epoch of a fit, 16-16-1, batches of 512; each size in its own process"


def groups(options):
    """Return the groups: more rows and more columns of generated reviews, and n-grams."""
    rows, columns = (25_000, 100_000, 400_000, 1_000_000), (1_000_000, 100_000, 10_000)
    if options.quick:
        rows, columns = (1_000, 4_000), (40_000, 10_000)
    ngrams = {"n_units": 32, "batch_size": 64}
    bounds = {columns[-1]: 2.5}
    return [
        Group(
            "scale rows",
            MADE_WORK,
            tuple(_describe_made(n_rows, columns[-1]) for n_rows in rows),
            columns=("nonzeros", "us_per_row"),
            with_ratios=False,
            notes=_notes_on_rows,
        ),
        Group(
            "scale columns",
            MADE_WORK,
            tuple(_describe_made(rows[0], n, bounds.get(n)) for n in columns),
            columns=("nonzeros", "us_per_row"),
        ),
        Group(
            "scale n-grams",
            f"one epoch on the 1- to 3-grams of the training reviews, {ngrams['n_units']} units, "
            f"batches of {ngrams['batch_size']}, compared with its sparse products in SciPy "
            f"alone (the time of {N_PRODUCT_BATCHES} batches, scaled up)",
            (
                Contender("skimdb", time_ngrams_skimdb, ngrams),
                Contender("SciPy's products", time_ngrams_products, ngrams, at_most=0.25),
            ),
            columns=("columns", "nonzeros"),
        ),
    ]


def time_made(context, n_rows, n_columns):
    """Job: the time of an epoch on generated reviews."""
    X, y = _load_or_make(
        context,
        f"made_{n_rows}_{n_columns}.npz",
        make_rows,
        n_rows=n_rows,
        n_columns=n_columns,
    )
    return _time_skimdb(context, X, y, (16, 16), 512)


def time_ngrams_skimdb(context, n_units, batch_size):
    """Job: skimdb's time for an epoch on n-grams."""
    X, y = _load_or_make(context, "ngrams.npz", make_ngrams)
    return _time_skimdb(context, X, y, (n_units,), batch_size)


def time_ngrams_products(context, n_units, batch_size):
    """Job: SciPy's time for the products of an epoch on n-grams."""
    X, _ = _load_or_make(context, "ngrams.npz", make_ngrams)
    time_epoch = make_product_epoch(X, n_units, batch_size, context.seed, N_PRODUCT_BATCHES)
    return Work(time_epoch, lambda seconds: {"seconds": seconds, **_sizes(X)})


def make_rows(context, path, n_rows, n_columns):
    """Job: generate reviews in blocks and write their matrix."""

    def run():
        import numpy as np
        import scipy.sparse as sp

        from skimdb import MultiHotVectorizer
        from skimdb.datasets import make_reviews

        vectorizer = MultiHotVectorizer(num_words=n_columns)
        blocks, labels = [], []
        for start in range(0, n_rows, ROWS_PER_BLOCK):
            n_block = min(ROWS_PER_BLOCK, n_rows - start)
            sequences, y = make_reviews(n_block, n_words=n_columns, random_state=start)
            X = vectorizer.transform(sequences)
            order = np.random.default_rng(start).permutation(X.nnz)
            X.data[order[NONZEROS_PER_ROW * n_block :]] = 0
            X.eliminate_zeros()
            blocks.append(X)
            labels.append(y)
        save_csr(path, sp.vstack(blocks, format="csr"), np.concatenate(labels))

    return Work(run)


def make_ngrams(context, path):
    """Job: write the 1- to 3-grams of the training reviews that occur in two or more of them.

    The tokens are words in small letters, "!" and "?"; line breaks in HTML are none.
    """

    def run():
        import numpy as np
        from sklearn.feature_extraction.text import CountVectorizer

        texts, y = load_texts(context)
        texts = [text.replace("<br />", " ") for text in texts]
        vectorizer = CountVectorizer(
            ngram_range=(1, 3), min_df=2, binary=True, token_pattern=r"\w+|[!?]"
        )
        save_csr(path, vectorizer.fit_transform(texts), np.array(y))

    return Work(run)


def _describe_made(n_rows, n_columns, at_most=None):
    parameters = {"n_rows": n_rows, "n_columns": n_columns}
    return Contender(f"{n_rows:,} by {n_columns:,}", time_made, parameters, at_most=at_most)


def _load_or_make(context, name, make, **parameters):
    """Return the rows and labels of a file, written by the job ``make`` if it is missing."""
    path = context.folder / name
    if not path.exists():
        # in another process, whose memory is not measured
        job = describe_job(make, path=str(path), **parameters)
        run_child([job], folder=context.folder)
    return load_csr(path)


def _time_skimdb(context, X, y, units, batch_size):
    """Return the work of a fit; its time is that of an epoch, the median of three."""
    classifier = skimdb_classifier(units, 4, batch_size, context.seed)

    def figures(seconds):
        epoch = median(seconds)
        return {"seconds": epoch, "us_per_row": epoch / X.shape[0] * 1e6, **_sizes(X)}

    return Work(lambda: time_skimdb_epochs(classifier, X, y), figures)


def _sizes(X):
    return {"rows": X.shape[0], "columns": X.shape[1], "nonzeros": X.nnz}


def _notes_on_rows(rows):
    first, last = rows[0], rows[-1]
    per_row = [median(row["figures"]["us_per_row"]) for row in (first, last)]
    slopes = ", ".join(
        f"{(b['median_peak_mb'] - a['median_peak_mb']) / (_nonzeros(b) - _nonzeros(a)) * 1e6:.3g}"
        for a, b in pairwise(rows)
    )
    return [
        f"Time per row and epoch, {last['name']} compared with {first['name']}: "
        f"{per_row[1] / per_row[0]:.2f} times (1 is linear).",
        f"Memory per additional million non-zeros, from size to size: {slopes} MB.",
    ]


def _nonzeros(row):
    return row["figures"]["nonzeros"][0]
