"""``skimdb train``: train a model on labelled texts, test it and save it."""

from pathlib import Path
from time import perf_counter
from typing import Annotated

import typer

from skimdb._cli._shared._options import (
    ARTICLE,
    BALANCED,
    TEXT,
    ClassWeight,
    Data,
    Delimiter,
    Encoding,
    Force,
    Header,
    LabelColumn,
    LabelSeparator,
    ModelName,
    NumWords,
    OnError,
    Seed,
    TextColumn,
    check_label_separator,
    parse_units,
    resolve_num_words,
)
from skimdb._cli._shared._paths import IMDB, SAMPLE, STDIN, check_data, check_folder
from skimdb._cli._shared._terminal import (
    INTERRUPTED,
    NOTHING_WRITTEN,
    epoch_progress,
    installed_version,
    print_note,
    print_paragraph,
)

ROWS_PER_BLOCK = 10_000


def train(
    data: Data = "sample",
    text_column: TextColumn = None,
    label_column: LabelColumn = None,
    label_separator: LabelSeparator = None,
    delimiter: Delimiter = None,
    encoding: Encoding = None,
    header: Header = "infer",
    on_error: OnError = "raise",
    model: ModelName = None,
    num_words: NumWords = None,
    units: Annotated[
        str | None,
        typer.Option(
            metavar="N,N,…",
            show_default="16 per class, at most 128; article: 16,16",
            help="Width of each hidden layer.",
        ),
    ] = None,
    epochs: Annotated[
        int | None,
        typer.Option(
            min=1,
            metavar="N",
            show_default="enough for about 600 steps, 2 to 50; article: for 100 steps per label, "
            "2 to 100",
            help="Passes over the training rows.",
        ),
    ] = None,
    batch_size: Annotated[
        int | None,
        typer.Option(
            min=1,
            metavar="N",
            show_default="a 32nd of the training rows, 16 to 128, more beyond 250,000 rows; "
            "article: 16 to 512",
            help="Rows per step of the optimizer.",
        ),
    ] = None,
    class_weight: ClassWeight = "none",
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
            help="Train on your own file without loading all of it into memory: it is read in "
            "blocks: to learn the words, to encode the rows, and to test. Takes --model article.",
        ),
    ] = False,
    block_rows: Annotated[
        int | None,
        typer.Option(
            min=1,
            metavar="N",
            show_default=f"{ROWS_PER_BLOCK:,}",
            help="With --stream: rows to keep in memory at a time.",
        ),
    ] = None,
    keep_partial: Annotated[
        bool,
        typer.Option(
            "--keep-partial",
            help="At Ctrl-C, stop at the end of the epoch, test the network as it is then and "
            "write it. The exit code is 130 all the same. In the first epoch, or the second time, "
            "Ctrl-C ends at once and keeps nothing.",
        ),
    ] = False,
    seed: Seed = 0,
    out: Annotated[Path, typer.Option(metavar="DIR", help="Folder to write to.")] = Path(
        "skimdb-model"
    ),
    force: Force = False,
) -> None:
    """Train a model on labelled texts, test it, and save it.

    Your own file may have any columns and nearly any format: what is read,
    and how, is shown at the start. Options such as --text-column say it
    where the guess is wrong.

    Shows loss (log loss) and accuracy on the training rows, on the rows set
    aside by --validation, and on test rows that are not used for training:
    the published 25,000 of the IMDB data, 100 of the sample's 400, the
    folder test next to train, one in five of your own file. Of the test rows
    it shows much more: precision, recall and F1 of each label, and which
    labels are mistaken for which. Notes say where the test rows are too few
    to tell, or where the model is of little use.

    With --label-separator a row may have any number of labels, each of which
    the model predicts by itself. A row counts as right if all of its labels
    are.

    Writes the model (model.skimdb, which skimdb.load_model opens), the
    curves (history.json, curves.png), all figures (metrics.json), a report
    for a browser (report.html, which shows texts of the test rows) and which
    rows were held out for the test (held_out.json, for `skimdb evaluate`) to
    DIR. A folder that holds another model is not overwritten without --force.

    With --stream about one in five rows are test rows, chosen at random. The
    encoded rows are kept in a temporary file in or near DIR, about a fifth
    as large as PATH; each epoch reads them in a different order. Only the
    100,000 most frequent words are ranked. As an order of magnitude: a
    million reviews, a file of 1 GB, take two or three minutes for 2 epochs,
    half a gigabyte of memory, and 0.2 GB for the temporary file. The report
    has no test rows: `skimdb report DIR` writes one that has.

    \b
    Examples:
      skimdb train
      skimdb train --data mails.csv
      skimdb train --data mails.csv --class-weight balanced --out balanced
      skimdb train --data reviews.tsv --text-column 3 --label-column stars
      skimdb train --data films.csv --label-column genres --label-separator ,
      skimdb train --data aclImdb --keep-partial
      skimdb train --data imdb --model article --validation 10000
      skimdb train --data many_texts.jsonl --stream
    """
    if stream:
        _check_stream(data, model, class_weight, validation, keep_partial, label_separator)
    elif block_rows is not None:
        raise typer.BadParameter("requires --stream.", param_hint="'--block-rows'")
    check_label_separator(label_separator, data, class_weight)
    check_data(data)
    check_folder(out)

    stop = None
    try:
        from skimdb._cli._shared._data import TEST, Source
        from skimdb._cli._shared._figures import print_figures, print_remarks
        from skimdb._cli._shared._output_folder import (
            check_output_folder,
            collect_metrics,
            make_report_writer,
            print_written,
            write_results,
        )
        from skimdb._cli._shared._stream import train_on_stream

        model = model or (ARTICLE if stream else TEXT)
        columns = text_column, label_column, label_separator
        source = Source(data, *columns, delimiter, encoding, header, on_error)
        parameters = {
            "num_words": resolve_num_words(model, num_words),
            "units": None if units is None else parse_units(units),
            "class_weight": class_weight,
            "random_state": seed,
        }
        recipe = {
            "command": "train",
            "data": {
                **source.describe(),
                "validation": validation,
                "stream": stream,
                "seed": seed,
            },
            "options": {
                "model": model,
                "num_words": parameters["num_words"],
                "units": units,
                "epochs": epochs,
                "batch_size": batch_size,
                "class_weight": class_weight,
                "block_rows": block_rows,
            },
        }
        existing_folder = check_output_folder(out, recipe, force=force)
        stop = _make_stop() if keep_partial else None
        started = perf_counter()
        if stream:
            rows_per_block = block_rows or ROWS_PER_BLOCK
            result = train_on_stream(
                source, parameters, epochs, batch_size, rows_per_block, existing_folder
            )
        else:
            result = _train_in_memory(
                source, model, parameters, epochs, batch_size, validation, stop
            )
        interruption = _describe_interruption(stop)
        metrics = collect_metrics(
            result.pipeline,
            model=model,
            **recipe,
            interruption=interruption,
            text_column=result.text_column,
            scores=result.scores,
            seconds={**result.seconds, "total": perf_counter() - started},
        )
        report = make_report_writer(result.pipeline, source, result.split, result.probabilities)
        names = write_results(
            out, result.pipeline, result.history, metrics, report, held_out=result.held_out
        )
    except KeyboardInterrupt:
        raise KeyboardInterrupt(_describe_loss(stop, stream, keep_partial)) from None
    print_figures(result.scores)
    can_balance = not stream and class_weight != BALANCED and label_separator is None
    print_remarks(result.scores[TEST], advise_balanced=can_balance)
    print_written(out, names)
    if interruption:
        print_paragraph(f"{interruption}.")
        raise typer.Exit(INTERRUPTED)


