"""How fast a world model trains, dreams and remembers on this machine; prints and writes JSON.

What is inside the clock is said beside every figure. Memory is read from the device.

    python tools/benchmark_gpu.py --model MODEL --out FILE.json [--seconds 5]

What TEMP-LORA adds to a chunk of a published model of full size is told by benchmark_backbone.py.
"""

import argparse
import contextlib
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from twospeed.core.files import write_json
from twospeed.memory.fast_weights import FastWeights
from twospeed.memory.presets import PRESETS, preset_of
from twospeed.training.card import device_name
from twospeed.training.stages.slow import SlowLearningConfig, Windows, slow_loss
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


def main() -> None:
    """Read the options, measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", required=True)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seconds", type=float, default=5.0)
    options = parser.parse_args()
    model = WorldModel.from_pretrained(options.model, device=options.device)
    figures = measure(model, options.seconds)
    write_json(options.out, figures)
    print(json.dumps(figures, indent=1))


if __name__ == "__main__":
    main()
