"""A car on a closed road, seen from above and behind: CarRacing of Gymnasium on Box2D.

Holds: `CarRacing`, which drives the engine (extra ``drive``) in lock-step. A step is a twelfth of
a second. Holds not: the words (words/car.py).
"""

import math
import os
import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np

from twospeed.core.errors import ConfigError, lookup, require
from twospeed.core.fields import checked
from twospeed.core.ranges import Seed
from twospeed.worlds.base import About, Action, Frame, Observation, Pose
from twospeed.worlds.words.car import CAR

_TICKS = 4  # of the engine in one step, 20 ms each
_COMMANDS: dict[str, tuple[float, float, float]] = {  # wheel to the left, wanted speed, brake
    "drive straight": (0.0, 30.0, 0.0),
    "steer left": (0.3, 22.0, 0.0),
    "steer right": (-0.3, 22.0, 0.0),
    "steer left a little": (0.1, 27.0, 0.0),
    "steer right a little": (-0.1, 27.0, 0.0),
    "speed up": (0.0, 60.0, 0.0),
    "brake": (0.0, 0.0, 0.5),
}
_GAS = 0.35  # while the car is slower than wanted
_ZOOM_TICKS = 55  # the engine's camera comes down during its first second
_AHEAD = 7  # pieces of the road ahead that the driver looks at
_BENDS = ((0.09, ""), (0.02, " a little"))  # from this angle on, in radians per piece: the grade
_CURIOUS = 0.1
_FASTEST = 38.0


class CarRacing:
    """A closed road, new with every seed; a lap comes back to where it began.

    Positions are in the engine's metres, speeds in metres a second. `Observation.objects` holds
    ``"speed"``, ``"road"``: the middle of the road beside the car, and ``"off road"``: metres
    between the two. The picture turns with the car.
    """

    actions: Mapping[str, Action] = CAR
    about = About(
        domain="driving",
        engine="Gymnasium CarRacing-v3 on Box2D",
        install="pip install 'twospeed[drive]'",
        package="gymnasium",
        modules=("Box2D", "pygame"),
        truth=("pose", "objects"),
        policy="scripted",
        chunks=40,
    )
    frames_per_second = 12.5

    def __init__(self, *, frame_size: int = 64) -> None:
        """Load the engine.

        Args:
            frame_size: height and width of the frames in pixels, 16 to 640.

        Raises:
            MissingExtraError: when Box2D or pygame is not installed.
            ConfigError: when `frame_size` is outside its range.
        """
        if not 16 <= frame_size <= 640:
            raise ConfigError(f"carracing makes frames of 16 to 640 pixels, got {frame_size}")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # its C code dies of a warning that is an error
            require("Box2D", extra="drive")
        os.environ.setdefault("PYGAME_HIDE_SUPPORT_PROMPT", "1")
        self._pygame = require("pygame", extra="drive")
        racing = require("gymnasium.envs.box2d.car_racing", extra="drive")
        self._size = frame_size
        self._env: Any = racing.CarRacing()
        self._draw = self._env._render
        self._env._render = lambda _: None  # it would draw every tick
        self._road = np.zeros((0, 2))
        self._angles = np.zeros(0)

    def reset(self, seed: int) -> Observation:
        """Start the episode of this seed on a road of its own."""
        seed = checked(seed, Seed, "seed")
        self._env.reset(seed=seed)
        track = np.array([(x, y, beta) for _, beta, x, y in self._env.track])
        self._road, self._angles = track[:, :2], track[:, 2]
        self._advance((0.0, 0.0, 0.0), _ZOOM_TICKS)
        return self._observe()

    def step(self, action: str) -> Observation:
        """Carry out one frame's worth of a command."""
        command = lookup(_COMMANDS, action, "action")
        if not len(self._road):
            raise ConfigError("reset the world before the first step")
        self._advance(command, _TICKS)
        return self._observe()

    def suggest(self, generator: np.random.Generator) -> str:
        """Choose the next command of a driver who follows the road, with a slip now and then."""
        if generator.random() < _CURIOUS:
            return list(self.actions)[int(generator.integers(len(self.actions)))]
        if self._speed() > _FASTEST:
            return "brake"
        bend = self._bearing()
        for angle, grade in _BENDS:
            if abs(bend) > angle * _AHEAD:
                return f"steer {'left' if bend > 0 else 'right'}{grade}"
        return "speed up" if generator.random() < 0.15 else "drive straight"

    def close(self) -> None:
        """Stop the engine."""
        self._env.close()

    def _advance(self, command: tuple[float, float, float], ticks: int) -> None:
        left, wanted, brake = command
        for _ in range(ticks):
            gas = _GAS if self._speed() < wanted else 0.0
            self._env.step(np.array([-left, gas, brake], np.float32))

    def _speed(self) -> float:
        return float(self._env.car.hull.linearVelocity.length)

    def _place(self) -> tuple[float, float]:
        x, y = self._env.car.hull.position
        return float(x), float(y)

    def _nearest(self) -> int:
        return int(np.hypot(*(self._road - self._place()).T).argmin())

    def _bearing(self) -> float:
        """Return the angle to the road some way ahead, in radians, to the left above 0."""
        goal = self._road[(self._nearest() + _AHEAD) % len(self._road)]
        across, along = goal - self._place()
        wanted = math.atan2(along, across) - math.pi / 2  # the car looks along +y at angle 0
        off = wanted - float(self._env.car.hull.angle)
        return (off + math.pi) % (2 * math.pi) - math.pi

    def _observe(self) -> Observation:
        x, y = self._place()
        heading = (math.degrees(self._env.car.hull.angle) + 90.0) % 360.0
        road_x, road_y = map(float, self._road[self._nearest()])
        objects = {
            "speed": (round(self._speed(), 3),),
            "road": (round(road_x, 3), round(road_y, 3)),
            "off road": (round(math.hypot(road_x - x, road_y - y), 3),),
        }
        return Observation(
            frame=self._picture(), pose=Pose(x=x, y=y, heading=heading), objects=objects
        )

    def _picture(self) -> Frame:
        """Draw the middle of the engine's picture, without its row of dials."""
        self._draw("state_pixels")
        surface, dials = self._env.surf, 5 / 40
        width, height = surface.get_size()
        side = round(height * (1 - dials))
        square = surface.subsurface(((width - side) // 2, 0, side, side))
        scaled = self._pygame.transform.smoothscale(square, (self._size, self._size))
        pixels_WHC = self._pygame.surfarray.array3d(scaled)
        return np.ascontiguousarray(pixels_WHC.transpose(1, 0, 2))
