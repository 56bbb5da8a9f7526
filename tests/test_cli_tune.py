"""``skimdb tune``: results, files, and resuming a search."""

import contextlib
import csv
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
import warnings
from types import SimpleNamespace

import numpy as np
import pytest
from sklearn.model_selection import GridSearchCV, StratifiedKFold, train_test_split
from test_cli import (  # noqa: F401
    assert_refused,
    call_after_epochs,
    command,
    made_imdb,
    on_terminal,
    press_at_sample,
    press_ctrl_c,
    process_settings,
    read_until,
    run,
)

from skimdb import (
    DenseClassifier,
    MultiHotVectorizer,
    load_model,
    multi_hot_pipeline,
    text_pipeline,
)
from skimdb.datasets import fetch_imdb, load_sample_reviews

pytestmark = pytest.mark.usefixtures("empty_folder")

UNITS, BATCH_SIZES, EPOCHS = ["8", "16,16"], ["32"], "1,2,3"
GRID = [*(word for units in UNITS for word in ("--units", units)), "--batch-size", *BATCH_SIZES]
ARTICLE = ["--model", "article"]
OPTIONS = [*ARTICLE, *GRID, "--epochs", EPOCHS, "--cv", "2"]
TEXT_OPTIONS = [*GRID, "--epochs", EPOCHS, "--cv", "2"]
# long enough to be interrupted by hand
LONG_OPTIONS = [*ARTICLE, *GRID, "--epochs", "1,2,400", "--cv", "2"]
WRITTEN = {
    "model.skimdb",
    "history.json",
    "metrics.json",
    "curves.png",
    "report.html",
    "held_out.json",
    "results.csv",
    "search.png",
    "search.json",
    "states",
}


def tune(*args):
    result = run("tune", *args)
    assert result.exit_code == 0, result.output
    return result


def results_of(folder):
    with open(folder / "results.csv", newline="") as file:
        return list(csv.DictReader(file))


def outcome(folder):
    """Return the results of a search, without durations."""
    rows = results_of(folder)
    rows = [{name: row[name] for name in row if "time" not in name} for row in rows]
    figures = json.loads((folder / "metrics.json").read_bytes())["figures"]
    return rows, figures


def assert_says_how_to_resume(result, folder):
    line = f"To continue: skimdb tune --resume {folder}\n"
    assert result.stderr == line + "Error: interrupted.\n"


def longest_states(folder):
    """Return the largest number of epochs that is kept of each training."""
    longest = {}
    for path in (folder / "states").glob("*.state.npz"):
        key, _, n_epochs = path.name.removesuffix(".state.npz").rpartition("-")
        longest[key] = max(longest.get(key, 0), int(n_epochs))
    return longest


@pytest.fixture(scope="module")
def tuned(tmp_path_factory):
    """A search on the sample, and what the command printed."""
    folder = tmp_path_factory.mktemp("tuned") / "deep" / "search"
    result = tune(*OPTIONS, "--out", folder)
    metrics = json.loads((folder / "metrics.json").read_bytes())
    return SimpleNamespace(folder=folder, result=result, metrics=metrics)


@pytest.fixture(scope="module")
def text_search(tmp_path_factory):
    """As ``tuned``, with the model text."""
    folder = tmp_path_factory.mktemp("text") / "search"
    result = tune(*TEXT_OPTIONS, "--out", folder)
    assert result.stderr == ""
    metrics = json.loads((folder / "metrics.json").read_bytes())
    return SimpleNamespace(folder=folder, result=result, metrics=metrics)


@pytest.fixture
def epochs_trained(call_after_epochs):  # noqa: F811
    """A list that grows by one for each epoch trained in this process."""
    epochs = []
    call_after_epochs(lambda: epochs.append(1))
    return epochs


