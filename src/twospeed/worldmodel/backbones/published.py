"""The published configurations of real checkpoints, from which nothing is loaded.

Held as what diffusers' classes are told; all that is not told is the class's own default.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from diffusers import AutoencoderKL, AutoencoderKLLTXVideo, AutoencoderKLWan
from torch import nn
from transformers import (
    CLIPTextConfig,
    CLIPTextModel,
    CLIPVisionConfig,
    CLIPVisionModel,
    T5Config,
    T5EncoderModel,
    UMT5Config,
    UMT5EncoderModel,
)

from twospeed.worldmodel.backbones.base import Backbone
from twospeed.worldmodel.backbones.ltx import LTX
from twospeed.worldmodel.backbones.modelscope import MODELSCOPE
from twospeed.worldmodel.backbones.skyreels import SKYREELS
from twospeed.worldmodel.backbones.wan import WAN

_WAN = {
    "patch_size": (1, 2, 2), "attention_head_dim": 128, "in_channels": 16, "out_channels": 16,
    "text_dim": 4096, "freq_dim": 256, "cross_attn_norm": True, "rope_max_seq_len": 1024,
    "qk_norm": "rms_norm_across_heads",
}  # fmt: skip
_SMALL = _WAN | {"num_attention_heads": 12, "ffn_dim": 8960, "num_layers": 30}
_LARGE = _WAN | {"num_attention_heads": 40, "ffn_dim": 13_824, "num_layers": 40}
_IMAGE = _LARGE | {"in_channels": 36}
_TI2V = _WAN | {
    "num_attention_heads": 24, "ffn_dim": 14_336, "num_layers": 30, "in_channels": 48,
    "out_channels": 48,
}  # fmt: skip
_TI2V_VAE = {
    "base_dim": 160, "decoder_base_dim": 256, "z_dim": 48, "in_channels": 12,
    "out_channels": 12, "is_residual": True, "patch_size": 2, "scale_factor_spatial": 16,
    "latents_mean": [0.0] * 48, "latents_std": [1.0] * 48,
}  # fmt: skip
_MODELSCOPE_VAE = {
    "block_out_channels": (128, 256, 512, 512), "layers_per_block": 2, "latent_channels": 4,
    "down_block_types": ("DownEncoderBlock2D",) * 4, "up_block_types": ("UpDecoderBlock2D",) * 4,
}  # fmt: skip


def _t5_of(config: Any, encoder: Any, pieces: int) -> nn.Module:
    shape = config(
        vocab_size=pieces, d_model=4096, d_kv=64, d_ff=10_240, num_layers=24, num_heads=64,
        feed_forward_proj="gated-gelu",
    )  # fmt: skip
    built: nn.Module = encoder(shape)
    return built


def _umt5() -> nn.Module:
    return _t5_of(UMT5Config, UMT5EncoderModel, 256_384)


def _t5() -> nn.Module:
    return _t5_of(T5Config, T5EncoderModel, 32_128)


def _clip() -> nn.Module:
    shape: Any = CLIPTextConfig(
        hidden_size=1024, intermediate_size=4096, num_hidden_layers=23, num_attention_heads=16
    )
    encoder: nn.Module = CLIPTextModel(shape)
    return encoder


def _clip_vision() -> nn.Module:
    shape: Any = CLIPVisionConfig(
        hidden_size=1280, intermediate_size=5120, num_hidden_layers=32, num_attention_heads=16,
        image_size=224, patch_size=14,
    )  # fmt: skip
    encoder: nn.Module = CLIPVisionModel(shape)
    return encoder


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class Published:
    """A checkpoint that is published, by its configuration."""

    hub_id: str
    """Where the weights are."""

    family: Backbone
    denoiser: Mapping[str, Any]
    """What the denoiser's class is told."""

    autoencoder: Callable[[], nn.Module]
    text_encoder: Callable[[], nn.Module]

    frames: int
    """Frames of a window it was trained on."""

    size: int
    """Shorter side of its frames in pixels."""

    transformers: int = 1
    """Denoisers of this configuration, one behind the other."""

    image_encoder: Callable[[], nn.Module] | None = None
    """Of the first picture, where it asks one."""

    def build(self, device: str = "meta") -> tuple[nn.Module, nn.Module, nn.Module]:
        """Build denoiser, autoencoder and text encoder; on "meta" they take no memory."""
        with torch.device(device):
            return self.build_denoiser(device), self.autoencoder(), self.text_encoder()

    def build_denoiser(self, device: str = "meta") -> nn.Module:
        """Build the denoiser alone, with random weights where it is not on "meta"."""
        with torch.device(device):
            return self.family.denoiser(**self.denoiser)


