"""``skimdb train --stream``: training on a file that need not fit into memory."""

import csv
import json
import os
import subprocess
import sys

import numpy as np
import pytest
import scipy.sparse as sp
from test_cli import assert_refused, process_settings, run

from skimdb import MultiHotVectorizer, WordIndexEncoder, load_model
from skimdb._cli._labelled_files import labelled_blocks
from skimdb._cli._train_stream import is_test_row
from skimdb._streaming import RowFile, WordCounts
from skimdb.datasets import load_sample_reviews, make_reviews

OPTIONS = ["--units", "8", "--batch-size", 8, "--epochs", 6]


def write_reviews(path, texts, labels):
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
def reviews():
    """The sample's texts, in an order that is no order, and labels as words."""
    X, y = load_sample_reviews(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(y))
    return X[order].tolist(), [("bad", "good")[label] for label in y[order]]


@pytest.fixture(scope="module")
def data(reviews, tmp_path_factory):
    return write_reviews(tmp_path_factory.mktemp("data") / "reviews.jsonl", *reviews)


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
def is_test():
    return is_test_row(0, 400, seed=0)


class TestBlocks:
    @pytest.mark.parametrize("ending", [".csv", ".jsonl"])
    @pytest.mark.parametrize("rows_per_block", [1, 7, 400, 1000])
    def test_hold_all_rows_in_order(self, reviews, tmp_path, ending, rows_per_block):
        path = write_reviews(tmp_path / f"reviews{ending}", *reviews)
        blocks = list(
            labelled_blocks(
                path, text_column="text", label_column="label", rows_per_block=rows_per_block
            )
        )
        assert [len(block.texts) for block in blocks[:-1]] == [rows_per_block] * (len(blocks) - 1)
        assert [text for block in blocks for text in block.texts] == reviews[0]
        assert [label for block in blocks for label in block.labels] == reviews[1]
        assert blocks[-1].end == path.stat().st_size


class TestTestRows:
    def test_are_one_in_five_by_number_and_seed_alone(self):
        chosen = is_test_row(0, 100_000, seed=3)
        assert chosen.mean() == pytest.approx(0.2, abs=0.005)
        np.testing.assert_array_equal(is_test_row(70, 30, seed=3), chosen[70:100])
        other = is_test_row(0, 100_000, seed=4)
        # as independent as two seeds should be
        assert (chosen & other).mean() == pytest.approx(0.04, abs=0.005)

    @pytest.mark.parametrize("seed", [0, 1, 2**32 - 1])
    def test_do_not_depend_on_those_before(self, seed):
        chosen = is_test_row(0, 100_000, seed)
        for distance in (1, 2, 3, 10):
            both = chosen[distance:] & chosen[:-distance]
            assert both.mean() == pytest.approx(0.04, abs=0.005)


class TestWordCounts:
    @pytest.mark.parametrize("n_texts_per_block", [1, 33, 400])
    def test_learn_what_the_encoder_learns(self, reviews, n_texts_per_block):
        texts = [*reviews[0], "", "Ärger, ärger! z\ud800"]
        counts = WordCounts()
        for start in range(0, len(texts), n_texts_per_block):
            counts.update(texts[start : start + n_texts_per_block])
        vocabulary = WordIndexEncoder().fit(texts).vocabulary_
        assert counts.vocabulary(10**9) == vocabulary
        assert counts.vocabulary(5) == {word: n for word, n in vocabulary.items() if n <= 5}

    def test_stay_within_their_limit_and_keep_the_frequent(self):
        rng = np.random.default_rng(0)
        texts = [
            " ".join([*(f"often{i}" for i in range(20)), *map(str, rng.integers(10**9, size=30))])
            for _ in range(300)
        ]
        counts = WordCounts(max_words=200)
        for start in range(0, 300, 3):
            counts.update(texts[start : start + 3])
            assert len(counts._counts) <= 200
        vocabulary = counts.vocabulary(20)
        assert vocabulary == {
            word: rank for rank, word in enumerate(sorted(f"often{i}" for i in range(20)), start=1)
        }


