"""Which way of writing a configuration means, and which network it adapts."""

from collections.abc import Sequence
from typing import Any

from twospeed.core.errors import ConfigError
from twospeed.memory.adapters import Adapters
from twospeed.memory.bulk_writer import BulkWriter
from twospeed.memory.config import (
    BulkConfig,
    FastLearningConfig,
    GradientConfig,
    RidgeConfig,
    ViewConfig,
)
from twospeed.memory.ridge_writer import RidgeWriter
from twospeed.memory.temp_lora_writer import TempLoraWriter
from twospeed.memory.views.writer import ViewWriter
from twospeed.memory.writer import Writer
from twospeed.worldmodel.model import WorldModel
from twospeed.worldmodel.renamed import weights_hash


def writer_of(
    model: WorldModel, config: FastLearningConfig, adapters: Adapters, seeds: Sequence[int]
) -> Writer:
    """Return what writes these adapters.

    Raises:
        ConfigError: when no way of writing is configured so, or the adapters are of other layers.
    """
    if isinstance(config, RidgeConfig):
        return RidgeWriter(model, config, adapters, seeds=seeds)
    if isinstance(config, BulkConfig):
        return BulkWriter(model, config, adapters, seeds=seeds)
    if isinstance(config, GradientConfig):
        return TempLoraWriter(model, config, adapters, seeds=seeds)
    if isinstance(config, ViewConfig):
        return ViewWriter(model, config, adapters, seeds=seeds)
    raise ConfigError("memories are written by a GradientConfig, a RidgeConfig or a ViewConfig")


def adapted(model: WorldModel, config: FastLearningConfig) -> Any:
    """Return the network whose layers get adapters.

    Raises:
        ConfigError: when views are to be kept and the model has no renderer.
    """
    if isinstance(config, RidgeConfig):
        return model.recaller or model.denoiser
    if not isinstance(config, ViewConfig):
        return model.denoiser
    if model.renderer is None:
        raise ConfigError("this model has no renderer/: views can only be drawn by one that has")
    return model.renderer


def hash_of(model: WorldModel, config: FastLearningConfig) -> str:
    """Return a hash of the slow weights that a memory belongs to.

    What is written to a memory module belongs to it alone, whichever denoiser stands beside it.
    """
    if isinstance(config, RidgeConfig) and model.memory_module is not None:
        return weights_hash(model.memory_module.state_dict())
    return model.hash()
