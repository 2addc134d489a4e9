"""Views that were seen, and where -> what is seen from somewhere else, and how surely.

For each point of a plane sweep (sweep.py) a small network weighs the seen views against each
other and says how likely a surface stands there; rays are then summed from near to far. Nothing is
known of a world but what its seen frames and poses have taught. Axes: B new views, K seen views of
each, N rays, D depths, S pixels of a side.
"""

from dataclasses import dataclass
from typing import cast

import torch
from diffusers import ConfigMixin, ModelMixin
from diffusers.configuration_utils import register_to_config
from torch import Tensor, nn
from torch.nn import functional

from twospeed.worldmodel.rendering.camera import Camera
from twospeed.worldmodel.rendering.encoder import ViewEncoder
from twospeed.worldmodel.rendering.motion import MotionReader
from twospeed.worldmodel.rendering.sweep import (
    EXTRA,
    NEVER,
    Samples,
    SeenViews,
    looked_up,
    stops,
    sweep,
)
from twospeed.worldmodel.rendering.weighing import Layers
from twospeed.worldmodel.rendering.whole import draw_by_rays, draw_whole

LAYER = "views"
"""Name, in a renderer, of the layer that fast weights are written to."""

ROW_FEATURES = 5
"""Inputs of that layer: 1 where there is a view, x and y in metres, heading in radians, and the
number of the chunk that it was seen in."""

_MIXED = 16  # features of a ray that tell how sure it is


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class Rendered:
    """What rays show."""

    colour: Tensor
    """(B, N, 3) in [-1, 1], or nearly so."""

    log_error: Tensor
    """(B, N): log of the squared error, mean over colours, that is to be expected."""

    inverse_depth: Tensor
    """(B, N): 1 / metres at which the rays end, a mean."""