class TestResults:
    def test_files(self, tuned):
        assert {path.name for path in tuned.folder.iterdir()} == WRITTEN
        for picture in ("search.png", "curves.png"):
            assert (tuned.folder / picture).read_bytes().startswith(b"\x89PNG")

    def test_quiet_in_a_pipe(self, tuned):
        assert tuned.result.stderr == ""
        assert "\x1b" not in tuned.result.stdout

    def test_csv_contains_all_candidates_best_first(self, tuned):
        rows = results_of(tuned.folder)
        assert [int(row["rank_test_score"]) for row in rows] == sorted(
            int(row["rank_test_score"]) for row in rows
        )
        candidates = {
            tuple(row[f"param_classifier__{name}"] for name in ("units", "batch_size", "epochs"))
            for row in rows
        }
        assert candidates == {(units, "32", n) for units in UNITS for n in EPOCHS.split(",")}
        for row in rows:
            splits = [float(row[f"split{i}_test_score"]) for i in range(2)]
            assert float(row["mean_test_score"]) == pytest.approx(np.mean(splits))
            assert float(row["std_test_score"]) == pytest.approx(np.std(splits))

    def test_table_shows_them(self, tuned):
        lines = [line.split() for line in tuned.result.stdout.splitlines()]
        candidates = [line for line in lines if line and line[0] in UNITS]
        expected = [
            [
                row["param_classifier__units"],
                row["param_classifier__batch_size"],
                row["param_classifier__epochs"],
                f"{float(row['mean_test_score']):.4f}",
                "±",
                f"{float(row['std_test_score']):.4f}",
                f"{float(row['mean_fit_time']):.2f}",
                "s",
            ]
            for row in results_of(tuned.folder)
        ]
        assert candidates == expected

    def test_scores_are_those_of_a_search_with_the_whole_pipeline(self, tuned):
        X, y = load_sample_reviews(return_X_y=True)
        X, _, y, _ = train_test_split(X, y, test_size=100, stratify=y, random_state=0)
        grid = {
            "classifier__units": [(8,), (16, 16)],
            "classifier__batch_size": [32],
            "classifier__epochs": [1, 2, 3],
        }
        folds = StratifiedKFold(2, shuffle=True, random_state=0)
        # ids 0 to 3 stand for no word
        pipeline = multi_hot_pipeline(text=True, num_words=10_004, random_state=0)
        search = GridSearchCV(pipeline, grid, cv=folds).fit(X, y)
        scores = {
            (row["param_classifier__units"], row["param_classifier__epochs"]): [
                float(row[f"split{i}_test_score"]) for i in range(2)
            ]
            for row in results_of(tuned.folder)
        }
        for i, params in enumerate(search.cv_results_["params"]):
            units = ",".join(map(str, params["classifier__units"]))
            expected = [search.cv_results_[f"split{k}_test_score"][i] for k in range(2)]
            assert scores[units, str(params["classifier__epochs"])] == expected

    def test_model_is_the_one_train_gives_with_the_best_options(self, tuned, tmp_path):
        best = re.search("--model article --units .*", tuned.result.stdout).group()
        result = run("train", *best.split(), "--out", tmp_path)
        assert result.exit_code == 0, result.output
        trained = json.loads((tmp_path / "metrics.json").read_bytes())
        assert tuned.metrics["figures"] == trained["figures"]
        assert tuned.metrics["parameters"] == trained["parameters"]
        assert tuned.metrics["labels"] == trained["labels"]
        models = [load_model(folder / "model.skimdb") for folder in (tuned.folder, tmp_path)]
        assert [name for name, _ in models[0].steps] == [name for name, _ in models[1].steps]
        assert repr(models[0]) == repr(models[1])
        histories = [(folder / "history.json").read_text() for folder in (tuned.folder, tmp_path)]
        assert histories[0] == histories[1]

    def test_metrics_describe_the_search(self, tuned):
        best = results_of(tuned.folder)[0]
        assert tuned.metrics["search"] == {
            "cv": 2,
            "halving": False,
            "candidates": 6,
            "accuracy": float(best["mean_test_score"]),
        }
        parameters = tuned.metrics["parameters"]
        assert ",".join(map(str, parameters["units"])) == best["param_classifier__units"]
        assert str(parameters["epochs"]) == best["param_classifier__epochs"]

    def test_evaluate_takes_the_folder(self, tuned):
        figures = json.loads(run("evaluate", tuned.folder, "--json").stdout)
        test = tuned.metrics["figures"]["test"]
        assert figures["rows"] == test["rows"] == 100
        assert figures["accuracy"] == test["accuracy"]

    def test_says_what_to_do_next(self, tuned):
        *_, wrote, following, free = tuned.result.stdout.splitlines()
        assert wrote.startswith("Wrote model.skimdb, ")
        assert following == f'Next: skimdb predict {tuned.folder} "your text"'
        states = tuned.folder / "states"
        kilobytes = sum(file.stat().st_size for file in states.iterdir()) / 1000
        size = f"{kilobytes / 1000:.1f} MB" if kilobytes >= 1000 else f"{kilobytes:.1f} kB"
        assert free == f"To free {size}, which only --resume needs, delete {states}."

    @pytest.mark.slow
    def test_long_table_is_cut(self, tmp_path):
        result = tune(
            *[*ARTICLE, "--units", "2", "--batch-size", "100", "--cv", "2", "--out", tmp_path],
            *["--epochs", ",".join(map(str, range(1, 25)))],
        )
        assert sum(line.split()[:1] == ["2"] for line in result.stdout.splitlines()) == 20
        assert "4 more in results.csv" in result.stdout
        assert len(results_of(tmp_path)) == 24

    @pytest.mark.parametrize(
        ("options", "units", "batch_sizes", "epochs"),
        [
            (ARTICLE, [[16, 16], [64, 16]], [8, 16], [6, 8, 11, 16]),
            ([], [[16], [32]], [16], [16, 32, 48]),
            (["--halving"], [[16], [32], [64]], [16], [16, 48]),
            (["--epochs", "9", "--batch-size", "8"], [[16], [32]], [8], [9]),
            (["--batch-size", "16,4", "--batch-size=8"], [[16], [32]], [4, 8, 16], [16, 32, 48]),
        ],
    )
    def test_default_grid_suits_the_rows(
        self,
        options,
        units,
        batch_sizes,
        epochs,
        tmp_path,
        call_after_epochs,  # noqa: F811
    ):
        call_after_epochs(press_ctrl_c)
        assert run("tune", *options, "--out", tmp_path).exit_code == 130
        request = json.loads((tmp_path / "search.json").read_bytes())
        assert request["units"] == units
        assert request["batch_size"] == batch_sizes
        assert request["epochs"] == epochs


