"""A small Wan or SkyReels of our own from nothing: autoencoder, denoiser, memory module, figures.

    python tools/small_wan.py --out RUN [--kind skyreels] [--minutes 60 120 60]

Walks the rooms (seeds from 0, or those of --data), trains an `AutoencoderKLWan` of 11 M numbers, a
transformer of 7 M from random weights by `twospeed train --init`, and a memory module beside it;
then measures how it obeys and recalls. Every stage writes a checkpoint each few minutes: the same
command goes on where it was stopped.

    RUN/shards/ test/           what it learns from; episodes for testing
    RUN/autoencoder/ begun/     the autoencoder's run; the pipeline with a random transformer
    RUN/denoiser/ module/       runs of `twospeed train`; module/model is the end
    RUN/figures/                autoencoder.json, adherence.json, recall-PRESET.json
"""

import argparse
from pathlib import Path
from typing import Any

import numpy as np
import torch
from diffusers import (
    AutoencoderKLWan,
    SkyReelsV2DiffusionForcingPipeline,
    SkyReelsV2Transformer3DModel,
    UniPCMultistepScheduler,
    WanPipeline,
    WanTransformer3DModel,
)
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional
from transformers import ByT5Tokenizer, UMT5Config, UMT5EncoderModel

from twospeed.cli.app import main
from twospeed.core.files import write_json
from twospeed.core.random import initial_weights_of
from twospeed.training.data.sources import ShardSource, read_whole
from twospeed.training.loop import run_loop
from twospeed.training.loop_config import LoopConfig
from twospeed.worldmodel.codec import to_pixels
from twospeed.worldmodel.model import WorldModel

SIZE, CHUNK = 64, 4
CLIP = 1 + 2 * CHUNK
"""Frames that the autoencoder learns from at once."""

CLIPS = 6
VAE = {
    "base_dim": 64, "dim_mult": [1, 2, 2], "num_res_blocks": 1, "z_dim": 48,
    "temperal_downsample": [True, True], "is_residual": True, "patch_size": 4, "in_channels": 48,
    "out_channels": 48, "scale_factor_temporal": 4, "scale_factor_spatial": 16,
}  # fmt: skip
"""Of the kind of Wan 2.2's, with its 48 channels and 16 x 16 pixels a latent; patches of 4."""

TRANSFORMER = {
    "patch_size": (1, 1, 1), "num_attention_heads": 4, "attention_head_dim": 64,
    "in_channels": 48, "out_channels": 48, "text_dim": 64, "freq_dim": 128, "ffn_dim": 1024,
    "num_layers": 6, "cross_attn_norm": True, "qk_norm": "rms_norm_across_heads",
    "rope_max_seq_len": 64,
}  # fmt: skip
WORDS = 48
"""Letters of a text that count."""

SETTINGS = {"frame_size": SIZE, "chunk_frames": CHUNK, "sampling_steps": 8, "guidance": 1.0}
LEARNING = (
    "slow.batch_size=16", "slow.even_share=0.5", "slow.joint_share=0.15", "loop.steps=40000",
    "loop.optimizer=muon", "loop.learning_rate=0.003", "loop.warmup_steps=100",
    "loop.ema_decay=0.995",
)  # fmt: skip
PRESETS = ("paper", "gradient", "associative")


def _frames_of(shards: Path) -> list[NDArray[np.uint8]]:
    source = ShardSource(folder=shards)
    return [it.frames for group in source.groups() for it in read_whole(source, group)]


def _clips(videos: list[NDArray[np.uint8]], generator: torch.Generator) -> Tensor:
    """Draw pixels (B, 3, T, H, W) in [-1, 1] of some clips."""
    drawn = []
    for _ in range(CLIPS):
        video = videos[int(torch.randint(len(videos), (), generator=generator))]
        first = int(torch.randint(len(video) - CLIP + 1, (), generator=generator))
        drawn.append(video[first : first + CLIP])
    return to_pixels(np.stack(drawn)).unflatten(0, (CLIPS, CLIP)).transpose(1, 2)


