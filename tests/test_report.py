"""Reports: what they show, for each kind of model, and how browsers render them."""

import json
import re
import shutil
import subprocess
from collections import defaultdict
from html import unescape
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from property_cases import scaled
from sklearn.calibration import calibration_curve
from sklearn.ensemble import RandomForestClassifier
from sklearn.exceptions import NotFittedError
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import (
    accuracy_score,
    average_precision_score,
    brier_score_loss,
    confusion_matrix,
    log_loss,
    roc_auc_score,
)
from sklearn.model_selection import FixedThresholdClassifier, GridSearchCV
from sklearn.pipeline import make_pipeline
from test_cli import assert_refused, run

import skimdb
from skimdb import (
    DenseClassifier,
    MultiHotVectorizer,
    WordIndexEncoder,
    multi_hot_pipeline,
    text_pipeline,
    write_report,
)
from skimdb.datasets import load_sample_reviews, make_reviews

X, Y = load_sample_reviews(return_X_y=True)
X, Y = X.tolist(), np.array(["bad", "good"])[Y]
ATTACK = '<script>alert("1")</script><img src=x onerror=alert(2)> & $x$'
WORDS = {"comedy": "funny jokes", "crime": "police murder", ATTACK: "tank army"}
TEXTS = [" ".join([text, *WORDS.values()][: 1 + i % 2]) for i, text in enumerate(X[:60])]
SETS = pd.DataFrame(np.random.default_rng(0).integers(0, 2, (60, 3)), columns=[*WORDS])
MANY = np.array([f"label {i}" for i in range(24)])
SECTIONS = [
    *("Data", "Figures", "Confusion matrix", "ROC and precision-recall curves", "Calibration"),
    *("Training", "Words for each class", "Most confident errors", "Parameters", "Versions"),
]


class Page(HTMLParser):
    """The sections of a report: their text, their tables and the numbers of their pictures."""

    def __init__(self, path):
        super().__init__()
        self.html = path.read_text(encoding="utf-8")
        self.open, self.tags, self.ids, self.headings = [], [], [], []
        self.links, self.pictures = [], []
        self.text, self.tables = defaultdict(str), defaultdict(list)
        self.section = None
        self.feed(self.html)
        assert not self.open

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        self.tags.append((tag, attributes))
        if tag not in ("meta", "img", "link"):
            self.open.append(tag)
        if tag == "table":
            self.tables[self.section].append([])
        elif tag == "tr":
            self.tables[self.section][-1].append([])
        elif tag in ("td", "th"):
            self.tables[self.section][-1][-1].append("")
        elif tag in ("h1", "h2", "h3", "h4"):
            self.headings.append(tag)
            self.section = "" if tag == "h2" else self.section

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if "style" in self.open:
            return
        if "h2" in self.open:
            self.section += data
            return
        self.text[self.section] += data
        if {"td", "th"} & {*self.open}:
            self.tables[self.section][-1][-1][-1] += data


def report(tmp_path, *args, **options):
    path = tmp_path / "report.html"
    assert write_report(args[0], path, *args[1:], **options) == path
    return Page(path)


def assert_safe(page):
    """Nothing leads out of the page, nothing in it is run, and its ids are unique."""
    for tag, attributes in page.tags:
        assert tag not in ("script", "img", "link", "iframe", "object", "embed", "base", "form")
        for name, value in attributes.items():
            assert not name.startswith("on")
            if name in ("href", "xlink:href", "src"):
                assert value.startswith("#")
            elif name == "style":
                assert not re.search(r"url\((?!#)", value)
    assert "@import" not in page.html
    assert "://" not in re.sub("(?s)<p class=.text.*?</p>", "", page.html)
    ids = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    targets = {a["href"][1:] for _, a in page.tags if "href" in a}
    assert targets <= {*ids}


def row_of(table, name):
    (row,) = (row for row in table if row[0].strip() == name)
    return row[1:]


@pytest.fixture(scope="module")
def reviews():
    return text_pipeline(random_state=0).fit(X[:300], Y[:300])


@pytest.fixture(scope="module")
def rows():
    texts = [*X[300:]]
    texts[0] = f"{ATTACK} {texts[0]}"
    labels = Y[300:].copy()
    # wrong answers, so that it is among the errors
    labels[:3] = np.where(labels[:3] == "bad", "good", "bad")
    return texts, labels


