"""`LearnedInverseDynamics`: a trained network, its temperature and its threshold, in a folder."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from twospeed.core.config import to_json
from twospeed.core.errors import DataError, ShapeError
from twospeed.core.files import StrPath, as_path, read_json, write_json
from twospeed.core.folders import FolderKind, folder_aside
from twospeed.core.ranges import Share, Within
from twospeed.core.untrusted import parsing, typed
from twospeed.core.video import Frames
from twospeed.planning.inverse.base import ReadCommand
from twospeed.planning.inverse.drawing import network_input
from twospeed.planning.inverse.networks import NetworkShape, build_network
from twospeed.planning.packaged import folder_for

_AT_ONCE = 64


@dataclass(frozen=True, kw_only=True, slots=True)
class InverseSettings:
    """What goes with the weights."""

    network: str
    """A name in `NETWORKS`."""

    world: str
    """What it was recorded in."""

    commands: tuple[str, ...]
    shape: NetworkShape

    temperature: Annotated[float, Within(0.01, 100)] = 1.0
    """Scores are divided by it, so that probabilities are what they say."""

    threshold: Share = 0.0
    """A command that is less probable is none of these."""


def _is_inverse(folder: Path) -> bool:
    return {"commands", "temperature"} <= read_json(folder / "inverse.json").keys()


INVERSE = FolderKind(
    name="inverse dynamics", files=("inverse.json", "inverse.safetensors"), sign=_is_inverse
)
"""What `LearnedInverseDynamics.save` writes."""


class LearnedInverseDynamics:
    """Reads commands by a trained network; see `InverseDynamics`.

    Args:
        network: (B, 3 * frames, H, W) -> scores.
        settings: what goes with it.
    """

    def __init__(self, network: nn.Module, settings: InverseSettings) -> None:
        self.network, self.settings = network.eval(), settings
        self.commands = settings.commands

    @torch.no_grad()
    def scores(self, clips: Sequence[Frames]) -> Tensor:
        """Return scores, (B, A + 1), of clips as `read` takes them.

        Raises:
            ShapeError: when a clip has another number of frames, or another size.
        """
        shape = self.settings.shape
        wanted = (shape.frames, shape.frame_size, shape.frame_size, 3)
        for clip in clips:
            if clip.shape != wanted:
                raise ShapeError(f"this inverse dynamics reads {wanted}, got {clip.shape}")
        if not len(clips):
            return torch.zeros(0, shape.outputs)
        parts = (clips[i : i + _AT_ONCE] for i in range(0, len(clips), _AT_ONCE))
        return torch.cat([self.network(network_input(np.stack(list(part)))) for part in parts])

    def read(self, clips: Sequence[Frames]) -> list[ReadCommand]:
        """Return the command of every clip; see `InverseDynamics`."""
        shares = (self.scores(clips) / self.settings.temperature).softmax(1)
        return [self._read(row) for row in shares.tolist()]

    def _read(self, shares: list[float]) -> ReadCommand:
        best = max(range(len(shares)), key=shares.__getitem__)
        known = best < len(self.commands) and shares[best] >= self.settings.threshold
        confidence = shares[best] if known or best == len(self.commands) else 1 - shares[best]
        command = self.commands[best] if known else None
        return ReadCommand(command=command, confidence=confidence, shares=tuple(shares))

    def save(self, path: StrPath) -> None:
        """Write a folder.

        Raises:
            DataError: when anything else stands there, or the disk is full.
        """
        with folder_aside(as_path(path), INVERSE) as aside:
            weights = self.network.state_dict()
            kept = {name: tensor.contiguous().clone() for name, tensor in weights.items()}
            save_file(kept, aside / "inverse.safetensors")
            write_json(aside / "inverse.json", to_json(self.settings))

    @classmethod
    def load(cls, path: StrPath) -> "LearnedInverseDynamics":
        """Open a folder, or what is packaged for a world of that name.

        Raises:
            DataError: when there is none, or it is damaged.
        """
        place = folder_for(
            "inverse", path, INVERSE, made_by="twospeed train inverse-dynamics --data SHARDS"
        )
        settings = typed(
            InverseSettings, read_json(place / "inverse.json"), str(place / "inverse.json")
        )
        if settings.shape.outputs != len(settings.commands) + 1:
            raise DataError(f"{place} reads {len(settings.commands)} commands and has other scores")
        network = build_network(settings.network, settings.shape)
        with parsing(f"the inverse dynamics in {place}"):
            network.load_state_dict(load_file(place / "inverse.safetensors"))
        return cls(network, settings)
