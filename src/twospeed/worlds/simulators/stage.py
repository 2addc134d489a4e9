"""Where PyBullet's humanoid is shown: a floor, coloured columns, a camera that follows.

Holds: `Stage`, the only file that talks to the engine. It draws in software (TinyRenderer).
"""

import ctypes
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from twospeed.core.errors import require
from twospeed.worlds.base import Frame
from twospeed.worlds.simulators.motion import JOINT_SIZES, Stance

_JOINTS = (1, 2, 9, 10, 11, 3, 4, 12, 13, 14, 6, 7)  # of the model, in the order of the clips
_PARTS = {"head": 2, "right hand": 5, "left hand": 8, "right foot": 11, "left foot": 14}
_TROUSERS = (0, 9, 10, 12, 13)
_SKIN = (2, 4, 5, 7, 8)
_COLUMNS = 28
_FIELD_METRES = 15.0  # columns stand so far out at most, and 2 m at least
_COLOURS = (
    (0.85, 0.15, 0.15), (0.15, 0.55, 0.2), (0.15, 0.3, 0.8), (0.9, 0.75, 0.1), (0.55, 0.2, 0.6),
    (0.95, 0.5, 0.1), (0.1, 0.6, 0.65), (0.35, 0.25, 0.2), (0.9, 0.9, 0.9), (0.2, 0.2, 0.25),
)  # fmt: skip
_FLOORS = ((0.75, 0.8, 0.9), (0.8, 0.7, 0.55), (0.6, 0.75, 0.6), (0.8, 0.62, 0.62), (0.9, 0.9, 0.9))


class Stage:
    """A floor with a person on it.

    Args:
        frame_size: height and width of the frames in pixels.

    Raises:
        MissingExtraError: when PyBullet is not installed.
    """

    def __init__(self, frame_size: int) -> None:
        folder = Path(require("pybullet_data", extra="human").getDataPath())
        self.motions = folder / "data" / "motions"
        self._size = frame_size
        with _silence():  # the engine greets, and warns of its own model
            self._engine = require("pybullet", extra="human")
            self._client = self._engine.connect(self._engine.DIRECT)
            call = {"physicsClientId": self._client}
            self._floor = self._engine.loadURDF(str(folder / "plane.urdf"), **call)
            self._person = self._engine.loadURDF(
                str(folder / "humanoid" / "humanoid.urdf"), globalScaling=0.25, **call
            )
        self._columns: list[int] = []
        self._yaw = 0.0
        self._lens = self._engine.computeProjectionMatrixFOV(45.0, 1.0, 0.1, 40.0)

    def build(self, generator: np.random.Generator) -> None:
        """Set columns, colours and the camera's direction for one episode."""
        for column in self._columns:
            self._engine.removeBody(column, physicsClientId=self._client)
        self._columns = [self._column(generator) for _ in range(_COLUMNS)]
        self._yaw = float(generator.uniform(0.0, 360.0))
        self._tint(self._floor, -1, _FLOORS[int(generator.integers(len(_FLOORS)))])
        shirt, trousers = generator.choice(len(_COLOURS), 2, replace=False)
        links = self._engine.getNumJoints(self._person, physicsClientId=self._client)
        for link in range(-1, links):
            skin = (0.85, 0.65, 0.5)
            cloth = _COLOURS[trousers if link in _TROUSERS else shirt]
            self._tint(self._person, link, skin if link in _SKIN else cloth)

    def show(self, stance: Stance) -> tuple[Frame, dict[str, tuple[float, ...]]]:
        """Pose the person and return the picture, and where head, hands and feet are."""
        self._pose(stance)
        target = [*stance.place[:2], 0.75]
        view = self._engine.computeViewMatrixFromYawPitchRoll(target, 3.0, self._yaw, -16, 0, 2)
        picture = self._engine.getCameraImage(
            self._size,
            self._size,
            view,
            self._lens,
            lightDirection=(2, 1, 4),
            renderer=self._engine.ER_TINY_RENDERER,
            flags=self._engine.ER_NO_SEGMENTATION_MASK,
            physicsClientId=self._client,
        )
        pixels = np.array(picture[2], np.uint8).reshape(self._size, self._size, 4)
        return np.ascontiguousarray(pixels[..., :3]), self._parts()

    def close(self) -> None:
        """Stop the engine."""
        self._engine.disconnect(self._client)

    def _pose(self, stance: Stance) -> None:
        call = {"physicsClientId": self._client}
        self._engine.resetBasePositionAndOrientation(
            self._person, list(stance.place), _xyzw(stance.turn), **call
        )
        for joint, size, value in zip(_JOINTS, JOINT_SIZES, stance.joints, strict=True):
            turn = _xyzw(value) if size == 4 else [float(value[0])]
            self._engine.resetJointStateMultiDof(self._person, joint, turn, **call)

    def _parts(self) -> dict[str, tuple[float, ...]]:
        links = self._engine.getLinkStates(
            self._person,
            list(_PARTS.values()),
            computeForwardKinematics=True,
            physicsClientId=self._client,
        )
        return {
            name: tuple(round(float(value), 4) for value in link[0])
            for name, link in zip(_PARTS, links, strict=True)
        }

    def _column(self, generator: np.random.Generator) -> int:
        radius, height = generator.uniform(0.1, 0.4), generator.uniform(0.3, 1.0)
        angle, away = generator.uniform(0, 2 * np.pi), generator.uniform(2.0, _FIELD_METRES)
        colour = _COLOURS[int(generator.integers(len(_COLOURS)))]
        shape = self._engine.createVisualShape(
            self._engine.GEOM_BOX,
            halfExtents=[radius, radius, height / 2],
            rgbaColor=[*colour, 1.0],
            physicsClientId=self._client,
        )
        body: int = self._engine.createMultiBody(
            baseVisualShapeIndex=shape,
            basePosition=[away * np.cos(angle), away * np.sin(angle), height / 2],
            physicsClientId=self._client,
        )
        return body

    def _tint(self, body: int, link: int, colour: tuple[float, ...]) -> None:
        self._engine.changeVisualShape(
            body, link, rgbaColor=[*colour, 1.0], physicsClientId=self._client
        )


@contextmanager
def _silence() -> Iterator[None]:
    """Send what C code prints to this process's two outputs nowhere."""
    sys.stdout.flush()
    sys.stderr.flush()
    kept, nowhere = [os.dup(1), os.dup(2)], os.open(os.devnull, os.O_WRONLY)
    for output in (1, 2):
        os.dup2(nowhere, output)
    try:
        yield
    finally:
        ctypes.CDLL(None).fflush(None)  # C keeps its own buffer, which would come out later
        for output, before in zip((1, 2), kept, strict=True):
            os.dup2(before, output)
            os.close(before)
        os.close(nowhere)


def _xyzw(turn: NDArray[Any]) -> list[float]:
    """Return a quaternion w x y z in the engine's order."""
    w, x, y, z = map(float, turn)
    return [x, y, z, w]
