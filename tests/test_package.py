"""The package: its public names, what an import loads, and an import that Ctrl-C ends."""

import inspect
import os
import pickle
import subprocess
import sys
from importlib import import_module
from importlib.metadata import version

import cloudpickle
import pytest

import skimdb

HEAVY = {"tensorflow", "keras", "scikeras"}
PUBLIC_NAMES = {
    "skimdb": {
        "DenseClassifier",
        "KerasClassifier",
        "LogCountRatioScaler",
        "MultiHotVectorizer",
        "SearchResultsDisplay",
        "TrainingHistoryDisplay",
        "Explanation",
        "GlobalExplanation",
        "VocabularySelector",
        "WordIndexEncoder",
        "datasets",
        "explain",
        "explain_global",
        "export_keras",
        "export_onnx",
        "fit_stream",
        "load_model",
        "multi_hot_pipeline",
        "plot_model",
        "save_model",
        "text_pipeline",
        "write_report",
    },
    "skimdb.datasets": {
        "download_imdb",
        "fetch_imdb",
        "fetch_word_index",
        "load_sample_reviews",
        "make_reviews",
        "read_labelled_blocks",
        "read_labelled_texts",
        "read_texts",
    },
}


def imported_modules(code):
    """Names of the modules that a fresh Python imports for some code."""
    command = [sys.executable, "-c", f"{code}\nimport sys; print(*sys.modules)"]
    result = subprocess.run(command, capture_output=True, text=True, check=True)
    return {*result.stdout.split()}


@pytest.mark.keras
@pytest.mark.parametrize("package", PUBLIC_NAMES)
def test_public_names(package):
    module = import_module(package)
    assert {*module.__all__} == PUBLIC_NAMES[package]
    assert {*module.__all__} <= {*dir(module)}
    for name in module.__all__:
        item = getattr(module, name)
        assert item.__name__.rpartition(".")[2] == name
        # what pickle, skops and mlflow find it by
        assert inspect.ismodule(item) or item.__module__ == package
    with pytest.raises(AttributeError, match="missing"):
        module.missing  # noqa: B018


LOAD = """
import pickle, sys
items = pickle.load(sys.stdin.buffer)
print(*[item.__name__ for item in items])
"""


@pytest.mark.slow
@pytest.mark.keras
def test_public_names_in_pickles():
    """They load in a process that has imported nothing, and so do the paths of earlier pickles."""
    items = [
        getattr(import_module(package), name)
        for package, names in PUBLIC_NAMES.items()
        for name in sorted(names - {"datasets"})
    ]
    for dump in (pickle.dumps, cloudpickle.dumps):
        content = dump(items)
        assert b"skimdb._" not in content
        loaded = subprocess.run(
            [sys.executable, "-c", LOAD], input=content, capture_output=True, check=True
        )
        assert loaded.stdout.decode().split() == [item.__name__ for item in items]
    earlier = b"cskimdb._dense_classifier\nDenseClassifier\n."
    assert pickle.loads(earlier) is skimdb.DenseClassifier


def test_source_of_what_has_a_public_path():
    for function in (skimdb.save_model, skimdb.DenseClassifier.fit):
        assert f"def {function.__name__}(" in inspect.getsource(function)


def test_version():
    assert skimdb.__version__ == version("skimdb")
    assert skimdb.__version__.count(".") == 2


@pytest.mark.parametrize("package", PUBLIC_NAMES)
def test_names_are_loaded_when_they_are_used(package):
    modules = imported_modules(f"import {package}")
    assert not (HEAVY | {"numpy", "sklearn", "matplotlib"}) & modules
    assert {name for name in modules if name.startswith("skimdb")} <= {*PUBLIC_NAMES}


