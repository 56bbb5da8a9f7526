"""Model files that are damaged, forged or of another version are refused by name and reason."""

import io
import json
import random
import re
import shutil
import stat
import tracemalloc
import warnings
import zipfile

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from model_members import (
    MANIFEST,
    STORED,
    TEXTS,
    TREE,
    make_manifest,
    read_members,
    to_json,
    to_npy,
    write_model,
    write_zip,
)
from sklearn.pipeline import make_pipeline

from skimdb import MultiHotVectorizer, load_model, save_model

DAMAGED = "it was damaged or changed"


@pytest.fixture(scope="module")
def whole():
    return STORED.read_bytes()


def load_or_reason(path):
    """Return the model in a file, or the reason why it is refused."""
    try:
        return load_model(path)
    except ValueError as error:
        message = str(error)
    start = f"{path} can't be opened as a model: "
    assert message.startswith(start)
    return message.removeprefix(start)


def refusal(path):
    """Return the reason why a file is refused."""
    reason = load_or_reason(path)
    assert isinstance(reason, str)
    return reason


def positions(size):
    """Return some positions anywhere, and all in the headers at both ends."""
    rng = random.Random(0)
    return sorted({*range(60), *rng.sample(range(size), 300), *range(size - 1800, size)})


@pytest.mark.slow
def test_a_changed_byte_is_refused(whole, tmp_path):
    path, rng = tmp_path / "model", random.Random(1)
    for position in positions(len(whole)):
        changed = bytearray(whole)
        changed[position] ^= rng.randrange(1, 256)
        path.write_bytes(changed)
        refusal(path)


def test_bytes_around_the_members_are_refused(whole, tmp_path):
    path = tmp_path / "model"
    script = b"#!/bin/sh\necho run\n"
    for changed in (script + whole, whole + b"\n", whole + whole, whole[:-2] + b"\1\0x"):
        path.write_bytes(changed)
        refusal(path)
    # between the members and the directory, with the offset of the latter put right
    start = whole.index(b"PK\1\2")
    changed = bytearray(whole[:start] + script + whole[start:])
    changed[-6:-2] = (start + len(script)).to_bytes(4, "little")
    path.write_bytes(changed)
    assert DAMAGED in refusal(path)


def test_a_file_that_was_cut_off_is_refused(whole, tmp_path):
    path, rng = tmp_path / "model", random.Random(0)
    size = len(whole)
    for length in {*range(0, 40), *rng.sample(range(size), 200), *range(size - 40, size)}:
        path.write_bytes(whole[:length])
        refusal(path)


@pytest.mark.parametrize(
    "content",
    [b"", b"\0" * 100, b"PK", b"\x80\x04K\x01.", b"PK\x05\x06" + bytes(18), "日本".encode() * 50],
)
def test_what_is_no_model_is_refused(content, tmp_path):
    (tmp_path / "model").write_bytes(content)
    assert "zip file" in refusal(tmp_path / "model") or MANIFEST in refusal(tmp_path / "model")


def test_a_missing_file_is_missing(tmp_path):
    with pytest.raises(FileNotFoundError, match="model"):
        load_model(tmp_path / "model")


def manifest_of(**changes):
    return make_manifest(read_members(STORED), **changes)


@pytest.mark.parametrize(
    ("manifest", "reason"),
    [
        (manifest_of(format_version=2, skimdb_version="9.0"), "version 2, of skimdb '9.0'.*newer"),
        (manifest_of(format_version=2, members=None), "format version 2"),
        (manifest_of(format_version=0), DAMAGED),
        (manifest_of(format_version=True), DAMAGED),
        (manifest_of(format_version="1"), DAMAGED),
        (manifest_of(format="another"), "doesn't say that it is a skimdb model"),
        (manifest_of(members=[]), DAMAGED),
        (manifest_of(members={}), DAMAGED),
        (manifest_of(further=1), DAMAGED),
        (manifest_of() + b" ", DAMAGED),
        (manifest_of().replace(b'"0.1.0"', b'"\\ud800"'), "surrogates"),
        (manifest_of().replace(b'"0.1.0"', b"1e999"), "JSON compliant"),
        (b"[]", "doesn't say"),
        (b"", "Expecting value"),
        (b"\xff", "decode"),
        (b"[" * 100_000, "RecursionError"),
        (b'{"format": NaN}', "NaN"),
        (b'{"format": 1, "format": 2}', "twice"),
        (manifest_of() + b" " * 2**21, DAMAGED),
    ],
)
def test_a_manifest_is_checked(manifest, reason, tmp_path):
    members = [*read_members(STORED).items(), (MANIFEST, manifest)]
    path = write_zip(tmp_path / "model", members)
    assert re.search(reason, refusal(path))


