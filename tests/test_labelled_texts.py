"""read_labelled_texts and read_labelled_blocks: odd files are read, wrong ones refused."""

import csv
import gzip
import json
import os
import random

import pandas as pd
import pytest
from hypothesis import assume, given
from property_cases import REFUSED, given_or_refused, nonsense, scaled

from skimdb import WordIndexEncoder
from skimdb.datasets import read_labelled_blocks, read_labelled_texts, read_texts
from skimdb.datasets._tables import _delimited, _packed_file


@pytest.fixture
def read(tmp_path):
    """A function that returns the texts and the labels in a file."""

    def read(name, content):
        path = tmp_path / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        bunch = read_labelled_texts(path)
        return bunch.data.tolist(), bunch.target.tolist()

    return read


@pytest.fixture
def refusal(read, tmp_path):
    """A function that returns the message of the error that a file causes."""

    def refusal(name, content):
        with pytest.raises(ValueError, match=r"reviews\.|a\.") as caught:
            read(name, content)
        assert str(tmp_path / name) in str(caught.value)
        assert len(str(caught.value)) < 1500
        return str(caught.value)

    return refusal


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_csv(read, mark):
    content = 'label, id,text\r\n 1,7,"Très, ""très"" bon\r\net beau"\r\n\r\n0,8,\r\n'
    texts = ['Très, "très" bon\net beau', ""]
    assert read("texts.CSV", mark + content.encode()) == (texts, ["1", "0"])


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("ending", [".jsonl", ".ndjson", ".json"])
def test_json_lines(read, mark, ending):
    lines = ['{"label": " good ", "text": "Très bon", "id": 3}', "", '{"text": "", "label": "0"}']
    content = mark + "\n".join(lines).encode()
    assert read(f"texts{ending}", content) == (["Très bon", ""], ["good", "0"])


@pytest.mark.parametrize("labels", [[1, 0], [True, False]])
def test_json_labels_that_are_no_text_are_those_of_a_csv_file(read, labels):
    content = "".join(json.dumps({"text": "x", "label": label}) + "\n" for label in labels)
    assert read("texts.jsonl", content) == (["x", "x"], [*map(str, labels)])
    table = pd.DataFrame({"text": "x", "label": labels}).to_csv(index=False)
    assert read("texts.csv", table) == (["x", "x"], [*map(str, labels)])


def test_the_bunch_holds_arrays(tmp_path):
    (tmp_path / "a.csv").write_text("body,stars\nfine,4\n")
    bunch = read_labelled_texts(str(tmp_path / "a.csv"), text_column="body", label_column="stars")
    assert (bunch.text_column, bunch.label_column, bunch.n_skipped) == ("body", "stars", 0)
    assert bunch.summary == "comma-separated, UTF-8; text: body, label: stars"
    assert bunch.data.dtype == object
    assert bunch.target.dtype.kind == "U"
    assert (bunch.data.tolist(), bunch.target.tolist()) == (["fine"], ["4"])


def test_blocks(tmp_path):
    path = tmp_path / "a.csv"
    rows = [f'"text {number}\n",{number}\n' for number in range(7)]
    path.write_text("text,label\n" + "".join(rows))
    blocks = list(read_labelled_blocks(path, rows_per_block=3))
    assert [block.labels for block in blocks] == [[*"012"], [*"345"], ["6"]]
    assert blocks[1].texts == ["text 3\n", "text 4\n", "text 5\n"]
    assert path.stat().st_size == blocks[-1].end


def test_blocks_tell_how_much_of_the_file_has_been_read(tmp_path):
    path = tmp_path / "a.csv.gz"
    rows = [f"{random.Random(i).getrandbits(800):x},{i % 2}\n" for i in range(20_000)]
    path.write_bytes(gzip.compress(("text,label\n" + "".join(rows)).encode()))
    ends = [block.end for block in read_labelled_blocks(path, rows_per_block=1000)]
    size = path.stat().st_size
    assert ends == sorted(ends)
    assert ends[0] < 0.2 * size < 0.4 * size < ends[10] < 0.7 * size
    assert ends[-1] == size


def test_blocks_before_a_bad_line_are_yielded(tmp_path):
    (tmp_path / "a.csv").write_text("text,label\nx,1\ny,2\nz\n")
    blocks = read_labelled_blocks(tmp_path / "a.csv", rows_per_block=2)
    assert next(blocks).labels == ["1", "2"]
    with pytest.raises(ValueError, match=r"a\.csv, line 4: expected 2 fields"):
        next(blocks)


def test_long_field(read):
    [text], _ = read("a.csv", f"text,label\n{'word ' * 100_000},good\n")
    assert len(text) == 500_000


