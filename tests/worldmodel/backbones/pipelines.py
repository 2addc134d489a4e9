"""Tiny random pipelines of every family, as diffusers itself builds and saves them."""

import json

import torch
from diffusers import (
    AutoencoderKL,
    AutoencoderKLLTXVideo,
    AutoencoderKLWan,
    DDIMScheduler,
    FlowMatchEulerDiscreteScheduler,
    LTXPipeline,
    LTXVideoTransformer3DModel,
    SkyReelsV2DiffusionForcingPipeline,
    SkyReelsV2Transformer3DModel,
    TextToVideoSDPipeline,
    UNet3DConditionModel,
    UniPCMultistepScheduler,
    WanImageToVideoPipeline,
    WanPipeline,
    WanTransformer3DModel,
)
from transformers import (
    ByT5Tokenizer,
    CLIPTextConfig,
    CLIPTextModel,
    CLIPTokenizer,
    CLIPVisionConfig,
    CLIPVisionModel,
    T5Config,
    T5EncoderModel,
    UMT5Config,
    UMT5EncoderModel,
)

from twospeed.core.random import initial_weights_of
from twospeed.worldmodel.loading import quietly
from twospeed.worldmodel.model import WorldModel

WIDTH = 32
WAN_TRANSFORMER = {
    "patch_size": (1, 2, 2),
    "num_attention_heads": 2,
    "attention_head_dim": 12,
    "text_dim": WIDTH,
    "freq_dim": 32,
    "ffn_dim": 32,
    "num_layers": 2,
    "cross_attn_norm": True,
    "qk_norm": "rms_norm_across_heads",
    "rope_max_seq_len": 32,
}
WAN_VAE = {
    "base_dim": 3,
    "dim_mult": [1, 1, 1, 1],
    "num_res_blocks": 1,
    "temperal_downsample": [False, True, True],
}


def t5(kind=T5EncoderModel, config=T5Config):
    shape = config(
        vocab_size=384, d_model=WIDTH, d_kv=8, d_ff=32, num_layers=1, num_heads=4,
        feed_forward_proj="gated-gelu",
    )  # fmt: skip
    return {"tokenizer": ByT5Tokenizer(), "text_encoder": kind(shape).eval()}


def unipc(shift=3.0):
    return UniPCMultistepScheduler(
        prediction_type="flow_prediction", use_flow_sigmas=True, flow_shift=shift
    )


def wan(channels=16, more=None, vae=None, **options):
    sizes = WAN_TRANSFORMER | {"in_channels": channels, "out_channels": channels} | (more or {})
    return {
        "transformer": WanTransformer3DModel(**sizes),
        "vae": AutoencoderKLWan(**(WAN_VAE | {"z_dim": channels} | (vae or {}))),
        "scheduler": unipc(),
        **t5(UMT5EncoderModel, UMT5Config),
        **options,
    }


TI2V_VAE = {
    "in_channels": 12, "out_channels": 12, "is_residual": True, "patch_size": 2,
    "latents_mean": [0.1] * 48, "latents_std": [1.5] * 48,
    "scale_factor_spatial": 16, "scale_factor_temporal": 4,
}  # fmt: skip


def wan_21(_):
    return WanPipeline(**wan())


def wan_22_a14b(_):
    second = wan()["transformer"]
    return WanPipeline(**wan(), transformer_2=second, boundary_ratio=0.875)


def wan_22_ti2v(_):
    return WanPipeline(**wan(48, vae=TI2V_VAE, expand_timesteps=True))


def wan_22_ti2v_image(_):
    parts = wan(48, vae=TI2V_VAE, expand_timesteps=True)
    return WanImageToVideoPipeline(**parts, image_encoder=None, image_processor=None)


IMAGE = {"in_channels": 36, "out_channels": 16}


def wan_21_image(_):
    with quietly():
        from transformers import CLIPImageProcessor
    encoder = CLIPVisionModel(
        CLIPVisionConfig(
            hidden_size=8, intermediate_size=16, num_hidden_layers=2, num_attention_heads=2,
            image_size=32, patch_size=8,
        )
    )  # fmt: skip
    processor = CLIPImageProcessor(crop_size=32, size=32)
    parts = wan(more={**IMAGE, "image_dim": 8, "added_kv_proj_dim": 24})
    return WanImageToVideoPipeline(**parts, image_encoder=encoder.eval(), image_processor=processor)


def wan_22_a14b_image(_):
    parts, second = wan(more=IMAGE), wan(more=IMAGE)["transformer"]
    return WanImageToVideoPipeline(
        **parts, transformer_2=second, boundary_ratio=0.9, image_encoder=None,
        image_processor=None,
    )  # fmt: skip


