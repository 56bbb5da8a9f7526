"""BatchFeed: rows in batches, as a data set that Keras trains on."""

import weakref

import numpy as np
import scipy.sparse as sp
import tensorflow as tf


class BatchFeed:
    """Rows in batches.

    SciPy or NumPy gathers the rows of a batch when its turn comes: to arrange all rows once an
    epoch would take the memory of the rows once more.

    Parameters
    ----------
    X : CSR array or ndarray of shape (n_rows, n_features)
        Rows.
    targets : ndarray with n_rows rows, a list, tuple or dict of them, or None
        What the loss compares with the outputs.
    sample_weight : ndarray of shape (n_rows,), or None
        Weights in the loss.
    batch_size : int
        Number of rows of each batch but the last.
    dtype : dtype, default=float32
        What the values of X become.
    rng : numpy.random.Generator, default=None
        Draws another order of the rows for each pass over them. None leaves the order.

    Attributes
    ----------
    error : BaseException or None
        What went wrong in a batch. TensorFlow reports it by an error of its own.
    """

    def __init__(self, X, targets, sample_weight, batch_size, *, dtype=np.float32, rng=None):
        # to select rows of a csr_matrix takes a third longer
        self._X = sp.csr_array(X) if sp.issparse(X) else X
        # a list would become one tensor
        targets = tuple(targets) if isinstance(targets, list) else targets
        if sample_weight is not None:
            # Keras asks for the weights of each output
            sample_weight = tf.nest.map_structure(lambda _: sample_weight, targets)
        self._parts = tuple(part for part in (targets, sample_weight) if part is not None)
        self._by_row = tf.nest.flatten(self._parts)
        self._batch_size = batch_size
        self._dtype = np.dtype(dtype)
        self._order = np.arange(X.shape[0])
        self._rng = rng
        self.error = None

    def __len__(self):
        """Return the number of batches."""
        return -(-len(self._order) // self._batch_size)

    def shuffle(self, rng):
        """Let a NumPy generator decide the order of the rows from the next epoch on."""
        self._order = rng.permutation(len(self._order))

    def to_dataset(self):
        """Return the batches as a ``tf.data.Dataset``, which needs the feed to be kept."""
        dataset = tf.data.Dataset.range(len(self)).map(self._add_batch).prefetch(1)
        options = tf.data.Options()
        # both take longer than they save with so few stages
        options.autotune.enabled = False
        options.experimental_optimization.apply_default_optimizations = False
        return dataset.with_options(options)

    def _add_batch(self, number):
        """Add the arrays of a batch to the graph."""
        n_rows, width = self._X.shape
        if sp.issparse(self._X):
            shapes, dtypes = [(None, 2), (None,)], [tf.int64, tf.as_dtype(self._dtype)]
        else:
            shapes, dtypes = [(None, width)], [tf.as_dtype(self._dtype)]
        shapes += [(None, *array.shape[1:]) for array in self._by_row]
        dtypes += [tf.as_dtype(array.dtype) for array in self._by_row]
        # TensorFlow keeps the function as long as the process lives, which must not keep the rows
        feed = weakref.ref(self)
        tensors = tf.numpy_function(lambda number: feed()._gather(number), [number], dtypes)
        for tensor, shape in zip(tensors, shapes, strict=True):
            tensor.set_shape(shape)
        if sp.issparse(self._X):
            indices, values, *by_row = tensors
            length = tf.minimum(number * self._batch_size + self._batch_size, n_rows)
            length -= number * self._batch_size
            inputs = tf.SparseTensor(indices, values, tf.stack([length, width]))
        else:
            inputs, *by_row = tensors
        if not self._parts:
            return inputs
        return inputs, *tf.nest.pack_sequence_as(self._parts, by_row)

    def _gather(self, number):
        """Return the arrays of a batch."""
        start = int(number) * self._batch_size
        try:
            if start == 0 and self._rng is not None:
                self.shuffle(self._rng)
            rows = self._order[start : start + self._batch_size]
            batch = self._X[rows]
            *coordinates, values = _to_coordinates(batch) if sp.issparse(batch) else [batch]
            # SciPy has no matrices of half precision
            values = values.astype(self._dtype, copy=False)
            return [*coordinates, values, *(array[rows] for array in self._by_row)]
        except BaseException as error:
            self.error = error
            raise


class FeedErrors:
    """Raises what went wrong in a feed as it is, rather than as TensorFlow's error."""

    # a generator could not let a StopIteration through

    def __init__(self, *feeds):
        self._feeds = feeds

    def __enter__(self):
        return self

    def __exit__(self, kind, error, traceback):
        if error is None or isinstance(error, tf.errors.OpError):
            for feed in self._feeds:
                if feed.error is not None:
                    raise feed.error


def _to_coordinates(batch):
    """Return row and column of each entry, and the entries, as ``tf.SparseTensor`` has them."""
    # TensorFlow takes each column once, and in their order
    batch.sum_duplicates()
    coordinates = np.empty((batch.nnz, 2), dtype=np.int64)
    coordinates[:, 0] = np.repeat(np.arange(batch.shape[0]), np.diff(batch.indptr))
    coordinates[:, 1] = batch.indices
    return coordinates, batch.data
