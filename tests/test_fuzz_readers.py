"""Mutated files are read correctly, or refused by name; see fuzz/README.md."""

import importlib
import random
import struct
import sys
import warnings
from pathlib import Path

import pytest
from fuzz._outcome import RefusedError

READERS = [
    "npz", "archive", "word_index", "compact", "labelled", "tables", "model", "steps", "ngrams",
]  # fmt: skip
N_MUTANTS = {"compact": 400, "tables": 150, "model": 600, "steps": 120, "ngrams": 300}
NUMBERS = [0, 1, 0x7F, 0x80, 0xFF, 0xFFFF, 0x7FFFFFFF, 0xFFFFFFFF, 2**40, 2**63, 2**64 - 1]


def flipped(data, rng, _):
    data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)


def replaced(data, rng, _):
    data[rng.randrange(len(data))] = rng.randrange(256)


def numbered(data, rng, _):
    number, place = rng.choice(NUMBERS), rng.randrange(len(data))
    size = rng.choice([1, 2, 4, 8])
    order = rng.choice("<>")
    content = struct.pack(order + "Q", number)
    data[place : place + size] = content[:size] if order == "<" else content[-size:]


def cut_out(data, rng, _):
    start = rng.randrange(len(data))
    del data[start : start + rng.choice([1, 2, 8, 100, len(data)])]


def repeated(data, rng, _):
    start = rng.randrange(len(data))
    part = data[start : start + rng.choice([1, 4, 30, 600])]
    data[start:start] = part * rng.choice([1, 2, 500 if len(part) < 5 else 1])


def spliced(data, rng, other):
    start = rng.randrange(len(other))
    place = rng.randrange(len(data))
    size = rng.choice([1, 8, 64, len(other)])
    data[place : place + rng.choice([0, size])] = other[start : start + size]


MUTATIONS = [flipped, replaced, numbered, cut_out, repeated, spliced]


def mutant(seeds, rng):
    """Return a seed changed in one place or a few, but for its first byte."""
    seed = rng.choice(seeds)
    first, data = seed[:1], bytearray(seed[1:])
    for _ in range(rng.choice([1, 1, 1, 2, 5])):
        if data:
            rng.choice(MUTATIONS)(data, rng, rng.choice(seeds)[1:])
    return first + bytes(data)


@pytest.fixture(autouse=True)
def _limited_memory():
    """At most 2 GB more for this process: a forged pickle can ask for all memory."""
    if sys.platform != "linux":
        yield
        return
    import resource

    limits = resource.getrlimit(resource.RLIMIT_AS)
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + 2**31, limits[1]))
    yield
    resource.setrlimit(resource.RLIMIT_AS, limits)


@pytest.fixture(params=READERS)
def target(request, monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return importlib.import_module(f"fuzz.fuzz_{request.param}")


def read(target, data, folder):
    """Return what is read, or None if the file is refused."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return target.read(data, folder)
    except RefusedError:
        return None


def test_seeds_are_read(target, tmp_path):
    assert any(read(target, seed, tmp_path) is not None for seed in target.seeds())


def test_mutants_are_read_rightly_or_refused_by_name(target, tmp_path):
    rng, seeds = random.Random(0), list(target.seeds())
    name = target.__name__.removeprefix("fuzz.fuzz_")
    n_read = n_refused = 0
    for _ in range(N_MUTANTS.get(name, 1000)):
        data = mutant(seeds, rng)
        try:
            outcome = read(target, data, tmp_path)
        except BaseException as error:
            raise AssertionError(f"{name} fails on {data!r}") from error
        n_read, n_refused = n_read + (outcome is not None), n_refused + (outcome is None)
    assert n_read
    assert n_refused or name == "compact"  # which is made anew
