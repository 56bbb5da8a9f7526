"""The command line: what it prints, writes and ends with."""

import csv
import json
import os
import re
import shlex
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from typer.main import get_command
from typer.testing import CliRunner

import skimdb
from skimdb import DenseClassifier, MultiHotVectorizer, WordIndexEncoder, load_model
from skimdb._cli import _reproduce, app
from skimdb._cli._files import write_files
from skimdb._cli._labelled_files import read_labelled_file
from skimdb._cli._training import default_schedule
from skimdb.datasets import load_sample_reviews, make_reviews

COMMANDS = ("train", "tune", "evaluate", "predict", "download", "reproduce")
WRITTEN = {"model.skimdb", "history.json", "metrics.json", "curves.png"}
PRAISE = "A wonderful, funny and moving film with superb acting."
BLAME = "A dull, awful mess: boring, badly written and a waste of time."


def run(*args, stdin=None):
    return CliRunner().invoke(app, [*map(str, args)], input=stdin)


def assert_refused(result, *words, code=2):
    """The command ended with an exit code and one line on stderr that holds the words."""
    assert result.exit_code == code, result.output
    assert result.stdout == ""
    assert result.stderr.startswith("Error: ")
    assert result.stderr.count("\n") == 1
    for word in words:
        assert word in result.stderr


def command(*args):
    return [sys.executable, "-m", "skimdb", *map(str, args)]


def process_settings(**changes):
    """Settings of subprocess for a command as a user starts it, whatever the tests have set."""
    dropped = ("TF_CPP_MIN_LOG_LEVEL", "FORCE_COLOR", "MPLBACKEND")
    env = {name: value for name, value in os.environ.items() if name not in dropped}
    return {"cwd": Path(skimdb.__file__).parents[1], "env": env | changes}


