"""Archives and folders of reviews that are odd, damaged or hostile."""

import gzip
import io
import itertools
import os
import tarfile
import time
import tracemalloc

import pytest

from skimdb.datasets import _readers, fetch_imdb

REVIEW = "aclImdb/train/pos/0_9.txt"
BLOCK = 512
END = bytes(2 * BLOCK)


def write_archive(path, files, extra=()):
    with tarfile.open(path, "w:gz") as archive:
        for name, content in files.items():
            content = content if isinstance(content, bytes) else content.encode()
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
        for member in extra:
            archive.addfile(member)


@pytest.fixture
def archive(tmp_path):
    """An archive with a few reviews."""
    names = itertools.product(("train", "test"), ("neg", "pos"), range(7))
    files = {f"aclImdb/{split}/{side}/{n}_5.txt": f"review {n}" for split, side, n in names}
    write_archive(tmp_path / "aclImdb_v1.tar.gz", files)
    return tmp_path / "aclImdb_v1.tar.gz"


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


@pytest.mark.parametrize("content", [b"not gzip", gzip.compress(b"not tar", mtime=0)], ids=repr)
def test_no_archive(archive, content):
    archive.write_bytes(content)
    with pytest.raises(ValueError, match=r"aclImdb_v1\.tar\.gz cannot be read"):
        fetch_imdb(data_home=archive, as_text=True)


def test_text_that_is_not_utf8_is_named(tmp_path):
    write_archive(tmp_path / "a.tar.gz", {"aclImdb/train/neg/7_1.txt": b"caf\xe9"})
    with pytest.raises(ValueError, match=r"train/neg/7_1\.txt must be text in UTF-8"):
        fetch_imdb(data_home=tmp_path / "a.tar.gz", as_text=True)


def member(name, content=b"", **fields):
    """A member of a tar archive; it may claim another size than that of its content."""
    info = tarfile.TarInfo(name)
    info.size = len(content)
    for field, value in fields.items():
        setattr(info, field, value)
    padding = bytes(-len(content) % BLOCK)
    return info.tobuf(tarfile.GNU_FORMAT) + content + padding


def extended(kind, content):
    """A header that describes the member behind it."""
    return member("header", content, type=kind)


@pytest.fixture
def refused(tmp_path, monkeypatch):
    """A function that returns the error message of an archive, and checks the memory."""
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    path = tmp_path / "aclImdb_v1.tar.gz"

    def refused(*parts, end=END):
        path.write_bytes(gzip.compress(b"".join([member("aclImdb/README"), *parts, end]), 1))
        before = sorted(tmp_path.rglob("*"))
        tracemalloc.start()
        try:
            with pytest.raises(ValueError, match=r"aclImdb_v1\.tar\.gz cannot be read") as caught:
                fetch_imdb(data_home=path, as_text=True)
            assert tracemalloc.get_traced_memory()[1] < 30_000_000
        finally:
            tracemalloc.stop()
        assert sorted(tmp_path.rglob("*")) == before
        return str(caught.value)

    return refused


@pytest.mark.parametrize(
    "name",
    [
        "../escape.txt",
        "aclImdb/train/pos/../../../../0_9.txt",
        "..",
        "aclImdb/..",
        "/etc/passwd",
        "/aclImdb/train/pos/0_9.txt",
        "//0_9.txt",
    ],
)
def test_names_that_lead_out_of_the_folder(name, refused):
    assert f"its member {name!r} would be outside the folder" in refused(member(name, b"x"))


@pytest.mark.parametrize(
    "kind",
    ["SYMTYPE", "LNKTYPE", "CHRTYPE", "BLKTYPE", "FIFOTYPE", "GNUTYPE_SPARSE"],
)
@pytest.mark.parametrize("target", ["/etc/passwd", "../../x", "aclImdb/README"])
@pytest.mark.parametrize("name", [REVIEW, "aclImdb/another"])
def test_members_that_are_no_plain_files(kind, target, name, refused):
    reason = refused(member(name, type=getattr(tarfile, kind), linkname=target))
    assert f"its member {name!r} is neither a plain file nor a folder" in reason


