"""A denoiser asked about one chunk of every clip: what does not change with the noise, found once.

`Reading` holds text, keys and what the recall layer gives; the sampler asks it at every step
(asking/). Axes: B clips, C channels, T frames, P past frames, H and W cells, N tokens, D
features, K features of a key, O what the recall layer gives.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from twospeed.worldmodel.contract import (
    Denoiser,
    RecallDenoiser,
    Recaller,
    past_denoiser,
    recall_denoiser,
)


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class Reading:
    """A denoiser's predictions of the chunks that follow some pasts; a `Predict`."""

    denoiser: Denoiser
    past_BCPHW: Tensor
    """Clean latents of the past frames."""

    text_BND: Tensor
    """Tokens of the actions."""

    recaller: Recaller | None
    """What has the recall layer: the denoiser itself, or a module beside it."""

    key_BK: Tensor | None
    """Keys of the chunks; None without a recall layer."""

    recalled_BO: Tensor | None
    """What that layer gave for them, with the weights that it had then, or what takes its place."""

    past_BPSD: Tensor | None = None
    """What the denoiser makes of the past alone (`PastDenoiser`); None leaves it to every call."""

    @classmethod
    def of(
        cls,
        denoiser: Denoiser,
        past_BCPHW: Tensor,
        text_BND: Tensor,
        *,
        recaller: Recaller | None = None,
    ) -> "Reading":
        """Read a denoiser as its weights are now, adapters included.

        Args:
            denoiser: any.
            past_BCPHW: clean latents of the past frames.
            text_BND: tokens of the actions.
            recaller: what has the recall layer; None takes the denoiser's own, if it has one.
        """
        recaller = recaller or recall_denoiser(denoiser)
        key_BK = recaller.keys_of(past_BCPHW, text_BND) if recaller else None
        reading = cls(
            denoiser=denoiser,
            past_BCPHW=past_BCPHW,
            text_BND=text_BND,
            recaller=recaller,
            key_BK=key_BK,
            recalled_BO=None,
        )
        return reading.read_again()

    def __call__(self, noisy_BCTHW: Tensor, level_BT: Tensor) -> Tensor:
        """Return the prediction for every frame, (B, C, T, H, W)."""
        recalling, seeing = self._recalling, past_denoiser(self.denoiser)
        asked = noisy_BCTHW, level_BT, self.text_BND
        if seeing is not None and self.past_BPSD is not None:
            return seeing(*asked, self.recalled_BO if recalling else None, self.past_BPSD)
        return recalling(*asked, self.recalled_BO) if recalling else self.denoiser(*asked)

    @property
    def _recalling(self) -> RecallDenoiser | None:
        """The denoiser, if it is told of what is recalled."""
        recalling = recall_denoiser(self.denoiser)
        return recalling if recalling is self.recaller else None

    @property
    def score_B(self) -> Tensor:
        """The recall layer's familiarity scores, (B,); 0 without such a layer."""
        if self.recalled_BO is None:
            return self.past_BCPHW.new_zeros(len(self.past_BCPHW))
        return self.recalled_BO[:, -1]

    def clips(self, chosen: Tensor | slice) -> "Reading":
        """Return the reading of some of the clips.

        Args:
            chosen: their numbers.
        """
        return replace(
            self,
            past_BCPHW=self.past_BCPHW[chosen],
            text_BND=self.text_BND[chosen],
            key_BK=None if self.key_BK is None else self.key_BK[chosen],
            recalled_BO=None if self.recalled_BO is None else self.recalled_BO[chosen],
            past_BPSD=None if self.past_BPSD is None else self.past_BPSD[chosen],
        )

    def with_past(self, level_BT: Tensor) -> "Reading":
        """Return it with what the denoiser makes of the past, for windows of such levels.

        Nothing is found where it makes no such thing, or is told of a past that is not clean.
        """
        denoiser, past = past_denoiser(self.denoiser), self.past_BCPHW.shape[2]
        if denoiser is None or bool(level_BT[:, :past].any()):
            return self
        made = level_BT.shape[1] - past
        found = denoiser.past_tokens(self.past_BCPHW, self.text_BND, made=made)
        return replace(self, past_BPSD=found)

    def read_again(self) -> "Reading":
        """Return what the recall layer gives for the same keys with its weights of now."""
        if self.recaller is None or self.key_BK is None:
            return self
        return replace(self, recalled_BO=self.recaller.recall.layer(self.key_BK))

    def under(self, text_BND: Tensor) -> "Reading":
        """Return the reading under other actions.

        Args:
            text_BND: their tokens.
        """
        return Reading.of(self.denoiser, self.past_BCPHW, text_BND, recaller=self.recaller)

    def asks_like(self, other: "Reading") -> bool:
        """Say whether another reading of the same clips asks the denoiser for the same."""
        is_told = self._recalling is not None and self.recalled_BO is not None
        return torch.equal(self.text_BND, other.text_BND) and (
            not is_told or _is_same(self.recalled_BO, other.recalled_BO)
        )

    def beside(self, *others: "Reading") -> "Reading":
        """Return readings of one denoiser as one of all their clips, this one's first."""
        all_of_them = self, *others
        return replace(
            self,
            past_BCPHW=torch.cat([it.past_BCPHW for it in all_of_them]),
            text_BND=torch.cat([it.text_BND for it in all_of_them]),
            key_BK=_joined([it.key_BK for it in all_of_them]),
            recalled_BO=_joined([it.recalled_BO for it in all_of_them]),
            past_BPSD=_joined([it.past_BPSD for it in all_of_them]),
        )


def _joined(parts: Sequence[Tensor | None]) -> Tensor | None:
    known = [part for part in parts if part is not None]
    return torch.cat(known) if len(known) == len(parts) else None


def _is_same(first: Tensor | None, second: Tensor | None) -> bool:
    return first is not None and second is not None and torch.equal(first, second)
