"""Minetest as a world: hills, woods and shores of blocks, first person, blocks dug and set.

Holds: `Minetest`, which plays the installed engine (Debian's package minetest). Holds not: the
engine's process and screen (minetest_engine.py), its side of the talk (minetest_mod/init.lua).
"""

import math
from collections.abc import Mapping

import numpy as np
from PIL import Image

from twospeed.core.errors import ConfigError, lookup
from twospeed.core.fields import checked
from twospeed.core.ranges import Seed
from twospeed.worlds.base import About, Action, Observation, Pose
from twospeed.worlds.simulators.minetest_engine import SCREEN, Answer, Engine
from twospeed.worlds.words.voxel import VOXEL

_FARTHEST = 15_000  # nodes from the middle of the map where episodes begin
_WALKS = ("go forward", "go forward", "go forward", "turn left", "turn right", "step left")
_STUCK = (
    1.0  # metres in a chunk of walking, of two: so much less means that something is in the way
)
_ROOM = 1.8  # metres to the block ahead, from where a brick before it leaves a view


class Minetest:
    """One endless land; the seed says where in it an episode begins and where it looks.

    A block is a metre; a step walks half a metre, turns by 22.5 degrees, or digs or sets one
    block. The body keeps 0.3 m from any block and climbs or falls by one at most, so that each way
    can be gone back; tilts end at 17 degrees up and 46 down. What was changed is put back at the
    next reset. The engine runs in real time: poses repeat exactly, pictures nearly (water and
    leaves move). `Observation.objects` holds ``"height"`` of the feet, ``"pitch"`` in degrees, and
    ``"block ahead"``, the place of the block in reach, if there is one; y of `Pose` is the
    engine's z.
    """

    actions: Mapping[str, Action] = VOXEL
    about = About(
        domain="game play",
        engine="Minetest",
        install="apt-get install minetest xvfb",
        package="minetest",
        programs=("minetest", "Xvfb"),
        truth=("pose", "objects"),
        policy="scripted",
        chunks=30,
        repeats=False,
    )
    frames_per_second = 4.0

    def __init__(self, *, frame_size: int = 64) -> None:
        """Start the engine on a screen of its own.

        Args:
            frame_size: height and width of the frames in pixels, 16 to 256.

        Raises:
            MissingExtraError: when Minetest or Xvfb is not installed.
            ConfigError: when `frame_size` is outside its range.
            DataError: when the engine does not start.
        """
        if not 16 <= frame_size <= SCREEN[1]:
            raise ConfigError(
                f"minetest makes frames of 16 to {SCREEN[1]} pixels, got {frame_size}"
            )
        self._size = frame_size
        self._engine = Engine()
        self._is_set = False
        self._way_out: list[str] = []
        self._walked_from: tuple[float, ...] | None = None

    def reset(self, seed: int) -> Observation:
        """Start the episode of this seed somewhere in the land."""
        seed = checked(seed, Seed, "seed")
        generator = np.random.default_rng([seed, 11])
        x, z = generator.integers(-_FARTHEST, _FARTHEST, 2)
        heading = generator.uniform(0, 2 * math.pi)
        answer = self._engine.ask(f"reset {x} {z} {heading:.4f}", settle=True)
        self._is_set = True
        self._way_out, self._walked_from = [], None
        return self._observe(answer)

    def step(self, action: str) -> Observation:
        """Carry out one frame's worth of a command."""
        lookup(self.actions, action, "action")
        if not self._is_set:
            raise ConfigError("reset the world before the first step")
        return self._observe(self._engine.ask(action))

    def suggest(self, generator: np.random.Generator) -> str:
        """Choose the next command of somebody who walks about, and digs and builds now and then.

        Who is stopped turns to one side, as often as it takes, and walks away from there.
        """
        place = self._engine.last.place
        if self._walked_from and math.dist(place, self._walked_from) > _STUCK:
            self._way_out = []
        elif self._walked_from and not self._way_out:
            side = ("turn left", "turn right")[int(generator.integers(2))]
            self._way_out = [side, "go forward"] * 3
        command = self._way_out.pop(0) if self._way_out else self._wish(generator)
        self._walked_from = place if command.startswith(("go ", "step ")) else None
        return command

    def _wish(self, generator: np.random.Generator) -> str:
        """Draw what somebody wants who can go on."""
        block = self._engine.last.block
        if block is not None and generator.random() < 0.3:
            is_far = math.dist(block[::2], self._engine.last.place[::2]) > _ROOM
            return ("dig the block", "set a brick")[int(is_far and generator.integers(2))]
        if generator.random() < 0.15:
            names = list(self.actions)
            return names[int(generator.integers(len(names)))]
        return _WALKS[int(generator.integers(len(_WALKS)))]

    def close(self) -> None:
        """Stop the engine and its screen."""
        self._engine.close()

    def _observe(self, answer: Answer) -> Observation:
        width, height = SCREEN
        left = (width - height) // 2
        square = Image.fromarray(answer.screen[:, left : left + height])
        frame = np.array(square.resize((self._size, self._size), Image.Resampling.BOX))
        objects: dict[str, tuple[float, ...]] = {
            "height": (answer.place[1],),
            "pitch": (round(-math.degrees(answer.pitch), 3),),
        }
        if answer.block is not None:
            objects["block ahead"] = answer.block
        heading = (math.degrees(answer.yaw) + 90.0) % 360.0
        pose = Pose(x=answer.place[0], y=answer.place[2], heading=heading)
        return Observation(frame=frame, pose=pose, objects=objects)
