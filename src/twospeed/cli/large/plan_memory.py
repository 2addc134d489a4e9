"""``twospeed plan-memory``: what a memory on a large model takes, before anything is fetched."""

from typing import Annotated

import typer
from rich.table import Table

from twospeed.cli.options import AnySize
from twospeed.cli.tables import print_table
from twospeed.core.errors import lookup
from twospeed.core.pictures import Size
from twospeed.memory.planning import CARDS, Plan, plan_memory
from twospeed.worldmodel.backbones.published import CHECKPOINTS


def command(
    model: Annotated[str, typer.Argument(help=f"One of: {', '.join(CHECKPOINTS)}.")],
    frames: Annotated[
        int | None, typer.Option(help="Frames of a window; by default the model's.")
    ] = None,
    size: AnySize = None,
    rank: Annotated[int, typer.Option(help="Rank of the adapters.")] = 32,
) -> None:
    """Print what a checkpoint and a memory on it take, and what fits on common GPUs."""
    checkpoint = lookup(CHECKPOINTS, model, "published model")
    size = size or Size(checkpoint.size, checkpoint.size)
    plan = plan_memory(checkpoint, frames=frames or checkpoint.frames, size=size, rank=rank)
    typer.echo(
        f"{checkpoint.hub_id}: {plan.parameters:,} parameters, {plan.tokens:,} tokens a window;"
        f" adapters of rank {rank}: {plan.adapter_parameters:,} parameters"
    )
    table = Table("what", "GB", box=None)
    for name, size_of in _rows(plan):
        if size_of:
            table.add_row(name, f"{size_of / 1e9:.2f}")
    print_table(table)
    typer.echo(_fits(plan))


def _rows(plan: Plan) -> list[tuple[str, int]]:
    return [
        ("denoiser, bfloat16", plan.denoiser),
        ("autoencoder, float32", plan.autoencoder),
        ("text encoder, bfloat16", plan.text_encoder),
        ("encoder of pictures, float32", plan.image_encoder),
        ("adapters, gradients, averages, float32", plan.adapters),
        ("memory file", plan.memory_file),
        ("activations of a prediction (estimate)", plan.dreaming),
        ("activations of a write (estimate)", plan.writing),
        ("the same with checkpointing (estimate)", plan.writing_checkpointed),
    ]


def _fits(plan: Plan) -> str:
    parts = []
    for card in CARDS:
        ways = [
            name
            for name, options in (
                ("as it is", {"checkpointing": False, "offload": False}),
                ("with offload", {"checkpointing": False, "offload": True}),
                ("with offload and checkpointing", {"checkpointing": True, "offload": True}),
            )
            if plan.needed(**options) < 0.92e9 * card
        ]
        parts.append(f"{card} GB: {ways[0] if ways else 'does not fit'}")
    return f"estimate of what fits a dream that writes: {'; '.join(parts)}"