def test_the_version_that_wrote_a_file_may_be_any(tmp_path):
    members = [*read_members(STORED).items(), (MANIFEST, manifest_of(skimdb_version="0.0.1.dev"))]
    load_model(write_zip(tmp_path / "model", members))


@pytest.mark.parametrize(
    "name",
    ["../a.json", "/etc/a.json", "C:a.json", "a/b.json", "a\\b.json", "A.json", "a.pkl", "a.json/",
     "a.json\0.npy", "", "é.json", "a.json "],
)  # fmt: skip
def test_names_like_paths_are_refused(name, tmp_path):
    # zipfile would tidy some of the names up, so they take the place of one as long
    stand_in = "z" * len(name.encode())
    path = write_zip(tmp_path / "model", [(stand_in, b"{}"), (MANIFEST, manifest_of())])
    if name:
        path.write_bytes(path.read_bytes().replace(stand_in.encode(), name.encode()))
    assert "does not belong in a model file" in refusal(path)


@pytest.mark.parametrize("name", [TREE, MANIFEST, "2_weight_0.npy"])
def test_a_name_twice_is_refused(name, tmp_path):
    members = [*read_members(STORED).items(), (MANIFEST, manifest_of())]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # zipfile warns of the second
        path = write_zip(tmp_path / "model", [*members, (name, dict(members)[name])])
    assert DAMAGED in refusal(path)


def test_missing_and_further_members_are_refused(tmp_path):
    members = read_members(STORED)
    path = tmp_path / "model"
    for name in members:
        left = {other: content for other, content in members.items() if other != name}
        # against the manifest, and with one that agrees
        write_zip(path, [*left.items(), (MANIFEST, manifest_of())])
        assert DAMAGED in refusal(path)
        assert f"it lacks '{name}'" in refusal(write_model(path, left))
    write_zip(path, [*members.items(), ("more.npy", b""), (MANIFEST, manifest_of())])
    assert DAMAGED in refusal(path)
    more = {**members, "more.npy": b""}
    assert "no part of it uses: ['more.npy']" in refusal(write_model(path, more))
    assert f"it lacks {MANIFEST}" in refusal(write_zip(path, members.items()))


def test_a_changed_member_is_refused_though_zip_finds_no_damage(tmp_path):
    members = read_members(STORED)
    for name, content in members.items():
        changed = {**members, name: content[:-1] + bytes([content[-1] ^ 1])}
        path = write_zip(tmp_path / "model", [*changed.items(), (MANIFEST, manifest_of())])
        assert DAMAGED in refusal(path)


def test_bombs_are_refused_unread(tmp_path, whole):
    path = tmp_path / "model"
    zeros = bytes(50_000_000)
    write_zip(path, [(TREE, zeros), (MANIFEST, b"{}")], compress_type=zipfile.ZIP_DEFLATED)
    assert f"'{TREE}' does not belong in a model file" in refusal(path)
    # one entry that says it is longer than the file: 0xfffffff0 bytes, stored
    lying = bytearray(whole)
    entry = whole.rindex(b"PK\x01\x02", 0, whole.rindex(TREE.encode()))
    lying[entry + 20 : entry + 28] = b"\xf0\xff\xff\xff" * 2
    path.write_bytes(lying)
    assert "bytes, of a file that has" in refusal(path)
    # many entries that all lie over the same bytes
    size = 1000
    write_zip(path, [("a.json", bytes(size))])
    content = path.read_bytes()
    directory = content.rindex(b"PK\x01\x02")
    entry, end = content[directory:-22], content[-22:]
    entries = b"".join(entry.replace(b"a.json", bytes([97 + i]) + b".json") for i in range(20))
    end = end[:8] + bytes([20, 0, 20, 0]) + len(entries).to_bytes(4, "little") + end[16:]
    path.write_bytes(content[:directory] + entries + end)
    assert "claim 20000 bytes" in refusal(path)


