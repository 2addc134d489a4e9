"""What stable-worldmodel's solvers ask of a model, by its documentation."""

import numpy as np
import pytest
import torch
from torch.nn.functional import one_hot

from twospeed.core.errors import ShapeError
from twospeed.planning.search.adapter import PlanningModel

COMMANDS = ("go forward", "turn left", "turn right")


@pytest.fixture
def planned(model):
    return PlanningModel(model, COMMANDS)


def frames(episodes, seed=0):
    shape = (episodes, 4, 16, 16, 3)
    return torch.from_numpy(np.random.default_rng(seed).integers(0, 256, shape, np.uint8))


def expanded(frames_BTHWC, samples):
    """As a solver hands infos: the same for every candidate."""
    return frames_BTHWC[:, None].expand(-1, samples, -1, -1, -1, -1)


def plans(*told):
    return one_hot(torch.tensor(told), len(COMMANDS)).float()


def test_encoding_adds_an_embedding_and_keeps_the_rest(planned):
    info = planned.encode({"pixels": frames(2), "id": torch.arange(2)})
    assert info["emb"].shape[:2] == (2, 4)
    assert info["emb"].ndim == 3
    assert torch.equal(info["id"], torch.arange(2))


def test_a_rollout_has_an_embedding_a_step(planned):
    candidates = plans([[0, 1], [1, 1], [2, 0]], [[0, 0], [1, 2], [2, 1]])
    info = planned.rollout({"pixels": expanded(frames(2), 3)}, candidates)
    assert info["predicted_emb"].shape[:3] == (2, 3, 3)
    seen = planned.encode({"pixels": frames(2)})["emb"][:, -1]
    assert torch.allclose(info["predicted_emb"][:, 1, 0], seen)


def test_the_cost_is_one_number_a_candidate_its_end_to_the_goal(planned):
    pixels, goal = (expanded(frames(2, seed), 3) for seed in (0, 1))
    candidates = plans([[0], [1], [2]], [[0], [1], [2]])
    costs = planned.get_cost({"pixels": pixels, "goal": goal}, candidates)
    ends = planned.rollout({"pixels": pixels}, candidates)["predicted_emb"][:, :, -1]
    wanted = planned.encode({"pixels": frames(2, 1)})["emb"][:, -1]
    assert costs.shape == (2, 3)
    assert torch.allclose(costs, (ends - wanted[:, None]).square().mean(-1))
    assert len(costs[0].unique()) == 3


def test_a_candidate_does_not_depend_on_its_companions(planned):
    info = {"pixels": expanded(frames(1), 3), "goal": expanded(frames(1, seed=1), 3)}
    together = planned.get_cost(info, plans([[0, 1], [1, 1], [2, 0]]))
    alone = planned.get_cost(info, plans([[1, 1]]))
    assert together[0, 1] == pytest.approx(float(alone[0, 0]), rel=1e-5)


def test_candidates_of_other_commands_are_one_line(planned):
    with pytest.raises(ShapeError, match=r"candidates are \(B, S, P, 3\), got \(1, 1, 1, 4\)"):
        planned.rollout({"pixels": expanded(frames(1), 1)}, torch.zeros(1, 1, 1, 4))
