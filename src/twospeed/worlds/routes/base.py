"""Walks that come back to where they were: what recall is measured on.

Holds: `Route`, `route_of`, and the words that routes are drawn from. Holds not: who walks them
(rooms.py, stepped.py), frames, models, scores.
A route is first seen (true frames), then generated; for every generated frame it says which seen
frame stood at the same pose. Axes: T frames, G generated frames.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from twospeed.worlds.base import Pose
from twospeed.worlds.language import OPPOSITE
from twospeed.worlds.rooms.world import MOTIONS
from twospeed.worlds.routes.revisits import SAME, latest_nearest, latest_same

EXACT = ("replay", "out_and_back", "loop_return", "after_novelty")
"""Kinds of routes whose way back shows poses that were seen, in chunks that were seen."""

PERTURBED = ("shifted", "turned", "aside", "ahead", "other_way", "random")
"""Kinds whose way back asks for something else than what was seen (perturbed.py)."""

KINDS = EXACT + PERTURBED
"""Kinds of routes."""

CHUNK_FRAMES = 4
"""Frames of one action; a chunk turns by 90 degrees or moves by one metre."""

HALF_TURN = "turn left a little"
"""A single step of a quarter of "turn left": two of them look half-way between two headings."""

STEPS = MOTIONS | {HALF_TURN: (0.0, 0.0, MOTIONS["turn left"][2] / 4)}
"""Single step -> metres ahead, metres to the left, degrees to the left."""

EXPLORING = {  # how often each command is tried while exploring
    "go forward": 0.4,
    "turn left": 0.2,
    "turn right": 0.2,
    "step left": 0.08,
    "step right": 0.08,
    "go back": 0.04,
}
_LEAST_SHARE = 0.96  # of the length of a step that is not stopped; engines round
_TOURS = tuple(  # closed walks that never turn at home, so that the views there stay old
    tuple(word for word in tour.split(", "))
    for tour in (
        "go forward, go forward, go back, go back",
        "go forward, go forward, go forward, go back, go back, go back",
        "go forward, step left, go back, step right",
        "go forward, go forward, step left, go back, go back, step right",
        "go forward, turn left, turn right, go back",
        "go forward, turn left, turn left, turn left, turn left, go back",
        "go forward, turn left, go forward, go back, turn right, go back",
        "go forward, turn left, go forward, turn right, step right, go back",
    )
)
_MIRRORED = {name: to for name, to in OPPOSITE.items() if name.split()[1] in ("left", "right")}
_REVERSED = {name: to for name, to in OPPOSITE.items() if not name.startswith("turn")}


@dataclass(frozen=True, kw_only=True, eq=False)
class Route:
    """A walk whose first part is seen and whose second part is generated.

    Frame 0 is the start; action k makes the frames ``4 * k + 1`` to ``4 * k + 4``, and so many more
    after a lead. Every command really moves: no step is stopped by a wall or a landmark.
    """

    kind: str
    """One of `KINDS`."""

    variant: str
    """What is walked, such as "full turn" or "loop through rooms"."""

    seed: int
    """The episode; decides the route together with the kind."""

    actions: tuple[str, ...]
    """One canonical command a chunk."""

    seen: int
    """So many of the first actions are observed with true frames; the others are generated."""

    poses: NDArray[np.float32]
    """(T, 3), T = 1 + 4 * number of actions + number of steps of the lead: x and y in metres,
    heading in degrees."""

    first_visit: NDArray[np.int64]
    """(G,): for every generated frame the latest seen frame of the same pose, -1 where none is; in
    the kinds of `PERTURBED` the latest of the nearest ones."""

    restart_at: int | None = None
    """Replay only: before this action the episode is put back to frame 0, the memory is kept.

    The actions from here on are those from 0 on once more. Of these, ``actions[restart_at:seen]``
    (one chunk) is observed as context and not written to the memory, the rest is generated. The
    context begins anew with frame 0, so frame ``4 * restart_at + 1`` follows on frame 0.
    """

    lead: tuple[str, ...] = ()
    """Single steps between what is seen and what is generated, a frame each: shown, not written."""

    @property
    def start(self) -> Pose:
        """The pose of frame 0."""
        x, y, heading = self.poses[0].tolist()
        return Pose(x=x, y=y, heading=heading)

    @property
    def first_generated(self) -> int:
        """The first frame that is generated; all before it are seen."""
        return 1 + CHUNK_FRAMES * self.seen + len(self.lead)

    @property
    def unbroken_from(self) -> int:
        """The first frame from which on all up to the last seen one follow on each other."""
        return 0 if self.restart_at is None else 1 + CHUNK_FRAMES * self.restart_at

    @property
    def away(self) -> NDArray[np.float64]:
        """(G, 2): metres and degrees from each generated frame to the one of `first_visit`.

        Not a number where there is none.
        """
        apart = np.abs(self.poses[self.first_generated :] - self.poses[self.first_visit])
        metres = np.hypot(apart[:, 0], apart[:, 1])
        away = np.stack([metres, np.minimum(apart[:, 2], 360 - apart[:, 2])], axis=1)
        return np.where(self.first_visit[:, None] < 0, np.nan, away.astype(np.float64))

    @property
    def age(self) -> NDArray[np.int64]:
        """(G,): how many frames ago the pose of a generated frame was seen, -1 where never."""
        frames = np.arange(self.first_generated, len(self.poses))
        return np.where(self.first_visit < 0, -1, frames - self.first_visit)


def route_of(
    name: tuple[str, str],
    seed: int,
    actions: tuple[str, ...],
    seen: int,
    poses_T3: NDArray[np.float32],
    *,
    restart_at: int | None = None,
    lead: tuple[str, ...] = (),
    metres: float = SAME,
    degrees: float = SAME,
) -> Route:
    """Find the revisits of a walk.

    Args:
        name: kind and variant.
        seed: the episode.
        actions: one a chunk.
        seen: how many of them are observed.
        poses_T3: x and y in metres and heading in degrees, of every frame.
        restart_at: see `Route`.
        lead: see `Route`.
        metres: two places no farther apart than this are the same.
        degrees: two headings no farther apart than this are the same.
    """
    shown, first = 1 + CHUNK_FRAMES * seen, 1 + CHUNK_FRAMES * seen + len(lead)
    before, after = poses_T3[:shown].astype(np.float64), poses_T3[first:].astype(np.float64)
    find = latest_nearest if name[0] in PERTURBED else latest_same
    return Route(
        kind=name[0],
        variant=name[1],
        seed=seed,
        actions=actions,
        seen=seen,
        poses=poses_T3,
        first_visit=find(before, after, metres, degrees),
        restart_at=restart_at,
        lead=lead,
    )


def is_unhindered(
    poses_T3: NDArray[np.float32], actions: Sequence[str], *, frames: int = CHUNK_FRAMES
) -> bool:
    """Say whether every step of every move went its whole way, from the first pose on.

    Args:
        poses_T3: x and y in metres, heading in degrees.
        actions: what was done.
        frames: steps of each.
    """
    lengths = np.hypot(*np.diff(poses_T3[:, :2], axis=0).T).reshape(len(actions), frames)
    wanted = np.array([np.hypot(*STEPS[action][:2]) for action in actions])
    return bool((lengths >= _LEAST_SHARE * wanted[:, None]).all())


def is_dull(path: Sequence[str], action: str) -> bool:
    """Say whether an action undoes the last one, or turns the same way a third time."""
    undoes = path[-1:] == [OPPOSITE[action]]
    return undoes or (action.startswith("turn") and list(path[-2:]) == [action] * 2)


def full_turn(generator: np.random.Generator) -> tuple[str, ...]:
    """Draw a direction and turn all the way round, four chunks."""
    return (("turn left", "turn right")[generator.integers(2)],) * 4


def tour_of(generator: np.random.Generator) -> tuple[str, ...]:
    """Draw a closed walk of four or six chunks, as it stands, mirrored, with moves reversed."""
    tour = _TOURS[generator.integers(len(_TOURS))]
    for other in (_MIRRORED, _REVERSED):
        if generator.random() < 0.5:
            tour = tuple(other.get(action, action) for action in tour)
    return tour
