"""How fast weights learn: the paper's way, ours, and none."""

from collections.abc import Callable
from dataclasses import dataclass

from twospeed.core.config import from_json
from twospeed.core.errors import ConfigError, lookup
from twospeed.memory.optimizers import OPTIMIZERS
from twospeed.worldmodel.model import WorldModel

OBJECTIVES = ("joint", "next", "both")
DOWNS = {"drawn": "by chance", "learned": "with the model"}


@dataclass(frozen=True, kw_only=True, slots=True)
class FastLearningConfig:
    """How the adapters are written after each chunk."""

    rank: int = 32
    """Rank of every adapter."""

    targets: str = r"(to_qkv|to_q|to_k|to_v|to_out|to_out\.0|up|down)$"
    """Regular expression for the names of the linear layers that get an adapter."""

    down: str = "drawn"
    """"drawn": `down` is drawn by chance and learns beside `up`; "learned": it comes with the model
    (its ``fast_weights/``) and stays, so that only `up` is written."""

    optimizer: str = "adam"
    """"adam", as in the paper, or "gradient": plain gradient steps, so that writes add up."""

    learning_rate: float = 1e-4
    """Step size; 0 writes nothing."""

    updates_per_chunk: int = 1
    """Gradient steps after each chunk; 0 turns the memory off."""

    levels_per_update: int = 1
    """Noise levels, spread evenly, in the batch of one gradient step."""

    lowest_level: int = 1
    """Least noise level that is trained on."""

    highest_level: int = 1000
    """Greatest noise level that is trained on."""

    objective: str = "joint"
    """"joint": all frames of the window noised, no text, loss on all frames (the paper);
    "next": past frames clean, action given, loss on new frames; "both": half of each."""

    past_level: int = 0
    """Half of the noisings that are told the past get it noised up to this level (of 1000), since
    what is generated later stands on pasts that are not perfect; 0 keeps it clean."""

    rehearsed_per_update: int = 0
    """Noisings of earlier windows of this episode in the batch of one gradient step; 0, as in the
    paper, learns each chunk from its own window alone."""

    rehearsal_windows: int = 64
    """Earlier windows that are kept for that, as latents, while the episode runs; when there are
    more, a random one makes room. They are no part of the memory file."""

    keep_optimizer: bool = True
    """Whether Adam's averages live on from chunk to chunk."""

    betas: tuple[float, float] = (0.9, 0.999)
    """Adam's averaging of the gradient and of its square."""

    anchor: float = 0.0
    """Share of the written weights that is forgotten at each chunk (a pull towards none)."""

    max_norm: float | None = None
    """Bound on the L2 norm of all written weights (`up`); None sets none."""

    gate: float = 0.0
    """A chunk whose loss before the write is below this is not written: nothing new in it."""

    contrast: float = 0.0
    """w of the read-out slow + (1 + w) (fast - slow); 0 is the plain sum of weights."""

    @property
    def noisings_per_update(self) -> int:
        """Windows in the batch of one gradient step of one episode."""
        return self.levels_per_update + self.rehearsed_per_update

    def __post_init__(self) -> None:
        if self.rank < 1:
            raise ConfigError(f"rank must be at least 1, got {self.rank}")
        if self.learning_rate < 0:
            raise ConfigError(f"learning_rate must be 0 or more, got {self.learning_rate}")
        if self.updates_per_chunk < 0 or self.levels_per_update < 1:
            raise ConfigError(
                "updates_per_chunk must be 0 (memory off) or more and levels_per_update 1 or more,"
                f" got {self.updates_per_chunk} and {self.levels_per_update}"
            )
        if not 0 <= self.past_level <= 1000:
            raise ConfigError(f"past_level must be from 0 to 1000, got {self.past_level}")
        if self.rehearsed_per_update < 0 or self.rehearsal_windows < 1:
            raise ConfigError(
                "rehearsed_per_update must be 0 or more and rehearsal_windows 1 or more, got"
                f" {self.rehearsed_per_update} and {self.rehearsal_windows}"
            )
        lookup(DOWNS, self.down, "kind of down")
        lookup(OPTIMIZERS, self.optimizer, "optimizer")
        if self.objective not in OBJECTIVES:
            raise ConfigError(
                f"objective is one of {', '.join(OBJECTIVES)}, got {self.objective!r}"
            )
        if not 1 <= self.lowest_level <= self.highest_level:
            raise ConfigError(
                f"levels must be 1 <= lowest <= highest, got {self.lowest_level} and"
                f" {self.highest_level}"
            )


def paper() -> FastLearningConfig:
    """Algorithm 1(a) of SlowFast-VGen: rank 32, Adam, 1e-4, one update a chunk, joint window."""
    return FastLearningConfig()


def default() -> FastLearningConfig:
    """What recalls most for its cost on the packaged models (experiments/LOG.md).

    Feed-forward layers only; each update learns the new frames given past frames and action, at
    the noise levels where content is decided, beside three earlier windows of the episode.
    """
    return FastLearningConfig(
        targets=r"(up|down|ff\.net\.0\.proj|ff\.net\.2)$",
        learning_rate=5e-3,
        updates_per_chunk=10,
        rehearsed_per_update=3,
        lowest_level=400,
        past_level=300,
        objective="next",
    )


PRESETS: dict[str, Callable[[], FastLearningConfig]] = {"paper": paper, "default": default}
"""Name on the command line -> configuration."""


def preset_of(model: WorldModel, name: str) -> FastLearningConfig:
    """Return a preset; "default" is what the model was trained with, where it brings that.

    Raises:
        UnknownNameError: when there is no such preset.
    """
    preset = lookup(PRESETS, name, "memory preset")
    if name == "default" and model.fast_start is not None:
        return from_json(FastLearningConfig, model.fast_start.config)
    return preset()
