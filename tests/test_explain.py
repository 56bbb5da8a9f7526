"""explain and explain_global: contributions of words, their places, and how they are shown."""

import json
import pickle
import re
import subprocess
import sys
from html.parser import HTMLParser
from itertools import pairwise

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from scipy.special import logit
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from test_cli import assert_refused, run
from test_cli_predict import print_on_terminal

from skimdb import (
    DenseClassifier,
    Explanation,
    MultiHotVectorizer,
    WordIndexEncoder,
    explain,
    explain_global,
    multi_hot_pipeline,
    save_model,
    text_pipeline,
)
from skimdb.datasets import load_sample_reviews

pytestmark = pytest.mark.usefixtures("empty_folder")

X, Y = load_sample_reviews(return_X_y=True)
THREE = np.array(["comedy", "crime", "drama"])[np.arange(len(X)) % 3]
INDICATORS = pd.DataFrame({"a": Y, "b": 1 - Y, "c": np.arange(len(X)) % 2})
# what no review has
STRANGE = "qqxyz"


def make_text_pipeline(**parameters):
    return text_pipeline(**{"random_state": 0, "epochs": 5, **parameters})


def make_multi_hot_pipeline(**parameters):
    return multi_hot_pipeline(
        text=True, **{"random_state": 0, "epochs": 5, "batch_size": 16, **parameters}
    )


PIPELINES = {
    "text": (make_text_pipeline(), Y),
    "two layers": (make_text_pipeline(units=(16, 8), activation="gelu"), Y),
    "linear": (make_text_pipeline(units=()), Y),
    "three classes": (make_text_pipeline(), THREE),
    "several labels": (make_text_pipeline(), INDICATORS),
    "multi-hot": (make_multi_hot_pipeline(), Y),
    "few words": (make_multi_hot_pipeline(num_words=300), Y),
    "tf-idf": (make_multi_hot_pipeline().set_params(vectorizer__mode="tfidf"), THREE),
    "counts": (make_multi_hot_pipeline().set_params(vectorizer__mode="count"), Y),
}


@pytest.fixture(scope="module", params=PIPELINES)
def fitted(request):
    pipeline, y = PIPELINES[request.param]
    return pipeline.fit(X[:300], y[:300])


@pytest.fixture(scope="module")
def pipeline():
    return make_text_pipeline().fit(X, Y)


def log_odds(pipeline, texts, class_):
    """The log-odds of a class by its probability, or by what decision_function knows better."""
    scores = pipeline.decision_function(texts).astype(float)
    number = pipeline.classes_.tolist().index(class_)
    if scores.ndim == 1:
        return scores if number == 1 else -scores
    probabilities = pipeline.predict_proba(texts).astype(float)
    is_softmax = np.allclose(probabilities.sum(axis=1), 1)
    return logit(probabilities[:, number]) if is_softmax else scores[:, number]


def assert_close(values, expected, **tolerance):
    np.testing.assert_allclose(values, expected, **{"rtol": 1e-3, "atol": 1e-4, **tolerance})


