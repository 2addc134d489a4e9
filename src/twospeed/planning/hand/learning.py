"""Training of a hand reader: from commands alone, resumable, measured on held-out episodes."""

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Annotated, Any, cast

import torch
from torch import Tensor

from twospeed.core.arguments import check_kind
from twospeed.core.config import to_json
from twospeed.core.fields import check_fields, checked
from twospeed.core.files import StrPath, as_path, write_json
from twospeed.core.ranges import Batch, Count, Minutes, Share, Within
from twospeed.core.runs.claims import claimed
from twospeed.core.tensors import hash_of
from twospeed.planning.hand.card import hand_card
from twospeed.planning.hand.clips import HandClip, read_hand_clips, world_of
from twospeed.planning.hand.drawing import draw_hands, hand_loss
from twospeed.planning.hand.measuring import measure_hand
from twospeed.planning.hand.reader import HandNetwork, HandReader, new_network
from twospeed.planning.inverse.drawing import spoil_
from twospeed.planning.recorded import Places, note_of, places_of
from twospeed.training.card import device_name
from twospeed.training.checkpoint import reached_in
from twospeed.training.data.sources import ShardSource
from twospeed.training.loop import run_loop
from twospeed.training.loop_config import LoopConfig

NOTE = "run.json"
"""Says in a run's folder what is trained there."""

MODEL = "model"
"""Where in a run's folder the reader is."""

_LOOP = "learning"


@dataclass(frozen=True, kw_only=True, slots=True)
class HandConfig:
    """How a hand reader is learned."""

    most_episodes: Count = 640
    """Of the data, as many of each place as of any other."""

    batch_size: Batch = 16
    """Episodes in a batch, four frames of each."""

    span: Count = 56
    """Frames of an episode in which those four lie."""

    closed_weight: Annotated[float, Within(0, 100)] = 0.2
    """Of the entropy of being closed, beside the error of places."""

    spoiled_share: Share = 0.5
    """Share of the frames whose light, noise and sharpness are changed."""

    noise: Annotated[float, Within(0, 255)] = 6.0
    """Greatest deviation of that noise, in grey levels."""

    loop: LoopConfig = field(
        default_factory=lambda: LoopConfig(
            steps=4_000, learning_rate=2e-3, warmup_steps=100, ema_decay=0.99, cooldown=0.5
        )
    )
    """Steps, at most; the rate falls as the minutes end."""

    def __post_init__(self) -> None:
        check_fields(self)


def train_hand(
    config: HandConfig,
    data: Places,
    out: StrPath,
    *,
    minutes: float | None = None,
    initial: HandReader | None = None,
) -> dict[str, Any]:
    """Train a reader, measure it, write it with its card; goes on after a kill.

    Args:
        config: how.
        data: recorded shards of a world with a hand, one place or several.
        out: folder of this run alone: ``learning/``, ``model/`` and ``report.json``.
        minutes: about how long; None trains to the last step.
        initial: whose weights are trained on.

    Returns:
        The report, JSON values.

    Raises:
        DataError: when `out` holds another run, or the data are damaged, too few, without a hand,
            of another size or for testing.
    """
    check_kind(config, HandConfig, "config")
    out, minutes = as_path(out, "out"), checked(minutes, Minutes | None, "minutes")
    wanted = {
        "config": to_json(config),
        "data": note_of(data),
        "initial": initial and hash_of(initial.network.state_dict()),
    }
    with claimed(
        out, NOTE, wanted, kind="run", work=("*/checkpoint", MODEL), scraps=("*/journal.jsonl",)
    ):
        return _train(config, data, out, minutes, initial)


def _train(
    config: HandConfig,
    data: Places,
    out: Path,
    minutes: float | None,
    initial: HandReader | None,
) -> dict[str, Any]:
    training, held_out = read_hand_clips(data, most_episodes=config.most_episodes)
    network = _trained(config, training, initial, out / _LOOP, minutes)
    device, reached = device_name(network.device), reached_in(out / _LOOP)
    reader = HandReader(network.cpu(), world_of(training))
    report = {
        "world": reader.world,
        "data": [asdict(ShardSource(folder=place).contents()) for place in places_of(data)],
        "episodes": len(training),
        "began_from": None if initial is None else hash_of(initial.network.state_dict()),
        "steps": reached.step,
        "minutes": round(reached.seconds / 60, 2),
        "device": device,
        "held_out": measure_hand(reader, held_out),
        "config": to_json(config),
    }
    reader.save(out / MODEL, card=hand_card(report))
    write_json(out / "report.json", report)
    return report


def _trained(
    config: HandConfig,
    clips: list[HandClip],
    initial: HandReader | None,
    out: Path,
    minutes: float | None,
) -> HandNetwork:
    network = new_network(config.loop.seed)
    if initial is not None:
        network.load_state_dict(initial.network.state_dict())

    def loss_of(step: int, generator: torch.Generator) -> Tensor:  # noqa: ARG001
        pixels, places, closed = draw_hands(
            clips, count=config.batch_size, span=config.span, generator=generator
        )
        spoil_(pixels, share=config.spoiled_share, noise=config.noise, generator=generator)
        read = network(pixels.to(network.device)).cpu()
        return hand_loss(read, places, closed, closed=config.closed_weight)

    label = "hand reader"
    trained = run_loop(network, loss_of, config.loop, out=out, minutes=minutes, label=label)
    return cast(HandNetwork, trained)