def test_a_member_that_claims_too_much_takes_no_memory(whole, tmp_path):
    changed = bytearray(whole)
    entry = whole.rindex(b"PK\x01\x02", 0, whole.rindex(TREE.encode()))
    # the compressed size alone, in the directory
    changed[entry + 20 : entry + 24] = b"\xf0\xff\xff\x7f"
    (tmp_path / "model").write_bytes(changed)
    tracemalloc.start()
    refusal(tmp_path / "model")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 2**24


def test_arrays_of_another_byte_order_are_read(tmp_path):
    members = read_members(STORED)
    for name in members:
        if name.endswith(".npy"):
            array = np.load(io.BytesIO(members[name]))
            members[name] = to_npy(array.astype(array.dtype.newbyteorder(">")))
    loaded, expected = load_model(write_model(tmp_path / "model", members)), load_model(STORED)
    np.testing.assert_array_equal(loaded.predict_proba(TEXTS), expected.predict_proba(TEXTS))
    assert loaded[-1].coefs_[0].dtype.isnative


def test_encrypted_and_far_members_are_refused(whole, tmp_path):
    path = tmp_path / "model"
    entry = whole.rindex(b"PK\x01\x02", 0, whole.rindex(TREE.encode()))
    for field, value, reason in [
        (8, b"\x01\0", "does not belong in a model file"),  # encrypted
        (8, b"\x20\0", "does not belong in a model file"),  # holding a patch
        (10, b"\x63\0", "does not belong in a model file"),  # compressed
        (42, b"\xf0\xff\xff\x7f", "does not belong in a model file"),  # outside of the file
        (6, b"\xff\0", "NotImplementedError"),
    ]:
        changed = bytearray(whole)
        changed[entry + field : entry + field + len(value)] = value
        path.write_bytes(changed)
        assert reason in refusal(path)


def test_what_zip_repeats_of_a_file_is_cut_off(whole, tmp_path):
    # a name in front of a member that is said to be 32,767 bytes long
    changed = bytearray(whole)
    changed[26:28] = b"\xff\x7f"
    (tmp_path / "model").write_bytes(changed)
    assert len(whole) > 2**15
    assert len(refusal(tmp_path / "model")) < 1100


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFCHR, stat.S_IFIFO, stat.S_IFDIR])
def test_members_that_are_links_or_the_like_are_refused(kind, tmp_path):
    members = [*read_members(STORED).items(), (MANIFEST, manifest_of())]
    path = write_zip(tmp_path / "model", members, external_attr=(kind | 0o777) << 16)
    assert DAMAGED in refusal(path)


def test_an_archive_of_zip64(whole, tmp_path):
    path = tmp_path / "model"
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in [*read_members(STORED).items(), (MANIFEST, manifest_of())]:
            with archive.open(zipfile.ZipInfo(name), "w", force_zip64=True) as member:
                member.write(content)
    assert DAMAGED in refusal(path)
    # an entry whose extra field says 2**60 bytes
    entry = whole.rindex(b"PK\x01\x02", 0, whole.rindex(TREE.encode()))
    name_end = entry + 46 + len(TREE)
    extra = b"\x01\x00\x10\x00" + (2**60).to_bytes(8, "little") * 2
    forged_entry = bytearray(whole[entry:name_end])
    forged_entry[20:28] = b"\xff" * 8
    forged_entry[30:32] = len(extra).to_bytes(2, "little")
    changed = bytearray(whole[:entry] + forged_entry + extra + whole[name_end:])
    directory_size = int.from_bytes(changed[-10:-6], "little") + len(extra)
    changed[-10:-6] = directory_size.to_bytes(4, "little")
    path.write_bytes(changed)
    assert f"bytes, of a file that has {len(changed)}" in refusal(path)