def _make_stop():
    from skimdb import DenseClassifier
    from skimdb._cli._shared._models import StopAtInterrupt

    if not hasattr(DenseClassifier, "set_callbacks"):
        raise typer.BadParameter(
            f"needs scikit-learn 1.9 or newer, got {installed_version('scikit-learn')}.",
            param_hint="'--keep-partial'",
        )
    return StopAtInterrupt()


def _describe_interruption(stop):
    """Return after how many epochs Ctrl-C has ended the training; None if it has not."""
    if stop is None or not stop.is_requested:
        return None
    return f"Interrupted: this is the network after {stop.n_epochs:,} of {stop.n_planned:,} epochs"


def _describe_loss(stop, stream, keep_partial):
    """Return what is lost by Ctrl-C, and why."""
    if stream:
        return NOTHING_WRITTEN
    if not keep_partial:
        return f"{NOTHING_WRITTEN} With --keep-partial, Ctrl-C keeps the last epoch."
    if stop is None or not stop.n_epochs:
        return f"{NOTHING_WRITTEN} The first epoch has not ended, so there is no network to keep."
    return f"{NOTHING_WRITTEN} The network had not been tested yet."


def _check_stream(data, model, class_weight, validation, keep_partial, label_separator):
    if model == TEXT:
        raise typer.BadParameter(
            f"{TEXT} can't be used with --stream, because n-grams are learned from all texts at "
            f"once: use --model {ARTICLE}, or leave --stream out.",
            param_hint="'--model'",
        )
    if class_weight == BALANCED:
        raise typer.BadParameter(
            f"{BALANCED} can't be used with --stream, because the weights follow from the labels "
            "of all rows, and it trains on one block of rows at a time.",
            param_hint="'--class-weight'",
        )
    if data in (SAMPLE, IMDB):
        raise typer.BadParameter(
            f"requires your own file in --data, got {data}.", param_hint="'--stream'"
        )
    if data == STDIN:
        raise typer.BadParameter(
            "requires a file in --data, which is read three times: standard input can be read "
            "only once.",
            param_hint="'--stream'",
        )
    unusable = {
        "validation": validation,
        "keep-partial": keep_partial,
        "label-separator": label_separator is not None,
    }
    for option, is_given in unusable.items():
        if is_given:
            raise typer.BadParameter("can't be used with --stream.", param_hint=f"'--{option}'")


