"""A user's typed script. The lint step checks it with mypy, and test_typing.py runs it.

Each line of ``mistakes`` must be an error to mypy: a comment that ignores no error is one, too.
"""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import skimdb
from skimdb import (
    DenseClassifier,
    MultiHotVectorizer,
    SearchResultsDisplay,
    TrainingHistoryDisplay,
    VocabularySelector,
    WordIndexEncoder,
    export_keras,
    fit_stream,
    load_model,
    multi_hot_pipeline,
    plot_model,
    save_model,
)
from skimdb.datasets import (
    fetch_imdb,
    fetch_word_index,
    load_sample_reviews,
    make_reviews,
    read_labelled_blocks,
    read_labelled_texts,
)


def main(folder: Path) -> float:
    """Train on the sample and on made reviews; return the share of right answers."""
    texts, labels = load_sample_reviews(return_X_y=True)
    encoder = WordIndexEncoder(num_words=500).fit(texts)
    ranks: dict[str, int] = encoder.vocabulary_
    vectorizer = MultiHotVectorizer(num_words=500, mode="tfidf", dtype=np.float32)
    X = vectorizer.fit(encoder.transform(texts)).transform([[1, 4, len(ranks) % 500]])
    print(X.shape, vectorizer.get_feature_names_out()[0], encoder.inverse_transform([[4]])[0])

    sequences, y = make_reviews(300, n_words=500, random_state=0)
    rows = MultiHotVectorizer(num_words=500).fit_transform(sequences)
    classifier = DenseClassifier((8, 4), epochs=2, random_state=0)
    classifier.fit(rows[:200], y[:200], X_val=rows[200:], y_val=y[200:]).partial_fit(rows, y)
    losses: list[float] = classifier.history_["loss"]
    probabilities: NDArray[np.float32] = classifier.predict_proba(rows)
    print(losses, probabilities.shape, classifier.decision_function(rows)[0])
    print(TrainingHistoryDisplay.from_estimator(classifier).best_epoch_)

    loaded = load_model(save_model(classifier, folder / "model.skimdb"))
    if not isinstance(loaded, DenseClassifier):
        raise TypeError("a classifier was saved")
    pipeline = multi_hot_pipeline(num_words=500, text=True, epochs=1).fit(texts, labels)
    print(export_keras(pipeline, folder / "network.keras").name, skimdb.__version__)
    result = fit_stream(pipeline, lambda: [(texts, labels)], callback=show_block)
    print(result.history["loss"], VocabularySelector(num_words=9).fit_transform(rows).shape)
    return float(np.mean(loaded.predict(rows) == y))


def show_block(n_done: int, n_blocks: int, figures: dict[str, float]) -> None:
    """Print the figures of a block."""
    print(n_done, n_blocks, figures["loss"])


def train_on_file(path: Path) -> None:
    """Train on a file of the user."""
    mails = read_labelled_texts(path, text_column="body")
    pipeline = multi_hot_pipeline(num_words=500, text=True).fit(mails.data, mails.target)
    fit_stream(pipeline, lambda: read_labelled_blocks(path), schedule=lambda n: (n % 7, 32))


def more(folder: Path, results: dict[str, NDArray[np.float64]]) -> None:
    """Use what needs the IMDB data, Graphviz or a search."""
    bunch = fetch_imdb(num_words=500, data_home=folder)
    X, _ = fetch_imdb(subset="test", return_X_y=True)
    ranks: int = max(fetch_word_index(data_home=str(folder)).values())
    classifier = DenseClassifier().fit(MultiHotVectorizer().fit_transform(X), bunch.target)
    path: Path = plot_model(classifier, folder / f"{ranks}.png", dpi=100)
    SearchResultsDisplay(results=results, x=path.name).plot().ax_.set_title("found")


def mistakes() -> None:
    """Misuse the names above."""
    skimdb.DenseClasifier  # type: ignore[attr-defined]  # noqa: B018
    DenseClassifier(activation="rleu")  # type: ignore[arg-type]
    DenseClassifier(verbose=3)  # type: ignore[arg-type]
    DenseClassifier(epoch=3)  # type: ignore[call-arg]
    DenseClassifier().fit([[0.0], [1.0]])  # type: ignore[call-arg]
    DenseClassifier().predict([[0.0]]).shapes  # type: ignore[attr-defined]  # noqa: B018
    MultiHotVectorizer(mode="counts")  # type: ignore[arg-type]
    MultiHotVectorizer().fit(["a text"])  # type: ignore[list-item]
    WordIndexEncoder(vocabulary=["film"])  # type: ignore[arg-type]
    save_model(DenseClassifier(), 3)  # type: ignore[arg-type]
    multi_hot_pipeline(10_000)  # type: ignore[call-arg]
    fit_stream(multi_hot_pipeline(), [(["a text"], [0])])  # type: ignore[arg-type]
    fit_stream(multi_hot_pipeline(), lambda: [(["a text"],)])  # type: ignore[list-item]
    VocabularySelector(num_words=None)  # type: ignore[arg-type]
    read_labelled_texts("mails.csv", "body")  # type: ignore[call-arg]
    make_reviews("many")  # type: ignore[arg-type]
    load_sample_reviews(return_X_y=True).target  # type: ignore[attr-defined]  # noqa: B018
    fetch_imdb(subset="validation")  # type: ignore[call-overload]