class TestText:
    """A search with the model text, which keeps scores instead of states."""

    def test_files(self, text_search):
        names = {path.name for path in text_search.folder.iterdir()}
        assert names == {*WRITTEN - {"states"}, "scores"}
        assert len([*(text_search.folder / "scores").iterdir()]) == 12

    def test_says_what_to_delete(self, text_search):
        last = text_search.result.stdout.splitlines()[-1]
        assert last.endswith(f"which only --resume needs, delete {text_search.folder / 'scores'}.")

    def test_request_and_metrics_name_the_model(self, text_search):
        request = json.loads((text_search.folder / "search.json").read_bytes())
        assert (request["model"], request["num_words"]) == ("text", None)
        assert text_search.metrics["parameters"]["model"] == "text"
        assert text_search.metrics["search"]["candidates"] == 6

    def test_scores_are_those_of_a_search_on_sequences(self, text_search):
        X, y = load_sample_reviews(return_X_y=True)
        X, _, y, _ = train_test_split(X, y, test_size=100, stratify=y, random_state=0)
        pipeline = text_pipeline(batch_size=32, random_state=0)
        grid = {"classifier__units": [(8,), (16, 16)], "classifier__epochs": [1, 2, 3]}
        folds = StratifiedKFold(2, shuffle=True, random_state=0)
        search = GridSearchCV(pipeline[1:], grid, cv=folds)
        search.fit(pipeline[0].fit_transform(X), y)
        scores = {
            (row["param_classifier__units"], row["param_classifier__epochs"]): [
                float(row[f"split{i}_test_score"]) for i in range(2)
            ]
            for row in results_of(text_search.folder)
        }
        for i, params in enumerate(search.cv_results_["params"]):
            units = ",".join(map(str, params["classifier__units"]))
            expected = [search.cv_results_[f"split{k}_test_score"][i] for k in range(2)]
            assert scores[units, str(params["classifier__epochs"])] == expected

    def test_model_is_the_one_train_gives_with_the_best_options(self, text_search, tmp_path):
        best = re.search("all training rows: (--units .*)", text_search.result.stdout).group(1)
        result = run("train", *best.split(), "--out", tmp_path)
        assert result.exit_code == 0, result.output
        for name in ("model.skimdb", "history.json"):
            assert (tmp_path / name).read_bytes() == (text_search.folder / name).read_bytes()
        trained = json.loads((tmp_path / "metrics.json").read_bytes())
        for name in ("parameters", "figures", "labels"):
            assert text_search.metrics[name] == trained[name]

    def test_finished_search_trains_only_the_model(self, text_search, epochs_trained):
        before = outcome(text_search.folder)
        tune("--resume", text_search.folder)
        assert len(epochs_trained) == text_search.metrics["parameters"]["epochs"]
        assert outcome(text_search.folder) == before

    @pytest.mark.parametrize("n_epochs", [1, 8, 24, 25])
    def test_after_ctrl_c(self, n_epochs, text_search, tmp_path, call_after_epochs):  # noqa: F811
        epochs = []

        def interrupt():
            epochs.append(1)
            if len(epochs) == n_epochs:
                press_ctrl_c()

        call_after_epochs(interrupt)
        result = run("tune", *TEXT_OPTIONS, "--out", tmp_path)
        assert result.exit_code == 130
        assert_says_how_to_resume(result, tmp_path)
        n_scores = len([*tmp_path.glob("scores/*.json")])
        tune("--resume", tmp_path)
        assert outcome(tmp_path) == outcome(text_search.folder)
        # the fits of the search take 1, 2 or 3 epochs, and so does the last one
        n_fits = 12 - n_scores + 1
        assert n_fits <= len(epochs) - n_epochs <= 3 * n_fits

    @pytest.mark.slow
    def test_damaged_score_is_found_again(self, text_search, tmp_path):
        folder = tmp_path / "search"
        shutil.copytree(text_search.folder, folder)
        for file in (folder / "scores").iterdir():
            file.write_bytes(b"junk")
        tune("--resume", folder)
        assert outcome(folder) == outcome(text_search.folder)

    @pytest.mark.slow
    def test_halving_and_class_weight(self, tmp_path):
        units = [word for n in (2, 4, 8) for word in ("--units", n)]
        options = [*units, "--batch-size", 32, "--epochs", "2,6", "--cv", 2]
        result = tune(*options, "--halving", "--class-weight", "balanced", "--out", tmp_path)
        assert [row["n_resources"] for row in results_of(tmp_path)] == ["6", "2", "2", "2"]
        assert re.search(
            "--class-weight balanced --units . --batch-size 32 --epochs 6",
            " ".join(result.stdout.split()),
        )
        metrics = json.loads((tmp_path / "metrics.json").read_bytes())
        assert metrics["parameters"]["class_weight"] == "balanced"

    @pytest.mark.parametrize(
        ("options", "words"),
        [
            (["--model", "article"], ["--model text, not --model article"]),
            (["--class-weight", "balanced"], ["--class-weight none, not --class-weight balanced"]),
            (["--num-words", "99"], ["--num-words", "--model article"]),
        ],
    )
    def test_another_search_is_refused(self, text_search, options, words):
        folder = text_search.folder
        assert_refused(run("tune", *options, "--resume", folder), *words)

    @pytest.mark.slow
    @pytest.mark.parametrize("jobs", [1, 2])
    def test_killed_in_the_middle(self, jobs, text_search, tmp_path):
        with subprocess.Popen(
            command("tune", *TEXT_OPTIONS, "--jobs", jobs, "--out", tmp_path),
            start_new_session=True,
            **process_settings(),
        ) as process:
            end = time.monotonic() + 60
            while len([*tmp_path.glob("scores/*.json")]) < 3 and time.monotonic() < end:
                time.sleep(0.01)
            process.kill()
        assert process.returncode == -signal.SIGKILL
        TestProcesses.wait_for_group(process.pid)
        n_scores = len([*tmp_path.glob("scores/*.json")])
        assert 3 <= n_scores < 12
        tune("--resume", tmp_path)
        assert outcome(tmp_path) == outcome(text_search.folder)

    @pytest.mark.slow
    def test_dask_gives_the_scores_of_one_process(self, text_search, tmp_path):
        distributed = pytest.importorskip("distributed", reason="needs skimdb[dask]")
        with distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, dashboard_address=None
        ) as cluster:
            tune(*TEXT_OPTIONS, "--dask", cluster.scheduler_address, "--out", tmp_path)
        assert outcome(tmp_path) == outcome(text_search.folder)


