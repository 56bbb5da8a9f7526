"""Labelled reviews: the IMDB data, a small sample in the package, and made ones at any scale."""

from skimdb.datasets._generated import make_reviews
from skimdb.datasets._imdb import fetch_imdb, fetch_word_index
from skimdb.datasets._sample import load_sample_reviews

__all__ = ["fetch_imdb", "fetch_word_index", "load_sample_reviews", "make_reviews"]
