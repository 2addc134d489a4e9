"""Memory folders that have been through other hands: each works as it should or is one line."""

import json

import pytest
import torch
from safetensors.torch import load_file, save_file

from twospeed.cli.app import main
from twospeed.core.errors import DataError
from twospeed.core.files import read_json, write_json
from twospeed.memory.adapter_files import CONFIG, PREFIX
from twospeed.memory.config import GradientConfig
from twospeed.memory.edits import difference, merge
from twospeed.memory.fast_weights import FastWeights
from twospeed.memory.files import FORMAT, WEIGHTS, load_memory, save_memory
from twospeed.memory.memory_file import MemoryFile, memory_of, open_memories

CONFIGURED = GradientConfig(rank=3, learning_rate=1e-2)
LAYER = "blocks.0.to_qkv"
A, B = (f"{PREFIX}{LAYER}.lora_{half}.weight" for half in "AB")


@pytest.fixture
def folder(model, make_window, tmp_path):
    memory = FastWeights(model, CONFIGURED)
    memory.observe(make_window(), ["turn left"], past_frames=4)
    save_memory(memory_of(memory), tmp_path / "m")
    return tmp_path / "m"


def change(folder, *, tensors=lambda them: them, **metadata):
    """Write the weights of a folder anew, with other tensors and other metadata."""
    file = load_memory(folder)
    said = {
        "format": FORMAT,
        "model_hash": file.model_hash,
        "config": json.dumps({"rank": 3, "learning_rate": 1e-2}),
        "records": "[]",
    }
    found = tensors(load_file(folder / WEIGHTS))
    save_file({k: v.contiguous() for k, v in found.items()}, folder / WEIGHTS, said | metadata)


def test_half_precision_is_read_as_float32_and_merged(folder):
    before = load_memory(folder)
    change(folder, tensors=lambda them: {name: it.half() for name, it in them.items()})
    file = load_memory(folder)
    assert {it.dtype for it in (*file.down.values(), *file.up.values())} == {torch.float32}
    torch.testing.assert_close(file.delta(LAYER), before.delta(LAYER), rtol=2e-3, atol=1e-5)
    merge(file, before)


def test_names_without_the_prefix_are_read(folder):
    before = load_memory(folder)
    change(
        folder,
        tensors=lambda them: {k.removeprefix("base_model.model."): v for k, v in them.items()},
    )
    assert torch.equal(load_memory(folder).delta(LAYER), before.delta(LAYER))


@pytest.mark.parametrize(
    ("values", "factor"),
    [({"lora_alpha": 1}, 1 / 3), ({"lora_alpha": 6}, 2), ({"use_rslora": True}, 3**0.5)],
)
def test_the_factor_of_the_configuration_counts_and_is_written_into_the_weights(
    folder, tmp_path, values, factor
):
    before = load_memory(folder)
    write_json(folder / CONFIG, read_json(folder / CONFIG) | values)
    file = load_memory(folder)
    torch.testing.assert_close(file.delta(LAYER), factor * before.delta(LAYER))
    save_memory(file, tmp_path / "again")
    assert torch.equal(load_memory(tmp_path / "again").delta(LAYER), file.delta(LAYER))


def test_without_a_configuration_the_pairs_count_as_they_are(folder):
    before = load_memory(folder)
    (folder / CONFIG).unlink()
    assert torch.equal(load_memory(folder).delta(LAYER), before.delta(LAYER))


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"r": 4}, "says rank 4, the weights have 3"),
        ({"r": "3"}, "r takes a whole number"),
        ({"lora_alpha": float("nan")}, "lora_alpha must be a finite number"),
        ({"lora_alpha": None}, "lora_alpha takes a number"),
        ({"alpha_pattern": {"x": 2}}, "a factor for each layer"),
        ({"use_dora": True}, "a factor for each layer"),
    ],
)
def test_a_configuration_that_cannot_be_followed_is_one_line(folder, values, message):
    write_json(folder / CONFIG, read_json(folder / CONFIG) | values)
    with pytest.raises(DataError, match=message):
        load_memory(folder)