def train_autoencoder(shards: Path, out: Path, minutes: float) -> AutoencoderKLWan:
    """Train the autoencoder on clips of recorded episodes; its latents get unit variance."""
    with initial_weights_of(0):
        network: Any = AutoencoderKLWan(**VAE)
    videos = _frames_of(shards)

    def loss_of(step: int, generator: torch.Generator) -> Tensor:  # noqa: ARG001
        pixels = _clips(videos, generator)
        with torch.autocast("cpu", torch.bfloat16):
            posterior = network.encode(pixels).latent_dist
            noise = torch.randn(posterior.mean.shape, generator=generator)
            shown = network.decode(posterior.mean + posterior.std * noise).sample.float()
        error = functional.l1_loss(shown, pixels) + functional.mse_loss(shown, pixels)
        return error + 1e-6 * posterior.kl().float().mean()

    config = LoopConfig(
        steps=20_000, learning_rate=2.5e-3, warmup_steps=30, ema_decay=0.98, cooldown=0.3,
        weight_decay=0.0, optimizer="muon",
    )  # fmt: skip
    averaged: Any = run_loop(
        network, loss_of, config, out=out, minutes=minutes, label="autoencoder"
    )
    with torch.no_grad():
        pixels = torch.cat([_clips(videos, torch.Generator().manual_seed(it)) for it in range(32)])
        latents = torch.cat([averaged.encode(it).latent_dist.mode() for it in pixels.split(CLIPS)])
        shown = torch.cat([averaged.decode(it).sample for it in latents.split(CLIPS)])
    averaged.register_to_config(
        latents_mean=latents.mean((0, 2, 3, 4)).tolist(),
        latents_std=latents.std((0, 2, 3, 4)).tolist(),
    )
    error = float(((shown - pixels) / 2).square().mean())
    write_json(out.parent / "figures" / "autoencoder.json", {"psnr_db": -10 * np.log10(error)})
    return averaged


def build_pipeline(autoencoder: AutoencoderKLWan, kind: str, out: Path) -> None:
    """Write a pipeline of random weights but for its autoencoder, with our settings beside it."""
    with initial_weights_of(0):
        encoder: Any = UMT5EncoderModel(
            UMT5Config(
                vocab_size=384, d_model=64, d_kv=16, d_ff=128, num_layers=2, num_heads=4,
                feed_forward_proj="gated-gelu",
            )
        )  # fmt: skip
        if kind == "wan":
            pipeline, transformer = WanPipeline, WanTransformer3DModel(**TRANSFORMER)
        else:
            sizes = TRANSFORMER | {"inject_sample_info": True}
            pipeline = SkyReelsV2DiffusionForcingPipeline
            transformer = SkyReelsV2Transformer3DModel(**sizes)
    made = pipeline(
        transformer=transformer,
        vae=autoencoder,
        scheduler=UniPCMultistepScheduler(
            prediction_type="flow_prediction", use_flow_sigmas=True, flow_shift=3.0
        ),
        tokenizer=ByT5Tokenizer(model_max_length=WORDS),
        text_encoder=encoder.eval(),
    )
    made.save_pretrained(out.with_name("raw"))
    WorldModel.from_pretrained(out.with_name("raw")).configure(**SETTINGS).save_pretrained(out)


def _run(*arguments: str | Path) -> None:
    print("twospeed", *arguments, flush=True)
    if main([str(it) for it in arguments]):
        raise SystemExit(1)


def _record(out: Path, *arguments: str) -> None:
    if not (out / "manifest.json").exists() and not list(out.glob("*.tar")):
        _run("record", "rooms", "--size", str(SIZE), "--chunks", "24", *arguments, "--out", out)


def _measure(model: Path, test: Path, figures: Path, episodes: int) -> None:
    """Measure obedience on episodes for testing, and recall by every preset."""
    _run("adherence", model, "--data", test, "--json", figures / "adherence.json")
    for preset in PRESETS:
        told = ("--preset", preset, "--episodes", str(episodes), "--routes", "out_and_back")
        _run("recall", model, *told, "--json", figures / f"recall-{preset}.json")


def train(out: Path, kind: str, minutes: list[float], data: Path | None, episodes: int) -> None:
    """Do all stages that are not done."""
    figures = out / "figures"
    figures.mkdir(parents=True, exist_ok=True)
    shards = data or out / "shards"
    if data is None:
        _record(shards, "--episodes", "400", "--policy", "revisit")
    _record(out / "test", "--episodes", "16", "--first-seed", "800000")
    if not (out / "begun" / "model_index.json").exists():
        autoencoder = train_autoencoder(shards, out / "autoencoder", minutes[0])
        build_pipeline(autoencoder, kind, out / "begun")
    on = ("--data", shards, "--device", "cpu")
    settings = [part for it in LEARNING for part in ("--set", it)]
    _run(
        *("train", "--init", out / "begun", *on, "--minutes", str(minutes[1]), *settings),
        *("--out", out / "denoiser"),
    )
    _run(
        *("train", "--init", out / "denoiser" / "model", *on, "--memory-module"),
        *("--minutes", str(minutes[2]), "--out", out / "module"),
    )
    _measure(out / "module" / "model", out / "test", figures, episodes)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--kind", choices=("wan", "skyreels"), default="wan")
    parser.add_argument("--minutes", type=float, nargs=3, default=[60.0, 120.0, 60.0])
    parser.add_argument("--data", type=Path, help="Shards in the place of 400 new episodes.")
    parser.add_argument("--episodes", type=int, default=8, help="Of each recall.")
    given = parser.parse_args()
    train(given.out, given.kind, given.minutes, given.data, given.episodes)
