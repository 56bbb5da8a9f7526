"""save_model, load_model and export_keras: fitted models in files."""

from __future__ import annotations

import os
import re
import zlib
from bz2 import BZ2Decompressor
from contextlib import suppress
from lzma import LZMADecompressor, LZMAError
from pathlib import Path
from typing import TYPE_CHECKING, Literal
from zipfile import BadZipFile

import numpy as np
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

from skimdb._dense_classifier import DenseClassifier
from skimdb._log_count_ratio import LogCountRatioScaler
from skimdb._model_format._archive import Members, read_archive, write_archive
from skimdb._model_format._estimators import build_estimator, describe_estimator
from skimdb._multi_hot import MultiHotVectorizer
from skimdb._utils._checks import (
    check_choice,
    check_keras,
    resolve_file,
    shorten_reason,
    to_file_path,
    to_path,
)
from skimdb._utils._files import replace_files
from skimdb._utils._public import set_module
from skimdb._word_index import WordIndexEncoder

if TYPE_CHECKING:
    from skimdb._utils._typing import PathLike

KERAS_SUFFIX = ".keras"
# in the folders that the command line writes
MODEL_FILE = "model.skimdb"
# so many bytes of a compressed file hold its first block
HEAD = 2**20


@set_module("skimdb")
def save_model(
    pipeline: DenseClassifier | Pipeline,
    path: PathLike,
    *,
    weights_dtype: Literal["float32", "float16"] = "float32",
) -> Path:
    """Save a fitted model in a file that is safe to open.

    The file contains weights, parameters and vocabularies, and nothing that could be run. It
    appears complete or not at all: it is written in a temporary folder and then moved.

    Parameters
    ----------
    pipeline : DenseClassifier or sklearn.pipeline.Pipeline
        A fitted classifier, or a fitted pipeline whose steps are WordIndexEncoder,
        MultiHotVectorizer, LogCountRatioScaler, DenseClassifier or "passthrough".
    path : str or path-like
        Path of the file; ".skimdb" is the usual suffix. An existing file is replaced.
    weights_dtype : {"float32", "float16"}, default="float32"
        Type of the network's weights in the file. "float16" halves their size and rounds them to
        about three digits; the loaded model computes with float32 all the same.

    Returns
    -------
    path : pathlib.Path
        Path of the file.

    Raises
    ------
    TypeError
        If the file cannot hold a step or parameter of its type; the message names it. Optimizer,
        loss and metrics must be given by name.
    ValueError, sklearn.exceptions.NotFittedError
        If a step is not fitted, its parameters are invalid or its weights are not finite, or
        beyond float16 with ``weights_dtype="float16"``.

    See Also
    --------
    load_model : Opens the file.
    export_keras : Saves the network alone, for Keras.

    Notes
    -----
    The parameters ``callbacks`` and ``memory`` are not saved, and are None in the loaded model:
    they do not describe what is trained. The settings of ``set_output``, ``set_callbacks`` and the
    like are not saved either. NumPy's numbers among the parameters become Python's.

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
    check_choice("weights_dtype", weights_dtype, ("float32", "float16"))
    members = describe_estimator(pipeline, np.dtype(weights_dtype))
    target = resolve_file(path)
    with (
        replace_files(target.parent, sync=True) as temporary,
        open(temporary / target.name, "xb") as file,
    ):
        write_archive(file, members)
    return Path(path)


@set_module("skimdb")
def load_model(path: PathLike) -> DenseClassifier | Pipeline:
    """Open a model that ``save_model`` has saved.

    Nothing in the file is run or unpickled, and TensorFlow is not imported. A
    damaged or changed file is refused: its bytes must be those that ``save_model`` writes for its
    content. That does not tell who made the file, nor whether the model is any good.

    Parameters
    ----------
    path : str or path-like
        Path of the file, or of a folder that ``skimdb train`` or ``skimdb tune`` has written, with
        the model in ``model.skimdb``.

    Returns
    -------
    pipeline : DenseClassifier or sklearn.pipeline.Pipeline
        The model, with the same weights and predictions bit for bit, unless it was saved with
        float16 weights. It can be fitted, cloned, pickled and saved like the original.

    Raises
    ------
    FileNotFoundError, IsADirectoryError
        If the file does not exist, or the folder holds no ``model.skimdb``.
    ValueError
        If the file is not a model, is cut off, was damaged or changed, or has a later format; the
        message gives the file and the reason.

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
    folder = to_path("path", path)
    path = folder / MODEL_FILE if folder.is_dir() else to_file_path(path)
    if folder.is_dir() and not path.exists():
        raise IsADirectoryError(
            f"path must be that of a model file, or of a folder that holds {MODEL_FILE}, as "
            f"`skimdb train` writes it, got the folder {folder}."
        )
    with open(path, "rb", opener=_open_nonblocking) as file:
        try:
            return _restore_columns(build_estimator(Members(read_archive(file))))
        except (OSError, MemoryError):
            raise
        # a forged file that is well-formed may cause an error of any class
        except Exception as error:
            is_clear = isinstance(error, ValueError | TypeError | BadZipFile)
            reason = shorten_reason(str(error) if is_clear else repr(error))
            if isinstance(error, BadZipFile) and _is_pickle(file):
                reason = (
                    "it is not a zip file but a pickle, which runs code when it is opened: if you "
                    "trust it, open it with joblib.load, and write the model with save_model"
                )
            raise ValueError(f"{path} can't be opened as a model: {reason}.") from error


