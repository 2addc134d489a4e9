"""`AutoencoderKLWan`: causal in time, four frames a latent after the first.

Its convolutions keep the last frames that they saw, so that a chunk can be decoded when the ones
before it are gone: chunk by chunk gives what decoding the whole video gives.
"""

from collections.abc import Mapping
from typing import Any

import torch
from diffusers.models.autoencoders.autoencoder_kl_wan import unpatchify
from torch import Tensor

from twospeed.core.errors import DataError
from twospeed.worldmodel.backbones.packing import encoded_mode

_REPEATED = "Rep"
"""What a layer that doubles time keeps of an episode's first latent."""


class WanPacking:
    """`AutoencoderKLWan` behind the contract `Packing`.

    Args:
        autoencoder: as diffusers loads it.
    """

    def __init__(self, autoencoder: Any) -> None:
        self.autoencoder = autoencoder
        config = autoencoder.config
        self.channels = int(config.z_dim)
        self.side = int(2 ** len(config.temperal_downsample) * (config.patch_size or 1))
        self.frames = int(2 ** sum(config.temperal_downsample))

    def encode(self, pixels_BCTHW: Tensor) -> Tensor:
        """See `Packing`.

        Raises:
            ShapeError: when there are not 1 + 4 k frames.
        """
        latents = encoded_mode(self, pixels_BCTHW)
        mean, deviation = self._moments(latents)
        return (latents - mean) / deviation

    def decode(self, latents_BCTHW: Tensor) -> Tensor:
        """See `Packing`."""
        pixels: Tensor = self.autoencoder.decode(self._raw(latents_BCTHW)).sample
        return pixels

    def decoding(self) -> "WanDecoding":
        """See `Packing`."""
        return WanDecoding(self)

    def _raw(self, latents_BCTHW: Tensor) -> Tensor:
        mean, deviation = self._moments(latents_BCTHW)
        return latents_BCTHW * deviation + mean

    def _moments(self, like: Tensor) -> tuple[Tensor, Tensor]:
        config = self.autoencoder.config
        mean, deviation = (like.new_tensor(it) for it in (config.latents_mean, config.latents_std))
        return mean.view(1, -1, 1, 1, 1), deviation.view(1, -1, 1, 1, 1)


class WanDecoding:
    """The decoder in the middle of an episode: what its convolutions keep.

    Args:
        packing: whose decoder it is.
    """

    def __init__(self, packing: WanPacking) -> None:
        self.packing = packing
        self._kept: list[Any] = [None] * _count_convolutions(packing.autoencoder.decoder)
        self._is_begun = False

    def next(self, latents_BCTHW: Tensor) -> Tensor:
        """See `Decoding`."""
        autoencoder = self.packing.autoencoder
        raw = autoencoder.post_quant_conv(self.packing._raw(latents_BCTHW))
        parts = [self._decode_one(one) for one in raw.split(1, dim=2)]
        pixels = torch.cat(parts, dim=2)
        if autoencoder.config.patch_size is not None:
            pixels = unpatchify(pixels, patch_size=autoencoder.config.patch_size)
        return pixels.clamp(-1, 1)

    def skip(self, latents_BCTHW: Tensor) -> None:
        """See `Decoding`."""
        self.next(latents_BCTHW)

    def state(self) -> dict[str, Tensor]:
        """See `Decoding`."""
        named = {"begun": torch.tensor(self._is_begun)}
        for index, kept in enumerate(self._kept):
            if isinstance(kept, Tensor):
                named[f"kept.{index}"] = kept
            elif kept is not None:
                named[f"repeated.{index}"] = torch.tensor(True)
        return named

    def load_state_(self, named: Mapping[str, Tensor]) -> None:
        """See `Decoding`.

        Raises:
            DataError: when it is that of another autoencoder.
        """
        if "begun" not in named:
            raise DataError("its decoder's state is not there")
        self._is_begun = bool(named["begun"])
        for index in range(len(self._kept)):
            repeated = _REPEATED if f"repeated.{index}" in named else None
            self._kept[index] = named.get(f"kept.{index}", repeated)

    def _decode_one(self, raw_BC1HW: Tensor) -> Tensor:
        first = {} if self._is_begun else {"first_chunk": True}
        self._is_begun = True
        kept = list(self._kept)  # the decoder replaces its entries
        pixels: Tensor = self.packing.autoencoder.decoder(
            raw_BC1HW, feat_cache=kept, feat_idx=[0], **first
        )
        self._kept = kept
        return pixels


def _count_convolutions(decoder: torch.nn.Module) -> int:
    return sum(type(module).__name__ == "WanCausalConv3d" for module in decoder.modules())
