"""Memory is a file: one episode's fast weights as a standard LoRA file.

    adapter_model.safetensors   peft's names; metadata: format, model hash, chunks, records
    adapter_config.json         peft's configuration, so that other tools open it
    pytorch_lora_weights.safetensors   the weights once more under diffusers' names, of a family of
                                another maker: its `load_lora_weights` takes the folder; of two
                                transformers the second's lie in pytorch_lora_weights_2.safetensors
    writer.safetensors          what the next write needs beside the weights: the matrix P of the
                                least squares, or Adam's averages and rehearsed windows

A memory is the folder with them; its path is what commands take. Where the last file is missing, as
in the memories of earlier versions, later writes begin as into an empty memory.
"""

import dataclasses
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor

from twospeed.core.arguments import check_kind
from twospeed.core.config import to_json
from twospeed.core.errors import DataError, TwospeedError
from twospeed.core.fields import shown
from twospeed.core.files import StrPath, as_path, write_json
from twospeed.core.folders import FolderKind, folder_aside, recover
from twospeed.core.tensors import read_tensors
from twospeed.core.untrusted import parse_json, parsing, typed
from twospeed.memory.adapter_files import (
    CONFIG,
    PREFIX,
    STOCK,
    STOCK_SECOND,
    check_halves,
    factor_in,
    halves_of,
    named_tensors,
    stock_files,
)
from twospeed.memory.config import FastLearningConfig, ViewConfig
from twospeed.memory.fast_weights import FastWeights, WriteRecord
from twospeed.memory.memory_file import MemoryFile, memory_of
from twospeed.memory.views.stored import filled, with_empty_rows
from twospeed.worldmodel.renamed import rename_weights_
from twospeed.worldmodel.rendering.renderer import LAYER

FORMAT = "twospeed-memory-1"
WEIGHTS = "adapter_model.safetensors"
WRITER = "writer.safetensors"


def _is_memory(folder: Path) -> bool:
    with _opened(folder / WEIGHTS) as file:
        return (file.metadata() or {}).get("format") == FORMAT


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    if not path.is_file():
        raise DataError(f"cannot read a memory from {path}: there is no such file")
    with parsing(f"a memory from {path}"):
        file = safe_open(path, framework="pt")
    with file:
        yield file


MEMORY = FolderKind(
    name="a memory", files=(WEIGHTS, CONFIG, WRITER, STOCK, STOCK_SECOND), sign=_is_memory
)
"""What `save_memory` writes."""


def save_memory(memory: MemoryFile | FastWeights, path: StrPath) -> None:
    """Write the folder, aside first.

    Args:
        memory: copied out of fast weights, or fast weights of one episode.
        path: the folder.

    Raises:
        DataError: when anything but a memory stands at `path`, the fast weights are of several
            episodes, or the disk is full.
    """
    file = memory if isinstance(memory, MemoryFile) else _only_episode(memory)
    metadata = {
        "format": FORMAT,
        "model_hash": file.model_hash,
        "config": json.dumps(to_json(file.config)),
        "records": json.dumps([dataclasses.asdict(record) for record in file.records]),
        "part": file.part,
    }
    down, up = _stored(file)
    rank = next(iter(up.values())).shape[1]
    peft_config = {
        "peft_type": "LORA",
        "r": rank,
        "lora_alpha": rank,
        "target_modules": sorted(file.up),
        "bias": "none",
    }
    with folder_aside(as_path(path), MEMORY) as aside:
        save_file(named_tensors(down, up), aside / WEIGHTS, metadata=metadata)
        if file.writer:
            save_file(file.writer, aside / WRITER)
        if file.part:
            for name, tensors in stock_files(file.down, file.up, file.part).items():
                save_file(tensors, aside / name)
        write_json(aside / CONFIG, peft_config)


def _stored(file: MemoryFile) -> tuple[Mapping[str, Tensor], Mapping[str, Tensor]]:
    """Return both halves as they lie on disk: of views, only rows that hold some."""
    if isinstance(file.config, ViewConfig):
        return filled(file.down, file.up)
    return file.down, file.up


def _only_episode(memory: FastWeights) -> MemoryFile:
    check_kind(memory, FastWeights, "memory")
    if len(memory.seeds) != 1:
        raise DataError(
            f"a memory is of one episode, these fast weights are of {len(memory.seeds)}: save"
            " memory_of(memory, episode)"
        )
    return memory_of(memory)


def load_memory(path: StrPath) -> MemoryFile:
    """Read what `save_memory` wrote.

    Raises:
        DataError: when it is missing, damaged, or no memory of ours.
    """
    path = as_path(path)
    recover(path, MEMORY)
    place = path / WEIGHTS if path.is_dir() else path
    with _opened(place) as file, parsing(f"a memory from {path}"):
        metadata = file.metadata() or {}
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    if metadata.get("format") != FORMAT:
        raise DataError(
            f"{path} says format {shown(metadata.get('format'))}, this reads {FORMAT!r}"
        )
    try:
        return _memory_file(metadata, tensors, place.parent)
    except (KeyError, TwospeedError) as error:
        raise DataError(f"{path} is damaged: {error}") from error


def _memory_file(metadata: dict[str, str], tensors: dict[str, Tensor], folder: Path) -> MemoryFile:
    rename_weights_(tensors, PREFIX)
    config, records = (parse_json(metadata[name], f"its {name}") for name in ("config", "records"))
    learned = typed(FastLearningConfig, config, "its config")
    down, up = halves_of(tensors)
    rank = learned.rank
    if isinstance(learned, ViewConfig) and down.keys() == up.keys() == {LAYER}:
        rank = up[LAYER].shape[-1]
        check_halves(down, up, rank=rank)
        down, up = (dict(it) for it in with_empty_rows(down, up, learned.rank))
    file = MemoryFile(
        model_hash=metadata["model_hash"],
        config=learned,
        records=typed(tuple[WriteRecord, ...], records, "its records"),
        down=down,
        up=up,
        part=metadata.get("part", ""),
        writer=_writer_in(folder),
    )
    factor = factor_in(folder, rank=rank)
    if factor == 1:
        return file
    return dataclasses.replace(file, up={name: factor * it for name, it in file.up.items()})


def _writer_in(folder: Path) -> dict[str, Tensor]:
    if not (folder / WRITER).exists():
        return {}
    return read_tensors(folder / WRITER, what="its writer's state")
