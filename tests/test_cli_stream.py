"""``skimdb train --stream``: training on a file that is larger than memory."""

import csv
import json
import os
import re
import signal
import subprocess
import sys

import numpy as np
import pytest
from test_cli import (  # noqa: F401
    WRITTEN,
    assert_refused,
    on_terminal,
    process_settings,
    read_until,
    run,
)

from skimdb import WordIndexEncoder, load_model
from skimdb.datasets import load_sample_reviews, make_reviews

pytestmark = pytest.mark.usefixtures("empty_folder")

OPTIONS = ["--units", "8", "--batch-size", 8, "--epochs", 6]


def write_texts(path, texts, labels):
    with open(path, "w", newline="") as file:
        if path.suffix == ".csv":
            table = csv.writer(file)
            table.writerow(["text", "label"])
            table.writerows(zip(texts, labels, strict=True))
        else:
            for text, label in zip(texts, labels, strict=True):
                file.write(json.dumps({"text": text, "label": label}) + "\n")
    return path


@pytest.fixture(scope="module")
def sample():
    """The sample's texts, shuffled, and labels as words."""
    X, y = load_sample_reviews(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(y))
    return X[order].tolist(), [("bad", "good")[label] for label in y[order]]


@pytest.fixture(scope="module")
def data(sample, tmp_path_factory):
    return write_texts(tmp_path_factory.mktemp("data") / "texts.jsonl", *sample)


def stream(data, folder, *options):
    result = run("train", "--data", data, "--stream", *OPTIONS, *options, "--out", folder)
    assert result.exit_code == 0, result.output
    return result


def metrics_of(folder):
    return json.loads((folder / "metrics.json").read_bytes())


@pytest.fixture(scope="module")
def folder(data, tmp_path_factory):
    folder = tmp_path_factory.mktemp("streamed") / "model"
    result = stream(data, folder, "--block-rows", 100)
    assert result.stderr == ""
    return folder


@pytest.fixture(scope="module")
def is_test(tmp_path_factory):
    """Whether each of 400 rows is a test row under seed 0: it teaches no words."""
    folder = tmp_path_factory.mktemp("words")
    words = [f"row{i}" for i in range(400)]
    write_texts(folder / "words.csv", words, ["a", "b"] * 200)
    stream(folder / "words.csv", folder / "model", "--epochs", 1)
    vocabulary = load_model(folder / "model" / "model.skimdb")["encoder"].vocabulary_
    return np.array([word not in vocabulary for word in words])


