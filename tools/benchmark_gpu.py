"""How fast a world model trains, dreams and remembers on this machine; prints and writes JSON.

What is inside the clock is said beside every figure. Memory is read from the device.

    python tools/benchmark_gpu.py --model MODEL --out FILE.json [--seconds 5]
    python tools/benchmark_gpu.py --published wan-2.1-1.3b --dtype bfloat16 --out FILE.json

The second form builds a published model at full size with random weights and measures what
TEMP-LORA adds to the generation of a chunk (the paper: time x 1.068, memory x 1.037).
"""

import argparse
import contextlib
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from twospeed.core.errors import lookup
from twospeed.core.files import write_json
from twospeed.memory.fast_weights import FastWeights
from twospeed.memory.planning import plan_memory
from twospeed.memory.presets import PRESETS, preset_of
from twospeed.training.card import device_name
from twospeed.training.stages.slow import SlowLearningConfig, Windows, slow_loss
from twospeed.worldmodel.backbones.full_size import full_size_model
from twospeed.worldmodel.backbones.placement import placement_of
from twospeed.worldmodel.backbones.published import CHECKPOINTS
from twospeed.worldmodel.contract import as_module
from twospeed.worldmodel.model import WorldModel


def rate_of(work: Callable[[], Any], device: torch.device, seconds: float) -> float:
    """Return how often per second `work` is done, after three rounds that do not count."""
    for _ in range(3):
        work()
    wait_for(device)
    started, rounds = time.perf_counter(), 0
    while time.perf_counter() - started < seconds:
        work()
        rounds += 1
    wait_for(device)
    return rounds / (time.perf_counter() - started)


def wait_for(device: torch.device) -> None:
    """Let the device finish what it was told."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def used_megabytes(device: torch.device) -> float | None:
    """Return the device's memory that is taken, in MiB; None without a GPU."""
    if device.type != "cuda":
        return None
    free, total = torch.cuda.mem_get_info(device)
    return (total - free) / 2**20


def latents_of(model: WorldModel, clips: int, frames: int) -> torch.Tensor:
    """Return random latents of the model's size."""
    size = model.settings.frame_size
    blank = torch.zeros(1, 1, size, size, 3, dtype=torch.uint8)
    channels, _, height, width = model.encode(blank).shape[1:]
    generator = torch.Generator().manual_seed(0)
    shape = (clips, channels, frames, height, width)
    return torch.randn(shape, generator=generator).to(model.device)


def training_rate(model: WorldModel, batch: int, half: bool, seconds: float) -> float:
    """Return windows per second: loss, backward and AdamW; drawing of windows is not in it."""
    chunk = model.settings.chunk_frames
    text = model.text_encoder.encode(["go forward"] * batch).to(model.device)
    latents = latents_of(model, batch, 2 * chunk)
    windows = Windows(latents_BCTHW=latents, text_BND=text, past_frames=chunk)
    config, generator = SlowLearningConfig(), torch.Generator().manual_seed(0)
    optimizer = torch.optim.AdamW(model.denoiser.parameters(), lr=0.0)
    kind = model.device.type
    precision = torch.autocast(kind, torch.bfloat16) if half else contextlib.nullcontext()

    def step() -> None:
        with precision:
            loss = slow_loss(model.denoiser, windows, text[:1], model.schedule, config, generator)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)

    return batch * rate_of(step, model.device, seconds)


def generation_rate(model: WorldModel, clips: int, seconds: float) -> float:
    """Return chunks per second: sampling and decoding, without memory."""
    past = latents_of(model, clips, model.settings.chunk_frames)
    actions, seeds = ["go forward"] * clips, [(index,) for index in range(clips)]

    def step() -> None:
        model.decode(model.generate(past, actions, seeds))

    return clips * rate_of(step, model.device, seconds)


