"""Word counts to a multi-hot matrix, with a vocabulary learned anew from each fold's texts."""

import numpy as np
import scipy.sparse as sp
from sklearn.base import BaseEstimator, TransformerMixin

from skimdb import MultiHotVectorizer, WordIndexEncoder


def word_counts(texts, vocabulary):
    """Return how often each text holds each word: a CSR matrix, words by alphabet."""
    by_alphabet = sorted(vocabulary, key=lambda word: word.encode("utf-8", "surrogatepass"))
    encoder = WordIndexEncoder(
        vocabulary={word: i for i, word in enumerate(by_alphabet, start=1)},
        start_char=None,
        index_from=0,
    )
    vectorizer = MultiHotVectorizer(num_words=len(by_alphabet) + 1, mode="count")
    return vectorizer.transform(encoder.fit().transform(texts))


class FoldVocabulary(TransformerMixin, BaseEstimator):
    """Do for word counts what WordIndexEncoder and MultiHotVectorizer do for texts.

    Words are ranked by how often the rows in ``fit`` hold them, and those that only other rows
    hold are unknown. So what is learned from a fold is the same as from its texts, without going
    through the texts for each fold and each candidate.

    Parameters
    ----------
    num_words : int
        Number of columns.
    """

    def __init__(self, num_words):
        self.num_words = num_words

    def fit(self, X, y=None):
        """Rank the words."""
        encoder = WordIndexEncoder()
        totals = X.sum(axis=0, dtype=np.float64)
        totals = np.asarray(totals).ravel()
        # equally frequent words stay in the order of the columns, by alphabet
        ranked = np.argsort(-totals, kind="stable")[: np.count_nonzero(totals)]
        ids = np.arange(1, len(ranked) + 1) + encoder.index_from
        ids[ids >= self.num_words] = encoder.oov_char
        self.id_of_column_ = np.full(X.shape[1], self.num_words)
        self.id_of_column_[ranked] = ids
        self.first_ = encoder.start_char
        return self

    def transform(self, X):
        """Turn counts into a multi-hot matrix."""
        n_rows = X.shape[0]
        rows = np.concatenate([np.arange(n_rows), np.repeat(np.arange(n_rows), np.diff(X.indptr))])
        ids = np.concatenate([np.full(n_rows, self.first_), self.id_of_column_[X.indices]])
        known = ids < self.num_words
        entries = np.ones(known.sum(), dtype=np.float32)
        matrix = sp.csr_matrix(
            (entries, (rows[known], ids[known])), shape=(n_rows, self.num_words)
        )
        # an entry for each cut-off word of a row has become one that counts them
        matrix.data[:] = 1
        return matrix
