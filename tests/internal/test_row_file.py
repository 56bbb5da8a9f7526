"""RowFile gives back the rows that were written, in any order, and leaves no file."""

import numpy as np
import pytest
import scipy.sparse as sp

from skimdb import MultiHotVectorizer
from skimdb._training._row_file import RowFile
from skimdb.datasets import make_reviews


@pytest.fixture(params=[300, 70_000])
def rows(request):
    X, y = make_reviews(500, n_words=300, random_state=0)
    X[7] = X[7][:0]
    matrix = MultiHotVectorizer(num_words=request.param).fit_transform(X)
    return matrix, y


@pytest.fixture
def file(rows, tmp_path):
    X, y = rows
    with RowFile(tmp_path, X.shape[1], 100) as file:
        for part in (slice(0, 130), slice(130, 131), slice(131, 131), slice(131, None)):
            file.append(X[part], y[part])
        yield file


def test_gives_back_what_was_written(rows, file):
    X, y = rows
    blocks = list(file.blocks())
    assert file.n_rows == 500
    assert len(blocks) == file.n_blocks
    assert all(block.dtype == np.float32 for block, _ in blocks)
    assert max(len(numbers) for _, numbers in blocks) <= 100
    read = sp.vstack([block for block, _ in blocks])
    assert (read != X).nnz == 0
    np.testing.assert_array_equal(np.concatenate([numbers for _, numbers in blocks]), y)


def test_shuffles_pieces_of_all_parts(rows, file):
    X, y = rows
    order = [block.indices.sum() for block, _ in file.blocks()]
    blocks = list(file.blocks(seed=[0, 1]))
    assert [block.indices.sum() for block, _ in blocks] != order
    # each row once, with its class
    rows_read = sorted(
        (row.indices.tolist(), number)
        for block, numbers in blocks
        for row, number in zip(map(sp.csr_matrix, block), numbers.tolist(), strict=True)
    )
    expected = zip(map(sp.csr_matrix, X), y.tolist(), strict=True)
    assert rows_read == sorted((row.indices.tolist(), number) for row, number in expected)
    again = list(file.blocks(seed=[0, 1]))
    assert all((a != b).nnz == 0 for (a, _), (b, _) in zip(blocks, again, strict=True))


def test_leaves_no_file(rows, tmp_path):
    X, y = rows
    with RowFile(tmp_path, X.shape[1], 100) as file:
        file.append(X, y)
    assert list(tmp_path.iterdir()) == []