@pytest.fixture(scope="module")
def page(reviews, rows, tmp_path_factory):
    return report(tmp_path_factory.mktemp("report"), reviews, *rows)


class TestTwoClasses:
    def test_is_one_safe_page(self, page):
        assert_safe(page)
        assert page.headings == ["h1", *["h2"] * len(SECTIONS)]
        assert [name for name in page.text if name] == SECTIONS
        assert ("html", {"lang": "en"}) in page.tags
        pictures = [a for tag, a in page.tags if tag == "svg" and "aria-hidden" not in a]
        assert len(pictures) == 5
        assert all(a["role"] == "img" and a["aria-label"] for a in pictures)
        assert "metadata" not in page.html

    def test_figures_are_those_of_scikit_learn(self, page, reviews, rows):
        texts, y = rows
        p = reviews.predict_proba(texts).astype(float)
        predicted, is_good = reviews.predict(texts), y == "good"
        overall, of_labels = page.tables["Figures"]
        expected = {
            "Accuracy": accuracy_score(y, predicted),
            "Accuracy of always 'bad'": (y == "bad").mean(),
            "Log loss": log_loss(y, p / p.sum(axis=1, keepdims=True)),
            "ROC AUC": roc_auc_score(is_good, p[:, 1]),
        }
        for name, value in expected.items():
            assert row_of(overall, name)[0] == f"{value:.4f}"
        (matrix,) = page.tables["Confusion matrix"]
        counts = confusion_matrix(y, predicted)
        assert [row[1:] for row in matrix[1:]] == counts.astype(str).tolist()
        low, high = map(float, row_of(of_labels, "good")[4].split(" to "))
        assert low < counts[1, 1] / counts[1].sum() < high
        (curves,) = page.tables["ROC and precision-recall curves"]
        assert row_of(curves, "good")[1:] == [
            f"{score(is_good, p[:, 1]):.4f}" for score in (roc_auc_score, average_precision_score)
        ]
        assert f"Brier score {brier_score_loss(is_good, p[:, 1]):.4f}" in page.text["Calibration"]
        shares, means = calibration_curve(is_good, p[:, 1], n_bins=10)
        (bins,) = page.tables["Calibration"]
        assert [row[2:4] for row in bins[1:]] == [
            [f"{mean:.4f}", f"{share:.4f}"] for mean, share in zip(means, shares, strict=True)
        ]
        assert sum(int(row[1]) for row in bins[1:]) == len(y)

    def test_shows_the_data_and_the_training(self, page, reviews, rows):
        labels, lengths = page.tables["Data"]
        n_good = int((rows[1] == "good").sum())
        assert row_of(labels, "good") == [str(n_good), f"{n_good}.0 %"]
        longest = max(len(text) for text in reviews["encoder"].transform(rows[0]))
        # without the start of the text, and with unknown words
        assert int(row_of(lengths, "Words a row")[4]) >= longest - 1
        (training,) = page.tables["Training"]
        losses = reviews["classifier"].history_["loss"]
        assert row_of(training, "loss") == [f"{losses[0]:.4f}", f"{losses[-1]:.4f}"]

    def test_shows_words_and_errors(self, page, reviews, rows):
        words = page.text["Words for each class"]
        assert words.index("terrible") < words.index("good:") < words.index("excellent")
        p = reviews.predict_proba(rows[0])
        wrong = np.flatnonzero(reviews.classes_[p.argmax(axis=1)] != rows[1])
        most_confident = wrong[p[wrong].max(axis=1).argmax()]
        numbers = [int(n) for n in re.findall(r"Row (\d+):", page.text["Most confident errors"])]
        assert numbers[0] == most_confident
        assert {*numbers} == {*wrong.tolist()}
        assert ATTACK in page.text["Most confident errors"]

    def test_is_the_same_each_time(self, page, reviews, rows, tmp_path):
        p = reviews.predict_proba(rows[0])
        assert report(tmp_path, reviews, *rows, probabilities=p).html == page.html

    def test_replaces_a_file_or_leaves_it(self, reviews, rows, tmp_path):
        (tmp_path / "report.html").write_text("old")
        with pytest.raises(ValueError, match="classes"):
            write_report(reviews, tmp_path / "report.html", rows[0], ["neither"] * 100)
        assert (tmp_path / "report.html").read_text() == "old"
        report(tmp_path, reviews)
        assert [path.name for path in tmp_path.iterdir()] == ["report.html"]


