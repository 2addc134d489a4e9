"""A published model at full size with random weights: what it costs can be measured, not seen."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch
from diffusers import UniPCMultistepScheduler
from torch import Tensor

from twospeed.core.errors import ConfigError
from twospeed.core.random import generator_of, initial_weights_of
from twospeed.worldmodel.backbones.image_encoder import ImageEncoder, processor_class
from twospeed.worldmodel.backbones.opening import Origin
from twospeed.worldmodel.backbones.placement import Placement
from twospeed.worldmodel.backbones.published import Published
from twospeed.worldmodel.model import WorldModel
from twospeed.worldmodel.text import TextEncoder


class RandomTexts(TextEncoder):
    """Random features of the right size in the place of an encoder of billions of weights.

    Args:
        tokens: of a text.
        width: features of a token.
    """

    def __init__(self, tokens: int, width: int) -> None:
        super().__init__(None, torch.nn.Identity())
        self.shape = (tokens, width)

    def encode(self, texts: Sequence[str]) -> Tensor:
        """Draw the features of texts, (B, N, D), each the same whenever it comes."""
        drawn = [torch.randn(self.shape, generator=generator_of("text", text)) for text in texts]
        return torch.stack(drawn)


def full_size_model(checkpoint: Published, place: Placement, **settings: Any) -> WorldModel:
    """Build a published model of random weights; of two transformers the first alone.

    Args:
        checkpoint: by its published configuration; one that predicts velocities.
        place: where, and how precise the denoiser is.
        **settings: that differ from its family's.

    Raises:
        ConfigError: when the model is no flow, or cannot take the settings.
    """
    if checkpoint.family.part != "transformer":
        raise ConfigError(f"{checkpoint.hub_id} is no flow: measure it from its own folder")
    with initial_weights_of(0):
        denoiser: Any = checkpoint.build_denoiser(str(place.device)).to(place.dtype)
        with torch.device(place.device):
            autoencoder = checkpoint.autoencoder()
            encoder = checkpoint.image_encoder and checkpoint.image_encoder()
    pictures = ImageEncoder(processor_class()(), encoder) if encoder else None
    checkpoint.family.look(denoiser, autoencoder, pictures)
    scheduler = UniPCMultistepScheduler(
        prediction_type="flow_prediction", use_flow_sigmas=True, flow_shift=3.0
    )
    config = denoiser.config
    width = int(config.get("text_dim") or config.get("caption_channels"))
    model = WorldModel(
        denoiser,
        autoencoder,
        RandomTexts(checkpoint.family.text.length, width),
        checkpoint.family.schedule(scheduler),
        replace(checkpoint.family.settings, frame_size=checkpoint.size),
        origin=Origin(
            family=checkpoint.family,
            index={"_class_name": checkpoint.family.name},
            image_encoder=pictures,
        ),
    )
    return model.configure(**settings)
