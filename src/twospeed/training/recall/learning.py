"""Learning to recall: slow weights learn through the writes that fast weights will make.

For each episode of a batch, the recall layer of an empty memory is written with the first chunks,
as it will be in use (memory/ridge_writer.py); later chunks are then predicted with that memory.
All the writes have one closed form, so the gradient reaches keys and slow weights through them
exactly, for little more than the cost of the prediction. Since later past frames will have been
generated, a share of them is generated (self_forcing.py), or mixed with what the memory itself
recalls.

Holds: `Recalling`. Holds not: its settings (config.py), the steps (loop.py), what is
drawn (drawing.py), the writes and their errors (write_loss.py, dual_ridge.py).
"""

from dataclasses import replace

import torch
from torch import Tensor

from twospeed.core.errors import ConfigError
from twospeed.core.random import generator_of
from twospeed.memory.adapters import Adapters
from twospeed.memory.presets import recalling
from twospeed.training.data.windows import LatentWindows
from twospeed.training.recall.config import RecallingConfig
from twospeed.training.recall.drawing import Drawing, picks
from twospeed.training.recall.dual_ridge import Chunks, Memories
from twospeed.training.recall.self_forcing import self_forced_past
from twospeed.training.recall.write_loss import WriteLoss
from twospeed.training.stages.slow import SlowLearningConfig, Windows, slow_loss
from twospeed.worldmodel.contract import recall_denoiser
from twospeed.worldmodel.model import WorldModel
from twospeed.worldmodel.recall import LAYER, recalled_target


class Recalling:
    """The loss of slow weights through the writes of a batch of episodes.

    Args:
        model: whose denoiser learns; it has a recall layer.
        windows: cached episodes.
        slow: how windows are noised and drawn.
        config: the rest.

    Raises:
        ConfigError: when the denoiser has no recall layer.
    """

    def __init__(
        self,
        model: WorldModel,
        windows: LatentWindows,
        slow: SlowLearningConfig,
        config: RecallingConfig,
    ) -> None:
        denoiser = recall_denoiser(model.denoiser)
        if denoiser is None:
            raise ConfigError("learning to recall needs a denoiser with model.recall_keys above 0")
        self.model, self.windows, self.slow, self.config = model, windows, slow, config
        self.denoiser = denoiser
        self.memory = recalling(denoiser.recall.layer.in_features)
        self.write_loss = WriteLoss(denoiser, self.memory, config)
        self.adapters = Adapters(  # of any rank: they act as the memories of each step
            model.denoiser, rank=1, layers=self.memory.targets, episodes=config.episodes
        )
        self.no_text = model.text_encoder.encode([""]).to(next(model.denoiser.parameters()))
        self.drawing = Drawing(windows, model.text_encoder, config.least_written, like=self.no_text)

    def loss(self, step: int, generator: torch.Generator) -> Tensor:
        """Return the loss of one step: later windows with their memory, or windows without any."""
        if step < self.config.first_steps:
            chunks = self.drawing.chunks(generator, self.config.first_episodes)
            return self._write(chunks, generator)[1]
        if self.config.alone_every and step % self.config.alone_every == 0:
            return self._alone(generator)
        chunks = self.drawing.chunks(generator, self.config.episodes)
        memories, guess_loss, chunks = self._write(chunks, generator)
        shown, error = self._predicted(chunks, memories, generator, self.config.self_forced_share)
        return shown + self.config.guess_weight * error + guess_loss

    def held_out_losses(self, rounds: int) -> tuple[float, float]:
        """Return the mean loss on later chunks of held-out episodes, with and without memory."""
        pairs = [self._held_out_pair(generator_of("held out", index)) for index in range(rounds)]
        on, off = torch.stack(pairs).mean(0).tolist()
        return on, off

    @torch.no_grad()
    def _held_out_pair(self, generator: torch.Generator) -> Tensor:
        chunks = self.drawing.chunks(generator, self.config.episodes, held_out=True)
        memories, _, chunks = self._write(chunks, generator)
        empty = replace(memories, up_EOM=torch.zeros_like(memories.up_EOM))
        state = generator.get_state()
        losses = []
        for one in (memories, empty):
            generator.set_state(state)
            losses.append(self._predicted(chunks, one, generator, self_forced_share=0.0)[0])
        return torch.stack(losses)

    def _alone(self, generator: torch.Generator) -> Tensor:
        batch = self.windows.draw(
            generator,
            batch=self.slow.batch_size,
            past_lengths=self.slow.past_lengths,
            new_frames=self.slow.new_frames,
            text_encoder=self.model.text_encoder,
            even_share=self.slow.even_share,
        )
        return self._slow_loss(batch, self.slow, generator)

    def _write(self, chunks: Chunks, generator: torch.Generator) -> tuple[Memories, Tensor, Chunks]:
        """Write the first chunks of empty memories; the squared errors are weighted."""
        memories, squares, chunks = self.write_loss(chunks, generator)
        return memories, self.config.guess_weight * squares, chunks

    def _predicted(
        self,
        chunks: Chunks,
        memories: Memories,
        generator: torch.Generator,
        self_forced_share: float,
    ) -> tuple[Tensor, Tensor]:
        """Return losses on some chunks of each episode, with its memory.

        That of diffusion, and the squared error of what the recall layer makes of the same past.
        """
        picked = picks(chunks, self.config, generator)
        new, text = chunks.new_BCNHW[picked], chunks.text_BND[picked]
        with self.adapters.attached():
            self.adapters.act_as({LAYER: memories.down_EMK}, {LAYER: memories.up_EOM})
            past = self._past_of(chunks, picked, self_forced_share, generator)
            windows = Windows(
                latents_BCTHW=torch.cat([past, new], dim=2),
                text_BND=text,
                past_frames=past.shape[2],
            )
            shown = self._slow_loss(windows, replace(self.slow, joint_share=0.0), generator)
            recalled_BO = self.denoiser.recall.layer(self.denoiser.keys_of(past, text))
            error_BO = recalled_target(new) - recalled_BO
        return shown, error_BO[:, :-1].square().mean()

    def _past_of(
        self, chunks: Chunks, picked: Tensor, self_forced_share: float, generator: torch.Generator
    ) -> Tensor:
        """Return past frames of the chunks picked, generated ones in a share of the steps."""
        depth = 1 + int(torch.randint(self.config.self_forced_chunks, (1,), generator=generator))
        steps = 1 + int(torch.randint(2, (1,), generator=generator))
        if torch.rand((), generator=generator) >= self_forced_share:
            return chunks.past_BCPHW[picked]
        return self_forced_past(
            self.model, chunks, picked, depth=depth, steps=steps, generator=generator
        )

    def _slow_loss(
        self, windows: Windows, config: SlowLearningConfig, generator: torch.Generator
    ) -> Tensor:
        model = self.model
        return slow_loss(model.denoiser, windows, self.no_text, model.schedule, config, generator)
