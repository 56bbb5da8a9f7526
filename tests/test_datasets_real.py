"""fetch_imdb on the real IMDB data: the facts that are known of it."""

import os
import subprocess
import sys

import numpy as np
import pytest

from skimdb.datasets import fetch_imdb


def test_facts_of_the_real_data(imdb_home):
    for subset, mean in (("train", 238.71364), ("test", 230.8042)):
        X, y = fetch_imdb(data_home=imdb_home, subset=subset, num_words=10_000, return_X_y=True)
        lengths = [len(ids) for ids in X]
        assert np.mean(lengths) == pytest.approx(mean, abs=1e-9)
        assert np.bincount(y).tolist() == [12_500, 12_500]
        if subset == "train":
            assert sum(len(np.unique(ids)) for ids in X) == 3_292_468


@pytest.mark.slow
@pytest.mark.parametrize("subset", ["train", "test"])
def test_real_text_gives_the_sequences_of_the_npz(imdb_home, subset):
    parameters = {"subset": subset, "random_state": None, "return_X_y": True}
    X, y = fetch_imdb(data_home=imdb_home / "imdb.npz", **parameters)
    X_text, y_text = fetch_imdb(data_home=imdb_home / "aclImdb_v1.tar.gz", **parameters)
    permutation = np.random.RandomState(20110626).permutation(25_000)
    np.testing.assert_array_equal(y, y_text[permutation])
    assert all(map(np.array_equal, X, X_text[permutation]))


def test_real_text(imdb_home):
    archive = imdb_home / "aclImdb_v1.tar.gz"
    texts, y = fetch_imdb(data_home=archive, as_text=True, random_state=None, return_X_y=True)
    assert texts.shape == (25_000,)
    assert y.tolist() == [0] * 12_500 + [1] * 12_500
    # aclImdb/train/pos/576_10.txt, the first review in the article
    assert texts[12_500 + 576].startswith("this film was just brilliant,casting")


@pytest.mark.skipif(not os.path.isdir("/proc/self"), reason="reads memory from Linux's /proc")
def test_real_data_takes_little_memory(imdb_home):
    # not ru_maxrss, which counts the memory of the process that has started this one
    code = """
import re, sys
from pathlib import Path
from skimdb.datasets import fetch_imdb

def peak():
    return int(re.search(r"VmHWM:\\s*(\\d+) kB", Path("/proc/self/status").read_text())[1])

before = peak()
fetch_imdb(data_home=sys.argv[1], subset="all")
print(peak() - before)
"""
    child = [sys.executable, "-c", code, imdb_home / "imdb.npz"]
    run = subprocess.run(child, capture_output=True, text=True, check=True)
    assert 30_000 < int(run.stdout) < 300_000
