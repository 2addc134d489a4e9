"""Sizes of published models, by their configurations on the meta device."""

import pytest

from twospeed.cli.app import main
from twospeed.core.errors import ConfigError
from twospeed.core.pictures import Size
from twospeed.memory.planning import plan_memory
from twospeed.worldmodel.backbones.published import CHECKPOINTS

SQUARE, WIDE = Size(480, 480), Size(480, 832)
BILLIONS = {
    "wan-2.1-1.3b": 1.42,
    "wan-2.1-14b": 14.3,
    "wan-2.1-i2v-14b": 16.4,
    "wan-2.2-i2v-a14b": 28.6,
    "wan-2.2-t2v-a14b": 28.6,
    "wan-2.2-ti2v-5b": 5.0,
    "skyreels-v2-df-1.3b": 1.43,
    "ltx-video": 1.92,
    "modelscope-1.7b": 1.41,
}


@pytest.mark.parametrize("name", BILLIONS)
def test_a_published_configuration_has_the_published_number_of_parameters(name):
    checkpoint = CHECKPOINTS[name]
    plan = plan_memory(checkpoint, frames=checkpoint.frames, size=Size(512, 768), rank=32)
    assert plan.parameters / 1e9 == pytest.approx(BILLIONS[name], rel=0.03)
    assert plan.writing > plan.writing_checkpointed > plan.dreaming > 0


def test_an_encoder_of_pictures_is_counted_where_there_is_one():
    one, without = (CHECKPOINTS[it] for it in ("wan-2.1-i2v-14b", "wan-2.1-14b"))
    plans = [plan_memory(it, frames=17, size=SQUARE, rank=8) for it in (one, without)]
    assert plans[0].image_encoder / 4e9 == pytest.approx(0.63, rel=0.01)
    assert plans[1].image_encoder == 0
    assert plans[0].needed(checkpointing=False, offload=True) < plans[0].needed(
        checkpointing=False, offload=False
    )


def test_adapters_grow_with_their_rank_and_windows_with_their_frames():
    checkpoint = CHECKPOINTS["wan-2.1-1.3b"]
    small, large = (plan_memory(checkpoint, frames=17, size=SQUARE, rank=it) for it in (8, 32))
    assert large.adapter_parameters == 4 * small.adapter_parameters
    width, wide = 1536, 8960
    assert small.adapter_parameters == 30 * 8 * (8 * 2 * width + 2 * (width + wide))
    assert small.tokens == 5 * 30 * 30
    assert plan_memory(checkpoint, frames=17, size=WIDE, rank=8).tokens == 5 * 30 * 52


def test_what_is_not_possible_is_named():
    checkpoint = CHECKPOINTS["wan-2.1-1.3b"]
    for options, words in (
        ({"frames": 16, "size": SQUARE, "rank": 8}, r"1 \+ 4 k"),
        ({"frames": 17, "size": Size(480, 831), "rank": 8}, "multiples of 16 .* got 831x480"),
        ({"frames": 17, "size": SQUARE, "rank": 0}, "rank must be"),
    ):
        with pytest.raises(ConfigError, match=words):
            plan_memory(checkpoint, **options)


def test_the_command_says_what_fits(capsys):
    assert main(["plan-memory", "skyreels-v2-df-1.3b", "--frames", "33", "--rank", "16"]) == 0
    said = capsys.readouterr().out
    assert "estimate of what fits" in said
    assert "80 GB: as it is" in said