def test_a_link_and_then_a_file_below_it(refused):
    link = member("aclImdb/train", type=tarfile.SYMTYPE, linkname="/tmp")
    assert "'aclImdb/train' is neither" in refused(link, member(REVIEW, b"x"))


@pytest.mark.parametrize("size", [2**20 + 1, 2**33, 2**60])
def test_a_review_that_claims_gigabytes(size, refused):
    assert f"{REVIEW} has {size} bytes, over 1048576" in refused(member(REVIEW, size=size))


@pytest.mark.parametrize("size", [2**33, 2**60])
def test_another_member_that_claims_gigabytes(size, refused):
    assert "unpacks to over 1073741824 bytes" in refused(member("aclImdb/x", size=size))


@pytest.mark.parametrize("size", [-1, -BLOCK, -2 * BLOCK, -(2**40)])
@pytest.mark.parametrize("name", [REVIEW, "aclImdb/x"])
def test_a_member_of_a_negative_size(size, name, refused):
    """Some versions of tarfile read the same headers without end."""
    start = time.monotonic()
    reason = refused(member(name, size=size), member(REVIEW, b"x"))
    assert "wrong size" in reason or "header" in reason
    assert time.monotonic() - start < 20


@pytest.mark.parametrize("kind", [tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.GNUTYPE_LONGNAME])
def test_a_header_of_hundreds_of_megabytes(kind, refused):
    reason = refused(member("header", type=kind, size=2**28), bytes(2**21))
    assert "headers of a member to over 16384" in reason


@pytest.mark.parametrize("value", [b"-512", b"1e9", b"99999999999999999999", b"nan", b"\xff"])
def test_sizes_in_extended_headers(value, refused):
    record = b" size=" + value + b"\n"
    record = str(len(record) + 2).encode() + record
    refused(extended(tarfile.XHDTYPE, record), member(REVIEW, b"x" * 600), end=b"")


@pytest.fixture
def texts(tmp_path):
    """A function that returns the training reviews in a tar archive."""

    def texts(*parts):
        path = tmp_path / "aclImdb_v1.tar.gz"
        path.write_bytes(gzip.compress(b"".join([*parts, END])))
        return fetch_imdb(data_home=path, as_text=True, random_state=None).data.tolist()

    return texts


def pax(**records):
    """The content of an extended header."""
    lines = [f" {key.replace('__', '.')}={value}\n" for key, value in records.items()]
    return "".join(
        next(f"{n}{line}" for n in range(500) if len(f"{n}{line}".encode()) == n) for line in lines
    ).encode()


def test_what_headers_say_of_the_next_member(texts):
    nowhere = member("aclImdb/nowhere", b"good", size=4)
    assert texts(extended(tarfile.XHDTYPE, pax(path=REVIEW)), nowhere) == ["good"]
    assert texts(extended(tarfile.GNUTYPE_LONGNAME, REVIEW.encode() + b"\0"), nowhere) == ["good"]
    assert texts(
        extended(tarfile.XHDTYPE, pax(path=REVIEW, mtime="1.5", comment="été", size=3)),
        member("aclImdb/nowhere", b"goo", size=300),
        member("aclImdb/train/neg/0_1.txt", b"bad"),
    ) == ["bad", "goo"]
    # of one member only
    assert texts(extended(tarfile.XHDTYPE, pax(path="aclImdb/x")), nowhere, member(REVIEW)) == [""]


@pytest.mark.parametrize("kind", [tarfile.XHDTYPE, tarfile.XGLTYPE])
def test_headers_upon_headers(kind, texts, refused):
    headers = [extended(kind, pax(comment=n)) for n in range(3000)]
    assert texts(*headers[:10], member(REVIEW, b"good")) == ["good"]
    assert "headers of a member to over 16384" in refused(*headers, member(REVIEW, b"good"))


