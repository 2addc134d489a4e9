"""A robot arm at a table: the Fetch pick-and-place task of Gymnasium-Robotics on MuJoCo.

Holds: `Fetch`, which drives the engine (extra ``robot``) in lock-step and draws with its own
renderer, without shadows. Holds not: who plays it (fetch_script.py). The gripper is led to a
target that commands move, so that a command and its opposite cancel exactly.
"""

import contextlib
import io
import os
import sys
from collections.abc import Mapping
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray

from twospeed.core.errors import ConfigError, MissingExtraError, lookup, require
from twospeed.core.fields import checked
from twospeed.core.ranges import Seed, Within
from twospeed.worlds.base import About, Action, Frame, Observation
from twospeed.worlds.simulators.fetch_blocks import BODIES, COLOURS, make_env, second_place
from twospeed.worlds.simulators.fetch_script import Hand, next_command
from twospeed.worlds.words.arm import ARM

Vector = NDArray[np.float64]
"""(3,): metres; x towards the camera, y to the right of the picture, z up."""

STEP_METRES = 0.025
"""What the target of the gripper moves in one step; a quarter of it for "a little"."""

_WAYS: dict[str, tuple[float, float, float]] = {
    "move the gripper left": (0.0, -1.0, 0.0),
    "move the gripper right": (0.0, 1.0, 0.0),
    "move the gripper away": (-1.0, 0.0, 0.0),
    "move the gripper nearer": (1.0, 0.0, 0.0),
    "raise the gripper": (0.0, 0.0, 1.0),
    "lower the gripper": (0.0, 0.0, -1.0),
}
_FINGERS = {"close the gripper": -1.0, "open the gripper": 1.0}
_LOWEST = np.array([1.10, 0.45, 0.425])  # metres: the corners of the space that is reached
_HIGHEST = np.array([1.52, 1.05, 0.75])
_GAIN = 12.0  # of the way to the target, in the engine's unit of 5 cm a tick
_TICKS = 2  # of the engine in one step, 40 ms each
_COLOURS = (
    ("block", tuple(COLOURS.values())),
    ("table", ((0.93, 0.93, 0.93), (0.75, 0.6, 0.4), (0.45, 0.5, 0.55), (0.6, 0.75, 0.65))),
    ("floor", ((0.35, 0.4, 0.45), (0.5, 0.35, 0.3), (0.25, 0.4, 0.3), (0.6, 0.6, 0.5))),
)  # fmt: skip
_BODIES = {"block": BODIES[0], "table": "table0"}


