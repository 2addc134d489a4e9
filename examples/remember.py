"""Observe a way out, save the memory, and generate the way back with it and without.

The true frames of the way back are never shown: what is right on it was remembered.

    python examples/remember.py
"""

from pathlib import Path

import numpy as np

from twospeed import (
    Dream,
    FastWeights,
    WorldModel,
    load_memory,
    make_world,
    open_memories,
    save_memory,
)
from twospeed.evaluation.metrics.frames import psnr_db

OUT = ["turn left", "turn left", "go forward", "turn left", "turn left", "turn left"]
INVERSE = {"turn left": "turn right", "go forward": "go back"}


def main(folder: Path = Path("out/memory"), way_out: list[str] = OUT) -> dict[str, float]:
    """Return the PSNR of the way back in dB, with memory and without."""
    model = WorldModel.from_pretrained("rooms-64")
    world = make_world("rooms", frame_size=64)
    first = world.reset(seed=800_003).frame

    def walk(action: str) -> np.ndarray:
        return np.stack([world.step(action).frame for _ in range(4)])

    dream = Dream(model, first, memory=FastWeights(model))
    for action in way_out:
        dream.observe(walk(action), action)
    save_memory(dream.memory, folder)

    way_back = [INVERSE[action] for action in reversed(way_out)]
    truth = np.concatenate([walk(action) for action in way_back])
    remembered = open_memories(model, [load_memory(folder)], seeds=[0])
    found = {}
    for name, memory in (("with memory", remembered), ("without", None)):
        back = Dream(model, first, memory=memory)
        back.past = dream.past  # both begin where the way out has ended
        frames = np.concatenate([back.step(action) for action in way_back])
        found[name] = float(psnr_db(frames, truth).mean())
    return found


if __name__ == "__main__":
    for name, decibels in main().items():
        print(f"{name}: {decibels:.1f} dB")
