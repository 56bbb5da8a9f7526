"""What a search has found: as a table, as a file and as a picture."""

import csv
import io

import numpy as np

from skimdb._cli._files import drawn_figure
from skimdb._cli._search import CLASSIFIER, EPOCHS
from skimdb._cli._search_request import as_option, as_text

PARAMS, PARAM = "params", f"param_{CLASSIFIER}"
RESULTS_FILE = "results.csv"
MOST_SHOWN = 20


def best_first(results):
    """Return the indices of the candidates in ``cv_results_`` from the best to the worst."""
    # in a halving search, what has come further is better
    rounds = np.asarray(results.get("iter", np.zeros(len(results[PARAMS]))))
    return np.lexsort((results["rank_test_score"], -rounds)).tolist()


def results_csv(results):
    """Return ``cv_results_`` as a CSV file, the best candidate first."""
    columns = {name: values for name, values in results.items() if name != PARAMS}
    text = io.StringIO(newline="")
    table = csv.writer(text)
    table.writerow(columns)
    for i in best_first(results):
        table.writerow(as_text(values[i]) for values in columns.values())
    return text.getvalue().encode()


def search_png(search):
    """Return the picture of a search."""
    from skimdb import SearchResultsDisplay

    with drawn_figure((8, 5)) as (figure, png):
        SearchResultsDisplay.from_search(search, x=EPOCHS, ax=figure.subplots())
    return png.getvalue()


def candidates_table(results):
    """Return a table of the candidates, the best first."""
    from rich import box
    from rich.table import Table

    order = best_first(results)
    table = Table(box=box.SIMPLE_HEAD)
    if len(order) > MOST_SHOWN:
        table.caption = f"and {len(order) - MOST_SHOWN:,} more in {RESULTS_FILE}"
    for name in ("Units", "Batch size", "Epochs", "Accuracy", "Fit time"):
        table.add_column(name, justify="right")
    for i in order[:MOST_SHOWN]:
        table.add_row(
            *(as_text(results[PARAM + name][i]) for name in ("units", "batch_size", "epochs")),
            f"{results['mean_test_score'][i]:.4f} ± {results['std_test_score'][i]:.4f}",
            f"{results['mean_fit_time'][i]:.2f} s",
        )
    return table


def best_options(search):
    """Return the best candidate as options of ``skimdb train``."""
    best = search.best_params_
    names = ("units", "batch_size", "epochs")
    return " ".join(as_option(name, best[CLASSIFIER + name]) for name in names)
