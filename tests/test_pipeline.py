"""multi_hot_pipeline, and fit_stream on texts that come in blocks."""

import pickle
from functools import partial
from itertools import pairwise

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.compose import ColumnTransformer
from sklearn.exceptions import NotFittedError
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.pipeline import Pipeline, make_pipeline

from skimdb import (
    DenseClassifier,
    MultiHotVectorizer,
    VocabularySelector,
    WordIndexEncoder,
    fit_stream,
    multi_hot_pipeline,
    text_pipeline,
)
from skimdb.datasets import load_sample_reviews, make_reviews, read_labelled_blocks


class TestMultiHotPipeline:
    def test_steps_and_parameters(self):
        pipeline = multi_hot_pipeline(num_words=500, units=8, epochs=7)
        assert [name for name, _ in pipeline.steps] == ["vectorizer", "classifier"]
        assert pipeline.get_params()["vectorizer__num_words"] == 500
        assert pipeline.get_params()["classifier__units"] == 8
        assert pipeline.get_params()["classifier__epochs"] == 7
        text = multi_hot_pipeline(num_words=500, text=True)
        assert [name for name, _ in text.steps] == ["encoder", "vectorizer", "classifier"]
        assert text.get_params()["encoder__num_words"] == 500
        with pytest.raises(TypeError, match="text must be True or False, got 'yes'"):
            multi_hot_pipeline(text="yes")

    def test_from_raw_text_to_a_class(self):
        X, y = load_sample_reviews(return_X_y=True)
        X, X_test, y, y_test = train_test_split(X, y, test_size=100, stratify=y, random_state=0)
        pipeline = multi_hot_pipeline(text=True, epochs=20, batch_size=16, random_state=0)
        assert pipeline.fit(X, y).score(X_test, y_test) > 0.85
        texts = ["A wonderful, moving film. I loved it.", "A dull mess, and a waste of time."]
        assert pipeline.predict(texts).tolist() == [1, 0]
        again = pickle.loads(pickle.dumps(pipeline))
        np.testing.assert_array_equal(again.predict_proba(texts), pipeline.predict_proba(texts))

    @pytest.mark.parametrize("make", [text_pipeline, partial(multi_hot_pipeline, text=True)])
    def test_texts_as_the_only_column(self, make):
        X, y = load_sample_reviews(return_X_y=True)
        pipeline = make(units=4, epochs=2, random_state=0)
        expected = clone(pipeline).fit(X, y).predict_proba(X)
        fitted = pipeline.fit(pl.DataFrame({"text": X}), y)
        for form in (pd.DataFrame({"other": X}), np.array(X, dtype=object)[:, np.newaxis]):
            np.testing.assert_array_equal(fitted.predict_proba(form), expected)
            assert fitted.score(form, y) == np.mean(fitted.classes_[expected.argmax(axis=1)] == y)

    def test_a_column_of_texts_beside_numbers(self):
        X, y = load_sample_reviews(return_X_y=True)
        frame = pd.DataFrame({"text": X, "number": np.arange(len(y))})
        encoder = make_pipeline(WordIndexEncoder(), MultiHotVectorizer(num_words=300))
        columns = ColumnTransformer([("text", encoder, ["text"])], remainder="passthrough")
        rows = columns.fit_transform(frame)
        assert columns.get_feature_names_out()[[1, 4, -1]].tolist() == [
            "text__<start>",
            "text__the",
            "remainder__number",
        ]
        assert (rows[:, :-1] != encoder.fit_transform(X)).nnz == 0

    def test_grid_search_over_the_pipeline(self):
        X, y = make_reviews(600, n_words=300, random_state=0)
        pipeline = multi_hot_pipeline(num_words=300, batch_size=32, random_state=0)
        grid = {"classifier__epochs": [1, 3], "vectorizer__mode": ["binary", "count"]}
        search = GridSearchCV(clone(pipeline), grid, cv=2).fit(X, y)
        assert np.isfinite(search.cv_results_["mean_test_score"]).all()
        assert search.predict(X).shape == (600,)

    def test_encoder_and_vectorizer_pass_text_on_as_it_is(self):
        X, y = load_sample_reviews(return_X_y=True)
        pipeline = multi_hot_pipeline(text=True, num_words=300, units=4, epochs=1, random_state=0)
        pipeline.fit(X, y)
        encoder = WordIndexEncoder(num_words=300).fit(X)
        # lists have nothing left of what the encoder returned
        rows = [ids.tolist() for ids in encoder.transform(X)]
        matrix = MultiHotVectorizer(num_words=300).fit_transform(rows)
        classifier = clone(pipeline[-1]).fit(matrix, y)
        np.testing.assert_array_equal(pipeline.predict_proba(X), classifier.predict_proba(matrix))


