"""Training on from a trained model: what of it goes on, what is added, and what must fit.

Holds: `goes_on`, `expand`, `check_initial`. Holds not: untrained models (build.py).
"""

from collections.abc import Iterator

from twospeed.core.errors import ConfigError
from twospeed.worldmodel.blocks import SpaceTimeBlock, begin_at_zero_
from twospeed.worldmodel.build import KINDS, WorldModelConfig, build_denoiser
from twospeed.worldmodel.codec import packing_of
from twospeed.worldmodel.contract import Denoiser, as_module
from twospeed.worldmodel.model import WorldModel


def goes_on(denoiser: Denoiser, config: WorldModelConfig) -> bool:
    """Say whether training goes on with these weights, or with untrained ones of another kind."""
    return isinstance(denoiser, KINDS[config.denoiser])


def expand(denoiser: Denoiser, config: WorldModelConfig, *, seed: int) -> Denoiser:
    """Return the denoiser that training goes on with: the trained one, with all parts it lacks.

    A transformer's predictions stay as they are, since new parts, more blocks among them, start
    without effect. One of another kind than the configuration's makes place for an untrained one.

    Raises:
        ConfigError: when its sizes are not those of the configuration.
    """
    if not goes_on(denoiser, config):
        return build_denoiser(config, seed=seed)
    if config.denoiser != "transformer":
        return denoiser
    built = build_denoiser(config, seed=seed)
    known = denoiser.state_dict().keys()
    if built.state_dict().keys() <= known:
        return denoiser
    for name, block in as_module(built).named_modules():
        if isinstance(block, SpaceTimeBlock) and f"{name}.to_out.weight" not in known:
            begin_at_zero_(block.to_out, block.down)
    try:
        built.load_state_dict(built.state_dict() | denoiser.state_dict())
    except RuntimeError as error:
        text = f"the recipe has other sizes than the initial denoiser: {error}"
        raise ConfigError(text) from None
    return built


def check_initial(initial: WorldModel, config: WorldModelConfig) -> None:
    """Refuse a recipe that does not fit the model whose weights are trained on.

    The model's own sizes count; but frames and chunks are the recipe's, and a layer for fast
    weights is bound to theirs; an untrained denoiser must fit the trained parts beside it.

    Raises:
        ConfigError: naming what differs.
    """
    different = [
        f"{name} is {wanted} in the recipe, {found} in the initial model"
        for name, wanted, found in _bound(initial, config)
        if wanted != found
    ]
    if different:
        raise ConfigError(
            f"{'; '.join(different)}: take the recipe that the initial model was trained by, set"
            " these, or leave --init away"
        )


def _bound(initial: WorldModel, config: WorldModelConfig) -> Iterator[tuple[str, int, int]]:
    """Yield what must be equal: name, the recipe's, the initial model's."""
    packing, denoiser = packing_of(initial.autoencoder), initial.denoiser
    cells, frames = config.settings.frame_size, config.settings.chunk_frames
    recall = getattr(denoiser, "recall", None)
    if goes_on(denoiser, config) and recall is not None:
        yield "settings.frame_size", cells, recall.shape[-1] * packing.side
        yield "settings.chunk_frames", frames, recall.shape[0]
    elif not goes_on(denoiser, config) or config.recall_keys:
        yield "autoencoder.block", config.autoencoder.block, packing.side
        yield "autoencoder.latent_channels", config.autoencoder.latent_channels, packing.channels
        yield "text.width", config.text.width, initial.text_encoder.width
