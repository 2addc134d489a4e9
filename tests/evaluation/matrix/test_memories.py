import numpy as np
import pytest
import torch

from twospeed.evaluation.matrix.base import Shown
from twospeed.evaluation.matrix.memories.context import FirstFrame, LongContext
from twospeed.evaluation.matrix.memories.retrieval import ByFeature, ByPose, step_of
from twospeed.worldmodel.rendering.poses import moved


def chunks(model, count):
    cells = model.settings.frame_size // 8
    latents = torch.randn(8, 1 + 4 * count, cells, cells)
    size = model.encode(np.zeros((1, 1, 32, 32, 3), np.uint8)).shape[-1]
    latents = torch.randn(8, 1 + 4 * count, size, size)
    moves = ["go forward", "turn left", "turn left", "go forward"]
    past = latents[:, :1]
    for index in range(count):
        new = latents[:, 1 + 4 * index : 5 + 4 * index]
        yield Shown(past=past, new=new, action=moves[index % 4], generated=False)
        past = new


def test_poses_are_counted_from_commands():
    pose = torch.zeros(3, dtype=torch.float64)
    for action in ("go forward", "turn left", "go forward", "turn left", "turn left"):
        pose = moved(pose, step_of(action))
    assert pose.tolist() == pytest.approx([1, 1, 1.5 * np.pi])
    assert step_of("wait").tolist() == [0, 0, 0]
    assert step_of("step right", 0.5).tolist() == [0, -0.5, 0]


def test_by_pose_takes_what_was_seen_where_the_command_leads(model):
    memory, seen = ByPose(model), list(chunks(model, 3))
    for one in seen:
        memory.learn(one)
    found = memory.chosen(seen[-1].new, "turn right")[0]
    assert torch.equal(found[:, 0], seen[1].new[:, 2]) or torch.equal(
        found[:, -1], seen[2].new[:, 0]
    )


def test_by_feature_takes_the_frames_that_look_like_the_last(model):
    memory, seen = ByFeature(model), list(chunks(model, 3))
    for one in seen:
        memory.learn(one)
    found = memory.chosen(seen[1].new, "go forward")[0]
    assert any(torch.equal(found[:, index], seen[1].new[:, -1]) for index in range(found.shape[1]))


def test_the_first_frame_stays_the_first(model):
    memory, seen = FirstFrame(model), list(chunks(model, 3))
    for one in seen:
        memory.learn(one)
    assert torch.equal(memory.chosen(seen[2].new, "go forward")[0], seen[0].past)


def test_a_long_context_is_what_was_last(model):
    memory, seen = LongContext(model), list(chunks(model, 4))
    for one in seen:
        memory.follow(one)
    assert [
        torch.equal(a, b.new)
        for a, b in zip(memory.chosen(seen[3].new, ""), seen[1:3], strict=True)
    ]
    assert memory.num_bytes() == 3 * seen[0].new.numel() * 4
