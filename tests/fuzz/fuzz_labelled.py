"""Labelled reviews, CSV or JSON Lines: what is read is what the standard library reads."""

import csv
import io
import json

from fuzz._outcome import refusals_name, written

from skimdb._cli._labelled_files import read_labelled_file

ENDINGS = (".csv", ".jsonl")
ROWS = [("Très, bon", "good"), ("two\nlines", " bad "), ("", "1"), ("🎬", "good")]


def seeds():
    """Yield valid inputs."""
    for end in "\n", "\r\n":
        stream = io.StringIO()
        writer = csv.writer(stream, lineterminator=end)
        writer.writerow(["text", "id", "label"])
        writer.writerows([text, 3, label] for text, label in ROWS)
        for encoding in "utf-8", "utf-8-sig", "utf-16":
            yield b"\0" + stream.getvalue().encode(encoding)
        yield b"\0" + stream.getvalue().replace("two\n", "two\r\n").encode()
        lines = [json.dumps({"text": text, "label": label, "id": 3}) for text, label in ROWS]
        yield b"\1" + end.join(lines).encode()
    yield b'\1{"text": "\\ud800", "label": true}\n\n{"label": 12, "text": "x", "a": [NaN, {}]}'


def expected(content, ending):
    """Return texts and labels as the standard library reads them."""
    text = content.decode("utf-8-sig")
    if ending == ".csv":
        header, *rows = (
            row for row in csv.reader(io.StringIO(text, newline=""), strict=True) if row
        )
        header = [name.strip() for name in header]
        records = [dict(zip(header, row, strict=True)) for row in rows]
    else:
        records = [json.loads(line) for line in text.split("\n") if line.strip()]
    texts = ["\n".join(record["text"].replace("\r\n", "\r").split("\r")) for record in records]
    labels = [record["label"] for record in records]
    return texts, [it.strip() if type(it) is str else json.dumps(it) for it in labels]


def read(data, folder):
    """Read an input, and return what is in it."""
    ending, content = ENDINGS[data[0] % 2 if data else 0], data[1:]
    path = written(folder / f"reviews{ending}", content)
    with refusals_name(path):
        texts, labels = read_labelled_file(path, text_column="text", label_column="label")
    assert (texts, labels) == expected(content, ending)
    assert texts
    for text, label in zip(texts, labels, strict=True):
        assert type(text) is str
        assert "\r" not in text
        assert "\0" not in label or ending == ".jsonl"
        assert label == label.strip() != ""
        assert label.encode()
    return texts, labels
