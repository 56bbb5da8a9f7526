"""The data that a user names, by ``data_home`` or by the environment variable."""

import os
from pathlib import Path
from typing import NamedTuple

from skimdb._checks import checked_path
from skimdb.datasets._download import HOME_VARIABLE

# the form of the data, and the file or folder that holds it
FORMS = {
    "npz": "imdb.npz",
    "folder": "aclImdb",
    "archive": "aclImdb_v1.tar.gz",
    "word index": "imdb_word_index.json",
}
_SUFFIXES = {".npz": "npz", ".tar.gz": "archive", ".tgz": "archive", ".json": "word index"}
_ACCEPTED = (
    "imdb.npz, aclImdb_v1.tar.gz, imdb_word_index.json, an unpacked aclImdb folder, "
    "or a folder that holds any of them"
)


class DataHome(NamedTuple):
    """What a user named, and the forms of the data found there."""

    description: str
    is_file: bool
    forms: dict[str, Path]

    @property
    def searched(self):
        """Half a sentence for messages on what was not found here."""
        if not self.description:
            return f"neither data_home nor {HOME_VARIABLE} is given, "
        return f"{self.description} holds none, "


def named_home(data_home):
    """Return the ``DataHome`` of ``data_home``, or of the environment variable if it is None."""
    if data_home is None:
        named, name = os.environ.get(HOME_VARIABLE), f"the environment variable {HOME_VARIABLE}"
        if not named:
            return DataHome("", False, {})
    else:
        named, name = data_home, "data_home"
    path = checked_path(name, named)
    try:
        path = path.expanduser()
    except RuntimeError as error:
        raise ValueError(f"{name} names {path}, the folder of no known user.") from error
    description = f"{name} ({path})"
    if path.is_dir():
        return DataHome(description, False, _forms_in(path))
    if not path.exists():
        raise FileNotFoundError(
            f"{name} names {path}, which does not exist. It may be {_ACCEPTED}."
        )
    forms = [form for suffix, form in _SUFFIXES.items() if path.name.endswith(suffix)]
    if not forms or not path.is_file():
        raise ValueError(f"{name} must be {_ACCEPTED}, got {path}.")
    return DataHome(description, True, {**_word_index_in(path.parent), forms[0]: path})


def _forms_in(folder):
    if (folder / "train").is_dir() and (folder / "test").is_dir():
        beside = {**_word_index_in(folder.parent), **_word_index_in(folder)}
        return {"folder": folder, **beside}
    forms = {form: folder / name for form, name in FORMS.items()}
    return {
        form: path
        for form, path in forms.items()
        if (path.is_dir() if form == "folder" else path.is_file())
    }


def _word_index_in(folder):
    path = folder / FORMS["word index"]
    return {"word index": path} if path.is_file() else {}
