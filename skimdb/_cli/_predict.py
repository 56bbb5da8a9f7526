"""``skimdb predict``: label and probability of new texts."""

import json
import os
import shutil
import sys
from collections.abc import Sequence
from contextlib import contextmanager, nullcontext
from functools import partial
from io import TextIOWrapper
from pathlib import Path
from tempfile import TemporaryFile
from typing import Annotated, Any, NamedTuple

import typer

from skimdb._cli._shared._lines import decode_lines, read_lines
from skimdb._cli._shared._model_folder import (
    find_label_separator,
    find_model,
    read_metrics,
    read_model,
)
from skimdb._cli._shared._options import (
    Delimiter,
    Encoding,
    Header,
    Model,
    OnError,
    TextColumn,
)
from skimdb._cli._shared._paths import STDIN, check_input_file, check_output_file
from skimdb._cli._shared._terminal import (
    NOTHING_WRITTEN,
    count_progress,
    explain_ctrl_c,
    is_terminal,
    print_note,
    print_paragraph,
    print_remark,
    printable,
)

# of files that hold texts: what ends so, and is no file, may be a mistyped name
FILE_SUFFIXES = (
    *(".csv", ".tsv", ".txt", ".json", ".jsonl", ".ndjson", ".parquet", ".feather", ".xlsx"),
    *(".gz", ".bz2", ".xz", ".zip"),
)
ROWS_PER_BLOCK = 2_000
READER_OPTIONS = ("text_column", "delimiter", "encoding", "header", "on_error")


def predict(
    ctx: typer.Context,
    model: Model,
    texts: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="TEXT",
            help="Texts to classify, or one file or folder to read as by --file. Without any, or "
            "with -, texts are read from standard input, one per line.",
        ),
    ] = None,
    file: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="File or folder of texts, in any format that `skimdb train` reads or with one "
            "text per line; - for such a file from standard input, which is read to its end.",
        ),
    ] = None,
    text_column: TextColumn = None,
    delimiter: Delimiter = None,
    encoding: Encoding = None,
    header: Header = "infer",
    on_error: OnError = "raise",
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Write the rows of the input, their labels and the probability of each label to "
            "this file (.csv, .tsv or .jsonl), instead of printing them.",
        ),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace the file of --out.")] = False,
    threshold: Annotated[
        float | None,
        typer.Option(
            metavar="P",
            show_default="0.5",
            help="For a model of two labels: predict --positive from this probability on. For one "
            "of several labels a text: predict each label from this probability on.",
        ),
    ] = None,
    positive: Annotated[
        str | None,
        typer.Option(
            metavar="LABEL",
            show_default="the second label in alphabetical order",
            help="The label that --threshold is for.",
        ),
    ] = None,
    proba: Annotated[
        bool, typer.Option("--proba", help="Print the probability of each label.")
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print JSON Lines: one object per text.")
    ] = False,
) -> None:
    """Print the label of each text and its probability, one line per text.

    The texts of a file are those of the column that the model was trained
    on, if the file has it; --text-column names another. One file is read at
    a time. Without --file, standard input has one text per line, which is
    answered as soon as it arrives.

    A text without any word that the model knows gets the answer of an empty
    text, and a note on stderr. --json counts the known words of each text.

    The labels of a model that gives several to a text stand together, with
    the separator of its training, and so do their probabilities.

    \b
    Examples:
      skimdb predict skimdb-model "Wonderful." "Boring."
      skimdb predict skimdb-model mails.csv --out scored.csv
      skimdb predict skimdb-model --file texts.txt --json
      skimdb predict my-model mails.csv --threshold 0.9
      skimdb predict skimdb-model --proba -- "-5 stars"
      tail -f texts.txt | skimdb predict skimdb-model
      cat mails.csv | skimdb predict skimdb-model --file -
    """
    texts = None if texts == [STDIN] else texts
    if texts and file is not None:
        raise typer.BadParameter("give either TEXT or --file, not both.", param_hint="'--file'")
    _check_usage(out, force, threshold, positive, as_json)
    find_model(model)
    if texts:
        file, texts = _find_file(texts)
    is_stdin = str(file) == STDIN
    if file is not None and not is_stdin:
        check_input_file(file)
    is_table = is_stdin or (file is not None and (file.is_file() or file.is_dir()))
    if not is_table:
        _refuse_reader_options(ctx)
    if out is not None:
        check_output_file(out, None if is_stdin else file, force=force)

    with nullcontext() if out is None else explain_ctrl_c(NOTHING_WRITTEN):
        from skimdb._cli._shared._predictions import KnownWords, Predictor, write_table

        separator = find_label_separator(model)
        predictor = Predictor(
            read_model(model), threshold=threshold, positive=positive, separator=separator
        )
        if texts:
            source = Input("text", [(texts, None)])
        elif is_table:
            options = {"delimiter": delimiter, "encoding": encoding, "on_error": on_error}
            source = _read_table(file, text_column, model, header=header, **options)
        else:
            source = Input("line", _read_stream(file), is_typed=file is None and _is_typed())
        known_words = KnownWords(predictor, source.unit)

        def predict_blocks(show=_ignore):
            for texts, rows in source.blocks:
                predictions = predictor.predict(texts)
                known_words.add(predictions)
                yield rows or [[text] for text in texts], predictions
                show(known_words.n_texts)
                if source.is_typed:
                    known_words.report()

        if out is not None:
            # a bar would stand in the way of what is typed
            progress = count_progress("Texts", source.n_texts)
            progress = nullcontext(_ignore) if source.is_typed else progress
            with progress as show:
                blocks = predict_blocks(show)
                n_rows = write_table(out, source.column_names, predictor, blocks)
    if out is not None:
        print_paragraph(f"Wrote {n_rows:,} {'row' if n_rows == 1 else 'rows'} to {out}.")
    else:
        make_printer = _json_printer if as_json else _column_printer
        print_prediction = make_printer(predictor, separator, proba)
        for _, predictions in predict_blocks():
            for prediction in predictions:
                print_prediction(prediction)
            if sys.stdout is not None:
                sys.stdout.flush()
    known_words.report()


