"""skimdb: a small, fast Keras network behind the scikit-learn interface, for sparse text features.

Names are loaded when first used, so ``import skimdb`` is quick and never imports TensorFlow.
"""

from importlib import import_module
from typing import TYPE_CHECKING

# from here on, forks of this process know whether it had imported TensorFlow
from skimdb import _forks  # noqa: F401

_MODULE_OF = {
    "DenseClassifier": "_dense_classifier",
    "MultiHotVectorizer": "_multi_hot",
    "SearchResultsDisplay": "_search_display",
    "TrainingHistoryDisplay": "_displays",
    "WordIndexEncoder": "_word_index",
    "export_keras": "_model_files",
    "load_model": "_model_files",
    "multi_hot_pipeline": "_pipeline",
    "plot_model": "_displays",
    "save_model": "_model_files",
}

__all__ = [
    "DenseClassifier",
    "MultiHotVectorizer",
    "SearchResultsDisplay",
    "TrainingHistoryDisplay",
    "WordIndexEncoder",
    "datasets",
    "export_keras",
    "load_model",
    "multi_hot_pipeline",
    "plot_model",
    "save_model",
]

if TYPE_CHECKING:
    from skimdb import datasets
    from skimdb._dense_classifier import DenseClassifier
    from skimdb._displays import TrainingHistoryDisplay, plot_model
    from skimdb._model_files import export_keras, load_model, save_model
    from skimdb._multi_hot import MultiHotVectorizer
    from skimdb._pipeline import multi_hot_pipeline
    from skimdb._search_display import SearchResultsDisplay
    from skimdb._word_index import WordIndexEncoder

    __version__: str
else:
    # out of type checkers' sight, to which it would say that any name exists
    def __getattr__(name):
        if name == "datasets":
            return import_module("skimdb.datasets")
        if name == "__version__":
            from importlib.metadata import PackageNotFoundError, version

            try:
                return version("skimdb")
            except PackageNotFoundError as error:
                raise AttributeError(
                    "skimdb is not installed, so it has no __version__"
                ) from error
        if name in _MODULE_OF:
            value = getattr(import_module(f"skimdb.{_MODULE_OF[name]}"), name)
            globals()[name] = value
            return value
        raise AttributeError(f"module 'skimdb' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__, "__version__"])