class TestContributions:
    def test_without_a_word(self, fitted):
        """Leaving a word out is predicting the text with a word that the model does not know."""
        texts = X[300:303].tolist()
        for text, item in zip(texts, explain(fitted, texts).items, strict=True):
            words = [word for word in item.words if word.places]
            changed = []
            for word in words:
                kept, position = [], 0
                for start, stop in word.places:
                    kept += [text[position:start], STRANGE]
                    position = stop
                changed.append("".join([*kept, text[position:]]))
            expected = item.log_odds - log_odds(fitted, changed, item.class_)
            assert_close([word.contribution for word in words], expected, atol=2e-3)
            assert_close(item.log_odds, log_odds(fitted, [text], item.class_)[0])

    def test_integrated_gradients_add_up(self, fitted):
        for item in explain(fitted, X[300:340], method="integrated_gradients").items:
            expected = item.log_odds - item.base_log_odds
            assert sum(word.contribution for word in item.words) == pytest.approx(
                expected, abs=1e-4
            )
            assert sum(item.ngrams.values()) == pytest.approx(expected, abs=1e-4)
        nothing = log_odds(fitted, [STRANGE], item.class_)[0]
        if "encoder__analyzer" not in fitted.get_params() or item.ngrams.get("<start>") is None:
            assert item.base_log_odds == pytest.approx(nothing, abs=1e-4)

    def test_of_a_linear_network_are_its_weights(self):
        pipeline = make_multi_hot_pipeline(units=()).fit(X, Y)
        (weights,) = (coef[:, 0] for coef in pipeline[-1].coefs_)
        names = pipeline[:-1].get_feature_names_out().tolist()
        for method in ("leave_one_out", "integrated_gradients"):
            (item,) = explain(pipeline, X[:1], method=method).items
            for name, contribution in item.ngrams.items():
                assert contribution == pytest.approx(weights[names.index(name)], abs=1e-6)

    def test_are_the_integral_of_gradients(self):
        """Against many small steps along the path, by differences of predictions."""
        pipeline = make_multi_hot_pipeline(units=8, activation="tanh", epochs=20).fit(X, THREE)
        row = pipeline[:-1].transform(X[:1]).toarray()
        columns = np.flatnonzero(row)
        (item,) = explain(pipeline, X[:1], method="integrated_gradients").items
        step, expected = 1e-2, np.zeros(len(columns))
        for share in np.arange(0.005, 1, 0.01):
            rows = np.repeat(share * row, 2 * len(columns), axis=0)
            for i, column in enumerate(columns):
                rows[2 * i, column] += step
                rows[2 * i + 1, column] -= step
            values = log_odds(pipeline[-1:], rows, item.class_)
            expected += (values[::2] - values[1::2]) / (2 * step) * 0.01
        names = pipeline[:-1].get_feature_names_out()[columns]
        assert_close([item.ngrams[name] for name in names], expected, rtol=0.02, atol=2e-3)

    def test_of_ngrams_are_divided_among_their_words(self, pipeline):
        (item,) = explain(pipeline, ["not dull"], method="integrated_gradients").items
        parts = item.ngrams
        assert {"not", "dull"} <= {*parts}
        contributions = {word.word: word.contribution for word in item.words}
        shared = sum(x for name, x in parts.items() if {"not", "dull"} <= {*name.split()})
        alone = sum(x for name, x in parts.items() if "dull" in name and "not" not in name)
        assert contributions["dull"] == pytest.approx(alone + shared / 2)

    def test_speak_for_the_class_that_is_asked_for(self, pipeline):
        texts = ["a dull film", "a wonderful film"]
        for item, other in zip(
            explain(pipeline, texts, class_=1).items,
            explain(pipeline, texts, class_=0).items,
            strict=True,
        ):
            assert (item.class_, other.class_) == (1, 0)
            assert item.log_odds == -other.log_odds
            assert item.probability == pytest.approx(1 - other.probability)
            assert [w.contribution for w in item.words] == [-w.contribution for w in other.words]
        assert explain(pipeline, texts).items[0].class_ == 1

    def test_are_of_the_most_probable_of_several_classes(self):
        pipeline = make_text_pipeline(epochs=20).fit(X, THREE)
        classes = [item.class_ for item in explain(pipeline, X[:20]).items]
        assert classes == pipeline.predict(X[:20]).tolist()

    @pytest.mark.parametrize("method", ["leave_one_out", "integrated_gradients"])
    def test_words_named_first_matter_most(self, method, pipeline):
        changes, others = [], []
        rng = np.random.default_rng(0)
        for text, item in zip(X, explain(pipeline, X, method=method).items, strict=True):
            places = [word.places for word in item.words if word.places]
            chosen = rng.choice(len(places) - 5, size=5, replace=False) + 5
            for changed, found in ((changes, range(5)), (others, chosen)):
                taken = {place for i in found for place in places[i]}
                kept = [*text]
                for start, stop in taken:
                    kept[start:stop] = [""] * (stop - start)
                    kept[start] = STRANGE
                changed.append("".join(kept))
        before = pipeline.predict_proba(X)[:, 1]
        by_named, by_others = (
            np.abs(pipeline.predict_proba(texts)[:, 1] - before) for texts in (changes, others)
        )
        assert (by_named > by_others).mean() > 0.95

    def test_of_sequences(self):
        pipeline = multi_hot_pipeline(num_words=50, epochs=3, batch_size=1, random_state=0)
        vocabulary = {"dull": 1, "great": 2, "film": 3}
        sequences = [[1, 4, 6], [1, 5, 6], [1, 4, 2], [1, 5, 5]] * 5
        pipeline.fit(sequences, [0, 1, 0, 1] * 5)
        (item,) = explain(pipeline, [[1, 4, 2, 6, 4, 60]], vocabulary=vocabulary).items
        assert item.text == "dull <oov> film dull id60"
        assert (item.n_words, item.n_known) == (5, 3)
        contributions = {word.word: word.contribution for word in item.words}
        without = pipeline.decision_function([[1, 4, 2, 6, 4, 60], [1, 2, 6, 60]])
        assert contributions["dull"] == pytest.approx(without[0] - without[1], abs=1e-5)
        (dull,) = (word for word in item.words if word.word == "dull")
        assert [item.text[a:b] for a, b in dull.places] == ["dull", "dull"]

    def test_of_sequences_take_the_published_words(self, tmp_path, monkeypatch):
        monkeypatch.setenv("SKIMDB_IMDB_HOME", str(tmp_path))
        words = {f"word{i}": i for i in range(1, 30)}
        (tmp_path / "imdb_word_index.json").write_text(json.dumps(words))
        pipeline = multi_hot_pipeline(num_words=50, epochs=1).fit([[1, 4], [1, 5]] * 4, [0, 1] * 4)
        assert explain(pipeline, [[1, 4, 5]]).items[0].text == "word1 word2"

    @pytest.mark.imdb
    @pytest.mark.slow
    def test_of_imdb_reviews(self, imdb_home):
        """Of 200 reviews, taking out the five words named most matters more than five others."""
        from skimdb.datasets import fetch_imdb

        texts, y = fetch_imdb(as_text=True, data_home=imdb_home, return_X_y=True)
        pipeline = make_text_pipeline(epochs="auto").fit(texts[::5], y[::5])
        rows = fetch_imdb(subset="test", as_text=True, data_home=imdb_home).data[::125]
        before, changes, rng = pipeline.predict_proba(rows)[:, 1], {}, np.random.default_rng(0)
        items = explain(pipeline, rows).items
        for kind in ("named", "others"):
            changed = []
            for text, item in zip(rows, items, strict=True):
                words = [word for word in item.words if word.places and word.is_known]
                order = range(5) if kind == "named" else 5 + rng.choice(len(words) - 5, 5, False)
                kept = [*text]
                for start, stop in {place for i in order for place in words[i].places}:
                    kept[start:stop] = [f" {STRANGE} ", *[""] * (stop - start - 1)]
                changed.append("".join(kept))
            changes[kind] = np.abs(pipeline.predict_proba(changed)[:, 1] - before)
        assert len(rows) == 200
        assert (changes["named"] > changes["others"]).mean() > 0.9
        assert changes["named"].mean() > 3 * changes["others"].mean()


