"""The kernels of words and n-grams, compiled by numba.

They are compiled at their first call, for the types in that call, and kept on disk. Loops stand
where NumPy has operations on whole arrays, which numba takes seconds to compile.

N-grams are the nodes of a trie. The trie is a hash table with two numbers a slot: the key, which
is the node of the n-gram without its last id (0 for none) and that id, and the node. An empty slot
has the key 0. Since the keys are whole, no two n-grams are ever taken for one.
"""

import numba
import numpy as np

SPACE, ROW_END = 0x20, 0xFF
MIX = np.uint64(0x9E3779B97F4A7C15)
MIX_AGAIN = np.uint64(0xD6E8FEB86659FD93)
SHIFT, LOW = np.uint64(32), np.uint64(0xFFFFFFFF)
ONE = np.uint64(1)
# rows are sorted digit by digit
DIGIT_BITS = 11
N_DIGITS = 2**DIGIT_BITS
FEW_COLUMNS = 64


def compile_kernel(function):
    """Return a function compiled at its first call, without Python's lock and kept on disk."""
    settings = {"nogil": True, "error_model": "numpy"}
    try:
        return numba.njit(cache=True, **settings)(function)
    except RuntimeError:
        # no folder for the cache can be written
        return numba.njit(**settings)(function)


@compile_kernel
def mix(number):
    """Return a number with mixed bits."""
    number = (number ^ (number >> SHIFT)) * MIX_AGAIN
    number = (number ^ (number >> SHIFT)) * MIX_AGAIN
    return number ^ (number >> SHIFT)


@compile_kernel
def number_words(text, slots, hashes, starts, letters, n_words, learns, numbers, offsets):
    """Find the number of each word of texts.

    Parameters
    ----------
    text : ndarray of uint8
        Texts in UTF-8, words separated by spaces; each text ends with ROW_END.
    slots : ndarray of uint64
        A hash table: the upper half of the word's hash and one more than its number; 0 is empty.
    hashes : ndarray of uint64
        The hash of each word.
    starts : ndarray of int64
        Where each word starts in ``letters``; one more for the end of the last.
    letters : ndarray of uint8
        The words in UTF-8, end to end.
    n_words : int
        How many words there are.
    learns : bool
        Whether words that are not there get the next number; else they have the number -1.
    numbers : ndarray of int32
        Filled with the number of each word of the texts.
    offsets : ndarray of int64
        Filled with the position of the first word of each text, and the number of words.

    Returns
    -------
    n_words : int
        How many words there are now.
    """
    mask = np.uint64(len(slots) - 1)
    n_found = 0
    n_texts = 0
    i = 0
    while i < len(text):
        byte = text[i]
        if byte == SPACE:
            i += 1
            continue
        if byte == ROW_END:
            n_texts += 1
            offsets[n_texts] = n_found
            i += 1
            continue
        first = i
        hashed = MIX
        while byte != SPACE and byte != ROW_END:
            hashed = (hashed ^ np.uint64(byte)) * np.uint64(0x100000001B3)
            i += 1
            byte = text[i]
        hashed = mix(hashed)
        length = i - first
        slot = hashed & mask
        number = -1
        while True:
            found = slots[slot]
            if found == 0:
                if learns:
                    number = n_words
                    slots[slot] = ((hashed >> SHIFT) << SHIFT) | np.uint64(number + 1)
                    hashes[number] = hashed
                    end = starts[number]
                    for k in range(length):
                        letters[end + k] = text[first + k]
                    starts[number + 1] = end + length
                    n_words += 1
                break
            if found >> SHIFT == hashed >> SHIFT:
                candidate = np.int64(found & LOW) - 1
                start = starts[candidate]
                if starts[candidate + 1] - start == length:
                    k = 0
                    while k < length and letters[start + k] == text[first + k]:
                        k += 1
                    if k == length:
                        number = candidate
                        break
            slot = (slot + ONE) & mask
        numbers[n_found] = number
        n_found += 1
    return n_words


@compile_kernel
def place_words(slots, hashes, n_words):
    """Fill an empty hash table with words."""
    mask = np.uint64(len(slots) - 1)
    for number in range(n_words):
        hashed = hashes[number]
        slot = hashed & mask
        while slots[slot] != 0:
            slot = (slot + ONE) & mask
        slots[slot] = ((hashed >> SHIFT) << SHIFT) | np.uint64(number + 1)


