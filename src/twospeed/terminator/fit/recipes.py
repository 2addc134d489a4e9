"""Named fits: ``twospeed fit NAME``."""

from collections.abc import Callable
from dataclasses import replace

from twospeed.core.errors import lookup
from twospeed.terminator.block_config import BlockConfig
from twospeed.terminator.fit.config import FitConfig, NetworkConfig
from twospeed.terminator.presets import PUBLISHED

SMALL_BLOCK = BlockConfig(
    width_global=16, width_local=8, width_hci=8, width_hi_channel=8, width_hi_spatial=16
)


def cifar10_author() -> FitConfig:
    """The author's recipe for CIFAR-10: 100 epochs, hours on one GPU; logged best 95.3 %.

    It differs from his in bfloat16, compiling, a reflected border of the crops, and 10 % held out.
    """
    return FitConfig(
        network=NetworkConfig(block=PUBLISHED),
        optimizer="kar3",
        learning_rate=0.001215,
        betas=(0.5, 0.95),
        warmup_epochs=8,
        label_smoothing=0.1,
        norm_weight=5e-5,
        augmentation="crop-flip",
        bfloat16=True,
        compile=True,
    )


def cifar10() -> FitConfig:
    """The default network with the author's schedule: hours on one GPU."""
    return replace(cifar10_author(), network=NetworkConfig())


def digits() -> FitConfig:
    """8 x 8 digits as images: about five minutes on two CPU cores."""
    network = NetworkConfig(
        widths=(12, 24, 48), earlier=((0, 0), (0, 0), (1, 0)), block=SMALL_BLOCK
    )
    return FitConfig(network=network, epochs=20, batch_size=32, learning_rate=2e-3)


def digits_sequence() -> FitConfig:
    """Digits as sequences of 64 pixels, row by row."""
    return replace(digits(), layout="sequence")


def digits_permuted() -> FitConfig:
    """Digits as sequences of 64 pixels in one fixed random order."""
    return replace(digits(), layout="permuted")


def pathfinder() -> FitConfig:
    """Pathfinder of 32 x 32 as images: hours on two CPU cores."""
    return replace(digits(), epochs=20, augmentation="none")


def pathfinder_sequence() -> FitConfig:
    """Pathfinder as sequences of 1,024 pixels."""
    return replace(pathfinder(), layout="sequence")


def tiny() -> FitConfig:
    """One block, one epoch: to see that all runs, in seconds."""
    network = NetworkConfig(widths=(12,), earlier=((0, 0),), block=SMALL_BLOCK)
    return FitConfig(network=network, epochs=1, batch_size=64, learning_rate=2e-3)


RECIPES: dict[str, Callable[[], FitConfig]] = {
    recipe.__name__: recipe
    for recipe in (
        tiny,
        digits,
        digits_sequence,
        digits_permuted,
        pathfinder,
        pathfinder_sequence,
        cifar10,
        cifar10_author,
    )
}


def recipe_of(name: str) -> FitConfig:
    """Return the recipe called `name`.

    Raises:
        UnknownNameError: for another name.
    """
    return lookup(RECIPES, name, "fitting recipe")()
