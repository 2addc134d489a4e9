"""Adversarial post-training: slow weights learn to go on from what they generated themselves.

Slow learning shows true pasts only, and its squared error is least for the mean of what may come:
generated chunks turn flat, or run away under guidance, and the next ones go on from them. Here a
critic tells generated walks of several chunks from true ones, by a relativistic loss
(Jolicoeur-Martineau, arXiv 1807.00734). A layer made for fast weights does not learn, nor what
its keys are made by, so that memories written before stay what they are.

Holds: `Adversarial`. Holds not: its settings (config.py), the critic, the roll-outs, the steps.
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn import functional

from twospeed.core.random import initial_weights_of
from twospeed.training.adversarial.config import AdversarialConfig
from twospeed.training.adversarial.critic import Critic
from twospeed.training.adversarial.rollouts import RollOuts
from twospeed.training.data.walks import Walks, draw_walks
from twospeed.training.data.windows import LatentWindows
from twospeed.training.recall.holding import hold_recall_
from twospeed.training.stages.slow import SlowLearningConfig
from twospeed.worldmodel.contract import as_module
from twospeed.worldmodel.model import WorldModel

SlowLoss = Callable[[torch.Generator], Tensor]
"""The loss of a batch of slow learning."""


class Adversarial:
    """The loss of slow weights and critic on generated walks.

    Args:
        model: whose denoiser learns.
        windows: cached episodes.
        slow: how chunks are cut, and drawn.
        config: the rest.
        slow_loss: what holds the model to its data.
    """

    def __init__(
        self,
        model: WorldModel,
        windows: LatentWindows,
        slow: SlowLearningConfig,
        config: AdversarialConfig,
        slow_loss: SlowLoss,
    ) -> None:
        self.model, self.windows, self.slow, self.config = model, windows, slow, config
        self.slow_loss, self.roll_outs = slow_loss, RollOuts(model, config)
        latents = windows.train[0].latents_TCHW
        with initial_weights_of(config.loop.seed):
            critic = Critic(latents.shape[1], model.text_encoder.width, config.critic_width)
        hold_recall_(model.denoiser)
        self.both = nn.ModuleDict({"denoiser": as_module(model.denoiser), "critic": critic})

    def loss(self, step: int, generator: torch.Generator) -> Tensor:
        """Return the loss of one step."""
        walks = self._walks(generator)
        learns = step >= self.config.critic_first
        made = self.roll_outs(walks, generator, learns=learns)
        text = walks.text_GBND.flatten(0, 1)
        true_B, loss = self._critics_loss(walks.seen(), made.detach(), text, generator)
        if not learns:
            return loss
        critic = self.both["critic"]
        as_it_is = {name: it.detach() for name, it in critic.named_parameters()}
        made_B = functional_call(critic, as_it_is, (made, text))
        loss = loss + self.config.weight * functional.softplus(true_B.detach() - made_B).mean()
        if torch.rand((), generator=generator) < self.config.diffusion_share:
            loss = loss + self.slow_loss(generator)
        return loss

    def _critics_loss(
        self, true: Tensor, made: Tensor, text: Tensor, generator: torch.Generator
    ) -> tuple[Tensor, Tensor]:
        """Return the scores of true chunks, and the critic's loss."""
        chunks, texts = torch.cat([true, made]), torch.cat([text, text])
        noise = torch.randn(chunks.shape, generator=generator).to(chunks)
        scores_B = self.both["critic"](chunks, texts)
        others_B = self.both["critic"](chunks + self.config.critic_noise * noise, texts)
        true_B, made_B = scores_B.chunk(2)
        changed = (scores_B - others_B).square().mean()
        loss = functional.softplus(made_B - true_B).mean()
        return true_B, loss + 2 * self.config.critic_penalty * changed

    def _walks(self, generator: torch.Generator) -> Walks:
        like = next(as_module(self.model.denoiser).parameters())
        walks = draw_walks(
            self.windows,
            generator,
            walks=self.config.walks,
            chunks=self.config.chunks,
            past_frames=max(self.slow.past_lengths),
            new_frames=self.slow.new_frames,
            text_encoder=self.model.text_encoder,
            even_share=self.slow.even_share,
        )
        return walks.to(like)
