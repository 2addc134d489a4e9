"""Algorithm 1(b) for the recall layer, solved at once.

What a recall layer gives is linear in its slow weights W: beside a frozen memory Θ_n it gives
(W + Θ_n) k_n of a chunk with the key k_n. With r_n what is still missing of the chunk's latents,
the change of W that the gradient steps on their squared error would end at is

    argmin_D  sum_n |r_n - D k_n|² + ridge |D|²  =  (sum_n r_n k_nᵀ) (sum_n k_n k_nᵀ + ridge I)⁻¹

over the later chunks of all lessons; of the chunks that the memories have learned nothing is to
change, so they come with r = 0. The familiarity score is left as it is. Axes: B windows, K features
of a key, O what the layer gives.
"""

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from twospeed.core.errors import ConfigError
from twospeed.core.progress import progress
from twospeed.core.random import generator_of
from twospeed.training.consolidation.learning import open_round, read_beside
from twospeed.training.consolidation.lessons import Lesson
from twospeed.training.data.windows import windows_of
from twospeed.training.stages.slow_fast import Beside
from twospeed.worldmodel.contract import recall_denoiser
from twospeed.worldmodel.model import WorldModel
from twospeed.worldmodel.recall import recalled_target


@torch.no_grad()
def solve_(model: WorldModel, lessons: Sequence[Lesson], *, ridge: float, seed: int) -> None:
    """Change the recall layer's slow weights, in place.

    Args:
        model: with a recall layer in its denoiser.
        lessons: to learn from.
        ridge: what is added to the keys' overlaps, above 0.
        seed: decides how much is written of a lesson whose memory knows all of it.

    Raises:
        ConfigError: when the denoiser has no recall layer.
    """
    recaller = recall_denoiser(model.denoiser)
    if recaller is None:
        raise ConfigError(
            "the closed form is of a recall layer, which this denoiser has not: take --how paper"
        )
    weight = recaller.recall.layer.weight
    overlaps_KK = ridge * torch.eye(weight.shape[1], dtype=torch.float64)
    missing_OK = torch.zeros(weight.shape, dtype=torch.float64)
    with progress("consolidating", total=len(lessons), unit="lessons") as advance:
        for index, lesson in enumerate(lessons):
            opened = open_round(model, [lesson], generator_of(seed, "lessons", index))
            for key_BK, missing_BO in _rows(opened.later, opened.learned):
                overlaps_KK += key_BK.mT @ key_BK
                missing_OK += missing_BO.mT @ key_BK
            advance()
    change_OK = torch.linalg.solve(overlaps_KK, missing_OK.mT).mT
    weight += change_OK.to(weight)


def _rows(later: Beside, learned: Beside) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield keys (B, K) and what is missing (B, O), in float64."""
    for beside, counts in ((later, 1.0), (learned, 0.0)):
        for episode, chunks in zip(beside.episodes, beside.chunks, strict=True):
            windows = windows_of([(episode, it) for it in chunks], beside.memory.model.text_encoder)
            past, new = windows.latents_BCTHW.tensor_split([windows.past_frames], dim=2)
            key_BK, given_BO = read_beside(beside, past, windows.text_BND)
            missing_BO = counts * (recalled_target(new).to(given_BO) - given_BO)
            missing_BO[:, -1] = 0
            yield key_BK.double().cpu(), missing_BO.double().cpu()
