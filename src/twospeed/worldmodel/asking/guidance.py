"""Classifier-free guidance by the action: what the action changes is added once more.

Ho and Salimans, arXiv 2207.12598, in the slow weights alone: the prediction of slow and fast
weights gets g (slow, told the action - slow, not told) more where noise is great. The more a chunk
is remembered the less is added, and nothing to what is half remembered. Axes: B clips, C
channels, T frames, H and W cells, N tokens, D features.
"""

from torch import Tensor

from twospeed.worldmodel.asking.questions import HALF_KNOWN, Asked, FastReading, Question


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
        known_B = reading.familiarity_B
        share_B = scale * (1 - known_B) * (known_B < HALF_KNOWN)
        is_guided_B = share_B > 0
        both = reading.compared(no_text_BND) if bool(is_guided_B.any()) else ()
        compared = [Question.of(it, is_guided_B, from_level=guided_from) for it in both]
        self._reading, self._guided_Q = reading, is_guided_B.nonzero()[:, 0]
        self._share_Q = share_B[self._guided_Q, None, None, None, None]
        self._asked = Asked([*reading.asked, *compared])

    def __call__(self, noisy_BCTHW: Tensor, level_BT: Tensor) -> Tensor:
        """Return the prediction for every frame, (B, C, T, H, W)."""
        answers, found = self._asked(noisy_BCTHW, level_BT), len(self._reading.asked)
        predicted = self._reading.finish(answers[:found], noisy_BCTHW, level_BT)
        if not answers[found:]:
            return predicted
        told, untold = answers[found:]
        return predicted.index_add(0, self._guided_Q, self._share_Q * (told - untold))
