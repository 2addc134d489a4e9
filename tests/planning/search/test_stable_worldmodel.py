"""The adapter under the true solver of stable-worldmodel, where that package can be imported."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from gymnasium.spaces import Discrete

from twospeed.planning.search.adapter import PlanningModel

COMMANDS = ("go forward", "turn left", "turn right")
HORIZON, SAMPLES = 2, 9


@pytest.fixture(scope="module")
def solvers():
    try:
        from stable_worldmodel import solver
    except Exception as error:  # not installed, or installed beside a torch that does not fit
        pytest.skip(f"stable_worldmodel cannot be imported: {error}")
    return solver


def test_its_categorical_cem_finds_the_plan_whose_end_is_the_goal(solvers, model, capsys):
    planned = PlanningModel(model, COMMANDS)
    shape = (1, 4, 16, 16, 3)
    pixels = torch.from_numpy(np.random.default_rng(0).integers(0, 256, shape, np.uint8))
    goal = torch.from_numpy(np.random.default_rng(1).integers(0, 256, shape, np.uint8))
    solver = solvers.CategoricalCEMSolver(planned, num_samples=SAMPLES, n_steps=3, topk=3, seed=0)
    config = SimpleNamespace(horizon=HORIZON, action_block=1)
    solver.configure(action_space=Discrete(len(COMMANDS)), n_envs=1, config=config)
    found = solver.solve({"pixels": pixels, "goal": goal})
    assert found["actions"].shape == (1, HORIZON, 1)
    every = torch.cartesian_prod(*[torch.arange(len(COMMANDS))] * HORIZON)
    plans = torch.nn.functional.one_hot(every, len(COMMANDS)).float()[None]
    info = {
        name: frames[:, None].expand(-1, len(every), *shape[1:])
        for name, frames in (("pixels", pixels), ("goal", goal))
    }
    costs = planned.get_cost(info, plans)[0]
    place = int((every == found["actions"][0, :, 0]).all(1).nonzero()[0, 0])
    assert costs[place] <= costs.median()
    assert "solve time" in capsys.readouterr().out
