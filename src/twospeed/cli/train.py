"""``twospeed train``: from recorded episodes to a model folder."""

from pathlib import Path
from typing import Annotated

import typer

from twospeed.cli.large.finetuning import fine_tune, learn_module
from twospeed.cli.options import AnyDevice, DType, Settings, Workers, workers_of
from twospeed.cli.saying import tell
from twospeed.cli.targets import folder_claimed_by
from twospeed.core.config import override
from twospeed.core.errors import ConfigError, lookup
from twospeed.planning.hand.learning import MODEL, HandConfig, train_hand
from twospeed.planning.hand.reader import HandReader
from twospeed.planning.inverse.learning import InverseConfig, train_inverse_dynamics
from twospeed.recipes import RECIPES
from twospeed.training.pipeline import NOTE, train_world_model
from twospeed.worldmodel.model import WorldModel

INVERSE_DYNAMICS, HAND = "inverse-dynamics", "hand"
"""What is trained beside the recipes."""

_PRECISIONS = {"bfloat16": "bf16", "float16": "fp16"}
"""Precision -> what a recipe calls it."""


def train(
    out: Annotated[
        Path, typer.Option(callback=folder_claimed_by(NOTE), help="A folder of this run alone.")
    ],
    recipe: Annotated[
        str | None,
        typer.Argument(
            help=f"One of: {', '.join(RECIPES)}; or {INVERSE_DYNAMICS}, {HAND}; without one, --init"
            " is fine-tuned on --data."
        ),
    ] = None,
    data: Annotated[
        list[str] | None,
        typer.Option(
            help="Shards, a folder or a URL; without it the world is walked on the spot. May be"
            f" repeated for {INVERSE_DYNAMICS} and {HAND}."
        ),
    ] = None,
    minutes: Annotated[float | None, typer.Option(help="Stop after about so long.")] = None,
    init: Annotated[
        str | None, typer.Option(help="Model whose weights are trained on; a name or a folder.")
    ] = None,
    settings: Settings = None,
    workers: Workers = 1,
    lora: Annotated[
        int | None, typer.Option(help="Rank of an adapter that learns in place of all weights.")
    ] = None,
    memory_module: Annotated[
        bool, typer.Option("--memory-module", help="Train a recall layer beside --init instead.")
    ] = False,
    accumulate: Annotated[
        int | None, typer.Option(help="Batches whose gradients make one step.")
    ] = None,
    checkpointing: Annotated[
        bool, typer.Option(help="Compute activations again to save memory.")
    ] = False,
    device: AnyDevice = None,
    dtype: DType = "float32",
) -> None:
    """Train a world model, or what reads commands or a hand from frames; the same command goes on.

    For inverse-dynamics, --init is a world model whose generated clips are read, too; for hand, a
    hand reader that is trained on.
    """
    if recipe is None and memory_module:
        if lora is not None or checkpointing or accumulate is not None:
            raise ConfigError("--memory-module takes no --lora, --checkpointing or --accumulate")
        learn_module(
            out, _one(data), init, dtype=dtype, settings=settings, minutes=minutes, device=device
        )
        return
    if recipe is None:
        fine_tune(
            out,
            _one(data),
            init,
            lora=lora,
            checkpointing=checkpointing,
            accumulate=accumulate,
            dtype=dtype,
            settings=settings,
            minutes=minutes,
            device=device,
        )
        return
    if lora is not None or checkpointing or memory_module:
        raise ConfigError(
            "--lora, --checkpointing and --memory-module train on a model: leave the recipe away"
        )
    if recipe == INVERSE_DYNAMICS:
        _train_inverse(data, out, minutes, init, settings)
        return
    if recipe == HAND:
        _train_hand(data, out, minutes, init, settings)
        return
    asked = [f"precision={_PRECISIONS[dtype]}"] if dtype in _PRECISIONS else []
    asked += [f"slow.loop.accumulate={accumulate}"] if accumulate else []
    config = override(lookup(RECIPES, recipe, "recipe")(), *asked, *(settings or []))
    done = train_world_model(
        config,
        _one(data),
        out,
        minutes=minutes,
        initial=init,
        workers=workers_of(workers),
        name=recipe,
        device=device,
    )
    figures = done.figures
    tell(
        f"trained {figures.denoiser_steps} steps, held-out loss {figures.denoiser_loss:.4f},"
        f" autoencoder {figures.autoencoder_psnr_db:.1f} dB, sayings understood"
        f" {figures.text_accuracy:.0%}; model in {done.folder}"
    )


def _one(data: list[str] | None) -> str | None:
    if data and len(data) > 1:
        raise ConfigError(f"{INVERSE_DYNAMICS} and {HAND} take several --data, all others take one")
    return data[0] if data else None


def _needed(data: list[str] | None, what: str) -> list[str]:
    if not data:
        raise ConfigError(f"{what} needs recorded shards: give --data")
    return data


def _train_hand(
    data: list[str] | None,
    out: Path,
    minutes: float | None,
    init: str | None,
    settings: list[str] | None,
) -> None:
    report = train_hand(
        override(HandConfig(), *(settings or [])),
        _needed(data, HAND),
        out,
        minutes=minutes,
        initial=None if init is None else HandReader.load(init),
    )
    held = report["held_out"]
    tell(
        f"trained {report['steps']} steps; of {held['frames']} held-out frames half are within"
        f" {held['error_m']:.4f} m of the {held['against']}, closed or open right in"
        f" {held['closed_accuracy']:.1%}; reader in {out / MODEL}"
    )


def _train_inverse(
    data: list[str] | None,
    out: Path,
    minutes: float | None,
    init: str | None,
    settings: list[str] | None,
) -> None:
    report = train_inverse_dynamics(
        override(InverseConfig(), *(settings or [])),
        _needed(data, INVERSE_DYNAMICS),
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
