"""What ``from twospeed import ...`` offers; changing this list is changing what others rely on."""

import ast
import importlib
import subprocess
import sys
from pathlib import Path

import pytest

import twospeed

NAMES = [
    "Dream",
    "FastWeights",
    "HyperZZW",
    "Terminator",
    "TerminatorConfig",
    "WorldModel",
    "load_memory",
    "make_world",
    "open_memories",
    "save_memory",
    "train_world_model",
]


def run(code):
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout.split()


def test_the_public_names_are_these():
    assert twospeed.__all__ == NAMES
    assert set(NAMES) <= set(dir(twospeed))


@pytest.mark.parametrize("name", NAMES)
def test_a_public_name_is_the_one_of_its_room(name):
    home = importlib.import_module(twospeed._HOMES[name])
    assert getattr(twospeed, name) is getattr(home, name)


def test_types_are_checked_against_the_same_homes():
    tree = ast.parse(Path(twospeed.__file__).read_text(encoding="utf-8"))
    block = next(node for node in tree.body if isinstance(node, ast.If))
    imports = [node for node in block.body if isinstance(node, ast.ImportFrom)]
    homes = {alias.name: node.module for node in imports for alias in node.names}
    assert homes == twospeed._HOMES


def test_importing_the_package_loads_nothing_but_python_itself():
    loaded = run("import sys, twospeed; print(*{name.partition('.')[0] for name in sys.modules})")
    foreign = {"torch", "numpy", "diffusers", "transformers", "typer", "rich"}
    assert not foreign & set(loaded)
    ours = run("import sys, twospeed; print(*[it for it in sys.modules if 'twospeed' in it])")
    assert [name for name in ours if "editable" not in name] == ["twospeed"]


def test_a_name_that_is_not_there_is_said_so():
    with pytest.raises(AttributeError, match="has no attribute 'Dreams'"):
        twospeed.Dreams  # noqa: B018
