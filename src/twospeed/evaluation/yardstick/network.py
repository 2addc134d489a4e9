"""A small network that looks at clips of one world; a Fréchet distance compares what it sees.

It is trained on true clips alone (tools/train_clip_network.py) to tell how the camera moved, and in
rooms where walls are, their colours and landmarks (labels.py), in a world that is one place where
the camera stands and looks (places.py). It never saw a generated frame. Axes: B clips, T frames, S
steps from frame to frame (T - 1), W bands of columns, K features.
"""

from typing import Literal

import torch
from diffusers import ConfigMixin, ModelMixin
from diffusers.configuration_utils import register_to_config
from torch import Tensor, nn
from torch.nn import functional

from twospeed.core.video import Frames
from twospeed.evaluation.yardstick.guesses import Guesses, PlaceGuesses, RoomGuesses
from twospeed.evaluation.yardstick.labels import COLOUR_CLASSES, SHAPE_CLASSES
from twospeed.worldmodel.blocks import ResidualBlock
from twospeed.worldmodel.codec import to_pixels

FRAME_SIZE = 64
"""Height and width in pixels that it was trained on; frames of other sizes are resized."""

ROW_CHANNELS = 48


class ClipNetwork(ModelMixin, ConfigMixin):  # type: ignore[misc]
    """Frames (B, T, 3, 64, 64) in [-1, 1] -> features of every step, and what they mean.

    Args:
        width: features of a frame.
        step_width: features of a step from one frame to the next.
        tells: what it says of a frame: "rooms" of walls and landmarks, "place" of where it stands.
    """

    @register_to_config  # type: ignore[untyped-decorator]
    def __init__(
        self, width: int = 64, step_width: int = 32, tells: Literal["rooms", "place"] = "rooms"
    ) -> None:
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
        if tells == "rooms":
            self.to_band = nn.Linear(width, 4 + COLOUR_CLASSES + SHAPE_CLASSES)
            self.to_room = nn.Linear(width, 6)
        else:
            self.to_place = nn.Linear(width, 6)
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
        tell = self._room if self.config.tells == "rooms" else self._place
        guesses = tell(bands_BTWK, frames_BTK, self.to_moved(steps_BSK))
        return guesses, torch.cat([frames_BTK[:, 1:], steps_BSK], dim=-1) / self.spread

    def _room(self, bands_BTWK: Tensor, frames_BTK: Tensor, moved_BS3: Tensor) -> Guesses:
        sizes = [1, 3, COLOUR_CLASSES, SHAPE_CLASSES]
        depth, walls, colours, shapes = self.to_band(bands_BTWK).split(sizes, dim=-1)
        return RoomGuesses(
            moved_BS3=moved_BS3,
            depth_BTW=depth[..., 0],
            walls_BTW3=walls,
            rooms_BT6=self.to_room(frames_BTK),
            colours_BTWN=colours,
            shapes_BTWN=shapes,
        )

    def _place(self, _: Tensor, frames_BTK: Tensor, moved_BS3: Tensor) -> Guesses:
        place_BT2, heading_BT4 = self.to_place(frames_BTK).split([2, 4], dim=-1)
        return PlaceGuesses(moved_BS3=moved_BS3, place_BT2=place_BT2, heading_BT4=heading_BT4)


def clip_pixels(clips_BTHWC: Frames) -> Tensor:
    """Return clips as the network takes them, float (B, T, 3, 64, 64) in [-1, 1]."""
    pixels = to_pixels(clips_BTHWC)
    if pixels.shape[-2:] != (FRAME_SIZE, FRAME_SIZE):
        pixels = functional.interpolate(pixels, size=(FRAME_SIZE, FRAME_SIZE), mode="area")
    clips: Tensor = pixels.unflatten(0, clips_BTHWC.shape[:2])
    return clips
