"""Where a model is computed and how precisely, asked of the device before anything is loaded."""

from dataclasses import dataclass

import torch

from twospeed.core.errors import ConfigError, lookup

DTYPES: dict[str, torch.dtype] = {
    "float32": torch.float32,
    "bfloat16": torch.bfloat16,
    "float16": torch.float16,
}
"""Name on the command line -> precision of the denoiser and the text encoder."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Placement:
    """A device and a precision that it has."""

    device: torch.device
    dtype: torch.dtype


def placement_of(
    device: str | torch.device | None = None, dtype: str | torch.dtype | None = None
) -> Placement:
    """Return a device and a precision, tried out.

    Args:
        device: such as "cpu", "cuda" or "cuda:1"; None is the CPU.
        dtype: a precision or its name; None is float32.

    Raises:
        ConfigError: when there is no such device, or it lacks the precision.
        UnknownNameError: when the precision is none of `DTYPES`.
    """
    precision = lookup(DTYPES, str(dtype or "float32").removeprefix("torch."), "dtype")
    try:
        place = torch.device(device or "cpu")
        one = torch.ones(2, 2, device=place, dtype=precision)
        (one @ one).sum().item()
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        reason = str(error).strip().splitlines() or [type(error).__name__]
        raise ConfigError(
            f"nothing can be computed on {str(device or 'cpu')!r} in {precision}"
            f" ({reason[0][:120]}): try --device cpu --dtype float32"
        ) from error
    if place.type == "cuda" and precision == torch.bfloat16 and not torch.cuda.is_bf16_supported():
        raise ConfigError(f"{place} has no bfloat16: take --dtype float16")
    return Placement(device=place, dtype=precision)
