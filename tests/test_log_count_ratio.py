"""LogCountRatioScaler: columns have the lengths that the formula and naive Bayes give them."""

import pickle
import tracemalloc

import numpy as np
import pytest
import scipy.sparse as sp
import sklearn
from hypothesis import given
from hypothesis import strategies as st
from property_cases import scaled
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import MultinomialNB
from sklearn.pipeline import Pipeline
from sklearn.utils.estimator_checks import check_estimator

from skimdb import LogCountRatioScaler, MultiHotVectorizer
from skimdb.datasets import make_reviews

ATTRIBUTES = ("scale_", "classes_", "mean_square_norm_", "n_features_in_")
LABELS = {2: ["bad", "good"], 3: [-1, 5, 9], 5: [0.0, 1.0, 2.0, 3.0, 4.0]}


def make_rows(n_classes=2, n_rows=60, n_columns=12, seed=0):
    """Return dense rows of counts, many of them 0, and labels; the last column is empty."""
    rng = np.random.default_rng(seed)
    X = rng.poisson(0.8, size=(n_rows, n_columns)).astype(np.float32)
    X[:, -1] = 0
    X[3] = 0
    numbers = np.concatenate([np.arange(n_classes), rng.integers(0, n_classes, n_rows)])
    return X, np.array(LABELS[n_classes])[numbers[:n_rows]]


def ratios(X, y, alpha=0.5, weights=None):
    """The log-count ratio of each class against the rest, one row a class."""
    X = np.asarray(X, dtype=float)
    if weights is not None:
        X = X * np.asarray(weights)[:, np.newaxis]
    found = []
    for label in np.unique(y):
        own = alpha + X[y == label].sum(axis=0)
        rest = alpha + X[y != label].sum(axis=0)
        found.append(np.log((own / own.sum()) / (rest / rest.sum())))
    return np.array(found)


def reference(X, scale, norm_power, mean_square):
    """The rows that transform returns, one at a time."""
    result = []
    for row in np.asarray(X, dtype=float) * scale:
        norm = np.linalg.norm(row)
        result.append(row * (np.sqrt(mean_square) / norm) ** norm_power if norm else row)
    return np.array(result)


def assert_same(one, other, rtol=0.0):
    for name in ATTRIBUTES:
        if name == "classes_":
            assert one.classes_.tolist() == other.classes_.tolist()
        else:
            np.testing.assert_allclose(getattr(one, name), getattr(other, name), rtol=rtol)
    np.testing.assert_allclose(
        one.feature_count_.toarray(), other.feature_count_.toarray(), rtol=rtol
    )


# --- the formula ------------------------------------------------------------------------------


@pytest.mark.parametrize("n_classes", LABELS)
@pytest.mark.parametrize("alpha", [0.01, 0.5, 3])
@pytest.mark.parametrize("norm_power", [0, 0.25, 0.5, 1])
def test_the_formula(n_classes, alpha, norm_power):
    X, y = make_rows(n_classes)
    scaler = LogCountRatioScaler(alpha=alpha, norm_power=norm_power)
    result = scaler.fit(X, y).transform(X)
    by_class = ratios(X, y, alpha)
    # of two classes the sign tells which has more, of more classes there is none
    scale = by_class[1] if n_classes == 2 else np.abs(by_class).max(axis=0)
    np.testing.assert_allclose(scaler.scale_, scale, rtol=1e-10, atol=1e-12)
    mean_square = np.mean(np.sum((X * scale) ** 2, axis=1))
    assert scaler.mean_square_norm_ == pytest.approx(mean_square)
    assert result.dtype == np.float32
    expected = reference(X, scale, norm_power, mean_square)
    np.testing.assert_allclose(result, expected, rtol=2e-5, atol=1e-6)
    counts = [X[y == label].sum(axis=0) for label in np.unique(y)]
    assert sp.issparse(scaler.feature_count_)
    np.testing.assert_allclose(scaler.feature_count_.toarray(), counts)
    assert scaler.classes_.tolist() == LABELS[n_classes]


