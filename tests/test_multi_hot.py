import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
import sklearn
from hypothesis import given
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.utils.estimator_checks import check_estimator

from skimdb import MultiHotVectorizer

SEQUENCES = [[1, 4, 4, 2], [], [9, 1]]
BINARY = [
    [0, 1, 1, 0, 1, 0, 0, 0, 0, 0],
    [0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
    [0, 1, 0, 0, 0, 0, 0, 0, 0, 1],
]


def vectorize_sequences(sequences, dimension):
    """The dense loop that goes with Keras's IMDB data."""
    results = np.zeros((len(sequences), dimension))
    for i, sequence in enumerate(sequences):
        results[i, sequence] = 1.0
    return results


def object_array(rows):
    array = np.empty(len(rows), dtype=object)
    array[:] = rows
    return array


@pytest.mark.parametrize(
    "X",
    [
        SEQUENCES,
        tuple(map(tuple, SEQUENCES)),
        [np.array(row, dtype=np.int64) for row in SEQUENCES],
        object_array([np.array(row, dtype=np.int32) for row in SEQUENCES]),
        object_array([np.array(row, dtype=np.uint16) for row in SEQUENCES]),
        object_array(SEQUENCES),
        pd.Series(SEQUENCES),
        (row for row in SEQUENCES),
        [iter(row) for row in SEQUENCES],
        [[1.0, 4.0, 4.0, 2.0], [], [9.0, 1.0]],
        [[1, 4, 4, 2], np.array([], dtype=float), (9, np.int8(1))],
    ],
    ids=repr,
)
def test_accepts_any_iterable_of_sequences(X):
    result = MultiHotVectorizer(num_words=10).fit_transform(X)
    np.testing.assert_array_equal(result.toarray(), BINARY)


@pytest.mark.parametrize("kind", [np.asarray, pd.DataFrame])
def test_accepts_two_dimensional_integers(kind):
    result = MultiHotVectorizer().fit_transform(kind([[0, 2], [1, 1]]))
    np.testing.assert_array_equal(result.toarray(), [[1, 0, 1], [0, 1, 0]])


@given(
    st.lists(st.lists(st.integers(0, 30), max_size=20), min_size=1, max_size=8),
    st.integers(31, 1000),
)
def test_equals_the_dense_loop(sequences, num_words):
    result = MultiHotVectorizer(num_words=num_words).fit_transform(sequences)
    np.testing.assert_array_equal(result.toarray(), vectorize_sequences(sequences, num_words))
    assert result.has_canonical_format
    arrays = result.data, result.indices, result.indptr
    assert sp.csr_matrix(arrays, shape=result.shape).has_canonical_format
    assert result.dtype == np.float32
    assert result.indices.dtype == np.int32


def test_equals_the_dense_loop_on_imdb(imdb):
    (X, _), _ = imdb
    result = MultiHotVectorizer(num_words=10_000).fit_transform(X)
    assert result.nnz == 3_292_468
    np.testing.assert_array_equal(result[:500].toarray(), vectorize_sequences(X[:500], 10_000))
    np.testing.assert_array_equal(result.sum(axis=1).A1, [len(np.unique(row)) for row in X])


def test_number_of_columns_comes_from_the_data_or_the_parameter():
    assert MultiHotVectorizer().fit(SEQUENCES).num_words_ == 10
    assert MultiHotVectorizer(num_words=5).fit(SEQUENCES).num_words_ == 5
    names = MultiHotVectorizer(num_words=3).fit(SEQUENCES).get_feature_names_out()
    assert names.tolist() == ["id0", "id1", "id2"]
    assert names.dtype == object


@pytest.mark.parametrize(
    ("mode", "expected"),
    [
        ("binary", [1, 1, 1]),
        ("count", [1, 1, 2]),
        ("freq", [0.25, 0.25, 0.5]),
        (
            "tfidf",
            [np.log(1 + 3 / 3), np.log(1 + 3 / 2), (1 + np.log(2)) * np.log(1 + 3 / 2)],
        ),
    ],
)
def test_modes(mode, expected):
    result = MultiHotVectorizer(mode=mode).fit_transform(SEQUENCES)
    np.testing.assert_allclose(result.toarray()[0, [1, 2, 4]], expected, rtol=1e-6)
    assert result.shape == (3, 10)
    assert result[1].nnz == 0


def test_frequency_counts_ids_without_a_column_in_the_length():
    result = MultiHotVectorizer(num_words=5, mode="freq").transform([[1, 7, 8, 9]])
    assert result[0, 1] == 0.25


def test_tfidf_weights_come_from_fit():
    vectorizer = MultiHotVectorizer(mode="tfidf").fit(SEQUENCES)
    np.testing.assert_allclose(vectorizer.transform([[4]])[0, 4], np.log(1 + 3 / 2), rtol=1e-6)


def test_many_repeats_of_an_id_are_one_entry():
    result = MultiHotVectorizer().fit_transform([[3] * 256, [3] * 512])
    np.testing.assert_array_equal(result.toarray(), [[0, 0, 0, 1], [0, 0, 0, 1]])


def test_unknown_ids():
    X = [[1, 4, 7], [8, 9]]
    ignored = MultiHotVectorizer(num_words=5).transform(X)
    np.testing.assert_array_equal(ignored.toarray(), [[0, 1, 0, 0, 1], [0, 0, 0, 0, 0]])
    replaced = MultiHotVectorizer(num_words=5, handle_unknown="oov").transform(X)
    np.testing.assert_array_equal(replaced.toarray(), [[0, 1, 1, 0, 1], [0, 0, 1, 0, 0]])
    strict = MultiHotVectorizer(num_words=5, handle_unknown="error")
    with pytest.raises(ValueError, match=r"X must hold ids below num_words=5 .*got 7 in row 0"):
        strict.transform(X)


def test_dense_output_equals_sparse_output():
    sparse = MultiHotVectorizer(mode="count").fit_transform(SEQUENCES)
    dense = MultiHotVectorizer(mode="count", sparse_output=False).fit_transform(SEQUENCES)
    assert isinstance(dense, np.ndarray)
    np.testing.assert_array_equal(dense, sparse.toarray())


def test_unknown_ids_need_a_column_to_stand_for_them():
    vectorizer = MultiHotVectorizer(handle_unknown="oov", oov_char=5)
    with pytest.raises(ValueError, match="oov_char must be below num_words=2, got 5"):
        vectorizer.fit([[0, 1]])
    fitted = vectorizer.set_params(oov_char=1).fit([[0, 1]])
    np.testing.assert_array_equal(fitted.transform([[7, 8]]).toarray(), [[0, 1]])


def test_counts_must_fit_their_type():
    vectorizer = MultiHotVectorizer(mode="count", dtype=np.int8)
    assert vectorizer.fit_transform([[1] * 127])[0, 1] == 127
    with pytest.raises(ValueError, match=r"dtype must hold counts up to 300, got .*ends at 127"):
        vectorizer.fit([[1] * 300])


def test_dtype():
    assert MultiHotVectorizer(dtype=np.int8).fit_transform(SEQUENCES).dtype == np.int8
    for mode in ("freq", "tfidf"):
        message = f"dtype must be a floating type in mode '{mode}', got <class 'int'>"
        with pytest.raises(ValueError, match=message):
            MultiHotVectorizer(mode=mode, dtype=int).fit(SEQUENCES)


def test_half_precision_is_for_dense_output_alone():
    half = MultiHotVectorizer(dtype=np.float16, sparse_output=False)
    assert half.fit_transform(SEQUENCES).dtype == np.float16
    message = "^dtype must be one that SciPy's sparse matrices have, unless sparse_output is False"
    with pytest.raises(ValueError, match=message):
        half.set_params(sparse_output=True).fit(SEQUENCES)


def test_columns_that_memory_has_no_room_for_are_told():
    with pytest.raises(ValueError, match=f"num_words must leave room for {2**62} weights"):
        MultiHotVectorizer(num_words=2**62, mode="tfidf").fit(SEQUENCES)
    message = rf"sparse_output must be True for a matrix of shape \(3, {2**62}\)"
    with pytest.raises(ValueError, match=message):
        MultiHotVectorizer(num_words=2**62, sparse_output=False).fit(SEQUENCES)


def test_sparse_class_follows_scikit_learns_setting():
    vectorizer = MultiHotVectorizer()
    assert isinstance(vectorizer.fit_transform(SEQUENCES), sp.csr_matrix)
    if "sparse_interface" in sklearn.get_config():
        with sklearn.config_context(sparse_interface="sparray"):
            assert isinstance(vectorizer.transform(SEQUENCES), sp.csr_array)


def test_inverse_transform_gives_the_set_of_ids():
    vectorizer = MultiHotVectorizer(num_words=10)
    for X in (vectorizer.transform(SEQUENCES), vectorizer.transform(SEQUENCES).toarray()):
        ids = vectorizer.inverse_transform(X)
        assert [row.tolist() for row in ids] == [[1, 2, 4], [], [1, 9]]
    with pytest.raises(ValueError, match="X must have 10 columns, one an id, got 3"):
        vectorizer.inverse_transform(np.zeros((1, 3)))
    assert vectorizer.inverse_transform(np.zeros((0, 10))).shape == (0,)


def test_inverse_transform_leaves_the_matrix_as_it_was():
    X = sp.csr_array(([1.0, 2.0, 0.0], [1, 1, 0], [0, 3]), shape=(1, 2))
    assert MultiHotVectorizer(num_words=2).inverse_transform(X)[0].tolist() == [1]
    assert X.data.tolist() == [1, 2, 0]
    assert X.indices.tolist() == [1, 1, 0]


@pytest.mark.parametrize(
    ("X", "message"),
    [
        ([[0, np.nan]], "^Input X contains NaN"),
        (np.ma.array([[0, 1]], mask=[[0, 1]]), "^X must have no masked entries"),
        (
            sp.csr_array((np.ones(1), np.array([9]), np.array([0, 1])), shape=(1, 2)),
            "^X must have indices from 0 to 1, got 9 to 9",
        ),
    ],
    ids=["NaN", "masked", "wrong index"],
)
def test_inverse_transform_names_what_is_no_matrix(X, message):
    with pytest.raises(ValueError, match=message):
        MultiHotVectorizer(num_words=2).inverse_transform(X)


def test_is_stateless_once_the_number_of_columns_is_given():
    result = MultiHotVectorizer(num_words=10).transform(SEQUENCES)
    np.testing.assert_array_equal(result.toarray(), BINARY)
    with pytest.raises(sklearn.exceptions.NotFittedError):
        MultiHotVectorizer().transform(SEQUENCES)
    with pytest.raises(sklearn.exceptions.NotFittedError):
        MultiHotVectorizer(num_words=10, mode="tfidf").transform(SEQUENCES)
    counting = MultiHotVectorizer(num_words=10, mode="count").fit(SEQUENCES)
    with pytest.raises(sklearn.exceptions.NotFittedError):
        counting.set_params(mode="tfidf").transform(SEQUENCES)


@pytest.mark.parametrize(
    ("X", "error", "message"),
    [
        ([[1, -3]], ValueError, "X must hold ids of 0 and above, got -3 in row 0"),
        ([[1], [2.5]], ValueError, "X must hold whole numbers, got 2.5 in row 1"),
        ([[1], [float("nan")]], ValueError, "X must hold whole numbers, got nan in row 1"),
        ([np.array([np.inf])], ValueError, "X must hold whole numbers, got inf in row 0"),
        ([[1], ["2"]], TypeError, "X must hold integer ids, got '2' in row 1"),
        ([[1, None]], TypeError, "X must hold integer ids, got None in row 0"),
        ([np.array([True])], TypeError, "X must hold integer ids, got True in row 0"),
        (["a review"], TypeError, "X must hold sequences of integer ids, got str in row 0"),
        ([1, 2], TypeError, "X must hold sequences of integer ids, got int in row 0"),
        ([[1, [2]]], ValueError, r"X must hold flat sequences of ids, got \[2\] within row 0"),
        ([np.ones((1, 2), int), [1]], ValueError, "flat sequences of ids, got 2 dimensions"),
        (np.ones((1, 1, 1), int), ValueError, "two-dimensional .* got 3 dimensions"),
        ([[2**70]], ValueError, "X must hold ids that fit in 64 bits"),
        ([], ValueError, "X must hold at least one sequence, got none"),
        ("a review", TypeError, "X must be an iterable of integer sequences, got str"),
        (None, TypeError, "X must be an iterable of integer sequences, got NoneType"),
        (sp.eye_array(3), TypeError, "X must be an iterable of integer sequences"),
        (np.array([[2**63]], dtype=np.uint64), ValueError, "X must hold ids that fit in 64 bits"),
        (
            [[], []],
            ValueError,
            "X must hold at least one id .* got none; set num_words to do without",
        ),
    ],
    ids=repr,
)
def test_bad_input_is_named(X, error, message):
    with pytest.raises(error, match=message):
        MultiHotVectorizer().fit(X)


@pytest.mark.parametrize(
    ("parameters", "error", "message"),
    [
        ({"num_words": 0}, ValueError, "num_words must be an integer of at least 1 or None"),
        ({"num_words": 2.5}, TypeError, "num_words must be an integer"),
        ({"mode": "tf"}, ValueError, "mode must be one of 'binary', 'count', 'freq', 'tfidf'"),
        ({"handle_unknown": None}, ValueError, "handle_unknown must be one of"),
        ({"handle_unknown": "oov", "num_words": 2}, ValueError, "oov_char must be below"),
        ({"dtype": str}, ValueError, "dtype must be a real number type"),
        ({"dtype": "foo"}, ValueError, "dtype must be a real number type, got 'foo'"),
        ({"dtype": None}, ValueError, "dtype must be a real number type, got None"),
        ({"sparse_output": "no"}, TypeError, "sparse_output must be True or False"),
    ],
)
def test_bad_parameters_are_named(parameters, error, message):
    with pytest.raises(error, match=message):
        MultiHotVectorizer(**parameters).fit([[1]])


@pytest.mark.filterwarnings("ignore:Can't test estimator")
def test_scikit_learn_checks():
    check_estimator(MultiHotVectorizer())
    tags = clone(MultiHotVectorizer()).__sklearn_tags__()
    assert tags.input_tags.one_d_array
    assert not tags.input_tags.two_d_array
    assert tags.requires_fit
    assert not MultiHotVectorizer(num_words=5).__sklearn_tags__().requires_fit


def test_counts_that_a_type_does_not_tell_from_others_are_refused():
    sequences = [[0] * 2049]
    counts = MultiHotVectorizer(num_words=1, mode="count", dtype="float16", sparse_output=False)
    with pytest.raises(ValueError, match=r"dtype must hold counts up to 2049, .* ends at 2048"):
        counts.fit_transform(sequences)
    assert counts.fit_transform([[0] * 2048]).tolist() == [[2048]]
    assert counts.set_params(mode="freq").fit_transform(sequences).tolist() == [[1]]


def test_a_class_is_no_sequences():
    with pytest.raises(TypeError, match="X must be an iterable of integer sequences, got type"):
        MultiHotVectorizer().fit(list)
