"""``skimdb predict``: label and probability of new reviews."""

import json
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from skimdb._cli._options import Model
from skimdb._cli._terminal import note

STDIN = "-"
BLOCK_SIZE = 1 << 20


def predict(
    model: Model,
    texts: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="TEXT",
            help="Reviews in English. Without any, or with -, they are read from standard input, "
            "one a line.",
        ),
    ] = None,
    file: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Text file in UTF-8 to read, one review a line; - for stdin."
        ),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print JSON Lines: an object for each review.")
    ] = False,
) -> None:
    """Print the label of each review and its probability, a line for each, as soon as it comes.

    \b
    Examples:
      skimdb predict skimdb-model "Wonderful." "Two hours of boredom."
      skimdb predict skimdb-model --file reviews.txt --json
      tail -f reviews.txt | skimdb predict skimdb-model
    """
    if texts and file is not None:
        raise typer.BadParameter("give either TEXT or --file, not both.", param_hint="'--file'")
    from skimdb._cli._files import load_model

    stream = file is not None or not texts or texts == [STDIN]
    pipeline = load_model(model)
    if not stream:
        _answer(pipeline, texts, as_json)
        return
    name = "standard input" if file is None else str(file)
    with _opened(file) as lines:
        for block in _decoded(_blocks(lines), name):
            _answer(pipeline, block, as_json)


def _answer(pipeline, texts, as_json):
    probabilities = pipeline.predict_proba(texts)
    for number, row in zip(probabilities.argmax(axis=1), probabilities, strict=True):
        label, probability = str(pipeline.classes_[number]), float(row[number])
        if as_json:
            print(json.dumps({"label": label, "probability": round(probability, 6)}))
        else:
            print(f"{label}\t{probability:.4f}")
    if sys.stdout is not None:
        sys.stdout.flush()


@contextmanager
def _opened(file):
    if file is not None and str(file) != STDIN:
        with open(file, "rb") as stream:
            yield stream
        return
    if sys.stdin is None:
        raise OSError("standard input is closed: give TEXT or --file.")
    if sys.stdin.isatty():
        note("Type reviews, one a line; end with Ctrl-D.")
    yield sys.stdin.buffer


def _blocks(stream):
    """Yield lists of the lines that have come so far, whole lines only.

    One line alone takes as long as a few hundred together, so what has come meanwhile goes
    together, and what comes slowly goes line by line.
    """
    begun = []
    while block := stream.read1(BLOCK_SIZE):
        *lines, rest = block.split(b"\n")
        if lines:
            lines[0] = b"".join([*begun, lines[0]])
            begun.clear()
            yield lines
        begun.append(rest)
    if last := b"".join(begun):
        yield [last]


def _decoded(blocks, name):
    number = 0
    for block in blocks:
        texts = []
        for line in block:
            number += 1
            encoding = "utf-8-sig" if number == 1 else "utf-8"
            try:
                texts.append(line.removesuffix(b"\r").decode(encoding))
            except UnicodeDecodeError as error:
                raise ValueError(
                    f"{name}, line {number}: expected text in UTF-8, "
                    f"got the byte {line[error.start]:#04x}."
                ) from error
        yield texts
