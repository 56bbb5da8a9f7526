"""Encoding: ids and texts to multi-hot rows, beside scikit-learn's and Keras's transformers."""

from benchmarks._contenders import load_tensorflow
from benchmarks._data import NUM_WORDS, load_sequences, load_texts
from benchmarks._measure import Contender, Group, Work

PARTS = ("sequences", "texts")
TEXTS_PER_CALL = 1000


def groups(options):
    """Return the encoding of ids from lists and from arrays, and of texts with and without fit."""
    binarizer = Contender("MultiLabelBinarizer, lists", ids_binarizer, at_most=0.5)
    return [
        Group(
            "encode lists",
            "transform lists of ids to CSR rows",
            (Contender("skimdb, lists", ids_skimdb, {"lists": True}), binarizer),
            fresh=False,
            columns=("nonzeros",),
        ),
        Group(
            "encode arrays",
            "the same ids as the arrays that fetch_imdb gives",
            (
                Contender("skimdb, arrays", ids_skimdb, {"lists": False}),
                Contender("MultiLabelBinarizer, lists", ids_binarizer, at_most=0.2),
            ),
            fresh=False,
            columns=("nonzeros",),
        ),
        _text_group("encode text", "transform raw text once fitted", fitted=True),
        _text_group("encode text with fit", "fit_transform raw text", fitted=False),
    ]


def ids_skimdb(context, lists):
    """Job: MultiHotVectorizer on lists or arrays of ids."""
    from skimdb import MultiHotVectorizer

    X, _ = load_sequences(context, "train")
    if lists:
        X = [ids.tolist() for ids in X]
    vectorizer = MultiHotVectorizer(num_words=NUM_WORDS)
    return Work(lambda: vectorizer.transform(X), _nonzeros)


def ids_binarizer(context):
    """Job: MultiLabelBinarizer on lists of ids."""
    from sklearn.preprocessing import MultiLabelBinarizer

    X, _ = load_sequences(context, "train")
    X = [ids.tolist() for ids in X]
    binarizer = MultiLabelBinarizer(classes=range(NUM_WORDS), sparse_output=True).fit([])
    return Work(lambda: binarizer.transform(X), _nonzeros)


def text_skimdb(context, fitted):
    """Job: WordIndexEncoder and MultiHotVectorizer."""
    from sklearn.pipeline import make_pipeline

    from skimdb import MultiHotVectorizer, WordIndexEncoder

    encoder = WordIndexEncoder(num_words=NUM_WORDS)
    return _transforming(
        context, make_pipeline(encoder, MultiHotVectorizer(num_words=NUM_WORDS)), fitted
    )


def text_count_vectorizer(context, fitted):
    """Job: CountVectorizer with as many columns."""
    import numpy as np
    from sklearn.feature_extraction.text import CountVectorizer

    vectorizer = CountVectorizer(binary=True, max_features=NUM_WORDS, dtype=np.float32)
    return _transforming(context, vectorizer, fitted)


def text_vectorization(context, fitted):
    """Job: Keras's TextVectorization, whose rows are dense and let go block by block."""
    load_tensorflow()
    import keras
    import tensorflow as tf

    texts, _ = load_texts(context)
    layer = keras.layers.TextVectorization(max_tokens=NUM_WORDS, output_mode="multi_hot")
    if fitted:
        layer.adapt(texts)

    def run():
        if not fitted:
            layer.adapt(texts)
        for start in range(0, len(texts), TEXTS_PER_CALL):
            layer(tf.constant(texts[start : start + TEXTS_PER_CALL]))

    return Work(run)


def _text_group(title, work, fitted):
    parameters = {"fitted": fitted}
    return Group(
        title,
        f"{work}, {NUM_WORDS:,} columns",
        (
            Contender("skimdb", text_skimdb, parameters),
            Contender(
                "CountVectorizer",
                text_count_vectorizer,
                parameters,
                at_most=0.5,
            ),
            Contender("TextVectorization, dense", text_vectorization, parameters),
        ),
        fresh=False,
        columns=("nonzeros",),
    )


def _transforming(context, transformer, fitted):
    texts, _ = load_texts(context)
    if not fitted:
        return Work(lambda: transformer.fit_transform(texts), _nonzeros)
    transformer.fit(texts)
    return Work(lambda: transformer.transform(texts), _nonzeros)


def _nonzeros(rows):
    return {"nonzeros": int(rows.nnz)}
