"""Target: labels to class numbers, scores to probabilities and classes."""

import numpy as np
import pytest

from skimdb._network._target import CLASS_NUMBERS, COLUMN, INDICATORS, ONE_HOT, Target

TWO = Target.from_labels(np.array(["good", "bad", "good"]), "y")
THREE = Target.from_labels(np.array([5, -1, 2, 5]), "y")


def test_two_classes_have_one_output():
    assert TWO.classes.tolist() == ["bad", "good"]
    assert TWO.n_outputs == 1
    assert TWO.output_activation == "sigmoid"
    assert TWO.default_loss == "binary_crossentropy"
    assert {TWO.form_for(loss_is_sparse) for loss_is_sparse in (False, True)} == {COLUMN}


def test_three_classes_have_three_outputs():
    assert THREE.classes.tolist() == [-1, 2, 5]
    assert THREE.n_outputs == 3
    assert THREE.output_activation == "softmax"
    assert THREE.default_loss == "sparse_categorical_crossentropy"
    assert THREE.form_for(loss_is_sparse=True) == CLASS_NUMBERS
    assert THREE.form_for(loss_is_sparse=False) == ONE_HOT


def test_one_class_is_refused():
    with pytest.raises(ValueError, match=r"^y must hold at least two classes, got 1 class: \[3\]"):
        Target.from_labels(np.array([3, 3]), "y")


@pytest.mark.parametrize("n_outputs", [1, 3, 4])
def test_from_the_outputs_of_a_network(n_outputs):
    target = Target.from_n_outputs(n_outputs, False)
    assert target.n_outputs == n_outputs
    assert target.classes.tolist() == [*range(max(n_outputs, 2))]


def test_from_the_outputs_of_a_network_for_several_labels():
    target = Target.from_n_outputs(2, True)
    assert (target.n_outputs, target.output_activation) == (2, "sigmoid")
    assert target.form_for(loss_is_sparse=False) == INDICATORS


def test_labels_become_class_numbers():
    assert TWO.encode(np.array(["good", "bad"]), "y").tolist() == [1, 0]
    assert THREE.encode(np.array([5, 5, -1, 2]), "y").tolist() == [2, 2, 0, 1]
    assert THREE.encode(np.array([2.0]), "y").tolist() == [1]


@pytest.mark.parametrize(
    ("target", "labels", "unexpected"),
    [
        (TWO, ["good", "fair"], r"\['fair'\]"),
        (THREE, [5, 7, 6], r"\[6, 7\]"),
        (TWO, [0], r"\[0\]"),
        # among many numbers, NumPy finds their texts
        (Target(np.arange(20)), ["5"], r"\['5'\]"),
    ],
)
def test_labels_without_a_class_are_named(target, labels, unexpected):
    with pytest.raises(ValueError, match=f"^y_val must hold only classes .* got {unexpected}"):
        target.encode(np.array(labels), "y_val")


def test_scores_of_two_classes():
    scores = np.array([[-30], [0.5], [30]], dtype=np.float32)
    probabilities = TWO.probabilities(scores)
    assert probabilities.dtype == np.float32
    np.testing.assert_allclose(probabilities[1], [0.3775407, 0.6224593], rtol=1e-6)
    # small probabilities of either class keep their digits
    np.testing.assert_allclose(probabilities[[0, 2], [1, 0]], 9.357623e-14, rtol=1e-5)
    assert TWO.predict(scores).tolist() == ["bad", "good", "good"]
    assert TWO.decisions(scores).tolist() == [-30, 0.5, 30]


def test_scores_of_three_classes():
    scores = np.array([[0, 0, np.log(2)], [9, 0, 0]], dtype=np.float32)
    np.testing.assert_allclose(THREE.probabilities(scores)[0], [0.25, 0.25, 0.5], rtol=1e-6)
    assert THREE.predict(scores).tolist() == [5, -1]
    np.testing.assert_array_equal(THREE.decisions(scores), scores)