def test_a_model_whose_training_diverged_is_not_saved(tmp_path):
    pipeline = load_model(STORED)
    pipeline[-1].coefs_[1][0, 0] = np.nan
    with pytest.raises(ValueError, match="weights must be finite, but some are NaN"):
        save_model(pipeline, tmp_path / "model")
    assert list(tmp_path.iterdir()) == []


def npy(header, data=b"", version=b"\x01\x00"):
    header = header.encode("latin1")
    return b"\x93NUMPY" + version + len(header).to_bytes(2, "little") + header + data


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("2_weight_0.npy", to_npy(np.zeros((200, 3), np.float32)), "must belong together"),
        ("2_weight_0.npy", to_npy(np.zeros((4, 200), np.float32)), "must belong together"),
        ("2_weight_0.npy", to_npy(np.zeros((200, 4))), "must be an array of type f4"),
        ("2_weight_0.npy", to_npy(np.zeros((200, 4), "S4")), "must be an array of type f4"),
        ("2_weight_1.npy", to_npy(np.zeros((4, 1), np.float32)), "must belong together"),
        ("2_weight_0.npy", to_npy(np.full((200, 4), np.nan, np.float32)), "must be finite"),
        ("2_weight_1.npy", to_npy(np.full(4, -np.inf, np.float32)), "must be finite"),
        ("2_classes.npy", to_npy(np.arange(3)), 'must belong together'),
        ("2_classes.npy", to_npy(np.arange(2.0) * np.nan), "in ascending order"),
        ("2_classes.npy", to_npy(np.array([1, 0])), "in ascending order"),
        ("2_classes.npy", to_npy(np.array([1, 1])), "in ascending order"),
        ("2_classes.npy", to_npy(np.array([1])), "at least two classes"),
        ("2_classes.npy", to_npy(np.array([b"a", b"b"])), "must be an array of type"),
        ("2_classes.npy", to_npy(np.array([[0], [1]])), "at least two classes"),
        ("2_classes.npy", to_npy(np.array([1, 0x110000], "u4").view("U1")), "don't exist"),
        ("2_classes.npy", to_npy(np.array([1, 0x20202020], "u4").view("U1")), "don't exist"),
        (
            "2_optimizer_2.npy",
            to_npy(np.zeros((7, 7), np.float32)),
            "optimizer must have variables of the shapes",
        ),
        ("2_optimizer_0.npy", to_npy(np.array("a")), "must be an array of type"),
        ("2_weight_0.npy", b"", "EOF|magic|expected"),
        ("2_weight_0.npy", npy("x" * 60), "malformed"),
        ("2_weight_0.npy", npy("(" * 9000), "header|SyntaxError|MemoryError|TokenError"),
        ("2_weight_0.npy", npy("{'descr': '<f4', 'fortran_order': False, 'shape': (-2, -400)}"
                               .ljust(80) + "\n", bytes(3200)), "has the shape"),
        ("2_weight_0.npy", npy("{'descr': '<f4', 'fortran_order': False, 'shape': ("
                               f"{2**60}, 4), }}\n"), "has the shape"),
        ("2_weight_0.npy", npy("{'descr': '|O', 'fortran_order': False, 'shape': (1,), }\n",
                               b"\x80\x04K\x01."), "must be an array of type f4"),
        ("2_weight_0.npy", npy("{}", version=b"\x03\x00"), "version"),
        (TREE, b"{}", "KeyError"),
        (TREE, b"null", "NoneType"),
        (TREE, b'{"type": "os.system"}', "an unknown type"),
        ("0_vocabulary.json", b'{"words": ["a", "a"], "ranks": [1, 2]}', "a word twice"),
        ("0_vocabulary.json", b'{"words": ["a", "b"], "ranks": [1]}', "zip"),
        ("0_vocabulary.json", b'{"words": ["a"], "ranks": [0]}', "ranks from 1 to"),
        ("0_vocabulary.json", b'{"words": ["a", "b"], "ranks": [1, 1]}', "a rank of its own"),
        ("0_vocabulary.json", b'{"words": ["a"], "ranks": [2147483647]}', "ranks from 1 to"),
        ("0_vocabulary.json", b'{"words": [1], "ranks": [1]}', "must map str"),
        ("0_vocabulary.json", b'{"words": [], "ranks": []}', "at least one word"),
    ],
)  # fmt: skip
def test_forged_members_are_refused_though_the_checksums_are_right(
    name, content, reason, tmp_path
):
    members = read_members(STORED)
    assert name in members
    path = write_model(tmp_path / "model", {**members, name: content})
    assert re.search(reason, refusal(path))


