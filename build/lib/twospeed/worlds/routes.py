"""Walks through the rooms that come back to where they were: what recall is measured on.

Holds: `Route`, the four makers in `ROUTES`, `make_route`. Holds not: frames, models, scores.
A route is first seen (true frames), then generated; for every generated frame it says which seen
frame stood at the same pose. Axes: T frames, G generated frames.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from twospeed.core.errors import lookup
from twospeed.worlds.base import Pose
from twospeed.worlds.floorplan import FloorPlan
from twospeed.worlds.language import OPPOSITE
from twospeed.worlds.raycast import Scene
from twospeed.worlds.rooms import MOTIONS, free_pose, pose_array, walk

CHUNK_FRAMES = 4
"""Frames of one action; a chunk turns by 90 degrees or moves by one metre."""

_SAME = 1e-3  # metres, and degrees
_EXPLORING = {  # how often each command is tried while exploring
    "go forward": 0.4,
    "turn left": 0.2,
    "turn right": 0.2,
    "step left": 0.08,
    "step right": 0.08,
    "go back": 0.04,
}
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

    Frame 0 is the start; action k makes the frames ``4 * k + 1`` to ``4 * k + 4``. Every command
    really moves: no step is stopped by a wall or a landmark.
    """

    kind: str
    """A key of `ROUTES`."""

    variant: str
    """What is walked, such as "full turn" or "loop through rooms"."""

    seed: int
    """The episode; decides the route together with the kind."""

    actions: tuple[str, ...]
    """One canonical command a chunk."""

    seen: int
    """So many of the first actions are observed with true frames; the others are generated."""

    poses: NDArray[np.float32]
    """(T, 3), T = 1 + 4 * number of actions: x and y in metres, heading in degrees."""

    first_visit: NDArray[np.int64]
    """(G,): for every generated frame the latest seen frame of the same pose, -1 where none is."""

    restart_at: int | None = None
    """Replay only: before this action the episode is put back to frame 0, the memory is kept.

    The actions from here on are those from 0 on once more. Of these, ``actions[restart_at:seen]``
    (one chunk) is observed as context and not written to the memory, the rest is generated. The
    context begins anew with frame 0, so frame ``4 * restart_at + 1`` follows on frame 0.
    """

    @property
    def start(self) -> Pose:
        """The pose of frame 0."""
        x, y, heading = self.poses[0].tolist()
        return Pose(x=x, y=y, heading=heading)

    @property
    def first_generated(self) -> int:
        """The first frame that is generated; all before it are seen."""
        return 1 + CHUNK_FRAMES * self.seen

    @property
    def age(self) -> NDArray[np.int64]:
        """(G,): how many frames ago the pose of a generated frame was seen, -1 where never."""
        frames = np.arange(self.first_generated, len(self.poses))
        return np.where(self.first_visit < 0, -1, frames - self.first_visit)


def make_route(scene: Scene, seed: int, kind: str) -> Route:
    """Make the route of this kind for an episode; the same every time.

    Args:
        scene: what `Scene.of_seed` gives for `seed`.
        seed: the episode.
        kind: a key of `ROUTES`.

    Raises:
        UnknownNameError: when there is no such kind.
    """
    return lookup(ROUTES, kind, "route")(scene, seed)


def _replay(scene: Scene, seed: int) -> Route:
    generator = np.random.default_rng([seed, 2, 0])
    start, path = _exploration(scene, generator, chunks=int(generator.integers(5, 9)))
    first = walk(scene, start, path)
    poses = [*first, *first[1:]]
    return _route(
        ("replay", "same walk"), seed, (*path, *path), len(path) + 1, poses, restart_at=len(path)
    )


def _out_and_back(scene: Scene, seed: int) -> Route:
    generator = np.random.default_rng([seed, 2, 1])
    start, out = _exploration(scene, generator, chunks=int(generator.integers(3, 7)))
    actions = (*out, *(OPPOSITE[action] for action in reversed(out)))
    poses = walk(scene, start, actions)
    return _route(("out_and_back", "way back"), seed, actions, len(out), poses)


def _loop_return(scene: Scene, seed: int) -> Route:
    generator = np.random.default_rng([seed, 2, 2])
    lap = _lap(scene, generator) if seed % 4 == 3 else None
    if lap is not None:
        start, actions = lap
        poses = walk(scene, start, actions * 2)
        return _route(("loop_return", "loop through rooms"), seed, actions * 2, len(actions), poses)
    start, approach = _exploration(scene, generator, chunks=int(generator.integers(2, 5)))
    seen = (*approach, *_full_turn(generator))
    actions = (*seen, *seen[-4:])
    poses = walk(scene, start, actions)
    return _route(("loop_return", "full turn"), seed, actions, len(seen), poses)


def _after_novelty(scene: Scene, seed: int) -> Route:
    generator = np.random.default_rng([seed, 2, 3])
    while True:
        start, approach = _exploration(scene, generator, chunks=int(generator.integers(2, 5)))
        turn = _full_turn(generator)
        seen = (*approach, *turn, *_tour(generator))
        poses = walk(scene, start, (*seen, *turn))
        if _is_unhindered(poses, (*seen, *turn)):
            route = ("after_novelty", "full turn")
            return _route(route, seed, (*seen, *turn), len(seen), poses)


