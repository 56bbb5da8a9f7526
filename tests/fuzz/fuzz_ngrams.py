"""N-grams and buckets of ids: the same as by plain loops.

The first bytes are the parameters, the others the ids of rows.
"""

from collections import Counter

import numpy as np
from fuzz._outcome import RefusedError

from skimdb import MultiHotVectorizer

ROW_END = 255
MODES = "binary", "count", "log"


def seeds():
    """Yield valid inputs."""
    rows = [[1, 2, 3, 1, 2], [], [3, 1, 2, 9], [2, 2, 2], [1, 2, 3]]
    ids = b"".join(bytes([*row, ROW_END]) for row in rows)
    for parameters in (6 * [0], [1, 1, 1, 200, 0, 0], [0, 2, 0, 0, 3, 1], [2, 0, 0, 250, 0, 2]):
        yield bytes([0, *parameters]) + ids
        yield bytes([1, *parameters]) + ids


def ngrams_of(row, shortest, longest):
    """Return the n-grams of a row, by a plain loop."""
    return [
        tuple(row[i : i + n])
        for n in range(shortest, longest + 1)
        for i in range(len(row) - n + 1)
    ]


def read(data, folder):
    """Vectorize the rows, and return the columns."""
    form, shortest, more, fewest, most, most_columns, mode = (*data[:7], *7 * [0])[:7]
    shortest = 1 + shortest % 3
    longest = shortest + more % 3
    mode = MODES[mode % 3]
    rows = [[*part] for part in data[7:].split(bytes([ROW_END]))]
    counts = [Counter(ngrams_of(row, shortest, longest)) for row in rows]
    options = {"ngram_range": (shortest, longest), "mode": mode, "sparse_output": False}
    if form % 2:
        return _read_buckets(rows, counts, fewest, options)
    n_rows = Counter(ngram for row in counts for ngram in row)
    fewest = 1 + fewest % 3
    # a fraction ends in a part of a row
    most = most / 255 if most else 1.0
    kept = [n for n, count in n_rows.items() if fewest <= count <= int(most * len(rows))]
    order = sorted(kept, key=lambda ngram: (-n_rows[ngram], len(ngram), ngram))
    if most_columns:
        totals = n_rows if mode == "binary" else sum(counts, Counter())
        order = sorted(sorted(order, key=lambda n: -totals[n])[:most_columns], key=order.index)
    vectorizer = MultiHotVectorizer(
        min_df=fewest, max_df=most, max_features=most_columns or None, **options
    )
    if not order or most * len(rows) < fewest:
        try:
            vectorizer.fit(rows)
        except ValueError as error:
            raise RefusedError from error
        raise AssertionError(f"columns {vectorizer.get_feature_names_out()}, expected none")
    found = vectorizer.fit_transform(rows)
    if hasattr(vectorizer, "ngrams_"):
        ngrams = [tuple(i for i in row if i >= 0) for row in vectorizer.ngrams_.tolist()]
        assert ngrams == order
    else:
        # neither n-grams nor limits: a column for each id up to the largest
        assert (shortest, longest, fewest, most, most_columns) == (1, 1, 1, 1.0, 0)
        order = [(i,) for i in range(vectorizer.num_words_)]
    _compare(found, [[row[n] for n in order] for row in counts], mode)
    np.testing.assert_array_equal(vectorizer.transform(rows), found)
    return order


def _read_buckets(rows, counts, n_buckets, options):
    n_buckets += 1
    vectorizer = MultiHotVectorizer(n_buckets=n_buckets, **{**options, "mode": "count"})
    found = vectorizer.transform(rows)
    assert found.shape == (len(rows), n_buckets)
    # each n-gram has one bucket, whatever stands around it
    bucket_of = {}
    found_ngrams = sorted({ngram for row in counts for ngram in row})
    for length in {len(ngram) for ngram in found_ngrams}:
        ngrams = [ngram for ngram in found_ngrams if len(ngram) == length]
        alone = MultiHotVectorizer(n_buckets=n_buckets, ngram_range=(length, length))
        bucket_of |= zip(ngrams, alone.transform(ngrams).indices.tolist(), strict=True)
    expected = np.zeros(found.shape)
    for i, row in enumerate(counts):
        for ngram, count in row.items():
            expected[i, bucket_of[ngram]] += count
    np.testing.assert_array_equal(found, expected)
    return bucket_of


def _compare(found, counts, mode):
    counts = np.array(counts, dtype=float)
    expected = {"binary": counts > 0, "count": counts}.get(mode)
    if mode == "log":
        expected = np.where(counts > 0, 1 + np.log(np.maximum(counts, 1)), 0)
    np.testing.assert_allclose(found, expected, rtol=1e-6)
