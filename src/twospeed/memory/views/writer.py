"""Writes of seen views: each new frame is kept, with the pose that its motion leads to.

The pose is found by path integration: the renderer's motion network reads the step between two
frames that follow each other. What older views show again corrects it (locating.py), and a frame
that is kept itself tells its pose. Of what was
generated, only views that no seen ones cover are kept: the rest is an echo. Axes: E episodes, R
rows, N frames of a chunk, O numbers in a frame's latents.
"""

import itertools
from collections.abc import Iterable, Sequence

import torch
from torch import Tensor

from twospeed.core.errors import ConfigError
from twospeed.memory.adapters import Adapters
from twospeed.memory.config import ViewConfig
from twospeed.memory.views.coverage import covering
from twospeed.memory.views.locating import located
from twospeed.memory.views.rows import Rows
from twospeed.memory.writer import Written
from twospeed.worldmodel.model import WorldModel
from twospeed.worldmodel.rendering.poses import relative
from twospeed.worldmodel.rendering.renderer import LAYER

_SAME_LATENTS = 1e-3


class ViewWriter:
    """Rows of seen views for E episodes; nothing is drawn by chance.

    Args:
        model: the slow weights; it has a renderer.
        config: how to write.
        adapters: what is written; of the renderer's layer alone.
        seeds: one an episode; only their number matters.

    Raises:
        ConfigError: when the model has no renderer, or other layers are adapted.
    """

    def __init__(
        self, model: WorldModel, config: ViewConfig, adapters: Adapters, *, seeds: Sequence[int]
    ) -> None:
        if model.renderer is None or list(adapters.up) != [LAYER]:
            raise ConfigError(f"views are written to the layer {LAYER!r} of a model's renderer")
        self.model, self.renderer = model, model.renderer
        self.config, self.adapters = config, adapters
        self._unknown = itertools.repeat(model.text_encoder.encode([""]).to(model.device))
        with torch.no_grad():
            adapters.down[LAYER].zero_()
        self.pose_E3 = adapters.up[LAYER].new_zeros(len(seeds), 3)
        self.step_E3 = torch.zeros_like(self.pose_E3)
        self.last_EO = adapters.up[LAYER].new_zeros(len(seeds), adapters.up[LAYER].shape[1])

    def rows(self, episode: int) -> Rows:
        """Return the views of one episode, which share their memory with the fast weights."""
        down, up = self.adapters.down[LAYER], self.adapters.up[LAYER]
        return Rows(down[episode].detach(), up[episode].detach())

    @torch.no_grad()
    def write_(
        self,
        window_ECTHW: Tensor,
        text_END: Tensor,
        *,
        past_frames: int,
        writes: Sequence[int],
        generated: bool = False,
    ) -> Written:
        """Keep the new frames of one chunk of every episode; see `Writer`."""
        start_E3, earlier_E3 = self.stand_of(window_ECTHW[:, :, :past_frames])
        frames = window_ECTHW[:, :, past_frames - 1 :]
        texts = itertools.repeat(text_END)
        poses_EN3 = self.renderer.motion.followed(start_E3, frames, texts, earlier_E3)
        self.step_E3 = relative(poses_EN3[:, -1], poses_EN3[:, -2])
        frames_ENO = frames.transpose(1, 2).flatten(2)
        before_E, after_E = self.pose_E3.new_zeros(2, len(window_ECTHW))
        for episode, (poses_N3, chunk_NO) in enumerate(zip(poses_EN3, frames_ENO, strict=True)):
            rows, chunk = self.rows(episode), writes[episode]
            before_E[episode] = _error(rows, chunk_NO[1:])
            if not generated:
                self._relocate_(rows, chunk_NO, poses_N3, chunk)
            for place in range(1 if chunk else 0, len(poses_N3)):
                if not generated or self._is_news(rows, poses_N3[place]):
                    same = self.config.same_view
                    rows.put_(poses_N3[place], chunk_NO[place], chunk=chunk, same=same)
            after_E[episode] = _error(rows, chunk_NO[1:])
        self.pose_E3, self.last_EO = poses_EN3[:, -1], frames_ENO[:, -1]
        return Written(before_E=before_E, after_E=after_E, open_E=torch.ones_like(before_E) > 0)

    def _relocate_(self, rows: Rows, chunk_NO: Tensor, poses_N3: Tensor, chunk: int) -> None:
        """Let a chunk's poses go over, in even shares, to where older views put its last frame."""
        rows = rows.filled
        is_old_R = rows.before(chunk - self.config.recent_chunks)
        if not is_old_R.any():
            return
        last = chunk_NO[-1], poses_N3[-1]
        most = self.config.references
        found_3 = located(self.model, self.renderer, rows, is_old_R, last, most=most)
        share_N1 = torch.linspace(0, 1, len(poses_N3)).to(poses_N3)[:, None]
        poses_N3 += share_N1 * (found_3 - poses_N3[-1])

    @torch.no_grad()
    def follow_(self, episode: int, frames_CTHW: Tensor, text_SND: Tensor) -> None:
        """Go along with frames that are not kept.

        Args:
            episode: which.
            frames_CTHW: clean latents, from a frame whose pose is known on.
            text_SND: tokens of the command of each step; S = T - 1.
        """
        pose_3, step_3 = self._stand(episode, frames_CTHW[:, :1])
        led = self._led(pose_3, frames_CTHW, text_SND[:, None].unbind(), step_3)
        self.pose_E3[episode], self.step_E3[episode] = led
        self.last_EO[episode] = frames_CTHW[:, -1].flatten()

    @torch.no_grad()
    def stand_of(self, past_ECPHW: Tensor) -> tuple[Tensor, Tensor]:
        """Return the pose of the last past frame of every episode and the step to it, (E, 3)."""
        stands = [self._stand(episode, past) for episode, past in enumerate(past_ECPHW)]
        poses, steps = zip(*stands, strict=True)
        return torch.stack(poses), torch.stack(steps)

    def state(self, episode: int) -> dict[str, Tensor]:
        """Return where the episode is and what was last seen there."""
        named = {"pose": self.pose_E3[episode].clone(), "last": self.last_EO[episode].clone()}
        if self.renderer.motion.carries_on:
            named["step"] = self.step_E3[episode].clone()
        return named

    def load_state_(self, named: dict[str, Tensor], episode: int) -> None:
        """Take over what `state` gave."""
        self.pose_E3[episode], self.last_EO[episode] = named["pose"], named["last"]
        self.step_E3[episode] = named.get("step", torch.zeros_like(named["pose"]))

    def reset_(self) -> None:
        """Stand where the first view was seen."""
        for it in (self.pose_E3, self.step_E3, self.last_EO):
            it.zero_()

    def _stand(self, episode: int, past_CPHW: Tensor) -> tuple[Tensor, Tensor]:
        frames_PO, pose_3 = past_CPHW.transpose(0, 1).flatten(1), self.pose_E3[episode]
        rows = self.rows(episode)
        if not rows.is_there_R.any():
            return torch.zeros_like(pose_3), torch.zeros_like(pose_3)
        known = rows.looks_like(frames_PO[-1], pose_3, tolerance=_SAME_LATENTS)
        is_last_P = (frames_PO == self.last_EO[episode]).all(1)
        if is_last_P[-1] or known is None:
            after = int(is_last_P.nonzero().max()) + 1 if is_last_P.any() else 0
            last = self.last_EO[episode].view_as(past_CPHW[:, 0])
            chain = torch.cat([last[:, None], past_CPHW[:, after:]], 1)
            return self._led(pose_3, chain, self._unknown, self.step_E3[episode])
        step_3 = torch.zeros_like(pose_3)
        if self.renderer.motion.carries_on:
            _, step_3 = self._led(known, past_CPHW, self._unknown, step_3)
        return known, step_3

    def _led(
        self, pose_3: Tensor, frames_CTHW: Tensor, texts: Iterable[Tensor], step_3: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Return where frames lead from the pose of the first, and their last step."""
        poses_T3 = self.renderer.motion.followed(
            pose_3[None], frames_CTHW[None], texts, step_3[None]
        )[0]
        return poses_T3[-1], relative(*poses_T3[[-1, -2]]) if len(poses_T3) > 1 else step_3

    def _is_news(self, rows: Rows, pose_3: Tensor) -> bool:
        seen = rows.filled
        _, covered = covering(
            seen.poses_R3,
            seen.is_there_R,
            pose_3,
            most=self.config.references,
            reach=self.renderer.config.reach,
        )
        return covered < self.config.news_below


def _error(rows: Rows, frames_NO: Tensor) -> Tensor:
    return torch.stack([rows.nearest_error(frame) for frame in frames_NO]).mean()