class ViewRenderer(ModelMixin, ConfigMixin):  # type: ignore[misc]
    """Draw new views from seen ones.

    Args:
        side: S, a multiple of 16.
        latent_size: numbers in the latents of a frame, what a fast weight's row holds.
        latent_channels: channels of a latent cell, for reading motion.
        latent_cells: side of a frame in latent cells.
        text_width: features of a text token.
        chunk_frames: frames of a chunk.
        features: features of the encoder.
        width: features of a sample.
        reach: slope at the edge of a frame; 1 for a field of view of 90 degrees.
        near: nearest depth in metres.
        far: farthest depth in metres.
        depths: D, evenly spaced in 1 / depth.
        pitch: radians that the camera looks down.
        carries_on: whether what moves keeps moving, so that the step before tells of the next.
    """

    @register_to_config  # type: ignore[untyped-decorator]
    def __init__(
        self,
        side: int = 64,
        latent_channels: int = 32,
        latent_cells: int = 8,
        text_width: int = 64,
        chunk_frames: int = 4,
        features: int = 24,
        width: int = 32,
        reach: float = 1.0,  # noqa: ARG002
        near: float = 0.4,
        far: float = 12.0,
        depths: int = 24,
        pitch: float = 0.0,  # noqa: ARG002
        carries_on: bool = False,
    ) -> None:
        super().__init__()
        self.register_buffer("depth", 1 / torch.linspace(1 / near, 1 / far, depths))
        self.encoder = ViewEncoder(features, side)
        self.sample = nn.Sequential(
            nn.Linear(features + EXTRA, width), nn.SiLU(), nn.Linear(width, width + 2)
        )
        self.point = nn.Sequential(
            nn.SiLU(), nn.Linear(width + 5, width), nn.SiLU(), nn.Linear(width, 1 + _MIXED)
        )
        self.unsure = nn.Sequential(nn.Linear(_MIXED + 3, 32), nn.SiLU(), nn.Linear(32, 1))
        self.motion = MotionReader(
            channels=latent_channels,
            cells=latent_cells,
            text_width=text_width,
            frames=chunk_frames,
            carries_on=carries_on,
        )
        self.views = nn.Linear(ROW_FEATURES, latent_channels * latent_cells**2, bias=False)
        nn.init.zeros_(self.views.weight)

    @property
    def camera(self) -> Camera:
        """What all views are seen with."""
        return Camera(self.config.reach, self.config.pitch)

    def untrained(self, **changes: float) -> "ViewRenderer":
        """Return a new renderer of the same settings but for some."""
        settings = {name: it for name, it in self.config.items() if not name.startswith("_")}
        made: ViewRenderer = ViewRenderer(**{**settings, **changes})
        return made

    def seen(self, pixels_BK3SS: Tensor, steps_BK3: Tensor, is_there_BK: Tensor) -> SeenViews:
        """Encode views for drawing; see `SeenViews`."""
        told = self.encoder(pixels_BK3SS.flatten(0, 1)).unflatten(0, pixels_BK3SS.shape[:2])
        return SeenViews(
            pixels=pixels_BK3SS, told=told, steps_BK3=steps_BK3, is_there_BK=is_there_BK
        )

    def forward(self, views: SeenViews, slopes_BN2: Tensor) -> Rendered:
        """Draw some rays; slopes are metres to the right and down a metre of depth."""
        samples = sweep(views, slopes_BN2, self.depth, self.camera)
        weight_BKND, mixed = self.weigh(samples)
        colour = looked_up(views.pixels, samples.places).unflatten(0, weight_BKND.shape[:2])
        return Rendered(
            colour=(weight_BKND[..., None] * colour).sum((1, 3)),
            log_error=self.unsure(mixed)[..., 0],
            inverse_depth=mixed[..., -2],
        )

    @torch.no_grad()
    def frames(self, views: SeenViews) -> tuple[Tensor, Tensor]:
        """Draw whole frames, weighing every other pixel: (B, 3, S, S) and log errors (B, S, S)."""
        if self.config.pitch:
            return self.frames_by_rays(views)
        layers = Layers(
            sample=self.sample, point=self.point, unsure=self.unsure, depth_D=self.depth
        )
        return draw_whole(layers, views, self.config.side, reach=self.config.reach)

    def frames_by_rays(self, views: SeenViews) -> tuple[Tensor, Tensor]:
        """Draw as `frames` does, in steps that a graph can hold."""
        layers = self.weigh, self.unsure
        return draw_by_rays(*layers, views, self.config.side, self.depth, self.camera)

    def weigh(self, samples: Samples) -> tuple[Tensor, Tensor]:
        """Return weights of all samples (B, K, N, D), and features of their rays (B, N, ...)."""
        is_seen = samples.is_seen
        told = cast(Tensor, self.sample(samples.features))
        share = told[..., -2].masked_fill(~is_seen, NEVER).softmax(1) * is_seen
        colour = samples.features[..., -EXTRA : -EXTRA + 3]
        mean = (share[..., None] * colour).sum(1)
        spread = (share[..., None] * (colour - mean[:, None]).square()).sum(1)
        best = told[..., -1].masked_fill(~is_seen, NEVER).amax(1).clamp_min(-20)[..., None]
        many = is_seen.sum(1).to(mean)[..., None] / 4
        mixed = (share[..., None] * told[..., :-2]).sum(1)
        point = self.point(torch.cat([mixed, spread.clamp_min(1e-6).sqrt(), many, best], -1))
        solid_BND = (point[..., 0] + best[..., 0]).masked_fill(~is_seen.any(1), NEVER)
        stop_BND, total_BN1 = stops(functional.softplus(solid_BND))
        inverse = (stop_BND / self.depth).sum(-1, keepdim=True)
        off = (stop_BND * (1 / self.depth - inverse).square()).sum(-1, keepdim=True)
        ray = (stop_BND[..., None] * point[..., 1:]).sum(2)
        ray = torch.cat([ray, total_BN1, inverse, off.clamp_min(1e-6).sqrt()], -1)
        return share * stop_BND[:, None], ray
