"""``--label-separator``: files whose rows have several labels, in each command."""

import csv
import json

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, f1_score, log_loss
from sklearn.preprocessing import MultiLabelBinarizer
from test_cli import assert_refused, run

from skimdb import load_model
from skimdb.datasets import read_labelled_texts

pytestmark = pytest.mark.usefixtures("empty_folder")

WORDS = {"comedy": "funny jokes", "crime": "police murder", "war": "tank army"}
SETS = [["comedy"], ["crime"], ["war"], ["comedy", "crime"], ["war", "crime"]]


def write_films(path, names=("plot", "genres"), separator="|", n_rows=150):
    rng = np.random.default_rng(0)
    with open(path, "w", newline="") as file:
        table = csv.writer(file)
        table.writerow(names)
        for i in range(n_rows):
            labels = SETS[i % len(SETS)]
            words = " ".join(WORDS[label] for label in labels).split()
            table.writerow(
                [" ".join(["a film with", *rng.permutation(words)]), separator.join(labels)]
            )
    return path


@pytest.fixture(scope="module")
def films(tmp_path_factory):
    return write_films(tmp_path_factory.mktemp("films") / "films.csv")


@pytest.fixture(scope="module")
def model(films):
    folder = films.parent / "model"
    options = ["--data", films, "--label-separator", "|", "--epochs", 20, "--validation", 10]
    result = run("train", *options, "--out", folder)
    assert result.exit_code == 0, result.output
    assert "Accuracy for all labels of a row together" in result.stdout
    return folder


def read_metrics(folder):
    return json.loads((folder / "metrics.json").read_bytes())


def test_figures_are_those_of_scikit_learn(films, model):
    metrics = read_metrics(model)
    assert metrics["labels"] == [*WORDS]
    test = metrics["figures"]["test"]
    assert (test["rows"], metrics["figures"]["validation"]["rows"]) == (30, 10)
    held_out = json.loads((model / "held_out.json").read_bytes())["rows"]
    assert len(held_out) == 30
    result = run("evaluate", model, "--data", films, "--all-rows", "--json")
    figures = json.loads(result.stdout)
    with open(films, newline="") as file:
        rows = [*csv.DictReader(file)]
    y = MultiLabelBinarizer(classes=[*WORDS]).fit_transform(
        [row["genres"].split("|") for row in rows]
    )
    pipeline = load_model(model / "model.skimdb")
    texts = [row["plot"] for row in rows]
    predicted, probabilities = pipeline.predict(texts), pipeline.predict_proba(texts).astype(float)
    expected = {
        "rows": len(rows),
        "accuracy": accuracy_score(y, predicted),
        "macro_f1": f1_score(y, predicted, average="macro"),
        "micro_f1": f1_score(y, predicted, average="micro"),
        "loss": np.mean([log_loss(*pair) for pair in zip(y.T, probabilities.T, strict=True)]),
    }
    assert {name: figures[name] for name in expected} == pytest.approx(expected)
    assert [figures["classes"][label]["rows"] for label in WORDS] == y.sum(axis=0).tolist()
    assert (figures["confusion"], figures["roc_auc"]) == (None, None)
    assert figures["majority"]["share"] == 0.2


def test_evaluates_on_the_rows_held_out(model):
    result = run("evaluate", model, "--json")
    figures = json.loads(result.stdout)
    assert figures["held_out"]
    expected = read_metrics(model)["figures"]["test"]
    expected["loss"] = pytest.approx(expected["loss"])
    assert {name: figures[name] for name in expected} == expected
    assert "120 rows" not in run("evaluate", model).stdout


def test_predicts_any_number_of_labels(model):
    texts = ["funny jokes police murder", "tank army", ""]
    lines = run("predict", model, *texts[:2]).stdout.splitlines()
    assert [line.split("\t")[0] for line in lines] == ["comedy|crime", "war"]
    shares = [float(p) for p in lines[0].split("\t")[1].split("|")]
    probabilities = load_model(model / "model.skimdb").predict_proba(texts)
    assert shares == pytest.approx(probabilities[0, :2], abs=1e-4)
    result = run("predict", model, "--json", "--threshold", 1, texts[0])
    assert json.loads(result.stdout)["labels"] == {}
    result = run("predict", model, "--json", "--proba", "--threshold", 0, texts[1])
    answer = json.loads(result.stdout)
    assert answer["labels"] == answer["probabilities"]
    assert [*answer["labels"]] == [*WORDS]


@pytest.mark.parametrize("suffix", [".csv", ".jsonl"])
def test_predicts_a_file(suffix, films, model, tmp_path):
    out = tmp_path / f"out{suffix}"
    assert run("predict", model, films, "--out", out).exit_code == 0
    with open(out, newline="") as file:
        rows = [json.loads(x) for x in file] if suffix == ".jsonl" else [*csv.DictReader(file)]
    # in the order of the model's labels
    assert {row["label"] for row in rows[:5]} == {
        *("comedy", "crime", "war", "comedy|crime", "crime|war")
    }
    assert float(rows[0]["probability_comedy"]) > 0.5 > float(rows[0]["probability_war"])


