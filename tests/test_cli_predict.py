"""``skimdb predict``: files and columns, --out, thresholds, known words, and any terminal."""

import csv
import gzip
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
import warnings

import pytest
from test_cli import assert_refused, command, press_ctrl_c, process_settings, run

import skimdb
from skimdb import load_model, multi_hot_pipeline, save_model

pytestmark = pytest.mark.usefixtures("empty_folder")

HAM = ["see you at lunch", "lunch is at noon", "he said that lunch is at noon", "lunch, noon"]
SPAM = ["win a free prize", "free prize inside", "claim your free prize", "free cash prize"]
ROWS = [("1", 'He said: "lunch, at noon"', "ham"), ("2", "free\nprize", "spam")]
TEXTS = [text for _, text, _ in ROWS]


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """A model of ham and spam, trained on the column ``body`` of a file with two texts a row."""
    folder = tmp_path_factory.mktemp("model")
    with open(folder / "mails.csv", "w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["subject", "body", "kind"])
        for texts, label in ((HAM, "ham"), (SPAM, "spam")):
            table.writerows(["a subject that says little", text, label] for text in 20 * texts)
    columns = ["--text-column", "body", "--label-column", "kind"]
    options = ["--data", folder / "mails.csv", *columns, "--epochs", 20, "--out", folder / "model"]
    result = run("train", *options)
    assert result.exit_code == 0, result.output
    return folder / "model"


@pytest.fixture(scope="module")
def probabilities(model):
    """The probabilities of ``TEXTS``."""
    return load_model(model / "model.skimdb").predict_proba(TEXTS)


def predict(*args, stdin=None):
    result = run("predict", *args, stdin=stdin)
    assert result.exit_code == 0, result.output
    return result


def labels_of(result):
    return [line.split("\t")[0] for line in result.stdout.splitlines()]


def write_table(path, names, rows):
    """Write a table in the format that the name says."""
    if path.suffix == ".jsonl":
        lines = (json.dumps(dict(zip(names, row, strict=True))) + "\n" for row in rows)
        path.write_text("".join(lines))
    else:
        with open(path, "w", newline="") as file:
            table = csv.writer(file, delimiter="\t" if path.suffix == ".tsv" else ",")
            table.writerows([names, *rows])
    return path


def read_table(path):
    """Return the rows of a table as dicts of texts."""
    if path.suffix == ".jsonl":
        return [json.loads(line) for line in path.read_text().splitlines()]
    with open(path, newline="") as file:
        return list(csv.DictReader(file, delimiter="\t" if path.suffix == ".tsv" else ","))


class TestFile:
    @pytest.mark.parametrize("name", ["mails.csv", "mails.tsv", "mails.jsonl"])
    def test_rows_are_read_as_by_train(self, name, model, tmp_path):
        file = write_table(tmp_path / name, ["id", "body", "kind"], ROWS)
        result = predict(model, "--file", file)
        assert result.stdout == predict(model, *TEXTS).stdout
        assert labels_of(result) == ["ham", "spam"]
        assert result.stderr == ""

    def test_packed_file(self, model, tmp_path):
        file = write_table(tmp_path / "mails.csv", ["body"], [[text] for text in TEXTS])
        packed = tmp_path / "mails.csv.gz"
        packed.write_bytes(gzip.compress(file.read_bytes()))
        assert labels_of(predict(model, "--file", packed)) == ["ham", "spam"]

    def test_plain_text_has_one_text_a_line(self, model, tmp_path):
        file = tmp_path / "texts.txt"
        # neither is the first line a header, nor are commas or quotes special
        file.write_text('free\nprize\nprize\nprize\nlunch, "noon\nlunch\nlunch\n')
        expected = predict(model, *file.read_text().splitlines())
        assert predict(model, "--file", file).stdout == expected.stdout

    @pytest.mark.parametrize("column", ["subject", "2"])
    def test_column_by_name_or_number(self, column, model, tmp_path):
        rows = [["lunch at noon", "win a free prize"], ["see you", "claim your cash"]]
        file = write_table(tmp_path / "mails.csv", ["body", "subject"], rows)
        assert labels_of(predict(model, "--file", file)) == ["ham", "ham"]
        result = predict(model, "--file", file, "--text-column", column)
        assert labels_of(result) == ["spam", "spam"]

    def test_column_of_the_training_comes_first(self, model, tmp_path):
        # read_texts would take text
        rows = [["lunch at noon", "win a free prize"]]
        file = write_table(tmp_path / "mails.csv", ["text", "body"], rows)
        assert labels_of(predict(model, "--file", file)) == ["spam"]
        # in a folder of its own, a model does not say what it was trained on
        (tmp_path / "alone").write_bytes((model / "model.skimdb").read_bytes())
        assert labels_of(predict(tmp_path / "alone", "--file", file)) == ["ham"]

    def test_another_column_where_that_of_the_training_lacks(self, model, tmp_path):
        file = write_table(tmp_path / "mails.csv", ["id", "text"], [["1", "win a free prize"]])
        assert labels_of(predict(model, "--file", file)) == ["spam"]

    def test_unknown_columns_are_named(self, model, tmp_path):
        rows = [["lunch at noon", "see you at noon"]]
        file = write_table(tmp_path / "mails.jsonl", ["one", "two"], rows)
        assert_refused(run("predict", model, "--file", file), "'one', 'two'", "--text-column")
        result = run("predict", model, "--file", file, "--text-column", "three")
        assert_refused(result, "'three'")

    @pytest.mark.filterwarnings("default")
    def test_reader_options(self, model, tmp_path):
        file = tmp_path / "mails.txt"
        file.write_bytes("body;id\nfree prize für alle;1\nlunch;2;3\n".encode("latin-1"))
        options = ["--delimiter", ";", "--encoding", "latin-1"]
        result = run("predict", model, "--file", file, *options)
        assert_refused(result, "mails.txt, line 3", "expected 2 fields")
        options += ["--on-error", "skip"]
        result = predict(model, "--file", file, *options, "--json")
        assert json.loads(result.stdout)["words"] == 4
        assert result.stderr.startswith("Warning: ")
        assert "left out 1 row" in result.stderr
        # without a header there is one more row
        options += ["--header", "no", "--text-column", 1]
        assert len(labels_of(predict(model, "--file", file, *options))) == 2

    @pytest.mark.parametrize(
        "option",
        [("--text-column", "a"), ("--delimiter", ";"), ("--header", "no"), ("--encoding", "x")],
    )
    def test_reader_options_need_a_file(self, option, model):
        assert_refused(run("predict", model, "lunch", *option), option[0], "requires a file")
        assert_refused(run("predict", model, *option, stdin=b"lunch"), option[0])

    def test_the_only_text_may_be_the_name_of_a_file(self, model, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        write_table(tmp_path / "mails.csv", ["body"], [[text] for text in TEXTS])
        result = predict(model, "mails.csv")
        assert labels_of(result) == ["ham", "spam"]
        assert result.stderr.startswith("Note: reading the texts in the file mails.csv")

    def test_the_only_text_may_be_the_name_of_a_folder(self, model, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        for name, text in zip(("a", "b"), TEXTS, strict=True):
            (tmp_path / "mails" / name).mkdir(parents=True)
            (tmp_path / "mails" / name / "1.txt").write_text(text)
        result = predict(model, "mails")
        assert labels_of(result) == ["ham", "spam"]
        assert result.stderr.startswith("Note: reading the texts in the folder mails")

    @pytest.mark.parametrize("other", ["lunch", "more.csv", "folder"])
    def test_one_file_at_a_time(self, other, model, tmp_path, monkeypatch):
        """As from *.csv: file names are not classified."""
        monkeypatch.chdir(tmp_path)
        (tmp_path / "folder").mkdir()
        write_table(tmp_path / "mails.csv", ["body"], [["lunch"]])
        for texts in (["mails.csv", other], [other, "mails.csv"]):
            existing = texts[0] if other == "folder" else "mails.csv"
            result = run("predict", model, *texts)
            assert_refused(result, "TEXT", f"{existing} is a file or folder", "one file at a time")

    @pytest.mark.parametrize("name", ["nowhere.csv", "*.CSV", "mails/nowhere.jsonl", "x.csv.gz"])
    def test_a_text_like_a_file_name_is_remarked_on(self, name, model, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        result = predict(model, name)
        assert result.stderr.startswith(f"Note: there is no file {name}, so it is classified")
        assert len(labels_of(result)) == 1
        assert "no file" not in predict(model, f"lunch is in {name}").stderr


class TestStandardInput:
    """What --file - reads; TestPredict in test_cli.py has plain lines."""

    @pytest.mark.parametrize("suffix", [".csv", ".tsv", ".jsonl"])
    def test_is_read_as_a_file(self, suffix, model, tmp_path):
        file = write_table(tmp_path / f"mails{suffix}", ["id", "body", "kind"], ROWS)
        outs = [tmp_path / f"scored{i}{suffix}" for i in range(2)]
        predict(model, "--file", file, "--out", outs[0])
        predict(model, "--file", "-", "--out", outs[1], stdin=file.read_bytes())
        assert outs[0].read_bytes() == outs[1].read_bytes()

    def test_another_column_where_that_of_the_training_lacks(self, model):
        result = predict(model, "--file", "-", stdin=b"id,text\n1,win a free prize\n")
        assert labels_of(result) == ["spam"]

    def test_reader_options(self, model):
        stdin = "free prize für alle;lunch\n".encode("latin-1")
        options = ["--delimiter", ";", "--encoding", "latin-1", "--header", "no"]
        for column, label in ((1, "spam"), (2, "ham")):
            result = predict(model, "--file", "-", *options, "--text-column", column, stdin=stdin)
            assert labels_of(result) == [label]

    def test_errors_name_it(self, model):
        stdin = b"body,id\nlunch,1\nlunch,2,3\n"
        result = run("predict", model, "--file", "-", stdin=stdin)
        assert_refused(result, "standard input, line 3")

    def test_ctrl_c(self, model, tmp_path, monkeypatch):
        monkeypatch.setattr("shutil.copyfileobj", lambda *_: press_ctrl_c())
        options = ["--file", "-", "--out", tmp_path / "scored.csv"]
        result = run("predict", model, *options, stdin=b"text")
        assert_refused(result, "interrupted: nothing was written.", code=130)
        assert not list(tmp_path.iterdir())


class TestOut:
    @pytest.mark.parametrize("suffix", [".csv", ".tsv", ".jsonl"])
    def test_keeps_the_columns_and_adds_predictions(self, suffix, model, probabilities, tmp_path):
        file = write_table(tmp_path / f"mails{suffix}", ["id", "body", "kind"], ROWS)
        before = file.read_bytes()
        out = tmp_path / f"scored{suffix}"
        result = predict(model, "--file", file, "--out", out)
        assert (result.stdout, result.stderr) == (f"Wrote 2 rows to {out}.\n", "")
        assert file.read_bytes() == before
        rows = read_table(out)
        names = ["id", "body", "kind", "label", "probability_ham", "probability_spam"]
        for row, given, expected in zip(rows, ROWS, probabilities, strict=True):
            assert list(row) == names
            assert (row["id"], row["body"], row["kind"]) == given
            assert row["label"] == given[2]
            for label, probability in zip(("ham", "spam"), expected, strict=True):
                assert float(row[f"probability_{label}"]) == pytest.approx(probability, abs=1e-6)

    def test_json_keeps_the_kinds_of_values(self, model, tmp_path):
        file = tmp_path / "mails.jsonl"
        file.write_text('{"id": 7, "body": "lunch", "read": true}\n{"body": "pr\\ud83dize"}\n')
        predict(model, "--file", file, "--out", tmp_path / "scored.jsonl")
        rows = read_table(tmp_path / "scored.jsonl")
        assert (rows[0]["id"], rows[0]["read"], rows[1]["id"]) == (7, True, None)
        # half a character, which UTF-8 can't spell
        assert rows[1]["body"] == "pr\ud83dize"

    @pytest.mark.parametrize("suffix", [".csv", ".jsonl"])
    def test_names_that_exist_are_kept(self, suffix, model, tmp_path):
        names = ["label", "body", "label_2", "probability_spam"]
        rows = [["x", "free prize", "y", "z"]]
        file = write_table(tmp_path / "mails.csv", names, rows)
        predict(model, "--file", file, "--out", tmp_path / f"scored{suffix}")
        (row,) = read_table(tmp_path / f"scored{suffix}")
        new = ["label_3", "probability_ham", "probability_spam_2"]
        assert list(row) == [*names, *new]
        assert [row[name] for name in names] == rows[0]
        assert row["label_3"] == "spam"

    @pytest.mark.parametrize("texts", [TEXTS, []])
    def test_texts_and_lines(self, texts, model, tmp_path):
        stdin = None if texts else b"lunch at noon\n\nfree prize\n"
        result = predict(model, *texts, "--out", tmp_path / "scored.csv", stdin=stdin)
        rows = read_table(tmp_path / "scored.csv")
        assert [row["text"] for row in rows] == (texts or ["lunch at noon", "", "free prize"])
        assert [rows[0]["label"], rows[-1]["label"]] == ["ham", "spam"]
        assert result.stdout.startswith(f"Wrote {len(rows)} rows")

    def test_does_not_replace_a_file_without_force(self, model, tmp_path):
        out = tmp_path / "scored.csv"
        out.write_text("mine")
        result = run("predict", model, "lunch", "--out", out)
        assert_refused(result, str(out), "exists already", "--force")
        assert out.read_text() == "mine"
        result = predict(model, "lunch", "--out", out, "--force")
        assert result.stdout == f"Wrote 1 row to {out}.\n"
        assert [row["label"] for row in read_table(out)] == ["ham"]

    @pytest.mark.parametrize("force", [[], ["--force"]])
    def test_does_not_replace_its_input(self, force, model, tmp_path):
        file = write_table(tmp_path / "mails.csv", ["body"], [["lunch"]])
        other = tmp_path / "link.csv"
        other.symlink_to(file)
        before = file.read_bytes()
        for out in (file, other):
            result = run("predict", model, "--file", file, "--out", out, *force)
            assert_refused(result, "--out", "the file that the texts come from")
        assert file.read_bytes() == before

    @pytest.mark.parametrize(
        ("options", "words"),
        [
            (["--out", "scored.xlsx"], ["--out", ".csv, .tsv or .jsonl", "scored.xlsx"]),
            (["--out", "nowhere/scored.csv"], ["--out", "no folder", "nowhere"]),
            (["--out", "folder.csv"], ["--out", "folder.csv", "is a folder"]),
            (["--out", "scored.csv", "--json"], ["--json", "--out"]),
            (["--force"], ["--force", "requires --out"]),
        ],
    )
    def test_wrong_usage(self, options, words, model, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        (tmp_path / "folder.csv").mkdir()
        assert_refused(run("predict", model, "lunch", *options), *words)
        assert [path.name for path in tmp_path.iterdir()] == ["folder.csv"]

    def test_an_error_leaves_nothing(self, model, tmp_path):
        out = tmp_path / "scored.csv"
        result = run("predict", model, "--out", out, stdin=b"lunch\n\xff\n")
        assert_refused(result, "standard input, line 2", "0xff")
        assert not list(tmp_path.iterdir())

    @pytest.mark.slow
    def test_ctrl_c_leaves_nothing(self, model, tmp_path):
        with subprocess.Popen(
            command("predict", model, "--out", tmp_path / "scored.csv"),
            stdin=subprocess.PIPE,
            stderr=subprocess.PIPE,
            **process_settings(),
        ) as process:
            timer = threading.Timer(60, process.kill)
            timer.start()
            process.stdin.write(b"lunch\n")
            process.stdin.flush()
            while not list(tmp_path.glob(".skimdb-*/scored.csv")) and process.poll() is None:
                time.sleep(0.01)
            process.send_signal(signal.SIGINT)
            assert process.stderr.read() == b"Error: interrupted: nothing was written.\n"
        timer.cancel()
        assert process.returncode == 130
        assert not list(tmp_path.iterdir())


class TestThreshold:
    @pytest.mark.parametrize("positive", ["ham", "spam"])
    def test_decides_from_its_probability_on(self, positive, model, probabilities):
        number = ("ham", "spam").index(positive)
        other = ("spam", "ham")[number]
        values = probabilities[:, number]
        option = [] if positive == "spam" else ["--positive", positive]
        for threshold in (0, min(values), max(values), 1):
            result = predict(model, *TEXTS, "--threshold", threshold, *option)
            expected = [positive if value >= threshold else other for value in values]
            assert labels_of(result) == expected

    def test_probability_is_that_of_the_label(self, model, probabilities, tmp_path):
        result = predict(model, TEXTS[1], "--threshold", 1)
        assert result.stdout == f"ham\t{probabilities[1, 0]:.4f}\n"
        predict(model, TEXTS[1], "--threshold", 1, "--out", tmp_path / "scored.csv")
        assert [row["label"] for row in read_table(tmp_path / "scored.csv")] == ["ham"]

    @pytest.mark.parametrize(
        ("options", "words"),
        [
            (["--threshold", "1.5"], ["--threshold", "0 to 1", "1.5"]),
            (["--threshold", "nan"], ["--threshold", "0 to 1"]),
            (["--threshold", "0.5", "--positive", "eggs"], ["--positive", "'ham' or 'spam'"]),
            (["--positive", "ham"], ["--positive", "requires --threshold"]),
        ],
    )
    def test_wrong_usage(self, options, words, model):
        assert_refused(run("predict", model, "lunch", *options), *words)

    def test_needs_two_labels(self, tmp_path):
        pipeline = multi_hot_pipeline(text=True, epochs=1, random_state=0)
        save_model(pipeline.fit(["a", "b", "c"], ["x", "y", "z"]), tmp_path / "three")
        result = run("predict", tmp_path / "three", "a", "--threshold", 0.5)
        assert_refused(result, "--threshold", "two labels", "3")
        result = predict(tmp_path / "three", "a", "--proba")
        assert result.stdout.startswith("label\tprobability_x\tprobability_y\tprobability_z\n")


class TestProba:
    def test_columns(self, model, probabilities):
        result = predict(model, *TEXTS, "--proba")
        lines = [line.split("\t") for line in result.stdout.splitlines()]
        assert lines == [
            ["label", "probability_ham", "probability_spam"],
            *(
                [label, *(f"{value:.4f}" for value in row)]
                for label, row in zip(("ham", "spam"), probabilities, strict=True)
            ),
        ]

    def test_json(self, model, probabilities):
        result = predict(model, TEXTS[0], "--proba", "--json")
        answer = json.loads(result.stdout)
        assert list(answer["probabilities"]) == ["ham", "spam"]
        assert list(answer["probabilities"].values()) == pytest.approx(probabilities[0], abs=1e-6)
        assert "probabilities" not in json.loads(predict(model, TEXTS[0], "--json").stdout)


class TestKnownWords:
    def test_json_counts_them(self, model):
        texts = ["lunch at Noon!", "xyzzy plugh", "", "free xyzzy prize prize"]
        lines = predict(model, *texts, "--json").stdout.splitlines()
        counts = [(a["known_words"], a["words"]) for a in map(json.loads, lines)]
        # the exclamation mark is a word, too
        assert counts == [(3, 4), (0, 2), (0, 0), (3, 4)]

    def test_article_counts_words_with_a_column(self, tmp_path):
        # the two most frequent words have columns: ids 0 to 3 stand for no word
        pipeline = multi_hot_pipeline(text=True, num_words=6, epochs=1, random_state=0)
        save_model(pipeline.fit(["a a a b b c", "a b"], ["x", "y"]), tmp_path / "small")
        answer = json.loads(predict(tmp_path / "small", "a b c d", "--json").stdout)
        assert (answer["known_words"], answer["words"]) == (2, 4)

    @pytest.mark.parametrize(
        ("texts", "named"),
        [
            (["xyzzy plugh"], "this text"),
            ([""], "this text"),
            (["lunch", "xyzzy"], "text 2"),
            (["", "lunch", "xyzzy"], "texts 1 and 3"),
            (["lunch", *["xyzzy"] * 1200], "texts 2, 3, 4, 5, 6 and 1,195 more"),
        ],
    )
    def test_a_text_without_any_is_named(self, texts, named, model):
        result = predict(model, *texts)
        # two columns for each text, whatever is remarked
        assert all(re.fullmatch(r"\w+\t0\.\d{4}", line) for line in result.stdout.splitlines())
        assert result.stderr.count("\n") == 1
        assert f"knows no word of {named}." in result.stderr
        probabilities = load_model(model / "model.skimdb").predict_proba([""])[0]
        for label, probability in zip(("ham", "spam"), probabilities, strict=True):
            assert f"{label} {probability:.4f}" in result.stderr

    def test_rows_and_lines_are_named(self, model, tmp_path):
        file = write_table(tmp_path / "mails.csv", ["body"], [["lunch"], ["xyzzy"]])
        assert "of row 2." in predict(model, "--file", file).stderr
        assert "of line 1." in predict(model, stdin=b"xyzzy\nlunch\n").stderr

    def test_nothing_is_said_of_known_texts(self, model):
        assert predict(model, "lunch xyzzy").stderr == ""


class TestDash:
    @pytest.mark.parametrize("text", ["-5 stars", "-5", "--terrible"])
    def test_a_text_that_begins_with_a_dash(self, text, model):
        result = run("predict", model, text)
        assert_refused(result, "Put -- before a text that begins with a dash", "MODEL -- TEXT")
        assert len(labels_of(predict(model, "--", text))) == 1

    def test_other_commands_say_nothing_of_texts(self):
        assert "dash" not in run("evaluate", "--terrible").stderr


def print_on_terminal(*args, columns, stdin=b"", **settings):
    """Return what a command prints on a terminal of some width."""
    pty, termios = pytest.importorskip("pty"), pytest.importorskip("termios")
    terminal, end_of_process = pty.openpty()
    termios.tcsetwinsize(terminal, (24, columns))
    with subprocess.Popen(
        command(*args),
        stdin=subprocess.PIPE,
        stdout=end_of_process,
        stderr=end_of_process,
        **process_settings(TERM="xterm-256color", **settings),
    ) as process:
        os.close(end_of_process)
        process.stdin.write(stdin)
        process.stdin.close()
        output = b""
        try:
            while more := os.read(terminal, 4096):
                output += more
        except OSError:  # the process has ended
            pass
    os.close(terminal)
    return output.decode().replace("\r\n", "\n")


class TestTerminal:
    """What a person sees, on a terminal of any width and encoding, and what a pipe gets."""

    @staticmethod
    def on_terminal(*args, columns, stdin=b"", **settings):
        """Return what a command prints on a terminal of some width, without its styles."""
        output = print_on_terminal(*args, columns=columns, stdin=stdin, NO_COLOR="1", **settings)
        return re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", output)

    @pytest.mark.slow
    def test_messages_wrap_at_words(self, model):
        args = ("predict", model, "xyzzy", "lunch xyzzy")
        note = run(*args).stderr
        assert note.count("\n") == 1
        output = self.on_terminal(*args, columns=40)
        assert max(map(len, output.split("\n"))) <= 40
        assert " ".join(output.split()).endswith(" ".join(note.split()))
        assert "The model knows 1 of the 3 words." in output

    def test_errors_wrap_at_words(self):
        error = run("predict", "no such model", "lunch").stderr
        output = self.on_terminal("predict", "no such model", "lunch", columns=40)
        assert output.count("\n") > 1
        assert output.split() == error.split()

    @pytest.mark.slow
    def test_columns_are_aligned(self, model):
        output = self.on_terminal("predict", model, *TEXTS, "--proba", columns=80)
        lines = output.splitlines()
        assert lines[0] == "label  probability_ham  probability_spam"
        starts = [[m.start() for m in re.finditer(r"\S+", line)] for line in lines]
        assert starts[0] == starts[1] == starts[2]

    @pytest.mark.slow
    def test_ascii(self, model, tmp_path):
        pipeline = multi_hot_pipeline(text=True, epochs=1, random_state=0)
        save_model(pipeline.fit(["a", "b"], ["gut", "übel"]), tmp_path / "modèle")
        file = write_table(tmp_path / "mails.csv", ["body"], [["a"]])
        saved, out = tmp_path / "modèle", tmp_path / "é.csv"
        for args, code, words in (
            ((saved, "a", "ü", "--proba"), 0, [b"probability_\\xfcbel", b"no word of text 2"]),
            ((saved, file, "--out", out), 0, [b"Wrote 1 row to ", b"\\xe9.csv."]),
            ((saved, "a", "--out", out), 2, [b"\\xe9.csv exists already"]),
            ((tmp_path / "modelé", "a"), 2, [b"model\\xe9"]),
            (("--help",), 0, [b"Usage"]),
        ):
            done = subprocess.run(
                command("predict", *args),
                capture_output=True,
                **process_settings(PYTHONIOENCODING="ascii", LANG="C"),
            )
            output = done.stdout + done.stderr
            assert done.returncode == code, output
            assert output.isascii()
            assert b"Traceback" not in output
            for word in words:
                assert word in output

    @pytest.mark.slow
    def test_ascii_columns_are_aligned(self, tmp_path):
        """Escapes are as wide as they are printed."""
        pipeline = multi_hot_pipeline(text=True, epochs=1, random_state=0)
        save_model(pipeline.fit(["a", "b"], ["gut", "übel"]), tmp_path / "model")
        data = write_table(
            tmp_path / "texts.csv", ["text", "label"], [["a", "gut"], ["b", "übel"]]
        )
        settings = {"PYTHONIOENCODING": "ascii", "LANG": "C", "columns": 100}
        args = ("predict", tmp_path / "model", "a", "b", "--proba")
        lines = self.on_terminal(*args, **settings).splitlines()
        starts = [[m.start() for m in re.finditer(r"\S+", line)] for line in lines]
        assert lines[0].split() == ["label", "probability_gut", "probability_\\xfcbel"]
        assert starts[0] == starts[1] == starts[2]
        columns = ["--text-column", "text", "--label-column", "label"]
        done = subprocess.run(
            command("evaluate", tmp_path / "model", "--data", data, *columns),
            capture_output=True,
            **process_settings(PYTHONIOENCODING="ascii"),
        )
        lines = done.stdout.decode("ascii").splitlines()
        header = next(i for i, line in enumerate(lines) if line.startswith("Label"))
        table = lines[header : header + 4]
        assert table[3].startswith("\\xfcbel ")
        assert len({len(line) for line in table}) == 1
        assert len({line.replace("+", "|").find("|") for line in table}) == 1


class TestWarnings:
    @pytest.mark.filterwarnings("default")
    def test_only_those_of_skimdb_are_shown(self, model, tmp_path, monkeypatch):
        load = skimdb.load_model

        def load_with_warnings(path):
            warnings.warn("about code", FutureWarning, stacklevel=2)
            # the place it names is in skimdb, but it is not skimdb that warns
            warnings.warn("about numbers", stacklevel=2)
            return load(path)

        monkeypatch.setattr("skimdb.load_model", load_with_warnings)
        file = tmp_path / "mails.jsonl"
        file.write_text('{"body": "lunch"}\n{"body"\n')
        result = predict(model, "--file", file, "--on-error", "skip")
        assert result.stderr.startswith("Warning: ")
        assert "left out 1 row" in result.stderr
        assert result.stderr.count("Warning") == 1
        assert "about" not in result.stderr


# Names the slow modules that are loaded when the command ends.
MAIN = """
import atexit, sys
from skimdb.__main__ import main

slow = {"numpy", "scipy", "sklearn", "numba", "matplotlib", "pandas", "tensorflow"}
atexit.register(lambda: print(sorted(slow & set(sys.modules))))
main()
"""


@pytest.mark.parametrize(
    ("args", "name"),
    [
        (["predict", "{}", "lunch"], "nowhere"),
        (["predict", "MODEL", "--file", "{}"], "nowhere.csv"),
        (["predict", "MODEL", "lunch", "--out", "{}"], "nowhere/scored.csv"),
        (["predict", "MODEL", "lunch", "--out", "{}"], "taken.csv"),
        (["evaluate", "{}"], "nowhere"),
        (["evaluate", "MODEL", "--data", "{}"], "nowhere.csv"),
        (["train", "--data", "{}"], "nowhere.csv"),
        (["train", "--out", "{}"], "taken.csv"),
        (["tune", "--data", "{}"], "nowhere.csv"),
        (["tune", "--out", "{}"], "taken.csv"),
        (["tune", "--resume", "{}"], "nowhere"),
        (["reproduce", "--out", "{}"], "taken.csv"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else value,
)
def test_bad_paths_are_told_before_slow_imports(args, name, model, tmp_path):
    (tmp_path / "taken.csv").touch()
    args = [arg.format(tmp_path / name).replace("MODEL", str(model)) for arg in args]
    done = subprocess.run(
        [sys.executable, "-c", MAIN, *args], capture_output=True, text=True, **process_settings()
    )
    assert done.returncode == 2
    assert done.stderr.startswith("Error: ")
    assert name.partition("/")[0] in done.stderr
    assert done.stdout == "[]\n"
