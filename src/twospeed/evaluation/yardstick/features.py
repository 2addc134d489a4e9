"""The packaged clip networks, by the world that they saw, and the features that they give.

Axes: B clips, T frames, S steps from frame to frame (T - 1), K features.
"""

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from twospeed.core.errors import ShapeError
from twospeed.core.files import sha256_of
from twospeed.core.video import Frames
from twospeed.evaluation.yardstick.network import ClipNetwork, clip_pixels
from twospeed.worldmodel.catalogue import PACKAGED
from twospeed.worldmodel.loading import load_network

NETWORKS: Mapping[str, str] = {"rooms": "frechet_twospeed", "doom": "frechet_doom"}
"""World -> folder of the packaged network that saw its clips: of others its features say little."""

_ROOMS = PACKAGED / NETWORKS["rooms"]
_BATCH = 256


def network_folder(world: str) -> Path:
    """Return the folder of the network that saw clips of this world; else that of the rooms."""
    return PACKAGED / NETWORKS.get(world, NETWORKS["rooms"])


def load_clip_network(folder: Path = _ROOMS) -> ClipNetwork:
    """Load the packaged network that saw rooms, or one from a folder.

    Raises:
        DataError: when it is missing or damaged.
    """
    loaded: ClipNetwork = load_network(ClipNetwork, "clip network", folder)
    return loaded


@torch.no_grad()
def features_of(network: ClipNetwork, clips_BTHWC: Frames) -> Tensor:
    """Return the features of clips, (B, S, K): one row for each frame but the first.

    Args:
        network: of `load_clip_network`.
        clips_BTHWC: uint8 (B, T, H, W, 3), at least two square frames each.

    Raises:
        ShapeError: when the clips have another form.
    """
    if clips_BTHWC.ndim != 5 or clips_BTHWC.shape[1] < 2:
        raise ShapeError(f"clips should be (B, T >= 2, H, W, 3), got {clips_BTHWC.shape}")
    parts = [
        network(clip_pixels(clips_BTHWC[start : start + _BATCH]))[1]
        for start in range(0, len(clips_BTHWC), _BATCH)
    ]
    return torch.cat(parts)


def network_hash(folder: Path = _ROOMS) -> str:
    """Return a hash of a network's weights: distances of another one do not compare."""
    return sha256_of(folder / "diffusion_pytorch_model.safetensors")[:16]