class TestHalving:
    def test_continues_with_the_best(self, tmp_path, epochs_trained):
        units = [word for n in (2, 4, 8) for word in ("--units", n)]
        options = [*ARTICLE, *units, "--batch-size", 32, "--epochs", "2,6", "--cv", 2]
        result = tune(*options, "--halving", "--out", tmp_path)
        rows = results_of(tmp_path)
        # three candidates to 2 epochs, and the best of them to 6
        assert [(row["iter"], row["n_resources"]) for row in rows] == [
            ("1", "6"),
            *[("0", "2")] * 3,
        ]
        assert rows[0]["param_classifier__units"] == rows[1]["param_classifier__units"]
        assert f"--units {rows[0]['param_classifier__units']} --batch-size 32 --epochs 6" in (
            result.stdout
        )
        # on each fold 3 * 2 epochs and 4 more, then on all training rows
        assert len(epochs_trained) == 2 * (3 * 2 + 4) + 6


class TestImdb:
    @pytest.mark.slow
    def test_search_on_sequences(self, made_imdb, tmp_path, monkeypatch):  # noqa: F811
        monkeypatch.setenv("SKIMDB_IMDB_HOME", str(made_imdb))
        options = [*ARTICLE, "--data", "imdb", "--num-words", 400, "--units", 4]
        options += ["--batch-size", 64]
        tune(*options, "--epochs", "1,2", "--cv", 2, "--seed", 7, "--out", tmp_path)
        # ids 0 to 3 stand for no word
        X, y = fetch_imdb(num_words=404, return_X_y=True)
        grid = {"epochs": [1, 2]}
        classifier = DenseClassifier((4,), batch_size=64, random_state=7)
        folds = StratifiedKFold(2, shuffle=True, random_state=7)
        X = MultiHotVectorizer(num_words=404).fit_transform(X)
        search = GridSearchCV(classifier, grid, cv=folds).fit(X, y)
        scores = {
            row["param_classifier__epochs"]: row["mean_test_score"] for row in results_of(tmp_path)
        }
        assert scores == {
            str(n): str(score)
            for n, score in zip([1, 2], search.cv_results_["mean_test_score"], strict=True)
        }
        model = load_model(tmp_path / "model.skimdb")
        assert model["encoder"].vocabulary_["word7"] == 7
        np.testing.assert_array_equal(
            model["classifier"].coefs_[0], search.best_estimator_.coefs_[0]
        )