class Input(NamedTuple):
    """Texts to classify.

    Attributes
    ----------
    unit : str
        What a text is called.
    blocks : iterable of (list of str, list of list or None)
        Texts, and the rows that they are from; None if there is nothing beside them.
    column_names : sequence of str
    n_texts : int or None
        How many there are, if that is known.
    is_typed : bool
        Whether somebody types them and waits for each answer.
    """

    unit: str
    blocks: Any
    column_names: Sequence[str] = ("text",)
    n_texts: int | None = None
    is_typed: bool = False


def _read_table(file, text_column, model, *, header, **options):
    """Return the rows of a file; without a column, that of the training if the file has it.

    The file is ``-`` for standard input.
    """
    from skimdb._cli._shared._data import HEADERS
    from skimdb.datasets import read_texts

    read = partial(read_texts, file, header=HEADERS[header], **options)
    trained = read_metrics(model).get("text_column") if text_column is None else None
    is_stdin = str(file) == STDIN
    with _rewindable_stdin() if is_stdin else nullcontext():
        try:
            bunch = read(text_column=trained if isinstance(trained, str) else text_column)
        except ValueError:
            # the file may lack the column of the training
            if is_stdin:
                sys.stdin.seek(0)
            bunch = read(text_column=text_column)
    print_note(f"{'standard input' if is_stdin else file}: {bunch.summary}")
    n_rows = len(bunch.rows)
    ends = range(ROWS_PER_BLOCK, n_rows + ROWS_PER_BLOCK, ROWS_PER_BLOCK)
    parts = (slice(end - ROWS_PER_BLOCK, end) for end in ends)
    blocks = ((bunch.data[part].tolist(), bunch.rows[part]) for part in parts)
    return Input("row", blocks, bunch.column_names, n_rows)


@contextmanager
def _rewindable_stdin():
    """Have standard input read from a copy of it, which can be read twice."""
    stdin = sys.stdin
    with _open_input(None) as stream, TextIOWrapper(TemporaryFile()) as copy:
        shutil.copyfileobj(stream, copy.buffer)
        copy.seek(0)
        sys.stdin = copy
        try:
            yield
        finally:
            sys.stdin = stdin


