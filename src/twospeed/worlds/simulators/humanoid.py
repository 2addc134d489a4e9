"""A person seen from outside, who moves as recorded people did: PyBullet's humanoid.

Holds: `Humanoid`, which shows the motion-capture clips of PyBullet's wheel (extra ``human``). The
person is posed, not simulated: a step is an eighth of a second of a clip. Holds not: the clips
(motion.py), the stage and its camera (stage.py).
"""

import math
from collections import deque
from collections.abc import Mapping

import numpy as np

from twospeed.core.errors import ConfigError, lookup
from twospeed.core.fields import checked
from twospeed.core.ranges import Seed
from twospeed.worlds.base import About, Action, Observation, Pose
from twospeed.worlds.simulators.motion import Clip, Stance, mixed, read_clip, upright
from twospeed.worlds.simulators.stage import Stage
from twospeed.worlds.words.body import BODY

_CLIPS = {
    "walk": "walk",
    "run": "run",
    "kick": "kick",
    "punch": "punch",
    "dance": "dance_a",
    "sway to the beat": "dance_b",
    "jump": "jump",
    "roll over": "roll",
    "spin around": "spin",
    "do a spin kick": "spinkick",
    "crawl": "crawl",
    "do a cartwheel": "cartwheel",
    "do a backflip": "backflip",
}
_TURNS = {"turn left": 1.0, "turn right": -1.0, "stand still": 0.0}
_TURN_RADIANS = math.radians(22.5)  # of one step
_STEP_SECONDS = 0.125
_BLENDED_STEPS = 2  # in which a new motion takes over from the one before
_HIPS_METRES = 0.88
_CHUNK_SECONDS = 0.5  # of four steps: how the script counts


class Humanoid:
    """A person on a floor with coloured columns; colours, columns and camera are the seed's.

    A command that goes on plays its clip to the end and then again from where the person is;
    another command takes over at once, within a quarter of a second. `Observation.pose` is the
    place of the hips and where they face; `objects` holds the places of ``"head"``,
    ``"left hand"``, ``"right hand"``, ``"left foot"`` and ``"right foot"`` in metres.
    """

    actions: Mapping[str, Action] = BODY
    about = About(
        domain="human motion",
        engine="PyBullet humanoid with its motion clips",
        install="pip install 'twospeed[human]'",
        package="pybullet",
        modules=("pybullet", "pybullet_data"),
        truth=("pose", "objects"),
        policy="scripted",
        chunks=40,
    )
    frames_per_second = 1 / _STEP_SECONDS

    def __init__(self, *, frame_size: int = 64) -> None:
        """Load the engine, the person and the clips.

        Args:
            frame_size: height and width of the frames in pixels, 16 to 1024.

        Raises:
            MissingExtraError: when PyBullet is not installed.
            ConfigError: when `frame_size` is outside its range.
        """
        if not 16 <= frame_size <= 1024:
            raise ConfigError(f"humanoid makes frames of 16 to 1024 pixels, got {frame_size}")
        self._stage = Stage(frame_size)
        self._clips: dict[str, Clip] = {
            text: read_clip(self._stage.motions / f"humanoid3d_{name}.txt")
            for text, name in _CLIPS.items()
        }
        self._stance = upright(_HIPS_METRES)
        self._plan: deque[str] = deque()
        self._action = ""

    def reset(self, seed: int) -> Observation:
        """Start the episode of this seed."""
        seed = checked(seed, Seed, "seed")
        generator = np.random.default_rng([seed, 5])
        self._stage.build(generator)
        self._stance = upright(_HIPS_METRES).moved(0.0, 0.0, generator.uniform(-math.pi, math.pi))
        self._plan.clear()
        self._begin("stand still")
        return self._observe()

    def step(self, action: str) -> Observation:
        """Carry out one frame's worth of a command."""
        lookup(self.actions, action, "action")
        if not self._action:
            raise ConfigError("reset the world before the first step")
        if action != self._action:
            self._begin(action)
        self._steps += 1
        wanted = self._turned(action) if action in _TURNS else self._played(action)
        share = min(1.0, self._steps / _BLENDED_STEPS)
        self._stance = wanted if share == 1.0 else mixed(self._stance, wanted, share)
        return self._observe()

    def suggest(self, generator: np.random.Generator) -> str:
        """Choose the next command: whole motions, with walks and turns between them."""
        if not self._plan:
            names = [*_CLIPS, "walk", "walk", "run", "turn left", "turn right", "stand still"]
            name = names[int(generator.integers(len(names)))]
            seconds = self._clips[name].seconds if name in self._clips else _CHUNK_SECONDS
            self._plan.extend([name] * max(1, round(seconds / _CHUNK_SECONDS)))
        return self._plan.popleft()

    def close(self) -> None:
        """Stop the engine."""
        self._stage.close()

    def _begin(self, action: str) -> None:
        """Let a motion start from where the person is and faces."""
        self._action, self._steps, self._seconds = action, 0, 0.0
        self._anchor = (*map(float, self._stance.place[:2]), self._stance.heading)

    def _turned(self, action: str) -> Stance:
        x, y, heading = self._anchor
        self._anchor = (x, y, heading + _TURN_RADIANS * _TURNS[action])
        return upright(_HIPS_METRES).moved(0.0, 0.0, self._anchor[2]).moved(x, y, 0.0)

    def _played(self, action: str) -> Stance:
        clip = self._clips[action]
        self._seconds += _STEP_SECONDS
        if self._seconds > clip.seconds:
            rest = self._seconds - clip.seconds
            self._stance = self._from_anchor(clip.at(clip.seconds))
            self._begin(action)
            self._steps, self._seconds = 1, rest
        return self._from_anchor(clip.at(self._seconds))

    def _from_anchor(self, stance: Stance) -> Stance:
        x, y, heading = self._anchor
        return stance.moved(0.0, 0.0, heading).moved(x, y, 0.0)

    def _observe(self) -> Observation:
        frame, parts = self._stage.show(self._stance)
        x, y, _ = map(float, self._stance.place)
        pose = Pose(x=x, y=y, heading=math.degrees(self._stance.heading) % 360.0)
        return Observation(frame=frame, pose=pose, objects=parts)