class TestRowFile:
    @pytest.fixture(params=[300, 70_000])
    def rows(self, request):
        X, y = make_reviews(500, n_words=300, random_state=0)
        X[7] = X[7][:0]
        matrix = MultiHotVectorizer(num_words=request.param).fit_transform(X)
        return matrix, y

    @pytest.fixture
    def file(self, rows, tmp_path):
        X, y = rows
        with RowFile(tmp_path, X.shape[1], 100) as file:
            for part in (slice(0, 130), slice(130, 131), slice(131, 131), slice(131, None)):
                file.append(X[part], y[part])
            yield file

    def test_gives_back_what_was_written(self, rows, file):
        X, y = rows
        blocks = list(file.blocks())
        assert file.n_rows == 500
        assert len(blocks) == file.n_blocks
        assert all(block.dtype == np.float32 for block, _ in blocks)
        assert max(len(numbers) for _, numbers in blocks) <= 100
        read = sp.vstack([block for block, _ in blocks])
        assert (read != X).nnz == 0
        np.testing.assert_array_equal(np.concatenate([numbers for _, numbers in blocks]), y)

    def test_shuffles_pieces_of_all_parts(self, rows, file):
        X, y = rows
        order = [block.indices.sum() for block, _ in file.blocks()]
        blocks = list(file.blocks(seed=[0, 1]))
        assert [block.indices.sum() for block, _ in blocks] != order
        # each row once, with its class
        rows_read = sorted(
            (row.indices.tolist(), number)
            for block, numbers in blocks
            for row, number in zip(map(sp.csr_matrix, block), numbers.tolist(), strict=True)
        )
        expected = zip(map(sp.csr_matrix, X), y.tolist(), strict=True)
        assert rows_read == sorted((row.indices.tolist(), number) for row, number in expected)
        again = list(file.blocks(seed=[0, 1]))
        assert all((a != b).nnz == 0 for (a, _), (b, _) in zip(blocks, again, strict=True))

    def test_leaves_no_file(self, rows, tmp_path):
        X, y = rows
        with RowFile(tmp_path, X.shape[1], 100) as file:
            file.append(X, y)
        assert list(tmp_path.iterdir()) == []


