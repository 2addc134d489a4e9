import copy

import numpy as np
import pytest
import torch

from twospeed.core.errors import ConfigError
from twospeed.training.loop_config import LoopConfig
from twospeed.training.stages.autoencoder import (
    AutoencoderRun,
    fit_to_frames,
    psnr_of,
    train_decoder,
)
from twospeed.worldmodel.autoencoder import AutoencoderConfig
from twospeed.worldmodel.codec import decode_latents, encode_frames

SIZE = AutoencoderConfig(block=4, latent_channels=2, width=16)
RUN = AutoencoderRun(
    batch_size=16,
    latent_noise=0.0,
    loop=LoopConfig(steps=150, learning_rate=3e-3, warmup_steps=5, ema_decay=0.9),
)


@pytest.fixture
def frames():
    """Return frames of slanted edges, which a linear code loses and a network can restore."""
    y, x = np.mgrid[:16, :16]
    generator = np.random.default_rng(0)
    slants = generator.normal(size=(96, 3))
    edges = [np.where((x - 8) * a + (y - 8) * b > 2 * c, 230, 20) for a, b, c in slants]
    return np.repeat(np.stack(edges)[..., None], 3, axis=3).astype(np.uint8)


def test_the_decoder_gets_better_and_latents_stay_as_they_are(frames, tmp_path):
    fitted = fit_to_frames(frames, SIZE, seed=0)
    before = psnr_of(fitted, frames)
    latents = encode_frames(fitted, frames[None])
    trained = train_decoder(copy.deepcopy(fitted), frames, RUN, out=tmp_path)
    assert psnr_of(trained, frames) > before + 0.7
    assert torch.equal(encode_frames(trained, frames[None]), latents)


def test_psnr_is_what_its_formula_says(frames):
    fitted = fit_to_frames(frames, SIZE, seed=0)
    decoded = decode_latents(fitted, encode_frames(fitted, frames[None]))[0]
    errors = np.square(decoded.astype(float) - frames).reshape(len(frames), -1).mean(1)
    assert psnr_of(fitted, frames) == pytest.approx(np.mean(10 * np.log10(255**2 / errors)))


def test_the_seed_decides_the_fit(frames):
    first, again = (fit_to_frames(frames, SIZE, seed=0).state_dict() for _ in range(2))
    assert all(torch.equal(first[name], again[name]) for name in first)


def test_settings_that_cannot_work_are_refused():
    with pytest.raises(ConfigError, match="batch_size"):
        AutoencoderRun(batch_size=0)
