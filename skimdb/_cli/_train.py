"""``skimdb train``: train a model on labelled reviews, test it and save it."""

from pathlib import Path
from time import perf_counter
from typing import Annotated

import typer

from skimdb._cli._options import LARGEST_SEED, LabelColumn, TextColumn, parsed_units
from skimdb._cli._terminal import (
    console,
    epoch_progress,
    installed_version,
    load_tensorflow,
    note,
)

DISTRIBUTIONS = ("skimdb", "numpy", "scipy", "scikit-learn", "scikeras", "keras", "tensorflow")


def train(
    data: Annotated[
        str,
        typer.Option(
            metavar="sample|imdb|PATH",
            help="What to learn from: the sample in the package, the IMDB reviews, or a file of "
            "your own, CSV (.csv) or JSON Lines (.jsonl, .ndjson, .json), in UTF-8.",
        ),
    ] = "sample",
    text_column: TextColumn = "text",
    label_column: LabelColumn = "label",
    num_words: Annotated[
        int, typer.Option(min=1, metavar="N", help="How many of the most frequent words to know.")
    ] = 10_000,
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
    seed: Annotated[
        int,
        typer.Option(
            min=0,
            max=LARGEST_SEED,
            metavar="N",
            help="Decides the split and the weights: the same seed gives the same model.",
        ),
    ] = 0,
    out: Annotated[Path, typer.Option(metavar="DIR", help="Folder to write to.")] = Path(
        "skimdb-model"
    ),
):
    """Train a model on labelled reviews, test it, and save it.

    Shows loss (log loss) and accuracy on the rows it trained on, on those
    set aside by --validation, and on test rows that it never saw: the
    published 25,000 of the IMDB data, 100 of the sample's 400, one in five
    of a file of your own. Writes into DIR the model (model.joblib), the
    curves (history.json, curves.png) and the figures (metrics.json).

    \b
    Examples:
      skimdb train
      skimdb train --data imdb --validation 10000 --epochs 20
      skimdb train --data reviews.csv --label-column stars --out my-model
    """
    from skimdb import multi_hot_pipeline
    from skimdb._cli._data import Source
    from skimdb._cli._files import check_output_folder
    from skimdb._cli._training import default_schedule

    widths = parsed_units(units)
    check_output_folder(out)
    started = perf_counter()
    source = Source(data, text_column, label_column)
    split = source.split(num_words=num_words, n_validation=validation, seed=seed)
    default_epochs, default_batch_size = default_schedule(len(split.parts["training"].y))
    parameters = {
        "num_words": num_words,
        "units": widths,
        "epochs": epochs or default_epochs,
        "batch_size": batch_size or default_batch_size,
        "random_state": seed,
    }
    pipeline = multi_hot_pipeline(text=True, **parameters)
    matrices = _encoded(pipeline, split)
    loaded = perf_counter()

    load_tensorflow()
    seconds = {"load": loaded - started, "train": _fit(pipeline, split, matrices)}
    classifier = pipeline["classifier"]
    figures = _figures(classifier, split, matrices)
    seconds["total"] = perf_counter() - started
    metrics = {
        "data": {
            "source": data,
            "text_column": text_column,
            "label_column": label_column,
            "validation": validation,
            "seed": seed,
        },
        "labels": classifier.classes_.tolist(),
        "parameters": parameters,
        "figures": figures,
        "seconds": {name: round(value, 3) for name, value in seconds.items()},
        "versions": {name: installed_version(name) for name in DISTRIBUTIONS},
    }
    _write(out, pipeline, metrics)
    console().print(_table(figures))


def _encoded(pipeline, split):
    """Fit the steps before the classifier; return the matrix of each part."""
    encoder, vectorizer = pipeline["encoder"], pipeline["vectorizer"]
    sequences = {name: rows.X for name, rows in split.parts.items()}
    if split.vocabulary is None:
        encoder.fit(sequences["training"])
        sequences = {name: encoder.transform(texts) for name, texts in sequences.items()}
    else:
        encoder.set_params(vocabulary=split.vocabulary).fit()
    vectorizer.fit(sequences["training"])
    return {name: vectorizer.transform(ids) for name, ids in sequences.items()}


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


def _figures(classifier, split, matrices):
    from skimdb._cli._training import score

    classes = classifier.classes_.tolist()
    return {
        name: score(split.parts[name].y, classifier.predict_proba(X), classes)
        for name, X in matrices.items()
    }


def _write(folder, pipeline, metrics):
    from skimdb._cli._files import (
        METRICS_FILE,
        MODEL_FILE,
        curves_bytes,
        json_bytes,
        model_bytes,
        write_files,
    )

    history = pipeline["classifier"].history_
    contents = {
        MODEL_FILE: model_bytes(pipeline),
        "history.json": json_bytes(history),
        "curves.png": curves_bytes(history),
        METRICS_FILE: json_bytes(metrics),
    }
    write_files(folder, contents)
    note(f"Wrote {', '.join(contents)} to {folder}.")


def _table(figures):
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD)
    table.add_column("Reviews")
    for name in ("Rows", "Loss", "Accuracy"):
        table.add_column(name, justify="right")
    for name, part in figures.items():
        table.add_row(
            name.capitalize(),
            f"{part['rows']:,}",
            f"{part['loss']:.4f}",
            f"{part['accuracy']:.4f}",
        )
    return table
