"""The stage that trains the renderer, beside a world model whose other parts are done.

rendering/     posed/ (frames with poses), journal, checkpoint
"""

from collections.abc import Mapping, Sequence
from typing import cast

import torch
from torch import Tensor

from twospeed.core.random import initial_weights_of
from twospeed.training.loop import run_loop
from twospeed.training.rendering.config import RenderingRun
from twospeed.training.rendering.learning import LearningToDraw
from twospeed.training.rendering.posed import posed_frames
from twospeed.training.stages.folders import RunContext
from twospeed.worldmodel.codec import packing_of
from twospeed.worldmodel.model import WorldModel
from twospeed.worldmodel.rendering.renderer import ViewRenderer


def rendering_stage(
    context: RunContext,
    model: WorldModel,
    sayings: Mapping[str, Sequence[str]],
    minutes: float | None,
) -> float:
    """Train the model's renderer, a new one where it has none; it gets the averaged weights.

    Args:
        context: of the run.
        model: all other parts.
        sayings: command -> what may be said for it.
        minutes: stop after this long; None runs to the last step.

    Returns:
        PSNR in dB of new views of held-out episodes.

    Raises:
        ConfigError: when the episodes have no poses.
    """
    run, folder = context.config.rendering, context.out / "rendering"
    with context.accelerator.main_process_first():
        frames = posed_frames(context.source, run.episodes, folder / "posed")
    renderer = begun_renderer(model, run)
    renderer.requires_grad_(True)
    renderer.views.requires_grad_(False)  # empty until a memory writes it
    learning = LearningToDraw(model, frames, sayings, run)

    def loss_of(step: int, generator: torch.Generator) -> Tensor:  # noqa: ARG001
        return learning.loss(renderer, generator)

    averaged = run_loop(
        renderer,
        loss_of,
        run.loop,
        out=folder,
        minutes=minutes,
        accelerator=context.accelerator,
        label="rendering",
    )
    model.renderer = cast(ViewRenderer, averaged)
    return learning.held_out_db(model.renderer)


def begun_renderer(model: WorldModel, run: RenderingRun) -> ViewRenderer:
    """Return the model's renderer with the camera of a run, or a new one where it has none.

    Another camera is that of another world, and there motion is learned from the start: frames
    unlike all that a reader knows drive it so far that it stops to see and does not recover.
    """
    if model.renderer is None:
        return build_renderer(model, run)
    camera = {"reach": run.reach, "pitch": run.pitch, "carries_on": run.carries_on}
    with initial_weights_of(run.loop.seed):
        begun = model.renderer.untrained(**camera)
    learned = model.renderer.state_dict()
    if any(model.renderer.config[name] != it for name, it in camera.items()):
        learned = {name: it for name, it in learned.items() if not name.startswith("motion.")}
    begun.load_state_dict(learned, strict=False)
    return begun


def build_renderer(model: WorldModel, run: RenderingRun) -> ViewRenderer:
    """Return an untrained renderer for the latents and texts of a model."""
    settings = model.settings
    with initial_weights_of(run.loop.seed):
        renderer: ViewRenderer = ViewRenderer(
            side=settings.frame_size,
            latent_channels=int(model.autoencoder.config.latent_channels),
            latent_cells=settings.frame_size // packing_of(model.autoencoder).side,
            text_width=model.text_encoder.width,
            chunk_frames=settings.chunk_frames,
            features=run.features,
            width=run.width,
            reach=run.reach,
            depths=run.depths,
            pitch=run.pitch,
            carries_on=run.carries_on,
        )
    return renderer
