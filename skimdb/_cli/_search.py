"""A search over the classifier's parameters: its candidates, its folds, its progress."""

import os
from contextlib import contextmanager, suppress
from itertools import chain
from math import ceil, floor, log
from threading import Event, Thread

from joblib import parallel_config
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.model_selection import GridSearchCV, HalvingGridSearchCV, StratifiedKFold
from sklearn.pipeline import Pipeline

from skimdb._cli._data import TRAINING
from skimdb._cli._fold_vocabulary import FoldVocabulary, word_counts
from skimdb._cli._terminal import (
    SECONDS_PER_LOOK,
    count_progress,
    on_terminal,
    prepare_worker,
)
from skimdb._whole_files import unfinished_folder

CLASSIFIER = "classifier__"
EPOCHS = CLASSIFIER + "epochs"
# scikit-learn's own: a third goes on to three times the epochs
FACTOR = 3


def searched(pipeline, split, matrices):
    """Return the pipeline to search with, and the training rows in the form it takes.

    What ids stand for is either published, and then rows are encoded once for all folds and
    candidates, or learned from the texts. Learned from all of them, it would tell each fold
    about the rows it is tested on; so words are counted once, and each fold ranks them anew.
    """
    if split.vocabulary is not None:
        return pipeline[-1:], matrices[TRAINING]
    num_words = pipeline["vectorizer"].num_words
    counts = word_counts(split.parts[TRAINING].X, pipeline["encoder"].vocabulary_)
    return Pipeline([("vocabulary", FoldVocabulary(num_words)), pipeline.steps[-1]]), counts


def run_search(pipeline, X, y, request, *, folder, jobs, dask):
    """Search for the best candidate of a request, and return the fitted search.

    Parameters
    ----------
    pipeline : Pipeline
        Its last step is the classifier.
    X, y : array-like
        Training rows.
    request : dict
        Has "units", "batch_size", "epochs", "cv", "halving" and "seed".
    folder : pathlib.Path
        Where files may be written that all processes see.
    jobs : int
        Number of processes.
    dask : distributed.Client or None
        The cluster to use instead.
    """
    folds = StratifiedKFold(request["cv"], shuffle=True, random_state=request["seed"])
    # a list, so that the arrays of the folds can be sent to a cluster once
    folds = list(folds.split(X, y))
    data = [X, y, *chain.from_iterable(folds)]
    with _workers(jobs, dask, data), _shown_fits(n_fits(request), folder) as scoring:
        common = {
            "cv": folds,
            "n_jobs": None if dask else jobs,
            "scoring": scoring,
            "error_score": "raise",
        }
        return _searcher(pipeline, request, common).fit(X, y)


def _searcher(pipeline, request, common):
    grid = {CLASSIFIER + name: request[name] for name in ("batch_size", "units")}
    if not request["halving"]:
        # ascending, so that each candidate goes on from the epochs of the one before
        return GridSearchCV(pipeline, {**grid, EPOCHS: request["epochs"]}, **common)
    rounds = halving_rounds(request)
    return HalvingGridSearchCV(
        pipeline,
        grid,
        resource=EPOCHS,
        factor=FACTOR,
        min_resources=rounds[0][1],
        max_resources=request["epochs"][-1],
        **common,
    )


def halving_rounds(request):
    """Return the number of candidates and of epochs in each round of a halving search.

    There are as many rounds as there is room for between the smallest number of epochs and the
    largest, and as leave more than one candidate. The last round is to come as close as may be to
    the largest.
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


def n_fits(request):
    """Return the number of fits of a search, without the last one to all training rows."""
    n_candidates = len(request["units"]) * len(request["batch_size"]) * len(request["epochs"])
    if request["halving"]:
        n_candidates = sum(n for n, _ in halving_rounds(request))
    return n_candidates * request["cv"]


class CountedScore:
    """Score as a search does by default, and count: a byte for each fit in a file.

    scikit-learn's ProgressBar shows one bar for a whole search or one for each fit; it draws on
    standard output, and needs the processes on one machine.
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
def _shown_fits(total, folder):
    """Show how many fits are done, if stderr is a terminal; yields the scorer that counts them."""
    if not on_terminal():
        yield None
        return
    with (
        unfinished_folder(folder) as unfinished,
        count_progress("Fits", total) as show,
    ):
        file, ended = (unfinished / "fits").absolute(), Event()
        file.touch()

        def look():
            while not ended.wait(SECONDS_PER_LOOK):
                show(os.path.getsize(file))

        looker = Thread(target=look, daemon=True)
        looker.start()
        try:
            yield CountedScore(file)
        finally:
            ended.set()
            looker.join()
            show(os.path.getsize(file))


@contextmanager
def _workers(jobs, dask, data):
    if dask is not None:
        # on every worker, the data outlives any of them
        with parallel_config(backend="dask", client=dask, scatter=data):
            yield
    elif jobs != 1:
        with parallel_config(backend="loky", initializer=prepare_worker):
            yield
    else:
        yield


@contextmanager
def dask_client(address):
    """Yield a client of the Dask cluster at an address; None for None."""
    if address is None:
        yield None
        return
    try:
        from distributed import Client
    except ImportError:
        raise ImportError(
            "--dask needs the package distributed: pip install 'skimdb[dask]'."
        ) from None
    with Client(address) as client:
        yield client