def stem(text):
    return [word.removesuffix("s") for word in re.findall(r"\w+", text)]


class TestWords:
    @pytest.mark.parametrize(
        ("analyzer", "text", "expected"),
        [
            ("word", "A <b>b</b> dull film!", ["A", "b", "dull", "film", "!"]),
            ("word", "<br />Br, it isn't &amp; Café", ["Br", "it", "isn't", "Café"]),
            ("word", "don\u2019t STRASSE \ufb01lm", ["don\u2019t", "STRASSE", "\ufb01lm"]),
            ("word", "好い film", ["好", "い", "film"]),
            ("word", "other the their the", ["other", "the", "their", "the"]),
            ("keras", "Hm,well(don't) other the", ["Hm", "well", "don't", "other", "the"]),
            ("char", "Ab  c", ["A", "b", "  ", "c"]),
            ("char", "It is. I say", [*"It is. I say"]),
            (
                "word",
                "\ufb01lm is dull, a bad film",
                ["\ufb01lm", "is", "dull", "a", "bad", "film"],
            ),
            (
                stem,
                "These films, a waste unlike film",
                ["These", "films", "a", "waste", "unlike", "film"],
            ),
            (str.split, "One Two, two", ["One", "Two,", "two"]),
        ],
    )
    def test_stand_in_their_places(self, analyzer, text, expected):
        encoder = WordIndexEncoder(analyzer=analyzer)
        pipeline = make_pipeline(encoder, MultiHotVectorizer(), DenseClassifier(4, epochs=1))
        (item,) = explain(pipeline.fit([text, text + " end"], [0, 1]), [text]).items
        places = sorted(place for word in item.words for place in word.places)
        assert [text[start:stop] for start, stop in places] == expected
        assert all(stop <= start for (_, stop), (start, _) in pairwise(places))

    def test_that_are_not_known(self, pipeline):
        (item,) = explain(pipeline, [f"a {STRANGE} dull {STRANGE} film"]).items
        assert (item.n_words, item.n_known) == (5, 3)
        (strange,) = (word for word in item.words if word.word == STRANGE)
        assert (strange.contribution, strange.is_known, len(strange.places)) == (0, False, 2)

    def test_of_texts_without_any(self, pipeline):
        for item in explain(pipeline, ["", STRANGE, "..."]).items:
            assert item.n_known == 0
            assert [word.word for word in item.words if word.contribution] == ["<start>"]

    def test_that_a_function_has_changed_have_no_place(self):
        encoder = WordIndexEncoder(analyzer=lambda text: [text.replace(" ", "")[::-1]])
        pipeline = make_pipeline(encoder, MultiHotVectorizer(), DenseClassifier(4, epochs=1))
        (item,) = explain(pipeline.fit(["abc def", "abc"], [0, 1]), ["abc def"]).items
        assert [word.places for word in item.words if word.word == "fedcba"] == [()]