@compile_kernel
def count_ngrams(ids, offsets, nodes, length, table, position, row, n_entries):
    """Count the rows that hold each n-gram of a length.

    Parameters
    ----------
    ids, offsets : ndarray
        The rows.
    nodes : ndarray of int32
        The node of the n-gram, one shorter, that starts at each position; -1 if it is to be
        ignored. All 0 for the length 1.
    length : int
        The length of the n-grams.
    table : ndarray of shape (n_slots, 2), uint64
        The key of an n-gram; the number of rows, and the last of them plus 1.
    position, row, n_entries : int
        Where to continue, and how many n-grams are in the table.

    Returns
    -------
    position, row, n_entries : int
        Where it stopped: at the end, or before, when more than half of the table is full.
    """
    mask = np.uint64(len(table) - 1)
    most_entries = len(table) // 2
    while row < len(offsets) - 1:
        end = offsets[row + 1] - (length - 1)
        while position < end:
            node = nodes[position]
            if node >= 0 and (length == 1 or nodes[position + 1] >= 0):
                last = np.uint64(ids[position + length - 1])
                key = (np.uint64(node) << SHIFT | last) + ONE
                slot = mix(key) & mask
                while table[slot, 0] != 0 and table[slot, 0] != key:
                    slot = (slot + ONE) & mask
                state = table[slot, 1]
                if state & LOW != row + 1:
                    table[slot, 1] = ((state >> SHIFT) + ONE) << SHIFT | np.uint64(row + 1)
                    if table[slot, 0] == 0:
                        table[slot, 0] = key
                        n_entries += 1
                        if n_entries > most_entries:
                            return position + 1, row, n_entries
            position += 1
        row += 1
        position = offsets[row]
    return position, row, n_entries


@compile_kernel
def place_entries(entries, table):
    """Fill an empty hash table with the entries of another."""
    mask = np.uint64(len(table) - 1)
    for i in range(len(entries)):
        key = entries[i, 0]
        if key != 0:
            slot = mix(key) & mask
            while table[slot, 0] != 0:
                slot = (slot + ONE) & mask
            table[slot, 0] = key
            table[slot, 1] = entries[i, 1]


@compile_kernel
def find_node(trie, node, last):
    """Return the node of an n-gram, -1 if there is none."""
    mask = np.uint64(len(trie) - 1)
    key = (np.uint64(node) << SHIFT | np.uint64(last)) + ONE
    slot = mix(key) & mask
    while trie[slot, 0] != 0:
        if trie[slot, 0] == key:
            return np.int64(trie[slot, 1])
        slot = (slot + ONE) & mask
    return -1


@compile_kernel
def advance_nodes(ids, offsets, length, trie, nodes):
    """Replace the node of the n-gram at each position by that of the n-gram one longer."""
    for row in range(len(offsets) - 1):
        end = offsets[row + 1] - (length - 1)
        for position in range(offsets[row], offsets[row + 1]):
            node = nodes[position]
            if position >= end:
                nodes[position] = -1
            elif node >= 0:
                nodes[position] = find_node(trie, node, ids[position + length - 1])


@compile_kernel
def add_ngrams(ngrams, trie, nodes):
    """Add n-grams, and what they start with, to a trie with room for them.

    Parameters
    ----------
    ngrams : ndarray of shape (n_ngrams, longest), int32
        The ids of each n-gram, filled up with -1.
    trie : ndarray of shape (n_slots, 2), uint64
        The trie, empty at first.
    nodes : ndarray of shape (n_ngrams,), int32
        Filled with the node of each n-gram.

    Returns
    -------
    n_nodes : int
        Number of nodes, the empty n-gram included, which is node 0.
    """
    mask = np.uint64(len(trie) - 1)
    n_nodes = 1
    for i in range(len(ngrams)):
        node = np.int64(0)
        for k in range(ngrams.shape[1]):
            if ngrams[i, k] < 0:
                break
            key = (np.uint64(node) << SHIFT | np.uint64(ngrams[i, k])) + ONE
            slot = mix(key) & mask
            while trie[slot, 0] != 0 and trie[slot, 0] != key:
                slot = (slot + ONE) & mask
            if trie[slot, 0] == 0:
                trie[slot, 0] = key
                trie[slot, 1] = n_nodes
                n_nodes += 1
            node = np.int64(trie[slot, 1])
        nodes[i] = node
    return n_nodes


