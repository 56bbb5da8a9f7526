"""Fails the build unless the API pages are those of the public names."""

import re
from pathlib import Path

from sphinx.errors import ExtensionError

import skimdb
from skimdb import datasets


def check_public_names(app):
    """Compare the names in api/index.rst with those that the package exports."""
    text = Path(app.srcdir, "api", "index.rst").read_text(encoding="utf-8")
    pages = re.findall(r"^   (\w+)$", text, re.MULTILINE)
    public = [name for name in skimdb.__all__ if name != "datasets"] + datasets.__all__
    if sorted(pages) != sorted(public):
        raise ExtensionError(
            f"api/index.rst must have each public name once; not so: "
            f"{sorted({*pages} ^ {*public}) or 'names are there twice'}."
        )


def setup(app):
    app.connect("builder-inited", check_public_names)
    return {"parallel_read_safe": True}
