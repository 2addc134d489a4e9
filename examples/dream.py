"""Walk through a room that no training has seen, dreamed from its first frame; writes a video.

python examples/dream.py
"""

from pathlib import Path

import numpy as np

from twospeed import Dream, FastWeights, WorldModel, make_world
from twospeed.core.video import write_video

TURN = ["turn left"] * 8  # 90 degrees each: the second time round is remembered


def main(out: Path = Path("out"), actions: list[str] = TURN) -> Path:
    """Dream the actions and return the path of the video."""
    model = WorldModel.from_pretrained("rooms-64")
    first = make_world("rooms", frame_size=64).reset(seed=800_000).frame
    dream = Dream(model, first, memory=FastWeights(model), seed=1)
    chunks = [dream.step(action) for action in actions]  # each uint8 (4, 64, 64, 3)
    path = out / "dream.mp4"
    video = np.concatenate([first[None], *chunks])
    write_video(path, video, frames_per_second=model.settings.frames_per_second)
    return path


if __name__ == "__main__":
    print(main())
