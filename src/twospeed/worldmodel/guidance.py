"""Classifier-free guidance by the action: what the action changes is added once more.

Ho and Salimans, arXiv 2207.12598, in the slow weights alone: the prediction of slow and fast
weights gets g (slow, told the action - slow, not told) more where noise is great. The more a chunk
is remembered the less is added, and nothing to what is wholly remembered. Both are asked in one
batch. Axes: B clips, C channels, T frames, H and W cells, N tokens, D features.
"""

from torch import Tensor

from twospeed.worldmodel.reading import FastReading, Reading


class Guidance:
    """Guided predictions of one chunk of every clip; a `Predict`.

    Args:
        slow: the slow weights, told the actions.
        fast: slow and fast weights; None without fast weights.
        no_text_BND: tokens of no action.
        scale: g.
        guided_from: noise level (of 1000) from which on up it is added.
    """

    def __init__(
        self,
        slow: Reading,
        fast: FastReading | None,
        no_text_BND: Tensor,
        *,
        scale: float,
        guided_from: int,
    ) -> None:
        self.slow, self.fast, self.guided_from = slow, fast, guided_from
        share_B = slow.past_BCPHW.new_full((len(no_text_BND),), scale)
        self.share_B = share_B * (1 - fast.familiarity_B) if fast else share_B
        self.guided = self.share_B.nonzero()[:, 0]
        self.is_needed = len(self.guided) > 0
        if self.is_needed:
            told, no_text = slow.clips(self.guided), no_text_BND[self.guided]
            untold = Reading.of(slow.denoiser, told.past_BCPHW, no_text, recaller=slow.recaller)
            self.told_untold = told.beside(untold)

    def __call__(self, noisy_BCTHW: Tensor, level_BT: Tensor) -> Tensor:
        """Return the prediction for every frame, (B, C, T, H, W)."""
        predict = self.fast or self.slow
        if not self.is_needed or int(level_BT[0, -1]) < self.guided_from:
            return predict(noisy_BCTHW, level_BT)
        guided = noisy_BCTHW[self.guided], level_BT[self.guided]
        twice = guided[0].repeat(2, 1, 1, 1, 1), guided[1].repeat(2, 1)
        told, untold = self.told_untold(*twice).chunk(2)
        predicted = self.fast(noisy_BCTHW, level_BT) if self.fast else told
        more = self.share_B[self.guided, None, None, None, None] * (told - untold)
        return predicted.index_add(0, self.guided, more)
