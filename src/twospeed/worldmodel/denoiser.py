"""The table of denoisers, and the paper's one behind the protocol (contract.py).

A denoiser maps (noisy latents, noise level per frame, text tokens) to the diffusion target, so
memory and sampler need not know which network they hold.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from diffusers import UNet3DConditionModel
from torch import Tensor, nn

from twospeed.core.errors import DataError, lookup
from twospeed.core.shapes import check_shapes
from twospeed.worldmodel.contract import Denoiser
from twospeed.worldmodel.loading import class_name_in, load_network
from twospeed.worldmodel.transformer import SpaceTimeTransformer


class UNet3D(UNet3DConditionModel):  # type: ignore[misc]
    """The paper's denoiser, diffusers' UNet3DConditionModel, behind our protocol.

    It knows one noise level a clip (the highest of its frames). When it was built with one input
    channel more than it has output channels, that channel marks clean frames by 1; without it,
    as in ModelScopeT2V's own weights, clean frames go unmarked.
    """

    def forward(self, noisy_BCTHW: Tensor, level_BT: Tensor, text_BND: Tensor) -> Tensor:
        """Return the prediction for every frame, (B, C, T, H, W)."""
        check_shapes(noisy=(noisy_BCTHW, "BCTHW"), level=(level_BT, "BT"), text=(text_BND, "BND"))
        sample = noisy_BCTHW.to(self.dtype)
        if self.config.in_channels > self.config.out_channels:
            mark_BT = (level_BT == 0).to(sample)
            mark = mark_BT[:, None, :, None, None].expand_as(sample[:, :1])
            sample = torch.cat([sample, mark], dim=1)
        step_B = (level_BT.amax(dim=1) - 1).clamp_min(0)  # diffusers counts its levels from 0
        predicted: Tensor = (
            super().forward(sample, step_B, encoder_hidden_states=text_BND.to(sample)).sample
        )
        return predicted.to(noisy_BCTHW.dtype)


DENOISERS: dict[str, Callable[..., nn.Module]] = {
    "UNet3DConditionModel": UNet3D,
    "UNet3D": UNet3D,
    "SpaceTimeTransformer": SpaceTimeTransformer,
}
"""Class name in ``config.json`` -> class."""


def small_unet3d(latent_channels: int, text_width: int) -> UNet3D:
    """Build the paper's architecture at a size for two CPU cores (2.7 M parameters)."""
    return UNet3D(
        in_channels=latent_channels + 1,
        out_channels=latent_channels,
        down_block_types=("CrossAttnDownBlock3D", "CrossAttnDownBlock3D", "DownBlock3D"),
        up_block_types=("UpBlock3D", "CrossAttnUpBlock3D", "CrossAttnUpBlock3D"),
        block_out_channels=(32, 64, 64),
        layers_per_block=1,
        norm_num_groups=16,
        cross_attention_dim=text_width,
        attention_head_dim=16,
    )


def load_denoiser(
    folder: Path, *, dtype: torch.dtype = torch.float32, variant: str | None = None
) -> Denoiser:
    """Load ``denoiser/`` (or a diffusers pipeline's ``unet/``).

    Raises:
        DataError: when neither is there, or its file is damaged or lacks weights.
        UnknownNameError: when the class in its configuration is none of ours.
    """
    place = next((folder / n for n in ("denoiser", "unet") if (folder / n).is_dir()), None)
    if place is None:
        raise DataError(f"{folder} holds neither denoiser/ nor unet/: is it a model folder?")
    kind: Any = lookup(DENOISERS, class_name_in(place), "denoiser")
    loaded: Denoiser = load_network(kind, "denoiser", place, dtype=dtype, variant=variant)
    return loaded
