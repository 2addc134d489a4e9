"""Motion-capture clips of a person, and how one clip follows another without a jump.

Holds: `Stance`, `Clip`, `read_clip`, `mixed`. Holds not: how the person is drawn (humanoid.py).
The files are those of DeepMimic: y is up, a line is the duration, place and turn of the root, and
the turns of twelve joints. Here z is up and the person of a clip starts at the origin, facing +x.
"""

import json
import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

JOINT_SIZES = (4, 4, 4, 1, 4, 4, 1, 4, 1, 4, 4, 1)
"""Numbers of each joint in a file: a quaternion w x y z, or an angle in radians."""

_UP = np.array([math.sqrt(0.5), math.sqrt(0.5), 0.0, 0.0])  # turns y up into z up


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Stance:
    """How the person stands at one moment."""

    place: Array
    """(3,) metres: the middle of the hips; z is up."""

    turn: Array
    """(4,) quaternion w x y z of the hips, from the model's own axes."""

    joints: tuple[Array, ...]
    """One quaternion (4,) or angle (1,) for each joint."""

    @property
    def heading(self) -> float:
        """Where the person faces on the floor, in radians from +x to +y."""
        ahead = rotated(self.turn, np.array([1.0, 0.0, 0.0]))
        return math.atan2(ahead[1], ahead[0])

    def moved(self, x: float, y: float, heading: float) -> "Stance":
        """Return the stance turned about the origin by `heading`, then moved by (x, y)."""
        spin = np.array([math.cos(heading / 2), 0.0, 0.0, math.sin(heading / 2)])
        place = rotated(spin, self.place) + np.array([x, y, 0.0])
        return Stance(place=place, turn=product(spin, self.turn), joints=self.joints)


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Clip:
    """Stances over time; the first one stands over the origin and faces +x."""

    times: Array
    """(T,) seconds from the start, increasing."""

    stances: tuple[Stance, ...]
    """T stances."""

    @property
    def seconds(self) -> float:
        """How long it lasts."""
        return float(self.times[-1])

    def at(self, seconds: float) -> Stance:
        """Return the stance at a time, mixed from the two beside it."""
        index = int(np.clip(np.searchsorted(self.times, seconds) - 1, 0, len(self.times) - 2))
        start, end = self.times[index : index + 2]
        share = float(np.clip((seconds - start) / (end - start), 0.0, 1.0))
        return mixed(self.stances[index], self.stances[index + 1], share)


def read_clip(path: Path) -> Clip:
    """Read a clip and put its start over the origin."""
    rows = [np.array(row, np.float64) for row in json.loads(path.read_text())["Frames"]]
    raw = [_stance_of(row) for row in rows]
    start = raw[0]
    stances = tuple(
        it.moved(-start.place[0], -start.place[1], 0.0).moved(0.0, 0.0, -start.heading)
        for it in raw
    )
    durations = np.array([row[0] for row in rows])
    return Clip(times=np.concatenate([[0.0], durations[:-1].cumsum()]), stances=stances)


def _stance_of(row: Array) -> Stance:
    x, y, z = row[1:4]
    ends = np.cumsum(JOINT_SIZES)[:-1]
    joints = tuple(np.split(row[8 : 8 + sum(JOINT_SIZES)], ends))
    return Stance(place=np.array([x, -z, y]), turn=product(_UP, row[4:8]), joints=joints)


def upright(height: float) -> Stance:
    """Return a person who stands straight over the origin with the hips `height` metres up."""
    joints = tuple(np.eye(size)[0] * (size == 4) for size in JOINT_SIZES)
    return Stance(place=np.array([0.0, 0.0, height]), turn=_UP, joints=joints)


def mixed(one: Stance, other: Stance, share: float) -> Stance:
    """Return the stance that is `share` (0 to 1) of the way from one to the other."""
    return Stance(
        place=(1 - share) * one.place + share * other.place,
        turn=_turned(one.turn, other.turn, share),
        joints=tuple(
            _turned(a, b, share) if len(a) == 4 else (1 - share) * a + share * b
            for a, b in zip(one.joints, other.joints, strict=True)
        ),
    )


def _turned(one: Array, other: Array, share: float) -> Array:
    """Mix two quaternions along the shorter way."""
    near = other if one @ other >= 0 else -other
    both = (1 - share) * one + share * near
    return both / np.linalg.norm(both)


def product(one: Array, other: Array) -> Array:
    """Return the quaternion that turns by `other` first, then by `one`."""
    scalar = one[0] * other[0] - one[1:] @ other[1:]
    vector = one[0] * other[1:] + other[0] * one[1:] + np.cross(one[1:], other[1:])
    return np.array([scalar, *vector])


def rotated(turn: Array, vector: Array) -> Array:
    """Return a vector (3,) turned by a quaternion."""
    return product(product(turn, np.array([0.0, *vector])), turn * (1, -1, -1, -1))[1:]
