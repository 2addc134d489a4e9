"""Where a page without a server begins: a picture, and what was seen from there before.

A start is a memory as a file, taken after the true world was looked at all the way round (its rows
say where each view was seen), the picture that was seen first, and the latents that come last.
"""

from dataclasses import dataclass
from pathlib import Path

from safetensors.torch import save_file

from twospeed.core.pictures import Frame, write_picture
from twospeed.generation.dream import Dream
from twospeed.memory.config import ViewConfig
from twospeed.memory.fast_weights import FastWeights
from twospeed.memory.files import WEIGHTS, WRITER, save_memory
from twospeed.web.truth import frames_of, start_of
from twospeed.worldmodel.model import WorldModel

LOOK_ROUND = ("turn left",) * 4
"""What is done with open eyes: a full turn."""

FRAME, PAST = "frame.png", "past.safetensors"
FILES = (FRAME, PAST, f"memory/{WEIGHTS}", f"memory/{WRITER}", "memory/adapter_config.json")
"""Of one start."""


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class Start:
    """One start."""

    label: str
    """Such as "rooms:7"."""

    frame: Frame
    """What is seen first, (H, W, 3)."""

    dream: Dream
    """After looking round; its memory holds what was seen."""


def look_round(label: str, model: WorldModel, config: ViewConfig) -> Start:
    """Begin in the true world that ``WORLD:SEED`` names, and turn all the way round.

    Raises:
        DataError, UnknownNameError, MissingExtraError: as of `start_of`.
    """
    start, world = start_of(label, model.settings.size)
    dream = Dream(model, start.frame, memory=FastWeights(model, config, seeds=(start.world_seed,)))
    try:
        for command in LOOK_ROUND:
            dream.observe(frames_of(world.walk(command, model.settings.chunk_frames)), command)
    finally:
        world.close()
    return Start(label=label, frame=start.frame, dream=dream)


def write_start(start: Start, folder: Path) -> None:
    """Write the files of a start into a new folder."""
    folder.mkdir(parents=True)
    write_picture(folder / FRAME, start.frame)
    first = start.dream.model.encode(start.frame[None, None])
    past = {"first": first.contiguous(), "last": start.dream.past.contiguous()}
    save_file(past, folder / PAST)
    if start.dream.memory is not None:
        save_memory(start.dream.memory, folder / "memory")
