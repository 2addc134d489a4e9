"""What cannot be opened is one line, and says what would do."""

import json
import shutil

import numpy as np
import pytest
import torch
from diffusers import WanPipeline
from huggingface_hub.errors import OfflineModeIsEnabled

from twospeed.cli.app import main
from twospeed.core.errors import ConfigError, DataError, UnknownNameError
from twospeed.core.pictures import write_picture
from twospeed.core.video import read_video
from twospeed.memory.fast_weights import FastWeights
from twospeed.memory.files import load_memory, save_memory
from twospeed.memory.memory_file import open_memories
from twospeed.memory.presets import preset_of
from twospeed.training.data.vocabulary import known_to, takes_any_text
from twospeed.web.words import Words
from twospeed.worldmodel.backbones import hub
from twospeed.worldmodel.backbones.placement import placement_of
from twospeed.worldmodel.model import WorldModel

pytestmark = pytest.mark.filterwarnings("ignore:.*deprecated.*")


@pytest.fixture
def copy(saved, tmp_path):
    """Return a copy of a tiny Wan pipeline that may be damaged."""
    shutil.copytree(saved("wan_21"), tmp_path / "wan")
    return tmp_path / "wan"


def refused(folder, kind, match):
    with pytest.raises(kind, match=match) as caught:
        WorldModel.from_pretrained(folder)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("part", ["text_encoder", "tokenizer", "transformer", "vae"])
def test_a_pipeline_that_lacks_a_part_says_which(copy, part):
    shutil.rmtree(copy / part)
    refused(copy, DataError, part)


@pytest.mark.parametrize("parts", [["text_encoder"], ["text_encoder", "tokenizer"], ["vae"]])
def test_a_pipeline_that_was_saved_without_parts_says_which(copy, tmp_path, parts):
    bare = WanPipeline.from_pretrained(copy, **dict.fromkeys(parts))
    bare.save_pretrained(tmp_path / "bare")
    refused(tmp_path / "bare", DataError, f"names no {' and no '.join(parts)}: ")


@pytest.mark.parametrize("part", ["transformer", "vae", "text_encoder"])
def test_a_torn_file_of_weights_is_one_line(copy, part):
    path = next((copy / part).glob("*.safetensors"))
    path.write_bytes(path.read_bytes()[:-100])
    refused(copy, DataError, "cannot read")


def test_pickles_are_not_read(copy):
    for path in (copy / "transformer").glob("*.safetensors"):
        torch.save({}, path.with_suffix(".bin"))
        path.unlink()
    refused(copy, DataError, "transformer")


def test_a_second_transformer_must_say_where_it_begins_and_an_encoder_named_must_be_there(copy):
    path = copy / "model_index.json"
    index = json.loads(path.read_text())
    for part, words in (("transformer_2", "two transformers"), ("image_encoder", "image")):
        path.write_text(json.dumps(index | {part: ["diffusers", "Anything"]}))
        refused(copy, DataError, words)


def test_a_denoiser_of_another_family_is_named(copy):
    path = copy / "transformer" / "config.json"
    path.write_text(path.read_text().replace("WanTransformer3DModel", "LTXVideoTransformer3DModel"))
    refused(copy, UnknownNameError, "WanTransformer3DModel")


def test_a_memory_of_another_family_is_refused(saved, tmp_path):
    one, other = (WorldModel.from_pretrained(saved(it)) for it in ("wan_21", "ltx"))
    save_memory(FastWeights(one, preset_of(one, "paper")), tmp_path / "m")
    with pytest.raises(DataError, match="belongs to slow weights"):
        open_memories(other, [load_memory(tmp_path / "m")], seeds=[0])


def test_a_device_or_precision_that_is_not_there_is_one_line(saved):
    with pytest.raises(UnknownNameError, match="bfloat16"):
        placement_of("cpu", "float61")
    with pytest.raises(ConfigError, match="--device cpu"):
        placement_of("cuda:77")
    with pytest.raises(ConfigError, match="nothing can be computed"):
        WorldModel.from_pretrained(saved("wan_21"), device="toaster")


