import torch

from twospeed.terminator.visualize import position_scores


def test_scores_of_positions_average_to_the_scores(small_network, generator):
    network = small_network().eval()
    x = torch.randn(2, 3, 8, 8, generator=generator)
    scores = position_scores(network, x)
    assert scores.shape == (2, 5, 8, 8)
    torch.testing.assert_close(scores.mean((2, 3)), network(x))
