"""`WorldModel`: the slow weights and what belongs to them, as a folder in the diffusers layout.

model_index.json   what the model is: chunk length, frame size, sampling steps, world
denoiser/          any denoiser of denoiser.py (a diffusers pipeline's unet/ is read too)
vae/               any autoencoder of codec.py
renderer/          draws views anew from seen ones (rendering/); may be missing
text_encoder/ tokenizer/ scheduler/
vocabulary.json    the actions it was trained on (vocabulary.py); may be missing
"""

import copy
import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from twospeed.core.arguments import FramesLike, as_frames, check_kind, check_size
from twospeed.core.config import to_json
from twospeed.core.errors import DataError
from twospeed.core.fields import shown
from twospeed.core.files import StrPath, as_path, read_json, write_json
from twospeed.core.folders import folder_aside
from twospeed.core.random import generator_of
from twospeed.core.untrusted import typed
from twospeed.worldmodel.catalogue import CLASS_NAME, INDEX, MODEL, find_model
from twospeed.worldmodel.clips import Seeds, check_clips, check_latents
from twospeed.worldmodel.codec import cell_side, decode_latents, encode_frames, load_autoencoder
from twospeed.worldmodel.contract import Denoiser, as_module
from twospeed.worldmodel.denoiser import load_denoiser
from twospeed.worldmodel.diffusion import NoiseSchedule
from twospeed.worldmodel.guidance import Guidance
from twospeed.worldmodel.reading import FastReader, Reading
from twospeed.worldmodel.renamed import first_name
from twospeed.worldmodel.rendering.loading import load_renderer
from twospeed.worldmodel.rendering.renderer import ViewRenderer
from twospeed.worldmodel.sampler import Predict, sample_ddim, spaced_levels
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
    """

    def __init__(
        self,
        denoiser: Denoiser,
        autoencoder: Any,
        text_encoder: TextEncoder,
        schedule: NoiseSchedule,
        settings: ModelSettings,
        vocabulary: Vocabulary | None = None,
        renderer: ViewRenderer | None = None,
    ) -> None:
        self.denoiser = denoiser.eval()
        self.autoencoder = autoencoder.eval()
        self.text_encoder = text_encoder
        self.schedule = schedule
        self.settings = settings
        self.vocabulary = vocabulary
        self.renderer = renderer

    @classmethod
    def from_pretrained(cls, name_or_path: StrPath) -> "WorldModel":
        """Load a packaged model by name, or a folder.

        Raises:
            KindError: when it is neither a text nor a path.
            UnknownNameError: when it is neither.
            DataError: when the folder is no model or one of its files is damaged.
        """
        folder = find_model(as_path(name_or_path, "name_or_path"))
        index = read_json(folder / INDEX)
        if index.get("_class_name") != CLASS_NAME:
            raise DataError(
                f"{folder / INDEX} says {shown(index.get('_class_name'))}, not {CLASS_NAME!r}"
            )
        return cls(
            load_denoiser(folder),
            load_autoencoder(folder).float(),
            TextEncoder.from_pretrained(folder),
            NoiseSchedule.from_pretrained(folder),
            typed(ModelSettings, index.get("settings", {}), str(folder / INDEX)),
            Vocabulary.load(folder),
            load_renderer(folder),
        )

    def save_pretrained(self, path: StrPath, *, half: bool = False, card: str = "") -> None:
        """Write the folder.

        Args:
            path: the folder; a model that was there is replaced.
            half: store weights as float16; the model in memory stays as it is.
            card: text of ``README.md``; none is written when it is empty.

        Raises:
            DataError: when anything but a model stands there, or the disk is full.
        """
        dtype = torch.float16 if half else torch.float32
        with folder_aside(as_path(path), MODEL) as aside:
            for name, part in self._networks():
                stored: Any = nn.Module.to(copy.deepcopy(part), device="cpu", dtype=dtype)
                stored.save_pretrained(aside / name)
                _forget_origin_(aside / name / "config.json")
            self.text_encoder.save_pretrained(aside)
            self.schedule.save_pretrained(aside)
            if self.vocabulary:
                self.vocabulary.save(aside)
            if card:
                (aside / "README.md").write_text(card, encoding="utf-8")
            settings = to_json(self.settings)
            write_json(aside / INDEX, {"_class_name": CLASS_NAME, "settings": settings})

    @property
    def device(self) -> torch.device:
        """Where the denoiser lives."""
        device: torch.device = next(self.denoiser.parameters()).device
        return device

    def to(self, device: torch.device | str) -> "WorldModel":
        """Move all parts, in place, and return the model."""
        for part in (*dict(self._networks()).values(), self.text_encoder.model):
            part.to(device)
        return self

    def _networks(self) -> list[tuple[str, Any]]:
        """Return all networks that are stored as diffusers does, by their folders."""
        named = (
            ("denoiser", as_module(self.denoiser)),
            ("vae", self.autoencoder),
            ("renderer", self.renderer),
        )
        return [(name, part) for name, part in named if part is not None]

    def hash(self) -> str:
        """Return a hash of the denoiser's weights: a memory belongs to one set of slow weights."""
        digest = hashlib.sha256()
        state = self.denoiser.state_dict()
        for name, tensor in sorted((first_name(name), it) for name, it in state.items()):
            digest.update(name.encode())
            digest.update(tensor.detach().half().cpu().numpy().tobytes())
        return digest.hexdigest()[:16]

    def encode(self, frames_BTHWC: FramesLike) -> Tensor:
        """Encode uint8 frames (B, T, H, W, 3) to latents (B, C, T, h, w).

        Raises:
            KindError: when they are no frames (`as_frames`).
            ShapeError: when they are not of this model's size.
        """
        frames = as_frames(frames_BTHWC, "BTHWC")
        check_size(frames.shape[2:4], self.settings.frame_size)
        return encode_frames(self.autoencoder, frames)

    def decode(self, latents_BCTHW: Tensor) -> NDArray[np.uint8]:
        """Decode latents (B, C, T, h, w) to uint8 frames (B, T, H, W, 3).

        Raises:
            KindError: when they are no tensor of floating-point numbers.
            ShapeError: when they are not of this model's size.
        """
        self.check_latents(latents_BCTHW, "latents")
        return decode_latents(self.autoencoder, latents_BCTHW)

    def check_latents(self, latents_BCTHW: Tensor, name: str) -> dict[str, int]:
        """Return the sizes of latents by their axes, or refuse what is none of this model's.

        Raises:
            KindError: when they are no tensor of floating-point numbers.
            ShapeError: when they are of another size.
        """
        channels = int(self.autoencoder.config.latent_channels)
        cells = self.settings.frame_size // cell_side(self.autoencoder)
        return check_latents(latents_BCTHW, channels, cells, name)

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
            Latents (B, C, chunk_frames, h, w).

        Raises:
            KindError: when something is of another type, such as an action that is no text.
            ShapeError: when there is not one action and one seed a clip, or latents are of another
                model's size.
        """
        sizes = self.check_latents(past_BCTHW, "past")
        actions, parts_of = check_clips(actions, seeds, sizes["B"])
        shape = (sizes["C"], self.settings.chunk_frames, sizes["H"], sizes["W"])
        drawn = (torch.randn(shape, generator=generator_of(*parts)) for parts in parts_of)
        noise = torch.stack(list(drawn))
        return sample_ddim(
            self._predict(past_BCTHW, actions, fast_weights),
            noise.to(past_BCTHW),
            past_BCTHW=past_BCTHW,
            schedule=self.schedule,
            levels=spaced_levels(self.schedule.num_steps, self.settings.sampling_steps),
            past_level=self.settings.past_level,
        )

    @torch.no_grad()
    def _predict(
        self, past_BCTHW: Tensor, actions: Sequence[str], fast_weights: FastReader | None
    ) -> Predict:
        """Return what the sampler asks at every step."""
        text = self.text_encoder.encode([*actions, ""]).to(self.device)
        slow = Reading.of(self.denoiser, past_BCTHW, text[:-1])
        if fast_weights is not None:
            check_kind(fast_weights, FastReader, "fast_weights")
        fast = fast_weights.read(slow) if fast_weights else None
        if not self.settings.guidance:
            return fast or slow
        return Guidance(
            slow,
            fast,
            text[-1:].expand(len(actions), -1, -1),
            scale=self.settings.guidance,
            guided_from=self.settings.guided_from,
        )


def _forget_origin_(config: Path) -> None:
    """Drop the path that a part was once read from: a model folder tells nothing of its maker."""
    values = read_json(config)
    values.pop("_name_or_path", None)
    write_json(config, values)
