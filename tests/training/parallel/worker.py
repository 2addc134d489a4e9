"""What several processes run for test_processes.py: a small net, replicated or split, and killed.

worker.py OUT     trains in OUT/ddp, OUT/fsdp; goes on in OUT/*-begun, where another number of
                  processes came to half of the way
"""

import os
import sys
from pathlib import Path

import torch
import torch.distributed as dist
from safetensors.torch import save_file
from torch import nn
from torch.distributed.tensor import DTensor

from twospeed.core.random import initial_weights_of
from twospeed.training import loop
from twospeed.training.loop_config import LoopConfig
from twospeed.training.parallel.processes import make_accelerator
from twospeed.training.parallel.sharding import shard_

CONFIG = LoopConfig(
    steps=12, learning_rate=0.05, warmup_steps=2, ema_decay=0.9, checkpoint_minutes=0.0,
    accumulate=2,
)  # fmt: skip


class Killed(BaseException):
    """Stands for a kill: nothing may catch it."""


class Net(nn.Module):
    """Blocks of sizes that two processes cannot share evenly, and a weight that is not used."""

    def __init__(self):
        super().__init__()
        self.enter = nn.Linear(3, 7)
        self.blocks = nn.ModuleList(nn.Sequential(nn.Linear(7, 7), nn.SiLU()) for _ in range(3))
        self.scale = nn.Parameter(torch.ones(1))
        self.unused = nn.Linear(5, 1)
        self.leave = nn.Linear(7, 3)

    def forward(self, x):
        x = self.enter(x)
        for block in self.blocks:
            x = x + self.scale * block(x)
        return self.leave(x)


def train(out, *, split=False, killed_at=None):
    """Train until the end or the kill; write the averaged weights as the main process."""
    accelerator = make_accelerator(device="cpu", may_shard=True)
    with initial_weights_of(0):
        net = Net()
    if split:
        shard_(net, accelerator)

    def loss_of(step, generator):
        if step == killed_at:
            raise Killed
        batch = torch.randn(8, 3, generator=generator)
        return (net(batch) - batch.flip(1)).square().mean()

    every, loop.NOTE_EVERY = loop.NOTE_EVERY, 1
    try:
        state = loop.averaged_state(net, loss_of, CONFIG, out=out, accelerator=accelerator)
    except Killed:
        return
    finally:
        loop.NOTE_EVERY = every
    whole = {
        name: (it.full_tensor() if isinstance(it, DTensor) else it).clone()
        for name, it in state.items()
    }
    if accelerator.is_main_process:
        save_file(whole, out / "end.safetensors")


def main(out):
    """Train in every way."""
    for split, name in ((False, "ddp"), (True, "fsdp")):
        train(out / name, split=split)
        train(out / f"{name}-killed", split=split, killed_at=5)
        train(out / f"{name}-killed", split=split)
        train(out / f"{name}-begun", split=split)
        train(out / f"{name}-left", split=split, killed_at=5)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
    dist.barrier()
    os._exit(0)  # of eight runs' groups in one process, torch now and then aborts when it is ended
