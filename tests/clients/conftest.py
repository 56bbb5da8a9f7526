"""What the tests of other packages share: labelled reviews, and a temporary folder to work in."""

from types import SimpleNamespace

import pytest

from skimdb.datasets import load_sample_reviews


@pytest.fixture(scope="session")
def reviews():
    """300 reviews to train on, and 100 to test on."""
    texts, y = load_sample_reviews(return_X_y=True)
    return SimpleNamespace(X=texts[:300], y=y[:300], X_test=texts[300:], y_test=y[300:])


@pytest.fixture(autouse=True)
def _empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
