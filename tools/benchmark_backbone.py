"""What TEMP-LORA adds to a chunk of a large model: time and memory, with and without, side by side.

    python tools/benchmark_backbone.py wan-100m --size 128 --chunk-frames 4 --out cost.json
    python tools/benchmark_backbone.py wan-2.1-1.3b --device cuda --dtype bfloat16 --out cost.json

The model has random weights: a published one at full size, or a Wan of 100 M parameters. Inside the
clock: all sampling steps of one chunk and, with memory, the adapters beside every layer and the
write by the preset `paper`; decoding is outside. The paper says time x 1.068, memory x 1.037.
"""

import argparse
import json
import resource
import time
from pathlib import Path
from statistics import median
from typing import Any

import torch
from diffusers import AutoencoderKLWan
from torch import nn

from twospeed.core.files import write_json
from twospeed.core.random import generator_of
from twospeed.memory.adapters import layers_called
from twospeed.memory.fast_weights import FastWeights
from twospeed.memory.presets import preset_of
from twospeed.training.card import device_name
from twospeed.worldmodel.backbones.full_size import full_size_model
from twospeed.worldmodel.backbones.placement import placement_of
from twospeed.worldmodel.backbones.published import CHECKPOINTS, Published
from twospeed.worldmodel.backbones.wan import WAN
from twospeed.worldmodel.codec import packing_of
from twospeed.worldmodel.contract import as_module, checkpoint_gradients_
from twospeed.worldmodel.model import WorldModel

SMALL = Published(
    hub_id="random weights alone",
    family=WAN,
    denoiser=CHECKPOINTS["wan-2.1-1.3b"].denoiser
    | {"num_attention_heads": 6, "ffn_dim": 3072, "num_layers": 10},
    autoencoder=AutoencoderKLWan,
    text_encoder=nn.Identity,
    frames=81,
    size=128,
)
MODELS = CHECKPOINTS | {"wan-100m": SMALL}
ACTION = ["go forward"]


def peak_bytes(device: torch.device) -> int:
    """Return the most memory that was taken: of the GPU, or else of this process."""
    if device.type == "cuda":
        return int(torch.cuda.max_memory_allocated(device))
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


class Cost:
    """Chunks of one model with and without a memory.

    Args:
        model: that makes them.
    """

    def __init__(self, model: WorldModel) -> None:
        self.model = model
        self.memory = FastWeights(model, preset_of(model, "paper"))
        packing, settings = packing_of(model.autoencoder), model.settings
        cells = settings.frame_size // packing.side
        shape = (1, packing.channels, model.past_latents, cells, cells)
        self.past = torch.randn(shape, generator=generator_of("past")).to(model.device)

    def seconds(self, *, on: bool) -> float:
        """Return the seconds of a chunk."""
        began = time.perf_counter()
        reader = self.memory if on else None
        new = self.model.generate(self.past, ACTION, [0], fast_weights=reader)
        if on:
            window = torch.cat([self.past, new], dim=2)
            self.memory.observe(window, ACTION, past_frames=self.past.shape[2], generated=True)
        if self.model.device.type == "cuda":
            torch.cuda.synchronize(self.model.device)
        return time.perf_counter() - began


def measure(model: WorldModel, rounds: int) -> dict[str, Any]:
    """Return all figures: one round of each to warm up and for the peaks, then in turns."""
    cost, figures = Cost(model), {"peak_bytes.before": peak_bytes(model.device)}
    for on in (False, True):  # what is taken with memory is never less
        cost.seconds(on=on)
        figures[f"peak_bytes.memory_{'on' if on else 'off'}"] = peak_bytes(model.device)
    pairs = [(cost.seconds(on=False), cost.seconds(on=True)) for _ in range(rounds)]
    off, on = (median(side) for side in zip(*pairs, strict=True))
    layers = layers_called(as_module(model.denoiser), cost.memory.config.targets)
    return figures | {
        "seconds_a_chunk.memory_off": round(off, 3),
        "seconds_a_chunk.memory_on": round(on, 3),
        "time_ratio": round(median(with_it / without for without, with_it in pairs), 4),
        "memory_ratio": round(
            figures["peak_bytes.memory_on"] / figures["peak_bytes.memory_off"], 4
        ),
        "parameters": sum(it.numel() for it in model.denoiser.parameters()),
        "adapted_layers": len(layers),
    }


def main() -> None:
    """Read the options, measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", choices=sorted(MODELS))
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--dtype", default="float32")
    parser.add_argument("--size", type=int, default=480)
    parser.add_argument("--chunk-frames", type=int, default=16)
    parser.add_argument("--steps", type=int, default=50)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--checkpointing", action="store_true")
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    place = placement_of(options.device, options.dtype)
    sizes = {"frame_size": options.size, "chunk_frames": options.chunk_frames}
    model = full_size_model(
        MODELS[options.model], place, **sizes, sampling_steps=options.steps, guidance=0.0
    )
    if options.checkpointing:
        checkpoint_gradients_(model.denoiser)
    told = sizes | {"model": options.model, "steps": options.steps, "dtype": options.dtype}
    figures = told | {"device": device_name(place.device)} | measure(model, options.rounds)
    write_json(options.out, figures)
    print(json.dumps(figures, indent=1))


if __name__ == "__main__":
    main()
