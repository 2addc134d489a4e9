"""A run's clips as folders that other benchmarks read: MIND's and WBench's layout.

MIND:    MODEL/1st_data/mem_test/NAME/video.mp4, and gt/1st_data/test/mem_test/NAME/ of the truth:
         its action.json has the keys that are held at every frame, of which 0 is the first that
         is generated, since no clip here has those before
WBench:  MODEL/videos/case_ID_combined.mp4, and what is known of them in meta.json, turns.json and
         cases/case_ID.json

They hold clips and actions; scores of theirs are for their own tools.
"""

import shutil
from pathlib import Path
from typing import Any

from twospeed.core.errors import DataError
from twospeed.core.files import read_json, write_json, written_aside
from twospeed.evaluation.yardstick.motion import MOTIONS

Json = dict[str, Any]

_MIND_SETS = [
    f"{view}_data/test/{kind}_test" for view in ("1st", "3rd") for kind in ("mem", "action_space")
]
"""Folders of true clips that MIND's tool lists, be they empty."""

_WBENCH_KEYS = {
    "go forward": "W",
    "go back": "S",
    "step left": "A",
    "step right": "D",
    "turn left": "left",
    "turn right": "right",
}
"""Command -> WBench's name of it."""


def export_mind(run: Path, memory: str, to: Path) -> int:
    """Write a memory's clips, and the true ones, as MIND has them; return how many.

    Args:
        run: folder of a run.
        memory: whose clips.
        to: folder to write into.

    Raises:
        DataError: when the run holds no clips of this memory, or the disk is full.
    """
    units = _units(run, memory)
    for folder in _MIND_SETS:
        (to / "gt" / folder).mkdir(parents=True, exist_ok=True)
    for place in units:
        made, true = to / memory / "1st_data" / "mem_test", to / "gt" / _MIND_SETS[0]
        for arm, root in ((memory, made), ("real", true)):
            clip = run / "episodes" / arm / f"{place.stem}.mp4"
            _copy(clip, root / place.stem / "video.mp4")
        write_json(true / place.stem / "action.json", _held_keys(read_json(place)))
    return len(units)


def export_wbench(run: Path, memory: str, to: Path) -> int:
    """Write a memory's clips as WBench has them; return how many.

    Args:
        run: folder of a run.
        memory: whose clips.
        to: folder to write into.

    Raises:
        DataError: when the run holds no clips of this memory, or the disk is full.
    """
    units, turns = _units(run, memory), {}
    for place in units:
        _copy(place.with_suffix(".mp4"), to / memory / "videos" / f"case_{place.stem}_combined.mp4")
        turns[place.stem] = _turns(read_json(place))
        case = _case(place.stem, turns[place.stem])
        write_json(to / memory / "cases" / f"case_{place.stem}.json", case)
    write_json(to / memory / "meta.json", {"model": memory, "cases": len(units)})
    write_json(to / memory / "turns.json", turns)
    return len(units)


def _turns(record: Json) -> list[Json]:
    """Return the action of every generated chunk, and where its frames begin."""
    actions, frames = record["actions"], len(record["frames"]["scene_cuts"])
    length = (record["first_judged"] - 1 + frames) // len(actions)
    chunks = frames // length
    return [
        {"turn": turn, "prompt": action, "first_frame": turn * length}
        for turn, action in enumerate(actions[-chunks:])
    ]


def _held_keys(record: Json) -> Json:
    """Return what MIND's action.json says: of every frame, which keys are held."""
    frames = len(record["frames"]["scene_cuts"])
    turns = _turns(record)
    length = frames // len(turns)
    data = [_keys_of(turn["prompt"]) for turn in turns for _ in range(length)]
    return {"mark_time": 0, "total_time": frames, "data": data}


def _keys_of(action: str) -> dict[str, int]:
    """Return MIND's keys: 1 is ahead or left, 2 is back or right, 0 is neither."""
    ahead, left, turn = (
        0 if it == 0 else 1 + (it < 0) for it in MOTIONS.get(action, (0.0, 0.0, 0.0))
    )
    return {"ws": ahead, "ad": left, "ud": 0, "lr": turn}


def _case(name: str, turns: list[Json]) -> Json:
    """Return what WBench's case file says; a command that moves nobody is an action."""
    moves = [(it["prompt"], _WBENCH_KEYS.get(it["prompt"])) for it in turns]
    interactions = [
        {"type": "navigation" if key else "subject_action", "action": key or action}
        for action, key in moves
    ]
    settings = {"perspective": "first_person"}
    return {"id": name, "settings": settings, "interactions": interactions}


def _units(run: Path, memory: str) -> list[Path]:
    found = sorted((run / "episodes" / memory).glob("*.json"))
    if not found:
        raise DataError(f"{run} holds no clips of {memory!r}: run twospeed evaluate into it first")
    return found


def _copy(source: Path, to: Path) -> None:
    if not source.is_file():
        raise DataError(f"{source} is missing: run the same command again")
    with written_aside(to) as aside:
        shutil.copyfile(source, aside)
