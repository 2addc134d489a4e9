"""Which episodes, and which of their chunks, a step of learning to recall looks at.

Holds: `Drawing`, `picks`. Holds not: what is made of them (learning.py).
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from twospeed.training.data.windows import LatentWindows, chunks_before
from twospeed.training.recall.config import RecallingConfig
from twospeed.training.recall.dual_ridge import Chunks, cut
from twospeed.worldmodel.recall import LOOKS_AT
from twospeed.worldmodel.text import TextEncoder
from twospeed.worlds.language import OPPOSITE


class Drawing:
    """Draws whole episodes in chunks.

    Args:
        windows: cached episodes.
        text_encoder: of the model that learns.
        least_written: fewest chunks of an episode that are written.
        like: chunks come on its device, in its type.
        past_frames: latents before a chunk that its key looks at.
    """

    def __init__(
        self,
        windows: LatentWindows,
        text_encoder: TextEncoder,
        least_written: int,
        like: Tensor,
        past_frames: int = LOOKS_AT,
    ) -> None:
        self.windows, self.text_encoder = windows, text_encoder
        self.least_written, self.like, self.past_frames = least_written, like, past_frames

    def chunks(self, generator: torch.Generator, count: int, *, held_out: bool = False) -> Chunks:
        """Draw so many episodes, and how many chunks of each are written."""
        episodes = self.windows.draw_episodes(generator, count, held_out=held_out)
        written = chunks_before(episodes, self.least_written, generator)
        past, new = cut(episodes, self.past_frames)
        number = past.shape[1]
        actions = [action for episode in episodes for action in episode.actions[:number]]
        return Chunks(
            past_BCPHW=past.flatten(0, 1).to(self.like),
            new_BCNHW=new.flatten(0, 1).to(self.like),
            text_BND=self.text_encoder.encode(actions).to(self.like),
            inverse_BND=self._inverse(actions),
            episodes=count,
            written=written,
        )

    def _inverse(self, actions: Sequence[str]) -> Tensor:
        """Return the features of the inverse actions, zeros where none is known."""
        inverse = [OPPOSITE.get(action, "") for action in actions]
        is_known_B = torch.tensor([bool(text) for text in inverse]).to(self.like)
        return self.text_encoder.encode(inverse).to(self.like) * is_known_B[:, None, None]


def picks(chunks: Chunks, config: RecallingConfig, generator: torch.Generator) -> Tensor:
    """Draw the places of the chunks to predict, episode by episode."""
    number = len(chunks.past_BCPHW) // chunks.episodes
    return torch.tensor(
        [
            episode * number + _pick(number, chunks.written, config.written_share, generator)
            for episode in range(chunks.episodes)
            for _ in range(config.later)
        ]
    )


def _pick(number: int, written: int, written_share: float, generator: torch.Generator) -> int:
    """Draw a chunk; never an episode's first one, whose past is a single frame."""
    is_written = bool(torch.rand((), generator=generator) < written_share)
    first, end = (1, max(written, 2)) if is_written else (written, number)
    return first + int(torch.randint(end - first, (1,), generator=generator))
