import json
import pickle
import string
from collections import OrderedDict
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.exceptions import NotFittedError
from sklearn.utils.estimator_checks import check_estimator

from skimdb import WordIndexEncoder
from skimdb._word_index import TEXTS_PER_BLOCK, TEXTS_PER_COUNT, _building
from skimdb._word_table import WordTable
from skimdb.datasets import fetch_imdb, fetch_word_index

VOCABULARY = {"the": 1, "film": 2, "great": 3, "don't": 4, "Ángela": 5}


def encoded(texts, **parameters):
    encoder = WordIndexEncoder(vocabulary=VOCABULARY, **parameters).fit()
    return [ids.tolist() for ids in encoder.transform(texts)]


def keras_words(text):
    """Keras's tokenisation of a review, character by character."""
    filters = '!"#$%&()*+,-./:;<=>?@[\\]^_`{|}~\t\n'
    text = "".join(" " if char in filters else char for char in text)
    text = "".join(char.lower() if char.isascii() else char for char in text)
    return [word for word in text.split(" ") if word]


def test_keras_convention():
    assert encoded(["The film: GREAT!", "unknown words", "", "don't<br />film"]) == [
        [1, 4, 5, 6],
        [1],
        [1],
        [1, 7, 5],
    ]
    sequences = WordIndexEncoder(vocabulary=VOCABULARY).fit_transform(["the", "film"])
    assert sequences.dtype == object
    assert sequences.shape == (2,)
    assert sequences[0].dtype == np.int32


def test_lower_case_is_for_ascii_letters_alone():
    assert encoded(["Ángela ángela THE"]) == [[1, 8, 4]]
    assert encoded(["the THE"], lowercase=False) == [[1, 4]]


def test_cut_off_words():
    texts = ["the film great don't"]
    assert encoded(texts, num_words=6) == [[1, 4, 5, 2, 2]]
    assert encoded(texts, num_words=6, oov_char=None) == [[1, 4, 5]]
    # as in Keras, the start mark is an id like the others
    assert encoded(texts, skip_top=5) == [[2, 2, 5, 6, 7]]
    assert encoded(texts, skip_top=5, oov_char=9, num_words=7) == [[9, 9, 5, 6, 9]]


def test_start_and_offset():
    assert encoded(["the film"], start_char=None, index_from=0) == [[1, 2]]
    assert encoded(["the", ""], start_char=None) == [[4], []]
    assert encoded(["the"], start_char=0, index_from=10) == [[0, 11]]


def test_filters():
    assert encoded(["the.film great"], filters="") == [[1, 6]]
    assert encoded(["the—film"], filters="—") == [[1, 4, 5]]
    assert encoded(["the\nfilm"], filters=".") == [[1]]


def test_the_largest_rank_takes_the_largest_id():
    encoder = WordIndexEncoder(vocabulary={"a": 2**31 - 4}).fit()
    assert encoder.transform(["a"])[0].tolist() == [1, 2**31 - 1]


def test_letters_digits_and_the_apostrophe_separate_no_words():
    text = string.ascii_letters + string.digits + "'"
    assert WordIndexEncoder().fit([text]).vocabulary_ == {text.lower(): 1}


def test_learns_ranks_by_frequency_then_alphabet():
    encoder = WordIndexEncoder().fit(["b a c", "C a", "a d!"])
    assert encoder.vocabulary_ == {"a": 1, "c": 2, "b": 3, "d": 4}
    assert all(type(rank) is int for rank in encoder.vocabulary_.values())


WORDS = st.text(st.sampled_from("ab\0é字🎬'"), max_size=9)


@pytest.mark.parametrize("repeats", [1, 60])
@given(st.lists(st.text() | st.lists(WORDS, max_size=9).map(" ".join), min_size=1, max_size=5))
def test_encodes_as_the_plain_loop_does(repeats, texts):
    # few texts and many are looked up in two ways
    texts = ["the film great", *texts] * repeats
    encoder = WordIndexEncoder().fit(texts)
    expected = [[1, *(encoder.vocabulary_[w] + 3 for w in keras_words(text))] for text in texts]
    sequences = encoder.transform(texts)
    assert [ids.tolist() for ids in sequences] == expected
    decoded = encoder.inverse_transform(sequences)
    assert decoded.tolist() == [" ".join(["?", *keras_words(text)]) for text in texts]