@pytest.mark.parametrize("inner", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("outer", ["\n", "\r\n"])
@pytest.mark.parametrize("place", ["text,label", "label,text"])
def test_lines_within_a_field_are_told_apart(read, inner, outer, place):
    fields = {"text": f'"so good{inner}{inner}film"', "label": "yes"}
    row = ",".join(fields[name] for name in place.split(","))
    [text], labels = read("a.csv", outer.join([place, row, ""]))
    assert (text.split(), labels) == (["so", "good", "film"], ["yes"])
    assert "\r" not in text


@pytest.mark.parametrize("name", ["a.csv", "a.jsonl"])
def test_no_word_at_the_end_of_a_line_is_lost(read, name):
    text = "a good\r\nfilm\r\n"
    content = f'text,label\r\n"{text}",1\r\n'
    if name == "a.jsonl":
        content = json.dumps({"text": text, "label": 1})
    texts, _ = read(name, content)
    encoder = WordIndexEncoder(vocabulary={"a": 1, "good": 2, "film": 3}, start_char=None)
    assert [ids.tolist() for ids in encoder.fit_transform(texts)] == [[4, 5, 6]]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ('text,label\n"say ""hi""",1', ['say "hi"']),
        ('text,label\n"a\n\nb",1\n\n\nc,2\n', ["a\n\nb", "c"]),
        ("text,label\n,1\n", [""]),
        ("label,x,text\n1,,\u2028\n", ["\u2028"]),
        (" text , label \nx,1", ["x"]),
        ('"text","label"\nx,1', ["x"]),
        ("text,label,label2,label2\nx,1,2,3", ["x"]),
        ("text,label\n\ufeffx,1", ["\ufeffx"]),
        ("\ufefftext,label\nx\u00a0y,1\n", ["x\u00a0y"]),
        ("text,label\nit's 5'9\" tall,1\n", ["it's 5'9\" tall"]),
        ('text,label\n"x" y,1\n', ['"x" y']),
        ('text,label\n"x,1\ny,2\n', ['"x', "y"]),
        ("text,label\rx,1\r", ["x"]),
        ("text,label\na\rb,1\nz,2\n", ["a b", "z"]),
        ("text,label\r\na\rb,1\r\nz,2\r\n", ["a b", "z"]),
        ("text;label\nx;y\n", ["x"]),
        ("text,label,,\nx,1,,\ny,2\n"[:-4] + "y,2,,,,\n", ["x", "y"]),
        ('text, label\n"a, b", 1\n', ["a, b"]),
    ],
)
def test_odd_csv(read, content, expected):
    assert read("reviews.csv", content)[0] == expected


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "at least one text"),
        (b"\n\n", "at least one text"),
        (b"\xef\xbb\xbf", "at least one text"),
        (b"text,label", "at least one text"),
        (b"text,label\n\n\n", "at least one text"),
        (b"text\nx\n", "but has one column; its columns are 'text'. If there are two, give"),
        (b"text,label,text\nx,1,y\n", "can't tell which column holds the texts"),
        (b"text,label\nx\n", "line 2: expected 2 fields"),
        (b"text,label\nx,1\rz,2\n", "line 2: expected 2 fields"),
        (b"text,label\nx\0y,1\n", "line 2: expected text, got a zero byte"),
        (b"text,label\nx,1\ny,\xc2\xa0\n", "line 3: 'label' is empty"),
        (b"x" * 5000 + b",y\n", "1 ('xxx"),
        (b"x," * 5000 + b"y\n", "and 4991 more"),
        (b"label,text\n" + b"word " * 100 + b",1\n", "'label' must have at most 200 characters"),
        (b"text,label\nx,y\nx,y,z\n", "line 3: expected 2 fields, as in the first row, got 3"),
        (b"text,label\nx, \n", "line 2: 'label' is empty"),
        (b"PK\x03\x04\x14\x00\x06\x00", "can't be unpacked: File is not a zip file"),
        (b"\x1f\x8b\x08\x00broken", "can't be unpacked"),
        (b"BZh91AY&SYbroken", "can't be unpacked"),
        (b"\xfd7zXZ\x00broken", "can't be unpacked"),
        (b"PAR1broken", "can't be read as Parquet"),
        (b"\xff\xfea\x00\x00", "expected text in UTF-16"),
        (b"text,label\n" + b'"x,1,\n"' * 3, "broken CSV|expected 2 fields"),
        (b"id,a,b\n1,x y,z w\n2,q r,s t\n", "columns hold the texts and the labels"),
        (b"a.csv,b\n", "columns have no names: 1 ('a.csv'), 2 ('b')"),
    ],
)  # fmt: skip
def test_csv_that_is_refused(refusal, content, reason):
    got = refusal("reviews.csv", content)
    assert any(part in got for part in reason.split("|"))


