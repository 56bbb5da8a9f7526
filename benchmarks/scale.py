"""How an epoch's time and the peak memory grow with the rows and with the vocabulary."""

from itertools import pairwise
from statistics import median

from benchmarks._contenders import epoch_clock, skimdb_classifier
from benchmarks._data import load_csr, save_csr
from benchmarks._measure import Contender, Group, Work, call, run_child

PARTS = ()
BATCH_SIZE = 512
ROWS_PER_BLOCK = 50_000


def groups(options):
    """Return the growth of the rows and the growth of the columns, on made reviews."""
    rows, columns = (25_000, 100_000, 400_000, 1_000_000), (10_000, 100_000, 1_000_000)
    if options.quick:
        rows, columns = (1_000, 4_000), (10_000, 40_000)
    return [
        _group("scale rows", [(n_rows, columns[0]) for n_rows in rows], _notes_on_rows),
        _group("scale columns", [(rows[0], n) for n in columns], _notes_on_columns),
    ]


def epochs_of(context, n_rows, n_columns):
    """Job: the time of an epoch once traced, the median of three."""
    path = context.folder / f"made_{n_rows}_{n_columns}.npz"
    if not path.exists():
        # in another process, whose memory is not counted
        before = call(make_rows, path=str(path), n_rows=n_rows, n_columns=n_columns)
        run_child([before], folder=context.folder)
    clock = epoch_clock()
    classifier = skimdb_classifier((16, 16), 1, BATCH_SIZE, context.seed, callbacks=[clock])
    X, y = load_csr(path)
    classifier.fit(X[:1000], y[:1000])
    classifier.set_params(epochs=3)
    clock.seconds.clear()
    return Work(
        lambda: classifier.fit(X, y),
        lambda _: {
            "seconds": median(clock.seconds),
            "fit_seconds": sum(clock.seconds),
            "rows": n_rows,
            "columns": n_columns,
            "nonzeros": X.nnz,
            "us_per_row": median(clock.seconds) / n_rows * 1e6,
        },
    )


def make_rows(context, path, n_rows, n_columns):
    """Job: make reviews in blocks and write their matrix."""

    def run():
        import numpy as np
        import scipy.sparse as sp

        from skimdb import MultiHotVectorizer
        from skimdb.datasets import make_reviews

        vectorizer = MultiHotVectorizer(num_words=n_columns)
        blocks, labels = [], []
        for start in range(0, n_rows, ROWS_PER_BLOCK):
            n_block = min(ROWS_PER_BLOCK, n_rows - start)
            X, y = make_reviews(n_block, n_words=n_columns, random_state=start)
            blocks.append(vectorizer.transform(X))
            labels.append(y)
        save_csr(path, sp.vstack(blocks, format="csr"), np.concatenate(labels))

    return Work(run)


def _group(title, sizes, notes):
    contenders = [
        Contender(
            f"{n_rows:,} by {n_columns:,}", epochs_of, {"n_rows": n_rows, "n_columns": n_columns}
        )
        for n_rows, n_columns in sizes
    ]
    return Group(
        title,
        f"seconds of an epoch once traced, 16-16-1, batches of {BATCH_SIZE}; each size in its "
        f"own process",
        tuple(contenders),
        columns=("nonzeros", "us_per_row"),
        compared=False,
        notes=notes,
    )


def _notes_on_rows(rows):
    first, last = rows[0], rows[-1]
    per_row = [median(row["figures"]["us_per_row"]) for row in (first, last)]
    slopes = _slopes(rows, "nonzeros", "median_peak_mb", 1e6)
    return [
        f"Time per row and epoch, {last['name']} against {first['name']}: "
        f"{per_row[1] / per_row[0]:.2f} times (linear is 1).",
        f"Memory for each further million of non-zeros, from size to size: {slopes} MB.",
    ]


def _notes_on_columns(rows):
    seconds = _slopes(rows, "columns", "median_seconds", 1e5)
    memory = _slopes(rows, "columns", "median_peak_mb", 1e5)
    return [
        "For each further 100,000 columns, from size to size (linear is: the same each time): "
        f"{seconds} s an epoch, {memory} MB.",
    ]


def _slopes(rows, size, measure, unit):
    """Return, in words, how much the measure grows for each unit of size, step by step."""
    points = [(row["figures"][size][0], row[measure]) for row in rows if "error" not in row]
    return ", ".join(f"{(b[1] - a[1]) / (b[0] - a[0]) * unit:.3g}" for a, b in pairwise(points))
