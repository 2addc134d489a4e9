"""One chunk of a session: generated and not yet learned, and done."""

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor

from twospeed.memory.fast_weights import WriteRecord
from twospeed.web.microscope import Recall
from twospeed.web.words import Said
from twospeed.worlds.base import Observation


@dataclass(frozen=True, kw_only=True, slots=True)
class Done:
    """What one chunk was."""

    said: Said
    is_seen: bool
    """It was seen, not dreamed."""

    recall: Recall | None
    """What was recalled for it; None where it was seen or there is no memory."""

    record: WriteRecord | None
    """What its write did; None without a memory."""

    seconds: float
    """Of generating its latents; 0 where it was seen."""


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class Imagined:
    """A chunk that was generated and is not yet learned."""

    said: Said
    new: Tensor
    """Clean latents of every pane, (B, C, T, h, w)."""

    truth: Sequence[Observation]
    """What the true world shows; empty without one."""

    recall: Recall | None
    seconds: float
