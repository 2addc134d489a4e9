"""Every example runs, in a small setting."""

import runpy
from pathlib import Path

import pytest

from twospeed.core.video import read_video

EXAMPLES = sorted((Path(__file__).parents[1] / "examples").glob("*.py"))


@pytest.fixture
def example(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return lambda name: runpy.run_path(str(EXAMPLES[0].with_name(f"{name}.py")))["main"]


def test_all_examples_are_run_here():
    names = [path.stem for path in EXAMPLES]
    assert names == ["classify", "dream", "own_video", "remember", "train"]


def test_a_dream_is_written_as_a_video(example, tmp_path):
    path = example("dream")(tmp_path, ["turn left", "walk ahead"])
    assert path.stat().st_size > 1000


def test_a_way_back_is_nearer_to_the_truth_with_memory(example, tmp_path):
    found = example("remember")(tmp_path / "memory", ["turn left", "turn left"])
    assert found["with memory"] > found["without"]


def test_a_model_is_trained_and_walked_in(example, tmp_path):
    assert example("train")(tmp_path / "run", episodes=8).num_chunks == 1


def test_a_terminator_learns_from_digits(example):
    assert example("classify")(steps=60, batch=32) > 0.3


def test_videos_and_their_table_are_drawn(example, tmp_path):
    table = example("own_video")(tmp_path, size=16)
    assert table.read_text().splitlines()[:2] == [
        "video,start,end,action",
        "a.mp4,0,4,pour the tea",
    ]
    assert read_video(tmp_path / "a.mp4").shape == (204, 16, 16, 3)
