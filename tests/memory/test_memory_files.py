import copy
import json

import pytest
import torch
from peft import LoraConfig, inject_adapter_in_model, set_peft_model_state_dict
from safetensors.torch import load_file, save_file

from twospeed.core.errors import ConfigError, DataError, ShapeError
from twospeed.memory.config import GradientConfig
from twospeed.memory.edits import difference, forget, merge
from twospeed.memory.fast_weights import FastWeights
from twospeed.memory.files import WEIGHTS, WRITER, load_memory, save_memory
from twospeed.memory.memory_file import memory_of, open_memories, restore_
from twospeed.worldmodel.reading import Reading

QUICK = GradientConfig(rank=3, learning_rate=1e-2, updates_per_chunk=3)


def written(model, windows, *, seed=0, config=QUICK):
    memory = FastWeights(model, config, seeds=(seed,))
    for window in windows:
        memory.observe(window, ["turn left"], past_frames=4)
    return memory


def answer(model, memory):
    generator = torch.Generator().manual_seed(3)
    noisy = torch.randn(1, 8, 8, 4, 4, generator=generator)
    text = model.text_encoder.encode(["go forward"])
    with torch.no_grad():
        reading = memory.read(Reading.of(model.denoiser, noisy[:, :, :4], text))
        return reading(noisy, torch.full((1, 8), 500))


@pytest.fixture
def memory(model, make_window):
    return written(model, [make_window(), make_window(seed=1)])


def test_a_memory_survives_its_folder_bit_for_bit(model, memory, tmp_path):
    save_memory(memory_of(memory), tmp_path / "m")
    file = load_memory(tmp_path / "m")
    assert list(file.records) == memory.records[0]
    assert file.config == memory.config
    assert torch.equal(
        answer(model, open_memories(model, [file], seeds=(0,))), answer(model, memory)
    )


def test_a_fork_goes_its_own_way(model, memory, make_window):
    before = answer(model, memory)
    branch = open_memories(model, [memory_of(memory)], seeds=(0,))
    branch.observe(make_window(seed=5), ["turn left"], past_frames=4)
    assert torch.equal(answer(model, memory), before)
    assert not torch.equal(answer(model, branch), before)
    assert len(memory.records[0]) == 2
    assert len(branch.records[0]) == 3


def test_another_models_memory_is_refused_with_the_reason(make_model, memory):
    with pytest.raises(DataError, match="belongs to slow weights"):
        open_memories(make_model(1), [memory_of(memory)], seeds=(0,))


def test_other_adapters_and_counts_are_refused_and_change_nothing(model, memory):
    before = answer(model, memory)
    wider = FastWeights(model, GradientConfig(rank=4))
    with pytest.raises(DataError, match="does not fit"):
        restore_(memory, [memory_of(wider)])
    with pytest.raises(ShapeError, match="got 2"):
        restore_(memory, [memory_of(wider)] * 2)
    assert torch.equal(answer(model, memory), before)


@pytest.mark.parametrize("kind", ["transformer", "unet3d"])
def test_peft_opens_our_file_and_gives_the_same_output(make_model, make_window, tmp_path, kind):
    model = make_model(denoiser=kind)
    memory = written(model, [make_window()])
    save_memory(memory_of(memory), tmp_path / "m")
    theirs = copy.deepcopy(model)
    config = LoraConfig.from_pretrained(tmp_path / "m")
    theirs.denoiser = inject_adapter_in_model(config, theirs.denoiser).eval()
    weights = load_file(tmp_path / "m" / WEIGHTS)
    weights = {name.removeprefix("base_model.model."): value for name, value in weights.items()}
    missed = set_peft_model_state_dict(theirs.denoiser, weights)
    assert not missed.unexpected_keys
    empty = FastWeights(model, QUICK)
    generator = torch.Generator().manual_seed(3)
    noisy, level = torch.randn(1, 8, 8, 4, 4, generator=generator), torch.full((1, 8), 500)
    text = model.text_encoder.encode(["go forward"])
    with torch.no_grad():
        found = theirs.denoiser(noisy, level, text)
    torch.testing.assert_close(found, answer(model, memory), rtol=1e-5, atol=1e-5)
    assert not torch.allclose(found, answer(model, empty), rtol=1e-5, atol=1e-5)


def test_a_merge_adds_the_shares_of_both(model, memory, make_window):
    first, second = memory_of(memory), memory_of(written(model, [make_window(seed=4)], seed=4))
    blend = merge(first, second, share=0.25)
    for name in blend.up:
        expected = 0.25 * first.delta(name) + 0.75 * second.delta(name)
        torch.testing.assert_close(blend.delta(name), expected)
    assert len(open_memories(model, [blend], seeds=(0,)).records[0]) == 3
    with pytest.raises(ConfigError, match="share"):
        merge(first, second, share=2)


