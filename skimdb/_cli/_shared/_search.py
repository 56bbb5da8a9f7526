"""The search of ``skimdb tune``: candidates, progress and results."""

import csv
import os
from contextlib import contextmanager, suppress
from functools import partial
from itertools import chain
from math import ceil, floor, log
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Event, Thread

import numpy as np
from joblib import parallel_config
from rich import box
from rich.table import Table
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.model_selection import GridSearchCV, HalvingGridSearchCV

from skimdb import SearchResultsDisplay
from skimdb._cli._shared._options import ARTICLE, BALANCED
from skimdb._cli._shared._output_folder import png_figure
from skimdb._cli._shared._search_folder import format_option, format_value
from skimdb._cli._shared._terminal import (
    POLL_SECONDS,
    count_progress,
    is_terminal,
    prepare_worker,
    printable,
)
from skimdb._utils._files import TEMPORARY_PREFIX

CLASSIFIER = "classifier__"
EPOCHS = CLASSIFIER + "epochs"
# the default of scikit-learn: a third of the candidates get three times the epochs
FACTOR = 3
RESULTS_FILE = "results.csv"
MAX_TABLE_ROWS = 20


def run_search(search_data, request, *, folder, jobs, dask):
    """Search for the best candidate, and return the fitted search.

    Parameters
    ----------
    search_data : SearchData
        What to search with.
    request : dict
        With "units", "batch_size", "epochs", "cv" and "halving".
    folder : pathlib.Path
        For temporary files that all processes can see.
    jobs : int
        Number of processes.
    dask : distributed.Client or None
        The cluster to use instead.
    """
    estimator, X, y, folds = search_data
    data = [X, y, *chain.from_iterable(folds)]
    with _workers(jobs, dask, data), _fit_progress(count_fits(request), folder) as scoring:
        options = {
            "cv": folds,
            "n_jobs": None if dask else jobs,
            "scoring": scoring,
            "error_score": "raise",
        }
        return make_search(estimator, request, options).fit(X, y)


def make_search(estimator, request, options):
    """Return scikit-learn's search for a request."""
    # its rows are not those that the best candidate is trained on at the end
    options = {"refit": False, **options}
    grid = {CLASSIFIER + name: request[name] for name in ("batch_size", "units")}
    if not request["halving"]:
        # ascending, so that each candidate continues from the epochs of the one before
        return GridSearchCV(estimator, {**grid, EPOCHS: request["epochs"]}, **options)
    rounds = halving_rounds(request)
    return HalvingGridSearchCV(
        estimator,
        grid,
        resource=EPOCHS,
        factor=FACTOR,
        min_resources=rounds[0][1],
        max_resources=request["epochs"][-1],
        **options,
    )


