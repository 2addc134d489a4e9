"""How episodes are explored: routes drawn by chance in which places are seen again.

A route is a chain of small motifs: looking round, walking, there and back. Holds not: routes with
measured revisits for testing (worlds/routes/base.py).
"""

from collections.abc import Callable, Sequence

import numpy as np

from twospeed.worlds.language import LITTLE, OPPOSITE

TURNS_OF_A_CIRCLE = 4
"""Chunks of one turn that make a full turn, in the worlds that we have."""

Policy = Callable[[Sequence[str], np.random.Generator, int], list[str]]
"""(the world's actions, a generator, number of chunks) -> one action a chunk."""


def explore(actions: Sequence[str], generator: np.random.Generator, chunks: int) -> list[str]:
    """Draw a route of `chunks` actions that favours seeing places again.

    In a world that knows all moves, about 45 % are turns and about 45 % go forward. Turns go on
    in one direction, so that most become half or full turns; some walks come back the way they
    went. A command that is no move lasts for one to four chunks; smaller grades of moves are left
    out.

    Args:
        actions: the canonical texts that the world knows.
        generator: draws the route; the same state draws the same route.
        chunks: how many actions to draw.
    """
    motifs = [(share, motif) for share, needs, motif in _MOTIFS if needs <= set(actions)]
    moves = frozenset().union(*(needs for _, needs, _ in _MOTIFS if needs <= set(actions)))
    others = [it for it in actions if it.removesuffix(f" {LITTLE}") not in moves]
    shares = np.array([share for share, _ in motifs])
    route: list[str] = []
    while len(route) < chunks:
        if generator.random() < len(others) / len(actions):
            route += [_one_of(generator, *others)] * int(generator.integers(1, 5))
        else:
            chosen = int(generator.choice(len(motifs), p=shares / shares.sum()))
            route += motifs[chosen][1](generator)
    return route[:chunks]


Motif = Callable[[np.random.Generator], list[str]]


def _one_of(generator: np.random.Generator, *words: str) -> str:
    return words[int(generator.integers(len(words)))]


def _walk(generator: np.random.Generator) -> list[str]:
    """Go ahead one to four chunks."""
    return ["go forward"] * int(generator.integers(1, 5))


def _glance(generator: np.random.Generator) -> list[str]:
    """Turn a quarter; now and then look back again."""
    turn = _one_of(generator, "turn left", "turn right")
    back = "turn left" if turn == "turn right" else "turn right"
    return [turn, back] if generator.random() < 0.3 else [turn]


def _circle(generator: np.random.Generator) -> list[str]:
    """Turn all the way round, sometimes once and a half or twice."""
    turn = _one_of(generator, "turn left", "turn right")
    return [turn] * (TURNS_OF_A_CIRCLE + int(generator.choice([0, 0, 2, 4])))


def _out_and_back(generator: np.random.Generator) -> list[str]:
    """Walk out, turn round, walk back, and mostly turn round again."""
    turn = _one_of(generator, "turn left", "turn right")
    walk = ["go forward"] * int(generator.integers(1, 5))
    about = [turn] * (TURNS_OF_A_CIRCLE // 2)
    return walk + about + walk + (about if generator.random() < 0.7 else [])


def _in_and_out(generator: np.random.Generator) -> list[str]:
    """Walk ahead, and back without turning round."""
    length = int(generator.integers(1, 4))
    return ["go forward"] * length + ["go back"] * length


def _sway(generator: np.random.Generator) -> list[str]:
    """Step aside and mostly back again."""
    side = _one_of(generator, "step left", "step right")
    other = "step left" if side == "step right" else "step right"
    return [side, other] if generator.random() < 0.7 else [side]


_TURNS = frozenset({"turn left", "turn right"})
_MOTIFS: tuple[tuple[float, frozenset[str], Motif], ...] = (
    # share of the motifs, the commands it needs, the motif
    (0.36, frozenset({"go forward"}), _walk),
    (0.22, _TURNS, _glance),
    (0.13, _TURNS, _circle),
    (0.13, _TURNS | {"go forward"}, _out_and_back),
    (0.06, frozenset({"go forward", "go back"}), _in_and_out),
    (0.10, frozenset({"step left", "step right"}), _sway),
)


def revisit(actions: Sequence[str], generator: np.random.Generator, chunks: int) -> list[str]:
    """Draw a route whose second half comes back to what the first half saw.

    Half of the routes explore a little and turn round twice, with or without a step aside between;
    the others undo what they did. What is left over is explored, and so is a world that lacks a
    command which this needs.

    Args:
        actions: the canonical texts that the world knows.
        generator: draws the route; the same state draws the same route.
        chunks: how many actions to draw.
    """
    first = int(generator.integers(1, max(2, chunks // 3)))
    route = explore(actions, generator, first)
    if set(actions) >= _TURNS and generator.random() < 0.5:
        turn = _one_of(generator, "turn left", "turn right")
        aside = [move for move in ("go forward", "step left", "step right") if _has(actions, move)]
        between = _there_and_back(generator, aside) if aside and generator.random() < 0.3 else []
        route += [turn] * TURNS_OF_A_CIRCLE + between + [turn] * TURNS_OF_A_CIRCLE
    elif all(_has(actions, action) for action in actions):
        route += explore(actions, generator, max(1, chunks // 2 - first))
        route += [OPPOSITE[action] for action in reversed(route)]
    return (route + explore(actions, generator, chunks))[:chunks]


def _has(actions: Sequence[str], move: str) -> bool:
    """Say whether a world knows a move and the one that undoes it."""
    return move in actions and OPPOSITE.get(move) in actions


def _there_and_back(generator: np.random.Generator, moves: Sequence[str]) -> list[str]:
    move = _one_of(generator, *moves)
    return [move, OPPOSITE[move]]


def wander(actions: Sequence[str], generator: np.random.Generator, chunks: int) -> list[str]:
    """Draw any command of the world, evenly, for one to three chunks, again and again.

    Args:
        actions: the canonical texts that the world knows.
        generator: draws the route; the same state draws the same route.
        chunks: how many actions to draw.
    """
    route: list[str] = []
    while len(route) < chunks:
        route += [_one_of(generator, *actions)] * int(generator.integers(1, 4))
    return route[:chunks]


POLICIES: dict[str, Policy] = {"explore": explore, "revisit": revisit, "random": wander}
"""Name -> who draws all actions of an episode before it begins."""

SCRIPTED = "scripted"
"""The name of the policy by which a `ScriptedWorld` chooses each action from where it stands."""

ROAMING = "roam"
"""The name of the policy that walks `rooms` from room to room, from a start of its own
(worlds/routes/base.py)."""
