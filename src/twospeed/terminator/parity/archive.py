"""Parity archives: npz files with weights, input, intermediates, results and gradients.

Names are paths with slashes: ``config/*`` sizes and wiring, ``coords/N`` axes, ``blockK/...`` and
``head/...`` weights, ``input/*``, ``trace/blockK/...``, ``output/*``, ``grad/NAME``.
"""

import re
from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from twospeed.core.errors import ConfigError, DataError
from twospeed.terminator.block_config import PAPER_BRANCHES, BlockConfig
from twospeed.terminator.layers.coordinates import PointsOf, axis_points
from twospeed.terminator.network import Terminator, TerminatorConfig
from twospeed.terminator.presets import PUBLISHED

Arrays = Mapping[str, NDArray[np.generic]]

LOCAL_BY_SIZE = {name.split("-")[1]: name for name in PUBLISHED.branches if "local" in name}
PAPER_LOCAL_BY_SIZE = {name.split("-")[1]: name for name in PAPER_BRANCHES if "local" in name}

PREFIXES = {
    "hci": "hci.slow_net",
    "hi_channel": "hi.channel_net",
    "hi_spatial": "hi.spatial_net",
    "t0": "shift",
}
LINEARS = {"W_K": "key", "W_V": "value", "W_Q": "query", "W_Y": "out"}
SLOW_NAMES = {
    "A_o": "out_weight", "a_o": "out_bias", "P": "bias_map", "P_r": "bias_map",
    "R": "reduce.weight", "r": "reduce.bias", "F": "embed.weight", "f": "embed.bias",
}  # fmt: skip
FILTER_LISTS = {"omega": "frequencies", "psi": "phases"}
LAYER_LISTS = {"A": "weights", "a": "biases", "B": "gate_weights", "b": "gate_biases"}


def check_numbers(arrays: Arrays) -> None:
    """Refuse arrays of anything but real numbers."""
    for name, values in arrays.items():
        if values.dtype.kind not in "fiub":
            raise DataError(f"{name} should hold real numbers, but holds {values.dtype}")


def config_of(arrays: Arrays) -> TerminatorConfig:
    """Read sizes and wiring of the network from an archive's ``config/*`` and weights.

    Raises:
        DataError: when something needed is missing or does not fit together.
    """
    channels = integers(arrays, "config/channels")
    expansions = integers(arrays, "config/lambda")
    first, second, layers = (
        integers(arrays, f"config/{name}", count=len(expansions))
        for name in ("e1_from_block", "e2_from_block", "L_global")
    )
    widths = integers(arrays, "config/h", count=5)
    try:
        config = TerminatorConfig(
            channels=channels[0],
            sizes=take(arrays, "input/x").shape[2:],
            num_classes=take(arrays, "head/W").shape[0],
            expansions=expansions,
            earlier=tuple(zip(first, second, strict=True)),
            layers_global=layers,
            dropout=(0.0,) * len(expansions),
            block=_block_config(arrays, widths),
        )
    except (ConfigError, ValueError, IndexError) as error:
        raise DataError(f"the archive's config does not describe a network: {error}") from error
    if config.widths != channels:
        raise DataError(f"config/channels is {channels}, but config/lambda gives {config.widths}")
    return config


def _block_config(arrays: Arrays, widths: tuple[int, ...]) -> BlockConfig:
    width_global, width_local, width_hci, width_hi_channel, width_hi_spatial = widths
    branches = PUBLISHED.branches if _is_author(arrays) else PAPER_BRANCHES
    return replace(
        PUBLISHED,
        branches=branches,
        width_global=width_global,
        width_local=width_local,
        width_hci=width_hci,
        width_hi_channel=width_hi_channel,
        width_hi_spatial=width_hi_spatial,
        layers=len([name for name in arrays if re.fullmatch(r"block1/hci/A_\d+", name)]),
    )


def _is_author(arrays: Arrays) -> bool:
    return any(name.startswith("block1/local_k3/") for name in arrays)


def network_of(arrays: Arrays) -> Terminator:
    """Rebuild the network of an archive in float64, weights and coordinates included.

    Raises:
        DataError: when a weight is missing, unknown or of another shape.
    """
    try:
        network = Terminator(config_of(arrays), points_of=points_of(arrays)).double().eval()
    except ConfigError as error:
        raise DataError(f"the archive's config does not describe a network: {error}") from error
    state = network.state_dict()
    names = weight_names(arrays)
    for name in names:
        _put_weight_(state, parameter_name(name, arrays), take(arrays, name), name)
    missing = sorted(set(state) - {parameter_name(name, arrays) for name in names})
    if missing:
        raise DataError(f"the archive lacks {len(missing)} weights, such as {missing[0]}")
    return network


