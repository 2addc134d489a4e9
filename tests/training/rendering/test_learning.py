import math
from dataclasses import replace

import pytest
import torch

from twospeed.core.errors import ConfigError
from twospeed.data.recorder import explore_episode
from twospeed.recipes import rooms_tiny
from twospeed.training.data.sources import WorldSource
from twospeed.training.loop_config import LoopConfig
from twospeed.training.pipeline import train_world_model
from twospeed.training.rendering.config import RenderingRun
from twospeed.training.rendering.learning import LearningToDraw
from twospeed.training.rendering.posed import posed_frames
from twospeed.training.rendering.scenes import draw_scenes, mirrored
from twospeed.training.rendering.steps import draw_steps, on_the_way
from twospeed.training.stages.rendering import begun_renderer
from twospeed.worldmodel.model import WorldModel
from twospeed.worldmodel.rendering.camera import Camera
from twospeed.worldmodel.rendering.poses import moved, relative
from twospeed.worldmodel.rendering.sweep import SeenViews, in_view
from twospeed.worlds.registry import make_world

RUN = RenderingRun(
    episodes=8,
    scenes=2,
    references=3,
    rays=16,
    pairs=8,
    features=4,
    width=8,
    depths=6,
    loop=LoopConfig(steps=3, warmup_steps=1, ema_decay=0.5),
)


@pytest.fixture(scope="module")
def frames(tmp_path_factory):
    place = tmp_path_factory.mktemp("posed") / "posed"
    return posed_frames(WorldSource(config=rooms_tiny().recording), 8, place)


def numbers(seed=0):
    return torch.Generator().manual_seed(seed)


def test_frames_are_kept_with_their_poses_and_the_last_of_a_group_is_held_out(frames):
    config = rooms_tiny().recording
    world = make_world("rooms", frame_size=config.frame_size)
    first = explore_episode(config, world, 0)
    assert len(frames.train) == 6
    assert len(frames.held_out) == 2
    assert (frames.train[0].frames == first.frames).all()
    assert frames.train[0].actions == first.actions
    torch.testing.assert_close(
        frames.train[0].poses_T3[:, 2].rad2deg(), torch.from_numpy(first.poses[:, 2])
    )


def test_the_same_seed_draws_the_same_scenes_and_a_mirror_twice_is_none(frames):
    first, second = (draw_scenes(frames.train, RUN, numbers()) for _ in range(2))
    again = mirrored(mirrored(first))
    for name in type(first).__dataclass_fields__:
        assert torch.equal(getattr(first, name), getattr(second, name))
        assert torch.equal(getattr(first, name), getattr(again, name))


def test_the_last_new_view_is_a_seen_one_that_does_not_count(frames):
    scenes = draw_scenes(frames.train, RUN, numbers())
    for scene, own in enumerate(scenes.own_B.tolist()):
        assert not scenes.is_there_BQK[scene, -1, own]
        torch.testing.assert_close(
            scenes.steps_BQK3[scene, -1, own], torch.zeros(3), atol=1e-5, rtol=0
        )
        shown = scenes.seen_BK3SS[scene, own].flatten(1)[:, scenes.pixel_BN[scene]].mT
        assert torch.equal(shown, scenes.colour_BQN3[scene, -1])


def test_a_new_view_that_is_turned_asks_for_the_same_rays(frames):
    """Seen from its own frame, the rays of a turned camera are the frame's."""
    scenes = draw_scenes(frames.train, replace(RUN, farthest=0.0), numbers(3))
    pixels = Camera().rays(16)
    for scene in range(RUN.scenes):
        slopes = scenes.slopes_BQN2[scene, 0]
        back = [
            in_view(
                SeenViews(
                    pixels=torch.zeros(1, 1, 3, 16, 16),
                    told=torch.zeros(1, 1, 6, 8, 8),
                    steps_BK3=torch.tensor([[[0.0, 0.0, -turn]]]),
                    is_there_BK=torch.ones(1, 1, dtype=torch.bool),
                ),
                slopes[None],
                torch.tensor([1.0]),
                Camera(),
            )[1][0, :, 0]
            for turn in torch.linspace(-0.2, 0.2, 401).tolist()
        ]
        off = [torch.cdist(it, pixels).min(1).values.max() for it in back]
        assert min(off) < 5e-3


