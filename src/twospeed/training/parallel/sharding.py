"""Weights, gradients and averages split over processes (FSDP2), and back as whole tensors.

Holds: `shard_`, `whole_state`, `own_rows`, `as_shard`. Holds not: the files (files.py).
"""

from collections.abc import Iterator
from typing import cast

import torch
from accelerate import Accelerator
from torch import Tensor, nn
from torch.distributed.checkpoint.state_dict import StateDictOptions, get_model_state_dict
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard
from torch.distributed.tensor import DTensor


def shard_(module: nn.Module, accelerator: Accelerator) -> None:
    """Split a module's weights over all processes, in place, block by block.

    Each process keeps a share of the rows of every weight on its device; a block's weights come
    together while it works.

    Args:
        module: on the CPU, or where it works.
        accelerator: of all processes.
    """
    mesh = init_device_mesh(accelerator.device.type, (accelerator.num_processes,))
    for block in _blocks(module):
        fully_shard(block, mesh=mesh)
    module.register_forward_hook(_own_output)  # a split module may not give a view
    fully_shard(module, mesh=mesh)


def _own_output(module: nn.Module, arguments: object, output: Tensor) -> Tensor:  # noqa: ARG001
    return output.clone()


def _blocks(module: nn.Module) -> Iterator[nn.Module]:
    """Yield the members of a module's outermost lists that have weights."""
    for child in module.children():
        if isinstance(child, nn.ModuleList):
            yield from (it for it in child if next(it.parameters(), None) is not None)
        else:
            yield from _blocks(child)


def whole_state(module: nn.Module) -> dict[str, Tensor]:
    """Return a split module's whole weights on the main process's CPU, nothing on the others.

    Every process must ask.
    """
    options = StateDictOptions(full_state_dict=True, cpu_offload=True)
    return cast(dict[str, Tensor], get_model_state_dict(module, options=options))


def own_rows(tensor: DTensor) -> range:
    """Return which rows of a split tensor this process holds."""
    mesh = tensor.device_mesh
    parts = torch.arange(tensor.shape[0]).chunk(mesh.size())
    mine = parts[mesh.get_local_rank()] if mesh.get_local_rank() < len(parts) else parts[0][:0]
    return range(int(mine[0]), int(mine[-1]) + 1) if len(mine) else range(0)


def as_shard(rows: Tensor, like: DTensor) -> DTensor:
    """Return this process's rows as its share of a tensor that is split as `like` is."""
    mesh, device = like.device_mesh, like.to_local().device
    return DTensor.from_local(
        rows.to(device), mesh, like.placements, shape=like.shape, stride=like.stride()
    )