class TestTrain:
    def test_writes_what_train_writes(self, folder):
        names = {"model.skimdb", "history.json", "metrics.json", "curves.png"}
        assert {path.name for path in folder.iterdir()} == names
        metrics = metrics_of(folder)
        assert metrics["data"]["stream"] is True
        assert metrics["parameters"]["epochs"] == 6
        assert metrics["labels"] == ["bad", "good"]

    def test_history_has_an_entry_an_epoch(self, folder):
        history = json.loads((folder / "history.json").read_bytes())
        assert set(history) == {"loss", "accuracy"}
        assert {len(values) for values in history.values()} == {6}
        assert history["loss"][-1] < history["loss"][0] / 2
        assert all(0 <= value <= 1 for value in history["accuracy"])

    def test_words_are_those_of_the_training_rows(self, folder, reviews, is_test):
        texts = [text for text, test in zip(reviews[0], is_test, strict=True) if not test]
        encoder = load_model(folder / "model.skimdb")["encoder"]
        assert encoder.vocabulary_ == WordIndexEncoder().fit(texts).vocabulary_

    def test_figures_are_those_of_the_rows(self, folder, reviews, is_test):
        figures = metrics_of(folder)["figures"]
        model = load_model(folder / "model.skimdb")
        for part, chosen in (("training", ~is_test), ("test", is_test)):
            rows = np.flatnonzero(chosen)
            texts, labels = ([values[i] for i in rows] for values in reviews)
            numbers = [("bad", "good").index(label) for label in labels]
            probabilities = model.predict_proba(texts)[np.arange(len(rows)), numbers]
            assert figures[part]["rows"] == len(rows)
            assert figures[part]["accuracy"] == pytest.approx(model.score(texts, labels))
            assert figures[part]["loss"] == pytest.approx(-np.log(probabilities).mean(), rel=1e-4)
        assert figures["test"]["accuracy"] > 0.8

    def test_is_the_same_each_time(self, folder, data, tmp_path):
        stream(data, tmp_path, "--block-rows", 100)
        assert metrics_of(tmp_path)["figures"] == metrics_of(folder)["figures"]
        stream(data, tmp_path, "--block-rows", 100, "--seed", 1)
        assert metrics_of(tmp_path)["figures"] != metrics_of(folder)["figures"]

    def test_rows_in_order_of_their_label_do_no_harm(self, reviews, tmp_path):
        order = np.argsort(reviews[1], kind="stable")
        texts, labels = ([values[i] for i in order] for values in reviews)
        data = write_reviews(tmp_path / "ordered.csv", texts, labels)
        stream(data, tmp_path / "model", "--block-rows", 64, "--epochs", 2)
        # read in the order of the file it is 0.75
        assert metrics_of(tmp_path / "model")["figures"]["test"]["accuracy"] > 0.9

    def test_default_schedule_and_one_block(self, data, tmp_path):
        result = run("train", "--data", data, "--stream", "--out", tmp_path)
        assert result.exit_code == 0, result.output
        metrics = metrics_of(tmp_path)
        assert (metrics["parameters"]["epochs"], metrics["parameters"]["batch_size"]) == (5, 8)
        assert metrics["figures"]["test"]["accuracy"] > 0.8

    def test_interrupted_leaves_nothing(self, data, tmp_path, monkeypatch):
        def interrupt(*args, **_):
            raise KeyboardInterrupt

        monkeypatch.setattr("skimdb.DenseClassifier.partial_fit", interrupt)
        result = run("train", "--data", data, "--stream", "--out", tmp_path / "model")
        assert result.exit_code == 130
        assert not list(tmp_path.iterdir())

    @pytest.mark.parametrize(
        ("lines", "words"),
        [
            (["a"] * 9, ["two labels", "'a'"]),
            (["a", "b"], ["too few rows", "of 2"]),
            (["a", "b"] * 5 + [" "], ["line 12", "'label' is empty"]),
        ],
    )
    def test_bad_files(self, lines, words, tmp_path):
        data = tmp_path / "reviews.csv"
        data.write_text("text,label\n" + "".join(f"x,{label}\n" for label in lines))
        options = ["--stream", "--block-rows", 2, "--out", tmp_path / "model"]
        assert_refused(run("train", "--data", data, *options), "reviews.csv", *words)
        assert list(tmp_path.iterdir()) == [data]

    @pytest.mark.parametrize(
        ("options", "words"),
        [
            (["--stream"], ["--stream", "file of your own", "sample"]),
            (["--stream", "--data", "imdb"], ["--stream", "imdb"]),
            (["--stream", "--data", "no.csv"], ["--data", "no.csv"]),
            (["--stream", "--data", "no.csv", "--validation", "9"], ["--validation"]),
            (["--block-rows", "9"], ["--block-rows", "--stream"]),
            (["--stream", "--block-rows", "0"], ["--block-rows"]),
        ],
    )
    def test_wrong_usage(self, options, words, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        assert_refused(run("train", *options), *words)
        assert not list(tmp_path.iterdir())


# Tells its peak memory in MiB on stdout: not ru_maxrss, which counts the memory of the process
# that has started this one.
TELLING_ITS_PEAK = """
import atexit, re
from pathlib import Path
from skimdb.__main__ import main

@atexit.register
def tell():
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
        options = ["--stream", "--epochs", "1", "--block-rows", "2000"]
        trained = ["train", "--data", data, "--out", tmp_path / "model", *options]
        ended = subprocess.run(
            [sys.executable, "-c", TELLING_ITS_PEAK, *trained],
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
