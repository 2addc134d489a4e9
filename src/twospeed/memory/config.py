"""How fast weights learn: every lever is a field.

`FastLearningConfig` is what all ways of writing share; each of `VARIANTS` adds what it alone reads.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Annotated, Any, ClassVar

from twospeed.core.errors import ConfigError
from twospeed.core.fields import check_fields
from twospeed.core.ranges import Above, Count, Level, Share, Width, Within
from twospeed.core.renamed import Renamed
from twospeed.memory.renamed import SETTINGS, is_of_both
from twospeed.worldmodel.recall import LAYER
from twospeed.worldmodel.rendering.renderer import LAYER as VIEWS

Amount = Annotated[float, Within(0, 1e6)]
"""A number from 0 on."""


@dataclass(frozen=True, kw_only=True, slots=True)
class FastLearningConfig:
    """How the adapters are written after each chunk: one of `VARIANTS`.

    Raises:
        ConfigError: when a setting is out of its range, or the class is this one itself.
    """

    RENAMED: ClassVar[Mapping[str, Renamed]] = SETTINGS
    OBJECTIVES: ClassVar[tuple[str, ...]] = ()

    rank: Width = 32
    """Rank of every adapter."""

    targets: tuple[str, ...] = (
        "to_qkv", "to_q", "to_k", "to_v", "to_out", "to_out.0", "up", "down",
    )  # fmt: skip
    """Names of the linear layers that get an adapter, each whole or its last parts."""

    learning_rate: Amount = 1e-4
    """Step size; 0 writes nothing."""

    updates_per_chunk: Annotated[int, Within(0, 10_000)] = 1
    """Steps after each chunk; 0 turns the memory off."""

    objective: str = ""
    """What a write minimises."""

    keep_optimizer: bool = True
    """Whether what the steps depend on beside the weights lives on from chunk to chunk."""

    anchor: Share = 0.0
    """Share of the written weights that is forgotten at each chunk (a pull towards none)."""

    max_norm: Amount | None = None
    """Bound on the L2 norm of all written weights (`up`); None sets none."""

    gate: Amount = 0.0
    """A chunk whose loss before the write is below this is not written: nothing new in it."""

    contrast: Amount = 0.0
    """w of the read-out slow + (1 + w) (fast - slow); 0 is the plain sum of weights."""

    def __post_init__(self) -> None:
        check_fields(self)
        if not self.OBJECTIVES:
            raise ConfigError("memories are written by a GradientConfig or a RidgeConfig")
        if self.objective not in self.OBJECTIVES:
            others = [kind for kind in VARIANTS if self.objective in kind.OBJECTIVES]
            hint = f"; that is one of {others[0].__name__}" if others else ""
            raise ConfigError(
                f"objective of {type(self).__name__} is one of {', '.join(self.OBJECTIVES)}, got"
                f" {self.objective!r}{hint}"
            )

    @classmethod
    def of_stored(cls, values: dict[str, Any]) -> tuple[type[Any], dict[str, Any]]:
        """Return which configuration stored settings are, by their objective, and its settings.

        What was stored when one class held the settings of both goes without the other's.
        """
        objective = values.get("objective")
        is_ridge = objective in RidgeConfig.OBJECTIVES
        kinds = [kind for kind in VARIANTS if objective in kind.OBJECTIVES]
        kind = (kinds or [GradientConfig])[0] if cls is FastLearningConfig else cls
        if is_of_both(values):
            names = {field.name for field in fields(kind)}
            values = {name: value for name, value in values.items() if name in names}
            if is_ridge and values.get("updates_per_chunk"):
                values["updates_per_chunk"] = 1
        return kind, values


@dataclass(frozen=True, kw_only=True, slots=True)
class GradientConfig(FastLearningConfig):
    """Gradient steps of Adam on the diffusion loss (temp_lora_writer.py); as it is, the paper's."""

    OBJECTIVES: ClassVar[tuple[str, ...]] = ("joint", "next", "both")

    objective: str = "joint"
    """"joint": all frames of the window noised, no text, loss on all frames (the paper);
    "next": past frames clean, action given, loss on new frames; "both": half of each."""

    levels_per_update: Annotated[int, Within(1, 1000)] = 1
    """Noise levels, spread evenly, in the batch of one gradient step."""

    lowest_level: Level = 1
    """Least noise level that is trained on; 1 or more."""

    highest_level: Level = 1000
    """Greatest noise level that is trained on."""

    past_level: Level = 0
    """Half of the noisings that are told the past get it noised up to this level (of 1000), since
    what is generated later stands on pasts that are not perfect; 0 keeps it clean."""

    rehearsed_per_update: Annotated[int, Within(0, 1000)] = 0
    """Noisings of earlier windows of this episode in the batch of one gradient step; 0, as in the
    paper, learns each chunk from its own window alone."""

    rehearsal_windows: Count = 64
    """Earlier windows that are kept for that, as latents, while the episode runs; when there are
    more, a random one makes room. They are no part of the memory file."""

    betas: tuple[Share, Share] = (0.9, 0.999)
    """Adam's averaging of the gradient and of its square."""

    @property
    def noisings_per_update(self) -> int:
        """Windows in the batch of one gradient step of one episode."""
        return self.levels_per_update + self.rehearsed_per_update

    def __post_init__(self) -> None:
        FastLearningConfig.__post_init__(self)
        low, high = self.lowest_level, self.highest_level
        if not 1 <= low <= high:
            raise ConfigError(f"levels must be 1 <= lowest <= highest, got {low} and {high}")