def _put_weight_(
    state: dict[str, Tensor], target: str, values: NDArray[np.generic], name: str
) -> None:
    if target not in state:
        raise DataError(f"the archive holds {name}, which this network has no place for")
    if tuple(state[target].shape) != values.shape:
        raise DataError(
            f"{name} should have shape {tuple(state[target].shape)}, but has {values.shape}"
        )
    state[target].copy_(torch.from_numpy(values.astype(np.float64)))


def weight_names(arrays: Arrays) -> list[str]:
    """Return the names of all weights in an archive."""
    return [name for name in arrays if re.match(r"(block\d+|head)/", name)]


def parameter_name(name: str, arrays: Arrays) -> str:
    """Translate an archive's weight name to the name in our state dictionary."""
    head, *rest = name.split("/")
    if head == "head":
        return {"W": "head.weight", "b": "head.bias"}.get(rest[-1], name)
    if not re.fullmatch(r"block\d+", head) or not rest:
        return name
    block = f"blocks.{int(head.removeprefix('block')) - 1}"
    if len(rest) == 1:
        return f"{block}.{PREFIXES.get(rest[0], rest[0])}"
    part, leaf = rest[0], rest[-1]
    if part in {"mixer", "bottleneck"}:
        return f"{block}.{part}.{ {'W': 'weight', 'b': 'bias'}.get(leaf, leaf) }"
    if part.startswith("rgu"):
        return f"{block}.{part}.{_gated_unit_leaf(leaf)}"
    if part.startswith("local_k"):
        return f"{block}.locals.{local_name(part, arrays)}.{_local_leaf(leaf)}"
    return f"{block}.{PREFIXES.get(part, part)}.{_slow_leaf(leaf)}"


def local_name(part: str, arrays: Arrays) -> str:
    """Translate ``local_k5`` to the name of the branch with that kernel size."""
    table = LOCAL_BY_SIZE if _is_author(arrays) else PAPER_LOCAL_BY_SIZE
    return table.get(part.removeprefix("local_k"), part)


def _gated_unit_leaf(leaf: str) -> str:
    if leaf == "P_r":
        return "bias_map"
    kind = "weight" if leaf.startswith("W") else "bias"
    return f"{LINEARS.get('W' + leaf[1:], leaf)}.{kind}"


def _local_leaf(leaf: str) -> str:
    fast = {"W": "mixer.weight", "b": "mixer.bias", "t": "shift"}
    return fast.get(leaf, f"slow_net.{_slow_leaf(leaf)}")


def _slow_leaf(leaf: str) -> str:
    if leaf in SLOW_NAMES:
        return SLOW_NAMES[leaf]
    kind, _, index = leaf.partition("_")
    if kind in FILTER_LISTS and index.isdigit():
        return f"{FILTER_LISTS[kind]}.{index}"
    if kind in LAYER_LISTS and index.isdigit():
        return f"{LAYER_LISTS[kind]}.{int(index) - 1}"
    return leaf


def points_of(arrays: Arrays) -> PointsOf:
    """Return the archive's own axes where it has them, our rule elsewhere.

    Raises:
        DataError: when an axis is not called ``coords/N`` or has not N points.
    """
    stored = {}
    for name, values in arrays.items():
        if name.startswith("coords/"):
            count = name.removeprefix("coords/")
            if not count.isdigit() or values.shape != (int(count),):
                raise DataError(f"{name} should be an axis coords/N of N points: {values.shape}")
            stored[int(count)] = torch.from_numpy(values.astype(np.float32))
    return lambda size: stored[size] if size in stored else axis_points(size)


def take(arrays: Arrays, name: str) -> NDArray[np.generic]:
    """Return one array.

    Raises:
        DataError: when the archive lacks it.
    """
    if name not in arrays:
        raise DataError(f"the archive has no array called {name}")
    return arrays[name]


def integers(arrays: Arrays, name: str, *, count: int | None = None) -> tuple[int, ...]:
    """Return one array of whole numbers as a tuple.

    Raises:
        DataError: when it is missing, holds fractions, or not `count` numbers.
    """
    values = take(arrays, name).astype(np.float64).flatten()
    if not np.equal(values, np.round(values)).all():
        raise DataError(f"{name} should hold whole numbers, got {values.tolist()}")
    if count is not None and len(values) != count:
        raise DataError(f"{name} should hold {count} numbers, got {len(values)}")
    return tuple(int(value) for value in values)
