"""The first layer on rows of a CSR matrix, by compiled kernels.

A step copies the rows of a batch, with their columns numbered anew, so that it reads and changes
the kernel only in the rows of those columns: it costs the entries of the batch.
"""

from itertools import cycle, pairwise

import numpy as np

from skimdb._training import _kernels

# Batches are gathered together up to so many entries, which a processor's cache holds.
ENTRIES_PER_BLOCK = 2**18
# How many columns of the kernel are held together.
BLOCK_WIDTH = 32
# With more weights to touch, dividing the work pays for waking the threads.
WEIGHTS_FOR_ONE_THREAD = 2**18
ALL = slice(None)


class CompiledInputLayer:
    """The kernel of the first layer, and its part in each step.

    It is held in blocks of its columns, which a processor's cache holds while a batch passes. A
    row of a block is followed by what the optimizer keeps for it. Threads divide large batches: by
    blocks, or by rows if there is a single block.

    Parameters
    ----------
    X : CSR matrix of shape (n_samples, n_features), float32
        The rows.
    planes : list of ndarray of shape (n_features, n_units)
        The weights, and then what the optimizer keeps for each.
    optimizer : Optimizer
        Updates the kernel.
    l2 : float
        Strength of the penalty.
    batch_size : int
        Number of rows of each batch but the last.
    workers : Workers
        If there is more than one thread, batches are gathered while the last ones train.
    is_lazy : bool
        Whether a step updates only the rows of the columns with an entry in the batch.
    last_steps : ndarray of shape (n_features,) or None
        The step at which each row was last updated, if it is lazy and averages decay.
    """

    def __init__(self, X, planes, optimizer, l2, batch_size, workers, is_lazy, last_steps):
        n_features, n_units = planes[0].shape
        self._batches = _Batches(X, batch_size, workers, all_columns=not is_lazy)
        self._optimizer = optimizer
        self._workers = workers
        self.last_steps = last_steps
        self._decays = np.full(n_features, optimizer.decay, dtype=np.float32)
        edges = [*range(0, n_units, BLOCK_WIDTH), n_units]
        self._blocks = [
            _Block([plane[:, a:b] for plane in planes], self._batches.most_columns, optimizer, l2)
            for a, b in pairwise(edges)
        ]
        self._edges = edges

    def epoch(self, order):
        """Go through the rows in an order; yield the number of rows of each batch."""
        for batch in self._batches.epoch(order):
            self._batch = batch
            yield batch.n_rows

    def forward(self):
        """Return the product of the batch with the kernel."""
        first, *others = self._blocks
        for block in self._blocks:
            block.start(self._batch)
        if not others:
            self._divide(first.take, len(self._batch.columns))
            self._divide(first.multiply, self._batch.n_rows)
            return first.product
        self._for_each_block(_Block.forward)
        return np.hstack([block.product for block in self._blocks])

    def update(self, upstream, rate):
        """Update the kernel by the gradients of the product."""
        columns = self._batch.columns
        if self.last_steps is not None:
            n_steps, powers = self._optimizer.n_steps, self._optimizer.decay_powers
            _kernels.decay_factors(self.last_steps, columns, n_steps, powers, self._decays)
        constants = self._optimizer.constants(rate)
        for block, part in zip(
            self._blocks, np.split(upstream, self._edges[1:-1], 1), strict=True
        ):
            block.start_update(np.ascontiguousarray(part), self._decays, constants)
        first, *others = self._blocks
        if not others:
            first.find_gradients()
            self._divide(first.update, len(columns))
        else:
            self._for_each_block(_Block.backward)

    def planes(self):
        """Return copies of the weights, and of what the optimizer keeps."""
        n_planes = 1 + self._optimizer.n_averages
        return [
            np.hstack([block.parameters[:, i] for block in self._blocks]) for i in range(n_planes)
        ]

    def weights(self):
        """Return a copy of the weights."""
        return np.hstack([block.parameters[:, 0] for block in self._blocks])

    def _for_each_block(self, function):
        if self._is_large:
            self._workers.for_each(function, self._blocks)
        else:
            for block in self._blocks:
                function(block)

    def _divide(self, function, n):
        if self._is_large:
            self._workers.divide(function, n)
        else:
            function(slice(0, n))

    @property
    def _is_large(self):
        n_touched = len(self._batch.columns) * self._edges[-1]
        return self._workers.n_threads > 1 and n_touched > WEIGHTS_FOR_ONE_THREAD


