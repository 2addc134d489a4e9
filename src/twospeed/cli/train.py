"""``twospeed train``: from recorded episodes to a model folder."""

from pathlib import Path
from typing import Annotated

import typer

from twospeed.cli.options import Settings, Workers, workers_of
from twospeed.cli.targets import folder_claimed_by
from twospeed.core.config import override
from twospeed.core.errors import lookup
from twospeed.recipes import RECIPES
from twospeed.training.pipeline import NOTE, train_world_model


def train(
    recipe: Annotated[str, typer.Argument(help=f"One of: {', '.join(RECIPES)}.")],
    out: Annotated[
        Path, typer.Option(callback=folder_claimed_by(NOTE), help="A folder of this run alone.")
    ],
    data: Annotated[
        str | None,
        typer.Option(help="Shards, a folder or a URL; without it the world is walked on the spot."),
    ] = None,
    minutes: Annotated[float | None, typer.Option(help="Stop after about so long.")] = None,
    init: Annotated[
        str | None, typer.Option(help="Model whose weights are trained on; a name or a folder.")
    ] = None,
    settings: Settings = None,
    workers: Workers = 1,
) -> None:
    """Train a world model; the same command goes on where it was stopped."""
    config = override(lookup(RECIPES, recipe, "recipe")(), *(settings or []))
    done = train_world_model(
        config,
        data,
        out,
        minutes=minutes,
        initial=init,
        workers=workers_of(workers),
        name=recipe,
    )
    figures = done.figures
    typer.echo(
        f"trained {figures.denoiser_steps} steps, held-out loss {figures.denoiser_loss:.4f},"
        f" autoencoder {figures.autoencoder_psnr_db:.1f} dB, sayings understood"
        f" {figures.text_accuracy:.0%}; model in {done.folder}"
    )
