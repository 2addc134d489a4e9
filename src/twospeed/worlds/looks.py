"""What an episode's rooms look like: wall textures, floors, ceilings and landmarks.

Everything is drawn anew for each episode, so that nothing but the memory of this episode can
know what is behind the camera. Colours are float32 in [0, 1].
"""

import colorsys
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from twospeed.worlds.floorplan import FloorPlan

Array = NDArray[np.float32]

TEXELS = 32
"""Side of a texture in texels; it covers two metres."""

LEVELS = 3
"""Copies of a texture, each blurrier than the last; far walls take blurry ones."""

SPRITE = 24
"""Side of a landmark's mask in texels."""

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
    """(4 * rooms, LEVELS, TEXELS, TEXELS, 3): one a wall face; first texel row at the floor."""

    floors: Array
    """(rooms, 3): the lighter tone of a room's floor tiles."""

    ceilings: Array
    """(rooms, 3)."""


def draw_looks(plan: FloorPlan, generator: np.random.Generator) -> Looks:
    """Draw the textures of every wall face and the colours of every room."""
    walls = np.stack([_draw_texture(generator) for _ in range(4 * plan.num_rooms)])
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


def sprite_of(identity: int) -> tuple[NDArray[np.bool_], Array]:
    """Return a landmark's mask (SPRITE, SPRITE), first row on top, and its shaded colours."""
    shape, colour = divmod(identity, len(COLOURS))
    v, u = np.mgrid[-1 : 1 : SPRITE * 1j, -1 : 1 : SPRITE * 1j].astype(np.float32)
    radius = np.hypot(u, v)
    mask = {
        "ball": radius < 0.98,
        "block": np.maximum(abs(u), abs(v)) < 0.85,
        "cone": abs(u) < (v + 1) / 2,
        "cross": (np.minimum(abs(u), abs(v)) < 0.32) & (np.maximum(abs(u), abs(v)) < 0.98),
        "ring": (radius < 0.98) & (radius > 0.5),
        "hourglass": abs(u) < 0.12 + 0.85 * abs(v),
    }[SHAPES[shape]]
    light = 1 - 0.25 * (u + v + 1).clip(0, 1)
    rgb = np.array(list(COLOURS.values())[colour], np.float32)
    return mask, light[..., None] * rgb


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


def _draw_texture(generator: np.random.Generator) -> Array:
    """Mix two colours by a bold pattern that repeats every two metres."""
    first = _colour(generator, (0.35, 0.95), (0.35, 0.95))
    second = _colour(generator, (0.1, 0.9), (0.2, 1.0))
    v, u = np.mgrid[0 : 1 : TEXELS * 1j, 0 : 1 : TEXELS * 1j].astype(np.float32)
    periods = float(generator.integers(1, 3))
    wave_u, wave_v = (np.sin(2 * np.pi * periods * axis) for axis in (u, v))
    patterns = (
        np.zeros_like(u),
        wave_u,
        np.sin(2 * np.pi * 1.5 * v),
        wave_u * wave_v,
        np.sin(2 * np.pi * (periods * u + v)),
        np.where(np.hypot(u - 0.5, v - 0.5) < 0.32, 1, -1),
        np.where(abs(u - 0.5) + abs(v - 0.5) < 0.4, 1, -1),
        np.where(v < generator.uniform(0.3, 0.6), 1, -1),
        np.where(abs(v - 0.5) < 0.18, 1, -1),
    )
    mix = (0.5 + 1.5 * patterns[generator.integers(len(patterns))]).clip(0, 1)
    if generator.random() < 0.5:
        mix = 1 - mix
    texture = first + mix[..., None].astype(np.float32) * (second - first)
    return np.stack([_blurred(texture, radius) for radius in (0, 1, 3)])


def _blurred(texture: Array, radius: int) -> Array:
    """Box-blur along the wall with wrap-around and up the wall without."""
    shifts = range(-radius, radius + 1)
    along = sum(np.roll(texture, shift, axis=1) for shift in shifts) / len(shifts)
    padded = np.pad(along, ((radius, radius), (0, 0), (0, 0)), mode="edge")
    height = texture.shape[0]
    up = sum(padded[shift + radius : shift + radius + height] for shift in shifts) / len(shifts)
    return np.asarray(up, np.float32)
