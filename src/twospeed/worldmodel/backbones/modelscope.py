"""ModelScopeT2V, the paper's model: a 3D UNet that predicts noise, told one level a clip.

Clean frames are put back at every step and go unmarked; that a window holds them, the weights learn
by slow learning.
"""

from dataclasses import dataclass
from typing import Any

from torch import nn

from twospeed.worldmodel.backbones.base import Backbone
from twospeed.worldmodel.backbones.schedule import Schedule
from twospeed.worldmodel.backbones.texts import TextRule
from twospeed.worldmodel.denoiser import UNet3D
from twospeed.worldmodel.diffusion import NoiseSchedule
from twospeed.worldmodel.settings import ModelSettings


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class _ModelScope(Backbone):
    def schedule(self, scheduler: Any) -> Schedule:
        """Return DDPM's schedule."""
        return NoiseSchedule(scheduler)


def _patch(denoiser: nn.Module) -> int:
    config: Any = denoiser.config
    return int(2 ** (len(config.block_out_channels) - 1))


MODELSCOPE = _ModelScope(
    name="modelscope",
    pipelines=("TextToVideoSDPipeline",),
    part="unet",
    denoiser=UNet3D,
    stored_as="UNet3DConditionModel",
    levels="one a clip; clean latents are put back",
    text=TextRule(length=77, is_masked=False, is_zeroed=False),
    attention=("to_q", "to_k", "to_v", "to_out.0"),
    feed_forward=("ff.net.0.proj", "ff.net.2"),
    settings=ModelSettings(
        world="",
        chunk_frames=4,
        frame_size=256,
        frames_per_second=8.0,
        sampling_steps=50,
        guidance=8.0,
        guided_from=0,
    ),
    window=32,
    patch=_patch,
)
"""ModelScopeT2V."""