class _Block:
    """Some columns of the kernel, and their part in a step."""

    def __init__(self, planes, most_columns, optimizer, l2):
        # rows of (n_planes, width)
        self.parameters = np.stack(planes, axis=1)
        self._update = getattr(_kernels, f"update_{optimizer.name}")
        self._uses_decays = optimizer.decay != 1
        self._l2 = np.float32(2 * l2)
        self._width = planes[0].shape[1]
        self._scratch = [np.empty(most_columns * self._width, dtype=np.float32) for _ in range(2)]

    def start(self, batch):
        """Start a step with a batch."""
        self._batch = batch
        shape = len(batch.columns), self._width
        self._weights, self._gradients = (
            scratch[: shape[0] * shape[1]].reshape(shape) for scratch in self._scratch
        )
        self.product = np.empty((batch.n_rows, self._width), dtype=np.float32)

    def forward(self):
        """Compute the product of the batch with the block."""
        self.take()
        self.multiply()

    def take(self, part=ALL):
        """Copy the weights of the batch's columns, or of some of them."""
        _kernels.take_weights(self.parameters, self._batch.columns[part], self._weights[part])

    def multiply(self, part=ALL):
        """Compute the product of the batch's rows, or some of them, with these weights."""
        first, last, _ = part.indices(self._batch.n_rows)
        starts = self._batch.starts[first : last + 1]
        slots, values = self._batch.slots, self._batch.values
        _kernels.multiply(starts, slots, values, self._weights, self.product[part])

    def start_update(self, upstream, decays, constants):
        """Start the second half of a step, with the gradients of the product."""
        self._upstream, self._decays, self._constants = upstream, decays, constants

    def backward(self):
        """Update the weights of the batch's columns."""
        self.find_gradients()
        self.update()

    def find_gradients(self):
        """Compute the gradients of these weights."""
        batch = self._batch
        _kernels.multiply_transposed(
            batch.starts, batch.slots, batch.values, self._upstream, self._gradients
        )
        if self._l2:
            self._gradients += self._l2 * self._weights

    def update(self, part=ALL):
        """Update these weights, or some of them."""
        decays = [self._decays[part]] if self._uses_decays else []
        rows, gradients = self._batch.columns[part], self._gradients[part]
        self._update(self.parameters, rows, gradients, *decays, *self._constants)


class _Batch:
    """Rows of a CSR matrix, with the columns that they touch."""

    def __init__(self, starts, slots, values, columns):
        self.starts, self.slots, self.values = starts, slots, values
        self.columns = columns
        self.n_rows = len(starts) - 1


class _Batches:
    """Batches of the rows of a CSR matrix.

    Parameters
    ----------
    X : CSR matrix
        The rows.
    batch_size : int
        Number of rows of each batch but the last.
    workers : Workers
        The threads.
    all_columns : bool
        Whether each batch touches all columns, with or without an entry in them.

    Attributes
    ----------
    most_columns : int
        An upper bound for the number of columns that a batch touches.
    """

    def __init__(self, X, batch_size, workers, all_columns):
        self._X = X
        self._batch_size = batch_size
        self._workers = workers
        self._lengths = np.diff(X.indptr)
        self._all_ones = bool((X.data == 1).all())
        self._buffers = cycle([_Buffer(), _Buffer()])
        self._all_columns = np.arange(X.shape[1], dtype=np.uint32) if all_columns else None
        if all_columns:
            self.most_columns = X.shape[1]
        else:
            self._slot_of = np.full(X.shape[1], -1, dtype=np.int32)
            longest = np.sort(self._lengths)[-batch_size:]
            self.most_columns = min(int(longest.sum(dtype=np.int64)), X.shape[1])

    def epoch(self, order):
        """Yield the rows, in an order, as batches; each is good until the next is asked for."""
        blocks = self._divide(order)
        if self._workers.n_threads == 1 or len(blocks) == 1:
            for block in blocks:
                yield from self._gather(block)
            return
        gathering = self._workers.submit(self._gather, blocks[0])
        for block in [*blocks[1:], None]:
            batches = gathering.result()
            if block is not None:
                gathering = self._workers.submit(self._gather, block)
            yield from batches

    def _divide(self, order):
        """Return the order in blocks of whole batches."""
        ends = np.append(np.arange(self._batch_size, len(order), self._batch_size), len(order))
        n_entries = np.cumsum(self._lengths[order], dtype=np.int64)[ends - 1]
        blocks, first, before = [], 0, 0
        while first < len(ends):
            last = np.searchsorted(n_entries, before + ENTRIES_PER_BLOCK, side="right")
            last = max(int(last), first + 1)
            blocks.append(order[first * self._batch_size : ends[last - 1]])
            first, before = last, n_entries[last - 1]
        return blocks

    def _gather(self, rows):
        n_entries = int(self._lengths[rows].sum(dtype=np.int64))
        slots, values, columns = next(self._buffers).arrays(n_entries)
        if self._all_ones:
            values = values[:0]
        starts = np.empty(len(rows) + 1, dtype=np.int64)
        X, size = self._X, self._batch_size
        entries = X.indptr, X.indices, X.data, rows
        n_batches = -(-len(rows) // size)
        if self._all_columns is None:
            ends = np.empty(n_batches + 1, dtype=np.int64)
            _kernels.gather_batches(
                *entries, size, self._slot_of, starts, slots, values, columns, ends
            )
            touched = [columns[a:b] for a, b in pairwise(ends)]
        else:
            _kernels.gather_rows(*entries, starts, slots, values)
            touched = n_batches * [self._all_columns]
        return [
            _Batch(starts[i * size : (i + 1) * size + 1], slots, values, columns)
            for i, columns in enumerate(touched)
        ]


class _Buffer:
    """Arrays for the entries of a block, kept from block to block."""

    def __init__(self):
        self._arrays = [np.empty(0, dtype=t) for t in (np.uint32, np.float32, np.uint32)]

    def arrays(self, n_entries):
        """Return arrays with room for so many slots, values and columns."""
        if len(self._arrays[0]) < n_entries:
            self._arrays = [np.empty(n_entries, dtype=array.dtype) for array in self._arrays]
        return self._arrays
