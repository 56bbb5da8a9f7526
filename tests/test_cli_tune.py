"""``skimdb tune``: what it finds, prints and writes, and how it goes on after an interruption."""

import contextlib
import csv
import json
import os
import re
import signal
import subprocess
import sys
import time
from types import SimpleNamespace

import numpy as np
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.model_selection import GridSearchCV, StratifiedKFold
from sklearn.pipeline import Pipeline
from test_cli import (  # noqa: F401
    assert_refused,
    command,
    made_imdb,
    on_terminal,
    process_settings,
    read_until,
    run,
)

from skimdb import (
    DenseClassifier,
    MultiHotVectorizer,
    WordIndexEncoder,
    load_model,
    multi_hot_pipeline,
)
from skimdb._cli._data import Source, split_sample
from skimdb._cli._fold_vocabulary import FoldVocabulary, word_counts
from skimdb._cli._search import _searcher, halving_rounds, n_fits
from skimdb.datasets import load_sample_reviews

UNITS, BATCH_SIZES, EPOCHS = ["8", "16,16"], ["32"], "1,2,3"
GRID = [*(word for units in UNITS for word in ("--units", units)), "--batch-size", *BATCH_SIZES]
OPTIONS = [*GRID, "--epochs", EPOCHS, "--cv", "2"]
WRITTEN = {
    "model.skimdb",
    "history.json",
    "metrics.json",
    "curves.png",
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


def found(folder):
    """Return what a search has found, without the times."""
    rows = results_of(folder)
    kept = [{name: row[name] for name in row if "time" not in name} for row in rows]
    figures = json.loads((folder / "metrics.json").read_bytes())["figures"]
    return kept, figures


def longest_states(folder):
    """Return the most epochs kept of each training."""
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


@pytest.fixture
def epochs_trained(monkeypatch):
    """A list that grows by one for each epoch trained in this process."""
    from skimdb._keras._trainer import DenseStack

    trained, begin = [], DenseStack._begin_epoch

    def count(self, *args):
        trained.append(args)
        return begin(self, *args)

    monkeypatch.setattr(DenseStack, "_begin_epoch", count)
    return trained


class TestResults:
    def test_files(self, tuned):
        assert {path.name for path in tuned.folder.iterdir()} == WRITTEN
        for picture in ("search.png", "curves.png"):
            assert (tuned.folder / picture).read_bytes().startswith(b"\x89PNG")

    def test_quiet_in_a_pipe(self, tuned):
        assert tuned.result.stderr == ""
        assert "\x1b" not in tuned.result.stdout

    def test_csv_holds_all_candidates_best_first(self, tuned):
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
        shown = [line for line in lines if line and line[0] in UNITS]
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
        assert shown == expected

    def test_scores_are_those_of_a_search_with_the_whole_pipeline(self, tuned):
        (X, y), _ = split_sample(0)
        grid = {
            "classifier__units": [(8,), (16, 16)],
            "classifier__batch_size": [32],
            "classifier__epochs": [1, 2, 3],
        }
        folds = StratifiedKFold(2, shuffle=True, random_state=0)
        pipeline = multi_hot_pipeline(text=True, random_state=0)
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
        (best,) = re.findall("--units .*", tuned.result.stdout)
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

    def test_metrics_tell_of_the_search(self, tuned):
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

    def test_long_table_is_cut(self, tmp_path):
        result = tune(
            *["--units", "2", "--batch-size", "100", "--cv", "2", "--out", tmp_path],
            *["--epochs", ",".join(map(str, range(1, 25)))],
        )
        assert sum(line.split()[:1] == ["2"] for line in result.stdout.splitlines()) == 20
        assert "4 more in results.csv" in result.stdout
        assert len(results_of(tmp_path)) == 24

    def test_default_grid_suits_the_rows(self, monkeypatch, tmp_path):
        class EnoughError(Exception):
            pass

        def stop(*args, **_):
            raise EnoughError

        monkeypatch.setattr("skimdb._cli._search.run_search", stop)
        assert isinstance(run("tune", "--out", tmp_path).exception, EnoughError)
        request = json.loads((tmp_path / "search.json").read_bytes())
        assert request["units"] == [[16, 16], [64, 16]]
        assert request["batch_size"] == [4, 8]
        assert request["epochs"] == [2, 4, 5, 8]


class TestFoldVocabulary:
    @pytest.mark.parametrize("num_words", [1, 2, 3, 5, 60, 10_000])
    def test_does_what_the_steps_for_texts_do(self, num_words):
        texts, _ = load_sample_reviews(return_X_y=True)
        texts = np.append(texts[:150], ["", "Ärger ärger z z z Z", "\ud800 lone"])
        counts = word_counts(texts, WordIndexEncoder().fit(texts).vocabulary_)
        for fold in (slice(100), slice(60, None), slice(None)):
            steps = [
                WordIndexEncoder(num_words=num_words),
                MultiHotVectorizer(num_words=num_words),
            ]
            expected = Pipeline([("encoder", steps[0]), ("vectorizer", steps[1])])
            expected = expected.fit(texts[fold]).transform(texts)
            matrix = FoldVocabulary(num_words).fit(counts[fold]).transform(counts)
            assert matrix.dtype == expected.dtype
            for part in ("indptr", "indices", "data"):
                np.testing.assert_array_equal(getattr(matrix, part), getattr(expected, part))


class TestHalving:
    def test_goes_on_with_the_best(self, tmp_path, epochs_trained):
        units = [word for n in (2, 4, 8) for word in ("--units", n)]
        options = [*units, "--batch-size", 32, "--epochs", "2,6", "--cv", 2]
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
        # on each fold 3 * 2 epochs and 4 more; then on all training rows
        assert len(epochs_trained) == 2 * (3 * 2 + 4) + 6

    @pytest.mark.parametrize(
        ("n_units", "n_batch_sizes", "epochs", "expected"),
        [
            (2, 2, [2, 3, 4, 6], [(4, 2), (2, 6)]),
            (3, 3, [1, 9], [(9, 1), (3, 3), (1, 9)]),
            (3, 3, [2, 20], [(9, 2), (3, 6), (1, 18)]),
            (2, 2, [1, 20], [(4, 6), (2, 18)]),
            (5, 6, [3, 9], [(30, 3), (10, 9)]),
        ],
    )
    def test_rounds_are_scikit_learns(self, n_units, n_batch_sizes, epochs, expected):
        request = {
            "units": [(i + 1,) for i in range(n_units)],
            "batch_size": [*range(1, n_batch_sizes + 1)],
            "epochs": epochs,
            "halving": True,
            "cv": 2,
        }
        assert halving_rounds(request) == expected
        pipeline = Pipeline([("classifier", Guess())])
        search = _searcher(pipeline, request, {"cv": 2}).fit(np.eye(20), np.arange(20) % 2)
        assert list(zip(search.n_candidates_, search.n_resources_, strict=True)) == expected
        assert n_fits(request) == 2 * len(search.cv_results_["params"])


class Guess(ClassifierMixin, BaseEstimator):
    """Has the parameters that are searched over, and takes no time."""

    def __init__(self, units=1, batch_size=1, epochs=1):
        self.units = units
        self.batch_size = batch_size
        self.epochs = epochs

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        return self

    def predict(self, X):
        return np.zeros(X.shape[0])


class TestImdb:
    def test_is_searched_on_sequences(self, made_imdb, tmp_path, monkeypatch):  # noqa: F811
        monkeypatch.setenv("SKIMDB_IMDB_HOME", str(made_imdb))
        options = ["--data", "imdb", "--num-words", 400, "--units", 4, "--batch-size", 64]
        tune(*options, "--epochs", "1,2", "--cv", 2, "--seed", 7, "--out", tmp_path)
        split = Source("imdb").split(num_words=400, n_validation=0, seed=7)
        X, y = split.parts["training"]
        grid = {"epochs": [1, 2]}
        classifier = DenseClassifier((4,), batch_size=64, random_state=7)
        folds = StratifiedKFold(2, shuffle=True, random_state=7)
        X = MultiHotVectorizer(num_words=400).fit_transform(X)
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
    def begun(self, tuned, tmp_path):
        """A folder where the search has been begun and nothing else."""
        folder = tmp_path / "begun"
        folder.mkdir()
        (folder / "search.json").write_bytes((tuned.folder / "search.json").read_bytes())
        return folder

    def test_finished_search_trains_nothing(self, tuned, epochs_trained):
        before = found(tuned.folder)
        result = tune("--resume", tuned.folder)
        assert epochs_trained == []
        assert found(tuned.folder) == before
        assert {path.name for path in tuned.folder.iterdir()} == WRITTEN
        times = re.compile(r"\d+\.\d\d s")
        assert times.sub("", result.stdout) == times.sub("", tuned.result.stdout)

    def test_each_epoch_is_trained_once(self, begun, tuned, epochs_trained):
        tune(*OPTIONS, "--resume", begun)
        # of two kinds of units on two folds 3 epochs each, and the best on all rows
        assert len(epochs_trained) == 2 * 2 * 3 + tuned.metrics["parameters"]["epochs"]
        assert found(begun) == found(tuned.folder)

    @pytest.mark.parametrize("n_trained", [0, 1, 5, 12])
    def test_after_ctrl_c(self, n_trained, tuned, tmp_path, monkeypatch):
        from skimdb._keras._trainer import DenseStack

        begin, trained = DenseStack._begin_epoch, []

        def interrupt(self, *args):
            trained.append(args)
            if len(trained) > n_trained:
                raise KeyboardInterrupt
            return begin(self, *args)

        with monkeypatch.context() as patch:
            patch.setattr(DenseStack, "_begin_epoch", interrupt)
            result = run("tune", *OPTIONS, "--out", tmp_path)
        assert result.exit_code == 130
        assert result.stderr == "Error: interrupted.\n"
        assert result.stdout == ""
        assert {path.name for path in tmp_path.iterdir()} <= {"search.json", "states"}
        tune("--resume", tmp_path)
        assert found(tmp_path) == found(tuned.folder)

    @pytest.mark.parametrize(
        ("options", "words"),
        [
            (["--epochs", "1,2,4"], ["--epochs 1,2,3, not --epochs 1,2,4"]),
            (["--units", "8"], ["--units 8 --units 16,16, not --units 8"]),
            (["--batch-size", "16"], ["--batch-size 32, not --batch-size 16"]),
            (["--cv", "3"], ["--cv 2, not --cv 3"]),
            (["--seed", "1"], ["--seed 0, not --seed 1"]),
            (["--num-words", "99"], ["--num-words 10000, not --num-words 99"]),
            (["--halving"], ["no --halving, not --halving"]),
        ],
    )
    def test_another_search_is_refused(self, begun, options, words):
        before = (begun / "search.json").read_bytes()
        assert_refused(run("tune", *options, "--resume", begun), str(begun), *words)
        assert [path.name for path in begun.iterdir()] == ["search.json"]
        assert (begun / "search.json").read_bytes() == before

    def test_other_reviews_are_refused(self, tmp_path, monkeypatch):
        texts, labels = load_sample_reviews(return_X_y=True)
        data, folder = tmp_path / "reviews.jsonl", tmp_path / "search"

        def write(path, n_rows):
            records = zip(texts[:n_rows], labels.tolist(), strict=False)
            path.write_text(
                "".join(json.dumps({"text": t, "label": label}) + "\n" for t, label in records)
            )

        write(data, 60)
        monkeypatch.chdir(tmp_path)
        tune("--data", data.name, *GRID, "--epochs", 1, "--cv", 2, "--out", "search")
        write(data, 61)
        assert_refused(run("tune", "--resume", folder), str(folder), "other reviews")
        # the same reviews in another file, and from another folder, are the same
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

    def test_a_search_is_not_begun_over_another(self, begun):
        assert_refused(run("tune", "--out", begun), f"--resume {begun}", "--out")

    @pytest.mark.filterwarnings("default:the training state")
    def test_damaged_state_is_told_in_one_line(self, begun, tuned):
        tune("--resume", begun)
        state = next(begun.glob("states/*-000003.state.npz"))
        state.write_bytes(b"junk")
        result = tune("--resume", begun)
        assert re.fullmatch(r"Warning: the training state .* trained anew\.\n", result.stderr)
        assert found(begun) == found(tuned.folder)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--epochs", "2,x"], ["--epochs", "2,x"]),
        (["--epochs", "0"], ["--epochs"]),
        (["--epochs", ""], ["--epochs"]),
        (["--units", "0"], ["--units"]),
        (["--batch-size", "0"], ["--batch-size"]),
        (["--cv", "1"], ["--cv"]),
        (["--cv", "151"], ["--cv", "151 folds", "got 150"]),
        (["--jobs", "0"], ["--jobs"]),
        (["--jobs", "2", "--dask", "a:1"], ["--jobs", "--dask"]),
        (["--resume", "here", "--out", "there"], ["--out", "--resume"]),
        (["--halving", "--epochs", "2,6", "--units", "8"], ["3 candidates", "got 2"]),
        (["--halving", "--epochs", "2,5"], ["3 times the smallest", "got 2 to 5"]),
        (["--data", "nowhere.csv"], ["--data", "nowhere.csv"]),
    ],
)
def test_wrong_usage(options, words, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert_refused(run("tune", *options), *words)
    assert not list(tmp_path.iterdir())


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
        assert found(tmp_path) == found(tuned.folder)
        assert longest_states(tmp_path) == longest_states(tuned.folder)


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
        assert found(tmp_path) == found(tuned.folder)
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
        assert found(tmp_path) == found(tuned.folder)
        # every epoch but those that were kept, and none of them twice
        longest = longest_states(tmp_path)
        assert longest == longest_states(tuned.folder)
        assert len(epochs_trained) == sum(n - kept.get(key, 0) for key, n in longest.items())

    @pytest.mark.parametrize("jobs", [1, 2])
    def test_ctrl_c_on_a_terminal(self, jobs, tuned, tmp_path, on_terminal):  # noqa: F811
        process, terminal = on_terminal("tune", *OPTIONS, "--jobs", jobs, "--out", tmp_path)
        shown = b""
        while not re.search(rb"\b[1-9]\d*/12\b", shown):
            more = read_until(terminal, b"/12")
            assert more, shown
            shown += more
        process.send_signal(signal.SIGINT)
        shown = read_until(terminal, b"interrupted.\r\n")
        assert process.wait(20) == 130
        assert b"skimdb tune --resume" in shown
        assert b"Traceback" not in shown
        # the cursor, hidden for the bar, is back
        assert shown.rfind(b"\x1b[?25h") > shown.rfind(b"\x1b[?25l")
        assert {path.name for path in tmp_path.iterdir()} == {"search.json", "states"}
        tune("--resume", tmp_path)
        assert found(tmp_path) == found(tuned.folder)

    def test_shows_progress_and_nothing_of_tensorflow(
        self,
        tmp_path,
        on_terminal,  # noqa: F811
    ):
        process, terminal = on_terminal("tune", *OPTIONS, "--jobs", 2, "--out", tmp_path)
        shown = read_until(terminal, b"nothing")
        assert process.wait(20) == 0
        assert b"12/12" in shown
        assert b"Wrote model.skimdb" in shown
        for noise in (b"oneDNN", b"absl", b"cuda", b"CPU instructions", b"Warning"):
            assert noise not in shown
        assert {path.name for path in tmp_path.iterdir()} == WRITTEN


@pytest.mark.slow
@pytest.mark.usefixtures("imdb_home")
def test_real_imdb(tmp_path, epochs_trained):
    options = ["--data", "imdb", "--units", "16,16", "--batch-size", 512, "--epochs", "2,3,4"]
    tune(*options, "--out", tmp_path)
    assert len(epochs_trained) in {3 * 4 + n for n in (2, 3, 4)}
    metrics = json.loads((tmp_path / "metrics.json").read_bytes())
    assert metrics["search"]["accuracy"] > 0.87
    assert metrics["figures"]["test"]["accuracy"] > 0.86
