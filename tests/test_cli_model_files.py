"""The model files that commands write and open; others are refused in one line."""

import json
import os
import pickle
import random
import zipfile

import pytest
from sklearn.pipeline import make_pipeline
from test_cli import BLAME, PRAISE, assert_refused, run

from skimdb import MultiHotVectorizer, load_model, multi_hot_pipeline, save_model

pytestmark = pytest.mark.usefixtures("empty_folder")

COMMANDS = [["predict"], ["evaluate", "--data", "sample"]]


def opened_by(command, model):
    name, *options = command
    return run(name, model, *options, *([PRAISE] if name == "predict" else []))


class Trap:
    """Makes a folder when it is unpickled."""

    def __init__(self, folder):
        self._folder = str(folder)

    def __reduce__(self):
        return os.mkdir, (self._folder,)


@pytest.fixture
def sprung(tmp_path):
    return tmp_path / "sprung"


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("trained")
    options = ["--model", "article", "--num-words", 500, "--units", 2, "--epochs", 3]
    result = run("train", *options, "--out", folder)
    assert result.exit_code == 0, result.output
    return folder


@pytest.fixture
def model(trained, tmp_path):
    """A folder as `skimdb train` writes it, with the model alone."""
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "model.skimdb").write_bytes((trained / "model.skimdb").read_bytes())
    return folder


def test_train_writes_what_save_model_writes(trained, tmp_path):
    again = save_model(load_model(trained / "model.skimdb"), tmp_path / "again")
    assert again.read_bytes() == (trained / "model.skimdb").read_bytes()
    # by whatever name
    result = run("predict", again, PRAISE, BLAME)
    assert result.exit_code == 0
    predicted = load_model(again).predict([PRAISE, BLAME]).tolist()
    assert [line.split()[0] for line in result.stdout.splitlines()] == predicted


@pytest.mark.parametrize("command", COMMANDS, ids=str)
@pytest.mark.parametrize("name", ["model.joblib", "model.skimdb"])
def test_a_pickle_is_not_opened(name, command, tmp_path, sprung):
    file = tmp_path / name
    file.write_bytes(pickle.dumps(Trap(sprung)))
    assert_refused(opened_by(command, file), name, "not a zip file", code=1)
    assert not sprung.exists()
    # the trap works
    pickle.loads(file.read_bytes())
    assert sprung.exists()


def changed_archive(path, **changes):
    """Write an archive again, with another member or manifest."""
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, changes.get(name.partition(".")[0], lambda c: c)(content))


def newer(manifest):
    return json.dumps({**json.loads(manifest), "format_version": 2}).encode()


DAMAGED = {
    "emptied": lambda path: path.write_bytes(b""),
    "cut": lambda path: path.write_bytes(path.read_bytes()[:-100]),
    "text": lambda path: path.write_text("no model at all"),
    "one word": lambda path: path.write_bytes(path.read_bytes().replace(b'"film"', b'"fill"')),
    "tampered": lambda path: changed_archive(path, model=lambda c: c.replace(b"relu", b"tanh")),
    "newer": lambda path: changed_archive(path, manifest=newer),
    "no classifier": lambda path: save_model(make_pipeline(MultiHotVectorizer(num_words=9)), path),
    "no texts": lambda path: save_model(multi_hot_pipeline().fit([[1, 4], [1, 5]], [0, 1]), path),
}
SAID = {
    "newer": ["version 2", "install a newer one"],
    "tampered": ["damaged or changed"],
    "no texts": ["a classifier of texts", "WordIndexEncoder"],
}


@pytest.mark.parametrize("command", COMMANDS, ids=str)
@pytest.mark.parametrize("damage", DAMAGED)
def test_a_damaged_model_is_refused(command, damage, model):
    file = model / "model.skimdb"
    before = file.read_bytes()
    DAMAGED[damage](file)
    assert file.read_bytes() != before
    for path in (model, file):
        words = ["model.skimdb", *SAID.get(damage, [])]
        assert_refused(opened_by(command, path), *words, code=1)


@pytest.mark.slow
def test_damage_at_random_ends_in_an_answer_or_one_line(model):
    file, rng = model / "model.skimdb", random.Random(0)
    whole = file.read_bytes()
    n_refused = 0
    for _ in range(150):
        content = bytearray(whole)
        for _ in range(rng.choice([1, 1, 3, 30])):
            content[rng.randrange(len(content))] = rng.randrange(256)
        file.write_bytes(content[: rng.choice([len(content), rng.randrange(len(content))])])
        result = run("predict", model, PRAISE)
        if result.exit_code:
            assert_refused(result, "model.skimdb", code=1)
            n_refused += 1
        else:
            assert result.stdout.startswith("positive")
    assert n_refused > 100


def test_a_missing_model_is_named(tmp_path):
    assert_refused(run("predict", tmp_path, PRAISE), "skimdb train", "there is no", code=2)
