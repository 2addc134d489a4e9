"""What callers hand to what is public: what is sensible works, the rest is one line."""

import av
import numpy as np
import pytest
import torch
from PIL import Image

from twospeed.core.config import override
from twospeed.core.errors import DataError, TwospeedError
from twospeed.core.video import read_frame, read_video, write_video
from twospeed.data.exporters.lerobot import export_lerobot
from twospeed.data.index import read_episodes, read_index
from twospeed.data.recorder import record
from twospeed.data.recording import RecordingConfig
from twospeed.data.shards import read_shard, write_shard
from twospeed.data.statistics import describe
from twospeed.data.streaming import stream_episodes
from twospeed.data.survey import survey
from twospeed.generation.action_list import parse_actions
from twospeed.generation.dream import Dream
from twospeed.generation.gym import DreamEnv
from twospeed.memory.config import GradientConfig
from twospeed.memory.edits import difference, forget, merge
from twospeed.memory.fast_weights import FastWeights
from twospeed.memory.files import load_memory, save_memory
from twospeed.memory.memory_file import memory_of, open_memories
from twospeed.recipes import rooms_tiny
from twospeed.terminator.layers.hyperzzw import HyperZZW, HyperZZWConfig
from twospeed.terminator.network import Terminator, TerminatorConfig
from twospeed.training.pipeline import train_world_model
from twospeed.worldmodel.model import WorldModel
from twospeed.worldmodel.vocabulary import KnownAction, Vocabulary
from twospeed.worlds.registry import make_world

QUICK = GradientConfig(rank=2, learning_rate=1e-2)
NO_TEXT = (None, 3, ["turn left"], b"turn left", ("turn left",), "turn" * 10_000, "\ud800")
NO_PATH = (None, 3, ["x"], b"x", "", "a\0b", "\ud800")
NO_SEED = (None, -1, 2**63, 1.5, "0", [0], float("nan"))
NO_FRAME = (
    None, 3, "first.png", [], {}, np.zeros((16, 16), np.uint8), np.zeros((16, 16, 4), np.uint8),
    np.zeros((16, 16, 3)), np.zeros((16, 16, 3), bool), np.full((16, 16, 3), 300), [[["a"]]],
    np.full((16, 16, 3), -1), np.zeros((8, 16, 3), np.uint8), np.zeros((0, 16, 3), np.uint8),
    [[1, 2], [3]], torch.zeros(16, 16, 3), np.array([None]), object(),
)  # fmt: skip


def refused(call, *arguments, **options):
    """Call with what cannot work; return the one line that says so."""
    with pytest.raises(TwospeedError) as caught:
        call(*arguments, **options)
    assert isinstance(caught.value, TypeError | ValueError | LookupError)
    line = str(caught.value)
    assert line
    assert len(line) < 400
    assert "\n" not in line
    return line


@pytest.fixture
def memory(model):
    return FastWeights(model, QUICK)


@pytest.fixture
def latents(model, random_frames):
    return model.encode(random_frames(0, 2, 4))


@pytest.mark.parametrize(
    "form",
    [
        lambda frame: frame,
        lambda frame: frame.tolist(),
        lambda frame: frame.astype(np.int64),
        torch.from_numpy,
        Image.fromarray,
        lambda frame: Image.fromarray(frame).convert("RGBA"),
        lambda frame: list(frame),
        np.asfortranarray,
    ],
)
def test_a_first_frame_may_come_in_any_form(model, random_frames, form):
    frame = random_frames(0)
    assert torch.equal(Dream(model, form(frame)).past, Dream(model, frame).past)


def test_of_a_picture_of_any_size_the_middle_square_is_taken(model):
    picture = Image.new("L", (50, 30), 200)
    assert Dream(model, picture).past.shape == (1, 8, 1, 4, 4)


@pytest.mark.parametrize("frame", NO_FRAME, ids=lambda it: type(it).__name__)
def test_what_is_no_first_frame_is_refused(model, frame):
    refused(Dream, model, frame)
    refused(DreamEnv, model, frame, actions=["turn left"])


