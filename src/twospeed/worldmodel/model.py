"""`WorldModel`: the slow weights and what belongs to them, as a folder in the diffusers layout.

model_index.json   what the model is: chunk length, frame size, sampling steps, world
denoiser/          any denoiser of denoiser.py
vae/               any autoencoder of codec.py
memory_module/     a recall layer beside the denoiser (memory_module.py); may be missing
renderer/          draws views anew from seen ones (rendering/); may be missing
text_encoder/ tokenizer/ scheduler/
vocabulary.json    the actions it was trained on (vocabulary.py); may be missing

Weights of another maker keep the layout of their pipeline (backbones/), with our settings in
twospeed.json and memory_module/ beside its parts.
"""

from collections.abc import Sequence
from dataclasses import fields, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from twospeed.core.arguments import FramesLike, as_frames, check_kind, check_size
from twospeed.core.errors import ConfigError
from twospeed.core.files import StrPath, as_path
from twospeed.core.folders import folder_aside
from twospeed.core.random import generator_of
from twospeed.worldmodel.asking.guidance import Guidance
from twospeed.worldmodel.asking.questions import FastReader, Predicting, SlowReading
from twospeed.worldmodel.backbones.hub import fetch_model, is_hub_id
from twospeed.worldmodel.backbones.opening import Origin, Parts, open_parts
from twospeed.worldmodel.backbones.placement import placement_of
from twospeed.worldmodel.backbones.rules import Rules
from twospeed.worldmodel.backbones.schedule import Schedule, Steps
from twospeed.worldmodel.backbones.storing import fingerprint_of, networks_of, store_parts
from twospeed.worldmodel.catalogue import MODEL, find_model, no_model
from twospeed.worldmodel.clips import Seeds, check_clips, check_latents
from twospeed.worldmodel.codec import FrameStream, decode_latents, encode_frames, packing_of
from twospeed.worldmodel.contract import Denoiser, Recaller, as_module, recall_denoiser
from twospeed.worldmodel.loading import working
from twospeed.worldmodel.memory_module import MemoryModule
from twospeed.worldmodel.reading import Reading
from twospeed.worldmodel.renamed import weights_hash
from twospeed.worldmodel.rendering.renderer import ViewRenderer
from twospeed.worldmodel.sampler import DDIMSteps, Predict, SecondOrderSteps, sample
from twospeed.worldmodel.settings import ModelSettings
from twospeed.worldmodel.text import TextEncoder
from twospeed.worldmodel.vocabulary import Vocabulary


