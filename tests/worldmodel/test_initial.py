from dataclasses import replace

import pytest

from twospeed.core.config import override
from twospeed.core.errors import ConfigError
from twospeed.recipes import rooms_64, rooms_tiny
from twospeed.worldmodel.build import build_denoiser
from twospeed.worldmodel.initial import check_initial

TINY = rooms_tiny().model


def test_the_recipe_that_a_model_was_trained_by_fits_it(model):
    check_initial(model, TINY)
    check_initial(model, override(TINY, "width=64", "depth=2", "recall_keys=8"))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (["settings.frame_size=32"], "settings.frame_size is 32 in the recipe, 16 in the initial"),
        (["settings.chunk_frames=8"], "settings.chunk_frames is 8 in the recipe, 4 in the initial"),
        (["denoiser=unet3d", "autoencoder.latent_channels=4"], "latent_channels is 4 in the rec"),
        (["denoiser=unet3d", "text.width=32"], "text.width is 32 in the recipe, 16 in the initial"),
    ],
)
def test_a_recipe_of_other_sizes_is_refused(model, settings, message):
    with pytest.raises(ConfigError, match=message):
        check_initial(model, override(TINY, *settings))


def test_a_layer_for_fast_weights_is_added_in_the_sizes_of_the_parts_beside_it(model):
    model.denoiser = build_denoiser(replace(TINY, recall_keys=0), seed=0)
    check_initial(model, TINY)
    with pytest.raises(ConfigError, match="block is 8 in the recipe, 4 in the initial"):
        check_initial(model, rooms_64().model)


def test_a_denoiser_that_no_memory_holds_is_refused_before_it_is_built():
    with pytest.raises(ConfigError, match=r"training a denoiser of [\d,]+ parameters takes at"):
        build_denoiser(override(rooms_64().model, "width=16000", "depth=1000", "heads=1"), seed=0)
