"""Options that several commands share."""

from pathlib import Path
from typing import Annotated

import typer

LARGEST_SEED = 2**32 - 1

Data = Annotated[
    str,
    typer.Option(
        metavar="sample|imdb|PATH",
        help="What to learn from: the sample in the package, the IMDB reviews, or a file of "
        "your own, CSV (.csv) or JSON Lines (.jsonl, .ndjson, .json), in UTF-8.",
    ),
]
TextColumn = Annotated[
    str, typer.Option(metavar="NAME", help="Column of the text, in a file of your own.")
]
LabelColumn = Annotated[
    str, typer.Option(metavar="NAME", help="Column of the label, in a file of your own.")
]
NumWords = Annotated[
    int, typer.Option(min=1, metavar="N", help="How many of the most frequent words to know.")
]
Seed = Annotated[
    int,
    typer.Option(
        min=0,
        max=LARGEST_SEED,
        metavar="N",
        help="Decides the split and the weights: the same seed gives the same model.",
    ),
]
Model = Annotated[
    Path,
    typer.Argument(
        metavar="MODEL",
        help="Folder that `skimdb train` has written, or a file that `skimdb.save_model` has. "
        "Nothing in it is run.",
    ),
]


def parsed_units(text):
    """Return the widths of layers that ``--units`` gives, such as 16,16."""
    return _parsed_numbers(text, "the width of each hidden layer, such as 16,16 or 64", "--units")


def parsed_epochs(text):
    """Return the numbers of epochs that ``--epochs`` gives, in order."""
    return sorted(set(_parsed_numbers(text, "numbers of epochs, such as 2,3,4,6", "--epochs")))


def _parsed_numbers(text, expected, option):
    try:
        numbers = tuple(map(int, text.split(",")))
    except ValueError:
        numbers = ()
    if not numbers or min(numbers) < 1:
        raise typer.BadParameter(f"expected {expected}, got {text!r}.", param_hint=f"'{option}'")
    return numbers
