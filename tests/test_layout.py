"""The rule of who may import whom (DESIGN.md, section 2), and the sizes of files."""

import ast
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[1] / "src" / "twospeed"
EVERYTHING = {
    "core", "worlds", "data", "worldmodel", "memory", "generation", "training", "evaluation",
    "terminator", "recipes", "web", "planning",
}  # fmt: skip
MAY_IMPORT = {
    "core": set(),
    "worlds": {"core"},
    "data": {"core", "worlds"},
    "worldmodel": {"core"},
    "memory": {"core", "worldmodel"},
    "generation": {"core", "worldmodel", "memory"},
    "training": {"core", "worlds", "data", "worldmodel", "memory", "generation"},
    "evaluation": {"core", "worlds", "data", "worldmodel", "memory", "generation"},
    "terminator": {"core"},
    "web": {"core", "worlds", "data", "worldmodel", "memory", "generation", "evaluation"},
    "planning": {"core", "worlds", "data", "worldmodel", "memory", "generation", "training",
                 "evaluation", "terminator"},
    "recipes": {"core", "worlds", "data", "worldmodel", "memory", "generation", "training",
                "evaluation", "terminator"},
    "cli": EVERYTHING,
}  # fmt: skip
FILES = sorted(path for path in SOURCE.rglob("*.py") if "packaged" not in path.parts)
LONGEST = 350
MOST_MODULES = 24
FOLDERS = sorted({path.parent for path in FILES})
TESTS = Path(__file__).parent
TEST_FILES = sorted(set(TESTS.rglob("test_*.py")) - {*TESTS.glob("*"), *TESTS.glob("fuzz/*")})
"""Those that belong to a room; fuzz/ and what stands beside it go over all of them."""


def name_of(path):
    return str(path.relative_to(SOURCE))


def room_of(path):
    return path.relative_to(SOURCE).parts[0].removesuffix(".py")


def modules_imported_by(path):
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: write imports in full"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_a_room_imports_only_the_rooms_below_it(path):
    room = room_of(path)
    ours = {
        name.split(".")[1] for name in modules_imported_by(path) if name.startswith("twospeed.")
    }
    if room == "__init__":
        return  # what it offers is loaded when it is asked for: test_public.py
    forbidden = ours - MAY_IMPORT[room] - {room}
    assert not forbidden, f"{room} may not import {sorted(forbidden)}: see the rule in DESIGN.md"


def test_the_rule_has_no_circle():
    settled = set()
    while len(settled) < len(MAY_IMPORT):
        ready = {room for room, below in MAY_IMPORT.items() if below - {room} <= settled} - settled
        assert ready, f"these rooms import each other: {sorted(MAY_IMPORT.keys() - settled)}"
        settled |= ready


def test_metrics_see_frames_and_never_models():
    metrics = sorted((SOURCE / "evaluation" / "metrics").glob("*.py"))
    assert metrics
    ours = {
        name
        for path in metrics
        for name in modules_imported_by(path)
        if name.startswith("twospeed.")
    }
    allowed = ("twospeed.core.", "twospeed.evaluation.metrics.", "twospeed.worlds.")
    assert all(name.startswith(allowed) for name in ours)


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_no_file_is_long(path):
    assert len(path.read_text(encoding="utf-8").splitlines()) <= LONGEST


@pytest.mark.parametrize(
    "path",
    [path for path in FILES if path.name == "__init__.py" and path.parent != SOURCE],
    ids=name_of,
)
def test_a_room_says_in_its_init_what_it_holds_and_nothing_else(path):
    statements = ast.parse(path.read_text(encoding="utf-8")).body
    assert len(statements) == 1
    assert isinstance(statements[0], ast.Expr)
    assert isinstance(statements[0].value, ast.Constant)


@pytest.mark.parametrize("folder", FOLDERS, ids=name_of)
def test_no_folder_is_crowded(folder):
    modules = [path for path in folder.glob("*.py") if path.name != "__init__.py"]
    assert len(modules) <= MOST_MODULES


def test_every_room_of_the_rule_is_there_and_every_room_has_a_rule():
    rooms = {room_of(path) for path in FILES} - {"__init__"}
    assert rooms == set(MAY_IMPORT)


def modules_of_ours(test):
    """The source files that a test file imports."""
    names = (name.split(".")[1:] for name in modules_imported_by(test) if "twospeed." in name)
    candidates = (SOURCE.joinpath(*parts[:end]) for parts in names for end in (-1, len(parts)))
    return {path.with_suffix(".py") for path in candidates} & set(FILES)


@pytest.mark.parametrize("test", TEST_FILES, ids=lambda path: str(path.relative_to(TESTS)))
def test_a_test_lies_where_what_it_tests_does(test):
    folder = SOURCE / test.parent.relative_to(TESTS)
    assert folder.is_dir(), "the folders of tests mirror those of the source"
    module = f"{test.stem.removeprefix('test_')}.py"
    assert (folder / module).exists() or not list(folder.rglob(module)), "it tests a module below"
    inside = [path.relative_to(folder) for path in modules_of_ours(test) if folder in path.parents]
    below = {path.parts[0] for path in inside}
    assert len(below) != 1 or len(inside[0].parts) == 1, f"all that it tests is in {below}"
