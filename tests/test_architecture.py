"""The rooms of the package: imports point downwards, without circles, and stand at the top."""

import ast
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

import skimdb

ROOT = Path(skimdb.__file__).parent
# from bottom to top: a room imports from rooms below it and from itself
ROOMS = (
    {"_utils"},
    {"_sequences"},
    {"_network"},
    {"_keras"},
    {"_keras_classifier"},
    {"_training"},
    {"_word_index", "_multi_hot", "_log_count_ratio", "_dense_classifier"},
    {"_pipeline", "_displays"},
    {"_model_format"},
    {"_model_files", "_onnx"},
    {"datasets"},
    {"_evaluation", "_attribution", "_explanation"},
    {"_explain"},
    {"_report"},
    {"__init__"},
    {"_cli"},
    {"__main__"},
)
COMMANDS = {
    *("_train", "_tune", "_evaluate", "_predict", "_explain", "_report"),
    *("_download", "_reproduce"),
}
# besides public names: whole files, colours, and figures about predictions
OTHERS_FOR_THE_COMMAND_LINE = {
    *("skimdb._utils._files", "skimdb._utils._colours"),
    "skimdb._evaluation._figures",
}
# what not every use needs: TensorFlow, numba, and matplotlib
HEAVY = (
    "skimdb._displays",
    "skimdb._keras",
    "skimdb._keras_classifier",
    "skimdb._training._compiled_input",
    "skimdb._sequences._kernels",
    "skimdb._sequences._ngrams",
)


def module_name(path):
    parts = path.relative_to(ROOT.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_name(path): path for path in sorted(ROOT.rglob("*.py"))}


class Imports(ast.NodeVisitor):
    """Collects what a module of skimdb imports from skimdb, and where."""

    def __init__(self, path):
        self.functions = []
        self.found = []
        self.visit(ast.parse(path.read_text(encoding="utf-8")))

    def visit_If(self, node):
        if ast.unparse(node.test) != "TYPE_CHECKING":
            self.generic_visit(node)

    def visit_FunctionDef(self, node):
        self.functions.append(node.name)
        self.generic_visit(node)
        self.functions.pop()

    visit_AsyncFunctionDef = visit_FunctionDef  # noqa: N815

    def visit_Name(self, node):
        assert node.id not in ("__import__", "import_module"), "an import that no test can see"

    def visit_Attribute(self, node):
        assert node.attr != "import_module", "an import that no test can see"
        self.generic_visit(node)

    def visit_Import(self, node):
        for alias in node.names:
            self.found.append((alias.name, tuple(self.functions)))

    def visit_ImportFrom(self, node):
        assert node.level == 0, "imports are absolute"
        for alias in node.names:
            name = f"{node.module}.{alias.name}"
            if name == "skimdb.__version__":
                continue  # a literal, which imports nothing
            # an object of a module, or a module of a package
            self.found.append((name if name in MODULES else node.module, tuple(self.functions)))


IMPORTS = {name: Imports(path).found for name, path in MODULES.items()}
# what is imported by name from the package itself is loaded when it is first used
OWN_IMPORTS = {
    name: {imported for imported, _ in found if imported.partition(".")[0] == "skimdb"}
    for name, found in IMPORTS.items()
}


def room(module):
    return [*module.split("."), "__init__"][1]


def height(module):
    (found,) = (i for i, names in enumerate(ROOMS) if room(module) in names)
    return found


def test_each_module_belongs_to_a_room():
    for module in MODULES:
        height(module)


@pytest.mark.parametrize("module", MODULES)
def test_imports_point_downwards(module):
    upwards = [
        imported
        for imported in OWN_IMPORTS[module]
        if room(imported) != room(module) and height(imported) >= height(module)
    ]
    assert not upwards


def test_no_circle():
    try:
        TopologicalSorter(OWN_IMPORTS).prepare()
    except CycleError as error:
        pytest.fail(f"a circle of imports: {error.args[1]}")


@pytest.mark.parametrize("module", MODULES)
def test_imports_inside_functions(module):
    """Only TensorFlow, numba, matplotlib and what a command needs are imported when used."""
    *_, file = module.split(".")
    if room(module) == "__main__" or (room(module) == "_cli" and file in COMMANDS):
        return
    inside = [
        name for name, functions in IMPORTS[module] if functions and not name.startswith(HEAVY)
    ]
    assert not inside


@pytest.mark.parametrize("module", [name for name in MODULES if room(name) == "_cli"])
def test_the_command_line_is_a_client_of_the_public_names(module):
    private = [
        imported
        for imported in OWN_IMPORTS[module] - OTHERS_FOR_THE_COMMAND_LINE
        if any(part.startswith("_") for part in imported.split(".")) and room(imported) != "_cli"
    ]
    assert not private


def test_only_one_room_imports_tensorflow():
    heavy = {"tensorflow", "keras", "scikeras"}
    for module, found in IMPORTS.items():
        if room(module) != "_keras":
            assert not {name.partition(".")[0] for name, _ in found} & heavy, module


def test_only_the_kernels_import_numba():
    importers = {module for module, found in IMPORTS.items() if "numba" in dict(found)}
    assert importers == {"skimdb._sequences._kernels"}


def test_the_public_modules_load_neither_tensorflow_nor_numba():
    """What is imported at the top, directly or not, leads to none of them."""
    at_the_top = {
        module: {name for name, functions in found if not functions}
        for module, found in IMPORTS.items()
    }
    files = {module for module, path in MODULES.items() if path.parent == ROOT}
    # the one name that stands for a class of TensorFlow's world
    files.remove("skimdb._keras_classifier")
    reached, waiting = set(), files
    while waiting:
        module = waiting.pop()
        reached.add(module)
        waiting |= at_the_top.get(module, set()) - reached
    assert "skimdb._training._sparse_trainer" in reached
    assert not {name.partition(".")[0] for name in reached} & {"tensorflow", "keras", "numba"}
