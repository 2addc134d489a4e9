"""Do the models fit what a plan measures?"""

from collections.abc import Sequence

from twospeed.core.errors import ConfigError
from twospeed.evaluation.protocols.base import check_world
from twospeed.planning.hand.reader import HandReader, packaged_hand
from twospeed.planning.inverse.base import InverseDynamics
from twospeed.planning.plan_config import PlanConfig
from twospeed.planning.splitting.base import SubGoal, handles
from twospeed.planning.tasks.base import CHUNK_FRAMES
from twospeed.worldmodel.model import WorldModel
from twospeed.worlds.registry import WORLDS


def check_models(
    model: WorldModel,
    consolidated: WorldModel | None,
    inverse: InverseDynamics,
    config: PlanConfig,
) -> None:
    """Hold models and inverse dynamics to what is measured.

    Raises:
        ConfigError: when one is of another world, rate or length of chunks, or the arm loop has no
            model.
        UnknownNameError: when there is no such world.
    """
    for one in (model, *([consolidated] if consolidated else [])):
        if one.settings.world != config.world:
            raise ConfigError(
                f"this model is of {one.settings.world or 'no world of ours'}, not of"
                f" {config.world}: take one that was trained on {config.world}"
            )
        if one.settings.chunk_frames != CHUNK_FRAMES:
            raise ConfigError(
                f"tasks have chunks of {CHUNK_FRAMES} frames, this model generates"
                f" {one.settings.chunk_frames}"
            )
    check_world(model, config.world)
    strangers = set(inverse.commands) - WORLDS[config.world].actions.keys()
    if strangers:
        raise ConfigError(
            f"these inverse dynamics read {sorted(strangers)[0]!r}, which {config.world} does not"
            " know: train them by twospeed train inverse-dynamics --data SHARDS"
        )
    if "loop" in config.arms and consolidated is None:
        raise ConfigError("the arm loop needs consolidated slow weights: give --loop-model")


def hand_of(hand: HandReader | None, world: str, goals: Sequence[SubGoal]) -> HandReader | None:
    """Return who reads the hand where something is handled: the given one, else what is packaged.

    Raises:
        ConfigError: when one is given that is of another world, or nothing is handled.
    """
    if not handles(goals):
        if hand is not None:
            raise ConfigError("nothing is handled in this task: leave --hand away")
        return None
    if hand is None:
        return packaged_hand(world)
    if world not in hand.world.split("+"):
        raise ConfigError(
            f"this hand reader is of {hand.world}, not of {world}: train one by twospeed train hand"
            " --data SHARDS"
        )
    return hand
