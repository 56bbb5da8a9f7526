"""DenseClassifier: any form of the rows gives the same, and what makes no sense is named."""

from itertools import pairwise
from numbers import Integral

import keras
import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from hypothesis import assume, example, given
from hypothesis import strategies as st
from property_cases import REFUSED, built, given_or_refused, no_misuse, nonsense, scaled

from skimdb import DenseClassifier, MultiHotVectorizer, multi_hot_pipeline
from skimdb.datasets import make_reviews

N_FEATURES = 12
BASE_X = np.array([[0, 1], [1, 0]] * 20, dtype=np.float32)
BASE_Y = np.array([0, 1] * 20)


def tiny(**parameters):
    base = {"units": 2, "epochs": 1, "batch_size": 16, "random_state": 0}
    return DenseClassifier(**{**base, **parameters})


def all_weights(fitted):
    return np.concatenate([w.ravel() for w in (*fitted.coefs_, *fitted.intercepts_)])


@pytest.fixture(scope="module", autouse=True)
def own_folder(tmp_path_factory):
    """A working folder of these tests' own, for what a parameter may have written."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("work"))
        yield


@pytest.fixture(scope="module")
def models():
    """Classifiers of two and of three classes that have learned something."""
    rng = np.random.default_rng(0)
    X = sp.random_array((200, N_FEATURES), density=0.4, random_state=rng, dtype=np.float32)
    return {
        n: DenseClassifier((5, 4), epochs=3, batch_size=16, random_state=0, activation="tanh").fit(
            X, rng.integers(n, size=200)
        )
        for n in (2, 3)
    }


@pytest.fixture(scope="module")
def fitted():
    return tiny().fit(BASE_X, BASE_Y)


FORMS = {
    "CSR array": sp.csr_array,
    "CSR matrix": sp.csr_matrix,
    "float64": lambda X: X.astype(np.float64),
    "float16": lambda X: X.astype(np.float16),
    "big-endian": lambda X: X.astype(">f4"),
    "Fortran order": np.asfortranarray,
    "reversed strides": lambda X: X[::-1, ::-1].copy()[::-1, ::-1],
    "objects": lambda X: X.astype(object),
    "lists": lambda X: X.tolist(),
    "tuple of arrays": tuple,
    "unmasked": np.ma.array,
    "DataFrame": pd.DataFrame,
    "nullable": lambda X: pd.DataFrame(X).astype("Float32"),
    "sparse DataFrame": lambda X: pd.DataFrame.sparse.from_spmatrix(sp.csr_matrix(X)),
    "memoryview": lambda X: memoryview(np.ascontiguousarray(X)),
    "int64 indices": lambda X: with_int64(sp.csr_array(X)),
    "unsorted": lambda X: sp.csr_array(X[:, ::-1].copy())[:, ::-1],
    "duplicates": lambda X: doubled(sp.coo_array(X)),
    "CSR of duplicates": lambda X: uncompressed(sp.csr_array(X)),
    "explicit zeros": lambda X: sp.csr_array(
        (X.ravel(), np.tile(np.arange(X.shape[1]), len(X)), np.arange(len(X) + 1) * X.shape[1]),
        X.shape,
    ),
    **{
        name: lambda X, name=name: sp.csr_matrix(X).asformat(name)
        for name in ("csc", "coo", "bsr", "lil", "dok", "dia")
    },
}


def with_int64(X):
    X.indices, X.indptr = X.indices.astype(np.int64), X.indptr.astype(np.int64)
    return X


def doubled(X):
    coords = tuple(np.tile(axis, 2) for axis in X.coords)
    return sp.coo_array((np.tile(X.data / 2, 2), coords), X.shape)


def uncompressed(X):
    """Each entry as two halves of it, side by side."""
    halves = np.repeat(X.data / 2, 2), np.repeat(X.indices, 2), 2 * X.indptr
    return sp.csr_array(halves, X.shape)


@st.composite
def some_rows(draw, n_features=N_FEATURES, min_rows=1):
    n_rows = draw(st.integers(min_rows, 40))
    seed = draw(st.integers(0, 2**32 - 1))
    density = draw(st.sampled_from([0.0, 0.1, 0.5, 1.0]))
    rng = np.random.default_rng(seed)
    X = sp.random_array((n_rows, n_features), density=density, random_state=rng, dtype=np.float32)
    # numbers that float16 holds as well
    return np.round(X.toarray() * 8) / 8


@scaled(250)
@given(some_rows(), st.sampled_from(sorted(FORMS)), st.sampled_from([2, 3]))
def test_any_form_of_rows_predicts_the_same(models, X, form, n_classes):
    model = models[n_classes]
    expected = model.predict_proba(X)
    rows = FORMS[form](X)
    with no_misuse():
        predicted = model.predict_proba(rows)
    assert predicted.dtype == np.float32
    np.testing.assert_allclose(predicted, expected, atol=1e-6)
    np.testing.assert_allclose(predicted.sum(axis=1), 1, atol=1e-6)
    assert set(model.predict(rows)) <= set(model.classes_)


@scaled(20)
@given(some_rows())
def test_tables_of_polars_and_arrow_predict_the_same(models, X):
    pl, pa = pytest.importorskip("polars"), pytest.importorskip("pyarrow")
    columns = {f"c{i}": column for i, column in enumerate(X.T)}
    for table in (pl.DataFrame(columns), pa.table(columns)):
        with no_misuse():
            predicted = models[2].predict_proba(table)
        np.testing.assert_allclose(predicted, models[2].predict_proba(X), atol=1e-6)


@scaled(150)
@given(
    some_rows(min_rows=2),
    st.lists(st.integers(0, 40), max_size=6),
    st.sampled_from(["CSR array", "CSR matrix", "float64"]),
    st.integers(1, 50),
    st.sampled_from([2, 3]),
)
def test_any_split_into_batches_predicts_the_same(models, X, cuts, form, block, n_classes):
    rows = FORMS[form](X)
    cuts = [0, *sorted({cut for cut in cuts if 0 < cut < len(X)}), len(X)]
    parts = [rows[start:stop] for start, stop in pairwise(cuts)]
    model = models[n_classes]
    with pytest.MonkeyPatch.context() as patch:
        whole = model.predict_proba(rows)
        patch.setattr("skimdb._forward.ROWS_PER_BLOCK", block)
        in_parts = np.concatenate([model.predict_proba(part) for part in parts])
        scores = np.concatenate([model.decision_function(part) for part in parts])
    np.testing.assert_allclose(in_parts, whole, atol=1e-6)
    np.testing.assert_allclose(scores, model.decision_function(rows), atol=1e-5)


@scaled(40)
@given(
    some_rows(min_rows=4),
    st.sampled_from(sorted(FORMS)),
    st.integers(1, 50),
    st.integers(0, 2**32 - 1),
    st.booleans(),
)
def test_any_form_of_rows_learns_the_same(X, form, batch_size, seed, has_weights):
    assume(X.any())
    y = np.arange(len(X)) % 2
    weights = np.linspace(0, 2, len(X)) if has_weights else None
    model = tiny(activation="tanh", batch_size=batch_size, random_state=seed)
    expected = all_weights(model.fit(X, y, sample_weight=weights))
    rows = FORMS[form](X)
    with no_misuse():
        model.fit(rows, y, sample_weight=weights, X_val=rows, y_val=y)
    np.testing.assert_allclose(all_weights(model), expected, rtol=1e-3, atol=1e-5)


LABELS = (
    st.lists(st.integers(-(2**63), 2**63 - 1), min_size=2, max_size=3, unique=True)
    | st.lists(
        st.text(st.characters(exclude_characters="\0")), min_size=2, max_size=3, unique=True
    )
    | st.lists(st.integers(-(2**40), 2**40).map(float), min_size=2, max_size=3, unique=True)
    | st.just([False, True])
)
LABEL_FORMS = {
    "list": list,
    "tuple": tuple,
    "array": np.array,
    "objects": lambda y: pd.Series(y, dtype=object),
    "Series": pd.Series,
    "column": lambda y: np.array(y)[:, np.newaxis],
    "memory order": lambda y: np.array([*y, *y])[: len(y)],
}


@scaled(60)
@given(LABELS, st.sampled_from(sorted(LABEL_FORMS)), st.data())
@pytest.mark.filterwarnings("ignore:A column-vector y was passed")
def test_any_labels_come_back(labels, form, data):
    y = [label for _ in range(6) for label in labels]
    model = tiny(units=())
    X = np.eye(len(y), 20, dtype=np.float32)
    fitted = given_or_refused(lambda: model.fit(X, LABEL_FORMS[form](y)), "y")
    if fitted is REFUSED:
        # as in scikit-learn, objects are taken for labels only where they are text
        assert form == "objects"
        assert not isinstance(labels[0], str)
        return
    assert fitted.classes_.tolist() == sorted(labels)
    assert set(fitted.predict(X).tolist()) <= set(labels)


def test_text_is_no_class_number():
    model = tiny().fit(BASE_X, BASE_Y)
    for call in (
        lambda: tiny().fit(BASE_X, BASE_Y, X_val=BASE_X, y_val=BASE_Y.astype(str)),
        lambda: model.set_params(warm_start=True).fit(BASE_X, BASE_Y.astype(str)),
        lambda: model.partial_fit(BASE_X, BASE_Y.astype(str)),
    ):
        with pytest.raises(ValueError, match="must hold none but the classes of the training"):
            call()


# --- nonsense ---------------------------------------------------------------------------------

data_nonsense = (
    nonsense
    | st.lists(nonsense, min_size=2, max_size=2)
    | st.lists(st.lists(built, min_size=2, max_size=2), min_size=2, max_size=2)
)


@scaled(250)
@given(data_nonsense)
@example(np.ma.array([[1, 2], [3, 4]], mask=[[0, 1], [0, 0]]))
@example(sp.csr_array((np.ones(1), [10**6], [0, 1]), shape=(1, 2)))
def test_rows_that_make_no_sense_are_not_predicted(fitted, X):
    result = given_or_refused(lambda: fitted.predict_proba(X), "X")
    if result is not REFUSED:
        values = X.toarray() if sp.issparse(X) else np.asarray(X, dtype=np.float32)
        np.testing.assert_allclose(result, fitted.predict_proba(values), atol=1e-6)


@scaled(150)
@given(data_nonsense)
def test_rows_that_make_no_sense_are_not_learned_from(X):
    result = given_or_refused(lambda: tiny().fit(X, [0, 1]), "X", "y")
    if result is not REFUSED:
        values = X.toarray() if sp.issparse(X) else np.asarray(X, dtype=np.float32)
        expected = tiny().fit(values, [0, 1])
        np.testing.assert_allclose(all_weights(result), all_weights(expected), atol=1e-6)


@scaled(150)
@given(data_nonsense)
def test_labels_that_make_no_sense_are_not_learned(y):
    result = given_or_refused(lambda: tiny().fit(BASE_X[:2], y), "y")
    if result is not REFUSED:
        assert result.classes_.tolist() == sorted(np.asarray(y).ravel().tolist())


@scaled(150)
@given(data_nonsense)
def test_weights_that_make_no_sense_are_not_used(sample_weight):
    result = given_or_refused(
        lambda: tiny().fit(BASE_X[:2], [0, 1], sample_weight=sample_weight),
        "sample_weight",
        "learning_rate",
    )
    if result is not REFUSED and sample_weight is not None:
        weights = np.broadcast_to(np.asarray(sample_weight).astype(float), 2)
        expected = tiny().fit(BASE_X[:2], [0, 1], sample_weight=weights)
        np.testing.assert_array_equal(all_weights(result), all_weights(expected))


@pytest.mark.parametrize("name", ["X_val", "y_val"])
@scaled(80)
@given(data_nonsense)
def test_validation_rows_that_make_no_sense_are_named(name, value):
    validation = {"X_val": BASE_X[:2], "y_val": BASE_Y[:2], name: value}
    result = given_or_refused(lambda: tiny().fit(BASE_X, BASE_Y, **validation), name)
    if result is not REFUSED:
        np.testing.assert_array_equal(all_weights(result), all_weights(tiny().fit(BASE_X, BASE_Y)))


@scaled(80)
@given(data_nonsense)
def test_classes_that_make_no_sense_are_named(classes):
    result = given_or_refused(
        lambda: tiny().partial_fit(BASE_X, BASE_Y, classes=classes), "classes"
    )
    if result is not REFUSED:
        assert {0, 1} <= set(result.classes_.tolist()) == set(np.ravel(classes).tolist())


PARAMETERS = sorted(DenseClassifier().get_params())
# what a value of a parameter may turn out to be at odds with
ALSO_NAMED = {
    "early_stopping": ["validation_fraction"],
    "l2": ["learning_rate"],
    "class_weight": ["sample_weight", "learning_rate"],
    "optimizer": ["learning_rate"],
}


def is_beyond_a_test(name, value):
    """Whether the value may be right, but asks for more than a test can see to."""
    if isinstance(value, list | tuple | dict | set) or (
        isinstance(value, np.ndarray) and value.ndim
    ):
        return any(is_beyond_a_test(name, part) for part in value)
    if name in ("loss", "metrics") and callable(value):
        return True  # what a function of the user's own does is its own affair
    if name == "memory":
        return isinstance(value, str) and ("/" in value or "~" in value)
    largest = {"epochs": 3, "units": 50}.get(name)
    is_refused = name == "units" and isinstance(value, Integral) and value >= 2**31
    return (
        largest is not None and isinstance(value, Integral) and value > largest and not is_refused
    )


@pytest.mark.parametrize("name", PARAMETERS)
@scaled(25)
@given(st.data())
def test_a_parameter_that_makes_no_sense_is_named(name, data):
    value = data.draw(
        (nonsense | st.lists(nonsense, max_size=2)).filter(
            lambda value: not is_beyond_a_test(name, value)
        )
    )
    check_parameter(name, value)


def check_parameter(name, value):
    model = tiny(**{name: value})
    names = [name, *ALSO_NAMED.get(name, ())]
    result = given_or_refused(lambda: model.fit(BASE_X, BASE_Y), *names)
    if result is not REFUSED:
        assert np.isfinite(result.predict_proba(BASE_X)).all()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("units", b"ab"),
        ("units", {16: 1}),
        ("units", {16, 8}),
        ("units", iter([16, 16])),
        ("units", np.array(16)),
        ("units", np.ones((2, 2), dtype=int)),
        ("units", 10**30),
        ("loss", keras.losses.MeanSquaredError),
        ("loss", {}),
        ("loss", {"class_name": "Nothing"}),
        ("loss", []),
        ("optimizer", keras.optimizers.Adam),
        ("optimizer", {}),
        ("optimizer", {"class_name": "Nothing", "config": {}}),
        ("metrics", {}),
        ("metrics", [{}]),
        ("metrics", [["accuracy"]]),
        ("metrics", keras.metrics.AUC),
        ("class_weight", {0: "1", 1: 1}),
        ("class_weight", {0: np.timedelta64(1, "s"), 1: 1}),
        ("class_weight", [1, 2]),
        ("class_weight", np.ones(2)),
        ("class_weight", {0: 10**400, 1: 1}),
        ("random_state", np.random.default_rng(0)),
        ("random_state", 2**40),
        ("memory", "a\0b"),
        ("memory", "\ud800"),
        ("verbose", np.array([1, 2])),
        ("verbose", pd.NA),
        ("learning_rate", 1e300),
        ("learning_rate", 10**400),
        ("l2", 1e300),
        ("dropout", 1 - 1e-12),
        ("batch_size", 10**30),
        ("n_iter_no_change", 10**30),
        ("memory_limit", 10**30),
    ],
    ids=str,
)
def test_parameters_once_trouble(name, value):
    check_parameter(name, value)


@scaled(30)
@given(nonsense)
def test_a_pipelines_parameters_are_named(value):
    given_or_refused(lambda: multi_hot_pipeline(text=value), "text")
    pipeline = multi_hot_pipeline(num_words=value, units=(), epochs=1)
    sequences = [[1, 2], [3]] * 4
    assume(not isinstance(value, Integral) or value < 10**6 or value > 2**63)
    given_or_refused(lambda: pipeline.fit(sequences, [0, 1] * 4), "num_words")


def test_layers_that_can_be_read_once_are_refused():
    with pytest.raises(TypeError, match="units must be an integer"):
        tiny(units=(width for width in (4, 4))).fit(BASE_X, BASE_Y)


@pytest.mark.parametrize("kind", [np.int8, np.uint8, np.int16, np.uint64])
def test_numpys_integers_are_numbers_like_others(kind):
    X, y = np.tile(BASE_X, (8, 1)), np.tile(BASE_Y, 8)
    plain = tiny(units=[3], batch_size=100, epochs=2, warm_start=True).fit(X, y).fit(X, y)
    small = tiny(units=[kind(3)], batch_size=kind(100), epochs=kind(2), warm_start=True)
    with no_misuse():
        small.fit(X, y).fit(X, y)
        np.testing.assert_array_equal(all_weights(small), all_weights(plain))
        # as if there had been so many epochs that the sum is none of NumPy's smallest integers
        small.history_ = {name: values[:2] * 63 for name, values in small.history_.items()}
        assert small.fit(X, y).n_iter_ == 128


# --- large ------------------------------------------------------------------------------------


def test_a_million_columns_and_empty_rows(models):
    n = 1_000_000
    X = sp.csr_array((np.ones(2, np.float32), np.array([5, n - 1]), np.array([0, 1, 2])), (2, n))
    wide = tiny(batch_size=1).fit(X, [0, 1])
    assert wide.coefs_[0].shape == (n, 2)
    assert wide.predict_proba(X).shape == (2, 2)
    empty = sp.csr_matrix((n, N_FEATURES), dtype=np.float32)
    probabilities = models[3].predict_proba(empty)
    np.testing.assert_allclose(probabilities, np.tile(probabilities[:1], (n, 1)), atol=1e-6)


def test_a_network_that_memory_has_no_room_for_is_named():
    sequences, y = make_reviews(20, n_words=50, random_state=0)
    X = MultiHotVectorizer(num_words=2**62).fit_transform(sequences)
    assert given_or_refused(lambda: tiny().fit(X, y), "X", "units") is REFUSED
