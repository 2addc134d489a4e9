"""One unit of work, a memory in an episode: done in any process, kept as files of its own.

`SEED.json` holds the numbers, `SEED.npz` the features for distances of sets, `SEED.mp4` the
generated frames. The json is written last: where it is, the unit is done.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from twospeed.core.files import read_json, write_json, written_aside
from twospeed.core.npz import read_arrays
from twospeed.core.video import Frames, write_video
from twospeed.evaluation.matrix.controls import held
from twospeed.evaluation.matrix.judge import curve_of, judge
from twospeed.evaluation.matrix.play import WARM_UP, Played, play
from twospeed.evaluation.matrix.protocol import Protocol
from twospeed.evaluation.matrix.table import CONTROLS, MEMORIES
from twospeed.evaluation.matrix.task import Task, draw_task
from twospeed.evaluation.protocols.coding import coded
from twospeed.evaluation.videos.judges import Judges, load_judges
from twospeed.evaluation.videos.scores import ClipScores
from twospeed.worldmodel.model import WorldModel

TRUTH = "truth"
"""The arm of true frames through the autoencoder."""

REAL = "real"
"""The arm of true frames as they are: what distances of sets are from."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Bench:
    """What every unit of a run shares; it can be sent to another process."""

    model: str
    protocol: Protocol
    world: str | None
    seed: int
    folder: Path
    weights: Path | None

    def place(self, arm: str, seed: int) -> Path:
        """Return the json of a unit."""
        return self.folder / "episodes" / arm / f"{seed:09d}.json"


@dataclass(kw_only=True, slots=True)
class Worker:
    """A process's own model and judges."""

    bench: Bench
    model: WorldModel
    judges: Judges

    @classmethod
    def of(cls, bench: Bench) -> "Worker":
        """Load them."""
        model = WorldModel.from_pretrained(bench.model)
        return cls(bench=bench, model=model, judges=load_judges(bench.weights))

    def work(self, arm: str, seed: int) -> None:
        """Do a unit and write its files.

        Raises:
            LeakError: when a memory is shown what it is scored on.
        """
        task = draw_task(self.model, self.bench.protocol, self.bench.world, seed)
        frames, played = self._frames(arm, task)
        scores = judge(self.judges, frames, task, self.bench.protocol)
        self._write(self.bench.place(arm, seed), _record(scores, task, played), scores, frames)

    def _frames(self, arm: str, task: Task) -> tuple[Frames, Played | None]:
        first, bench = task.first_judged, self.bench
        if arm == REAL:
            return task.frames[first:], None
        if arm == TRUTH:
            return coded(self.model, task.frames, np.arange(first, len(task.frames))), None
        if arm in CONTROLS:
            shown = coded(self.model, task.frames, np.arange(len(task.frames)))
            count = min(CONTROLS[arm], task.chunk_frames)
            return held(shown, task, count, is_each=bench.protocol.observed == "each"), None
        entry = MEMORIES[arm]
        taught = self._neighbour(task) if entry.elsewhere else None
        with torch.no_grad():
            played = play(
                self.model, entry.make, task, bench.protocol, seed=bench.seed, taught=taught
            )
        return played.frames, played

    def _neighbour(self, task: Task) -> Task:
        """Return another episode of the same world: that of the next seed, or of the one before."""
        return draw_task(self.model, self.bench.protocol, self.bench.world, task.seed ^ 1)

    def _write(
        self, place: Path, record: dict[str, Any], scores: ClipScores, frames: Frames
    ) -> None:
        features: dict[str, Any] = {n: it.astype(np.float32) for n, it in scores.features.items()}
        with written_aside(place.with_suffix(".npz")) as aside:
            np.savez(aside, **features)
        rate = self.model.settings.frames_per_second
        write_video(place.with_suffix(".mp4"), frames, frames_per_second=rate)
        write_json(place, record)


def _record(scores: ClipScores, task: Task, played: Played | None) -> dict[str, Any]:
    record: dict[str, Any] = {
        "seed": task.seed,
        "actions": list(task.actions),
        "first_judged": task.first_judged,
        "values": {name: _plain(value) for name, value in scores.values.items()},
        "frames": {name: [_plain(it) for it in all_] for name, all_ in scores.frames.items()},
        "missing": scores.missing,
        "drift": scores.drift,
        "curve": curve_of(scores, task),
        "places": task.places,
    }
    if played is None:
        return record
    return record | {
        "seconds": played.seconds[WARM_UP:] or played.seconds,
        "bytes": played.num_bytes,
        "writes": played.writes,
    }


def _plain(value: float) -> float | None:
    return None if np.isnan(value) else value


def read_unit(place: Path) -> tuple[dict[str, Any], ClipScores]:
    """Read a unit that is done: its record, and its scores.

    Raises:
        DataError: when a file is missing or damaged.
    """
    record = read_json(place)
    features = {
        name: np.asarray(it, np.float64)
        for name, it in read_arrays(place.with_suffix(".npz")).items()
    }
    values = {
        name: float("nan") if it is None else float(it) for name, it in record["values"].items()
    }
    scores = ClipScores(
        values=values,
        frames=record["frames"],
        missing=record["missing"],
        features=features,
        drift=record["drift"],
    )
    return record, scores


def work_on(bench: Bench, jobs: Iterator[str]) -> Iterator[int]:
    """Do units, named ``ARM/SEED``, in a process of its own, and yield 1 after each.

    One thread, since there are as many processes as asked.
    """
    torch.set_num_threads(1)
    worker = Worker.of(bench)
    for job in jobs:
        arm, _, seed = job.rpartition("/")
        worker.work(arm, int(seed))
        yield 1
