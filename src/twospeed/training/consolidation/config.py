"""How lessons become a skill of the slow weights: every lever is a field."""

from dataclasses import dataclass, field
from typing import Annotated

from twospeed.core.errors import ConfigError, lookup
from twospeed.core.fields import check_fields
from twospeed.core.ranges import Above, Batch, Count, Share, Within
from twospeed.training.loop_config import LoopConfig
from twospeed.training.stages.slow import SlowLearningConfig

WAYS = ("paper", "closed")

Weight = Annotated[float, Within(0, 1e6)]


@dataclass(frozen=True, kw_only=True, slots=True)
class ConsolidationConfig:
    """How the slow weights learn beside frozen memories."""

    how: str = "paper"
    """"paper": gradient steps on all of the denoiser (Algorithm 1(b) of SlowFast-VGen); "closed":
    the recall layer alone, by least squares at once (closed.py)."""

    held_out_every: Annotated[int, Within(2, 10**6)] = 8
    """Every so many lessons one is held out: nothing is learned from it."""

    episodes: Batch = 4
    """Lessons side by side in a round; more than there are come twice."""

    windows_per_episode: Batch = 2
    """Windows of every lesson in the batch of one step."""

    steps_per_round: Count = 4
    """Steps on one round of lessons."""

    without_memory: Share = 0.25
    """Share of the steps that see no memory, on all chunks, so that the slow weights stay good
    alone."""

    rehearsed: Share = 0.25
    """Share of the steps on chunks that the memories have learned, so that these stay recalled."""

    recall_weight: Weight = 0.25
    """Weight of the squared error of what a recall layer gives beside the memory, its familiarity
    score included; 0 is the algorithm as printed, the diffusion loss alone."""

    ridge: Annotated[float, Above(0, 1e9)] = 1.0
    """Of the closed form: what is added to the keys' overlaps; more changes less."""

    slow: SlowLearningConfig = field(
        default_factory=lambda: SlowLearningConfig(joint_share=0.0, text_noise=0.0)
    )
    """How windows are noised."""

    loop: LoopConfig = field(
        default_factory=lambda: LoopConfig(
            steps=400, learning_rate=1e-4, warmup_steps=20, ema_decay=0.99
        )
    )
    """Of the gradient steps."""

    def __post_init__(self) -> None:
        check_fields(self)
        lookup(dict.fromkeys(WAYS), self.how, "way to consolidate")
        if self.without_memory + self.rehearsed > 1:
            raise ConfigError(
                "without_memory and rehearsed are shares of the same steps: together 1 or less, got"
                f" {self.without_memory + self.rehearsed:g}"
            )