@pytest.fixture
def on_terminal():
    """Start a command whose stderr is a terminal; yields a function that does it.

    The function takes the command's arguments, and those of Python if it is another program.
    """
    pty, termios = pytest.importorskip("pty"), pytest.importorskip("termios")
    terminal, end_of_process = pty.openpty()
    termios.tcsetwinsize(terminal, (24, 80))
    processes = []

    def start(*args, program=("-m", "skimdb")):
        process = subprocess.Popen(
            [sys.executable, *program, *map(str, args)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=end_of_process,
            **process_settings(TERM="xterm", COLUMNS="80"),
        )
        os.close(end_of_process)
        processes.append(process)
        return process, terminal

    yield start
    for process in processes:
        process.kill()
        process.communicate()
    os.close(terminal)


def read_until(terminal, word, seconds=60):
    shown = b""
    end = time.monotonic() + seconds
    while word not in shown and time.monotonic() < end:
        try:
            shown += os.read(terminal, 4096)
        except OSError:  # the process has ended
            break
    return shown


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A model trained on the sample, and what the command printed."""
    folder = tmp_path_factory.mktemp("trained") / "deep" / "model"
    result = run("train", "--validation", 50, "--out", folder)
    assert result.exit_code == 0, result.output
    metrics = json.loads((folder / "metrics.json").read_bytes())
    return SimpleNamespace(folder=folder, result=result, metrics=metrics)


@pytest.fixture(scope="module")
def own_reviews():
    """Reviews and labels of a user: a fifth of the sample, with labels of their own."""
    X, y = load_sample_reviews(return_X_y=True)
    return X[:80].tolist(), [("bad", "good")[label] for label in y[:80]]


@pytest.fixture(scope="module")
def made_imdb(tmp_path_factory):
    """A folder like that of the real IMDB data, with a few made reviews."""
    home = tmp_path_factory.mktemp("imdb")
    arrays = {}
    for part, seed in (("train", 0), ("test", 1)):
        X, y = make_reviews(600, n_words=500, random_state=seed)
        ranks = np.empty(len(X), dtype=object)
        ranks[:] = [(ids[1:] - 3).tolist() for ids in X]
        arrays |= {f"x_{part}": ranks, f"y_{part}": y}
    np.savez(home / "imdb.npz", **arrays)
    word_index = {f"word{rank}": rank for rank in range(1, 500)}
    (home / "imdb_word_index.json").write_text(json.dumps(word_index))
    return home


@pytest.fixture(scope="module")
def imdb_model(made_imdb, tmp_path_factory):
    """The folder of a model trained on the made reviews."""
    folder = tmp_path_factory.mktemp("imdb-model")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SKIMDB_IMDB_HOME", str(made_imdb))
        result = run("train", "--data", "imdb", "--num-words", 400, "--out", folder)
    assert result.exit_code == 0, result.output
    return folder


class TestHelp:
    @pytest.mark.parametrize("args", [[], ["--help"], ["-h"]])
    def test_of_the_app_names_the_commands(self, args):
        result = run(*args)
        assert result.exit_code == 0
        assert all(name in result.stdout for name in COMMANDS)

    @pytest.mark.parametrize("name", COMMANDS)
    def test_of_each_command_has_examples_that_parse(self, name):
        result = run(name, "--help")
        assert result.exit_code == 0
        _, _, shown = result.stdout.partition("Examples:")
        examples = [line.strip() for line in shown.splitlines() if "skimdb " + name in line]
        assert len(examples) >= 2
        for example in examples:
            _, _, arguments = example.partition(f"skimdb {name}")
            # raises a usage error for what the command does not take
            get_command(app).commands[name].make_context(name, shlex.split(arguments))

    def test_version(self):
        result = run("--version")
        assert result.exit_code == 0
        assert result.stdout.startswith("skimdb ")

    def test_needs_no_heavy_import(self):
        code = (
            "import sys, skimdb._cli; "
            "sys.exit(bool({'numpy', 'sklearn', 'tensorflow'} & set(sys.modules)))"
        )
        subprocess.run([sys.executable, "-c", code], check=True, **process_settings())


class TestWrongUsage:
    @pytest.mark.parametrize(
        ("args", "words"),
        [
            (["frobnicate"], ["frobnicate", "--help"]),
            (["train", "--frobnicate"], ["--frobnicate", "train --help"]),
            (["train", "--epochs", "-1"], ["--epochs"]),
            (["train", "--epochs", "many"], ["--epochs"]),
            (["train", "--units", "16,none"], ["--units", "16,none"]),
            (["train", "--units", "0"], ["--units"]),
            (["train", "--seed", "-1"], ["--seed"]),
            (["train", "--validation", "300"], ["--validation", "298", "got 300"]),
            (["train", "--validation", "1"], ["--validation", "got 1"]),
            (["train", "--data", "nowhere.csv"], ["--data", "nowhere.csv"]),
            (["train", "--data", "sampel"], ["sample, imdb or a file", "sampel"]),
            (["train", "--data", "."], ["folder"]),
            (["predict"], ["MODEL"]),
            (["predict", "nowhere", "Good."], ["nowhere", "skimdb train"]),
            (["predict", "nowhere", "Good.", "--file", "x"], ["--file", "not both"]),
            (["reproduce", "--seeds", "0"], ["--seeds"]),
        ],
    )
    def test_is_explained_in_one_line(self, args, words, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        assert_refused(run(*args), *words)
        assert not list(tmp_path.iterdir())

    def test_out_may_not_be_a_file(self, tmp_path):
        file = tmp_path / "taken"
        file.touch()
        assert_refused(run("train", "--out", file), "--out", "taken")
        assert_refused(run("reproduce", "--out", file / "deeper"), "--out", "taken")

    def test_exit_code_of_the_process(self, tmp_path):
        done = subprocess.run(
            command("predict", tmp_path, "Good."), capture_output=True, **process_settings()
        )
        assert done.returncode == 2
        assert done.stdout == b""
        assert done.stderr.startswith(b"Error: ")
        assert done.stderr.count(b"\n") == 1

    def test_bugs_keep_their_traceback(self, monkeypatch):
        def fail(*args):
            raise KeyError("a bug")

        monkeypatch.setattr("skimdb._cli._files.load_model", fail)
        result = run("predict", "model", "Good.")
        assert isinstance(result.exception, KeyError)


class TestLabelledFile:
    def read(self, path):
        return read_labelled_file(path, text_column="text", label_column="label")

    @pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
    def test_csv(self, tmp_path, mark):
        path = tmp_path / "reviews.CSV"
        path.write_bytes(
            mark
            + 'label, id,text\r\n 1,7,"Très, ""très"" bon\r\net beau"\r\n\r\n0,8,\r\n'.encode()
        )
        assert self.read(path) == (['Très, "très" bon\net beau', ""], ["1", "0"])

    @pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
    @pytest.mark.parametrize("ending", [".jsonl", ".ndjson", ".json"])
    def test_json_lines(self, tmp_path, mark, ending):
        path = tmp_path / f"reviews{ending}"
        lines = [
            '{"label": " good ", "text": "Très bon", "id": 3}',
            "",
            '{"text": "", "label": "0"}',
        ]
        path.write_bytes(mark + "\n".join(lines).encode())
        assert self.read(path) == (["Très bon", ""], ["good", "0"])

    @pytest.mark.parametrize("labels", [["1", "0"], ["true", "false"]])
    def test_json_labels_that_are_no_text_are_spelled_out(self, tmp_path, labels):
        path = tmp_path / "reviews.jsonl"
        path.write_text("".join(f'{{"text": "x", "label": {label}}}\n' for label in labels))
        assert self.read(path) == (["x", "x"], labels)

    def test_long_field(self, tmp_path):
        path = tmp_path / "reviews.csv"
        path.write_text(f"text,label\n{'word ' * 100_000},good\n")
        assert len(self.read(path)[0][0]) == 500_000

    @pytest.mark.parametrize(
        ("name", "content", "words"),
        [
            ("a.csv", b"", ["a.csv", "column names"]),
            ("a.csv", b"text,label\n", ["a.csv", "at least one review"]),
            ("a.csv", b"text;label\nx;y\n", ["no column 'text'", "'text;label'"]),
            ("a.csv", b"text,text,label\nx,y,z\n", ["more than one column 'text'"]),
            ("a.csv", b"text,label\ncaf\xe9,y\n", ["line 2", "UTF-8", "0xe9"]),
            ("a.csv", "text,label\nx,y\n".encode("utf-16"), ["line 1", "UTF-8"]),
            ("a.csv", b"text,label\nx,y\nx,y,z\n", ["line 3", "expected 2", "got 3"]),
            ("a.csv", b'text,label\nx,y\n"x,y\n', ["line 3", "broken CSV"]),
            ("a.csv", b"text,label\nx, \n", ["line 2", "'label' is empty"]),
            ("a.jsonl", b"", ["at least one review"]),
            ("a.jsonl", b'{"text": "x", "label": 1}\n{"text": \n', ["line 2", "broken JSON"]),
            ("a.jsonl", b"[" * 100_000, ["line 1", "broken JSON"]),
            ("a.jsonl", b'{"text": "\xe9"}\n', ["line 1", "UTF-8"]),
            ("a.jsonl", b'["x", "y"]\n', ["line 1", "JSON object"]),
            ("a.jsonl", b'{"text": "x"}\n', ["line 1", "no 'label' among 'text'"]),
            ("a.jsonl", b'{"text": 5, "label": 1}\n', ["line 1", "'text' must be a text", "5"]),
            ("a.jsonl", b'{"text": "", "label": null}\n', ["line 1", "'label' must be", "null"]),
            ("a.jsonl", b'{"text": "", "label": 0.5}\n', ["line 1", "'label' must be", "0.5"]),
            ("a.txt", b"x\n", [".csv, .jsonl, .ndjson, .json"]),
        ],
    )
    def test_errors_name_the_file_and_the_line(self, tmp_path, name, content, words):
        path = tmp_path / name
        path.write_bytes(content)
        result = run("train", "--data", path, "--out", tmp_path / "model")
        assert_refused(result, *words)
        assert not (tmp_path / "model").exists()

    @pytest.mark.parametrize(
        ("labels", "words"),
        [("aaaa", ["two labels", "'a'"]), ("aaab", ["each label at least twice", "'b' once"])],
    )
    def test_too_few_labels_to_train(self, tmp_path, labels, words):
        path = tmp_path / "reviews.csv"
        path.write_text("text,label\n" + "".join(f"x,{label}\n" for label in labels))
        assert_refused(run("train", "--data", path), *words)

    def test_column_options(self, tmp_path):
        path = tmp_path / "reviews.csv"
        path.write_text("text,label\nx,a\n")
        result = run("train", "--data", path, "--text-column", "body")
        assert_refused(result, "'body'", "--text-column")
        result = run("train", "--data", path, "--text-column", "label")
        assert_refused(result, "must differ")


class TestDefaultSchedule:
    def test_of_imdb_is_the_articles(self):
        assert default_schedule(25_000) == (4, 512)

    @pytest.mark.parametrize("n_rows", [1, 10, 300, 1000, 4321, 15_000, 25_000])
    def test_makes_about_200_steps(self, n_rows):
        epochs, batch_size = default_schedule(n_rows)
        assert epochs * -(-n_rows // batch_size) == pytest.approx(200, abs=60)

    def test_of_many_rows(self):
        assert default_schedule(10_000_000) == (2, 512)


class TestWriteFiles:
    def test_replaces_and_leaves_other_files(self, tmp_path):
        (tmp_path / "a").write_bytes(b"old")
        (tmp_path / "other").write_bytes(b"kept")
        write_files(tmp_path, {"a": b"new", "b": b"also"})
        found = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
        assert found == {"a": b"new", "b": b"also", "other": b"kept"}

    def test_error_leaves_everything_as_it_was(self, tmp_path):
        (tmp_path / "a").write_bytes(b"old")
        with pytest.raises(TypeError):
            write_files(tmp_path, {"a": b"new", "b": "no bytes"})
        assert [path.name for path in tmp_path.iterdir()] == ["a"]
        assert (tmp_path / "a").read_bytes() == b"old"


class TestTrain:
    def test_writes_its_files_and_nothing_else(self, trained):
        assert {path.name for path in trained.folder.iterdir()} == WRITTEN
        assert (trained.folder / "curves.png").read_bytes().startswith(b"\x89PNG")
        history = json.loads((trained.folder / "history.json").read_bytes())
        assert set(history) == {"loss", "accuracy", "val_loss", "val_accuracy"}
        assert len(history["loss"]) == trained.metrics["parameters"]["epochs"]

    def test_is_quiet_in_a_pipe(self, trained):
        assert trained.result.stderr == ""
        assert "\x1b" not in trained.result.stdout

    def test_table_shows_the_figures(self, trained):
        figures = trained.metrics["figures"]
        assert {name: part["rows"] for name, part in figures.items()} == {
            "training": 250,
            "validation": 50,
            "test": 100,
        }
        lines = [line.split() for line in trained.result.stdout.splitlines()]
        for name, part in figures.items():
            shown = [name.capitalize(), str(part["rows"])]
            assert [*shown, f"{part['loss']:.4f}", f"{part['accuracy']:.4f}"] in lines

    def test_metrics_tell_how_it_was_made(self, trained):
        metrics = trained.metrics
        epochs, batch_size = default_schedule(250)
        assert metrics["parameters"] == {
            "num_words": 10_000,
            "units": [16, 16],
            "epochs": epochs,
            "batch_size": batch_size,
            "random_state": 0,
        }
        assert metrics["data"]["source"] == "sample"
        assert metrics["labels"] == ["negative", "positive"]
        assert {"skimdb", "tensorflow", "scikit-learn"} <= set(metrics["versions"])
        assert 0 < metrics["seconds"]["train"] < metrics["seconds"]["total"]

    def test_model_is_a_plain_pipeline_of_texts(self, trained):
        pipeline = load_model(trained.folder / "model.skimdb")
        assert list(pipeline.named_steps) == ["encoder", "vectorizer", "classifier"]
        assert pipeline["classifier"].callbacks is None
        assert pipeline.predict([PRAISE, BLAME]).tolist() == ["positive", "negative"]

    @pytest.mark.parametrize("form", ["csv", "jsonl"])
    def test_on_own_reviews(self, tmp_path, own_reviews, form):
        data = tmp_path / f"reviews.{form}"
        rows = [{"body": text, "kind": label} for text, label in zip(*own_reviews, strict=True)]
        with open(data, "w", encoding="utf-8", newline="") as file:
            if form == "csv":
                writer = csv.DictWriter(file, ["body", "kind"])
                writer.writeheader()
                writer.writerows(rows)
            else:
                file.writelines(json.dumps(row) + "\n" for row in rows)
        columns = ["--text-column", "body", "--label-column", "kind"]
        model = tmp_path / "model"
        options = ["--units", "8", "--epochs", 3, "--batch-size", 4, "--num-words", 1000]
        result = run("train", "--data", data, *columns, *options, "--out", model)
        assert result.exit_code == 0, result.output
        metrics = json.loads((model / "metrics.json").read_bytes())
        assert metrics["labels"] == ["bad", "good"]
        assert metrics["figures"]["training"]["rows"] == 64
        assert metrics["figures"]["test"]["rows"] == 16
        classifier = load_model(model / "model.skimdb")["classifier"]
        assert classifier.units == (8,)
        assert classifier.n_features_in_ == 1000
        assert (classifier.n_iter_, classifier.batch_size) == (3, 4)

        result = run("evaluate", model, "--data", data, *columns, "--json")
        assert json.loads(result.stdout)["rows"] == 80
        assert_refused(run("evaluate", model), "--data")

    def test_seed_decides(self, tmp_path, trained):
        def history(seed):
            result = run("train", "--validation", 50, "--seed", seed, "--out", tmp_path)
            assert result.exit_code == 0, result.output
            return json.loads((tmp_path / "history.json").read_bytes())

        first = json.loads((trained.folder / "history.json").read_bytes())
        assert history(0) == first
        assert history(1) != first

    def test_interrupted_leaves_nothing(self, tmp_path, monkeypatch):
        def interrupt(*args):
            raise KeyboardInterrupt

        monkeypatch.setattr("skimdb._cli._terminal._figures", interrupt)
        result = run("train", "--out", tmp_path / "model")
        assert result.exit_code == 130
        assert result.stderr == "Error: interrupted.\n"
        assert result.stdout == ""
        assert not list(tmp_path.iterdir())

    def test_keeps_the_old_model_when_interrupted_at_the_end(self, tmp_path, monkeypatch):
        old = dict.fromkeys(WRITTEN, b"old")
        write_files(tmp_path, old)

        def interrupt(*args):
            raise KeyboardInterrupt

        monkeypatch.setattr("skimdb._whole_files.Path.replace", interrupt)
        assert run("train", "--epochs", 1, "--out", tmp_path).exit_code == 130
        assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == old

    def test_sample_accuracy_over_five_seeds(self, tmp_path):
        accuracies = []
        for seed in range(5):
            result = run("train", "--seed", seed, "--out", tmp_path)
            assert result.exit_code == 0, result.output
            metrics = json.loads((tmp_path / "metrics.json").read_bytes())
            accuracies.append(metrics["figures"]["test"]["accuracy"])
        assert np.mean(accuracies) >= 0.9


class TestEvaluate:
    def test_sample_means_the_rows_left_out_of_training(self, trained):
        result = run("evaluate", trained.folder, "--json")
        assert result.exit_code == 0, result.output
        figures = json.loads(result.stdout)
        assert figures["data"] == "sample"
        for name, value in trained.metrics["figures"]["test"].items():
            assert figures[name] == pytest.approx(value)
        confusion = np.array(figures["confusion"])
        assert confusion.sum(axis=1).tolist() == [50, 50]
        assert confusion.trace() / 100 == pytest.approx(figures["accuracy"])

    def test_table(self, trained):
        result = run("evaluate", trained.folder)
        assert result.exit_code == 0
        assert "100 reviews: loss 0." in result.stdout
        assert "Predicted positive" in result.stdout

    def test_model_alone_is_tested_on_the_whole_sample(self, trained, tmp_path):
        model = tmp_path / "alone.skimdb"
        model.write_bytes((trained.folder / "model.skimdb").read_bytes())
        result = run("evaluate", model, "--data", "sample", "--json")
        assert json.loads(result.stdout)["rows"] == 400
        assert_refused(run("evaluate", model), "--data")

    def test_labels_the_model_does_not_know(self, trained, tmp_path):
        data = tmp_path / "reviews.csv"
        data.write_text("text,label\nx,positive\ny,mixed\n")
        result = run("evaluate", trained.folder, "--data", data)
        assert_refused(result, "'negative', 'positive'", "'mixed'")

    def test_one_label_is_enough(self, trained, tmp_path):
        data = tmp_path / "reviews.csv"
        data.write_text(f'text,label\n"{PRAISE}",positive\n')
        result = run("evaluate", trained.folder, "--data", data, "--json")
        assert json.loads(result.stdout)["confusion"] == [[0, 0], [0, 1]]

    def test_damaged_metrics(self, trained, tmp_path):
        for name in WRITTEN:
            (tmp_path / name).write_bytes((trained.folder / name).read_bytes())
        (tmp_path / "metrics.json").write_text("[1")
        assert_refused(run("evaluate", tmp_path), "metrics.json")


class TestPredict:
    def test_texts(self, trained):
        result = run("predict", trained.folder, PRAISE, BLAME)
        assert result.exit_code == 0, result.output
        probabilities = load_model(trained.folder / "model.skimdb").predict_proba([PRAISE, BLAME])
        assert result.stdout == (
            f"positive\t{probabilities[0, 1]:.4f}\nnegative\t{probabilities[1, 0]:.4f}\n"
        )
        assert result.stderr == ""

    def test_json(self, trained):
        result = run("predict", trained.folder, PRAISE, BLAME, "--json")
        answers = [json.loads(line) for line in result.stdout.splitlines()]
        assert [answer["label"] for answer in answers] == ["positive", "negative"]
        assert all(0.5 <= answer["probability"] <= 1 for answer in answers)

    @pytest.mark.parametrize("args", [[], ["-"], ["--file", "-"]])
    def test_standard_input(self, trained, args):
        stdin = f"\ufeff{PRAISE}\r\n\n{BLAME}".encode()
        result = run("predict", trained.folder, *args, stdin=stdin)
        expected = run("predict", trained.folder, PRAISE, "", BLAME)
        assert result.exit_code == 0
        assert result.stdout == expected.stdout
        assert result.stdout.count("\n") == 3

    def test_nothing_to_read(self, trained):
        result = run("predict", trained.folder, "-", stdin=b"")
        assert (result.exit_code, result.stdout) == (0, "")

    def test_file_of_any_size(self, trained, tmp_path):
        file = tmp_path / "reviews.txt"
        # lines that are longer than a block, and blocks of many lines
        lines = [PRAISE, "word " * 500_000 + BLAME, *[BLAME, PRAISE] * 500]
        file.write_text("\n".join(lines))
        result = run("predict", trained.folder, "--file", file)
        expected = run("predict", trained.folder, *lines)
        assert result.stdout == expected.stdout

    def test_file_errors(self, trained, tmp_path):
        file = tmp_path / "reviews.txt"
        assert_refused(run("predict", trained.folder, "--file", file), "reviews.txt")
        file.write_bytes(b"good\ncaf\xe9\n")
        result = run("predict", trained.folder, "--file", file)
        assert_refused(result, "reviews.txt, line 2", "UTF-8", "0xe9")

    def test_without_tensorflow(self, trained):
        code = (
            "import atexit, sys; from skimdb._cli import app; "
            "atexit.register(lambda: print('tensorflow' in sys.modules)); "
            "app(sys.argv[1:])"
        )
        done = subprocess.run(
            [sys.executable, "-c", code, "predict", str(trained.folder), PRAISE],
            capture_output=True,
            text=True,
            **process_settings(),
        )
        assert done.returncode == 0, done.stderr
        assert done.stdout.startswith("positive")
        assert done.stdout.endswith("False\n")

    @pytest.mark.parametrize("as_file", [False, True])
    def test_answers_each_line_as_it_comes(self, trained, tmp_path, as_file):
        args = []
        if as_file:
            fifo = tmp_path / "fifo"
            os.mkfifo(fifo)
            args = ["--file", fifo]
        with subprocess.Popen(
            command("predict", trained.folder, *args),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            **process_settings(),
        ) as process:
            # ends a wait for an answer that does not come
            timer = threading.Timer(60, process.kill)
            timer.start()
            stream = open(fifo, "wb") if as_file else process.stdin  # noqa: SIM115
            with stream:
                for text, label in ((PRAISE, b"positive"), (BLAME, b"negative")):
                    stream.write(text.encode() + b"\n")
                    stream.flush()
                    # the stream stays open: the answer must not wait for its end
                    assert process.stdout.readline().startswith(label)
            assert process.stdout.read() == process.stderr.read() == b""
        timer.cancel()
        assert process.returncode == 0

    def test_reader_that_has_seen_enough(self, trained, tmp_path):
        file = tmp_path / "reviews.txt"
        file.write_text(f"{PRAISE}\n" * 50_000)
        with subprocess.Popen(
            command("predict", trained.folder, "--file", file),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            **process_settings(),
        ) as process:
            assert process.stdout.readline().startswith(b"positive")
            process.stdout.close()
            assert process.stderr.read() == b""
        assert process.returncode == 0


class TestOnTerminal:
    @pytest.mark.slow
    def test_ctrl_c_in_training(self, tmp_path, on_terminal):
        process, terminal = on_terminal(
            "train", "--epochs", 1_000_000, "--out", tmp_path / "model"
        )
        assert b"2/1000000" in read_until(terminal, b"2/1000000")
        process.send_signal(signal.SIGINT)
        shown = read_until(terminal, b"interrupted.\r\n")
        assert process.wait(20) == 130
        assert b"Error:" in shown
        assert b"Traceback" not in shown
        # the cursor, hidden for the bar, is back
        assert shown.rfind(b"\x1b[?25h") > shown.rfind(b"\x1b[?25l")
        assert not list(tmp_path.iterdir())

    @pytest.mark.slow
    @pytest.mark.parametrize("no_color", ["", "1"])
    def test_shows_progress_and_nothing_of_tensorflow(
        self, tmp_path, on_terminal, monkeypatch, no_color
    ):
        monkeypatch.setenv("NO_COLOR", no_color)
        model = tmp_path / "model"
        process, terminal = on_terminal("train", "--epochs", 3, "--out", model)
        shown = read_until(terminal, b"nothing")
        assert process.wait(20) == 0
        assert b"Loading TensorFlow" in shown
        assert b"3/3" in shown
        assert b"loss 0." in shown
        assert b"Wrote model.skimdb" in shown
        for noise in (b"oneDNN", b"absl", b"cuda", b"CPU instructions"):
            assert noise not in shown
        assert bool(re.search(rb"\x1b\[(\d+;)*3\dm", shown)) is not bool(no_color)
        assert b"\x1b" not in process.stdout.read()


class TestImdb:
    """The commands that use the IMDB data, on a few made reviews in its form."""

    @pytest.fixture(autouse=True)
    def home(self, made_imdb, monkeypatch):
        monkeypatch.setenv("SKIMDB_IMDB_HOME", str(made_imdb))

    def test_train_gives_a_model_of_texts(self, imdb_model, made_imdb):
        encoder = load_model(imdb_model / "model.skimdb")["encoder"]
        assert isinstance(encoder, WordIndexEncoder)
        assert encoder.vocabulary_ == json.loads((made_imdb / "imdb_word_index.json").read_bytes())
        assert encoder.transform(["Word7 word499?"])[0].tolist() == [1, 10, 2]
        metrics = json.loads((imdb_model / "metrics.json").read_bytes())
        assert metrics["figures"]["test"]["rows"] == 600
        assert metrics["figures"]["test"]["accuracy"] > 0.6

    def test_evaluate_on_sequences(self, imdb_model):
        test = json.loads((imdb_model / "metrics.json").read_bytes())["figures"]["test"]
        result = run("evaluate", imdb_model, "--json")
        figures = json.loads(result.stdout)
        assert figures["data"] == "imdb"
        assert figures["rows"] == 600
        assert figures["loss"] == pytest.approx(test["loss"])
        assert figures["accuracy"] == test["accuracy"]

    def test_reproduce(self, tmp_path, monkeypatch):
        monkeypatch.setattr(_reproduce, "N_VALIDATION", 100)
        result = run("reproduce", "--seeds", 2, "--out", tmp_path / "figures")
        assert result.exit_code == 0, result.output
        assert result.stderr == ""
        folder = tmp_path / "figures"
        assert {path.name for path in folder.iterdir()} == {"results.json", "curves.png"}
        results = json.loads((folder / "results.json").read_bytes())
        assert [training["epochs"] for training in results] == [20, 4, 3]
        assert [training["batch_size"] for training in results] == [512, 512, 256]
        for training in results:
            runs = training["runs"]
            assert [run["seed"] for run in runs] == [0, 1]
            losses = [run["loss"] for run in runs]
            assert f"{np.mean(losses):.4f} ± {np.std(losses, ddof=1):.4f}" in result.stdout
            assert {len(run["history"]["loss"]) for run in runs} == {training["epochs"]}
        assert "val_loss" in results[0]["runs"][0]["history"]
        assert "val_loss" not in results[1]["runs"][0]["history"]
        for figure in ("0.7295", "0.8502", "0.2914", "0.8845", "0.8700"):
            assert figure in result.stdout
        losses = np.mean([run["history"]["val_loss"] for run in results[0]["runs"]], axis=0)
        assert f"lowest at epoch {losses.argmin() + 1} " in result.stdout

    @pytest.mark.parametrize(("loss", "epochs"), [("auto", 100), ("mse", 3)])
    def test_loss_is_the_one_keras_gives(self, loss, epochs):
        sequences, y = make_reviews(600, n_words=300, random_state=0)
        X = MultiHotVectorizer(num_words=300).fit_transform(sequences)
        classifier = DenseClassifier(loss=loss, epochs=epochs, batch_size=16, random_state=0)
        classifier.fit(X[:300], y[:300])
        X, y = X[300:], y[300:]
        if loss == "auto":
            # some probabilities have rounded to 1, where log loss knows no more
            assert (classifier.predict_proba(X) == 1).any()
        ours = _reproduce._figures(classifier, X, y)
        keras_loss, accuracy = classifier.model_.evaluate(X.toarray(), y, verbose=0)
        assert ours["loss"] == pytest.approx(keras_loss, rel=1e-5)
        assert ours["accuracy"] == pytest.approx(accuracy)

    def test_download_prints_what_is_there(self, made_imdb):
        result = run("download")
        assert result.exit_code == 0
        assert result.stdout.split() == [
            str(made_imdb / "imdb.npz"),
            str(made_imdb / "imdb_word_index.json"),
        ]

    def test_download_fills_the_cache(self, made_imdb, tmp_path, monkeypatch):
        def fake(name, *, download_if_missing, searched):
            assert download_if_missing
            return tmp_path / name

        monkeypatch.setattr("skimdb.datasets._download.cached_or_downloaded", fake)
        result = run("download", "--text")
        assert result.stdout.split()[2:] == [str(tmp_path / "aclImdb_v1.tar.gz")]

    def test_no_data_and_no_network(self, monkeypatch, tmp_path):
        def fail(name, **_):
            raise OSError(f"{name} was not found:\n no network.")

        monkeypatch.setattr("skimdb.datasets._download.cached_or_downloaded", fail)
        monkeypatch.setattr("skimdb.datasets._imdb.cached_or_downloaded", fail)
        monkeypatch.setenv("SKIMDB_IMDB_HOME", "")
        assert_refused(run("download"), "imdb.npz was not found: no network.")
        result = run("train", "--data", "imdb", "--out", tmp_path / "model")
        assert_refused(result, "was not found")
        assert not list(tmp_path.iterdir())


@pytest.mark.slow
@pytest.mark.usefixtures("imdb_home")
class TestRealImdb:
    def test_train_evaluate_predict(self, tmp_path):
        result = run("train", "--data", "imdb", "--out", tmp_path)
        assert result.exit_code == 0, result.output
        metrics = json.loads((tmp_path / "metrics.json").read_bytes())
        assert metrics["parameters"]["epochs"] == 4
        assert metrics["parameters"]["batch_size"] == 512
        test = metrics["figures"]["test"]
        assert test["rows"] == 25_000
        assert test["accuracy"] > 0.86

        figures = json.loads(run("evaluate", tmp_path, "--json").stdout)
        assert figures["accuracy"] == test["accuracy"]
        result = run("predict", tmp_path, PRAISE, BLAME)
        assert [line.split()[0] for line in result.stdout.splitlines()] == ["positive", "negative"]

        figures = json.loads(run("evaluate", tmp_path, "--data", "sample", "--json").stdout)
        assert figures["rows"] == 400
        assert figures["accuracy"] > 0.9

    def test_evaluate_as_text(self, trained):
        figures = json.loads(run("evaluate", trained.folder, "--data", "imdb", "--json").stdout)
        assert figures["rows"] == 25_000
        assert figures["accuracy"] > 0.6

    def test_reproduce(self, tmp_path):
        result = run("reproduce", "--seeds", 1, "--out", tmp_path)
        assert result.exit_code == 0, result.output
        overfitted, four_epochs, wide = json.loads((tmp_path / "results.json").read_bytes())
        assert four_epochs["runs"][0]["accuracy"] > 0.86
        assert wide["runs"][0]["accuracy"] > 0.86
        assert wide["runs"][0]["loss"] < 0.12
        history = overfitted["runs"][0]["history"]
        best = int(np.argmin(history["val_loss"]))
        assert 3 <= best + 1 <= 8
        assert history["val_loss"][-1] > history["val_loss"][best]
        assert history["val_accuracy"][-1] < history["val_accuracy"][best]
        assert f"lowest at epoch {best + 1} " in result.stdout
