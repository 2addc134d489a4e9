"""The engine of a world under a Python of its own: started, asked, its frames unpacked."""

from pathlib import Path
from typing import Any

import numpy as np

from twospeed.core.errors import ConfigError
from twospeed.core.pictures import Frame
from twospeed.worlds.base import About
from twospeed.worlds.simulators.child import hosted, python_of

SIZES = (16, 512)
"""Least and most height and width of a frame in pixels."""


class HostedEngine:
    """An engine that tells what is so and draws a frame at every request.

    Args:
        about: the world; its `About.interpreter` names the Python and the world.
        engine: the engine's file (engine_host.py).
        frame_size: height and width of the frames in pixels, within `SIZES`.

    Raises:
        MissingExtraError: when there is no Python that has it.
        ConfigError: when `frame_size` is outside its range.
        DataError: when it does not start.
    """

    def __init__(self, about: About, engine: Path, *, frame_size: int) -> None:
        least, most = SIZES
        if not least <= frame_size <= most:
            _, world = about.interpreter or ("", about.engine)
            raise ConfigError(f"{world} makes frames of {least} to {most} pixels, got {frame_size}")
        self._shape = (frame_size, frame_size, 3)
        self._child = hosted(python_of(about), engine, [str(frame_size)], name=about.engine)

    def ask(self, request: dict[str, Any]) -> tuple[dict[str, Any], Frame]:
        """Send a request and return what is so and the frame after it, (H, W, 3).

        Raises:
            DataError: when the engine is gone or does not answer.
        """
        seen, frame = self._child.ask(request)
        return seen, np.frombuffer(frame, np.uint8).reshape(self._shape).copy()

    def close(self) -> None:
        """Stop the engine."""
        self._child.close()
