from ._generated import make_reviews
from ._imdb import download_imdb, fetch_imdb, fetch_word_index
from ._labelled import read_labelled_blocks, read_labelled_texts, read_texts
from ._sample import load_sample_reviews

__all__ = [
    "download_imdb",
    "fetch_imdb",
    "fetch_word_index",
    "load_sample_reviews",
    "make_reviews",
    "read_labelled_blocks",
    "read_labelled_texts",
    "read_texts",
]
