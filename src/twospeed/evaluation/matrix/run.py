"""Run memories under a protocol: units over processes, resumable, then the figures."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from twospeed.core.config import to_json
from twospeed.core.errors import ConfigError, lookup
from twospeed.core.fields import check_fields
from twospeed.core.files import sweep, write_json
from twospeed.core.progress import progress
from twospeed.core.ranges import EpisodeSeed, Seed, Within, Workers
from twospeed.core.runs.claims import claimed, fingerprint
from twospeed.data.recorder import ENGINES
from twospeed.evaluation.matrix.figures import figures_of
from twospeed.evaluation.matrix.protocol import Protocol
from twospeed.evaluation.matrix.table import CONTROLS, MEMORIES
from twospeed.evaluation.matrix.task import world_of
from twospeed.evaluation.matrix.unit import REAL, TRUTH, Bench, Worker, work_on
from twospeed.evaluation.protocols.base import check_world
from twospeed.evaluation.reports.matrix import write_report
from twospeed.evaluation.reports.provenance import provenance_of
from twospeed.evaluation.videos.judges import judging_of
from twospeed.worldmodel.model import WorldModel

NOTE = "evaluation.json"
"""Says in a folder what is evaluated there."""

_WORK = ("episodes/*/*.json",)
_SCRAPS = ("episodes/*/*.mp4", "episodes/*/*.npz")

Json = dict[str, Any]
Unit = tuple[str, int]


@dataclass(frozen=True, kw_only=True, slots=True)
class MatrixConfig:
    """What is run."""

    model: str
    """A packaged model's name, or a folder."""

    protocol: Protocol
    memories: tuple[str, ...]
    """Names of `table.MEMORIES`."""

    episodes: Annotated[int, Within(1, 100_000)] = 64
    first_seed: EpisodeSeed = 800_000
    world: str | None = None
    """Where; None for the protocol's world, or the one that the model is of."""

    seed: Seed = 0
    workers: Workers = 1
    """Processes; no result depends on it, but the seconds."""

    engine: str = "processes"
    """Who shares the work out, a name of `recorder.ENGINES`; no result depends on it."""

    def __post_init__(self) -> None:
        check_fields(self)
        for name in self.memories:
            lookup(MEMORIES, name, "memory")
            if MEMORIES[name].elsewhere and not self.protocol.teaches:
                raise ConfigError(
                    f"{name} learns another episode, and {self.protocol.name} shows none before"
                    " it asks: leave it out, or take a protocol such as revisit"
                )
        lookup(ENGINES, self.engine, "engine")
        if not self.memories or len(set(self.memories)) < len(self.memories):
            raise ConfigError("memories are a list of different names, one or more")

    @property
    def seeds(self) -> range:
        """Of the episodes."""
        return range(self.first_seed, self.first_seed + self.episodes)

    @property
    def reference_seeds(self) -> range:
        """Of the episodes whose true clips distances of sets are from."""
        if self.protocol.reference == "same":
            return self.seeds
        return range(self.seeds.stop, self.seeds.stop + self.episodes)


def run_matrix(config: MatrixConfig, out: Path, *, weights: Path | None = None) -> Json:
    """Run what is not yet done, write results and report into `out`, and return the values.

    Memories may be added by another call; all else must be as it was. Progress is shown on
    standard error.

    Raises:
        DataError: when `out` holds another evaluation, or other files.
        UnknownNameError: when there is no such model or world.
        ConfigError: when a memory or a route does not go with the model or world.
        MissingExtraError: when the engine is Ray and it is not installed.
    """
    started = time.monotonic()
    model = WorldModel.from_pretrained(config.model)
    for name in config.memories:
        MEMORIES[name].make(model, 0)  # what does not go with the model is said now
    check_world(model, world_of(model, config.protocol, config.world))
    with claimed(
        out, NOTE, _note(config, model, weights), kind="evaluation", work=_WORK, scraps=_SCRAPS
    ):
        for folder in (out / "episodes").glob("*"):
            sweep(folder)
        return _run(config, model, out, weights, started)


def _run(
    config: MatrixConfig, model: WorldModel, out: Path, weights: Path | None, started: float
) -> Json:
    bench = Bench(
        model=config.model,
        protocol=config.protocol,
        world=config.world,
        seed=config.seed,
        folder=out.absolute(),
        weights=weights and weights.absolute(),
    )
    units = [(arm, seed) for seed in config.seeds for arm in (*config.memories, *CONTROLS, TRUTH)]
    units += [(REAL, seed) for seed in sorted({*config.seeds, *config.reference_seeds})]
    todo = [unit for unit in units if not bench.place(*unit).exists()]
    label = f"evaluate, {config.protocol.name}"
    done = len(units) - len(todo)
    with progress(label, total=len(units), unit="episodes", already=done) as advance:
        for count in _done(todo, bench, config):
            advance(count)
    report = figures_of(bench, config.memories, config.seeds, config.reference_seeds) | {
        "protocol": to_json(config.protocol),
        "episodes": config.episodes,
        "first_seed": config.first_seed,
        "settings": {"seed": config.seed} | judging_of(weights),
        "provenance": provenance_of(model),
        "seconds": round(time.monotonic() - started, 3),
    }
    write_json(out / "results.json", report)
    write_report(out, report)
    return report


def _note(config: MatrixConfig, model: WorldModel, weights: Path | None) -> Json:
    """Return all that the scores of a unit depend on."""
    files = sorted(weights.rglob("*")) if weights else []
    judges = [[it.name, it.stat().st_size] for it in files if it.is_file()]
    return {
        "protocol": to_json(config.protocol),
        "model": model.hash(),
        "weights": model.fingerprint(),
        "judges": fingerprint(judges) if weights else None,
        "world": world_of(model, config.protocol, config.world),
        "first_seed": config.first_seed,
        "seed": config.seed,
        "reference_episodes": config.episodes if config.protocol.reference == "others" else None,
    }


def _done(units: Sequence[Unit], bench: Bench, config: MatrixConfig) -> Iterator[int]:
    """Do units and yield 1 as each is done; one process is this one."""
    if config.workers > 1 or config.engine != "processes":
        names = [f"{arm}/{seed}" for arm, seed in units]
        yield from ENGINES[config.engine](work_on, bench, names, workers=config.workers)
    elif units:
        worker = Worker.of(bench)
        for unit in units:
            worker.work(*unit)
            yield 1