# --- fit_stream -------------------------------------------------------------------------------


def make_pipeline_for_text(num_words=500, **parameters):
    parameters = {"units": 4, "epochs": 2, "batch_size": 16, "random_state": 0} | parameters
    return multi_hot_pipeline(text=True, num_words=num_words, **parameters)


def blocks_of(texts, labels, n_rows=100):
    """Return a function that reads blocks of so many rows."""
    starts = range(0, len(texts), n_rows)
    return lambda: ((texts[i : i + n_rows], labels[i : i + n_rows]) for i in starts)


@pytest.fixture(scope="module")
def reviews():
    """The texts of the sample in random order, and labels as words."""
    X, y = load_sample_reviews(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(y))
    return X[order].tolist(), [("bad", "good")[label] for label in y[order]]


def training_rows(n_rows, test_fraction=0.2, **options):
    """Tell which rows fit_stream trains on: those whose words get a rank."""
    texts, labels = [f"row{i}" for i in range(n_rows)], [i % 2 for i in range(n_rows)]
    pipeline = make_pipeline_for_text(30_000, units=1, epochs=1, batch_size=10_000, **options)
    result = fit_stream(pipeline, blocks_of(texts, labels, 5000), test_fraction=test_fraction)
    rows = sorted(int(word.removeprefix("row")) for word in pipeline["encoder"].vocabulary_)
    assert result.scores["training"]["rows"] == len(rows)
    assert result.scores["test"]["rows"] == n_rows - len(rows)
    is_training_row = np.zeros(n_rows, dtype=bool)
    is_training_row[rows] = True
    return is_training_row


@pytest.fixture(scope="module")
def is_test_row():
    return ~training_rows(20_000)


def weights_of(pipeline):
    return [*pipeline[-1].coefs_, *pipeline[-1].intercepts_]


def assert_same_weights(a, b):
    for x, y in zip(weights_of(a), weights_of(b), strict=True):
        np.testing.assert_array_equal(x, y)