@dataclass(frozen=True, kw_only=True, slots=True)
class BulkConfig(GradientConfig):
    """AdamW on all that was observed, before the memory is asked next (bulk_writer.py); CoME's."""

    OBJECTIVES: ClassVar[tuple[str, ...]] = ("bulk",)

    objective: str = "bulk"
    """As "joint", on windows drawn from all true frames."""

    window_frames: Annotated[int, Within(2, 4096)] = 20
    """Frames of a window; as many as there are where fewer were observed."""

    weight_decay: Share = 0.01
    """Share of the weights, times the step size, that each step takes away."""


@dataclass(frozen=True, kw_only=True, slots=True)
class RidgeConfig(FastLearningConfig):
    """Least squares on the recall layer (ridge_writer.py), solved by one step a chunk."""

    OBJECTIVES: ClassVar[tuple[str, ...]] = ("recall",)

    rank: Width = 256
    """Inputs of the recall layer."""

    targets: tuple[str, ...] = (LAYER,)
    """The recall layer's name."""

    learning_rate: Amount = 1.0
    """Share of the change that is made; 0 writes nothing."""

    updates_per_chunk: Annotated[int, Within(0, 1)] = 1
    """One step solves it; 0 turns the memory off."""

    objective: str = "recall"
    """Squared error of the recall layer's guess of the new frames, over all chunks so far."""

    ridge: Annotated[float, Above(0, 1e6)] = 0.03
    """What is added to the keys' overlaps; more bounds a write more."""

    both_ways: bool = True
    """Whether a write also learns the chunk time-reversed, its frames backwards under the inverse
    action."""

    generated_weight: Share = 0.0
    """Weight w of what is familiar in a generated chunk: familiar to a share m (0 to 1), it counts
    1 - (1 - w) m times; 1 believes it as if it had been seen."""

    retrieval_range: tuple[float, float] | None = None
    """Familiarity (0 to 1) from which on, and at which wholly, what is recalled takes the place of
    the denoiser's prediction (retrieval_gate.py); None never."""

    def __post_init__(self) -> None:
        FastLearningConfig.__post_init__(self)
        _check_rising(self.retrieval_range)


@dataclass(frozen=True, kw_only=True, slots=True)
class ViewConfig(FastLearningConfig):
    """Seen views as rows of fast weights, from which new ones are drawn (views/)."""

    OBJECTIVES: ClassVar[tuple[str, ...]] = ("views",)

    rank: Width = 1024
    """Most views that are kept, a row each."""

    targets: tuple[str, ...] = (VIEWS,)
    """The layer whose fast weights hold them."""

    learning_rate: Annotated[float, Within(1, 1)] = 1.0
    """A view is kept as it is."""

    updates_per_chunk: Annotated[int, Within(1, 1)] = 1
    """It is kept at once."""

    objective: str = "views"
    """Nothing is minimised."""

    references: Annotated[int, Within(1, 64)] = 4
    """Most seen views that one new view is drawn from."""

    same_view: Amount = 0.05
    """Steps (0.25 m, or 22.5 degrees) within which two views are of one pose: the later stays."""

    known_view: Amount = 0.15
    """Steps (0.25 m, or 22.5 degrees) within which a seen view is taken as it is, not drawn."""

    recent_chunks: Annotated[int, Within(0, 10**6)] = 2
    """The latest chunks that do not correct the pose: they drifted with it."""

    news_below: Share = 0.5
    """How well what a generated frame shows is seen already, from which on it is not kept."""

    retrieval_range: tuple[float, float] = (11.0, 15.0)
    """PSNR in dB that the renderer expects of a cell, from which on, and at which wholly, its
    drawing takes the place of the denoiser's prediction."""

    def __post_init__(self) -> None:
        FastLearningConfig.__post_init__(self)
        _check_rising(self.retrieval_range)


def _check_rising(ends: tuple[float, float] | None) -> None:
    if ends is not None and not ends[0] < ends[1]:
        raise ConfigError(f"retrieval_range is two rising numbers, got {list(ends)}")


VARIANTS: tuple[type[FastLearningConfig], ...] = (
    GradientConfig, BulkConfig, RidgeConfig, ViewConfig)  # fmt: skip
"""All ways to write."""
