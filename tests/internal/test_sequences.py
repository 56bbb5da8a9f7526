"""Ragged rows, the object array that remembers them, and Keras's convention for ids."""

import copy
import pickle
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from skimdb import MultiHotVectorizer
from skimdb._sequences import _ngrams
from skimdb._sequences._counts import _index_dtype
from skimdb._sequences._ids import LARGEST_ID, NO_RANK, START_RANK, IdConvention
from skimdb._sequences._ragged import Ragged
from skimdb._sequences._validation import validate_sequences

# NumPy 2.5 takes an assignment of the shape, but would rather not
SETS_SHAPE = pytest.mark.filterwarnings("ignore:Setting the shape:DeprecationWarning")
rows = st.lists(st.lists(st.integers(-9, 9), max_size=5), max_size=6)


def to_ragged(rows):
    values = np.array([value for row in rows for value in row], dtype=np.int32)
    return Ragged.from_lengths(values, [*map(len, rows)])


def to_lists(ragged):
    offsets = ragged.offsets.tolist()
    assert offsets[0] == 0
    assert offsets[-1] == len(ragged.values)
    assert ragged.offsets.dtype == np.int64
    return [ragged.values[start:stop].tolist() for start, stop in pairwise(offsets)]


class TestRagged:
    @given(rows)
    def test_holds_its_rows(self, rows):
        ragged = to_ragged(rows)
        assert to_lists(ragged) == rows
        assert len(ragged) == len(rows)
        assert ragged.lengths.tolist() == [*map(len, rows)]
        array = ragged.to_array()
        assert array.shape == (len(rows),)
        assert [row.tolist() for row in array] == rows
        assert all(np.shares_memory(row, ragged.values) for row in array if len(row))

    @given(st.lists(rows, min_size=1, max_size=4))
    def test_concatenate(self, parts):
        ragged = Ragged.concatenate([to_ragged(part) for part in parts])
        assert to_lists(ragged) == [row for part in parts for row in part]

    @given(rows.filter(len), st.lists(st.integers(0, 99), max_size=8))
    def test_take(self, rows, numbers):
        indices = np.array([number % len(rows) for number in numbers], dtype=np.int64)
        assert to_lists(to_ragged(rows).take(indices)) == [rows[i] for i in indices]

    @given(rows)
    def test_where(self, rows):
        ragged = to_ragged(rows)
        kept = ragged.where(ragged.values > 0)
        assert to_lists(kept) == [[value for value in row if value > 0] for row in rows]

    @given(rows)
    def test_prepend(self, rows):
        ragged = to_ragged(rows).prepend(7)
        assert to_lists(ragged) == [[7, *row] for row in rows]
        assert ragged.values.dtype == np.int32

    @given(rows)
    def test_row_of_a_position(self, rows):
        ragged = to_ragged(rows)
        numbers = [i for i, row in enumerate(rows) for _ in row]
        assert [ragged.row_of(position) for position in range(len(numbers))] == numbers

    def test_more_than_2_31_values(self):
        # a view: no memory for so many values is needed
        values = np.broadcast_to(np.int8(1), (5 * 2**30,))
        ragged = Ragged.from_lengths(values, np.full(5, 2**30, dtype=np.int32))
        assert ragged.offsets.tolist() == [i * 2**30 for i in range(6)]
        positions = (0, 2**30 - 1, 2**31, 2**32 + 5)
        assert [ragged.row_of(position) for position in positions] == [0, 0, 2, 4]


