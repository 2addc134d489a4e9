"""The networks of a world model as graphs that a browser runs, each one function of tensors.

What decides (which views, which noise, what is kept) is the page's; what is computed is here, by
the model's own parts. Axes: B clips, C channels, T frames, P past frames, H and W latent cells, D
features of a text, O what the recall layer gives, U seen views, N new views, K seen views of each
new one, S pixels of a side.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import cast

import torch
from torch import Tensor, nn

from twospeed.core.errors import ConfigError
from twospeed.memory.config import ViewConfig
from twospeed.memory.views.reading import shares
from twospeed.memory.views.seeing import shown_in
from twospeed.worldmodel.autoencoder import FrameAutoencoder
from twospeed.worldmodel.model import WorldModel
from twospeed.worldmodel.recall import LOOKS_AT
from twospeed.worldmodel.rendering.renderer import ViewRenderer
from twospeed.worldmodel.rendering.sweep import SeenViews
from twospeed.worldmodel.transformer import SpaceTimeTransformer

ANY: Mapping[int, int] = {0: 1}
"""Any number of clips or views."""


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class Graph:
    """One function of tensors: what computes it, and an example of what goes in."""

    module: nn.Module
    inputs: Mapping[str, Tensor]
    outputs: tuple[str, ...]
    free: Mapping[str, Mapping[int, int]] = field(default_factory=dict)
    """Input -> its axes of any length, each with the least."""


class Encode(nn.Module):
    """Pixels (B, 3, S, S) in [-1, 1] -> latents (B, C, H, W)."""

    def __init__(self, autoencoder: FrameAutoencoder) -> None:
        super().__init__()
        self.autoencoder = autoencoder

    def forward(self, pixels: Tensor) -> Tensor:
        """Compute; the class says from what."""
        return self.autoencoder.encode(pixels)


class Look(nn.Module):
    """Latents (U, C, H, W) -> pixels (U, 3, S, S), as a screen shows them, and features of them."""

    def __init__(self, autoencoder: FrameAutoencoder, renderer: ViewRenderer) -> None:
        super().__init__()
        self.autoencoder, self.encoder = autoencoder, renderer.encoder

    def forward(self, latents: Tensor) -> tuple[Tensor, Tensor]:
        """Compute; the class says from what."""
        pixels = _as_shown(self.autoencoder.decode(latents))
        return pixels, self.encoder(pixels)


class Ahead(nn.Module):
    """The last frame (1, C, H, W) and a text (1, 1, D) -> the steps of a chunk (N, 3)."""

    def __init__(self, renderer: ViewRenderer) -> None:
        super().__init__()
        self.motion = renderer.motion

    def forward(self, last: Tensor, text: Tensor) -> Tensor:
        """Compute; the class says from what."""
        return self.motion.ahead(last, text)[0]


class Between(nn.Module):
    """Frames (1, C, H, W) each, and a text (1, 1, D) -> the step between them (3,)."""

    def __init__(self, renderer: ViewRenderer) -> None:
        super().__init__()
        self.motion = renderer.motion

    def forward(self, before: Tensor, after: Tensor, text: Tensor) -> Tensor:
        """Compute; the class says from what."""
        return self.motion.between(before, after, text)[0]


class Recalled(nn.Module):
    """Clean pasts (B, C, P, H, W) and texts (B, 1, D) -> what the slow weights guess, (B, O)."""

    def __init__(self, denoiser: SpaceTimeTransformer) -> None:
        super().__init__()
        self.denoiser = denoiser

    def forward(self, past: Tensor, text: Tensor) -> Tensor:
        """Compute; the class says from what."""
        recall = self.denoiser.recall
        if recall is None:
            return past.new_zeros(len(past), 1)
        return cast(Tensor, recall.layer(self.denoiser.keys_of(past, text)))


class Denoise(nn.Module):
    """Noisy windows (B, C, T, H, W), levels (B, T), texts (B, 1, D), recalled (B, O) -> clean.

    Args:
        denoiser: ours.
        chunk: new frames, the last ones of a window; the others are clean.
    """

    def __init__(self, denoiser: SpaceTimeTransformer, chunk: int) -> None:
        super().__init__()
        self.denoiser, self.chunk = denoiser, chunk

    def forward(self, noisy: Tensor, level: Tensor, text: Tensor, recalled: Tensor) -> Tensor:
        """Compute; the class says from what."""
        told = recalled if self.denoiser.recall is not None else None
        return self.denoiser.after_clean(noisy, level, text, told, made=self.chunk)


class Draw(nn.Module):
    """Seen views -> new ones: latents (N, C, H, W) and how far each cell is trusted, (N, H, W).

    Weights are found at every other pixel, as in `ViewRenderer.frames`.

    Args:
        autoencoder: encodes what is drawn.
        renderer: draws.
        config: says what is trusted.
    """

    def __init__(
        self, autoencoder: FrameAutoencoder, renderer: ViewRenderer, config: ViewConfig
    ) -> None:
        super().__init__()
        self.autoencoder, self.renderer, self.config = autoencoder, renderer, config

    def forward(
        self, pixels: Tensor, told: Tensor, index: Tensor, steps: Tensor, there: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Draw; pixels (U, 3, S, S), told (U, ...), index and there (N, K), steps (N, K, 3)."""
        views = SeenViews(
            pixels=pixels[index], told=told[index], steps_BK3=steps, is_there_BK=there
        )
        drawn, errors = self.renderer.frames_by_rays(views)
        renderer, cells = self.renderer, self.renderer.config.latent_cells
        shown = shown_in(views, renderer.depth, cells, renderer.camera)
        share = shown * shares(errors, cells, self.config.retrieval_range)
        return self.autoencoder.encode(_as_shown(drawn)), share


