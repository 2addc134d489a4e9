"""``twospeed evaluate``: judge folders of videos, or memories on a model."""

from pathlib import Path
from typing import Annotated, Any

import typer

from twospeed.cli.judging.layout import print_list, say_missing, table_of
from twospeed.cli.options import FirstSeed, Report, Seed, Workers, workers_of
from twospeed.cli.saying import say
from twospeed.cli.tables import print_table
from twospeed.cli.targets import folder_claimed_by
from twospeed.core.errors import ConfigError, lookup
from twospeed.core.files import write_json
from twospeed.evaluation.matrix.exports import export_mind, export_wbench
from twospeed.evaluation.matrix.paper import TABLES, run_table
from twospeed.evaluation.matrix.protocol import load_protocol
from twospeed.evaluation.matrix.run import NOTE, MatrixConfig, run_matrix
from twospeed.evaluation.videos.evaluate import VideoConfig, evaluate_videos
from twospeed.evaluation.yardstick.fetching import fetch_weights
from twospeed.evaluation.yardstick.weights import I3D, weights_folder

_EXPORTS = {"mind": export_mind, "wbench": export_wbench}


def evaluate(
    targets: Annotated[
        list[str] | None,
        typer.Argument(help="REAL FAKE, two folders of videos; FAKE alone; or MODEL."),
    ] = None,
    json: Report = None,
    protocol: Annotated[
        str | None, typer.Option(help="For MODEL: a name of --list, or a file ending in .json.")
    ] = None,
    table: Annotated[
        str | None, typer.Option(help=f"For MODEL: {', '.join(TABLES)}, tables of the paper.")
    ] = None,
    export: Annotated[
        str | None, typer.Option(help="Also write every memory's clips for: mind, wbench.")
    ] = None,
    memories: Annotated[str, typer.Option(help="With commas, names of --list.")] = "none,default",
    episodes: Annotated[int, typer.Option(help="Episodes of each memory.")] = 64,
    first_seed: FirstSeed = 800_000,
    world: Annotated[
        str | None, typer.Option(help="Where; the protocol's or the model's own by default.")
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(callback=folder_claimed_by(NOTE), help="Folder of a run; it can go on."),
    ] = None,
    workers: Workers = 1,
    engine: Annotated[
        str, typer.Option(help="For MODEL, who shares the work out: processes, or ray.")
    ] = "processes",
    weights: Annotated[
        Path | None, typer.Option(help="Folder of others' weights, for LPIPS, FVD and SRC.")
    ] = None,
    fetch_i3d: Annotated[
        str | None, typer.Option(help="Address to fetch I3D's TorchScript from, into --weights.")
    ] = None,
    i3d_sha256: Annotated[
        str | None, typer.Option("--i3d-sha256", help="What the fetched file's SHA-256 must be.")
    ] = None,
    chunk: Annotated[int, typer.Option(help="Frames that the control copy repeats.")] = 4,
    autoencoder: Annotated[
        str | None, typer.Option(help="MODEL whose autoencoder codes REAL for the control coded.")
    ] = None,
    out_and_back: Annotated[
        bool, typer.Option(help="Clips return the way they came: revisits are known.")
    ] = False,
    list_: Annotated[
        bool, typer.Option("--list", help="Name protocols, memories, metrics, and stop.")
    ] = False,
    seed: Seed = 0,
) -> None:
    """Judge videos, or memories on a model, between a floor and a ceiling, controls beside them."""
    if list_:
        print_list()
        return
    _fetch_i3d(fetch_i3d, i3d_sha256, weights)
    if protocol is None and table is None:
        _refuse("MODEL with --protocol", export=export, out=out, world=world)
        video = VideoConfig(
            seed=seed, chunk_frames=chunk, out_and_back=out_and_back, autoencoder=autoencoder
        )
        report = _judge_videos(targets, video, weights)
    else:
        _refuse("REAL FAKE", autoencoder=autoencoder)
        if table is not None:
            _refuse("one protocol, not with --table", protocol=protocol, export=export)
        config = MatrixConfig(
            model=_only(targets),
            protocol=load_protocol(protocol or "revisit"),
            memories=tuple(it.strip() for it in memories.split(",") if it.strip()),
            episodes=episodes,
            first_seed=first_seed,
            world=world,
            seed=seed,
            workers=workers_of(workers),
            engine=engine,
        )
        report = _judge_memories(config, table, export, _named(out), weights)
    judged = report.get("memories") or {"clips": report["metrics"]}
    arms = {**judged, **report["controls"]}
    for line in report["warnings"]:
        say(line)
    say_missing(arms)
    if json is not None:
        write_json(json, report)
    print_table(table_of(arms))


def _refuse(belongs_to: str, **options: object) -> None:
    """Refuse options that would be ignored."""
    for name, value in options.items():
        if value is not None:
            raise ConfigError(f"--{name} goes with {belongs_to}: leave it out")


def _fetch_i3d(address: str | None, sha256: str | None, weights: Path | None) -> None:
    if address is None and sha256 is None:
        return
    if address is None or sha256 is None:
        raise ConfigError("--fetch-i3d and --i3d-sha256 go together: an address and a checksum")
    fetch_weights(address, weights_folder(weights) / I3D, sha256=sha256)


def _judge_videos(
    targets: list[str] | None, config: VideoConfig, weights: Path | None
) -> dict[str, Any]:
    *real, fake = _folders(targets)
    first = real[0] if real else None
    return evaluate_videos(first, fake, config, weights=weights, say=say)


def _judge_memories(
    config: MatrixConfig, table: str | None, export: str | None, out: Path, weights: Path | None
) -> dict[str, Any]:
    chosen = lookup(TABLES, table, "table") if table else None
    exporter = lookup(_EXPORTS, export, "layout") if export else None
    if chosen:
        return run_table(chosen, config, out, weights=weights)
    report = run_matrix(config, out, weights=weights)
    if exporter:
        for memory in config.memories:
            exporter(out, memory, out.parent / f"{out.name}-{export}")
    return report


def _folders(targets: list[str] | None) -> list[Path]:
    if not targets or len(targets) > 2:
        raise ConfigError(
            "evaluate takes FAKE or REAL FAKE, folders of videos, or MODEL with --protocol"
        )
    return [Path(it) for it in targets]


def _only(targets: list[str] | None) -> str:
    if not targets or len(targets) != 1:
        raise ConfigError(f"--protocol takes one model, got {len(targets or [])}")
    return targets[0]


def _named(out: Path | None) -> Path:
    if out is None:
        raise ConfigError("--protocol needs --out, a folder for what comes of it")
    return out
