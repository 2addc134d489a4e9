import pytest
import torch

from twospeed.evaluation.protocols.walks import draw_walks
from twospeed.memory.config import GradientConfig
from twospeed.worldmodel.autoencoder import AutoencoderConfig, fit_encoder
from twospeed.worldmodel.codec import to_pixels
from twospeed.worldmodel.diffusion import DiffusionConfig, NoiseSchedule
from twospeed.worldmodel.model import WorldModel
from twospeed.worldmodel.settings import ModelSettings
from twospeed.worldmodel.text import TextEncoderConfig, build_text_encoder
from twospeed.worldmodel.transformer import SpaceTimeTransformer

SIZE = 32


@pytest.fixture(scope="session")
def model():
    """A random world model, small enough for tests; all of its layers answer."""
    frames = draw_walks("out_and_back", range(4), size=SIZE)
    pixels = torch.cat([to_pixels(walk.frames[None]) for walk in frames])
    config = AutoencoderConfig(latent_channels=8, width=16)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        autoencoder = fit_encoder(pixels, config)
        text_encoder = build_text_encoder(TextEncoderConfig(width=16, layers=1, heads=2))
        denoiser = SpaceTimeTransformer(
            latent_channels=8, text_width=16, width=32, depth=1, heads=2, conv_channels=16
        )
        for parameter in denoiser.parameters():
            parameter.data += 0.05 * torch.randn_like(parameter)
    settings = ModelSettings(frame_size=SIZE, sampling_steps=2)
    schedule = NoiseSchedule.of(DiffusionConfig())
    return WorldModel(denoiser, autoencoder, text_encoder, schedule, settings)


@pytest.fixture(scope="session")
def fast():
    """Fast learning with few but large steps."""
    return GradientConfig(rank=4, learning_rate=3e-2, updates_per_chunk=2, levels_per_update=2)


@pytest.fixture(scope="session")
def walks():
    """Two episodes with different numbers of writes."""
    return draw_walks("out_and_back", [11, 12], size=SIZE)