class TestFitStream:
    def test_fits_the_pipeline(self, reviews):
        texts, labels = reviews
        pipeline = make_pipeline_for_text(10_000, units=8, epochs=6, batch_size=8)
        result = fit_stream(pipeline, blocks_of(*reviews), test_fraction=0.2)
        assert pipeline["encoder"].get_params()["vocabulary"] is None
        assert pipeline[-1].classes_.tolist() == ["bad", "good"]
        assert set(result.history) == {"loss", "accuracy"}
        assert {len(values) for values in result.history.values()} == {6}
        assert result.history["loss"][-1] < result.history["loss"][0] / 2
        assert all(0 <= value <= 1 for value in result.history["accuracy"])
        assert result.scores["training"]["accuracy"] > 0.99
        assert result.scores["test"]["accuracy"] > 0.8
        assert pipeline.score(texts, labels) > 0.95

    def test_hashes_ngrams_into_buckets(self, reviews):
        pipeline = make_pipeline_for_text(10_000, units=8, epochs=6, batch_size=8)
        pipeline["vectorizer"].set_params(ngram_range=(1, 2), n_buckets=30_000)
        result = fit_stream(pipeline, blocks_of(*reviews), test_fraction=0.2)
        assert pipeline[-1].n_features_in_ == 30_000
        assert result.scores["test"]["accuracy"] > 0.8
        # more entries than words
        X, ids = (pipeline[:n].transform(reviews[0][:9]) for n in (2, 1))
        assert (np.diff(X.indptr) > [len({*row.tolist()}) for row in ids]).all()

    def test_auto_suits_the_number_of_rows(self, reviews):
        options = {"epochs": "auto", "batch_size": "auto"}
        pipeline = make_pipeline_for_text(**options)
        result = fit_stream(pipeline, blocks_of(*reviews), rows_per_block=100)
        epochs, batch_size = DenseClassifier(**options).choose_schedule(400)
        assert len(result.history["loss"]) == epochs > 2
        assert pipeline[-1].batch_size_ == batch_size

    def test_ngrams_to_learn_are_refused(self, reviews):
        pipeline = make_pipeline_for_text()
        pipeline["vectorizer"].set_params(ngram_range=(1, 2))
        with pytest.raises(ValueError, match="pipeline must have a vectorizer that learns no n-g"):
            fit_stream(pipeline, blocks_of(*reviews))

    def test_scores_are_those_of_the_rows(self, reviews, is_test_row):
        pipeline = make_pipeline_for_text()
        result = fit_stream(pipeline, blocks_of(*reviews), test_fraction=0.2, rows_per_block=64)
        for part, mask in (("training", ~is_test_row[:400]), ("test", is_test_row[:400])):
            texts, labels = (np.array(values, dtype=object)[mask].tolist() for values in reviews)
            assert result.scores[part]["rows"] == len(texts)
            assert result.scores[part]["accuracy"] == pytest.approx(pipeline.score(texts, labels))
            probabilities = pipeline.predict_proba(texts).astype(float)
            probabilities /= probabilities.sum(axis=1, keepdims=True)
            expected = log_loss(labels, probabilities)
            assert result.scores[part]["loss"] == pytest.approx(expected, rel=1e-4)

    def test_history_is_the_mean_of_the_blocks(self, reviews):
        pipeline, calls = make_pipeline_for_text(), []
        result = fit_stream(
            pipeline,
            blocks_of(*reviews),
            rows_per_block=150,
            callback=lambda *call: calls.append(call),
        )
        n_blocks = len(calls) // 2
        assert [n_done for n_done, _, _ in calls] == [*range(1, 2 * n_blocks + 1)]
        assert {n for _, n, _ in calls} == {2 * n_blocks}
        for name, values in result.history.items():
            of_blocks = np.reshape([figures[name] for _, _, figures in calls], (2, n_blocks))
            assert (of_blocks.min(axis=1) <= values).all()
            assert (of_blocks.max(axis=1) >= values).all()
            assert of_blocks.ravel().tolist() == pipeline[-1].history_[name]

    def test_one_block_is_the_same_as_partial_fit(self, reviews):
        texts, labels = reviews
        pipeline = make_pipeline_for_text(epochs=1)
        result = fit_stream(pipeline, blocks_of(*reviews, 400), rows_per_block=64 * 400)
        plain = make_pipeline_for_text(epochs=1)
        X = plain[:-1].fit_transform(texts)
        plain[-1].partial_fit(X, labels, classes=["bad", "good"])
        assert plain["encoder"].vocabulary_ == pipeline["encoder"].vocabulary_
        assert_same_weights(plain, pipeline)
        assert result.history == plain[-1].history_

    @settings(max_examples=12, deadline=None)
    @given(st.lists(st.integers(0, 130), max_size=9))
    def test_any_division_into_blocks_gives_the_same(self, lengths):
        X, y = load_sample_reviews(return_X_y=True)
        X, y = X[::4], y[::4]
        stops = np.minimum(np.cumsum([0, *lengths, 100]), 100)
        pairs = [*pairwise(stops)]
        pipeline, other = make_pipeline_for_text(epochs=1), make_pipeline_for_text(epochs=1)
        result = fit_stream(
            pipeline,
            lambda: ((X[start:stop], y[start:stop]) for start, stop in pairs),
            test_fraction=0.2,
            rows_per_block=50,
        )
        expected = fit_stream(other, blocks_of(X, y), test_fraction=0.2, rows_per_block=50)
        assert result == expected
        assert pipeline["encoder"].vocabulary_ == other["encoder"].vocabulary_
        assert_same_weights(pipeline, other)

    def test_rows_in_the_order_of_their_labels_do_no_harm(self, reviews):
        order = np.argsort(reviews[1], kind="stable")
        texts, labels = ([values[i] for i in order] for values in reviews)
        pipeline = make_pipeline_for_text(10_000, units=8, batch_size=8)
        blocks = blocks_of(texts, labels, 64)
        result = fit_stream(pipeline, blocks, test_fraction=0.2, rows_per_block=64)
        # trained in the order of the rows it is 0.75
        assert result.scores["test"]["accuracy"] > 0.9

    def test_reads_the_blocks_of_a_file(self, reviews, tmp_path):
        texts, labels = reviews
        path = tmp_path / "reviews.csv"
        pd.DataFrame({"text": texts, "label": labels}).to_csv(path, index=False)
        pipeline, other = make_pipeline_for_text(), make_pipeline_for_text()
        result = fit_stream(pipeline, lambda: read_labelled_blocks(path, rows_per_block=100))
        assert result == fit_stream(other, blocks_of(*reviews))
        assert_same_weights(pipeline, other)

    def test_is_repeatable(self, reviews):
        results = []
        for seed in (3, 3, 4, np.random.RandomState(3), np.random.RandomState(3), None):
            pipeline = make_pipeline_for_text(random_state=seed)
            results.append(fit_stream(pipeline, blocks_of(*reviews), test_fraction=0.2))
        same, again, other, drawn, drawn_again, _ = results
        assert same == again != other
        assert drawn == drawn_again

    def test_leaves_no_file(self, reviews, tmp_path):
        fit_stream(make_pipeline_for_text(), blocks_of(*reviews), folder=tmp_path)
        assert list(tmp_path.iterdir()) == []
        with pytest.raises(FileNotFoundError):
            fit_stream(make_pipeline_for_text(), blocks_of(*reviews), folder=tmp_path / "missing")


