"""Who saw what: no frame is shown before it is scored.

What may be shown again is the place, in another frame: a protocol of revisits says so (`seen`).
"""

from collections.abc import Iterable

from torch import Tensor

from twospeed.core.errors import LeakError


class Ledger:
    """The true frames of one episode as latents, handed out chunk by chunk.

    Where an autoencoder packs time, "frame" is here a latent of several.

    Args:
        latents_CTHW: of all its true frames.
    """

    def __init__(self, latents_CTHW: Tensor) -> None:
        self._latents = latents_CTHW
        self._shown: set[int] = set()
        self._scored: set[int] = set()

    def show(self, first: int, count: int) -> Tensor:
        """Return latents (C, count, H, W) in memory of their own: no later frame lies beside them.

        Raises:
            LeakError: when one of them is still to be scored (`expect`).
        """
        frames = range(first, first + count)
        early = sorted(self._scored & set(frames))
        if early:
            raise LeakError(f"frame {early[0]} is shown before it is scored")
        self._shown.update(frames)
        return self._latents[:, first : first + count].clone()

    def before(self, first: int) -> Tensor:
        """Return all latents before one, to decode what is generated there; for no memory."""
        return self._latents[:, :first]

    def expect(self, frames: Iterable[int]) -> None:
        """Say which frames are about to be generated and scored.

        Raises:
            LeakError: when one of them was shown.
        """
        wanted = set(frames)
        seen = sorted(wanted & self._shown)
        if seen:
            raise LeakError(f"frame {seen[0]} is scored, but was shown before")
        self._scored |= wanted

    def settle(self, frames: Iterable[int]) -> None:
        """Say that frames have been generated: from now on they may be shown."""
        self._scored -= set(frames)
