"""SkyReels-V2 by diffusion forcing: Wan's transformer, trained with a level for every frame."""

from dataclasses import replace

from diffusers import SkyReelsV2Transformer3DModel
from torch import Tensor

from twospeed.core.shapes import check_shapes
from twospeed.worldmodel.backbones.base import Backbone
from twospeed.worldmodel.backbones.wan import ATTENTION, FEED_FORWARD, TEXT, WAN, patch_of

FAST = 1
"""Number by which the weights know videos of 24 frames a second; 0 is 16."""


class SkyReelsDenoiser(SkyReelsV2Transformer3DModel):  # type: ignore[misc]
    """`SkyReelsV2Transformer3DModel` behind the contract `Denoiser`."""

    def forward(self, noisy_BCTHW: Tensor, level_BT: Tensor, text_BND: Tensor) -> Tensor:
        """Return the velocity of every frame, (B, C, T, H, W)."""
        check_shapes(noisy=(noisy_BCTHW, "BCTHW"), level=(level_BT, "BT"), text=(text_BND, "BND"))
        velocity: Tensor = super().forward(
            noisy_BCTHW.to(self.dtype),
            level_BT,
            text_BND.to(noisy_BCTHW.device, self.dtype),
            enable_diffusion_forcing=True,
            fps=[FAST],  # one for all clips
            return_dict=False,
        )[0]
        return velocity.to(noisy_BCTHW.dtype)


SKYREELS = Backbone(
    name="skyreels",
    pipelines=("SkyReelsV2DiffusionForcingPipeline",),
    part="transformer",
    denoiser=SkyReelsDenoiser,
    stored_as="SkyReelsV2Transformer3DModel",
    levels="one for every frame, trained so",
    text=TEXT,
    attention=ATTENTION,
    feed_forward=FEED_FORWARD,
    settings=replace(WAN.settings, frame_size=544, frames_per_second=24.0, guidance=5.0),
    window=97,
    patch=patch_of,
)
"""SkyReels-V2 DF."""
