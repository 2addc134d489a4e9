"""Nothing that stands where a command or a method writes is lost, unless we wrote it ourselves."""

import ast
from pathlib import Path

import numpy as np
import pytest

from twospeed.cli.app import build, main
from twospeed.core.errors import DataError
from twospeed.worldmodel.catalogue import MODEL, PACKAGED, packaged_models

SOURCE = Path(__file__).parents[1] / "src" / "twospeed"
MAY_REMOVE = {
    "core/files.py", "core/folders.py", "core/runs/claims.py", "core/runs/locks.py",
    "data/streaming.py", "worlds/simulators/minetest_engine.py",  # temporary folders of their own
}  # fmt: skip
INPUTS = {
    "adherence --data",
    "consolidate --memories",
    "data show folder",
    "evaluate --weights",
    "play --runtime",
    "export lerobot folder",
    "import source",
    "memory diff first",
    "memory diff second",
    "memory forget memory",  # an output without --out: see the tests of memories below
    "memory fork memory",
    "memory merge first",
    "memory merge second",
    "memory show memory",
    "memory write video",
    "terminator parity file",
    "terminator show --fit",
}
"""Every path that a command only reads."""

NEEDED = {"record --out": ["rooms", "--episodes", "1", "--chunks", "1", "--size", "16"]}
"""What an output cannot be judged without; all others are judged before anything else is asked."""

OURS = (
    "thesis.txt", "index.html", "demo.mp4", "statistics.json", "config.json", "table.json",
    "kernels.png", "curves.png", "model_index.json", "adapter_model.safetensors",
)  # fmt: skip
"""Names of one's own work, most of which are names of our files, too."""


def leaves(command, words=()):
    command = command.load() if hasattr(command, "load") else command
    for name, below in getattr(command, "commands", {}).items():
        yield from leaves(below, (*words, name))
    if not hasattr(command, "commands"):
        yield " ".join(words), command


def paths():
    """Return all parameters of all commands that are paths, as "command --option"."""
    return sorted(
        f"{words} {parameter.opts[0]}"
        for words, command in leaves(build())
        for parameter in command.params
        if parameter.type_descriptor.annotation is Path
    )


OUTPUTS = [path for path in paths() if path not in INPUTS]
IS_FILE = {path for path in OUTPUTS if path.endswith((" --json", " --plot"))} | {
    "dream --out",
    "dream --sheet",
}


def tree(folder):
    return {
        str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None
        for path in sorted(folder.rglob("*"))
    }


@pytest.fixture
def precious(tmp_path):
    folder = tmp_path / "precious"
    folder.mkdir()
    for name in OURS:
        (folder / name).write_text("years of work")
    return folder


@pytest.fixture
def refused(tmp_path, capsys):
    """Check that an output is refused in one line that names it, and nothing is touched."""

    def check(output, target):
        before = tree(tmp_path)
        *words, option = output.split()
        assert main([*words, *NEEDED.get(output, ()), option, str(target)]) == 2
        line = capsys.readouterr().err
        assert line.count("\n") == 1
        assert line.startswith("twospeed: ")
        assert str(target) in line
        assert tree(tmp_path) == before

    return check


def test_every_input_is_one_of_a_command():
    assert set(paths()) >= INPUTS


@pytest.mark.parametrize("output", OUTPUTS)
def test_a_folder_of_ones_own_work_stays(output, precious, refused):
    refused(output, precious)


@pytest.mark.parametrize("output", [path for path in OUTPUTS if path not in IS_FILE])
def test_a_file_is_not_replaced_by_a_folder(output, precious, refused):
    refused(output, precious / "thesis.txt")


@pytest.mark.parametrize("output", OUTPUTS)
def test_a_place_below_a_file_is_one_line(output, precious, refused):
    refused(output, precious / "thesis.txt" / "out.mp4")


@pytest.mark.parametrize("output", OUTPUTS)
def test_a_name_of_300_letters_is_one_line(output, precious, refused):
    refused(output, precious.parent / ("a" * 300))


@pytest.mark.parametrize("output", OUTPUTS)
def test_the_folder_one_is_in_is_one_line(output, precious, monkeypatch, refused):
    monkeypatch.chdir(precious)
    refused(output, ".")


def test_an_output_file_replaces_a_file(tmp_path):
    (tmp_path / "worlds.json").write_text("{}")
    assert main(["worlds", "--seconds", "0.01", "--json", str(tmp_path / "worlds.json")]) == 0
    assert (tmp_path / "worlds.json").stat().st_size > 1000


