"""Run a hundred fits in one process, and check that time and memory don't grow."""

import os
from functools import partial
from pathlib import Path
from statistics import median

from benchmarks._contenders import scikeras_classifier, skimdb_classifier
from benchmarks._data import load_rows
from benchmarks._measure import Contender, Group, Work

PARTS = ("csr",)
EARLY = slice(2, 7)
LATE = slice(-5, None)


def groups(options):
    """Return the only group."""
    parameters = {"n_fits": 12 if options.quick else 100, "epochs": 2}
    contenders = [Contender("skimdb", fit_skimdb, parameters)]
    if options.others:
        with_keras = {**parameters, "backend": "keras"}
        contenders += [
            Contender("skimdb, Keras backend", fit_skimdb, with_keras),
            Contender("SciKeras, CSR", fit_scikeras, parameters),
        ]
    return [
        Group(
            "leak",
            f"{parameters['n_fits']} fits of {parameters['epochs']} epochs in one process; "
            f"the time is that of all fits",
            tuple(contenders),
            columns=("slower", "growth_mb", "threads_grown"),
            notes=_notes,
        )
    ]


def fit_skimdb(context, n_fits, epochs, backend="auto"):
    """Job: skimdb, a new estimator for each fit."""
    return _time_fits(context, partial(skimdb_classifier, backend=backend), n_fits, epochs)


def fit_scikeras(context, n_fits, epochs):
    """Job: SciKeras, a new estimator for each fit."""
    return _time_fits(context, scikeras_classifier, n_fits, epochs)


def _time_fits(context, make_classifier, n_fits, epochs):
    from time import perf_counter

    X, y, *_ = load_rows(context)
    make_classifier((16, 16), epochs, 512, 0)

    def run():
        records = []
        for seed in range(n_fits):
            started = perf_counter()
            make_classifier((16, 16), epochs, 512, seed).fit(X, y)
            records.append((perf_counter() - started, *_read_memory_and_threads()))
        return records

    return Work(run, _summarize_fits)


def _summarize_fits(records):
    """Return the times of the fits, and the growth from the third fit to the last."""
    seconds, memory_mb, threads = map(list, zip(*records, strict=True))
    return {
        "fit_seconds": seconds,
        "memory_mb": memory_mb,
        "threads": threads,
        "third_seconds": seconds[2],
        "last_seconds": seconds[-1],
        "early_seconds": median(seconds[EARLY]),
        "late_seconds": median(seconds[LATE]),
        "slower": median(seconds[LATE]) / median(seconds[EARLY]),
        "growth_mb": memory_mb[-1] - memory_mb[2],
        "threads_grown": threads[-1] - threads[2],
    }


def _read_memory_and_threads():
    """Return the resident memory of this process, in 10^6 bytes, and its number of threads."""
    folder = Path("/proc/self")
    if not folder.exists():
        raise OSError("leak needs /proc to read memory and threads, but this system has none.")
    resident_pages = int((folder / "statm").read_text().split()[1])
    return resident_pages * os.sysconf("SC_PAGE_SIZE") / 1e6, len(list(folder.glob("task/*")))


def _notes(rows):
    notes = []
    for row in rows:
        middle = {
            name: median(values)
            for name, values in row["figures"].items()
            if not isinstance(values[0], list)
        }
        third, last = middle["third_seconds"], middle["last_seconds"]
        notes += [
            f"{row['name']}: fit no. 3 {third:.3f} s, the last {last:.3f} s, {last / third:.2f} "
            f"times; medians of nos. 3 to 7 {middle['early_seconds']:.3f} s and of the last five "
            f"{middle['late_seconds']:.3f} s, {middle['slower']:.2f} times (at most 1.1).",
            f"From no. 3 to the last, memory grew by {middle['growth_mb']:.1f} MB (at most 40) "
            f"and threads by {middle['threads_grown']:.0f}.",
        ]
    return notes
