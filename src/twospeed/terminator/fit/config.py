"""What a fit is made of; named ones stand in recipes.py."""

from dataclasses import dataclass, field
from typing import Annotated

from twospeed.core.errors import ConfigError
from twospeed.core.fields import check_fields
from twospeed.core.ranges import Above, Batch, Count, Seed, Width, Within
from twospeed.terminator.block_config import BlockConfig, Dropout
from twospeed.terminator.losses import SLOW_LOSSES
from twospeed.terminator.network import TerminatorConfig

LAYOUTS = ("image", "sequence", "permuted")
OPTIMIZERS = ("adamw", "kar2", "kar3")
AUGMENTATIONS = ("none", "crop", "crop-flip")

Beta = Annotated[float, Within(0, 0.999999)]
"""Of an average of gradients."""

Weight = Annotated[float, Within(0, 1e9)]
"""A weight, or a number of epochs; 0 leaves it out."""


@dataclass(frozen=True, kw_only=True)
class NetworkConfig:
    """A network whose input and classes are those of the data."""

    learner: str = "terminator"
    """"terminator", or a peer's name."""

    widths: tuple[Width, ...] = (12, 36, 72, 144, 288)
    """Channels after each block, each a multiple of the one before and of the groups."""

    earlier: tuple[tuple[int, int], ...] = ((0, 0), (0, 0), (1, 0), (2, 0), (3, 2))
    """Blocks whose outputs come in again, see `TerminatorConfig.earlier`."""

    dropout: Dropout = 0.05
    """In every block but the first."""

    parameters: Annotated[int, Within(0, 10**9)] = 0
    """For a peer: about how many numbers; 0 takes as many as the Terminator of this recipe."""

    block: BlockConfig = field(default_factory=BlockConfig)
    """What all blocks share."""

    def __post_init__(self) -> None:
        check_fields(self)
        if not self.widths:
            raise ConfigError("widths need one number or more: the channels after each block")

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

    permutation_seed: Seed = 92916
    """Of the order in "permuted"."""

    epochs: Count = 100
    """Passes over the training examples."""

    batch_size: Batch = 64
    """Examples of one step."""

    optimizer: str = "adamw"
    """adamw, kar2 or kar3."""

    learning_rate: Annotated[float, Above(0, 1000)] = 1e-3
    """At its peak; linear warm-up, then cosine to 0, per step."""

    betas: tuple[Beta, Beta] = (0.9, 0.99)
    """Of the optimiser; Kar2 uses the second."""

    weight_decay: Weight = 0.0
    """Decoupled, per step times the rate."""

    warmup_epochs: Weight = 1.0
    """Length of the warm-up."""

    max_grad_norm: Weight = 0.0
    """Gradients are clipped to this L2 norm; 0 leaves them alone."""

    label_smoothing: Annotated[float, Within(0, 0.999)] = 0.1
    """ε of the cross-entropy."""

    slow_loss: str = "c"
    """Variant a, b or c of the slow neural loss."""

    slow_weight: Weight = 1.0
    """Its weight; 0 leaves it out."""

    norm_weight: Weight = 0.0
    """Weight of the author's regulariser, a sum of plain norms."""

    augmentation: str = "none"
    """none, crop (pad 4, mirrored) or crop-flip (also left and right)."""

    validation_share: Annotated[float, Above(0, 0.999)] = 0.1
    """Share of the training examples by which a model is chosen; the test part is not touched."""

    seed: Seed = 0
    """Of weights, order, augmentation and dropout."""

    fast: bool = True
    """Whether the Terminator is evaluated by `FastTerminator`."""

    bfloat16: bool = False
    """Whether large products run in bfloat16; slow nets and moments never do."""

    compile: bool = False
    """Whether torch.compile is applied."""

    def __post_init__(self) -> None:
        check_fields(self)
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
