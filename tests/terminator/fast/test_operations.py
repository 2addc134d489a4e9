import ast
import inspect
from pathlib import Path

import pytest
import torch

from twospeed.terminator.fast import choice, ops_native, ops_torch
from twospeed.terminator.fast.operations import Operations
from twospeed.terminator.native import library

NAMES = [name for name, _ in inspect.getmembers(Operations, inspect.isfunction) if name[0] != "_"]
FILES = sorted(Path(inspect.getfile(choice)).parent.glob("*.py"))
NATIVE = {"choice", "compiled", "compiled_local", "ops_native"}


@pytest.mark.parametrize("way", [ops_torch, ops_native])
@pytest.mark.parametrize("name", NAMES)
def test_both_ways_offer_the_same_names_with_the_same_signatures(name, way):
    wanted = inspect.signature(getattr(Operations, name))
    without_self = wanted.replace(parameters=list(wanted.parameters.values())[1:])
    assert inspect.signature(getattr(way, name)) == without_self


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_the_steps_of_a_block_know_nothing_of_compilers(path):
    imported = {
        node.module
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ImportFrom)
    }
    assert path.stem in NATIVE or "twospeed.terminator.native" not in imported


def test_the_compiled_way_is_taken_for_float32_on_a_cpu_alone(monkeypatch):
    single, double = torch.zeros(1), torch.zeros(1, dtype=torch.float64)
    monkeypatch.setattr(library, "load", lambda: object())
    assert choice.operations_for(single, single) is ops_native
    assert choice.operations_for(single, double) is ops_torch
    assert choice.operations_for(single.to("meta"), single) is ops_torch
    monkeypatch.setattr(library, "load", lambda: None)
    assert choice.operations_for(single, single) is ops_torch
