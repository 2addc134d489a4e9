"""Image-to-video Wan: what is shown of given frames is what diffusers' pipeline shows."""

import json
import shutil

import numpy as np
import pipelines
import pytest
import torch
from diffusers import WanImageToVideoPipeline, WanTransformer3DModel
from PIL import Image

from twospeed.core.errors import DataError
from twospeed.worldmodel.model import WorldModel
from twospeed.worldmodel.sampler import sample

pytestmark = pytest.mark.filterwarnings("ignore:.*deprecated.*")
both = pytest.mark.parametrize("name", ["wan_21_image", "wan_22_a14b_image"])
STEPS, SIZE, LATENTS = 4, 32, 2


def picture(seed=0):
    return np.random.default_rng(seed).integers(0, 256, (SIZE, SIZE, 3), dtype=np.uint8)


def opened(folder):
    return WorldModel.from_pretrained(folder).configure(frame_size=SIZE, sampling_steps=2)


def transformers_of(model):
    second = getattr(model.denoiser, "transformer_2", None)
    return [model.denoiser] if second is None else [model.denoiser.transformer, second]


@both
@pytest.mark.parametrize("scale", [1.0, 3.0])
@torch.no_grad()
def test_beside_the_same_picture_our_loop_gives_the_video_of_the_stock_pipeline(
    saved, tmp_path, name, scale
):
    model = opened(saved(name))
    model.denoiser.double()
    model.text_encoder.model.double()
    noise = torch.randn(1, 16, LATENTS, 4, 4, generator=torch.Generator().manual_seed(7)).double()
    pixels = torch.zeros(1, 3, 1 + 4 * (LATENTS - 1), SIZE, SIZE)
    pixels[0, :, 0] = torch.from_numpy(picture()).permute(2, 0, 1) / 127.5 - 1
    is_given = torch.tensor([[True] + [False] * (LATENTS - 1)])
    shown = transformers_of(model)[0].pictures.of_pixels(pixels, is_given)
    text, no_text = model.text_encoder.encode(["go on", ""]).split(1)

    def asked(text):
        def predict(noisy, level):
            is_high = level.max() >= 900 or len(transformers_of(model)) == 1
            part = transformers_of(model)[0 if is_high else 1]
            return part.beside(shown, noisy, level, text)

        return predict

    def predict(noisy, level):
        without = asked(no_text)(noisy, level)
        return without + scale * (asked(text)(noisy, level) - without)

    steps = model.schedule.steps(STEPS, tuple(noise.shape[1:]))
    ours = sample(predict, noise, past_BCTHW=noise[:, :, :0], steps=steps)
    pipeline = pipelines.make(name, tmp_path)
    for part in (*pipelines.denoisers_of(pipeline), pipeline.text_encoder):
        part.double()
    theirs = pipeline(
        image=Image.fromarray(picture()), prompt_embeds=text, negative_prompt_embeds=no_text,
        height=SIZE, width=SIZE, num_frames=1 + 4 * (LATENTS - 1), num_inference_steps=STEPS,
        guidance_scale=scale, latents=noise.clone(), output_type="latent",
    ).frames  # fmt: skip
    torch.testing.assert_close(ours, theirs.double(), rtol=1e-4, atol=1e-4)


@both
@torch.no_grad()
def test_given_latents_stand_clean_beside_the_noise_and_grey_ones_after_them(saved, name):
    model = opened(saved(name))
    pictures = transformers_of(model)[0].pictures
    frames = np.stack([picture(seed) for seed in range(5)])
    latents = torch.cat([model.encode(frames[None]), torch.randn(1, 16, 1, 4, 4)], dim=2)
    is_given = torch.tensor([[True, True, False]])
    channels = pictures.of(latents, is_given).channels_BCTHW
    assert torch.equal(channels[:, 4:, :2], latents[:, :, :2])
    assert channels[0, :4, :, 0, 0].tolist() == [[1.0, 1.0, 0.0]] * 4
    other = pictures.of(
        torch.randn_like(latents).index_copy(2, torch.arange(2), latents[:, :, :2]), is_given
    )
    assert torch.equal(other.channels_BCTHW, channels)
    grey = pictures.of(latents, torch.zeros_like(is_given)).channels_BCTHW
    still = torch.zeros(1, 3, 9, SIZE, SIZE)
    assert torch.equal(grey[:, 4:], pictures.packing.encode(still))


@torch.no_grad()
def test_the_picture_is_what_the_first_given_latent_decodes_to(saved):
    model = opened(saved("wan_21_image"))
    pictures = model.denoiser.pictures
    past = model.encode(np.stack([picture(0), picture(1)])[:, None])
    window = torch.cat([past, torch.randn_like(past)], dim=2)
    is_given = torch.tensor([[True, False], [False, False]])
    tokens = pictures.of(window, is_given).tokens_BND
    seen = model.decode(past[:1])[:, 0]
    grey = np.full((1, SIZE, SIZE, 3), 128, np.uint8)
    torch.testing.assert_close(tokens, pictures.encoder.encode(np.concatenate([seen, grey])))


@both
def test_another_past_is_another_video(saved, name):
    model = opened(saved(name)).configure(guidance=0.0)
    past = model.encode(np.stack([picture(0), picture(1)])[:, None])
    one, other = model.generate(past, ["go on"] * 2, [0, 0])
    assert not torch.allclose(one, other, atol=1e-4)


@pytest.mark.parametrize("name", ["wan_21_image"])
def test_it_saves_as_the_pipeline_that_it_came_as(saved, name, tmp_path):
    opened(saved(name)).save_pretrained(tmp_path / "m")
    stock = WanImageToVideoPipeline.from_pretrained(tmp_path / "m")
    first = WanImageToVideoPipeline.from_pretrained(saved(name))
    image = Image.fromarray(picture())
    assert torch.equal(stock.encode_image(image), first.encode_image(image))


@pytest.fixture
def copy(saved, tmp_path):
    shutil.copytree(saved("wan_21_image"), tmp_path / "wan")
    return tmp_path / "wan"


@pytest.mark.parametrize("part", ["image_encoder", "image_processor"])
def test_without_its_encoder_of_pictures_it_is_not_whole(copy, part):
    shutil.rmtree(copy / part)
    with pytest.raises(DataError, match="image"):
        WorldModel.from_pretrained(copy)


def test_one_whose_transformer_asks_an_encoder_that_is_not_named_is_one_line(copy):
    path = copy / "model_index.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"image_encoder": [None, None]}))
    with pytest.raises(DataError, match="asks an encoder of pictures"):
        WorldModel.from_pretrained(copy)


def test_one_that_asks_a_last_picture_too_is_refused(copy):
    part = WanTransformer3DModel.from_pretrained(copy / "transformer")
    WanTransformer3DModel(**{**part.config, "pos_embed_seq_len": 34}).save_pretrained(
        copy / "transformer"
    )
    with pytest.raises(DataError, match="last picture"):
        WorldModel.from_pretrained(copy)
