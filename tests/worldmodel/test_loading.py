"""A model folder of a stranger: none of its code runs, and nothing it lacks is asked of a hub."""

import json
import shutil
import socket

import pytest
import torch
from safetensors.torch import load_file, save_file

from twospeed.core.errors import DataError, UnknownNameError
from twospeed.worldmodel.diffusion import NoiseSchedule
from twospeed.worldmodel.loading import load_local
from twospeed.worldmodel.model import WorldModel
from twospeed.worldmodel.text import TextEncoder

CODE = "import pathlib\npathlib.Path({marker!r}).touch()\nclass Evil:\n    pass\n"
AUTO_MAP = {"AutoTokenizer": ["evil.Evil", "evil.Evil"], "AutoModel": "evil.Evil"}


@pytest.fixture
def folder(model, tmp_path, monkeypatch):
    """Return a model folder by a relative name that a hub would take; no network is there."""

    def refuse(_, address):
        asked.append(address)
        raise OSError("no network")

    asked = []
    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.chdir(tmp_path)
    model.save_pretrained("someone/model")
    yield tmp_path / "someone" / "model"
    assert asked == []


def bring_code(folder, marker):
    """Put code beside the files of every part, and let their configurations ask for it."""
    for part in ("tokenizer", "text_encoder", "scheduler", "vae", "denoiser"):
        (folder / part / "evil.py").write_text(CODE.format(marker=str(marker)))
        for path in (folder / part).glob("*config.json"):
            path.write_text(json.dumps(json.loads(path.read_text()) | {"auto_map": AUTO_MAP}))


PARTS = ["tokenizer", "text_encoder", "scheduler", "vae", "denoiser"]


def set_in(path, **changes):
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def refused(match):
    with pytest.raises(DataError, match=match) as caught:
        WorldModel.from_pretrained("someone/model")
    assert "\n" not in str(caught.value)


def test_code_that_a_folder_brings_does_not_run(folder, tmp_path):
    bring_code(folder, tmp_path / "ran")
    refused("asks for code of its own")
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("part", PARTS)
def test_each_part_is_looked_at_for_code(folder, part):
    path = next((folder / part).glob("*config.json"))
    set_in(path, within=[{"auto_map": {"AutoModel": "someone/other--evil.Evil"}}])
    refused("asks for code of its own")


@pytest.mark.parametrize("name", ["attn_implementation", "_attn_implementation"])
def test_kernels_of_a_hub_are_refused(folder, name):
    set_in(folder / "text_encoder" / "config.json", **{name: "someone/kernel"})
    refused("is eager or sdpa")


def test_a_part_that_stands_for_another_model_is_refused(folder):
    content = json.dumps({"base_model_name_or_path": "someone/other", "peft_type": "LORA"})
    (folder / "text_encoder" / "adapter_config.json").write_text(content)
    refused("stands for another model")


@pytest.mark.parametrize("part", ["text_encoder", "denoiser"])
@pytest.mark.parametrize(
    "file", ["../../elsewhere.safetensors", "/x.safetensors", "weights.bin", 3]
)
def test_pieces_of_weights_lie_in_their_folder_as_safetensors(folder, tmp_path, part, file):
    path = next((folder / part).glob("*.safetensors"))
    weights = load_file(path)
    save_file(weights, tmp_path / "someone" / "elsewhere.safetensors", metadata={"format": "pt"})
    torch.save(weights, folder / part / "weights.bin")
    path.unlink()
    content = {"metadata": {}, "weight_map": dict.fromkeys(weights, file)}
    path.with_name(f"{path.name}.index.json").write_text(json.dumps(content))
    refused("each file of")


@pytest.mark.parametrize("name", ["vocab_file", "tokenizer_file"])
def test_a_tokenizer_reads_no_file_that_lies_elsewhere(folder, name):
    set_in(folder / "tokenizer" / "tokenizer_config.json", **{name: "/etc/passwd"})
    refused("is a file of this folder")


@pytest.mark.parametrize("name", ["Evil", "evil.Evil", "AutoTokenizer", None, 3, "GPT2Tokenizer"])
def test_a_tokenizer_of_a_class_of_its_own_is_refused(folder, name):
    set_in(folder / "tokenizer" / "tokenizer_config.json", tokenizer_class=name)
    with pytest.raises(UnknownNameError, match="tokenizer") as caught:
        WorldModel.from_pretrained("someone/model")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("part", PARTS)
def test_a_part_that_is_not_there_is_not_asked_of_a_hub(folder, part):
    shutil.rmtree(folder / part)
    with pytest.raises(DataError, match=part):
        WorldModel.from_pretrained("someone/model")


@pytest.mark.parametrize("kind", [TextEncoder, NoiseSchedule])
def test_a_part_alone_is_not_asked_of_a_hub(folder, kind):
    shutil.rmtree(folder)
    with pytest.raises(DataError, match="no "):
        kind.from_pretrained("someone/model")


@pytest.mark.parametrize("part", ["text_encoder", "vae", "denoiser"])
def test_pickled_weights_are_refused(folder, part):
    path = next((folder / part).glob("*.safetensors"))
    torch.save(load_file(path), path.with_name("pytorch_model.bin"))
    shutil.copy(path.with_name("pytorch_model.bin"), path.with_suffix(".bin"))
    path.unlink()
    with pytest.raises(DataError, match="only safetensors are read"):
        WorldModel.from_pretrained("someone/model")


def test_nothing_but_a_folder_is_loaded(tmp_path):
    (tmp_path / "file").touch()
    for place in (tmp_path / "file", tmp_path / "nothing"):
        with pytest.raises(DataError, match="there is no such folder"):
            load_local(NoiseSchedule, "noise schedule", place)
