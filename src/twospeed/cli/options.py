"""Arguments and options that several commands have, each in the same words.

A command gives the default; what only one command has stands there.
"""

import os
import re
from pathlib import Path
from typing import Annotated, TypeAlias

import typer

from twospeed.cli.targets import new_file
from twospeed.core.pictures import Size

MODEL = "A packaged model's name, or a model folder."

Model: TypeAlias = Annotated[str, typer.Argument(help=MODEL)]
ModelOption: TypeAlias = Annotated[str, typer.Option("--model", help=MODEL)]


def size_of(text: str) -> Size:
    """Read a size: one number is a square's."""
    found = re.fullmatch(r"([0-9]{1,5})(?:x([0-9]{1,5}))?", text)
    if found is None:
        raise typer.BadParameter(
            f"write pixels as a number or as WIDTHxHEIGHT, such as 832x480, got {text[:40]!r}"
        )
    return Size(int(found[2] or found[1]), int(found[1]))


Settings: TypeAlias = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="PATH=VALUE", help="Change a setting; may be repeated."),
]
Seed: TypeAlias = Annotated[int, typer.Option("--seed", help="Decides all that is drawn.")]
FIRST_SEED = "Seed of the first episode; from 800,000 on they are for testing."

FirstSeed: TypeAlias = Annotated[int, typer.Option("--first-seed", help=FIRST_SEED)]
SIZE = "Height and width of the frames in pixels."

ANY_SIZE = "Side of square frames, or WIDTHxHEIGHT, in pixels."

FrameSize: TypeAlias = Annotated[int, typer.Option("--size", help=SIZE)]
AnySize: TypeAlias = Annotated[
    Size | None,
    typer.Option("--size", parser=size_of, metavar="PIXELS", help=ANY_SIZE),
]
"""Of frames that need not be square; by default the model's."""
Report: TypeAlias = Annotated[
    Path | None,
    typer.Option("--json", callback=new_file, help="Write all numbers to this file."),
]
Workers: TypeAlias = Annotated[
    int, typer.Option("--workers", help="Processes at once; 0 is one a core.")
]
Dataset: TypeAlias = Annotated[
    str,
    typer.Option("--data", help="digits, pathfinder[:steps=6,...], noise, hub:NAME, or a path."),
]
"""What a network is fitted to."""

DEVICE = "Such as cpu or cuda."

Device: TypeAlias = Annotated[str, typer.Option("--device", help=DEVICE)]
AnyDevice: TypeAlias = Annotated[str | None, typer.Option("--device", help=DEVICE)]
"""By default what is there."""
DType: TypeAlias = Annotated[
    str, typer.Option("--dtype", help="Precision of the weights: float32, bfloat16 or float16.")
]


def workers_of(workers: int) -> int:
    """Return how many processes ``--workers`` asks for."""
    return workers or os.cpu_count() or 1