@compile_kernel
def longest_row(offsets):
    """Return the number of ids of the longest row."""
    longest = 0
    for row in range(len(offsets) - 1):
        longest = max(longest, offsets[row + 1] - offsets[row])
    return longest


@compile_kernel
def sort_columns(columns, counts, scratch, n_bits):
    """Sort the columns of a row in place, count equal ones, and return how many differ."""
    n_columns = len(columns)
    if n_columns < FEW_COLUMNS:
        for i in range(1, n_columns):
            column = columns[i]
            k = i
            while k > 0 and columns[k - 1] > column:
                columns[k] = columns[k - 1]
                k -= 1
            columns[k] = column
    else:
        places = np.zeros(N_DIGITS, dtype=np.int64)
        for shift in range(0, n_bits, DIGIT_BITS):
            for digit in range(N_DIGITS):
                places[digit] = 0
            for i in range(n_columns):
                places[(columns[i] >> shift) & (N_DIGITS - 1)] += 1
            place = 0
            for digit in range(N_DIGITS):
                n_equal = places[digit]
                places[digit] = place
                place += n_equal
            for i in range(n_columns):
                digit = (columns[i] >> shift) & (N_DIGITS - 1)
                scratch[places[digit]] = columns[i]
                places[digit] += 1
            for i in range(n_columns):
                columns[i] = scratch[i]
    n_kept = 0
    i = 0
    while i < n_columns:
        column = columns[i]
        first = i
        while i < n_columns and columns[i] == column:
            i += 1
        columns[n_kept] = column
        counts[n_kept] = i - first
        n_kept += 1
    return n_kept


@compile_kernel
def find_columns(ids, offsets, trie, column_of, n_bits, nodes, columns, counts, ends):
    """Find the columns of the n-grams of rows, sorted, and how often each occurs.

    Parameters
    ----------
    ids, offsets : ndarray
        The rows.
    trie : ndarray of shape (n_slots, 2), uint64
        The nodes of all n-grams.
    column_of : ndarray of int32
        The column of each node; -1 if it has none.
    n_bits : int
        How many bits the largest column has.
    nodes : ndarray of shape (longest, n_ids), int32
        Scratch for the n-grams of each length that start at each position.
    columns, counts : ndarray of int32
        Filled with the columns and counts of each row. They have room for all n-grams.
    ends : ndarray of int64
        Filled with the position after the last column of each row.
    """
    longest = len(nodes)
    # Length by length: the processor looks up several n-grams at a time.
    for k in range(longest):
        for row in range(len(ends)):
            for position in range(offsets[row], offsets[row + 1]):
                node = nodes[k - 1, position] if k else 0
                if node >= 0 and position + k < offsets[row + 1]:
                    nodes[k, position] = find_node(trie, node, ids[position + k])
                else:
                    nodes[k, position] = -1
    scratch = np.empty(longest * longest_row(offsets), dtype=np.int32)
    start = 0
    for row in range(len(ends)):
        end = start
        for k in range(longest):
            for position in range(offsets[row], offsets[row + 1]):
                node = nodes[k, position]
                if node >= 0:
                    column = column_of[node]
                    if column >= 0:
                        columns[end] = column
                        end += 1
        start += sort_columns(columns[start:end], counts[start:end], scratch, n_bits)
        ends[row] = start


@compile_kernel
def find_buckets(ids, offsets, shortest, longest, n_buckets, n_bits, columns, counts, ends):
    """Find the buckets of the n-grams of rows, as ``find_columns`` finds their columns."""
    scratch = np.empty(longest * longest_row(offsets), dtype=np.int32)
    start = 0
    for row in range(len(ends)):
        end = start
        for position in range(offsets[row], offsets[row + 1]):
            hashed = MIX
            for k in range(min(longest, offsets[row + 1] - position)):
                hashed = mix(hashed ^ np.uint64(ids[position + k])) * MIX
                if k + 1 >= shortest:
                    columns[end] = mix(hashed) % np.uint64(n_buckets)
                    end += 1
        start += sort_columns(columns[start:end], counts[start:end], scratch, n_bits)
        ends[row] = start
