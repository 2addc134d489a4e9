import pytest
import torch

from twospeed.core.errors import MissingExtraError
from twospeed.memory.presets import preset_of
from twospeed.planning.arms import ARMS, Setting
from twospeed.planning.hand.reader import packaged_hand
from twospeed.planning.inverse.learned import LearnedInverseDynamics
from twospeed.planning.lessons import keep_episode
from twospeed.planning.splitting.grammar import GrammarSplitter
from twospeed.planning.tasks.table import task_for
from twospeed.training.consolidation.learning import open_round, recall_error
from twospeed.training.consolidation.lessons import lessons_in
from twospeed.worldmodel.model import WorldModel
from twospeed.worlds.registry import make_world

SEED = 706_000


@pytest.fixture(scope="module")
def put_back():
    """Return the task, its world, and what its arms are made of in one episode."""
    task, model = task_for("put_back", "fetch"), WorldModel.from_pretrained("fetch-64")
    try:
        world = make_world("fetch", **task.world_options)
    except MissingExtraError as error:
        pytest.skip(str(error))
    other, own = (task.begin(world, seed, off_path=True) for seed in (SEED + 1, SEED))
    goals = GrammarSplitter().split(own.sentence, world.actions)
    yield (
        task,
        world,
        Setting(
            model=model,
            memory=preset_of(model, "associative"),
            inverse=LearnedInverseDynamics.load("fetch"),
            own=own,
            other=other,
            texts=tuple(goal.text for goal in goals),
            seed=SEED,
            hand=packaged_hand("fetch"),
        ),
    )
    world.close()


def test_off_the_path_the_block_is_put_back_by_what_was_seen_of_this_episode_alone(put_back):
    task, world, setting = put_back
    own, reached = setting.own, {}
    goals = GrammarSplitter().split(own.sentence, world.actions)
    for arm in ("on", "by_number", "swap"):
        task.restore(world, own)
        acted = ARMS[arm](setting).act(world, own, goals, SEED)
        reached[arm] = task.distance(own, acted.shots)
        assert len(acted.imagined) == len(acted.decisions)
    assert reached["on"] < task.success_metres < reached["swap"]
    assert reached["by_number"] < task.success_metres, "a list does as well as fast weights"


def test_a_kept_memory_of_handling_is_asked_in_the_words_that_it_was_told(put_back, tmp_path):
    *_, setting = put_back
    model = setting.model
    keep_episode(tmp_path, setting)
    (lesson,) = lessons_in(tmp_path, model)
    beside = open_round(model, [lesson], torch.Generator()).later
    windows = beside.draw(4, torch.Generator().manual_seed(0))
    assert recall_error(beside, windows) < 0.5  # numbered chunks gave 61