def test_memories_of_different_models_are_not_merged(make_model, memory, make_window):
    other = memory_of(written(make_model(1), [make_window()]))
    with pytest.raises(DataError, match="cannot be merged"):
        merge(memory_of(memory), other)


def test_forgetting_all_gives_the_slow_model_back(model, memory):
    half, none = (forget(memory_of(memory), share=share) for share in (0.5, 1.0))
    assert half.norm() == pytest.approx(memory_of(memory).norm() / 2)
    assert torch.equal(
        answer(model, open_memories(model, [none], seeds=(0,))),
        answer(model, FastWeights(model, QUICK)),
    )
    with pytest.raises(ConfigError, match="share"):
        forget(half, share=-1)


def test_a_memory_differs_from_itself_in_nothing_and_from_its_half_by_half(memory):
    file = memory_of(memory)
    for row in difference(file, forget(file, share=0.5)).values():
        assert row["distance"] == pytest.approx(row["second"], rel=1e-5)
        assert row["cosine"] == pytest.approx(1, rel=1e-5)
    assert all(row["distance"] == 0 for row in difference(file, file).values())


def test_damaged_files_are_one_line_each(memory, tmp_path):
    with pytest.raises(DataError, match="cannot read a memory"):
        load_memory(tmp_path / "nothing")
    save_memory(memory_of(memory), tmp_path / "m")
    path = tmp_path / "m" / WEIGHTS
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DataError, match="cannot read a memory") as caught:
        load_memory(tmp_path / "m")
    assert "\n" not in str(caught.value)
    save_file({"x": torch.zeros(1)}, path)
    with pytest.raises(DataError, match="format None"):
        load_memory(tmp_path / "m")
    save_file({"x": torch.zeros(1)}, path, metadata={"format": "twospeed-memory-1"})
    with pytest.raises(DataError, match="is damaged"):
        load_memory(tmp_path / "m")


def test_writing_goes_on_exactly_after_a_load(model, memory, make_window, tmp_path):
    save_memory(memory_of(memory), tmp_path / "m")
    again = open_memories(model, [load_memory(tmp_path / "m")], seeds=(0,))
    for one in (memory, again):
        one.observe(make_window(seed=2), ["go back"], past_frames=4)
    for name, up in memory.adapters.up.items():
        assert torch.equal(up, again.adapters.up[name])


def test_a_memory_of_before_opens_without_its_writers_state(model, memory, tmp_path):
    save_memory(memory_of(memory), tmp_path / "m")
    (tmp_path / "m" / WRITER).unlink()
    file = load_memory(tmp_path / "m")
    assert not file.writer
    assert torch.equal(
        answer(model, open_memories(model, [file], seeds=(0,))), answer(model, memory)
    )


def test_a_damaged_writers_state_is_one_line_and_changes_nothing(memory, tmp_path):
    save_memory(memory_of(memory), tmp_path / "m")
    path = tmp_path / "m" / WRITER
    state = {name: it.clone() for name, it in load_file(path).items()}
    path.write_bytes(b"x" * 100)
    with pytest.raises(DataError, match="its writer's state"):
        load_memory(tmp_path / "m")
    save_file({name: it[..., :1].contiguous() for name, it in state.items() if it.dim()}, path)
    before = memory_of(memory)
    with pytest.raises(DataError, match="its writer's"):
        restore_(memory, [load_memory(tmp_path / "m")])
    assert all(torch.equal(up, before.up[name]) for name, up in memory_of(memory).up.items())


def test_a_memory_is_a_standard_lora_folder(memory, tmp_path):
    save_memory(memory_of(memory), tmp_path / "m")
    config = json.loads((tmp_path / "m" / "adapter_config.json").read_text())
    assert config["peft_type"] == "LORA"
    assert config["r"] == config["lora_alpha"] == QUICK.rank
    names = set(load_file(tmp_path / "m" / WEIGHTS))
    assert "base_model.model.blocks.0.to_qkv.lora_A.weight" in names


def test_fast_weights_of_one_episode_are_saved_as_they_are(model, memory, tmp_path):
    save_memory(memory, str(tmp_path / "m"))
    assert load_memory(str(tmp_path / "m")).config == memory_of(memory).config
    with pytest.raises(DataError, match="are of 2: save memory_of"):
        save_memory(FastWeights(model, QUICK, seeds=(1, 2)), tmp_path / "both")
    assert not (tmp_path / "both").exists()
