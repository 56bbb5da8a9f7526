"""The kernels of the sparse trainer, compiled by numba.

They are compiled at their first call, for the types in that call, and kept on disk. What makes
them fast: constants come as float32 arguments, since numba computes with float64 otherwise; a row
is a view, so that the loop over its columns becomes vector instructions; indices are unsigned,
since numba looks for negative ones otherwise.

An array of parameters holds, for each row of a kernel, its weights and then what the optimizer
keeps for them, so that a step finds both in one place of the memory. The updates follow Keras's
optimizers of the same names. Each takes the rows that a step touches, with their gradients.
"""

import numpy as np

from skimdb._sequences._kernels import compile_kernel


@compile_kernel
def gather_batches(
    indptr, indices, data, rows, batch_size, slot_of, starts, slots, values, columns, column_starts
):
    """Copy rows of a CSR matrix, with their columns numbered anew in each batch.

    Parameters
    ----------
    indptr, indices, data : ndarray
        The matrix.
    rows : ndarray of shape (n_rows,)
        The rows to copy, batch after batch.
    batch_size : int
        Number of rows of each batch but the last.
    slot_of : ndarray of shape (n_columns,), int32
        Scratch, -1 everywhere before and after.
    starts : ndarray of shape (n_rows + 1,), int64
        Filled with the position of the first entry of each row.
    slots : ndarray of shape (n_entries,), uint32
        Filled with the slot of each entry: the place of its column among those of the batch.
    values : ndarray of shape (n_entries,) or (0,), float32
        Filled with the value of each entry; empty if all of them are 1.
    columns : ndarray of shape (n_entries,), uint32
        Filled with the column of each slot, batch after batch.
    column_starts : ndarray of shape (n_batches + 1,), int64
        Filled with the position of the first slot of each batch.
    """
    has_values = len(values) > 0
    n_entries = 0
    n_columns = 0
    for batch in range(len(column_starts) - 1):
        first = n_columns
        column_starts[batch] = first
        for i in range(batch * batch_size, min((batch + 1) * batch_size, len(rows))):
            starts[i] = n_entries
            row = rows[i]
            for j in range(indptr[row], indptr[row + 1]):
                column = np.uint32(indices[j])
                slot = slot_of[column]
                if slot < 0:
                    slot = np.int32(n_columns - first)
                    slot_of[column] = slot
                    columns[n_columns] = column
                    n_columns += 1
                slots[n_entries] = slot
                if has_values:
                    values[n_entries] = data[j]
                n_entries += 1
        for k in range(first, n_columns):
            slot_of[columns[k]] = -1
    starts[len(rows)] = n_entries
    column_starts[len(column_starts) - 1] = n_columns


@compile_kernel
def gather_rows(indptr, indices, data, rows, starts, slots, values):
    """Copy rows of a CSR matrix, as ``gather_batches`` does for all columns."""
    has_values = len(values) > 0
    n_entries = 0
    for i in range(len(rows)):
        starts[i] = n_entries
        row = rows[i]
        for j in range(indptr[row], indptr[row + 1]):
            slots[n_entries] = indices[j]
            if has_values:
                values[n_entries] = data[j]
            n_entries += 1
    starts[len(rows)] = n_entries


@compile_kernel
def take_weights(parameters, rows, out):
    """Copy the weights of some rows."""
    for i in range(len(rows)):
        source = parameters[rows[i], 0]
        target = out[i]
        for k in range(len(target)):
            target[k] = source[k]


