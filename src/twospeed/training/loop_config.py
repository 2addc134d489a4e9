"""How a module is trained: the settings of loop.py, and the learning rate that they mean."""

from dataclasses import dataclass
from typing import Annotated

from twospeed.core.errors import lookup
from twospeed.core.fields import check_fields
from twospeed.core.ranges import Above, Minutes, Seed, Share, Steps, Within
from twospeed.training.optimizers import OPTIMIZERS


@dataclass(frozen=True, kw_only=True, slots=True)
class LoopConfig:
    """How a module is trained."""

    steps: Steps = 10_000
    """Optimizer steps in all; 0 leaves the weights as they are."""

    learning_rate: Annotated[float, Above(0, 1000)] = 1e-3
    """AdamW's step size after the warm-up."""

    warmup_steps: Steps = 200
    """Steps over which the learning rate grows from 0."""

    cooldown: Share = 0.2
    """Share of the steps, or of the minutes that were given, over which the learning rate falls to
    0 at the end."""

    weight_decay: Annotated[float, Within(0, 1000)] = 0.01
    """AdamW's decoupled weight decay."""

    betas: tuple[Share, Share] = (0.9, 0.99)
    """AdamW's averaging of the gradient and of its square."""

    max_grad_norm: Annotated[float, Above(0, 1e9)] = 1.0
    """Gradients are clipped to this L2 norm."""

    ema_decay: Share = 0.999
    """Averaging of the weights that are shipped; shorter while training is young."""

    accumulate: Annotated[int, Within(1, 65_536)] = 1
    """Batches whose gradients are added up for one step; several processes share them, each takes
    one at least."""

    optimizer: str = "adamw"
    """"adamw", "muon", or "adamw8bit" where bitsandbytes is installed."""

    checkpoint_minutes: Minutes = 3.0
    """Minutes between checkpoints; 0 writes one after every step."""

    seed: Seed = 0
    """Seed of every draw of the run."""

    def __post_init__(self) -> None:
        check_fields(self)
        lookup(dict.fromkeys(OPTIMIZERS), self.optimizer, "optimizer")


def rate_at(step: int, config: LoopConfig) -> float:
    """Return the learning rate as a share of its maximum: up, level, down."""
    up = (step + 1) / max(config.warmup_steps, 1)
    down = (config.steps - step) / max(config.cooldown * config.steps, 1)
    return min(1.0, up, down)
