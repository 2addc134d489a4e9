import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from twospeed.core.errors import DataError, ShapeError
from twospeed.core.files import read_json, write_json
from twospeed.core.pictures import write_picture
from twospeed.generation.dream import Dream
from twospeed.memory.config import GradientConfig
from twospeed.memory.fast_weights import FastWeights
from twospeed.memory.files import WRITER, load_memory, save_memory
from twospeed.memory.memory_file import memory_of, open_memories

QUICK = GradientConfig(rank=2, learning_rate=1e-2, updates_per_chunk=2)
ROUTE = ["turn left", "go forward", "turn left", "go back"]


def dream_of(model, frame, *, remembers=True, seed=3):
    memory = FastWeights(model, QUICK, seeds=(seed,)) if remembers else None
    return Dream(model, frame, memory=memory, seed=seed)


@pytest.fixture
def frame(random_frames):
    return random_frames(0)


def test_a_chunk_is_frames_of_the_models_size(model, frame):
    frames = dream_of(model, frame).step("turn left")
    assert frames.shape == (4, 16, 16, 3)
    assert frames.dtype == np.uint8


@pytest.mark.parametrize("remembers", [True, False])
def test_the_same_seed_gives_the_same_video_and_another_seed_another(model, frame, remembers):
    first, again, other = (
        [dream_of(model, frame, remembers=remembers, seed=seed).step(a) for a in ROUTE[:1]]
        for seed in (3, 3, 4)
    )
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


@pytest.mark.parametrize("remembers", [True, False])
def test_a_saved_dream_goes_on_bit_for_bit(model, frame, tmp_path, remembers):
    whole, first = (dream_of(model, frame, remembers=remembers) for _ in range(2))
    expected = [whole.step(action) for action in ROUTE]
    for action in ROUTE[:2]:
        first.step(action)
    first.save(tmp_path / "dream")
    rest = Dream.load(tmp_path / "dream", model)
    assert np.array_equal(expected[2:], [rest.step(action) for action in ROUTE[2:]])
    assert rest.num_chunks == 4
    if remembers:
        for name, up in whole.memory.adapters.up.items():
            assert torch.equal(up, rest.memory.adapters.up[name])
        assert len(rest.memory.records[0]) == 4


def test_a_saved_dream_opens_where_the_model_looks_at_more_since(model, frame, tmp_path):
    dream = dream_of(model, frame)
    frames = [dream.step(action) for action in ROUTE[:2]]
    dream.save(tmp_path / "dream")
    again = Dream.load(tmp_path / "dream", model.configure(past_frames=8))
    assert again.past.shape[2] == frames[-1].shape[0]
    again.step(ROUTE[2])
    assert again.past.shape[2] == 8


def test_a_fork_goes_its_own_way(model, frame, tmp_path):
    dream, twin = dream_of(model, frame), dream_of(model, frame)
    for one in (dream, twin):
        one.step("turn left")
    branch = dream.fork(tmp_path / "aside")
    branch.step("go back")
    assert np.array_equal(dream.step("go forward"), twin.step("go forward"))
    assert not (tmp_path / "aside").exists()


def test_a_memory_makes_the_dream_another_one_only_after_its_first_write(model, frame):
    with_memory, without = (dream_of(model, frame, remembers=on) for on in (True, False))
    first, second = ([dream.step(a) for a in ROUTE[:2]] for dream in (with_memory, without))
    assert np.array_equal(first[0], second[0])
    assert not torch.equal(with_memory.past, without.past)


def test_a_dream_without_memory_is_untouched_by_anothers(model, frame):
    expected = [dream_of(model, frame, remembers=False).step("turn left")]
    other = dream_of(model, frame)
    for action in ROUTE:
        other.step(action)
    assert np.array_equal(expected, [dream_of(model, frame, remembers=False).step("turn left")])


def test_real_frames_are_learned_and_become_the_past(model, frame, random_frames):
    dream = dream_of(model, frame)
    seen = random_frames(5, 4)
    dream.observe(seen, "turn left")
    assert torch.equal(dream.past, model.encode(seen[None]))
    assert len(dream.memory.records[0]) == 1
    assert dream.num_chunks == 1


def test_a_dream_stays_as_small_as_it_was(model, frame):
    dream = dream_of(model, frame)
    sizes = []
    for chunk in range(30):
        dream.step(ROUTE[chunk % 4])
        state = [dream.past, *dream.memory.adapters.tensors()]
        state += dream.memory.writer.adam.state(0).values()
        sizes.append(sum(tensor.numel() for tensor in state))
    assert len(set(sizes)) == 1
    assert sum(len(module._forward_hooks) for module in model.denoiser.modules()) == 0
    assert dream.past.isfinite().all()


def test_latents_are_chained_without_decoding_and_encoding_again(model, frame):
    dream = dream_of(model, frame, remembers=False)
    dream.step("turn left")
    past = dream.past
    new = model.generate(past, ["go back"], [(3, "chunk", 1)])
    assert np.array_equal(dream.step("go back"), model.decode(new)[0])


