"""Reading a model folder: ours, or a pipeline as diffusers saved it."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from diffusers import FlowMatchEulerDiscreteScheduler, UniPCMultistepScheduler

from twospeed.core.errors import DataError, lookup
from twospeed.core.fields import shown
from twospeed.core.files import read_json
from twospeed.core.untrusted import typed
from twospeed.worldmodel.backbones.base import Backbone, Index
from twospeed.worldmodel.backbones.image_encoder import ImageEncoder, load_image_encoder
from twospeed.worldmodel.backbones.schedule import Schedule
from twospeed.worldmodel.backbones.table import PIPELINES
from twospeed.worldmodel.catalogue import CLASS_NAME, INDEX, SETTINGS
from twospeed.worldmodel.codec import load_autoencoder
from twospeed.worldmodel.contract import Denoiser
from twospeed.worldmodel.denoiser import load_denoiser
from twospeed.worldmodel.diffusion import NoiseSchedule
from twospeed.worldmodel.loading import class_name_in, load_local, load_network
from twospeed.worldmodel.memory_module import MemoryModule, load_memory_module
from twospeed.worldmodel.rendering.loading import load_renderer
from twospeed.worldmodel.rendering.renderer import ViewRenderer
from twospeed.worldmodel.settings import ModelSettings
from twospeed.worldmodel.text import TextEncoder
from twospeed.worldmodel.vocabulary import Vocabulary

FLOWS: dict[str, Any] = {
    "FlowMatchEulerDiscreteScheduler": FlowMatchEulerDiscreteScheduler,
    "UniPCMultistepScheduler": UniPCMultistepScheduler,
}
"""Class in ``scheduler_config.json`` of a flow -> class; any other is DDPM's."""

NEEDED = ("text_encoder", "tokenizer", "vae", "scheduler", "transformer", "unet")
"""Parts that every pipeline needs where its index has a place for them."""


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class Origin:
    """Where weights of another maker come from."""

    family: Backbone
    index: Index
    """What their ``model_index.json`` says."""

    image_encoder: ImageEncoder | None = None
    """Of the pictures that the denoiser asks about."""


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class Parts:
    """All parts of a world model, as `WorldModel` takes them."""

    denoiser: Denoiser
    autoencoder: Any
    text_encoder: TextEncoder
    schedule: Schedule
    settings: ModelSettings
    vocabulary: Vocabulary | None
    renderer: ViewRenderer | None = None
    origin: Origin | None = None
    memory_module: MemoryModule | None = None


def open_parts(folder: Path, *, dtype: torch.dtype, variant: str | None = None) -> Parts:
    """Read all parts of a model folder.

    Args:
        folder: with ``model_index.json``.
        dtype: precision of the denoiser and of another maker's text encoder.
        variant: of the weights' files, such as "fp16".

    Raises:
        DataError: when a part is not there or damaged, or the pipeline is of no family of ours.
        UnknownNameError: when a part is of a class that we do not know.
    """
    index = read_json(folder / INDEX)
    if index.get("_class_name") != CLASS_NAME:
        return _foreign(folder, index, dtype, variant)
    return Parts(
        denoiser=load_denoiser(folder, dtype=dtype, variant=variant),
        autoencoder=load_autoencoder(folder),
        text_encoder=TextEncoder.from_pretrained(folder),
        schedule=NoiseSchedule.from_pretrained(folder),
        settings=typed(ModelSettings, index.get("settings", {}), str(folder / INDEX)),
        vocabulary=Vocabulary.load(folder),
        renderer=load_renderer(folder),
        memory_module=load_memory_module(folder),
    )


def _foreign(folder: Path, index: Index, dtype: torch.dtype, variant: str | None) -> Parts:
    name = index.get("_class_name")
    if not isinstance(name, str) or name not in PIPELINES:
        raise DataError(
            f"{folder / INDEX} says {shown(name)}, not {CLASS_NAME!r} or a pipeline that is known:"
            f" {', '.join(PIPELINES)}"
        )
    family = PIPELINES[name]
    _check_whole(folder, index)

    def load(part: str) -> Any:
        place = folder / part
        if not place.is_dir():
            raise DataError(f"{folder} has no {part}/: is the pipeline whole?")
        lookup({family.stored_as: None}, class_name_in(place), f"denoiser of {name}")
        return load_network(family.denoiser, "denoiser", place, dtype=dtype, variant=variant)

    denoiser = family.join(load(family.part), load, index)
    autoencoder = load_autoencoder(folder, variant=variant)
    image_encoder = load_image_encoder(folder, index, variant=variant)
    family.look(denoiser, autoencoder, image_encoder)
    settings, said = family.settings, folder / SETTINGS
    if said.exists():
        settings = typed(ModelSettings, read_json(said), str(said))
    return Parts(
        text_encoder=TextEncoder.from_pretrained(
            folder, rule=family.text, dtype=dtype, variant=variant
        ),
        schedule=family.schedule(_scheduler(folder / "scheduler")),
        autoencoder=autoencoder,
        denoiser=denoiser,
        settings=settings,
        vocabulary=Vocabulary.load(folder),
        origin=Origin(family=family, index=index, image_encoder=image_encoder),
        memory_module=load_memory_module(folder),
    )


def _check_whole(folder: Path, index: Index) -> None:
    """Refuse a pipeline that was saved without parts that every family needs.

    Raises:
        DataError: when the index names none.
    """
    null = [part for part in NEEDED if part in index and index[part] in (None, [None, None])]
    if null:
        raise DataError(
            f"{folder / INDEX} names no {' and no '.join(null)}: the pipeline was saved without;"
            " save it again with all its parts"
        )


def _scheduler(place: Path) -> Any:
    name = read_json(place / "scheduler_config.json").get("_class_name")
    kind = FLOWS.get(str(name))
    if kind is None:
        return NoiseSchedule.from_pretrained(place.parent).scheduler
    return load_local(kind, "noise schedule", place)
