"""How fast weights learn: every lever is a field."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from twospeed.core.errors import ConfigError
from twospeed.core.renamed import Renamed
from twospeed.memory.renamed import SETTINGS

OBJECTIVES = ("joint", "next", "both", "recall")


@dataclass(frozen=True, kw_only=True, slots=True)
class FastLearningConfig:
    """How the adapters are written after each chunk."""

    RENAMED: ClassVar[Mapping[str, Renamed]] = SETTINGS

    rank: int = 32
    """Rank of every adapter."""

    targets: str = r"(to_qkv|to_q|to_k|to_v|to_out|to_out\.0|up|down)$"
    """Regular expression for the names of the linear layers that get an adapter."""

    learning_rate: float = 1e-4
    """Step size; 0 writes nothing. For the objective "recall", the share of its change that is
    made; 1 makes it whole."""

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
    "next": past frames clean, action given, loss on new frames; "both": half of each; "recall": no
    diffusion loss, but the squared error of the recall layer's guess of the new frames, which one
    step solves (recall_writes.py). It needs a model that was trained with such a layer."""

    ridge: float = 0.03
    """For the objective "recall": what is added to the keys' overlaps; more bounds a write more."""

    both_ways: bool = True
    """For the objective "recall": whether a write also learns the chunk time-reversed, its frames
    backwards under the inverse action."""

    generated_weight: float = 0.0
    """For the objective "recall": weight w of what is familiar in a generated chunk: familiar to a
    share m (0 to 1), it counts 1 - (1 - w) m times; 1 believes it as if it had been seen."""

    retrieval_range: tuple[float, float] | None = None
    """For the objective "recall": familiarity (0 to 1) from which on, and at which wholly, what is
    recalled takes the place of the denoiser's prediction (retrieval_gate.py); None never."""

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
    """Whether Adam's averages, or the matrix of the least squares, live on from chunk to chunk."""

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
        if not 0 <= self.generated_weight <= 1:
            raise ConfigError(
                f"generated_weight is a share from 0 to 1, got {self.generated_weight}"
            )
        range_ = self.retrieval_range
        if range_ and not (self.objective == "recall" and range_[0] < range_[1]):
            raise ConfigError(
                "retrieval_range needs the objective recall and two rising numbers, got"
                f" {self.objective!r} and {self.retrieval_range}"
            )
        if self.ridge <= 0:
            raise ConfigError(f"ridge must be above 0, got {self.ridge}")
        if self.objective not in OBJECTIVES:
            raise ConfigError(
                f"objective is one of {', '.join(OBJECTIVES)}, got {self.objective!r}"
            )
        if not 1 <= self.lowest_level <= self.highest_level:
            raise ConfigError(
                f"levels must be 1 <= lowest <= highest, got {self.lowest_level} and"
                f" {self.highest_level}"
            )