def test_half_a_turn_shows_what_a_camera_sees_there():
    world = make_world("rooms", frame_size=64)
    seen = [world.reset(5), world.step("turn left"), world.step("turn left")]
    here, middle, there = (
        torch.from_numpy(it.frame.copy()).permute(2, 0, 1) / 127.5 - 1 for it in seen
    )
    made = on_the_way(here, there, math.radians(45), 0.5, Camera())
    assert (made - middle).square().mean() < 0.1 * (here - middle).square().mean()
    torch.testing.assert_close(on_the_way(here, here, 0.0, 0.3, Camera()), here, atol=1e-4, rtol=0)


def test_steps_that_are_drawn_lead_from_one_frame_to_the_other(frames):
    steps = draw_steps(frames.train, replace(RUN, pairs=64), numbers())
    assert steps.chunk_FN3.shape == (64, 4, 3)
    assert "" in steps.said
    assert any(it.endswith(" a little") for it in steps.said)
    for said, step in zip(steps.said, steps.step_F3, strict=True):
        if said.startswith("turn left"):
            assert 0 < step[2] < math.radians(22.6)
    back = relative(torch.zeros(3), steps.step_F3)
    torch.testing.assert_close(moved(steps.step_F3, back), torch.zeros(64, 3), atol=1e-5, rtol=0)


def with_renderer(trained, out, **more):
    recipe = rooms_tiny()
    done = LoopConfig(steps=0)
    recipe = replace(
        recipe,
        slow=replace(recipe.slow, loop=done),
        recalling=replace(recipe.recalling, loop=done),
        slow_fast=replace(recipe.slow_fast, loop=done),
        rendering=RUN,
    )
    return train_world_model(recipe, None, out, initial=trained.folder, **more)


def test_a_renderer_is_trained_beside_a_model_and_goes_on_exactly(trained, tmp_path):
    done = with_renderer(trained, tmp_path / "one")
    assert done.figures.rendering_steps == 3
    assert "views drawn from others" in (done.folder / "README.md").read_text()
    stopped = with_renderer(trained, tmp_path / "two", minutes=0)
    assert stopped.figures.rendering_steps == 0
    again = with_renderer(trained, tmp_path / "two")
    first, second = (WorldModel.from_pretrained(it.folder).renderer for it in (done, again))
    for name, tensor in first.state_dict().items():
        assert torch.equal(tensor, second.state_dict()[name])
    assert not first.views.weight.any()
    assert done.figures.views_psnr_db == again.figures.views_psnr_db


def test_a_renderer_goes_on_with_the_camera_of_the_run(viewing_model):
    run = replace(RUN, reach=0.8, pitch=0.1, carries_on=True)
    begun = begun_renderer(viewing_model, run)
    assert begun.camera == Camera(0.8, 0.1)
    for name, tensor in viewing_model.renderer.state_dict().items():
        if not name.startswith("motion."):
            assert torch.equal(begun.state_dict()[name], tensor)
    same = begun_renderer(viewing_model, replace(RUN, reach=viewing_model.renderer.camera.reach))
    for name, tensor in viewing_model.renderer.state_dict().items():
        assert torch.equal(same.state_dict()[name], tensor)
    latents, text = torch.ones(2, 8, 4, 4), torch.ones(2, 1, 16)
    told = [begun.motion.ahead(latents, text, it) for it in (None, torch.ones(2, 3))]
    assert torch.equal(*told)  # until it has learned
    told[1].sum().backward()
    assert begun.motion.will_be_carried[-1].weight.grad.abs().sum() > 0


def test_the_step_before_a_chunk_is_the_one_that_led_there(frames):
    steps = draw_steps(frames.train, replace(RUN, pairs=64), numbers())
    is_alike = (steps.chunk_earlier_F3 - steps.chunk_FN3[:, 0]).abs().amax(1) < 0.1
    assert 0 < is_alike.sum() < 64


def test_without_scenes_motion_alone_is_learned(viewing_model, frames):
    learning = LearningToDraw(viewing_model, frames, {}, replace(RUN, scenes=0))
    renderer = begun_renderer(viewing_model, replace(RUN, carries_on=True))
    learning.loss(renderer, numbers()).backward()
    learned = {
        name.split(".")[0] for name, it in renderer.named_parameters() if it.grad is not None
    }
    assert learned == {"motion"}
    assert learning.held_out_db(renderer) > 0


def test_episodes_without_poses_are_one_clear_line(tmp_path, monkeypatch):
    source = WorldSource(config=rooms_tiny().recording)
    read = WorldSource.read
    monkeypatch.setattr(
        WorldSource, "read", lambda self, name: (replace(it, poses=None) for it in read(self, name))
    )
    with pytest.raises(ConfigError, match="poses"):
        posed_frames(source, 8, tmp_path / "posed")
    assert not (tmp_path / "posed").exists()
