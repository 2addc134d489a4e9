import numpy as np
import pytest

from twospeed.planning.hand.clips import hand_clip
from twospeed.planning.hand.measuring import measure_hand
from twospeed.planning.hand.reader import HandReader, new_network

ACTIONS = ("close the gripper", "move the gripper right")


class Told(HandReader):
    """Reads what it is told."""

    def __init__(self, places, closed):
        super().__init__(new_network(0), "fetch")
        self.told = np.array(places, np.float64), np.where(closed, 1.0, -1.0)

    def read_all(self, frames):  # noqa: ARG002
        return self.told


def test_an_origin_of_its_own_is_no_error_and_a_step_is(arm):
    clip = hand_clip(arm(ACTIONS))
    found = measure_hand(Told(clip.places_T3 + np.array([5, -2, 1]), clip.closed_T), [clip])
    assert found["error_m"] == found["error_m_90"] == 0
    assert found["closed_accuracy"] == 1
    assert found["against"] == "commands"
    off = clip.places_T3.copy()
    off[6:, 1] += 1  # three of nine frames: the median of an episode stays where it was
    found = measure_hand(Told(off, ~clip.closed_T), [clip])
    assert found["error_m"] == 0
    assert found["error_m_90"] == pytest.approx(0.025)
    assert found["closed_accuracy"] == 0


def test_where_the_truth_is_known_it_counts_and_not_the_commands(arm):
    metres = np.array([[1.0, 2.0 + 0.025 * frame, 0.5] for frame in range(9)])
    clip = hand_clip(arm(ACTIONS, gripper=metres))
    found = measure_hand(Told(clip.true_T3, clip.closed_T), [clip])
    assert (found["error_m"], found["against"]) == (0, "truth")
    assert measure_hand(Told(clip.places_T3, clip.closed_T), [clip])["error_m"] > 0.01
