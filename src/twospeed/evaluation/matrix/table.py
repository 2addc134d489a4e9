"""The memories of the matrix by name. A new one is a file in memories/ and a line here."""

import dataclasses
import sys
from dataclasses import dataclass

from twospeed.core.errors import ConfigError
from twospeed.evaluation.matrix.base import Make
from twospeed.evaluation.matrix.memories.context import FirstFrame, LongContext, NoMemory
from twospeed.evaluation.matrix.memories.delta_rule import DeltaRule
from twospeed.evaluation.matrix.memories.fast import written_by
from twospeed.evaluation.matrix.memories.lookup import Table
from twospeed.evaluation.matrix.memories.retrieval import ByFeature, ByPose
from twospeed.memory.config import FastLearningConfig, GradientConfig, RidgeConfig
from twospeed.memory.presets import PRESETS, associative, default
from twospeed.worldmodel.model import WorldModel


@dataclass(frozen=True, slots=True)
class Entry:
    """A memory of the table."""

    summary: str
    make: Make
    elsewhere: bool = False
    """Whether it is shown another episode than the one that it is asked about."""


def _gated(model: WorldModel) -> RidgeConfig:
    config = associative(model)
    if not isinstance(config, RidgeConfig):
        raise ConfigError("ridge needs a backbone with a recall layer")
    return config


def _without_gate(model: WorldModel) -> RidgeConfig:
    return dataclasses.replace(_gated(model), retrieval_range=None)


def _paper_next(model: WorldModel) -> FastLearningConfig:
    config = PRESETS["paper"](model)
    if not isinstance(config, GradientConfig):
        raise TypeError("the paper's memory learns by gradients")
    return dataclasses.replace(config, objective="next")


MEMORIES: dict[str, Entry] = {
    "none": Entry("slow weights alone", lambda model, _: NoMemory(model)),
    "last_frame": Entry("one past frame", lambda model, _: NoMemory(model, frames=1)),
    "long_context": Entry("the last 12 frames", lambda model, _: LongContext(model)),
    "first_frame": Entry("the first frame as anchor", lambda model, _: FirstFrame(model)),
    "lookup": Entry("replays raw chunks, no network", lambda model, _: Table(model)),
    "by_feature": Entry("4 frames retrieved by look", lambda model, _: ByFeature(model)),
    "by_pose": Entry("4 frames retrieved by pose", lambda model, _: ByPose(model)),
    "delta_rule": Entry("a recurrent state", lambda model, _: DeltaRule(model)),
    "paper": Entry("TEMP-LORA as published", written_by(PRESETS["paper"])),
    "paper_next": Entry(
        "TEMP-LORA, output given input, as for texts",
        written_by(_paper_next),
    ),
    "paper_whole_sequence": Entry(
        "TEMP-LORA, samples of the whole sequence",
        written_by(PRESETS["paper"], whole_sequence=True),
    ),
    "paper_last_frame": Entry(
        "TEMP-LORA, one past frame", written_by(PRESETS["paper"], past_frames=1)
    ),
    "gradient": Entry("gradient steps, tuned", written_by(PRESETS["gradient"])),
    "come": Entry("LoRA of all true frames in bulk, contrastive", written_by(PRESETS["come"])),
    "ridge": Entry("the recall layer, by ridge regression", written_by(_without_gate)),
    "ridge_gated": Entry("the same with the retrieval gate", written_by(_gated)),
    "default": Entry("ours, what the model comes with", written_by(default)),
    "swap": Entry("ours, of another episode", written_by(default), elsewhere=True),
    "views": Entry("ours, views drawn anew", written_by(PRESETS["views"])),
}
"""Name -> memory."""

CONTROLS = {"frozen": 1, "copy": sys.maxsize}
"""What stands beside them, and how many frames it repeats, a chunk at most; "truth" is the true
frames through the autoencoder."""
