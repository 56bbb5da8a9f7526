"""Options and arguments that several commands take."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from skimdb._cli._shared._paths import IMDB, SAMPLE

LARGEST_SEED = 2**32 - 1
TEXT, ARTICLE = "text", "article"
# of the article's model
NUM_WORDS = 10_000
BALANCED = "balanced"

Data = Annotated[
    str,
    typer.Option(
        metavar="sample|imdb|PATH",
        help="Training data: the sample in the package, the IMDB reviews, or your own: a file "
        "(CSV, TSV, JSON, Excel, Parquet and others, also compressed), a folder with a folder of "
        "texts for each label, or - for standard input. A folder with the folders train and test "
        "is trained on one and tested on the other.",
    ),
]
TestData = Annotated[
    str | None,
    typer.Option(
        "--data",
        metavar="sample|imdb|PATH",
        show_default="the model's training data",
        help="Test data: the sample, the IMDB test reviews, or your own file or folder, as "
        "`skimdb train` reads it. Rows that the model was trained on are left out where "
        "that is known.",
    ),
]
AllRows = Annotated[
    bool,
    typer.Option("--all-rows", help="Test on all rows, also those the model was trained on."),
]
TextColumn = Annotated[
    str | None,
    typer.Option(
        metavar="NAME|N",
        show_default="inferred",
        help="Column that holds the text, in your own file: its name, or its number from 1.",
    ),
]
LabelColumn = Annotated[
    str | None,
    typer.Option(
        metavar="NAME|N",
        show_default="inferred",
        help="Column that holds the label, in your own file: its name, or its number from 1.",
    ),
]
LabelSeparator = Annotated[
    str | None,
    typer.Option(
        metavar="TEXT",
        show_default="one label a row",
        help="What stands between the labels of a row of your own file, where a row may have "
        "any number of them. JSON may have lists of labels.",
    ),
]
Delimiter = Annotated[
    str | None,
    typer.Option(
        metavar="CHARACTER",
        show_default="inferred",
        help="What stands between the columns of your own file; tab for a tab.",
    ),
]
Encoding = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        show_default="inferred",
        help="Encoding of your own file, such as utf-8 or cp1252.",
    ),
]
Header = Annotated[
    Literal["infer", "yes", "no"],
    typer.Option(help="Whether the first line of your own file holds the names of the columns."),
]
OnError = Annotated[
    Literal["raise", "skip"],
    typer.Option(
        help="What to do with a row of your own file that can't be used: stop with an error, or "
        "leave it out and say how many there were."
    ),
]
Force = Annotated[
    bool,
    typer.Option("--force", help="Replace the files in DIR, also those of another model."),
]
ModelName = Annotated[
    Literal["text", "article"] | None,
    typer.Option(
        "--model",
        show_default=TEXT,
        help="text: words and n-grams, weighted by what they tell about the labels. article: the "
        "most frequent words, the network and the training of the article that "
        "`skimdb reproduce` repeats.",
    ),
]
NumWords = Annotated[
    int | None,
    typer.Option(
        min=1,
        metavar="N",
        show_default=f"{NUM_WORDS:,}",
        help="With --model article: number of most frequent words that have a column.",
    ),
]
ClassWeight = Annotated[
    Literal["none", "balanced"],
    typer.Option(
        help="Weights of the labels in training. With balanced, rare labels count as much as "
        "frequent ones."
    ),
]
Seed = Annotated[
    int,
    typer.Option(
        min=0,
        max=LARGEST_SEED,
        metavar="N",
        help="Random seed of the split and the weights: the same seed gives the same model.",
    ),
]
Model = Annotated[
    Path,
    typer.Argument(
        metavar="MODEL",
        help="Folder written by `skimdb train`, or file written by `skimdb.save_model`. "
        "Loading it runs no code.",
    ),
]


def check_label_separator(separator, data, class_weight="none"):
    """Raise if rows of several labels can't be had, or can't be trained on so."""
    if separator is None:
        return
    hint = "'--label-separator'"
    if not separator:
        raise typer.BadParameter("expected a text, such as ;, got none.", param_hint=hint)
    if data in (SAMPLE, IMDB):
        raise typer.BadParameter(f"requires your own file in --data, got {data}.", param_hint=hint)
    if class_weight == BALANCED:
        raise typer.BadParameter(
            f"{BALANCED} can't be used with --label-separator, because a row with several labels "
            "has no single weight.",
            param_hint="'--class-weight'",
        )


def resolve_num_words(model, num_words):
    """Return the number of words of a model, None for all; raise if it can't be chosen."""
    if model == ARTICLE:
        return num_words or NUM_WORDS
    if num_words is not None:
        raise typer.BadParameter(
            f"requires --model {ARTICLE}: --model {TEXT} takes all words.",
            param_hint="'--num-words'",
        )
    return None


def parse_units(text):
    """Return the widths of the layers in the value of ``--units``, such as 16,16."""
    return _parse_numbers(text, "the width of each hidden layer, such as 16,16 or 64", "--units")


def parse_epochs(text):
    """Return the numbers of epochs in the value of ``--epochs``, in ascending order."""
    return sorted(set(_parse_numbers(text, "numbers of epochs, such as 2,3,4,6", "--epochs")))


def parse_batch_sizes(texts):
    """Return the numbers in all values of ``--batch-size``, in ascending order."""
    expected = "numbers of rows, such as 32 or 16,32,64"
    parts = [_parse_numbers(text, expected, "--batch-size") for text in texts]
    return sorted({number for part in parts for number in part})


def _parse_numbers(text, expected, option):
    try:
        numbers = tuple(map(int, text.split(",")))
    except ValueError:
        numbers = ()
    if not numbers or min(numbers) < 1:
        raise typer.BadParameter(f"expected {expected}, got {text!r}.", param_hint=f"'{option}'")
    return numbers