class TestTestRows:
    def test_are_a_fraction_of_the_rows(self, is_test_row):
        assert is_test_row.mean() == pytest.approx(0.2, abs=0.01)
        half = ~training_rows(20_000, test_fraction=0.5)
        assert half.mean() == pytest.approx(0.5, abs=0.01)
        # more rows of the same order
        assert half[is_test_row].all()

    def test_depend_on_the_number_of_the_row_and_the_seed(self, is_test_row):
        np.testing.assert_array_equal(~training_rows(3000), is_test_row[:3000])
        for seed in (1, 2**32 - 1):
            other = ~training_rows(20_000, random_state=seed)
            assert other.mean() == pytest.approx(0.2, abs=0.01)
            # as independent as two seeds should be
            assert (is_test_row & other).mean() == pytest.approx(0.04, abs=0.01)

    def test_do_not_depend_on_one_another(self, is_test_row):
        for distance in (1, 2, 3, 10):
            both = is_test_row[distance:] & is_test_row[:-distance]
            assert both.mean() == pytest.approx(0.04, abs=0.01)

    def test_are_not_trained_on(self, reviews, is_test_row):
        texts, labels = reviews
        pipeline, other = make_pipeline_for_text(), make_pipeline_for_text()
        result = fit_stream(pipeline, blocks_of(texts, labels), test_fraction=0.2)
        known = [text for text, test in zip(texts, is_test_row, strict=False) if not test]
        assert pipeline["encoder"].vocabulary_ == WordIndexEncoder().fit(known).vocabulary_
        texts = ["other" if test else x for x, test in zip(texts, is_test_row, strict=False)]
        labels = ["bad" if test else y for y, test in zip(labels, is_test_row, strict=False)]
        changed = fit_stream(other, blocks_of(texts, labels), test_fraction=0.2)
        assert_same_weights(pipeline, other)
        assert changed.history == result.history
        assert changed.scores["training"] == result.scores["training"]
        assert changed.scores["test"] != result.scores["test"]

    def test_there_are_none_unless_asked_for(self, reviews):
        pipeline = make_pipeline_for_text()
        result = fit_stream(pipeline, blocks_of(*reviews))
        assert [*result.scores] == ["training"]
        assert result.scores["training"]["rows"] == 400
        assert pipeline["encoder"].vocabulary_ == WordIndexEncoder().fit(reviews[0]).vocabulary_

    def test_a_second_stream_teaches_its_own_words(self):
        pipeline = make_pipeline_for_text()
        for words in (["good film", "bad film"] * 3, ["lovely song", "awful song"] * 3):
            fit_stream(pipeline, blocks_of(words, [1, 0] * 3))
            assert set(pipeline["encoder"].vocabulary_) == {*" ".join(words).split()}

    def test_too_few_rows_for_both_parts(self):
        blocks = blocks_of(["a", "b"], [0, 1])
        with pytest.raises(
            ValueError, match="the stream needs more rows: none of its 2 rows is a te"
        ):
            fit_stream(make_pipeline_for_text(), blocks, test_fraction=0.01)
        with pytest.raises(
            ValueError, match="none of its 2 rows is a training row with this random_sta"
        ):
            fit_stream(make_pipeline_for_text(), blocks, test_fraction=0.99)


