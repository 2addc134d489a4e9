"""``twospeed play``: walk in a dream in the browser, and see what it remembers."""

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from twospeed.cli.large.sizing import take_size_
from twospeed.cli.memory_options import Preset
from twospeed.cli.options import MODEL, AnySize, Device, DType, Report
from twospeed.cli.saying import say
from twospeed.cli.targets import folder_claimed_by, folder_of
from twospeed.core.errors import ConfigError
from twospeed.core.files import write_json
from twospeed.core.pictures import Size, fit_frame
from twospeed.core.video import read_frame
from twospeed.evaluation.protocols.base import check_world
from twospeed.memory.config import ViewConfig
from twospeed.memory.fast_weights import FastWeights
from twospeed.memory.files import load_memory
from twospeed.memory.memory_file import open_memories
from twospeed.memory.presets import preset_of
from twospeed.training.data.vocabulary import known_to, takes_any_text
from twospeed.web.benchmark import line_of, measure
from twospeed.web.export.site import SITE, SiteConfig, write_site
from twospeed.web.serving import serve
from twospeed.web.stage import NOTE, MemoryMaker, Stage
from twospeed.web.truth import Start, start_of
from twospeed.web.words import Words
from twospeed.worldmodel.model import WorldModel
from twospeed.worlds.starts import episode_of, names_episode


def play(
    model: Annotated[str, typer.Argument(help=MODEL)] = "rooms-64",
    first_frame: Annotated[
        str | None,
        typer.Option(help="A picture, a video (its last frame), or WORLD:SEED such as rooms:7."),
    ] = None,
    memory: Annotated[str, typer.Option(help="on, off, or a memory folder to go on from.")] = "on",
    preset: Preset = "default",
    steps: Annotated[
        int | None, typer.Option(help="Denoising steps of a chunk; fewer are faster and blurrier.")
    ] = None,
    port: Annotated[int, typer.Option(help="0 takes one that is free.")] = 8017,
    host: Annotated[
        str, typer.Option(help="Any but loopback lets others in, who need the token.")
    ] = "127.0.0.1",
    browser: Annotated[bool, typer.Option(help="Open the page in the browser.")] = True,
    out: Annotated[
        Path,
        typer.Option(callback=folder_claimed_by(NOTE), help="Folder for saves and recordings."),
    ] = Path("play"),
    benchmark: Annotated[
        float | None, typer.Option(help="Measure for so many seconds instead, and print it.")
    ] = None,
    export: Annotated[
        Path | None,
        typer.Option(
            callback=folder_of(SITE),
            help="Write a folder of static files that plays in any browser instead.",
        ),
    ] = None,
    runtime: Annotated[
        Path, typer.Option(help="With --export: where ONNX Runtime Web's files are.")
    ] = Path("node_modules/onnxruntime-web/dist"),
    report: Report = None,
    size: AnySize = None,
    device: Device = "cpu",
    dtype: DType = "float32",
) -> None:
    """Walk in a dream in the browser, with memory and without, beside the true world."""
    world_model = WorldModel.from_pretrained(model, device=device, torch_dtype=dtype)
    if steps is not None:
        world_model.settings = replace(world_model.settings, sampling_steps=steps)
    if export is not None:
        _export(world_model, export, runtime=runtime, first=first_frame, preset=preset)
        return
    place = first_frame or _own_start(world_model)
    stage = Stage(
        model=world_model,
        words=_words(world_model, place),
        folder=out,
        first=_first(place, world_model, size),
        make_memory=_maker(memory, preset, world_model),
    )
    write_json(out / NOTE, {"model": world_model.hash()})
    if benchmark is not None:
        _measure(stage, benchmark, report)
        return
    serve(stage, host=host, port=port, open_browser=browser, say=_say_address)


def _export(
    model: WorldModel, folder: Path, *, runtime: Path, first: str | None, preset: str
) -> None:
    config = preset_of(model, preset)
    if not isinstance(config, ViewConfig):
        raise ConfigError("a page of static files remembers views: leave --preset as it is")
    world = model.settings.world
    labels = (first,) if first else tuple(f"{world}:{seed}" for seed in (7, 11, 23))
    write_site(
        model,
        known_to(model).spoken_in(world),
        folder,
        runtime=runtime,
        config=SiteConfig(labels=labels, memory=config),
    )
    typer.echo(f"{folder}: any server of files serves it: python -m http.server -d {folder}")


def _say_address(address: str) -> None:
    typer.echo(f"{address} (Ctrl+C stops it)")


def _words(model: WorldModel, place: str) -> Words:
    """Take what is said in the world that is begun in; a model may know others' words."""
    world = episode_of(place)[0] if names_episode(place) else model.settings.world
    spoken = known_to(model).spoken_in(world)
    return Words(spoken, model.text_encoder, is_open=takes_any_text(model))


def _own_start(model: WorldModel) -> str:
    world = model.settings.world
    if not world:
        raise ConfigError(
            "this model has no world of its own: give it --first-frame with a picture, a video, or"
            " WORLD:SEED such as rooms:7"
        )
    return f"{world}:7"


def _first(place: str, model: WorldModel, asked: Size | None) -> str | Start:
    if not names_episode(place):
        shown = read_frame(Path(place), say=say)
        take_size_(model, asked, shown)
        return Start(label=Path(place).name, frame=fit_frame(shown, model.settings.size))
    take_size_(model, asked, None)
    check_world(model, episode_of(place)[0])
    _, world = start_of(place, model.settings.size)  # what cannot be started is said now
    world.close()
    return place


def _maker(choice: str, preset: str, model: WorldModel) -> MemoryMaker:
    if choice == "off":
        return lambda seed: None  # noqa: ARG005
    if choice == "on":
        config = preset_of(model, preset)
        return lambda seed: FastWeights(model, config, seeds=(seed,))
    file = load_memory(Path(choice))
    open_memories(model, [file], seeds=(0,))  # what does not fit is said now
    return lambda seed: open_memories(model, [file], seeds=(seed,))


def _measure(stage: Stage, seconds: float, report: Path | None) -> None:
    figures = measure(stage, seconds=seconds)
    if report is not None:
        write_json(report, figures)
    typer.echo(line_of(figures))