class TestTrain:
    def test_writes_what_train_writes(self, folder):
        assert {path.name for path in folder.iterdir()} == WRITTEN
        metrics = metrics_of(folder)
        assert metrics["data"]["stream"] is True
        assert metrics["parameters"] == {
            "model": "article",
            "num_words": 10_000,
            "units": [8],
            "epochs": 6,
            "batch_size": 8,
            "class_weight": None,
            "random_state": 0,
        }
        assert metrics["labels"] == ["bad", "good"]

    def test_history_has_an_entry_an_epoch(self, folder):
        history = json.loads((folder / "history.json").read_bytes())
        assert set(history) == {"loss", "accuracy"}
        assert {len(values) for values in history.values()} == {6}
        assert history["loss"][-1] < history["loss"][0] / 2
        assert all(0 <= value <= 1 for value in history["accuracy"])

    def test_words_are_those_of_the_training_rows(self, folder, sample, is_test):
        texts = [text for text, test in zip(sample[0], is_test, strict=True) if not test]
        encoder = load_model(folder / "model.skimdb")["encoder"]
        assert encoder.vocabulary_ == WordIndexEncoder().fit(texts).vocabulary_

    def test_figures_are_those_of_the_rows(self, folder, sample, is_test):
        figures = metrics_of(folder)["figures"]
        model = load_model(folder / "model.skimdb")
        for part, chosen in (("training", ~is_test), ("test", is_test)):
            rows = np.flatnonzero(chosen)
            texts, labels = ([values[i] for i in rows] for values in sample)
            numbers = [("bad", "good").index(label) for label in labels]
            probabilities = model.predict_proba(texts)[np.arange(len(rows)), numbers]
            assert figures[part]["rows"] == len(rows)
            assert figures[part]["accuracy"] == pytest.approx(model.score(texts, labels))
            assert figures[part]["loss"] == pytest.approx(-np.log(probabilities).mean(), rel=1e-4)
        assert figures["test"]["accuracy"] > 0.8

    @pytest.mark.slow
    def test_is_the_same_each_time(self, folder, data, tmp_path):
        stream(data, tmp_path, "--block-rows", 100)
        assert metrics_of(tmp_path)["figures"] == metrics_of(folder)["figures"]
        stream(data, tmp_path, "--block-rows", 100, "--seed", 1, "--force")
        assert metrics_of(tmp_path)["figures"] != metrics_of(folder)["figures"]

    def test_test_rows_do_not_depend_on_the_blocks(self, folder, data, tmp_path):
        stream(data, tmp_path, "--block-rows", 37)
        held_out = [
            json.loads((path / "held_out.json").read_bytes()) for path in (tmp_path, folder)
        ]
        assert held_out[0] == held_out[1]
        about_a_fifth = range(50, 110)
        assert len(held_out[0]["rows"]) in about_a_fifth

    def test_each_label_is_trained(self, tmp_path):
        """Also a label of two rows that would both be test rows by chance, as with this seed."""
        rows = [("x", "a"), ("y", "b"), ("z", "rare"), *[("x", "a"), ("y", "b")] * 20]
        path = write_texts(tmp_path / "texts.csv", *zip(*rows, ("z", "rare"), strict=True))
        stream(path, tmp_path / "model", "--seed", 20)
        metrics = metrics_of(tmp_path / "model")
        assert metrics["labels"] == ["a", "b", "rare"]
        assert metrics["figures"]["test"]["classes"]["rare"]["rows"] == 1
        assert "z" in load_model(tmp_path / "model" / "model.skimdb")["encoder"].vocabulary_

    @pytest.mark.slow
    def test_label_that_is_never_predicted(self, tmp_path):
        texts, labels = ["x", "y", "y", "y", "y"] * 40, ["a", "b", "b", "b", "b"] * 40
        path = write_texts(tmp_path / "texts.csv", ["no word"] * 200, labels)
        result = run("train", "--data", path, "--stream", "--out", tmp_path / "model")
        assert result.exit_code == 0, result.output
        assert re.search(r"Note: none of the \d\d test rows is predicted as 'a'", result.stderr)
        assert "balanced" not in result.stderr
        path = write_texts(tmp_path / "texts.csv", texts, labels)
        result = run("train", "--data", path, "--stream", "--force", "--out", tmp_path / "model")
        assert "none of the" not in result.stderr

    def test_rows_sorted_by_label_do_no_harm(self, sample, tmp_path):
        order = np.argsort(sample[1], kind="stable")
        texts, labels = ([values[i] for i in order] for values in sample)
        data = write_texts(tmp_path / "sorted.csv", texts, labels)
        stream(data, tmp_path / "model", "--block-rows", 64, "--epochs", 2)
        # 0.75 if blocks are read in the order of the file
        assert metrics_of(tmp_path / "model")["figures"]["test"]["accuracy"] > 0.9

    def test_default_schedule_and_one_block(self, data, tmp_path):
        model = ["--model", "article", "--class-weight", "none"]
        result = run("train", "--data", data, "--stream", *model, "--out", tmp_path)
        assert result.exit_code == 0, result.output
        metrics = metrics_of(tmp_path)
        assert (metrics["parameters"]["epochs"], metrics["parameters"]["batch_size"]) == (10, 16)
        assert metrics["figures"]["test"]["accuracy"] > 0.8

    @pytest.mark.filterwarnings("default")
    def test_warnings_of_scikit_learn_are_not_shown(self, tmp_path):
        """That there are many labels for so few rows would be one."""
        write_texts(tmp_path / "texts.csv", map(str, range(400)), range(400))
        options = ["--data", tmp_path / "texts.csv", "--stream", "--label-column", "label"]
        result = run("train", *options, "--out", tmp_path / "model")
        assert_refused(result, "each label at least twice")

    @pytest.mark.slow
    def test_ctrl_c_leaves_nothing(self, data, tmp_path, on_terminal):  # noqa: F811
        options = ["--stream", "--epochs", 1_000_000, "--out", tmp_path / "model"]
        process, terminal = on_terminal("train", "--data", data, *options)
        output = read_until(terminal, b"loss 0.")
        for word in (b"Reading", b"Encoding", b"Training", b"loss 0."):
            assert word in output
        process.send_signal(signal.SIGINT)
        output = read_until(terminal, b"interrupted")
        assert process.wait(60) == 130
        assert b"Traceback" not in output
        assert not list(tmp_path.iterdir())

    @pytest.mark.parametrize(
        ("lines", "words"),
        [
            (["a"] * 9, ["at least two", "'a'"]),
            (["a", "b", "a"], ["each label at least twice", "'b' once"]),
            (list(range(400)), ["each label at least twice", "once"]),
            (["a", "b", "a", "b"], ["more rows", "4 rows", "--seed"]),
            (["a", "b"] * 5 + [" "], ["texts.csv", "line 12", "'label' is empty"]),
        ],
    )
    def test_bad_files(self, lines, words, tmp_path):
        data = tmp_path / "texts.csv"
        data.write_text("text,label\n" + "".join(f"x,{label}\n" for label in lines))
        # with this seed, none of four rows is a test row
        options = ["--stream", "--block-rows", 2, "--seed", 3, "--out", tmp_path / "model"]
        options += ["--text-column", "text", "--label-column", "label"]
        assert_refused(run("train", "--data", data, *options), *words)
        assert list(tmp_path.iterdir()) == [data]

    @pytest.mark.parametrize(
        ("options", "words"),
        [
            (["--stream"], ["--stream", "your own file", "sample"]),
            (["--stream", "--data", "imdb"], ["--stream", "imdb"]),
            (["--stream", "--data", "no.csv"], ["--data", "no.csv"]),
            (["--stream", "--data", "no.csv", "--validation", "9"], ["--validation"]),
            (["--stream", "--data", "no.csv", "--model", "text"], ["n-grams", "--model article"]),
            (
                ["--stream", "--data", "no.csv", "--class-weight", "balanced"],
                ["--class-weight", "--stream", "labels of all rows"],
            ),
            (["--block-rows", "9"], ["--block-rows", "--stream"]),
            (["--stream", "--block-rows", "0"], ["--block-rows"]),
        ],
    )
    def test_wrong_usage(self, options, words, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        assert_refused(run("train", *options), *words)
        assert not list(tmp_path.iterdir())


# Prints its peak memory in MiB: not ru_maxrss, which includes the memory of the parent process.
MAIN_WITH_PEAK_MEMORY = """
import atexit, re
from pathlib import Path
from skimdb.__main__ import main

@atexit.register
def print_peak():
    status = Path("/proc/self/status").read_text()
    print(int(re.search(r"VmHWM:\\s*(\\d+) kB", status)[1]) / 1024)

main()
"""


@pytest.mark.slow
@pytest.mark.skipif(not os.path.isdir("/proc/self"), reason="reads memory from Linux's /proc")
def test_memory_does_not_grow_with_the_file(tmp_path):
    peaks = []
    for n_rows in (5_000, 60_000):
        data = tmp_path / f"{n_rows}.jsonl"
        with open(data, "w") as file:
            for seed in range(n_rows // 5_000):
                X, y = make_reviews(5_000, random_state=seed)
                for ids, label in zip(X, y.tolist(), strict=True):
                    text = " ".join(f"w{i}" for i in ids.tolist())
                    file.write(json.dumps({"text": text, "label": label}) + "\n")
        options = ["--stream", "--epochs", "1", "--block-rows", "2000", "--force"]
        command = ["train", "--data", data, "--out", tmp_path / "model", *options]
        ended = subprocess.run(
            [sys.executable, "-c", MAIN_WITH_PEAK_MEMORY, *command],
            stdout=subprocess.PIPE,
            text=True,
            check=True,
            **process_settings(),
        )
        peaks.append(float(ended.stdout.splitlines()[-1]))
    size = (data.stat().st_size) / 2**20
    assert size > 60
    assert metrics_of(tmp_path / "model")["figures"]["test"]["accuracy"] > 0.8
    assert peaks[1] < peaks[0] + size / 3
