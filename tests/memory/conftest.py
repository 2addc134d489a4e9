import pytest
import torch


@pytest.fixture
def make_window():
    """Return a function (episodes, seed) -> windows of 4 past and 4 new latent frames."""

    def draw(episodes=1, *, seed=0, dtype=torch.float32):
        generator = torch.Generator().manual_seed(seed)
        return torch.randn(episodes, 8, 8, 4, 4, generator=generator).to(dtype)

    return draw
