import math

import pytest
import torch

from twospeed.memory.views.rows import Rows
from twospeed.planning.acting.pursuit import GIVEN_UP, REACHED, Pursuit, way_back
from twospeed.worldmodel.rendering.poses import moved

EIGHTH = math.radians(22.5)
WALKS = torch.tensor(  # forward, back, left, right, turn left, turn right
    [[0.25, 0, 0], [-0.25, 0, 0], [0, 0.25, 0], [0, -0.25, 0], [0, 0, EIGHTH], [0, 0, -EIGHTH]]
)
DRIVES = WALKS[[0, 4, 5]]


def rows_at(*poses_and_chunks):
    down = torch.tensor([[1.0, *it] for it in poses_and_chunks] + [[0.0] * 5])
    return Rows(down, torch.zeros(3, len(down)))


def followed(pursuit, pose, most, stops=None):
    """Return the places that an obedient body passes, unless something stops it."""
    passed = [pose]
    for _ in range(most):
        before, chosen = pose, pursuit.plan(pose, 4)
        for command in chosen:
            after = moved(pose, pursuit.steps_A3[command])
            pose = pose if stops and stops(after) else after
            passed.append(pose)
        if not chosen:
            break
        pursuit.tell(chosen, before, pose)
    return torch.stack(passed)


def test_the_way_back_begins_with_the_latest_chunk_and_there_with_what_is_nearest():
    rows = rows_at((0, 0, 0, 0), (0.25, 0, 0, 0), (0.5, 0, 0, 1), (0.5, 0.25, 0, 1))
    places = way_back(rows, torch.tensor([0.5, 0.5, 0.0]))
    assert torch.stack(places).tolist() == [[0.5, 0.25], [0.5, 0], [0.25, 0], [0, 0]]


def test_a_memory_without_views_leads_nowhere():
    assert way_back(rows_at(), torch.zeros(3)) == []
    assert Pursuit(places=[], steps_A3=WALKS).plan(torch.zeros(3), 4) == []


@pytest.mark.parametrize("steps", [WALKS, DRIVES], ids=["walks", "drives"])
@pytest.mark.parametrize("heading", [0.0, EIGHTH, -2.0, math.pi])
def test_every_place_is_passed_from_aside_whatever_the_body_can_do(steps, heading):
    places = [torch.tensor(it) for it in ((1.0, 0.0), (1.0, 1.0), (0.0, 1.0))]
    pursuit = Pursuit(places=list(places), steps_A3=steps)
    passed = followed(pursuit, torch.tensor([1.3, -0.6, heading]), most=20)
    assert not pursuit.places
    for place in places:
        assert (passed[:, :2] - place).norm(dim=1).min() <= REACHED


def test_what_stops_it_is_tried_otherwise_and_then_given_up():
    behind_a_wall, free = torch.tensor([2.0, 0.0]), torch.tensor([0.0, 1.0])
    pursuit = Pursuit(places=[behind_a_wall, free], steps_A3=WALKS)
    passed = followed(pursuit, torch.zeros(3), 40, stops=lambda pose: bool(pose[0] > 0.3))
    assert not pursuit.places
    assert (passed[:, :2] - free).norm(dim=1).min() <= REACHED


def test_a_place_is_given_up_after_so_many_stops():
    pursuit = Pursuit(places=[torch.tensor([1.0, 0.0]), torch.tensor([5.0, 0.0])], steps_A3=WALKS)
    for _ in range(GIVEN_UP):
        assert len(pursuit.places) == 2
        pursuit.tell([0], torch.zeros(3), torch.zeros(3))
    assert [it.tolist() for it in pursuit.places] == [[5.0, 0.0]]
    assert pursuit.blocked == set()
