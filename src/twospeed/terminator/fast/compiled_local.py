"""The local slow nets of a block without gradients, in one compiled call (the native way)."""

import ctypes
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from twospeed.terminator.fast.local_plan import Linear, LocalGroup
from twospeed.terminator.native import library
from twospeed.terminator.native.calls import longs_of, pointers_of

SINGLE = ("reduce", "reduce_bias", "embed", "embed_bias", "first", "shift", "out", "out_bias")
LISTS = (
    *("gates", "gate_biases", "hidden", "hidden_biases", "waves", "alphas", "betas"),
    *("rows", "columns"),
)
NUMBERS = (
    *("nets", "layers", "channels", "reduced", "embedded", "width", "longest", "axes", "summed"),
)


class LocalPlan(ctypes.Structure):
    """The struct of the same name in local_nets.cpp."""

    _fields_ = [
        *((name, ctypes.c_void_p) for name in (*SINGLE, *LISTS, "kernel_sides")),
        *((name, ctypes.c_long) for name in NUMBERS),
    ]


@dataclass(frozen=True, kw_only=True)
class CompiledNets:
    """What `draw_local_kernels` takes beside the data."""

    kernel_sizes: dict[str, tuple[int, ...]]
    """Name of each branch -> size of its kernel."""

    per_sample: bool
    """Whether every sample has kernels of its own."""

    plan: LocalPlan
    """Pointers into `kept`."""

    kept: tuple[object, ...]
    """Tensors and lists of pointers."""


def compiled_nets(group: LocalGroup) -> CompiledNets | None:
    """Prepare the local nets of a block; None where their context is not made of features."""
    if group.context.scope == "none":
        return None
    single = dict(zip(SINGLE, _flat([group.reduce, group.embed]), strict=False))
    single |= {"first": group.first, "shift": group.shift}
    single |= dict(zip(("out", "out_bias"), group.out, strict=True))
    pools = list(group.pools.values())
    one = torch.ones(1, 1)
    lists = {
        "gates": [weight for weight, _ in group.gates],
        "gate_biases": [bias for _, bias in group.gates],
        "hidden": [weight for weight, _ in group.hidden],
        "hidden_biases": [bias for _, bias in group.hidden],
        "waves": group.waves,
        "alphas": [alpha for alpha, _ in group.scales],
        "betas": [beta for _, beta in group.scales],
        "rows": [pool[0].mT if len(pool) == 2 else one for pool in pools],
        "columns": [pool[-1] for pool in pools],
    }
    single = {name: part.contiguous() for name, part in single.items()}
    lists = {name: [part.contiguous() for part in parts] for name, parts in lists.items()}
    addresses = {name: pointers_of(parts) for name, parts in lists.items()}
    sizes = list(group.kernel_sizes.values())
    sides = longs_of([size[0] for size in sizes])
    nets, reduced, channels = group.reduce[0].shape
    numbers = (nets, len(group.gates), channels, reduced, *group.embed[0].shape[1:2])
    plan = LocalPlan(
        *(single[name].data_ptr() for name in SINGLE),
        *(ctypes.addressof(addresses[name]) for name in LISTS),
        ctypes.addressof(sides),
        *(*numbers, group.first.shape[1], pools[0][-1].shape[1], len(sizes[0])),
        group.context.scope == "batch",
    )
    return CompiledNets(
        kernel_sizes=group.kernel_sizes,
        per_sample=group.context.scope == "sample",
        plan=plan,
        kept=(single, lists, addresses, sides),
    )


def _flat(pairs: Sequence[Linear]) -> list[Tensor]:
    return [part for pair in pairs for part in pair]


def draw_compiled(nets: CompiledNets, sources: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the kernels of all local branches, (B or 1, C, *k) by name; see `draw_local_group`."""
    parts = [sources[name].contiguous() for name in nets.kernel_sizes]
    batch, channels, *sizes = parts[0].shape
    samples = batch if nets.per_sample else 1
    kernels = {
        name: parts[0].new_empty(samples, channels, *size)
        for name, size in nets.kernel_sizes.items()
    }
    height, width = sizes if len(sizes) == 2 else (1, sizes[0])
    to, into = pointers_of(parts), pointers_of(list(kernels.values()))
    addresses = (ctypes.addressof(part) for part in (nets.plan, to, into))
    library.call("draw_local_kernels", *addresses, batch, height, width)
    return kernels