@pytest.mark.parametrize(
    ("tensors", "message"),
    [
        (lambda them: {k: v for k, v in them.items() if k != A}, "has lora_B and no lora_A"),
        (lambda them: {k: v for k, v in them.items() if k != B}, "has lora_A and no lora_B"),
        (lambda them: {**them, A: them[A].T}, r"should have lora_A \(3, I\)"),
        (lambda them: {**them, B: them[B][0]}, r"should have lora_A \(3, I\)"),
        (lambda them: {**them, B: them[B] * float("nan")}, "not finite"),
        (lambda them: {**them, A: them[A] / 0}, "not finite"),
        (lambda them: {**them, "bias": torch.zeros(3)}, "'bias' is not named"),
        (lambda them: {**them, B: them[B].int()}, "floats are read"),
        (lambda _: {}, "adapts no layer"),
    ],
)
def test_weights_that_are_no_memory_are_one_line(folder, tensors, message):
    change(folder, tensors=tensors)
    with pytest.raises(DataError, match=message):
        load_memory(folder)


@pytest.mark.parametrize(
    ("metadata", "message"),
    [
        ({"config": "[]"}, "it takes settings"),
        ({"config": "{"}, "cannot read its config as JSON"),
        ({"config": "[" * 10_000}, "nested deeper"),
        ({"config": '{"rank": "3"}'}, "rank takes a whole number"),
        ({"config": '{"rank": %s}' % ("9" * 6000)}, "6,000 digits"),
        ({"config": '{"rank": 4}'}, r"should have lora_A \(4, I\)"),
        ({"config": '{"rnak": 3}'}, "Did you mean 'rank'"),
        ({"records": "{}"}, "it takes a list"),
        ({"records": "[3]"}, "it takes settings of WriteRecord"),
        ({"records": '[{"chunk": 0}]'}, "loss_before is not there"),
        ({"format": "twospeed-memory-9"}, "says format 'twospeed-memory-9'"),
    ],
)
def test_metadata_of_others_is_one_line(folder, metadata, message):
    change(folder, **metadata)
    with pytest.raises(DataError, match=message) as caught:
        load_memory(folder)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("targets", ["(", "^(([a-z0-9._])+)+!$", "nothing", "." * 1000])
def test_a_pattern_out_of_a_file_is_refused_and_not_run(folder, targets):
    change(folder, config=json.dumps({"rank": 3, "targets": targets}))
    with pytest.raises(DataError, match="targets takes a list of") as caught:
        load_memory(folder)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("targets", ["(to_qkv|up)$", "^to_qkv$", ["to_qkv", "nothing"], [".*"]])
def test_the_layers_that_get_adapters_are_those_that_the_file_holds(model, folder, targets):
    change(folder, config=json.dumps({"rank": 3, "targets": targets}))
    memory = open_memories(model, [load_memory(folder)], seeds=(0,))
    assert memory.adapters.up.keys() == load_memory(folder).up.keys()


def test_layers_that_the_model_has_not_are_named(model, folder):
    change(folder, tensors=lambda them: {k.replace("to_qkv", "to_wkv"): v for k, v in them.items()})
    with pytest.raises(DataError, match=r"no linear layer called 'blocks\.\d\.to_wkv'"):
        open_memories(model, [load_memory(folder)], seeds=(0,))


def test_layers_of_other_sizes_are_neither_merged_nor_compared(folder):
    file = load_memory(folder)
    longer = {name: torch.cat([it, it]) for name, it in file.up.items()}
    other = MemoryFile(
        model_hash=file.model_hash, config=file.config, records=(), down=file.down, up=longer
    )
    for pair in (merge, difference):
        with pytest.raises(DataError, match="cannot be"):
            pair(file, other)


def test_a_memory_that_is_not_finite_is_not_written(model, tmp_path):
    memory = FastWeights(model, CONFIGURED)
    with torch.no_grad():
        memory.adapters.up[LAYER].fill_(float("nan"))
    with pytest.raises(DataError, match="not finite"):
        save_memory(memory_of(memory), tmp_path / "m")


def test_a_layer_may_be_called_anything(folder, capsys):
    change(folder, tensors=lambda them: {k.replace("to_qkv", "[/red]"): v for k, v in them.items()})
    assert main(["memory", "show", str(folder)]) == 0
    assert main(["memory", "diff", str(folder), str(folder)]) == 0
    assert "[/red]" in capsys.readouterr().out
