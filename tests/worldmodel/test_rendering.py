import math
from dataclasses import replace

import pytest
import torch
from torch.nn import functional

from twospeed.core.errors import DataError
from twospeed.worldmodel.model import WorldModel
from twospeed.worldmodel.rendering.camera import Camera
from twospeed.worldmodel.rendering.poses import moved, relative, walked
from twospeed.worldmodel.rendering.sweep import SeenViews, in_view, looked_up, sweep

FULL_CIRCLE = 2 * math.pi


def poses(count, *, seed=0):
    return torch.randn(count, 3, generator=torch.Generator().manual_seed(seed))


def pictures(*shape, seed=1):
    return torch.rand(*shape, 3, 16, 16, generator=torch.Generator().manual_seed(seed)) * 2 - 1


def views_at(renderer, steps, *, seed=1):
    steps = torch.tensor(steps, dtype=torch.float32)
    is_there = torch.ones(steps.shape[:2], dtype=torch.bool)
    return renderer.seen(pictures(*steps.shape[:2], seed=seed), steps, is_there)


def found(step, *, depths=(1.0, 2.0), ray=(0.25, -0.5)):
    """Return where the points of one ray are in a view that is one step away."""
    views = SeenViews(
        pixels=torch.zeros(1, 1, 3, 16, 16),
        told=torch.zeros(1, 1, 6, 8, 8),
        steps_BK3=torch.tensor([[step]]),
        is_there_BK=torch.ones(1, 1, dtype=torch.bool),
    )
    ahead, places, is_seen = in_view(views, torch.tensor([[ray]]), torch.tensor(depths), Camera())
    return ahead[0, 0, 0], places[0, 0], is_seen[0, 0, 0]


def test_relative_is_what_leads_there():
    here, there = poses(5), poses(5, seed=1)
    arrived = moved(here, relative(there, here))
    torch.testing.assert_close(arrived[:, :2], there[:, :2])
    turned = (arrived[:, 2] - there[:, 2]) / FULL_CIRCLE
    torch.testing.assert_close(turned, turned.round(), atol=1e-5, rtol=0)


def test_four_steps_ahead_and_left_turns_make_a_square():
    corner = torch.tensor([1.0, 0, math.pi / 2])
    places = walked(torch.zeros(3), [corner] * 4)
    torch.testing.assert_close(places[1][:2], torch.tensor([1.0, 1.0]))
    torch.testing.assert_close(places[-1], torch.tensor([0, 0, FULL_CIRCLE]))


def test_a_turn_alone_shows_a_ray_at_one_place_whatever_its_depth():
    turn = math.radians(20)
    _, places, _ = found((0.0, 0.0, turn), ray=(0.0, 0.0))
    torch.testing.assert_close(places[0], places[1])
    torch.testing.assert_close(places[0], torch.tensor([math.tan(turn), 0.0]))


def test_a_step_aside_shifts_by_its_share_of_the_depth():
    ahead, places, is_seen = found((0.0, 0.5, 0.0))
    torch.testing.assert_close(ahead, torch.tensor([1.0, 2.0]))
    torch.testing.assert_close(places[:, 0], torch.tensor([0.75, 0.5]))
    torch.testing.assert_close(places[:, 1], torch.tensor([-0.5, -0.5]))
    assert is_seen.all()


def test_a_step_ahead_brings_things_nearer_and_hides_what_is_behind():
    ahead, places, is_seen = found((1.0, 0.0, 0.0), ray=(0.25, -0.4))
    assert is_seen.tolist() == [False, True]
    torch.testing.assert_close(ahead[1], torch.tensor(1.0))
    torch.testing.assert_close(places[1], torch.tensor([0.5, -0.8]))


def test_a_view_drawn_from_its_own_pose_is_itself(viewing_model):
    renderer = viewing_model.renderer
    views = views_at(renderer, [[[0.0, 0, 0]]])
    with torch.no_grad():
        drawn = renderer(views, Camera().rays(16)[None]).colour
    torch.testing.assert_close(
        drawn.mT.unflatten(2, (16, 16)), views.pixels[:, 0], atol=0.01, rtol=0.01
    )


def test_the_order_of_views_and_those_that_are_not_there_change_nothing(viewing_model):
    renderer, steps = viewing_model.renderer, [[[0.0, 0.2, 0.1], [0.3, 0, 0], [0.5, 0, 3.0]]]
    views = views_at(renderer, steps)
    order = [2, 0, 1]
    mixed = SeenViews(
        pixels=views.pixels[:, order],
        told=views.told[:, order],
        steps_BK3=views.steps_BK3[:, order],
        is_there_BK=views.is_there_BK[:, order],
    )
    absent = replace(views, is_there_BK=torch.tensor([[True, True, False]]))
    fewer = SeenViews(
        pixels=views.pixels[:, :2],
        told=views.told[:, :2],
        steps_BK3=views.steps_BK3[:, :2],
        is_there_BK=views.is_there_BK[:, :2],
    )
    for one, other in ((views, mixed), (absent, fewer)):
        for mine, theirs in zip(renderer.frames(one), renderer.frames(other), strict=True):
            torch.testing.assert_close(mine, theirs, atol=1e-5, rtol=1e-4)


def test_new_views_do_not_depend_on_their_companions(viewing_model):
    renderer = viewing_model.renderer
    both = views_at(renderer, [[[0.0, 0.2, 0.1]], [[0.3, 0, 0]]])
    alone = SeenViews(
        pixels=both.pixels[1:],
        told=both.told[1:],
        steps_BK3=both.steps_BK3[1:],
        is_there_BK=both.is_there_BK[1:],
    )
    torch.testing.assert_close(renderer.frames(both)[0][1:], renderer.frames(alone)[0])