@pytest.mark.parametrize("alpha", [0.5, 1])
def test_the_ratios_are_those_of_naive_bayes(alpha):
    X, y = make_rows()
    log_prob = MultinomialNB(alpha=alpha).fit(X, y).feature_log_prob_
    scaler = LogCountRatioScaler(alpha=alpha).fit(X, y)
    np.testing.assert_allclose(scaler.scale_, log_prob[1] - log_prob[0], rtol=1e-10, atol=1e-12)


def test_the_largest_ratio_of_three_classes_is_that_of_naive_bayes():
    X, y = make_rows(3)
    found = []
    for label in np.unique(y):
        rest, own = MultinomialNB(alpha=0.5).fit(X, y == label).feature_log_prob_
        found.append(np.abs(own - rest))
    scaler = LogCountRatioScaler().fit(X, y)
    np.testing.assert_allclose(scaler.scale_, np.max(found, axis=0), rtol=1e-10)


def test_norms_come_closer_to_one_length():
    X, y = make_rows()
    spread = {}
    for power in (0, 0.5, 1):
        rows = LogCountRatioScaler(norm_power=power).fit(X, y).transform(X)
        norms = np.linalg.norm(rows.astype(float), axis=1)
        spread[power] = np.std(np.log(norms[norms > 0]))
        # what the lengths are on average stays about the same
        assert 0.5 < np.sqrt(np.mean(norms**2)) / np.sqrt(_mean_square(X, y)) < 1.5
    assert spread[0] > spread[0.5] * 1.9 > spread[1] * 1000
    np.testing.assert_allclose(norms[norms > 0], np.sqrt(_mean_square(X, y)), rtol=1e-5)
    assert norms[3] == 0


def _mean_square(X, y):
    return np.mean(np.sum((X * ratios(X, y)[1]) ** 2, axis=1))


# --- forms of rows ----------------------------------------------------------------------------