@pytest.mark.slow
@pytest.mark.parametrize("options", [["--model", "text"], ["--model", "article", "--jobs", 2]])
def test_tunes(options, films, tmp_path):
    grid = ["--epochs", "1,10", "--units", 8, "--batch-size", 8, "--cv", 2]
    options = ["--data", films, "--label-separator", "|", *grid, *options]
    result = run("tune", *options, "--out", tmp_path / "search")
    assert result.exit_code == 0, result.output
    assert "--epochs 10" in result.stdout
    assert read_metrics(tmp_path / "search")["figures"]["test"]["micro_f1"] > 0.7
    result = run("tune", "--resume", tmp_path / "search")
    assert result.exit_code == 0, result.output


@pytest.mark.slow
def test_folders_train_and_test_have_one_label_a_text(tmp_path):
    """A folder's name is the label of its texts, which may be several too."""
    for part, name, text in (
        *(("train", name, text) for name, text in WORDS.items()),
        ("train", "crime,war", "police army"),
        ("test", "crime,war", "police army"),
    ):
        folder = tmp_path / "data" / part / name
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "1.txt").write_text(text)
    options = ["--data", tmp_path / "data", "--label-separator", ","]
    result = run("train", *options, "--out", tmp_path / "model")
    assert result.exit_code == 0, result.output
    assert read_metrics(tmp_path / "model")["labels"] == [*WORDS]


def test_rows_without_labels(model, tmp_path):
    """A row without labels is one like others, also in the files that predict writes."""
    texts = tmp_path / "texts.txt"
    texts.write_text("tank army\na film with jokes, funny\na film\n" * 4)
    options = ["--threshold", 0.95, "--out", tmp_path / "out.csv"]
    assert run("predict", model, texts, *options).exit_code == 0
    with open(tmp_path / "out.csv", newline="") as file:
        assert "" in {row["label"] for row in csv.DictReader(file)}
    options = ["--data", tmp_path / "out.csv", "--label-column", "label", "--json"]
    result = run("evaluate", model, *options)
    assert result.exit_code == 0, result.output
    figures = json.loads(result.stdout)
    assert (figures["rows"], figures["classes"]["war"]["rows"]) == (12, 4)


@pytest.mark.slow
def test_lists_of_labels_in_json(films, tmp_path):
    with open(films, newline="") as file:
        rows = [
            {"plot": row["plot"], "genres": row["genres"].split("|")}
            for row in csv.DictReader(file)
        ]
    rows[0]["genres"], rows[1]["genres"] = [], None
    path = tmp_path / "films.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    bunch = read_labelled_texts(path, label_column="genres", label_separator="; ")
    assert bunch.target[:4].tolist() == ["", "", "war", "comedy; crime"]
    options = ["--data", path, "--label-column", "genres", "--label-separator", ","]
    result = run("train", *options, "--epochs", 20, "--out", tmp_path / "model")
    assert result.exit_code == 0, result.output
    assert read_metrics(tmp_path / "model")["figures"]["test"]["micro_f1"] > 0.9
    rows[5]["genres"] = ["a; b"]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    with pytest.raises(ValueError, match=r"line 6: 'genres' must hold labels without the sep"):
        read_labelled_texts(path, label_column="genres", label_separator="; ")


def test_a_label_that_the_model_does_not_know(model, tmp_path):
    other = write_films(tmp_path / "other.csv", n_rows=30)
    other.write_text(other.read_text() + "more,war|western\n")
    assert_refused(run("evaluate", model, "--data", other), "'western'", "'comedy', 'crime'")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["train", "--label-separator", "|"], ["--label-separator", "your own file"]),
        (["train", "--data", "FILMS", "--label-separator", ""], ["--label-separator", "got none"]),
        (
            ["train", "--data", "FILMS", "--label-separator", "|", "--class-weight", "balanced"],
            ["--class-weight", "--label-separator"],
        ),
        (
            ["train", "--data", "FILMS", "--label-separator", "|", "--stream"],
            ["--label-separator", "--stream"],
        ),
        (["train", "--data", "FILMS", "--label-separator", "|", "--validation", 120], ["119"]),
        (["tune", "--label-separator", "|"], ["--label-separator", "your own file"]),
        (["tune", "--data", "FILMS", "--label-separator", "|", "--cv", 121], ["--cv", "120 rows"]),
        (["predict", "MODEL", "--threshold", 0.5, "--positive", "war", "x"], ["--positive"]),
    ],
)
def test_what_does_not_go_together(options, words, films, model, tmp_path):
    given = [{"FILMS": films, "MODEL": model}.get(option, option) for option in options]
    assert_refused(run(*given), *words)


@pytest.mark.slow
def test_a_model_of_one_label_a_text_takes_no_separator(films, tmp_path):
    one = tmp_path / "one.csv"
    one.write_text("".join(f"{text},{label}\n" for label, text in WORDS.items()) * 5)
    assert run("train", "--data", one, "--out", tmp_path / "model").exit_code == 0
    result = run("evaluate", tmp_path / "model", "--data", films, "--label-separator", "|")
    assert_refused(result, "--label-separator", "several labels a row")