def test_global_headers(texts, refused):
    header = extended(tarfile.XGLTYPE, pax(**{f"k{n}": n for n in range(900)}))
    assert texts(header, member(REVIEW, b"good")) == ["good"]
    assert "outside" in refused(extended(tarfile.XGLTYPE, pax(path="../x")), member(REVIEW))
    assert "wrong size" in refused(extended(tarfile.XGLTYPE, pax(size=5)), member("aclImdb/x"))


def test_global_headers_do_not_add_up(texts):
    keys = range(40_000)
    headers = [
        extended(tarfile.XGLTYPE, pax(**{f"k{n}": "v" for n in keys[i : i + 800]}))
        for i in keys[::800]
    ]
    members = [part for header in headers for part in (header, member("aclImdb/x"))]
    tracemalloc.start()
    assert texts(*members, member(REVIEW, b"good")) == ["good"]
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 10_000_000


@pytest.mark.parametrize(
    "records", [{"GNU__sparse__major": 1, "GNU__sparse__minor": 0}, {"GNU__sparse__map": "0,1"}]
)
def test_extended_headers_that_tell_of_holes(records, refused):
    content = pax(**records, GNU__sparse__realsize=2**40)
    endless = member(REVIEW, b"9" * 4000)
    reason = refused(extended(tarfile.XHDTYPE, content), endless)
    assert "is neither a plain file" in reason or "values to unpack" in reason


@pytest.mark.parametrize(
    "content",
    [b"0 a=b\n", b"-5 a=b\n", b"5 a=b", b"9 ab\n", b"6 =b\n5", b" a=b\n", b"4 a=\n", b"99 a=b\n",
     b"\0" * 9, b"9" * 30 + b" a=b\n", b"1" * 5000],
)  # fmt: skip
def test_damaged_extended_headers(content, texts, tmp_path):
    """Whatever tarfile makes of them: no review is lost without an error."""
    try:
        assert texts(extended(tarfile.XHDTYPE, content), member(REVIEW, b"x")) == ["x"]
    except ValueError as error:
        assert "aclImdb_v1.tar.gz cannot be read" in str(error)  # noqa: PT017


@pytest.mark.parametrize("content", [b"", b"x" * 600, b"x" * BLOCK])
@pytest.mark.parametrize("position", [0, 150, 257, 511])
def test_a_damaged_header_is_never_the_end(content, position, refused):
    damaged = bytearray(member("aclImdb/train/neg/0_2.txt", content))
    damaged[position] ^= 1
    for parts in ([bytes(damaged)], [bytes(damaged), member("aclImdb/x", bytes(600))]):
        for end in (END, b"", bytes(BLOCK)):
            assert "a header is damaged" in refused(member(REVIEW, b"good"), *parts, end=end)


