"""What an episode's rooms look like: wall textures, floors, ceilings and landmarks.

Everything is drawn anew for each episode, so that nothing but the memory of this episode can
know what is behind the camera. Colours are float32 in [0, 1].
"""

import colorsys
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from twospeed.worlds.rooms.floorplan import FloorPlan

Array = NDArray[np.float32]

TEXELS = 32
"""Side of a texture in texels; it covers two metres."""

LEVELS = 3
"""Copies of a texture, each blurrier than the last; far walls take blurry ones."""

TONES = (0.6, 0.85)
"""How dark the second tone of a wall is, as a share of the first."""

SHAPES = ("ball", "block", "cone", "cross", "ring", "hourglass")
COLOURS: dict[str, tuple[float, float, float]] = {
    "red": (0.9, 0.1, 0.1),
    "orange": (1.0, 0.55, 0.05),
    "yellow": (0.95, 0.9, 0.2),
    "green": (0.1, 0.7, 0.2),
    "cyan": (0.1, 0.8, 0.85),
    "blue": (0.15, 0.25, 0.95),
    "purple": (0.65, 0.15, 0.8),
    "white": (0.95, 0.95, 0.95),
}
IDENTITIES = tuple(f"{colour} {shape}" for shape in SHAPES for colour in COLOURS)
"""What a landmark can be; an identity is an index into this table."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Landmark:
    """An object with an identity, standing on the floor."""

    identity: int
    x: float
    y: float

    @property
    def name(self) -> str:
        """Such as "red ball"."""
        return IDENTITIES[self.identity]


@dataclass(frozen=True, kw_only=True, slots=True)
class Looks:
    """Colours of one episode."""

    wall_textures: Array
    """(3, 4 * rooms, LEVELS, TEXELS, TEXELS): one a wall face; along it, then up from the floor."""

    floors: Array
    """(rooms, 3): the lighter tone of a room's floor tiles."""

    ceilings: Array
    """(rooms, 3)."""


def draw_looks(plan: FloorPlan, generator: np.random.Generator) -> Looks:
    """Draw the textures of every wall face and the colours of every room."""
    walls = _draw_textures(4 * plan.num_rooms, generator)
    floors = [_colour(generator, (0.1, 0.5), (0.3, 0.75)) for _ in range(plan.num_rooms)]
    ceilings = [_colour(generator, (0.0, 0.3), (0.6, 0.95)) for _ in range(plan.num_rooms)]
    return Looks(wall_textures=walls, floors=np.stack(floors), ceilings=np.stack(ceilings))


def draw_landmarks(plan: FloorPlan, generator: np.random.Generator) -> tuple[Landmark, ...]:
    """Draw one or two landmarks a room, no identity twice, off the ways between doors."""
    identities = iter(generator.permutation(len(IDENTITIES)).tolist())
    landmarks = []
    for room in range(plan.num_rooms):
        corners = generator.permutation(4)[: generator.integers(1, 3)]
        for corner in corners.tolist():
            x, y = _near_corner(plan, room, corner)
            landmarks.append(Landmark(identity=next(identities), x=x, y=y))
    return tuple(landmarks)


def _near_corner(plan: FloorPlan, room: int, corner: int) -> tuple[float, float]:
    row, column = divmod(room, plan.columns)
    inset = 0.55
    xs = plan.x_edges[column] + inset, plan.x_edges[column + 1] - inset
    ys = plan.y_edges[row] + inset, plan.y_edges[row + 1] - inset
    return xs[corner % 2], ys[corner // 2]


def _colour(
    generator: np.random.Generator, saturation: tuple[float, float], value: tuple[float, float]
) -> Array:
    hsv = generator.random(), generator.uniform(*saturation), generator.uniform(*value)
    return np.array(colorsys.hsv_to_rgb(*hsv), np.float32)


def _draw_textures(count: int, generator: np.random.Generator) -> Array:
    """Give every face a colour of its own and a bold pattern in a darker tone of it.

    What a memory has to know is which wall stands where, not how cloth is woven: a small model
    can paint these walls, so that measured recall is not drowned in what no such model can draw.
    """
    colours = np.empty((3, count, 1, 1, 1), np.float32)
    tones = np.empty((count, 1, 1, 1), np.float32)
    mixes = np.empty((count, TEXELS, TEXELS), np.float32)
    for face in range(count):
        colours[:, face, 0, 0, 0] = _colour(generator, (0.35, 0.95), (0.4, 1.0))
        tones[face] = generator.uniform(*TONES)
        mixes[face] = _draw_pattern(generator)
    blurred = np.stack([_blurred(mixes, radius) for radius in (0, 1, 3)], axis=1)
    return np.asarray(colours * (1 + blurred * (tones - 1)), np.float32)


_U, _V = np.mgrid[0 : 1 : TEXELS * 1j, 0 : 1 : TEXELS * 1j].astype(np.float32)  # along, up


def _wave(axis: Array, periods: float) -> Array:
    return np.asarray(np.sin(2 * np.pi * periods * axis), np.float32)


def _split(is_one: NDArray[np.bool_]) -> Array:
    return np.where(is_one, np.float32(1), np.float32(-1))


_PATTERNS: tuple[Callable[[float, float], Array], ...] = (
    # (waves in two metres, height of an edge as a share) -> about -1 to 1 over the texture
    lambda _periods, _edge: np.zeros_like(_U),
    lambda periods, _edge: _wave(_U, periods),
    lambda _periods, _edge: _wave(_V, 1.5),
    lambda periods, _edge: _wave(_U, periods) * _wave(_V, periods),
    lambda periods, _edge: _wave(periods * _U + _V, 1.0),
    lambda _periods, _edge: _split(np.hypot(_U - 0.5, _V - 0.5) < 0.32),
    lambda _periods, _edge: _split(abs(_U - 0.5) + abs(_V - 0.5) < 0.4),
    lambda _periods, edge: _split(edge > _V),
    lambda _periods, _edge: _split(abs(_V - 0.5) < 0.18),
)


def _draw_pattern(generator: np.random.Generator) -> Array:
    """Draw how much of the second colour each texel has: (TEXELS, TEXELS) in [0, 1]."""
    periods = float(generator.integers(1, 3))
    edge = generator.uniform(0.3, 0.6)
    pattern = _PATTERNS[generator.integers(len(_PATTERNS))](periods, edge)
    mix = (0.5 + 1.5 * pattern).clip(0, 1)
    return 1 - mix if generator.random() < 0.5 else mix


def _blurred(mixes: Array, radius: int) -> Array:
    """Box-blur (..., along, up): along the wall with wrap-around, up the wall without."""
    up = np.pad(mixes, ((0, 0), (0, 0), (radius, radius)), mode="edge")
    along = np.pad(_mean_of_windows(up), ((0, 0), (radius, radius), (0, 0)), mode="wrap")
    return _mean_of_windows(along.swapaxes(1, 2)).swapaxes(1, 2)


def _mean_of_windows(padded: Array) -> Array:
    """Average over the last axis so that TEXELS are left."""
    width = padded.shape[-1] - TEXELS + 1
    windows = (padded[..., start : start + TEXELS] for start in range(width))
    return np.asarray(sum(windows) / np.float32(width), np.float32)
