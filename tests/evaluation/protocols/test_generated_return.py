import dataclasses

import numpy as np
import pytest

from twospeed.evaluation.protocols.base import ProtocolConfig
from twospeed.evaluation.protocols.generated_return import (
    ARMS,
    count_generated_chunks,
    run_generated_return,
)
from twospeed.evaluation.protocols.walks import draw_walks


@pytest.fixture(scope="module")
def config(fast):
    return ProtocolConfig(memory=fast, batch_size=2)


@pytest.mark.parametrize("kind", ["out_and_back", "replay"])
def test_a_dream_is_held_against_its_own_first_visit(model, config, kind):
    walks = draw_walks(kind, [11, 12], size=32)
    done = []
    scores = list(run_generated_return(model, walks, config, advance=done.append))
    assert sum(done) == count_generated_chunks(walks)
    for one in scores:
        assert set(one.values["psnr_db"]) == set(ARMS)
        assert all(len(v) == len(one.walk.revisits) for v in one.values["psnr_db"].values())
        assert one.values["psnr_db"]["frozen"] == pytest.approx(48.1308, abs=1e-3)
        assert one.motion_kept["frozen"] == 0
        assert not np.array_equal(one.values["psnr_db"]["on"], one.values["psnr_db"]["off"])


def test_without_writes_every_arm_dreams_the_same(model, walks, config):
    empty = dataclasses.replace(config.memory, updates_per_chunk=0)
    config = dataclasses.replace(config, memory=empty)
    for one in run_generated_return(model, walks, config, advance=[].append):
        assert np.array_equal(one.values["psnr_db"]["on"], one.values["psnr_db"]["off"])
        assert np.array_equal(one.values["psnr_db"]["on"], one.values["psnr_db"]["swap"])
