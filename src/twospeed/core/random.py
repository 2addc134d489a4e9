"""Random generators that are handed in, and seeds that do not collide.

Numbers are drawn on the CPU and moved, so that the same seed gives the same video on any device.
"""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor


def generator_of(*parts: int | str) -> torch.Generator:
    """Return a CPU generator whose seed depends on every part, such as (episode, "noise")."""
    return torch.Generator().manual_seed(seed_of(*parts))


def seed_of(*parts: int | str) -> int:
    """Mix integers and words into one 63-bit seed; other parts give another seed."""
    digest = hashlib.sha256(repr(parts).encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1


def below(count: int, generator: torch.Generator) -> int:
    """Draw one of the numbers from 0 on, `count` of them, with equal chance."""
    return int(torch.randint(count, (1,), generator=generator))


def normal(shape: tuple[int, ...], generator: torch.Generator, like: Tensor) -> Tensor:
    """Draw standard normal numbers on the CPU and move them to the device and dtype of `like`."""
    return torch.randn(shape, generator=generator, dtype=torch.float32).to(like)


@contextmanager
def initial_weights_of(seed: int) -> Iterator[None]:
    """Let torch's layers, which draw from the global state, draw their first weights from `seed`.

    The global state is as before when the block ends.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        yield
