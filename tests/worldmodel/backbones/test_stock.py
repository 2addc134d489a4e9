"""With no past and no memory our loop gives the video of diffusers' own pipeline."""

import pipelines
import pytest
import torch
from diffusers import UniPCMultistepScheduler

from twospeed.core.errors import ConfigError
from twospeed.worldmodel.asking.guidance import Guidance
from twospeed.worldmodel.asking.questions import SlowReading
from twospeed.worldmodel.model import WorldModel
from twospeed.worldmodel.reading import Reading
from twospeed.worldmodel.sampler import sample

pytestmark = pytest.mark.filterwarnings("ignore:.*deprecated.*")
STEPS, LATENTS = 4, 2


@pytest.mark.parametrize("scale", [1.0, 3.0])
@pytest.mark.parametrize(
    "name", ["wan_21", "wan_22_a14b", "wan_22_ti2v", "skyreels", "ltx", "modelscope"]
)
@torch.no_grad()
def test_our_loop_gives_the_video_of_the_stock_pipeline(saved, tmp_path, name, scale):
    model = WorldModel.from_pretrained(saved(name))
    model.denoiser.double()
    model.text_encoder.model.double()
    side = model.rules.side
    cell = side // model.origin.family.patch(model.denoiser)
    rows, columns = 2 * side // cell, 3 * side // cell
    channels = model.autoencoder.config.get("z_dim") or model.autoencoder.config.latent_channels
    shape = (1, channels, LATENTS, rows, columns)
    noise = torch.randn(shape, generator=torch.Generator().manual_seed(7)).double()
    ours = ours_of(model, noise, scale)
    theirs = theirs_of(name, tmp_path, noise, scale, side, model.text_encoder.encode(["go on", ""]))
    torch.testing.assert_close(ours, theirs.double(), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("setting", [{"sampling_order": 2}, {"sampling_shift": 3.0}])
def test_flows_take_steps_of_their_own(saved, setting):
    model = WorldModel.from_pretrained(saved("wan_21")).configure(**setting)
    with pytest.raises(ConfigError, match="shift of their own, got"):
        model.steps((16, LATENTS, 4, 4))


class Keeping(UniPCMultistepScheduler):
    """Keeps the latents of its last step: the pipeline writes over those that it handed in."""

    def step(self, output, level, sample, **options):
        return super().step(output, level, sample.clone(), **options)


def ours_of(model, noise, scale):
    text, no_text = model.text_encoder.encode(["go on"]), model.text_encoder.encode([""])
    past = noise[:, :, :0]
    predict = Reading.of(model.denoiser, past, text)
    if scale > 1:
        predict = Guidance(SlowReading(predict), no_text, scale=scale - 1, guided_from=0)
    steps = model.schedule.steps(STEPS, tuple(noise.shape[1:]))
    return sample(predict, noise, past_BCTHW=past, steps=steps)


def theirs_of(name, folder, noise, scale, side, texts):
    pipeline = pipelines.make(name, folder)
    for part in pipelines.denoisers_of(pipeline):
        part.double()
    pipeline.text_encoder.double()
    packed = {"modelscope": 1, "ltx": 8}.get(name, 4)
    frames = LATENTS if packed == 1 else 1 + (LATENTS - 1) * packed
    latents = noise.flatten(2).transpose(1, 2) if name == "ltx" else noise.clone()
    start = {"latents": latents}
    if name == "skyreels":  # it takes no noise from outside, but draws the same
        start = {"generator": torch.Generator().manual_seed(7)}
        pipeline.scheduler = Keeping.from_config(pipeline.scheduler.config)
    said = {"prompt": "go on", "negative_prompt": "" if scale > 1 else None}
    if name == "skyreels":  # its own reading of texts needs a package that is optional elsewhere
        embeds = texts.double()
        said = {"prompt": None, "prompt_embeds": embeds[:1], "negative_prompt_embeds": embeds[1:]}
    found = pipeline(
        **said,
        height=2 * side,
        width=3 * side,
        num_frames=frames,
        num_inference_steps=STEPS,
        guidance_scale=scale,
        **start,
        output_type="latent",
    ).frames
    if name == "ltx":
        found = found.transpose(1, 2).unflatten(2, tuple(noise.shape[2:]))
    return found
