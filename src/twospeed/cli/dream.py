"""``twospeed dream``: a long video, action by action."""

from collections.abc import Sequence
from contextlib import closing, nullcontext
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from twospeed.cli.large.sizing import take_size_
from twospeed.cli.memory_options import Preset
from twospeed.cli.options import AnySize, Device, DType, Model, Seed
from twospeed.cli.saying import say
from twospeed.cli.targets import folder_of, new_file
from twospeed.core.capacity import check_fits
from twospeed.core.errors import DataError
from twospeed.core.pictures import Frame, Size, fit_frame, write_picture
from twospeed.core.progress import progress
from twospeed.core.runs.locks import held_beside
from twospeed.core.video import Frames, check_ending, read_frame, write_video
from twospeed.evaluation.reports.pictures import Picture, contact_sheet
from twospeed.generation.action_list import HELP, read_actions
from twospeed.generation.commands import place_commands
from twospeed.generation.dream import Dream
from twospeed.memory.fast_weights import FastWeights
from twospeed.memory.files import MEMORY, load_memory, save_memory
from twospeed.memory.memory_file import memory_of, open_memories
from twospeed.memory.presets import preset_of
from twospeed.training.data.vocabulary import known_to, takes_any_text
from twospeed.worldmodel.contract import checkpoint_gradients_
from twospeed.worldmodel.model import WorldModel
from twospeed.worlds.registry import make_world
from twospeed.worlds.starts import episode_of, names_episode


def dream(
    model: Model,
    first_frame: Annotated[
        str, typer.Option(help="A picture, a video (its last frame), or WORLD:SEED.")
    ],
    actions: Annotated[str, typer.Option(help=HELP)],
    out: Annotated[
        Path, typer.Option(callback=new_file, help="The video: .mp4, or lossless .mkv.")
    ],
    memory: Annotated[str, typer.Option(help="on, off, or a memory folder to go on from.")] = "on",
    preset: Preset = "default",
    seed: Seed = 0,
    save_memory_to: Annotated[
        Path | None,
        typer.Option(
            "--save-memory", callback=folder_of(MEMORY), help="Folder for what was learned."
        ),
    ] = None,
    sheet: Annotated[
        Path | None,
        typer.Option(
            callback=new_file,
            help="A PNG: the same dream with memory and without it, chunk by chunk.",
        ),
    ] = None,
    device: Device = "cpu",
    dtype: DType = "float32",
    offload: Annotated[
        bool, typer.Option(help="Keep autoencoder and text encoder on the CPU while they rest.")
    ] = False,
    checkpointing: Annotated[
        bool, typer.Option(help="Compute activations again in a write, to save memory.")
    ] = False,
    size: AnySize = None,
    chunk_frames: Annotated[int | None, typer.Option(help="Frames of one action.")] = None,
    past_frames: Annotated[
        int | None, typer.Option(help="Most past frames that a chunk goes on from.")
    ] = None,
    steps: Annotated[int | None, typer.Option(help="Denoising steps of a chunk.")] = None,
    revision: Annotated[str | None, typer.Option(help="Of a model's hub id.")] = None,
    variant: Annotated[str | None, typer.Option(help="Of a model's files, such as fp16.")] = None,
) -> None:
    """Generate a video from a first frame and actions, remembering what was shown."""
    check_ending(out)
    if memory == "off" and sheet is not None:
        raise DataError("--sheet sets memory on beside off: leave --memory off away")
    if memory == "off" and save_memory_to is not None:
        raise DataError("--save-memory needs a memory: leave --memory off away")
    world_model = WorldModel.from_pretrained(
        model,
        device=device,
        torch_dtype=dtype,
        offload=offload,
        revision=revision,
        variant=variant,
    )
    if checkpointing:
        checkpoint_gradients_(world_model.denoiser)
    texts = _actions(actions, world_model)
    changes = {
        "chunk_frames": chunk_frames,
        "past_frames": past_frames,
        "sampling_steps": steps,
    }
    world_model.configure(**{name: it for name, it in changes.items() if it is not None})
    start = _first_frame(first_frame, world_model, size)
    settings = world_model.settings
    num_frames = 1 + len(texts) * settings.chunk_frames
    check_fits(2 * num_frames * start.nbytes, f"a video of {num_frames:,} frames")
    fast = _open_memory(memory, preset, world_model, seed)
    with held_beside(save_memory_to) if save_memory_to else nullcontext():
        video = _dreamt(Dream(world_model, start, memory=fast, seed=seed), start, texts)
        write_video(out, video, frames_per_second=settings.frames_per_second)
        if fast is not None and save_memory_to is not None:
            save_memory(memory_of(fast), save_memory_to)
    if sheet is not None:
        without = _dreamt(Dream(world_model, start, seed=seed), start, texts)
        write_picture(sheet, _sheet_of(video, without, texts))
    typer.echo(f"dreamed {len(texts)} chunks, {len(video)} frames, in {out}")


def _dreamt(under_way: Dream, start: Frame, texts: Sequence[str]) -> Frames:
    chunks = [start[None]]
    with progress("dreaming", total=len(texts), unit="chunks") as advance:
        for text in texts:
            chunks.append(under_way.step(text))
            advance()
    return np.concatenate(chunks)


def _sheet_of(with_memory: Frames, without: Frames, texts: Sequence[str]) -> Picture:
    """Show the first frame and the last one of every chunk, with memory and without."""
    length = (len(with_memory) - 1) // len(texts)
    rows = {"with memory": with_memory[::length], "without memory": without[::length]}
    return contact_sheet(
        rows, ["first frame", *texts], title="the last frame of each chunk", factor=2
    )


def _actions(text: str, model: WorldModel) -> list[str]:
    """Read the actions."""
    if takes_any_text(model):
        return read_actions(text)
    vocabulary = known_to(model)
    return place_commands(read_actions(text, vocabulary.sayings()), vocabulary)


def _first_frame(place: str, model: WorldModel, asked: Size | None) -> Frame:
    """Return what the dream begins with; the model's frames get its size."""
    if names_episode(place):
        name, seed = episode_of(place)
        take_size_(model, asked, None)
        side = model.settings.size.square_side("worlds draw")
        with closing(make_world(name, frame_size=side)) as world:
            return world.reset(seed).frame
    shown = read_frame(Path(place), say=say)
    take_size_(model, asked, shown)
    return fit_frame(shown, model.settings.size)


def _open_memory(choice: str, preset: str, model: WorldModel, seed: int) -> FastWeights | None:
    if choice == "off":
        return None
    if choice == "on":
        return FastWeights(model, preset_of(model, preset), seeds=(seed,))
    return open_memories(model, [load_memory(Path(choice))], seeds=(seed,))
