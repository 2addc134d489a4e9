"""Complete named configurations: what is recorded, and how a world model is trained on it.

``twospeed train NAME --set path=value`` changes leaves of a recipe.
"""

import math
from collections.abc import Callable
from dataclasses import replace

from twospeed.data.recording import RecordingConfig
from twospeed.memory.config import GradientConfig
from twospeed.training.adversarial.config import AdversarialConfig
from twospeed.training.loop_config import LoopConfig
from twospeed.training.recall.config import RecallingConfig
from twospeed.training.rendering.config import RenderingRun
from twospeed.training.run import RunConfig
from twospeed.training.stages.autoencoder import AutoencoderRun
from twospeed.training.stages.slow import SlowLearningConfig
from twospeed.training.stages.slow_fast import SlowFastConfig
from twospeed.training.stages.text import TextRun
from twospeed.worldmodel.autoencoder import AutoencoderConfig
from twospeed.worldmodel.build import WorldModelConfig
from twospeed.worldmodel.settings import ModelSettings
from twospeed.worldmodel.text import TextEncoderConfig
from twospeed.worlds.registry import WORLDS


def rooms_64() -> RunConfig:
    """The packaged rooms model, but for its last stage: about ten hours on two CPU cores."""
    return RunConfig(
        recording=RecordingConfig(world="rooms", episodes=10_000, chunks=18, policy="revisit+roam"),
        model=WorldModelConfig(
            settings=ModelSettings(guidance=1.0, guided_from=800, sampling_steps=8)
        ),
        slow=SlowLearningConfig(
            even_share=0.5,
            lowest_level=120,
            loop=LoopConfig(steps=40_000, learning_rate=8e-4),
        ),
        recalling=RecallingConfig(
            first_steps=1_500,
            alone_every=2,
            written_share=0.4,
            loop=LoopConfig(steps=60_000, learning_rate=8e-4, cooldown=0.3),
        ),
    )


def rooms_64_adversarial() -> RunConfig:
    """The last stage of the packaged rooms model (``--init`` the one before): against a critic.

    What learned against a critic takes more guidance without running away.
    """
    recipe = rooms_64()
    settings = replace(
        recipe.model.settings, guidance=2.0, guided_from=600, sampling_order=2, sampling_shift=3.0
    )
    return _adversarial_of(replace(recipe, model=replace(recipe.model, settings=settings)))


def _adversarial_of(recipe: RunConfig) -> RunConfig:
    """Return a recipe of whose parts the denoiser alone is trained, against a critic."""
    recording = replace(recipe.recording, first_seed=200_000, episodes=3_000)
    loop = replace(AdversarialConfig().loop, steps=3_000)
    recipe = replace(recipe, recording=recording, precision="bf16")
    return replace(_without_stages(recipe), adversarial=AdversarialConfig(loop=loop))


def _without_stages(recipe: RunConfig) -> RunConfig:
    """Return a recipe that takes all parts from the model that it begins with."""
    done = LoopConfig(steps=0)
    return replace(
        recipe,
        autoencoder=replace(recipe.autoencoder, frames=2_048, loop=done),
        text=replace(recipe.text, loop=done),
        slow=replace(recipe.slow, loop=done),
        recalling=RecallingConfig(loop=done),
    )


def _renderer_of(recipe: RunConfig, recording: RecordingConfig) -> RunConfig:
    """Return a recipe of whose parts the renderer alone is trained."""
    rendering = RenderingRun(
        episodes=recording.episodes,
        reach=WORLDS[recording.world].about.reach or 1.0,
        loop=replace(RenderingRun().loop, steps=20_000),
    )
    return replace(_without_stages(recipe), recording=recording, rendering=rendering)


def rooms_64_renderer() -> RunConfig:
    """The renderer of the packaged rooms model, beside its other parts (``--init rooms-64``)."""
    recipe = replace(rooms_64(), model=rooms_64_adversarial().model)
    recording = replace(
        recipe.recording, episodes=800, chunks=14, policy="random+roam", episodes_per_shard=8
    )
    return _renderer_of(recipe, recording)


def rooms_64_unet3d() -> RunConfig:
    """The same with the paper's denoiser, diffusers' UNet3DConditionModel, at a small size."""
    recipe = rooms_64()
    without = replace(recipe.recalling, loop=replace(recipe.recalling.loop, steps=0))
    model = replace(recipe.model, denoiser="unet3d")
    return replace(recipe, model=model, recalling=without)


def doom_64() -> RunConfig:
    """The packaged model of ViZDoom's first-person world (needs the extra `doom` to record)."""
    return RunConfig(
        recording=RecordingConfig(world="doom", episodes=3_000, chunks=20, policy="revisit"),
        model=WorldModelConfig(
            settings=ModelSettings(
                world="doom", guidance=1.5, guided_from=600, sampling_steps=8, sampling_order=2
            )
        ),
        slow=rooms_64().slow,
        recalling=rooms_64().recalling,
    )


def doom_64_adversarial() -> RunConfig:
    """A stage after the packaged Doom model (``--init doom-64``), by which it did not gain yet."""
    return _adversarial_of(doom_64())


