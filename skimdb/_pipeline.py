"""multi_hot_pipeline: from sequences or texts to classes in one scikit-learn Pipeline."""

from __future__ import annotations

from typing import Any

from sklearn.pipeline import Pipeline

from skimdb._checks import check_bool
from skimdb._dense_classifier import DenseClassifier
from skimdb._multi_hot import MultiHotVectorizer
from skimdb._word_index import WordIndexEncoder


def multi_hot_pipeline(
    *, num_words: int | None = 10_000, text: bool = False, **classifier_params: Any
) -> Pipeline:
    """Chain a MultiHotVectorizer and a DenseClassifier in a scikit-learn Pipeline.

    Parameters
    ----------
    num_words : int, default=10_000
        Number of columns of the multi-hot matrix: the ids from 0 to ``num_words - 1``. None takes
        as many as the training data have.
    text : bool, default=False
        Whether samples are texts. A WordIndexEncoder, which learns the words' ranks in ``fit``,
        then comes first; otherwise samples are integer sequences.
    **classifier_params
        Parameters of the DenseClassifier.

    Returns
    -------
    pipeline : sklearn.pipeline.Pipeline
        With the steps "encoder" (when ``text``), "vectorizer" and "classifier".

    Notes
    -----
    Validation rows reach a Pipeline's last step as they are, not through the steps before it. So
    for validation curves set rows aside with ``early_stopping=True``, or fit the steps apart::

        M = pipeline[:-1].fit_transform(X)
        pipeline[-1].fit(M, y, X_val=pipeline[:-1].transform(X_val), y_val=y_val)

    A second ``fit`` that fails or is interrupted leaves each step whole, but, as in any Pipeline,
    those before the one at fault are new ones. Fit a ``sklearn.base.clone`` to keep the old whole.

    See Also
    --------
    WordIndexEncoder, MultiHotVectorizer, DenseClassifier : The steps.

    Examples
    --------
    >>> from skimdb import multi_hot_pipeline
    >>> from skimdb.datasets import load_sample_reviews
    >>> X, y = load_sample_reviews(return_X_y=True)
    >>> pipeline = multi_hot_pipeline(text=True, epochs=20, batch_size=16, random_state=0)
    >>> pipeline = pipeline.fit(X[:300], y[:300])
    >>> bool(pipeline.score(X[300:], y[300:]) > 0.75)
    True
    """
    check_bool("text", text)
    steps = [
        ("vectorizer", MultiHotVectorizer(num_words=num_words)),
        ("classifier", DenseClassifier(**classifier_params)),
    ]
    if text:
        steps.insert(0, ("encoder", WordIndexEncoder(num_words=num_words)))
    return Pipeline(steps)
