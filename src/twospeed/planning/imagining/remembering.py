"""A video planner that asks a world model and its fast weights for the chunk of a sub-goal."""

import math
from collections.abc import Iterable, Mapping

import torch
from torch import Tensor

from twospeed.memory.config import FastLearningConfig, RidgeConfig
from twospeed.memory.fast_weights import FastWeights
from twospeed.planning.imagining.base import Imagined
from twospeed.planning.imagining.glance import glance
from twospeed.planning.imagining.replay import Seen, backwards, windows
from twospeed.worldmodel.model import WorldModel
from twospeed.worldmodel.reading import Reading


class RememberingPlanner:
    """Generates with the memory of this episode, and lets it learn; see `VideoPlanner`.

    Args:
        model: the slow weights.
        memory: fast weights of one episode; None imagines without.
    """

    def __init__(self, model: WorldModel, memory: FastWeights | None) -> None:
        self.model, self.memory = model, memory
        self.num_imagined = 0
        config = None if memory is None else memory.config
        gate = config.retrieval_range if isinstance(config, RidgeConfig) else None
        self._whole = gate[1] if gate else math.inf

    @torch.no_grad()
    def imagine(self, text: str, past_1CTHW: Tensor, seed: int) -> Imagined:
        """Return the next chunk; see `VideoPlanner`.

        One that is so familiar that the model would take all of it from its recall layer is read
        from there at once.
        """
        familiarity = self._familiarity(text, past_1CTHW)
        new = None
        if familiarity >= self._whole:
            new = glance(self.model, self.memory, past_1CTHW, [text])
        if new is None:
            seeds = [("plan", seed)]
            new = self.model.generate(past_1CTHW, [text], seeds, fast_weights=self.memory)
        self.num_imagined += new.shape[2]
        shown = torch.cat([past_1CTHW[:, :, -1:], new], 2)
        return Imagined(frames=self.model.decode(shown)[0], latents=new, familiarity=familiarity)

    def see(self, past_1CTHW: Tensor, new_1CTHW: Tensor, action: str) -> None:
        """Learn a chunk that was really seen; see `VideoPlanner`."""
        if self.memory is not None:
            window = torch.cat([past_1CTHW, new_1CTHW], 2)
            self.memory.observe(window, [action], past_frames=past_1CTHW.shape[2])

    def _familiarity(self, text: str, past_1CTHW: Tensor) -> float:
        if self.memory is None:
            return 0.0
        tokens = self.model.text_encoder.encode([text]).to(self.model.device)
        model = self.model
        slow = Reading.of(model.denoiser, past_1CTHW, tokens, recaller=model.recaller)
        return float(self.memory.read(slow).familiarity_B)


@torch.no_grad()
def learned(memory: FastWeights, seen: Seen) -> FastWeights:
    """Let fast weights learn an episode as it was, chunk by chunk, and return them."""
    for index, action in enumerate(seen.actions):
        past = seen.before(index)
        window = torch.cat([past, seen.chunk(index)], 2)
        memory.observe(window, [action], past_frames=past.shape[2])
    return memory


@torch.no_grad()
def memory_of_seen(
    model: WorldModel,
    config: FastLearningConfig,
    seen: Seen,
    *,
    texts: Iterable[str],
    undoes: Mapping[str, str],
    seed: int,
) -> FastWeights:
    """Return fast weights that learned an episode as it was, and backwards.

    Backwards it is told under the words of sub-goals, and under the commands that undo what was
    done.

    Args:
        model: the slow weights.
        config: how to write.
        seen: the episode.
        texts: of the sub-goals that lead back.
        undoes: command -> the one that undoes it.
        seed: of the writes.
    """
    memory = learned(FastWeights(model, config, seeds=(seed,)), seen)
    undone = [undoes.get(action, action) for action in reversed(seen.actions)]
    for told in (*([text] * (len(undone) + 2) for text in texts), undone):
        for window, words in zip(windows(backwards(seen)), told, strict=False):
            memory.observe(window, [words], past_frames=seen.frames)
    return memory
