"""A denoiser asked about one chunk of every clip: what does not change with the noise, found once.

`Reading` holds text, keys and what the recall layer gives; the sampler asks it at every step.
`FastReader` and `FastReading` are what fast weights offer to `WorldModel.generate`; memory/ has
them. Axes: B clips, C channels, T frames, P past frames, H and W cells, N tokens, D features, K
features of a key, O what the recall layer gives.
"""

from dataclasses import dataclass, replace
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor

from twospeed.worldmodel.contract import Denoiser, Recaller, recall_denoiser


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
    """What that layer gives for them, with the weights that it had when it was read."""

    @classmethod
    def of(
        cls,
        denoiser: Denoiser,
        past_BCPHW: Tensor,
        text_BND: Tensor,
        *,
        recaller: Recaller | None = None,
        key_BK: Tensor | None = None,
    ) -> "Reading":
        """Read a denoiser as its weights are now, adapters included.

        Args:
            denoiser: any.
            past_BCPHW: clean latents of the past frames.
            text_BND: tokens of the actions.
            recaller: what has the recall layer; None takes the denoiser's own, if it has one.
            key_BK: the keys, where they are known; None draws them.
        """
        recaller, recalled_BO = recaller or recall_denoiser(denoiser), None
        if recaller is not None:
            key_BK = recaller.keys_of(past_BCPHW, text_BND) if key_BK is None else key_BK
            recalled_BO = recaller.recall.layer(key_BK)
        return cls(
            denoiser=denoiser,
            past_BCPHW=past_BCPHW,
            text_BND=text_BND,
            recaller=recaller,
            key_BK=key_BK,
            recalled_BO=recalled_BO,
        )

    def __call__(self, noisy_BCTHW: Tensor, level_BT: Tensor) -> Tensor:
        """Return the prediction for every frame, (B, C, T, H, W)."""
        recalling = recall_denoiser(self.denoiser)
        if recalling is None or recalling is not self.recaller:
            return self.denoiser(noisy_BCTHW, level_BT, self.text_BND)
        return recalling(noisy_BCTHW, level_BT, self.text_BND, self.recalled_BO)

    @property
    def score_B(self) -> Tensor:
        """The recall layer's familiarity scores, (B,); 0 without such a layer."""
        if self.recalled_BO is None:
            return self.past_BCPHW.new_zeros(len(self.past_BCPHW))
        return self.recalled_BO[:, -1]

    def clips(self, chosen: Tensor) -> "Reading":
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
        )

    def beside(self, other: "Reading") -> "Reading":
        """Return both readings of one denoiser as one of all their clips, this one's first."""
        return Reading(
            denoiser=self.denoiser,
            past_BCPHW=torch.cat([self.past_BCPHW, other.past_BCPHW]),
            text_BND=torch.cat([self.text_BND, other.text_BND]),
            recaller=self.recaller,
            key_BK=_joined(self.key_BK, other.key_BK),
            recalled_BO=_joined(self.recalled_BO, other.recalled_BO),
        )


class FastReading(Protocol):
    """What fast weights make of one chunk of every clip."""

    familiarity_B: Tensor
    """How far each chunk is remembered, 0 to 1."""

    def __call__(self, noisy_BCTHW: Tensor, level_BT: Tensor) -> Tensor:
        """Return the prediction of slow and fast weights for every frame, (B, C, T, H, W)."""
        ...


@runtime_checkable
class FastReader(Protocol):
    """Fast weights, as generating asks them: once a chunk."""

    def read(self, slow: Reading) -> FastReading:
        """Return what they make of the chunks that the slow weights were asked about."""
        ...


def _joined(first: Tensor | None, second: Tensor | None) -> Tensor | None:
    return None if first is None or second is None else torch.cat([first, second])
