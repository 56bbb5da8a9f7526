"""Fitted estimators as JSON and arrays, and back.

Each kind of estimator has a pair of functions: ``describe_…`` returns what JSON says of it and
adds its arrays to the members, ``build_…`` makes the estimator of both again. Both check it, so
that what is saved can be loaded.
"""

from collections.abc import Mapping
from inspect import signature

from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

from skimdb._checks import check_int
from skimdb._dense_classifier import DenseClassifier
from skimdb._model_archive import check_finite, to_json, to_npy
from skimdb._model_classifier import build_classifier, describe_classifier
from skimdb._model_parameters import loaded_parameters, saved_parameters
from skimdb._multi_hot import MultiHotVectorizer
from skimdb._plain_values import checked_text, from_plain, to_plain
from skimdb._word_index import WordIndexEncoder

TREE = "model.json"
PASSTHROUGH = "passthrough"


def describe(model):
    """Return the members, as bytes by name, that a fitted model is saved as."""
    members = {}
    if type(model) is Pipeline:
        if not model.steps:
            raise ValueError("pipeline must have at least one step to be saved, got none.")
        tree = {
            "type": "Pipeline",
            "parameters": saved_parameters(model, "pipeline's ", without=["steps"]),
            "steps": [
                {
                    "name": to_plain(checked_text(name, "name of a step"), "name"),
                    **_describe_step(step, f"step {name!r}", str(number), members),
                }
                for number, (name, step) in enumerate(model.steps)
            ],
        }
    elif type(model) is DenseClassifier:
        tree = _describe_step(model, "classifier", "0", members)
    else:
        raise TypeError(
            "pipeline must be a Pipeline or a DenseClassifier to be saved, "
            f"got {type(model).__name__}."
        )
    return {TREE: to_json(tree), **members}


def build(members):
    """Return the model that members say."""
    tree = members.json(TREE)
    if tree["type"] == "Pipeline":
        steps = [
            (
                checked_text(from_plain(step["name"]), "name of a step"),
                _build_step(step, str(number), members),
            )
            for number, step in enumerate(tree["steps"])
        ]
        names = {name for name, _ in steps}
        if not steps or len(names) < len(steps):
            raise ValueError("its pipeline must have steps, each of a name of its own")
        taken = names & {*signature(Pipeline).parameters}
        if taken or any("__" in name for name in names):
            raise ValueError("its pipeline has names of steps that scikit-learn refuses")
        model = Pipeline(
            steps, **loaded_parameters(Pipeline, tree["parameters"], without=["steps"])
        )
    elif tree["type"] == "DenseClassifier":
        model = _build_step(tree, "0", members)
    else:
        raise ValueError(f"it is of a type that no model has: {tree['type']!r:.80}")
    members.check_all_taken()
    return model


def _describe_step(step, where, prefix, members):
    if step is None or (isinstance(step, str) and step == PASSTHROUGH):
        return {"type": PASSTHROUGH}
    if type(step) not in _KINDS:
        kinds = ", ".join(kind.__name__ for kind in _KINDS)
        raise TypeError(
            f"{where} must be one of {kinds} or 'passthrough' to be saved, "
            f"got {type(step).__name__}."
        )
    check_is_fitted(step)
    describe_step, _ = _KINDS[type(step)]
    return {
        "type": type(step).__name__,
        **describe_step(step, f"{where}: ", prefix, members),
    }


def _build_step(tree, prefix, members):
    if tree["type"] == PASSTHROUGH:
        return PASSTHROUGH
    for kind, (_, build_step) in _KINDS.items():
        if tree["type"] == kind.__name__:
            return build_step(tree, prefix, members)
    raise ValueError(f"it has a step of a type that no model has: {tree['type']!r:.80}")


def _describe_encoder(encoder, where, prefix, members):
    encoder._check_parameters()
    fitted = _add_vocabulary(encoder, "vocabulary_", where, prefix, members)
    given = None
    if encoder.vocabulary is not None:
        given = _add_vocabulary(encoder, "vocabulary", where, prefix, members)
        # in order too, for the bytes are compared
        if members[given] == members[fitted]:
            del members[given]
            given = fitted
    return {
        "parameters": saved_parameters(encoder, where, without=["vocabulary"]),
        "fitted": {"vocabulary": fitted, "given_vocabulary": given},
    }


