import pytest
import torch

from twospeed.core.errors import ConfigError, UnknownNameError
from twospeed.planning.inverse.networks import (
    NETWORKS,
    NetworkShape,
    build_network,
    check_size_of,
)
from twospeed.terminator.baselines import num_parameters

SHAPE = NetworkShape(frames=5, frame_size=32, outputs=7)


def test_both_networks_are_equally_large():
    sizes = [num_parameters(build_network(name, SHAPE)) for name in NETWORKS]
    assert max(sizes) < 1.02 * min(sizes)


@pytest.mark.parametrize("name", NETWORKS)
def test_a_network_gives_finite_scores_and_gradients(name):
    network = build_network(name, SHAPE)
    pixels = torch.randn(3, 15, 32, 32, generator=torch.Generator().manual_seed(0))
    scores = network(pixels)
    assert scores.shape == (3, 7)
    scores.square().sum().backward()
    grads = [part.grad for part in network.parameters() if part.grad is not None]
    assert grads
    assert all(grad.isfinite().all() for grad in grads)


def test_the_seed_decides_the_weights():
    first, again, other = (build_network("convolution", SHAPE, seed=seed) for seed in (1, 1, 2))
    assert torch.equal(first.head.weight, again.head.weight)
    assert not torch.equal(first.head.weight, other.head.weight)


def test_another_network_is_one_line():
    with pytest.raises(UnknownNameError, match="terminator"):
        build_network("resnet", SHAPE)


def test_frames_too_small_for_a_terminator_are_one_line():
    small = NetworkShape(frames=5, frame_size=16, outputs=7)
    check_size_of("convolution", small)
    with pytest.raises(ConfigError, match="20 pixels"):
        check_size_of("terminator", small)
