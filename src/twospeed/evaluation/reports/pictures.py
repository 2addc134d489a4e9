"""Videos side by side and contact sheets: frames in, bigger frames with labels out.

Frames are uint8, sRGB, 0 to 255; pixels are repeated, never smoothed.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from twospeed.core.video import Frames

Picture = NDArray[np.uint8]
"""(H, W, 3)."""

INK, PAPER = (28, 28, 32), (247, 246, 242)
GAP = 4
HEADER = 22
FOOTER = 22
SIDE = 118


def enlarge(frames_THWC: Frames, factor: int) -> Frames:
    """Repeat every pixel `factor` times across and down."""
    return frames_THWC.repeat(factor, axis=1).repeat(factor, axis=2)


def side_by_side(videos: Mapping[str, Frames], captions: Sequence[str], *, factor: int) -> Frames:
    """Put videos of one length next to each other, each under its name.

    Args:
        videos: name -> frames (T, H, W, 3).
        captions: one line for under every frame.
        factor: how much larger pixels become.

    Returns:
        (T, height, width, 3) with even sides, as video codecs want them.
    """
    panels = [enlarge(frames, factor) for frames in videos.values()]
    count, height, width = panels[0].shape[:3]
    full_height = HEADER + height + FOOTER
    full_width = len(panels) * (width + GAP) + GAP
    sheet = blank(full_height + full_height % 2, full_width + full_width % 2)
    canvas = np.repeat(sheet[None], count, axis=0)
    places = [GAP + index * (width + GAP) for index in range(len(panels))]
    for left, panel in zip(places, panels, strict=True):
        canvas[:, HEADER : HEADER + height, left : left + width] = panel
    header = labelled(sheet, [(left, 4, name) for left, name in zip(places, videos, strict=True)])
    canvas[:, :HEADER] = header[:HEADER]
    for frame, caption in zip(canvas, captions, strict=True):
        below = labelled(sheet, [(GAP, HEADER + height + 4, caption)])
        frame[HEADER + height :] = below[HEADER + height :]
    return canvas


def contact_sheet(
    rows: Mapping[str, Frames], columns: Sequence[str], *, title: str, factor: int
) -> Picture:
    """Lay out frames in rows with a name each, under one heading a column.

    Args:
        rows: name -> frames (T, H, W, 3), all of one shape.
        columns: T headings.
        title: a line on top.
        factor: how much larger pixels become.
    """
    strips = [enlarge(frames, factor) for frames in rows.values()]
    count, height, width = strips[0].shape[:3]
    top = 2 * HEADER
    sheet = blank(top + len(strips) * (height + GAP), SIDE + count * (width + GAP))
    labels = [(GAP, 4, title)]
    labels += [
        (SIDE + index * (width + GAP), HEADER + 2, text) for index, text in enumerate(columns)
    ]
    for row, (name, strip) in enumerate(zip(rows, strips, strict=True)):
        down = top + row * (height + GAP)
        labels.append((GAP, down + height // 2 - 8, name))
        for index, frame in enumerate(strip):
            left = SIDE + index * (width + GAP)
            sheet[down : down + height, left : left + width] = frame
    return labelled(sheet, labels)


def blank(height: int, width: int) -> Picture:
    """Return an empty sheet."""
    return np.full((height, width, 3), PAPER, np.uint8)


def labelled(picture: Picture, labels: Sequence[tuple[int, int, str]]) -> Picture:
    """Write (left, top, text) labels on a copy of the picture."""
    image = Image.fromarray(picture)
    draw = ImageDraw.Draw(image)
    font = ImageFont.load_default(size=13)
    for left, top, text in labels:
        draw.text((left, top), text, fill=INK, font=font)
    return np.array(image)
