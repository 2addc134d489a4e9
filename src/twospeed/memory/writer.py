"""What a way of writing must offer; the two that there are stand beside it.

gradient_writes.py   gradient steps on the diffusion loss (the paper)
recall_writes.py     least squares on the recall layer over all chunks so far (ours)
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from torch import Tensor


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class Written:
    """What one write did, episode by episode."""

    before_E: Tensor
    """Loss on the chunk before the write."""

    after_E: Tensor
    """The same loss after it."""

    open_E: Tensor
    """bool: the gate was open and something could be written."""


class Writer(Protocol):
    """Changes the adapters of E episodes; no episode sees its companions."""

    def write_(
        self,
        window_ECTHW: Tensor,
        text_END: Tensor,
        *,
        past_frames: int,
        writes: Sequence[int],
        familiar_weight: float = 1.0,
    ) -> Written:
        """Learn one chunk of every episode, with the adapters attached and gradients on.

        Args:
            window_ECTHW: clean latents, past ⊕ new.
            text_END: tokens of the chunks' actions.
            past_frames: how many of the T frames are past.
            writes: how often each episode was written before.
            familiar_weight: how much of what was recalled counts, 0 to 1; a way of writing that
                cannot tell what was recalled takes no notice.
        """
        ...

    def state(self, episode: int) -> dict[str, Tensor]:
        """Return copies of what one episode needs beside its weights to go on."""
        ...

    def load_state_(self, named: dict[str, Tensor], episode: int) -> None:
        """Take over what `state` gave."""
        ...

    def reset_(self) -> None:
        """Begin anew with the same weights."""
        ...