class TestSequenceArray:
    @pytest.fixture
    def ragged(self):
        return to_ragged([[1, 2], [], [3]])

    def test_gives_the_flat_rows_back_without_a_copy(self, ragged):
        array = ragged.to_array()
        assert array.ragged is ragged
        assert validate_sequences(array) is ragged
        # a change of a row is a change of the flat rows
        array[0][1] = 9
        assert to_lists(array.ragged) == [[1, 9], [], [3]]
        array[1] = array[1]
        assert array.ragged is ragged

    @pytest.mark.parametrize(
        "change",
        [
            lambda array: array[:],
            lambda array: array[::-1],
            lambda array: array[[0, 1, 2]],
            lambda array: array.copy(),
            lambda array: array.view(),
            lambda array: array.reshape(3, 1),
            lambda array: array.T,
            copy.copy,
            copy.deepcopy,
        ],
    )
    def test_an_array_made_from_it_has_no_flat_rows(self, ragged, change):
        array = ragged.to_array()
        assert change(array).ragged is None
        assert array.ragged is ragged

    @pytest.mark.parametrize(
        "change",
        [
            lambda array: array.__setitem__(0, [1, 2]),
            lambda array: array.__setitem__(0, array[0].copy()),
            lambda array: array.__setitem__(0, array[2]),
            lambda array: array[::-1].__setitem__(0, [3]),
            lambda array: array.fill(array[0]),
            lambda array: setattr(array, "shape", (3, 1)),
        ],
    )
    @SETS_SHAPE
    def test_another_row_or_shape_ends_the_flat_rows(self, ragged, change):
        array = ragged.to_array()
        change(array)
        assert array.ragged is None

    @pytest.mark.parametrize("shape", [(), (1, 1)])
    @SETS_SHAPE
    def test_another_shape_of_one_row_ends_the_flat_rows(self, shape):
        array = to_ragged([[1]]).to_array()
        array.shape = shape
        assert array.ragged is None

    def test_is_pickled_as_a_plain_array(self, ragged):
        loaded = pickle.loads(pickle.dumps(ragged.to_array()))
        assert type(loaded) is np.ndarray
        assert [row.tolist() for row in loaded] == [[1, 2], [], [3]]


ranks = st.lists(st.just(NO_RANK) | st.integers(1, 9), max_size=6)
small_ids = st.integers(0, 12)


class TestIdConvention:
    @given(
        st.lists(ranks, max_size=5),
        st.none() | small_ids | st.just(LARGEST_ID),
        st.none() | small_ids | st.just(LARGEST_ID),
        small_ids,
        st.none() | st.integers(1, 20) | st.just(10**30),
        small_ids | st.just(10**30),
    )
    def test_encodes_as_keras_does(self, rows, start, oov, index_from, num_words, skip_top):
        convention = IdConvention(start, oov, index_from, num_words, skip_top)
        ids = convention.encode(to_ragged([[START_RANK, *row] for row in rows]))
        assert ids.values.dtype == np.int32
        expected = []
        for row in rows:
            # the code of keras.datasets.imdb.load_data
            x = [] if start is None else [start]
            x += [w + index_from for w in row if w != NO_RANK]
            cut = [skip_top <= w < (num_words or 10**99) for w in x]
            if oov is None:
                expected.append([w for w, kept in zip(x, cut, strict=True) if kept])
            else:
                expected.append([w if kept else oov for w, kept in zip(x, cut, strict=True)])
        assert to_lists(ids) == expected

    @given(st.lists(ranks, max_size=5), st.none() | small_ids, small_ids)
    def test_largest_id(self, rows, start, index_from):
        convention = IdConvention(start_char=start, index_from=index_from)
        flat = to_ragged([[START_RANK, *row] for row in rows])
        largest = convention.largest_id(flat)
        encoded = convention.encode(flat).values
        assert largest >= encoded.max(initial=-1)
        if any(rank != NO_RANK for row in rows for rank in row):
            assert largest == encoded.max()

    def test_ids_stay_within_32_bits(self):
        flat = to_ragged([[START_RANK, 5]])
        limit = LARGEST_ID - 5
        assert to_lists(IdConvention(index_from=limit).encode(flat)) == [[1, LARGEST_ID]]
        message = f"index_from must be at most {limit} for ranks up to 5 .* got {limit + 1}"
        with pytest.raises(ValueError, match=message):
            IdConvention(index_from=limit + 1).encode(flat)


def test_the_width_of_indices_goes_by_entries_and_columns():
    assert _index_dtype(2**31 - 1, 2**31 - 1) == np.int32
    assert _index_dtype(2**31, 10) == np.int64
    assert _index_dtype(10, 2**31) == np.int64


def test_more_ngrams_than_can_be_numbered_are_refused(monkeypatch):
    monkeypatch.setattr(_ngrams, "MOST_NGRAMS", 9)
    rows, vectorizer = [[1, 2, 3, 4], [2, 3, 4, 5]], MultiHotVectorizer(ngram_range=(1, 2))
    # five ids, four pairs, and the empty n-gram that all start with
    with pytest.raises(ValueError, match=r"min_df must be larger .* more than 9; n_buckets"):
        vectorizer.fit(rows)
    assert vectorizer.set_params(min_df=2).fit(rows).transform(rows).shape == (2, 5)
