"""A grid search of 36 fits: beside its peers, with memory, once more, and in two processes."""

from dataclasses import replace
from tempfile import mkdtemp

from benchmarks._contenders import load_training, mlp_classifier, scikeras_classifier
from benchmarks._data import load_rows
from benchmarks._measure import Contender, Group, Work, call, run_child

PARTS = ("csr",)


def groups(options):
    """Return the search beside the peers, with memory, a second time, and in two processes."""
    grid = {"units": [(16, 16), (64, 16)], "batch_size": [256, 512], "epochs": [2, 4, 6]}
    if options.quick:
        grid = {"units": [(16, 16)], "batch_size": [512], "epochs": [1, 2]}
    parameters = {"grid": grid}
    n_fits = 3
    for values in grid.values():
        n_fits *= len(values)
    plain = Contender("skimdb", search_skimdb, parameters)
    with_memory = Contender("skimdb, memory", search_skimdb, {**parameters, "memory": True})
    scikeras = Contender("SciKeras, CSR", search_scikeras, parameters, at_most=0.12)

    def group(title, work, *contenders):
        columns = ("best_score", "best", "scores_crc")
        return Group(title, work, contenders, columns=columns)

    return [
        group(
            "search",
            f"GridSearchCV, {n_fits} fits in one process, the same folds for all, no refit",
            plain,
            Contender("MLPClassifier", search_mlp, parameters, at_most=0.8),
            scikeras,
        ),
        group(
            "search with memory",
            "the same search; skimdb trains each epoch once",
            with_memory,
            plain,
            Contender("MLPClassifier", search_mlp, parameters, at_most=0.45),
            *([replace(scikeras, at_most=0.08)] if options.others else []),
        ),
        group(
            "search again",
            "the same search when another process has done it with the same memory",
            Contender("skimdb, memory filled", search_again, parameters),
            replace(with_memory, name="skimdb, memory empty", at_most=0.15),
        ),
        group(
            "search, two processes",
            "the same search without memory, TensorFlow loaded in all processes before",
            Contender("skimdb, n_jobs=2", search_in_processes, {**parameters, "n_jobs": 2}),
            Contender(
                "skimdb, n_jobs=1",
                search_in_processes,
                {**parameters, "n_jobs": 1},
                at_most=0.65,
            ),
        ),
        group(
            "search, two new processes",
            "the same; the processes' start and TensorFlow's import come within the time",
            Contender("skimdb, n_jobs=2", search_skimdb, {**parameters, "n_jobs": 2}),
            Contender("skimdb, n_jobs=1", search_skimdb, {**parameters, "n_jobs": 1}),
        ),
    ]


def search_skimdb(context, grid, memory=False, n_jobs=None):
    """Job: the search with skimdb; with memory, in a folder that is empty at the start.

    With a number of processes, TensorFlow is not imported before.
    """
    if n_jobs is None:
        load_training()
    folder = mkdtemp(dir=context.folder) if memory else None
    return _searching_skimdb(context, grid, folder, n_jobs)


def search_in_processes(context, grid, n_jobs):
    """Job: the search with skimdb in processes that have trained before."""
    _searching_skimdb(context, {**grid, "epochs": [1]}, None, n_jobs).run()
    return _searching_skimdb(context, grid, None, n_jobs)


def search_again(context, grid):
    """Job: the search with skimdb and a memory that a process before has filled."""
    load_training()
    folder = mkdtemp(dir=context.folder)
    filling = call(fill_memory, grid=grid, memory=folder)
    run_child([filling], folder=context.folder, seed=context.seed)
    return _searching_skimdb(context, grid, folder)


def fill_memory(context, grid, memory):
    """Job: the search with skimdb and a given memory."""
    return _searching_skimdb(context, grid, memory)


def search_mlp(context, grid):
    """Job: the search with MLPClassifier."""
    classifier = mlp_classifier((16, 16), 4, 512, context.seed)
    return _searching(context, classifier, grid, "hidden_layer_sizes", "batch_size", "max_iter")


def search_scikeras(context, grid):
    """Job: the search with SciKeras."""
    classifier = scikeras_classifier((16, 16), 4, 512, context.seed)
    return _searching(context, classifier, grid, "model__units", "batch_size", "epochs")


def _searching_skimdb(context, grid, memory, n_jobs=None):
    from skimdb import DenseClassifier

    classifier = DenseClassifier(random_state=context.seed, memory=memory)
    return _searching(context, classifier, grid, "units", "batch_size", "epochs", n_jobs=n_jobs)


def _searching(context, classifier, grid, units, batch_size, epochs, n_jobs=None):
    from sklearn.model_selection import GridSearchCV, StratifiedKFold

    X, y, *_ = load_rows(context)
    search = GridSearchCV(
        classifier,
        {
            units: [tuple(widths) for widths in grid["units"]],
            batch_size: grid["batch_size"],
            epochs: grid["epochs"],
        },
        # given, as scikit-learn does not take SciKeras's for a classifier and would not stratify
        cv=StratifiedKFold(3, shuffle=True, random_state=0),
        # the best candidate need not be the same for all, and then refitting is other work
        refit=False,
        error_score="raise",
        n_jobs=n_jobs,
    )
    return Work(lambda: search.fit(X, y), _figures)


def _figures(search):
    from zlib import crc32

    import numpy as np

    best = search.cv_results_["rank_test_score"].argmin()
    scores = np.array([search.cv_results_[f"split{fold}_test_score"] for fold in range(3)])
    params = search.cv_results_["params"][best]
    return {
        "scores_crc": f"{crc32(scores.tobytes()):08x}",
        "best_score": float(search.cv_results_["mean_test_score"][best]),
        "best": ", ".join(str(value) for value in params.values()),
    }
