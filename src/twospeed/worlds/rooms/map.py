"""The floor plan seen from above: rooms, walls, landmarks.

Holds: `draw_map`. Holds not: what the camera sees (raycast.py). Metres along +y go up.
"""

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from twospeed.worlds.rooms.looks import COLOURS, SHAPES
from twospeed.worlds.rooms.paint import LANDMARK_SIZE, MASKS
from twospeed.worlds.rooms.raycast import Scene

Colour = tuple[int, int, int]

_PAPER: Colour = (250, 249, 246)
_WALL: Colour = (48, 50, 58)
_BORDER_METRES = 0.5
_SMOOTH = 3  # drawn so many times as large, then averaged


def draw_map(scene: Scene, *, pixels_per_metre: int = 40) -> NDArray[np.uint8]:
    """Draw a scene from above: uint8 (H, W, 3), with a border of half a metre.

    Args:
        scene: the rooms.
        pixels_per_metre: how large.
    """
    sheet = _Sheet(scene, pixels_per_metre * _SMOOTH)
    sheet.draw_rooms()
    sheet.draw_landmarks()
    size = (sheet.image.width // _SMOOTH, sheet.image.height // _SMOOTH)
    return np.asarray(sheet.image.resize(size, Image.Resampling.BOX))


class _Sheet:
    """An image with a pen that takes metres."""

    def __init__(self, scene: Scene, scale: int) -> None:
        self.scene, self.scale = scene, scale
        self.width, self.height = scene.plan.x_edges[-1], scene.plan.y_edges[-1]
        size = tuple(
            round((edge + 2 * _BORDER_METRES) * scale) for edge in (self.width, self.height)
        )
        self.image = Image.new("RGB", (size[0], size[1]), _PAPER)
        self.pen = ImageDraw.Draw(self.image)

    def at(self, x: float, y: float) -> tuple[float, float]:
        """Return the pixel of a place."""
        across, up = x + _BORDER_METRES, self.height - y + _BORDER_METRES
        return across * self.scale, up * self.scale

    def draw_rooms(self) -> None:
        """Draw the floors in their own colours, paler, and the walls."""
        plan = self.scene.plan
        for room, floor in enumerate(self.scene.looks.floors):
            row, column = divmod(room, plan.columns)
            low = self.at(plan.x_edges[column], plan.y_edges[row])
            high = self.at(plan.x_edges[column + 1], plan.y_edges[row + 1])
            self.pen.rectangle((low[0], high[1], high[0], low[1]), fill=_paler(floor))
        for across_x, segments in zip((True, False), self.scene.segments, strict=True):
            for position, start, end in segments:
                ends = [(position, start), (position, end)]
                self.line([self.at(*(it if across_x else it[::-1])) for it in ends], _WALL, 0.1)

    def draw_landmarks(self) -> None:
        """Draw every landmark as its shape in its colour."""
        side = round(0.75 * LANDMARK_SIZE * self.scale)
        for mark in self.scene.landmarks:
            shape, colour = divmod(mark.identity, len(COLOURS))
            mask = Image.fromarray(MASKS[SHAPES[shape]].astype(np.uint8) * 255)
            x, y = (round(value - side / 2) for value in self.at(mark.x, mark.y))
            for rim, fill in ((round(0.04 * self.scale), _WALL), (0, _bytes(colour))):
                stamp = mask.resize((side + 2 * rim, side + 2 * rim), Image.Resampling.NEAREST)
                self.image.paste(fill, (x - rim, y - rim), stamp)

    def line(self, ends: list[tuple[float, float]], colour: Colour, metres: float) -> None:
        """Draw a line with round ends."""
        width = round(metres * self.scale)
        self.pen.line(ends, fill=colour, width=width)
        half = width / 2 - 0.5
        for x, y in ends:
            self.pen.ellipse((x - half, y - half, x + half, y + half), fill=colour)


def _paler(rgb: NDArray[np.float32]) -> Colour:
    red, green, blue = (round(255 * (0.55 + 0.45 * value)) for value in rgb.tolist())
    return red, green, blue


def _bytes(colour: int) -> Colour:
    red, green, blue = (round(255 * value) for value in list(COLOURS.values())[colour])
    return red, green, blue
