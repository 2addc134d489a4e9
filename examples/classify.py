"""Train a small Terminator on 8 x 8 digits with a plain loop of PyTorch.

``twospeed fit digits --data digits`` does it in full: augmentation, a schedule, choice by held-out
examples.

    python examples/classify.py
"""

import torch
from sklearn.datasets import load_digits
from torch.nn.functional import cross_entropy

from twospeed import Terminator, TerminatorConfig
from twospeed.terminator.block_config import BlockConfig


def main(steps: int = 300, batch: int = 64) -> float:
    """Return the share of 297 test digits that are told after so many steps."""
    digits = load_digits()
    pictures = torch.from_numpy(digits.images).float()[:, None] / 8 - 1  # (N, 1, 8, 8), -1 to 1
    labels = torch.from_numpy(digits.target).long()
    generator = torch.Generator().manual_seed(0)
    block = BlockConfig(
        width_global=16, width_local=8, width_hci=8, width_hi_channel=8, width_hi_spatial=16
    )
    config = TerminatorConfig(
        channels=1,
        sizes=(8, 8),
        expansions=(12, 2),
        earlier=((0, 0), (0, 0)),
        layers_global=(3, 2),
        dropout=(0.0, 0.05),
        block=block,
    )
    network = Terminator(config, generator=generator)
    optimizer = torch.optim.AdamW(network.parameters(), lr=2e-3)
    for _ in range(steps):
        chosen = torch.randint(1500, (batch,), generator=generator)
        loss = cross_entropy(network(pictures[chosen]), labels[chosen])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    network.eval()
    with torch.no_grad():
        told = network(pictures[1500:]).argmax(1)
    return float((told == labels[1500:]).float().mean())


if __name__ == "__main__":
    print(f"{main():.1%} of the test digits told")