def fit_labels(labels):
    return text_pipeline(random_state=0, epochs=3).fit(TEXTS, labels)


def test_more_classes(tmp_path):
    y = np.resize([*WORDS], len(TEXTS))
    model = fit_labels(y)
    page = report(tmp_path, model, TEXTS, y, source=ATTACK)
    assert_safe(page)
    assert page.text["Data"].startswith(f"\nThese are {ATTACK}.")
    (curves,) = page.tables["ROC and precision-recall curves"]
    p = model.predict_proba(TEXTS).astype(float)
    for i, label in enumerate(sorted(WORDS)):
        assert row_of(curves, label)[1] == f"{roc_auc_score(y == label, p[:, i]):.4f}"
    brier = np.mean(np.sum((p - (y[:, np.newaxis] == sorted(WORDS))) ** 2, axis=1))
    assert f"Brier score {brier:.4f}" in page.text["Calibration"]
    assert {*WORDS} <= {row[0] for row in page.tables["Confusion matrix"][0]}
    assert ATTACK in page.text["Words for each class"]


def test_several_labels_a_row(tmp_path):
    model = fit_labels(SETS)
    page = report(tmp_path, model, TEXTS, SETS)
    assert_safe(page)
    predicted, p = model.predict(TEXTS), model.predict_proba(TEXTS).astype(float)
    overall, of_labels = page.tables["Figures"]
    assert row_of(overall, "Accuracy")[0] == f"{accuracy_score(SETS, predicted):.4f}"
    assert row_of(of_labels, ATTACK)[0] == str(SETS[ATTACK].sum())
    assert "Left out" in page.text["Confusion matrix"]
    assert f"Brier score {np.mean((p - SETS.to_numpy()) ** 2):.4f}" in page.text["Calibration"]
    n_wrong = int((predicted != SETS.to_numpy()).sum())
    assert page.text["Most confident errors"].strip().startswith(f"{n_wrong} predictions")
    with pytest.raises(ValueError, match=r"y must .* columns"):
        write_report(model, tmp_path / "report.html", TEXTS, SETS[[*SETS][::-1]])


# --- hostile texts and labels -----------------------------------------------------------------