@pytest.mark.parametrize(
    ("content", "texts", "labels"),
    [
        ('{"text": "x", "label": -0}', ["x"], ["0"]),
        ('{"text": "\\u0000\\ud83d\\ude00", "label": "a"}', ["\0😀"], ["a"]),
        ('{"text": "half \\ud83d", "label": "a"}', ["half \ud83d"], ["a"]),
        ('\n \n{"text": "", "label": "a", "more": [{"x": NaN}, 1e999]}\r\n\n', [""], ["a"]),
        ('{"text": "x", "label": ' + "1" * 150 + "}", ["x"], ["1" * 150]),
        ('{"text": "\u2028", "label": "a"}', ["\u2028"], ["a"]),
    ],
)
def test_odd_json(read, content, texts, labels):
    assert read("reviews.jsonl", content) == (texts, labels)


def test_long_numbers_stay_different_labels(read):
    numbers = [10**60 + digit for digit in range(3)]
    lines = [json.dumps({"text": "x", "label": number}) for number in numbers]
    assert read("a.jsonl", "\n".join(lines))[1] == [*map(str, numbers)]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ('{"text": "x", "label": 1, "text": "y"}', "broken JSON: an object has a key twice"),
        ('{"text": "x", "label": 1, "a": {"b": 1, "b": 2}}', "a key twice"),
        ('{"text": NaN, "label": 1}', "'text' must be a text, got NaN"),
        ('{"text": 5, "label": 1}', "'text' must be a text, got 5"),
        ('{"text": "x", "label": null}', "'label' must be a text or a whole number, got null"),
        ('{"text": "x", "label": 0.5}', "got 0.5"),
        ('{"text": "x"}', "no 'label' among 'text'."),
        ("{}", "no 'text' among no keys"),
        ('{"text": ["x"], "label": 1}', "'text' must be a text"),
        ('{"text": {"text": "x"}, "label": 1}', "'text' must be a text"),
        ('{"text": null, "label": 1}', "'text' must be a text, got null"),
        ('{"text": "x", "label": NaN}', "'label' must be a text or a whole number, got NaN"),
        ('{"text": "x", "label": -Infinity}', "got -Infinity"),
        ('{"text": "x", "label": [1]}', "got [1]"),
        ('{"text": "x", "label": "\\ud800"}', "half a character"),
        ('{"text": "x", "label": "%s"}' % ("y" * 201), "at most 200 characters, got 201"),
        ('{"text": "x", "label": " "}', "'label' is empty"),
        ('{"text": "x", "label": "1"}', "'label' must be a whole number, as in the lines before"),
        ('{"text": "x", "label": true}', "as in the lines before, got true"),
        ('{"text": "x", "label": %s}' % ("9" * 5000), "broken JSON: Exceeds the limit"),
        ('{"text": "x" "label": 1}', "broken JSON"),
        ('{"text": "x\ty", "label": 1}', "broken JSON: Invalid control character"),
        ('{"text": "x\0y", "label": 1}', "zero byte"),
        ('{"text": "x", "label": 1} {"text": "y", "label": 1}', "broken JSON: Extra data"),
        ('[{"text": "x", "label": 1}]', "expected a JSON object"),
        ('"text"', "expected a JSON object"),
        ("nan", "broken JSON"),
        ("{" + ", ".join(f'"{i}": 1' for i in range(5000)) + "}", "and 4990 more"),
        ('{"text": %s, "label": 1}' % ("[" * 900 + "]" * 900), "must be a text|RecursionError"),
        ('{"text": %s, "label": 1}' % ("[" * 10**6), "broken JSON"),
    ],
)  # fmt: skip
def test_json_that_is_refused_by_line(refusal, line, reason):
    got = refusal("reviews.jsonl", f'{{"text": "good", "label": 1}}\n\n{line}\n')
    assert "reviews.jsonl, line 3: " in got
    assert any(part in got for part in reason.split("|"))


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.jsonl", "{}\n{}\n"),
        ("a.jsonl", "{\n{}\n"),
        ("a.json", "[{}]"),
        ("a.json", "[[], []]"),
        ("a.json", '{"columns": [], "data": [[]]}'),
        ("a.jsonl", "\n".join(["{"] * 1000 + ['{"text": "x", "label": 1}'])),
    ],
)
@pytest.mark.parametrize("read", [read_labelled_texts, read_texts])
def test_rows_without_any_field(name, content, read, tmp_path):
    path = tmp_path / name
    path.write_text(content)
    with pytest.raises(ValueError, match=rf"{name}.*(any field|broken JSON)"):
        read(path)
    with pytest.raises(ValueError, match=rf"{name} must hold at least one text, got none"):
        read(path, on_error="skip")


