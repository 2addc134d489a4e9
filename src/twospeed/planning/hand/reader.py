"""`HandReader`: a small network that reads the place of a hand from one frame, in a folder.

The place has no origin of its own: only differences between frames of one episode mean something.
"""

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from twospeed.core.errors import DataError, ShapeError
from twospeed.core.files import StrPath, as_path, read_json, write_json
from twospeed.core.folders import FolderKind, folder_aside
from twospeed.core.random import initial_weights_of, seed_of
from twospeed.core.untrusted import parsing
from twospeed.core.video import Frames
from twospeed.planning.hand.ways import Place
from twospeed.planning.inverse.drawing import network_input
from twospeed.planning.packaged import folder_for, packaged_for

FRAME_SIZE = 64
"""Pixels that it reads."""

_WIDTHS = (24, 48, 64)
_LAST, _HIDDEN = 24, 128


def _is_hand(folder: Path) -> bool:
    return read_json(folder / "hand.json").get("frame_size") == FRAME_SIZE


HAND = FolderKind(
    name="a hand reader", files=("hand.json", "hand.safetensors", "README.md"), sign=_is_hand
)
"""What `HandReader.save` writes."""


class HandNetwork(nn.Module):
    """Three strided convolutions and two layers, (B, 3, 64, 64) -> (B, 4): place, closed."""

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for before, after in zip((3, *_WIDTHS), _WIDTHS, strict=False):
            layers += [nn.Conv2d(before, after, 3, 2, 1), nn.GELU()]
        cells = (FRAME_SIZE // 2 ** len(_WIDTHS)) ** 2
        layers += [nn.Conv2d(_WIDTHS[-1], _LAST, 1), nn.GELU(), nn.Flatten()]
        layers += [nn.Linear(_LAST * cells, _HIDDEN), nn.GELU(), nn.Linear(_HIDDEN, 4)]
        self.body = nn.Sequential(*layers)

    @property
    def device(self) -> torch.device:
        """Where it computes."""
        return next(self.parameters()).device

    def forward(self, x_BCHW: Tensor) -> Tensor:
        """Return place and the log odds of being closed, of frames from -1 to 1."""
        read: Tensor = self.body(x_BCHW)
        return read


class HandReader:
    """Reads where a hand is.

    Args:
        network: trained.
        world: what it was recorded in.
    """

    def __init__(self, network: HandNetwork, world: str) -> None:
        self.network, self.world = network.eval(), world

    def read(self, frame: Frames) -> tuple[Place, bool]:
        """Return the place of the hand, (3,) steps, and whether it is closed.

        Args:
            frame: uint8 (64, 64, 3).

        Raises:
            ShapeError: for a frame of another size.
        """
        places_T3, odds_T = self.read_all(frame[None])
        return places_T3[0], bool(odds_T[0] > 0)

    @torch.no_grad()
    def read_all(self, frames: Frames) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return places, (T, 3) steps, and the log odds of the hand being closed, (T,).

        Args:
            frames: uint8 (T, 64, 64, 3).

        Raises:
            ShapeError: for frames of another size.
        """
        if frames.shape[1:] != (FRAME_SIZE, FRAME_SIZE, 3):
            raise ShapeError(f"a hand is read from 64 x 64 pixels, got {frames.shape[1:]}")
        found_T4 = self.network(network_input(frames[:, None])).double().numpy()
        return found_T4[:, :3], found_T4[:, 3]

    def save(self, path: StrPath, *, card: str = "") -> None:
        """Write a folder.

        Args:
            path: of the folder.
            card: what its README.md says; "" writes none.

        Raises:
            DataError: when anything else stands there, or the disk is full.
        """
        with folder_aside(as_path(path), HAND) as aside:
            weights = self.network.state_dict()
            save_file({name: it.contiguous() for name, it in weights.items()},
                      aside / "hand.safetensors")  # fmt: skip
            write_json(aside / "hand.json", {"world": self.world, "frame_size": FRAME_SIZE})
            if card:
                (aside / "README.md").write_text(card, encoding="utf-8")

    @classmethod
    def load(cls, path: StrPath) -> "HandReader":
        """Open a folder, or what is packaged for a world of that name.

        Raises:
            DataError: when there is none, or it is damaged.
        """
        place = folder_for("hand", path, HAND, made_by="twospeed train hand --data SHARDS")
        about, network = read_json(place / "hand.json"), new_network(0)
        if not isinstance(about.get("world"), str):
            raise DataError(f"{place / 'hand.json'} names no world")
        with parsing(f"the hand reader in {place}"):
            network.load_state_dict(load_file(place / "hand.safetensors"))
        return cls(network, about["world"])


def new_network(seed: int) -> HandNetwork:
    """Return a network whose first weights `seed` decides."""
    with initial_weights_of(seed_of(seed, "hand")):
        return HandNetwork()


def packaged_hand(world: str) -> HandReader | None:
    """Return the reader that is packaged for a world, if there is one."""
    place = packaged_for("hand", world)
    return HandReader.load(place) if place.exists() else None
