"""Train the small network behind the Fréchet distance on true clips of rooms, and measure it.

    python tools/train_clip_network.py --out RUN [--minutes M] [--steps N]

Writes RUN/frechet_twospeed, the folder that lies in src/twospeed/packaged; the same command goes on
where it stopped. Scenes are drawn from seeds 400,000 to 599,999, those that it is measured on from
600,000 to 600,255.
"""

import argparse
from dataclasses import fields
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional

from twospeed.core.files import read_json
from twospeed.core.random import initial_weights_of
from twospeed.evaluation.yardstick.labels import Labels, draw_clips, joined
from twospeed.evaluation.yardstick.network import NAME, ClipNetwork, Guesses, clip_pixels
from twospeed.training.loop import run_loop
from twospeed.training.loop_config import LoopConfig

FRAMES = 5
CLIPS = 3
SCENES = 6
TRAIN_SEEDS = range(400_000, 600_000)
TEST_SEEDS = range(600_000, 600_256)

CARD = """# frechet_twospeed

A small network that looks at clips of rooms; `twospeed recall --unseen` compares its features.

Trained on true clips alone, {steps} steps of 18 clips of five frames, {minutes:.0f} minutes on
one CPU core: `python tools/train_clip_network.py --out RUN --steps {all_steps}`. Seeds 400,000 to
599,999, measured on 600,000 to 600,255; mean squared errors, entropies for landmarks:

| what it tells | error | of always saying the mean |
|---|---|---|
{rows}
"""


def losses_of(guesses: Guesses, labels: Labels) -> dict[str, Tensor]:
    """Return the loss of everything that is told: squared errors, and entropies for landmarks."""
    losses = {}
    for told, true in zip(fields(Guesses), fields(Labels), strict=True):
        guess, truth = getattr(guesses, told.name), torch.from_numpy(getattr(labels, true.name))
        if truth.dtype == torch.int64:
            losses[true.name] = functional.cross_entropy(guess.flatten(0, -2), truth.flatten())
        else:
            losses[true.name] = functional.mse_loss(guess, truth)
    return losses


def draw_batch(generator: torch.Generator) -> tuple[Tensor, Labels]:
    """Draw clips of some scenes."""
    picks = torch.randint(len(TRAIN_SEEDS), (SCENES,), generator=generator).tolist()
    return batch_of([TRAIN_SEEDS[pick] for pick in picks])


def batch_of(seeds: list[int]) -> tuple[Tensor, Labels]:
    clips, labels = zip(*(draw_clips(s, clips=CLIPS, frames=FRAMES) for s in seeds), strict=True)
    return torch.cat([clip_pixels(one) for one in clips]), joined(labels)


def train(out: Path, config: LoopConfig, minutes: float | None) -> ClipNetwork:
    with initial_weights_of(config.seed):
        network = ClipNetwork()

    def loss_of(step: int, generator: torch.Generator) -> Tensor:  # noqa: ARG001
        pixels, labels = draw_batch(generator)
        losses = losses_of(network(pixels)[0], labels)
        weights = {"walls_BTW3": 5.0, "rooms_BT6": 5.0}
        return torch.stack([weights.get(it, 1.0) * loss for it, loss in losses.items()]).sum()

    return run_loop(network, loss_of, config, out=out, minutes=minutes, label="clip network")


@torch.no_grad()
def set_spread_(network: ClipNetwork) -> None:
    """Let every feature have the deviation 1 over true clips of training scenes."""
    network.spread.fill_(1)
    parts = [network(batch_of([seed])[0])[1] for seed in TRAIN_SEEDS[:512]]
    network.spread.copy_(torch.cat(parts).flatten(0, 1).std(0))


@torch.no_grad()
def errors_of(network: ClipNetwork) -> list[str]:
    """Return a row for everything that is told: its error, and that of saying the mean."""
    parts = [batch_of([seed]) for seed in TEST_SEEDS]
    guesses = [network(pixels)[0] for pixels, _ in parts]
    together = Guesses(
        **{f.name: torch.cat([getattr(g, f.name) for g in guesses]) for f in fields(Guesses)}
    )
    labels = joined([part[1] for part in parts])
    rows = []
    for name, loss in losses_of(together, labels).items():
        truth = torch.from_numpy(getattr(labels, name))
        if truth.dtype == torch.int64:
            share = truth.flatten().bincount() / truth.numel()
            plain = -(share * share.clamp_min(1e-9).log()).sum()
        else:
            plain = truth.flatten(0, -2 if truth.shape[-1] in (3, 6) else -1).var(0).mean()
        rows.append(f"| {name.partition('_')[0]} | {float(loss):.4f} | {float(plain):.4f} |")
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--minutes", type=float)
    parser.add_argument("--steps", type=int, default=3_000)
    args = parser.parse_args()
    config = LoopConfig(steps=args.steps, learning_rate=1.5e-3, cooldown=0.4, ema_decay=0.995)
    network = train(args.out, config, args.minutes)
    set_spread_(network)
    rows = "\n".join(errors_of(network))
    print(rows)
    state = read_json(args.out / "checkpoint" / "state.json")
    text = CARD.format(
        steps=state["step"], all_steps=args.steps, minutes=state["seconds"] / 60, rows=rows
    )
    network.half().save_pretrained(args.out / NAME)
    (args.out / NAME / "README.md").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
