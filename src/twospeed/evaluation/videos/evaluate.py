"""Judge a folder of videos, against a folder of true ones or alone, with controls beside it."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from twospeed.core.config import to_json
from twospeed.core.errors import ConfigError, DataError
from twospeed.core.fields import check_fields
from twospeed.core.progress import progress
from twospeed.core.ranges import Seed, Within
from twospeed.core.video import Frames
from twospeed.evaluation.metrics.bootstrap import plain
from twospeed.evaluation.metrics.revisits import mirrored, revisits_in
from twospeed.evaluation.metrics.windows import STRETCH
from twospeed.evaluation.reports.provenance import origin_of
from twospeed.evaluation.videos.controls import Autoencoder, controls_of
from twospeed.evaluation.videos.finding import Say
from twospeed.evaluation.videos.judges import Judges, judging_of, load_judges
from twospeed.evaluation.videos.pairing import Pair, plan_of, read_pairs
from twospeed.evaluation.videos.scores import ClipScores, score_clip
from twospeed.evaluation.videos.summary import drift_over, halves, summarise
from twospeed.evaluation.videos.warn import warnings_of

Json = dict[str, Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class VideoConfig:
    """How folders are judged."""

    seed: Seed = 0
    """Of the bootstrap."""

    chunk_frames: Annotated[int, Within(1, 4096)] = 4
    """Frames that the control "copy" repeats."""

    out_and_back: bool = False
    """Whether clips return the way that they came, so that revisits are known without truth."""

    autoencoder: str | None = None
    """Model whose autoencoder codes the true clips for the control "coded"."""

    def __post_init__(self) -> None:
        check_fields(self)


def evaluate_videos(
    real: Path | None,
    fake: Path,
    config: VideoConfig,
    *,
    weights: Path | None = None,
    say: Say,
) -> Json:
    """Judge the clips of a folder and return the report as JSON values.

    Args:
        real: folder of true clips, paired by name; None judges `fake` alone.
        fake: folder of clips.
        config: how.
        weights: folder of the weights of others (yardstick/outside.py); None is torch's own.
        say: gets one line about each clip that is left out or is not as usual.

    Raises:
        DataError: when there is no clip, no pair, or none of them can be scored.
        ConfigError: when an autoencoder is named and no true clips.
        UnknownNameError: when there is no such model.
    """
    if config.autoencoder and real is None:
        raise ConfigError("an autoencoder codes true clips: give their folder before this one")
    coder = Autoencoder.of(config.autoencoder) if config.autoencoder else None
    started, problems = time.monotonic(), list[str]()

    def note(line: str) -> None:
        problems.append(line)
        say(line)

    plan, judges = plan_of(real, fake, say=note), load_judges(weights)
    arms: dict[str, dict[str, ClipScores]] = {}
    shapes: dict[str, list[int]] = {}
    with progress("evaluate", total=len(plan.fake), unit="clips") as advance:
        for pair in read_pairs(plan, say=note):
            if pair is not None:
                shapes[pair.name] = list(pair.fake.frames.shape)
                coded = coder.coded(pair.real, say=note) if coder and pair.real else {}
                for arm, scores in _score(judges, pair, config, coded).items():
                    arms.setdefault(arm, {})[pair.name] = scores
            advance(1)
    if not arms:
        raise DataError(f"no clip of {fake} could be scored: {problems[0]}")
    settings = to_json(config) | judging_of(weights)
    return _report(arms, config, shapes, settings) | {
        "autoencoder": coder and coder.to_json(),
        "problems": problems,
        "seconds": round(time.monotonic() - started, 3),
    }


def _score(
    judges: Judges, pair: Pair, config: VideoConfig, coded: dict[str, Frames]
) -> dict[str, ClipScores]:
    fake, real = pair.fake.frames, pair.real.frames if pair.real else None
    if config.out_and_back:
        visits = mirrored(len(fake))
    else:
        visits = [] if real is None else revisits_in(real)
    made: dict[str, Frames] = {"fake": fake}
    if real is not None:
        made |= controls_of(real, config.chunk_frames) | coded
    return {arm: score_clip(judges, frames, real, visits) for arm, frames in made.items()}


def _report(
    arms: dict[str, dict[str, ClipScores]],
    config: VideoConfig,
    shapes: dict[str, list[int]],
    settings: Json,
) -> Json:
    truth = _of(arms, "truth")
    found = {arm: summarise(_of(arms, arm), truth, seed=config.seed) for arm in arms}
    if truth:
        found["truth"] |= halves(truth, seed=config.seed)
    metrics = found.pop("fake")
    return {
        "metrics": metrics,
        "controls": found,
        "warnings": warnings_of(metrics, found, shapes),
        "drift": drift_over(_of(arms, "fake"), stretch=STRETCH),
        "clips": {name: _clip(one, shapes[name]) for name, one in arms["fake"].items()},
        "control_clips": {
            arm: {name: _rounded(one.values) for name, one in arms[arm].items()} for arm in found
        },
        "settings": settings,
        "provenance": origin_of(),
    }


def _of(arms: dict[str, dict[str, ClipScores]], arm: str) -> Sequence[ClipScores]:
    return list(arms.get(arm, {}).values())


def _clip(scores: ClipScores, shape: list[int]) -> Json:
    frames = {name: [plain(it) for it in values] for name, values in scores.frames.items()}
    return {"shape": shape, "values": _rounded(scores.values), "frames": frames}


def _rounded(values: dict[str, float]) -> Json:
    return {name: plain(value) for name, value in values.items()}