def test_inverse_transform_shows_unknown_ids():
    encoder = WordIndexEncoder(vocabulary=VOCABULARY).fit()
    assert encoder.inverse_transform([[1, 4, 2, 99], []]).tolist() == ["? the ? ?", ""]
    for wrong in ("abc", ["abc"], [1, 2], [[4.5]], [[-1]]):
        with pytest.raises((TypeError, ValueError), match="X must"):
            encoder.inverse_transform(wrong)


def test_a_word_with_a_space_is_none_of_a_text():
    encoder = WordIndexEncoder(vocabulary={"new york": 1, "the": 2, "film": 3}).fit()
    for n_texts in (1, 99):
        assert encoder.transform(["the film new york"] * n_texts)[0].tolist() == [1, 5, 6]


def test_output_settings_of_pipelines_pass():
    encoder = WordIndexEncoder(vocabulary=VOCABULARY).fit()
    assert encoder.set_output(transform="default") is encoder
    names = encoder.get_feature_names_out()
    assert names.tolist() == ["sequence"]
    assert names.dtype == object


@pytest.mark.parametrize("kind", [list, tuple, np.array, pd.Series, iter])
def test_accepts_any_iterable_of_texts(kind):
    assert encoded(kind(["the film", "great"])) == [[1, 4, 5], [1, 6]]


def test_more_texts_than_one_block_hold_their_order():
    texts = [" ".join(["film"] * (i % 7)) for i in range(2500)]
    assert [len(ids) - 1 for ids in encoded(texts)] == [i % 7 for i in range(2500)]


def test_each_text_is_read_once_however_many_there_are():
    read = []

    class Text(str):
        def encode(self, *args):
            read.append(str(self))
            return super().encode(*args)

    texts = [Text(f"film {i}") for i in range(2 * TEXTS_PER_COUNT + 1)]
    encoder = WordIndexEncoder().fit(texts)
    assert read == texts
    read.clear()
    encoder.transform(texts)
    assert read == texts


def test_the_table_of_words_is_built_once_and_only_for_many_texts(monkeypatch):
    built = []
    monkeypatch.setattr(
        "skimdb._word_index.WordTable", lambda ranks: built.append(ranks) or WordTable(ranks)
    )
    encoder = WordIndexEncoder(vocabulary=VOCABULARY).fit()
    encoder.transform(["the film"])
    assert not built
    encoder.transform(["the film"] * (2 * TEXTS_PER_BLOCK))
    encoder.transform(["the film"] * 100)
    assert len(built) == 1


def test_while_another_thread_builds_the_table_texts_are_encoded_without_it():
    encoder = WordIndexEncoder(vocabulary=VOCABULARY).fit()
    with ThreadPoolExecutor(1) as pool, _building:
        sequences = pool.submit(encoder.transform, ["the film"] * 100).result(timeout=30)
    assert [ids.tolist() for ids in sequences] == [[1, 4, 5]] * 100


@pytest.mark.parametrize(
    ("X", "error", "message"),
    [
        ("one review", TypeError, "X must be an iterable of texts, got str"),
        (None, TypeError, "X must be an iterable of texts, got NoneType"),
        (["a", b"b"], TypeError, r"X must hold texts \(str\), got bytes in row 1"),
        ([None], TypeError, r"X must hold texts \(str\), got NoneType in row 0"),
        ([[1, 2]], TypeError, r"X must hold texts \(str\), got list in row 0"),
        (pd.DataFrame({"text": ["a"]}), ValueError, "X must be one-dimensional, got 2"),
        (["", "..."], ValueError, "X must hold at least one word to learn a vocabulary"),
    ],
    ids=repr,
)
def test_bad_input_is_named(X, error, message):
    with pytest.raises(error, match=message):
        WordIndexEncoder().fit(X)


@pytest.mark.parametrize(
    ("parameters", "error", "message"),
    [
        ({"vocabulary": ["the"]}, TypeError, "vocabulary must map words to ranks, got list"),
        ({"vocabulary": {}}, ValueError, "vocabulary must hold at least one word"),
        ({"vocabulary": {"the": 0}}, ValueError, "must hold ranks from 1 .* got 'the': 0"),
        ({"vocabulary": {"the": "1"}}, TypeError, "must map str to int, got 'the': '1'"),
        ({"vocabulary": {"a": 2**31 - 3}}, ValueError, "ranks from 1 to 2147483644, got 'a': 21"),
        ({"num_words": 0}, ValueError, "num_words must be an integer of at least 1 or None"),
        ({"vocabulary": {"a": 1, "b": 1}}, ValueError, "each word a rank of its own, got rank 1"),
        ({"vocabulary": {"the": True}}, TypeError, "vocabulary must map str to int"),
        ({"start_char": 2**40}, ValueError, "start_char must be .* at most 2147483647"),
        ({"oov_char": 2**40}, ValueError, "oov_char must be .* at most 2147483647"),
        ({"index_from": 2**40}, ValueError, "index_from must be .* at most 2147483646"),
        ({"skip_top": -1}, ValueError, "skip_top must be an integer of at least 0"),
        ({"start_char": "1"}, TypeError, "start_char must be an integer"),
        ({"index_from": None}, TypeError, "index_from must be an integer of at least 0"),
        ({"lowercase": "yes"}, TypeError, "lowercase must be True or False"),
        ({"filters": 7}, TypeError, "filters must be a str of characters, got 7"),
    ],
)
def test_bad_parameters_are_named(parameters, error, message):
    with pytest.raises(error, match=message):
        WordIndexEncoder(**parameters).fit(["the"])


