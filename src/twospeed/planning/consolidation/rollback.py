"""Roll-back along the line from the old weights to the new ones: as far as no bound is broken."""

from collections.abc import Callable, Mapping

from torch import Tensor


def furthest_kept(keeps: Callable[[float], bool], halvings: int) -> float:
    """Return the share of the way, 0 to 1, that is kept.

    The whole way is tried first, then the middle of what is left between the furthest share that
    was kept and the nearest that was not. Share 0, the old weights, loses nothing and is not tried.

    Args:
        keeps: says of a share whether all bounds hold there.
        halvings: how often the way is halved.
    """
    if keeps(1.0):
        return 1.0
    kept, broken = 0.0, 1.0
    for _ in range(halvings):
        middle = (kept + broken) / 2
        if keeps(middle):
            kept = middle
        else:
            broken = middle
    return kept


def between(
    old: Mapping[str, Tensor], new: Mapping[str, Tensor], share: float
) -> dict[str, Tensor]:
    """Return weights so far on the way from old to new ones; what is no number stays old."""
    return {
        name: tensor.lerp(new[name].to(tensor), share) if tensor.is_floating_point() else tensor
        for name, tensor in old.items()
    }
