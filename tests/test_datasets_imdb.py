"""fetch_imdb: the forms of the data, text, damaged archives, bad arguments."""

import gzip
import io
import itertools
import json
import tarfile

import numpy as np
import pytest
from sklearn.utils import Bunch

from skimdb.datasets import _download, fetch_imdb

WORDS = ["the", "film", "is", "good", "bad", "plot", "long", "star", "never", "again"]
WORD_INDEX = {word: rank for rank, word in enumerate(WORDS, start=1)}
SPLITS = ("train", "test")


@pytest.fixture(autouse=True)
def _nothing_beyond_the_test(monkeypatch, tmp_path):
    """Hide the cache, the web and the user's data."""
    monkeypatch.delenv("SKIMDB_IMDB_HOME", raising=False)
    monkeypatch.setattr(_download, "cache_folder", lambda: tmp_path / "no-cache")
    monkeypatch.setattr(_download, "RETRIES", 0)
    for name, remote in _download.REMOTE_FILES.items():
        closed = f"http://127.0.0.1:9/{name}"
        monkeypatch.setitem(_download.REMOTE_FILES, name, remote._replace(url=closed))


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


def write_archive(path, files, extra=()):
    with tarfile.open(path, "w:gz") as archive:
        for name, text in files.items():
            content = text if isinstance(text, bytes) else text.encode()
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
        for member in extra:
            archive.addfile(member)


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


def test_only_reviews_are_read_from_an_archive(tmp_path):
    good = {"aclImdb/train/pos/0_9.txt": "good", "aclImdb/train/neg/0_2.txt": "bad"}
    others = [
        "aclImdb/train/unsup/0_0.txt",
        "aclImdb/train/pos/1_9.txt.exe",
        "aclImdb/train/pos/²_9.txt",
        f"aclImdb/train/pos/{'9' * 5000}_9.txt",
        "aclImdb/README",
        "aclImdb/train/...",
        "1_9.txt",
    ]
    folder = tarfile.TarInfo("aclImdb/train/pos/2_9.txt")
    folder.type = tarfile.DIRTYPE
    write_archive(tmp_path / "a.tar.gz", {**dict.fromkeys(others, "never"), **good}, [folder])
    X, y = fetch_imdb(
        data_home=tmp_path / "a.tar.gz", as_text=True, random_state=None, return_X_y=True
    )
    assert X.tolist() == ["bad", "good"]
    assert y.tolist() == [0, 1]


@pytest.mark.parametrize("keep", [0, 5, 0.5, 0.99])
def test_truncated_archive(archive, keep):
    content = archive.read_bytes()
    archive.write_bytes(content[: keep if isinstance(keep, int) else int(len(content) * keep)])
    with pytest.raises(ValueError, match=r"aclImdb_v1\.tar\.gz cannot be read"):
        fetch_imdb(data_home=archive, as_text=True)


@pytest.mark.parametrize("checksum", ["right", "wrong"])
def test_damaged_header_does_not_end_an_archive_unnoticed(archive, checksum):
    compressed = archive.read_bytes()
    content = gzip.decompress(compressed)
    name = b"aclImdb/test/pos/"
    damaged = gzip.compress(content.replace(name, name.upper(), 1))
    if checksum == "wrong":
        damaged = damaged[:-8] + compressed[-8:]
    archive.write_bytes(damaged)
    with pytest.raises(ValueError, match=r"aclImdb_v1\.tar\.gz cannot be read"):
        fetch_imdb(data_home=archive, as_text=True)


def test_wrong_checksum_of_an_archive(archive):
    archive.write_bytes(archive.read_bytes()[:-8] + bytes(8))
    with pytest.raises(ValueError, match=r"aclImdb_v1\.tar\.gz cannot be read.*CRC"):
        fetch_imdb(data_home=archive, as_text=True)


@pytest.mark.parametrize("content", [b"not gzip", gzip.compress(b"not tar")], ids=repr)
def test_no_archive(archive, content):
    archive.write_bytes(content)
    with pytest.raises(ValueError, match=r"aclImdb_v1\.tar\.gz cannot be read"):
        fetch_imdb(data_home=archive, as_text=True)


def test_text_that_is_not_utf8_is_named(tmp_path):
    write_archive(tmp_path / "a.tar.gz", {"aclImdb/train/neg/7_1.txt": b"caf\xe9"})
    with pytest.raises(ValueError, match=r"train/neg/7_1\.txt must be text in UTF-8"):
        fetch_imdb(data_home=tmp_path / "a.tar.gz", as_text=True)


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
        fetch_imdb(data_home=folder)
    assert len(fetch_imdb(data_home=folder, as_text=True).data) == 14


@pytest.mark.parametrize(
    ("parameters", "error", "message"),
    [
        ({"subset": "unsup"}, ValueError, "subset must be one of .*, got 'unsup'"),
        ({"subset": None}, ValueError, "subset must be one of"),
        ({"num_words": -1}, ValueError, "num_words must be .*, got -1"),
        ({"num_words": 0}, ValueError, "num_words must be .*, got 0"),
        ({"num_words": 10.5}, TypeError, "num_words must be .*, got 10.5"),
        ({"skip_top": -1}, ValueError, "skip_top must be"),
        ({"skip_top": None}, TypeError, "skip_top must be"),
        ({"maxlen": 0}, ValueError, "maxlen must be"),
        ({"maxlen": 1}, ValueError, "maxlen must leave at least one train review, got 1"),
        ({"start_char": -1}, ValueError, "start_char must be"),
        ({"start_char": 2**31}, ValueError, "start_char must be"),
        ({"oov_char": "?"}, TypeError, "oov_char must be"),
        ({"oov_char": 2**31}, ValueError, "oov_char must be"),
        ({"index_from": -3}, ValueError, "index_from must be"),
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
