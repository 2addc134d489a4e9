import torch
from torch.nn import functional

from twospeed.worldmodel.blocks import gelu


def test_without_gradients_the_unit_is_the_same_found_otherwise():
    x = torch.linspace(-40, 40, 4001)
    native = functional.gelu(x, approximate="tanh")
    assert not torch.equal(gelu(x), native)
    torch.testing.assert_close(gelu(x), native, rtol=1e-5, atol=1e-6)
    exact = functional.gelu(x.double(), approximate="tanh")
    torch.testing.assert_close(gelu(x.double()), exact, rtol=1e-9, atol=1e-13)
    assert torch.equal(gelu(x.requires_grad_()), native)