class WorldModel:
    """Slow weights: denoiser, autoencoder, text encoder, noise schedule.

    Args:
        denoiser: a `Denoiser`.
        autoencoder: see codec.py.
        text_encoder: action text -> tokens.
        schedule: noise levels.
        settings: the rest.
        vocabulary: the actions it was trained on; None where nobody knows.
        renderer: draws views anew from seen ones; None where it was not trained.
        origin: the family and the pipeline of another maker's weights; None for ours.
        memory_module: a recall layer beside the denoiser; None where it was not trained.
    """

    def __init__(
        self,
        denoiser: Denoiser,
        autoencoder: Any,
        text_encoder: TextEncoder,
        schedule: Schedule,
        settings: ModelSettings,
        vocabulary: Vocabulary | None = None,
        renderer: ViewRenderer | None = None,
        origin: Origin | None = None,
        memory_module: MemoryModule | None = None,
    ) -> None:
        self.denoiser = denoiser.eval()
        self.autoencoder = autoencoder.eval()
        self.text_encoder = text_encoder
        self.schedule = schedule
        self.settings = settings
        self.vocabulary = vocabulary
        self.renderer = renderer
        self.origin = origin
        self.memory_module = memory_module
        self._hashed: tuple[Any, str] | None = None

    @classmethod
    def from_pretrained(
        cls,
        name_or_path: StrPath,
        *,
        revision: str | None = None,
        variant: str | None = None,
        torch_dtype: str | torch.dtype | None = None,
        device: str | torch.device | None = None,
        offload: bool = False,
    ) -> "WorldModel":
        """Load a packaged model by name, a folder of ours or of a diffusers pipeline, or a hub id.

        Only safetensors are read, and no code that comes with a model is run.

        Args:
            name_or_path: such as "rooms-64", a path, or "Wan-AI/Wan2.1-T2V-1.3B-Diffusers".
            revision: branch, tag or commit of a hub id.
            variant: of the files with the weights, such as "fp16".
            torch_dtype: precision of denoiser and text encoder: float32 (None), bfloat16, float16.
            device: where it is computed; None is the CPU.
            offload: keep autoencoder and encoders on the CPU while they have nothing to do.

        Raises:
            KindError: when it is neither a text nor a path.
            UnknownNameError: when it is none of these, or a part of it is of no known class.
            DataError: when the folder is no model, one of its files is damaged, or the hub does
                not give it.
            ConfigError: when the device is not there or lacks the precision.
        """
        place = placement_of(device, torch_dtype)
        name = as_path(name_or_path, "name_or_path")
        folder = find_model(name)
        if folder is None and is_hub_id(str(name_or_path)):
            folder = fetch_model(str(name_or_path), revision=revision, variant=variant)
        if folder is None:
            raise no_model(name)
        parts = open_parts(folder, dtype=place.dtype, variant=variant)
        named = {field.name: getattr(parts, field.name) for field in fields(Parts)}
        return cls(**named).to(place.device, offload=offload)

    def save_pretrained(self, path: StrPath, *, half: bool = False, card: str = "") -> None:
        """Write the folder: ours, or for weights of another maker the pipeline that they came as.

        Args:
            path: the folder; a model that was there is replaced.
            half: store weights of ours as float16; the model in memory stays as it is.
            card: text of ``README.md``; none is written when it is empty.

        Raises:
            DataError: when anything but a model stands there, or the disk is full.
        """
        with folder_aside(as_path(path), MODEL) as aside:
            store_parts(self._parts(), aside, half=half, card=card)

    @property
    def device(self) -> torch.device:
        """Where the denoiser lives."""
        device: torch.device = next(self.denoiser.parameters()).device
        return device

    def to(self, device: torch.device | str, *, offload: bool = False) -> "WorldModel":
        """Move all parts, in place, and return the model.

        Args:
            device: where the denoiser goes.
            offload: leave autoencoder and encoders on the CPU; they come while they work.
        """
        for name, part in networks_of(self._parts()):
            part.to("cpu" if offload and name in ("vae", "image_encoder") else device)
        self.text_encoder.model.to("cpu" if offload else device)
        self.text_encoder.works_on = torch.device(device) if offload else None
        return self

    def configure(self, **changes: Any) -> "WorldModel":
        """Change settings (`ModelSettings`), in place, and return the model.

        Raises:
            ConfigError: when the model cannot take them, naming what it takes.
        """
        settings = replace(self.settings, **changes)
        self.rules.check(settings)
        self.settings = settings
        return self

    @property
    def rules(self) -> Rules:
        """What frames, chunks and windows must be."""
        packing, bound = packing_of(self.autoencoder), getattr(self.denoiser, "config", {})
        if self.origin is None:
            most, own = bound.get("max_frames"), self.settings.size
            return Rules(side=packing.side, frames=packing.frames, window=most, size=own)
        family, denoiser = self.origin.family, as_module(self.denoiser)
        window = 1 + (family.window - 1) // packing.frames
        return Rules(
            side=packing.side * family.patch(denoiser),
            frames=packing.frames,
            window=min(window, bound.get("rope_max_seq_len", window)),
        )

    def latents_in(self, num_frames: int) -> int:
        """Return the latents of so many frames in the middle of an episode."""
        return num_frames // packing_of(self.autoencoder).frames

    @property
    def past_latents(self) -> int:
        """Most latents that a chunk is conditioned on."""
        return self.latents_in(self.settings.past_frames or self.settings.chunk_frames)

    def past_after(self, past_BCTHW: Tensor, new_BCTHW: Tensor) -> Tensor:
        """Return what the chunk after the new one is conditioned on, (B, C, P, h, w)."""
        return torch.cat([past_BCTHW, new_BCTHW], dim=2)[:, :, -self.past_latents :]

    def stream(self) -> FrameStream:
        """Return what decodes the latents of an episode chunk by chunk."""
        return FrameStream(self.autoencoder, self.device)

    @property
    def recaller(self) -> Recaller | None:
        """What has a recall layer: the memory module, or else the denoiser itself, or nothing."""
        return self.memory_module or recall_denoiser(self.denoiser)

    def _parts(self) -> Parts:
        return Parts(**{field.name: getattr(self, field.name) for field in fields(Parts)})

    def hash(self) -> str:
        """Return a hash of the denoiser's weights: a memory belongs to one set of slow weights."""
        state = self.denoiser.state_dict()
        weights = self.denoiser, [(it.data_ptr(), it._version) for it in state.values()]
        if self.origin is not None and self._hashed is not None and self._hashed[0] == weights:
            return self._hashed[1]  # of billions of weights it takes seconds
        self._hashed = weights, weights_hash(state)
        return self._hashed[1]

    def fingerprint(self) -> str:
        """Return a hash of all weights: what is generated and shown depends on every part."""
        return fingerprint_of(self._parts())

    def encode(self, frames_BTHWC: FramesLike) -> Tensor:
        """Encode uint8 frames (B, T, H, W, 3), an episode's first before all, to latents.

        Returns:
            Latents (B, C, T', h, w): a frame each, or of T = 1 + r k frames 1 + k where the
            autoencoder packs r frames.

        Raises:
            KindError: when they are no frames (`as_frames`).
            ShapeError: when they are not of this model's size, or not so many.
        """
        frames = as_frames(frames_BTHWC, "BTHWC")
        check_size(frames.shape[2:4], self.settings.size)
        with working(self.autoencoder, self.device):
            return encode_frames(self.autoencoder, frames)

    def decode(self, latents_BCTHW: Tensor) -> NDArray[np.uint8]:
        """Decode latents (B, C, T', h, w), an episode's first before all, to uint8 frames.

        `stream` decodes those in the middle of an episode.

        Raises:
            KindError: when they are no tensor of floating-point numbers.
            ShapeError: when they are not of this model's size.
        """
        self.check_latents(latents_BCTHW, "latents")
        with working(self.autoencoder, self.device):
            return decode_latents(self.autoencoder, latents_BCTHW)

    def check_latents(self, latents_BCTHW: Tensor, name: str) -> dict[str, int]:
        """Return the sizes of latents by their axes, or refuse what is none of this model's.

        Raises:
            KindError: when they are no tensor of floating-point numbers.
            ShapeError: when they are of another size.
        """
        packing = packing_of(self.autoencoder)
        height, width = self.settings.size
        cells = height // packing.side, width // packing.side
        return check_latents(latents_BCTHW, packing.channels, cells, name)

    def generate(
        self,
        past_BCTHW: Tensor,
        actions: Sequence[str],
        seeds: Seeds,
        *,
        fast_weights: FastReader | None = None,
    ) -> Tensor:
        """Generate the next chunk of every clip.

        Args:
            past_BCTHW: clean latents of the past frames.
            actions: one text a clip.
            seeds: one seed (any parts) a clip; a clip does not depend on its companions.
            fast_weights: what is remembered of each clip; None asks the slow weights alone.

        Returns:
            Latents of a chunk (B, C, T, h, w).

        Raises:
            KindError: when something is of another type, such as an action that is no text.
            ShapeError: when there is not one action and one seed a clip, latents are of another
                model's size, or past and new ones are more than its window.
        """
        sizes = self.check_latents(past_BCTHW, "past")
        actions, parts_of = check_clips(actions, seeds, sizes["B"])
        new = self.latents_in(self.settings.chunk_frames)
        self.rules.check_window(sizes["T"], new)
        shape = (sizes["C"], new, sizes["H"], sizes["W"])
        drawn = (torch.randn(shape, generator=generator_of(*parts)) for parts in parts_of)
        noise = torch.stack(list(drawn))
        window = (sizes["C"], sizes["T"] + new, sizes["H"], sizes["W"])
        return sample(
            self._predict(past_BCTHW, actions, fast_weights),
            noise.to(past_BCTHW),
            past_BCTHW=past_BCTHW,
            steps=self.steps(window),
            past_level=self.settings.past_level,
        )

    def steps(self, window: tuple[int, ...], count: int | None = None) -> Steps:
        """Return the way from noise to a chunk, of the order and the shift of the settings.

        Args:
            window: (C, T, H, W) of past and new latents.
            count: of steps; None is that of the settings.

        Raises:
            ConfigError: when the schedule has no such way.
        """
        steps = self.schedule.steps(count or self.settings.sampling_steps, window)
        order, shift = self.settings.sampling_order, self.settings.sampling_shift
        if order == shift == 1:
            return steps
        if not isinstance(steps, DDIMSteps):
            raise ConfigError(
                "sampling_order and sampling_shift are 1 for weights of flows, which have a shift"
                f" of their own, got {order} and {shift:g}"
            )
        steps = steps.shifted(shift)
        return steps if order == 1 else SecondOrderSteps(steps)

    @torch.no_grad()
    def _predict(
        self, past_BCTHW: Tensor, actions: Sequence[str], fast_weights: FastReader | None
    ) -> Predict:
        """Return what the sampler asks at every step."""
        text = self.text_encoder.encode([*actions, ""]).to(self.device)
        slow = Reading.of(self.denoiser, past_BCTHW, text[:-1], recaller=self.recaller)
        if fast_weights is not None:
            check_kind(fast_weights, FastReader, "fast_weights")
        reading = fast_weights.read(slow) if fast_weights else SlowReading(slow)
        if not self.settings.guidance:
            return Predicting(reading)
        return Guidance(
            reading,
            text[-1:].expand(len(actions), -1, -1),
            scale=self.settings.guidance,
            guided_from=self.settings.guided_from,
        )
