"""The command line: output, files and exit codes."""

import csv
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import threading
import time
from functools import wraps
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from sklearn.metrics import classification_report, confusion_matrix, roc_auc_score
from sklearn.model_selection import train_test_split
from typer.main import get_command
from typer.testing import CliRunner

import skimdb
from skimdb import DenseClassifier, WordIndexEncoder, load_model, text_pipeline
from skimdb._cli import app
from skimdb.datasets import load_sample_reviews, make_reviews

pytestmark = pytest.mark.usefixtures("empty_folder")

COMMANDS = ("train", "tune", "evaluate", "predict", "report", "download", "reproduce")
WRITTEN = {
    *("model.skimdb", "history.json", "metrics.json", "curves.png", "report.html"),
    "held_out.json",
}
PRAISE = "A wonderful, funny and moving film with superb acting."
BLAME = "A dull, awful mess: boring, badly written and a waste of time."


def run(*args, stdin=None):
    return CliRunner().invoke(app, [*map(str, args)], input=stdin)


def assert_refused(result, *words, code=2):
    """The command ended with an exit code and one line on stderr that contains the words."""
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
    # tests that run in parallel have the size of a terminal
    test_settings = ("TF_CPP_MIN_LOG_LEVEL", "FORCE_COLOR", "MPLBACKEND", "COLUMNS", "LINES")
    env = {name: value for name, value in os.environ.items() if name not in test_settings}
    return {"cwd": Path(skimdb.__file__).parents[1], "env": env | changes}


@pytest.fixture
def on_terminal():
    """A function that starts a command whose stderr is a terminal.

    It takes the command's arguments, and those of Python to run another program.
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
    # nothing waits for a terminal that nobody reads
    os.close(terminal)
    for process in processes:
        process.communicate()


def read_until(terminal, word, seconds=300):
    output = b""
    end = time.monotonic() + seconds
    while word not in output and time.monotonic() < end:
        try:
            output += os.read(terminal, 4096)
        except OSError:  # the process has ended
            break
    return output


class EpochCallback:
    """A callback of scikit-learn that calls a function after each epoch that is trained."""

    def __init__(self, function):
        self.function = function

    def setup(self, estimator, context):
        pass

    def teardown(self, estimator, context):
        pass

    def on_fit_task_begin(self, estimator, context):
        pass

    def on_fit_task_end(self, estimator, context, *, fitted_estimator=None):
        # an epoch that was read from the memory has no fitted estimator
        if context.task_name == "epoch" and fitted_estimator is not None:
            self.function()


@pytest.fixture
def call_after_epochs(monkeypatch):
    """A function that has another called after each epoch trained in this process."""
    pytest.importorskip("sklearn.callback", reason="scikit-learn 1.9 has callbacks")
    fit = DenseClassifier.fit

    def call_after_epochs(function):
        @wraps(fit)
        def fit_with_callback(self, *args, **kwargs):
            return fit(self.set_callbacks(EpochCallback(function)), *args, **kwargs)

        monkeypatch.setattr(DenseClassifier, "fit", fit_with_callback)

    return call_after_epochs


def press_ctrl_c():
    os.kill(os.getpid(), signal.SIGINT)


def press_at_model(pipeline, path):
    press_ctrl_c()


@pytest.fixture
def press_at_sample(monkeypatch):
    """Have Ctrl-C pressed when a command loads the sample."""
    monkeypatch.setattr("skimdb._cli._shared._data.load_sample_reviews", press_ctrl_c)


# options of a quick training
SHORT = ("--units", 4, "--epochs", 3, "--batch-size", 16)


def write_review(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def assert_evaluates_as_trained(folder, *options):
    """`skimdb evaluate` gives the figures of the test rows in metrics.json; returns them."""
    test = json.loads((folder / "metrics.json").read_bytes())["figures"]["test"]
    result = run("evaluate", folder, *options, "--json")
    assert result.exit_code == 0, result.output
    figures = json.loads(result.stdout)
    for name, value in test.items():
        expected = pytest.approx(value) if isinstance(value, float) else value
        assert figures[name] == expected, name
    return figures


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A model trained on the sample, and what the command printed."""
    folder = tmp_path_factory.mktemp("trained") / "deep" / "model"
    result = run("train", "--validation", 50, "--out", folder)
    assert result.exit_code == 0, result.output
    metrics = json.loads((folder / "metrics.json").read_bytes())
    return SimpleNamespace(folder=folder, result=result, metrics=metrics)


@pytest.fixture(scope="module")
def own_texts():
    """Texts and labels of a user: a fifth of the sample, with other labels."""
    X, y = load_sample_reviews(return_X_y=True)
    return X[:80].tolist(), [("bad", "good")[label] for label in y[:80]]


def write_imdb(home, n_train, n_test):
    """Write generated reviews to a folder, in the format of the IMDB data."""
    arrays = {}
    for seed, (part, n_rows) in enumerate({"train": n_train, "test": n_test}.items()):
        X, y = make_reviews(n_rows, n_words=500, random_state=seed)
        ranks = np.empty(len(X), dtype=object)
        ranks[:] = [(ids[1:] - 3).tolist() for ids in X]
        arrays |= {f"x_{part}": ranks, f"y_{part}": y}
    np.savez(home / "imdb.npz", **arrays)
    word_index = {f"word{rank}": rank for rank in range(1, 500)}
    (home / "imdb_word_index.json").write_text(json.dumps(word_index))


@pytest.fixture(scope="module")
def made_imdb(tmp_path_factory):
    """A folder like that of the real IMDB data, with a few generated reviews."""
    home = tmp_path_factory.mktemp("imdb")
    write_imdb(home, 600, 600)
    return home


@pytest.fixture(scope="module")
def imdb_model(made_imdb, tmp_path_factory):
    """The folder of a model trained on the generated reviews."""
    folder = tmp_path_factory.mktemp("imdb-model")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SKIMDB_IMDB_HOME", str(made_imdb))
        options = ["--model", "article", "--num-words", 400]
        result = run("train", "--data", "imdb", *options, "--out", folder)
    assert result.exit_code == 0, result.output
    return folder


class TestHelp:
    @pytest.mark.parametrize("args", [[], ["--help"], ["-h"]])
    def test_lists_the_commands(self, args):
        result = run(*args)
        assert result.exit_code == 0
        assert all(name in result.stdout for name in COMMANDS)

    @pytest.mark.parametrize("name", COMMANDS)
    def test_of_each_command_has_examples_that_parse(self, name):
        result = run(name, "--help")
        assert result.exit_code == 0
        _, _, text = result.stdout.partition("Examples:")
        examples = [line.strip() for line in text.splitlines() if "skimdb " + name in line]
        assert len(examples) >= 2
        for example in examples:
            _, _, arguments = example.partition(f"skimdb {name}")
            # raises a usage error for arguments that the command does not take
            get_command(app).commands[name].make_context(name, shlex.split(arguments))

    def test_version(self):
        result = run("--version")
        assert result.exit_code == 0
        assert result.stdout.startswith("skimdb ")

    def test_needs_no_heavy_import(self):
        code = (
            "import sys, skimdb._cli; "
            "sys.exit(bool({'numpy', 'sklearn', 'matplotlib', 'tensorflow'} & set(sys.modules)))"
        )
        subprocess.run([sys.executable, "-c", code], check=True, **process_settings())


