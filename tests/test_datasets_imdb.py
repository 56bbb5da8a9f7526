"""fetch_imdb: the forms of the data, sequences as Keras gives them, text, bad arguments."""

import io
import itertools
import json
import os
import subprocess
import sys
import tarfile

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from property_cases import REFUSED, given_or_refused, nonsense, scaled
from sklearn.utils import Bunch

from skimdb.datasets import fetch_imdb, fetch_word_index

WORDS = ["the", "film", "is", "good", "bad", "plot", "long", "star", "never", "again"]
WORD_INDEX = {word: rank for rank, word in enumerate(WORDS, start=1)}
SPLITS = ("train", "test")


@pytest.fixture(autouse=True)
def _own_cache(monkeypatch, tmp_path):
    """An empty cache, an empty working folder, and no data of the user."""
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    monkeypatch.delenv("SKIMDB_IMDB_HOME", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def object_array(rows):
    array = np.empty(len(rows), dtype=object)
    array[:] = rows
    return array


def tiny_reviews():
    """Return 14 training and 10 test reviews as (label, number, ranks), in no order."""
    rng = np.random.default_rng(0)
    return {
        split: [
            (label, number, rng.integers(1, 11, rng.integers(1, 9)).tolist())
            for label, number in rng.permutation(list(itertools.product((0, 1), range(8, 8 + n))))
        ]
        for split, n in (("train", 7), ("test", 5))
    }


def review_files(reviews):
    """Return the names and contents of the reviews in Stanford's layout."""
    return {
        f"aclImdb/{split}/{('neg', 'pos')[label]}/{number}_{3 + 6 * label}.txt": " ".join(
            WORDS[rank - 1].upper() for rank in ranks
        )
        for split, rows in reviews.items()
        for label, number, ranks in rows
    }


def write_npz(path, reviews):
    np.savez(
        path,
        **{
            f"x_{split}": object_array([row[2] for row in rows]) for split, rows in reviews.items()
        },
        **{f"y_{split}": np.array([row[0] for row in rows]) for split, rows in reviews.items()},
    )


def write_folder(path, files):
    for name, text in files.items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_text(text, encoding="utf-8")


def write_archive(path, files):
    with tarfile.open(path, "w:gz") as archive:
        for name, text in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(text.encode())
            archive.addfile(member, io.BytesIO(text.encode()))


@pytest.fixture
def reviews():
    return tiny_reviews()


@pytest.fixture
def npz(tmp_path, reviews):
    write_npz(tmp_path / "imdb.npz", reviews)
    return tmp_path / "imdb.npz"


@pytest.fixture
def word_index(tmp_path):
    (tmp_path / "imdb_word_index.json").write_text(json.dumps(WORD_INDEX))
    return tmp_path / "imdb_word_index.json"


@pytest.fixture
def archive(tmp_path, reviews, word_index):
    write_archive(tmp_path / "aclImdb_v1.tar.gz", review_files(reviews))
    return tmp_path / "aclImdb_v1.tar.gz"


@pytest.fixture
def folder(tmp_path, reviews, word_index):
    write_folder(tmp_path, review_files(reviews))
    return tmp_path / "aclImdb"


def as_lists(X):
    return [ids if isinstance(ids, str) else [int(i) for i in ids] for ids in X]


def test_form(npz):
    imdb = fetch_imdb(data_home=npz)
    assert isinstance(imdb, Bunch)
    assert imdb.data.shape == imdb.target.shape == (14,)
    assert imdb.data.dtype == object
    assert {ids.dtype for ids in imdb.data} == {np.dtype(np.int32)}
    assert imdb.target.dtype == np.int64
    assert imdb.target_names == ["negative", "positive"]
    assert "Maas" in imdb.DESCR


def test_random_state(npz, reviews):
    def ranks(random_state):
        return as_lists(
            fetch_imdb(
                data_home=npz,
                random_state=random_state,
                num_words=100,
                start_char=None,
                index_from=0,
                return_X_y=True,
            )[0]
        )

    in_file = [row[2] for row in reviews["train"]]
    assert ranks(None) == in_file
    assert ranks(np.random.RandomState(5)) == ranks(np.int64(5)) == ranks(5) != in_file


@pytest.mark.parametrize("form", ["npz", "archive", "folder"])
@pytest.mark.parametrize("subset", ["train", "test", "all"])
@pytest.mark.parametrize("how", ["itself", "folder", "variable"])
def test_forms_hold_the_same_reviews(request, monkeypatch, reviews, form, subset, how):
    path = request.getfixturevalue(form)
    named = path if how == "itself" else path.parent
    if how == "variable":
        monkeypatch.setenv("SKIMDB_IMDB_HOME", str(named))
        named = None
    X, y = fetch_imdb(data_home=named, subset=subset, num_words=100, return_X_y=True)
    splits = SPLITS if subset == "all" else (subset,)
    expected = [
        ([1] + [3 + rank for rank in ranks], label)
        for split in splits
        for label, _, ranks in reviews[split]
    ]
    assert sorted(zip(as_lists(X), y.tolist(), strict=True)) == sorted(expected)


def test_npz_is_preferred_to_the_folder_to_the_archive(tmp_path, npz, folder, archive):
    ordered = {"random_state": None, "data_home": tmp_path, "return_X_y": True}
    (tmp_path / "imdb.npz").rename(tmp_path / "other.npz")
    archive.write_bytes(b"damaged")
    X_folder, _ = fetch_imdb(**ordered)
    (tmp_path / "other.npz").rename(npz)
    (folder / "train" / "neg" / "8_3.txt").write_bytes(b"\xff")
    X_npz, _ = fetch_imdb(**ordered)
    assert as_lists(X_folder) != as_lists(X_npz)
    assert sorted(as_lists(X_folder)) == sorted(as_lists(X_npz))


@pytest.mark.parametrize("form", ["archive", "folder"])
def test_text(request, reviews, form):
    path = request.getfixturevalue(form)
    for subset in SPLITS:
        X, y = fetch_imdb(
            data_home=path, subset=subset, as_text=True, random_state=None, return_X_y=True
        )
        rows = sorted(reviews[subset], key=lambda row: row[:2])
        assert X.dtype == object
        assert X.tolist() == [" ".join(WORDS[r - 1].upper() for r in ranks) for *_, ranks in rows]
        assert y.tolist() == [label for label, *_ in rows]


def test_only_reviews_are_read_from_a_folder(folder):
    (folder / "train" / "neg" / "notes.txt").write_text("never")
    (folder / "train" / "pos" / "9_9.txt.bak").write_text("never")
    (folder / "train" / "pos" / "99_9.txt").mkdir()
    for file in (folder / "test" / "neg").iterdir():
        file.unlink()
    (folder / "test" / "neg").rmdir()
    texts = fetch_imdb(data_home=folder, subset="all", as_text=True).data
    assert len(texts) == 14 + 5
    assert "never" not in texts


@pytest.mark.parametrize("subset", ["train", "test", "all"])
def test_text_and_sequences_have_the_same_order(folder, subset):
    texts, y_text = fetch_imdb(data_home=folder, subset=subset, as_text=True, return_X_y=True)
    X, y = fetch_imdb(data_home=folder, subset=subset, num_words=100, return_X_y=True)
    ranks = [[WORD_INDEX[word] for word in text.lower().split()] for text in texts]
    assert [[i - 3 for i in ids[1:]] for ids in as_lists(X)] == ranks
    np.testing.assert_array_equal(y, y_text)


def test_text_keeps_characters_and_line_ends(tmp_path):
    text = "Été\r\n<br /> \ufeffÁngela 🎬"
    write_archive(tmp_path / "a.tgz", {"aclImdb/test/pos/0_7.txt": text})
    X, _ = fetch_imdb(data_home=tmp_path / "a.tgz", subset="test", as_text=True, return_X_y=True)
    assert X.tolist() == [text]


@pytest.mark.parametrize("parameters", [{"num_words": 5}, {"skip_top": 1}, {"maxlen": 9}], ids=str)
def test_text_takes_no_limits(folder, parameters):
    with pytest.raises(ValueError, match=rf"{next(iter(parameters))} must be left at .* as_text"):
        fetch_imdb(data_home=folder, as_text=True, **parameters)


def test_split_without_reviews(tmp_path):
    write_archive(tmp_path / "a.tar.gz", {"aclImdb/test/neg/7_1.txt": "bad"})
    with pytest.raises(ValueError, match=r"a\.tar\.gz holds no train reviews"):
        fetch_imdb(data_home=tmp_path / "a.tar.gz", as_text=True)


def test_missing_path_is_named(monkeypatch, tmp_path):
    missing = tmp_path / "missing"
    with pytest.raises(FileNotFoundError, match=r"data_home names .*missing.*imdb\.npz"):
        fetch_imdb(data_home=missing)
    monkeypatch.setenv("SKIMDB_IMDB_HOME", str(missing))
    with pytest.raises(FileNotFoundError, match=r"SKIMDB_IMDB_HOME names .*missing.*imdb\.npz"):
        fetch_imdb()


def test_data_home_goes_before_the_variable(monkeypatch, tmp_path, npz):
    monkeypatch.setenv("SKIMDB_IMDB_HOME", str(tmp_path / "missing"))
    assert len(fetch_imdb(data_home=str(npz)).target) == 14


def test_file_of_no_known_form(tmp_path):
    (tmp_path / "reviews.csv").write_text("text,label")
    with pytest.raises(ValueError, match=r"data_home must be imdb\.npz.*got .*reviews\.csv"):
        fetch_imdb(data_home=tmp_path / "reviews.csv")


@pytest.mark.parametrize(
    ("name", "as_text", "expected"),
    [
        ("imdb.npz", True, "no text of the reviews: expected aclImdb or aclImdb_v1.tar.gz"),
        ("imdb_word_index.json", False, "no reviews: expected imdb.npz or"),
    ],
)
def test_file_of_another_form(npz, archive, name, as_text, expected):
    with pytest.raises(ValueError, match=expected):
        fetch_imdb(data_home=npz.parent / name, as_text=as_text)


def test_folder_without_the_form_is_passed_over(npz):
    with pytest.raises(OSError, match=r"holds none.*download_if_missing=False"):
        fetch_imdb(data_home=npz.parent, as_text=True, download_if_missing=False)


def test_sequences_from_text_need_the_word_index(folder):
    (folder.parent / "imdb_word_index.json").unlink()
    with pytest.raises(OSError, match=r"imdb_word_index\.json was not found"):
        fetch_imdb(data_home=folder, download_if_missing=False)
    assert len(fetch_imdb(data_home=folder, as_text=True).data) == 14


@pytest.mark.parametrize(
    ("parameters", "error", "message"),
    [
        ({"subset": "unsup"}, ValueError, "subset must be one of .*, got 'unsup'"),
        ({"subset": None}, ValueError, "subset must be one of"),
        ({"num_words": -1}, ValueError, "num_words == -1, must be >= 1"),
        ({"num_words": 0}, ValueError, "num_words == 0, must be >= 1"),
        ({"num_words": 10.5}, TypeError, "num_words must be .*, got 10.5"),
        ({"skip_top": -1}, ValueError, "skip_top == -1, must be >= 0"),
        ({"skip_top": None}, TypeError, "skip_top must be"),
        ({"maxlen": 0}, ValueError, "maxlen == 0, must be >= 1"),
        ({"maxlen": 1}, ValueError, "maxlen must leave at least one train review, got 1"),
        ({"start_char": -1}, ValueError, "start_char == -1, must be >= 0"),
        ({"start_char": 2**31}, ValueError, "start_char == .*, must be <= 2147483647"),
        ({"oov_char": "?"}, TypeError, "oov_char must be"),
        ({"oov_char": 2**31}, ValueError, "oov_char == .*, must be <= 2147483647"),
        ({"index_from": -3}, ValueError, "index_from == -3, must be >= 0"),
        ({"index_from": 2**31 - 5}, ValueError, "index_from must be at most 2147483637"),
        ({"random_state": -1}, ValueError, "random_state must be .* got -1"),
        ({"random_state": 2**32}, ValueError, "random_state must be .* got 4294967296"),
        ({"random_state": "seed"}, TypeError, "random_state must be .* got 'seed'"),
        ({"as_text": "yes"}, TypeError, "as_text must be"),
        ({"download_if_missing": None}, TypeError, "download_if_missing must be"),
        ({"return_X_y": 2}, TypeError, "return_X_y must be"),
        ({"data_home": 5}, TypeError, "data_home must be .* got int"),
    ],
    ids=str,
)
def test_bad_arguments_are_named(npz, parameters, error, message):
    with pytest.raises(error, match=message):
        fetch_imdb(**{"data_home": npz, **parameters})


def load_by_keras(monkeypatch, path, *, random_state, **parameters):
    keras_imdb = pytest.importorskip("keras.src.datasets.imdb")
    monkeypatch.setattr(keras_imdb, "get_file", lambda **_: str(path))
    train, test = keras_imdb.load_data(seed=random_state, **parameters)
    return {"train": train, "test": test}


def assert_equals_keras(monkeypatch, path, *, random_state=113, **parameters):
    parameters["random_state"] = random_state
    for subset, (X_keras, y_keras) in load_by_keras(monkeypatch, path, **parameters).items():
        X, y = fetch_imdb(data_home=path, subset=subset, return_X_y=True, **parameters)
        assert as_lists(X) == as_lists(X_keras)
        np.testing.assert_array_equal(y, y_keras)


@pytest.mark.parametrize("maxlen", [None, 6])
@pytest.mark.parametrize("start_char", [None, 0, 1, 40])
@pytest.mark.parametrize("oov_char", [None, 2, 99])
def test_a_small_file_is_loaded_as_by_keras(monkeypatch, npz, maxlen, start_char, oov_char):
    for num_words, skip_top, index_from in itertools.product((None, 1, 6, 100), (0, 2, 5), (0, 3)):
        assert_equals_keras(
            monkeypatch,
            npz,
            num_words=num_words,
            skip_top=skip_top,
            maxlen=maxlen,
            start_char=start_char,
            oov_char=oov_char,
            index_from=index_from,
        )


@pytest.mark.parametrize("start_char", [0, 1, 40])
def test_reviews_without_words_are_loaded_as_by_keras(monkeypatch, tmp_path, start_char):
    write_npz(tmp_path / "imdb.npz", {split: [(0, 1, []), (1, 1, [])] for split in SPLITS})
    assert_equals_keras(monkeypatch, tmp_path / "imdb.npz", start_char=start_char)


@pytest.mark.parametrize("random_state", [0, 7, 2**32 - 1])
def test_the_order_is_that_of_keras(monkeypatch, npz, random_state):
    assert_equals_keras(monkeypatch, npz, random_state=random_state)


def test_all_is_train_and_then_test(monkeypatch, npz):
    by_keras = load_by_keras(monkeypatch, npz, random_state=113, maxlen=7)
    X, y = fetch_imdb(data_home=npz, subset="all", maxlen=7, return_X_y=True)
    assert as_lists(X) == [ids for split, _ in by_keras.values() for ids in as_lists(split)]
    np.testing.assert_array_equal(y, np.concatenate([labels for _, labels in by_keras.values()]))


@pytest.mark.slow
@pytest.mark.parametrize(
    "parameters",
    [
        {},
        {"num_words": 10_000},
        {"num_words": 10_000, "skip_top": 20, "oov_char": None, "maxlen": 200},
        {"start_char": None, "index_from": 0, "random_state": 1},
    ],
    ids=str,
)
def test_the_real_file_is_loaded_as_by_keras(monkeypatch, imdb_home, parameters):
    assert_equals_keras(monkeypatch, imdb_home / "imdb.npz", **parameters)


RANKS = {
    "train": [[1, 2, 3], [7], [5, 5, 90], [], [12, 1, 1, 40], [2]],
    "test": [[3, 88, 4], [1, 2], [6, 1, 30, 2, 9], []],
}
LABELS = {"train": [0, 1, 1, 0, 1, 0], "test": [1, 0, 0, 1]}


@pytest.fixture(scope="module")
def small_home(tmp_path_factory):
    """A folder with a tiny imdb.npz and no other data."""
    folder = tmp_path_factory.mktemp("imdb")
    arrays = {}
    for split, rows in RANKS.items():
        arrays[f"x_{split}"] = np.empty(len(rows), dtype=object)
        arrays[f"x_{split}"][:] = rows
        arrays[f"y_{split}"] = np.array(LABELS[split])
    np.savez(folder / "imdb.npz", **arrays)
    return folder


def keras_load_data(
    num_words, skip_top, maxlen, start_char, oov_char, index_from, random_state, subset
):
    """keras.datasets.imdb.load_data, in plain loops: (sequences, labels) of a subset."""
    rng = None if random_state is None else np.random.RandomState(random_state)
    rows = {}
    for split, all_ranks in RANKS.items():
        order = np.arange(len(all_ranks))
        if rng is not None:
            rng.shuffle(order)
        mark = [] if start_char is None else [start_char]
        ids = [mark + [rank + index_from for rank in all_ranks[i]] for i in order]
        pairs = zip(ids, [LABELS[split][i] for i in order], strict=True)
        rows[split] = [(ids, y) for ids, y in pairs if maxlen is None or len(ids) < maxlen]
    if num_words is None:
        num_words = max((i for part in rows.values() for ids, _ in part for i in ids), default=0)
    chosen = [pair for split in rows if subset in (split, "all") for pair in rows[split]]
    for ids, _ in chosen:
        kept = [
            i if skip_top <= i < num_words else oov_char
            for i in ids
            if oov_char is not None or skip_top <= i < num_words
        ]
        ids[:] = kept
    is_complete = all(rows[split] for split in rows if subset in (split, "all"))
    return chosen if is_complete else None


ids = st.integers(0, 95)


@scaled(150)
@given(
    st.fixed_dictionaries(
        {
            "num_words": st.none() | st.integers(1, 95) | st.just(10**30),
            "skip_top": ids | st.just(0) | st.just(10**30),
            "maxlen": st.none() | st.integers(1, 7) | st.just(10**30),
            "start_char": st.none() | ids | st.just(2**31 - 1),
            "oov_char": st.none() | ids | st.just(2**31 - 1),
            "index_from": ids
            | st.just(2**31 - 91)
            | st.sampled_from([np.int8(100), np.uint64(3)]),
            "random_state": st.none() | st.integers(0, 2**32 - 1),
            "subset": st.sampled_from(["train", "test", "all"]),
        }
    )
)
def test_any_parameters_give_the_sequences_of_keras(small_home, options):
    options["index_from"] = index_from = options["index_from"]
    options["index_from"] = int(index_from)
    expected = keras_load_data(**options)
    options["index_from"] = index_from
    found = given_or_refused(
        lambda: fetch_imdb(**options, data_home=small_home, return_X_y=True),
        "maxlen",
        "index_from",
    )
    if expected is None:
        assert found is REFUSED
        return
    if found is REFUSED:
        # in NumPy's int32, Keras's ids would overflow
        assert index_from == 2**31 - 91
        return
    X, y = found
    assert [row.tolist() for row in X] == [row for row, _ in expected]
    assert y.tolist() == [label for _, label in expected]
    assert {row.dtype for row in X} == {np.dtype(np.int32)}


FETCH_PARAMETERS = [
    "subset",
    "num_words",
    "skip_top",
    "maxlen",
    "start_char",
    "oov_char",
    "index_from",
    "random_state",
    "as_text",
    "download_if_missing",
    "return_X_y",
]


@pytest.mark.parametrize("name", FETCH_PARAMETERS)
@scaled(60)
@given(value=nonsense)
def test_a_parameter_that_makes_no_sense_is_named(small_home, name, value):
    def fetch():
        try:
            return fetch_imdb(
                **{"data_home": small_home, "download_if_missing": False, name: value}
            )
        except OSError:
            # there is no text, which is another matter
            assert name == "as_text"
            assert value

    given_or_refused(fetch, name)


@scaled(150)
@given(nonsense | st.text(st.characters()).map("~".__add__))
def test_a_data_home_that_makes_no_sense_is_named(small_home, value):
    assume(not isinstance(value, str) or value.strip("./"))
    for fetch in (fetch_imdb, fetch_word_index):
        try:
            result = given_or_refused(
                lambda fetch=fetch: fetch(data_home=value, download_if_missing=False), "data_home"
            )
        except OSError as error:
            assert value is None or "data_home" in str(error) or error.errno  # noqa: PT017
        else:
            assert result is REFUSED


def test_facts_of_the_real_data(imdb_home):
    for subset, mean in (("train", 238.71364), ("test", 230.8042)):
        X, y = fetch_imdb(data_home=imdb_home, subset=subset, num_words=10_000, return_X_y=True)
        lengths = [len(ids) for ids in X]
        assert np.mean(lengths) == pytest.approx(mean, abs=1e-9)
        assert np.bincount(y).tolist() == [12_500, 12_500]
        if subset == "train":
            assert sum(len(np.unique(ids)) for ids in X) == 3_292_468


@pytest.mark.slow
@pytest.mark.parametrize("subset", ["train", "test"])
def test_real_text_gives_the_sequences_of_the_npz(imdb_home, subset):
    parameters = {"subset": subset, "random_state": None, "return_X_y": True}
    X, y = fetch_imdb(data_home=imdb_home / "imdb.npz", **parameters)
    X_text, y_text = fetch_imdb(data_home=imdb_home / "aclImdb_v1.tar.gz", **parameters)
    permutation = np.random.RandomState(20110626).permutation(25_000)
    np.testing.assert_array_equal(y, y_text[permutation])
    assert all(map(np.array_equal, X, X_text[permutation]))


def test_real_text(imdb_home):
    archive = imdb_home / "aclImdb_v1.tar.gz"
    texts, y = fetch_imdb(data_home=archive, as_text=True, random_state=None, return_X_y=True)
    assert texts.shape == (25_000,)
    assert y.tolist() == [0] * 12_500 + [1] * 12_500
    # aclImdb/train/pos/576_10.txt, the first review in the article
    assert texts[12_500 + 576].startswith("this film was just brilliant,casting")


@pytest.mark.skipif(not os.path.isdir("/proc/self"), reason="reads memory from Linux's /proc")
def test_real_data_takes_little_memory(imdb_home):
    # not ru_maxrss, which counts the memory of the process that has started this one
    code = """
import re, sys
from pathlib import Path
from skimdb.datasets import fetch_imdb

def peak():
    return int(re.search(r"VmHWM:\\s*(\\d+) kB", Path("/proc/self/status").read_text())[1])

before = peak()
fetch_imdb(data_home=sys.argv[1], subset="all")
print(peak() - before)
"""
    child = [sys.executable, "-c", code, imdb_home / "imdb.npz"]
    run = subprocess.run(child, capture_output=True, text=True, check=True)
    assert 30_000 < int(run.stdout) < 300_000