class TestStepsOfTheStream:
    def test_parameters_of_the_encoder_hold(self, reviews):
        texts, labels = reviews
        options = {"lowercase": False, "filters": "e", "index_from": 5}
        pipeline = make_pipeline_for_text()
        pipeline["encoder"].set_params(**options)
        fit_stream(pipeline, blocks_of(texts, labels))
        expected = WordIndexEncoder(**options).fit(texts).vocabulary_
        assert pipeline["encoder"].vocabulary_ == expected

    def test_a_given_vocabulary_is_kept(self, reviews):
        vocabulary = WordIndexEncoder().fit(["good bad great dull film"]).vocabulary_
        pipeline = make_pipeline_for_text().set_params(encoder__vocabulary=vocabulary)
        result = fit_stream(pipeline, blocks_of(*reviews), test_fraction=0.2)
        assert pipeline["encoder"].vocabulary_ == vocabulary
        assert pipeline["encoder"].vocabulary is not vocabulary
        assert result.scores["test"]["accuracy"] > 0.5

    @pytest.mark.parametrize(
        ("labels", "classes"),
        [
            ([3, 7], [3, 7]),
            ([-1, 1], [-1, 1]),
            ([False, True], [False, True]),
            ([0.0, 1.0], [0.0, 1.0]),
            (["b", "abc"], ["abc", "b"]),
            ([2, 0, 1], [0, 1, 2]),
        ],
        ids=repr,
    )
    def test_labels_of_any_kind(self, reviews, labels, classes):
        labels = [labels[i % len(labels)] for i in range(400)]
        for values in (labels, np.array(labels), pd.Series(labels)):
            pipeline = make_pipeline_for_text()
            fit_stream(pipeline, blocks_of(reviews[0], values))
            assert pipeline[-1].classes_.tolist() == classes
            assert set(pipeline.predict(reviews[0])) <= set(classes)

    def test_a_label_that_only_some_blocks_have(self, reviews):
        labels = ["a"] * 100 + ["bcd"] * 200 + ["ef"] * 100
        pipeline = make_pipeline_for_text()
        fit_stream(pipeline, blocks_of(reviews[0], labels))
        assert pipeline[-1].classes_.tolist() == ["a", "bcd", "ef"]

    @pytest.mark.parametrize(
        "convert",
        [
            tuple,
            lambda values: np.array(values, dtype=object),
            # rows have other numbers than places
            lambda values: pd.Series(values, index=range(1000, 1000 + len(values))),
            lambda values: pd.Series(values, index=[*range(len(values))][::-1]),
        ],
        ids=["tuple", "array", "Series", "Series in reverse"],
    )
    def test_blocks_in_any_form_give_the_same(self, reviews, convert):
        plain, other = make_pipeline_for_text(), make_pipeline_for_text()
        expected = fit_stream(plain, blocks_of(*reviews), test_fraction=0.2)
        read_blocks = blocks_of(*map(convert, reviews))
        assert fit_stream(other, read_blocks, test_fraction=0.2) == expected
        texts_once = lambda: ((iter(texts), labels) for texts, labels in read_blocks())  # noqa: E731
        other = make_pipeline_for_text()
        assert fit_stream(other, texts_once, test_fraction=0.2) == expected
        assert_same_weights(plain, other)
        other = make_pipeline_for_text()
        frames = lambda: ((pd.DataFrame({"text": [*t]}), y) for t, y in read_blocks())  # noqa: E731
        assert fit_stream(other, frames, test_fraction=0.2) == expected

    def test_schedule_sets_epochs_and_batch_size(self, reviews):
        pipeline, asked = make_pipeline_for_text(), []

        def schedule(n_rows):
            asked.append(n_rows)
            return 3, 50

        result = fit_stream(pipeline, blocks_of(*reviews), test_fraction=0.2, schedule=schedule)
        assert asked == [result.scores["training"]["rows"]]
        assert (pipeline[-1].epochs, pipeline[-1].batch_size) == (3, 50)
        assert len(result.history["loss"]) == 3

    def test_words_beyond_num_words_are_cut_off(self, reviews):
        pipeline = make_pipeline_for_text(num_words=20)
        fit_stream(pipeline, blocks_of(*reviews))
        assert len(pipeline["encoder"].vocabulary_) > 1000
        assert pipeline[-1].n_features_in_ == 20
        assert max(pipeline["encoder"].transform(reviews[0][:1])[0]) < 20


