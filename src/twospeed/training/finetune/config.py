"""What a fine-tuning, or a memory module, depends on beside the model and the data."""

from dataclasses import dataclass, field
from typing import Annotated

from twospeed.core.errors import lookup
from twospeed.core.fields import check_fields
from twospeed.core.ranges import FramesPerSecond, Share, Width, Within
from twospeed.training.loop_config import LoopConfig
from twospeed.training.recall.config import WriteLossConfig
from twospeed.training.stages.slow import SlowLearningConfig
from twospeed.worldmodel.backbones.placement import DTYPES


def _slow() -> SlowLearningConfig:
    return SlowLearningConfig(batch_size=1, past_level=0, text_noise=0.0, text_dropout=0.1)


@dataclass(frozen=True, kw_only=True, slots=True)
class FinetuneConfig:
    """How weights that are there already learn from recorded episodes."""

    lora: Annotated[int, Within(0, 4096)] = 0
    """Rank of the adapter that learns; 0 lets all weights of the denoiser learn."""

    dtype: str = "float32"
    """Precision of the weights beside an adapter, which is float32; where all weights learn they
    are float32 and this is the precision of the arithmetic."""

    checkpointing: bool = False
    """Whether activations are computed again for the gradient, which takes less memory."""

    first_share: Share = 0.2
    """Share of the windows whose past is an episode's first frame alone."""

    frames_per_second: FramesPerSecond | None = None
    """A rate that the model goes over to; by default the data must have the model's own, where it
    is one of ours."""

    slow: SlowLearningConfig = field(default_factory=_slow)
    """Batches and noise; the lengths of past and new frames follow the model and the data."""

    loop: LoopConfig = field(
        default_factory=lambda: LoopConfig(steps=2_000, learning_rate=1e-4, warmup_steps=50)
    )
    """How it is trained."""

    def __post_init__(self) -> None:
        check_fields(self)
        lookup(DTYPES, self.dtype, "dtype")


@dataclass(frozen=True, kw_only=True, slots=True)
class MemoryModuleConfig(WriteLossConfig):
    """How a memory module is built and learns."""

    keys: Width = 256
    """Features of a key: the rank of its memories."""

    width: Width = 192
    """Features of an embedded action."""

    episodes: Annotated[int, Within(2, 65_536)] = 8
    """Episodes in a step; each is told apart from its neighbour."""

    score_weight: Annotated[float, Within(0, 1e6)] = 1.0
    """Weight of the squared familiarity score that an empty memory gives: it should give none."""

    dtype: str = "float32"
    """Precision in which the frozen model is opened and written; the module is float32."""

    loop: LoopConfig = field(
        default_factory=lambda: LoopConfig(steps=4_000, learning_rate=8e-4, warmup_steps=20)
    )
    """How it is trained."""

    def __post_init__(self) -> None:
        check_fields(self)
        lookup(DTYPES, self.dtype, "dtype")
