"""A small car in a town of roads, crossings and signs, first person: Duckietown.

Holds: `Duckietown`. The simulator needs old versions of much, so it runs under a Python of its own
(hosted.py, duckietown_engine.py). Holds not: the words (words/car.py), the driver (lanes.py).
"""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from twospeed.core.errors import ConfigError, lookup
from twospeed.core.fields import checked
from twospeed.core.pictures import Frame
from twospeed.core.ranges import Seed
from twospeed.worlds.base import About, Action, Observation, Pose
from twospeed.worlds.simulators.hosted import HostedEngine
from twospeed.worlds.simulators.lanes import Driver, Lanes, Move
from twospeed.worlds.words.car import TOWN

_TICKS = 6  # of the engine in one step, a thirtieth of a second each
_SECONDS = 4 * _TICKS / 30  # of a chunk
_SPOT = 0.05  # metres: less is no move
_RIGHT_ANGLE = math.pi / 2 / _SECONDS
_MOVES: dict[str, Move] = {
    "go forward": Move(speed=0.35, turn=0.0),
    "go back": Move(speed=-0.35, turn=0.0),
    "turn left": Move(speed=0.0, turn=_RIGHT_ANGLE),
    "turn right": Move(speed=0.0, turn=-_RIGHT_ANGLE),
    "turn left a little": Move(speed=0.0, turn=_RIGHT_ANGLE / 4),
    "turn right a little": Move(speed=0.0, turn=-_RIGHT_ANGLE / 4),
    "steer left": Move(speed=0.3, turn=1.3),
    "steer right": Move(speed=0.3, turn=-1.3),
    "steer left a little": Move(speed=0.35, turn=0.5),
    "steer right a little": Move(speed=0.35, turn=-0.5),
    "speed up": Move(speed=0.58, turn=0.0),
    "brake": Move(speed=0.0, turn=0.0),
}
_TOWNS = (
    "udem1",
    "loop_empty",
    "loop_obstacles",
    "zigzag_dists",
    "4way",
    "ETHZ_loop",
    "ETHZ_autolab_technical_track",
    "Montreal_loop",
)
_SKIES = ((0.45, 0.82, 1.0), (0.62, 0.72, 0.85), (0.8, 0.82, 0.84), (0.35, 0.55, 0.9))
_GROUNDS = ((0.15, 0.15, 0.15), (0.2, 0.26, 0.14), (0.32, 0.28, 0.2), (0.24, 0.24, 0.28))
_CURIOUS = 0.1
_LEFT_TO_CHANCE = ("brake", "turn left a little", "turn right a little")
_STUCK = 0.3  # of the way that a command should have made
_PATIENCE = 3  # commands on the spot, after which the driver turns round


class Duckietown:
    """One of eight towns, under one of four skies; the seed says where on which lane it begins.

    The wheels keep the speed that a command wants; the car stops at things and at the end of the
    map. Metres from the lower left of the map. `Observation.objects` holds ``"speed"``;
    ``"lane"``, where there is one: metres and degrees to the left of its middle and direction; and
    every thing, such as ``"sign_stop 3"``: its place.
    """

    actions: Mapping[str, Action] = TOWN
    about = About(
        domain="driving",
        engine="Duckietown",
        install=(
            "python3.11 -m venv ~/.local/share/twospeed/duckietown &&"
            " ~/.local/share/twospeed/duckietown/bin/pip install duckietown-gym-daffy==6.1.34"
            " 'pyglet<2' numpy==1.23.5 scipy==1.10.1 'gym<0.24' 'matplotlib<3.10' 'contourpy<1.3'"
            " 'setuptools<70' wheel"
        ),
        package="duckietown-gym-daffy",
        interpreter=("TWOSPEED_DUCKIETOWN_PYTHON", "duckietown"),
        truth=("pose", "objects"),
        policy="scripted",
        chunks=40,
    )
    frames_per_second = 5.0

    def __init__(self, *, frame_size: int = 64) -> None:
        """Start the engine.

        Args:
            frame_size: height and width of the frames in pixels, 16 to 512.

        Raises:
            MissingExtraError: when there is no Python that has it.
            ConfigError: when `frame_size` is outside its range.
            DataError: when it does not start.
        """
        engine = Path(__file__).with_name("duckietown_engine.py")
        self._engine = HostedEngine(self.about, engine, frame_size=frame_size)
        self._seen: dict[str, Any] | None = None
        self._way_out: list[str] = []
        self._last: tuple[str, list[float]] | None = None

    def reset(self, seed: int) -> Observation:
        """Start the episode of this seed somewhere on a lane of a town."""
        seed = checked(seed, Seed, "seed")
        generator = np.random.default_rng([seed, 13])
        town, sky, ground = (
            choices[int(generator.integers(len(choices)))] for choices in (_TOWNS, _SKIES, _GROUNDS)
        )
        seen, frame = self._engine.ask(
            {"do": "reset", "seed": seed, "town": town, "sky": sky, "ground": ground}
        )
        lanes = Lanes([np.array(lane) for lane in seen["lanes"]])
        wishes = {text: _MOVES[text] for text in self.actions if text not in _LEFT_TO_CHANCE}
        self._driver = Driver(lanes, wishes, _SECONDS)
        self._way_out, self._last, self._still = [], None, 0
        return self._observe(seen, frame)

    def step(self, action: str) -> Observation:
        """Carry out one frame's worth of a command."""
        move = lookup(_MOVES, action, "action")
        if self._seen is None:
            raise ConfigError("reset the world before the first step")
        request = {"do": "step", "ticks": _TICKS, "speed": move.speed, "turn": move.turn}
        return self._observe(*self._engine.ask(request))

    def suggest(self, generator: np.random.Generator) -> str:
        """Choose the next command of a driver who keeps to the lane, with a slip now and then."""
        if self._seen is None:
            raise ConfigError("reset the world before the first step")
        pose = self._seen["pose"]
        if self._is_stuck(pose):
            side = ("turn left", "turn right")[int(generator.integers(2))]
            self._way_out, self._still = ["go back", side, side], 0
        if self._way_out:
            command = self._way_out.pop(0)
        elif generator.random() < _CURIOUS:
            command = list(self.actions)[int(generator.integers(len(self.actions)))]
        else:
            things = [(x, y) for _, x, y in self._seen["objects"]]
            command = self._driver.choose(tuple(pose), things, generator)
        self._last = command, pose
        return command

    def close(self) -> None:
        """Stop the engine."""
        self._engine.close()

    def _is_stuck(self, pose: list[float]) -> bool:
        """Say whether the last command did not move the car as it should, or none has lately."""
        if self._last is None or self._way_out:
            return False
        command, before = self._last
        moved, wanted = math.dist(pose[:2], before[:2]), abs(_MOVES[command].speed) * _SECONDS
        self._still = 0 if moved > _SPOT else self._still + 1
        return moved < _STUCK * wanted or self._still >= _PATIENCE

    def _observe(self, seen: dict[str, Any], frame: Frame) -> Observation:
        self._seen = seen
        x, y, angle = seen["pose"]
        objects: dict[str, tuple[float, ...]] = {"speed": (round(seen["speed"], 4),)}
        if seen["lane"]:
            right, askew = seen["lane"]
            objects["lane"] = (round(-right, 4), round(-math.degrees(askew), 3))
        for number, (kind, *place) in enumerate(seen["objects"]):
            objects[f"{kind} {number}"] = tuple(place)
        return Observation(
            frame=frame,
            pose=Pose(x=x, y=y, heading=math.degrees(angle) % 360.0),
            objects=objects,
        )