@pytest.mark.parametrize("size", [0, 100, 512, 700])
def test_a_tar_archive_that_is_cut_off(size, refused):
    whole = member(REVIEW, b"good" * 100)
    assert refused(member("aclImdb/train/neg/0_2.txt"), whole[: 1024 - 512 + size // 2], end=b"")


def test_an_end_without_zeros(tmp_path):
    path = tmp_path / "aclImdb_v1.tar.gz"
    path.write_bytes(gzip.compress(member(REVIEW, b"good")))
    assert fetch_imdb(data_home=path, as_text=True).data.tolist() == ["good"]


@pytest.mark.parametrize("format", ["USTAR_FORMAT", "GNU_FORMAT", "PAX_FORMAT"])
def test_what_tarfile_writes_is_read(format, texts, tmp_path):
    path = tmp_path / "written.tar"
    names = [REVIEW, "aclImdb/train/neg/0_1.txt", "aclImdb/x", f"aclImdb/{'x' * 90}/{'y' * 90}"]
    if format != "USTAR_FORMAT":
        names.append("aclImdb/" + "é" * 300)
    with tarfile.open(path, "w", format=getattr(tarfile, format)) as archive:
        folder = tarfile.TarInfo("aclImdb")
        folder.type = tarfile.DIRTYPE
        archive.addfile(folder)
        for number, name in enumerate(names):
            info = tarfile.TarInfo(name)
            content = name.encode() * 300 * number
            info.size, info.mtime, info.uname = len(content), 1e9 + 0.5, "Ånd"
            archive.addfile(info, io.BytesIO(content))
    assert texts(path.read_bytes()) == [names[1] * 300, ""]


def test_more_members_than_any_archive_has(refused, monkeypatch):
    monkeypatch.setattr(_readers, "MOST_MEMBERS", 1000)
    assert "it has over 1000 members" in refused(*[member("aclImdb/x")] * 1001)


@pytest.mark.parametrize("parts", [[member("aclImdb/x", bytes(10**6))] * 3, [bytes(3 * 10**6)]])
def test_an_archive_that_unpacks_to_too_much(parts, refused, monkeypatch):
    monkeypatch.setattr(_readers, "LARGEST_ARCHIVE", 2 * 10**6)
    assert "it unpacks to over 2000000 bytes" in refused(*parts)


def test_reviews_that_are_too_long_together(tmp_path, monkeypatch):
    monkeypatch.setattr(_readers, "LARGEST_TEXTS", 1000)
    path = tmp_path / "a.tar.gz"
    members = [member(f"aclImdb/train/pos/{number}_9.txt", b"x" * 501) for number in range(2)]
    path.write_bytes(gzip.compress(b"".join(members) + bytes(1024)))
    with pytest.raises(ValueError, match=r"a\.tar\.gz holds reviews of over 1000 characters"):
        fetch_imdb(data_home=path, as_text=True)


def sparse_header(size, at):
    """A member of the old GNU kind that is a hole of so many bytes."""
    header = bytearray(member(REVIEW, type=tarfile.GNUTYPE_SPARSE))
    header[386:410] = b"%011o\0" % at + b"%011o\0" % 0
    header[483:495] = b"%011o\0" % size
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    return bytes(header)


def test_a_file_that_is_a_hole_of_gigabytes(refused):
    assert "is neither a plain file" in refused(sparse_header(2**33 - 1, 2**33 - 1))


def test_a_gzip_header_of_a_megabyte_and_many_parts(tmp_path):
    content = member(REVIEW, b"good") + bytes(1024)
    named = b"\x1f\x8b\x08\x08\0\0\0\0\0\xff" + b"n" * 10**6 + b"\0"
    first = gzip.compress(content[:700])
    path = tmp_path / "a.tar.gz"
    path.write_bytes(named + first[10:] + b"".join(gzip.compress(content[i : i + 1])
                     for i in range(700, len(content))))  # fmt: skip
    assert fetch_imdb(data_home=path, as_text=True).data.tolist() == ["good"]


@pytest.fixture
def folder(tmp_path):
    for name in ("train/pos", "train/neg", "test/pos"):
        (tmp_path / "aclImdb" / name).mkdir(parents=True)
    (tmp_path / "aclImdb/train/neg/0_1.txt").write_text("bad")
    return tmp_path / "aclImdb"


def test_a_file_in_a_folder_that_is_far_too_long(folder):
    with (folder / "train/pos/0_9.txt").open("wb") as file:
        file.truncate(2**40)
    with pytest.raises(ValueError, match=r"0_9\.txt has 1099511627776 bytes, over"):
        fetch_imdb(data_home=folder, as_text=True)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="has no such files")
def test_pipes_devices_and_broken_links_in_a_folder_are_no_reviews(folder):
    os.mkfifo(folder / "train/pos/0_9.txt")
    (folder / "train/pos/1_9.txt").symlink_to("/dev/zero")
    (folder / "train/pos/2_9.txt").symlink_to("nowhere")
    (folder / "train/pos/3_9.txt").symlink_to("3_9.txt")
    assert fetch_imdb(data_home=folder, as_text=True).data.tolist() == ["bad"]


def test_a_file_in_a_folder_that_is_not_utf8(folder):
    (folder / "train/pos/0_9.txt").write_bytes("Bien sûr".encode("latin1"))
    with pytest.raises(ValueError, match=r"pos/0_9\.txt must be text in UTF-8"):
        fetch_imdb(data_home=folder, as_text=True)
