"""A run's clips as folders that other benchmarks read: MIND's and WBench's layout.

MIND:    MODEL/1st_data/mem_test/NAME/video.mp4, and gt/... of the true clips
WBench:  MODEL/meta.json, turns.json, videos/case_ID_combined.mp4

They hold clips and actions; scores of theirs are for their own tools.
"""

import shutil
from pathlib import Path
from typing import Any

from twospeed.core.errors import DataError
from twospeed.core.files import read_json, write_json, written_aside

Json = dict[str, Any]


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
    for place in units:
        for arm, root in ((memory, to / memory), ("real", to / "gt")):
            folder = root / "1st_data" / "mem_test" / place.stem
            _copy(run / "episodes" / arm / f"{place.stem}.mp4", folder / "video.mp4")
        record = read_json(place)
        write_json(
            to / "gt" / "1st_data" / "mem_test" / place.stem / "action.json",
            {"actions": record["actions"], "mark_time": record["first_judged"]},
        )
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
