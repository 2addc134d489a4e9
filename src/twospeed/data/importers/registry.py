"""The table of formats that can be imported."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from twospeed.data.importers.account import Account
from twospeed.data.importers.config import ImportConfig
from twospeed.data.importers.lerobot.reader import plan_lerobot
from twospeed.data.importers.logs.gym_logs import plan_gymnasium
from twospeed.data.importers.plan import Take
from twospeed.data.importers.tables.labelled import plan_epic_kitchens, plan_videos


@dataclass(frozen=True, kw_only=True, slots=True)
class Format:
    """A format that can be imported."""

    plan: Callable[[Path, ImportConfig, Account], list[Take]]
    """Reads tables, not frames, and gives the takes in a fixed order."""

    summary: str
    """What it is, in a line."""

    entries: str = "rows"
    """What its source lists, such as rows."""


_RECORDED = "recorded episodes"

FORMATS: dict[str, Format] = {
    "videos": Format(
        plan=plan_videos, summary="videos and a .csv or .jsonl of video, start, end, action"
    ),
    "epic-kitchens": Format(
        plan=plan_epic_kitchens, summary="EPIC-KITCHENS annotations (.csv) and videos"
    ),
    "lerobot": Format(
        plan=plan_lerobot, summary="LeRobot datasets, v2.0, v2.1 and v3.0", entries=_RECORDED
    ),
    "open-x": Format(
        plan=plan_lerobot, summary="Open X-Embodiment in its LeRobot layout", entries=_RECORDED
    ),
    "gymnasium": Format(
        plan=plan_gymnasium,
        summary="Minari (.hdf5), .npz logs of frames and actions, or videos with a log of keys",
        entries="rows and logged episodes",
    ),
}
