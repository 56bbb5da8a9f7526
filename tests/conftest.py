"""What several test modules share: the real IMDB data, where a user has it."""

import os
import signal
from pathlib import Path

import pytest
from hypothesis import settings

# Figures are drawn to files only; no test needs a screen.
os.environ.setdefault("MPLBACKEND", "Agg")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

# A shell that starts the tests in the background has them, and all their children, ignore Ctrl-C.
signal.signal(signal.SIGINT, signal.default_int_handler)

# The short profile tries the same cases each time, so that what passes once passes again;
# HYPOTHESIS_PROFILE=long looks for rare ones, for as long as one likes to wait.
settings.register_profile("short", deadline=None, derandomize=True)
settings.register_profile("long", deadline=None, max_examples=2500)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "short"))


def pytest_collection_modifyitems(items):
    """Mark the tests on the real data, so that they can be run by themselves."""
    for item in items:
        if "imdb_home" in getattr(item, "fixturenames", ()):
            item.add_marker("imdb")


@pytest.fixture(scope="session", autouse=True)
def cache_home(tmp_path_factory):
    """A cache folder of the tests' own, empty at the start."""
    folder = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(folder))
        yield folder


@pytest.fixture(scope="session")
def imdb_home():
    """The folder of the real IMDB data that SKIMDB_IMDB_HOME names."""
    home = os.environ.get("SKIMDB_IMDB_HOME")
    if not home:
        pytest.skip("SKIMDB_IMDB_HOME is not set: no IMDB data to test on")
    return Path(home)


@pytest.fixture(scope="session")
def imdb(imdb_home):
    """The IMDB reviews as integer sequences: ((X_train, y_train), (X_test, y_test))."""
    from skimdb.datasets import fetch_imdb

    return tuple(
        fetch_imdb(subset=subset, num_words=10_000, data_home=imdb_home, return_X_y=True)
        for subset in ("train", "test")
    )


@pytest.fixture
def empty_folder(tmp_path_factory, monkeypatch):
    """Work in an empty folder: the default folders of commands must hold no other model."""
    monkeypatch.chdir(tmp_path_factory.mktemp("work"))
