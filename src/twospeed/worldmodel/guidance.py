"""Classifier-free guidance by the action: what the action changes is added once more.

Ho and Salimans, arXiv 2207.12598, in the slow weights alone: the prediction of slow and fast
weights gets g (slow, told the action - slow, not told) more where noise is great. The more a chunk
is remembered the less is added; what is wholly remembered is not guided. Both are asked in one
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
        self.is_needed = bool(self.share_B.any())
        if self.is_needed:
            untold = Reading.of(slow.denoiser, slow.past_BCPHW, no_text_BND)
            self.told_untold = slow.beside(untold)

    def __call__(self, noisy_BCTHW: Tensor, level_BT: Tensor) -> Tensor:
        """Return the prediction for every frame, (B, C, T, H, W)."""
        predict = self.fast or self.slow
        if not self.is_needed or int(level_BT[0, -1]) < self.guided_from:
            return predict(noisy_BCTHW, level_BT)
        twice = noisy_BCTHW.repeat(2, 1, 1, 1, 1), level_BT.repeat(2, 1)
        told, untold = self.told_untold(*twice).chunk(2)
        predicted = self.fast(noisy_BCTHW, level_BT) if self.fast else told
        return predicted + self.share_B[:, None, None, None, None] * (told - untold)
