"""The benchmarks run, and write the medians and ratios of their times."""

import importlib
import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import median

import numpy as np
import pytest
import scipy.sparse as sp
import typer

from skimdb.datasets import fetch_imdb

ROOT = Path(__file__).parent.parent
SUBCOMMANDS = (
    "fit",
    "process",
    "search",
    "predict",
    "encode",
    "load",
    "scale",
    "leak",
    "accuracy",
)
OPTIONS = {"accuracy": ("--corpus", "mr", "--corpus", "trec")}


@pytest.fixture
def benchmarks(monkeypatch):
    """Import a module of the benchmarks, which are not installed with the package."""
    monkeypatch.syspath_prepend(ROOT)
    return lambda name: importlib.import_module(f"benchmarks.{name}")


@pytest.fixture(scope="module")
def quick_runs(request, tmp_path_factory):
    """Return a function that gives the run of a subcommand and the file of its results.

    The subcommands run two at a time: each spends most of its time importing TensorFlow in one
    process after the other, on one core.
    """
    folder = tmp_path_factory.mktemp("results")
    names = [
        item.callspec.params["name"]
        for item in request.session.items
        if "quick_runs" in getattr(item, "fixturenames", ())
    ]
    with ThreadPoolExecutor(max_workers=2) as pool:
        paths = {name: folder / f"{name}.json" for name in names}
        runs = {
            name: pool.submit(run_benchmark, name, path, "--repeat", "1", *OPTIONS.get(name, ()))
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
    assert {"python", "skimdb", "numba", "tensorflow", "scikit-learn"} <= results[
        "versions"
    ].keys()
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
        for row in rows[1:] if group["title"] != "scale rows" else ():
            measure = group["measure"]
            pairs = zip(rows[0][measure], row[measure], strict=True)
            assert row["ratios"] == [ours / theirs for ours, theirs in pairs]
            assert row["ratio"] == median(row["ratios"])


@pytest.mark.slow
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


@pytest.mark.slow
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
    x, y, z = measure.summarize(group, results, {"z": "no memory"})
    assert (x["median_seconds"], x["figures"]) == (2, {"rows": [7, 7, 7]})
    # the ratio of the medians would be 1 as well, their mean not
    assert (y["ratios"], y["ratio"]) == ([0.5, 1, 3], 1)
    assert (z["error"], z["ratio"], z["median_seconds"]) == ("no memory", None, None)


def test_a_failed_contender_is_printed_with_the_others(benchmarks, capsys):
    measure, report = benchmarks("_measure"), benchmarks("_report")
    contenders = tuple(measure.Contender(name, print, at_most=0.5) for name in ("ours", "theirs"))
    group = measure.Group("the title", "the work", contenders)
    results = {"ours": [{"seconds": 0.25, "peak_mb": 1234}], "theirs": []}
    rows = measure.summarize(group, results, {"theirs": "killed [9]"})
    report.print_group(group, rows)
    printed = capsys.readouterr().out
    assert "250 ms" in printed
    assert "1,234 MB" in printed
    assert "theirs failed: killed [9]" in printed


def test_each_round_starts_with_another_contender(benchmarks):
    rotate = benchmarks("_measure").rotate
    assert [rotate("abc", number) for number in range(4)] == [
        ["a", "b", "c"],
        ["b", "c", "a"],
        ["c", "a", "b"],
        ["a", "b", "c"],
    ]


@pytest.mark.slow
def test_a_contender_of_skimdb_imports_no_tensorflow():
    script = (
        "import sys\n"
        "from benchmarks._contenders import skimdb_classifier\n"
        "skimdb_classifier((16, 16), 1, 512, 0)\n"
        "sys.exit('tensorflow' in sys.modules)\n"
    )
    run = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr


def test_products_of_some_batches_are_scaled_up(benchmarks, monkeypatch):
    contenders = benchmarks("_contenders")
    monkeypatch.setattr(contenders, "perf_counter", iter([10, 12]).__next__)
    X = sp.random_array((100, 20), density=0.1, format="csr", dtype=np.float32)
    # 13 batches in an epoch
    time_epoch = contenders.make_product_epoch(X, 4, batch_size=8, seed=0, n_batches=2)
    assert time_epoch() == 13


@pytest.mark.slow
def test_reads_as_keras_does(benchmarks, tmp_path, monkeypatch):
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


def test_accuracy_leaves_out_a_contender_without_its_package(benchmarks, monkeypatch, capsys):
    measure, accuracy = benchmarks("_measure"), benchmarks("accuracy")
    monkeypatch.setattr(benchmarks("_text_contenders"), "find_spec", lambda name: None)
    options = measure.Options(data="made", corpus=("r8",), contender=("nbsvm", "fasttext"))
    [group] = accuracy.groups(options)
    assert [contender.name for contender in group.contenders] == ["NBSVM"]
    assert "fastText is left out: it needs `pip install fasttext" in capsys.readouterr().err
    with pytest.raises(measure.UsageError, match="no contender"):
        accuracy.groups(measure.Options(data="made", contender=("fasttext",)))


def test_accuracy_names_the_files_that_it_needs(benchmarks, tmp_path):
    measure, accuracy = benchmarks("_measure"), benchmarks("accuracy")
    options = {"corpus": ("imdb", "mr"), "contender": ("nbsvm",)}
    with pytest.raises(measure.UsageError, match=r"mr needs a folder .*--corpora"):
        accuracy.groups(measure.Options(**options))
    with pytest.raises(measure.UsageError, match=r"mr\.tsv"):
        accuracy.groups(measure.Options(**options, corpora=str(tmp_path)))
    (tmp_path / "mr.tsv").touch()
    assert len(accuracy.groups(measure.Options(**options, corpora=str(tmp_path)))) == 2


def test_accuracy_runs_ten_folds_or_a_seed_a_round(benchmarks):
    options = benchmarks("_measure").Options(
        data="made", repeat=3, corpus=("subj", "trec"), contender=("nbsvm", "mlp")
    )
    groups = benchmarks("accuracy").groups(options)
    rounds = [[contender.rounds for contender in group.contenders] for group in groups]
    assert rounds == [[10, 10], [1, 3]]


def test_accuracy_chooses_settings_by_cross_validation(benchmarks):
    contenders = benchmarks("_text_contenders")
    recipe = contenders.Recipe(
        "a",
        contenders.make_linear_svc,
        lambda longest: contenders.make_binary_ngrams(longest, marks=False),
        grid={"C": [1e-9, 1]},
        features_grid={"longest": [1, 2]},
    )
    # the order of two words tells the class; with a small C the most frequent is predicted
    texts, y = ["not so", "so not", "so not"] * 20, ["a", "b", "b"] * 20
    for n_folds in (1, 2):
        chosen = contenders.choose_settings(recipe, texts, y, n_folds)
        assert chosen == {"settings": {"C": 1}, "features_settings": {"longest": 2}}


@pytest.mark.parametrize("labels", ["ab", "abc"])
def test_nbsvm_tells_classes_apart(benchmarks, labels):
    nbsvm = benchmarks("_nbsvm").NBSVM()
    y = [*labels] * 10
    X = sp.csr_array(
        np.array([[label == other for other in labels] + [True] for label in y]) * 1.0
    )
    assert nbsvm.fit(X, y).predict(X).tolist() == y


def test_accuracy_ranks_contenders_over_the_corpora(benchmarks, capsys):
    def row(name, *values, **others):
        return {"name": name, "figures": {"accuracy": [*values]}, **others}

    groups = [
        {"title": "r8", "rows": [row("x", 0.7, 0.9), row("y", 0.5), row("z", 0.8)]},
        {"title": "mr", "rows": [row("x", 0.1), row("y", 0.6), row("z", error="killed")]},
    ]
    x, y, z = rows = benchmarks("accuracy").summarize(groups)
    assert (x["rank"], y["rank"], z["rank"]) == (1.5, 1.5, None)
    assert y["accuracy"] == {"r8": 0.5, "mr": 0.6}
    assert z["accuracy"] == {"r8": pytest.approx(0.8), "mr": None}
    benchmarks("_report").print_summary(rows)
    printed = capsys.readouterr().out
    assert printed.count("0.8000*") == 2
    assert "0.6000*" in printed


def test_the_best_mean_is_shown_with_its_spread(benchmarks, capsys):
    measure, report = benchmarks("_measure"), benchmarks("_report")
    contenders = tuple(measure.Contender(name, print) for name in ("ours", "theirs"))
    group = measure.Group("the title", "the work", contenders, means=("accuracy",))
    runs = {"seconds": 1, "peak_mb": 1}
    results = {
        "ours": [{**runs, "accuracy": 0.9}],
        "theirs": [{**runs, "accuracy": accuracy} for accuracy in (0.94, 0.96)],
    }
    report.print_group(group, measure.summarize(group, results, {}))
    printed = capsys.readouterr().out
    assert "0.9000 " in printed
    assert "0.9500 ± 0.0141*" in printed


def test_a_contender_has_rounds_of_its_own(benchmarks, monkeypatch):
    measure = benchmarks("_measure")
    child = {"rounds": [[{"seconds": 1}]], "peak_mb": 1}
    monkeypatch.setattr(measure, "run_child", lambda jobs, **options: child)
    contenders = (measure.Contender("x", print), measure.Contender("y", print, rounds=1))
    rows = measure.run_group(
        measure.Group("a", "b", contenders),
        folder=None,
        options=measure.Options(repeat=3),
        progress=lambda message: None,
    )
    assert [len(row["seconds"]) for row in rows] == [3, 1]


def test_a_file_that_cannot_be_written_is_reported_at_once(tmp_path):
    run = run_benchmark("fit", tmp_path / "missing" / "fit.json")
    assert run.returncode == 1
    assert run.stderr.startswith("Error: ")
    assert "Traceback" not in run.stderr


@pytest.fixture
def check_ratios(benchmarks, monkeypatch, tmp_path, capsys):
    """Run ``check`` with a stored ratio of 0.4; each measurement takes the next of the ratios."""
    main, check = benchmarks("__main__"), benchmarks("check")
    stored = tmp_path / "ratios.json"
    stored.write_text(json.dumps({"ratios": {"encode": 0.4, "fit": 0.4}}), encoding="utf-8")
    monkeypatch.setattr(check, "STORED", stored)
    measure = importlib.import_module("benchmarks._measure")
    peers = measure.Contender("ours", print), measure.Contender("peer", print)
    pairs = [measure.Group(title, "the work", peers) for title in ("encode", "fit")]
    monkeypatch.setattr(check, "_pairs", lambda options: pairs)
    monkeypatch.setattr(main, "store", lambda folder, options, parts: None)

    def run(ratios, **options):
        def run_group(group, **_):
            results = {
                "ours": [{"seconds": ratios[group.title].pop(0), "peak_mb": 1}],
                "peer": [{"seconds": 1, "peak_mb": 1}],
            }
            return measure.summarize(group, results, {})

        monkeypatch.setattr(main, "run_group", run_group)
        code = 0
        try:
            main.check_ratios(repeat=1, **options)
        except typer.Exit as exit_:
            code = exit_.exit_code
        return code, capsys.readouterr(), json.loads(stored.read_text(encoding="utf-8"))

    return run


def test_check_passes_within_the_margin(check_ratios):
    code, printed, _ = check_ratios({"encode": [0.79], "fit": [0.1]})
    assert code == 0
    assert "missed" not in printed.out


def test_check_fails_beyond_the_margin_if_measured_so_twice(check_ratios):
    code, printed, _ = check_ratios({"encode": [0.81, 0.82], "fit": [0.1]})
    assert code == 1
    assert "measured again: encode." in printed.out
    assert printed.err == "Error: beyond the margin in both measurements: encode.\n"
    # the second time it was a busy machine's fault
    assert check_ratios({"encode": [0.81, 0.7], "fit": [0.1]})[0] == 0


def test_check_stores_the_ratios_that_it_compares_with(check_ratios):
    code, _, stored = check_ratios({"encode": [0.9], "fit": [0.8]}, store_ratios=True)
    assert (code, stored["ratios"]) == (0, {"encode": 0.9, "fit": 0.8})
    assert stored["machine"]["cores"] >= 1
    assert check_ratios({"encode": [1.7], "fit": [1.5]})[0] == 0
    code, printed, stored = check_ratios({}, store_ratios=True, quick=True)
    assert (code, stored["ratios"]) == (1, {"encode": 0.9, "fit": 0.8})
    assert "leave out --quick" in printed.err


def test_check_has_a_stored_ratio_for_each_group(benchmarks):
    check, measure = benchmarks("check"), benchmarks("_measure")
    groups = check.groups(measure.Options(data="made"))
    assert {group.title for group in groups} == check.read_ratios().keys()
    assert all(group.contenders[1].at_most > 0 for group in groups)


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