@compile_kernel
def multiply(starts, slots, values, kernel, out):
    """Compute the product of a batch with the kernel's rows at its slots."""
    has_values = len(values) > 0
    one = np.float32(1)
    for i in range(len(out)):
        row = out[i]
        for k in range(len(row)):
            row[k] = 0
        j = starts[i]
        end = starts[i + 1]
        # Four entries at a time: the row is read and written a quarter as often. Entries of 1 are
        # summed in SciPy's order.
        while j + 4 <= end and not has_values:
            kernel_a, kernel_b = kernel[slots[j]], kernel[slots[j + 1]]
            kernel_c, kernel_d = kernel[slots[j + 2]], kernel[slots[j + 3]]
            for k in range(len(row)):
                row[k] = (((row[k] + kernel_a[k]) + kernel_b[k]) + kernel_c[k]) + kernel_d[k]
            j += 4
        while j + 4 <= end:
            a, b = values[j], values[j + 1]
            c, d = values[j + 2], values[j + 3]
            kernel_a, kernel_b = kernel[slots[j]], kernel[slots[j + 1]]
            kernel_c, kernel_d = kernel[slots[j + 2]], kernel[slots[j + 3]]
            for k in range(len(row)):
                row[k] += (a * kernel_a[k] + b * kernel_b[k]) + (c * kernel_c[k] + d * kernel_d[k])
            j += 4
        while j < end:
            a = values[j] if has_values else one
            kernel_a = kernel[slots[j]]
            for k in range(len(row)):
                row[k] += a * kernel_a[k]
            j += 1


@compile_kernel
def multiply_transposed(starts, slots, values, upstream, out):
    """Compute the product of a transposed batch with the gradients of its rows."""
    has_values = len(values) > 0
    for i in range(len(out)):
        row = out[i]
        for k in range(len(row)):
            row[k] = 0
    for i in range(len(upstream)):
        gradient = upstream[i]
        if not has_values:
            for j in range(starts[i], starts[i + 1]):
                row = out[slots[j]]
                for k in range(len(gradient)):
                    row[k] += gradient[k]
            continue
        for j in range(starts[i], starts[i + 1]):
            value = values[j]
            row = out[slots[j]]
            for k in range(len(gradient)):
                row[k] += value * gradient[k]


@compile_kernel
def decay_factors(last_steps, rows, step, powers, out):
    """Find what RMSprop's averages decay to by the steps since each row was last touched."""
    longest = len(powers) - 1
    for i in range(len(rows)):
        row = rows[i]
        out[i] = powers[max(min(step - last_steps[row], longest), 0)]
        last_steps[row] = step


@compile_kernel
def update_sgd(parameters, rows, gradients, rate):
    for i in range(len(rows)):
        weight = parameters[rows[i], 0]
        gradient = gradients[i]
        for k in range(len(weight)):
            weight[k] -= rate * gradient[k]


@compile_kernel
def update_momentum(parameters, rows, gradients, rate, momentum):
    for i in range(len(rows)):
        weight = parameters[rows[i], 0]
        average = parameters[rows[i], 1]
        gradient = gradients[i]
        for k in range(len(weight)):
            average[k] = momentum * average[k] - rate * gradient[k]
            weight[k] += average[k]


@compile_kernel
def update_adagrad(parameters, rows, gradients, rate, epsilon):
    for i in range(len(rows)):
        weight = parameters[rows[i], 0]
        accumulator = parameters[rows[i], 1]
        gradient = gradients[i]
        for k in range(len(weight)):
            accumulator[k] += gradient[k] * gradient[k]
            weight[k] -= rate * gradient[k] / np.sqrt(accumulator[k] + epsilon)


@compile_kernel
def update_rmsprop(parameters, rows, gradients, decays, rate, share, epsilon):
    for i in range(len(rows)):
        weight = parameters[rows[i], 0]
        velocity = parameters[rows[i], 1]
        gradient = gradients[i]
        decay = decays[i]
        for k in range(len(weight)):
            velocity[k] = decay * velocity[k] + share * gradient[k] * gradient[k]
            weight[k] -= rate * gradient[k] / np.sqrt(velocity[k] + epsilon)


@compile_kernel
def update_adam(parameters, rows, gradients, rate, share_1, share_2, epsilon, kept):
    for i in range(len(rows)):
        weight = parameters[rows[i], 0]
        momentum = parameters[rows[i], 1]
        velocity = parameters[rows[i], 2]
        gradient = gradients[i]
        for k in range(len(weight)):
            momentum[k] += (gradient[k] - momentum[k]) * share_1
            velocity[k] += (gradient[k] * gradient[k] - velocity[k]) * share_2
            weight[k] = kept * weight[k] - rate * momentum[k] / (np.sqrt(velocity[k]) + epsilon)
