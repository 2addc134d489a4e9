"""Routes through the built-in rooms, whose floor plan is known: all kinds, and roaming.

Holds: the makers in `ROUTES`, `make_route`, and `roam` for training. Holds not: what a route is
(base.py), frames, models, scores.
"""

from collections.abc import Callable, Sequence

import numpy as np

from twospeed.core.errors import lookup
from twospeed.worlds.base import Pose
from twospeed.worlds.language import OPPOSITE
from twospeed.worlds.rooms.floorplan import FloorPlan
from twospeed.worlds.rooms.raycast import Scene
from twospeed.worlds.rooms.world import free_pose, moved, pose_array, walk
from twospeed.worlds.routes.base import (
    CHUNK_FRAMES,
    EXPLORING,
    HALF_TURN,
    KINDS,
    PERTURBED,
    STEPS,
    Route,
    full_turn,
    is_dull,
    is_unhindered,
    route_of,
    tour_of,
)
from twospeed.worlds.routes.perturbed import Question, question_of
from twospeed.worlds.routes.revisits import SAME


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


def roam(scene: Scene, generator: np.random.Generator, chunks: int) -> tuple[Pose, tuple[str, ...]]:
    """Draw a start and a walk for training: half of them laps through rooms, where there is a ring.

    The others turn and move as they like. Nothing is in the way of any command.
    """
    lap = _lap(scene, generator) if generator.random() < 0.5 else None
    if lap is None:
        return _exploration(scene, generator, chunks=chunks)
    start, actions = lap
    return start, (actions * -(-chunks // len(actions)))[:chunks]


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
    seen = (*approach, *full_turn(generator))
    actions = (*seen, *seen[-4:])
    poses = walk(scene, start, actions)
    return _route(("loop_return", "full turn"), seed, actions, len(seen), poses)


def _after_novelty(scene: Scene, seed: int) -> Route:
    generator = np.random.default_rng([seed, 2, 3])
    while True:
        start, approach = _exploration(scene, generator, chunks=int(generator.integers(2, 5)))
        turn = full_turn(generator)
        seen = (*approach, *turn, *tour_of(generator))
        poses = walk(scene, start, (*seen, *turn))
        if is_unhindered(pose_array(poses), (*seen, *turn)):
            route = ("after_novelty", "full turn")
            return _route(route, seed, (*seen, *turn), len(seen), poses)


def _perturbed(kind: str) -> Callable[[Scene, int], Route]:
    number = KINDS.index(kind)

    def make(scene: Scene, seed: int) -> Route:
        generator = np.random.default_rng([seed, 2, number])
        while True:
            start, approach = _exploration(scene, generator, chunks=int(generator.integers(2, 5)))
            question = question_of(kind, seed, generator)
            seen = (*approach, *question.seen)
            poses = _asked(scene, walk(scene, start, seen), question)
            if poses is not None and is_unhindered(
                pose_array(poses[: 1 + CHUNK_FRAMES * len(seen)]), seen
            ):
                name, actions = (kind, question.variant), (*seen, *question.asked)
                return _route(name, seed, actions, len(seen), poses, lead=question.lead)

    return make


def _asked(scene: Scene, seen: list[Pose], question: Question) -> list[Pose] | None:
    """Go on by the lead and what is asked then; None where anything is in the way."""
    led = [seen[-1]]
    for step in question.lead:
        led.append(_stepped(scene, led[-1], step))
    then = walk(scene, led[-1], question.asked)
    free = is_unhindered(pose_array(led), question.lead, frames=1)
    if not free or not is_unhindered(pose_array(then), question.asked):
        return None
    return [*seen, *led[1:], *then[1:]]


def _stepped(scene: Scene, pose: Pose, step: str) -> Pose:
    if step != HALF_TURN:
        return moved(scene, pose, step)
    return Pose(x=pose.x, y=pose.y, heading=(pose.heading + STEPS[step][2]) % 360)


ROUTES: dict[str, Callable[[Scene, int], Route]] = {
    "replay": _replay,
    "out_and_back": _out_and_back,
    "loop_return": _loop_return,
    "after_novelty": _after_novelty,
} | {kind: _perturbed(kind) for kind in PERTURBED}
"""Kind of route -> its maker."""


def _route(
    name: tuple[str, str],
    seed: int,
    actions: tuple[str, ...],
    seen: int,
    poses: Sequence[Pose],
    restart_at: int | None = None,
    lead: tuple[str, ...] = (),
) -> Route:
    """Find the revisits and give them the very pose of the first visit, to the last bit."""
    array = pose_array(poses)
    route = route_of(name, seed, actions, seen, array, restart_at=restart_at, lead=lead)
    is_revisit = (route.away < SAME).all(1)
    route.poses[route.first_generated :][is_revisit] = route.poses[route.first_visit[is_revisit]]
    return route


def _exploration(
    scene: Scene, generator: np.random.Generator, *, chunks: int
) -> tuple[Pose, tuple[str, ...]]:
    """Draw a start and a walk of so many chunks that turns, moves, and is never stopped."""
    while True:
        start = here = free_pose(scene, generator)
        path: list[str] = []
        for action in generator.choice(list(EXPLORING), 8 * chunks, p=list(EXPLORING.values())):
            then = walk(scene, here, [str(action)])
            if not is_dull(path, str(action)) and is_unhindered(pose_array(then), [str(action)]):
                path.append(str(action))
                here = then[-1]
            kinds = {action.startswith("turn") for action in path[:chunks]}
            if len(path) >= chunks and len(kinds) == min(2, chunks):
                return start, tuple(path[:chunks])


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
    if not is_unhindered(pose_array(poses), lap):
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
