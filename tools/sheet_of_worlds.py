"""Draw one contact sheet with a row a world from recorded data: the picture of docs/worlds.md.

python tools/sheet_of_worlds.py DATA OUT.png
"""

import argparse
from dataclasses import replace
from pathlib import Path

from PIL import Image

from twospeed.data.episode import Episode
from twospeed.data.sheets import chosen_episodes, contact_sheet
from twospeed.data.survey import Sample, survey

CHUNKS = 6
COLOURS = 256


def start_of(episode: Episode) -> Episode:
    """Return the first chunks, named by the world."""
    return replace(
        episode,
        frames=episode.frames[: 1 + CHUNKS * episode.chunk_frames],
        actions=episode.actions[:CHUNKS],
        poses=None,
        objects=None,
        scene=episode.world,
    )


def clearest(samples: list[Sample]) -> Episode:
    """Return the start of the episode, of some, whose emptiest frame shows most."""
    starts = [start_of(episode) for episode in chosen_episodes(samples, most=16)]
    return max(starts, key=lambda it: min(frame.std() for frame in it.frames))


def main() -> None:
    """Draw the sheet."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("out", type=Path)
    given = parser.parse_args()
    samples = survey(given.data, with_looks=False).samples
    worlds = list(dict.fromkeys(sample.world for sample in samples))
    rows = [clearest([it for it in samples if it.world == world]) for world in worlds]
    picture = Image.fromarray(contact_sheet(rows))
    picture.quantize(COLOURS).save(given.out, optimize=True)


if __name__ == "__main__":
    main()