@pytest.mark.parametrize(
    ("idf", "reason"),
    [
        (np.array([1.0, np.nan]), "idf_ must be finite"),
        (np.ones(3), "idf_ must have 2 weights"),
        (np.ones((2, 1)), "idf_ must have 2 weights"),
        (np.ones(2, np.float32), "must be an array of type f8"),
    ],
)
def test_forged_weights_of_a_vectorizer_are_refused(idf, reason, tmp_path):
    vectorizer = MultiHotVectorizer(mode="tfidf").fit([[0, 1], [1]])
    members = read_members(save_model(make_pipeline(vectorizer), tmp_path / "model"))
    path = write_model(tmp_path / "model", {**members, "0_idf.npy": to_npy(idf)})
    assert reason in refusal(path)


def changed_tree(*keys, value):
    """Return the stored tree with one value changed."""
    tree = part = json.loads(read_members(STORED)[TREE])
    for key in keys[:-1]:
        part = part[key]
    part[keys[-1]] = value
    return to_json(tree)


@pytest.mark.parametrize(
    ("keys", "value", "reason"),
    [
        (("steps", 2, "parameters", "memory"), "/tmp/x", "parameters that no saved"),
        (("steps", 2, "parameters", "callbacks"), [], "parameters that no saved"),
        (("parameters", "memory"), "/tmp/x", "parameters that no saved Pipeline has"),
        (("parameters", "unknown"), 1, "parameters that no saved Pipeline has"),
        (("parameters", "steps"), [], "parameters that no saved Pipeline has"),
        (("steps",), [], "at least one step"),
        (("steps", 1, "name"), "encoder", "a name that scikit-learn accepts"),
        (("steps", 1, "name"), "a__b", "a name that scikit-learn accepts"),
        (("steps", 1, "name"), "memory", "a name that scikit-learn accepts"),
        (("steps", 1, "name"), 3, "a name that scikit-learn accepts"),
        (("steps", 0, "type"), "Pipeline", "step of an unknown type"),
        (("steps", 0, "parameters", "index_from"), -1, "index_from == -1"),
        (("steps", 0, "parameters", "vocabulary"), {"dict": []}, "parameters that no saved"),
        (("steps", 0, "fitted", "vocabulary"), "2_weight_0.npy", "decode|lacks"),
        (("steps", 1, "parameters", "dtype"), {"dtype": "object"}, "of an unknown type"),
        (("steps", 1, "parameters", "dtype"), "O", "dtype must be"),
        (("steps", 1, "parameters", "mode"), "tfidf", "lacks idf_"),
        (("steps", 1, "fitted", "num_words"), -3, "num_words_ == -3"),
        (("steps", 1, "fitted", "idf"), True, "it lacks '1_idf.npy'"),
        (("steps", 2, "parameters", "units"), {"tuple": [-1]}, "units == -1"),
        (("steps", 2, "parameters", "epochs"), "3", "epochs must be"),
        (("steps", 2, "parameters", "random_state"), "x", "random_state must be"),
        (
            ("steps", 2, "parameters", "loss"),
            {"dict": [["module", "os"]]},
            "loss must be given by",
        ),
        (("steps", 2, "fitted", "network", "dict", 0, 1), -200, "n_features == -200"),
        (("steps", 2, "fitted", "network", "dict", 0, 1), 10**30, "must belong together"),
        (("steps", 2, "fitted", "network", "dict", 1, 1), 2, "must belong together"),
        (("steps", 2, "fitted", "network", "dict", 1, 1), 3, "must belong together"),
        (("steps", 2, "fitted", "network", "dict", 2, 1), {"tuple": [4]}, "must belong together"),
        (("steps", 2, "fitted", "network", "dict", 2, 1), [4, 3], "network must hold"),
        (("steps", 2, "fitted", "network", "dict", 9, 1), None, "network must hold"),
        (("steps", 2, "fitted", "network", "dict", 3, 1), "eval", "activation must be"),
        (("steps", 2, "fitted", "network", "dict", 6, 1), {"dict": []}, "optimizer must be given"),
        (("steps", 2, "fitted", "seed"), None, "seed must be"),
        (("steps", 2, "fitted", "seed"), 2**32, "seed == 4294967296"),
        (("steps", 2, "fitted", "seed"), 10**4000, "seed "),
        (("steps", 2, "fitted", "n_iter"), -1, "n_iter == -1"),
        (
            ("steps", 2, "fitted", "n_optimizer_arrays"),
            3,
            "optimizer must have variables of the shapes",
        ),
        (("steps", 2, "fitted", "n_optimizer_arrays"), -1, "n_optimizer_arrays == -1"),
        (("steps", 2, "fitted", "n_optimizer_arrays"), 10**12, "it lacks '2_optimizer_8.npy'"),
        (("steps", 2, "fitted", "n_optimizer_arrays"), None, "no part of it uses"),
        (("steps", 2, "fitted", "history"), {"dict": [["loss", ["x"]]]}, "lists of numbers"),
        (("steps", 2, "fitted", "history"), {"dict": [["loss", 1.0]]}, "lists by name"),
        (("steps", 2, "fitted", "history"), {"dict": [[1, [1.0]]]}, "lists by name"),
        (("steps", 2, "fitted", "feature_names"), ["a"], "feature_names must hold 200"),
        (("steps", 2, "fitted", "feature_names"), [1] * 200, "feature_names must hold 200"),
    ],
)
def test_a_forged_tree_is_refused(keys, value, reason, tmp_path):
    members = {**read_members(STORED), TREE: changed_tree(*keys, value=value)}
    path = write_model(tmp_path / "model", members)
    assert re.search(reason, refusal(path))