class TestWrongUsage:
    @pytest.mark.skipif(not Path("/proc/self").exists(), reason="needs a folder such as /proc")
    @pytest.mark.parametrize("command", ["train", "tune"])
    def test_a_folder_that_takes_no_files(self, command):
        result = run(command, "--out", "/proc/x")
        assert_refused(result, "--out: no file can be written to the folder /proc. Choose another")

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
            (["train", "--model", "bert"], ["--model", "'text', 'article'"]),
            (["train", "--num-words", "9"], ["--num-words", "--model article", "--model text"]),
            (["train", "--class-weight", "heavy"], ["--class-weight", "'balanced'"]),
            (["train", "--validation", "300"], ["--validation", "298", "got 300"]),
            (["train", "--validation", "1"], ["--validation", "got 1"]),
            (["train", "--data", "nowhere.csv"], ["--data", "nowhere.csv"]),
            (["train", "--data", "sampel"], ["sample, imdb, a file or a folder", "sampel"]),
            (["train", "--data", "."], ["folder"]),
            (["train", "--header", "maybe"], ["--header", "'infer'"]),
            (["train", "--on-error", "ignore"], ["--on-error", "'skip'"]),
            (["train", "--data", "-", "--stream"], ["--stream", "standard input"]),
            (["train", "--data", "x", "--stream", "--keep-partial"], ["--keep-partial"]),
            (["predict"], ["MODEL"]),
            (["predict", "nowhere", "Good."], ["nowhere", "skimdb train"]),
            (["predict", "nowhere", "Good.", "--file", "x"], ["--file", "not both"]),
            (["reproduce", "--seeds", "0"], ["--seeds"]),
        ],
    )
    def test_is_refused_with_one_line(self, args, words, tmp_path, monkeypatch):
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

    def test_bugs_keep_their_traceback(self, tmp_path, monkeypatch):
        def fail(*args):
            raise KeyError("a bug")

        monkeypatch.setattr("skimdb.load_model", fail)
        (tmp_path / "model.skimdb").touch()
        result = run("predict", tmp_path, "Good.")
        assert isinstance(result.exception, KeyError)


