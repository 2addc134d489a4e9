"""Train the small network behind the Fréchet distance on true clips of a world, and measure it.

    python tools/train_clip_network.py --out RUN [--world doom] [--minutes M] [--steps N]

Writes a folder of src/twospeed/packaged, such as RUN/frechet_twospeed; the same command goes on
where it stopped. Seeds from 400,000 on are learned from, those that it is measured on begin at
600,000: of rooms 200,000 and 256 scenes, of Doom's one maze 3,000 and 128 walks.
"""

import argparse
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Protocol

import torch
from torch import Tensor
from torch.nn import functional

from twospeed.core.files import read_json
from twospeed.core.random import initial_weights_of
from twospeed.evaluation.yardstick.features import NETWORKS
from twospeed.evaluation.yardstick.guesses import Guesses
from twospeed.evaluation.yardstick.labels import BANDS, Labels, draw_clips, joined
from twospeed.evaluation.yardstick.network import ClipNetwork, clip_pixels
from twospeed.evaluation.yardstick.places import Walks, record_walks
from twospeed.training.loop import run_loop
from twospeed.training.loop_config import LoopConfig

FIRST_SEED, FIRST_TEST_SEED = 400_000, 600_000
WEIGHTS = {"walls_BTW3": 5.0, "rooms_BT6": 5.0, "heading_BT4": 2.0}
"""How much more a loss counts than others."""

CARD = """# {name}

A small network that looks at clips of {world}; `twospeed recall --unseen` compares its features.

Trained on true clips alone, {steps} steps of 18 clips of five frames, {minutes:.0f} minutes on
one CPU core: `python tools/train_clip_network.py --world {world} --out RUN --steps {all_steps}`.
Learned from {seeds}.
Mean squared errors; entropies for landmarks:

| what it tells | error | of always saying the mean |
|---|---|---|
{rows}
"""

Batch = tuple[Tensor, Labels]


class Clips(Protocol):
    """Where clips of a world come from, with what is true of them."""

    tells: str
    seeds: str

    def draw(self, generator: torch.Generator) -> Batch: ...
    def known(self) -> Iterator[Batch]: ...
    def unseen(self) -> Iterator[Batch]: ...


class RoomClips:
    """Three clips of each of six scenes, drawn as they are asked for."""

    tells = "rooms"
    seeds = "scenes of seeds 400,000 to 599,999, measured on 600,000 to 600,255"
    clips, frames, scenes, most = 3, 5, 6, 200_000

    def draw(self, generator: torch.Generator) -> Batch:
        picks = torch.randint(self.most, (self.scenes,), generator=generator).tolist()
        return self._of([FIRST_SEED + pick for pick in picks])

    def known(self) -> Iterator[Batch]:
        return (self._of([FIRST_SEED + index]) for index in range(512))

    def unseen(self) -> Iterator[Batch]:
        return (self._of([FIRST_TEST_SEED + index]) for index in range(256))

    def _of(self, seeds: list[int]) -> Batch:
        drawn = (draw_clips(seed, clips=self.clips, frames=self.frames) for seed in seeds)
        clips, labels = zip(*drawn, strict=True)
        return torch.cat([clip_pixels(one) for one in clips]), joined(labels)


class PlaceClips:
    """Eighteen clips of walks through a world that is one place, recorded before."""

    tells = "place"
    seeds = "walks of seeds 400,000 to 402,999, measured on 600,000 to 600,127"
    clips = 18

    def __init__(self, world: str) -> None:
        self._walks = record_walks(world, range(FIRST_SEED, FIRST_SEED + 3_000))
        self._others = record_walks(world, range(FIRST_TEST_SEED, FIRST_TEST_SEED + 128))

    def draw(self, generator: torch.Generator) -> Batch:
        picks = torch.randint(self._walks.num_clips, (self.clips,), generator=generator)
        return self._of(self._walks, picks.tolist())

    def known(self) -> Iterator[Batch]:
        return (self._of(self._walks, list(range(9 * e, 9 * e + 9))) for e in range(512))

    def unseen(self) -> Iterator[Batch]:
        return (self._of(self._others, list(range(9 * e, 9 * e + 9))) for e in range(128))

    def _of(self, walks: Walks, picks: list[int]) -> Batch:
        clips, poses = walks.clips(picks)
        return clip_pixels(clips), self._walks.labels(poses)


