"""What several processes that train one module must agree on: batches, gradients, what is said.

A step's batches are numbered over all processes and each is drawn from its own number, so that the
same batches give the same step on any number of processes. Gradients are averaged at the end of a
step, in few large pieces (data parallel); what `fully_shard` holds is averaged by it.
"""

import datetime
import os
from collections.abc import Iterable, Iterator

import torch
from accelerate import Accelerator, InitProcessGroupKwargs
from accelerate.utils import broadcast
from torch import Tensor, nn
from torch.distributed.tensor import DTensor

from twospeed.core.errors import ConfigError

PIECE = 25 * 2**20
"""About how many bytes of gradients are averaged at once."""

PATIENCE = datetime.timedelta(hours=12)
"""How long processes wait for the one that encodes the data."""


def make_accelerator(
    *, precision: str = "no", device: str | None = None, may_shard: bool = False
) -> Accelerator:
    """Return accelerate's view of this process among its companions.

    Args:
        precision: mixed precision in accelerate's words: no, bf16, fp16.
        device: "cpu" keeps it from a GPU that is there; None is what accelerate finds.
        may_shard: what is trained can be split over processes.

    Raises:
        ConfigError: when FSDP is asked for and cannot be, companions do not find each other, or
            this process trained at another precision or device before.
    """
    waiting = InitProcessGroupKwargs(timeout=PATIENCE)
    try:
        made = Accelerator(
            mixed_precision=precision, cpu=device == "cpu", kwargs_handlers=[waiting]
        )
    except ValueError as error:
        if "already been initialized" not in str(error):
            raise
        raise ConfigError(
            f"one process trains at one precision on one device, and {precision} on"
            f" {device or 'any'} are not its first: start a process for each"
        ) from error
    launched = int(os.environ.get("WORLD_SIZE", "1"))
    if launched > 1 and made.num_processes == 1:
        raise ConfigError(
            f"{launched} processes were launched for GPUs, and none is there: add --device cpu"
        )
    if is_sharded(made) and not may_shard:
        raise ConfigError(
            "FSDP splits a model that is fine-tuned (train --init without a recipe): launch this"
            " with configs/accelerate/ddp.yaml"
        )
    if is_sharded(made) and precision == "fp16":
        raise ConfigError("weights that FSDP splits learn in bfloat16 or float32, not in float16")
    return made


def is_sharded(accelerator: Accelerator) -> bool:
    """Say whether `accelerate launch` asked for FSDP on several processes."""
    asked = os.environ.get("ACCELERATE_USE_FSDP", "false").lower() == "true"
    return asked and accelerator.num_processes > 1


def batches_of(accelerator: Accelerator, count: int) -> range:
    """Return the numbers of this process's batches of a step.

    Args:
        accelerator: of all processes.
        count: of batches in a step; each process takes as many, so it is rounded up.
    """
    own = -(-count // accelerator.num_processes)
    return range(accelerator.process_index * own, (accelerator.process_index + 1) * own)


def agreed(accelerator: Accelerator, *values: float) -> list[float]:
    """Return the main process's numbers, on every process."""
    if accelerator.num_processes == 1:
        return list(values)
    told: Tensor = broadcast(torch.tensor(values, dtype=torch.float64).to(accelerator.device))
    return [float(it) for it in told]


def mean_of(accelerator: Accelerator, value: Tensor) -> float:
    """Return the mean of all processes' numbers."""
    if accelerator.num_processes > 1:
        value = accelerator.reduce(value, reduction="mean")
    return float(value)


def average_gradients_(module: nn.Module, accelerator: Accelerator) -> None:
    """Let every process have the mean of all gradients, as if one had seen all batches.

    A weight that no process has a gradient of stays without one.
    """
    if accelerator.num_processes == 1:
        return
    weights = [it for it in module.parameters() if it.requires_grad and not isinstance(it, DTensor)]
    if not weights:
        return
    has = torch.tensor([it.grad is not None for it in weights], device=accelerator.device)
    counts = accelerator.reduce(has.float(), reduction="sum").tolist()
    moved = [it for it, count in zip(weights, counts, strict=True) if count]
    for weight in moved:
        weight.grad = torch.zeros_like(weight) if weight.grad is None else weight.grad
    for piece in _pieces(it.grad for it in moved if it.grad is not None):
        flat = torch.cat([it.flatten() for it in piece])
        mean = accelerator.reduce(flat, reduction="mean").split([it.numel() for it in piece])
        for gradient, averaged in zip(piece, mean, strict=True):
            gradient.copy_(averaged.view_as(gradient))


def _pieces(tensors: Iterable[Tensor]) -> Iterator[list[Tensor]]:
    """Yield tensors of one type together, up to `PIECE` bytes each time."""
    piece: list[Tensor] = []
    for tensor in tensors:
        size = sum(it.nbytes for it in piece)
        if piece and (tensor.dtype != piece[0].dtype or size + tensor.nbytes > PIECE):
            yield piece
            piece = []
        piece.append(tensor)
    if piece:
        yield piece