PIECES = [
    *("<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "</style></title>", "-->"),
    *("</p></div></details>", "<!--", "]]>", "&lt;b&gt;", "&#0;", "&amp", "' onload='x", "$title"),
    *("<svg/onload=alert(1)>", "javascript:alert(1)", "{{7*7}}", "=1+1", "\\u0041", "`", "%s"),
    *("\0", "\b", "\x1b[31m", "\x7f", "\x85", "\u2028", "\r\n", "\t", "\ufeff", "\uffff"),
    *("\u202e", "\u202d", "\u2066", "\u200f", "שלום", "e\u0301", "\ud800", "\udc80\ud83d", "🎬"),
    *("a" * 3000, "日本" * 500),
]
NOT_SHOWN = "[\0-\b\v\f\x0e-\x1f\x7f-\x9f\u202d\u202e\ud800-\udfff]"
hostile = st.lists(st.sampled_from(PIECES) | st.text(max_size=5), max_size=5).map("".join)


def shown(text):
    """A text as a page shows it, whatever ends its lines."""
    text = re.sub(NOT_SHOWN, lambda match: repr(match[0])[1:-1], text)
    return text.replace("\r\n", "\n").replace("\r", "\n")


def assert_shows(path, texts, labels):
    page = Page(path)
    assert_safe(page)
    assert page.headings[:2] == ["h1", "h2"]
    assert not re.search(NOT_SHOWN, page.html)
    # what words add stands between them
    plain = unescape(re.sub("<[^>]*>", "", re.sub("<small>.*?</small>", "", page.html)))
    for text in [*texts, *labels]:
        assert shown(text) in plain


def report_on(texts, labels, tmp_path):
    """Write a report in which all predictions are wrong, and check it."""
    texts = [f"{text} film {text}{i % 2}" for i, text in enumerate(texts)]
    y = np.array(labels)[np.arange(len(texts)) % len(labels)]
    pipeline = text_pipeline(units=1, epochs=1, random_state=0).fit(texts, y)
    # at most 20 errors are shown
    wrong = [labels[label == labels[0]] for label in pipeline.predict(texts)]
    path = write_report(pipeline, tmp_path / "report.html", texts, np.array(wrong))
    assert_shows(path, texts, labels)


def test_shows_texts_and_labels_that_attack_it(tmp_path):
    middle = len(PIECES) // 2
    texts = [f"{one} {other}" for one, other in zip(PIECES, PIECES[middle:], strict=False)]
    # NumPy leaves out zero bytes at the end of a label
    labels = [f"{''.join(part)}." for part in (PIECES[:middle], PIECES[middle:-2])]
    report_on(texts, labels, tmp_path)


@pytest.mark.slow
@scaled(15)
@given(st.lists(hostile, min_size=4, max_size=20), st.data())
def test_shows_any_texts_and_labels(tmp_path_factory, texts, data):
    label = (hostile | st.sampled_from(PIECES)).map(lambda text: f"{text}.")
    labels = data.draw(st.lists(label, min_size=2, max_size=3, unique=True))
    report_on(texts, labels, tmp_path_factory.mktemp("report"))


def test_many_classes(tmp_path):
    y = np.resize(MANY, len(TEXTS))
    page = report(tmp_path, fit_labels(y), TEXTS[:30], y[1:31])
    assert_safe(page)
    assert "A matrix of 24 labels is left out" in page.text["Confusion matrix"]
    assert len(page.tables["ROC and precision-recall curves"][0]) == 11
    assert "Left out: of 24 classes" in page.text["Words for each class"]


def test_without_rows(reviews, tmp_path):
    page = report(tmp_path, reviews)
    assert_safe(page)
    assert [name for name in page.text if name] == [
        *("Training", "Words for each class", "Parameters", "Versions")
    ]
    network, *_ = page.tables["Parameters"]
    assert row_of(network, "Columns") == [f"{reviews['classifier'].n_features_in_:,}"]


@pytest.mark.parametrize(
    ("pipeline", "reason", "has_curves"),
    [
        (
            GridSearchCV(make_pipeline(TfidfVectorizer(), LogisticRegression()), {}, cv=2),
            *("DenseClassifier", False),
        ),
        (
            make_pipeline(
                WordIndexEncoder(), MultiHotVectorizer(n_buckets=500), DenseClassifier(4, epochs=1)
            ),
            "n_buckets",
            True,
        ),
    ],
)
def test_words_that_cannot_be_told(pipeline, reason, has_curves, tmp_path):
    check_that_words_are_left_out(pipeline, reason, has_curves, tmp_path)


def dense_stack(meta):
    # TensorFlow takes seconds to import
    import keras

    return keras.Sequential([keras.layers.Dense(1, activation="sigmoid")])


@pytest.mark.keras
def test_words_of_other_networks_cannot_be_told(tmp_path):
    network = skimdb.KerasClassifier(dense_stack, loss="binary_crossentropy")
    steps = [WordIndexEncoder(), MultiHotVectorizer(num_words=500), network]
    check_that_words_are_left_out(make_pipeline(*steps), "KerasClassifier", True, tmp_path)


def check_that_words_are_left_out(pipeline, reason, has_curves, tmp_path):
    pipeline.fit(X[:50], Y[:50])
    page = report(tmp_path, pipeline, X[:50], Y[50:100])
    assert_safe(page)
    assert reason in page.text["Words for each class"]
    assert reason in page.text["Data"]
    assert reason in page.text["Most confident errors"]
    assert 'class="for"' not in page.html
    assert X[0].split()[0] in page.text["Most confident errors"]
    assert ("history" in page.text["Training"]) != has_curves
    assert " at 0x" not in page.html


def test_predictions_are_those_of_the_model(tmp_path):
    """A classifier with a threshold of its own does not predict the most probable class."""
    model = FixedThresholdClassifier(
        make_pipeline(TfidfVectorizer(), LogisticRegression()), threshold=0.6, pos_label="good"
    ).fit(X[:300], Y[:300])
    expected = accuracy_score(Y[300:], model.predict(X[300:]))
    assert expected != accuracy_score(Y[300:], model.estimator_.predict(X[300:]))
    page = report(tmp_path, model, X[300:], Y[300:])
    assert f"{expected:.4f}" in page.text["Figures"]
    assert str(np.sum((Y[300:] == "good") & (model.predict(X[300:]) == "good"))) in page.html


def test_one_classifier_a_label_is_refused(tmp_path):
    rows, y = np.eye(8), np.tri(8, 2, dtype=int)
    model = RandomForestClassifier(2).fit(rows, y)
    with pytest.raises(TypeError, match="OneVsRestClassifier"):
        write_report(model, tmp_path / "report.html", rows, y)


@pytest.mark.slow
def test_sequences(tmp_path, monkeypatch):
    monkeypatch.delenv("SKIMDB_IMDB_HOME", raising=False)
    ids, y = make_reviews(200, n_words=200, random_state=0)
    model = multi_hot_pipeline(num_words=200, epochs=2, batch_size=8).fit(ids, y)
    page = report(tmp_path, model, ids, y)
    assert "no vocabulary was given" in page.text["Words for each class"]
    vocabulary = {f"word{i}": i for i in range(1, 200)}
    page = report(tmp_path, model, ids, y, vocabulary=vocabulary)
    assert_safe(page)
    assert re.search(r"word\d+", page.text["Words for each class"])


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ({"X": X}, ValueError, "X without y"),
        ({"y": Y}, ValueError, "y without X"),
        ({"X": X, "y": Y[:5]}, ValueError, "got 5 for 400 rows"),
        ({"X": X, "y": SETS}, ValueError, "indicator matrix"),
        ({"X": [1, 2], "y": Y[:2]}, TypeError, "X must hold texts"),
        ({"X": [], "y": []}, ValueError, "at least one row"),
        ({"X": X, "y": Y, "probabilities": [0.5]}, ValueError, "probabilities must"),
        (
            {"X": X, "y": Y, "probabilities": np.full((400, 2), 5.0)},
            ValueError,
            "probabilities must be from 0 to 1",
        ),
        ({"pipeline": "skimdb-model"}, TypeError, "open a model file with load_model"),
        ({"path": "missing/report.html"}, FileNotFoundError, "missing"),
        ({"path": "folder/"}, ValueError, "path must"),
        ({"pipeline": text_pipeline()}, NotFittedError, "not fitted"),
    ],
)
def test_what_is_refused(arguments, error, words, reviews, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(error, match=words):
        write_report(**{"pipeline": reviews, "path": "report.html", **arguments})
    assert not [*tmp_path.iterdir()]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("model") / "model"
    assert run("train", "--out", folder, "--epochs", 2).exit_code == 0
    return folder


class TestCommand:
    @pytest.mark.slow
    def test_train_and_report_show_the_figures_of_the_test_rows(self, folder, tmp_path):
        metrics = json.loads((folder / "metrics.json").read_bytes())["figures"]["test"]
        out = tmp_path / "report.html"
        result = run("report", folder, "--out", out)
        assert result.exit_code == 0, result.output
        assert "100 rows of sample that were held out of the training" in result.stdout
        for path in (folder / "report.html", out):
            page = Page(path)
            assert_safe(page)
            assert row_of(page.tables["Figures"][0], "Accuracy")[0] == f"{metrics['accuracy']:.4f}"
            assert "100 rows of sample that were held out" in page.text["Data"]
        assert_refused(run("report", folder, "--out", out), "exists already", "--force")
        assert run("report", folder, "--out", out, "--force", "--all-rows").exit_code == 0
        assert "all 400 rows of sample" in Page(out).text["Data"]

    def test_other_rows(self, folder, tmp_path):
        data = pd.DataFrame({"text": X[:20], "label": ["negative", "positive"] * 10})
        data.to_csv(tmp_path / "more.csv", index=False)
        options = ["--data", tmp_path / "more.csv", "--out", tmp_path / "more.html"]
        assert run("report", folder, *options).exit_code == 0
        assert "20 rows" in Page(tmp_path / "more.html").text["Data"]

    @pytest.mark.parametrize(
        ("options", "words"),
        [
            (["--out", "report.txt"], [".html"]),
            (["--out", "missing/report.html"], ["no folder", "missing"]),
            (["--data", "missing.csv"], ["no file", "missing.csv"]),
        ],
    )
    def test_what_is_refused(self, options, words, folder, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        assert_refused(run("report", folder, *options), *words)
        assert not [*tmp_path.iterdir()]


SCHEMES = ("dark", "light")
# what a net log names for requests that come from no page
BROWSER = "not an origin"
# appended to a copy of a report: what a browser makes of it
PROBE = """<script>
function parse(colour) {
  const n = colour.match(/[\\d.e-]+/g).map(Number), scale = colour.startsWith("color(") ? 255 : 1;
  return [n[0] * scale, n[1] * scale, n[2] * scale, n[3] ?? 1];
}
function blend(top, bottom) { return bottom.map((b, i) => top[i] * top[3] + b * (1 - top[3])); }
function background(element) {
  const colour = parse(getComputedStyle(element).backgroundColor);
  if (colour[3] === 1) return colour.slice(0, 3);
  return blend(colour, background(element.parentElement));
}
function luminance(colour) {
  const [r, g, b] = colour.map(c => c / 255)
    .map(c => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}
function contrast(element) {
  const style = getComputedStyle(element), below = background(element);
  const colour = parse(element.closest("svg") ? style.fill : style.color);
  colour[3] *= style.opacity;
  const [low, high] = [luminance(blend(colour, below)), luminance(below)].sort((a, b) => a - b);
  return (high + 0.05) / (low + 0.05);
}
document.querySelectorAll("details").forEach(each => { each.open = true; });
const texts = [...document.querySelectorAll("body *:not(script):not(g):not(svg)")].filter(
  each => [...each.childNodes].some(node => node.nodeType === 3 && node.data.trim()));
const ratios = texts.map(contrast);
parent.postMessage(JSON.stringify({
  inner: innerWidth, scroll: document.documentElement.scrollWidth, texts: texts.length,
  contrast: Math.min(...ratios), worst: texts[ratios.indexOf(Math.min(...ratios))].outerHTML,
  requests: performance.getEntriesByType("resource").map(entry => entry.name),
  dark: matchMedia("(prefers-color-scheme: dark)").matches,
}), "*");
</script>"""
# no window of a browser is as narrow as a phone
FRAME = """<!DOCTYPE html><title>frame</title><script>
addEventListener("message", event => { document.title = event.data; });
</script><iframe src="copy.html" style="width: WIDTH; height: 800px; border: 0"></iframe>"""
CHROMIUM = shutil.which("chromium")
OPTIONS = [
    *("--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--window-size=1500,900"),
    *("--enable-logging=stderr", "--virtual-time-budget=10000", "--dump-dom"),
    # what the browser itself asks for finds no host
    "--host-resolver-rules=MAP * ~NOTFOUND",
]


def browse(html, width, scheme, folder):
    """Return what PROBE finds, the lines of the console, and the requests of the page."""
    (folder / "copy.html").write_text(html.replace("</body>", f"{PROBE}</body>"), "utf-8")
    (folder / "frame.html").write_text(FRAME.replace("WIDTH", f"{width}px"))
    options = {
        "user-data-dir": folder / "profile",
        "log-net-log": folder / "net.json",
        "blink-settings": f"preferredColorScheme={SCHEMES.index(scheme)}",
    }
    result = subprocess.run(
        [
            *(CHROMIUM, *OPTIONS),
            *(f"--{name}={value}" for name, value in options.items()),
            (folder / "frame.html").as_uri(),
        ],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    found = json.loads(unescape(re.search("<title>({.*?})</title>", result.stdout).group(1)))
    console = [line for line in result.stderr.splitlines() if "CONSOLE" in line]
    events = json.loads((folder / "net.json").read_bytes())["events"]
    requests = [
        event["params"]["url"]
        for event in events
        if event.get("params", {}).get("initiator", BROWSER) != BROWSER
    ]
    return found, console, requests


@pytest.mark.slow
@pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed")
@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("width", [360, 1400])
def test_in_a_browser(width, scheme, page, tmp_path):
    y = np.resize(MANY[:20], len(TEXTS))
    for each in (page, report(tmp_path, fit_labels(y), TEXTS, y[::-1])):
        found, console, requests = browse(each.html, width, scheme, tmp_path)
        assert (found["inner"], found["dark"]) == (width, scheme == "dark")
        assert found["scroll"] <= width
        assert found["texts"] > 200
        assert found["contrast"] >= 4.5, found["worst"]
        assert not found["requests"] + requests
        assert not console


@pytest.mark.slow
@pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed")
def test_the_browser_tells_of_requests_errors_and_wide_pages(page, tmp_path):
    more = """<img src="http://example.invalid/x.png"><p style="width: 99rem; color: #8888">x</p>
        <script>console.error("error")</script></body>"""
    found, console, requests = browse(page.html.replace("</body>", more), 360, "dark", tmp_path)
    assert found["scroll"] > 360
    assert found["contrast"] < 4.5
    assert len(console) == 1
    assert requests == ["http://example.invalid/x.png"]
