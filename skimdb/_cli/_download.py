"""``skimdb download``: download the IMDB data in advance."""

from typing import Annotated

import typer


def download(
    text: Annotated[
        bool, typer.Option("--text", help="Also download the texts, an archive of 84 MB.")
    ] = False,
) -> None:
    """Download the IMDB reviews and their word index, and print their paths.

    Files that the environment variable SKIMDB_IMDB_HOME names are used as
    they are; the others are downloaded into the cache, unless they are there
    already. After that, `skimdb train --data imdb --model article` and
    `skimdb reproduce` need no network; with --text, neither do
    `skimdb train --data imdb` and `skimdb tune --data imdb`.

    \b
    Examples:
      skimdb download
      skimdb download --text
    """
    from skimdb.datasets import download_imdb

    for path in download_imdb(text=text):
        typer.echo(path)
