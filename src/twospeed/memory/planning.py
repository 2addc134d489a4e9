"""What TEMP-LORA on a large model takes, worked out before anything is fetched.

Parameters are counted on the meta device; bytes of weights and of a memory's file follow from them
exactly. Activations are an estimate: of one block at work, and of what a gradient keeps of all.
"""

from dataclasses import dataclass
from typing import cast

import torch
from torch import nn

from twospeed.core.errors import ConfigError
from twospeed.core.pictures import Size
from twospeed.core.ranges import Within
from twospeed.memory.adapters import layers_called
from twospeed.worldmodel.backbones.published import Published
from twospeed.worldmodel.codec import packing_of

HALF, FULL = 2, 4
"""Bytes of a number in bfloat16 and in float32."""

KEPT_PER_TOKEN = 34
"""Features of its width that a block keeps of a token for the gradient, a rough mean of
transformers of this kind (inputs of all layers, queries, keys, values, both norms)."""

CARDS = (24, 48, 80)
"""Gigabytes of common GPUs."""

RANK = Within(1, 4096)


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """Sizes of one checkpoint with a memory; bytes unless said otherwise."""

    parameters: int
    """Of the denoiser; of both where there are two."""

    adapter_parameters: int
    memory_file: int
    """Weights, diffusers' copy of them, and Adam's averages, float32."""

    tokens: int
    """Of a window; latent cells where the denoiser is convolutional."""

    denoiser: int
    autoencoder: int
    text_encoder: int
    image_encoder: int
    """Weights in bfloat16, those of the autoencoder and the encoder of pictures in float32."""

    adapters: int
    """Adapters with their gradients and Adam's averages, float32."""

    dreaming: int
    """Estimate of the activations of a prediction."""

    writing: int
    """Estimate of the activations of a write."""

    writing_checkpointed: int
    """The same where activations are computed again for the gradient."""

    def needed(self, *, checkpointing: bool, offload: bool) -> int:
        """Return the estimate of all that is on the GPU at its worst moment."""
        resting = 0 if offload else self.autoencoder + self.text_encoder + self.image_encoder
        write = self.writing_checkpointed if checkpointing else self.writing
        return self.denoiser + self.adapters + resting + max(write, self.dreaming)


def plan_memory(checkpoint: Published, *, frames: int, size: Size, rank: int) -> Plan:
    """Work out what a memory of this rank takes on a checkpoint.

    Args:
        checkpoint: by its published configuration.
        frames: of a window, past and new.
        size: of frames, in pixels.
        rank: of the adapters.

    Raises:
        ConfigError: when the rank, the size or the number of frames is not possible.
    """
    if rank not in RANK:
        raise ConfigError(f"rank {RANK.complaint(rank)}, got {rank}")
    denoiser, autoencoder, text_encoder = checkpoint.build()
    packing, patch = packing_of(autoencoder), checkpoint.family.patch(denoiser)
    side = packing.side * (patch if checkpoint.family.part == "transformer" else 1)
    if any(it < side or it % side for it in size):
        raise ConfigError(f"sides are multiples of {side} pixels for this model, got {size}")
    if frames < 2 or (frames - 1) % packing.frames:
        raise ConfigError(f"frames is 1 + {packing.frames} k for this model, got {frames}")
    tokens = (1 + (frames - 1) // packing.frames) * (size.height // side) * (size.width // side)
    linear = _adapted(checkpoint, denoiser)
    count = checkpoint.transformers
    adapter = count * sum(rank * (layer.in_features + layer.out_features) for layer in linear)
    width = max(layer.in_features for layer in linear if layer.in_features == layer.out_features)
    widest = max(max(layer.in_features, layer.out_features) for layer in linear)
    blocks = len(getattr(denoiser, "blocks", getattr(denoiser, "transformer_blocks", range(32))))
    block = HALF * tokens * (KEPT_PER_TOKEN * width + 2 * widest)
    return Plan(
        parameters=count * _count(denoiser),
        adapter_parameters=adapter,
        memory_file=4 * FULL * adapter,
        tokens=tokens,
        denoiser=HALF * count * _count(denoiser),
        autoencoder=FULL * _count(autoencoder),
        text_encoder=HALF * _count(text_encoder),
        image_encoder=FULL * _image_parameters(checkpoint),
        adapters=4 * FULL * adapter,
        dreaming=block,
        writing=blocks * block,
        writing_checkpointed=block + blocks * HALF * tokens * width,
    )


def _adapted(checkpoint: Published, denoiser: nn.Module) -> list[nn.Linear]:
    layers = dict(denoiser.named_modules())
    names = layers_called(denoiser, checkpoint.family.adapted)
    return [cast(nn.Linear, layers[name]) for name in names]


def _image_parameters(checkpoint: Published) -> int:
    if checkpoint.image_encoder is None:
        return 0
    with torch.device("meta"):
        return _count(checkpoint.image_encoder())


def _count(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())
