"""``skimdb train``: train a model on labelled reviews, test it and save it."""

from pathlib import Path
from time import perf_counter
from typing import Annotated

import typer

from skimdb._cli._options import (
    Data,
    LabelColumn,
    NumWords,
    Seed,
    TextColumn,
    parsed_units,
)
from skimdb._cli._terminal import console, epoch_progress, load_tensorflow, note


def train(
    data: Data = "sample",
    text_column: TextColumn = "text",
    label_column: LabelColumn = "label",
    num_words: NumWords = 10_000,
    units: Annotated[
        str, typer.Option(metavar="N,N,…", help="Width of each hidden layer.")
    ] = "16,16",
    epochs: Annotated[
        int | None,
        typer.Option(
            min=1,
            metavar="N",
            show_default="as many as make about 200 steps, at least 2",
            help="Passes over the training rows.",
        ),
    ] = None,
    batch_size: Annotated[
        int | None,
        typer.Option(
            min=1,
            metavar="N",
            show_default="about a fiftieth of the training rows, 8 to 512",
            help="Rows for each step of the optimizer.",
        ),
    ] = None,
    validation: Annotated[
        int,
        typer.Option(
            min=0, metavar="N", help="Training rows to set aside for the validation curves."
        ),
    ] = 0,
    stream: Annotated[
        bool,
        typer.Option(
            "--stream",
            help="Train on a file of your own that need not fit into memory: it is read in "
            "blocks, once to learn the words and once to encode its rows.",
        ),
    ] = False,
    block_rows: Annotated[
        int | None,
        typer.Option(
            min=1,
            metavar="N",
            show_default="10,000",
            help="With --stream: rows to hold in memory at a time.",
        ),
    ] = None,
    seed: Seed = 0,
    out: Annotated[Path, typer.Option(metavar="DIR", help="Folder to write to.")] = Path(
        "skimdb-model"
    ),
) -> None:
    """Train a model on labelled reviews, test it, and save it.

    Shows loss (log loss) and accuracy on the rows it trained on, on those
    set aside by --validation, and on test rows that it never saw: the
    published 25,000 of the IMDB data, 100 of the sample's 400, one in five
    of a file of your own. Writes into DIR the model (model.skimdb, which
    skimdb.load_model opens), the curves (history.json, curves.png) and the
    figures (metrics.json).

    With --stream about one in five rows are test rows, chosen by row number.
    Encoded, the rows wait in a temporary file in or beside DIR, about a
    fifth as large as PATH, from which each epoch takes them in another
    order. Ranks are kept of the 100,000 most frequent words.

    \b
    Examples:
      skimdb train
      skimdb train --data imdb --validation 10000 --epochs 20
      skimdb train --data reviews.csv --label-column stars --out my-model
      skimdb train --data many_reviews.jsonl --stream
    """
    from skimdb._cli._data import Source
    from skimdb._cli._files import check_output_folder
    from skimdb._cli._outcome import figures_table, metrics_of, write_outcome

    parameters = {
        "num_words": num_words,
        "units": parsed_units(units),
        "epochs": epochs,
        "batch_size": batch_size,
        "random_state": seed,
    }
    existing_folder = check_output_folder(out)
    source = Source(data, text_column, label_column)
    started = perf_counter()
    if stream:
        from skimdb._cli._train_stream import train_stream

        _check_stream(data, validation)
        trained = train_stream(source, parameters, block_rows, existing_folder)
    elif block_rows is not None:
        raise typer.BadParameter("goes with --stream only.", param_hint="'--block-rows'")
    else:
        trained = _train_in_memory(source, parameters, validation)
    metrics = metrics_of(
        trained.pipeline,
        data={
            "source": data,
            "text_column": text_column,
            "label_column": label_column,
            "validation": validation,
            "stream": stream,
            "seed": seed,
        },
        figures=trained.figures,
        seconds={**trained.seconds, "total": perf_counter() - started},
    )
    write_outcome(out, trained.pipeline, trained.history, metrics)
    console().print(figures_table(trained.figures))


def _check_stream(data, validation):
    if data in ("sample", "imdb"):
        raise typer.BadParameter(
            f"needs a file of your own in --data, got {data}.", param_hint="'--stream'"
        )
    if validation:
        raise typer.BadParameter("does not go with --stream.", param_hint="'--validation'")


def _train_in_memory(source, parameters, n_validation):
    from skimdb import multi_hot_pipeline
    from skimdb._cli._training import Trained, encoded, part_figures, with_default_schedule

    started = perf_counter()
    split = source.split(
        num_words=parameters["num_words"],
        n_validation=n_validation,
        seed=parameters["random_state"],
    )
    n_rows = len(split.parts["training"].y)
    pipeline = multi_hot_pipeline(text=True, **with_default_schedule(parameters, n_rows))
    matrices = encoded(pipeline, split)
    loaded = perf_counter()

    load_tensorflow()
    seconds = {"load": loaded - started, "train": _fit(pipeline, split, matrices)}
    classifier = pipeline["classifier"]
    figures = part_figures(classifier, split, matrices)
    return Trained(pipeline, classifier.history_, figures, seconds)


def _fit(pipeline, split, matrices):
    """Fit the classifier under a progress bar; return the seconds it took."""
    from skimdb._cli._training import fit_watched

    classifier = pipeline["classifier"]
    validation = {}
    if "validation" in matrices:
        validation = {"X_val": matrices["validation"], "y_val": split.parts["validation"].y}
    note(
        f"Training on {matrices['training'].shape[0]:,} reviews, in batches of "
        f"{classifier.batch_size}."
    )
    started = perf_counter()
    with epoch_progress("Epochs", classifier.epochs) as advance:
        y = split.parts["training"].y
        fit_watched(classifier, matrices["training"], y, advance, **validation)
    return perf_counter() - started