def _build_encoder(tree, prefix, members):
    parameters = loaded_parameters(WordIndexEncoder, tree["parameters"], without=["vocabulary"])
    encoder = WordIndexEncoder(**parameters)
    encoder._check_parameters()
    fitted, given = tree["fitted"]["vocabulary"], tree["fitted"]["given_vocabulary"]
    encoder.vocabulary_ = _taken_vocabulary(fitted, encoder, members)
    if given == fitted:
        encoder.vocabulary = encoder.vocabulary_
    elif given is not None:
        encoder.vocabulary = _taken_vocabulary(given, encoder, members)
    encoder._table = None
    return encoder


def _add_vocabulary(encoder, attribute, where, prefix, members):
    """Add a vocabulary to the members, and return the name that it has there."""
    vocabulary = getattr(encoder, attribute)
    if not isinstance(vocabulary, Mapping):
        raise TypeError(f"{where}{attribute} must map words to ranks to be saved.")
    words = to_plain([*vocabulary], attribute)
    ranks = to_plain([*vocabulary.values()], attribute)
    _check_vocabulary(from_plain(words), ranks, encoder)
    name = f"{prefix}_{'given_' * (attribute == 'vocabulary')}vocabulary.json"
    members[name] = to_json({"words": words, "ranks": ranks})
    return name


def _taken_vocabulary(name, encoder, members):
    saved = members.json(name)
    words, ranks = from_plain(saved["words"]), saved["ranks"]
    _check_vocabulary(words, ranks, encoder)
    vocabulary = dict(zip(words, ranks, strict=True))
    if len(vocabulary) != len(words):
        raise ValueError(f"{name} has a word twice")
    return vocabulary


def _check_vocabulary(words, ranks, encoder):
    if set(map(type, words)) != {str} or set(map(type, ranks)) != {int}:
        raise TypeError("vocabulary must map words (str) to ranks (int)")
    limit = encoder._largest_rank
    if min(ranks) < 1 or max(ranks) > limit:
        raise ValueError(f"vocabulary must hold ranks from 1 to {limit}")
    if len(set(ranks)) < len(ranks):
        raise ValueError("vocabulary must give each word a rank of its own")


def _describe_vectorizer(vectorizer, where, prefix, members):
    vectorizer._check_parameters()
    idf = getattr(vectorizer, "idf_", None)
    if idf is not None:
        members[f"{prefix}_idf.npy"] = to_npy(idf)
    num_words = to_plain(getattr(vectorizer, "num_words_", None), f"{where}num_words_")
    return {
        "parameters": saved_parameters(vectorizer, where),
        "fitted": {"num_words": num_words, "idf": idf is not None},
    }


def _build_vectorizer(tree, prefix, members):
    vectorizer = MultiHotVectorizer(**loaded_parameters(MultiHotVectorizer, tree["parameters"]))
    vectorizer._check_parameters()
    num_words, has_idf = tree["fitted"]["num_words"], tree["fitted"]["idf"]
    check_int("num_words_", num_words, at_least=1, none_allowed=not has_idf)
    if num_words is not None:
        vectorizer.num_words_ = num_words
    if has_idf:
        vectorizer.idf_ = members.array(f"{prefix}_idf.npy", ["f8"], (num_words,))
        check_finite(vectorizer.idf_, f"{prefix}_idf.npy")
    elif vectorizer.mode == "tfidf":
        raise ValueError("it has a vectorizer of mode 'tfidf' that lacks idf_")
    check_is_fitted(vectorizer)
    return vectorizer


_KINDS = {
    WordIndexEncoder: (_describe_encoder, _build_encoder),
    MultiHotVectorizer: (_describe_vectorizer, _build_vectorizer),
    DenseClassifier: (describe_classifier, build_classifier),
}
