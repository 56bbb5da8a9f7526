"""The documentation: its code does what it says, and its commands exist."""

import doctest
import json
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import typer

from skimdb import save_model, text_pipeline
from skimdb._cli import app
from skimdb.datasets import load_sample_reviews

DOCS = Path(__file__).parent.parent / "docs"
PAGES = sorted(DOCS.rglob("*.md"))
FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks(page, language):
    """Return the blocks of code of a page, and the numbers of their first lines."""
    text = page.read_text(encoding="utf-8")
    return [
        (found[2], text.count("\n", 0, found.start(2)))
        for found in BLOCK.finditer(text)
        if found[1] == language
    ]


def doctest_of(page):
    """Return the examples of a page as one test: they share their names."""
    examples = []
    for code, first_line in blocks(page, "python"):
        for example in doctest.DocTestParser().get_examples(code):
            example.lineno += first_line
            examples.append(example)
    return doctest.DocTest(examples, {"__name__": "__main__"}, page.name, str(page), 0, None)


WITH_CODE = [page for page in PAGES if doctest_of(page).examples]


@pytest.mark.slow
@pytest.mark.parametrize("page", WITH_CODE, ids=lambda page: page.stem)
def test_examples(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    report = []
    runner = doctest.DocTestRunner(optionflags=FLAGS)
    runner.run(doctest_of(page), out=report.append)
    assert runner.summarize(verbose=False).failed == 0, "".join(report)


@pytest.mark.slow
def test_a_server_with_processes(tmp_path):
    (script,) = [code for code, _ in blocks(DOCS / "guide" / "saving.md", "py")]
    (tmp_path / "serve.py").write_text(script)
    X, y = load_sample_reviews(return_X_y=True)
    pipeline = text_pipeline(random_state=0).fit(X, y)
    save_model(pipeline, tmp_path / "reviews.skimdb")
    command = [sys.executable, "serve.py"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    texts = ["A superb film.", "Two dull, wasted hours."]
    expected = [pipeline.predict_proba([text]).tolist() for text in texts]
    assert [json.loads(line) for line in done.stdout.splitlines()] == expected


def command_lines():
    """Return the skimdb commands that the pages show, each once."""
    lines = [
        line.partition(" skimdb ")
        for page in PAGES
        for code, _ in blocks(page, "shell")
        for line in f" {code}".replace("\n", "\n ").splitlines()
    ]
    return sorted({arguments for _, separator, arguments in lines if separator})


@pytest.mark.parametrize("line", command_lines())
def test_commands_and_options_exist(line):
    group = typer.main.get_command(app)
    name, *arguments = shlex.split(line, comments=True)
    context = typer.Context(group, info_name="skimdb")
    command = group.get_command(context, name)
    assert command is not None
    # raises for options that the command does not have
    command.make_context(name, arguments, parent=context)
