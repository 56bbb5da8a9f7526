"""``skimdb download``: fetch the IMDB data beforehand."""

from typing import Annotated

import typer


def download(
    text: Annotated[
        bool, typer.Option("--text", help="Also the reviews as text, an archive of 84 MB.")
    ] = False,
) -> None:
    """Fetch the IMDB reviews and their word index, and print where they lie.

    What the environment variable SKIMDB_IMDB_HOME names is used as it is; the
    rest is downloaded into the cache, unless it is there already. After that
    `skimdb train --data imdb` and `skimdb reproduce` need no network.

    \b
    Examples:
      skimdb download
      skimdb download --text
    """
    from skimdb.datasets._download import cached_or_downloaded
    from skimdb.datasets._home import FORMS, named_home

    home = named_home(None)
    wanted = [("npz", "folder", "archive"), ("word index",)]
    if text:
        wanted.append(("archive", "folder"))
    for forms in wanted:
        found = next((home.forms[form] for form in forms if form in home.forms), None)
        path = found or cached_or_downloaded(
            FORMS[forms[0]], download_if_missing=True, searched=home.searched
        )
        typer.echo(path)
