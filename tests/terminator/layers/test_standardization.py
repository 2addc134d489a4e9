import pytest
import torch

from twospeed.core.errors import ConfigError
from twospeed.terminator.layers.standardization import (
    BatchStandardization,
    GroupInstanceBatchStandardization,
    standardize_instance,
)

EXACT = {"rtol": 1e-10, "atol": 1e-12}


def draw(*shape, generator):
    return 3 * torch.randn(shape, generator=generator, dtype=torch.float64) + 1


@pytest.mark.parametrize("sizes", [(7,), (3, 5), (2, 3, 4)])
def test_instance_and_batch_are_the_frameworks_own_without_affine_part(sizes, generator):
    x = draw(4, 6, *sizes, generator=generator)
    flat = x.flatten(2)
    instance = torch.nn.functional.instance_norm(flat).view_as(x)
    torch.testing.assert_close(standardize_instance(x), instance, **EXACT)
    batch = torch.nn.functional.batch_norm(flat, None, None, training=True).view_as(x)
    got = BatchStandardization(6, statistics="batch").double()(x)
    torch.testing.assert_close(got, batch, **EXACT)


def test_groups_take_turns(generator):
    x = draw(3, 24, 4, 4, generator=generator)
    got = GroupInstanceBatchStandardization(24, statistics="batch").double()(x)
    batch = BatchStandardization(24, statistics="batch").double()(x)
    for channel in range(24):
        want = batch if channel // 2 % 2 == 0 else standardize_instance(x)
        torch.testing.assert_close(got[:, channel], want[:, channel], **EXACT)


def test_running_averages_are_used_at_evaluation_only(generator):
    layer = BatchStandardization(2, momentum=0.5).double()
    x = draw(5, 2, 4, generator=generator)
    trained = layer(x)
    batch = BatchStandardization(2, statistics="batch").double()(x)
    torch.testing.assert_close(trained, batch, **EXACT)
    mean = x.mean((0, 2)) / 2
    torch.testing.assert_close(layer.running_mean, mean, **EXACT)
    layer.eval()
    before = layer.running_mean.clone()
    torch.testing.assert_close(layer(x)[:1], layer(x[:1]), **EXACT)
    assert torch.equal(layer.running_mean, before)


@pytest.mark.parametrize("sizes", [(6,), (4, 2, 3)])
def test_causal_standardization_knows_no_future(sizes, generator):
    x = draw(2, 3, *sizes, generator=generator)
    y = x.clone()
    y[:, :, 2:] *= 5
    before, after = (standardize_instance(part, causal=True) for part in (x, y))
    torch.testing.assert_close(after[:, :, :2], before[:, :, :2], **EXACT)
    if len(sizes) == 1:
        last = standardize_instance(x, causal=True)[:, :, -1]
        torch.testing.assert_close(last, standardize_instance(x)[:, :, -1], **EXACT)


def test_channels_that_cannot_be_grouped_are_refused():
    with pytest.raises(ConfigError, match="20 channels cannot be cut into 12 equal groups"):
        GroupInstanceBatchStandardization(20)
    with pytest.raises(ConfigError, match="statistics must be one of"):
        BatchStandardization(3, statistics="none")