def test_unfitted_and_pickled():
    with pytest.raises(NotFittedError):
        WordIndexEncoder(vocabulary=VOCABULARY).transform(["the"])
    encoder = pickle.loads(pickle.dumps(WordIndexEncoder().fit(["a b \ud800"])))
    assert encoder.transform(["b"])[0].tolist() == [1, 5]
    assert encoder.vocabulary is None
    assert encoder.vocabulary_ == {"a": 1, "b": 2, "\ud800": 3}
    halves = WordIndexEncoder(vocabulary={"\ud83d\ude00": 1, "😀": 2}).fit()
    assert pickle.loads(pickle.dumps(halves)).vocabulary_ == halves.vocabulary_
    given = pickle.loads(pickle.dumps(WordIndexEncoder(vocabulary=VOCABULARY).fit()))
    assert given.vocabulary == given.vocabulary_ == VOCABULARY
    unfitted = pickle.loads(pickle.dumps(WordIndexEncoder(vocabulary=VOCABULARY)))
    assert unfitted.vocabulary == VOCABULARY


def test_a_pickle_holds_the_vocabulary_once_as_one_text():
    encoder = WordIndexEncoder(vocabulary=VOCABULARY).fit()
    pickled = pickle.dumps(encoder)
    assert json.dumps(VOCABULARY).encode() in pickled
    assert pickled.count(b"don't") == 1
    many = ["the film"] * 100
    expected = encoder.transform(many)
    assert len(pickle.dumps(encoder)) == len(pickled)
    np.testing.assert_array_equal([*pickle.loads(pickled).transform(many)], [*expected])


@pytest.mark.parametrize("given", [{"a": 1}, OrderedDict(VOCABULARY)], ids=["other", "ordered"])
def test_a_pickle_keeps_the_vocabulary_as_it_was_given(given):
    encoder = WordIndexEncoder(vocabulary=VOCABULARY).fit().set_params(vocabulary=given)
    loaded = pickle.loads(pickle.dumps(encoder))
    assert loaded.vocabulary == given
    assert type(loaded.vocabulary) is type(given)
    assert loaded.vocabulary_ == VOCABULARY


@pytest.mark.filterwarnings("ignore:Can't test estimator")
def test_scikit_learn_checks():
    check_estimator(WordIndexEncoder())
    tags = WordIndexEncoder().__sklearn_tags__()
    assert tags.input_tags.string
    assert tags.input_tags.one_d_array
    assert not tags.input_tags.two_d_array


@pytest.mark.slow
def test_reproduces_all_50_000_published_sequences(imdb_home):
    encoder = WordIndexEncoder(vocabulary=fetch_word_index(data_home=imdb_home)).fit()
    for subset in ("train", "test"):
        options = {"subset": subset, "random_state": None, "data_home": imdb_home}
        # Keras cuts the rarest word off where num_words is None
        published = fetch_imdb(**options, num_words=10**6).data
        texts = fetch_imdb(**options, as_text=True).data
        # the row order of the file, as the README beside it gives it
        order = np.random.RandomState(20110626).permutation(25_000)
        sequences = encoder.transform(texts)[order]
        assert all(map(np.array_equal, sequences, published))


def test_the_articles_first_review(imdb_home):
    encoder = WordIndexEncoder(vocabulary=fetch_word_index(data_home=imdb_home)).fit()
    X = fetch_imdb(data_home=imdb_home, num_words=10_000).data
    wanted = [1, 14, 22, 16, 43, 530, 973, 1622, 1385, 65]
    first = next(row for row in X if row[:10].tolist() == wanted)
    assert len(first) == 218
    words = encoder.inverse_transform([first])[0]
    assert words.startswith("? this film was just brilliant casting location scenery story")
