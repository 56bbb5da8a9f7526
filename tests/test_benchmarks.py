"""The benchmarks run, and what they write is what their times say."""

import importlib
import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import median

import pytest

ROOT = Path(__file__).parent.parent
SUBCOMMANDS = ("fit", "search", "predict", "encode", "load", "scale", "leak")


@pytest.fixture
def benchmarks(monkeypatch):
    """Import a module of the benchmarks, which are not installed with the package."""
    monkeypatch.syspath_prepend(ROOT)
    return lambda name: importlib.import_module(f"benchmarks.{name}")


@pytest.fixture(scope="module")
def quick_runs(request, tmp_path_factory):
    """The run, and the file of its results, of each subcommand that a test asks for.

    Most of a run is the import of TensorFlow in one process after the other, on one core; so two
    run at a time.
    """
    folder = tmp_path_factory.mktemp("results")
    asked_for = [
        item.callspec.params["name"]
        for item in request.session.items
        if "quick_runs" in getattr(item, "fixturenames", ())
    ]
    with ThreadPoolExecutor(max_workers=2) as pool:
        paths = {name: folder / f"{name}.json" for name in asked_for}
        runs = {
            name: pool.submit(run_benchmark, name, path, "--repeat", "1")
            for name, path in paths.items()
        }
        yield lambda name: (runs[name].result(), paths[name])
        pool.shutdown(cancel_futures=True)


def run_benchmark(name, path, *options):
    command = [sys.executable, "-m", "benchmarks", name, "--data", "made", "--quick"]
    command += ["--json", str(path), *options]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True)


def check_results(results, name, repeat):
    assert results["benchmark"] == name
    assert results["repeat"] == repeat
    assert results["quick"]
    assert results["machine"]["cores"] >= 1
    assert {"python", "skimdb", "tensorflow", "scikit-learn"} <= results["versions"].keys()
    assert results["groups"]
    for group in results["groups"]:
        rows = group["rows"]
        for row in rows:
            assert "error" not in row
            for measure in ("seconds", "peak_mb"):
                assert len(row[measure]) == repeat
                assert min(row[measure]) > 0
                assert row[f"median_{measure}"] == median(row[measure])
            assert all(len(values) == repeat for values in row["figures"].values())
        assert "ratio" not in rows[0]
        for row in rows[1:] if name != "scale" else ():
            measure = group["measure"]
            pairs = zip(rows[0][measure], row[measure], strict=True)
            assert row["ratios"] == [ours / theirs for ours, theirs in pairs]
            assert row["ratio"] == median(row["ratios"])


def test_writes_every_time_with_medians_and_ratios(tmp_path):
    path = tmp_path / "load.json"
    run = run_benchmark("load", path, "--repeat", "1")
    assert run.returncode == 0, run.stderr
    assert run.stderr == ""
    results = json.loads(path.read_text(encoding="utf-8"))
    check_results(results, "load", 1)
    [group] = results["groups"]
    assert [row["figures"]["rows"] for row in group["rows"]] == [[1200]] * 3
    assert all(row["name"] in run.stdout for row in group["rows"])


def test_contenders_in_one_process_do_the_same_work(benchmarks, tmp_path):
    measure, data = benchmarks("_measure"), benchmarks("_data")
    options = measure.Options(data="made", repeat=3, quick=True)
    data.store(tmp_path, options, ("sequences",))
    group = benchmarks("encode").groups(options)[1]
    rows = measure.run_group(
        group, folder=tmp_path, options=options, progress=lambda message: None
    )
    assert [len(row["seconds"]) for row in rows] == [3, 3]
    ours, theirs = (set(row["figures"]["nonzeros"]) for row in rows)
    assert ours == theirs
    assert len(ours) == 1


def test_summary_pairs_the_rounds(benchmarks):
    measure = benchmarks("_measure")
    group = measure.Group("a", "b", tuple(measure.Contender(name, print) for name in "xyz"))
    results = {
        "x": [{"seconds": seconds, "peak_mb": 10, "rows": 7} for seconds in (1, 2, 9)],
        "y": [{"seconds": seconds, "peak_mb": 20} for seconds in (2, 2, 3)],
        "z": [],
    }
    x, y, z = measure.summarised(group, results, {"z": "no memory"})
    assert (x["median_seconds"], x["figures"]) == (2, {"rows": [7, 7, 7]})
    # the ratio of the medians would be 1 as well, their mean not
    assert (y["ratios"], y["ratio"]) == ([0.5, 1, 3], 1)
    assert (z["error"], z["ratio"], z["median_seconds"]) == ("no memory", None, None)


def test_a_failed_contender_is_shown_beside_the_others(benchmarks, capsys):
    measure, report = benchmarks("_measure"), benchmarks("_report")
    contenders = tuple(measure.Contender(name, print, at_most=0.5) for name in ("ours", "theirs"))
    group = measure.Group("the title", "the work", contenders)
    results = {"ours": [{"seconds": 0.25, "peak_mb": 1234}], "theirs": []}
    rows = measure.summarised(group, results, {"theirs": "killed [9]"})
    report.print_group(group, rows)
    printed = capsys.readouterr().out
    assert "250 ms" in printed
    assert "1,234 MB" in printed
    assert "theirs failed: killed [9]" in printed


def test_rounds_begin_with_another_contender_each(benchmarks):
    rotated = benchmarks("_measure").rotated
    assert [rotated("abc", number) for number in range(4)] == [
        ["a", "b", "c"],
        ["b", "c", "a"],
        ["c", "a", "b"],
        ["a", "b", "c"],
    ]


def test_reads_as_keras_does(benchmarks, tmp_path, monkeypatch):
    import numpy as np

    from skimdb.datasets import fetch_imdb

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    measure, data = benchmarks("_measure"), benchmarks("_data")
    data.store(tmp_path, measure.Options(data="made", quick=True), ("file",))
    splits = benchmarks("load").load_data_like_keras(tmp_path / "imdb.npz")
    for subset, (rows, labels) in zip(("train", "test"), splits, strict=True):
        X, y = fetch_imdb(
            data_home=tmp_path, subset=subset, num_words=data.NUM_WORDS, return_X_y=True
        )
        np.testing.assert_array_equal(y, labels)
        assert [ids.tolist() for ids in X] == rows.tolist()


def test_says_at_once_that_the_file_cannot_be_written(tmp_path):
    run = run_benchmark("fit", tmp_path / "missing" / "fit.json")
    assert run.returncode == 1
    assert run.stderr.startswith("Error: ")
    assert "Traceback" not in run.stderr


@pytest.mark.slow
@pytest.mark.parametrize("name", SUBCOMMANDS)
def test_every_subcommand(name, quick_runs):
    run, path = quick_runs(name)
    assert run.returncode == 0, run.stderr + run.stdout
    results = json.loads(path.read_text(encoding="utf-8"))
    check_results(results, name, 1)
    if name == "predict":
        answers = [row["figures"]["answer"][0] for row in results["groups"][0]["rows"]]
        # the Keras model has skimdb's weights
        assert answers[0] == pytest.approx(answers[1], abs=1e-4)