class Page(HTMLParser):
    """The texts, tags and attributes of a part of an HTML page."""

    def __init__(self, html):
        super().__init__()
        self.text, self.tags, self.attributes, self._skipped = "", [], [], 0
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs
        self._skipped += tag in ("style", "small")

    def handle_endtag(self, tag):
        self._skipped -= tag in ("style", "small")

    def handle_data(self, data):
        if not self._skipped:
            self.text += data


class TestShowing:
    HOSTILE = 'A <script>alert("dull")</script> & dull <b>film</b> &lt;i&gt; wonderful'

    def test_html_escapes_what_people_wrote(self, pipeline):
        page = Page(explain(pipeline, [self.HOSTILE]).to_html())
        assert self.HOSTILE in page.text
        assert {*page.tags} == {"style", "div", "p", "b", "span", "small"}
        assert not [value for _, value in page.attributes if "http" in value]

    def test_html_shows_what_no_page_can_hold(self, pipeline):
        html = explain(pipeline, ["dull \ud800 \0 \x1b[31m \u202e wonderful\ud83d"]).to_html()
        assert html.encode()
        assert r"dull \ud800 \x00 \x1b[31m \u202e wonderful\ud83d" in Page(html).text

    def test_html_needs_no_colours(self, pipeline):
        html = explain(pipeline, ["wonderful but dull and boring"]).to_html()
        assert re.search(r'class="for"[^>]*>wonderful</span><small>\+\d\.\d\d</small>', html)
        assert re.search(r'class="against"[^>]*>dull</span><small>-\d\.\d\d</small>', html)

    def test_notebooks_show_twenty_texts(self, pipeline):
        explanation = explain(pipeline, X[:23])
        assert len(explanation) == 23
        html = explanation._repr_html_()
        assert html.count('class="text"') == 20
        assert "and 3 more texts" in html
        assert [part.items for part in explanation] == [[item] for item in explanation.items]
        assert explanation[1:3].items == explanation.items[1:3]

    def test_bars(self, pipeline):
        explanation = explain(pipeline, ["wonderful but dull and boring", "x"])
        ax = explanation[0].plot(n=2)
        labels = [label.get_text() for label in ax.get_yticklabels()]
        assert labels == [word.word for word in explanation.items[0].words[:2]]
        widths = [bar.get_width() for bar in ax.patches]
        assert widths == [word.contribution for word in explanation.items[0].words[:2]]
        assert explanation[0].plot(ax=ax) is ax
        plt.close("all")
        with pytest.raises(ValueError, match=r"choose one, as explanation\[0\]\.plot\(\)"):
            explanation.plot()

    def test_frame(self, pipeline):
        frame = explain(pipeline, ["a dull film", "wonderful"]).to_frame()
        assert frame.columns.tolist() == [
            *("text", "class", "word", "contribution", "known", "places")
        ]
        assert frame.groupby("text").word.first().tolist() == ["dull", "wonderful"]

    def test_frame_needs_pandas(self, pipeline, monkeypatch):
        explanation = explain(pipeline, ["a dull film"])
        monkeypatch.setitem(sys.modules, "pandas", None)
        code = (
            "import sys, pickle; sys.modules['pandas'] = None\n"
            "try:\n    pickle.load(sys.stdin.buffer).to_frame()\n"
            "except ImportError as error:\n    print(error)"
        )
        result = subprocess.run(
            [sys.executable, "-c", code], input=pickle.dumps(explanation), capture_output=True
        )
        assert b"pip install 'skimdb[files]'" in result.stdout, result.stderr

    def test_repr(self, pipeline):
        assert repr(explain(pipeline, ["x"])) == "<Explanation of 1 text>"
        assert isinstance(explain(pipeline, []), Explanation)


