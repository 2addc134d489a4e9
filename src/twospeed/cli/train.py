"""``twospeed train``: from recorded episodes to a model folder."""

from pathlib import Path
from typing import Annotated

import typer

from twospeed.cli.options import Settings, Workers, workers_of
from twospeed.cli.targets import folder_claimed_by
from twospeed.core.config import override
from twospeed.core.errors import ConfigError, lookup
from twospeed.planning.inverse.learning import InverseConfig, train_inverse_dynamics
from twospeed.recipes import RECIPES
from twospeed.training.pipeline import NOTE, train_world_model
from twospeed.worldmodel.model import WorldModel

INVERSE_DYNAMICS = "inverse-dynamics"
"""What is trained beside the recipes."""


def train(
    recipe: Annotated[
        str, typer.Argument(help=f"One of: {', '.join(RECIPES)}; or {INVERSE_DYNAMICS}.")
    ],
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
    """Train a world model, or what reads commands from frames; the same command goes on.

    For inverse-dynamics, --init is a world model whose generated clips are read, too.
    """
    if recipe == INVERSE_DYNAMICS:
        _train_inverse(data, out, minutes, init, settings)
        return
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


def _train_inverse(
    data: str | None,
    out: Path,
    minutes: float | None,
    init: str | None,
    settings: list[str] | None,
) -> None:
    if data is None:
        raise ConfigError(f"{INVERSE_DYNAMICS} are learned from recorded shards: give --data")
    report = train_inverse_dynamics(
        override(InverseConfig(), *(settings or [])),
        data,
        out,
        minutes=minutes,
        model=None if init is None else WorldModel.from_pretrained(init),
    )
    for name, row in report["networks"].items():
        generated = row.get("accuracy_on_generated")
        typer.echo(
            f"{name}: {row['accuracy']:.1%} of {row['clips']} held-out clips"
            + (f", {generated:.1%} of generated ones" if generated is not None else "")
            + f", calibration error {row['calibration_error']:.3f}, {row['parameters']:,} numbers"
        )
    typer.echo(f"the better one, {report['best']}, is in {out / 'best'}")
