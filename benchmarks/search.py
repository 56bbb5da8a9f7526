"""A grid search of 36 fits: skimdb beside MLPClassifier and SciKeras, all through GridSearchCV."""

from benchmarks._contenders import mlp_classifier, scikeras_classifier, skimdb_classifier
from benchmarks._data import load_rows
from benchmarks._measure import Contender, Group, Work

PARTS = ("csr",)


def groups(options):
    """Return the one search."""
    grid = {"units": [(16, 16), (64, 16)], "batch_size": [256, 512], "epochs": [2, 4, 6]}
    if options.quick:
        grid = {"units": [(16, 16)], "batch_size": [512], "epochs": [1, 2]}
    parameters = {"grid": grid}
    n_fits = 3
    for values in grid.values():
        n_fits *= len(values)
    return [
        Group(
            "search",
            f"GridSearchCV, {n_fits} fits in one process, the same folds for all, no refit",
            (
                Contender("skimdb", search_skimdb, parameters),
                Contender("MLPClassifier", search_mlp, parameters, at_most=0.8),
                Contender("SciKeras, CSR", search_scikeras, parameters, at_most=0.12),
            ),
            columns=("best_score", "best"),
        )
    ]


def search_skimdb(context, grid):
    """Job: the search with skimdb."""
    classifier = skimdb_classifier((16, 16), 4, 512, context.seed)
    return _searching(context, classifier, grid, "units", "batch_size", "epochs")


def search_mlp(context, grid):
    """Job: the search with MLPClassifier."""
    classifier = mlp_classifier((16, 16), 4, 512, context.seed)
    return _searching(context, classifier, grid, "hidden_layer_sizes", "batch_size", "max_iter")


def search_scikeras(context, grid):
    """Job: the search with SciKeras."""
    classifier = scikeras_classifier((16, 16), 4, 512, context.seed)
    return _searching(context, classifier, grid, "model__units", "batch_size", "epochs")


def _searching(context, classifier, grid, units, batch_size, epochs):
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
    )
    return Work(lambda: search.fit(X, y), _figures)


def _figures(search):
    best = search.cv_results_["rank_test_score"].argmin()
    params = search.cv_results_["params"][best]
    return {
        "best_score": float(search.cv_results_["mean_test_score"][best]),
        "best": ", ".join(str(value) for value in params.values()),
    }
