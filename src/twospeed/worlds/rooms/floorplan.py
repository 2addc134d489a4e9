"""Procedural floor plans: rooms on an uneven grid, joined by doorways in the middle of walls.

Holds: `FloorPlan` and how one is drawn from a generator. Holds not: what walls look like.
Lengths are metres. Room widths are odd, so that ways between room centres are whole metres.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

DOOR_WIDTH = 1.2
WIDTHS = (3, 5)

Segments = NDArray[np.float32]
"""(M, 3): where the wall stands on its own axis, where it begins and ends on the other."""


@dataclass(frozen=True, kw_only=True, slots=True)
class FloorPlan:
    """Rooms, doors between neighbours, and the walls that follow from them."""

    x_edges: tuple[int, ...]
    """Where columns of rooms begin and end, in metres."""

    y_edges: tuple[int, ...]
    """Where rows of rooms begin and end, in metres."""

    doors: frozenset[tuple[int, int]]
    """Pairs of room numbers (smaller first) that a doorway joins."""

    @property
    def columns(self) -> int:
        """How many rooms stand side by side."""
        return len(self.x_edges) - 1

    @property
    def num_rooms(self) -> int:
        """How many rooms there are; room `row * columns + column`."""
        return self.columns * (len(self.y_edges) - 1)

    def centre(self, room: int) -> tuple[float, float]:
        """Return the middle of a room."""
        row, column = divmod(room, self.columns)
        return (
            (self.x_edges[column] + self.x_edges[column + 1]) / 2,
            (self.y_edges[row] + self.y_edges[row + 1]) / 2,
        )

    def room_at(self, x: float, y: float) -> int:
        """Return the number of the room that holds a point."""
        column = int(np.searchsorted(self.x_edges, x, side="right")) - 1
        row = int(np.searchsorted(self.y_edges, y, side="right")) - 1
        last_row = len(self.y_edges) - 2
        return min(max(row, 0), last_row) * self.columns + min(max(column, 0), self.columns - 1)


@dataclass(frozen=True, kw_only=True, slots=True)
class Walls:
    """All walls that run along one axis, and which texture each of their two faces has."""

    segments: Segments
    faces: NDArray[np.int32]
    """(M, 2): face seen by a ray that travels up the axis, and by one that travels down."""


def draw_floor_plan(generator: np.random.Generator) -> FloorPlan:
    """Draw two or three columns and rows, a tree of doors, and doors that close loops."""
    columns, rows = generator.integers(2, 4, size=2)
    x_edges = (0, *np.cumsum(generator.choice(WIDTHS, size=columns)).tolist())
    y_edges = (0, *np.cumsum(generator.choice(WIDTHS, size=rows)).tolist())
    pairs = _pairs(int(columns), int(rows))
    doors = _tree(pairs, int(columns * rows), generator) | _one_ring(int(columns), generator)
    doors |= {pair for pair in pairs if generator.random() < 0.3}
    return FloorPlan(x_edges=x_edges, y_edges=y_edges, doors=frozenset(doors))


def _pairs(columns: int, rows: int) -> list[tuple[int, int]]:
    rooms = range(columns * rows)
    beside = [(room, room + 1) for room in rooms if (room + 1) % columns]
    return beside + [(room, room + columns) for room in rooms if room + columns < columns * rows]


def _tree(
    pairs: list[tuple[int, int]], rooms: int, generator: np.random.Generator
) -> set[tuple[int, int]]:
    """Join all rooms with as few doors as possible (Kruskal on a shuffled list)."""
    group = list(range(rooms))
    doors = set()
    for index in generator.permutation(len(pairs)):
        a, b = pairs[index]
        if group[a] != group[b]:
            doors.add((a, b))
            group = [group[a] if label == group[b] else label for label in group]
    return doors


def _one_ring(columns: int, generator: np.random.Generator) -> set[tuple[int, int]]:
    """Return the four doors of a loop through four rooms in a corner of the plan."""
    corner = int(generator.integers(0, columns - 1))
    below = corner + columns
    return {(corner, corner + 1), (below, below + 1), (corner, below), (corner + 1, below + 1)}


def walls_along(plan: FloorPlan, axis: int) -> Walls:
    """Return the walls that stand across `axis` (0: at fixed x, 1: at fixed y).

    Face numbers are ``4 * room + side``, side 0..3 = west, east, south, north wall of the room.
    """
    own, other = (plan.x_edges, plan.y_edges) if axis == 0 else (plan.y_edges, plan.x_edges)
    rows: list[tuple[float, float, float]] = []
    faces: list[tuple[int, int]] = []
    for line, position in enumerate(own):
        for span in range(len(other) - 1):
            before, after = (_room(plan, axis, line + side, span) for side in (-1, 0))
            side = 2 * axis
            face = (
                4 * before + side + 1 if before is not None else 0,
                4 * after + side if after is not None else 0,
            )
            is_door = before is not None and after is not None and (before, after) in plan.doors
            for start, end in _solid(other[span], other[span + 1], is_door=is_door):
                rows.append((position, start, end))
                faces.append(face)
    return Walls(segments=np.array(rows, np.float32), faces=np.array(faces, np.int32))


def _room(plan: FloorPlan, axis: int, line: int, span: int) -> int | None:
    column, row = (line, span) if axis == 0 else (span, line)
    inside = 0 <= column < plan.columns and 0 <= row < len(plan.y_edges) - 1
    return row * plan.columns + column if inside else None


def _solid(start: int, end: int, *, is_door: bool) -> list[tuple[float, float]]:
    middle = (start + end) / 2
    if not is_door:
        return [(start, end)]
    return [(start, middle - DOOR_WIDTH / 2), (middle + DOOR_WIDTH / 2, end)]
