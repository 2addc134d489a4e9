"""The folder of a plan: one run, one process, gone on with by the same models alone."""

from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

from twospeed.core.files import as_path
from twospeed.core.runs.claims import claimed
from twospeed.core.tensors import hash_of
from twospeed.planning.hand.reader import HandReader
from twospeed.planning.inverse.base import InverseDynamics
from twospeed.worldmodel.model import WorldModel

NOTE = "plan.json"
"""Says in a folder what is measured there."""


def own_plan(
    out: Path | None,
    config: dict[str, Any],
    model: WorldModel,
    inverse: InverseDynamics,
    consolidated: WorldModel | None,
    hand: HandReader | None,
) -> AbstractContextManager[None]:
    """Hold the folder of a plan (`claimed`) with all that its results depend on; None holds none.

    Raises:
        DataError: when it holds another plan, or another process works there.
    """
    if out is None:
        return nullcontext()
    network = getattr(inverse, "network", None)
    wanted = {
        "config": config,
        "model": model.hash(),
        "weights": model.fingerprint(),
        "loop_model": consolidated and consolidated.fingerprint(),
        "inverse": None if network is None else hash_of(network.state_dict()),
        "hand": hand and hash_of(hand.network.state_dict()),
    }
    place, scraps = as_path(out, "out"), ("videos/*", "sheets/*")
    return claimed(place, NOTE, wanted, kind="plan", work=("episodes/*",), scraps=scraps)
