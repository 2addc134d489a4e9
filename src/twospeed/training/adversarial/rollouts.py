"""Student-forced roll-outs: every chunk goes on from what the slow weights generated before.

Lin et al., arXiv 2506.09350, train so against a critic; as in Huang et al., arXiv 2506.08009, the
gradient goes through one step of a chunk, drawn by chance. Guidance (worldmodel/asking/guidance.py)
and the order of the steps are those of use; nothing is remembered. Axes: B walks, G chunks of a
walk, C channels, P past frames, N frames of a chunk, H and W cells.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from twospeed.core.random import below, normal
from twospeed.training.adversarial.config import AdversarialConfig
from twospeed.training.data.walks import Walks
from twospeed.worldmodel.model import WorldModel


class RollOuts:
    """Generates walks.

    Args:
        model: slow weights, schedule and guidance.
        config: numbers of steps, and which of them are judged.
    """

    def __init__(self, model: WorldModel, config: AdversarialConfig) -> None:
        self.model, self.config = model, config
        self.no_text = model.text_encoder.encode([""])

    def __call__(self, walks: Walks, generator: torch.Generator, *, learns: bool = True) -> Tensor:
        """Return what the denoiser takes for every chunk, (G * B, C, 1 + N, H, W).

        They stand as in `Walks.seen`.

        Args:
            walks: where they begin, and what is done there.
            generator: draws noise, numbers of steps, and the steps whose answer is returned.
            learns: whether gradients reach the denoiser.
        """
        past, judged = walks.past_BCPHW, []
        for text_BND in walks.text_GBND:
            taken, made = self._chunk(past, text_BND, walks.chunk_frames, generator, learns=learns)
            judged.append(torch.cat([past[:, :, -1:], taken], dim=2))
            past = torch.cat([past, made], dim=2)[:, :, -past.shape[2] :]
        return torch.cat(judged)

    def _chunk(
        self,
        past_BCPHW: Tensor,
        text_BND: Tensor,
        frames: int,
        generator: torch.Generator,
        *,
        learns: bool,
    ) -> tuple[Tensor, Tensor]:
        """Return what one step, drawn by chance, took for clean, and what came of all of them."""
        batch, channels, past, height, width = past_BCPHW.shape
        counts = self.config.sampling_steps
        count = counts[below(len(counts), generator)]
        steps = self.model.steps((channels, past + frames, height, width), count)
        taken = x = normal((batch, channels, frames, height, width), generator, past_BCPHW)
        judged = self._judged(steps.levels, generator)
        for index, level in enumerate(steps.levels):
            level_BT = torch.full((batch, past + frames), level, device=x.device)
            level_BT[:, :past] = 0
            window = torch.cat([past_BCPHW, x], dim=2)
            with torch.set_grad_enabled(learns and index == judged):
                predicted = self._predicted(window, level_BT, text_BND)[:, :, past:].to(x)
                if index == judged:
                    taken, _ = self.model.schedule.split(x, predicted, level_BT[:, past:])
            x = steps.step(index, x, predicted.detach())
        return taken, x

    def _judged(self, levels: Sequence[float], generator: torch.Generator) -> int:
        """Draw a step; one at least is judged."""
        most = self.config.judged_below
        able = [index for index, level in enumerate(levels) if level <= most] or [len(levels) - 1]
        return able[below(len(able), generator)]

    def _predicted(self, window: Tensor, level_BT: Tensor, text_BND: Tensor) -> Tensor:
        settings, denoiser = self.model.settings, self.model.denoiser
        if not settings.guidance or level_BT[0, -1] < settings.guided_from:
            return denoiser(window, level_BT, text_BND)
        told, untold = self._compared(window, level_BT, text_BND)
        return told + settings.guidance * (told - untold)

    def _compared(
        self, window: Tensor, level_BT: Tensor, text_BND: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Ask with the action and, without gradients, without; in one call where none has any."""
        denoiser, none = self.model.denoiser, self.no_text.to(text_BND).expand_as(text_BND)
        if not torch.is_grad_enabled():
            windows, levels = (torch.cat([it, it]) for it in (window, level_BT))
            told, untold = denoiser(windows, levels, torch.cat([text_BND, none])).chunk(2)
            return told, untold
        told = denoiser(window, level_BT, text_BND)
        with torch.no_grad():
            return told, denoiser(window, level_BT, none)