class Interrupted:
    """Blocks of a stream that end in an error at the second reading."""

    def __init__(self, read_blocks, error):
        self._read_blocks = read_blocks
        self._error = error
        self._n_calls = 0

    def __call__(self):
        self._n_calls += 1
        yield from self._read_blocks()
        if self._n_calls == 2:
            raise self._error


class TestErrors:
    @pytest.mark.parametrize("is_fitted", [False, True])
    @pytest.mark.parametrize("moment", ["reading", "training"])
    @pytest.mark.parametrize("error", [OSError("disk"), KeyboardInterrupt()], ids=repr)
    def test_an_error_leaves_the_pipeline_as_it_was(self, reviews, is_fitted, moment, error):
        texts, labels = reviews
        pipeline = make_pipeline_for_text()
        if is_fitted:
            pipeline.fit(texts[:50], labels[:50])
            before = pipeline.predict_proba(texts[:9])
        steps, parameters = [*pipeline.steps], pipeline.get_params()
        read_blocks, options = blocks_of(texts, labels), {}
        if moment == "reading":
            read_blocks = Interrupted(read_blocks, error)
        else:
            options["callback"] = self._raise(error)
        with pytest.raises(type(error)):
            fit_stream(pipeline, read_blocks, schedule=lambda _: (1, 8), **options)
        assert pipeline.steps == steps
        assert pipeline.get_params() == parameters
        if is_fitted:
            np.testing.assert_array_equal(pipeline.predict_proba(texts[:9]), before)
        else:
            with pytest.raises(NotFittedError):
                pipeline.predict(texts)

    @staticmethod
    def _raise(error):
        def fail(*_):
            raise error

        return fail

    @pytest.mark.parametrize(
        ("pipeline", "message"),
        [
            (
                multi_hot_pipeline(),
                "pipeline must have the steps WordIndexEncoder, MultiHotVectorizer",
            ),
            (
                make_pipeline(CountVectorizer(), LogisticRegression()),
                "pipeline must have the steps",
            ),
            (DenseClassifier(), "pipeline must have the steps WordIndexEncoder"),
            (None, "pipeline must have the steps WordIndexEncoder"),
            (
                Pipeline([("counts", VocabularySelector()), ("classifier", DenseClassifier())]),
                "pipeline must have the steps WordIndexEncoder",
            ),
        ],
    )
    def test_other_pipelines_are_refused(self, reviews, pipeline, message):
        with pytest.raises(TypeError, match=message):
            fit_stream(pipeline, blocks_of(*reviews))

    @pytest.mark.parametrize(
        ("parameters", "error", "message"),
        [
            ({"vectorizer__num_words": None}, ValueError, "number for num_words, .*num_words': N"),
            ({"vectorizer__mode": "count"}, ValueError, "mode='binary' .* 'mode': 'count'"),
            ({"vectorizer__sparse_output": False}, ValueError, "sparse_output=True, got .*False"),
            ({"vectorizer__num_words": 0}, ValueError, "num_words == 0, must be >= 1"),
            ({"encoder__filters": 7}, TypeError, "filters must be a str of characters, got 7"),
            ({"classifier__epochs": 0}, ValueError, "epochs == 0, must be >= 1"),
            ({"classifier__epochs": 1.5}, TypeError, "epochs must be an integer, got 1.5"),
            ({"classifier__random_state": -1}, ValueError, "random_state must be an int from 0"),
            ({"classifier__early_stopping": True}, ValueError, "early_stopping must be False"),
        ],
    )
    def test_parameters_of_the_steps_are_named(self, reviews, parameters, error, message):
        pipeline = make_pipeline_for_text().set_params(**parameters)
        with pytest.raises(error, match=message):
            fit_stream(pipeline, blocks_of(*reviews))

    @pytest.mark.parametrize(
        ("arguments", "error", "message"),
        [
            ({"read_blocks": [("a", 1)]}, TypeError, r"read_blocks must be callable, got \[\('a'"),
            ({"read_blocks": None}, TypeError, "read_blocks must be callable, got None"),
            ({"test_fraction": 1}, ValueError, "test_fraction == 1, must be < 1"),
            ({"test_fraction": -0.1}, ValueError, "test_fraction == -0.1, must be >= 0"),
            ({"test_fraction": "0.2"}, TypeError, "test_fraction must be a number, got '0.2'"),
            ({"test_fraction": float("nan")}, ValueError, "test_fraction must be finite, got nan"),
            ({"rows_per_block": 0}, ValueError, "rows_per_block == 0, must be >= 1"),
            ({"schedule": 3}, TypeError, "schedule must be callable, got 3"),
            ({"schedule": lambda _: (0, 8)}, ValueError, "epochs == 0, must be >= 1"),
            (
                {"schedule": lambda _: (2, "8")},
                TypeError,
                "batch_size must be an integer or 'auto', got '8'",
            ),
            ({"folder": 3}, TypeError, "folder must be a str or path-like, got int"),
            ({"callback": "print"}, TypeError, "callback must be callable, got 'print'"),
        ],
    )
    def test_bad_arguments_are_named(self, reviews, arguments, error, message):
        arguments = {"read_blocks": blocks_of(*reviews), **arguments}
        with pytest.raises(error, match=message):
            fit_stream(make_pipeline_for_text(), **arguments)

    @pytest.mark.parametrize(
        ("blocks", "error", "message"),
        [
            ([], ValueError, "the stream needs more rows: none of its 0 rows is a training row"),
            (
                [(["a"] * 4, [1] * 4)],
                ValueError,
                "the labels must .* two classes, got 1",
            ),
            ([(["a"] * 4, [0, 1] * 2), (["b"], ["x"])], ValueError, "labels of one kind"),
            ([(["a"] * 4, [0, 1, None, 1])], ValueError, "read_blocks: y .*labels of one kind"),
            ([(["a"] * 2, [0, float("nan")])], ValueError, "read_blocks: Input y contains NaN"),
            ([(["a"] * 2, [0.5, 1.5])], ValueError, "read_blocks: y: Unknown label type: cont"),
            ([(["a"] * 2, [[0, 1], [1, 0]])], ValueError, "read_blocks: y should be a 1d array"),
            ([(["a"] * 2, "ab")], ValueError, "read_blocks: y should be a 1d array"),
            ([(["a"] * 2, [0])], ValueError, "read_blocks: y must have one label for each text"),
            ([(["a"], [0, 1])], ValueError, "one label for each text, got 2 labels for 1 texts"),
            ([(["a", 3], [0, 1])], TypeError, r"read_blocks: X must hold texts \(str\), got int"),
            ([("ab", [0, 1])], TypeError, "read_blocks: X must be an iterable of texts, got str"),
            ([["a"]], ValueError, "read_blocks: not enough values to unpack"),
            ([3], TypeError, "read_blocks: cannot unpack non-iterable int"),
            ([(["", "."], [0, 1])], ValueError, "X must hold at least one word"),
        ],
        ids=repr,
    )
    def test_bad_blocks_are_named(self, blocks, error, message):
        with pytest.raises(error, match=message):
            fit_stream(make_pipeline_for_text(), lambda: iter(blocks))

    def test_a_second_reading_must_give_the_same_rows(self, reviews):
        iterator = blocks_of(*reviews)()
        with pytest.raises(
            ValueError, match=r"read_blocks must return the same rows at each call"
        ):
            fit_stream(make_pipeline_for_text(), lambda: iterator)
        readings = iter([blocks_of(["a", "b"], [0, 1])(), blocks_of(["a", "b"], [0, 2])()])
        message = r"read_blocks must hold only classes of the training rows, \[0, 1\], got \[2\]"
        with pytest.raises(ValueError, match=message):
            fit_stream(make_pipeline_for_text(), lambda: next(readings))
