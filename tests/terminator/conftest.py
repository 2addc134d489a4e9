from dataclasses import replace
from pathlib import Path

import pytest
import torch

from twospeed.terminator.block_config import BlockConfig
from twospeed.terminator.datasets.built_in import load_examples
from twospeed.terminator.datasets.examples import ExampleSet
from twospeed.terminator.fit.recipes import recipe_of
from twospeed.terminator.network import Terminator, TerminatorConfig
from twospeed.terminator.presets import PUBLISHED

SMALL_WIDTHS = {
    "width_global": 8,
    "width_local": 4,
    "width_hci": 4,
    "width_hi_channel": 4,
    "width_hi_spatial": 8,
}


@pytest.fixture
def generator():
    return torch.Generator().manual_seed(0)


@pytest.fixture
def archive_path():
    return Path(__file__).parent / "fixtures" / "terminator_8x8.npz"


@pytest.fixture
def small_config():
    """Three blocks, narrow: the true classes made small."""
    return make_small_config


@pytest.fixture
def small_network():
    return make_small_network


@pytest.fixture
def awaken():
    return give_values_


def make_small_config(sizes=(8, 8), *, published=False, channels=3, num_classes=5, **choices):
    block = replace(PUBLISHED if published else BlockConfig(), **SMALL_WIDTHS, **choices)
    return TerminatorConfig(
        channels=channels,
        sizes=sizes,
        num_classes=num_classes,
        expansions=(4, 3, 1),
        earlier=((0, 0), (0, 0), (1, 0)),
        layers_global=(3, 2, 2),
        dropout=(0.0, 0.05, 0.05),
        block=block,
    )


def make_small_network(sizes=(8, 8), *, seed=0, **choices):
    generator = torch.Generator().manual_seed(seed)
    return Terminator(make_small_config(sizes, **choices), generator=generator)


def give_values_(network, seed=0):
    """Give values to everything that starts at 0 or 1, so that every part takes part."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in network.parameters():
            noise = torch.randn(parameter.shape, generator=generator, dtype=torch.float32)
            parameter += (0.1 * noise).to(parameter)
    return network


@pytest.fixture
def without_dropout():
    """Turn every dropout of a network off, so that two evaluations can be compared."""

    def change_(network):
        for block in network.blocks:
            block.shape = replace(block.shape, dropout=0.0)
        return network

    return change_


@pytest.fixture(scope="session")
def few():
    """A hundred digits to learn from, forty to test on."""
    whole = load_examples("digits")
    first = torch.arange(100)
    return ExampleSet(
        name="few",
        train=whole.train.at(first),
        test=whole.test.at(first[:40]),
        classes=whole.classes,
    )


@pytest.fixture
def tiny():
    """Two epochs of the smallest recipe."""
    return replace(recipe_of("tiny"), epochs=2, batch_size=45)
