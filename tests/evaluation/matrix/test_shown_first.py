"""Many true chunks are shown before any is generated: the protocol of Memory Maze, in rooms."""

import json

import pytest

from twospeed.cli.app import main
from twospeed.core.errors import ConfigError, DataError
from twospeed.evaluation.matrix.protocol import load_protocol, protocols
from twospeed.evaluation.matrix.run import MatrixConfig
from twospeed.evaluation.matrix.task import draw_task

SHOWN, CHUNKS, FRAMES = 3, 5, 4
MEMORIES = ("none", "lookup", "paper", "default", "swap")


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    values = json.loads(protocols()["memory_maze_9x9"].read_text(encoding="utf-8"))
    path = tmp_path_factory.mktemp("protocol") / "small.json"
    less = {"chunks": CHUNKS, "first": SHOWN, "world": "rooms", "policy": "random"}
    path.write_text(json.dumps(values | less), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def ran(model, small, tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    model.save_pretrained(folder / "model")
    arguments = ["evaluate", folder / "model", f"--protocol={small}", "--episodes=2",
                 f"--memories={','.join(MEMORIES)}", "--first-seed=600",
                 f"--out={folder / 'out'}"]  # fmt: skip
    assert main([str(it) for it in arguments]) == 0
    return folder / "out"


def results_of(folder):
    return json.loads((folder / "results.json").read_text(encoding="utf-8"))


def unit_of(folder, arm, seed):
    path = folder / "episodes" / arm / f"{seed:09d}.json"
    return json.loads(path.read_text(encoding="utf-8"))


def test_the_packaged_protocol_shows_200_frames_after_the_first_and_asks_for_16():
    protocol = load_protocol("memory_maze_9x9")
    assert (protocol.shown * FRAMES, (protocol.chunks - protocol.shown) * FRAMES) == (200, 16)
    assert (protocol.world, protocol.policy) == ("memory_maze", "scripted")
    assert load_protocol("unseen").shown == 1
    assert load_protocol("drift").shown == 0


def test_the_first_chunks_are_learned_and_every_later_frame_is_scored(ran):
    one = unit_of(ran, "paper", 600)
    assert one["first_judged"] == 1 + SHOWN * FRAMES
    assert one["writes"] == SHOWN
    assert len(one["frames"]["psnr_db"]) == (CHUNKS - SHOWN) * FRAMES


def test_the_mean_of_every_generated_frame_is_told(ran):
    for found in (*results_of(ran)["memories"].values(), *results_of(ran)["controls"].values()):
        by_frame = found["by_frame"]["psnr_db"]
        assert len(by_frame) == (CHUNKS - SHOWN) * FRAMES
        assert sum(by_frame) / len(by_frame) == pytest.approx(found["psnr_db"]["mean"], abs=2e-3)
        assert set(found["by_frame"]) == {"psnr_db", "ssim"}


def test_swap_learns_its_neighbour_and_is_asked_about_its_own(ran, model, small):
    protocol = load_protocol(str(small))
    own, swapped = (unit_of(ran, arm, 600) for arm in ("default", "swap"))
    assert (
        own["actions"] == swapped["actions"] == list(draw_task(model, protocol, None, 600).actions)
    )
    assert own["writes"] == swapped["writes"] == SHOWN
    assert own["frames"]["psnr_db"] != swapped["frames"]["psnr_db"]


def test_what_shows_nothing_before_it_asks_cannot_be_swapped():
    with pytest.raises(ConfigError, match="next_chunk shows none before it asks"):
        MatrixConfig(model="m", protocol=load_protocol("next_chunk"), memories=("swap",))


def test_a_protocol_that_generates_nothing_is_refused(small, tmp_path):
    values = json.loads(small.read_text(encoding="utf-8")) | {"first": CHUNKS}
    path = tmp_path / "all.json"
    path.write_text(json.dumps(values), encoding="utf-8")
    with pytest.raises(DataError, match="the first 5 are shown: none is generated"):
        load_protocol(str(path))
