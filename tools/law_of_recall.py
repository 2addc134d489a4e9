"""A law of recall: dB over another episode's memory against rank, writes and distinct places.

Usage: python tools/law_of_recall.py OUT [--model NAME] [--memories gradient,come,default]
           [--ranks 8,32,128] [--writes 8,16,32,64] [--tours 1,2,4] [--episodes N] [--first-seed S]

In each episode of `rooms` a walk of writes / tours chunks is made and goes back the way it came, as
often as fills the writes; a memory observes it and is asked for the next chunks of the same tour,
generated one after the other. Beside it stands the same memory, written in another episode and
asked the same. A point is one memory, rank, number of writes and tours in one episode, in a file of
its own in OUT/points: the same command goes on after a kill, and more of any axis may be added.

OUT/law.json holds points and, for each memory, slopes in dB a doubling with 95 % intervals over
points, residuals and R^2; OUT/law.png shows them. A rank is only varied where the way of writing
has one to choose: of views it is the most that are kept, and the recall layer has its own.
"""

import argparse
import dataclasses
import itertools
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from twospeed.core.errors import ConfigError, DataError
from twospeed.core.files import read_json, write_json
from twospeed.core.progress import progress
from twospeed.core.random import seed_of
from twospeed.core.runs.claims import claimed
from twospeed.evaluation.matrix.base import Make, Shown
from twospeed.evaluation.matrix.memories.fast import written_by
from twospeed.evaluation.metrics.frames import psnr_db
from twospeed.evaluation.metrics.law import Law, fit_law
from twospeed.evaluation.protocols.coding import decode, encode
from twospeed.memory.config import RidgeConfig
from twospeed.memory.presets import preset_of
from twospeed.worldmodel.model import WorldModel
from twospeed.worlds.language import OPPOSITE
from twospeed.worlds.rooms.camera import Camera
from twospeed.worlds.rooms.raycast import Scene, render_frames
from twospeed.worlds.rooms.world import pose_array, walk
from twospeed.worlds.routes.rooms import roam

ASKED = 4
PARTS = ("rank", "writes", "places")
OWN_RANK = 0

