"""How fast each installed world is recorded at 64 and 128 pixels; prints a table, writes JSON.

One process. One episode of the preset `200k` is on the clock: reset, steps with drawing, the truth,
lossless packing; making the world is not. Hours and disk are those of the whole preset at 64
pixels.

    python tools/benchmark_worlds.py [WORLD ...] [--out FILE.json]
"""

import argparse
from dataclasses import asdict
from pathlib import Path

from twospeed.core.files import write_json
from twospeed.data.preset import PRESETS, Forecast, forecast, plan
from twospeed.worlds.registry import WORLDS, engine_version

SIZES = (64, 128)


def forecasts_of(world: str) -> list[Forecast]:
    """Return what recording the world's part of the preset takes, at each of the sizes."""
    clips = {world: PRESETS["200k"][world]}
    return [it for size in SIZES for it in forecast(plan(clips, frame_size=size)[0])]


def line_of(world: str, small: Forecast, large: Forecast) -> str:
    """Return a world's line of the table."""
    about = WORLDS[world].about
    cells = (
        about.domain,
        f"`{world}`",
        f"{about.engine} {engine_version(about) or ''}".strip(),
        f"{small.frames_per_second:.0f}",
        f"{large.frames_per_second:.0f}",
        f"{small.bytes_per_clip / 1e3:.1f}",
        f"{large.bytes_per_clip / 1e3:.1f}",
        f"{small.seconds / 3600:.2f}",
        f"{small.num_bytes / 1e9:.2f}",
    )
    return f"| {' | '.join(cells)} |"


def main() -> None:
    """Measure all worlds that are asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("worlds", nargs="*", help="names; all that are installed")
    parser.add_argument("--out", type=Path, help="write all numbers to this file")
    options = parser.parse_args()
    names = options.worlds or list(PRESETS["200k"])
    found = {world: both for world in names if (both := forecasts_of(world))}
    for world, both in found.items():
        print(line_of(world, *both))
    if options.out:
        values = {world: [asdict(it) for it in both] for world, both in found.items()}
        write_json(options.out, values)


if __name__ == "__main__":
    main()