def test_a_chunk_may_be_a_list_of_pictures(model, random_frames):
    frames = random_frames(1, 4)
    dreams = [Dream(model, random_frames(0)) for _ in range(3)]
    for dream, chunk in zip(
        dreams, (frames, [Image.fromarray(it) for it in frames], list(frames)), strict=True
    ):
        dream.observe(chunk, "turn left")
    assert torch.equal(dreams[0].past, dreams[1].past)
    assert torch.equal(dreams[0].past, dreams[2].past)


def test_what_a_dream_cannot_do_is_refused_and_it_goes_on(model, random_frames, memory):
    frame, frames = random_frames(0), random_frames(1, 4)
    dream = Dream(model, frame, memory=memory)
    for text in NO_TEXT:
        assert "a text" in refused(dream.step, text)
        refused(dream.observe, frames, text)
    for chunk in (*NO_FRAME, frames[:3], frames[None]):
        refused(dream.observe, chunk, "turn left")
    assert dream.num_chunks == len(memory.records[0]) == 0
    for seed in NO_SEED:
        assert refused(Dream, model, frame, seed=seed).startswith("seed ")
    for other in (3, "on", [memory], model):
        refused(Dream, model, frame, memory=other)
    refused(Dream, model, frame, memory=FastWeights(model, QUICK, seeds=[0, 1]))
    for other in (None, "rooms-64"):
        refused(Dream, other, frame)


@pytest.mark.parametrize("form", [str, lambda path: path], ids=["str", "Path"])
def test_places_are_texts_or_paths(model, random_frames, memory, tmp_path, form):
    dream = Dream(model, random_frames(0), memory=memory)
    dream.step("turn left")
    dream.save(form(tmp_path / "dream"))
    assert Dream.load(form(tmp_path / "dream"), model).num_chunks == 1
    assert dream.fork(form(tmp_path / "fork")).num_chunks == 1
    model.save_pretrained(form(tmp_path / "model"))
    assert WorldModel.from_pretrained(form(tmp_path / "model")).hash() == model.hash()
    save_memory(memory, form(tmp_path / "memory"))
    assert load_memory(form(tmp_path / "memory")).model_hash == model.hash()
    for part in (model.schedule, model.text_encoder):
        part.save_pretrained(form(tmp_path / "parts"))
        assert type(type(part).from_pretrained(form(tmp_path / "parts"))) is type(part)
    Vocabulary({"go": KnownAction()}).save(form(tmp_path / "parts"))
    assert list(Vocabulary.load(form(tmp_path / "parts")).actions) == ["go"]
    recording = RecordingConfig(world="rooms", episodes=2, chunks=1, frame_size=16)
    assert record(recording, form(tmp_path / "data")).num_episodes == 2


@pytest.mark.parametrize("path", [*NO_PATH, ""])
def test_what_is_no_place_is_refused(model, random_frames, memory, path):
    dream = Dream(model, random_frames(0))
    for call in (
        dream.save,
        model.save_pretrained,
        WorldModel.from_pretrained,
        load_memory,
        lambda it: Dream.load(it, model),
        lambda it: save_memory(memory, it),
        lambda it: record(RecordingConfig(world="rooms", episodes=1), it),
        lambda it: train_world_model(rooms_tiny(), None, it),
        read_index,
        read_episodes,
        stream_episodes,
        survey,
        describe,
        read_shard,
        lambda it: write_shard(it, []),
        lambda it: export_lerobot(it, "out"),
        lambda it: export_lerobot("data", it),
    ):
        refused(call, path)


@pytest.mark.parametrize("other", [None, 3, ["turn left"], b"turn left"])
def test_a_list_of_actions_and_a_setting_are_texts(other):
    refused(parse_actions, other)
    refused(override, rooms_tiny(), other)


@pytest.mark.parametrize("other", [3, "memory", {}, [None]])
def test_what_cannot_be_read_is_no_memory(model, latents, other):
    refused(model.generate, latents, ["turn left"] * 2, [(3, 0), (3, 1)], fast_weights=other)


