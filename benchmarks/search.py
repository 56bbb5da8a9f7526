"""Run a grid search of 36 fits, imports included: with peers, memory and two processes."""

from dataclasses import replace
from tempfile import mkdtemp

from benchmarks._contenders import mlp_classifier, scikeras_classifier
from benchmarks._data import load_rows
from benchmarks._measure import Contender, Group, Work, describe_job, run_child

PARTS = ("csr",)


def groups(options):
    """Return the groups: plain, with memory, a second time, and in two processes."""
    grid = {"units": [(16, 16), (64, 16)], "batch_size": [256, 512], "epochs": [2, 4, 6]}
    if options.quick:
        grid = {"units": [(16, 16)], "batch_size": [512], "epochs": [1, 2]}
    parameters = {"grid": grid}
    n_fits = 3
    for values in grid.values():
        n_fits *= len(values)
    plain = Contender("skimdb", search_skimdb, parameters)
    with_memory = Contender("skimdb, memory", search_with_memory, parameters)

    def group(title, work, *contenders):
        columns = ("best_score", "best", "scores_crc")
        return Group(title, f"{work}; imports included", contenders, columns=columns)

    return [
        group(
            "search",
            f"GridSearchCV, {n_fits} fits in one process, the same folds for all, no refit",
            plain,
            Contender("MLPClassifier", search_mlp, parameters, at_most=0.4),
            Contender("SciKeras, CSR", search_scikeras, parameters, at_most=0.07),
        ),
        group(
            "search with memory",
            "the same search; with memory, skimdb trains each epoch once",
            with_memory,
            plain,
            Contender("MLPClassifier", search_mlp, parameters, at_most=0.22),
        ),
        group(
            "search again",
            "the same search after another process has run it with the same memory",
            Contender("skimdb, memory filled", search_with_memory, {**parameters, "filled": True}),
            replace(with_memory, name="skimdb, memory empty"),
        ),
        group(
            "search, two processes",
            "the same search without memory, from the start of the processes",
            Contender("skimdb, n_jobs=2", search_skimdb, {**parameters, "n_jobs": 2}),
            replace(plain, name="skimdb, n_jobs=1", at_most=0.65),
        ),
    ]


def search_skimdb(context, grid, memory=None, n_jobs=1):
    """Job: the search with skimdb."""

    def make_classifier():
        from skimdb import DenseClassifier

        return DenseClassifier(random_state=context.seed, memory=memory)

    return _time_search(context, make_classifier, grid, "units", "batch_size", "epochs", n_jobs)


def search_with_memory(context, grid, filled=False):
    """Job: the search with skimdb and a memory folder, empty or filled by another process."""
    folder = mkdtemp(dir=context.folder)
    if filled:
        job = describe_job(search_skimdb, grid=grid, memory=folder)
        run_child([job], folder=context.folder, seed=context.seed)
    return search_skimdb(context, grid, folder)


def search_mlp(context, grid):
    """Job: the search with MLPClassifier."""

    def make_classifier():
        return mlp_classifier((16, 16), 4, 512, context.seed)

    names = "hidden_layer_sizes", "batch_size", "max_iter"
    return _time_search(context, make_classifier, grid, *names)


def search_scikeras(context, grid):
    """Job: the search with SciKeras."""

    def make_classifier():
        return scikeras_classifier((16, 16), 4, 512, context.seed)

    return _time_search(context, make_classifier, grid, "model__units", "batch_size", "epochs")


def _time_search(context, make_classifier, grid, units, batch_size, epochs, n_jobs=1):
    """Return the work of a search, from the imports on."""

    def run():
        from sklearn.model_selection import GridSearchCV, StratifiedKFold

        X, y, *_ = load_rows(context)
        search = GridSearchCV(
            make_classifier(),
            {
                units: [tuple(widths) for widths in grid["units"]],
                batch_size: grid["batch_size"],
                epochs: grid["epochs"],
            },
            # explicit, because scikit-learn doesn't stratify folds for SciKeras's classifier
            cv=StratifiedKFold(3, shuffle=True, random_state=0),
            # contenders may find different best candidates, whose refits are not comparable
            refit=False,
            error_score="raise",
            n_jobs=n_jobs,
        )
        return search.fit(X, y)

    return Work(run, _figures)


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