def write_rate(model: WorldModel, preset: str, clips: int, seconds: float) -> float:
    """Return chunks per second that memories of `clips` episodes learn: whole writes."""
    chunk = model.settings.chunk_frames
    memory = FastWeights(model, preset_of(model, preset), seeds=tuple(range(clips)))
    windows, actions = latents_of(model, clips, 2 * chunk), ["go forward"] * clips

    def step() -> None:
        memory.observe(windows, actions, past_frames=chunk)

    return clips * rate_of(step, model.device, seconds)


def measure(model: WorldModel, seconds: float) -> dict[str, Any]:
    """Return all figures."""
    figures: dict[str, Any] = {"device": device_name(model.device), "torch": torch.__version__}
    for batch in (8, 64):
        for half in (False, True):
            name = f"training_windows_per_second.batch_{batch}.{'bf16' if half else 'float32'}"
            figures[name] = round(training_rate(model, batch, half, seconds), 2)
    for clips in (1, 16):
        figures[f"chunks_generated_per_second.episodes_{clips}"] = round(
            generation_rate(model, clips, seconds), 3
        )
        for preset in PRESETS:
            figures[f"chunks_written_per_second.{preset}.episodes_{clips}"] = round(
                write_rate(model, preset, clips, seconds), 3
            )
    figures["device_memory_mib"] = used_megabytes(model.device)
    return figures


def temp_lora_cost(name: str, options: argparse.Namespace) -> dict[str, Any]:
    """Return seconds and bytes of one chunk with and without a write by the paper's preset.

    A chunk is a past and as many new frames, sampled in all steps, without decoding.
    """
    place = placement_of(options.device, options.dtype)
    model = full_size_model(
        lookup(CHECKPOINTS, name, "published model"),
        place,
        frame_size=options.size,
        chunk_frames=options.chunk_frames,
        sampling_steps=options.steps,
        guidance=0.0,
    )
    if options.checkpointing:
        as_module(model.denoiser).enable_gradient_checkpointing()  # type: ignore[operator]
    memory = FastWeights(model, preset_of(model, "paper"))
    past = latents_of(model, 1, model.past_latents)
    figures: dict[str, Any] = {"model": name, "device": device_name(model.device)}
    for kind, reader in (("off", None), ("on", memory)):
        if place.device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(place.device)
        started = time.perf_counter()
        new = model.generate(past, ["go forward"], [0], fast_weights=reader)
        if reader is not None:
            window = torch.cat([past, new], dim=2)
            memory.observe(window, ["go forward"], past_frames=past.shape[2], generated=True)
        wait_for(place.device)
        figures[f"seconds_a_chunk.memory_{kind}"] = round(time.perf_counter() - started, 3)
        if place.device.type == "cuda":
            peak = torch.cuda.max_memory_allocated(place.device)
            figures[f"peak_bytes.memory_{kind}"] = peak
    on, off = (figures[f"seconds_a_chunk.memory_{kind}"] for kind in ("on", "off"))
    figures["time_ratio"] = round(on / off, 4)
    figures["tokens"] = plan_memory(
        CHECKPOINTS[name], frames=1 + 2 * options.chunk_frames, size=options.size, rank=32
    ).tokens
    return figures


def main() -> None:
    """Read the options, measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model")
    parser.add_argument("--published", choices=sorted(CHECKPOINTS))
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--dtype", default="float32")
    parser.add_argument("--size", type=int, default=480)
    parser.add_argument("--chunk-frames", type=int, default=16)
    parser.add_argument("--steps", type=int, default=50)
    parser.add_argument("--checkpointing", action="store_true")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seconds", type=float, default=5.0)
    options = parser.parse_args()
    if bool(options.model) == bool(options.published):
        parser.error("give either --model or --published")
    if options.published:
        figures = temp_lora_cost(options.published, options)
    else:
        model = WorldModel.from_pretrained(options.model, device=options.device)
        figures = measure(model, options.seconds)
    write_json(options.out, figures)
    print(json.dumps(figures, indent=1))


if __name__ == "__main__":
    main()
