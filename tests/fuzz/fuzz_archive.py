"""aclImdb_v1.tar.gz: the whole file, or the tar archive in it."""

import gzip
import io
import tarfile

from fuzz._outcome import refusals_name, written

from skimdb.datasets import fetch_imdb

WHOLE, TAR = range(2)
TEXTS = {
    "aclImdb/train/neg/0_2.txt": "bad",
    "aclImdb/train/pos/0_9.txt": "été " * 200,
    "aclImdb/train/pos/1_7.txt": "",
    "aclImdb/test/neg/0_1.txt": "worse",
    "aclImdb/README": "read me",
}


def tar(format, texts=None, members=()):
    """Return a tar archive."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=format) as archive:
        folder = tarfile.TarInfo("aclImdb")
        folder.type = tarfile.DIRTYPE
        archive.addfile(folder)
        for name, text in (TEXTS if texts is None else texts).items():
            member = tarfile.TarInfo(name)
            content = text.encode()
            member.size, member.mtime = len(content), 1.5
            archive.addfile(member, io.BytesIO(content))
        for member in members:
            archive.addfile(member)
    # without the zeros that fill it up to 10 kB
    return stream.getvalue().rstrip(b"\0") + bytes(1024)


def seeds():
    """Yield valid inputs, and some of each kind of member that is refused."""
    for format in tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT:
        content = tar(format, {**TEXTS, f"aclImdb/{'long' * 20}/{'long' * 20}": "x"})
        yield bytes([TAR]) + content
        yield bytes([WHOLE]) + gzip.compress(content, mtime=0)
        for kind in (tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE):
            member = tarfile.TarInfo("aclImdb/train/pos/3_9.txt")
            member.type, member.linkname = kind, "/etc/passwd"
            yield bytes([TAR]) + tar(format, {}, [member])


def read(data, folder):
    """Read an input, and return what is in it."""
    part, content = data[0] % 2 if data else WHOLE, data[1:]
    if part == TAR:
        content = gzip.compress(content, 0, mtime=0)
    path = written(folder / "aclImdb_v1.tar.gz", content)
    with refusals_name(path):
        X, y = fetch_imdb(data_home=path, as_text=True, random_state=None, return_X_y=True)
    texts, labels = X.tolist(), y.tolist()
    assert len(texts) == len(labels)
    assert set(map(type, texts)) == {str}
    assert labels == sorted(labels)
    assert set(labels) <= {0, 1}
    if part == WHOLE and content:
        assert (texts, labels) == (["bad", "été " * 200, ""], [0, 1, 1])
    return texts, labels