class TestGlobal:
    @pytest.mark.parametrize("texts", [None, X])
    def test_words_of_each_class(self, texts, pipeline):
        explanation = explain_global(pipeline, texts, n=8)
        assert [*explanation.words] == [0, 1]
        assert {len(words) for words in explanation.words.values()} == {8}
        against, in_favour = ({name for name, *_ in explanation.words[c]} for c in (0, 1))
        assert {"awful", "terrible"} <= against
        assert {"wonderful", "beautiful"} <= in_favour
        values = [value for _, value, _ in explanation.words[1]]
        assert values == sorted(values, reverse=True)
        assert values[-1] > 0

    def test_are_means_over_texts(self, pipeline):
        words = {name: (x, n) for name, x, n in explain_global(pipeline, X, n=500).words[1]}
        items = explain(pipeline, X).items
        for name in ("wonderful", "beautiful"):
            found = [item.ngrams[name] for item in items if name in item.ngrams]
            assert words[name] == (pytest.approx(sum(found) / len(X)), len(found))

    def test_alone_are_those_of_a_text_of_one_word(self):
        pipeline = make_multi_hot_pipeline().fit(X, Y)
        encoder = pipeline["encoder"].set_params(start_char=None)
        assert encoder.transform([STRANGE])[0].tolist() == []
        ((name, value, n), *_) = explain_global(pipeline, n=1).words[1]
        scores = pipeline.decision_function([name, STRANGE])
        assert (value, n) == (pytest.approx(scores[0] - scores[1], abs=1e-5), 0)

    def test_show(self):
        pipeline = make_text_pipeline(epochs=20).fit(X, THREE)
        explanation = explain_global(pipeline, n=3)
        axes = explanation.plot(n=2)
        assert [ax.get_title() for ax in axes] == [
            f"What speaks for {c}" for c in sorted({*THREE})
        ]
        assert explanation.plot(axes=axes)[0] is axes[0]
        plt.close("all")
        with pytest.raises(ValueError, match="axes must be 3, one for each class, got 2"):
            explanation.plot(axes=axes[:2])
        frame = explanation.to_frame()
        assert frame.columns.tolist() == ["class", "word", "contribution", "texts"]
        assert len(frame) == 9
        page = Page(explanation._repr_html_())
        for label, words in explanation.words.items():
            assert f"{label}: {', '.join(name for name, *_ in words)}" in page.text
        assert "3 classes" in repr(explanation)


class TestErrors:
    @pytest.mark.parametrize(
        ("arguments", "error", "message"),
        [
            ({"class_": 2}, ValueError, r"class_ must be one of the classes, \[0, 1\], or None"),
            ({"method": "lime"}, ValueError, "method must be one of .*, got 'lime'"),
            ({"texts": "a text"}, TypeError, "texts must be a list of texts, got a single str"),
            ({"class_": np.array([0, 1])}, TypeError, "class_ must be one of the classes"),
            ({"vocabulary": {"a": 1}}, ValueError, "vocabulary must be None for a pipeline with"),
        ],
    )
    def test_arguments(self, arguments, error, message, pipeline):
        with pytest.raises(error, match=message):
            explain(pipeline, **{"texts": ["a"], **arguments})

    @pytest.mark.parametrize(
        ("pipeline", "error", "message"),
        [
            (DenseClassifier(), TypeError, "pipeline must have the steps of text_pipeline"),
            (
                make_pipeline(WordIndexEncoder(), MultiHotVectorizer(), LogisticRegression()),
                TypeError,
                "with a DenseClassifier at its end, got .*LogisticRegression",
            ),
            (make_text_pipeline(), ValueError, "not fitted"),
            (
                make_multi_hot_pipeline(num_words=None).set_params(vectorizer__n_buckets=100),
                ValueError,
                "with n_buckets, several share one",
            ),
            (
                make_multi_hot_pipeline().set_params(vectorizer__mode="freq"),
                ValueError,
                "mode of the MultiHotVectorizer must be",
            ),
        ],
    )
    def test_pipelines(self, pipeline, error, message):
        if (
            pipeline is not PIPELINES
            and "not fitted" not in message
            and hasattr(pipeline, "steps")
        ):
            pipeline.fit(X, Y)
        for call in (lambda: explain(pipeline, ["a"]), lambda: explain_global(pipeline)):
            with pytest.raises(error, match=message):
                call()


