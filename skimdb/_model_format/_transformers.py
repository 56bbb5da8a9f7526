"""The fitted steps before a classifier as JSON and arrays, and back."""

import numpy as np
import scipy.sparse as sp
from sklearn.utils.validation import check_is_fitted

from skimdb._log_count_ratio import LogCountRatioScaler
from skimdb._model_format._archive import to_json, to_npy
from skimdb._model_format._attributes import (
    check_classes,
    check_finite,
    classes_from_member,
    set_feature_names,
)
from skimdb._model_format._plain_values import (
    from_plain,
    parameters_from_plain,
    parameters_to_plain,
    to_plain,
)
from skimdb._multi_hot import MultiHotVectorizer
from skimdb._utils._checks import check_int, check_real
from skimdb._word_index import WordIndexEncoder


def describe_encoder(encoder, prefix, members):
    parameters = parameters_to_plain(encoder)
    fitted, given = f"{prefix}_vocabulary.json", None
    members[fitted] = _vocabulary_to_json(encoder, encoder.vocabulary_)
    if encoder.vocabulary is not None:
        content = _vocabulary_to_json(encoder, encoder.vocabulary)
        # the bytes, because the order of the words counts too
        given = fitted if content == members[fitted] else f"{prefix}_given_vocabulary.json"
        members[given] = content
    return {
        "parameters": parameters,
        "fitted": {"vocabulary": fitted, "given_vocabulary": given},
    }


def build_encoder(tree, prefix, members):
    parameters = parameters_from_plain(WordIndexEncoder, tree["parameters"])
    fitted, given = tree["fitted"]["vocabulary"], tree["fitted"]["given_vocabulary"]
    encoder = _fit_encoder(_vocabulary_from_json(members, fitted), parameters)
    if given is None:
        encoder.vocabulary = None
    elif given == fitted:
        encoder.vocabulary = encoder.vocabulary_
    else:
        given_vocabulary = _vocabulary_from_json(members, given)
        encoder.vocabulary = _fit_encoder(given_vocabulary, parameters).vocabulary_
    return encoder


def _fit_encoder(vocabulary, parameters):
    """Return an encoder that has checked its parameters and its vocabulary."""
    return WordIndexEncoder(**{**parameters, "vocabulary": vocabulary}).fit()


def _vocabulary_to_json(encoder, vocabulary):
    vocabulary = _fit_encoder(vocabulary, encoder.get_params()).vocabulary_
    return to_json({"words": to_plain([*vocabulary], "words"), "ranks": [*vocabulary.values()]})


def _vocabulary_from_json(members, name):
    saved = members.json(name)
    words = from_plain(saved["words"])
    vocabulary = dict(zip(words, saved["ranks"], strict=True))
    if len(vocabulary) != len(words):
        raise ValueError(f"{name} has a word twice")
    return vocabulary


def describe_vectorizer(vectorizer, prefix, members):
    _check_vectorizer(vectorizer)
    fitted = {
        name: to_plain(getattr(vectorizer, f"{name}_", None), f"{name}_")
        for name in ("num_words", "n_counted")
    }
    for name in ("idf", "ngrams"):
        array = getattr(vectorizer, f"{name}_", None)
        fitted[name] = array is not None
        if array is not None:
            members[f"{prefix}_{name}.npy"] = to_npy(array)
    return {"parameters": parameters_to_plain(vectorizer), "fitted": fitted}


def build_vectorizer(tree, prefix, members):
    parameters = parameters_from_plain(MultiHotVectorizer, tree["parameters"])
    vectorizer = MultiHotVectorizer(**parameters)
    fitted = tree["fitted"]
    if fitted["num_words"] is not None:
        vectorizer.num_words_ = fitted["num_words"]
    # files of earlier versions have no n-grams
    if fitted.get("ngrams", False):
        vectorizer.ngrams_ = members.array(f"{prefix}_ngrams.npy", ["i4"])
        vectorizer.n_counted_ = fitted["n_counted"]
    if fitted["idf"]:
        vectorizer.idf_ = members.array(f"{prefix}_idf.npy", ["f8"])
    _check_vectorizer(vectorizer)
    return vectorizer


def _check_vectorizer(vectorizer):
    vectorizer._check_parameters()
    has_ngrams, has_idf = hasattr(vectorizer, "ngrams_"), hasattr(vectorizer, "idf_")
    num_words = getattr(vectorizer, "num_words_", None)
    check_int("num_words_", num_words, min_val=1, optional=not (has_idf or has_ngrams))
    if has_ngrams:
        _check_ngrams(vectorizer)
        check_int("n_counted_", vectorizer.n_counted_, min_val=0, max_val=len(vectorizer.ngrams_))
    if has_idf:
        n_columns = vectorizer._n_columns()
        if vectorizer.idf_.shape != (n_columns,):
            raise ValueError(f"idf_ must have {n_columns} weights, got {vectorizer.idf_.shape}")
        check_finite("idf_", vectorizer.idf_)
    elif vectorizer.mode == "tfidf":
        raise ValueError("it has a vectorizer of mode 'tfidf' that lacks idf_")
    check_is_fitted(vectorizer)


