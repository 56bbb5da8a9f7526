"""Labelled texts in packed files, tables of pandas and folders, and several labels a row.

The first byte says in what the rest is packed, so that mutations get past checksums: a packed file
is read as the same bytes unpacked, and one member of an Excel file or of a folder is changed.
"""

import bz2
import gzip
import io
import lzma
import shutil
import warnings
import zipfile

import pandas as pd
from fuzz._outcome import RefusedError, refusals_name, written

from skimdb.datasets import read_labelled_blocks, read_labelled_texts

TEXTS, LABELS = ["Très bon", "bad\nfilm", "good, again", ""], ["good", "bad", "good", "bad"]
RECORDS = pd.DataFrame({"text": TEXTS, "label": LABELS, "stars": [5, 1, 4, 1]})
SHEET, STRINGS = "xl/worksheets/sheet1.xml", "xl/sharedStrings.xml"
# what ends the name of a file in a folder, and a file
NAME_END, FILE_END = b"\xfe", b"\xff"
ENDINGS = (".csv", ".tsv", ".jsonl", ".json", "", ".ndjson")


def _zip(content, ending=""):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr(f"texts{ending}", content)
    return stream.getvalue()


def _excel():
    stream = io.BytesIO()
    RECORDS.to_excel(stream, index=False)
    return stream.getvalue()


def _members(packed):
    with zipfile.ZipFile(io.BytesIO(packed)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


EXCEL = _members(_excel())
SHEETS = sorted(EXCEL)
PACKED = {
    "gz": lambda content: gzip.compress(content, 1, mtime=0),
    "bz2": lambda content: bz2.compress(content, 1),
    "xz": lambda content: lzma.compress(content, preset=0),
    "zip": _zip,
}
FORMS = [*PACKED, "whole", "separator", "folder", *SHEETS]


def seeds():
    """Yield valid inputs."""
    csv, tsv = RECORDS.to_csv(index=False), RECORDS.to_csv(index=False, sep="\t")
    lines = RECORDS.to_json(orient="records", lines=True)
    texts = [csv, tsv, lines, RECORDS.to_json(orient="split"), "good\tx y\nbad\tz\n" * 3, lines]
    for number, text in enumerate(texts):
        for form in [*PACKED, "separator"]:
            yield bytes([FORMS.index(form), number]) + text.encode()
        for pack in PACKED.values():
            yield bytes([FORMS.index("whole"), number]) + pack(text.encode())
        yield bytes([FORMS.index("gz"), number]) + text.encode("utf-16")
    several = {0: csv.replace("good", "good|long"), 2: '{"text": "a", "label": ["x", "y"]}\n' * 3}
    for number, text in several.items():
        yield bytes([FORMS.index("separator"), number]) + text.encode()
    for write in RECORDS.to_parquet, RECORDS.to_feather, RECORDS.to_excel:
        stream = io.BytesIO()
        write(stream, **({"index": False} if write == RECORDS.to_excel else {}))
        yield bytes([FORMS.index("whole"), 0]) + stream.getvalue()
    for name in SHEETS:
        yield bytes([FORMS.index(name), 0]) + EXCEL[name]
    files = [("good", "Très bon"), ("bad", "bad\nfilm"), ("good", ""), ("bad", "x")]
    yield bytes([FORMS.index("folder"), 0]) + b"".join(
        label.encode() + NAME_END + text.encode() + FILE_END for label, text in files
    )


def read(data, folder):
    """Read an input, and return what is in it."""
    form = FORMS[data[0] % len(FORMS)] if data else "whole"
    ending = ENDINGS[data[1] % len(ENDINGS)] if data[1:] else ""
    content, options = data[2:], {}
    if form == "folder":
        return _read(_write_folder(folder, content))
    if form in SHEETS:
        stream = io.BytesIO()
        with zipfile.ZipFile(stream, "w") as archive:
            for name, member in {**EXCEL, form: content}.items():
                archive.writestr(name, member)
        content = stream.getvalue()
    if form == "separator":
        options = {"label_separator": "|"}
    if form not in PACKED:
        return _read(written(folder / f"texts{ending}", content), **options)
    name = f"texts{ending}.{form}"
    packed = _zip(content, ending) if form == "zip" else PACKED[form](content)
    found = _read_or_none(written(folder / name, packed))
    if not content.startswith((b"\x1f\x8b", b"BZh", b"\xfd7zXZ", b"PK")):  # packed twice
        assert found == _read_or_none(written(folder / f"texts{ending}", content))
    if found is None:
        raise RefusedError
    return found


def _read_or_none(path):
    try:
        return _read(path)
    except RefusedError:
        return None


def _read(path, **options):
    """Return texts and labels, which blocks of the same file must hold too."""
    with refusals_name(path), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        bunch = read_labelled_texts(path, on_error="skip", **options)
        blocks = [*read_labelled_blocks(path, on_error="skip", rows_per_block=2, **options)]
    texts, labels = bunch.data.tolist(), bunch.target.tolist()
    assert len(texts) == len(labels) > 0
    assert [text for block in blocks for text in block.texts] == texts
    assert [label for block in blocks for label in block.labels] == labels
    for text, label in zip(texts, labels, strict=True):
        assert type(text) is str
        assert "\r" not in text
        assert "\0" not in label
        assert label.encode() or options
        parts = label.split("|") if options else [label]
        assert all(part == part.strip() for part in parts)
        assert all(parts) or parts == [""]
    return texts, labels


def _write_folder(folder, content):
    """Write a folder of classes, and return its path."""
    path = folder / "classes"
    shutil.rmtree(path, ignore_errors=True)
    path.mkdir()
    for number, part in enumerate(content.split(FILE_END)[:20]):
        label, _, text = part.rpartition(NAME_END)
        label = label.decode("utf-8", "replace").replace("/", " ").replace("\0", " ")[:30]
        inner = path / f"{label.strip('. ') or 'none'}"
        inner.mkdir(exist_ok=True)
        (inner / f"{number}.txt").write_bytes(text)
    return path
