"""``twospeed plan``: set a task that needs memory, act by what is imagined, measure how near."""

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from twospeed.cli.memory_options import Preset
from twospeed.cli.options import MODEL, Device, DType, FirstSeed, Report, Seed
from twospeed.cli.tables import print_table
from twospeed.cli.targets import folder_claimed_by, folder_of
from twospeed.core.errors import ConfigError
from twospeed.core.files import write_json
from twospeed.data.recorder import TEST_SEEDS_FROM
from twospeed.evaluation.protocols.base import world_for
from twospeed.planning.arms import ARMS
from twospeed.planning.hand.reader import HandReader
from twospeed.planning.inverse.learned import LearnedInverseDynamics
from twospeed.planning.ownership import NOTE
from twospeed.planning.plan import measure_plans
from twospeed.planning.plan_config import PlanConfig
from twospeed.planning.search.table import SEARCHES
from twospeed.planning.tasks.table import TASKS
from twospeed.training.consolidation.lessons import MEMORIES
from twospeed.worldmodel.catalogue import packaged_by_world
from twospeed.worldmodel.model import WorldModel

_TASK = (
    f"One of: {', '.join(TASKS)}; or commands and what is asked then, such as 'go forward twice,"
    " turn left, then go back the way you came'."
)
_MEMORY = "With commas: on, off, swap; these arms alone. By default all arms."


def plan(
    task: Annotated[str, typer.Argument(help=_TASK)],
    model: Annotated[str | None, typer.Option(help=MODEL)] = None,
    world: Annotated[str | None, typer.Option(help="Where; the model's own by default.")] = None,
    memory: Annotated[str | None, typer.Option(help=_MEMORY)] = None,
    episodes: Annotated[int, typer.Option(help="Not solved at their start.")] = 16,
    first_seed: FirstSeed = TEST_SEEDS_FROM,
    off_path: Annotated[
        bool, typer.Option(help="Take a few steps off the path before the task is set.")
    ] = False,
    inverse: Annotated[
        str | None, typer.Option(help="Inverse dynamics, a folder; by default the world's.")
    ] = None,
    hand: Annotated[
        str | None, typer.Option(help="Hand reader, a folder; by default the world's.")
    ] = None,
    loop_model: Annotated[
        str | None, typer.Option(help="Consolidated slow weights: adds the arm loop.")
    ] = None,
    splitter: Annotated[
        str, typer.Option(help="grammar, chat:MODEL (an endpoint) or local:FOLDER.")
    ] = "grammar",
    search: Annotated[
        str, typer.Option(help=f"For commands that cannot be read: {', '.join(SEARCHES)}.")
    ] = "beam",
    preset: Preset = "default",
    replay: Annotated[
        bool,
        typer.Option(help="Tell memories of chunks the walk backwards under the words asked."),
    ] = True,
    keep_memories: Annotated[
        Path | None,
        typer.Option(
            callback=folder_of(MEMORIES),
            help="Keep every episode's memory here, for twospeed consolidate.",
        ),
    ] = None,
    json: Report = None,
    out: Annotated[
        Path | None,
        typer.Option(
            callback=folder_claimed_by(NOTE), help="Videos, sheets; a stopped run goes on here."
        ),
    ] = None,
    seed: Seed = 0,
    device: Device = "cpu",
    dtype: DType = "float32",
) -> None:
    """Act on a task that needs memory, every arm in every episode, and measure how near it came.

    Without --model the packaged model of --world acts.
    """
    model = model or _packaged_for(world)
    world_model = WorldModel.from_pretrained(model, device=device, torch_dtype=dtype)
    config = PlanConfig(
        task=task,
        world=world_for(world_model, world),
        arms=_arms(memory, has_loop=loop_model is not None),
        episodes=episodes,
        first_seed=first_seed,
        off_path=off_path,
        splitter=splitter,
        search=search,
        preset=preset,
        replay=replay,
        seed=seed,
    )
    report = measure_plans(
        world_model,
        LearnedInverseDynamics.load(inverse or config.world),
        config,
        consolidated=None
        if loop_model is None
        else WorldModel.from_pretrained(loop_model, device=device, torch_dtype=dtype),
        hand=None if hand is None else HandReader.load(hand),
        out=out,
        keep_memories=keep_memories,
    )
    report["provenance"]["model"]["name"] = model
    if json is not None:
        write_json(json, report)
    print_table(_table(report))
    typer.echo(_line(report))


def _packaged_for(world: str | None) -> str:
    """Return the packaged model of a world."""
    models = packaged_by_world()
    if world not in models:
        raise ConfigError(f"give --model, or --world with one of {', '.join(models)}")
    return models[world]


def _arms(memory: str | None, *, has_loop: bool) -> tuple[str, ...]:
    if memory is None:
        return tuple(arm for arm in ARMS if has_loop or arm != "loop")
    chosen = tuple(part.strip() for part in memory.split(",") if part.strip())
    if not chosen:
        raise ConfigError(f"--memory names one or more of {', '.join(ARMS)}")
    return chosen


def _table(report: dict[str, Any]) -> Table:
    title = f"{report['task']} in {report['world']}, {report['episodes']} episodes"
    table = Table("arm", "distance, m", "done, %", "chunks", title=title)
    for arm, row in report["arms"].items():
        done = {part: 100 * row["success"][part] for part in ("mean", "low", "high")}
        table.add_row(arm, _cell(row["distance_m"], 2), _cell(done, 0), f"{row['chunks']:.1f}")
    return table


def _cell(interval: dict[str, float], digits: int) -> str:
    mean, low, high = (f"{interval[part]:.{digits}f}" for part in ("mean", "low", "high"))
    return f"{mean} [{low}, {high}]"


def _line(report: dict[str, Any]) -> str:
    start = report["distance_at_start_m"]["mean"]
    failed = sum(arm["failed"] for arm in report["arms"].values())
    return (
        f"{start:.2f} m before anything is done; {report['skipped_solved']} solved starts left out;"
        f" {report['replans']:.1f} replans an episode,"
        f" {report['seconds_per_decision']:.2f} s a decision"
        + (f"; {failed} attempts failed, the same command tries them again" if failed else "")
    )
