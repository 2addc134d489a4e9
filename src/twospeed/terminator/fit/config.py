"""What a fit is made of; named ones stand in recipes.py."""

import math
from dataclasses import dataclass, field

from twospeed.core.errors import ConfigError
from twospeed.terminator.block_config import BlockConfig
from twospeed.terminator.losses import SLOW_LOSSES
from twospeed.terminator.network import TerminatorConfig

LAYOUTS = ("image", "sequence", "permuted")
OPTIMIZERS = ("adamw", "kar2", "kar3")
AUGMENTATIONS = ("none", "crop", "crop-flip")


@dataclass(frozen=True, kw_only=True)
class NetworkConfig:
    """A network whose input and classes are those of the data."""

    learner: str = "terminator"
    """"terminator", or a peer's name."""

    widths: tuple[int, ...] = (12, 36, 72, 144, 288)
    """Channels after each block, each a multiple of the one before and of the groups."""

    earlier: tuple[tuple[int, int], ...] = ((0, 0), (0, 0), (1, 0), (2, 0), (3, 2))
    """Blocks whose outputs come in again, see `TerminatorConfig.earlier`."""

    dropout: float = 0.05
    """In every block but the first."""

    parameters: int = 0
    """For a peer: about how many numbers; 0 takes as many as the Terminator of this recipe."""

    block: BlockConfig = field(default_factory=BlockConfig)
    """What all blocks share."""

    def __post_init__(self) -> None:
        if not 0 <= self.dropout < 1:
            raise ConfigError(f"dropout must be in [0, 1), got {self.dropout}")

    def terminator(
        self, *, channels: int, sizes: tuple[int, ...], num_classes: int
    ) -> TerminatorConfig:
        """Return the network for data of this shape.

        Raises:
            ConfigError: when a width is no multiple of the one before.
        """
        before = (channels, *self.widths)
        for last, width in zip(before, self.widths, strict=False):
            if width % last:
                raise ConfigError(
                    f"widths must each be a multiple of the one before, got {before} "
                    "(the first are the channels of the data)"
                )
        count = len(self.widths)
        return TerminatorConfig(
            channels=channels,
            sizes=sizes,
            num_classes=num_classes,
            expansions=tuple(w // last for last, w in zip(before, self.widths, strict=False)),
            earlier=self.earlier,
            layers_global=(3, *(2,) * (count - 1)),
            dropout=(0.0, *(self.dropout,) * (count - 1)),
            block=self.block,
        )


@dataclass(frozen=True, kw_only=True)
class FitConfig:
    """A whole fit of a classifier of pixels."""

    network: NetworkConfig = field(default_factory=NetworkConfig)
    """What is trained."""

    layout: str = "image"
    """"image", "sequence" (row by row) or "permuted" (in one fixed random order)."""

    permutation_seed: int = 92916
    """Of the order in "permuted"."""

    epochs: int = 100
    """Passes over the training examples."""

    batch_size: int = 64
    """Examples of one step."""

    optimizer: str = "adamw"
    """adamw, kar2 or kar3."""

    learning_rate: float = 1e-3
    """At its peak; linear warm-up, then cosine to 0, per step."""

    betas: tuple[float, float] = (0.9, 0.99)
    """Of the optimiser; Kar2 uses the second."""

    weight_decay: float = 0.0
    """Decoupled, per step times the rate."""

    warmup_epochs: float = 1.0
    """Length of the warm-up."""

    max_grad_norm: float = 0.0
    """Gradients are clipped to this L2 norm; 0 leaves them alone."""

    label_smoothing: float = 0.1
    """ε of the cross-entropy."""

    slow_loss: str = "c"
    """Variant a, b or c of the slow neural loss."""

    slow_weight: float = 1.0
    """Its weight; 0 leaves it out."""

    norm_weight: float = 0.0
    """Weight of the author's regulariser, a sum of plain norms."""

    augmentation: str = "none"
    """none, crop (pad 4, mirrored) or crop-flip (also left and right)."""

    validation_share: float = 0.1
    """Share of the training examples by which a model is chosen; the test part is not touched."""

    seed: int = 0
    """Of weights, order, augmentation and dropout."""

    fast: bool = True
    """Whether the Terminator is evaluated by `FastTerminator`."""

    bfloat16: bool = False
    """Whether large products run in bfloat16; slow nets and moments never do."""

    compile: bool = False
    """Whether torch.compile is applied."""

    def __post_init__(self) -> None:
        for name, allowed in (
            ("layout", LAYOUTS),
            ("optimizer", OPTIMIZERS),
            ("augmentation", AUGMENTATIONS),
            ("slow_loss", tuple(SLOW_LOSSES)),
        ):
            if getattr(self, name) not in allowed:
                raise ConfigError(
                    f"{name} must be one of {', '.join(allowed)}, got {getattr(self, name)!r}"
                )
        if min(self.epochs, self.batch_size) < 1 or not 0 < self.learning_rate < math.inf:
            raise ConfigError("epochs and batch_size must be at least 1, learning_rate above 0")
        for name in (
            "warmup_epochs",
            "weight_decay",
            "max_grad_norm",
            "slow_weight",
            "norm_weight",
        ):
            if not 0 <= getattr(self, name) < math.inf:
                raise ConfigError(f"{name} must be 0 or more, got {getattr(self, name)}")
        if not all(0 <= beta < 1 for beta in self.betas):
            raise ConfigError(f"each of betas must be in [0, 1), got {self.betas}")
        if not 0 < self.validation_share < 1:
            raise ConfigError(f"validation_share must be in (0, 1), got {self.validation_share}")
        if not 0 <= self.label_smoothing < 1:
            raise ConfigError(f"label_smoothing must be in [0, 1), got {self.label_smoothing}")
