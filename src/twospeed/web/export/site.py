"""A folder of static files in which a model plays with its memory; nothing is installed.

    index.html, *.js, *.css   the page; a worker computes
    world.json                what the page must know of the model: commands, levels, levers
    texts.safetensors         the commands as the model reads them
    graphs/NAME.onnx          the networks
    starts/N/                 where one can begin
    runtime/                  what runs graphs in a browser, copied from a folder of the user's

Any server of files serves it; opened as a file, no browser runs it.
"""

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors.torch import save_file

from twospeed.core.config import to_json
from twospeed.core.errors import DataError
from twospeed.core.files import StrPath, as_path, read_json, write_json
from twospeed.core.folders import FolderKind, check_folder, folder_aside
from twospeed.memory.config import ViewConfig
from twospeed.memory.views import coverage, rows
from twospeed.memory.ways import hash_of
from twospeed.web.export import starts
from twospeed.web.export.graphs import graphs_of
from twospeed.web.export.onnx import check_can_write, write_graph
from twospeed.web.export.starts import look_round, write_start
from twospeed.worldmodel.diffusion import NoiseSchedule
from twospeed.worldmodel.model import WorldModel
from twospeed.worldmodel.vocabulary import Vocabulary

FORMAT = "twospeed-site-1"
WORLD, TEXTS = "world.json", "texts.safetensors"
RUNTIME = ("ort.wasm.min.mjs", "ort-wasm-simd-threaded.mjs", "ort-wasm-simd-threaded.wasm")
"""Files of ONNX Runtime Web that run graphs on the processor."""

PAGE = Path(__file__).parent / "static"
SHARED = Path(__file__).parents[1] / "static"
_OF_SHARED = ("style.css", "keys.js", "icon.svg")  # as on the page with a server


def _is_site(folder: Path) -> bool:
    return read_json(folder / WORLD).get("format") == FORMAT


SITE = FolderKind(
    name="a page that plays a model",
    files=(
        WORLD, TEXTS, "*.html", "*.js", "*.css", "*.svg", "graphs/*.onnx", "runtime/*",
        *(f"starts/*/{file}" for file in starts.FILES),
    ),
    sign=_is_site,
)  # fmt: skip
"""What `write_site` writes."""


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class SiteConfig:
    """What is put into the folder."""

    labels: Sequence[str]
    """Where one can begin, each ``WORLD:SEED``."""

    memory: ViewConfig
    """How views are kept and drawn."""


def check_runtime(folder: Path) -> None:
    """Refuse a folder without the files that run graphs.

    Raises:
        DataError: saying how to get them.
    """
    missing = [name for name in RUNTIME if not (folder / name).is_file()]
    if missing:
        raise DataError(
            f"{folder} holds no {missing[0]}: `npm install onnxruntime-web` brings it; then"
            " --runtime node_modules/onnxruntime-web/dist"
        )


def write_site(
    model: WorldModel,
    vocabulary: Vocabulary,
    path: StrPath,
    *,
    runtime: Path,
    config: SiteConfig,
) -> None:
    """Write the folder, aside first.

    Args:
        model: one of ours that has a renderer.
        vocabulary: the commands that it knows.
        path: the folder; a page that was there is replaced.
        runtime: folder of the user's with the files `RUNTIME`.
        config: what is put in.

    Raises:
        ConfigError: when the page does not know the model's parts.
        DataError: when the runtime is not there, or anything but such a page stands at `path`.
        MissingExtraError: when what writes graphs is not installed.
    """
    folder = as_path(path)
    check_can_write()
    check_runtime(runtime)
    check_folder(folder, SITE)
    graphs = graphs_of(model, config.memory)
    begun = [look_round(label, model, config.memory) for label in config.labels]
    with folder_aside(folder, SITE) as aside:
        for place, start in enumerate(begun):
            write_start(start, aside / "starts" / str(place))
        (aside / "graphs").mkdir()
        for name, graph in graphs.items():
            write_graph(graph, aside / "graphs" / f"{name}.onnx")
        (aside / "runtime").mkdir()
        for name in RUNTIME:
            shutil.copyfile(runtime / name, aside / "runtime" / name)
        for file in (*PAGE.iterdir(), *(SHARED / name for name in _OF_SHARED)):
            shutil.copyfile(file, aside / file.name)
        texts = [*vocabulary.actions, ""]
        tokens = model.text_encoder.encode(texts).mean(1)
        save_file({"texts": tokens.contiguous()}, aside / TEXTS)
        write_json(aside / WORLD, _world(model, texts, config))
        for written in aside.rglob("*"):  # a server runs as somebody else
            written.chmod(0o755 if written.is_dir() else 0o644)


def _world(model: WorldModel, texts: Sequence[str], config: SiteConfig) -> dict[str, Any]:
    """Return what the page must know beside weights."""
    if not isinstance(model.schedule, NoiseSchedule) or model.renderer is None:
        raise AssertionError("graphs_of has refused other models")
    settings, renderer = model.settings, model.renderer.config
    return {
        "format": FORMAT,
        "name": settings.world,
        "memory_hash": hash_of(model, config.memory),
        "texts": list(texts),
        "starts": list(config.labels),
        "look_round": list(starts.LOOK_ROUND),
        "chunk_frames": settings.chunk_frames,
        "past_frames": model.past_latents,
        "sampling_steps": settings.sampling_steps,
        "sampling_order": settings.sampling_order,
        "sampling_shift": settings.sampling_shift,
        "guidance": settings.guidance,
        "guided_from": settings.guided_from,
        "signals": model.schedule.signals.tolist(),
        "side": renderer.side,
        "channels": renderer.latent_channels,
        "cells": renderer.latent_cells,
        "reach": renderer.reach,
        "memory": to_json(config.memory),
        "covering": {
            "depths": list(coverage.DEPTHS),
            "columns": coverage.COLUMNS,
            "nearness": coverage.NEARNESS,
            "least_ahead": coverage.LEAST_AHEAD,
            "edge": coverage.EDGE,
        },
        "metre": rows.METRE,
        "radian": rows.RADIAN,
    }