Json = dict[str, Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class Point:
    """Where recall is measured; rank 0 is the preset's own."""

    memory: str
    rank: int
    writes: int
    tours: int
    seed: int

    @property
    def name(self) -> str:
        """Of its file."""
        return f"{self.memory}-{self.rank}-{self.writes}-{self.tours}-{self.seed}.json"


class Tour:
    """A walk out and back, again and again: `writes` chunks are shown, ASKED are asked."""

    def __init__(self, model: WorldModel, seed: int, writes: int, tours: int) -> None:
        scene = Scene.of_seed(seed)
        out = max(writes // (2 * tours), 1)
        start, going = roam(scene, np.random.default_rng([seed, 11]), out)
        lap = (*going, *(OPPOSITE[it] for it in reversed(going)))
        self.actions = tuple(itertools.islice(itertools.cycle(lap), writes + ASKED))
        poses = pose_array(walk(scene, start, self.actions))
        self.places = len(np.unique(np.round(poses[: 1 + 4 * writes], 2), axis=0))
        camera = Camera.of_size(model.settings.frame_size)
        self.frames = render_frames(scene, poses.astype(np.float32), camera)
        self.latents = encode(model, self.frames)

    def shown(self, chunk: int) -> Shown:
        """Return a true chunk."""
        first = 1 + 4 * chunk
        return Shown(
            past=self.latents[:, max(first - 4, 0) : first],
            new=self.latents[:, first : first + 4],
            action=self.actions[chunk],
            generated=False,
        )


@torch.no_grad()
def recalled_db(model: WorldModel, make: Make, seen: Tour, asked: Tour, point: Point) -> float:
    """Return PSNR of what a memory of one tour gives when another's next chunks are asked."""
    memory = make(model, seed_of(point.seed, "law"))
    for chunk in range(point.writes):
        memory.learn(seen.shown(chunk))
    past, made = asked.shown(point.writes).past, []
    for chunk in range(point.writes, point.writes + ASKED):
        action = asked.actions[chunk]
        new = memory.generate(past.clone(), action, seed_of(point.seed, "law", chunk))
        memory.follow(Shown(past=past, new=new, action=action, generated=True))
        made.append(new)
        past = new
    frames = decode(model, torch.cat(made, dim=1))
    return float(psnr_db(frames, asked.frames[-len(frames) :]).mean())


def measure(model: WorldModel, point: Point) -> Json:
    """Measure one point."""
    config = preset_of(model, point.memory)
    if point.rank != OWN_RANK:
        config = dataclasses.replace(config, rank=point.rank)
    make = written_by(lambda _: config)
    own, other = (
        Tour(model, seed, point.writes, point.tours) for seed in (point.seed, point.seed + 1)
    )
    found, swap = (recalled_db(model, make, seen, own, point) for seen in (own, other))
    return dataclasses.asdict(point) | {
        "rank": config.rank,
        "places": own.places,
        "psnr_db": found,
        "swap_psnr_db": swap,
        "gain_db": found - swap,
    }


def points_of(options: argparse.Namespace, model: WorldModel) -> Iterator[Point]:
    """Yield all points; tours that the writes do not hold are left out."""
    seeds = [options.first_seed + 2 * index for index in range(options.episodes)]
    axes = (seeds, options.memories, options.writes, options.tours)
    for seed, memory, writes, tours in itertools.product(*axes):
        is_fixed = isinstance(preset_of(model, memory), RidgeConfig)
        if writes % (2 * tours) == 0:
            for rank in [OWN_RANK] if is_fixed else options.ranks:
                yield Point(memory=memory, rank=rank, writes=writes, tours=tours, seed=seed)


def run(options: argparse.Namespace) -> Json:
    """Measure what is missing, fit and draw."""
    model = WorldModel.from_pretrained(options.model)
    if model.settings.chunk_frames != 4 or model.rules.frames != 1:
        raise ConfigError("the law is measured on models of 4 frames a chunk, each a latent")
    points = list(points_of(options, model))
    if not points:
        raise ConfigError("no point: a tour goes out and back, so writes are a multiple of 2 tours")
    note = {"model": model.hash(), "weights": model.fingerprint(), "asked": ASKED}
    out = options.out
    with claimed(out, "law-run.json", note, kind="law of recall", work=("points/*.json",)):
        places = [out / "points" / point.name for point in points]
        with progress("law of recall", total=len(points), unit="points") as advance:
            for point, place in zip(points, places, strict=True):
                if not place.exists():
                    place.parent.mkdir(exist_ok=True)
                    write_json(place, measure(model, point))
                advance(1)
        rows = [read_json(place) for place in places]
        laws = {name: law_of(rows, name) for name in options.memories}
        report = {"model": options.model, **note, "laws": laws, "points": rows}
        write_json(out / "law.json", report)
        draw(rows, laws, out / "law.png")
    return report


def law_of(rows: Sequence[Json], memory: str) -> Json:
    """Fit one memory's law, or say why there is none."""
    own = [row for row in rows if row["memory"] == memory]
    parts = {name: [float(row[name]) for row in own] for name in PARTS}
    try:
        law: Law = fit_law(parts, [row["gain_db"] for row in own], seed=0)
    except DataError as error:
        return {"points": len(own), "not_computed": str(error)}
    slopes = {
        name: dict(zip(("mean", "low", "high"), it, strict=True)) for name, it in law.slopes.items()
    }
    return {
        "points": len(own),
        "constant_db": law.constant,
        "db_a_doubling": slopes,
        "r_squared": law.r_squared,
        "residual_rms_db": law.spread,
        "fitted_db": law.fitted_N.tolist(),
        "residual_db": law.residual_N.tolist(),
    }


def draw(rows: Sequence[Json], laws: Json, place: Path) -> None:
    """Draw recall against each part, and residuals against what was fitted."""
    figure = Figure(figsize=(13, 3.4), layout="constrained")
    *panes, last = figure.subplots(1, len(PARTS) + 1)
    for memory, law in laws.items():
        own = [row for row in rows if row["memory"] == memory]
        for pane, part in zip(panes, PARTS, strict=True):
            values = sorted({row[part] for row in own})
            gains = [[row["gain_db"] for row in own if row[part] == it] for it in values]
            pane.plot(values, [np.mean(it) for it in gains], "o-", label=memory)
        last.plot(law.get("fitted_db", []), law.get("residual_db", []), ".", label=memory)
    for pane, part in zip(panes, PARTS, strict=True):
        pane.set_xscale("log", base=2)
        pane.set_xlabel(part)
        pane.set_ylabel("recall over swap, dB")
    panes[0].legend(frameon=False, fontsize=8)
    last.axhline(0, color="#999999")
    last.set_xlabel("fitted, dB")
    last.set_ylabel("residual, dB")
    FigureCanvasAgg(figure).print_png(str(place))


def main() -> None:
    """Read the command line and run."""

    def whole(text: str) -> list[int]:
        return [int(it) for it in text.split(",")]

    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("--model", default="rooms-64")
    parser.add_argument(
        "--memories", type=lambda it: it.split(","), default="gradient,come,default"
    )
    parser.add_argument("--ranks", type=whole, default="8,32,128")
    parser.add_argument("--writes", type=whole, default="8,16,32,64")
    parser.add_argument("--tours", type=whole, default="1,2,4")
    parser.add_argument("--episodes", type=int, default=8)
    parser.add_argument("--first-seed", type=int, default=750_000)
    print(json.dumps(run(parser.parse_args())["laws"], indent=2))


if __name__ == "__main__":
    main()