def doom_64_renderer() -> RunConfig:
    """The renderer of the packaged Doom model (``--init doom-64``).

    The model's texts know no commands "a little", and its recording gives none.
    """
    recipe = doom_64()
    recipe = _renderer_of(recipe, replace(recipe.recording, episodes=1_600))
    loop = replace(recipe.rendering.loop, steps=9_000)
    return replace(recipe, rendering=replace(recipe.rendering, episodes=800, loop=loop))


def fetch_64() -> RunConfig:
    """The model of a robot arm over a table (needs the extra `robot` to record)."""
    recipe = rooms_64()
    return replace(
        recipe,
        recording=RecordingConfig(
            world="fetch", episodes=1_024, chunks=28, policy="scripted+scripted+random"
        ),
        model=WorldModelConfig(settings=replace(recipe.model.settings, world="fetch")),
        slow=replace(recipe.slow, loop=replace(recipe.slow.loop, steps=10_000)),
        recalling=replace(
            recipe.recalling,
            first_steps=250,
            loop=replace(recipe.recalling.loop, steps=3_000),
        ),
    )


def maze_64() -> RunConfig:
    """The packaged model of Memory Maze (its world has a Python of its own: docs/worlds.md).

    It learns no recall: what it remembers are views, which its renderer draws anew.
    """
    recipe = rooms_64()
    return replace(
        recipe,
        recording=RecordingConfig(world="memory_maze", episodes=512, chunks=54, policy="scripted"),
        model=WorldModelConfig(settings=replace(recipe.model.settings, world="memory_maze")),
        autoencoder=replace(recipe.autoencoder, loop=replace(recipe.autoencoder.loop, steps=1_500)),
        slow=replace(recipe.slow, loop=replace(recipe.slow.loop, steps=13_000)),
        recalling=RecallingConfig(),
    )


def maze_64_renderer() -> RunConfig:
    """The renderer of the maze model (``--init`` that one).

    The maze is seen by a camera that looks down by 1 in 10, from a ball that rolls.
    """
    recipe = maze_64()
    recipe = _renderer_of(recipe, recipe.recording)
    rendering = replace(
        recipe.rendering,
        pitch=math.atan(0.1),
        carries_on=True,
        pairs=128,
        loop=replace(recipe.rendering.loop, steps=9_000),
    )
    return replace(recipe, rendering=rendering)


def worlds_64() -> RunConfig:
    """One model of many worlds, from a recording of ``twospeed record --preset`` (``--data``).

    All action texts are drawn as often as each other, since worlds have different numbers of clips
    and some actions are rare. It learns no recall: its episodes seldom see a place again.
    """
    recipe = rooms_64()
    return replace(
        recipe,
        text=TextRun(loop=replace(recipe.text.loop, steps=4_000)),
        slow=replace(recipe.slow, even_share=0.5),
        recalling=RecallingConfig(),
    )


def rooms_tiny() -> RunConfig:
    """Seconds on one CPU core: everything is there and nothing is good. The tests run it."""
    quick = LoopConfig(steps=20, learning_rate=3e-3, warmup_steps=5, ema_decay=0.9)
    return RunConfig(
        recording=RecordingConfig(
            world="rooms", episodes=8, chunks=4, frame_size=16, episodes_per_shard=4
        ),
        model=WorldModelConfig(
            width=32,
            depth=1,
            heads=2,
            conv_channels=16,
            recall_keys=16,
            autoencoder=AutoencoderConfig(block=4, latent_channels=8, width=16),
            text=TextEncoderConfig(width=16, layers=1, heads=2),
            settings=ModelSettings(frame_size=16, sampling_steps=2),
        ),
        autoencoder=AutoencoderRun(frames=64, batch_size=8, loop=quick),
        text=TextRun(batch_size=16, loop=quick),
        slow=SlowLearningConfig(batch_size=4, loop=quick),
        recalling=RecallingConfig(
            episodes=2, first_steps=1, first_episodes=2, loop=replace(quick, steps=4)
        ),
        slow_fast=SlowFastConfig(
            episodes=2,
            least_written=1,
            steps_per_round=2,
            memory=GradientConfig(targets=("up", "down"), objective="next", learning_rate=1e-2),
            loop=replace(quick, steps=4),
        ),
        adversarial=AdversarialConfig(
            chunks=2, critic_first=1, critic_width=8, loop=replace(quick, steps=0)
        ),
    )


RECIPES: dict[str, Callable[[], RunConfig]] = {
    "rooms-64": rooms_64,
    "rooms-64-adversarial": rooms_64_adversarial,
    "rooms-64-renderer": rooms_64_renderer,
    "rooms-64-unet3d": rooms_64_unet3d,
    "doom-64": doom_64,
    "doom-64-adversarial": doom_64_adversarial,
    "doom-64-renderer": doom_64_renderer,
    "fetch-64": fetch_64,
    "maze-64": maze_64,
    "maze-64-renderer": maze_64_renderer,
    "worlds-64": worlds_64,
    "rooms-tiny": rooms_tiny,
}
"""Name on the command line -> recipe."""
