"""Train the small text encoder to tell actions apart in whatever words they come.

The encoder is frozen afterwards, as in the paper; the denoiser sees only its features. Every
action has an anchor, a fixed random feature vector (data/vocabulary.py); texts are pulled to
the anchor of their action. Texts are drawn from the actions' paraphrases (never the held-out ones)
with politeness, hurry and slips of the finger around them. "" has an anchor of its own: no action.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import torch
from accelerate import Accelerator
from torch import Tensor
from torch.nn import functional

from twospeed.core.fields import check_fields
from twospeed.core.random import initial_weights_of
from twospeed.core.ranges import Batch, Share
from twospeed.training.data.vocabulary import Actions, anchors_of, sayings_of
from twospeed.training.loop import run_loop
from twospeed.training.loop_config import LoopConfig
from twospeed.worldmodel.text import TextEncoder, TextEncoderConfig, build_text_encoder
from twospeed.worlds.language import LITTLE

BEFORE = ("", "", "", "please ", "now ", "then ", "can you ", "you should ", "quickly ", "just ")
AFTER = ("", "", "", " now", " please", " a bit", " a little", " again", " slowly", ".", "!")
GRADES = (" a bit", " a little")
"""Those of `AFTER` that make another action of one that has a smaller grade."""

DEFAULT_SIZE = TextEncoderConfig()


@dataclass(frozen=True, kw_only=True, slots=True)
class TextRun:
    """Everything that a training of the text encoder depends on."""

    batch_size: Batch = 64
    """Texts in a batch."""

    slip_rate: Share = 0.03
    """Chance that a letter is dropped or doubled."""

    loop: LoopConfig = field(
        default_factory=lambda: LoopConfig(steps=2_000, learning_rate=2e-3, ema_decay=0.99)
    )
    """How it is trained."""

    def __post_init__(self) -> None:
        check_fields(self)


def train_text_encoder(
    actions: Actions,
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
    sayings = [("",), *sayings_of(actions).values()]
    has_grade = [False, *(f"{text} {LITTLE}" in actions for text in actions)]
    taken = {saying for group in sayings for saying in group}
    anchors = anchors_of(list(actions), encoder.width)

    def loss_of(step: int, generator: torch.Generator) -> Tensor:  # noqa: ARG001
        label = torch.randint(len(sayings), (run.batch_size,), generator=generator)
        texts = [
            _say(sayings[index], taken, run.slip_rate, generator, has_grade=has_grade[index])
            for index in label.tolist()
        ]
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


def held_out_accuracy(encoder: TextEncoder, actions: Actions) -> float:
    """Return the share of held-out sayings whose features lie nearest to their own action's.

    An action without any, such as one of a recording of one's own, is tried by its text.
    """
    anchors = anchors_of(list(actions), encoder.width)
    numbered = enumerate(actions.values(), start=1)
    unseen = [
        (text, index) for index, action in numbered for text in action.held_out or (action.text,)
    ]
    features = encoder.encode([text for text, _ in unseen])[:, 0].cpu()
    nearest = torch.cdist(features, anchors).argmin(1)
    return float((nearest == torch.tensor([label for _, label in unseen])).float().mean())


def _say(
    sayings: Sequence[str],
    taken: Collection[str],
    slip_rate: float,
    generator: torch.Generator,
    *,
    has_grade: bool = False,
) -> str:
    """Draw a saying and dress it up, unless that makes another of the sayings that are `taken`.

    What has a smaller grade among the actions is not dressed up as that.
    """

    def pick(options: Sequence[str]) -> str:
        return options[int(torch.randint(len(options), (1,), generator=generator))]

    text = pick(sayings)
    if not text:
        return text
    before, after = pick(BEFORE), pick(AFTER)
    dressed = before + text + ("" if has_grade and after in GRADES else after)
    text = text if dressed in taken else dressed
    if torch.rand((), generator=generator) < 0.2:
        text = text.capitalize()
    slips = torch.rand(len(text), generator=generator) < slip_rate
    twice = torch.rand(len(text), generator=generator) < 0.5
    return "".join(
        letter * (2 * int(double)) if slip else letter
        for letter, slip, double in zip(text, slips.tolist(), twice.tolist(), strict=True)
    )