class Fetch:
    """A gripper over a table with one block or two; places of blocks and colours are the seed's.

    A step moves the gripper's target by 2.5 cm, or 6 mm for "a little". `Observation.objects`
    holds the places of ``"gripper"`` and ``"block"`` in metres and ``"opening"``, the distance
    between the fingers. Two blocks have two colours and are called ``"red block"`` and the like.
    """

    actions: Mapping[str, Action] = ARM
    about = About(
        domain="robot manipulation",
        engine="Gymnasium-Robotics FetchPickAndPlace on MuJoCo",
        install="pip install 'twospeed[robot]'",
        package="gymnasium-robotics",
        modules=("gymnasium_robotics", "mujoco"),
        truth=("objects",),
        policy="scripted",
        chunks=32,
    )
    frames_per_second = 12.5

    def __init__(self, *, frame_size: int = 64, blocks: int = 1) -> None:
        """Load the engine.

        Args:
            frame_size: height and width of the frames in pixels, 16 to 480.
            blocks: on the table, 1 or 2.

        Raises:
            MissingExtraError: when gymnasium-robotics or mujoco is not installed.
            ConfigError: when `frame_size` or `blocks` is outside its range.
        """
        if not 16 <= frame_size <= 480:
            raise ConfigError(f"fetch makes frames of 16 to 480 pixels, got {frame_size}")
        blocks = checked(blocks, Annotated[int, Within(1, len(BODIES))], "blocks")
        if sys.platform == "linux":
            os.environ.setdefault("MUJOCO_GL", "egl")  # is read when mujoco is imported
        self._mujoco = require("mujoco", extra="robot")
        with contextlib.redirect_stderr(io.StringIO()):  # it prints news of other robots
            robots = require("gymnasium_robotics.envs.fetch.pick_and_place", extra="robot")
        self._env: Any = make_env(robots, self._mujoco, blocks=blocks)
        self._blocks = dict(zip(("block", "other block"), BODIES[:blocks], strict=False))
        self._chosen = BODIES[0]
        self._model, self._data = self._env.model, self._env.data
        self._renderer = self._make_renderer(frame_size)
        self._camera = self._make_camera()
        self._hide_aids()
        self._target: Vector = np.zeros(0)
        self._fingers = 1.0
        self._hand = Hand()

    def reset(self, seed: int) -> Observation:
        """Start the episode of this seed."""
        seed = checked(seed, Seed, "seed")
        self._env.reset(seed=seed)
        self._paint(np.random.default_rng([seed, 7]))
        if len(self._blocks) > 1:
            self._set_second(np.random.default_rng([seed, 9]))
        self._target = self._place("robot0:grip")
        self._fingers = 1.0
        self._hand = Hand()
        self._advance(_TICKS * 5)
        return self._observe()

    def step(self, action: str) -> Observation:
        """Carry out one frame's worth of a command."""
        lookup(self.actions, action, "action")
        if not len(self._target):
            raise ConfigError("reset the world before the first step")
        plain = action.removesuffix(" a little")
        self._fingers = _FINGERS.get(action, self._fingers)
        reach = STEP_METRES if plain == action else STEP_METRES / 4
        moved = self._target + reach * np.array(_WAYS.get(plain, (0.0, 0.0, 0.0)))
        self._target = np.clip(moved, _LOWEST, _HIGHEST)
        self._advance(_TICKS)
        return self._observe()

    def suggest(self, generator: np.random.Generator) -> str:
        """Choose the next command of somebody who picks the block, moves it and puts it back."""
        return next_command(self._hand, self._target, self._place(self._chosen), generator)

    def close(self) -> None:
        """Give back the renderer and the engine."""
        self._renderer.close()
        self._env.close()

    def _advance(self, ticks: int) -> None:
        for _ in range(ticks):
            away = self._target - self._place("robot0:grip")
            drive = np.clip(_GAIN * away, -1.0, 1.0)
            self._env.step(np.array([*drive, self._fingers], np.float32))

    def _observe(self) -> Observation:
        self._renderer.update_scene(self._data, self._camera)
        for flag in ("mjRND_SHADOW", "mjRND_REFLECTION"):  # nearly all the time of a frame
            self._renderer.scene.flags[getattr(self._mujoco.mjtRndFlag, flag)] = 0
        frame: Frame = self._renderer.render().copy()
        joints = ("robot0:l_gripper_finger_joint", "robot0:r_gripper_finger_joint")
        opening = sum(float(self._data.joint(name).qpos[0]) for name in joints)
        objects = {
            "gripper": _rounded(self._place("robot0:grip")),
            **{name: _rounded(self._place(body)) for name, body in self._blocks.items()},
            "opening": _rounded([opening]),
        }
        return Observation(frame=frame, objects=objects)

    def _place(self, name: str) -> Vector:
        return np.array(self._data.site(name).xpos, np.float64)

    def _hide_aids(self) -> None:
        """Make invisible what helps people with the original task: its goal, and cross lines."""
        self._model.site("target0").rgba[3] = 0.0
        hand = self._model.body("robot0:mocap")
        first, count = int(hand.geomadr[0]), int(hand.geomnum[0])
        self._model.geom_rgba[first : first + count, 3] = 0.0

    def _make_renderer(self, size: int) -> Any:
        try:
            return self._mujoco.Renderer(self._model, size, size)
        except (AttributeError, ImportError, RuntimeError) as error:
            raise MissingExtraError(
                f"MuJoCo cannot draw with MUJOCO_GL={os.environ.get('MUJOCO_GL')} ({error}):"
                " apt-get install libegl1 libgl1 libgles2"
            ) from error

    def _make_camera(self) -> Any:
        camera = self._mujoco.MjvCamera()
        camera.lookat[:] = (1.27, 0.75, 0.48)
        camera.distance, camera.azimuth, camera.elevation = 0.8, 180.0, -36.0
        return camera

    def _paint(self, generator: np.random.Generator) -> None:
        for name, colours in _COLOURS:
            body = self._model.body(_BODIES.get(name, "world"))
            self._colour(body, colours[int(generator.integers(len(colours)))])

    def _colour(self, body: Any, colour: tuple[float, float, float]) -> None:
        geom = self._model.geom(int(body.geomadr[0]))
        geom.matid[:] = -1
        geom.rgba[:] = (*colour, 1.0)

    def _set_second(self, generator: np.random.Generator) -> None:
        """Put down the second block, give it another colour, and choose the one that is played."""
        first, second = (self._model.body(body) for body in BODIES)
        painted = self._model.geom(int(first.geomadr[0])).rgba[:3]
        known = next(name for name, it in COLOURS.items() if np.allclose(it, painted))
        other = str(generator.choice([name for name in COLOURS if name != known]))
        self._colour(second, COLOURS[other])
        place = second_place(self._place("robot0:grip"), self._place(BODIES[0]), generator)
        self._data.joint(f"{BODIES[1]}:joint").qpos[:] = (*place, 1.0, 0.0, 0.0, 0.0)
        self._mujoco.mj_forward(self._model, self._data)
        self._blocks = dict(zip((f"{known} block", f"{other} block"), BODIES, strict=True))
        self._chosen = str(generator.choice(BODIES))


def _rounded(values: Any) -> tuple[float, ...]:
    return tuple(round(float(value), 4) for value in values)
