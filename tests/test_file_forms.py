"""read_labelled_texts and read_texts: files as people have them, without any option."""

import bz2
import csv
import gzip
import io
import json
import lzma
import random
import subprocess
import sys
import tarfile
import warnings
import zipfile

import pandas as pd
import pytest

from skimdb.datasets import read_labelled_blocks, read_labelled_texts, read_texts
from skimdb.datasets._tables import _frames, _packed_file

TEXTS = [
    "Go until jurong point, crazy.. Available only in bugis",
    'Free entry in a "wkly" comp; win tickets',
    "U dun say so early hor... U c already then say",
    "WINNER!! As a valued customer you\nhave been selected",
    "Nah I don't think he goes to usf, he lives around here",
    "Had your mobile 11 months or more? Update now",
]
LABELS = ["ham", "spam"] * 3
ROWS = [*zip(LABELS, TEXTS, strict=True)]
NUMBERED = [(i, *row) for i, row in enumerate(ROWS)]
FLAT = [(label, text.replace("\n", " ")) for label, text in ROWS]


def delimited(delimiter=",", names=("label", "text"), line_end="\n", rows=ROWS, **options):
    stream = io.StringIO()
    writer = csv.writer(stream, delimiter=delimiter, lineterminator=line_end, **options)
    writer.writerows([*([names] if names else []), *rows])
    return stream.getvalue()


def plain(delimiter, names=None, line_end="\n"):
    """Lines whose quotes have no meaning."""
    lines = [delimiter.join(row) for row in [*([names] if names else []), *FLAT]]
    return line_end.join([*lines, ""])


def objects(keys=("label", "text")):
    return [dict(zip(keys, row, strict=True)) for row in ROWS]


FRAME = pd.DataFrame(ROWS, columns=["label", "text"])
MORE = [
    (number, f"2020-01-0{number + 1}", text, float(len(label)), "EN")
    for number, (label, text) in enumerate(ROWS)
]
COMMA = delimited().encode()
FILES = {
    "comma.csv": COMMA,
    "tab.tsv": delimited("\t"),
    "semicolon.csv": delimited(";", ("Label", "Message")),
    "bar.txt": delimited("|"),
    "separator_line.csv": "sep=;\n" + delimited(";", ("kind", "what is said")),
    "separator_line_excel.csv": "SEP=|\r\n" + delimited("|", ("a", "b"), "\r\n"),
    "no_header.csv": delimited(names=None),
    "no_header_text_first.csv": delimited(names=None, rows=[row[::-1] for row in ROWS]),
    "SMSSpamCollection": plain("\t"),
    "quotes_without_end.tsv": plain("\t") + 'ham\t"So he said\nspam\tcall "now\n',
    "many_columns.csv": delimited(names=("id", "when", "body", "stars", "lang"), rows=MORE),
    "spam.csv": delimited(names=("v1", "v2", "", "", ""), rows=[(*r, "", "", "") for r in ROWS]),
    "Tweets.csv": delimited(
        names=("tweet_id", "airline_sentiment", "airline_sentiment_confidence", "tweet_text"),
        rows=[(i, label, f"0.{i}", text) for i, (label, text) in enumerate(ROWS)],
    ),
    "camel.csv": delimited(names=("StarRating", "ReviewBody")),
    "carriage_returns.csv": delimited(line_end="\r", quoting=csv.QUOTE_ALL),
    "windows.csv": delimited(line_end="\r\n"),
    "windows.tsv": plain("\t", line_end="\r\n"),
    "mark.csv": b"\xef\xbb\xbf" + COMMA,
    "utf16.csv": delimited("\t", line_end="\r\n").encode("utf-16"),
    "utf16_be.txt": "\ufeff".encode("utf-16-be") + delimited("\t").encode("utf-16-be"),
    "utf16_without_mark.csv": delimited(";").encode("utf-16-le"),
    "utf32.csv": delimited().encode("utf-32"),
    "escapes.csv": delimited(names=("review", "sentiment"), rows=[r[::-1] for r in ROWS],
                             doublequote=False, escapechar="\\", quoting=csv.QUOTE_ALL),
    "sorted_by_label.csv": delimited(
        names=None, rows=[*ROWS[::2], *[("ham", "Once more, with feeling")] * 1000, *ROWS[1::2]]
    ),
    "title.csv": "Messages of 2020\n\n" + delimited(names=("kind", "what was said")),
    "comments.tsv": "# from the archive\n# two columns\n" + plain("\t", ("a", "b")),
    "pandas_numbers.csv": pd.DataFrame(ROWS).to_csv(index=False),
    "pandas_index.csv": pd.DataFrame(ROWS).to_csv(),
    "name_that_is_a_label.csv": delimited(names=("spam", "text")),
    "row_names_of_R.csv": "label,text\n" + delimited(names=None, rows=NUMBERED),
    "by_rows.json": FRAME.to_json(orient="index"),
    "rows_of_a_hub.json": json.dumps({"rows": [{"i": 3, "row": row} for row in objects()]}),
    "spaces.csv": delimited().replace(',"', ', "'),
    "empty_lines.csv": delimited().replace("\nspam", "\n\n\nspam"),
    "fasttext.txt": "".join(f"__label__{label} {text}\n" for label, text in FLAT),
    "fasttext.train": "\n".join(f"__label__{label}\t{text} " for label, text in FLAT),
    "lines.jsonl": "".join(json.dumps(record) + "\n" for record in objects()),
    "lines.json": "\r\n".join(json.dumps(r) for r in objects(("category", "headline"))),
    "lines.txt": "".join(json.dumps(record) + "\n" for record in objects()),
    "array.json": json.dumps(objects()),
    "indented.json": json.dumps(objects(("polarity", "comment")), indent=2),
    "array_without_ending": json.dumps(objects()),
    "within.json": json.dumps({"version": 2, "data": objects()}, indent=1),
    "pairs.json": json.dumps(ROWS),
    "by_columns.json": FRAME.to_json(),
    "by_columns_indented.json": FRAME.to_json(indent=2),
    "lists.json": json.dumps(FRAME.to_dict("list")),
    "split.json": FRAME.to_json(orient="split"),
    "records.json": FRAME.to_json(orient="records"),
    "utf16.json": json.dumps(objects()).encode("utf-16"),
    "packed.csv.gz": gzip.compress(COMMA),
    "packed.tsv.bz2": bz2.compress(plain("\t").encode()),
    "packed.json.xz": lzma.compress(json.dumps(objects()).encode()),
    "packed_without_ending": gzip.compress(delimited(";").encode()),
}  # fmt: skip


