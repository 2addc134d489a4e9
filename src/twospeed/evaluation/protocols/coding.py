"""Frames of one episode to latents and back, also where an autoencoder packs time.

There a latent in the middle of an episode means something only beside those before it: what comes
before is encoded, and decoded again, with it. Axes: C channels, T frames or latents, H and W.
"""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from twospeed.core.video import Frames
from twospeed.evaluation.protocols.walks import Walk
from twospeed.worldmodel.clips import Seeds
from twospeed.worldmodel.model import WorldModel


def encode(model: WorldModel, frames: Frames) -> Tensor:
    """Encode one episode's frames, its first before all, to latents (C, T, H, W)."""
    return model.encode(frames[None]).to(model.device)[0]


def decode(model: WorldModel, latents_CTHW: Tensor) -> Frames:
    """Decode one episode's latents, its first before all, to frames."""
    frames: Frames = model.decode(latents_CTHW[None])[0]
    return frames


def encode_before(model: WorldModel, frames: Frames, end: int, *, first: int = 0) -> Tensor:
    """Encode what is seen before a frame in the middle of an episode, (C, T, H, W).

    Where every frame is a latent, that is the last chunk, or what the model looks at where that is
    more; else as much as fills latents.

    Args:
        model: whose autoencoder it is.
        frames: of the episode.
        end: number of the first frame that is not seen.
        first: number of the first one that may be looked at.
    """
    packed, looked_at = model.rules.frames, max(model.settings.chunk_frames, model.past_latents)
    begin = max(first, end - looked_at) if packed == 1 else (end - 1) % packed
    return encode(model, frames[begin:end])


def before_return(model: WorldModel, walk: Walk) -> Tensor:
    """Encode what is seen before a way back; see `encode_before`."""
    route = walk.route
    return encode_before(model, walk.frames, route.first_generated, first=route.unbroken_from)


def past_of(model: WorldModel, latents_CTHW: Tensor) -> Tensor:
    """Return those of the latents, up to now, that the model looks at."""
    return latents_CTHW[:, -model.past_latents :]


def generate_after(
    model: WorldModel,
    pasts: Sequence[Tensor],
    actions: Sequence[str],
    seeds: Seeds,
) -> list[Tensor]:
    """Generate a chunk after each past (C, P, H, W): all pasts of one length in one call."""
    made: dict[int, Tensor] = {}
    for length in sorted({past.shape[1] for past in pasts}):
        places = [place for place, past in enumerate(pasts) if past.shape[1] == length]
        new = model.generate(
            torch.stack([pasts[place] for place in places]),
            [actions[place] for place in places],
            [seeds[place] for place in places],
        )
        made |= zip(places, new, strict=True)
    return [made[place] for place in range(len(pasts))]


def last_chunk(model: WorldModel, latents_CTHW: Tensor) -> Tensor:
    """Return the latents of the last chunk of some."""
    return latents_CTHW[:, -model.latents_in(model.settings.chunk_frames) :]


def decode_after(model: WorldModel, before_CTHW: Tensor, latents_CTHW: Tensor) -> Frames:
    """Decode latents in the middle of an episode.

    Args:
        model: whose autoencoder it is.
        before_CTHW: latents that come before, an episode's first before all.
        latents_CTHW: what is wanted.
    """
    packed = model.rules.frames
    if packed == 1:
        return decode(model, latents_CTHW)
    frames = decode(model, torch.cat([before_CTHW, latents_CTHW], dim=1))
    return frames[len(frames) - packed * latents_CTHW.shape[1] :]


def coded(model: WorldModel, frames: Frames, places: NDArray[np.int64]) -> Frames:
    """Return some frames of an episode as its autoencoder shows them.

    Args:
        model: whose autoencoder it is.
        frames: of the episode, up to the last one that is wanted or beyond.
        places: numbers of the wanted ones; the first few where time is packed may not be asked for.
    """
    packed = model.rules.frames
    if packed == 1:
        return decode(model, encode(model, frames[places]))
    first = (len(frames) - 1) % packed
    return decode(model, encode(model, frames[first:]))[places - first]


def coded_clip(model: WorldModel, frames: Frames) -> Frames:
    """Return all frames of a clip as an autoencoder shows them; its last one fills a last latent.

    Raises:
        ShapeError: when they are not of the model's size.
    """
    rest = -(len(frames) - 1) % model.rules.frames
    filled = np.concatenate([frames, np.repeat(frames[-1:], rest, axis=0)])
    return decode(model, encode(model, filled))[: len(frames)]
