"""What a recall layer gives of a chunk, at once: no noise, no denoising. Nothing without one.

Axes: B clips, C channels, T frames, H and W latent cells.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from twospeed.memory.fast_weights import FastWeights
from twospeed.worldmodel.model import WorldModel
from twospeed.worldmodel.reading import Reading


@torch.no_grad()
def glance(
    model: WorldModel, memory: FastWeights | None, past_BCTHW: Tensor, commands: Sequence[str]
) -> Tensor | None:
    """Return what the recall layer gives of each command's chunk, (B, C, T, H, W), or None.

    Args:
        model: the slow weights.
        memory: fast weights of one episode; None reads the slow weights alone.
        past_BCTHW: clean latents.
        commands: one each.
    """
    recaller = model.recaller
    if recaller is None:
        return None
    text = model.text_encoder.encode(commands).to(model.device)
    reading = Reading.of(model.denoiser, past_BCTHW, text, recaller=recaller)
    if memory is not None:
        with memory.adapters.attached():
            reading = reading.read_again()
    if reading.recalled_BO is None:
        return None
    chunk_BTCHW = reading.recalled_BO[:, :-1].unflatten(1, recaller.recall.shape)
    chunks: Tensor = chunk_BTCHW.transpose(1, 2)
    return chunks
