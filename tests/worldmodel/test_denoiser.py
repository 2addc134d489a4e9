from dataclasses import replace

import pytest
import torch
from diffusers import UNet3DConditionModel

from twospeed.core.errors import ShapeError
from twospeed.recipes import rooms_tiny
from twospeed.worldmodel.build import KINDS, WorldModelConfig, build_denoiser
from twospeed.worldmodel.denoiser import DENOISERS, UNet3D, load_denoiser


def window(batch=2, frames=5, *, seed=0):
    generator = torch.Generator().manual_seed(seed)
    noisy = torch.randn(batch, 8, frames, 4, 4, generator=generator)
    level = torch.randint(0, 1001, (batch, frames), generator=generator)
    return noisy, level, torch.randn(batch, 1, 16, generator=generator)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("frames", [2, 5, 8])
def test_a_denoiser_keeps_the_shape_of_any_window(make_model, kind, frames):
    denoiser = make_model(denoiser=kind).denoiser
    noisy, level, text = window(frames=frames)
    assert denoiser(noisy, level, text).shape == noisy.shape


@pytest.mark.parametrize("kind", KINDS)
def test_a_clip_does_not_depend_on_its_companions(make_model, kind):
    denoiser = make_model(denoiser=kind).denoiser.double()
    noisy, level, text = window()
    both = denoiser(noisy.double(), level, text.double())
    alone = [
        denoiser(noisy[[i]].double(), level[[i]], text[[i]].double()) for i in range(len(noisy))
    ]
    torch.testing.assert_close(both, torch.cat(alone), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("kind", KINDS)
def test_the_answer_depends_on_action_level_and_past(make_model, kind):
    denoiser = make_model(denoiser=kind).denoiser
    noisy, level, text = window()
    first = denoiser(noisy, level, text)
    other_past = noisy.clone()
    other_past[:, :, 0] += 1
    for changed in ((noisy, level, -text), (noisy, 1000 - level, text), (other_past, level, text)):
        assert not torch.allclose(denoiser(*changed)[:, :, 1:], first[:, :, 1:], atol=1e-5)


def test_the_transformer_steers_each_frame_by_its_own_level(model):
    noisy, level, text = window()
    changed = level.clone()
    changed[:, -1] = 1000 - changed[:, -1]
    assert not torch.equal(model.denoiser(noisy, changed, text), model.denoiser(noisy, level, text))


@torch.no_grad()
def test_clean_frames_are_looked_at_and_nothing_is_predicted_of_them(model):
    noisy, _, text = window()
    level = torch.tensor([[0, 0, 700, 700, 700]] * 2)
    all_of_them = model.denoiser(noisy, level, text)
    assert not all_of_them[:, :, :2].any()
    level[1] = 700  # now all frames of the batch are worked on
    torch.testing.assert_close(model.denoiser(noisy, level, text)[0], all_of_them[0])


@torch.no_grad()
def test_the_past_may_be_worked_on_before(model):
    noisy, _, text = window(frames=7)
    level = torch.tensor([[0, 0, 0, 700, 700, 700, 700]] * 2)
    recalled = torch.randn(2, 4 * 8 * 16 + 1)
    for parameter in model.denoiser.parameters():
        parameter.add_(0.1 * torch.randn_like(parameter))  # some layers begin at zero
    past = model.denoiser.past_tokens(noisy[:, :, :3], text, made=4)
    for seen in (noisy, torch.cat([torch.zeros_like(noisy[:, :, :2]), noisy[:, :, 2:]], 2)):
        told = model.denoiser(seen, level, text, recalled, past)
        alone = model.denoiser(noisy, level, text, recalled)
        torch.testing.assert_close(told, alone)


def test_what_is_recalled_comes_in_any_precision(model):
    noisy, level, text = window(frames=8)
    recalled = torch.randn(2, 4 * 8 * 16 + 1)
    assert model.denoiser.bfloat16()(noisy, level, text, recalled).dtype == noisy.dtype


def test_convolutions_of_new_frames_see_the_last_past_frame(model):
    denoiser = model.denoiser.double()
    with torch.no_grad():
        denoiser.last_in.weight += 0.1
    noisy, _, _ = window()
    level = torch.tensor([[0, 0, 700, 700, 700], [0, 5, 5, 5, 5]])
    told = denoiser._last_seen(noisy.double(), level).unflatten(0, (2, 5))
    assert not told[0, :2].any()
    assert not told[1, :1].any()
    expected = denoiser.last_in(torch.stack([noisy[0, :, 1], noisy[1, :, 0]]).double())
    torch.testing.assert_close(told[0, 2:], expected[0].expand(3, -1, -1, -1))
    torch.testing.assert_close(told[1, 1:], expected[1].expand(4, -1, -1, -1))
    assert not denoiser._last_seen(noisy.double(), torch.full((2, 5), 9)).any()


@torch.no_grad()
def test_cells_of_new_frames_look_at_the_last_past_frame_alone():
    config = replace(rooms_tiny().model, attends_last=True)
    denoiser = build_denoiser(config, seed=0).double()
    for look in (denoiser.looks_before, denoiser.looks_after):
        look.to_out.weight.normal_()
    noisy, _, _ = window()
    noisy, level = noisy.double(), torch.tensor([[0, 0, 700, 700, 700], [0, 5, 5, 5, 5]])
    cells = torch.randn(8, 16, 4, 4).double()

    def added(seen):
        return (denoiser._looked("before", cells, seen, level, 4) - cells).unflatten(0, (2, 4))

    other = noisy.clone()
    other[0, :, [0, 2, 3, 4]] += 1  # all but the last past frame
    assert not added(noisy)[0, 0].any()  # a past frame
    assert torch.equal(added(noisy), added(other))
    other[0, :, 1, 3, 3] += 1
    assert (added(noisy)[0, 1:] - added(other)[0, 1:]).abs().amin(1).min() > 0
    assert torch.equal(added(noisy)[1], added(other)[1])
    whole = torch.full((2, 5), 9)
    assert torch.equal(denoiser._looked("after", cells, noisy, whole, 4), cells)


def test_shapes_that_disagree_are_named(model):
    noisy, level, text = window()
    with pytest.raises(ShapeError, match="level has T=4, but noisy has T=5"):
        model.denoiser(noisy, level[:, :4], text)


def test_the_unet_tells_clean_frames_by_a_channel_of_their_own(tiny_unet):
    torch.manual_seed(0)
    unet = UNet3D(in_channels=9, out_channels=8, **tiny_unet).eval()
    noisy, _, text = window()
    level = torch.full((2, 5), 500)
    half_clean = level.clone()
    half_clean[:, :2] = 0
    assert not torch.equal(unet(noisy, half_clean, text), unet(noisy, level, text))


def test_weights_in_the_layout_of_diffusers_load_as_they_are(tiny_unet, tmp_path):
    torch.manual_seed(0)
    theirs = UNet3DConditionModel(in_channels=4, out_channels=4, **tiny_unet).eval()
    theirs.save_pretrained(tmp_path / "unet")
    ours = load_denoiser(tmp_path)
    noisy, text = torch.randn(2, 4, 3, 4, 4), torch.randn(2, 7, 16)
    level = torch.tensor([[0, 300, 300], [900, 900, 900]])
    expected = theirs(noisy, level.amax(1) - 1, encoder_hidden_states=text).sample
    assert torch.equal(ours(noisy, level, text), expected)


def test_the_table_of_denoisers_names_every_class_that_we_save():
    assert {"UNet3D", "UNet3DConditionModel", "SpaceTimeTransformer"} == DENOISERS.keys()


@pytest.mark.parametrize("kind", KINDS)
def test_a_denoiser_is_built_from_its_seed_alone(kind):
    config = WorldModelConfig(denoiser=kind)
    torch.manual_seed(1)
    first = build_denoiser(config, seed=3).state_dict()
    torch.manual_seed(2)
    second = build_denoiser(config, seed=3).state_dict()
    assert all(torch.equal(first[name], second[name]) for name in first)
