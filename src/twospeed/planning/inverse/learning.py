"""Training of inverse dynamics: networks of equal size and time side by side, then calibrated."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from twospeed.core.arguments import check_kind
from twospeed.core.config import to_json
from twospeed.core.errors import ConfigError, lookup
from twospeed.core.fields import check_fields, checked
from twospeed.core.files import StrPath, as_path, write_json
from twospeed.core.ranges import Count, Minutes
from twospeed.core.runs.claims import claimed
from twospeed.core.tensors import hash_of
from twospeed.planning.inverse.calibration import calibrate
from twospeed.planning.inverse.clips import ClipSet, read_clips
from twospeed.planning.inverse.drawing import DrawingConfig, draw_batch
from twospeed.planning.inverse.learned import InverseSettings, LearnedInverseDynamics
from twospeed.planning.inverse.measuring import generated_clips, measure_reading
from twospeed.planning.inverse.networks import NETWORKS, check_size_of
from twospeed.planning.inverse.starting import MODEL, first_network, shape_of, starts_of
from twospeed.planning.recorded import Places, note_of
from twospeed.training.loop import run_loop
from twospeed.training.loop_config import LoopConfig
from twospeed.worldmodel.model import WorldModel

NOTE = "run.json"
"""Says in a run's folder what is trained there."""


@dataclass(frozen=True, kw_only=True, slots=True)
class InverseConfig:
    """How inverse dynamics are learned."""

    networks: tuple[str, ...] = tuple(NETWORKS)
    """Names in `NETWORKS`; each gets the same minutes."""

    start: str = ""
    """Inverse dynamics whose weights the networks begin with: the folder of a run, or of one
    network, or a world with packaged ones. "" begins anew."""

    most_episodes: Count = 640
    """Of the data."""

    generated_clips: Count = 256
    """Held-out clips whose chunks a world model generates."""

    drawing: DrawingConfig = field(default_factory=DrawingConfig)
    """Batches."""

    loop: LoopConfig = field(
        default_factory=lambda: LoopConfig(
            steps=4_000, learning_rate=2e-3, warmup_steps=100, ema_decay=0.99, cooldown=0.4
        )
    )
    """Steps, at most; the rate falls as the minutes end."""

    def __post_init__(self) -> None:
        check_fields(self)
        for name in self.networks:
            lookup(NETWORKS, name, "network of inverse dynamics")
        if not self.networks:
            raise ConfigError(f"networks names none of {', '.join(NETWORKS)}")


def train_inverse_dynamics(
    config: InverseConfig,
    data: Places,
    out: StrPath,
    *,
    minutes: float | None = None,
    model: WorldModel | None = None,
) -> dict[str, Any]:
    """Train every network, measure them, and write the better one; goes on after a kill.

    Args:
        config: how.
        data: recorded shards of one world, or of several with chunks of one length.
        out: folder of this run alone: a folder a network, ``best/`` and ``report.json``.
        minutes: for all networks together, each the same; None trains to the last step.
        model: whose generated clips are read, too.

    Returns:
        The report, JSON values.

    Raises:
        DataError: when `out` holds another run, or the data are damaged, too few or for testing.
        ConfigError: when a network cannot begin with what `config.start` names.
    """
    check_kind(config, InverseConfig, "config")
    out, minutes = as_path(out, "out"), checked(minutes, Minutes | None, "minutes")
    starts = starts_of(config.start, config.networks)
    wanted = {
        "config": to_json(config),
        "data": note_of(data),
        "model": model and model.fingerprint(),
        "start": {name: hash_of(one.network.state_dict()) for name, one in starts.items()},
    }
    with claimed(
        out, NOTE, wanted, kind="run", work=("*/checkpoint", "best"), scraps=("*/journal.jsonl",)
    ):
        return _train_all(config, starts, data, out, minutes, model)


def _train_all(
    config: InverseConfig,
    starts: Mapping[str, LearnedInverseDynamics],
    data: Places,
    out: Path,
    minutes: float | None,
    model: WorldModel | None,
) -> dict[str, Any]:
    parts = read_clips(data, most_episodes=config.most_episodes)
    each = None if minutes is None else minutes / len(config.networks)
    for name in config.networks:
        check_size_of(name, shape_of(parts["training"]))
    begun = {
        name: first_network(name, parts["training"], config.loop.seed, starts.get(name))
        for name in config.networks
    }
    readers = {
        name: _train(name, begun[name], config, parts, out / name, minutes=each)
        for name in config.networks
    }
    report = _report(readers, parts["testing"], config, model)
    best = max(readers, key=lambda name: report[name]["accuracy"] or 0.0)
    readers[best].save(out / "best")
    report = {"networks": report, "best": best, "config": to_json(config)}
    write_json(out / "report.json", report)
    return report


def _train(
    name: str,
    network: nn.Module,
    config: InverseConfig,
    parts: Mapping[str, ClipSet],
    out: Path,
    *,
    minutes: float | None,
) -> LearnedInverseDynamics:
    training, held_out = parts["training"], parts["calibration"]

    def loss_of(step: int, generator: torch.Generator) -> Tensor:  # noqa: ARG001
        pixels, labels = draw_batch(training, config.drawing, generator)
        device = next(network.parameters()).device
        return functional.cross_entropy(network(pixels.to(device)), labels.to(device))

    label = f"inverse dynamics, {name}"
    trained = run_loop(network, loss_of, config.loop, out=out, minutes=minutes, label=label).cpu()
    settings = InverseSettings(
        network=name,
        world=training.world,
        commands=training.commands,
        shape=shape_of(training),
    )
    found = calibrate(*_held_out(LearnedInverseDynamics(trained, settings), held_out, config))
    settings = replace(settings, temperature=found.temperature, threshold=found.threshold)
    reader = LearnedInverseDynamics(trained, settings)
    reader.save(out / MODEL)
    return reader


def _held_out(
    reader: LearnedInverseDynamics, clips: ClipSet, config: InverseConfig
) -> tuple[Tensor, Tensor]:
    """Return scores and labels of true clips, and of as many as training has that none explains."""
    count = max(1, len(clips) // config.drawing.batch_size)
    batches = [
        draw_batch(clips, config.drawing, torch.Generator().manual_seed(number))
        for number in range(count)
    ]
    with torch.no_grad():
        scores = torch.cat([reader.network(pixels) for pixels, _ in batches])
    return scores, torch.cat([labels for _, labels in batches])


def _report(
    readers: Mapping[str, LearnedInverseDynamics],
    testing: ClipSet,
    config: InverseConfig,
    model: WorldModel | None,
) -> dict[str, Any]:
    few = testing.first(config.generated_clips)
    made = None if model is None else generated_clips(model, few)
    report: dict[str, Any] = {}
    for name, reader in readers.items():
        report[name] = measure_reading(reader, testing)
        if made is not None:
            of_few = measure_reading(reader, few, generated=made)
            report[name]["accuracy_on_generated"] = of_few["accuracy_on_generated"]
    return report
