"""Labelled texts: a file is read as by the standard library if that can, or refused by name."""

import csv
import gzip
import io
import json
import warnings

from fuzz._outcome import refusals_name, written

from skimdb.datasets import read_labelled_texts, read_texts

ENDINGS = (".csv", ".jsonl", ".json", ".txt", ".gz", "")
ROWS = [("Très, bon", "good"), ("two\nlines", " bad "), ("", "1"), ("🎬", "good")]
COLUMNS = {"text_column": "text", "label_column": "label"}


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
        yield b"\4" + gzip.compress(stream.getvalue().encode())
        records = [{"text": text, "label": label, "id": 3} for text, label in ROWS]
        yield b"\1" + end.join(map(json.dumps, records)).encode()
        yield b"\2" + json.dumps(records, indent=1).replace("\n", end).encode()
        yield b"\3" + end.join(f"__label__{label} {text}" for text, label in ROWS[:1]).encode()
        yield b"\3" + end.join(f"{label}\t{text}" for text, label in ROWS).encode()
        yield b"\5" + json.dumps({"data": records}).encode()
    yield b'\1{"text": "\\ud800", "label": true}\n\n{"label": 12, "text": "x", "a": [NaN, {}]}'


def expected(content, ending):
    """Return texts and labels as the standard library reads them, None if it can't."""
    try:
        text = content.decode("utf-8-sig")
        if "\r" in text.replace("\r\n", ""):
            return None  # csv ends a row there, skimdb puts a space
        if ending == ".csv":
            stream = io.StringIO(text, newline="")
            rows = csv.reader(stream, strict=True, skipinitialspace=True)
            header, *rows = filter(None, rows)
            header = [name.strip() for name in header]
            if header.count("text") != 1 or header.count("label") != 1:
                return None
            records = [dict(zip(header, row, strict=True)) for row in rows]
        else:
            records = [json.loads(line) for line in text.split("\n") if line.strip()]
        texts = [record["text"] for record in records]
        labels = [record["label"] for record in records]
    except (ValueError, KeyError, TypeError, IndexError, csv.Error):
        return None
    labels = [str(it).strip() for it in labels]
    is_plain = all(isinstance(it, str) for it in texts) and not any(".0" in it for it in labels)
    return ([it.split() for it in texts], labels) if is_plain else None


def read(data, folder):
    """Read an input, and return what is in it."""
    ending, content = ENDINGS[data[0] % len(ENDINGS) if data else 0], data[1:]
    path = written(folder / f"texts{ending}", content)
    plain = expected(content, ending) if ending in (".csv", ".jsonl") else None
    with refusals_name(path), warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        bunch = read_labelled_texts(path, on_error="skip", **(COLUMNS if plain else {}))
        texts, labels = bunch.data.tolist(), bunch.target.tolist()
        if plain and not bunch.n_skipped:
            assert ([text.split() for text in texts], labels) == plain
        alone = read_texts(path, on_error="skip", text_column=bunch.text_column)
    assert len(texts) == len(labels) > 0
    assert len(alone.data) == len(alone.rows) > 0
    for text, label in zip(texts, labels, strict=True):
        assert type(text) is str
        assert "\r" not in text
        assert "\0" not in label
        assert label == label.strip() != ""
        assert label.encode()
    return texts, labels