@scaled(60)
@given(st.sampled_from([2, 3]), st.sampled_from([0, 0.5, 1]), st.integers(0, 99))
def test_sparse_rows_are_like_dense_rows(n_classes, norm_power, seed):
    X, y = make_rows(n_classes, seed=seed)
    scaler = LogCountRatioScaler(norm_power=norm_power)
    expected = scaler.fit(X, y).transform(X)
    for form in (sp.csr_array, sp.csr_matrix, sp.csc_array, sp.coo_matrix):
        other = clone(scaler).fit(form(X), y)
        assert_same(other, scaler, rtol=1e-12)
        result = other.transform(form(X))
        assert sp.issparse(result)
        assert result.format == "csr"
        assert result.dtype == np.float32
        np.testing.assert_allclose(result.toarray(), expected, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("form", [np.array, sp.csr_array, sp.csr_matrix])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_rows_stay_as_they_were(form, dtype):
    X, y = make_rows()
    rows = form(X.astype(dtype))
    before = rows.copy()
    LogCountRatioScaler(norm_power=1).fit(rows, y).transform(rows)
    assert abs(rows - before).max() == 0


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_entries_that_stand_twice_are_their_sum(dtype):
    data, indices = np.array([1, 1, 1, 3], dtype), np.array([0, 0, 1, 2])
    twice, sums = sp.csr_array((data, indices, np.array([0, 3, 4]))), [[2, 1, 0], [0, 0, 3]]
    expected = LogCountRatioScaler().fit(sums, [0, 1])
    # what is summed up in one call must not help the next
    assert_same(LogCountRatioScaler().fit(twice.copy(), [0, 1]), expected)
    result = expected.transform(twice.copy()).toarray()
    np.testing.assert_allclose(result, expected.transform(sums), rtol=1e-6)


def test_names_of_columns_stay():
    pd = pytest.importorskip("pandas")
    X, y = make_rows(n_columns=3)
    scaler = LogCountRatioScaler().fit(pd.DataFrame(X, columns=["a", "b", "c"]), y)
    assert scaler.get_feature_names_out().tolist() == ["a", "b", "c"]
    unnamed = LogCountRatioScaler().fit(X, y)
    assert unnamed.get_feature_names_out(["x", "y", "z"]).tolist() == ["x", "y", "z"]


def test_rows_of_zeros_alone():
    X = np.zeros((4, 3))
    result = LogCountRatioScaler(norm_power=1).fit(X, [0, 1, 0, 1]).transform(X)
    np.testing.assert_array_equal(result, X)
    # all columns of ratio 0: no row has a length, whatever it holds
    result = LogCountRatioScaler(norm_power=1).fit(X, [0, 1, 0, 1]).transform(X + 1)
    np.testing.assert_array_equal(result, X)


# --- blocks and weights -----------------------------------------------------------------------


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("form", [np.array, sp.csr_array])
@pytest.mark.parametrize("is_weighted", [False, True])
def test_blocks_are_like_all_rows(n_classes, form, is_weighted):
    X, y = make_rows(n_classes)
    weights = np.random.default_rng(1).uniform(0.5, 2, len(y)) if is_weighted else None
    expected = LogCountRatioScaler().fit(form(X), y, sample_weight=weights)
    scaler = LogCountRatioScaler()
    for part in np.array_split(np.arange(len(y)), [1, 2, 30]):
        some = None if weights is None else weights[part]
        scaler.partial_fit(form(X[part]), y[part], classes=LABELS[n_classes], sample_weight=some)
    assert_same(scaler, expected, rtol=1e-12)
    # classes are needed in the first call only
    again = LogCountRatioScaler().partial_fit(X[:1], y[:1], classes=LABELS[n_classes][::-1])
    again.partial_fit(X[1:], y[1:])
    assert_same(again, LogCountRatioScaler().fit(X, y), rtol=1e-12)


def dense_scale(X, members, weights, alpha, is_signed):
    """The ratios by dense arrays; ``members`` has a row of 0 and 1 for each class or label."""
    X = X * weights[:, np.newaxis]
    own = members @ X
    rest = X.sum(axis=0) - own
    shares = [(part + alpha) / (part + alpha).sum(axis=1, keepdims=True) for part in (own, rest)]
    by_class = np.log(shares[0]) - np.log(shares[1])
    return by_class[1] if is_signed else np.abs(by_class).max(axis=0)


def test_several_labels_a_row_with_weights():
    """Two labels with more than half of the counts each, and two rare ones."""
    X = np.array([[3, 1, 0, 2], [2, 0, 1, 0], [0, 4, 0, 1], [1, 0, 0, 0], [0, 0, 2, 1]])
    y = np.array([[1, 1, 0, 0], [1, 0, 0, 1], [1, 1, 0, 0], [0, 1, 0, 0], [0, 1, 1, 0]])
    weights = np.array([1, 0.5, 2, 3, 0.25])
    scaler = LogCountRatioScaler()
    for rows in (slice(2), slice(2, 5)):
        scaler.partial_fit(sp.csr_array(X[rows]), y[rows], sample_weight=weights[rows])
    expected = dense_scale(X, y.T, weights, 0.5, is_signed=False)
    np.testing.assert_allclose(scaler.scale_, expected, rtol=1e-12)
    with pytest.raises(ValueError, match="classes must be None for an indicator matrix"):
        scaler.partial_fit(X, y, classes=[0, 1, 2, 3])
    with pytest.raises(ValueError, match="y must"):
        scaler.partial_fit(X, y[:, :3])


@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_parameters_are_checked_before_anything_is_counted(method):
    scaler = LogCountRatioScaler(alpha=-1)
    with pytest.raises(ValueError, match="alpha"):
        getattr(scaler, method)(ROWS, [0, 1, 1])
    assert not hasattr(scaler, "feature_count_")


@scaled(50)
@given(st.data())
def test_any_rows_in_any_blocks_are_like_dense_arrays(data):
    n_rows, n_columns, n_classes = (
        data.draw(st.integers(low, high)) for low, high in ((1, 10), (1, 6), (2, 7))
    )
    is_multilabel = data.draw(st.booleans())
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32)))
    X = rng.poisson(data.draw(st.sampled_from([0.1, 1, 5])), size=(n_rows, n_columns))
    if is_multilabel:
        y = rng.integers(0, 2, (n_rows, n_classes))
        members = y.T
    else:
        y = rng.integers(0, n_classes, n_rows)
        members = np.arange(n_classes)[:, np.newaxis] == y
    weights = rng.choice(
        data.draw(st.sampled_from([[1.0], [0.5, 1, 2], [0.0, 1], [0, 1e6]])), n_rows
    )
    cuts = sorted(data.draw(st.sets(st.integers(1, n_rows), max_size=4)) - {n_rows})
    blocks = [block for block in np.split(np.arange(n_rows), cuts) if len(block)]
    for block in blocks:
        # weights of 0 alone are an error
        weights[block[0]] = weights[block[0]] or 1
    alpha, norm_power = data.draw(st.sampled_from([0.01, 0.5, 2])), data.draw(st.floats(0, 1))
    form = data.draw(st.sampled_from([np.array, sp.csr_array, sp.csc_array, sp.coo_matrix]))
    classes = None if is_multilabel else np.arange(n_classes)

    scaler = LogCountRatioScaler(alpha=alpha, norm_power=norm_power)
    for i in blocks:
        scaler.partial_fit(form(X[i]), y[i], classes, sample_weight=weights[i])
    is_signed = n_classes == 2 and not is_multilabel
    scale = dense_scale(X, members, weights, alpha, is_signed)
    np.testing.assert_allclose(scaler.scale_, scale, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(scaler.feature_count_.toarray(), members @ (X * weights[:, None]))
    mean_square = np.average(np.sum((X * scale) ** 2, axis=1), weights=weights)
    assert scaler.mean_square_norm_ == pytest.approx(mean_square, rel=1e-9, abs=1e-20)
    result = scaler.transform(form(X))
    result = result.toarray() if sp.issparse(result) else result
    expected = reference(X, scaler.scale_, norm_power, mean_square)
    np.testing.assert_allclose(result, expected, rtol=1e-4, atol=1e-6)
    if is_multilabel or len(np.unique(y)) == n_classes:
        assert_same(clone(scaler).fit(form(X), y, sample_weight=weights), scaler, rtol=1e-9)


def test_many_classes_take_no_memory_of_all_columns():
    n_classes, n_rows, n_columns = 200, 600, 5000
    rng = np.random.default_rng(0)
    y = np.arange(n_rows) % n_classes
    X = sp.random_array((n_rows, n_columns), density=0.003, rng=rng, dtype=np.float32)
    # a column that all classes have, and one that all but two have
    X = sp.hstack([X, np.ones((n_rows, 1)), (y > 1)[:, np.newaxis]]).tocsr().astype(np.float32)
    tracemalloc.start()
    scaler = LogCountRatioScaler().fit(X, y)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 0.5 * n_classes * n_columns * 8
    members = np.arange(n_classes)[:, np.newaxis] == y
    expected = dense_scale(X.toarray(), members, np.ones(n_rows), 0.5, False)
    np.testing.assert_allclose(scaler.scale_, expected, rtol=1e-9)


def test_fit_starts_anew():
    X, y = make_rows()
    scaler = LogCountRatioScaler().partial_fit(X[:9], y[:9], classes=["bad", "good"])
    assert_same(scaler.fit(X, y), LogCountRatioScaler().fit(X, y))
    more = clone(scaler).fit(X, y).partial_fit(X, y)
    assert_same(more, LogCountRatioScaler().fit(np.vstack([X, X]), [*y, *y]), rtol=1e-12)


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("form", [np.array, sp.csr_array])
def test_weights_are_like_repeated_rows(n_classes, form):
    X, y = make_rows(n_classes)
    weights = np.random.default_rng(1).integers(0, 4, len(y))
    weights[:n_classes] = 1
    weighted = LogCountRatioScaler().fit(form(X), y, sample_weight=weights)
    repeated = LogCountRatioScaler().fit(
        form(np.repeat(X, weights, axis=0)), np.repeat(y, weights)
    )
    assert_same(weighted, repeated, rtol=1e-12)


def test_fractional_weights_are_in_the_formula():
    X, y = make_rows()
    weights = np.random.default_rng(1).integers(1, 9, len(y)) / 4
    scaler = LogCountRatioScaler().fit(X, y, sample_weight=weights)
    scale = ratios(X, y, weights=weights)[1]
    np.testing.assert_allclose(scaler.scale_, scale, rtol=1e-10, atol=1e-12)
    squares = np.sum((X * scale) ** 2, axis=1)
    assert scaler.mean_square_norm_ == pytest.approx(np.average(squares, weights=weights))


def test_a_pipeline_routes_weights():
    ids, y = make_reviews(80, n_words=40, random_state=0)
    weights = np.random.default_rng(0).integers(1, 5, len(y)).astype(float)
    with sklearn.config_context(enable_metadata_routing=True):
        pipeline = Pipeline(
            [
                ("vectorizer", MultiHotVectorizer(num_words=40)),
                ("scaler", LogCountRatioScaler().set_fit_request(sample_weight=True)),
                ("classifier", LogisticRegression().set_fit_request(sample_weight=False)),
            ]
        )
        pipeline.fit(ids, y, sample_weight=weights)
        unasked = clone(pipeline)
        unasked["scaler"].set_fit_request(sample_weight=False)
        unasked["classifier"].set_fit_request(sample_weight=True)
        unasked.fit(ids, y, sample_weight=weights)
    X = pipeline[:1].transform(ids)
    expected = LogCountRatioScaler().fit(X, y, sample_weight=weights)
    np.testing.assert_array_equal(pipeline["scaler"].scale_, expected.scale_)
    plain = LogCountRatioScaler().fit(X, y)
    np.testing.assert_array_equal(unasked["scaler"].scale_, plain.scale_)
    assert abs(plain.scale_ - expected.scale_).max() > 0.01


# --- errors -----------------------------------------------------------------------------------

ROWS = [[1, 0], [0, 2], [1, 1]]


@pytest.mark.parametrize(
    ("options", "X", "y", "error", "message"),
    [
        ({}, [[1, 0], [0, -2]], [0, 1], ValueError, "Negative values in data"),
        ({}, sp.csr_array([[1, 0], [0, -2]]), [0, 1], ValueError, "Negative values in data"),
        ({}, ROWS, [1, 1, 1], ValueError, "y must hold at least two classes, got 1 class"),
        ({}, ROWS, [0, 1], ValueError, "3.*2|2.*3"),
        ({}, [[1, np.nan], [0, 1]], [0, 1], ValueError, "NaN"),
        ({"alpha": 0}, ROWS, [0, 1, 1], ValueError, "alpha == 0, must be > 0"),
        ({"alpha": -1}, ROWS, [0, 1, 1], ValueError, "alpha == -1, must be > 0"),
        ({"alpha": "1"}, ROWS, [0, 1, 1], TypeError, "alpha"),
        ({"alpha": np.inf}, ROWS, [0, 1, 1], ValueError, "alpha"),
        ({"norm_power": 1.1}, ROWS, [0, 1, 1], ValueError, "norm_power == 1.1, must be <= 1"),
        ({"norm_power": -0.1}, ROWS, [0, 1, 1], ValueError, "norm_power == -0.1, must be >= 0"),
        ({"norm_power": None}, ROWS, [0, 1, 1], TypeError, "norm_power"),
    ],
)
def test_bad_input_is_named(options, X, y, error, message):
    with pytest.raises(error, match=message):
        LogCountRatioScaler(**options).fit(X, y)


def test_bad_blocks_are_named_and_change_nothing():
    assert LogCountRatioScaler().partial_fit(ROWS, [0, 1, 1]).classes_.tolist() == [0, 1]
    with pytest.raises(ValueError, match="classes must hold at least two classes"):
        LogCountRatioScaler().partial_fit(ROWS, [0, 0, 0], classes=[0])
    scaler = LogCountRatioScaler()
    with pytest.raises(ValueError, match=r"y must hold only classes .* got \[7\] as well"):
        scaler.partial_fit(ROWS, [0, 1, 7], classes=[0, 1])
    assert not hasattr(scaler, "scale_")
    scaler.partial_fit(ROWS, [0, 1, 1], classes=[0, 1])
    before = clone(scaler).fit(ROWS, [0, 1, 1])
    for X, y, options, message in (
        (ROWS, [0, 1, 7], {}, r"y must hold only classes .* got \[7\] as well"),
        (ROWS, [0, 1, 1], {"classes": [0, 2]}, r"classes must be those of the first call"),
        ([[1, 0], [0, -1]], [0, 1], {}, "Negative values in data"),
        ([[1, 0, 1]], [1], {}, "X has 3 features, but .* expecting 2"),
        (ROWS, [0, 1, 1], {"sample_weight": [1, -1, 1]}, "sample_weight"),
        (ROWS, [0, 1, 1], {"sample_weight": [1, 1]}, "sample_weight"),
    ):
        with pytest.raises(ValueError, match=message):
            scaler.partial_fit(X, y, **options)
        assert_same(scaler, before)


def test_transform_needs_fit_and_its_columns():
    with pytest.raises(NotFittedError):
        LogCountRatioScaler().transform(ROWS)
    scaler = LogCountRatioScaler().fit(ROWS, [0, 1, 1])
    with pytest.raises(ValueError, match="X has 3 features"):
        scaler.transform([[1, 2, 3]])
    with pytest.raises(ValueError, match="norm_power"):
        scaler.set_params(norm_power=2).transform(ROWS)


def test_pickles_and_clones():
    X, y = make_rows()
    scaler = LogCountRatioScaler(alpha=2, norm_power=0.3).fit(X, y)
    loaded = pickle.loads(pickle.dumps(scaler))
    np.testing.assert_array_equal(loaded.transform(X), scaler.transform(X))
    assert_same(loaded.partial_fit(X, y), scaler.partial_fit(X, y))
    other = clone(scaler)
    assert other.get_params() == {"alpha": 2, "norm_power": 0.3}
    assert not hasattr(other, "scale_")


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.SkipTestWarning")
@pytest.mark.parametrize("options", [{}, {"norm_power": 0}])
def test_scikit_learn_checks(options):
    check_estimator(LogCountRatioScaler(**options))


def test_rows_are_the_same_one_by_one_and_all_at_once():
    X = sp.random_array((60, 40), density=0.3, format="csr", rng=np.random.default_rng(0))
    scaler = LogCountRatioScaler().fit(X, np.arange(60) % 2)
    together = scaler.transform(X)
    rows = sp.vstack([scaler.transform(X[[i]]) for i in range(60)], format="csr")
    np.testing.assert_array_equal(rows.data, together.data)
    np.testing.assert_array_equal(rows.indices, together.indices)


def test_sums_that_are_rounded_differently_leave_ratios_finite():
    rng = np.random.default_rng(1)
    # nearly all counts are those of the first label, added up in two blocks
    for _ in range(30):
        X = rng.random((40, 6)) * (rng.random((40, 6)) < 0.3)
        Y = (rng.random((40, 3)) < [0.95, 0.5, 0.5]).astype(int)
        scaler = LogCountRatioScaler(alpha=1e-18)
        weights = rng.random(40)
        scaler.partial_fit(X[:17], Y[:17], sample_weight=weights[:17])
        scaler.partial_fit(X[17:], Y[17:], sample_weight=weights[17:])
        assert np.isfinite(scaler.scale_).all()
