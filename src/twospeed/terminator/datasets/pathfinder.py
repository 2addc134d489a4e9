"""A long-range task drawn on the fly: are the two dots joined by a dashed path?

After the Pathfinder challenge: two winding paths of dashes, a dot at one end of each of two; the
dots lie on the same path or on different ones. Shorter dashes distract. Every picture is a function
of its number and the seed.
"""

import math
from dataclasses import dataclass
from typing import Annotated

import numpy as np
import torch
from numpy.typing import NDArray

from twospeed.core.capacity import check_fits
from twospeed.core.fields import check_fields
from twospeed.core.random import seed_of
from twospeed.core.ranges import Seed, Within
from twospeed.terminator.datasets.examples import Examples, ExampleSet

Path2D = NDArray[np.float64]

Pictures = Annotated[int, Within(1, 10_000_000)]
"""How many pictures."""


@dataclass(frozen=True, kw_only=True)
class PathfinderConfig:
    """How many pictures, and how hard."""

    size: Annotated[int, Within(16, 1024)] = 32
    """Height and width in pixels; as a sequence there are size² positions."""

    steps: Annotated[int, Within(1, 1000)] = 14
    """Dashes of a path."""

    distractors: Annotated[int, Within(0, 1000)] = 3
    """Short paths that belong to no dot."""

    num_train: Pictures = 6000
    """Pictures to learn from."""

    num_test: Pictures = 1000
    """Pictures to test on."""

    seed: Seed = 0
    """Another seed gives other pictures."""

    def __post_init__(self) -> None:
        check_fields(self)
        count = self.num_train + self.num_test
        # the pictures are stacked, so all are there twice
        check_fits(2 * count * self.size**2, f"{count:,} pictures of {self.size}x{self.size}")


def make_pathfinder(config: PathfinderConfig) -> ExampleSet:
    """Draw all pictures; half of each part is joined."""
    parts = []
    for part, count in (("train", config.num_train), ("test", config.num_test)):
        labels = np.arange(count) % 2
        images = np.stack(
            [
                draw_picture(config, joined=bool(label), seed=seed_of(config.seed, part, number))
                for number, label in enumerate(labels)
            ]
        )
        parts.append(
            Examples(images=torch.from_numpy(images)[:, None], labels=torch.from_numpy(labels))
        )
    return ExampleSet(
        name=f"pathfinder-{config.size}",
        train=parts[0],
        test=parts[1],
        classes=("apart", "joined"),
    )


def draw_picture(config: PathfinderConfig, *, joined: bool, seed: int) -> NDArray[np.uint8]:
    """Draw one picture, uint8 (size, size)."""
    random = np.random.default_rng(seed)
    canvas = np.zeros((config.size, config.size))
    taken: list[Path2D] = []
    for _ in range(2):
        taken.append(free_path(config, random, taken, config.steps))
    for _ in range(config.distractors):
        taken.append(free_path(config, random, taken, max(1, config.steps // 4)))
    for path in taken:
        draw_dashes(canvas, path)
    first, second = taken[:2]
    ends = (first[0], first[-1]) if joined else (first[0], second[-1])
    for point in ends:
        draw_dot(canvas, point)
    return np.round(255 * canvas.clip(0, 1)).astype(np.uint8)


def free_path(
    config: PathfinderConfig, random: np.random.Generator, taken: list[Path2D], steps: int
) -> Path2D:
    """Return a winding path that keeps its distance from those there are, (steps + 1, 2)."""
    best, best_gap = wander(config, random, steps), -1.0
    for _ in range(10):
        path = wander(config, random, steps)
        gap = min((distance(path, other) for other in taken), default=np.inf)
        if gap > best_gap:
            best, best_gap = path, gap
        if best_gap >= 3:
            break
    return best


def distance(path: Path2D, other: Path2D) -> float:
    """Return the smallest distance of two paths' corners, in pixels."""
    rows, columns = (path[:, None, axis] - other[None, :, axis] for axis in (0, 1))
    return float(np.sqrt((rows * rows + columns * columns).min()))


def wander(config: PathfinderConfig, random: np.random.Generator, steps: int) -> Path2D:
    """Return a path of steps of 2.2 pixels that turns gently and stays inside the picture."""
    margin, limit = 3.0, config.size - 4.0
    row, column, angle = random.uniform((margin, margin, 0), (limit, limit, 2 * math.pi)).tolist()
    points = [(row, column)]
    for turn in random.normal(0, 0.35, steps).tolist():
        angle += turn
        next_row, next_column = row + 2.2 * math.sin(angle), column + 2.2 * math.cos(angle)
        if not (margin <= next_row <= limit and margin <= next_column <= limit):
            angle += math.pi / 2
            next_row, next_column = row + 2.2 * math.sin(angle), column + 2.2 * math.cos(angle)
        row, column = (min(max(value, margin), limit) for value in (next_row, next_column))
        points.append((row, column))
    return np.array(points)


def draw_dashes(canvas: NDArray[np.float64], path: Path2D) -> None:
    """Draw the middle part of each step of a path on `canvas` in place."""
    shares = np.linspace(0.1, 0.7, 5)[:, None, None]
    points = np.round(path[:-1] + shares * np.diff(path, axis=0)).astype(int).reshape(-1, 2)
    canvas[points[:, 0], points[:, 1]] = 0.6


def draw_dot(canvas: NDArray[np.float64], point: NDArray[np.float64]) -> None:
    """Draw a bright dot of 3 x 3 pixels on `canvas` in place."""
    row, column = np.round(point).astype(int)
    canvas[row - 1 : row + 2, column - 1 : column + 2] = 1.0
