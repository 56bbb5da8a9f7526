"""The form in which labelled reviews are returned."""

from importlib.resources import files

from sklearn.utils import Bunch

DATA_FOLDER = files("skimdb.datasets").joinpath("data")


def labelled_reviews(X, y, *, description, return_X_y):
    """Return ``(X, y)``, or a Bunch with the description that the named data file holds."""
    if return_X_y:
        return X, y
    return Bunch(
        data=X,
        target=y,
        target_names=["negative", "positive"],
        DESCR=DATA_FOLDER.joinpath(description).read_text(encoding="utf-8"),
    )
