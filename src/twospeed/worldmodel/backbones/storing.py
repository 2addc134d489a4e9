"""Writing a model folder: ours, or a pipeline that diffusers opens as it did before."""

import copy
from pathlib import Path
from typing import Any

import torch
from torch import nn

from twospeed.core.config import to_json
from twospeed.core.files import read_json, write_json
from twospeed.core.tensors import hash_of
from twospeed.worldmodel.backbones.opening import Parts
from twospeed.worldmodel.backbones.wan_experts import WanExperts
from twospeed.worldmodel.catalogue import CLASS_NAME, INDEX, SETTINGS
from twospeed.worldmodel.contract import as_module
from twospeed.worldmodel.loading import quietly


def denoisers_of(parts: Parts) -> list[tuple[str, Any]]:
    """Return the denoiser by its folder; one of two transformers is in two."""
    denoiser = as_module(parts.denoiser)
    if isinstance(denoiser, WanExperts):
        return list(denoiser.named_children())
    return [(parts.origin.family.part if parts.origin else "denoiser", denoiser)]


def networks_of(parts: Parts) -> list[tuple[str, Any]]:
    """Return all networks that are stored as diffusers does, by their folders."""
    image_encoder = parts.origin.image_encoder if parts.origin else None
    named = (
        *denoisers_of(parts),
        ("vae", parts.autoencoder),
        ("image_encoder", image_encoder.model if image_encoder else None),
        ("renderer", parts.renderer),
        ("memory_module", parts.memory_module),
    )
    return [(name, part) for name, part in named if part is not None]


def fingerprint_of(parts: Parts) -> str:
    """Return a hash of the weights of all networks, texts too; on billions it takes a while."""
    networks = [*networks_of(parts), ("text_encoder", parts.text_encoder.model)]
    return hash_of(
        {
            f"{part}.{name}": tensor
            for part, network in networks
            for name, tensor in network.state_dict().items()
        }
    )


def store_parts(parts: Parts, folder: Path, *, half: bool, card: str) -> None:
    """Write all parts into a new folder.

    Args:
        parts: of a model.
        folder: there already.
        half: store our weights as float16; those of other makers keep their precision.
        card: text of ``README.md``; none is written when it is empty.
    """
    for name, part in networks_of(parts):
        stored = part
        if parts.origin is None:
            dtype = torch.float16 if half else torch.float32
            stored = nn.Module.to(copy.deepcopy(part), device="cpu", dtype=dtype)
        with quietly():
            stored.save_pretrained(folder / name)
        _forget_origin_(folder / name / "config.json")
    parts.text_encoder.save_pretrained(folder)
    parts.schedule.save_pretrained(folder)
    if parts.vocabulary:
        parts.vocabulary.save(folder)
    if card:
        (folder / "README.md").write_text(card, encoding="utf-8")
    settings = to_json(parts.settings)
    if parts.origin is None:
        write_json(folder / INDEX, {"_class_name": CLASS_NAME, "settings": settings})
        return
    for name, _ in denoisers_of(parts):
        config = folder / name / "config.json"
        stored_as = parts.origin.family.stored_as
        write_json(config, read_json(config) | {"_class_name": stored_as})
    if parts.origin.image_encoder is not None:
        parts.origin.image_encoder.save_processor(folder)
    write_json(folder / INDEX, dict(parts.origin.index))
    write_json(folder / SETTINGS, settings)


def _forget_origin_(config: Path) -> None:
    """Drop the path that a part was once read from: a model folder tells nothing of its maker."""
    values = read_json(config)
    values.pop("_name_or_path", None)
    write_json(config, values)