@pytest.mark.slow
def test_needs_no_tensorflow(pipeline, tmp_path):
    save_model(pipeline, tmp_path / "m.skimdb")
    code = (
        "import sys, skimdb; pipeline = skimdb.load_model(sys.argv[1]);"
        "skimdb.explain(pipeline, ['a dull film']).to_html(); skimdb.explain_global(pipeline);"
        "print({'tensorflow', 'keras', 'matplotlib'} & {*sys.modules})"
    )
    command = [sys.executable, "-c", code, tmp_path / "m.skimdb"]
    assert subprocess.check_output(command, text=True) == "set()\n"


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """A model file."""
    path = tmp_path_factory.mktemp("model") / "m.skimdb"
    save_model(make_text_pipeline().fit(X, np.array(["bad", "good"])[Y]), path)
    return path


class TestCommand:
    def test_words_of_a_text(self, model):
        result = run("explain", model, "A dull film.", "Wonderful!", "--top", 2)
        assert result.exit_code == 0, result.output
        lines = result.stdout.splitlines()
        assert re.fullmatch(r"bad 0\.\d{4} \(log-odds \+\d\.\d\d; 3 of 3 words known\)", lines[0])
        assert re.fullmatch(r"dull\t\+\d\.\d{4}", lines[1])
        assert lines[4].startswith("good ")
        assert lines[5].startswith("wonderful\t+")

    @pytest.mark.parametrize("method", ["leave-one-out", "integrated-gradients"])
    def test_json(self, method, model):
        options = ["--json", "--class", "good", "--method", method]
        result = run("explain", model, *options, "-", stdin="A dull film.\nGreat\n")
        answers = [json.loads(line) for line in result.stdout.splitlines()]
        assert [answer["class"] for answer in answers] == ["good", "good"]
        first = answers[0]["contributions"][0]
        assert (first["word"], first["known"], first["places"]) == ("dull", True, [[2, 6]])
        assert first["contribution"] < 0
        assert (answers[0]["words"], answers[0]["known_words"]) == (3, 3)

    def test_words_of_labels(self, model):
        result = run("explain", model, "--top", 3)
        assert [line for line in result.stdout.splitlines() if ":" in line] == [
            *("What speaks for bad:", "What speaks for good:")
        ]
        result = run("explain", model, "--class", "good", "--json")
        (answer,) = map(json.loads, result.stdout.splitlines())
        assert answer["contributions"][0]["contribution"] > 0

    @pytest.mark.slow
    @pytest.mark.parametrize("columns", [40, 120])
    def test_on_a_terminal_words_are_tinted(self, columns, model):
        output = print_on_terminal(
            "explain", model, "A dull, dull film: [wonderful] and\x07 wonderful", columns=columns
        )
        # underlined once and twice
        assert re.search(r"\x1b\[[\d;]*\b4;[\d;]*mwonderful", output)
        assert re.search(r"\x1b\[[\d;]*\b21;[\d;]*mdull", output)
        plain = re.sub(r"\x1b\[[\d;]*m", "", output)
        assert "A dull, dull film: [wonderful] and wonderful" in " ".join(plain.split())
        assert max(map(len, plain.splitlines())) <= columns

    def test_wrong_usage(self, model):
        assert_refused(run("explain", model, "x", "--class", "so-so"), "--class", "'bad'")
        assert_refused(run("explain", "nowhere", "x"), "nowhere")
        assert_refused(run("explain", model, "-5 stars"), "explain MODEL -- TEXT")
        assert_refused(run("explain", model, model), "is a file or folder", "one per line")
        result = run("explain", model, "-", stdin=b"good\n\xe9\n")
        assert_refused(result, "standard input, line 2", "expected text in UTF-8")
        assert run("explain", model, "-", stdin="").stdout == ""
