import numpy as np
import pytest

from twospeed.core.errors import DataError
from twospeed.data.index import write_index
from twospeed.data.shards import write_shard
from twospeed.planning.hand.clips import hand_clip, read_hand_clips, world_of


def test_commands_lead_the_hand_half_a_step_late(arm):
    clip = hand_clip(arm(("move the gripper right", "raise the gripper a little")))
    right, up = clip.places_T3[:, 0], clip.places_T3[:, 2]
    assert right.tolist() == [0, 0.5, 1.5, 2.5, 3.5, 4, 4, 4, 4]
    assert up.tolist() == [0, 0, 0, 0, 0, 0.125, 0.375, 0.625, 0.875]
    assert not clip.places_T3[:, 1].any()


def test_a_chunk_in_which_nothing_moves_leads_nowhere(arm):
    clip = hand_clip(arm(("lower the gripper", "lower the gripper"), still=(1,)))
    assert clip.places_T3[-1].tolist() == [0, 0, -4]


def test_the_hand_is_closed_from_its_command_on_until_it_opens(arm):
    actions = ("close the gripper", "raise the gripper", "open the gripper")
    clip = hand_clip(arm(actions))
    assert clip.closed_T.tolist() == [False] + [True] * 8 + [False] * 4


def test_the_truth_is_counted_in_steps_to_the_right_nearer_up(arm):
    metres = [(1.0 + 0.025 * frame, 2.0, 0.5) for frame in range(5)]
    clip = hand_clip(arm(("move the gripper nearer",), gripper=metres))
    assert np.allclose(clip.true_T3 - clip.true_T3[0], [[0, frame, 0] for frame in range(5)])
    assert hand_clip(arm(("move the gripper nearer",))).true_T3 is None


def shards(folder, episodes):
    folder.mkdir()
    write_shard(folder / "a.tar", iter(episodes))
    write_index(folder)
    return folder


def test_episodes_without_a_hand_or_of_another_size_are_one_line(arm, tmp_path):
    walks = [arm(("go forward",), seed=seed, world="rooms") for seed in range(16)]
    with pytest.raises(DataError, match="no episode of rooms has commands of a hand"):
        read_hand_clips(shards(tmp_path / "rooms", walks), most_episodes=99)
    small = [arm(("close the gripper",), seed=seed, size=32) for seed in range(16)]
    with pytest.raises(DataError, match="have 32 x 32: record them with --size 64"):
        read_hand_clips(shards(tmp_path / "small", small), most_episodes=99)


def test_both_held_out_parts_are_for_testing(arm, tmp_path):
    episodes = [arm(("close the gripper",), seed=seed) for seed in range(16)]
    training, held_out = read_hand_clips(shards(tmp_path / "arm", episodes), most_episodes=99)
    assert (len(training), len(held_out)) == (14, 2)
    assert world_of(training) == "fetch"
