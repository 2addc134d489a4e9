"""`Dream`: one episode of generated video that remembers.

SlowFast-VGen, generation chunk by chunk: each chunk is conditioned on the clean latents of the
frames before it and on one action; latents are chained without decoding and encoding again; after
each chunk the memory, if there is one, learns the window past ⊕ new.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import save_file
from torch import Tensor

from twospeed.core.arguments import (
    FramesLike,
    as_frames,
    as_text,
    check_kind,
    check_size,
)
from twospeed.core.errors import DataError, ShapeError, TwospeedError
from twospeed.core.fields import checked, shown
from twospeed.core.files import StrPath, as_path, read_json, write_json
from twospeed.core.folders import FolderKind, folder_aside, recover
from twospeed.core.ranges import Seed, Within
from twospeed.core.tensors import read_tensors
from twospeed.core.untrusted import typed
from twospeed.core.video import first_frame_of
from twospeed.memory.fast_weights import FastWeights
from twospeed.memory.files import MEMORY, load_memory, save_memory
from twospeed.memory.memory_file import memory_of, open_memories
from twospeed.worldmodel.model import WorldModel
from twospeed.worldmodel.renamed import are_of_one_line

Frames = NDArray[np.uint8]
"""(T, H, W, 3), sRGB, 0 to 255."""


def _is_dream(folder: Path) -> bool:
    return {"model_hash", "num_chunks", "memory_seed"} <= read_json(folder / "dream.json").keys()


DREAM = FolderKind(
    name="a dream",
    files=("dream.json", "state.safetensors", *(f"memory/{file}" for file in MEMORY.files)),
    sign=_is_dream,
)
"""What `Dream.save` writes."""


@dataclass(frozen=True, kw_only=True, slots=True)
class _Saved:
    """What ``dream.json`` says."""

    model_hash: str
    num_chunks: Annotated[int, Within(0, 2**62)]
    seed: int
    memory_seed: int | None


class Dream:
    """One episode: step by an action, or observe what really happened.

    Its size does not grow with its length: it holds the latents of one chunk and the memory.

    Args:
        model: the slow weights.
        first_frame: uint8 (H, W, 3), a picture of Pillow, or the place of a picture or a video
            (its last frame); of another size than the model's the middle is resized.
        memory: fast weights of this episode (made for one), or None.
        seed: decides all noise, 0 or more; the same seed and actions give the same video.

    Raises:
        KindError: when something is of another type.
        ConfigError: when the seed is out of its range.
        ShapeError: when the frame is smaller than the model's.
        DataError: when the memory was made for several episodes.
    """

    def __init__(
        self,
        model: WorldModel,
        first_frame: "FramesLike | StrPath",
        *,
        memory: FastWeights | None = None,
        seed: int = 0,
    ) -> None:
        check_kind(model, WorldModel, "model")
        start = first_frame_of(first_frame, model.settings.size)
        if memory is not None:
            check_kind(memory, FastWeights, "memory")
            if len(memory.seeds) != 1:
                raise DataError(f"a dream takes a memory of one episode, got {len(memory.seeds)}")
        self.model = model
        self.memory = memory
        self.seed: int = checked(seed, Seed, "seed")
        self.num_chunks = 0
        self.past: Tensor = model.encode(start[None, None]).to(model.device)
        self._stream = model.stream()
        self._stream.skip(self.past, start[None, None])

    def step(self, action: str) -> Frames:
        """Generate the next chunk, learn it, and return its frames (chunk_frames, H, W, 3).

        Raises:
            KindError: when the action is no text.
        """
        as_text(action)
        new = self.model.generate(
            self.past,
            [action],
            [(self.seed, "chunk", self.num_chunks)],
            fast_weights=self.memory,
        )
        frames: Frames = self._stream.next(new)[0]
        self._go_on(new, action, generated=True)
        return frames

    def observe(self, frames: FramesLike, action: str) -> None:
        """Take a chunk of REAL frames (chunk_frames, H, W, 3): it is learned, nothing generated.

        Raises:
            KindError: when they are no frames, or the action is no text.
            ShapeError: when it is not one chunk of frames of the model's size.
        """
        as_text(action)
        chunk = as_frames(frames, "THWC")
        if len(chunk) != self.model.settings.chunk_frames:
            raise ShapeError(
                f"a chunk has {self.model.settings.chunk_frames} frames, got {len(chunk)}"
            )
        check_size(chunk.shape[1:3], self.model.settings.size)
        new = self._stream.encode(chunk[None]).to(self.model.device)
        self._stream.skip(new, chunk[None])
        self._go_on(new, action, generated=False)

    def save(self, path: StrPath) -> None:
        """Write the whole state as a folder; `load` goes on from it bit for bit.

        Raises:
            DataError: when anything but a dream stands at `path`, or the disk is full.
        """
        with folder_aside(as_path(path), DREAM) as aside:
            if self.memory:
                save_memory(memory_of(self.memory), aside / "memory")
            tensors = {"past": self.past, **self._stream.state()}
            tensors = {name: it.contiguous() for name, it in tensors.items()}
            save_file(tensors, aside / "state.safetensors")
            state = {
                "model_hash": self.model.hash(),
                "num_chunks": self.num_chunks,
                "seed": self.seed,
                "memory_seed": self.memory.seeds[0] if self.memory else None,
            }
            write_json(aside / "dream.json", state)

    @classmethod
    def load(cls, path: StrPath, model: WorldModel) -> "Dream":
        """Open a saved dream on its model.

        Raises:
            DataError: when the folder is no dream, is damaged, or belongs to another model.
        """
        path = as_path(path)
        check_kind(model, WorldModel, "model")
        recover(path, DREAM)
        saved = typed(_Saved, read_json(path / "dream.json"), str(path / "dream.json"))
        if not are_of_one_line(saved.model_hash, model.hash()):
            raise DataError(
                f"this dream belongs to slow weights {shown(saved.model_hash)}, the model has"
                f" {model.hash()}"
            )
        dream = cls.__new__(cls)
        dream.model, dream.seed, dream.num_chunks = model, saved.seed, saved.num_chunks
        try:
            tensors = read_tensors(path / "state.safetensors")
            dream.past = _past_of(tensors, model)
            dream._stream = model.stream()
            kept = [name for name in tensors if name.startswith("stream.")]
            dream._stream.load_state_({name: tensors.pop(name) for name in kept})
            dream.memory = None
            if saved.memory_seed is not None:
                file = load_memory(path / "memory")
                dream.memory = open_memories(model, [file], seeds=(saved.memory_seed,))
                if tensors:  # where earlier versions kept the writer's state
                    dream.memory.load_state_(tensors)
        except TwospeedError as error:
            raise DataError(f"the dream in {path} is damaged: {error}") from error
        return dream

    def fork(self, path: StrPath | None = None) -> "Dream":  # noqa: ARG002
        """Branch off: both go their own ways, as if each had been loaded from a saved copy.

        Args:
            path: takes no part: nothing is written, and what stands there stays.
        """
        branch = type(self).__new__(type(self))
        branch.model, branch.seed, branch.num_chunks = self.model, self.seed, self.num_chunks
        branch.past = self.past.clone()
        branch._stream = self.model.stream()
        branch._stream.load_state_(self._stream.state())
        branch.memory = None
        if self.memory:
            file = memory_of(self.memory)
            branch.memory = open_memories(self.model, [file], seeds=self.memory.seeds)
        return branch

    def _go_on(self, new_BCTHW: Tensor, action: str, *, generated: bool) -> None:
        if self.memory:
            window = torch.cat([self.past, new_BCTHW], dim=2)
            self.memory.observe(
                window, [action], past_frames=self.past.shape[2], generated=generated
            )
        self.past = self.model.past_after(self.past, new_BCTHW)
        self.num_chunks += 1


def _past_of(tensors: dict[str, Tensor], model: WorldModel) -> Tensor:
    """Take the latents of the past frames out of the state, (1, C, T, h, w)."""
    past, most = tensors.pop("past", None), model.past_latents
    black = model.encode(np.zeros((1, 1, *model.settings.size, 3), np.uint8))
    shape = (*black.shape[:2], most, *black.shape[3:])
    if past is None or past.ndim != 5 or not 1 <= past.shape[2] <= most:
        got = None if past is None else tuple(past.shape)
        raise DataError(f"its past frames should be {shape}, got {got}")
    if past[:, :, :1].shape != black.shape:
        raise DataError(f"its past frames should be {shape}, got {tuple(past.shape)}")
    if past.dtype != black.dtype or not past.isfinite().all():
        raise DataError(f"its past frames should be finite {black.dtype}")
    return past.to(model.device)