def test_other_batches_are_refused(model, latents):
    seeds = [(3, 0), (3, 1)]
    once = model.generate(latents, ["turn left", "go back"], seeds)
    assert torch.equal(once, model.generate(latents, ("turn left", "go back"), seeds))
    for actions in (
        "turn left", None, 3, [], ["turn left"], ["turn left"] * 3, ["turn left", None],
        [["turn left"]] * 2,
    ):  # fmt: skip
        refused(model.generate, latents, actions, seeds)
    for bad in (
        [],
        [(3, 0)],
        [(3, 0)] * 3,
        None,
        3,
        "ab",
        [None, None],
        [1.5, 2.5],
        [(0, None)] * 2,
    ):
        refused(model.generate, latents, ["turn left"] * 2, bad)
    assert model.generate(latents, ["turn left"] * 2, [3, 4]).shape == latents.shape


def test_latents_of_another_model_are_refused(model, latents):
    wrong = (
        None, "x", latents.numpy(), latents[0], latents[:0], latents[:, :4], latents[:, :, :0],
        latents[..., :2], latents[:, :, :, :2], latents.long(), [latents],
    )  # fmt: skip
    for bad in wrong:
        refused(model.decode, bad)
        refused(model.generate, bad, ["turn left"] * 2, [0, 1])


def test_frames_to_encode_come_in_any_form(model, random_frames):
    frames = random_frames(0, 2, 4)
    for form in (frames, frames.tolist(), torch.from_numpy(frames), [list(it) for it in frames]):
        assert torch.equal(model.encode(form), model.encode(frames))
    pictures = [[Image.fromarray(it) for it in clip] for clip in frames]
    assert torch.equal(model.encode(pictures), model.encode(frames))
    for bad in (*NO_FRAME, frames[0], frames[:, :0], frames[:, :, :8], frames.astype(float), [[]]):
        refused(model.encode, bad)


def test_fast_weights_say_what_they_take(model, latents, memory):
    window = torch.cat([latents[:1], latents[1:]], dim=2)
    for config in ("default", {}, rooms_tiny()):
        refused(FastWeights, model, config)
    for seeds in (None, [], 0, [-1], [None], "0", [1.5]):
        refused(FastWeights, model, QUICK, seeds=seeds)
    refused(FastWeights, None, QUICK)
    for bad in (None, window.numpy(), window[0], window.repeat(2, 1, 1, 1, 1), window[:, :4]):
        refused(memory.observe, bad, ["turn left"], past_frames=4)
    for actions in ("turn left", None, [], [None], ["turn left"] * 2):
        refused(memory.observe, window, actions, past_frames=4)
    for past in (0, 8, -1, 9, None, "4", 4.5, [4]):
        refused(memory.observe, window, ["turn left"], past_frames=past)
    assert memory.records == [[]]
    assert len(memory.observe(window, ("turn left",), past_frames=4)) == 1


def test_memory_files_say_what_they_take(model, memory, tmp_path):
    file = memory_of(memory)
    for saved in ([], None, [None], [memory], file, [file, file], "x"):
        refused(open_memories, model, saved, seeds=[0])
    refused(open_memories, None, [file], seeds=[0])
    for seeds in ([], None, [0, 1], [-1]):
        refused(open_memories, model, [file], seeds=seeds)
    for bad in (None, "x", model, [memory]):
        refused(save_memory, bad, tmp_path / "m")
        refused(memory_of, bad)
        refused(merge, file, bad)
        refused(difference, bad, file)
        refused(difference, file, bad)
        refused(forget, bad, share=0.5)
    for episode in (1, -1, None, 0.5):
        refused(memory_of, memory, episode)
    for share in (None, "0.5", -1, 2, float("nan"), [0.5]):
        refused(merge, file, file, share=share)
        refused(forget, file, share=share)
    assert not list(tmp_path.iterdir())


def test_worlds_say_what_they_take():
    for name in (None, 3, ["rooms"], "romos", ""):
        refused(make_world, name)
    for size in (None, "64", 0, -64, 100_000, 64.5, 7):
        refused(make_world, "rooms", frame_size=size)
    world = make_world("rooms", frame_size=np.int64(16))
    for seed in NO_SEED:
        refused(world.reset, seed)
    assert world.reset(np.int64(3)).frame.shape == (16, 16, 3)
    for text in (*NO_TEXT, "", "fly"):
        refused(world.step, text)


