import pytest
import torch

from twospeed.core.errors import DataError, UnknownNameError
from twospeed.terminator.losses import (
    norm_regulariser,
    slow_loss,
    slow_loss_terms,
    smoothed_cross_entropy,
)


def kernels(generator):
    return [torch.randn(c, 2, 2, generator=generator, dtype=torch.float64) for c in (2, 4, 8)]


def test_all_pairs_tiled_by_hand(generator):
    first, second, third = kernels(generator)
    repeated = torch.cat([first, first])
    twice = torch.cat([repeated, repeated])
    want = [
        (repeated - second).square().mean(),
        (twice - third).square().mean(),
        (torch.cat([second, second]) - third).square().mean(),
    ]
    terms = slow_loss_terms([first, second, third], "c")
    torch.testing.assert_close(torch.stack(terms), torch.stack(want))
    adjacent = slow_loss([first, second, third], "a")
    torch.testing.assert_close(adjacent, want[0] + want[2])


def test_sums_over_channels_ignore_their_order(generator):
    first, second, third = kernels(generator)
    value = slow_loss([first, second, third], "b")
    torch.testing.assert_close(slow_loss([first.flip(0), second, third], "b"), value)
    assert slow_loss([first, torch.cat([first, 0 * first])], "b") == 0


def test_the_loss_has_no_memory(small_network):
    network = small_network()
    for _ in range(2):
        slow_loss(network.forward_with_kernels(torch.ones(1, 3, 8, 8))[1]).backward()
    assert float(slow_loss([torch.ones(1, 2)])) == 0


def test_smoothing_is_the_frameworks_own(generator):
    logits = torch.randn(5, 7, generator=generator)
    labels = torch.tensor([0, 6, 3, 3, 1])
    want = torch.nn.functional.cross_entropy(logits, labels, label_smoothing=0.1)
    torch.testing.assert_close(smoothed_cross_entropy(logits, labels, 0.1), want)


def test_wrong_labels_and_variants_are_refused():
    with pytest.raises(DataError, match="labels must be 0 to 2, got 0 to 3"):
        smoothed_cross_entropy(torch.zeros(2, 3), torch.tensor([0, 3]))
    with pytest.raises(UnknownNameError, match="no slow loss is called 'd'"):
        slow_loss([torch.zeros(1, 2)], "d")


def test_the_regulariser_is_a_sum_of_plain_norms(small_network):
    network = small_network(published=True)
    parameters = dict(network.blocks.named_parameters())
    slow = {name for name in parameters if "slow" in name or "rgu" in name or "_net" in name}
    fast = sum(parameters[name].norm() for name in parameters.keys() - slow)
    one_axis = ("hci", "channel_net")
    small = sum(
        parameters[name].norm()
        for name in slow
        if parameters[name].ndim == 2
        and "bias_map" not in name
        and not any(part in name for part in one_axis)
    )
    maps = sum(parameters[name].norm() for name in slow if name.endswith("bias_map"))
    want = fast + 1e-6 * small
    assert want.item() == pytest.approx(norm_regulariser(network).item(), rel=1e-5)
    assert maps.item() == 0