ROUTES: dict[str, Callable[[Scene, int], Route]] = {
    "replay": _replay,
    "out_and_back": _out_and_back,
    "loop_return": _loop_return,
    "after_novelty": _after_novelty,
}
"""Kind of route -> its maker."""


def _route(
    name: tuple[str, str],
    seed: int,
    actions: tuple[str, ...],
    seen: int,
    poses: Sequence[Pose],
    restart_at: int | None = None,
) -> Route:
    """Find the revisits and give them the very pose of the first visit, to the last bit."""
    array = pose_array(poses)
    first_visit = _first_visits(array, 1 + CHUNK_FRAMES * seen)
    generated = array[1 + CHUNK_FRAMES * seen :]
    is_revisit = first_visit >= 0
    generated[is_revisit] = array[first_visit[is_revisit]]
    return Route(
        kind=name[0],
        variant=name[1],
        seed=seed,
        actions=actions,
        seen=seen,
        poses=array,
        first_visit=first_visit,
        restart_at=restart_at,
    )


def _first_visits(poses_T3: NDArray[np.float32], num_seen: int) -> NDArray[np.int64]:
    """Return the latest of the first `num_seen` frames with the pose of each later one, or -1."""
    seen, generated = np.split(poses_T3.astype(np.float64), [num_seen])
    away = generated[:, None] - seen[None]
    turned = (away[..., 2] + 180) % 360 - 180
    is_same = (np.hypot(away[..., 0], away[..., 1]) < _SAME) & (abs(turned) < _SAME)
    latest = num_seen - 1 - is_same[:, ::-1].argmax(axis=1)
    return np.where(is_same.any(axis=1), latest, -1)


def _exploration(
    scene: Scene, generator: np.random.Generator, *, chunks: int
) -> tuple[Pose, tuple[str, ...]]:
    """Draw a start and a walk of so many chunks that turns, moves, and is never stopped."""
    while True:
        start = here = free_pose(scene, generator)
        path: list[str] = []
        for action in generator.choice(list(_EXPLORING), 8 * chunks, p=list(_EXPLORING.values())):
            then = walk(scene, here, [str(action)])
            if not _is_dull(path, str(action)) and _is_unhindered(then, [str(action)]):
                path.append(str(action))
                here = then[-1]
            kinds = {action.startswith("turn") for action in path[:chunks]}
            if len(path) >= chunks and len(kinds) == 2:
                return start, tuple(path[:chunks])


def _is_dull(path: Sequence[str], action: str) -> bool:
    """Say whether an action undoes the last one, or turns the same way a third time."""
    undoes = path[-1:] == [OPPOSITE[action]]
    return undoes or (action.startswith("turn") and list(path[-2:]) == [action] * 2)


def _is_unhindered(poses: Sequence[Pose], actions: Sequence[str]) -> bool:
    """Say whether every step of every move led to another place."""
    places = np.array([(pose.x, pose.y) for pose in poses])
    lengths = np.hypot(*np.diff(places, axis=0).T).reshape(len(actions), CHUNK_FRAMES)
    wanted = [np.hypot(*MOTIONS[action][:2]) for action in actions]
    return bool(np.allclose(lengths, np.array(wanted)[:, None], atol=1e-6))


def _full_turn(generator: np.random.Generator) -> tuple[str, ...]:
    return (("turn left", "turn right")[generator.integers(2)],) * 4


def _tour(generator: np.random.Generator) -> tuple[str, ...]:
    """Draw a closed walk of four or six chunks, as it stands, mirrored, with moves reversed."""
    tour = _TOURS[generator.integers(len(_TOURS))]
    for other in (_MIRRORED, _REVERSED):
        if generator.random() < 0.5:
            tour = tuple(other.get(action, action) for action in tour)
    return tour


def _lap(scene: Scene, generator: np.random.Generator) -> tuple[Pose, tuple[str, ...]] | None:
    """Draw a lap through four rooms from anywhere on it, or None where no ring is open."""
    corners = _ring(scene.plan)
    if corners is None:
        return None
    (left, low), (right, high) = corners
    turn = ("turn left", "turn right")[generator.integers(2)]
    sides = [right - left, high - low]
    if turn == "turn right":
        sides.reverse()  # clockwise from the same corner: up first
    lap = [action for side in sides * 2 for action in (*["go forward"] * round(side), turn)]
    start = Pose(x=left, y=low, heading=0.0 if turn == "turn left" else 90.0)
    poses = walk(scene, start, lap)
    if not _is_unhindered(poses, lap):
        return None
    first = int(generator.integers(len(lap)))
    return poses[CHUNK_FRAMES * first], (*lap[first:], *lap[:first])


def _ring(plan: FloorPlan) -> tuple[tuple[float, float], tuple[float, float]] | None:
    """Return the centres of two opposite rooms of four that doorways join in a ring."""
    for room in range(plan.num_rooms - plan.columns - 1):
        above = room + plan.columns
        ring = {(room, room + 1), (above, above + 1), (room, above), (room + 1, above + 1)}
        if ring <= plan.doors:
            return plan.centre(room), plan.centre(above + 1)
    return None
