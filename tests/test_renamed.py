"""What was written and typed under names of before opens and runs as it is."""

import json
from contextlib import nullcontext
from dataclasses import replace

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from twospeed.core.config import from_json, override, to_json
from twospeed.core.errors import ConfigError, DataError, UnknownNameError
from twospeed.evaluation.protocols.base import ProtocolConfig
from twospeed.evaluation.recall import RecallConfig
from twospeed.memory.config import GradientConfig, RidgeConfig, ViewConfig
from twospeed.memory.fast_weights import FastWeights
from twospeed.memory.files import WEIGHTS, load_memory, save_memory
from twospeed.memory.memory_file import memory_of, open_memories
from twospeed.memory.presets import default
from twospeed.recipes import rooms_tiny
from twospeed.training.run import RunConfig
from twospeed.worldmodel.model import WorldModel
from twospeed.worldmodel.renamed import HEIRS

OLD_WEIGHTS = {
    "recall.to_inverse.weight": "recall.undo.weight",
    "recall.to_inverse.bias": "recall.undo.bias",
    "recall_gate.0.weight": "trust.0.weight",
    "recall_gate.0.bias": "trust.0.bias",
    "recall_gate.2.weight": "trust.2.weight",
    "recall_gate.2.bias": "trust.2.bias",
}
HASHES = {
    "rooms-64": "4f77b96073442dd8",
    "doom-64": "0927eb264286015e",
    "fetch-64": "69184fa3266045a0",
}


def with_old_names(state):
    renamed = {OLD_WEIGHTS.get(name, name): tensor for name, tensor in state.items()}
    assert set(OLD_WEIGHTS.values()) <= renamed.keys()
    return renamed


def test_a_model_folder_with_old_names_of_weights_opens(model, tmp_path):
    model.save_pretrained(tmp_path / "m")
    path = next((tmp_path / "m" / "denoiser").glob("*.safetensors"))
    save_file(with_old_names(load_file(path)), path, metadata={"format": "pt"})
    opened = WorldModel.from_pretrained(tmp_path / "m")
    state = model.denoiser.state_dict()
    assert all(torch.equal(it, state[name]) for name, it in opened.denoiser.state_dict().items())
    assert opened.hash() == model.hash()


def test_a_checkpoint_with_old_names_of_weights_goes_on(model, make_model):
    other = make_model(1).denoiser
    other.load_state_dict(with_old_names(model.denoiser.state_dict()))
    assert torch.equal(other.recall_gate[0].weight, model.denoiser.recall_gate[0].weight)
    wrapped = torch.nn.ModuleDict({"module": make_model(1).denoiser})
    state = with_old_names(model.denoiser.state_dict())
    wrapped.load_state_dict({f"module.{name}": tensor for name, tensor in state.items()})


@pytest.mark.parametrize("name", HASHES)
def test_packaged_models_keep_the_hash_that_memories_know_them_by(name):
    assert WorldModel.from_pretrained(name).hash() == HASHES[name]


@pytest.mark.parametrize("old", HEIRS)
@pytest.mark.parametrize(
    ("config", "is_taken"),
    [(ViewConfig(rank=8), True), (RidgeConfig(), True), (GradientConfig(rank=2), False)],
)
def test_heirs_of_packaged_weights_take_memories_that_their_layers_read_alike(
    old, config, is_taken
):
    name = next(name for name, now in HASHES.items() if now == HEIRS[old])
    heir = WorldModel.from_pretrained(name)
    file = replace(memory_of(FastWeights(heir, config)), model_hash=old)
    with nullcontext() if is_taken else pytest.raises(DataError, match="belongs to slow weights"):
        open_memories(heir, [file], seeds=(0,))


def test_a_memory_file_with_old_names_of_settings_opens(model, tmp_path):
    config = replace(default(model), generated_weight=0.75)
    memory = FastWeights(model, config, seeds=(3,))
    window = torch.randn(1, 8, 8, 4, 4, generator=torch.Generator().manual_seed(0))
    memory.observe(window, ["turn left"], past_frames=4)
    save_memory(memory_of(memory), tmp_path / "m")
    path = tmp_path / "m" / WEIGHTS
    with safe_open(path, framework="pt") as file:
        metadata = file.metadata()
    settings = json.loads(metadata["config"])
    settings |= {"doubt": 0.25, "trust": settings.pop("retrieval_range")}
    del settings["generated_weight"]
    save_file(load_file(path), path, metadata=metadata | {"config": json.dumps(settings)})
    opened = load_memory(tmp_path / "m")
    assert opened.config == config
    again = open_memories(model, [opened], seeds=(3,))
    assert torch.equal(*(it.adapters.up["recall.layer"] for it in (again, memory)))


def test_old_settings_are_taken_on_the_command_line(model):
    config = default(model)
    assert override(config, "doubt=0.25").generated_weight == 0.75
    assert override(config, "trust=null").retrieval_range is None
    assert override(rooms_tiny(), "recalling.walked_chunks=2").recalling.self_forced_chunks == 2
    with pytest.raises(ConfigError, match="generated_weight"):
        override(config, "doubt=2")
    with pytest.raises(UnknownNameError, match="Did you mean 'generated_weight'"):
        override(config, "generatd_weight=1")


def test_a_run_that_was_begun_under_old_settings_is_the_same_run():
    config = rooms_tiny()
    values = to_json(config)
    of = values["recalling"]
    of["again_share"], of["still_share"] = of.pop("written_share"), of.pop("repeated_frame_share")
    of["walked_share"] = of.pop("self_forced_share")
    of["walked_chunks"] = of.pop("self_forced_chunks")
    assert from_json(RunConfig, values) == config


@pytest.mark.parametrize(
    ("old", "new"), [("seen", "observed_return"), ("dreamed", "generated_return")]
)
def test_protocols_go_by_their_old_names_too(model, old, new):
    settings = ProtocolConfig(memory=default(model))
    assert RecallConfig(protocol=old, settings=settings).protocol == new
    assert RecallConfig(protocol=new, settings=settings).protocol == new
