import pytest
import torch

from twospeed.terminator.baselines import PeerShape, build_peer, num_parameters, peers_for


@pytest.mark.parametrize("sizes", [(8, 8), (64,)])
def test_peers_have_the_size_that_is_asked(sizes, generator):
    shape = PeerShape(channels=1, sizes=sizes, num_classes=10)
    for name in peers_for(sizes):
        peer = build_peer(name, shape, parameters=30_000, seed=0)
        assert num_parameters(peer) == pytest.approx(30_000, rel=0.15)
        assert peer(torch.randn(2, 1, *sizes, generator=generator)).shape == (2, 10)