@pytest.mark.slow
@pytest.mark.keras
def test_public_names_and_parameters_need_no_tensorflow():
    names = ", ".join(sorted(PUBLIC_NAMES["skimdb"] - {"KerasClassifier"}))
    code = (
        f"from skimdb import {names}; from skimdb.datasets import *; import skimdb; "
        "multi_hot_pipeline().set_params(classifier__units=3).get_params()"
    )
    assert not HEAVY & imported_modules(code)
    assert imported_modules("from skimdb import KerasClassifier") >= HEAVY


RUN_COMMAND = """
import sys
from skimdb.__main__ import main

sys.argv[0] = "skimdb"
try:
    main()
except SystemExit as end:
    assert not end.code
print(*sys.modules)
"""
# what a command has no use for, TensorFlow apart: most of it, or pictures and the web
NOT_NEEDED = {
    "--help": {"numpy", "sklearn", "numba", "matplotlib", "pooch"},
    "--version": {"numpy", "sklearn", "numba", "matplotlib", "pooch"},
    "train --epochs 2": {"pooch", "requests", "onnx", "dask"},
    "predict skimdb-model Wonderful": {"matplotlib", "pooch", "requests", "onnx", "dask"},
    "explain skimdb-model Wonderful": {"matplotlib", "pooch", "requests", "onnx", "dask"},
    "evaluate skimdb-model": {"matplotlib", "pooch", "requests", "onnx", "dask"},
    "report skimdb-model --out report.html": {"pooch", "requests", "onnx", "dask"},
}


@pytest.mark.slow
def test_a_command_imports_no_package_that_it_does_not_need(tmp_path):
    for command, not_needed in NOT_NEEDED.items():
        result = subprocess.run(
            [sys.executable, "-c", RUN_COMMAND, *command.split()],
            capture_output=True,
            text=True,
            cwd=tmp_path,
        )
        assert result.returncode == 0, result.stderr
        modules = {*result.stdout.splitlines()[-1].split()}
        assert not (HEAVY | not_needed) & modules, command


# --- Ctrl-C during an import ------------------------------------------------------------------

INTERRUPT_IMPORT = """
import os, signal, sys

class Interrupt:
    def find_spec(self, name, path, target=None):
        if name == sys.argv[1]:
            sys.meta_path.remove(self)
            os.kill(os.getpid(), signal.SIGINT)

sys.meta_path.insert(0, Interrupt())
"""

TRAIN_TWICE = """
import numpy as np
import scipy.sparse as sp

from skimdb import DenseClassifier

# rows that need the compiled kernels
X, y = 2 * sp.eye(10, format="csr", dtype=np.float32), [0, 1] * 5
backend = "sparse" if sys.argv[1].startswith("numba") else "keras"
classifier = DenseClassifier(units=2, epochs=1, backend=backend)
try:
    classifier.fit(X, y)
except KeyboardInterrupt:
    print(*classifier.fit(X, y).classes_)
"""

COMMAND_LINE = """
from skimdb.__main__ import main

main()
"""


def run_interrupted(script, module):
    """Run a script in a process that Ctrl-C reaches while it imports a module."""
    command = [sys.executable, "-c", INTERRUPT_IMPORT + script, module]
    return subprocess.run(command, capture_output=True, text=True)


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="sends signals as POSIX systems do")
@pytest.mark.parametrize(
    "module",
    [
        "tensorflow.python.trackable.data_structures",
        "tensorflow.python.ops.ragged.ragged_tensor",
        "numba.core.types",
        "numba.stencils.stencil",
    ],
)
def test_a_process_can_train_after_an_interrupted_import(module):
    result = run_interrupted(TRAIN_TWICE, module)
    assert result.stdout == "0 1\n", result.stderr


@pytest.mark.skipif(os.name != "posix", reason="sends signals as POSIX systems do")
@pytest.mark.parametrize("module", ["typer", "skimdb._cli._tune"])
def test_an_interrupted_command_line_ends_with_a_line(module):
    result = run_interrupted(COMMAND_LINE, module)
    assert (result.returncode, result.stdout) == (130, "")
    assert result.stderr == "Error: interrupted.\n"