@pytest.mark.parametrize("name", ["a.csv", "a.jsonl"])
def test_a_line_without_end(refusal, name, monkeypatch):
    monkeypatch.setattr(_packed_file, "LONGEST_LINE", 1000)
    content = "text,label\n" if name == "a.csv" else "\n"
    assert "line 2: expected a line of less than" in refusal(name, content + "x" * 1001)


QUOTED = "text,label\n" + '"one, two",a\n"three, four",b\n' * 30


def test_a_quote_that_is_never_closed_costs_one_row(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text(QUOTED + '"begins, and,a\n' + '"five, six",b\nseven,a\n' * 10)
    with pytest.raises(ValueError, match=r"a\.csv, line 62: broken CSV.*give on_error=\"skip\""):
        read_labelled_texts(path)
    with pytest.warns(
        UserWarning, match=r"left out 1 row that can't be read. The first is line 62"
    ):
        bunch = read_labelled_texts(path, on_error="skip")
    assert bunch.n_skipped == 1
    assert bunch.data[59:].tolist() == ["three, four", *["five, six", "seven"] * 10]


def test_a_quote_that_is_never_closed_does_not_take_the_file_into_memory(tmp_path, monkeypatch):
    monkeypatch.setattr(_delimited, "LONGEST_LINE", 500)
    path = tmp_path / "a.csv"
    path.write_text(QUOTED + '"begins, and,a\n' + "another line,b\n" * 50)
    limit = csv.field_size_limit(500)
    try:
        with pytest.raises(
            ValueError, match=r"line 62: broken CSV: field larger than field limit"
        ):
            read_labelled_texts(path)
        with pytest.warns(UserWarning, match="left out 1 row"):
            assert len(read_labelled_texts(path, on_error="skip").data) == 110
    finally:
        csv.field_size_limit(limit)


def test_quotes_that_are_never_closed_do_not_take_for_ever(tmp_path, monkeypatch):
    monkeypatch.setattr(_delimited, "MOST_LINES_AGAIN", 1000)
    path = tmp_path / "a.csv"
    swallowing = '"begins, and,a\n' + "another line,b\n" * 50
    path.write_text(QUOTED + '"one, two",a\n' * 2000 + swallowing * 25)
    with pytest.raises(ValueError, match=r"a\.csv, line \d+: a quote is not closed"):
        read_labelled_texts(path, on_error="skip")


def test_a_larger_limit_of_the_user_stays(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("text,label\nx,1\n")
    limit = csv.field_size_limit(10**9)
    try:
        read_labelled_texts(path)
        assert csv.field_size_limit() == 10**9
    finally:
        csv.field_size_limit(limit)


def test_a_label_with_a_zero_byte(refusal):
    assert "zero byte" in refusal("a.jsonl", '{"text": "x", "label": "a\\u0000"}\n')


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="has no such files")
def test_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "a.csv")
    with pytest.raises(ValueError, match=r"a\.csv must be a file or folder, but is a pipe"):
        read_labelled_texts(tmp_path / "a.csv")


def test_a_file_that_cannot_be_read_is_named(tmp_path):
    (tmp_path / "a.csv").mkdir()
    with pytest.raises(ValueError, match=r"a\.csv must be a file, or hold a folder of text files"):
        read_labelled_texts(tmp_path / "a.csv")
    with pytest.raises(FileNotFoundError, match=r"no file .*b\.csv"):
        read_labelled_texts(tmp_path / "b.csv")


def test_columns(tmp_path):
    (tmp_path / "a.csv").write_text("text,label\nx,a\n")
    with pytest.raises(ValueError, match=r"no column 'body'.*Give text_column \(--text-column on"):
        read_labelled_texts(tmp_path / "a.csv", text_column="body")
    with pytest.raises(ValueError, match=r"label_column must be a number from 1 to 2, got 3"):
        read_labelled_texts(tmp_path / "a.csv", label_column=3)
    with pytest.raises(ValueError, match=r"text_column and label_column must differ"):
        read_labelled_texts(tmp_path / "a.csv", text_column="label", label_column=2)


@pytest.mark.parametrize("name", ["path", "text_column", "label_column", "rows_per_block"])
@scaled(60)
@given(value=nonsense)
def test_a_parameter_that_makes_no_sense_is_named(tmp_path_factory, name, value):
    path = tmp_path_factory.getbasetemp() / "a.csv"
    path.write_text("text,label\nx,a\n")
    assume(name != "path" or not isinstance(value, str))
    assume(not name.endswith("column") or value is not None)
    arguments = {"path": path, name: value}
    blocks = given_or_refused(lambda: list(read_labelled_blocks(**arguments)), name)
    assert blocks is REFUSED or name == "rows_per_block"
