"""Classifier-free guidance by the action: what the action changes is added once more.

Ho and Salimans, arXiv 2207.12598, in the slow weights alone: the prediction of slow and fast
weights gets g (slow, told the action - slow, not told) more where noise is great. The more a chunk
is remembered the less is added, and nothing to what is wholly remembered. Axes: B clips, C
channels, T frames, H and W cells, N tokens, D features.
"""

from torch import Tensor

from twospeed.worldmodel.asking.questions import Asked, FastReading, Predicting, Question


class Guidance:
    """Guided predictions of one chunk of every clip; a `Predict`.

    Args:
        reading: of slow and fast weights, or of slow ones alone.
        no_text_BND: tokens of no action.
        scale: g.
        guided_from: noise level (of 1000) from which on up it is added.
    """

    def __init__(
        self, reading: FastReading, no_text_BND: Tensor, *, scale: float, guided_from: int
    ) -> None:
        self._reading, self._unguided, self._from = reading, Predicting(reading), guided_from
        self._share_B = scale * (1 - reading.familiarity_B)
        is_guided_B = self._share_B > 0
        self._is_needed = bool(is_guided_B.any())
        if self._is_needed:
            both = reading.compared(no_text_BND)
            self._told, self._untold = (Question.of(it, is_guided_B) for it in both)
            self._asked = Asked([self._told, self._untold, *reading.asked])

    def __call__(self, noisy_BCTHW: Tensor, level_BT: Tensor) -> Tensor:
        """Return the prediction for every frame, (B, C, T, H, W)."""
        if not self._is_needed or int(level_BT[0, -1]) < self._from:
            return self._unguided(noisy_BCTHW, level_BT)
        told, untold, *answers = self._asked(noisy_BCTHW, level_BT)
        predicted = self._reading.finish(answers, noisy_BCTHW, level_BT)
        guided_Q = self._told.clips_Q
        more = self._share_B[guided_Q, None, None, None, None] * (told - untold)
        return predicted.index_add(0, guided_Q, more)