def test_weighing_every_other_pixel_keeps_the_sharpness_of_the_view(viewing_model):
    renderer = viewing_model.renderer
    views = views_at(renderer, [[[0.0, 0, 0]]])
    drawn, errors = renderer.frames(views)
    torch.testing.assert_close(drawn, views.pixels[:, 0], atol=0.01, rtol=0.01)
    assert errors.shape == (1, 16, 16)


def test_a_camera_that_looks_down_draws_a_view_from_its_own_pose_as_it_is(viewing_model):
    renderer = viewing_model.renderer
    leaning = renderer.untrained(pitch=0.1)
    leaning.load_state_dict(renderer.state_dict())
    views = views_at(leaning, [[[0.0, 0, 0]]])
    drawn, _ = leaning.frames(views)
    torch.testing.assert_close(drawn, views.pixels[:, 0], atol=0.01, rtol=0.01)
    turned = views_at(leaning, [[[0.0, 0, 0.3]]])
    assert (leaning.frames(turned)[0] - renderer.frames(turned)[0]).abs().max() > 0.1


def doubled(images):
    return functional.interpolate(images, scale_factor=2, mode="bilinear", align_corners=False)


@torch.no_grad()
def drawn_by_definition(renderer, views):
    """Return what `frames` draws, all samples of all rays weighed, in a view or not."""
    (batch, seen), depth = views.is_there_BK.shape, renderer.depth
    half, whole = (Camera().rays(side).expand(batch, -1, -1) for side in (8, 16))
    weights, _ = renderer.weigh(sweep(views, half, depth, Camera()))
    weights = doubled(weights.mT.flatten(1, 2).unflatten(2, (8, 8)))
    errors = doubled(renderer(views, half).log_error.view(batch, 1, 8, 8))[:, 0]
    _, places, _ = in_view(views, whole, depth, Camera())
    colour = looked_up(views.pixels, places).unflatten(0, (batch, seen))
    weights = weights.flatten(2).unflatten(1, (seen, -1)).mT[..., None]
    return (weights * colour).sum((1, 3)).mT.unflatten(2, (16, 16)), errors


def test_whole_frames_are_what_all_their_samples_give(viewing_model):
    renderer = viewing_model.renderer
    steps = torch.randn(5, 4, 3, generator=torch.Generator().manual_seed(3)) * 0.5
    views = replace(views_at(renderer, steps.tolist()), is_there_BK=steps[..., 2] > -0.4)
    for mine, defined in zip(
        renderer.frames(views), drawn_by_definition(renderer, views), strict=True
    ):
        torch.testing.assert_close(mine, defined, atol=0.02, rtol=0.001)


@pytest.mark.parametrize("second", [0.0, math.pi])
def test_a_frame_of_which_no_view_shows_anything_is_blank(viewing_model, second):
    renderer = viewing_model.renderer
    views = views_at(renderer, [[[0.0, 0, math.pi]], [[0.0, 0, second]]])
    drawn, errors = renderer.frames(views)
    assert not drawn[0].any()
    assert bool(drawn[1].any()) == (second == 0)
    assert errors.isfinite().all()


def test_the_renderer_learns_through_all_of_its_networks(viewing_model):
    renderer = viewing_model.renderer
    views = views_at(renderer, [[[0.1, 0.05, 0.1], [0.0, 0, -0.2]]])
    drawn = renderer(views, Camera().rays(16)[None, ::5])
    (drawn.colour.square().mean() + drawn.log_error.mean()).backward()
    for part in (renderer.encoder, renderer.sample, renderer.point, renderer.unsure):
        assert all(float(it.grad.abs().sum()) > 0 for it in part.parameters())


def test_motion_is_followed_step_by_step(viewing_model):
    motion = viewing_model.renderer.motion
    text = viewing_model.text_encoder.encode(["turn left"])
    frames = torch.randn(1, 8, 3, 4, 4, generator=torch.Generator().manual_seed(2))
    with torch.no_grad():
        places = motion.followed(torch.zeros(1, 3), frames, [text, text])
        first = motion.between(frames[:, :, 0], frames[:, :, 1], text)
        assert motion.ahead(frames[:, :, 0], text).shape == (1, 4, 3)
    torch.testing.assert_close(places[:, 0], torch.zeros(1, 3))
    torch.testing.assert_close(places[:, 1], first)
    assert places.shape == (1, 3, 3)


def test_where_nothing_carries_on_the_step_before_does_not_count(viewing_model):
    motion = viewing_model.renderer.motion
    text = viewing_model.text_encoder.encode(["turn left"])
    with torch.no_grad():
        told = [motion.ahead(torch.ones(1, 8, 4, 4), text, it) for it in (None, torch.ones(1, 3))]
    assert torch.equal(*told)


def test_a_renderer_survives_the_folder_of_its_model(viewing_model, model, tmp_path):
    viewing_model.save_pretrained(tmp_path / "viewing")
    again = WorldModel.from_pretrained(tmp_path / "viewing").renderer
    for name, tensor in viewing_model.renderer.state_dict().items():
        assert torch.equal(tensor, again.state_dict()[name])
    model.save_pretrained(tmp_path / "plain")
    assert WorldModel.from_pretrained(tmp_path / "plain").renderer is None


def test_a_damaged_renderer_is_one_clear_line(viewing_model, tmp_path):
    viewing_model.save_pretrained(tmp_path / "model")
    weights = tmp_path / "model" / "renderer" / "diffusion_pytorch_model.safetensors"
    weights.write_bytes(weights.read_bytes()[:100])
    with pytest.raises(DataError, match="cannot read the renderer"):
        WorldModel.from_pretrained(tmp_path / "model")
