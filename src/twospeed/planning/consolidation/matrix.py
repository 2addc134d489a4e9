"""The forgetting matrix: every skill before and after, its bound, and whether it is kept."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from twospeed.planning.consolidation.config import Bounds
from twospeed.planning.consolidation.skills import Measured

_LESS_IS_BETTER = ("loss", "retrace", "put_back")


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """One skill in one world, before and after."""

    before: Measured
    after: Measured
    bound: float
    """Most that may be lost."""

    @property
    def lost(self) -> float:
        """How much is lost, in the unit of the bound; negative where something is gained.

        Of a loss it is the share by which it grew.
        """
        if self.before.value is None or self.after.value is None:
            return 0.0
        change = self.after.value - self.before.value
        if self.before.skill == "loss":
            return change / max(self.before.value, 1e-12)
        return change if self.before.skill in _LESS_IS_BETTER else -change

    @property
    def is_kept(self) -> bool:
        """Say whether no more is lost than the bound."""
        return self.lost <= self.bound + 1e-9

    def to_json(self, first_seed: int) -> dict[str, Any]:
        """Return all that is known of it as JSON values."""
        of = self.before
        return {
            "skill": of.skill,
            "world": of.world,
            "unit": of.unit,
            "before": of.value,
            "after": self.after.value,
            "lost": None if of.missing else round(self.lost, 6),
            "bound": self.bound,
            "kept": None if of.missing else self.is_kept,
            "episodes": of.episodes,
            "seeds": [first_seed, first_seed + max(0, of.episodes - 1)],
            "missing": of.missing,
        }


def rows_of(before: Mapping[str, Measured], after: Sequence[Measured], bounds: Bounds) -> list[Row]:
    """Put what was measured before and after side by side.

    Args:
        before: by `Measured.name`.
        after: all skills, or the first ones where a bound was broken by then.
        bounds: the most that each may lose.
    """
    return [Row(before=before[it.name], after=it, bound=getattr(bounds, it.skill)) for it in after]