def _find_file(texts):
    """Return the file that the only text is the name of, or None; and the texts, or None."""
    existing = [text for text in texts if os.path.exists(text)]
    if existing and len(texts) > 1:
        raise typer.BadParameter(
            f"got {len(texts)}, of which {existing[0]} is a file or folder: give one file at a "
            "time, or pipe texts in, one per line, if they only look like names of files.",
            param_hint="'TEXT'",
        )
    if existing:
        (file,) = existing
        kind = "folder" if os.path.isdir(file) else "file"
        print_remark(f"reading the texts in the {kind} {file}, as with --file.")
        return Path(file), None
    for text in texts:
        if text.lower().endswith(FILE_SUFFIXES) and len(text.split()) == 1:
            print_remark(f"there is no file {text}, so it is classified as a text.")
    return None, texts


def _refuse_reader_options(ctx):
    for name in READER_OPTIONS:
        if ctx.get_parameter_source(name).name != "DEFAULT":
            flag = f"--{name.replace('_', '-')}"
            raise typer.BadParameter(
                "requires a file: lines and texts on the command line have no columns.",
                param_hint=f"'{flag}'",
            )


def _ignore(n_texts):
    """Show no progress."""


def _check_usage(out, force, threshold, positive, as_json):
    if threshold is not None and not 0 <= threshold <= 1:
        raise typer.BadParameter(
            f"expected a probability from 0 to 1, got {threshold}.", param_hint="'--threshold'"
        )
    if positive is not None and threshold is None:
        raise typer.BadParameter("requires --threshold.", param_hint="'--positive'")
    if out is None and force:
        raise typer.BadParameter("requires --out.", param_hint="'--force'")
    if out is not None and as_json:
        raise typer.BadParameter(
            "can't be used with --out, whose file in .jsonl holds JSON Lines.",
            param_hint="'--json'",
        )


def _json_printer(predictor, separator, proba):
    """Return a function that prints a prediction as a JSON object on a line."""
    labels = predictor.labels

    def print_prediction(prediction):
        values = [round(value, 6) for value in prediction.probabilities]
        if predictor.has_sets:
            answer = {"labels": {labels[i]: values[i] for i in prediction.chosen}}
        else:
            (chosen,) = prediction.chosen
            answer = {"label": labels[chosen], "probability": values[chosen]}
        if proba:
            answer["probabilities"] = dict(zip(labels, values, strict=True))
        words = {"known_words": prediction.n_known, "words": prediction.n_words}
        print(json.dumps({**answer, **words}))

    return print_prediction


def _column_printer(predictor, separator, proba):
    """Return a function that prints a prediction in columns, which a terminal shows aligned."""
    labels = predictor.labels
    names = ["label", *(f"probability_{label}" for label in labels)] if proba else ["", ""]
    widths = [max(len(printable(name)) for name in [names[0], *labels])]
    widths += [len(printable(name)) for name in names[1:]]

    def print_fields(fields):
        fields = [*map(printable, fields)]
        if is_terminal():
            print("  ".join(map(str.ljust, fields, widths)).rstrip())
        else:
            print("\t".join(fields))

    def print_prediction(prediction):
        values = [f"{value:.4f}" for value in prediction.probabilities]
        if not proba:
            values = [separator.join(values[i] for i in prediction.chosen)]
        print_fields([predictor.name(prediction), *values])

    if proba:
        print_fields(names)
    return print_prediction


@contextmanager
def _open_input(file):
    if file is not None:
        with open(file, "rb") as stream:
            yield stream
        return
    if sys.stdin is None:
        raise OSError("standard input is closed: give TEXT or --file.")
    if _is_typed():
        print_note("Type texts, one per line; end with Ctrl-D.")
    yield sys.stdin.buffer


def _is_typed():
    return sys.stdin is not None and sys.stdin.isatty()


def _read_stream(file):
    """Yield the lines of a pipe, or of standard input, as they arrive."""
    name = "standard input" if file is None else str(file)
    with _open_input(file) as stream:
        for texts in decode_lines(read_lines(stream), name):
            yield texts, None
