"""Contact sheets: a few episodes of a domain, chunk by chunk, with what was done."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from twospeed.core.errors import DataError
from twospeed.core.pictures import fit_frame
from twospeed.data.episode import Episode
from twospeed.data.shards import read_shard
from twospeed.data.survey import Sample
from twospeed.worlds.base import Frame

ROWS, COLUMNS = 8, 9
SIDE, LABEL, GAP = 112, 30, 4
INK, PAPER, FAINT = (28, 28, 32), (247, 246, 242), (110, 110, 116)


def chosen_episodes(samples: Sequence[Sample], *, most: int = ROWS) -> list[Episode]:
    """Read episodes that are spread evenly over `samples`; a shard that is damaged gives none."""
    places = np.linspace(0, len(samples) - 1, min(most, len(samples))).astype(int)
    wanted: dict[Path, set[int]] = {}
    for place in places.tolist():
        wanted.setdefault(samples[place].shard, set()).add(samples[place].seed)
    episodes: list[Episode] = []
    for shard, seeds in wanted.items():
        try:
            episodes += [it for it in read_shard(shard) if it.seed in seeds]
        except DataError:
            continue  # the survey has named it
    return episodes[:most]


def contact_sheet(episodes: Sequence[Episode]) -> Frame:
    """Lay out a row an episode: its first frame, then the last frame of each chunk and its action.

    Args:
        episodes: at least one; of longer ones the first chunks are shown.
    """
    columns = min(COLUMNS, 1 + max(len(episode.actions) for episode in episodes))
    height = len(episodes) * (SIDE + LABEL + GAP) + GAP
    sheet = Image.new("RGB", (columns * (SIDE + GAP) + GAP, height), PAPER)
    draw = ImageDraw.Draw(sheet)
    for row, episode in enumerate(episodes):
        top = GAP + row * (SIDE + LABEL + GAP)
        texts = (f"{episode.scene or episode.seed}", *episode.actions)
        for column, text in enumerate(texts[:columns]):
            left = GAP + column * (SIDE + GAP)
            frame = _enlarged(episode.frames[column * episode.chunk_frames])
            sheet.paste(Image.fromarray(frame), (left, top))
            _write(draw, left, top + SIDE, text, INK if column else FAINT)
    return np.asarray(sheet)


def _enlarged(frame: Frame) -> Frame:
    factor = SIDE // max(frame.shape[:2])
    if factor < 1:
        return fit_frame(frame, (SIDE, SIDE))
    big = frame.repeat(factor, axis=0).repeat(factor, axis=1)
    padding = [(0, SIDE - big.shape[0]), (0, SIDE - big.shape[1]), (0, 0)]
    return fit_frame(big, (SIDE, SIDE)) if min(big.shape[:2]) > SIDE // 2 else np.pad(big, padding)


def _write(draw: ImageDraw.ImageDraw, left: int, top: int, text: str, ink: tuple[int, ...]) -> None:
    """Write a text in at most two lines of the width of a frame."""
    font = ImageFont.load_default(size=11)
    lines = [""]
    for word in text[:200].split():  # far more than two lines take
        longer = f"{lines[-1]} {word}".strip()
        if draw.textlength(longer, font=font) <= SIDE or not lines[-1]:
            lines[-1] = longer
        else:
            lines.append(word)
    if len(lines) > 2:
        lines = [lines[0], f"{lines[1]} ..."]
    for number, line in enumerate(lines):
        while draw.textlength(line, font=font) > SIDE:
            line = f"{line.removesuffix('...')[:-1]}..."
        draw.text((left, top + 1 + 13 * number), line, fill=ink, font=font)