@set_module("skimdb")
def export_keras(pipeline: DenseClassifier | Pipeline, path: PathLike) -> Path:
    """Save the classifier's network as a plain Keras model.

    ``keras.models.load_model(path)`` opens it without skimdb. It is a ``keras.Sequential`` of
    Dense and Dropout layers, without optimizer or loss: compile it to continue training.

    Parameters
    ----------
    pipeline : DenseClassifier or sklearn.pipeline.Pipeline
        A fitted classifier, or a fitted pipeline that ends in one. The steps before it are not
        part of the Keras model: its inputs are the inputs of the classifier.
    path : str or path-like
        Path of the file; must end in ".keras". An existing file is replaced.

    Returns
    -------
    path : pathlib.Path
        Path of the file.

    See Also
    --------
    save_model : Saves the whole pipeline, for skimdb.

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
    if to_file_path(path).suffix != KERAS_SUFFIX:
        raise ValueError(f"path must end in {KERAS_SUFFIX}, got {os.fspath(path)!r}.")
    check_keras("export_keras")
    from skimdb._keras._network import write_keras_model

    target = resolve_file(path)
    with replace_files(target.parent, sync=True) as temporary:
        # Keras insists on the suffix, which the target of a link may lack
        keras_file = temporary / f"network{KERAS_SUFFIX}"
        write_keras_model(classifier._network, classifier._weights(), keras_file)
        keras_file.rename(temporary / target.name)
    return Path(path)


def _open_nonblocking(path, flags):
    # opening a pipe would wait until another process writes to it
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


def _is_pickle(file):
    """Tell whether a file is a pickle, perhaps one that joblib has compressed."""
    file.seek(0)
    head = file.read(HEAD)
    starts = [head]
    decompressors = zlib.decompressobj(wbits=47), BZ2Decompressor(), LZMADecompressor()
    for decompressor in decompressors:
        with suppress(zlib.error, OSError, LZMAError):
            starts.append(decompressor.decompress(head, 2))
    # the first instruction of a pickle gives its version
    return any(re.match(rb"\x80[\x02-\x05]", start) for start in starts)


def _restore_columns(model):
    """Return a model whose steps know, as after a fit, what their columns stand for."""
    vocabulary = columns = None
    index_from = 0
    for _, step in model.steps if isinstance(model, Pipeline) else ():
        if isinstance(step, WordIndexEncoder):
            vocabulary, index_from = step.vocabulary_, step.index_from
        elif isinstance(step, MultiHotVectorizer):
            columns = step._find_columns(vocabulary, index_from)
        elif isinstance(step, LogCountRatioScaler | DenseClassifier):
            step._columns = columns
    return model
