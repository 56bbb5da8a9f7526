"""``skimdb evaluate``: loss and accuracy of a saved model on labelled reviews."""

import json
from typing import Annotated

import typer

from skimdb._cli._options import LabelColumn, Model, TextColumn
from skimdb._cli._terminal import console, note


def evaluate(
    model: Model,
    data: Annotated[
        str | None,
        typer.Option(
            metavar="sample|imdb|PATH",
            show_default="what the model was trained on",
            help="What to test on: test rows of the sample, the IMDB test reviews, or all rows "
            "of a CSV or JSON Lines file of your own.",
        ),
    ] = None,
    text_column: TextColumn = "text",
    label_column: LabelColumn = "label",
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Print loss, accuracy and a table of confusions of a model on labelled reviews.

    Of the sample, a model that was trained on it (as metrics.json beside it
    says) is tested on the 100 rows that its training left out, any other
    model on all 400.

    \b
    Examples:
      skimdb evaluate skimdb-model
      skimdb evaluate skimdb-model --data imdb
      skimdb evaluate my-model --data more_reviews.jsonl --json
    """
    from sklearn.metrics import confusion_matrix

    from skimdb._cli._data import Source
    from skimdb._cli._files import load_metrics, load_model
    from skimdb._cli._training import label_numbers, score

    pipeline = load_model(model)
    trained_on = load_metrics(model).get("data", {})
    source = Source(data or _known_source(trained_on, model), text_column, label_column)
    rows, predictor = _test_rows(source, trained_on, pipeline)
    labels = [str(label) for label in pipeline.classes_]
    numbers = label_numbers(rows.y, labels)
    probabilities = predictor.predict_proba(rows.X)
    confusion = confusion_matrix(
        numbers, probabilities.argmax(axis=1), labels=range(len(labels))
    ).tolist()
    result = {"data": source.data, **score(rows.y, probabilities, labels)}
    if as_json:
        print(json.dumps({**result, "labels": labels, "confusion": confusion}))
        return
    terminal = console()
    terminal.print(
        f"{result['rows']:,} reviews: loss {result['loss']:.4f}, accuracy {result['accuracy']:.4f}"
    )
    terminal.print(_confusion_table(labels, confusion))


def _known_source(trained_on, model):
    source = trained_on.get("source")
    if source not in ("sample", "imdb"):
        raise typer.BadParameter(
            f"must be given: nothing beside {model} names the reviews to test it on.",
            param_hint="'--data'",
        )
    return source


def _test_rows(source, trained_on, pipeline):
    """Return the rows, and the part of the pipeline that takes them."""
    from skimdb._cli._data import IMDB, SAMPLE, sample, split_sample

    if source.data == IMDB:
        return _imdb_rows(pipeline)
    if source.data != SAMPLE:
        return source.read_file(), pipeline
    if trained_on.get("source") == SAMPLE and isinstance(trained_on.get("seed"), int):
        _, test = split_sample(trained_on["seed"])
        return test, pipeline
    return sample(), pipeline


def _imdb_rows(pipeline):
    """Return the IMDB test reviews as sequences if the model's ids are theirs, or else as text."""
    from skimdb import WordIndexEncoder
    from skimdb._cli._data import imdb_sequences, imdb_texts
    from skimdb.datasets import fetch_word_index

    note("Loading the IMDB reviews.")
    encoder = getattr(pipeline, "steps", [(None, None)])[0][1]
    if isinstance(encoder, WordIndexEncoder) and encoder.vocabulary_ == fetch_word_index():
        names = ("num_words", "skip_top", "start_char", "oov_char", "index_from")
        parameters = {name: getattr(encoder, name) for name in names}
        return imdb_sequences("test", **parameters), pipeline[1:]
    return imdb_texts("test"), pipeline


def _confusion_table(labels, confusion):
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD)
    table.add_column("Label")
    for label in labels:
        table.add_column(f"Predicted {label}", justify="right")
    for label, counts in zip(labels, confusion, strict=True):
        table.add_row(label, *(f"{count:,}" for count in counts))
    return table
