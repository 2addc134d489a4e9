"""What a family of video diffusion models says of itself: the contract `Backbone`.

A family is one file that makes one of these; the table (table.py) finds it by the pipeline that
a folder's ``model_index.json`` names. Its denoiser is diffusers' own class with our `forward`, so
that its layers keep their names and its files stay diffusers' files.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from torch import nn

from twospeed.worldmodel.backbones.flow import FlowSchedule, SetSteps, plain_steps
from twospeed.worldmodel.backbones.image_encoder import ImageEncoder
from twospeed.worldmodel.backbones.schedule import Schedule
from twospeed.worldmodel.backbones.texts import TextRule
from twospeed.worldmodel.settings import ModelSettings

Index = Mapping[str, Any]
"""What ``model_index.json`` says."""


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class Backbone:
    """A family of video diffusion models."""

    name: str
    """Such as "wan"."""

    pipelines: tuple[str, ...]
    """Classes of diffusers' pipelines that are opened."""

    part: str
    """Folder of the denoiser in them, which its LoRA files name too."""

    denoiser: type[nn.Module]
    """Maps (noisy, level, text) to a prediction (contract.py), whatever way it takes levels."""

    stored_as: str
    """Class that diffusers calls it."""

    levels: str
    """How it takes a noise level for every frame, in words."""

    text: TextRule
    """How texts become tokens."""

    attention: tuple[str, ...]
    """Last parts of the names of the attention layers that get adapters."""

    feed_forward: tuple[str, ...]
    """The same for feed-forward layers."""

    settings: ModelSettings
    """Of a model that says nothing of itself: one action a chunk of the fewest frames."""

    window: int
    """Most frames of past and new together that its published weights were trained on."""

    patch: Callable[[nn.Module], int]
    """Latent cells that one token covers along a side."""

    set_steps: SetSteps = plain_steps
    """How its pipeline sets the levels of a sampler."""

    join: Callable[[Any, Callable[[str], Any], Index], Any] = (
        lambda denoiser, load, index: denoiser  # noqa: ARG005
    )
    """(denoiser, what loads another part, index) -> the denoiser of all parts."""

    look: Callable[[Any, Any, ImageEncoder | None], None] = (
        lambda denoiser, autoencoder, image_encoder: None  # noqa: ARG005
    )
    """Gives a denoiser of all parts the autoencoder and the encoder of pictures, if it asks them;
    raises DataError where it asks what is not there."""

    @property
    def adapted(self) -> tuple[str, ...]:
        """Last parts of the names of all layers that get adapters, as in the paper."""
        return (*self.attention, *self.feed_forward)

    def schedule(self, scheduler: Any) -> Schedule:
        """Return the noise schedule of a flow behind the contract of all."""
        return FlowSchedule(scheduler, self.set_steps)
