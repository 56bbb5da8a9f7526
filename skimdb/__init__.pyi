from . import datasets as datasets
from ._dense_classifier import DenseClassifier as DenseClassifier
from ._displays import SearchResultsDisplay as SearchResultsDisplay
from ._displays import TrainingHistoryDisplay as TrainingHistoryDisplay
from ._displays import plot_model as plot_model
from ._explain import explain as explain
from ._explain import explain_global as explain_global
from ._explanation import Explanation as Explanation
from ._explanation import GlobalExplanation as GlobalExplanation
from ._keras_classifier import KerasClassifier as KerasClassifier
from ._log_count_ratio import LogCountRatioScaler as LogCountRatioScaler
from ._model_files import export_keras as export_keras
from ._model_files import load_model as load_model
from ._model_files import save_model as save_model
from ._multi_hot import MultiHotVectorizer as MultiHotVectorizer
from ._onnx import export_onnx as export_onnx
from ._pipeline import fit_stream as fit_stream
from ._pipeline import multi_hot_pipeline as multi_hot_pipeline
from ._pipeline import text_pipeline as text_pipeline
from ._report import write_report as write_report
from ._word_index import VocabularySelector as VocabularySelector
from ._word_index import WordIndexEncoder as WordIndexEncoder

__version__: str
