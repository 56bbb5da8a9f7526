"""Model files: any fitted pipeline predicts the same to the bit after a save and a load."""

from itertools import product

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from hypothesis import assume, given
from hypothesis import strategies as st
from property_cases import REFUSED, given_or_refused, no_misuse, nonsense, scaled
from sklearn.pipeline import Pipeline, make_pipeline

from skimdb import (
    DenseClassifier,
    MultiHotVectorizer,
    WordIndexEncoder,
    export_keras,
    load_model,
    save_model,
)
from skimdb._forward import ACTIVATIONS

any_text = st.text(st.characters(), max_size=12)
N_COLUMNS = 8
LABELS = {
    "integers": [3, -(2**63), 2**63 - 1],
    "floats": [-1.0, 0.0, 1e9],
    "texts": ["bad", "ünfair\ud800", "日本 \U0001f3ac"],
    "bools": [False, True],
    "NumPy's small integers": np.array([3, 250], dtype=np.uint8),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("models")


@pytest.fixture(scope="module")
def fitted_networks():
    """Fitted classifiers of several activations, and of all kinds of labels."""
    rng = np.random.default_rng(0)
    X = sp.random_array(
        (30, N_COLUMNS), density=0.4, random_state=rng, dtype=np.float32, format="csr"
    )
    networks = []
    units = [(), 3, (3, 2), [2], [np.int8(3)]]
    for i, (activation, labels) in enumerate(product(ACTIVATIONS, LABELS)):
        if i % 8 == 0:
            y = np.resize(np.array(LABELS[labels]), 30)
            options = {"units": units[i // 8 % 5], "dropout": i % 3 / 4, "l2": i % 2 / 100}
            model = DenseClassifier(
                activation=activation, epochs=1, batch_size=16, random_state=i, **options
            )
            networks.append(model.fit(X, y))
    return networks


@st.composite
def steps_before(draw):
    """The steps that make rows of 8 columns of texts or of sequences, and what to fit them on."""
    num_words = st.none() | st.integers(1, N_COLUMNS)
    vectorizer = MultiHotVectorizer(
        num_words=N_COLUMNS,
        mode=draw(st.sampled_from(["binary", "count", "freq", "tfidf"])),
        handle_unknown=draw(st.sampled_from(["ignore", "oov"])),
        oov_char=draw(st.integers(0, N_COLUMNS - 1)),
        dtype=draw(st.sampled_from([np.float32, "f8", np.dtype("float32"), float])),
        sparse_output=draw(st.booleans()),
    )
    if draw(st.booleans()):
        return [vectorizer], draw(sequences)
    encoder = WordIndexEncoder(
        vocabulary=draw(
            st.none()
            | st.dictionaries(any_text, st.integers(1, 2**31 - 13), min_size=1, max_size=5)
        ),
        num_words=draw(num_words),
        skip_top=draw(st.integers(0, 3)),
        start_char=draw(st.none() | st.integers(0, 12)),
        oov_char=draw(st.none() | st.integers(0, 12)),
        index_from=draw(st.integers(0, 12)),
        lowercase=draw(st.booleans()),
        filters=draw(any_text),
    )
    return [encoder, vectorizer], draw(st.lists(any_text, min_size=1, max_size=4))


sequences = st.lists(st.lists(st.integers(0, 12), max_size=6), min_size=1, max_size=4)


@scaled(150)
@given(steps_before(), st.data(), any_text)
def test_any_pipeline_predicts_the_same(folder, fitted_networks, steps_and_X, data, name):
    steps, X = steps_and_X
    network = data.draw(st.sampled_from(fitted_networks))
    before = given_or_refused(lambda: make_pipeline(*steps).fit(X), "X", "vocabulary")
    assume(before is not REFUSED)
    assume("__" not in name and name not in ("memory", "steps", "verbose", "transform_input"))
    names = [*(f"step {i}" for i in range(len(steps))), name]
    pipeline = Pipeline([*zip(names, [*steps, network], strict=True)])
    with no_misuse():
        loaded = load_model(save_model(pipeline, folder / "model.skimdb"))
    assert [step for step, _ in loaded.steps] == names
    expected, found = pipeline.predict_proba(X), loaded.predict_proba(X)
    assert found.dtype == expected.dtype
    np.testing.assert_array_equal(found, expected)
    labels = loaded.predict(X)
    assert labels.dtype == pipeline.predict(X).dtype
    np.testing.assert_array_equal(labels, pipeline.predict(X))
    again = save_model(loaded, folder / "again.skimdb")
    assert again.read_bytes() == (folder / "model.skimdb").read_bytes()


@scaled(12)
@given(st.data())
def test_any_network_predicts_the_same(folder, data):
    n_classes = data.draw(st.sampled_from([2, 3]))
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32)))
    X = rng.random((24, 5), dtype=np.float32)
    y = np.arange(24) % n_classes
    model = DenseClassifier(
        data.draw(st.sampled_from([(), (3, 2)])),
        dropout=data.draw(st.sampled_from([0, 0.25])),
        optimizer=data.draw(st.sampled_from(["rmsprop", "adam"])),
        learning_rate=data.draw(st.none() | st.floats(1e-5, 0.1)),
        epochs=1,
        batch_size=data.draw(st.integers(1, 30)),
        warm_start=data.draw(st.booleans()),
        class_weight=data.draw(st.sampled_from([None, "balanced", {0: 1.5, 1: 2, 2: 1}])),
        random_state=data.draw(st.none() | st.integers(0, 2**32 - 1)),
    )
    loaded = load_model(save_model(model.fit(X, y), folder / "network.skimdb"))
    assert repr(loaded.get_params()) == repr(model.get_params())
    for rows in (X, sp.csr_array(X), pd.DataFrame(X)):
        np.testing.assert_array_equal(loaded.predict_proba(rows), model.predict_proba(rows))
    assert loaded.history_ == model.history_
    if model.warm_start:
        np.testing.assert_array_equal(
            loaded.fit(X, y).predict_proba(X), model.fit(X, y).predict_proba(X)
        )


