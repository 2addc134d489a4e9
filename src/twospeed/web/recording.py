"""What of a session can be carried away: a video of all panes, its actions as text, a replay.

actions, one a line    "turn left", and "look: turn left" for what was seen
replay, one line       the same as a list, "look: turn left*4, turn left*2"
"""

import itertools
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from twospeed.core.errors import ConfigError
from twospeed.core.pictures import Frame
from twospeed.core.video import write_video
from twospeed.evaluation.reports.pictures import side_by_side
from twospeed.generation.action_list import parse_actions, quoted
from twospeed.web.frames import MEMORY, PLAIN, TRUTH, Shown

MOST_BYTES = 48 * 2**20
"""What the frames of one recording may fill."""

LOOK = "look: "
"""Stands before the words of what was seen."""

NAMES = {TRUTH: "true world", PLAIN: "without memory", MEMORY: "with memory"}

_SHOWN_SIDE = 192


def action_lines(actions: Sequence[tuple[str, bool]]) -> list[str]:
    """Return one line a chunk."""
    return [LOOK + text if is_seen else text for text, is_seen in actions]


def replay_of(actions: Sequence[tuple[str, bool]]) -> str:
    """Return all chunks as a list that `read_replay` reads."""
    runs = [(line, len(list(group))) for line, group in itertools.groupby(action_lines(actions))]
    return ", ".join(f"{_in_list(line)}*{count}" if count > 1 else _in_list(line)
                     for line, count in runs)  # fmt: skip


def read_replay(text: str) -> list[tuple[str, bool]]:
    """Return the texts of a replay, and whether each is seen.

    Raises:
        UnknownNameError: when it is no list of actions, or too long.
    """
    return [
        (one.removeprefix(LOOK.strip()).strip(), one.startswith(LOOK.strip()))
        for one in parse_actions(text)
    ]


def _in_list(line: str) -> str:
    return quoted(line) if set(line) & set(",*") else line


class Recording:
    """Frames that were shown, until there are too many."""

    def __init__(self) -> None:
        self._frames: list[dict[str, Frame]] = []
        self._captions: list[str] = []
        self._bytes = 0
        self.is_full = False

    def __len__(self) -> int:
        """Return the number of frames."""
        return len(self._frames)

    def add(self, shown: Shown, text: str) -> None:
        """Take one frame of every pane, if there is room."""
        size = sum(frame.nbytes for frame in shown.frames.values())
        self.is_full = self.is_full or self._bytes + size > MOST_BYTES
        if self.is_full:
            return
        self._bytes += size
        self._frames.append(dict(shown.frames))
        self._captions.append(f"{'seen' if shown.is_seen else 'dreamed'}: {text}")

    def write(self, path: Path, *, frames_per_second: float) -> None:
        """Write the video of all panes side by side.

        Raises:
            ConfigError: when there is no frame.
            DataError: when the disk does not take it.
        """
        if not self._frames:
            raise ConfigError("nothing was recorded: walk a little first")
        names = [name for name in NAMES if any(name in one for one in self._frames)]
        blank = np.zeros_like(next(iter(self._frames[0].values())))
        videos = {
            NAMES[name]: np.stack([one.get(name, blank) for one in self._frames]) for name in names
        }
        factor = max(1, _SHOWN_SIDE // blank.shape[0])
        video = side_by_side(videos, self._captions, factor=factor)
        write_video(path, video, frames_per_second=frames_per_second)