def losses_of(guesses: Guesses, labels: Labels) -> dict[str, Tensor]:
    """Return the loss of everything that is told: squared errors, and entropies for landmarks."""
    losses = {}
    for told, true in zip(fields(guesses), fields(labels), strict=True):
        guess, truth = getattr(guesses, told.name), torch.from_numpy(getattr(labels, true.name))
        if truth.dtype == torch.int64:
            losses[true.name] = functional.cross_entropy(guess.flatten(0, -2), truth.flatten())
        else:
            losses[true.name] = functional.mse_loss(guess, truth)
    return losses


def train(clips: Clips, out: Path, config: LoopConfig, minutes: float | None) -> ClipNetwork:
    with initial_weights_of(config.seed):
        network = ClipNetwork(tells=clips.tells)

    def loss_of(step: int, generator: torch.Generator) -> Tensor:  # noqa: ARG001
        pixels, labels = clips.draw(generator)
        losses = losses_of(network(pixels)[0], labels)
        return torch.stack([WEIGHTS.get(it, 1.0) * loss for it, loss in losses.items()]).sum()

    return run_loop(network, loss_of, config, out=out, minutes=minutes, label="clip network")


@torch.no_grad()
def set_spread_(network: ClipNetwork, clips: Clips) -> None:
    """Let every feature have the deviation 1 over true clips that were learned from."""
    network.spread.fill_(1)
    parts = [network(pixels)[1] for pixels, _ in clips.known()]
    network.spread.copy_(torch.cat(parts).flatten(0, 1).std(0))


@torch.no_grad()
def errors_of(network: ClipNetwork, clips: Clips) -> list[str]:
    """Return a row for everything that is told: its error, and that of saying the mean."""
    parts = list(clips.unseen())
    guesses = [network(pixels)[0] for pixels, _ in parts]
    together = type(guesses[0])(
        **{f.name: torch.cat([getattr(g, f.name) for g in guesses]) for f in fields(guesses[0])}
    )
    labels = joined([part[1] for part in parts])
    rows = []
    for name, loss in losses_of(together, labels).items():
        truth = torch.from_numpy(getattr(labels, name))
        if truth.dtype == torch.int64:
            share = truth.flatten().bincount() / truth.numel()
            plain = -(share * share.clamp_min(1e-9).log()).sum()
        else:
            plain = truth.flatten(0, -1 if truth.shape[-1] == BANDS else -2).var(0).mean()
        rows.append(f"| {name.partition('_')[0]} | {float(loss):.4f} | {float(plain):.4f} |")
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--world", choices=NETWORKS, default="rooms")
    parser.add_argument("--minutes", type=float)
    parser.add_argument("--steps", type=int, default=3_000)
    args = parser.parse_args()
    config = LoopConfig(steps=args.steps, learning_rate=1.5e-3, cooldown=0.4, ema_decay=0.995)
    clips = RoomClips() if args.world == "rooms" else PlaceClips(args.world)
    network = train(clips, args.out, config, args.minutes)
    set_spread_(network, clips)
    rows = "\n".join(errors_of(network, clips))
    print(rows)
    state, folder = read_json(args.out / "checkpoint" / "state.json"), NETWORKS[args.world]
    text = CARD.format(
        name=folder, world=args.world, seeds=clips.seeds, steps=state["step"],
        all_steps=args.steps, minutes=state["seconds"] / 60, rows=rows,
    )  # fmt: skip
    network.half().save_pretrained(args.out / folder)
    (args.out / folder / "README.md").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
