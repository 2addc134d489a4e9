import numpy as np
import pytest
import torch

from twospeed.core.errors import ConfigError, DataError, ShapeError
from twospeed.worldmodel.autoencoder import AutoencoderConfig, FrameAutoencoder, fit_encoder
from twospeed.worldmodel.codec import decode_latents, encode_frames, load_autoencoder, to_pixels


def test_with_all_components_nothing_is_lost(random_frames):
    frames = random_frames(0, 1, 40)
    model = fit_encoder(to_pixels(frames), AutoencoderConfig(block=4, latent_channels=48, width=16))
    assert np.array_equal(decode_latents(model, encode_frames(model, frames)), frames)


def test_latents_have_mean_zero_and_unit_variance_in_all(random_frames):
    frames = random_frames(0, 1, 64)
    model = fit_encoder(to_pixels(frames), AutoencoderConfig(block=4, latent_channels=3, width=16))
    latents = encode_frames(model, frames)
    assert latents.mean().item() == pytest.approx(0, abs=1e-4)
    assert latents.square().mean().item() == pytest.approx(1, rel=1e-3)


def test_the_first_components_are_the_best_linear_code(random_frames):
    """No linear code of as many numbers does better (Eckart and Young)."""
    frames = random_frames(0, 1, 64)
    pixels = to_pixels(frames)
    model = fit_encoder(pixels, AutoencoderConfig(block=4, latent_channels=2, width=16)).double()
    cells = torch.nn.functional.pixel_unshuffle(pixels, 4).permute(0, 2, 3, 1).flatten(0, 2)
    cells = cells.double() - cells.double().mean(0)
    best = torch.linalg.svdvals(cells)[2:].square().sum() / cells.numel()
    error = (model.decode(model.encode(pixels.double())) - pixels).square().mean()
    assert error.item() == pytest.approx(best.item(), rel=1e-4)


def test_only_the_decoder_has_parameters():
    names = {name.split(".")[0] for name, _ in FrameAutoencoder(4, 8, 16).named_parameters()}
    assert names == {"enter", "coarse", "grow", "fine", "leave"}


def test_frames_that_cells_do_not_fill_are_refused():
    model = FrameAutoencoder(4, 8, 16)
    with pytest.raises(ShapeError, match="multiples of 4"):
        encode_frames(model, np.zeros((1, 1, 18, 16, 3), np.uint8))
    with pytest.raises(ShapeError, match="uint8"):
        encode_frames(model, np.zeros((1, 16, 16, 3), np.uint8))
    with pytest.raises(ConfigError, match="multiple of 4"):
        AutoencoderConfig(block=6)


def test_a_missing_autoencoder_is_one_line(tmp_path):
    with pytest.raises(DataError, match=r"config\.json"):
        load_autoencoder(tmp_path)
