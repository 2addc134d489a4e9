"""What one sees of an episode: a video and a contact sheet of what was seen, imagined, and done."""

from pathlib import Path

import numpy as np

from twospeed.core.pictures import write_picture
from twospeed.core.video import Frames, write_video
from twospeed.evaluation.reports.pictures import contact_sheet, side_by_side
from twospeed.planning.acting.base import Acted
from twospeed.planning.episodes import Result
from twospeed.planning.tasks.base import CHUNK_FRAMES, Begun

FACTOR = 3
"""How much larger pixels become."""

_COLUMNS = 12
_LETTER = 7  # pixels of a letter, about


def write_pictures(out: Path, begun: Begun, acted: Acted, result: Result) -> None:
    """Write ``videos/SEED-ARM.mp4`` and ``sheets/SEED-ARM.png`` below a folder.

    Nothing is written of an arm that imagined nothing.
    """
    if not acted.imagined:
        return
    for folder in ("videos", "sheets"):
        (out / folder).mkdir(parents=True, exist_ok=True)
    name = f"{result.seed}-{result.arm}"
    write_video(out / "videos" / f"{name}.mp4", video_of(begun, acted, result), frames_per_second=8)
    write_picture(out / "sheets" / f"{name}.png", sheet_of(begun, acted, result))


def video_of(begun: Begun, acted: Acted, result: Result) -> Frames:
    """Return frames of the video: seen backwards, imagined, happened; the command under them."""
    happened = np.stack([shot.frame for shot in acted.shots[1:]])
    imagined = np.concatenate(acted.imagined)
    seen = _as_long(begun.frames[::-1], len(happened))
    captions = [
        f"{result.arm}: {decision.command} ({decision.way}, {decision.confidence:.2f}),"
        f" {result.distance_m:.2f} m in the end"
        for decision in acted.decisions
        for _ in range(CHUNK_FRAMES)
    ]
    panels = {"seen, backwards": seen, "imagined": imagined, "happened": happened}
    return side_by_side(panels, captions, factor=FACTOR)


def sheet_of(begun: Begun, acted: Acted, result: Result) -> Frames:
    """Return the last frame of every chunk: seen backwards, imagined, happened."""
    happened = np.stack([shot.frame for shot in acted.shots[CHUNK_FRAMES::CHUNK_FRAMES]])
    count = min(_COLUMNS, len(happened))
    places = np.unique(np.linspace(0, len(happened) - 1, count).astype(int))
    backwards = begun.frames[: 1 + CHUNK_FRAMES * len(begun.actions)][::-1][
        CHUNK_FRAMES::CHUNK_FRAMES
    ]
    rows = {
        "seen, backwards": _as_long(backwards, len(happened))[places],
        "imagined": np.stack([chunk[-1] for chunk in acted.imagined])[places],
        "happened": happened[places],
    }
    letters = FACTOR * happened.shape[2] // _LETTER
    columns = [f"{place + 1} {acted.decisions[place].command}"[:letters] for place in places]
    metres = f"{result.distance_m:.2f} m ({result.start_m:.2f} m before)"
    title = f"episode {result.seed}, {result.arm}: {metres}"
    return contact_sheet(rows, columns, title=title, factor=FACTOR)


def _as_long(frames: Frames, count: int) -> Frames:
    """Return so many frames, the last one repeated where there are fewer."""
    return frames[np.minimum(np.arange(count), len(frames) - 1)]
