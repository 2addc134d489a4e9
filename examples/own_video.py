"""Draw three short videos and their table, to try training in words of one's own without a camera.

A cup is filled, then stirred; the table `kitchen/labels.csv` says what happens when. How to go on
from there to a dream: docs/tutorials/own-recordings.md.
"""

import csv
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from twospeed.core.video import write_video

RATE = 12
SECONDS = 4
ROWS = ("pour the tea", "stir", "pour the tea", "stir")


def main(folder: Path = Path("kitchen"), size: int = 96) -> Path:
    """Write the videos and the table into `folder`; return the table."""
    folder.mkdir(parents=True, exist_ok=True)
    table = folder / "labels.csv"
    with table.open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(["video", "start", "end", "action"])
        for name, tea in (("a.mp4", 90), ("b.mp4", 120), ("c.mp4", 150)):
            moments = np.arange(RATE * SECONDS * len(ROWS) + RATE) / RATE
            frames = np.stack([draw(float(moment), tea, size) for moment in moments])
            write_video(folder / name, frames, frames_per_second=RATE)
            for number, action in enumerate(ROWS):
                rows.writerow([name, SECONDS * number, SECONDS * (number + 1), action])
    return table


def draw(moment: float, tea: int, size: int) -> NDArray[np.uint8]:
    """Return the frame (size, size, 3) at a moment in seconds: pouring and stirring take turns."""
    y, x = np.mgrid[:size, :size] / size - 0.5
    is_poured, share = int(moment // SECONDS) % 2 == 0, moment % SECONDS / SECONDS
    frame = np.full((size, size, 3), (150, 110, 70), np.uint8)
    frame[np.hypot(x, y) < 0.3] = 240
    frame[np.hypot(x, y) < (0.26 * share if is_poured else 0.26)] = (tea, 70, 20)
    if is_poured:
        frame[(y < 0) & (abs(x) < 0.03)] = (tea, 70, 20)
    else:
        angle = 2 * np.pi * moment
        spoon = np.hypot(x - 0.16 * np.cos(angle), y - 0.16 * np.sin(angle))
        frame[spoon < 0.05] = 200
    return frame


if __name__ == "__main__":
    main()
