"""Ways to write, by name: the paper's, CoME's, steps tuned by us, the recall layer, seen views."""

from collections.abc import Callable
from dataclasses import replace

from twospeed.core.errors import lookup
from twospeed.memory.config import (
    BulkConfig,
    FastLearningConfig,
    GradientConfig,
    RidgeConfig,
    ViewConfig,
)
from twospeed.worldmodel.memory_module import MemoryModule
from twospeed.worldmodel.model import WorldModel


def paper() -> GradientConfig:
    """Algorithm 1(a) of SlowFast-VGen: rank 32, Adam, 1e-4, one update a chunk, joint window."""
    return GradientConfig()


def gradient() -> GradientConfig:
    """What recalls most for its cost by gradient steps (experiments/LOG.md).

    Feed-forward layers only; each update learns the new frames given past frames and action, at
    the noise levels where content is decided, beside three earlier windows of the episode.
    """
    return GradientConfig(
        targets=("up", "down", "ff.net.0.proj", "ff.net.2"),
        learning_rate=5e-3,
        updates_per_chunk=10,
        rehearsed_per_update=3,
        lowest_level=400,
        past_level=300,
        objective="next",
    )


def come() -> BulkConfig:
    """CoME's LoRA memory: rank 64, AdamW, 1e-4, 500 steps on 20-frame windows of all true frames.

    It is read as 2 x with - 1 x without: slow + 2 (fast - slow).
    """
    return BulkConfig(rank=64, learning_rate=1e-4, updates_per_chunk=500, contrast=1.0)


def recalling(keys: int) -> RidgeConfig:
    """Write the recall layer alone, in one step, for models that were trained with one.

    Args:
        keys: inputs of that layer.
    """
    return RidgeConfig(rank=keys, retrieval_range=(0.85, 0.97))


def _of_family(config: GradientConfig, model: WorldModel, *, all_layers: bool) -> GradientConfig:
    """Return a preset for the layers of the family that another maker's weights belong to."""
    if model.origin is None:
        return config
    family = model.origin.family
    return replace(config, targets=family.adapted if all_layers else family.feed_forward)


def default(model: WorldModel) -> FastLearningConfig:
    """Return views for a model with a renderer, or else `associative`."""
    return associative(model) if model.renderer is None else ViewConfig()


def associative(model: WorldModel) -> FastLearningConfig:
    """Return `recalling` for a model with a recall layer, `gradient` for any other."""
    if model.recaller is None:
        return _of_family(gradient(), model, all_layers=False)
    config = recalling(model.recaller.recall.layer.in_features)
    return config if model.memory_module is None else beside(config, model.memory_module)


def beside(config: RidgeConfig, module: MemoryModule) -> RidgeConfig:
    """Return the configuration for a memory module, as it was trained."""
    begin, whole = module.config.retrieval_range
    return replace(config, both_ways=module.config.both_ways, retrieval_range=(begin, whole))


PRESETS: dict[str, Callable[[WorldModel], FastLearningConfig]] = {
    "default": default,
    "associative": associative,
    "paper": lambda model: _of_family(paper(), model, all_layers=True),
    "come": lambda model: _of_family(come(), model, all_layers=True),
    "gradient": lambda model: _of_family(gradient(), model, all_layers=False),
    "views": lambda model: ViewConfig(),  # noqa: ARG005
}
"""Name on the command line -> configuration for a model."""


def preset_of(model: WorldModel, name: str) -> FastLearningConfig:
    """Return a preset for a model.

    Raises:
        UnknownNameError: when there is no such preset.
    """
    return lookup(PRESETS, name, "memory preset")(model)