def test_a_memory_file_opens_in_a_new_dream(model, frame, tmp_path):
    dream = dream_of(model, frame)
    dream.step("turn left")
    save_memory(memory_of(dream.memory), tmp_path / "m")
    later = Dream(
        model, frame, memory=open_memories(model, [load_memory(tmp_path / "m")], seeds=(3,))
    )
    later.step("turn left")
    assert len(later.memory.records[0]) == 2


def test_wrong_frames_and_memories_are_named(model, frame, random_frames):
    with pytest.raises(ShapeError, match="first_frame"):
        Dream(model, frame[None])
    with pytest.raises(ShapeError, match="16x16"):
        Dream(model, frame[:8])
    with pytest.raises(ShapeError, match="a chunk has 4 frames, got 3"):
        dream_of(model, frame).observe(random_frames(1, 3), "turn left")
    with pytest.raises(DataError, match="one episode"):
        Dream(model, frame, memory=FastWeights(model, QUICK, seeds=(1, 2)))


def test_a_dream_of_another_model_or_a_damaged_one_is_one_line(make_model, model, frame, tmp_path):
    dream_of(model, frame).save(tmp_path / "dream")
    with pytest.raises(DataError, match="belongs to slow weights"):
        Dream.load(tmp_path / "dream", make_model(1))
    state = tmp_path / "dream" / "state.safetensors"
    state.write_bytes(state.read_bytes()[:50])
    with pytest.raises(DataError, match="is damaged"):
        Dream.load(tmp_path / "dream", model)
    with pytest.raises(DataError, match="cannot read"):
        Dream.load(tmp_path / "nothing", model)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"seed": "3"}, "seed takes a whole number"),
        ({"num_chunks": -1}, "num_chunks must be 0 or more"),
        ({"num_chunks": 1.5}, "num_chunks takes a whole number"),
        ({"memory_seed": [0]}, "memory_seed takes a whole number or null"),
        ({"memory_seed": 10**30}, "at most 64 bits"),
        ({"model_hash": None}, "model_hash takes a text"),
        ({"more": 1}, "called 'more'"),
    ],
)
def test_what_a_dream_says_of_itself_is_checked(model, frame, tmp_path, values, message):
    dream_of(model, frame).save(tmp_path / "dream")
    said = read_json(tmp_path / "dream" / "dream.json")
    write_json(tmp_path / "dream" / "dream.json", said | values)
    with pytest.raises(DataError, match=message):
        Dream.load(tmp_path / "dream", model)


@pytest.mark.parametrize("change", [lambda it: it[..., :1], lambda it: it / 0, lambda it: it.int()])
@pytest.mark.parametrize("name", ["past", "first.0", "steps", "rehearsal.offered"])
def test_a_state_of_other_shapes_types_or_infinite_is_one_line(
    model, frame, tmp_path, name, change
):
    dream = dream_of(model, frame)
    dream.step("turn left")
    dream.save(tmp_path / "dream")
    part = "state.safetensors" if name == "past" else f"memory/{WRITER}"
    path = tmp_path / "dream" / part
    tensors = {key: it.clone() for key, it in load_file(path).items()}
    changed = change(tensors[name][None] if tensors[name].ndim == 0 else tensors[name])
    save_file({**tensors, name: changed.contiguous()}, path)
    with pytest.raises(DataError, match="is damaged"):
        Dream.load(tmp_path / "dream", model)
    save_file({k: it for k, it in tensors.items() if k != name}, path)
    with pytest.raises(DataError, match="is damaged"):
        Dream.load(tmp_path / "dream", model)


def test_a_dream_of_before_keeps_its_writers_state(model, frame, tmp_path):
    dream = dream_of(model, frame)
    dream.step("turn left")
    dream.save(tmp_path / "dream")
    writer, state = tmp_path / "dream" / "memory" / WRITER, tmp_path / "dream" / "state.safetensors"
    both = {key: it.clone() for path in (writer, state) for key, it in load_file(path).items()}
    writer.unlink()
    save_file(both, state)  # where it was kept then
    again = Dream.load(tmp_path / "dream", model)
    assert np.array_equal(dream.step("go back"), again.step("go back"))
    assert np.array_equal(dream.step("go back"), again.step("go back"))


def test_a_first_frame_of_any_size_or_place_is_fitted_with_a_notice(model, tmp_path, caplog):
    wide = np.random.default_rng(0).integers(0, 256, (30, 40, 3)).astype(np.uint8)
    write_picture(tmp_path / "wide.png", wide)
    dreams = [Dream(model, it) for it in (wide, tmp_path / "wide.png", str(tmp_path / "wide.png"))]
    assert torch.equal(dreams[0].past, dreams[1].past)
    assert torch.equal(dreams[0].past, dreams[2].past)
    assert [it.message for it in caplog.records] == [
        "first_frame: the middle of 40x30 pixels is resized to 16x16"
    ] * 3