def test_recording_and_training_say_what_they_take(tmp_path):
    recording = RecordingConfig(world="rooms", episodes=1)
    for config in (None, {}, rooms_tiny(), "rooms"):
        refused(record, config, tmp_path / "data")
    for config in (None, {}, recording, "rooms-tiny"):
        refused(train_world_model, config, None, tmp_path / "run")
    for data in (3, ["x"], "", tmp_path / "nothing"):
        refused(train_world_model, rooms_tiny(), data, tmp_path / "run")
    for workers in (0, -1, None, "2", 10**9, 1.5):
        refused(record, recording, tmp_path / "data", workers=workers)
        refused(train_world_model, rooms_tiny(), None, tmp_path / "run", workers=workers)
    refused(record, recording, tmp_path / "data", engine=None)
    (tmp_path / "file").touch()
    with pytest.raises(DataError):
        train_world_model(rooms_tiny(), None, tmp_path / "file")
    assert [it.name for it in tmp_path.iterdir()] == ["file"]


def test_networks_say_what_they_take():
    net = Terminator(
        TerminatorConfig(
            sizes=(8, 8), expansions=(4,), earlier=((0, 0),), layers_global=(2,), dropout=(0.0,)
        )
    ).eval()
    images = torch.zeros(2, 3, 8, 8)
    assert net(images).shape == (2, 10)
    for bad in (
        None, "x", images.numpy(), images.tolist(), images[0], images[:, :2], images[:0],
        images.byte(), images.double(), images * float("nan"), images[..., None],
    ):  # fmt: skip
        refused(net, bad)
    for config in (None, {}, 3, HyperZZWConfig(channels=3, sizes=(8, 8))):
        refused(Terminator, config)


def test_the_operator_says_what_it_takes():
    operator = HyperZZW(HyperZZWConfig(channels=4, sizes=(8, 8)))
    z = torch.randn(2, 4, 8, 8)
    kernel = operator.kernel((8, 8))
    assert torch.equal(operator(z), operator(z, z, kernel_CS=kernel))
    for bad in (None, z.numpy(), z[0], z[:, :2], z.long(), z[..., None]):
        refused(operator, bad)
        if bad is not None:
            refused(operator, z, bad)
    for bad in (3, kernel.detach().numpy(), kernel[:2], kernel[..., :4], z):
        refused(operator, z, kernel_CS=bad)
    for setting in (
        {"channels": 0}, {"channels": None}, {"channels": 4.5}, {"sizes": ()}, {"sizes": 8},
        {"sizes": (0, 8)}, {"sizes": (1,) * 4}, {"sizes": (10**9,) * 2}, {"operator": "x"},
        {"operator": None}, {"mixing": ("a", 1)}, {"width": 0}, {"width": 10**6}, {"layers": 0},
        {"omega0": float("nan")}, {"causal": None},
    ):  # fmt: skip
        refused(HyperZZWConfig, **({"channels": 4, "sizes": (8, 8)} | setting))
    refused(HyperZZW, {})


def test_videos_and_pictures_are_read_and_written_by_texts_or_paths(random_frames, tmp_path):
    frames = random_frames(0, 5)
    for place in (tmp_path / "a.mkv", str(tmp_path / "b.mkv")):
        write_video(place, [Image.fromarray(it) for it in frames], frames_per_second=12.5)
        assert np.array_equal(read_video(place), frames)
        assert np.array_equal(read_frame(place), frames[-1])
        with av.open(str(place)) as container:
            assert float(container.streams.video[0].average_rate) == 12.5
    for bad in (*NO_FRAME, frames[0], frames[..., :2]):
        refused(write_video, tmp_path / "c.mkv", bad, frames_per_second=4)
    for rate in (0, -1, None, float("nan"), 10**6, "4"):
        refused(write_video, tmp_path / "c.mkv", frames, frames_per_second=rate)
    for path in (*NO_PATH, "", "c.gif", tmp_path):
        refused(write_video, path, frames, frames_per_second=4)
        refused(read_frame, path)
        refused(read_video, path)
    assert sorted(it.name for it in tmp_path.iterdir()) == ["a.mkv", "b.mkv"]
