"""How fast the page is played: the true server, a client in a process of its own, and a clock.

Off the clock: loading, the first chunks. On it: everything from a key to the bytes of its picture
at the client, which decodes them; as a browser does, it runs beside the server, not within it.
"""

import multiprocessing
import os
from concurrent.futures import ProcessPoolExecutor
from typing import Any

from twospeed.core.errors import ConfigError
from twospeed.evaluation.reports.provenance import provenance_of
from twospeed.web.serving import served
from twospeed.web.stage import Stage
from twospeed.web.timing import timed


def measure(stage: Stage, *, seconds: float) -> dict[str, Any]:
    """Play for about so many seconds, half of them with a key held, half with single keys.

    Returns:
        What `timed` returns, where it was, and the load beside it.

    Raises:
        ConfigError: when `seconds` is not above 0, or the server sends an error.
    """
    if not seconds > 0:
        raise ConfigError(f"a benchmark takes some seconds, got {seconds}")
    before = os.getloadavg()
    context = multiprocessing.get_context("spawn")
    with served(stage) as port, ProcessPoolExecutor(1, mp_context=context) as beside:
        found = beside.submit(timed, port, stage.words.actions, seconds).result()
    return {
        **found,
        "load": {"before": before, "after": os.getloadavg()},
        "provenance": provenance_of(stage.model),
    }


def line_of(figures: dict[str, Any]) -> str:
    """Say the figures in one line."""
    return (
        f"{figures['frames_per_second']:.1f} frames/s in each of {', '.join(figures['panes'])};"
        f" key to picture {figures['key_to_picture_ms']['median']:.0f} ms (median of"
        f" {len(figures['key_to_picture_ms']['all'])}); load {figures['load']['after'][0]:.1f}"
    )