def skyreels(_):
    parts = wan()
    sizes = WAN_TRANSFORMER | {"in_channels": 16, "out_channels": 16, "inject_sample_info": True}
    parts["transformer"] = SkyReelsV2Transformer3DModel(**sizes)
    return SkyReelsV2DiffusionForcingPipeline(**parts | {"scheduler": unipc(8.0)})


def ltx(_):
    transformer = LTXVideoTransformer3DModel(
        in_channels=8, out_channels=8, num_attention_heads=4, attention_head_dim=8,
        cross_attention_dim=32, num_layers=2, caption_channels=WIDTH,
    )  # fmt: skip
    vae = AutoencoderKLLTXVideo(
        latent_channels=8, block_out_channels=(8, 8, 8, 8),
        decoder_block_out_channels=(8, 8, 8, 8), layers_per_block=(1, 1, 1, 1, 1),
        decoder_layers_per_block=(1, 1, 1, 1, 1),
    )  # fmt: skip
    scheduler = FlowMatchEulerDiscreteScheduler(use_dynamic_shifting=True, shift_terminal=0.1)
    return LTXPipeline(transformer=transformer, vae=vae, scheduler=scheduler, **t5())


def modelscope(folder):
    unet = UNet3DConditionModel(
        in_channels=4, out_channels=4, sample_size=8, block_out_channels=(16, 32),
        layers_per_block=1, norm_num_groups=8, cross_attention_dim=WIDTH, attention_head_dim=8,
        down_block_types=("CrossAttnDownBlock3D", "DownBlock3D"),
        up_block_types=("UpBlock3D", "CrossAttnUpBlock3D"),
    )  # fmt: skip
    vae = AutoencoderKL(
        latent_channels=4, block_out_channels=(8, 8, 8, 8), norm_num_groups=4,
        down_block_types=("DownEncoderBlock2D",) * 4, up_block_types=("UpDecoderBlock2D",) * 4,
    )  # fmt: skip
    folder.mkdir(parents=True, exist_ok=True)
    letters = [f"{letter}{end}" for letter in "abcdefghijklmnopqrstuvwxyz" for end in ("", "</w>")]
    words = ["<|startoftext|>", "<|endoftext|>", *letters]
    (folder / "vocab.json").write_text(json.dumps({word: i for i, word in enumerate(words)}))
    (folder / "merges.txt").write_text("#version: 0.2\n")
    tokenizer = CLIPTokenizer(str(folder / "vocab.json"), str(folder / "merges.txt"))
    tokenizer.model_max_length = 77
    config = CLIPTextConfig(
        vocab_size=len(words), hidden_size=WIDTH, intermediate_size=32, num_hidden_layers=1,
        num_attention_heads=4, bos_token_id=0, eos_token_id=1, pad_token_id=1,
    )  # fmt: skip
    scheduler = DDIMScheduler(
        beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", clip_sample=False,
        set_alpha_to_one=False, steps_offset=1,
    )  # fmt: skip
    return TextToVideoSDPipeline(
        vae=vae, text_encoder=CLIPTextModel(config).eval(), tokenizer=tokenizer, unet=unet,
        scheduler=scheduler,
    )  # fmt: skip


MAKERS = {
    maker.__name__: maker
    for maker in (
        modelscope,
        wan_21,
        wan_22_a14b,
        wan_22_ti2v,
        wan_22_ti2v_image,
        wan_21_image,
        wan_22_a14b_image,
        skyreels,
        ltx,
    )
}
"""Name -> what makes a tiny pipeline; it may write into a folder."""


def make(name, folder):
    """Return a pipeline in its evaluation mode whose weights are all random, none of them 0."""
    with initial_weights_of(0):
        pipeline = MAKERS[name](folder / f"{name}-words")
        for part in (pipeline.vae, *denoisers_of(pipeline)):
            part.eval()
            for tensor in part.parameters():
                tensor.data.add_(0.05 * torch.randn(tensor.shape))
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def denoiser_of(pipeline):
    """Return the part of a pipeline that denoises."""
    return pipeline.unet if hasattr(pipeline, "unet") else pipeline.transformer


def denoisers_of(pipeline):
    """Return all parts that denoise."""
    second = getattr(pipeline, "transformer_2", None)
    return [denoiser_of(pipeline), *([second] if second is not None else [])]


def small_wan(root):
    """Return a tiny Wan of 32 pixels that samples in one step; its pipeline is saved below."""
    make("wan_21", root).save_pretrained(root / "wan")
    model = WorldModel.from_pretrained(root / "wan")
    return model.configure(frame_size=32, sampling_steps=1, guidance=0.0)
