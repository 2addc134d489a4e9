import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

from twospeed.core.errors import ConfigError
from twospeed.generation.dream import Dream
from twospeed.generation.gym import DreamEnv
from twospeed.memory.config import GradientConfig
from twospeed.worldmodel.vocabulary import KnownAction, Vocabulary

QUICK = GradientConfig(rank=2, learning_rate=1e-2)
ACTIONS = ["turn left", "go forward"]


@pytest.fixture
def env(model, random_frames):
    return DreamEnv(model, random_frames(0), actions=ACTIONS, memory=QUICK, max_chunks=3)


def test_gymnasiums_own_checker_is_content(env):
    check_env(env, skip_render_check=True)


def test_an_agent_sees_the_last_frame_of_what_a_dream_shows(model, env, random_frames):
    _, info = env.reset(seed=5)
    seen, reward, over, cut, more = env.step(np.int64(1))
    dream = Dream(model, random_frames(0), seed=info["seed"])
    assert np.array_equal(more["frames"], dream.step("go forward"))
    assert np.array_equal(seen, more["frames"][-1])
    assert np.array_equal(env.render(), seen)
    assert (reward, over, cut) == (0.0, False, False)


def test_an_episode_ends_by_its_length_and_the_next_has_forgotten_it(env):
    first = env.reset(seed=1)[0]
    videos = []
    for _ in range(2):
        env.reset(seed=1)
        steps = [env.step(np.int64(0)) for _ in range(3)]
        videos.append(np.stack([step[0] for step in steps]))
        assert [step[3] for step in steps] == [False, False, True]
    assert np.array_equal(*videos)
    assert np.array_equal(env.reset(seed=1)[0], first)


def test_a_dream_can_begin_elsewhere_and_be_kept(model, env, random_frames, tmp_path):
    frame = random_frames(7)
    assert np.array_equal(env.reset(options={"first_frame": frame})[0], frame)
    env.step(np.int64(0))
    env.save(tmp_path / "dream")
    assert Dream.load(tmp_path / "dream", model).num_chunks == 1


def test_mistakes_are_named(model, env, random_frames, tmp_path):
    with pytest.raises(ConfigError, match="at least one action"):
        DreamEnv(model, random_frames(0), actions=[])
    for call in (lambda: env.step(np.int64(0)), lambda: env.save(tmp_path)):
        with pytest.raises(ConfigError, match="reset"):
            call()


def test_an_agents_actions_are_those_that_the_model_was_trained_on(model, random_frames):
    model.vocabulary = Vocabulary({"stir": KnownAction(), "pour": KnownAction()})
    env = DreamEnv(model, random_frames(0))
    assert env.actions == ("stir", "pour")
    assert env.metadata["render_fps"] == model.settings.frames_per_second
    model.vocabulary = None
    with pytest.raises(ConfigError, match=r"actions=\[\.\.\.\]"):
        DreamEnv(model, random_frames(0))