class TestResume:
    @pytest.fixture
    def started(self, tuned, tmp_path):
        """A folder with the options of a search and nothing else."""
        folder = tmp_path / "started"
        folder.mkdir()
        (folder / "search.json").write_bytes((tuned.folder / "search.json").read_bytes())
        return folder

    def test_finished_search_trains_nothing(self, tuned, epochs_trained):
        before = outcome(tuned.folder)
        result = tune("--resume", tuned.folder)
        assert epochs_trained == []
        assert outcome(tuned.folder) == before
        assert {path.name for path in tuned.folder.iterdir()} == WRITTEN
        times = re.compile(r"\d+\.\d\d s")
        assert times.sub("", result.stdout) == times.sub("", tuned.result.stdout)

    def test_each_epoch_is_trained_once(self, started, tuned, epochs_trained):
        tune(*OPTIONS, "--resume", started)
        # of two kinds of units on two folds 3 epochs each, and the best on all rows
        assert len(epochs_trained) == 2 * 2 * 3 + tuned.metrics["parameters"]["epochs"]
        assert outcome(started) == outcome(tuned.folder)

    @pytest.mark.parametrize("n_epochs", [1, 5, 12, 13])
    def test_after_ctrl_c(self, n_epochs, tuned, tmp_path, call_after_epochs):  # noqa: F811
        epochs = []

        def interrupt():
            epochs.append(1)
            if len(epochs) == n_epochs:
                press_ctrl_c()

        call_after_epochs(interrupt)
        result = run("tune", *OPTIONS, "--out", tmp_path)
        assert result.exit_code == 130
        assert_says_how_to_resume(result, tmp_path)
        assert result.stdout == ""
        assert {path.name for path in tmp_path.iterdir()} <= {"search.json", "states"}
        tune("--resume", tmp_path)
        assert outcome(tmp_path) == outcome(tuned.folder)

    @pytest.mark.parametrize(
        ("options", "words"),
        [
            (["--epochs", "1,2,4"], ["--epochs 1,2,3, not --epochs 1,2,4"]),
            (["--units", "8"], ["--units 8 --units 16,16, not --units 8"]),
            (["--batch-size", "16"], ["--batch-size 32, not --batch-size 16"]),
            (["--cv", "3"], ["--cv 2, not --cv 3"]),
            (["--seed", "1"], ["--seed 0, not --seed 1"]),
            (["--num-words", "99"], ["--num-words 10000, not --num-words 99"]),
            (["--model", "text"], ["--model article, not --model text"]),
            (["--halving"], ["no --halving, not --halving"]),
        ],
    )
    def test_another_search_is_refused(self, started, options, words):
        before = (started / "search.json").read_bytes()
        assert_refused(run("tune", *options, "--resume", started), str(started), *words)
        assert [path.name for path in started.iterdir()] == ["search.json"]
        assert (started / "search.json").read_bytes() == before

    @pytest.mark.slow
    def test_other_texts_are_refused(self, tmp_path, monkeypatch):
        texts, labels = load_sample_reviews(return_X_y=True)
        data, folder = tmp_path / "texts.jsonl", tmp_path / "search"

        def write(path, n_rows):
            records = zip(texts[:n_rows], labels.tolist(), strict=False)
            path.write_text(
                "".join(json.dumps({"text": t, "label": label}) + "\n" for t, label in records)
            )

        write(data, 60)
        monkeypatch.chdir(tmp_path)
        tune("--data", data.name, *GRID, "--epochs", 1, "--cv", 2, "--out", "search")
        write(data, 61)
        assert_refused(run("tune", "--resume", folder), str(folder), "other texts")
        # the same texts in another file, and from another folder, are accepted
        write(data, 60)
        monkeypatch.chdir(folder)
        tune("--resume", folder)
        moved = tmp_path / "moved.jsonl"
        data.rename(moved)
        assert_refused(run("tune", "--resume", folder), str(data))
        tune("--resume", folder, "--data", moved)

    def test_needs_a_search(self, tmp_path):
        assert_refused(run("tune", "--resume", tmp_path / "none"), "--resume", "search.json")
        (tmp_path / "search.json").write_text('{"units": 3}')
        assert_refused(run("tune", "--resume", tmp_path), "search.json")

    @pytest.mark.slow
    def test_a_search_does_not_replace_another(self, started):
        words = [f"--resume {started}", "--out", "--force"]
        assert_refused(run("tune", "--out", started), *words)
        grid = ["--units", 2, "--batch-size", 64, "--epochs", 1, "--cv", 2]
        tune(*ARTICLE, *grid, "--out", started, "--force")
        assert json.loads((started / "search.json").read_bytes())["batch_size"] == [64]

    @pytest.mark.slow
    def test_another_model_is_not_replaced(self, started, tmp_path):
        trained = tmp_path / "trained"
        options = [*ARTICLE, "--units", 2, "--epochs", 1, "--out", trained]
        assert run("train", *options).exit_code == 0
        before = (trained / "model.skimdb").read_bytes()
        grid = ["--units", 2, "--batch-size", 64, "--epochs", 1, "--cv", 2]
        result = run("tune", *ARTICLE, *grid, "--out", trained)
        assert_refused(result, str(trained), "another model", "`skimdb train`", "--force")
        # neither is it replaced by a search that was started before it
        shutil.copy(started / "search.json", trained)
        assert_refused(run("tune", "--resume", trained), "another model", "--force")
        assert (trained / "model.skimdb").read_bytes() == before
        tune("--resume", trained, "--force")
        assert (trained / "model.skimdb").read_bytes() != before

    @pytest.mark.slow
    def test_reads_its_file_as_it_did(self, tmp_path):
        texts, labels = load_sample_reviews(return_X_y=True)
        data, folder = tmp_path / "reviews.txt", tmp_path / "search"
        with open(data, "w", newline="", encoding="latin-1") as file:
            table = csv.writer(file, delimiter=";")
            table.writerow(["both", "remark", "stars"])
            for text, label in zip(texts[:60], labels[:60].tolist(), strict=True):
                table.writerow(["a long text that says little about the stars", text, label])
            file.write("one field\n")
        reader = ["--delimiter", ";", "--encoding", "latin-1", "--on-error", "skip"]
        columns = ["--text-column", "remark", "--label-column", 3]
        options = [*reader, *columns, *GRID, "--epochs", 1, "--cv", 2, "--out", folder]
        with warnings.catch_warnings():
            warnings.simplefilter("always")
            result = tune("--data", data, *options)
            assert "left out 1 row" in result.stderr
            before = outcome(folder)
            tune("--resume", folder)
            figures = json.loads(run("evaluate", folder, "--json").stdout)
        assert outcome(folder) == before
        test = before[1]["test"]
        assert test["rows"] == figures["rows"] == 12
        assert test["accuracy"] == figures["accuracy"]
        saved = json.loads((folder / "metrics.json").read_bytes())["data"]
        assert (saved["text_column"], saved["label_column"]) == ("remark", "3")

    @pytest.mark.slow
    @pytest.mark.filterwarnings("default:the training state")
    def test_damaged_state_is_reported_in_one_line(self, started, tuned):
        tune("--resume", started)
        state = next(started.glob("states/*-000003.state.npz"))
        state.write_bytes(b"junk")
        result = tune("--resume", started)
        assert re.fullmatch(r"Warning: the training state .* trained again\.\n", result.stderr)
        assert outcome(started) == outcome(tuned.folder)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--epochs", "2,x"], ["--epochs", "2,x"]),
        (["--epochs", "0"], ["--epochs"]),
        (["--epochs", ""], ["--epochs"]),
        (["--units", "0"], ["--units"]),
        (["--batch-size", "0"], ["--batch-size"]),
        (["--batch-size", "32,x"], ["--batch-size", "16,32,64", "'32,x'"]),
        (["--cv", "1"], ["--cv"]),
        (["--cv", "151"], ["--cv", "151 folds", "got 150"]),
        (["--jobs", "0"], ["--jobs"]),
        (["--jobs", "2", "--dask", "a:1"], ["--jobs", "--dask"]),
        (["--resume", "here", "--out", "there"], ["--out", "--resume"]),
        (["--halving", "--epochs", "2,6", "--units", "8"], ["3 candidates", "got 2"]),
        (["--halving", "--epochs", "2,5"], ["3 times the smallest", "got 2 to 5"]),
        (["--data", "nowhere.csv"], ["--data", "nowhere.csv"]),
        (["--num-words", "99"], ["--num-words", "--model article"]),
        (["--model", "text", "--num-words", "99"], ["--num-words", "--model article"]),
    ],
)
def test_wrong_usage(options, words, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert_refused(run("tune", *options), *words)
    assert not list(tmp_path.iterdir())


@pytest.mark.usefixtures("press_at_sample")
@pytest.mark.parametrize("force", [[], ["--force"]])
def test_ctrl_c_before_the_search(force, tuned, tmp_path):
    """Also where the folder has another search, which is not this one to continue."""
    if force:
        (tmp_path / "search.json").write_bytes((tuned.folder / "search.json").read_bytes())
    before = [path.read_bytes() for path in tmp_path.iterdir()]
    result = run("tune", *force, "--out", tmp_path)
    assert_refused(result, "interrupted: nothing was written.", code=130)
    assert [path.read_bytes() for path in tmp_path.iterdir()] == before


class TestDask:
    def test_is_not_installed(self, tmp_path, monkeypatch):
        monkeypatch.setitem(sys.modules, "distributed", None)
        result = run("tune", "--dask", "localhost:8786", "--out", tmp_path)
        assert_refused(result, "--dask", "pip install 'skimdb[dask]'")
        assert not list(tmp_path.iterdir())

    @pytest.mark.slow
    def test_gives_the_scores_of_one_process(self, tuned, tmp_path):
        distributed = pytest.importorskip("distributed", reason="needs skimdb[dask]")
        with distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, dashboard_address=None
        ) as cluster:
            tune(*OPTIONS, "--dask", cluster.scheduler_address, "--out", tmp_path)
        assert outcome(tmp_path) == outcome(tuned.folder)
        assert longest_states(tmp_path) == longest_states(tuned.folder)

    @pytest.mark.slow
    @pytest.mark.skipif(os.name != "posix", reason="kills as POSIX systems do")
    def test_a_worker_dies(self, tuned, tmp_path):
        distributed = pytest.importorskip("distributed", reason="needs skimdb[dask]")
        dask = pytest.importorskip("dask")
        # how often Dask removes copies of data
        interval = {"distributed.scheduler.active-memory-manager.interval": "10ms"}
        with (
            dask.config.set(interval),
            distributed.LocalCluster(
                n_workers=2, threads_per_worker=1, dashboard_address=None
            ) as cluster,
            distributed.Client(cluster) as client,
        ):
            address, pid = next(iter(client.run(os.getpid).items()))
            is_done = threading.Event()

            def kill_once_it_works():
                while not (client.processing()[address] or is_done.is_set()):
                    time.sleep(0.01)
                # it has removed copies by now, if it may
                time.sleep(0.2)
                os.kill(pid, signal.SIGKILL)

            killer = threading.Thread(target=kill_once_it_works)
            killer.start()
            tune(*OPTIONS, "--dask", cluster.scheduler_address, "--out", tmp_path)
            is_done.set()
            killer.join()
            assert client.amm.running()
        assert outcome(tmp_path) == outcome(tuned.folder)


