"""The cheapest memory that there is: a table of what was seen, and no network.

All observed chunks are kept as raw latents, as they were and time-reversed (under the inverse
command). Asked for a command after some past, it replays the chunk of that command whose past
is nearest. A memory that does no better replays, too. Axes: C channels, T frames, H and W cells.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from twospeed.worldmodel.past import latest
from twospeed.worldmodel.recall import LOOKS_AT, time_reversed
from twospeed.worlds.language import OPPOSITE


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class Entry:
    """One chunk of the table."""

    action: str
    past: Tensor
    """(C, LOOKS_AT, H, W), the frames before it."""

    new: Tensor
    """(C, T, H, W), its frames."""


class LookUp:
    """A table of seen chunks.

    Args:
        latents_CTHW: of the first frame and of all chunks.
        actions: the command of each chunk.
        both_ways: also keep chunks time-reversed; latents of single frames can be.
    """

    def __init__(
        self, latents_CTHW: Tensor, actions: Sequence[str], *, both_ways: bool = True
    ) -> None:
        self.entries = list(_entries(latents_CTHW, actions, both_ways=both_ways))

    def replay(self, past_CTHW: Tensor, actions: Sequence[str]) -> Tensor:
        """Return what the table shows under some commands, (C, T, H, W).

        Args:
            past_CTHW: latents before the first of them.
            actions: one a chunk. One that was never seen holds the last frame.
        """
        shown = [_last(past_CTHW)]
        for action in actions:
            shown.append(self._next(_last(shown[-1]), action))
        return torch.cat(shown[1:], dim=1)

    def _next(self, past_CTHW: Tensor, action: str) -> Tensor:
        known = [entry for entry in self.entries if entry.action == action]
        if not known:
            return past_CTHW[:, -1:].expand_as(self.entries[0].new)
        away = torch.stack([(entry.past - past_CTHW).square().mean() for entry in known])
        return known[int(away.argmin())].new


def _entries(latents_CTHW: Tensor, actions: Sequence[str], *, both_ways: bool) -> Iterator[Entry]:
    frames = (latents_CTHW.shape[1] - 1) // len(actions)
    for chunk, action in enumerate(actions):
        first = 1 + frames * chunk
        past, new = _last(latents_CTHW[:, :first]), latents_CTHW[:, first : first + frames]
        yield Entry(action=action, past=past, new=new)
        if both_ways and action in OPPOSITE:
            after, back = (it[0] for it in time_reversed(past[None], new[None]))
            yield Entry(action=OPPOSITE[action], past=_last(after), new=back)


def _last(latents_CTHW: Tensor) -> Tensor:
    """Return the last frames; those that are missing are like the first."""
    end_B = torch.tensor([latents_CTHW.shape[1]], device=latents_CTHW.device)
    return latest(latents_CTHW[None], end_B, LOOKS_AT)[0]
