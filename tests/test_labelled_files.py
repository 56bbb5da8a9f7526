"""CSV and JSON Lines of users: odd ones are read rightly, wrong ones refused by file and line."""

import json
import os

import pytest

from skimdb._cli import _labelled_files
from skimdb._cli._labelled_files import read_labelled_file
from skimdb._word_index import WordIndexEncoder


@pytest.fixture
def read(tmp_path):
    """A function that reads a file of some content."""

    def read(name, content):
        path = tmp_path / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return read_labelled_file(path, text_column="text", label_column="label")

    return read


@pytest.fixture
def refusal(read, tmp_path):
    """A function that gives the reason for which a file is refused."""

    def refusal(name, content):
        with pytest.raises(ValueError, match=r"reviews\.|a\.") as caught:
            read(name, content)
        assert str(tmp_path / name) in str(caught.value)
        assert len(str(caught.value)) < 1500
        return str(caught.value)

    return refusal


@pytest.mark.parametrize("inner", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("outer", ["\n", "\r\n"])
@pytest.mark.parametrize("place", ["text,label", "label,text"])
def test_lines_within_a_field_end_in_a_newline(read, inner, outer, place):
    fields = {"text": f'"so good{inner}{inner}film"', "label": "yes"}
    row = ",".join(fields[name] for name in place.split(","))
    assert read("a.csv", outer.join([place, row, ""])) == (["so good\n\nfilm"], ["yes"])


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
    ],
)
def test_odd_csv(read, content, expected):
    assert read("reviews.csv", content)[0] == expected


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "column names"),
        (b"\n\n", "column names"),
        (b"\xef\xbb\xbf", "column names"),
        (b"text,label", "at least one review"),
        (b"text,label\n\n\n", "at least one review"),
        (b"text\nx\n", "no column 'label'"),
        (b"text,label,text\nx,1,y\n", "more than one column 'text'"),
        (b"text,label\nx\n", "line 2: expected 2 fields"),
        (b'text,label\n"x" y,1\n', "line 2: broken CSV"),
        (b'text,label\n"x,1\ny,2\n', "line 3: broken CSV"),
        (b"text,label\rx,1\r", "broken CSV"),
        (b"text,label\nx,1\rz,2\n", "line 2: broken CSV"),
        (b"text,label\nx\0y,1\n", "line 2: expected text in UTF-8, got a zero byte"),
        ("text,label\nx,1\n".encode("utf-16"), "line 1: expected text in UTF-8, got a zero byte"),
        ("text,label\nx,1\n".encode("utf-16-le"), "UTF-16"),
        ("text,label\nx,1\n".encode("utf-32"), "UTF-16"),
        ("text,label\nça,1\n".encode("latin1"), "UTF-8, got the byte 0xe7"),
        (b"text,label\n\xed\xa0\x80,1\n", "line 2: expected text in UTF-8"),
        (b"text,label\nx,1\ny,\xc2\xa0\n", "line 3: 'label' is empty"),
        (b"x" * 5000 + b",y\n", "no column 'text'; its columns are 'xxx"),
        (b"x," * 5000 + b"y\n", "and 4991 more"),
        (b"label,text\n" + b"word " * 100 + b",1\n", "'label' must have at most 200 characters"),
        (b"PK\x03\x04\x14\x00\x06\x00", "zero byte"),
    ],
)  # fmt: skip
def test_csv_that_is_refused(refusal, content, reason):
    assert reason in refusal("reviews.csv", content)


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
        ('{"text": ["x"], "label": 1}', "'text' must be a text"),
        ('{"text": {"text": "x"}, "label": 1}', "'text' must be a text"),
        ('{"text": null, "label": 1}', "'text' must be a text, got null"),
        ('{"text": "x", "label": NaN}', "'label' must be a text or a whole number, got NaN"),
        ('{"text": "x", "label": -Infinity}', "got -Infinity"),
        ('{"text": "x", "label": 1.0}', "got 1.0"),
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


@pytest.mark.parametrize("name", ["a.csv", "a.jsonl"])
def test_a_line_without_end(refusal, name, monkeypatch):
    monkeypatch.setattr(_labelled_files, "LONGEST_LINE", 1000)
    content = "text,label\n" if name == "a.csv" else "\n"
    assert "line 2: expected a line of less than" in refusal(name, content + "x" * 1001)


def test_a_quote_that_is_never_closed_does_not_take_the_file_into_memory(refusal, monkeypatch):
    monkeypatch.setattr(_labelled_files, "LONGEST_LINE", 1000)
    content = 'text,label\n"begins,1\n' + "another line,1\n" * 1000
    assert "field larger than field limit (1000)" in refusal("a.csv", content)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="has no such files")
def test_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "a.csv")
    with pytest.raises(ValueError, match=r"a\.csv must be a file, but is a pipe"):
        read_labelled_file(tmp_path / "a.csv", text_column="text", label_column="label")


def test_a_file_that_may_not_be_read_is_named(tmp_path):
    (tmp_path / "a.csv").mkdir()
    with pytest.raises(IsADirectoryError, match=r"a\.csv must be a file, but is a folder"):
        read_labelled_file(tmp_path / "a.csv", text_column="text", label_column="label")
    with pytest.raises(FileNotFoundError, match=r"no file .*b\.csv"):
        read_labelled_file(tmp_path / "b.csv", text_column="text", label_column="label")
