"""Train the small text encoder to tell actions apart in whatever words they come.

The encoder is frozen afterwards, as in the paper; the denoiser sees only its features. Every
action has an anchor, a fixed random feature vector; texts are pulled to the anchor of their action,
so the encoder can be retrained on more words without touching the denoiser. Texts are drawn from
the actions' paraphrases (never the held-out ones) with politeness, hurry and slips of the finger
around them. "" has an anchor of its own: no action.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import torch
from accelerate import Accelerator
from torch import Tensor
from torch.nn import functional

from twospeed.core.random import generator_of, initial_weights_of
from twospeed.training.loop import LoopConfig, run_loop
from twospeed.worldmodel.text import TextEncoder, TextEncoderConfig, build_text_encoder
from twospeed.worlds.base import Action

BEFORE = ("", "", "", "please ", "now ", "then ", "can you ", "you should ", "quickly ", "just ")
AFTER = ("", "", "", " now", " please", " a bit", " a little", " again", " slowly", ".", "!")

DEFAULT_SIZE = TextEncoderConfig()


@dataclass(frozen=True, kw_only=True, slots=True)
class TextRun:
    """Everything that a training of the text encoder depends on."""

    batch_size: int = 64
    """Texts in a batch."""

    slip_rate: float = 0.03
    """Chance that a letter is dropped or doubled."""

    loop: LoopConfig = field(
        default_factory=lambda: LoopConfig(steps=2_000, learning_rate=2e-3, ema_decay=0.99)
    )
    """How it is trained."""


def anchors_of(count: int, width: int) -> Tensor:
    """Return the anchors of "" and of `count` - 1 actions, (count, width): unit variance, fixed."""
    return torch.randn(count, 1, width, generator=generator_of("anchors"))[:, 0]


def train_text_encoder(
    actions: Mapping[str, Action],
    run: TextRun,
    *,
    out: Path,
    size: TextEncoderConfig = DEFAULT_SIZE,
    initial: TextEncoder | None = None,
    minutes: float | None = None,
    accelerator: Accelerator | None = None,
) -> tuple[TextEncoder, float]:
    """Train, and return the encoder and its accuracy on the held-out sayings, 0 to 1.

    Args:
        actions: what is to be told apart.
        run: how it is trained.
        out: folder for journal and checkpoint.
        size: of a new encoder.
        initial: an encoder to train on; None begins anew.
        minutes: stop after this long; None runs to the last step.
        accelerator: device and processes; by default one is made.
    """
    with initial_weights_of(run.loop.seed):
        encoder = initial or build_text_encoder(size)
    sayings = [("",), *((a.text, *a.paraphrases) for a in actions.values())]
    anchors = anchors_of(len(sayings), encoder.width)

    def loss_of(step: int, generator: torch.Generator) -> Tensor:  # noqa: ARG001
        label = torch.randint(len(sayings), (run.batch_size,), generator=generator)
        texts = [_say(sayings[index], run.slip_rate, generator) for index in label.tolist()]
        features = encoder.features(texts)[:, 0]
        near = functional.mse_loss(features, anchors.to(features)[label.to(features.device)])
        logits = features @ anchors.to(features).mT / encoder.width**0.5
        return near + functional.cross_entropy(logits, label.to(features.device))

    averaged = run_loop(
        encoder.model,
        loss_of,
        run.loop,
        out=out,
        minutes=minutes,
        accelerator=accelerator,
        label="text encoder",
    )
    trained = TextEncoder(encoder.tokenizer, averaged)
    return trained, held_out_accuracy(trained, actions)


def held_out_accuracy(encoder: TextEncoder, actions: Mapping[str, Action]) -> float:
    """Return the share of held-out sayings whose features lie nearest to their own action's."""
    anchors = anchors_of(len(actions) + 1, encoder.width)
    unseen = [(text, index + 1) for index, a in enumerate(actions.values()) for text in a.held_out]
    features = encoder.encode([text for text, _ in unseen])[:, 0].cpu()
    nearest = torch.cdist(features, anchors).argmin(1)
    return float((nearest == torch.tensor([label for _, label in unseen])).float().mean())


def _say(sayings: Sequence[str], slip_rate: float, generator: torch.Generator) -> str:
    def pick(options: Sequence[str]) -> str:
        return options[int(torch.randint(len(options), (1,), generator=generator))]

    text = pick(sayings)
    if not text:
        return text
    text = pick(BEFORE) + text + pick(AFTER)
    if torch.rand((), generator=generator) < 0.2:
        text = text.capitalize()
    slips = torch.rand(len(text), generator=generator) < slip_rate
    twice = torch.rand(len(text), generator=generator) < 0.5
    return "".join(
        letter * (2 * int(double)) if slip else letter
        for letter, slip, double in zip(text, slips.tolist(), twice.tolist(), strict=True)
    )
