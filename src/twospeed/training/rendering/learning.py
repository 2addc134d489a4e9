"""The losses of a renderer: views of which the truth is known, and steps between known poses.

Colours are learned by their squared and absolute errors, how sure they are by the likelihood of
the error, and the encoder's depths by where the rays of a view end that is drawn without itself.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import torch
from torch import Tensor
from torch.nn import functional

from twospeed.core.random import generator_of
from twospeed.training.rendering.config import RenderingRun
from twospeed.training.rendering.posed import PosedFrames
from twospeed.training.rendering.scenes import Scenes, draw_scenes, mirrored
from twospeed.training.rendering.steps import draw_steps
from twospeed.worldmodel.codec import decode_latents, encode_frames, to_frames, to_pixels
from twospeed.worldmodel.model import WorldModel
from twospeed.worldmodel.rendering.renderer import Rendered, ViewRenderer
from twospeed.worldmodel.rendering.sweep import SeenViews

_AS_KEPT = 0.75  # share of steps whose seen views went through the autoencoder
_ABSOLUTE, _UNSURE, _AHEAD = 0.2, 0.02, 0.5  # weights of parts of the loss
_BLUR, _BLURRED = 0.1, 0.7  # most noise of latents between which motion is read, and how often
_BETA = 0.01  # of the unit of a step: error from which on the loss of motion is linear
_ROUNDS = 16


class LearningToDraw:
    """Losses of one renderer.

    Args:
        model: whose latents are drawn and read; has the renderer.
        frames: what is learned from.
        sayings: command -> the texts that may be said for it.
        run: how.
    """

    def __init__(
        self,
        model: WorldModel,
        frames: PosedFrames,
        sayings: Mapping[str, Sequence[str]],
        run: RenderingRun,
    ) -> None:
        self.model, self.frames, self.run, self.sayings = model, frames, run, sayings
        self._told: dict[str, Tensor] = {}

    def loss(self, renderer: ViewRenderer, generator: torch.Generator) -> Tensor:
        """Return the loss of one step."""
        if not self.run.scenes:
            return self._motion(renderer, generator)
        scenes = draw_scenes(self.frames.train, self.run, generator)
        scenes = self._as_kept(scenes) if _rand(generator) < _AS_KEPT else scenes
        scenes = mirrored(scenes) if _rand(generator) < 0.5 else scenes
        if _rand(generator) < 0.5:
            order = torch.randperm(3, generator=generator)
            scenes = replace(
                scenes,
                seen_BK3SS=scenes.seen_BK3SS[:, :, order],
                colour_BQN3=scenes.colour_BQN3[..., order],
            )
        off_BQK3 = torch.randn(scenes.steps_BQK3.shape, generator=generator)
        most = self.run.noise * _rand(generator) * torch.tensor([1.0, 1, 0.4])
        scenes = replace(scenes, steps_BQK3=scenes.steps_BQK3 + most * off_BQK3)
        drawing = self._drawing(renderer, scenes, self.model.device)
        return drawing + self._motion(renderer, generator)

    @torch.no_grad()
    def held_out_db(self, renderer: ViewRenderer) -> float:
        """Return the PSNR in dB of new views of held-out episodes, a mean over views."""
        errors, run = [], self.run
        run = run if run.scenes else replace(run, scenes=RenderingRun().scenes)
        for index in range(_ROUNDS):
            generator = generator_of("held out views", index)
            scenes = self._as_kept(draw_scenes(self.frames.held_out, run, generator))
            drawn, _ = _drawn(renderer, scenes)
            off = (drawn.colour.clamp(-1, 1) - scenes.colour_BQN3.flatten(0, 1)).square()
            errors.append(off.mean((1, 2)).unflatten(0, (-1, run.queries))[:, :-1].flatten())
        return float(10 * torch.log10(4 / torch.cat(errors).clamp_min(1e-6)).mean())

    def _as_kept(self, scenes: Scenes) -> Scenes:
        """Let seen views go through the autoencoder, as those of a memory did."""
        seen = to_frames(scenes.seen_BK3SS.flatten(0, 1))[None]
        kept = decode_latents(self.model.autoencoder, encode_frames(self.model.autoencoder, seen))
        return replace(scenes, seen_BK3SS=to_pixels(kept).view_as(scenes.seen_BK3SS))

    def _drawing(self, renderer: ViewRenderer, scenes: Scenes, device: torch.device) -> Tensor:
        scenes = replace(scenes, **{name: getattr(scenes, name).to(device) for name in _NAMES})
        drawn, told = _drawn(renderer, scenes)
        off = drawn.colour - scenes.colour_BQN3.flatten(0, 1)
        any_seen = scenes.is_there_BQK.flatten(0, 1).any(1).to(off)[:, None]
        error = off.square().mean(-1)
        unsure = drawn.log_error.clamp(-10, 3)
        likelihood = error.detach() / unsure.exp() + unsure
        parts = error + _ABSOLUTE * off.abs().mean(-1) + _UNSURE * likelihood
        depths = self._depths(told, drawn, scenes)
        return (any_seen * parts).mean() + self.run.depth_weight * depths

    def _depths(self, told: Tensor, drawn: Rendered, scenes: Scenes) -> Tensor:
        """Return how little the encoder's depths say of where the rays of the same view end."""
        own_B = torch.arange(len(told)), scenes.own_B
        side = scenes.seen_BK3SS.shape[-1]
        row_BN, column_BN = scenes.pixel_BN // side // 2, scenes.pixel_BN % side // 2
        cell_B1N = (row_BN * (side // 2) + column_BN)[:, None]
        log_depth_B2X = told[own_B][:, -2:].flatten(2)
        found_B2N = torch.gather(log_depth_B2X, 2, cell_B1N.expand(-1, 2, -1))
        inverse_BN = drawn.inverse_depth.unflatten(0, (len(told), -1))[:, -1].detach()
        is_seen_B1 = scenes.is_there_BQK[:, -1].any(1).to(inverse_BN)[:, None]
        sure_BN = found_B2N[:, 1].clamp(-2, 4)
        off_BN = (-inverse_BN.clamp_min(1e-3).log() - found_B2N[:, 0]).abs()
        loss: Tensor = (is_seen_B1 * (0.5 * off_BN * sure_BN.exp() - sure_BN)).mean()
        return loss

    def _motion(self, renderer: ViewRenderer, generator: torch.Generator) -> Tensor:
        steps = draw_steps(self.frames.train, self.run, generator)
        motion, device = renderer.motion, self.model.device
        before, after, first = (
            self._latents(it, generator)
            for it in (steps.before_F3SS, steps.after_F3SS, steps.first_F3SS)
        )
        said, asked = (self._texts(it, generator) for it in (steps.said, steps.asked))
        pairs = (
            (motion.between(before, after, said, steps.earlier_F3.to(first)), steps.step_F3, 1.0),
            (motion.ahead(first, asked, steps.chunk_earlier_F3.to(first)), steps.chunk_FN3, _AHEAD),
        )
        losses = [
            weight
            * functional.smooth_l1_loss(
                read / motion.units, true.to(device) / motion.units, beta=_BETA
            )
            for read, true, weight in pairs
        ]
        total: Tensor = losses[0] + losses[1]
        return total

    def _latents(self, pixels_F3SS: Tensor, generator: torch.Generator) -> Tensor:
        """Encode frames and blur some, as generated ones are, (F, C, H, W)."""
        frames = to_frames(pixels_F3SS)[None]
        latents = encode_frames(self.model.autoencoder, frames)[0].transpose(0, 1)
        how = torch.rand(2, len(latents), 1, 1, 1, generator=generator)
        most = _BLUR * how[0].square() * (how[1] < _BLURRED)
        noise = torch.randn(latents.shape, generator=generator)
        blurred: Tensor = latents + (most * noise).to(latents)
        return blurred

    def _texts(self, actions: Sequence[str], generator: torch.Generator) -> Tensor:
        """Say each command in any of its words, tokens (F, 1, D)."""
        return torch.stack([self._said(_any(self._words(it), generator)) for it in actions])

    def _words(self, action: str) -> Sequence[str]:
        return self.sayings.get(action, (action,))

    def _said(self, text: str) -> Tensor:
        if text not in self._told:
            with torch.no_grad():
                tokens = self.model.text_encoder.encode([text])
            self._told[text] = tokens.mean(1).to(self.model.device)
        return self._told[text]


_NAMES = tuple(Scenes.__dataclass_fields__)


def _drawn(renderer: ViewRenderer, scenes: Scenes) -> tuple[Rendered, Tensor]:
    """Draw the rays of all new views, one after the other, and return what seen ones tell."""
    queries = scenes.steps_BQK3.shape[1]
    told = renderer.encoder(scenes.seen_BK3SS.flatten(0, 1))
    told = told.unflatten(0, scenes.seen_BK3SS.shape[:2])
    views = SeenViews(
        pixels=scenes.seen_BK3SS.repeat_interleave(queries, 0),
        told=told.repeat_interleave(queries, 0),
        steps_BK3=scenes.steps_BQK3.flatten(0, 1),
        is_there_BK=scenes.is_there_BQK.flatten(0, 1),
    )
    return renderer(views, scenes.slopes_BQN2.flatten(0, 1)), told


def _any(texts: Sequence[str], generator: torch.Generator) -> str:
    return texts[int(torch.randint(len(texts), (), generator=generator))]


def _rand(generator: torch.Generator) -> float:
    return float(torch.rand((), generator=generator))