def _check_ngrams(vectorizer):
    ngrams, (shortest, longest) = vectorizer.ngrams_, vectorizer.ngram_range
    if ngrams.ndim != 2 or not len(ngrams) or ngrams.shape[1] != longest:
        raise ValueError(f"ngrams_ must have {longest} columns, got the shape {ngrams.shape}")
    is_id = ngrams >= 0
    lengths = is_id.sum(axis=1)
    if (
        (ngrams < -1).any()
        or ngrams.max() >= vectorizer.num_words_
        or lengths.min() < shortest
        # ids come first
        or (is_id[:, 1:] > is_id[:, :-1]).any()
        or len(np.unique(_row_hashes(ngrams))) < len(ngrams)
    ):
        raise ValueError(
            f"ngrams_ must hold {shortest} to {longest} ids below {vectorizer.num_words_} in each "
            "row, and no row twice"
        )


def _row_hashes(rows):
    """Return a number for each row; equal rows have equal numbers. Sorting rows takes longer."""
    hashes = np.zeros(len(rows), dtype=np.uint64)
    for column in rows.T:
        hashes = (hashes + column.astype(np.uint64)) * np.uint64(0x9E3779B97F4A7C15)
        hashes ^= hashes >> np.uint64(29)
    return hashes


def describe_scaler(scaler, prefix, members):
    parameters = parameters_to_plain(scaler)
    _check_scaler(scaler)
    counts = scaler.feature_count_
    arrays = {
        "classes": scaler.classes_,
        "scale": scaler.scale_,
        "count": counts.data,
        "count_column": counts.indices,
        "count_row": counts.indptr,
        "square": scaler._square_sum,
    }
    if scaler._column_sum is not None:
        arrays["column_sum"] = scaler._column_sum
    for name, array in arrays.items():
        members[f"{prefix}_{name}.npy"] = to_npy(array)
    names = getattr(scaler, "feature_names_in_", None)
    fitted = {
        "feature_names": None if names is None else names.tolist(),
        "mean_square_norm": scaler.mean_square_norm_,
        "weight_sum": scaler._weight_sum,
        "multilabel": scaler._column_sum is not None,
    }
    return {
        "parameters": parameters,
        "fitted": {name: to_plain(value, name) for name, value in fitted.items()},
    }


def build_scaler(tree, prefix, members):
    scaler = LogCountRatioScaler(**parameters_from_plain(LogCountRatioScaler, tree["parameters"]))
    fitted = {name: from_plain(plain) for name, plain in tree["fitted"].items()}
    classes = classes_from_member(members, f"{prefix}_classes.npy")
    scale, square_sum, counts = (
        members.array(f"{prefix}_{name}.npy", ["f8"]) for name in ("scale", "square", "count")
    )
    columns, rows = (
        members.array(f"{prefix}_count_{name}.npy", ["i4", "i8"]) for name in ("column", "row")
    )
    # files of earlier versions have one label a row
    multilabel = fitted.get("multilabel", False)
    check_classes(classes, multilabel)
    column_sum = members.array(f"{prefix}_column_sum.npy", ["f8"]) if multilabel else None
    counts = sp.csr_array((counts, columns, rows), shape=(len(classes), len(scale)))
    counts.check_format(full_check=True)
    vars(scaler).update(
        n_features_in_=len(scale),
        classes_=classes,
        scale_=scale,
        feature_count_=counts,
        mean_square_norm_=fitted["mean_square_norm"],
        _column_sum=column_sum,
        _square_sum=square_sum,
        _weight_sum=fitted["weight_sum"],
    )
    set_feature_names(scaler, fitted["feature_names"])
    _check_scaler(scaler)
    return scaler


def _check_scaler(scaler):
    scaler._check_parameters()
    check_classes(scaler.classes_, scaler._column_sum is not None)
    counts, scale = scaler.feature_count_, scaler.scale_
    by_column = {"scale_": scale, "squares": scaler._square_sum}
    if scaler._column_sum is not None:
        by_column["sums of columns"] = scaler._column_sum
    for name, array in by_column.items():
        if array.shape != (scaler.n_features_in_,) or not len(array):
            raise ValueError(
                f"{name} must have {scaler.n_features_in_} numbers, got the shape {array.shape}"
            )
    for name in ("mean_square_norm_", "_weight_sum"):
        check_real(name.strip("_"), getattr(scaler, name), min_val=0)
    for name, array in [*by_column.items(), ("counts", counts.data)]:
        check_finite(name, array)
