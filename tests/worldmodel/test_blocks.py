import warnings

import torch
from torch.nn import functional

from twospeed.worldmodel.blocks import CellAttention, SpaceTimeBlock, gelu


def test_without_gradients_the_unit_is_the_same_found_otherwise():
    x = torch.linspace(-40, 40, 4001)
    native = functional.gelu(x, approximate="tanh")
    assert not torch.equal(gelu(x), native)
    torch.testing.assert_close(gelu(x), native, rtol=1e-5, atol=1e-6)
    exact = functional.gelu(x.double(), approximate="tanh")
    torch.testing.assert_close(gelu(x.double()), exact, rtol=1e-9, atol=1e-13)
    assert torch.equal(gelu(x.requires_grad_()), native)


@torch.no_grad()
def test_every_cell_attends_to_all_cells_of_the_frame_that_was_seen():
    torch.manual_seed(0)
    look = CellAttention(32, 5, most_cells=6).double()
    cells, seen = torch.randn(2, 3, 32, 4, 4).double(), torch.randn(2, 5, 4, 4).double()
    assert not look(cells, seen).any()  # it begins without effect
    look.to_out.weight.add_(torch.eye(32))
    found = look(cells, seen)[1, 2, :, 3, 1]
    normed = functional.group_norm(cells[1, 2][None], 16)[0]
    query = look.to_q(normed[:, 3, 1] + look.places[3, 1]).unflatten(0, (2, 16))
    entered = look.enter(seen)[1].permute(1, 2, 0) + look.places[:4, :4]
    keys, values = look.to_kv(entered.flatten(0, 1)).unflatten(1, (2, 2, 16)).unbind(1)
    weights = (query[:, None] * keys.transpose(0, 1)).sum(-1).div(4).softmax(-1)
    expected = (weights[..., None] * values.transpose(0, 1)).sum(1).flatten()
    torch.testing.assert_close(found, expected)


@torch.no_grad()
def test_a_block_in_bfloat16_is_the_same_but_for_rounding_and_warns_of_nothing():
    torch.manual_seed(0)
    block, x, steer = SpaceTimeBlock(64, 2), torch.randn(2, 3, 4, 64), torch.randn(2, 3, 6, 64)
    with warnings.catch_warnings(action="error"), torch.autocast("cpu", torch.bfloat16):
        rounded = block(x, steer, 2)
    torch.testing.assert_close(rounded, block(x, steer, 2), rtol=0.05, atol=0.05)