# --- nonsense ---------------------------------------------------------------------------------


@scaled(150)
@given(nonsense | st.text(st.characters()))
def test_a_path_that_makes_no_sense_is_named(folder, fitted_networks, path):
    assume(not isinstance(path, str) or not set("/~") & set(path))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for call in (
            lambda: save_model(fitted_networks[0], path),
            lambda: load_model(path),
            lambda: export_keras(fitted_networks[0], path),
        ):
            try:
                result = given_or_refused(call, "path")
            except OSError:
                result = REFUSED  # of a folder, or too long a name
            assert result is REFUSED or isinstance(path, str)


@scaled(150)
@given(nonsense)
def test_what_is_no_model_is_named(folder, value):
    for call in (save_model, export_keras):
        result = given_or_refused(lambda call=call: call(value, folder / "none.keras"), "pipeline")
        assert result is REFUSED
        pipeline = Pipeline([("net", value)])
        result = given_or_refused(
            lambda call=call, pipeline=pipeline: call(pipeline, folder / "none.keras"),
            "step",
            "pipeline",
        )
        assert result is REFUSED or value is None


@pytest.mark.parametrize("name", sorted(DenseClassifier().get_params()))
@scaled(30)
@given(nonsense)
def test_a_parameter_that_has_no_place_in_a_file_is_named(folder, fitted_networks, name, value):
    network = fitted_networks[0]
    before = getattr(network, name)
    try:
        setattr(network, name, value)
        result = given_or_refused(
            lambda: save_model(network, folder / "changed.skimdb"), name, "validation_fraction"
        )
    finally:
        setattr(network, name, before)
    if result is not REFUSED:
        loaded = getattr(load_model(folder / "changed.skimdb"), name)
        assert name in ("callbacks", "memory") or repr(loaded) == repr(to_python(value))


def to_python(value):
    """NumPy's numbers among the parameters become Python's, and Python's types NumPy's."""
    if value is int or value is float:
        return np.dtype(value)
    return value.item() if isinstance(value, np.generic) else value