def test_a_hub_id_offline_is_one_line(monkeypatch):
    def unreachable(*_, **__):
        raise OfflineModeIsEnabled("offline")

    monkeypatch.setattr(hub, "snapshot_download", unreachable)
    with pytest.raises(DataError, match="hub cannot be reached"):
        WorldModel.from_pretrained("somebody/some-model")
    assert not hub.is_hub_id("rooms-64")
    assert not hub.is_hub_id("../rooms-64")


def test_only_what_is_loaded_is_fetched():
    wanted = hub._wanted("fp16")
    assert "transformer/*.fp16*.safetensors" in wanted
    assert not any(it.endswith((".bin", ".py", ".pt")) for it in wanted)


def test_offload_gives_the_same_and_leaves_the_rest_on_the_cpu(saved):
    here, there = (WorldModel.from_pretrained(saved("wan_21"), offload=it) for it in (False, True))
    texts = ["go on"]
    assert torch.equal(here.text_encoder.encode(texts), there.text_encoder.encode(texts))


def test_the_command_dreams_in_a_stock_folder_and_keeps_what_it_learned(saved, tmp_path, capsys):
    from PIL import Image

    Image.new("RGB", (70, 50), (200, 90, 20)).save(tmp_path / "p.png")
    arguments = ["dream", str(saved("wan_21")), "--first-frame", str(tmp_path / "p.png")]
    arguments += ["--actions", "a*2", "--memory", "on", "--preset", "paper", "--steps", "2"]
    arguments += ["--checkpointing"]
    arguments += ["--out", str(tmp_path / "x.mp4"), "--save-memory", str(tmp_path / "m")]
    assert main(arguments) == 0
    assert "2 chunks, 9 frames" in capsys.readouterr().out
    assert load_memory(tmp_path / "m").config.rank == 32
    assert read_video(tmp_path / "x.mp4").shape[1:3] == (48, 64)


def test_frames_are_as_wide_as_asked_for_or_as_the_picture(saved, tmp_path, capsys):
    picture = tmp_path / "p.png"
    write_picture(picture, np.zeros((40, 70, 3), np.uint8))
    told = ["dream", str(saved("wan_21")), "--actions=go", "--steps=1", f"--out={tmp_path}/x.mkv"]
    for size, shape in (([], (32, 64)), (["--size=48x32"], (32, 48)), (["--size=16"], (16, 16))):
        assert main([*told, f"--first-frame={picture}", *size]) == 0
        assert read_video(tmp_path / "x.mkv").shape[1:3] == shape
    capsys.readouterr()
    assert main([*told, f"--first-frame={picture}", "--size=49x32"]) == 2
    assert "frame_width of this model is a multiple of 16 pixels, got 49" in capsys.readouterr().err
    assert main([*told, "--first-frame=rooms:3", "--size=48x32"]) == 2
    assert "worlds draw square frames alone, asked for 48x32" in capsys.readouterr().err


def test_the_page_plays_a_stock_folder_from_a_wide_picture_and_takes_any_words(
    saved, tmp_path, capsys
):
    picture, folder = tmp_path / "p.png", str(saved("wan_21"))
    write_picture(picture, np.zeros((40, 70, 3), np.uint8))
    told = ["play", folder, "--steps=1", "--memory=off", f"--out={tmp_path}/play"]
    assert main([*told, f"--first-frame={picture}", "--benchmark=2"]) == 0
    assert "frames/s in each of plain" in capsys.readouterr().out
    assert main(told) == 2
    assert "give it --first-frame" in capsys.readouterr().err
    model = WorldModel.from_pretrained(folder)
    words = Words(known_to(model), model.text_encoder, is_open=takes_any_text(model))
    assert words.meant("a fox runs over the snow").text == "a fox runs over the snow"


def test_a_measure_of_a_model_of_no_world_asks_for_one(saved, tmp_path, capsys):
    folder = str(saved("wan_21"))
    for command in (
        ["recall", folder, "--episodes=1"],
        ["recall", folder, "--unseen=256"],
        ["plan", "retrace", f"--model={folder}"],
        ["evaluate", folder, "--protocol=revisit", "--memories=none", f"--out={tmp_path}/out"],
    ):
        assert main(command) == 2
        assert "name one where there is --world" in capsys.readouterr().err