CHECKPOINTS: dict[str, Published] = {
    "wan-2.1-1.3b": Published(
        hub_id="Wan-AI/Wan2.1-T2V-1.3B-Diffusers", family=WAN, denoiser=_SMALL,
        autoencoder=AutoencoderKLWan, text_encoder=_umt5, frames=81, size=480,
    ),
    "wan-2.1-14b": Published(
        hub_id="Wan-AI/Wan2.1-T2V-14B-Diffusers", family=WAN, denoiser=_LARGE,
        autoencoder=AutoencoderKLWan, text_encoder=_umt5, frames=81, size=480,
    ),
    "wan-2.1-i2v-14b": Published(
        hub_id="Wan-AI/Wan2.1-I2V-14B-480P-Diffusers", family=WAN,
        denoiser=_IMAGE | {"image_dim": 1280, "added_kv_proj_dim": 5120},
        autoencoder=AutoencoderKLWan, text_encoder=_umt5, image_encoder=_clip_vision, frames=81,
        size=480,
    ),
    "wan-2.2-t2v-a14b": Published(
        hub_id="Wan-AI/Wan2.2-T2V-A14B-Diffusers", family=WAN, denoiser=_LARGE, transformers=2,
        autoencoder=AutoencoderKLWan, text_encoder=_umt5, frames=81, size=480,
    ),
    "wan-2.2-i2v-a14b": Published(
        hub_id="Wan-AI/Wan2.2-I2V-A14B-Diffusers", family=WAN, denoiser=_IMAGE, transformers=2,
        autoencoder=AutoencoderKLWan, text_encoder=_umt5, frames=81, size=480,
    ),
    "wan-2.2-ti2v-5b": Published(
        hub_id="Wan-AI/Wan2.2-TI2V-5B-Diffusers", family=WAN, denoiser=_TI2V,
        autoencoder=lambda: AutoencoderKLWan(**_TI2V_VAE), text_encoder=_umt5, frames=121,
        size=704,
    ),
    "skyreels-v2-df-1.3b": Published(
        hub_id="Skywork/SkyReels-V2-DF-1.3B-540P-Diffusers", family=SKYREELS,
        denoiser=_SMALL | {"inject_sample_info": True}, autoencoder=AutoencoderKLWan,
        text_encoder=_umt5, frames=97, size=544,
    ),
    "skyreels-v2-df-14b": Published(
        hub_id="Skywork/SkyReels-V2-DF-14B-540P-Diffusers", family=SKYREELS, denoiser=_LARGE,
        autoencoder=AutoencoderKLWan, text_encoder=_umt5, frames=97, size=544,
    ),
    "ltx-video": Published(
        hub_id="Lightricks/LTX-Video", family=LTX, denoiser={},
        autoencoder=AutoencoderKLLTXVideo, text_encoder=_t5, frames=161, size=512,
    ),
    "modelscope-1.7b": Published(
        hub_id="damo-vilab/text-to-video-ms-1.7b", family=MODELSCOPE,
        denoiser={"cross_attention_dim": 1024, "attention_head_dim": 64, "sample_size": 32},
        autoencoder=lambda: AutoencoderKL(**_MODELSCOPE_VAE), text_encoder=_clip, frames=32,
        size=256,
    ),
}  # fmt: skip
"""Name on the command line -> checkpoint."""