@pytest.fixture
def memory(model, tmp_path):
    from twospeed.memory.fast_weights import FastWeights
    from twospeed.memory.files import save_memory
    from twospeed.memory.memory_file import memory_of
    from twospeed.memory.presets import preset_of

    file = memory_of(FastWeights(model, preset_of(model, "paper")))
    save_memory(file, tmp_path / "memory")
    return file


@pytest.mark.usefixtures("memory")
def test_forgetting_in_a_memory_with_ones_own_notes_is_refused(tmp_path, refused):
    assert main(["memory", "forget", str(tmp_path / "memory")]) == 0
    (tmp_path / "memory" / "notes.md").write_text("years of work")
    refused("memory forget", tmp_path / "memory")


@pytest.mark.usefixtures("memory")
def test_forgetting_in_the_folder_one_is_in_is_refused(tmp_path, monkeypatch, refused):
    monkeypatch.chdir(tmp_path / "memory")
    refused("memory forget", ".")


def test_an_adapter_of_another_program_is_no_memory_to_be_replaced(memory, tmp_path):
    import torch
    from safetensors.torch import save_file

    from twospeed.memory.files import WEIGHTS, save_memory

    save_file({"x.lora_A.weight": torch.zeros(2, 2)}, tmp_path / "memory" / WEIGHTS)
    before = tree(tmp_path)
    with pytest.raises(DataError, match="is not a memory; nothing was touched"):
        save_memory(memory, tmp_path / "memory")
    assert tree(tmp_path) == before


def writers(model, memory):
    """Return name -> (a method that writes a folder, given where)."""
    import torch

    from twospeed.generation.dream import Dream
    from twospeed.memory.files import save_memory
    from twospeed.recipes import rooms_tiny
    from twospeed.training.checkpoint import Reached, save_checkpoint
    from twospeed.training.pipeline import train_world_model

    layer = torch.nn.Linear(2, 2)
    optimizer = torch.optim.Adam(layer.parameters())
    dream = Dream(model, np.zeros((16, 16, 3), np.uint8))
    return {
        "save_memory": lambda path: save_memory(memory, path),
        "Dream.save": dream.save,
        "WorldModel.save_pretrained": model.save_pretrained,
        "scheduler": lambda path: model.schedule.save_pretrained(path.parent),
        "tokenizer": lambda path: model.text_encoder.save_pretrained(path.parent),
        "checkpoint": lambda path: save_checkpoint(
            path.parent, layer, layer, optimizer, Reached(step=1)
        ),
        "train_world_model": lambda path: train_world_model(rooms_tiny(), None, path),
    }


@pytest.mark.parametrize("name", [
    "save_memory", "Dream.save", "WorldModel.save_pretrained", "scheduler", "tokenizer",
    "checkpoint", "train_world_model",
])  # fmt: skip
def test_a_method_leaves_a_folder_of_ones_own_work(name, model, memory, precious):
    target = precious.rename(precious.with_name(name))
    write = writers(model, memory)[name]
    before = tree(target)
    with pytest.raises(DataError, match=name):
        write(target)
    assert tree(target) == before


@pytest.mark.parametrize("name", ["save_memory", "Dream.save", "WorldModel.save_pretrained"])
def test_a_folder_of_ours_is_replaced_and_with_a_note_in_it_is_not(name, model, memory, tmp_path):
    write = writers(model, memory)[name]
    for _ in range(2):
        write(tmp_path / "ours")
    (tmp_path / "ours" / "notes.md").write_text("years of work")
    before = tree(tmp_path)
    with pytest.raises(DataError, match=r"holds notes\.md"):
        write(tmp_path / "ours")
    assert tree(tmp_path) == before


def test_a_fork_of_a_dream_leaves_what_stands_at_the_path(model, precious):
    from twospeed.generation.dream import Dream

    before = tree(precious)
    Dream(model, np.zeros((16, 16, 3), np.uint8)).fork(precious)
    assert tree(precious) == before


def test_only_the_guarded_modules_remove_or_rename():
    names = {"rmtree", "unlink", "rmdir", "rename", "renames", "removedirs", "move"}
    for path in SOURCE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                arguments = len(node.args) + len(node.keywords)
                renames = node.func.attr == "replace" and arguments == 1  # of text it has two
                if renames or node.func.attr in names or ast.unparse(node.func) == "os.remove":
                    assert str(path.relative_to(SOURCE)) in MAY_REMOVE, ast.unparse(node)


@pytest.mark.parametrize("name", packaged_models())
def test_a_model_folder_of_an_earlier_version_is_ours(name):
    assert MODEL.is_signed(PACKAGED / name)
    assert MODEL.strangers(PACKAGED / name) == []
