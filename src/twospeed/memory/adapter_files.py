"""What a LoRA file of peft's layout must hold to be a memory: whole pairs of finite numbers.

    PREFIX + LAYER + ".lora_A.weight"   (R, I)
    PREFIX + LAYER + ".lora_B.weight"   (O, R)

Holds not: what a memory says beside its weights (files.py).
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from twospeed.core.errors import DataError
from twospeed.core.files import read_json
from twospeed.core.ranges import Count
from twospeed.core.untrusted import typed

PREFIX = "base_model.model."
CONFIG = "adapter_config.json"
STOCK = "pytorch_lora_weights.safetensors"
STOCK_SECOND = "pytorch_lora_weights_2.safetensors"
"""Of the second transformer of a pipeline that has two."""

_ENDINGS = (".lora_A.weight", ".lora_B.weight")
_STORED = (torch.float16, torch.bfloat16, torch.float32, torch.float64)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Scaling:
    """What peft's configuration says of the factor on all that is added."""

    r: Count
    lora_alpha: float
    use_rslora: bool = False
    use_dora: bool = False
    rank_pattern: Mapping[str, Any] | None = None
    alpha_pattern: Mapping[str, Any] | None = None


def named_tensors(
    down: Mapping[str, Tensor], up: Mapping[str, Tensor], prefix: str = PREFIX
) -> dict[str, Tensor]:
    """Return all halves by the names that they have in a file, `prefix` before each."""
    parts = zip(_ENDINGS, (down, up), strict=True)
    return {
        f"{prefix}{layer}{ending}": tensor.contiguous()
        for ending, half in parts
        for layer, tensor in half.items()
    }


def stock_files(
    down: Mapping[str, Tensor], up: Mapping[str, Tensor], part: str
) -> dict[str, dict[str, Tensor]]:
    """Return diffusers' LoRA files by their names: one, or one for each of two transformers.

    Args:
        down: layer -> (R, I).
        up: layer -> (O, R).
        part: of the pipeline that is adapted, such as "transformer"; layers of two transformers
            are named by their parts, and diffusers reads both files as of the first.
    """
    found: dict[str, dict[str, Tensor]] = {}
    for name, tensor in named_tensors(down, up, "").items():
        is_second = name.startswith(f"{part}_2.")
        layer = name.removeprefix(f"{part}_2." if is_second else f"{part}.")
        file = STOCK_SECOND if is_second else STOCK
        found.setdefault(file, {})[f"{part}.{layer}" if part else layer] = tensor
    return found


def halves_of(tensors: Mapping[str, Tensor]) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Return layer -> `down` and layer -> `up`, in float32 if they are stored in half precision.

    Raises:
        DataError: when a tensor is no half of a pair, or holds no real numbers.
    """
    down: dict[str, Tensor] = {}
    up: dict[str, Tensor] = {}
    for name, tensor in tensors.items():
        half = down if name.endswith(_ENDINGS[0]) else up
        layer = name.removeprefix(PREFIX).removesuffix(_ENDINGS[half is up])
        if layer == name.removeprefix(PREFIX):
            raise DataError(f"its {name[:200]!r} is not named LAYER{' or LAYER'.join(_ENDINGS)}")
        if tensor.dtype not in _STORED:
            raise DataError(f"its {name[:200]!r} holds {tensor.dtype}: floats are read")
        half[layer] = tensor.to(torch.promote_types(tensor.dtype, torch.float32))
    return down, up


def check_halves(down: Mapping[str, Tensor], up: Mapping[str, Tensor], *, rank: int) -> None:
    """Hold the weights of a memory to what they must be.

    Raises:
        DataError: when a layer has one half of its pair, the halves do not fit each other or the
            rank, a number is not finite, or there is no layer.
    """
    if not up and not down:
        raise DataError("it adapts no layer")
    for layer in sorted(down.keys() | up.keys()):
        if layer not in down or layer not in up:
            there, absent = ("lora_B", "lora_A") if layer in up else ("lora_A", "lora_B")
            raise DataError(f"layer {layer[:200]!r} has {there} and no {absent}")
        shapes = tuple(down[layer].shape), tuple(up[layer].shape)
        if len(shapes[0]) != 2 or len(shapes[1]) != 2 or {shapes[0][0], shapes[1][1]} != {rank}:
            raise DataError(
                f"layer {layer[:200]!r} should have lora_A ({rank}, I) and lora_B (O, {rank}), got"
                f" {shapes[0]} and {shapes[1]}"
            )
        if not (down[layer].isfinite().all() and up[layer].isfinite().all()):
            raise DataError(f"layer {layer[:200]!r} holds numbers that are not finite")


def factor_in(folder: Path, *, rank: int) -> float:
    """Return the factor on what the pairs add, from ``adapter_config.json``; 1 without one.

    Raises:
        DataError: when the configuration is damaged, is of another rank, or has more than one
            factor.
    """
    path = folder / CONFIG
    if not path.exists():
        return 1.0
    values = read_json(path)
    known = {field.name for field in fields(_Scaling)}
    said = typed(_Scaling, {k: v for k, v in values.items() if k in known}, str(path))
    if said.r != rank:
        raise DataError(f"{path} says rank {said.r}, the weights have {rank}")
    if said.rank_pattern or said.alpha_pattern or said.use_dora:
        raise DataError(f"{path} has a factor for each layer (or DoRA): only one for all is read")
    return said.lora_alpha / (math.sqrt(rank) if said.use_rslora else rank)
