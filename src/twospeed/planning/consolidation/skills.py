"""What slow weights can do in every world that they know, as numbers.

loss      diffusion loss on recorded episodes
obeyed    share of commands that generated chunks obey: read by the motion network in rooms,
          elsewhere by which command's chunk is nearest to the true one
recall    decibels that the memory of an episode adds at revisits (observed return)
retrace   metres of an agent that goes back the way it came, by its memory (planning)
put_back  metres of a block from where it was, put back by a memory, where there is a hand

Recall and planning are measured with the memory preset that acts on the denoiser (`associative`).
Axes: B clips, C channels, T frames, H and W cells.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch

from twospeed.core.random import generator_of
from twospeed.data.episode import Episode
from twospeed.data.recorder import explore_episode
from twospeed.data.recording import RecordingConfig
from twospeed.evaluation.adherence import AdherenceConfig, draw_trials, outcomes_of
from twospeed.evaluation.protocols.base import ProtocolConfig, in_batches
from twospeed.evaluation.protocols.observed_return import run_observed_return
from twospeed.evaluation.protocols.scores import score
from twospeed.evaluation.protocols.walks import draw_walks
from twospeed.evaluation.yardstick.features import load_clip_network
from twospeed.evaluation.yardstick.motion import MOTIONS, obeyed
from twospeed.memory.presets import associative
from twospeed.planning.consolidation.config import MatrixConfig
from twospeed.planning.inverse.learned import LearnedInverseDynamics
from twospeed.planning.packaged import packaged_for
from twospeed.planning.plan import measure_plans
from twospeed.planning.plan_config import PlanConfig
from twospeed.planning.tasks.table import TASKS
from twospeed.training.data.latents import EpisodeLatents
from twospeed.training.data.windows import windows_of
from twospeed.training.stages.slow import SlowLearningConfig, slow_loss
from twospeed.worldmodel.model import WorldModel
from twospeed.worlds.registry import WORLDS, is_installed, make_world
from twospeed.worlds.routes.stepped import can_be_walked


@dataclass(frozen=True, kw_only=True, slots=True)
class Measured:
    """One skill in one world."""

    skill: str
    """A name in `SKILLS`."""

    world: str

    value: float | None
    """None where it cannot be measured."""

    unit: str

    episodes: int
    """Measured on so many, from `MatrixConfig.first_seed` on."""

    missing: str = ""
    """Why it is not measured."""

    @property
    def name(self) -> str:
        """Return skill and world in one."""
        return f"{self.skill}, {self.world}"


def worlds_of(model: WorldModel, config: MatrixConfig) -> list[str]:
    """Return the worlds that are asked for, or else all that a model was trained on."""
    if config.worlds:
        return list(dict.fromkeys(config.worlds))
    known = model.vocabulary.worlds if model.vocabulary else ()
    own = (model.settings.world,) if model.settings.world else ()
    return list(dict.fromkeys((*known, *own)))


def measure(model: WorldModel, config: MatrixConfig) -> Iterator[Measured]:
    """Yield every skill in every world, the cheap ones first.

    Args:
        model: the slow weights.
        config: what is measured.
    """
    for skill in config.skills:
        for world in worlds_of(model, config):
            yield _measured(skill, model, world, config)


def _measured(skill: str, model: WorldModel, world: str, config: MatrixConfig) -> Measured:
    unit, episodes_of, fits, value_of = _TABLE[skill]
    missing = _missing(world) or fits(model, world)
    value = None if missing else value_of(model, world, config)
    return Measured(
        skill=skill,
        world=world,
        value=None if value is None else round(value, 6),
        unit=unit,
        episodes=0 if missing else episodes_of(config),
        missing=missing,
    )


def _missing(world: str) -> str:
    kind = WORLDS.get(world)
    if kind is None:
        return "no world of ours"
    return "" if is_installed(kind.about) else "its engine is not installed"


def _always(model: WorldModel, world: str) -> str:  # noqa: ARG001
    return ""


def _can_recall(model: WorldModel, world: str) -> str:  # noqa: ARG001
    return "" if can_be_walked(WORLDS[world]) else "no routes are walked there"


def _can_plan(task: str, model: WorldModel, world: str) -> str:
    if not TASKS[task][1](WORLDS[world]):
        return "no such task is set there"
    if model.settings.world != world:
        return f"the model's own world is {model.settings.world}"
    if not packaged_for("inverse", world).exists():
        return "no packaged inverse dynamics"
    shape = LearnedInverseDynamics.load(world).settings.shape
    if shape.frame_size != model.settings.frame_size:
        return f"its inverse dynamics read frames of {shape.frame_size} pixels"
    return ""


def _episodes(model: WorldModel, world: str, config: MatrixConfig) -> list[Episode]:
    settings = model.settings
    recording = RecordingConfig(
        world=world,
        episodes=config.episodes,
        first_seed=config.first_seed,
        chunks=config.chunks,
        chunk_frames=settings.chunk_frames,
        frame_size=settings.frame_size,
    )
    place = make_world(world, frame_size=settings.frame_size)
    try:
        seeds = range(config.first_seed, config.first_seed + config.episodes)
        return [explore_episode(recording, place, seed) for seed in seeds]
    finally:
        place.close()


@torch.no_grad()
def _loss(model: WorldModel, world: str, config: MatrixConfig) -> float:
    """Return the mean diffusion loss over all chunks, the noise the same in every call."""
    slow = SlowLearningConfig(joint_share=0, text_dropout=0, past_level=0, text_noise=0)
    no_text = model.text_encoder.encode([""]).to(model.device)
    losses = []
    for episode in _episodes(model, world, config):
        latents = model.encode(episode.frames[None])[0].transpose(0, 1).half().cpu().numpy()
        cut = EpisodeLatents(latents_TCHW=latents, actions=episode.actions)
        for chunks in ([0], list(range(1, len(episode.actions)))):
            windows = windows_of([(cut, it) for it in chunks], model.text_encoder)
            noise = generator_of(config.seed, "matrix", episode.seed, len(chunks))
            loss = slow_loss(model.denoiser, windows, no_text, model.schedule, slow, noise)
            losses += [float(loss)] * len(chunks)
    return float(np.mean(losses))


def _obeyed(model: WorldModel, world: str, config: MatrixConfig) -> float:
    episodes = _episodes(model, world, config)
    if world == "rooms":
        return _read(model, episodes, config)
    settings = AdherenceConfig(seed=config.seed, batch_size=config.batch_size)
    trials = draw_trials(episodes, settings)
    return float(np.mean(outcomes_of(model, world, trials, settings)))


def _read(model: WorldModel, episodes: Sequence[Episode], config: MatrixConfig) -> float:
    """Try every move after every episode; the motion network reads what was generated."""
    network, length = load_clip_network(), model.settings.chunk_frames
    found: list[float] = []
    tried = [(episode, text) for episode in episodes for text in MOTIONS]
    for batch in in_batches(tried, config.batch_size):
        past = torch.cat([model.encode(one.frames[None, -length:]) for one, _ in batch])
        seeds = [(config.seed, "matrix", one.seed, text) for one, text in batch]
        texts = [text for _, text in batch]
        made = model.decode(model.generate(past.to(model.device), texts, seeds))
        for (one, text), frames in zip(batch, made, strict=True):
            found += obeyed(network, np.concatenate([one.frames[-1:], frames]), [text])
    return float(np.mean(found))


def _recall(model: WorldModel, world: str, config: MatrixConfig) -> float:
    seeds = range(config.first_seed, config.first_seed + config.recall_episodes)
    walks = draw_walks(config.route, seeds, size=model.settings.frame_size, world=world)
    settings = ProtocolConfig(
        memory=associative(model), seed=config.seed, batch_size=config.batch_size
    )
    outcomes = run_observed_return(model, walks, settings, advance=lambda *_, **__: None)
    scores = [score(outcome) for outcome in outcomes]
    gains = [one.mean("psnr_db", "on") - one.mean("psnr_db", "off") for one in scores]
    return float(np.nanmean(gains))


def _planned(task: str, model: WorldModel, world: str, config: MatrixConfig) -> float:
    planned = PlanConfig(
        task=task,
        world=world,
        arms=("on",),
        episodes=config.planned_episodes,
        first_seed=config.first_seed,
        preset="associative",
        seed=config.seed,
    )
    report = measure_plans(model, LearnedInverseDynamics.load(world), planned)
    return float(report["arms"]["on"]["distance_m"]["mean"])


_Row = tuple[
    str,
    Callable[[MatrixConfig], int],
    Callable[[WorldModel, str], str],
    Callable[[WorldModel, str, MatrixConfig], float],
]


def _row_of(task: str) -> _Row:
    return "m", lambda it: it.planned_episodes, partial(_can_plan, task), partial(_planned, task)


_TABLE: Mapping[str, _Row] = {
    "loss": ("mean squared error", lambda it: it.episodes, _always, _loss),
    "obeyed": ("share", lambda it: it.episodes, _always, _obeyed),
    "recall": ("dB", lambda it: it.recall_episodes, _can_recall, _recall),
    "retrace": _row_of("retrace"),
    "put_back": _row_of("put_back"),
}
"""Skill -> unit, episodes, why it cannot be measured ("" where it can), and its value."""
