"""save_model, load_model and export_keras: fitted models in files that are safe to open.

A model file is a zip archive of JSON and of arrays in NumPy's .npy format, none of them
compressed, and nothing that could be run:

``manifest.json``
    ``format`` ("skimdb model"), ``format_version`` (1), ``skimdb_version``, and in ``members`` the
    ``size`` and ``sha256`` of every other member.
``model.json``
    A DenseClassifier, or a Pipeline and its steps: of each the ``type``, the ``parameters`` of the
    constructor, and under ``fitted`` what was learned and fits into JSON. Values that JSON has no
    type for, such as tuples, are objects of one name that says the type; ``_plain_values.py``
    lists them.
``<step>_weight_<i>.npy``
    Kernel (even i) and bias (odd i) of each layer, float32; ``<step>`` is the step's position in
    the pipeline from 0 on.
``<step>_classes.npy``, ``<step>_optimizer_<i>.npy``, ``<step>_idf.npy``
    ``classes_``; the optimizer's variables, where training may go on; ``idf_``.
``<step>_vocabulary.json``, ``<step>_given_vocabulary.json``
    Lists of ``words`` and of their ``ranks``: ``vocabulary_``, and the parameter ``vocabulary``
    where it is another.

Why not skops, which saves any scikit-learn estimator: the types in a skimdb model are few and
known, so a file can be checked against what they must be, shape by shape, rather than against a
list of types to trust; later releases can read the format without having its classes stay where
they are; no further dependency has a say in it; and any tool that reads zip, JSON and .npy can
read the weights.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING
from zipfile import BadZipFile

from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

from skimdb._checks import checked_path
from skimdb._dense_classifier import DenseClassifier
from skimdb._model_archive import Members, read_archive, write_archive
from skimdb._model_state import build, describe
from skimdb._whole_files import whole_files

if TYPE_CHECKING:
    from skimdb._typing import PathLike

KERAS_SUFFIX = ".keras"


def save_model(pipeline: DenseClassifier | Pipeline, path: PathLike) -> Path:
    """Save a fitted model in a file that is safe to open.

    The file holds weights, parameters and vocabularies, and nothing that could be run. It is
    there as a whole or not at all: it is written beside its place and then moved there.

    Parameters
    ----------
    pipeline : DenseClassifier or sklearn.pipeline.Pipeline
        A fitted classifier, or a pipeline whose steps are of WordIndexEncoder,
        MultiHotVectorizer, DenseClassifier and "passthrough".
    path : str or path-like
        Where to save it; ".skimdb" is the usual suffix. A file that is there is replaced.

    Returns
    -------
    path : pathlib.Path
        Where it was saved.

    Raises
    ------
    TypeError
        If a step or parameter is of a type that has no place in the file; the message names it.
        Optimizer, loss and metrics must be given by name.
    ValueError, sklearn.exceptions.NotFittedError
        If a step isn't fitted, its parameters can't be used or its weights aren't finite.

    See Also
    --------
    load_model : Opens the file.
    export_keras : Saves the network for Keras alone.

    Notes
    -----
    The parameters ``callbacks`` and ``memory`` are not saved, and are None in the model that is
    loaded: they say what watches training and where it keeps its states, not what is trained.
    Neither is what ``set_output``, ``set_callbacks`` and the like have set. NumPy's numbers among
    the parameters become Python's.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> import numpy as np
    >>> from skimdb import multi_hot_pipeline
    >>> from skimdb import load_model, save_model
    >>> from skimdb.datasets import make_reviews
    >>> sequences, y = make_reviews(300, n_words=100, random_state=0)
    >>> pipeline = multi_hot_pipeline(num_words=100, units=4, epochs=1).fit(sequences, y)
    >>> with TemporaryDirectory() as folder:
    ...     path = save_model(pipeline, Path(folder, "reviews.skimdb"))
    ...     loaded = load_model(path)
    >>> np.array_equal(loaded.predict_proba(sequences), pipeline.predict_proba(sequences))
    True
    """
    members = describe(pipeline)
    place = _place(path)
    with (
        whole_files(place.parent, sync=True) as unfinished,
        open(unfinished / place.name, "xb") as file,
    ):
        write_archive(file, members)
    return Path(path)


def load_model(path: PathLike) -> DenseClassifier | Pipeline:
    """Open a model that ``save_model`` has saved.

    Nothing in the file is run or unpickled, whoever made it, and TensorFlow isn't imported. The
    checksums of all members are compared before any of them is used. They tell of damage; they
    don't tell who made the file, and can't tell a good model from a bad one.

    Parameters
    ----------
    path : str or path-like
        The file.

    Returns
    -------
    pipeline : DenseClassifier or sklearn.pipeline.Pipeline
        The model, with the same weights and predictions bit for bit. It can be fitted, cloned,
        pickled and saved as the first could.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If the file isn't a model, is cut off, was damaged or changed, or is of a later format; the
        message names the file and the reason.

    See Also
    --------
    save_model : Saves the file.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> from skimdb import load_model
    >>> with TemporaryDirectory() as folder:
    ...     path = Path(folder, "reviews.skimdb")
    ...     _ = path.write_text("no model at all")
    ...     load_model(path)
    Traceback (most recent call last):
    ...
    ValueError: ...reviews.skimdb can't be opened as a model: File is not a zip file.
    """
    path = _checked_path(path)
    with open(path, "rb", opener=_open_at_once) as file:
        try:
            return build(Members(read_archive(file)))
        except (OSError, MemoryError):
            raise
        # what is forged well enough to pass the checksums may set off any class of error
        except Exception as error:
            told = isinstance(error, ValueError | TypeError | BadZipFile)
            reason = (str(error) if told else repr(error)).removesuffix(".")
            raise ValueError(f"{path} can't be opened as a model: {reason}.") from error


def export_keras(pipeline: DenseClassifier | Pipeline, path: PathLike) -> Path:
    """Save the classifier's network as a plain Keras model.

    ``keras.models.load_model(path)`` opens it where skimdb isn't installed. It is a
    ``keras.Sequential`` of Dense and Dropout layers, without optimizer or loss: compile it to go
    on training.

    Parameters
    ----------
    pipeline : DenseClassifier or sklearn.pipeline.Pipeline
        A fitted classifier, or a fitted pipeline that ends in one. The steps before it are not
        part of the Keras model: its inputs are the rows that the classifier is given.
    path : str or path-like
        Where to save it; must end in ".keras". A file that is there is replaced, as a whole.

    Returns
    -------
    path : pathlib.Path
        Where it was saved.

    See Also
    --------
    save_model : Saves the whole pipeline, for skimdb to open.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> import keras
    >>> import numpy as np
    >>> from skimdb import multi_hot_pipeline
    >>> from skimdb import export_keras
    >>> from skimdb.datasets import make_reviews
    >>> sequences, y = make_reviews(300, n_words=100, random_state=0)
    >>> pipeline = multi_hot_pipeline(num_words=100, units=4, epochs=1).fit(sequences, y)
    >>> with TemporaryDirectory() as folder:
    ...     path = export_keras(pipeline, Path(folder, "reviews.keras"))
    ...     model = keras.models.load_model(path)
    >>> X = pipeline["vectorizer"].transform(sequences)
    >>> probabilities = model.predict(X.toarray(), verbose=0)
    >>> np.allclose(probabilities, pipeline.predict_proba(sequences)[:, 1:], atol=1e-6)
    True
    """
    classifier = pipeline.steps[-1][1] if isinstance(pipeline, Pipeline) else pipeline
    if not isinstance(classifier, DenseClassifier):
        raise TypeError(
            "pipeline must be a DenseClassifier or a Pipeline that ends in one, "
            f"got {type(classifier).__name__}."
        )
    check_is_fitted(classifier)
    if _checked_path(path).suffix != KERAS_SUFFIX:
        raise ValueError(f"path must end in {KERAS_SUFFIX}, got {os.fspath(path)!r}.")
    from skimdb._keras._export import write_keras_model

    place = _place(path)
    with whole_files(place.parent, sync=True) as unfinished:
        # Keras insists on the suffix, which the file that a link leads to may lack
        keras_file = unfinished / f"network{KERAS_SUFFIX}"
        write_keras_model(classifier._network, classifier._weights(), keras_file)
        keras_file.rename(unfinished / place.name)
    return Path(path)


def _open_at_once(path, flags):
    # a pipe would be waited for until somebody writes to it
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


def _place(path):
    """Return where a file is to be: if that is a link, which stays, then where it leads to."""
    path = Path(os.path.realpath(_checked_path(path)))
    if not path.parent.is_dir():
        raise FileNotFoundError(
            f"path must lie in a folder that is there, but there is no {path.parent}."
        )
    if path.exists() and not stat.S_ISREG(path.stat().st_mode):
        raise ValueError(f"path must be that of a file, but {path} is there and is none.")
    return path


def _checked_path(path):
    if isinstance(path, str) and path.endswith((os.sep, "/")):
        raise ValueError(f"path must be that of a file, not of a folder, got {path!r}.")
    return checked_path("path", path)
