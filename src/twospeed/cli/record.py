"""``twospeed record``: episodes of a world, as shards in a folder."""

from pathlib import Path
from typing import Annotated

import typer

from twospeed.core.errors import lookup
from twospeed.data import recorder
from twospeed.data.recording import RecordingConfig
from twospeed.worlds.registry import WORLDS


def record(
    world: Annotated[str, typer.Argument(help="The world, such as rooms or doom.")],
    episodes: Annotated[int, typer.Option(help="How many episodes.")],
    out: Annotated[Path, typer.Option(help="A folder of this recording alone.")],
    first_seed: Annotated[int, typer.Option(help="Seed of the first episode.")] = 0,
    workers: Annotated[int, typer.Option(help="Processes that record at once.")] = 1,
    chunks: Annotated[
        int | None, typer.Option(help="Actions of one episode, 4 frames each.")
    ] = None,
    size: Annotated[int, typer.Option(help="Height and width of the frames in pixels.")] = 64,
    policy: Annotated[
        str | None, typer.Option(help="Who acts: explore, random, scripted, ...")
    ] = None,
) -> None:
    """Record episodes of a world; the same command goes on where it was stopped."""
    about = lookup(WORLDS, world, "world").about
    config = RecordingConfig(
        world=world,
        episodes=episodes,
        first_seed=first_seed,
        chunks=about.chunks if chunks is None else chunks,
        frame_size=size,
        policy=policy or about.policy,
    )
    try:
        done = recorder.record(config, out, workers=workers)
    except KeyboardInterrupt:
        typer.echo(
            f"twospeed: stopped; what is whole is in {out}, the same command goes on", err=True
        )
        raise typer.Exit(130) from None
    earlier = f" ({done.num_episodes_before} of them before)" if done.num_episodes_before else ""
    typer.echo(
        f"recorded {done.num_episodes} episodes{earlier}, {done.num_frames} frames,"
        f" {done.num_bytes / 1e6:.1f} MB, {done.frames_per_second:.0f} frames/s, in {out}"
    )
