import subprocess
import sys

import skimdb

HEAVY = ("tensorflow", "keras", "scikeras")


def imported_modules(code):
    """Names of the modules that a fresh Python imports for some code."""
    command = [sys.executable, "-c", f"{code}\nimport sys; print(*sys.modules)"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()


def test_importing_skimdb_imports_no_tensorflow():
    assert not set(HEAVY) & set(imported_modules("import skimdb"))


def test_public_names_and_parameters_need_no_tensorflow():
    code = (
        "from skimdb import *; from skimdb.datasets import *; import skimdb; "
        "multi_hot_pipeline().set_params(classifier__units=3).get_params()"
    )
    assert not set(HEAVY) & set(imported_modules(code))


def test_public_names():
    for name in skimdb.__all__:
        assert getattr(skimdb, name) is not None
        assert name in dir(skimdb)
    assert skimdb.__version__.count(".") == 2
    assert not hasattr(skimdb, "missing")
