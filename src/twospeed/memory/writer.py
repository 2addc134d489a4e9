"""What a way of writing must offer; the two that there are stand beside it.

temp_lora_writer.py   gradient steps on the diffusion loss (the paper)
ridge_writer.py       least squares on the recall layer over all chunks so far (ours)
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from torch import Tensor

from twospeed.core.errors import DataError

REHEARSED = ("rehearsal.windows", "rehearsal.texts")
"""What the state of a writer holds only after some writes."""


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class Written:
    """What one write did, episode by episode."""

    before_E: Tensor
    """Loss on the chunk before the write."""

    after_E: Tensor
    """The same loss after it."""

    open_E: Tensor
    """bool: the gate was open and something could be written."""


def check_state(named: Mapping[str, Tensor], *, like: Mapping[str, Tensor]) -> None:
    """Hold what a file says of a writer to what `state` of a fresh one gives.

    Args:
        named: out of the file; it may hold rehearsed windows beside what `like` has.
        like: of a fresh writer of the same memory.

    Raises:
        DataError: when a tensor is not there, not known, of another shape or not finite.
    """
    for name in sorted(named.keys() | like.keys()):
        if name not in named:
            raise DataError(f"its writer's {name} is not there")
        if name not in like and name not in REHEARSED:
            raise DataError(f"it holds {name[:200]!r}, which no writer of it has")
        wanted = like.get(name, named[name])
        if named[name].shape != wanted.shape or named[name].dtype != wanted.dtype:
            raise DataError(
                f"its writer's {name} should be {wanted.dtype} {tuple(wanted.shape)}, got"
                f" {named[name].dtype} {tuple(named[name].shape)}"
            )
        if not named[name].isfinite().all():
            raise DataError(f"its writer's {name} holds numbers that are not finite")
    if len({len(named[name]) for name in REHEARSED if name in named}) > 1:
        raise DataError("its writer has not as many rehearsed texts as windows")


class Writer(Protocol):
    """Changes the adapters of E episodes; no episode sees its companions."""

    def write_(
        self,
        window_ECTHW: Tensor,
        text_END: Tensor,
        *,
        past_frames: int,
        writes: Sequence[int],
        generated: bool = False,
    ) -> Written:
        """Learn one chunk of every episode, with the adapters attached and gradients on.

        Args:
            window_ECTHW: clean latents, past ⊕ new.
            text_END: tokens of the chunks' actions.
            past_frames: how many of the T frames are past.
            writes: how often each episode was written before.
            generated: the new frames were generated with what is written here; a way of writing
                that cannot tell what was recalled takes no notice.
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
