"""Encode ids and texts as multi-hot rows; compare with scikit-learn and Keras."""

from benchmarks._contenders import load_tensorflow
from benchmarks._data import NUM_WORDS, load_sequences, load_texts
from benchmarks._measure import Contender, Group, Work

PARTS = ("sequences", "texts")
TEXTS_PER_CALL = 1000


def groups(options):
    """Return the groups: ids from lists, ids from arrays, texts without fit and with fit."""
    binarizer = Contender("MultiLabelBinarizer, lists", encode_ids_binarizer, at_most=0.5)
    return [
        Group(
            "encode lists",
            "transform lists of ids to CSR rows",
            (Contender("skimdb, lists", encode_ids_skimdb, {"lists": True}), binarizer),
            isolated=False,
            columns=("nonzeros",),
        ),
        Group(
            "encode arrays",
            "transform the same ids as arrays, as fetch_imdb returns them",
            (
                Contender("skimdb, arrays", encode_ids_skimdb, {"lists": False}),
                Contender("MultiLabelBinarizer, lists", encode_ids_binarizer, at_most=0.2),
            ),
            isolated=False,
            columns=("nonzeros",),
        ),
        _text_group("encode text", "transform raw text, already fitted", fitted=True),
        _text_group("encode text with fit", "fit_transform raw text", fitted=False),
    ]


def encode_ids_skimdb(context, lists):
    """Job: MultiHotVectorizer on lists or arrays of ids."""
    from skimdb import MultiHotVectorizer

    X, _ = load_sequences(context, "train")
    if lists:
        X = [ids.tolist() for ids in X]
    vectorizer = MultiHotVectorizer(num_words=NUM_WORDS)
    return Work(lambda: vectorizer.transform(X), _count_nonzeros)


def encode_ids_binarizer(context):
    """Job: MultiLabelBinarizer on lists of ids."""
    from sklearn.preprocessing import MultiLabelBinarizer

    X, _ = load_sequences(context, "train")
    X = [ids.tolist() for ids in X]
    binarizer = MultiLabelBinarizer(classes=range(NUM_WORDS), sparse_output=True).fit([])
    return Work(lambda: binarizer.transform(X), _count_nonzeros)


def encode_text_skimdb(context, fitted):
    """Job: WordIndexEncoder and MultiHotVectorizer."""
    from sklearn.pipeline import make_pipeline

    from skimdb import MultiHotVectorizer, WordIndexEncoder

    encoder = WordIndexEncoder(num_words=NUM_WORDS)
    return _time_transform(
        context, make_pipeline(encoder, MultiHotVectorizer(num_words=NUM_WORDS)), fitted
    )


def encode_text_count_vectorizer(context, fitted):
    """Job: CountVectorizer with the same number of columns."""
    import numpy as np
    from sklearn.feature_extraction.text import CountVectorizer

    vectorizer = CountVectorizer(binary=True, max_features=NUM_WORDS, dtype=np.float32)
    return _time_transform(context, vectorizer, fitted)


def encode_text_keras(context, fitted):
    """Job: Keras's TextVectorization, whose dense rows are discarded block by block."""
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
            Contender("skimdb", encode_text_skimdb, parameters),
            Contender(
                "CountVectorizer",
                encode_text_count_vectorizer,
                parameters,
                at_most=0.5,
            ),
            Contender("TextVectorization, dense", encode_text_keras, parameters),
        ),
        isolated=False,
        columns=("nonzeros",),
    )


def _time_transform(context, transformer, fitted):
    texts, _ = load_texts(context)
    if not fitted:
        return Work(lambda: transformer.fit_transform(texts), _count_nonzeros)
    transformer.fit(texts)
    return Work(lambda: transformer.transform(texts), _count_nonzeros)


def _count_nonzeros(rows):
    return {"nonzeros": int(rows.nnz)}
