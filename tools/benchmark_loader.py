"""How fast data come, against how fast a training step eats them; prints and writes JSON.

The step is the slow learner's: loss, gradients, AdamW, at the model's and the recipe's own sizes.
Inside its clock there is no loading. Rates are clips per second; a clip is one window to train on,
or one chunk of a streamed episode.

    python tools/benchmark_loader.py --data DIR [--model rooms-64] [--out FILE.json] [--seconds 10]
"""

import argparse
import json
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from twospeed.core.files import write_json
from twospeed.data.index import read_index
from twospeed.data.streaming import stream_episodes
from twospeed.training.card import device_name
from twospeed.training.data.latents import fill_cache
from twospeed.training.data.sources import ShardSource
from twospeed.training.data.vocabulary import sayings_of
from twospeed.training.data.windows import LatentWindows
from twospeed.training.stages.slow import SlowLearningConfig, Windows, slow_loss
from twospeed.worldmodel.model import WorldModel
from twospeed.worlds.language import MOVES


def clips_per_second(work: Callable[[], int], seconds: float) -> float:
    """Repeat `work`, which says how many clips it did, after one round that does not count."""
    work()
    started, clips = time.perf_counter(), 0
    while time.perf_counter() - started < seconds:
        clips += work()
    return clips / (time.perf_counter() - started)


def step_of(model: WorldModel, windows: Windows, config: SlowLearningConfig) -> Callable[[], int]:
    """Return a training step on windows that are there already."""
    denoiser: Any = model.denoiser.train()
    optimizer = torch.optim.AdamW(denoiser.parameters(), lr=1e-6, fused=True)
    generator = torch.Generator().manual_seed(0)
    no_text = model.text_encoder.encode([""])

    def step() -> int:
        loss = slow_loss(denoiser, windows, no_text, model.schedule, config, generator)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        return config.batch_size

    return step


def draws_of(
    model: WorldModel, cached: LatentWindows, config: SlowLearningConfig
) -> Callable[[], Windows]:
    """Return a draw of one batch from the latent cache, its texts encoded."""
    generator = torch.Generator().manual_seed(0)

    def draw() -> Windows:
        return cached.draw(
            generator,
            batch=config.batch_size,
            past_lengths=(4,),
            new_frames=config.new_frames,
            text_encoder=model.text_encoder,
        )

    return draw


def fill(data: str, model: WorldModel, folder: Path) -> tuple[Path, float]:
    """Encode all frames anew: (cache, clips per second)."""
    source, started = ShardSource(folder=data), time.perf_counter()
    place = fill_cache(source, model.autoencoder, folder)
    contents = source.contents()
    clips = (contents.num_frames - contents.num_episodes) / SlowLearningConfig().new_frames
    return place, clips / (time.perf_counter() - started)


def measure(data: Path, model: WorldModel, seconds: float) -> dict[str, Any]:
    """Return all rates, and how many times faster than the step each is."""
    config = SlowLearningConfig()
    with tempfile.TemporaryDirectory() as folder:
        place, filled = fill(str(data), model, Path(folder))
        draw = draws_of(model, LatentWindows(place, sayings_of(MOVES)), config)
        drawn = clips_per_second(lambda: len(draw().text_BND), seconds)
        stepped = clips_per_second(step_of(model, draw(), config), seconds)
    rates = {
        "drawing from the latent cache, texts encoded": drawn,
        "filling the latent cache: read, decode, encode": filled,
    }
    for name, url in {"a folder": str(data), "a file:// URL": f"file://{data.resolve()}"}.items():
        rates[f"streaming frames from {name}"] = clips_per_second(
            lambda url=url: sum(len(it.actions) for it in stream_episodes(url)), seconds
        )
    return {
        "clips_per_second": {"training step": stepped, **rates},
        "times_the_step": {name: rate / stepped for name, rate in rates.items()},
        "batch_size": config.batch_size,
        "num_episodes": sum(len(entry.seeds) for entry in read_index(data)),
        "threads": torch.get_num_threads(),
        "device": device_name(model.device),
    }


def main() -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="shards of a first-person world")
    parser.add_argument("--model", default="rooms-64")
    parser.add_argument("--out", type=Path)
    parser.add_argument("--seconds", type=float, default=10.0)
    given = parser.parse_args()
    found = measure(given.data, WorldModel.from_pretrained(given.model), given.seconds)
    print(json.dumps(found, indent=1))
    if given.out is not None:
        write_json(given.out, found)


if __name__ == "__main__":
    main()
