"""``skimdb reproduce``: the three trainings of an article on the IMDB data.

The article: Tom Keldenich, "Binary Classification NLP - Best simple and efficient model",
Inside Machine Learning.
"""

from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from statistics import fmean, stdev
from time import perf_counter
from typing import Annotated

import typer
from rich import box
from rich.table import Table

from skimdb._cli._shared._paths import check_folder
from skimdb._cli._shared._terminal import (
    NOTHING_WRITTEN,
    console,
    epoch_progress,
    explain_ctrl_c,
    print_note,
    print_paragraph,
    printable,
)

NUM_WORDS = 10_000
# the first training rows, in the order of keras.datasets.imdb
N_VALIDATION = 10_000


@dataclass(frozen=True)
class Training:
    """One of the article's trainings, with its loss and accuracy on the test reviews."""

    units: tuple[int, ...]
    epochs: int
    batch_size: int
    validated: bool
    loss: str
    article_loss: float | None
    article_accuracy: float

    @property
    def name(self):
        layers = "-".join(map(str, (*self.units, 1)))
        loss = "" if self.loss == "auto" else f", {self.loss}"
        return f"{layers}, {self.epochs} epochs{loss}"


TRAININGS = (
    Training((16, 16), 20, 512, True, "auto", 0.7295, 0.8502),
    Training((16, 16), 4, 512, False, "auto", 0.2914, 0.8845),
    Training((64, 16), 3, 256, False, "mse", None, 0.87),
)


def reproduce(
    seeds: Annotated[
        int, typer.Option(min=1, metavar="N", help="Runs of each training, with seeds from 0.")
    ] = 3,
    out: Annotated[Path, typer.Option(metavar="DIR", help="Folder to write to.")] = Path(
        "skimdb-reproduce"
    ),
) -> None:
    """Repeat an article's three trainings on the IMDB data, and compare the results.

    The article is "Binary Classification NLP - Best simple and efficient
    model" by Tom Keldenich (Inside Machine Learning). Shows its loss and
    accuracy on the 25,000 test reviews next to ours, which are means over
    the seeds with their standard deviation. The loss is the one the network
    was trained with: log loss, or for "mse" the mean squared error. The
    first training sets 10,000 training reviews aside and continues for too
    long, to show where it starts to overfit. Writes all results
    (results.json) and the curves of the first training (curves.png) to DIR.

    \b
    Examples:
      skimdb reproduce
      skimdb reproduce --seeds 10 --out results
    """
    check_folder(out)

    with explain_ctrl_c(NOTHING_WRITTEN):
        from skimdb._cli._shared._output_folder import draw_curves, write_files, write_json

        print_note("Loading the IMDB reviews.")
        train_rows, test_rows = _load()
        n_epochs = seeds * sum(training.epochs for training in TRAININGS)
        results = []
        with epoch_progress("", n_epochs) as advance:
            for training in TRAININGS:
                runs = [
                    _run(training, seed, train_rows, test_rows, advance) for seed in range(seeds)
                ]
                results.append({**asdict(training), "name": training.name, "runs": runs})
        mean_history = _mean_history([run["history"] for run in results[0]["runs"]])
        writers = {
            "results.json": partial(write_json, results),
            "curves.png": partial(draw_curves, mean_history),
        }
        write_files(out, writers)
    _print_results(results, mean_history)
    print_paragraph(f"\nWrote {' and '.join(writers)} to {out}.")


def _load():
    from skimdb import MultiHotVectorizer
    from skimdb.datasets import fetch_imdb

    vectorizer = MultiHotVectorizer(num_words=NUM_WORDS)
    rows = []
    for subset in ("train", "test"):
        X, y = fetch_imdb(subset=subset, num_words=NUM_WORDS, return_X_y=True)
        rows.append((vectorizer.transform(X), y))
    return rows


def _run(training, seed, train_rows, test_rows, advance):
    """Train once; return the scores and the history."""
    from skimdb import DenseClassifier
    from skimdb._cli._shared._models import fit_with_progress

    X, y = train_rows
    validation = {}
    if training.validated:
        validation = {"X_val": X[:N_VALIDATION], "y_val": y[:N_VALIDATION]}
        X, y = X[N_VALIDATION:], y[N_VALIDATION:]
    classifier = DenseClassifier(
        training.units,
        epochs=training.epochs,
        batch_size=training.batch_size,
        loss=training.loss,
        random_state=seed,
    )

    on_epoch = partial(advance, description=f"{training.name}, seed {seed}")
    started = perf_counter()
    fit_with_progress(classifier, X, y, on_epoch, **validation)
    return {
        "seed": seed,
        "seconds": round(perf_counter() - started, 3),
        **score_like_training(classifier, *test_rows),
        "history": classifier.history_,
    }


def score_like_training(classifier, X, y):
    """Return accuracy on rows, and the loss that the network was trained with."""
    import numpy as np

    if classifier.loss == "mse":
        losses = (classifier.predict_proba(X)[:, 1] - y) ** 2
    else:
        # from the log-odds, as Keras does: probabilities that round to 0 or 1 would have to be
        # clipped, which makes the loss of an overfitted network look smaller
        log_odds = classifier.decision_function(X).astype(float)
        losses = np.logaddexp(0, log_odds) - y * log_odds
    return {"loss": float(losses.mean()), "accuracy": classifier.score(X, y)}


def _mean_history(histories):
    return {
        name: [
            sum(values) / len(values)
            for values in zip(*(history[name] for history in histories), strict=True)
        ]
        for name in histories[0]
    }


def _print_results(results, mean_history):
    # fits into 80 columns, where the article's headings take two lines
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
    table.add_column("Training", no_wrap=True)
    table.add_column("Article loss", justify="right")
    table.add_column("Our loss", justify="right", no_wrap=True)
    table.add_column("Article accuracy", justify="right")
    table.add_column("Our accuracy", justify="right", no_wrap=True)
    for result in results:
        article_loss = result["article_loss"]
        table.add_row(
            result["name"],
            "-" if article_loss is None else f"{article_loss:.4f}",
            _format_mean([run["loss"] for run in result["runs"]]),
            f"{result['article_accuracy']:.4f}",
            _format_mean([run["accuracy"] for run in result["runs"]]),
        )
    terminal = console()
    terminal.print(table)
    terminal.print("\n" + _describe_overfitting(results[0]["runs"], mean_history))


def _format_mean(values):
    spread = f" ± {stdev(values):.4f}" if len(values) > 1 else ""
    return printable(f"{fmean(values):.4f}{spread}")


def _describe_overfitting(runs, mean_history):
    """Say at which epoch the validation loss was lowest, and what it was at the end."""
    losses, accuracies = mean_history["val_loss"], mean_history["val_accuracy"]
    best = losses.index(min(losses))
    best_by_seed = [
        str(run["history"]["val_loss"].index(min(run["history"]["val_loss"])) + 1) for run in runs
    ]
    return (
        f"The first training's validation loss is lowest at epoch {best + 1} "
        f"(by seed: {', '.join(best_by_seed)}): loss {losses[best]:.4f}, accuracy "
        f"{accuracies[best]:.4f}; at epoch {len(losses)}: loss {losses[-1]:.4f}, accuracy "
        f"{accuracies[-1]:.4f}."
    )
