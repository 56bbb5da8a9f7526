"""Options that several commands share."""

from pathlib import Path
from typing import Annotated

import typer

LARGEST_SEED = 2**32 - 1

TextColumn = Annotated[
    str, typer.Option(metavar="NAME", help="Column of the text, in a file of your own.")
]
LabelColumn = Annotated[
    str, typer.Option(metavar="NAME", help="Column of the label, in a file of your own.")
]
Model = Annotated[
    Path,
    typer.Argument(
        metavar="MODEL",
        help="Folder that `skimdb train` has written, or a model file. Opening a model can run "
        "code: open none that you don't trust.",
    ),
]


def parsed_units(text):
    """Return the widths of layers that ``--units`` gives, such as 16,16."""
    try:
        units = tuple(int(width) for width in text.split(","))
    except ValueError:
        units = ()
    if not units or min(units) < 1:
        raise typer.BadParameter(
            f"expected the width of each hidden layer, such as 16,16 or 64, got {text!r}.",
            param_hint="'--units'",
        )
    return units