def halving_rounds(request):
    """Return the number of candidates and of epochs in each round of a halving search.

    There are as many rounds as fit between the smallest and the largest number of epochs, and no
    more than it takes to reduce the candidates to one. The last round is as close to the largest
    number of epochs as possible.
    """
    smallest, largest = request["epochs"][0], request["epochs"][-1]
    n_candidates = len(request["units"]) * len(request["batch_size"])
    n_rounds = 1 + min(floor(log(n_candidates, FACTOR)), floor(log(largest // smallest, FACTOR)))
    first = largest // FACTOR ** (n_rounds - 1)
    rounds = []
    for i in range(n_rounds):
        rounds.append((n_candidates, first * FACTOR**i))
        n_candidates = ceil(n_candidates / FACTOR)
    return rounds


def count_fits(request):
    """Return the number of fits of a search, without the last one on all training rows."""
    n_candidates = len(request["units"]) * len(request["batch_size"]) * len(request["epochs"])
    if request["halving"]:
        n_candidates = sum(n for n, _ in halving_rounds(request))
    return n_candidates * request["cv"]


class CountingScorer:
    """The default scorer of a search, which also appends a byte to a file for each fit.

    scikit-learn's ProgressBar shows one bar for a whole search or one for each fit; it draws on
    standard output, and needs all processes on one machine.
    """

    def __init__(self, path):
        self._path = path

    def __call__(self, estimator, X, y):
        score = estimator.score(X, y)
        # a machine that does not see the file is not counted
        with suppress(OSError), open(self._path, "ab") as file:
            file.write(b".")
        return score


@contextmanager
def _fit_progress(total, folder):
    """Show how many fits are done, if stderr is a terminal; yields the scorer that counts them."""
    if not is_terminal(stderr=True):
        yield None
        return
    with (
        TemporaryDirectory(prefix=TEMPORARY_PREFIX, dir=folder) as temporary,
        count_progress("Fits", total) as show,
    ):
        file, is_done = Path(temporary, "fits").absolute(), Event()
        file.touch()

        def poll():
            while not is_done.wait(POLL_SECONDS):
                show(os.path.getsize(file))

        poller = Thread(target=poll, daemon=True)
        poller.start()
        try:
            yield CountingScorer(file)
        finally:
            is_done.set()
            poller.join()
            show(os.path.getsize(file))


@contextmanager
def _workers(jobs, dask, data):
    if dask is not None:
        # on every worker, so that the data survives the end of any of them
        with _keep_copies(dask), parallel_config(backend="dask", client=dask, scatter=data):
            yield
    elif jobs != 1:
        prepare = partial(prepare_worker, os.getpid())
        with parallel_config(backend="loky", initializer=prepare):
            yield
    else:
        yield


@contextmanager
def _keep_copies(dask):
    """Keep Dask from leaving only one copy of the data, as it does every two seconds."""
    was_running = dask.amm.running()
    dask.amm.stop()
    try:
        yield
    finally:
        if was_running:
            dask.amm.start()


def rank_candidates(results):
    """Return the indices of the candidates in ``cv_results_``, the best first."""
    # in a halving search, a candidate of a later round is better
    rounds = np.asarray(results.get("iter", np.zeros(len(results["params"]))))
    return np.lexsort((results["rank_test_score"], -rounds)).tolist()


def write_candidates(results, path):
    """Write ``cv_results_`` as a CSV file, the best candidate first."""
    columns = {name: values for name, values in results.items() if name != "params"}
    with open(path, "w", encoding="utf-8", newline="") as file:
        table = csv.writer(file)
        table.writerow(columns)
        for i in rank_candidates(results):
            table.writerow(format_value(values[i]) for values in columns.values())


def draw_search(search, path):
    """Draw the results of a search as a PNG file."""
    with png_figure(path, (8, 5)) as figure:
        SearchResultsDisplay.from_search(search, x=EPOCHS, ax=figure.subplots())


def candidates_table(results):
    """Return a table of the candidates, the best first."""
    order = rank_candidates(results)
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
    if len(order) > MAX_TABLE_ROWS:
        table.caption = f"and {len(order) - MAX_TABLE_ROWS:,} more in {RESULTS_FILE}"
    for name in ("Units", "Batch size", "Epochs", "Accuracy", "Fit time"):
        table.add_column(name, justify="right")
    for i in order[:MAX_TABLE_ROWS]:
        params = results["params"][i]
        table.add_row(
            *(
                format_value(params[CLASSIFIER + name])
                for name in ("units", "batch_size", "epochs")
            ),
            printable(f"{results['mean_test_score'][i]:.4f} ± {results['std_test_score'][i]:.4f}"),
            f"{results['mean_fit_time'][i]:.2f} s",
        )
    return table


def best_options(search, request):
    """Return the best candidate as options of ``skimdb train``."""
    best = search.best_params_
    options = {name: best[CLASSIFIER + name] for name in ("units", "batch_size", "epochs")}
    if request["class_weight"] == BALANCED:
        options = {"class_weight": BALANCED, **options}
    if request["model"] == ARTICLE:
        options = {"model": ARTICLE, **options}
    return " ".join(format_option(name, value) for name, value in options.items())