def places(part, keys=()):
    """Yield the keys that lead to each value of a JSON tree."""
    inner = part.items() if isinstance(part, dict) else enumerate(part)
    for key, item in inner if isinstance(part, dict | list) else ():
        yield (*keys, key)
        if isinstance(item, dict | list):
            yield from places(item, (*keys, key))


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | st.sampled_from(["", "relu", "0_vocabulary.json", "float32", "passthrough", "adam"]),
    lambda part: st.lists(part, max_size=3) | st.dictionaries(
        st.sampled_from(["tuple", "dict", "float", "code_points", "dtype", "numpy_type", "type"]),
        part, max_size=2,
    ),
    max_leaves=5,
)  # fmt: skip


@pytest.mark.slow
@settings(max_examples=300, deadline=None)
@given(st.data())
def test_a_tree_with_anything_anywhere_is_refused_or_opens(tmp_path_factory, data):
    members = read_members(STORED)
    keys = data.draw(st.sampled_from([*places(json.loads(members[TREE]))]))
    members[TREE] = changed_tree(*keys, value=data.draw(anything))
    folder = tmp_path_factory.mktemp("forged")
    path = write_model(folder / "model", members)
    model = load_or_reason(path)
    assert isinstance(model, str) or model.predict_proba(TEXTS).shape == (3, 2)
    shutil.rmtree(folder)