class TestOwnFile:
    @pytest.mark.parametrize(
        ("name", "content", "words"),
        [
            ("a.csv", b"", ["a.csv", "at least one text"]),
            ("a.csv", b"text,label\nx,y\nx,\n", ["a.csv, line 3", "'label' is empty"]),
            ("a.jsonl", b'{"text": "x", "label": 1}\n{"text": \n', ["line 2", "broken JSON"]),
            ("a.txt", b"x\n", ["one column", "--delimiter"]),
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
        path = tmp_path / "texts.csv"
        path.write_text("text,label\n" + "".join(f"x,{label}\n" for label in labels))
        assert_refused(run("train", "--data", path), *words)

    def test_column_options(self, tmp_path):
        path = tmp_path / "texts.csv"
        path.write_text("text,label\nx,a\n")
        result = run("train", "--data", path, "--text-column", "body")
        assert_refused(result, "'body'", "--text-column")
        result = run("train", "--data", path, "--text-column", "3")
        assert_refused(result, "from 1 to 2", "--text-column")

    @pytest.mark.slow
    def test_is_read_as_it_is(self, tmp_path, own_texts):
        """No header, semicolons, another encoding, and columns that only a number names."""
        texts, labels = own_texts
        path = tmp_path / "mails.txt"
        lines = [
            f"{i};{label};café {text.replace(';', ',')}"
            for i, (text, label) in enumerate(zip(texts, labels, strict=True))
        ]
        path.write_text("\n".join(lines), encoding="cp1252")
        given = ["--delimiter", ";", "--encoding", "cp1252", "--header", "no"]
        columns = ["--text-column", 3, "--label-column", 2]
        folder = tmp_path / "model"
        result = run("train", "--data", path, *given, *columns, *SHORT, "--out", folder)
        assert result.exit_code == 0, result.output
        encoder = load_model(folder / "model.skimdb")["encoder"]
        assert "café" in encoder.vocabulary_
        figures = assert_evaluates_as_trained(folder)
        assert figures["labels"] == ["bad", "good"]

    @pytest.mark.slow
    def test_standard_input(self, tmp_path, own_texts):
        rows = [f"{label}\t{text}" for text, label in zip(*own_texts, strict=True)]
        stdin = "label\ttext\n" + "\n".join(rows)
        result = run("train", "--data", "-", *SHORT, "--out", tmp_path, stdin=stdin)
        assert result.exit_code == 0, result.output
        assert_refused(run("evaluate", tmp_path), "--data", "standard input")
        result = run("evaluate", tmp_path, "--data", "-", "--json", stdin=stdin)
        figures = json.loads(result.stdout)
        assert (figures["rows"], figures["held_out"]) == (16, True)

    @pytest.mark.slow
    @pytest.mark.filterwarnings("default")
    @pytest.mark.parametrize("options", [[], ["--stream"]])
    def test_rows_that_cannot_be_used_are_counted_once(self, tmp_path, options):
        path = tmp_path / "texts.csv"
        path.write_text("text,label\n" + "x,a\ny,b\n" * 30 + "z,\n" * 3)
        options = ["--data", path, *options, "--epochs", 1, "--out", tmp_path / "model"]
        assert_refused(run("train", *options), "line 62", "--on-error skip")
        result = run("train", *options, "--on-error", "skip")
        assert result.exit_code == 0, result.output
        warnings = [line for line in result.stderr.splitlines() if line.startswith("Warning: ")]
        assert len(warnings) == 1
        assert "3 rows" in warnings[0]
        # evaluate leaves the same rows out
        assert_evaluates_as_trained(tmp_path / "model")

    @pytest.mark.slow
    def test_folder_of_parts(self, tmp_path, own_texts):
        """The unpacked aclImdb: its reviews without a label are left out."""
        for i, (text, label) in enumerate(zip(*own_texts, strict=True)):
            for part in ("test",) if i % 4 == 0 else ("train",):
                write_review(tmp_path / "aclImdb" / part / label / f"{i}.txt", text)
        write_review(tmp_path / "aclImdb" / "train" / "unsup" / "0.txt", "No label.")
        folder, data = tmp_path / "model", tmp_path / "aclImdb"
        result = run("train", "--data", data, *SHORT, "--out", folder)
        assert result.exit_code == 0, result.output
        metrics = json.loads((folder / "metrics.json").read_bytes())
        assert metrics["labels"] == ["bad", "good"]
        assert metrics["figures"]["training"]["rows"] == 60
        assert metrics["figures"]["test"]["rows"] == 20
        assert assert_evaluates_as_trained(folder)["rows"] == 20
        result = run("evaluate", folder, "--all-rows", "--json")
        assert json.loads(result.stdout)["rows"] == 80
        assert_refused(run("train", "--data", data, "--stream"), "--stream", "train and test")

        assert str(data / "train" / "unsup") in result.stderr

        write_review(data / "test" / "mixed" / "1.txt", "So so.")
        result = run("train", "--data", data, *SHORT, "--out", folder)
        assert "Error: " in result.stderr
        assert "'mixed'" in result.stderr

    @pytest.mark.slow
    @pytest.mark.parametrize("options", [[], ["--stream"]])
    def test_one_part_of_the_reviews(self, tmp_path, own_texts, options):
        """The folder aclImdb/train: its reviews without a label are left out there, too."""
        data, folder = tmp_path / "train", tmp_path / "model"
        names = {"good": "pos", "bad": "neg"}
        for i, (text, label) in enumerate(zip(*own_texts, strict=True)):
            write_review(data / names[label] / f"{i}.txt", text)
        write_review(data / "unsup" / "0.txt", "No label.")
        result = run("train", "--data", data, *options, *SHORT, "--out", folder)
        assert result.exit_code == 0, result.output
        assert result.stderr.count(str(data / "unsup")) == 1
        assert json.loads((folder / "metrics.json").read_bytes())["labels"] == ["neg", "pos"]
        assert_evaluates_as_trained(folder)
        result = run("evaluate", folder, "--all-rows", "--json")
        assert json.loads(result.stdout)["rows"] == 80
        # beside other folders it is a label
        (data / "pos").rename(data / "good")
        result = run("train", "--data", data, *options, *SHORT, "--out", folder)
        assert_refused(result, "'unsup' once")


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
            row = [name.capitalize(), str(part["rows"])]
            assert [*row, f"{part['loss']:.4f}", f"{part['accuracy']:.4f}"] in lines
        for label, of_label in figures["test"]["classes"].items():
            decimals = [f"{of_label[name]:.4f}" for name in ("precision", "recall", "f1")]
            assert [label, str(of_label["rows"]), *decimals] in lines
        for label, counts in zip(
            trained.metrics["labels"], figures["test"]["confusion"], strict=True
        ):
            assert [label, *map(str, counts)] in lines
        summary = next(line for line in trained.result.stdout.splitlines() if "Macro-F1" in line)
        test = figures["test"]
        for words in (
            f"Accuracy {test['accuracy']:.4f}",
            "'negative' would give 0.5000",
            f"Macro-F1 {test['macro_f1']:.4f}",
            f"ROC AUC {test['roc_auc']:.4f}",
        ):
            assert words in summary

    def test_figures_are_those_of_the_predictions(self, trained):
        X, y = load_sample_reviews(return_X_y=True)
        _, X_test, _, y_test = train_test_split(X, y, test_size=100, stratify=y, random_state=0)
        pipeline = load_model(trained.folder / "model.skimdb")
        predicted, labels = pipeline.predict(X_test), ["negative", "positive"]
        truth = np.array(labels)[y_test]
        test = trained.metrics["figures"]["test"]
        report = classification_report(truth, predicted, output_dict=True)
        assert test["macro_f1"] == pytest.approx(report["macro avg"]["f1-score"])
        for label in labels:
            expected = report[label]
            assert test["classes"][label] == {
                "rows": expected["support"],
                "precision": pytest.approx(expected["precision"]),
                "recall": pytest.approx(expected["recall"]),
                "f1": pytest.approx(expected["f1-score"]),
            }
        probabilities = pipeline.predict_proba(X_test)[:, 1]
        assert test["roc_auc"] == pytest.approx(roc_auc_score(y_test, probabilities))
        assert test["confusion"] == confusion_matrix(truth, predicted).tolist()
        low, high = test["accuracy_interval"]
        assert low < test["accuracy"] < high < low + 0.2

    def test_ends_with_the_next_command(self, trained):
        *_, wrote, following = trained.result.stdout.splitlines()
        assert wrote.startswith("Wrote model.skimdb, ")
        assert wrote.endswith(f" to {trained.folder}.")
        assert following == f'Next: skimdb predict {trained.folder} "your text"'
        words = shlex.split(following.removeprefix("Next: skimdb "))
        assert run(*words).stdout.startswith(("positive\t", "negative\t"))

    @pytest.mark.slow
    def test_next_command_quotes_the_folder(self, tmp_path):
        folder = tmp_path / "my model"
        result = run("train", "--epochs", 1, "--out", folder)
        assert shlex.split(result.stdout.splitlines()[-1])[3] == str(folder)

    def test_metrics_describe_the_training(self, trained):
        metrics = trained.metrics
        assert metrics["parameters"] == {
            "model": "text",
            "units": [32],
            "epochs": 38,
            "batch_size": 16,
            "class_weight": None,
            "random_state": 0,
        }
        assert metrics["data"]["source"] == "sample"
        assert metrics["labels"] == ["negative", "positive"]
        assert {"skimdb", "numba", "scikit-learn"} <= set(metrics["versions"])
        assert 0 < metrics["seconds"]["train"] < metrics["seconds"]["total"]

    def test_model_is_a_pipeline_of_texts(self, trained):
        pipeline = load_model(trained.folder / "model.skimdb")
        assert list(pipeline.named_steps) == ["encoder", "vectorizer", "scaler", "classifier"]
        assert repr(pipeline) == repr(text_pipeline(random_state=0))
        assert pipeline.predict([PRAISE, BLAME]).tolist() == ["positive", "negative"]

    def test_model_is_text_pipelines(self, trained):
        X, y = load_sample_reviews(return_X_y=True)
        X, X_test, y, y_test = train_test_split(X, y, test_size=100, stratify=y, random_state=0)
        X, _, y, _ = train_test_split(X, y, test_size=50, stratify=y, random_state=0)
        pipeline = text_pipeline(random_state=0).fit(X, y)
        score = trained.metrics["figures"]["test"]["accuracy"]
        assert pipeline.score(X_test, y_test) == score >= 0.9

    @pytest.mark.slow
    def test_article(self, tmp_path):
        result = run("train", "--model", "article", "--validation", 50, "--out", tmp_path)
        assert result.exit_code == 0, result.output
        metrics = json.loads((tmp_path / "metrics.json").read_bytes())
        assert metrics["parameters"] == {
            "model": "article",
            "num_words": 10_000,
            "units": [16, 16],
            "epochs": 12,
            "batch_size": 16,
            "class_weight": None,
            "random_state": 0,
        }
        assert metrics["figures"]["test"]["accuracy"] > 0.9
        pipeline = load_model(tmp_path / "model.skimdb")
        assert list(pipeline.named_steps) == ["encoder", "vectorizer", "classifier"]
        assert pipeline["classifier"].callbacks is None
        assert pipeline.predict([PRAISE, BLAME]).tolist() == ["positive", "negative"]

    @pytest.mark.parametrize("model", ["text", "article"])
    @pytest.mark.parametrize("form", ["csv", "jsonl"])
    def test_on_own_texts(self, tmp_path, own_texts, form, model):
        data = tmp_path / f"texts.{form}"
        rows = [{"body": text, "kind": label} for text, label in zip(*own_texts, strict=True)]
        with open(data, "w", encoding="utf-8", newline="") as file:
            if form == "csv":
                writer = csv.DictWriter(file, ["body", "kind"])
                writer.writeheader()
                writer.writerows(rows)
            else:
                file.writelines(json.dumps(row) + "\n" for row in rows)
        columns = ["--text-column", "body", "--label-column", "kind"]
        folder = tmp_path / "model"
        options = ["--model", model, "--units", "8", "--epochs", 3, "--batch-size", 4]
        if model == "article":
            options += ["--num-words", 1000]
        result = run("train", "--data", data, *columns, *options, "--out", folder)
        assert result.exit_code == 0, result.output
        metrics = json.loads((folder / "metrics.json").read_bytes())
        assert metrics["labels"] == ["bad", "good"]
        assert metrics["figures"]["training"]["rows"] == 64
        assert metrics["figures"]["test"]["rows"] == 16
        classifier = load_model(folder / "model.skimdb")["classifier"]
        assert classifier.units == (8,)
        # 1,000 words, and the ids for padding, the start, other words, and none
        assert (classifier.n_features_in_ == 1004) is (model == "article")
        assert metrics["parameters"].get("num_words") == (1000 if model == "article" else None)
        assert (classifier.n_iter_, classifier.batch_size) == (3, 4)

        result = run("evaluate", folder, "--data", data, *columns, "--all-rows", "--json")
        assert json.loads(result.stdout)["rows"] == 80
        assert assert_evaluates_as_trained(folder)["held_out"] is True

    @pytest.mark.slow
    def test_seed_decides(self, tmp_path, trained):
        def history(seed):
            options = ["--validation", 50, "--seed", seed, "--force"]
            result = run("train", *options, "--out", tmp_path)
            assert result.exit_code == 0, result.output
            return json.loads((tmp_path / "history.json").read_bytes())

        first = json.loads((trained.folder / "history.json").read_bytes())
        assert history(0) == first
        assert history(1) != first

    @pytest.mark.slow
    def test_num_words_counts_words(self, tmp_path):
        data = tmp_path / "texts.csv"
        data.write_text("text,label\n" + "aa bb cc dd,x\naa bb cc,y\naa bb,x\naa,y\n" * 9)
        options = ["--model", "article", "--num-words", 2, "--epochs", 1]
        assert run("train", "--data", data, *options, "--out", tmp_path / "m").exit_code == 0
        pipeline = load_model(tmp_path / "m" / "model.skimdb")
        sequences = pipeline["encoder"].transform(["aa bb cc dd"])
        assert sequences[0].tolist() == [1, 4, 5, 2, 2]
        assert pipeline[:-1].transform(["aa bb cc dd"]).sum() == 4

    @pytest.mark.slow
    def test_sample_accuracy_over_five_seeds(self, tmp_path):
        accuracies = []
        for seed in range(5):
            folder = tmp_path / str(seed)
            result = run("train", "--seed", seed, "--out", folder)
            assert result.exit_code == 0, result.output
            metrics = json.loads((folder / "metrics.json").read_bytes())
            accuracies.append(metrics["figures"]["test"]["accuracy"])
        assert np.mean(accuracies) >= 0.9


class TestCtrlC:
    def test_leaves_nothing(self, tmp_path, call_after_epochs):
        call_after_epochs(press_ctrl_c)
        result = run("train", "--out", tmp_path / "model")
        assert_refused(result, "nothing was written", "--keep-partial", code=130)
        assert not list(tmp_path.iterdir())

    @pytest.mark.parametrize("keep_partial", [False, True])
    @pytest.mark.usefixtures("press_at_sample")
    def test_before_the_training_nothing_was_written(self, keep_partial, tmp_path):
        if keep_partial:
            pytest.importorskip("sklearn.callback", reason="scikit-learn 1.9 has callbacks")
        options = ["--keep-partial"] if keep_partial else []
        result = run("train", *options, "--out", tmp_path / "model")
        assert_refused(result, "interrupted: nothing was written.", code=130)
        assert not list(tmp_path.iterdir())

    @pytest.mark.slow
    def test_keeps_the_old_files_at_the_end(self, tmp_path, monkeypatch):
        for name in WRITTEN:
            (tmp_path / name).write_bytes(b"old")
        replace = Path.replace

        def interrupt(self, target):
            if Path(target).parent == tmp_path:
                press_ctrl_c()
            return replace(self, target)

        monkeypatch.setattr(Path, "replace", interrupt)
        assert run("train", "--epochs", 1, "--force", "--out", tmp_path).exit_code == 130
        found = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
        assert found == dict.fromkeys(WRITTEN, b"old")

    def test_leaves_no_new_folders_at_the_end(self, tmp_path, monkeypatch):
        monkeypatch.setattr("skimdb._cli._shared._output_folder.save_model", press_at_model)
        result = run("train", "--epochs", 1, "--out", tmp_path / "models" / "first")
        assert_refused(result, "nothing was written", code=130)
        assert not list(tmp_path.iterdir())

    @pytest.fixture
    def press_in_epoch(self, monkeypatch):
        """A function that has Ctrl-C pressed at the end of an epoch, some number of times."""
        pytest.importorskip("sklearn.callback", reason="scikit-learn 1.9 has callbacks")
        fit = DenseClassifier.fit

        def press_in_epoch(number, times=1):
            def press(epoch, logs):
                for _ in range(times if epoch + 1 == number else 0):
                    press_ctrl_c()

            def fit_with_press(self, *args, **kwargs):
                return fit(self.set_params(callbacks=[self.callbacks, press]), *args, **kwargs)

            monkeypatch.setattr(DenseClassifier, "fit", wraps(fit)(fit_with_press))

        return press_in_epoch

    def test_keeps_the_last_epoch(self, tmp_path, press_in_epoch):
        press_in_epoch(3)
        result = run("train", "--keep-partial", "--validation", 50, "--out", tmp_path)
        assert result.exit_code == 130, result.output
        assert "Interrupted: this is the network after 3 of 38 epochs." in result.stdout
        assert {path.name for path in tmp_path.iterdir()} == WRITTEN
        history = json.loads((tmp_path / "history.json").read_bytes())
        assert len(history["val_loss"]) == 3
        classifier = load_model(tmp_path / "model.skimdb")["classifier"]
        assert classifier.n_iter_ == 3
        metrics = json.loads((tmp_path / "metrics.json").read_bytes())
        assert "3 of 38" in metrics["interruption"]
        assert_evaluates_as_trained(tmp_path)

    def test_in_the_first_epoch_keeps_nothing(self, tmp_path, press_in_epoch):
        press_in_epoch(1)
        result = run("train", "--keep-partial", "--out", tmp_path / "model")
        assert_refused(result, "The first epoch has not ended", "no network to keep", code=130)
        assert not list(tmp_path.iterdir())

    def test_keeping_needs_callbacks(self, tmp_path, monkeypatch):
        if hasattr(DenseClassifier, "set_callbacks"):
            monkeypatch.delattr("sklearn.callback.CallbackSupportMixin.set_callbacks")
        result = run("train", "--keep-partial", "--out", tmp_path / "model")
        assert_refused(result, "--keep-partial", "scikit-learn 1.9")

    def test_twice_ends_at_once(self, tmp_path, press_in_epoch):
        press_in_epoch(2, times=2)
        result = run("train", "--keep-partial", "--out", tmp_path / "model")
        assert_refused(result, "nothing was written", "not been tested", code=130)
        assert not list(tmp_path.iterdir())
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


class TestFolderOfAnotherModel:
    OPTIONS = ("--units", 4, "--epochs", 1)

    @pytest.fixture
    def folder(self, tmp_path):
        folder = tmp_path / "model"
        assert run("train", *self.OPTIONS, "--out", folder).exit_code == 0
        return folder

    @pytest.mark.slow
    def test_same_command_again(self, folder):
        assert run("train", *self.OPTIONS, "--out", folder).exit_code == 0

    @pytest.mark.parametrize(
        ("changes", "word"),
        [
            (["--seed", 1], "--seed 0"),
            (["--validation", 20], "--validation 0"),
            (["--batch-size", 16], "without --batch-size"),
            (["--epochs", 2], "--epochs 1"),
            (["--model", "article"], "--model text"),
        ],
    )
    def test_is_not_overwritten(self, folder, changes, word):
        before = {path: path.read_bytes() for path in folder.iterdir()}
        result = run("train", *self.OPTIONS, *changes, "--out", folder)
        assert_refused(result, "another model", word, "--out", "--force")
        assert {path: path.read_bytes() for path in folder.iterdir()} == before
        result = run("train", *self.OPTIONS, *changes, "--force", "--out", folder)
        assert result.exit_code == 0, result.output

    def test_of_other_data(self, folder, tmp_path):
        data = tmp_path / "texts.csv"
        data.write_text("text,label\n" + "x,a\ny,b\n" * 9)
        result = run("train", "--data", data, *self.OPTIONS, "--out", folder)
        assert_refused(result, "--data sample")

    def test_of_unknown_origin(self, folder):
        (folder / "metrics.json").unlink()
        result = run("train", *self.OPTIONS, "--out", folder)
        assert_refused(result, "does not say", "--force")

    def test_is_checked_before_the_data_are_read(self, folder, tmp_path):
        (tmp_path / "empty.csv").touch()
        result = run("train", "--data", tmp_path / "empty.csv", "--out", folder)
        assert_refused(result, "another model")


@pytest.fixture(scope="module")
def rare_label(tmp_path_factory):
    """A file where one row in ten has another label, and shares most of its words."""
    rng = np.random.default_rng(0)
    path = tmp_path_factory.mktemp("rare") / "mails.csv"
    with open(path, "w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["text", "label"])
        for i in range(300):
            label = "spam" if i % 10 == 0 else "ham"
            words = [f"w{n}" for n in rng.integers(40, size=20)]
            words += [f"{label}{n}" for n in rng.integers(10, size=2)]
            rows.writerow([" ".join(words), label])
    return path


class TestRareLabel:
    NOTE = "Note: none of the 60 test rows is predicted as 'spam' (6 have it)."
    FEW = (
        "Note: fewer than 10 test rows have the label 'spam' (6): do not rely on the figures "
        "about it.\n"
    )
    ADVICE = " Training with --class-weight balanced may help.\n"
    OPTIONS = ("--units", 4, "--epochs", 2, "--batch-size", 16)

    @pytest.mark.slow
    @pytest.mark.parametrize("model", ["text", "article"])
    def test_never_predicted(self, rare_label, tmp_path, model):
        options = ["--data", rare_label, "--model", model, *self.OPTIONS, "--out", tmp_path]
        result = run("train", *options)
        assert result.exit_code == 0, result.output
        assert result.stderr == self.NOTE + self.ADVICE + self.FEW
        test = json.loads((tmp_path / "metrics.json").read_bytes())["figures"]["test"]
        assert test["never_predicted"] == {"spam": 6}
        assert test["classes"]["spam"] == {"rows": 6, "precision": None, "recall": 0, "f1": 0}
        assert test["majority"] == {"label": "ham", "share": 0.9}
        assert ["spam", "6", "-", "0.0000", "0.0000"] in [
            line.split() for line in result.stdout.splitlines()
        ]

    @pytest.mark.slow
    def test_evaluate_says_so(self, rare_label, tmp_path):
        options = ["--data", rare_label, "--model", "article", *self.OPTIONS, "--out", tmp_path]
        assert run("train", *options).exit_code == 0
        for form in ([], ["--json"]):
            result = run("evaluate", tmp_path, "--data", rare_label, "--all-rows", *form)
            assert result.exit_code == 0, result.output
            assert result.stderr == (
                "Note: none of the 300 test rows is predicted as 'spam' (30 have it).\n"
            )
        assert json.loads(result.stdout)["never_predicted"] == {"spam": 30}

    @pytest.mark.slow
    @pytest.mark.parametrize("model", ["text", "article"])
    def test_balanced(self, rare_label, tmp_path, model):
        options = ["--data", rare_label, "--model", model, "--class-weight", "balanced"]
        result = run("train", *options, *self.OPTIONS, "--epochs", 20, "--out", tmp_path)
        assert result.exit_code == 0, result.output
        assert result.stderr == self.FEW
        metrics = json.loads((tmp_path / "metrics.json").read_bytes())
        assert metrics["parameters"]["class_weight"] == "balanced"
        assert metrics["figures"]["test"]["never_predicted"] == {}
        classifier = load_model(tmp_path / "model.skimdb")["classifier"]
        assert classifier.class_weight == "balanced"

    def test_advice_is_not_given_twice(self, tmp_path):
        options = ["--class-weight", "balanced", *self.OPTIONS, "--out", tmp_path]
        data = tmp_path / "texts.csv"
        data.write_text("text,label\n" + "x,spam\nx,ham\nx,ham\n" * 20)
        result = run("train", "--data", data, *options)
        assert result.exit_code == 0, result.output
        # no word tells the labels apart, so one of them is never predicted
        first, *_ = result.stderr.splitlines()
        assert re.fullmatch(r"Note: none of the 12 test rows .*\(\d have it\)\.", first)

    @pytest.mark.slow
    def test_tune_says_so(self, rare_label, tmp_path):
        result = run("tune", "--data", rare_label, *self.OPTIONS, "--cv", 2, "--out", tmp_path)
        assert result.exit_code == 0, result.output
        assert result.stderr.startswith(self.NOTE + self.ADVICE)

    @pytest.mark.slow
    def test_many_labels_are_cut(self, tmp_path):
        data = tmp_path / "texts.csv"
        rows = [f"w{i},{'often' if i % 2 else i % 18}" for i in range(180)]
        data.write_text("text,label\n" + "\n".join(rows) + "\n")
        result = run("train", "--data", data, *self.OPTIONS, "--out", tmp_path / "model")
        assert result.exit_code == 0, result.output
        first, *_ = result.stderr.splitlines()
        assert re.search(r"as '\w+' \(\d+ have it\) or .* or \d more labels\. ", first)


@pytest.fixture(scope="module")
def many_labels(tmp_path_factory):
    """A model of 20 labels with long names, and of 3 mistakes in a test file."""
    folder = tmp_path_factory.mktemp("many")
    labels = [f"label {i} with a name that takes more than half of a line" for i in range(20)]
    rows = [f"w{i},{label}" for i, label in enumerate(labels)]
    (folder / "texts.csv").write_text("text,label\n" + "\n".join(rows * 6) + "\n")
    options = ["--epochs", 20, "--out", folder / "model"]
    result = run("train", "--data", folder / "texts.csv", *options)
    assert result.exit_code == 0, result.output
    rows += [f"w0,{labels[7]}"] * 2 + [f"w1,{labels[2]}"]
    (folder / "more.csv").write_text("text,label\n" + "\n".join(rows) + "\n")
    return folder, labels


class TestFiguresOfManyLabels:
    """What is shown must be readable, whatever the number and the names of the labels."""

    def test_in_a_pipe(self, many_labels):
        folder, labels = many_labels
        result = run("evaluate", *more_rows(folder))
        assert result.exit_code == 0, result.output
        lines = result.stdout.splitlines()
        assert "…" not in result.stdout
        assert "down" not in result.stdout
        for label in labels:
            assert any(re.fullmatch(rf"{label} +\d( +\d\.\d{{4}}){{3}}", line) for line in lines)
        first = lines.index("Mistakes, the most frequent first:")
        found = [re.split("  +", line) for line in lines[first + 3 : first + 5]]
        assert found == [[labels[7], labels[0], "2"], [labels[2], labels[1], "1"]]

    @pytest.mark.parametrize(
        "width", [60, *(pytest.param(width, marks=pytest.mark.slow) for width in (80, 120))]
    )
    def test_on_a_terminal(self, many_labels, width, on_terminal):
        folder, labels = many_labels
        program = ("-c", WITH_STDOUT_ON_TERMINAL, str(width))
        process, terminal = on_terminal("evaluate", *more_rows(folder), program=program)
        output = read_until(terminal, b"nothing")
        assert process.wait(60) == 0
        lines = re.sub(r"\x1b\[[\d;]*m", "", output.decode()).split("\r\n")
        assert max(map(len, lines)) <= width
        assert "…" not in output.decode()
        words = " ".join(" ".join(lines).split())
        assert "Mistakes, the most frequent first:" in words
        assert all(label.split()[1] in words for label in labels)

    def test_few_rows(self, many_labels):
        folder, _ = many_labels
        result = run("evaluate", *more_rows(folder))
        few, rare = result.stderr.splitlines()
        assert re.fullmatch(
            r"Note: 23 test rows are few: .* from 0\.\d\d to 0\.\d\d \(95 % interval\)\.", few
        )
        assert re.fullmatch(r"Note: fewer than 10 test rows .*, 15 more: do not rely .*", rare)


def more_rows(folder):
    # too few rows to tell which column holds the labels
    columns = ["--text-column", "text", "--label-column", "label"]
    return [folder / "model", "--data", folder / "more.csv", "--all-rows", *columns]


# prints to the terminal on stderr, of another width
WITH_STDOUT_ON_TERMINAL = """
import os, sys, termios
termios.tcsetwinsize(2, (24, int(sys.argv[1])))
os.environ["COLUMNS"] = sys.argv.pop(1)
os.dup2(2, 1)
from skimdb.__main__ import main
main()
"""


class TestEvaluate:
    def test_sample_means_the_rows_left_out_of_training(self, trained):
        figures = assert_evaluates_as_trained(trained.folder)
        assert (figures["data"], figures["held_out"]) == ("sample", True)
        confusion = np.array(figures["confusion"])
        assert confusion.sum(axis=1).tolist() == [50, 50]
        assert confusion.trace() / 100 == pytest.approx(figures["accuracy"])

    def test_prints_what_train_printed(self, trained):
        result = run("evaluate", trained.folder)
        assert result.exit_code == 0
        first, *lines = result.stdout.splitlines()
        assert first == "Tested on 100 rows of sample that were held out of the training:"
        test = [line for line in lines if line and not line.startswith(("Data", "─"))]
        assert len(test) > 8
        printed = re.sub(" +", " ", trained.result.stdout).splitlines()
        assert not {re.sub(" +", " ", line) for line in test} - set(printed)

    def test_model_alone_is_tested_on_the_whole_sample(self, trained, tmp_path):
        model = tmp_path / "alone.skimdb"
        model.write_bytes((trained.folder / "model.skimdb").read_bytes())
        result = run("evaluate", model, "--data", "sample", "--json")
        assert json.loads(result.stdout)["rows"] == 400
        assert_refused(run("evaluate", model), "--data")

    def test_all_rows(self, trained):
        result = run("evaluate", trained.folder, "--all-rows")
        assert "all 400 rows of sample, those of the training among them" in result.stdout
        assert (
            json.loads(run("evaluate", trained.folder, "--all-rows", "--json").stdout)["held_out"]
            is False
        )

    def test_labels_the_model_does_not_know(self, trained, tmp_path):
        data = tmp_path / "texts.csv"
        data.write_text("text,label\nx,positive\ny,mixed\n")
        result = run("evaluate", trained.folder, "--data", data)
        assert_refused(result, "'negative', 'positive'", "'mixed'")

    def test_one_label_is_enough(self, trained, tmp_path):
        data = tmp_path / "texts.csv"
        data.write_text(f'text,label\n"{PRAISE}",positive\n')
        result = run("evaluate", trained.folder, "--data", data, "--json")
        figures = json.loads(result.stdout)
        assert figures["confusion"] == [[0, 0], [0, 1]]
        assert figures["roc_auc"] is None
        assert figures["macro_f1"] == 1
        assert figures["classes"]["negative"] == {
            "rows": 0,
            "precision": None,
            "recall": None,
            "f1": None,
        }
        assert "test rows are few" in result.stderr

    def test_no_better_than_always_the_same_label(self, trained, tmp_path):
        data = tmp_path / "texts.csv"
        rows = [f'"{PRAISE}",negative', f'"{BLAME}",positive', f'"{BLAME}",negative'] * 20
        data.write_text("text,label\n" + "\n".join(rows) + "\n")
        result = run("evaluate", trained.folder, "--data", data)
        assert result.exit_code == 0, result.output
        assert "accuracy, 0.3333, is not above 0.6667" in result.stderr
        assert "'negative'" in result.stderr

    def test_damaged_metrics(self, trained, tmp_path):
        for name in WRITTEN:
            (tmp_path / name).write_bytes((trained.folder / name).read_bytes())
        (tmp_path / "metrics.json").write_text("[1")
        assert_refused(run("evaluate", tmp_path), "metrics.json")

    def test_damaged_held_out_rows(self, trained, tmp_path):
        for name in WRITTEN:
            (tmp_path / name).write_bytes((trained.folder / name).read_bytes())
        (tmp_path / "held_out.json").write_text("{}")
        assert_refused(run("evaluate", tmp_path), "held_out.json", "hashes")
        (tmp_path / "held_out.json").unlink()
        assert_refused(run("evaluate", tmp_path), "--data", "held out")


class TestHeldOutRows:
    @pytest.fixture(params=["memory", "stream"])
    def model(self, request, tmp_path, own_texts):
        """A folder with texts.csv, which has rows twice, and a model trained on it."""
        rows = [[label, text] for text, label in zip(*own_texts, strict=True)]
        write_rows(tmp_path / "texts.csv", [*rows, *rows[:30]])
        stream = ["--stream", "--block-rows", 32] if request.param == "stream" else []
        options = ["--label-column", "1", *stream, *SHORT, "--out", tmp_path / "model"]
        result = run("train", "--data", tmp_path / "texts.csv", *options)
        assert result.exit_code == 0, result.output
        return tmp_path

    def test_are_those_of_the_training(self, model):
        figures = assert_evaluates_as_trained(model / "model")
        assert figures["data"] == str(model / "texts.csv")
        assert figures["held_out"] is True
        assert figures["rows"] < 40

    def test_with_the_file_as_data(self, model, monkeypatch):
        monkeypatch.chdir(model)
        assert_evaluates_as_trained(model / "model", "--data", "texts.csv")

    def test_are_found_in_another_file(self, model):
        header, *rows = (model / "texts.csv").read_text().splitlines(keepends=True)
        (model / "sorted.csv").write_text(header + "".join(sorted(rows)))
        (model / "texts.csv").unlink()
        figures = assert_evaluates_as_trained(model / "model", "--data", model / "sorted.csv")
        assert figures["held_out"] is True
        result = run("evaluate", model / "model", "--data", model / "sorted.csv")
        assert "held out of the training" in result.stdout

    def test_all_rows(self, model):
        result = run("evaluate", model / "model", "--all-rows", "--json")
        figures = json.loads(result.stdout)
        assert (figures["rows"], figures["held_out"]) == (110, False)

    def test_file_is_gone(self, model):
        (model / "texts.csv").unlink()
        assert_refused(run("evaluate", model / "model"), "texts.csv", "is gone", "--data")

    def test_file_has_changed(self, model):
        held_out = json.loads((model / "model" / "held_out.json").read_bytes())["rows"]
        lines = (model / "texts.csv").read_text().splitlines(keepends=True)
        (model / "texts.csv").write_text("".join(lines[:20]))
        for options in ([], ["--data", model / "texts.csv"]):
            result = run("evaluate", model / "model", *options)
            assert_refused(result, "has changed", f"of the {len(held_out)} rows", "--all-rows")
        result = run("evaluate", model / "model", "--all-rows", "--json")
        assert json.loads(result.stdout)["rows"] == 19

    def test_some_of_them_in_another_file(self, model):
        lines = (model / "texts.csv").read_text().splitlines(keepends=True)
        (model / "part.csv").write_text("".join(lines[:60]))
        result = run("evaluate", model / "model", "--data", model / "part.csv", "--json")
        assert result.exit_code == 0, result.output
        assert json.loads(result.stdout)["rows"] == 59
        assert "held out of the training are among the 59 rows" in result.stderr


def write_rows(path, rows):
    with open(path, "w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["label", "text"])
        table.writerows(rows)


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
        file = tmp_path / "texts.txt"
        # lines that are longer than a block, and blocks of many lines
        lines = [PRAISE, "word " * 500_000 + BLAME, *[BLAME, PRAISE] * 500]
        file.write_text("\n".join(lines))
        result = run("predict", trained.folder, "--file", file)
        expected = run("predict", trained.folder, *lines)
        assert result.stdout == expected.stdout

    def test_file_errors(self, trained, tmp_path):
        file = tmp_path / "texts.txt"
        assert_refused(run("predict", trained.folder, "--file", file), "texts.txt")
        file.write_bytes(b"good\ncaf\xe9\n")
        result = run("predict", trained.folder, "--file", file, "--encoding", "utf-8")
        assert_refused(result, "texts.txt, line 2", "UTF-8", "0xe9")

    @pytest.mark.slow
    def test_without_heavy_imports(self, trained):
        code = (
            "import atexit, sys; from skimdb._cli import app; "
            "heavy = {'matplotlib', 'tensorflow'}; "
            "atexit.register(lambda: print(heavy & set(sys.modules))); "
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
        assert done.stdout.endswith("set()\n")

    @pytest.mark.slow
    @pytest.mark.parametrize("from_file", [False, True])
    def test_answers_each_line_at_once(self, trained, tmp_path, from_file):
        args = []
        if from_file:
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
            # ends the test if an answer does not come
            timer = threading.Timer(60, process.kill)
            timer.start()
            stream = open(fifo, "wb") if from_file else process.stdin  # noqa: SIM115
            with stream:
                for text, label in ((PRAISE, b"positive"), (BLAME, b"negative")):
                    stream.write(text.encode() + b"\n")
                    stream.flush()
                    # the stream stays open: the answer must not wait for its end
                    assert process.stdout.readline().startswith(label)
            assert process.stdout.read() == process.stderr.read() == b""
        timer.cancel()
        assert process.returncode == 0

    @pytest.mark.slow
    def test_reader_that_stops(self, trained, tmp_path):
        file = tmp_path / "texts.txt"
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
        output = read_until(terminal, b"--keep-partial")
        assert process.wait(60) == 130
        assert b"Error:" in output
        assert b"Traceback" not in output
        # the cursor, hidden for the bar, is visible again
        assert output.rfind(b"\x1b[?25h") > output.rfind(b"\x1b[?25l")
        assert not list(tmp_path.iterdir())

    @pytest.mark.slow
    @pytest.mark.parametrize("no_color", ["", "1"])
    def test_shows_progress_and_no_noise(self, tmp_path, on_terminal, monkeypatch, no_color):
        monkeypatch.setenv("NO_COLOR", no_color)
        model = tmp_path / "model"
        process, terminal = on_terminal("train", "--epochs", 3, "--out", model)
        output = read_until(terminal, b"nothing")
        assert process.wait(60) == 0
        assert b"3/3" in output
        assert b"loss 0." in output
        assert b"Warning" not in output
        assert bool(re.search(rb"\x1b\[(\d+;)*3\dm", output)) is not bool(no_color)
        printed = process.stdout.read()
        assert b"\x1b" not in printed
        assert b"Wrote model.skimdb" in printed

    @pytest.mark.slow
    @pytest.mark.parametrize("stream", [[], ["--stream"]])
    def test_shows_what_was_read(self, tmp_path, own_texts, on_terminal, stream):
        write_rows(tmp_path / "texts.csv", zip(*own_texts[::-1], strict=True))
        options = [*stream, "--epochs", 1, "--out", tmp_path / "model"]
        process, terminal = on_terminal("train", "--data", tmp_path / "texts.csv", *options)
        output = b" ".join(read_until(terminal, b"nothing").split())
        assert process.wait(60) == 0
        assert re.search(rb"80 texts: (good|bad) \d\d \(\d\d\.\d %\), ", output)
        if not stream:
            assert b"comma-separated" in output
            assert b"text: text, label: label" in output


class TestImdb:
    """The commands that use the IMDB data, on a few generated reviews in its format."""

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

    @pytest.mark.slow
    def test_no_rows_of_an_older_model_stay(self, made_imdb, trained, tmp_path):
        folder = tmp_path / "model"
        shutil.copytree(trained.folder, folder)
        options = ["--model", "article", "--num-words", 400, "--force", "--out", folder]
        assert run("train", "--data", "imdb", *options).exit_code == 0
        result = run("evaluate", folder, "--data", "sample", "--json")
        figures = json.loads(result.stdout)
        assert (figures["rows"], figures["held_out"]) == (400, False)
        result = run("evaluate", folder, "--all-rows", "--json")
        assert json.loads(result.stdout)["rows"] == 1200

    @pytest.mark.slow
    def test_text_model(self, tmp_path, monkeypatch):
        home = tmp_path / "aclImdb"
        X, y = load_sample_reviews(return_X_y=True)
        for i, (text, label) in enumerate(zip(X, y, strict=True)):
            part = ("train", "test")[i % 4 == 0]
            path = home / part / ("neg", "pos")[label] / f"{i}_{1 + 8 * label}.txt"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        # no word index is there, and none is needed
        monkeypatch.setenv("SKIMDB_IMDB_HOME", str(home))
        monkeypatch.setattr("skimdb.datasets.fetch_word_index", pytest.fail)
        folder = tmp_path / "model"
        result = run("train", "--data", "imdb", "--out", folder)
        assert result.exit_code == 0, result.output
        test = json.loads((folder / "metrics.json").read_bytes())["figures"]["test"]
        assert test["rows"] == 100
        assert test["accuracy"] > 0.9
        result = run("evaluate", folder, "--json")
        figures = json.loads(result.stdout)
        assert (figures["data"], figures["rows"]) == ("imdb", 100)
        assert figures["accuracy"] == test["accuracy"]
        assert figures["loss"] == pytest.approx(test["loss"])

    @pytest.mark.slow
    def test_reproduce(self, tmp_path, monkeypatch):
        home = tmp_path / "imdb"
        home.mkdir()
        # it sets 10,000 training reviews aside
        write_imdb(home, 10_300, 600)
        monkeypatch.setenv("SKIMDB_IMDB_HOME", str(home))
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

    def test_download_prints_the_paths(self, made_imdb):
        result = run("download")
        assert result.exit_code == 0
        assert result.stdout.split() == [
            str(made_imdb / "imdb.npz"),
            str(made_imdb / "imdb_word_index.json"),
        ]

    @pytest.mark.parametrize("options", [[], ["--text"]])
    def test_download_options(self, options, monkeypatch):
        monkeypatch.setattr("skimdb.datasets.download_imdb", lambda **options: [str(options)])
        assert run("download", *options).stdout == f"{{'text': {bool(options)}}}\n"

    def test_no_data_and_no_network(self, monkeypatch, tmp_path):
        monkeypatch.setenv("SKIMDB_IMDB_HOME", "")
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
        monkeypatch.delenv("NO_PROXY", raising=False)
        # a port where nothing listens
        monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
        # the pause before the next try
        monkeypatch.setattr(time, "sleep", lambda seconds: None)
        for args in (["download"], ["train", "--data", "imdb", "--out", tmp_path / "model"]):
            result = run(*args)
            assert (result.exit_code, result.stdout) == (2, "")
            assert "was not found" in result.stderr
            assert result.stderr.endswith("\n")
        assert not (tmp_path / "model").exists()


@pytest.mark.slow
@pytest.mark.usefixtures("imdb_home")
class TestRealImdb:
    def test_train_evaluate_predict(self, tmp_path):
        result = run("train", "--data", "imdb", "--model", "article", "--out", tmp_path)
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

    def test_text_model(self, tmp_path):
        result = run("train", "--data", "imdb", "--out", tmp_path)
        assert result.exit_code == 0, result.output
        test = json.loads((tmp_path / "metrics.json").read_bytes())["figures"]["test"]
        assert test["rows"] == 25_000
        assert test["accuracy"] > 0.915
        figures = json.loads(run("evaluate", tmp_path, "--json").stdout)
        assert figures["accuracy"] == test["accuracy"]

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
