"""``twospeed demo``: a walk that comes back, with and without memory, as video and figures."""

from pathlib import Path
from typing import Annotated

import typer

from twospeed.cli.memory_options import PresetOrMemory
from twospeed.cli.options import Device, DType, FirstSeed, ModelOption, Settings
from twospeed.cli.targets import folder_with
from twospeed.core.config import override
from twospeed.evaluation.demo import DEMO, STOPPED, DemoConfig, run_demo
from twospeed.evaluation.protocols.base import ProtocolConfig
from twospeed.memory.presets import preset_of
from twospeed.worldmodel.model import WorldModel


def demo(
    out: Annotated[
        Path,
        typer.Option(
            callback=folder_with(DEMO), help="Folder for the video, the pictures and the page."
        ),
    ],
    model: ModelOption = "rooms-64",
    episodes: Annotated[int, typer.Option(help="Episodes for the figures.")] = 12,
    first_seed: FirstSeed = 810_000,
    preset: PresetOrMemory = "default",
    settings: Settings = None,
    device: Device = "cpu",
    dtype: DType = "float32",
) -> None:
    """Walk unseen episodes, look away, come back; write a video, a contact sheet and a page."""
    world_model = WorldModel.from_pretrained(model, device=device, torch_dtype=dtype)
    fast = override(preset_of(world_model, preset), *(settings or []))
    config = DemoConfig(
        episodes=episodes, first_seed=first_seed, settings=ProtocolConfig(memory=fast)
    )
    line = run_demo(world_model, out, config)
    typer.echo(f"{line}; see {out / 'index.html'}")
    if line.startswith(STOPPED):
        raise typer.Exit(130)
