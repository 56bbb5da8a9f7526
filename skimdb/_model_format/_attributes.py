"""Learned attributes that several kinds of estimators have: how they are read and checked."""

import sys

import numpy as np

# Types of labels: kinds of NumPy.
CLASS_TYPES = ("b", "i", "u", "f", "U")


def classes_from_member(members, name):
    classes = members.array(name, CLASS_TYPES)
    # NumPy would make text of code points that don't exist
    if classes.dtype.kind == "U" and (classes.view(np.uint32) > sys.maxunicode).any():
        raise ValueError("classes_ hold text of characters that don't exist")
    return classes


def set_feature_names(estimator, names):
    if names is not None:
        n_features = estimator.n_features_in_
        if len(names) != n_features or set(map(type, names)) != {str}:
            raise ValueError(f"feature_names must hold {n_features} names")
        estimator.feature_names_in_ = np.array(names, dtype=object)


def check_classes(classes, multilabel):
    if classes.ndim != 1 or len(classes) < 2:
        raise ValueError("classes_ must hold at least two classes")
    if multilabel and len(np.unique(classes)) < len(classes):
        raise ValueError("classes_ must hold no label twice")
    if not multilabel and not (classes[1:] > classes[:-1]).all():
        raise ValueError("classes_ must be in ascending order")


def check_finite(name, array):
    """Raise unless all numbers of an array are finite: with others no model predicts anything."""
    if not np.isfinite(array).all():
        raise ValueError(f"{name} must be finite, but some are NaN or infinite")
