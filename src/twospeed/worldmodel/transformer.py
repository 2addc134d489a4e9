"""Our own denoiser: convolutions inside frames around a space-time transformer.

Convolutions work on the latent cells of one frame; pairs of cells in both directions make one
token; a transformer attends over all tokens of all frames of the window. Every frame carries
its own noise level, so past frames can be clean while new ones are noise.
"""

from collections.abc import Sequence
from typing import Any, cast

import torch
from diffusers import ConfigMixin, ModelMixin
from diffusers.configuration_utils import register_to_config
from torch import Tensor, nn
from torch.nn import functional

from twospeed.core.errors import ConfigError
from twospeed.core.shapes import check_shapes
from twospeed.worldmodel.blocks import (
    CellAttention,
    FrameResBlocks,
    SpaceTimeBlock,
    begin_at_zero_,
    sinusoid,
    two_layers,
    waves,
    waves_2d,
)
from twospeed.worldmodel.past import clean_frames, latest, new_frames
from twospeed.worldmodel.recall import Recall
from twospeed.worldmodel.renamed import rename_loading_, rename_weights_

MOST_FRAMES = 32
"""Frames of the longest window."""

MOST_CELLS = 32
"""Latent cells along a side of the largest frame."""


class SpaceTimeTransformer(ModelMixin, ConfigMixin):  # type: ignore[misc]
    """Predict the diffusion target of a window of latents.

    Args:
        latent_channels: channels of a latent cell.
        text_width: features of a text token.
        width: features of a transformer token; a multiple of `heads`.
        depth: transformer blocks.
        heads: attention heads.
        conv_channels: channels of the convolutions; a multiple of 16.
        conv_blocks: residual blocks before and after the transformer.
        max_frames: longest window.
        max_cells: longest side of a frame in tokens (half its latent cells).
        shows_last: whether the convolutions of new frames see the last past frame, and steering
            tells how far ahead a frame is.
        attends_last: whether every cell of new frames attends to all of the last past frame.
        recall_keys: features of the keys of the layer made for fast weights; 0 builds none.
        recall_cells: side of a frame in latent cells, which that layer is bound to.
        recall_frames: frames of a chunk, which it is bound to as well.
    """

    @register_to_config  # type: ignore[untyped-decorator]
    def __init__(
        self,
        latent_channels: int = 32,
        text_width: int = 64,
        width: int = 192,
        depth: int = 6,
        heads: int = 3,
        conv_channels: int = 64,
        conv_blocks: int = 1,
        max_frames: int = MOST_FRAMES,
        max_cells: int = MOST_CELLS // 2,
        shows_last: bool = False,
        attends_last: bool = False,
        recall_keys: int = 0,
        recall_cells: int = 8,
        recall_frames: int = 4,
    ) -> None:
        super().__init__()
        self.register_load_state_dict_pre_hook(rename_loading_)
        self.enter = nn.Conv2d(latent_channels, conv_channels, 3, padding=1)
        self.before = FrameResBlocks(conv_blocks, conv_channels, width)
        self.to_tokens = nn.Linear(4 * conv_channels, width)
        self.places = nn.Parameter(waves_2d(max_cells, width))
        self.times = nn.Parameter(waves(max_frames, width))
        self.level_in = two_layers(width, width, width)
        self.text_in = nn.Linear(text_width, width)
        self.steer = nn.Linear(width, 6 * width)
        self.blocks = nn.ModuleList(SpaceTimeBlock(width, heads) for _ in range(depth))
        self.to_cells = nn.Linear(width, 4 * conv_channels)
        self.merge = nn.Conv2d(2 * conv_channels, conv_channels, 1)
        self.after = FrameResBlocks(conv_blocks, conv_channels, width)
        self.norm = nn.GroupNorm(16, conv_channels)
        self.leave = nn.Conv2d(conv_channels, latent_channels, 3, padding=1)
        begin_at_zero_(self.steer, self.leave)
        if shows_last:
            self.last_in = nn.Conv2d(latent_channels, conv_channels, 3, padding=1)
            self.time_in = nn.Linear(width, width)
            begin_at_zero_(self.last_in, self.time_in)
        if attends_last:
            self.looks_before, self.looks_after = (
                CellAttention(conv_channels, latent_channels, 2 * max_cells) for _ in range(2)
            )
        self.recall: Recall | None = None
        if recall_keys:
            self.recall = Recall(
                latent_channels=latent_channels,
                cells=recall_cells,
                frames=recall_frames,
                steer_width=width,
                keys=recall_keys,
            )
            self.recalled_in = nn.Conv2d(latent_channels + 1, conv_channels, 3, padding=1)
            self.recall_gate = two_layers(width + 1, width, latent_channels)
            begin_at_zero_(self.recalled_in, self.recall_gate[-1])

    def forward(
        self,
        noisy_BCTHW: Tensor,
        level_BT: Tensor,
        text_BND: Tensor,
        recalled_BO: Tensor | None = None,
        past_BPSD: Tensor | None = None,
    ) -> Tensor:
        """Return the prediction for every frame, (B, C, T, H, W); zeros for what is clean.

        Args:
            noisy_BCTHW: latents, each frame noised as its level says.
            level_BT: steps of the noise schedule, 0 to 1000; 0 is clean.
            text_BND: tokens of each clip's action; their mean is used.
            recalled_BO: what the recall layer gave for the new frames; None reads it.
            past_BPSD: what `past_tokens` gave for the first frames, all clean; None finds it.

        Raises:
            ShapeError: when the tensors disagree.
        """
        check_shapes(noisy=(noisy_BCTHW, "BCTHW"), level=(level_BT, "BT"), text=(text_BND, "BND"))
        past = clean_frames(level_BT) if past_BPSD is None else past_BPSD.shape[1]
        made = level_BT.shape[1] - past
        return self.after_clean(noisy_BCTHW, level_BT, text_BND, recalled_BO, past_BPSD, made=made)

    def after_clean(
        self,
        noisy_BCTHW: Tensor,
        level_BT: Tensor,
        text_BND: Tensor,
        recalled_BO: Tensor | None,
        past_BPSD: Tensor | None = None,
        *,
        made: int,
    ) -> Tensor:
        """Return what `forward` does, where it is known that all but the last `made` are clean.

        Nothing is asked of the levels' values here, so that it can be written as a graph.
        """
        asked, noisy_BCTHW = noisy_BCTHW.dtype, noisy_BCTHW.to(self._dtype)
        action_BD, past = self.action_of(text_BND), level_BT.shape[1] - made
        steer_BTD = self._steering(level_BT, action_BD)
        steer_FD = steer_BTD[:, -made:].flatten(0, 1)
        cells = self.enter(_frames(noisy_BCTHW[:, :, -made:]))
        if self.config.shows_last:
            seen = self._last_seen(noisy_BCTHW, level_BT).unflatten(0, (-1, past + made))
            cells = cells + seen[:, -made:].flatten(0, 1)
        if self.recall is not None:
            recalled_BO = None if recalled_BO is None else recalled_BO.to(self._dtype)
            recalled, there_BT = self.recall(noisy_BCTHW, level_BT, action_BD, recalled_BO)
            cells = cells + self.recalled_in(_frames(recalled[:, :, -made:]))
        cells = self._looked("before", self.before(cells, steer_FD), noisy_BCTHW, level_BT, made)
        tokens = self._tokens(cells, 0, made)
        if past:
            if past_BPSD is None:
                past_BPSD = self.past_tokens(noisy_BCTHW.narrow(2, 0, past), text_BND, made=made)
            tokens = torch.cat([past_BPSD, tokens], dim=1)
        told = self._transformed(tokens, steer_BTD, made, cells.shape[2:])
        cells = self.merge(torch.cat([cells, told], dim=1))
        cells = self.after(self._looked("after", cells, noisy_BCTHW, level_BT, made), steer_FD)
        out = self.leave(functional.silu(self.norm(cells)))
        made_BCTHW = out.unflatten(0, (-1, made)).transpose(1, 2)
        windows: Tensor = functional.pad(made_BCTHW, (0, 0, 0, 0, past, 0))
        windows = windows * (level_BT > 0)[:, None, :, None, None]
        if self.recall is not None:
            share = self._gate(steer_BTD, recalled[:, -1, :, 0, 0], there_BT)
            windows = windows.lerp(recalled[:, :-1], share)
        return windows.to(asked)

    def past_tokens(self, past_BCPHW: Tensor, text_BND: Tensor, *, made: int) -> Tensor:
        """Return the tokens of clean frames before `made` others, (B, P, cells, D)."""
        past_BCPHW, past = past_BCPHW.to(self._dtype), past_BCPHW.shape[2]
        clean_BT = past_BCPHW.new_zeros(len(past_BCPHW), past + made)
        steer_BTD = self._steering(clean_BT, self.action_of(text_BND))
        cells: Tensor = self.enter(_frames(past_BCPHW))
        if self.recall is not None:
            nothing: Any = self.recalled_in.bias
            cells = cells + nothing[:, None, None]
        cells = self.before(cells, steer_BTD.narrow(1, 0, past).flatten(0, 1))
        return self._tokens(cells, made, made + past)

    def _tokens(self, cells_FCHW: Tensor, after: int, end: int) -> Tensor:
        """Return the tokens of frames (see `_times`), (B, T, cells, D)."""
        height, width = (side // 2 for side in cells_FCHW.shape[2:])
        tokens = self.to_tokens(functional.pixel_unshuffle(cells_FCHW, 2).permute(0, 2, 3, 1))
        tokens = (tokens + self.places[:height, :width]).flatten(1, 2)
        tokens = tokens.unflatten(0, (-1, end - after))
        return cast(Tensor, tokens + self._times(after, end)[:, None])

    def _transformed(
        self, tokens_BTSD: Tensor, steer_BTD: Tensor, made: int, sides: Sequence[int]
    ) -> Tensor:
        """Let all tokens of a window see each other: cells (frames, ...) of the last `made`."""
        steer_BT6D, (*before, last) = self.steer(steer_BTD).unflatten(-1, (6, -1)), self.blocks
        for block in before:
            tokens_BTSD = block(tokens_BTSD, steer_BT6D, steer_BTD.shape[1])
        back = self.to_cells(last(tokens_BTSD, steer_BT6D, made))
        back = back.flatten(0, 1).unflatten(1, [side // 2 for side in sides])
        return functional.pixel_shuffle(back.permute(0, 3, 1, 2), 2)

    def _fix_state_dict_keys_on_load(self, state_dict: dict[str, Any]) -> None:
        """Take a file's weights under the names of now; diffusers asks for it while it loads."""
        rename_weights_(state_dict)

    def _last_seen(self, noisy_BCTHW: Tensor, level_BT: Tensor) -> Tensor:
        """Return what new frames are told of the last past frame, (B * T, channels, H, W)."""
        is_told_BT, last_BCHW = _last_past(noisy_BCTHW, level_BT)
        seen_BCHW = self.last_in(last_BCHW)
        told: Tensor = seen_BCHW[:, None] * is_told_BT[..., None, None, None]
        return told.flatten(0, 1)

    def _looked(
        self, where: str, cells_FCHW: Tensor, noisy_BCTHW: Tensor, level_BT: Tensor, made: int
    ) -> Tensor:
        """Add to the cells of new frames what they find in the last past frame."""
        if not self.config.attends_last:
            return cells_FCHW
        is_told_BT, last_BCHW = _last_past(noisy_BCTHW, level_BT)
        look = getattr(self, f"looks_{where}")
        found = look(cells_FCHW.unflatten(0, (-1, made)), last_BCHW)
        told = found * is_told_BT[:, -made:, None, None, None]
        return cast(Tensor, cells_FCHW + told.flatten(0, 1))

    def _gate(self, steer_BTD: Tensor, score_BT: Tensor, there_BT: Tensor) -> Tensor:
        """Return how far each channel goes over to what is recalled, (B, C, T, 1, 1)."""
        share_BTC: Tensor = self.recall_gate(torch.cat([steer_BTD, score_BT[..., None]], dim=-1))
        return (share_BTC * there_BT[..., None]).transpose(1, 2)[..., None, None]

    @property
    def _dtype(self) -> torch.dtype:
        """That of `dtype`, which looks at all weights."""
        return self.enter.weight.dtype

    def action_of(self, text_BND: Tensor) -> Tensor:
        """Embed the actions, (B, D)."""
        action: Tensor = self.text_in(text_BND.mean(dim=1).to(self.text_in.weight.dtype))
        return action

    def keys_of(self, past_BCPHW: Tensor, text_BND: Tensor) -> Tensor:
        """Return the keys of the chunks that follow these clean pasts, (B, K).

        Raises:
            ConfigError: without a recall layer.
        """
        if self.recall is None:
            raise ConfigError("this denoiser has no recall layer (recall_keys is 0)")
        return self.recall.keys(past_BCPHW.to(self._dtype), self.action_of(text_BND))

    def _steering(self, level_BT: Tensor, action_BD: Tensor) -> Tensor:
        """Join noise level, action and place in time into one vector a frame."""
        level = self.level_in(sinusoid(level_BT, self.config.width).to(action_BD.dtype))
        steering: Tensor = level + action_BD[:, None]
        if self.config.shows_last:
            steering = steering + self.time_in(self._times(0, level_BT.shape[1]))
        return functional.silu(steering)

    def _times(self, after: int, end: int) -> Tensor:
        """Return the features of places in time, counted from a window's end, (end - after, D)."""
        return self.times.narrow(0, after, end - after).flip(0)


def _last_past(noisy_BCTHW: Tensor, level_BT: Tensor) -> tuple[Tensor, Tensor]:
    """Return which new frames have a past, bool (B, T), and its last frame, (B, C, H, W)."""
    is_new_BT, first_B = new_frames(level_BT)
    return is_new_BT & (first_B > 0)[:, None], latest(noisy_BCTHW, first_B, 1)[:, :, 0]


def _frames(latents_BCTHW: Tensor) -> Tensor:
    return latents_BCTHW.transpose(1, 2).flatten(0, 1)