@pytest.mark.slow
class TestProcesses:
    def test_two_give_the_scores_of_one(self, tuned, tmp_path):
        done = subprocess.run(
            command("tune", *OPTIONS, "--jobs", 2, "--out", tmp_path),
            capture_output=True,
            check=True,
            **process_settings(),
        )
        assert done.stderr == b""
        assert outcome(tmp_path) == outcome(tuned.folder)
        assert longest_states(tmp_path) == longest_states(tuned.folder)

    @staticmethod
    def wait_for_group(group, seconds=60):
        """Wait for the workers of a process that is gone: they end by themselves."""
        end = time.monotonic() + seconds
        with contextlib.suppress(ProcessLookupError):
            while time.monotonic() < end:
                os.killpg(group, 0)
                time.sleep(0.05)
            pytest.fail("workers outlive their process")

    @pytest.mark.parametrize("jobs", [1, 2])
    def test_killed_in_the_middle(self, jobs, tuned, tmp_path, epochs_trained):
        with subprocess.Popen(
            command("tune", *OPTIONS, "--jobs", jobs, "--out", tmp_path),
            start_new_session=True,
            **process_settings(),
        ) as process:
            end = time.monotonic() + 60
            while len(longest_states(tmp_path)) < 3 and time.monotonic() < end:
                time.sleep(0.01)
            process.kill()
        assert process.returncode == -signal.SIGKILL
        assert not (tmp_path / "results.csv").exists()
        self.wait_for_group(process.pid)
        kept = longest_states(tmp_path)
        tune("--resume", tmp_path)
        assert outcome(tmp_path) == outcome(tuned.folder)
        # each epoch once, without those that were kept
        longest = longest_states(tmp_path)
        assert longest == longest_states(tuned.folder)
        assert len(epochs_trained) == sum(n - kept.get(key, 0) for key, n in longest.items())

    @pytest.mark.parametrize("jobs", [1, 2])
    def test_ctrl_c_on_a_terminal(self, jobs, tmp_path, on_terminal):  # noqa: F811
        folder, whole = tmp_path / "interrupted", tmp_path / "whole"
        options = [*LONG_OPTIONS, "--jobs", jobs, "--out", folder]
        process, terminal = on_terminal("tune", *options)
        output = b""
        while not re.search(rb"\b[1-9]\d*/12\b", output):
            more = read_until(terminal, b"/12")
            assert more, output
            output += more
        process.send_signal(signal.SIGINT)
        output = read_until(terminal, b"interrupted.\r\n")
        assert process.wait(60) == 130
        assert b"skimdb tune --resume" in output
        assert b"Traceback" not in output
        # the cursor, hidden for the bar, is visible again
        assert output.rfind(b"\x1b[?25h") > output.rfind(b"\x1b[?25l")
        assert {path.name for path in folder.iterdir()} == {"search.json", "states"}
        tune("--resume", folder)
        tune(*LONG_OPTIONS, "--out", whole)
        assert outcome(folder) == outcome(whole)

    def test_shows_progress_and_no_noise(
        self,
        tmp_path,
        on_terminal,  # noqa: F811
    ):
        process, terminal = on_terminal("tune", *OPTIONS, "--jobs", 2, "--out", tmp_path)
        output = read_until(terminal, b"nothing")
        assert process.wait(60) == 0
        assert b"12/12" in output
        assert b"Wrote model.skimdb" in process.stdout.read()
        assert b"Warning" not in output
        assert {path.name for path in tmp_path.iterdir()} == WRITTEN


@pytest.mark.slow
@pytest.mark.usefixtures("imdb_home")
def test_real_imdb(tmp_path, epochs_trained):
    options = [*ARTICLE, "--data", "imdb", "--units", "16,16", "--batch-size", 512]
    options += ["--epochs", "2,3,4"]
    tune(*options, "--out", tmp_path)
    assert len(epochs_trained) in {3 * 4 + n for n in (2, 3, 4)}
    metrics = json.loads((tmp_path / "metrics.json").read_bytes())
    assert metrics["search"]["accuracy"] > 0.87
    assert metrics["figures"]["test"]["accuracy"] > 0.86


@pytest.mark.slow
@pytest.mark.usefixtures("imdb_home")
def test_text_model_on_real_imdb(tmp_path):
    options = ["--data", "imdb", "--units", 16, "--epochs", "1,2", "--cv", 2]
    tune(*options, "--out", tmp_path)
    metrics = json.loads((tmp_path / "metrics.json").read_bytes())
    assert metrics["search"]["accuracy"] > 0.9
    assert metrics["figures"]["test"]["accuracy"] > 0.915