def _as_shown(pixels: Tensor) -> Tensor:
    """Return pixels as a screen of 256 levels shows them, in [-1, 1]."""
    return ((pixels + 1) * 127.5).round().clamp(0, 255) / 127.5 - 1


@torch.no_grad()
def graphs_of(model: WorldModel, config: ViewConfig) -> dict[str, Graph]:
    """Return all graphs of a model by name.

    Raises:
        ConfigError: when its parts are not those that the page knows.
    """
    denoiser, autoencoder, renderer = _parts(model)
    chunk, cells = model.settings.chunk_frames, renderer.config.latent_cells
    channels, width = renderer.config.latent_channels, denoiser.config.text_width
    window = torch.randn(2, channels, LOOKS_AT + chunk, cells, cells)
    text = torch.randn(2, 1, width)
    return {
        **_of_denoiser(denoiser, window, text, chunk),
        **_of_views(autoencoder, renderer, config, window[:, :, 0], text[:1]),
    }


def _of_denoiser(
    denoiser: SpaceTimeTransformer, window_BCTHW: Tensor, text_B1D: Tensor, chunk: int
) -> dict[str, Graph]:
    """Return what is asked of the denoiser and its recall layer."""
    recalled, past = Recalled(denoiser), window_BCTHW[:, :, :LOOKS_AT]
    level = torch.full((2, window_BCTHW.shape[2]), 500)
    level[:, :-chunk] = 0
    asked = {"noisy": window_BCTHW, "level": level, "text": text_B1D}
    return {
        "recalled": Graph(
            module=recalled,
            inputs={"past": past, "text": text_B1D},
            outputs=("recalled",),
            free={"past": ANY, "text": ANY},
        ),
        "denoise": Graph(
            module=Denoise(denoiser, chunk),
            inputs={**asked, "recalled": recalled(past, text_B1D)},
            outputs=("clean",),
            free={
                "noisy": {0: 1, 2: chunk + 1},
                "level": {0: 1, 1: chunk + 1},
                "text": ANY,
                "recalled": ANY,
            },
        ),
    }


def _of_views(
    autoencoder: FrameAutoencoder,
    renderer: ViewRenderer,
    config: ViewConfig,
    frames_BCHW: Tensor,
    text_11D: Tensor,
) -> dict[str, Graph]:
    """Return what moves, encodes and draws."""
    look, (before, after) = Look(autoencoder, renderer), frames_BCHW.split(1)
    pixels, told = look(frames_BCHW)
    drawn = {
        "pixels": pixels,
        "told": told,
        "index": torch.tensor([[0, 1, 0]] * 2),
        "steps": torch.randn(2, 3, 3) / 4,
        "there": torch.ones(2, 3, dtype=torch.bool),
    }
    moving = {"before": before, "after": after, "text": text_11D}
    return {
        "encode": Graph(
            module=Encode(autoencoder),
            inputs={"pixels": pixels},
            outputs=("latents",),
            free={"pixels": ANY},
        ),
        "look": Graph(
            module=look,
            inputs={"latents": frames_BCHW},
            outputs=("pixels", "told"),
            free={"latents": ANY},
        ),
        "ahead": Graph(
            module=Ahead(renderer), inputs={"last": before, "text": text_11D}, outputs=("steps",)
        ),
        "between": Graph(module=Between(renderer), inputs=moving, outputs=("step",)),
        "draw": Graph(
            module=Draw(autoencoder, renderer, config),
            inputs=drawn,
            outputs=("latents", "share"),
            free={name: ANY if name in ("pixels", "told") else {0: 1, 1: 1} for name in drawn},
        ),
    }


def _parts(model: WorldModel) -> tuple[SpaceTimeTransformer, FrameAutoencoder, ViewRenderer]:
    denoiser, autoencoder, renderer = model.denoiser, model.autoencoder, model.renderer
    schedule = getattr(model.schedule, "prediction_type", None)
    if (
        not isinstance(denoiser, SpaceTimeTransformer)
        or not isinstance(autoencoder, FrameAutoencoder)
        or renderer is None
        or schedule != "sample"
        or renderer.config.carries_on
    ):
        raise ConfigError(
            "static files can be made of our own models that have a renderer, such as rooms-64,"
            " and in whose world nothing rolls on by itself"
        )
    return denoiser, autoencoder, renderer
