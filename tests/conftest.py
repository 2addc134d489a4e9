"""What tests of several rooms share: golden numbers, a tiny world model, a trained one.

Heavy rooms are imported inside the fixtures, so that the tests of light ones start at once.
"""

import json
import os
import re
from pathlib import Path

import numpy as np
import pytest

if "PYTEST_XDIST_WORKER" in os.environ:  # several processes: a thread each
    os.environ.setdefault("OMP_NUM_THREADS", "1")

TINY_UNET = {
    "down_block_types": ("CrossAttnDownBlock3D", "DownBlock3D"),
    "up_block_types": ("UpBlock3D", "CrossAttnUpBlock3D"),
    "block_out_channels": (16, 32),
    "layers_per_block": 1,
    "norm_num_groups": 8,
    "cross_attention_dim": 16,
    "attention_head_dim": 8,
}


def pytest_addoption(parser):
    parser.addoption("--refresh-golden", action="store_true", help="rewrite tests/golden/*.json")


@pytest.fixture
def golden(request):
    """Compare numbers with those in tests/golden, or write them there when asked to."""

    def check(name, values, *, rtol):
        path = Path(__file__).parent / "golden" / f"{name}.json"
        if request.config.getoption("--refresh-golden"):
            path.parent.mkdir(exist_ok=True)
            path.write_text(json.dumps(values, indent=1) + "\n")
            pytest.skip(f"wrote {path.name}; say in the commit why it changed")
        assert values == pytest.approx(json.loads(path.read_text()), rel=rtol)

    return check


@pytest.fixture
def random_frames():
    """Return a function (seed, *shape) -> uint8 frames (*shape, 16, 16, 3), smooth in space."""

    def draw(seed, *shape):
        cells = np.random.default_rng(seed).integers(0, 256, (*shape, 4, 4, 3), dtype=np.uint8)
        return cells.repeat(4, axis=-3).repeat(4, axis=-2)

    return draw


def untrained_model(seed=0, *, denoiser="transformer"):
    """Build a tiny world model of 16x16 frames whose weights are all random, none of them 0."""
    import torch

    from twospeed.core.random import initial_weights_of
    from twospeed.recipes import rooms_tiny
    from twospeed.worldmodel.autoencoder import fit_encoder
    from twospeed.worldmodel.build import build_denoiser
    from twospeed.worldmodel.codec import to_pixels
    from twospeed.worldmodel.denoiser import UNet3D
    from twospeed.worldmodel.diffusion import NoiseSchedule
    from twospeed.worldmodel.model import WorldModel
    from twospeed.worldmodel.text import build_text_encoder

    config = rooms_tiny().model
    if denoiser == "unet3d":
        with initial_weights_of(seed):
            network = UNet3D(in_channels=9, out_channels=8, **TINY_UNET)
    else:
        network = build_denoiser(config, seed=seed)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for tensor in network.parameters():
            tensor.add_(0.1 * torch.randn(tensor.shape, generator=generator))
    frames = np.random.default_rng(0).integers(0, 256, (1, 8, 16, 16, 3), dtype=np.uint8)
    with initial_weights_of(seed):
        autoencoder = fit_encoder(to_pixels(frames), config.autoencoder)
        text_encoder = build_text_encoder(config.text)
    schedule = NoiseSchedule.of(config.diffusion)
    return WorldModel(network, autoencoder, text_encoder, schedule, config.settings)


@pytest.fixture
def tiny_unet():
    """Return the arguments of the smallest UNet3D that has all kinds of its blocks."""
    return TINY_UNET


@pytest.fixture(scope="session")
def make_model():
    return untrained_model


@pytest.fixture
def model():
    return untrained_model()


@pytest.fixture(scope="session")
def trained(tmp_path_factory):
    """Return what the tiny recipe trains, in a folder that tests only read."""
    from twospeed.recipes import rooms_tiny
    from twospeed.training.pipeline import train_world_model

    return train_world_model(rooms_tiny(), None, tmp_path_factory.mktemp("run") / "tiny")


@pytest.fixture
def without_progress():
    """Drop the plain lines of progress, which come every few seconds: more on a busy machine."""

    def drop(errors):
        lines = errors.splitlines(keepends=True)
        return "".join(
            line for line in lines if not re.match(r".*: \d+ of \d+ .*/s, .* left", line)
        )

    return drop


def untrained_viewing_model():
    """Build a tiny world model with a renderer, all random, and none of its weights 0."""
    import torch

    from twospeed.core.random import initial_weights_of
    from twospeed.worldmodel.rendering.renderer import LAYER, ViewRenderer

    model = untrained_model()
    with initial_weights_of(0):
        renderer = ViewRenderer(
            side=16,
            latent_channels=8,
            latent_cells=4,
            text_width=model.text_encoder.encode(["go back"]).shape[-1],
            features=4,
            width=8,
            depths=6,
        )
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for name, tensor in renderer.named_parameters():
            if not name.startswith(LAYER):
                tensor.add_(0.05 * torch.randn(tensor.shape, generator=generator))
    model.renderer = renderer.eval()
    return model


@pytest.fixture(scope="session")
def make_viewing_model():
    return untrained_viewing_model


@pytest.fixture
def viewing_model():
    return untrained_viewing_model()
