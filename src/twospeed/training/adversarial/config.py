"""How slow weights learn against a critic: the settings of learning.py."""

from dataclasses import dataclass, field
from typing import Annotated

from twospeed.core.fields import check_fields
from twospeed.core.ranges import Batch, Count, Level, Share, Steps, Within
from twospeed.training.loop_config import LoopConfig


def _loop() -> LoopConfig:
    """Return the settings of a loop that two networks share: their gradients are not clipped."""
    return LoopConfig(
        steps=0, learning_rate=5e-5, betas=(0.5, 0.99), max_grad_norm=1e9, ema_decay=0.998
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class AdversarialConfig:
    """How slow weights are judged on chunks that they generated one after the other."""

    walks: Batch = 2
    """Walks in a step; every chunk of them is judged."""

    chunks: Count = 6
    """Chunks of a walk: each but the first goes on from generated frames alone."""

    sampling_steps: tuple[Count, ...] = (4, 5, 6)
    """Numbers of steps that a chunk is generated in, drawn with equal chance. What is judged is
    what one of them, drawn by chance, takes for clean; the gradient goes through that one alone."""

    judged_below: Level = 650
    """Greatest noise level (of 1000) of a step that is judged: with more noise, what is clean is
    not yet known, and its mean is the right answer."""

    critic_first: Steps = 300
    """Steps at the start in which the critic learns alone."""

    critic_width: Batch = 96
    """Features of the critic, twice as many on smaller maps."""

    critic_penalty: Annotated[float, Within(0, 1e6)] = 1.0
    """Weight of what the critic's scores change by under a little noise (approximated R1 and R2,
    Lin et al., arXiv 2501.08316)."""

    critic_noise: Annotated[float, Within(0, 1000)] = 0.1
    """Deviation of that noise, in those of latents."""

    weight: Annotated[float, Within(0, 1e6)] = 0.2
    """Weight of the critic's judgement beside the diffusion loss."""

    diffusion_share: Share = 0.5
    """Share of the steps with a batch of slow learning, which holds the model to its data."""

    way: Share = 0.5
    """How far along the line from the weights that they began with to those that they learned the
    weights end (Wortsman et al., arXiv 2109.01903): all the way, textures turn restless."""

    loop: LoopConfig = field(default_factory=_loop)
    """How slow weights and critic learn; the critic's move six times as far."""

    def __post_init__(self) -> None:
        check_fields(self)