def _train_in_memory(source, model, parameters, epochs, batch_size, n_validation, stop):
    from skimdb._cli._shared._data import TRAINING, VALIDATION, score_parts
    from skimdb._cli._shared._label_sets import count_classes
    from skimdb._cli._shared._models import (
        TrainingResult,
        build_pipeline,
        encode_sequences,
        encode_texts,
        fit_with_progress,
    )

    started = perf_counter()
    split = source.split(
        num_words=parameters["num_words"],
        n_validation=n_validation,
        seed=parameters["random_state"],
    )
    y = split.parts[TRAINING].y
    pipeline = build_pipeline(model, epochs=epochs, batch_size=batch_size, **parameters)
    classifier = pipeline["classifier"]
    n_epochs, batch_size = classifier.choose_schedule(len(y), count_classes(y))
    sequences = encode_texts(pipeline["encoder"], split)
    matrices = encode_sequences(pipeline, split, sequences)
    seconds = {"load": perf_counter() - started}

    print_note(f"Training on {len(y):,} texts, in batches of {batch_size:,}.")
    validation = {}
    if VALIDATION in matrices:
        validation = {"X_val": matrices[VALIDATION], "y_val": split.parts[VALIDATION].y}
    started = perf_counter()
    with epoch_progress("Epochs", n_epochs) as advance:
        fit_with_progress(classifier, matrices[TRAINING], y, advance, stop=stop, **validation)
    seconds["train"] = perf_counter() - started
    scores, probabilities = score_parts(classifier, split, matrices)
    return TrainingResult(
        pipeline,
        classifier.history_,
        scores,
        seconds,
        split.held_out,
        split.text_column,
        split,
        probabilities,
    )