def zipped(**members):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return stream.getvalue()


def tarred(name, content):
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        info = tarfile.TarInfo(name)
        info.size = len(content)
        archive.addfile(info, io.BytesIO(content))
    return stream.getvalue()


FILES["archive.zip"] = zipped(**{"spam.csv": COMMA})
FILES["from_a_mac.zip"] = zipped(
    **{"__MACOSX/._a.tsv": b"x", "data/": b"", "data/a.tsv": plain("\t"), "data/.hidden": b""}
)


def squeeze(texts):
    return [" ".join(text.split()) for text in texts]


@pytest.mark.parametrize("name", FILES)
def test_a_file_without_any_option(tmp_path, name):
    content = FILES[name]
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        bunch = read_labelled_texts(path)
    if name == "sorted_by_label.csv":
        assert bunch.target.tolist() == ["ham"] * 1003 + ["spam"] * 3
        return
    n_more = len(bunch.data) - len(TEXTS)
    assert n_more == (2 if name == "quotes_without_end.tsv" else 0)
    assert squeeze(bunch.data[: len(TEXTS)]) == squeeze(TEXTS)
    labels = ["3", "4"] * 3 if name == "many_columns.csv" else LABELS
    assert bunch.target[: len(TEXTS)].tolist() == labels
    [block] = read_labelled_blocks(path)
    assert (block.texts, block.labels) == (bunch.data.tolist(), bunch.target.tolist())


@pytest.mark.parametrize("header", [True, False])
@pytest.mark.parametrize("kind", ["parquet", "feather", "excel"])
def test_files_that_pandas_reads(tmp_path, kind, header):
    path = tmp_path / {"parquet": "a.parquet", "feather": "a.feather", "excel": "a.xlsx"}[kind]
    frame = FRAME.assign(stars=range(6), label=FRAME.label.astype("category"))
    if kind == "excel":
        frame.to_excel(path, index=False, header=header)
    else:
        getattr(frame, f"to_{kind}")(path)
    bunch = read_labelled_texts(path)
    assert bunch.data.tolist() == TEXTS
    assert bunch.target.tolist() == LABELS
    has_names = header or kind != "excel"
    assert bunch.text_column == ("text" if has_names else 2)


