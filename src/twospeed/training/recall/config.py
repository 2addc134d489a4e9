"""How slow weights learn to recall: the settings of learning.py."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, ClassVar

from twospeed.core.fields import check_fields
from twospeed.core.ranges import Batch, Count, Share, Steps, Within
from twospeed.core.renamed import Renamed
from twospeed.training.loop_config import LoopConfig


@dataclass(frozen=True, kw_only=True, slots=True)
class WriteLossConfig:
    """How a recall layer learns by the squared errors of what it gives (write_loss.py)."""

    least_written: Count = 2
    """Fewest chunks that are written before; the number is drawn anew for each step."""

    past_noise: Annotated[float, Within(0, 1000)] = 0.3
    """Greatest deviation of noise on the past that later keys look at."""

    past_mix: Share = 0.7
    """In half of the episodes, later past frames go over to what is recalled of them by a share
    of at most this."""

    repeated_frame_share: Share = 0.25
    """Share of the chunks that are written with their last past frame repeated, as if their episode
    began there: a place should also be known when it is reached in another way."""

    score_weight: Annotated[float, Within(0, 1e6)] = 0.0
    """Weight of the squared familiarity score that an empty memory gives: it should give none."""


@dataclass(frozen=True, kw_only=True, slots=True)
class RecallingConfig(WriteLossConfig):
    """How the slow weights learn to recall."""

    RENAMED: ClassVar[Mapping[str, Renamed]] = {
        "again_share": Renamed("written_share"),
        "still_share": Renamed("repeated_frame_share"),
        "walked_share": Renamed("self_forced_share"),
        "walked_chunks": Renamed("self_forced_chunks"),
    }

    episodes: Batch = 8
    """Episodes in a step."""

    later: Batch = 1
    """Windows of an episode that are predicted with the memory in a step."""

    written_share: Share = 0.25
    """Share of the predicted windows that were themselves written; the others come later."""

    guess_weight: Annotated[float, Within(0, 1e6)] = 0.25
    """Weight of the recall layer's own squared errors on later chunks: with memory, without, and of
    what another episode's memory adds to them."""

    first_steps: Steps = 0
    """Steps at the start in which the recall layer learns alone, by its own squared errors."""

    first_episodes: Batch = 16
    """Episodes in such a step; they cost little."""

    alone_every: Steps = 3
    """Every so many steps, a batch is learned without any memory; 0 for none."""

    self_forced_share: Share = 0.5
    """Share of the steps in which past frames of the predicted windows are generated with the
    memory (self-forcing)."""

    self_forced_chunks: Count = 3
    """Most chunks that are generated one after the other for that."""

    loop: LoopConfig = field(default_factory=lambda: LoopConfig(steps=0, learning_rate=8e-4))
    """How the slow weights learn."""

    def __post_init__(self) -> None:
        check_fields(self)
