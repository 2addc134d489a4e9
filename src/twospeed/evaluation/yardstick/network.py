"""A small network that looks at clips of rooms; a Fréchet distance compares what it sees.

It is trained on true clips alone (tools/train_clip_network.py) to tell how the camera moved, where
walls are, their colours and landmarks (labels.py). It never saw a generated frame. Axes: B clips,
T frames, S steps from frame to frame (T - 1), W bands of columns, K features.
"""

from dataclasses import dataclass
from pathlib import Path

import torch
from diffusers import ConfigMixin, ModelMixin
from diffusers.configuration_utils import register_to_config
from torch import Tensor, nn
from torch.nn import functional

from twospeed.core.errors import ShapeError
from twospeed.core.files import sha256_of
from twospeed.core.video import Frames
from twospeed.evaluation.yardstick.labels import COLOUR_CLASSES, SHAPE_CLASSES
from twospeed.worldmodel.blocks import ResidualBlock
from twospeed.worldmodel.catalogue import PACKAGED
from twospeed.worldmodel.codec import to_pixels
from twospeed.worldmodel.loading import load_network

NAME = "frechet_twospeed"
"""Folder of the packaged network."""

WORLD = "rooms"
"""World of the clips that it saw: of others its features say little."""

FRAME_SIZE = 64
"""Height and width in pixels that it was trained on; frames of other sizes are resized."""

ROW_CHANNELS = 48
_BATCH = 256


@dataclass(frozen=True, kw_only=True, slots=True)
class Guesses:
    """What the network says of a batch of clips."""

    moved_BS3: Tensor
    """Steps ahead, steps to the left, steps of a turn to the left."""

    depth_BTW: Tensor
    """Logarithm of the metres to the wall."""

    walls_BTW3: Tensor
    """Colours of the walls, about 0 to 1."""

    rooms_BT6: Tensor
    """Colours of floor and ceiling of the camera's room, about 0 to 1."""

    colours_BTWN: Tensor
    """Scores of a landmark's colour; the last is none."""

    shapes_BTWN: Tensor
    """Scores of a landmark's shape; the last is none."""


class ClipNetwork(ModelMixin, ConfigMixin):  # type: ignore[misc]
    """Frames (B, T, 3, 64, 64) in [-1, 1] -> features of every step, and what they mean.

    Args:
        width: features of a frame.
        step_width: features of a step from one frame to the next.
    """

    @register_to_config  # type: ignore[untyped-decorator]
    def __init__(self, width: int = 64, step_width: int = 32) -> None:
        super().__init__()
        self.see = nn.Sequential(
            nn.Conv2d(3, 24, 5, 2, padding=2),
            nn.SiLU(),
            nn.Conv2d(24, 48, 3, 2, padding=1),
            nn.SiLU(),
            ResidualBlock(48),
            nn.Conv2d(48, 64, 3, (2, 1), padding=1),
            ResidualBlock(64),
            nn.Conv2d(64, ROW_CHANNELS, 3, (2, 1), padding=1),
            nn.SiLU(),
        )
        columns = 4 * ROW_CHANNELS
        self.across = nn.Sequential(
            nn.Conv1d(columns, 96, 5, padding=2), nn.SiLU(), nn.Conv1d(96, width, 5, padding=2)
        )
        self.step = nn.Sequential(
            nn.Conv1d(2 * columns, 48, 7, padding=3),
            nn.SiLU(),
            nn.Conv1d(48, step_width, 5, padding=2),
        )
        self.to_band = nn.Linear(width, 4 + COLOUR_CLASSES + SHAPE_CLASSES)
        self.to_room = nn.Linear(width, 6)
        self.to_moved = nn.Linear(step_width, 3)
        self.register_buffer("spread", torch.ones(width + step_width))

    def forward(self, pixels_BTCHW: Tensor) -> tuple[Guesses, Tensor]:
        """Return the guesses, and the features (B, S, K) of each frame but the first.

        A frame's features are means over its columns; beside them stand those of the step to it.
        Each is divided by its deviation over true clips (`spread`).
        """
        frames = pixels_BTCHW.shape[1]
        seen = self.see(pixels_BTCHW.flatten(0, 1)).flatten(1, 2).unflatten(0, (-1, frames))
        bands_BTWK = functional.silu(self.across(seen.flatten(0, 1))).unflatten(0, (-1, frames)).mT
        pairs = torch.cat([seen[:, :-1], seen[:, 1:]], dim=2)
        steps_BSK = functional.silu(self.step(pairs.flatten(0, 1))).mean(-1)
        steps_BSK = steps_BSK.unflatten(0, (-1, frames - 1))
        frames_BTK = bands_BTWK.mean(2)
        guesses = self._guesses(bands_BTWK, frames_BTK, steps_BSK)
        return guesses, torch.cat([frames_BTK[:, 1:], steps_BSK], dim=-1) / self.spread

    def _guesses(self, bands_BTWK: Tensor, frames_BTK: Tensor, steps_BSK: Tensor) -> Guesses:
        sizes = [1, 3, COLOUR_CLASSES, SHAPE_CLASSES]
        depth, walls, colours, shapes = self.to_band(bands_BTWK).split(sizes, dim=-1)
        return Guesses(
            moved_BS3=self.to_moved(steps_BSK),
            depth_BTW=depth[..., 0],
            walls_BTW3=walls,
            rooms_BT6=self.to_room(frames_BTK),
            colours_BTWN=colours,
            shapes_BTWN=shapes,
        )


def load_clip_network(folder: Path = PACKAGED / NAME) -> ClipNetwork:
    """Load the packaged network, or one from a folder.

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


def network_hash(folder: Path = PACKAGED / NAME) -> str:
    """Return a hash of the packaged network's weights: distances of another one do not compare."""
    return sha256_of(folder / "diffusion_pytorch_model.safetensors")[:16]


def clip_pixels(clips_BTHWC: Frames) -> Tensor:
    """Return clips as the network takes them, float (B, T, 3, 64, 64) in [-1, 1]."""
    pixels = to_pixels(clips_BTHWC)
    if pixels.shape[-2:] != (FRAME_SIZE, FRAME_SIZE):
        pixels = functional.interpolate(pixels, size=(FRAME_SIZE, FRAME_SIZE), mode="area")
    clips: Tensor = pixels.unflatten(0, clips_BTHWC.shape[:2])
    return clips
