"""What a model gives its fast weights to begin with: learned `down` factors and how to write.

Slow weights that were trained through their memories' writes (training/through_writes.py) bring
the projections that writes and reads share. They are slow: no memory ever changes them.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from twospeed.core.files import read_json, write_json
from twospeed.worldmodel.loading import reading

FOLDER = "fast_weights"


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class FastStart:
    """The learned start of every memory of a model."""

    down: dict[str, Tensor]
    """Layer -> (R, I)."""

    config: dict[str, Any]
    """The settings of the fast learner that go with it, as JSON values (memory/config.py)."""

    def save_pretrained(self, folder: Path) -> None:
        """Write ``fast_weights/``; always float32, since writes are small beside them."""
        place = folder / FOLDER
        place.mkdir()
        named = {name: tensor.detach().float().contiguous() for name, tensor in self.down.items()}
        save_file(named, place / "down.safetensors")
        write_json(place / "config.json", self.config)

    @classmethod
    def from_pretrained(cls, folder: Path) -> "FastStart | None":
        """Read ``fast_weights/``; None where a model has none.

        Raises:
            DataError: when it is damaged.
        """
        place = folder / FOLDER
        if not place.exists():
            return None
        with reading("fast weights' start", place):
            down = load_file(place / "down.safetensors")
            return cls(down=down, config=read_json(place / "config.json"))

    def to(self, device: torch.device | str) -> "FastStart":
        """Return the same on another device."""
        down = {name: tensor.to(device) for name, tensor in self.down.items()}
        return FastStart(down=down, config=self.config)