def test_missing_values_in_a_frame(tmp_path):
    path = tmp_path / "a.parquet"
    frame = pd.DataFrame({"text": ["x", None, "z"], "label": [1.0, 2.0, float("nan")]})
    frame.to_parquet(path)
    with pytest.raises(ValueError, match=r"a\.parquet, row 2: 'text' must be a text, got null"):
        read_labelled_texts(path)
    with pytest.warns(UserWarning, match="left out 2 rows"):
        bunch = read_labelled_texts(path, on_error="skip")
    assert (bunch.data.tolist(), bunch.target.tolist()) == (["x"], ["1"])


@pytest.mark.parametrize("name", ["pandas", "pyarrow"])
def test_a_missing_package_is_named(tmp_path, name):
    FRAME.to_parquet(tmp_path / "a.parquet")
    code = f"""
import sys
sys.modules[{name!r}] = None
from skimdb.datasets import read_labelled_texts
try:
    read_labelled_texts("a.parquet")
except ImportError as error:
    print(error)
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path
    )
    message = "reading a.parquet needs pandas and pyarrow: pip install 'skimdb[files]'.\n"
    assert (done.stdout, done.stderr) == (message, "")


def test_a_folder_of_classes(tmp_path):
    for label, text, encoding in [
        ("pos", "Très bon", "utf-8"),
        ("neg", "très mauvais, très long", "cp1252"),
    ]:
        (tmp_path / "data" / label).mkdir(parents=True)
        (tmp_path / "data" / label / "1_9.txt").write_bytes(text.encode(encoding))
        (tmp_path / "data" / label / ".DS_Store").write_bytes(b"\0")
    (tmp_path / "data" / "README").write_text("about the data")
    bunch = read_labelled_texts(tmp_path / "data")
    assert bunch.data.tolist() == ["très mauvais, très long", "Très bon"]
    assert bunch.target.tolist() == ["neg", "pos"]
    assert bunch.summary.startswith("a folder of text files for each label")
    flat = read_texts(tmp_path / "data" / "pos")
    assert (flat.data.tolist(), flat.summary) == (
        ["Très bon"],
        "a folder of text files; text: text",
    )
    assert read_texts(tmp_path / "data").data.tolist() == bunch.data.tolist()
    with pytest.raises(ValueError, match="its folders \\(data\\) hold folders: name one of them"):
        read_labelled_texts(tmp_path)


@pytest.mark.parametrize(
    ("language", "encoding", "texts"),
    [
        ("German", "cp1252", ["Der Film war schön, aber viel zu lang.", "Öde Bilder, müde Witze"]),
        ("French", "latin-1", ["Un film très réussi, à voir.", "C'était raté, l'intrigue bâclée"]),
        ("English", "cp1252", ["It\u2019s good \u2013 really", "I don\u2019t like it, £5"]),
        ("French", "mac-roman", ["Un café très agréable, à voir.", "C'était raté, bâclé"]),
        ("Polish", "cp1250", ["Świetny film, gorąco polecam", "Nudny i za długi, żałuję"]),
        ("Russian", "cp1251", ["Отличный фильм, всем советую", "Скучно и долго, зря"]),
        ("Russian", "koi8-r", ["Отличный фильм, всем советую", "Скучно и долго, зря"]),
        ("Greek", "cp1253", ["Πολύ καλή ταινία, τη συνιστώ", "Βαρετή και μεγάλη"]),
        ("Japanese", "shift_jis", ["とても面白い映画でした。", "つまらなかった。無駄でした。"]),
        ("Chinese", "gb18030", ["这部电影非常好看,推荐大家去看。", "太无聊了,浪费时间。"]),
        ("Korean", "euc_kr", ["정말 재미있는 영화였어요.", "지루하고 길었습니다."]),
    ],
)  # fmt: skip
def test_encodings(tmp_path, language, encoding, texts):
    rows = [(label, text) for _ in range(10) for label, text in zip("ab", texts, strict=True)]
    line_end = "\r" if encoding == "mac-roman" else "\n"
    (tmp_path / "a.csv").write_bytes(delimited(rows=rows, line_end=line_end).encode(encoding))
    assert read_labelled_texts(tmp_path / "a.csv").data[:2].tolist() == texts
    named = read_labelled_texts(tmp_path / "a.csv", encoding=encoding)
    assert named.data[:2].tolist() == texts


def test_a_broken_byte_costs_one_row(tmp_path):
    path = tmp_path / "a.csv"
    good = delimited(rows=[("ham", f"café {i} 😀") for i in range(50)]).encode()
    path.write_bytes(good + b"ham,caf\xe9\nspam,last\n")
    with pytest.raises(ValueError, match=r"line 52: expected text in UTF-8, got the byte 0xe9"):
        read_labelled_texts(path)
    with pytest.warns(UserWarning, match="left out 1 row"):
        bunch = read_labelled_texts(path, on_error="skip")
    assert bunch.data[49:].tolist() == ["café 49 😀", "last"]


def test_options(tmp_path):
    (tmp_path / "a.txt").write_bytes("1::été, long::x\n0::court::y\n".encode("cp1252"))
    bunch = read_labelled_texts(
        tmp_path / "a.txt",
        delimiter="::",
        encoding="cp1252",
        header=False,
        text_column="2",
        label_column=1,
    )
    assert bunch.data.tolist() == ["été, long", "court"]
    assert bunch.target.tolist() == ["1", "0"]
    assert (bunch.text_column, bunch.label_column) == (2, 1)
    assert bunch.summary == "separated by '::', no header, cp1252; text: column 2, label: column 1"


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"encoding": "latin-99"}, "encoding must be the name of a text encoding"),
        ({"encoding": "rot13"}, "encoding must be the name of a text encoding"),
        ({"encoding": "base64"}, "encoding must be the name of a text encoding"),
        ({"delimiter": ""}, "delimiter must be one or more characters"),
        ({"delimiter": "\n"}, "delimiter must be one or more characters"),
        ({"header": "no"}, "header must be one of 'infer'"),
        ({"on_error": "ignore"}, "on_error must be one of 'raise', 'skip'"),
        ({"text_column": 0}, "text_column == 0, must be >= 1"),
        ({"text_column": "body", "header": False}, "no names of columns, so 'body' is none"),
    ],
)
def test_options_that_cannot_be(tmp_path, options, match):
    (tmp_path / "a.csv").write_bytes(COMMA)
    with pytest.raises(ValueError, match=match):
        read_labelled_texts(tmp_path / "a.csv", **options)


def test_what_cannot_be_told_is_asked_for_once(tmp_path):
    rows = [(f"id{i}", f"words of {i}", f"other words {i}") for i in range(30)]
    (tmp_path / "a.csv").write_text(delimited(names=("key", "first", "second"), rows=rows))
    with pytest.raises(ValueError, match="hold the texts and the labels; its columns") as caught:
        read_labelled_texts(tmp_path / "a.csv")
    assert "Give text_column and label_column (--text-column and --label-column" in str(
        caught.value
    )
    with pytest.raises(ValueError, match="holds the labels") as caught:
        read_labelled_texts(tmp_path / "a.csv", text_column="first")
    assert "Give label_column (--label-column on" in str(caught.value)


def test_a_column_named_label_whose_values_all_differ_is_no_label(tmp_path):
    rows = [(f"label {i}", f"text {i}") for i in range(400)]
    (tmp_path / "a.csv").write_text(delimited(rows=rows))
    with pytest.raises(ValueError, match="can't tell which column holds the labels"):
        read_labelled_texts(tmp_path / "a.csv")
    assert len(read_labelled_texts(tmp_path / "a.csv", label_column="label").data) == 400


def test_labels_that_are_nearly_alike(tmp_path):
    (tmp_path / "a.csv").write_text("text,label\nx,Spam\ny,spam\nz,ham\n")
    with pytest.warns(UserWarning, match="'Spam' and 'spam' differ in case alone"):
        bunch = read_labelled_texts(tmp_path / "a.csv")
    assert bunch.target.tolist() == ["Spam", "spam", "ham"]
    (tmp_path / "a.csv").write_text("text,label\nx,1\ny,1.0\nz,-2.00\n")
    with pytest.warns(UserWarning, match=r"'1' and '1\.0' are taken as one label, '1'"):
        bunch = read_labelled_texts(tmp_path / "a.csv")
    assert bunch.target.tolist() == ["1", "1", "-2"]
    (tmp_path / "a.jsonl").write_text(
        '{"text": "x", "label": 5.0}\n{"text": "y", "label": 5}\n{"text": "z", "label": 3.0}\n'
    )
    assert read_labelled_texts(tmp_path / "a.jsonl").target.tolist() == ["5", "5", "3"]


@pytest.mark.parametrize(
    ("name", "content", "match"),
    [
        ("a.zip", zipped(a=b"x", b=b"y"), "must hold one file, got 2: unpack it"),
        ("a.zip", zipped(), "must hold one file, got 0|can't be unpacked"),
        ("a.tar.gz", gzip.compress(tarred("a.txt", b"x"), mtime=0), "is an archive: unpack it"),
        ("a.tar", tarred("a.txt", b"x"), "is an archive: unpack it"),
        ("a.json", b"", "broken JSON"),
        ("a.json", b"5", "must hold an array of objects, .*, got 5"),
        ("a.json", b'[{"text": "x"}, 5]', "must hold an array of objects"),
        ("a.json", b'{"text": ["x"], "label": ["a", "b"]}', "can't tell|must be a text"),
        ("a.json", b"[" * 10**6, "broken JSON"),
        ("a.txt", b"__label__a __label__b x\n", "line 1: expected one __label__…, got 2"),
        ("a.txt", b"__label__a x\nno label\n", "line 2: expected one __label__…, got 0"),
        ("a.txt", b"one text a line\nand another\n", "has one column.*delimiter \\(--delimiter"),
        ("a.csv", b"text~label\nx~a\ny~b\n", "has one column.*delimiter \\(--delimiter"),
        ("a.xls", bytes.fromhex("d0cf11e0a1b11ae1"), "Excel before 2007: save it as .xlsx or CSV"),
        ("a.xlsx", zipped(**{"[Content_Types].xml": b"x"}), "can't be read as Excel"),
    ],
    # packed files hold the time, which the names of the tests must not
    ids=lambda value: "content" if isinstance(value, bytes) else None,
)
def test_files_that_are_refused(tmp_path, name, content, match):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ValueError, match=match):
        read_labelled_texts(tmp_path / name)


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress, lzma.compress])
def test_a_file_that_unpacks_to_too_much(tmp_path, monkeypatch, pack):
    monkeypatch.setattr(_packed_file, "SMALL", 10**6)
    (tmp_path / "a.csv.gz").write_bytes(pack(b"text,label\n" + b"x,1\n" * 10**6))
    with pytest.raises(ValueError, match=r"a\.csv\.gz must unpack to at most 1,000,000 bytes"):
        read_labelled_texts(tmp_path / "a.csv.gz")


@pytest.mark.parametrize(("kind", "compression"), [("feather", "uncompressed"), ("parquet", None)])
def test_a_frame_of_texts_that_are_no_utf8(tmp_path, kind, compression):
    path = tmp_path / f"a.{kind}"
    frame = pd.DataFrame({"text": ["bon film"] * 3, "label": ["a", "b", "a"]})
    getattr(frame, f"to_{kind}")(path, compression=compression)
    path.write_bytes(path.read_bytes().replace(b"bon film", b"bon fil\xe9"))
    with pytest.raises(ValueError, match=rf"a\.{kind} can't be read as {kind.capitalize()}"):
        read_labelled_texts(path)


@pytest.mark.parametrize("header", [b"PK\3\4", b"PK\1\2"])
def test_names_in_a_zip_file_that_are_no_text(tmp_path, header):
    content = bytearray(zipped(**{"a.csv": COMMA}))
    start = content.index(header)
    # names are said to be in UTF-8
    flags = start + (6 if header == b"PK\3\4" else 8)
    content[flags : flags + 2] = b"\0\x08"
    place = content.index(b"a.csv", start)
    content[place] = 0xFF
    (tmp_path / "a.zip").write_bytes(content)
    with pytest.raises(ValueError, match=r"a\.zip can't be unpacked: .*utf-8"):
        read_labelled_texts(tmp_path / "a.zip")


def test_a_member_beyond_the_largest_file(tmp_path):
    content = zipped(**{"a.csv": COMMA})
    start = content.index(b"PK\1\2")
    directory, end = bytearray(content[start:-22]), bytearray(content[-22:])
    # the place of the member stands in a field of 64 bits
    directory[42:46] = b"\xff\xff\xff\xff"
    directory[30:32] = b"\x0c\0"
    directory += b"\1\0\x08\0" + (2**64 - 2).to_bytes(8, "little")
    end[12:16] = len(directory).to_bytes(4, "little")
    (tmp_path / "a.zip").write_bytes(content[:start] + directory + end)
    with pytest.raises(ValueError, match=r"a\.zip can't be unpacked"):
        read_labelled_texts(tmp_path / "a.zip")


def test_what_zip_repeats_of_a_file_is_cut_off(tmp_path):
    content = bytearray(zipped(**{"a.csv": random.Random(0).randbytes(2**16)}))
    # a name in front of the member that is said to be 32,767 bytes long
    content[26:28] = b"\xff\x7f"
    path = tmp_path / "a.zip"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"a\.zip can't be unpacked") as caught:
        read_labelled_texts(path)
    assert len(str(caught.value)) < 1200


@pytest.mark.parametrize("form", ["Parquet", "Feather"])
def test_a_file_of_too_many_rows(form, tmp_path, monkeypatch):
    monkeypatch.setattr(_frames, "MOST_ROWS", 1000)
    frame = pd.DataFrame({"text": [None] * 100_000, "label": [None] * 100_000})
    path = tmp_path / f"a.{form.lower()}"
    getattr(frame, f"to_{form.lower()}")(path)
    with pytest.raises(
        ValueError, match=f"can't be read as {form}: it says that it holds 100,000"
    ):
        read_labelled_texts(path)


def test_a_file_cut_short(tmp_path):
    (tmp_path / "a.csv.gz").write_bytes(gzip.compress(COMMA)[:-20])
    with pytest.raises(ValueError, match=r"a\.csv\.gz can't be unpacked"):
        read_labelled_texts(tmp_path / "a.csv.gz")


@pytest.mark.slow
@pytest.mark.parametrize("content", [COMMA, gzip.compress(COMMA)], ids=["plain", "gzip"])
def test_standard_input(content):
    code = "from skimdb.datasets import read_labelled_texts as read; print(len(read('-').data))"
    done = subprocess.run([sys.executable, "-c", code], input=content, capture_output=True)
    assert (done.stdout.split(), done.stderr) == ([b"6"], b"")


def test_texts_without_labels(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("id,note,message\n1,,Hello there\n2,x,Good bye\n")
    bunch = read_texts(path)
    assert bunch.data.tolist() == ["Hello there", "Good bye"]
    assert bunch.column_names == ["id", "note", "message"]
    assert bunch.rows == [["1", "", "Hello there"], ["2", "x", "Good bye"]]
    assert read_texts(path, text_column="note").data.tolist() == ["", "x"]


@pytest.mark.parametrize(
    ("name", "content", "texts"),
    [
        ("a.txt", "text\n\nOne, two\nThree; 4\n", ["text", "", "One, two", "Three; 4"]),
        ("lines", "good, bad\nbad, good\n", ["good, bad", "bad, good"]),
        ("a.txt", 'He said "no"\n"Yes", I said\n', ['He said "no"', '"Yes", I said']),
        ("a.csv", 'review\n"good, very"\nbad\n', ["good, very", "bad"]),
        ("a.csv", "good film\nbad film\n", ["good film", "bad film"]),
        ("a.csv", "text,label\ngood film,1\nbad film,0\n", ["good film", "bad film"]),
        ("a.jsonl", '{"text": "x"}\n{"text": "y", "more": 1}\n', ["x", "y"]),
        ("a.json", '["x", "y"]', ["x", "y"]),
        ("a.txt", "__label__a x\n__label__b y z\n", ["x", "y z"]),
        ("a.tsv", "1\tgood film\n2\tbad film\n", ["good film", "bad film"]),
    ],
)  # fmt: skip
def test_forms_of_texts_without_labels(tmp_path, name, content, texts):
    (tmp_path / name).write_text(content)
    assert read_texts(tmp_path / name).data.tolist() == texts
